# SPDX-License-Identifier: Apache-2.0
"""Proof that one epoch followed another, made of another terminal's records (spec: docs/spec/7-records.md, "Lineage").

Rules:

1. A proof holds two records of other logs, byte for byte. ``countersigned``, signed by the predecessor's set key,
   which this ledger pins: the quorum of the old epoch vouched for the new envelope. ``old-dead``, signed by a terminal
   that is pinned here: it saw the old credential refused and the new one accepted. Either half may be missing where
   this log has seen that half itself.
2. Nothing that a proof or a record says of itself counts: the level follows from the two records.
3. Anybody can print sheets that call themselves successors, and sign an ``old-dead`` with a key of their own. Neither
   is a proof, and a proof is not half believed.
4. An ``old-dead`` that people attested is worth as much as their word: the link is *attested*.
5. What is read is bounded, and has one spelling.

It reads no file and records nothing; what follows from a link is in ``lineage_rules.py``.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import rfc8785

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.link import ATTESTED, PROVEN, Link
from breakglass_shamir.custody.life.state import EpochState, PinnedTerminal, SetState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import Countersigned, OldDead
from breakglass_shamir.errors import (
    EnvelopeConflict,
    InvalidEnvelope,
    InvalidRecord,
    InvalidStructure,
    UnprovenSuccession,
    UnsupportedVersion,
)
from breakglass_shamir.formats.envelope import Envelope

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Largest file of proofs that is read."""

MAX_PROOFS = 1000
"""Most links in one file: a rotation a day for almost three years."""

LOG_ID_BYTES = 8
"""Length of a log id, as in ``ledger/entry.py``, which lies above."""

_FILE_TYPE = "successions"

_B = TypeVar("_B", bound=Body)

_EpochId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Document = Annotated[bytes, msgspec.Meta(max_length=records.MAX_RECORD_BYTES)]
_Text = Annotated[str, msgspec.Meta(max_length=4096)]


class SuccessionProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What travels between terminals; nothing in it is verified. Bytes are base64 where it is written down."""

    set: Annotated[str, msgspec.Meta(max_length=256)]
    predecessor: _EpochId
    successor: _EpochId
    envelope: _Document
    """Of the successor."""

    countersigned: _Document
    """A ``countersigned`` record; empty: the sender has none."""

    countersignature: _Text
    old_dead: _Document
    """An ``old-dead`` record; empty: the sender has none."""

    terminal_signature: _Text
    terminal_key: _Text
    """One line as OpenSSH writes it, without comment."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    type: str
    v: int
    proofs: Annotated[tuple[SuccessionProof, ...], msgspec.Meta(max_length=MAX_PROOFS)]


class Judged(msgspec.Struct, frozen=True):
    """A link that holds, and what it rests on."""

    link: Link
    envelope: Envelope
    """Of the successor."""


def to_bytes(proofs: Iterable[SuccessionProof]) -> bytes:
    """Write proofs as the file that :func:`from_bytes` reads."""
    tree = msgspec.to_builtins(_File(type=_FILE_TYPE, v=records.VERSION, proofs=tuple(proofs)))
    return rfc8785.dumps(tree)


