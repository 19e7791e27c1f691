# SPDX-License-Identifier: Apache-2.0
"""Records with all that an auditor needs to verify each: who signed what, with which key, under which policy.

Rules:

1. It reads the log from its first record on, in one pass, and takes each key from the record that pins it.
2. What a record holds is *claimed* until :func:`verify` has verified it; that raises, and never says false.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from breakglass_shamir.crypto import merkle, ssh_key, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.life import enrol_rules, recovery, review_rules, settlement_rules, statement
from breakglass_shamir.custody.life.drill_rules import drill_envelope
from breakglass_shamir.custody.life.state import EpochState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.openings import Declared, OfficerSigned, Opened
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.sheets import Acknowledged, CustodianSigned
from breakglass_shamir.errors import InvalidInput, InvalidProof, InvalidRecord, InvalidSignature
from breakglass_shamir.formats import text
from breakglass_shamir.ledger import statements
from breakglass_shamir.ledger.entry import Entry, origin
from breakglass_shamir.ledger.stored import KnownLog

EVERYTHING = "all"
"""Stands for every record, where an id is asked for."""

SHORTEST_ID = 6
"""Hexadecimal digits of an opening id that a person must give."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9@._+/-]+")


@dataclass(frozen=True, slots=True)
class SecondSignature:
    """A signature on or in a record besides the terminal's."""

    principal: str
    """Who, as ``allowed_signers`` names it."""

    words: str
    """Who, for people."""

    key: SshKey
    namespace: str
    message: bytes
    signature: str
    ending: str
    """What the signature's file is called behind the record's name."""

    message_ending: str = ""
    """The same for the message, where it is neither this record nor another."""

    message_seq: int = -1
    """Number of the record that is the message; -1: none is."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One record and its signatures, none of them verified yet."""

    entry: Entry
    second: SecondSignature | None
    policy_seq: int
    """Number of the record with the policy in force; -1: there is none."""

    @property
    def seq(self) -> int:
        """The record's number."""
        return self.entry.record.seq

    @property
    def type(self) -> str:
        """The record's type, as it is written."""
        return str(self.entry.record.body.__struct_config__.tag)

    @property
    def opening(self) -> str:
        """The opening it belongs to, or begins; empty where there is none."""
        return self.entry.record.opening or (self.entry.digest if self.type == "declared" else "")


