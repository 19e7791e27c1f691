# SPDX-License-Identifier: Apache-2.0
"""What a log tells another terminal of its sets: records with their proofs, and verifying all of it.

Rules (spec: docs/spec/10-enrolment.md):

1. A statement is signed by the terminal key in a namespace of its own; its checkpoint by the same key.
2. Each record that it carries is proven to be in the log that it names. Of the statement's own log, in the very tree
   of its checkpoint.
3. A policy that weakens carries the signature of the quorum that agreed, by an epoch of the set's lineage.

Whether a statement fits what is known here is for ``custody/life/enrol_rules.py``.
"""

from collections.abc import Iterable

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.keys import epoch_id_of
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.crypto.proof import LogProof
from breakglass_shamir.custody.life import enrol_rules
from breakglass_shamir.custody.life.statement import NAMESPACE, Carried, CarriedPolicy, Earlier, Statement, from_text
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import InvalidProof, InvalidRecord, InvalidSignature
from breakglass_shamir.ledger.entry import log_id, origin
from breakglass_shamir.ledger.store import Ledger


def carry(ledger: Ledger, index: int, size: int) -> Carried:
    """Return a record with the proof that it is in the first ``size`` of this log."""
    path = merkle.inclusion_proof(index, size, ledger.node)
    proof = LogProof(index, tuple(path), ledger.row(size - 1)[4])
    return Carried(record=ledger.row(index)[1], proof=proof.to_text(), terminal_key=key_line(ledger.public_key))


def earlier(ledger: Ledger, sizes: Iterable[int], size: int) -> tuple[Earlier, ...]:
    """Prove of earlier sizes of this log that it only grew since."""
    wanted = sorted({one for one in sizes if 0 < one < size})
    return tuple(
        Earlier(size=one, hashes=tuple(value.hex() for value in merkle.consistency_proof(one, size, ledger.node)))
        for one in wanted
    )


def key_line(public: bytes) -> str:
    """Return a raw 32-byte key as statements write it: one line without comment."""
    return sshsig.public_line(public, "")


def verify(text: str, signature: str) -> Statement:
    """Verify everything in a statement that can be verified without knowing anything else; returns it.

    Args:
        text: its exact text.
        signature: armored SSHSIG over it.

    Raises:
        InvalidSignature, InvalidProof, InvalidRecord, UnsupportedVersion: what does not hold.
    """
    said = from_text(text)
    sshsig.verify(signature, text.encode(), NAMESPACE, said.key)
    name = origin(said.key)
    head = Checkpoint.from_text(open_note(said.checkpoint, name, said.key))
    if head != Checkpoint(name, said.size, bytes.fromhex(said.root)):
        raise InvalidProof("the statement and its checkpoint do not say the same tree")
    for epoch in said.epochs:
        _verify_carried(epoch.brought_by, said)
        enrol_rules.epoch_in(said, epoch)
    if said.policy is not None:
        _verify_carried(said.policy.adopted_by, said)
        _verify_policy(said, said.policy)
    return said


def _verify_carried(carried: Carried, said: Statement) -> None:
    public = sshsig.public_of_line(carried.terminal_key)
    if key_line(public) != carried.terminal_key:
        raise InvalidRecord("expected the key of a carried record without a comment, in its one spelling")
    proof = LogProof.from_text(carried.proof)
    head = Checkpoint.from_text(open_note(proof.checkpoint, origin(public), public))
    if proof.extra or head.origin != origin(public):
        raise InvalidProof("the proof of a carried record is of another log, or says more than a proof")
    if public == said.key and (head.size, head.root.hex()) != (said.size, said.root):
        raise InvalidProof("a carried record of this log is proven in another tree than the statement's")
    merkle.verify_inclusion(proof.index, head.size, merkle.leaf_hash(carried.record), proof.hashes, head.root)
    record = records.from_bytes(carried.record)
    if (record.log, record.seq) != (log_id(public).hex(), proof.index):
        raise InvalidRecord("a carried record is of another log, or has another number, than its proof says")


def _verify_policy(said: Statement, carried: CarriedPolicy) -> None:
    offer = enrol_rules.offered(said)
    if offer is None or not offer.signer:
        return
    sshsig.verify(carried.signature, carried.adopted_by.record, sshsig.QUORUM_NAMESPACE, offer.signer)
    if epoch_id_of(offer.signer).hex() not in said.lineage:
        raise InvalidSignature("the policy was signed by the quorum of an epoch that is not one of the set's")