def from_bytes(data: bytes) -> tuple[SuccessionProof, ...]:
    """Read a file of proofs, none of them verified.

    Raises:
        InvalidRecord: too long, not such a file, or not in its one spelling.
        UnsupportedVersion: of another version.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRecord(f"expected proofs in at most {MAX_FILE_BYTES} bytes, got {len(data)}")
    try:
        found = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRecord(f"not a file of successions: {error}") from None
    if found.type != _FILE_TYPE:
        raise InvalidRecord(f"expected a file of the type {_FILE_TYPE!r}, got {found.type[:24]!a}")
    if found.v != records.VERSION:
        raise UnsupportedVersion(f"expected proofs of version {records.VERSION}, got {found.v}")
    if to_bytes(found.proofs) != data:
        raise InvalidRecord("the file of successions is not in canonical form")
    return found.proofs


def judge(s: SetState, proof: SuccessionProof, terminals: Mapping[str, PinnedTerminal], log: str) -> Judged:
    """Hold a proof against what this ledger knows.

    Args:
        s: the set, which has the predecessor.
        proof: nothing in it is believed.
        terminals: those that are pinned here.
        log: id of this ledger's own log.

    Raises:
        UnprovenSuccession: the predecessor is not known here, or a half of the proof is missing or signed by nobody
            who counts.
        InvalidRecord, InvalidSignature: a part contradicts another or does not verify.
        EnvelopeConflict: this ledger holds another envelope of the successor.
    """
    old = s.epochs.get(proof.predecessor)
    if proof.set != s.name or old is None:
        raise UnprovenSuccession(
            f"this ledger does not know the epoch of {proof.set} that the other one is said to follow",
            hint="import the earlier links first, or open the set here once with the newest sheets",
        )
    envelope = _envelope(s, old, proof)
    known = s.epochs.get(proof.successor)
    _check_countersigned(old, envelope, known, proof)
    return Judged(_link(s, proof, terminals, log), envelope)


def without_own(s: SetState, proof: SuccessionProof, log: str) -> SuccessionProof:
    """Return a proof without the half that this very log gave away once and still holds; another one as it is.

    Raises:
        InvalidRecord: its old-dead record is malformed.
    """
    seen = any(not link.terminal and _joins(link, proof) for link in s.links)
    if not (seen and proof.old_dead and records.from_bytes(proof.old_dead).log == log):
        return proof
    return msgspec.structs.replace(proof, old_dead=b"", terminal_signature="", terminal_key="")


def joined(vouched: SuccessionProof, dead: SuccessionProof) -> SuccessionProof:
    """Put the halves of two proofs of one link together: who vouched for the successor, and who saw the old one die."""
    return msgspec.structs.replace(
        dead,
        envelope=vouched.envelope,
        countersigned=vouched.countersigned,
        countersignature=vouched.countersignature,
    )


def proof_in(name: str, body: Succession) -> SuccessionProof:
    """Return the proof inside a record.

    Raises:
        InvalidRecord: a part is not in its one spelling.
    """
    fields: dict[str, Any] = {field: getattr(body, field) for field in _SAME}
    fields |= {field: decoded(field, getattr(body, field)) for field in _ENCODED}
    try:
        return msgspec.convert({"set": name, **fields}, SuccessionProof)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"the record's proof is malformed: {error}") from None


def successor_in(name: str, body: Succession) -> Envelope:
    """Return the envelope that the proof inside a record brings; whether it follows anything is not asked.

    Raises:
        InvalidRecord: it does not hold, is not live, or of another set or epoch than the record says.
    """
    try:
        envelope = Envelope.from_bytes(decoded("envelope", body.envelope))
    except (InvalidEnvelope, UnsupportedVersion, InvalidStructure) as error:
        raise InvalidRecord(f"the successor's envelope does not hold: {error}") from None
    if (envelope.core.kind, envelope.set_name, envelope.core.epoch_id.hex()) != (Kind.LIVE, name, body.successor):
        raise InvalidRecord("the successor's envelope is of another kind, set or epoch")
    return envelope


def record_of(proof: SuccessionProof, judged: Judged) -> Succession:
    """Return the record of a proof that was judged."""
    fields: dict[str, Any] = {field: getattr(proof, field) for field in _SAME}
    fields |= {field: base64.b64encode(getattr(proof, field)).decode() for field in _ENCODED}
    link = judged.link
    return Succession(**fields, terminal=link.terminal, level=link.level, attested_by=link.attested_by)


_SAME = ("predecessor", "successor", "countersignature", "terminal_signature", "terminal_key")
_ENCODED = ("envelope", "countersigned", "old_dead")


def decoded(field: str, encoded: str) -> bytes:
    """Return the bytes of a record's field that is base64.

    Raises:
        InvalidRecord: it is not, or not in its one spelling.
    """
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise InvalidRecord(f"the record's {field} is not base64") from None
    if base64.b64encode(data).decode() != encoded:
        raise InvalidRecord(f"the record's {field} is not base64 in its one spelling")
    return data


def _envelope(s: SetState, old: EpochState, proof: SuccessionProof) -> Envelope:
    """Read the successor's envelope, and hold it against its predecessor and what is known of it."""
    try:
        envelope = Envelope.from_bytes(proof.envelope)
    except (InvalidEnvelope, UnsupportedVersion, InvalidStructure) as error:
        raise InvalidRecord(f"the successor's envelope does not hold: {error}") from None
    core = envelope.core
    found = (core.kind, envelope.set_name, core.epoch_id.hex(), envelope.predecessor.hex())
    if found != (Kind.LIVE, s.name, proof.successor, proof.predecessor):
        raise InvalidRecord("the successor's envelope is of another kind, set or epoch, or follows another one")
    if core.epoch <= old.number:
        raise InvalidRecord(f"expected a successor with a higher number than {old.number}, got {core.epoch}")
    known = s.epochs.get(proof.successor)
    if known is None:
        return envelope
    same = (known.envelope.set_public_key, known.envelope.core) == (envelope.set_public_key, core)
    if not same or known.envelope_sha256 not in ("", envelope.digest.hex()):
        raise EnvelopeConflict(
            f"this ledger holds another envelope of epoch {known.number} than this proof",
            hint="keep both for the auditor: somebody with a quorum signed the second one",
        )
    return envelope