@dataclass(slots=True)
class _Context:
    """What earlier records say that a later one needs."""

    ledger: KnownLog
    policies: dict[str, int] = field(default_factory=dict)
    declared: dict[str, Entry] = field(default_factory=dict)
    acknowledged: dict[tuple[str, str], Entry] = field(default_factory=dict)
    """Epoch id and seat to the last acknowledgement."""

    opened: dict[str, str] = field(default_factory=dict)

    def take(self, entry: Entry) -> Exhibit:
        """Put a record together with what it refers to."""
        record = entry.record
        match record.body:
            case PolicyAdopted() | PolicyWeakened() | Enrolled(policy=enrol_rules.TAKEN):
                self.policies[record.set] = record.seq
            case Declared():
                self.declared[entry.digest] = entry
            case Acknowledged() as body:
                self.acknowledged[body.epoch_id, body.sheet] = entry
            case Opened() as body:
                self.opened[record.opening] = body.epoch_id
        return Exhibit(entry, self._second(entry), self.policies.get(record.set, -1))

    def _second(self, entry: Entry) -> SecondSignature | None:
        record, body = entry.record, entry.record.body
        match body:
            case OfficerSigned():
                declared = self.declared.get(record.opening)
                if declared is None:
                    raise InvalidRecord(f"record {record.seq} signs a declaration that is not here")
                key = ssh_key.from_line(body.key)
                return SecondSignature(
                    officer_principal(body.officer), f"officer {body.officer}", key, sshsig.OFFICER_NAMESPACE,
                    declared.data, body.signature, ".officer.sig", message_seq=declared.record.seq,
                )  # fmt: skip
            case CustodianSigned():
                said = self.acknowledged.get((body.epoch_id, body.sheet))
                if said is None or said.digest != body.acknowledged:
                    raise InvalidRecord(f"record {record.seq} signs another acknowledgement than the last one")
                return SecondSignature(
                    custodian_principal(body.custodian), f"custodian {body.custodian}", ssh_key.from_line(body.key),
                    sshsig.CUSTODIAN_NAMESPACE, said.data, body.signature, ".custodian.sig",
                    message_seq=said.record.seq,
                )  # fmt: skip
            case RecoveryImported():
                epoch = self._epoch(record.set, body.epoch_id)
                return SecondSignature(
                    quorum_principal(epoch.envelope.core.epoch_id), f"quorum of epoch {epoch.number}",
                    set_key(epoch.envelope.set_public_key), recovery.NAMESPACE, body.source.encode(), body.signature,
                    ".recovery.json.sig", message_ending=".recovery.json",
                )  # fmt: skip
            case Reviewed():
                return SecondSignature(
                    reviewer_principal(body.reviewer), f"reviewer {body.reviewer}", ssh_key.from_line(body.key),
                    sshsig.REVIEW_NAMESPACE, review_rules.statement_of(body, record), body.signature,
                    ".review.json.sig", message_ending=".review.json",
                )  # fmt: skip
            case DebtsSettled():
                return SecondSignature(
                    settler_principal(body.officer), f"{body.officer}, who may settle", ssh_key.from_line(body.key),
                    sshsig.SETTLEMENT_NAMESPACE, settlement_rules.statement_of(body, record), body.signature,
                    ".settlement.json.sig", message_ending=".settlement.json",
                )  # fmt: skip
            case Enrolled():
                told = statement.parse(body.statement)
                return SecondSignature(
                    terminal_principal(told.log), f"terminal {told.terminal}", set_key(told.key), statement.NAMESPACE,
                    body.statement.encode(), body.signature, ".statement.json.sig", message_ending=".statement.json",
                )  # fmt: skip
        if isinstance(body, records.DRILL_SIGNED):
            epoch = self._epoch(record.set, body.epoch_id)
            cards = drill_envelope(epoch, record.set)
            public, principal = cards.set_public_key, quorum_principal(cards.core.epoch_id, "drill")
            words, namespace = f"drill quorum of epoch {epoch.number}", sshsig.DRILL_NAMESPACE
        elif isinstance(body, records.QUORUM_SIGNED):
            epoch = self._epoch(record.set, self.opened.get(record.opening, ""))
            public, principal = epoch.envelope.set_public_key, quorum_principal(epoch.envelope.core.epoch_id)
            words, namespace = f"quorum of epoch {epoch.number}", sshsig.QUORUM_NAMESPACE
        else:
            return None
        return SecondSignature(
            principal, words, set_key(public), namespace, entry.data, entry.quorum_signature, ".quorum.sig",
            message_seq=record.seq,
        )  # fmt: skip

    def _epoch(self, name: str, epoch_id: str) -> EpochState:
        epoch = self.ledger.state.of(name).epochs.get(epoch_id)
        if epoch is None:
            raise InvalidRecord(f"a record of set {name} refers to an epoch that no record of this log pins")
        return epoch


def exhibits(ledger: KnownLog) -> Iterator[Exhibit]:
    """Yield every record with what it takes to verify it, oldest first."""
    context = _Context(ledger)
    for entry in ledger.entries():
        yield context.take(entry)


def chosen(ledger: KnownLog, identifier: str) -> Iterator[Exhibit]:
    """Yield the records that an id stands for.

    Args:
        ledger: where they are.
        identifier: a record's number, the beginning of an opening id, or ``all``.

    Raises:
        InvalidInput: nothing of that id, or openings of more than one.
    """
    wanted = identifier.strip().lower()
    openings, found = set(), False
    for exhibit in exhibits(ledger):
        if not _is_meant(exhibit, wanted):
            continue
        found = True
        if wanted != EVERYTHING and exhibit.opening:
            openings.add(exhibit.opening)
            if len(openings) > 1:
                raise InvalidInput(f"more than one opening begins with {wanted}", hint="give more digits of its id")
        yield exhibit
    if not found:
        raise InvalidInput(
            f"expected a record's number or at least {SHORTEST_ID} digits of an opening's id, got {identifier!r}",
            hint="see them with: breakglass audit list",
        )