def _check_countersigned(
    old: EpochState, envelope: Envelope, known: EpochState | None, proof: SuccessionProof
) -> None:  # fmt: skip
    """Hold that the quorum of the old epoch vouched for the new envelope, here or in the proof."""
    if not proof.countersigned:
        if proof.countersignature:
            raise InvalidRecord("a countersignature over nothing")
        if known is None or not known.countersigned:
            raise UnprovenSuccession(
                f"nothing shows that the quorum of epoch {old.number} countersigned epoch {envelope.core.epoch}",
                hint="take the proof from the terminal that printed the newer sheets, too",
            )
        return
    body = _body(proof, proof.countersigned, Countersigned)
    if (body.epoch_id, body.envelope_sha256) != (proof.successor, envelope.digest.hex()):
        raise InvalidRecord("the countersigned record is about another epoch or envelope")
    public = old.envelope.set_public_key
    sshsig.verify(proof.countersignature, proof.countersigned, sshsig.QUORUM_NAMESPACE, public)


def _link(s: SetState, proof: SuccessionProof, terminals: Mapping[str, PinnedTerminal], log: str) -> Link:
    """Return what the old-dead record, here or in the proof, says of the two epochs."""
    own = next((link for link in s.links if not link.terminal and _joins(link, proof)), None)
    if not proof.old_dead:
        if proof.terminal_signature or proof.terminal_key:
            raise InvalidRecord("a terminal's signature over nothing")
        if own is None:
            raise UnprovenSuccession(
                "nothing shows that the old credential died",
                hint="take the proof from the terminal that rotated",
            )
        return own
    record = _record(proof, proof.old_dead)
    body = _body(proof, proof.old_dead, OldDead)
    if (body.old_epoch_id, body.new_epoch_id) != (proof.predecessor, proof.successor):
        raise InvalidRecord("the old-dead record is about other epochs")
    if record.log == log:
        raise InvalidRecord(
            "the old-dead record is of this very log"
            + (", which does not hold it: the ledger and its key were copied" if own is None else ": it needs no proof")
        )
    _check_terminal(proof, record, terminals)
    level = ATTESTED if body.attested_by else PROVEN
    return Link(proof.predecessor, proof.successor, level, record.log, record.time, body.attested_by)


def _check_terminal(proof: SuccessionProof, record: Record, terminals: Mapping[str, PinnedTerminal]) -> None:
    """Hold that a terminal that is pinned here signed the old-dead record."""
    public = sshsig.public_of_line(proof.terminal_key)
    if sshsig.public_line(public, "") != proof.terminal_key:
        raise InvalidRecord("expected the terminal's key without a comment, in its one spelling")
    if hashlib.sha256(public).digest()[:LOG_ID_BYTES].hex() != record.log:
        raise InvalidRecord("the old-dead record is of another log than the key that signs it")
    pinned = terminals.get(record.log)
    if pinned is None or sshsig.public_of_line(pinned.public_key) != public:
        raise UnprovenSuccession(
            f"the terminal that says so is not pinned here: log {record.log}, key {sshsig.fingerprint(public)}",
            hint="enrol that terminal here first; without a proof, people may attest that the old credential is dead",
        )
    sshsig.verify(proof.terminal_signature, proof.old_dead, sshsig.RECORD_NAMESPACE, public)


def _record(proof: SuccessionProof, data: bytes) -> Record:
    record = records.from_bytes(data)
    if record.set != proof.set:
        raise InvalidRecord("a record in the proof is of another set")
    return record


def _body(proof: SuccessionProof, data: bytes, kind: type[_B]) -> _B:
    """Return what a record of another log says.

    Raises:
        InvalidRecord: it is not one, of another set, or says another kind of thing.
    """
    body = _record(proof, data).body
    if not isinstance(body, kind):
        raise InvalidRecord(f"expected a record {kind.__struct_config__.tag} in the proof, got another one")
    return body


def _joins(link: Link, proof: SuccessionProof) -> bool:
    return (link.predecessor, link.successor) == (proof.predecessor, proof.successor)