def _is_meant(exhibit: Exhibit, wanted: str) -> bool:
    if wanted == EVERYTHING:
        return True
    if wanted.isdecimal() and len(wanted) < SHORTEST_ID:
        return exhibit.seq == int(wanted)
    return len(wanted) >= SHORTEST_ID and exhibit.opening.startswith(wanted)


def verify(ledger: KnownLog, exhibit: Exhibit) -> None:
    """Verify one record by itself: its bytes, its place in chain and tree, and every signature on and in it.

    Raises:
        InvalidRecord, InvalidSignature, InvalidProof: what does not hold, with the record's number.
    """
    try:
        _verify_signatures(ledger, exhibit)
        _verify_place(ledger, exhibit)
    except (InvalidRecord, InvalidSignature, InvalidProof) as error:
        raise type(error)(f"record {exhibit.seq}: {error}") from error


def _verify_signatures(ledger: KnownLog, exhibit: Exhibit) -> None:
    entry, second = exhibit.entry, exhibit.second
    sshsig.verify(entry.terminal_signature, entry.data, sshsig.RECORD_NAMESPACE, ledger.public_key)
    if second is not None:
        try:
            sshsig.verify_by(second.key, second.signature, second.message, second.namespace)
        except InvalidSignature as error:
            raise InvalidSignature(f"the signature of {second.words}: {error}") from error
    if isinstance(entry.record.body, Enrolled):
        statements.verify(entry.record.body.statement, entry.record.body.signature)
    if entry.quorum_signature and (second is None or second.signature != entry.quorum_signature):
        raise InvalidSignature("a quorum's signature on a record that needs none")


def _verify_place(ledger: KnownLog, exhibit: Exhibit) -> None:
    entry, seq, name = exhibit.entry, exhibit.seq, origin(ledger.public_key)
    record = records.from_bytes(entry.data)
    note = Checkpoint.from_text(open_note(entry.checkpoint, name, ledger.public_key))
    if note != Checkpoint(name, seq + 1, ledger.root_at(seq + 1)):
        raise InvalidProof("the checkpoint does not belong to the tree")
    if ledger.node(0, seq) != merkle.leaf_hash(entry.data) or record.root != ledger.root_at(seq).hex():
        raise InvalidProof("the record does not belong to the tree")
    with closing(ledger.entries(max(0, seq - 1))) as entries:
        before = next(entries)
    if before.record.seq == seq - 1 and record.previous != before.digest:
        raise InvalidRecord("the record does not follow the one in front")
    if not seq and record.previous:
        raise InvalidRecord("the first record follows nothing")


def set_key(public: bytes) -> SshKey:
    """Return a raw 32-byte set key in the form of a person's."""
    return ssh_key.from_line(sshsig.public_line(public, ""))


def terminal_key(ledger: KnownLog) -> SshKey:
    """Return the terminal's key in the same form."""
    return set_key(ledger.public_key)


def quorum_principal(epoch_id: bytes, word: str = "quorum") -> str:
    """Name a set key: the word and the epoch id as people see it, without hyphens."""
    return f"{word}-{text.short_id(epoch_id).replace('-', '')}"


def terminal_principal(log: str) -> str:
    """Name another terminal: the word and the id of its log, which is the hash of its key."""
    return f"terminal-{log}"


def officer_principal(name: str) -> str:
    """Name an officer as ``allowed_signers`` can: what it cannot hold becomes a hyphen."""
    return _principal("officer", name)


def custodian_principal(name: str) -> str:
    """Name a custodian in the same way."""
    return _principal("custodian", name)


def reviewer_principal(name: str) -> str:
    """Name a reviewer in the same way."""
    return _principal("reviewer", name)


def settler_principal(name: str) -> str:
    """Name somebody who may settle debts in the same way."""
    return _principal("settler", name)


def _principal(word: str, name: str) -> str:
    return f"{word}:" + (_NOT_IN_A_NAME.sub("-", name).strip("-") or "unnamed")
