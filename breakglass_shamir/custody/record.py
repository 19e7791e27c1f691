# SPDX-License-Identifier: Apache-2.0
"""Records: what happened, typed, serialised once (spec: docs/spec/7-records.md).

Rules:

1. A record is serialised once, by RFC 8785, without floats. Those exact bytes are stored, hashed and signed;
   a verifier parses them and never re-serialises for a signature.
2. Every record names its log, its number, the hash of the record before it and the tree's root before it; so
   a signature over a record covers the checkpoint it was made at, and cannot be used in another place.
3. What belongs to an opening names it by the SHA-256 of its ``declared`` record.
4. Control and bidirectional characters in text are refused: a record must read the same to everybody.
5. What could not be read back is never written: one such record would lock everybody out of the log.

This module does not decide whether a record is legal; ``lifecycle.py`` does.
"""

import hashlib
import re
import unicodedata
from datetime import datetime
from typing import Any

import msgspec
import rfc8785

from breakglass_shamir.errors import InvalidInput, InvalidRecord

VERSION = 1
"""Format version of records."""

MAX_RECORD_BYTES = 256 * 1024
"""No record of ours comes near; a larger one is refused before it is parsed."""

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What one kind of record says; the subclasses are the record types."""


class LedgerStarted(Body, frozen=True, tag="ledger-started"):
    """The first record of every log."""

    terminal: str
    public_key: str
    """The terminal key in OpenSSH's one-line form."""
    software: str


class LedgerMoved(Body, frozen=True, tag="ledger-moved"):
    """The ledger could not be written where it was and goes on in another place."""

    reason: str


class Heartbeat(Body, frozen=True, tag="heartbeat"):
    """The terminal is alive; a longer silence than it promised stands out."""

    every_s: int
    """Seconds until the next one is due; 0: none is promised any more."""


class PolicyAdopted(Body, frozen=True, tag="policy-adopted"):
    """A policy file, whole, so that the terminal can work from the ledger alone."""

    source: str
    digest: str


class PolicyWeakened(Body, frozen=True, tag="policy-weakened"):
    """A policy file that allows more than the one before. Also signed by the set key."""

    source: str
    digest: str
    weakens: tuple[str, ...]
    """What it allows that the one before did not, a sentence each."""


class Issued(Body, frozen=True, tag="issued"):
    """An epoch's sheets exist: written and verified by rasterising them."""

    epoch: int
    epoch_id: str
    predecessor: str
    set_public_key: str
    envelope: str
    """Base64 of the envelope; public."""
    envelope_sha256: str
    drill_envelope: str
    drill_set_public_key: str
    custodians: dict[str, str]
    """Seat (``group.member``) to custodian."""
    policy_digest: str
    policy_salt: str
    proven: str
    """``accepted`` when the target took this credential, else ``unproven``."""


class Recovered(Body, frozen=True, tag="recovered"):
    """A set that this terminal learned from its sheets alone."""

    epoch: int
    epoch_id: str
    set_public_key: str
    envelope: str
    envelope_sha256: str
    pinned: bool
    """False: nothing outside the paper vouches for it."""


class RecoveredCore(Body, frozen=True, tag="recovered-core"):
    """A set that this terminal learned from typed lines alone: no envelope, so no commitments and no name."""

    epoch: int
    epoch_id: str
    set_public_key: str
    """Derived from the combined master; its hash is the epoch id."""
    core: str
    """Base64 of the envelope's core; public."""


class Pinned(Body, frozen=True, tag="pinned"):
    """A receipt from outside vouches for an epoch that this terminal learned from its sheets."""

    epoch_id: str
    set_public_key: str
    envelope_sha256: str
    """Of the envelope that the receipt names; empty where only the key could be compared."""
    log: str
    """Log id of the ledger that gave the receipt."""
    size: int
    """Records in that ledger at the time."""
    receipt_sha256: str
    """SHA-256 of the receipt's signed statement, with its signature."""


class RecoveryImported(Body, frozen=True, tag="recovery-imported"):
    """Somebody opened an epoch without the toolkit, and this is the record that ``recover.py`` left."""

    epoch_id: str
    status: str
    """Of the epoch at that moment: ``good``, ``void`` or ``abandoned``."""

    source: str
    """The recovery record, its exact text."""

    sha256: str
    """Of its bytes; it names the record."""

    signature: str
    """Armored SSHSIG by the set key, in the namespace ``recovery@breakglass-shamir``."""


class Proven(Body, frozen=True, tag="proven"):
    """The target was asked about an epoch's credential outside a rotation."""

    epoch_id: str
    result: str
    """``accepted``, ``refused`` or ``unknown``."""
    detail: str


class ReadBack(Body, frozen=True, tag="read-back"):
    """Printed sheets were scanned and verified against the envelope."""

    epoch_id: str
    sheets: tuple[str, ...]


class Acknowledged(Body, frozen=True, tag="acknowledged"):
    """A custodian holds the sheet."""

    epoch_id: str
    sheet: str
    custodian: str
    bag: str


class CustodianSigned(Body, frozen=True, tag="custodian-signed"):
    """A custodian's own SSH key signed an ``acknowledged`` record, its exact bytes."""

    epoch_id: str
    sheet: str
    custodian: str
    """For whom the policy lists the key."""

    acknowledged: str
    """SHA-256 of that record, hexadecimal."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG in the namespace ``custodian@breakglass-shamir``."""


class Reassigned(Body, frozen=True, tag="reassigned"):
    """A sheet changed hands; who held it before may know its share for ever."""

    epoch_id: str
    sheet: str
    custodian: str
    """Who keeps it from now on."""
    reason: str
    despite: tuple[str, ...] = ()
    """What stands against it, where it had happened already; empty: nothing does."""


class SheetVoided(Body, frozen=True, tag="sheet-voided"):
    """One sheet is lost or was seen; it counts no more."""

    epoch_id: str
    sheet: str
    reason: str


class Declared(Body, frozen=True, tag="declared"):
    """An opening begins: who, why, for how long."""

    purpose: str
    """``emergency``, ``drill`` or ``rotation``."""
    incident_class: str
    ticket: str
    reason: str
    officers: tuple[str, ...]
    valid_for_s: int
    use_for_s: int
    debts: tuple[str, ...]
    supersedes: str
    policy_digest: str = ""
    """SHA-256 of the policy in force, hexadecimal; empty: the built-in one."""


class OfficerSigned(Body, frozen=True, tag="officer-signed"):
    """An officer's own SSH key signed the opening's ``declared`` record, its exact bytes."""

    officer: str
    """For whom the policy lists the key."""

    key: str
    """The public key: type and base64, without comment."""

    signature: str
    """Armored SSHSIG in the namespace ``officer@breakglass-shamir``."""


class Refused(Body, frozen=True, tag="refused"):
    """An attempt that was refused, or a step that failed."""

    stage: str
    error: str
    message: str


class Overridden(Body, frozen=True, tag="overridden"):
    """A gate that failed and was passed by name."""

    gate: str
    problem: str
    reason: str


class Cancelled(Body, frozen=True, tag="cancelled"):
    """A declaration was withdrawn."""

    reason: str


class Opened(Body, frozen=True, tag="opened"):
    """A quorum combined; durable before a byte of the credential leaves. Also signed by the set key."""

    epoch_id: str
    sheets: tuple[str, ...]
    mode: str
    program: str
    """The command that was given the credential, without its arguments."""
    witnessed: str
    """``consistent``, ``unwitnessed`` or ``inconsistent``: the sheets' checkpoint against this log."""
    pinned: bool


class InUse(Body, frozen=True, tag="in-use"):
    """The reveal began."""


class UseEnded(Body, frozen=True, tag="use-ended"):
    """The use is over and rotation may apply."""

    outcome: str
    classification: str
    """``emergency``, ``drill`` or ``misuse``; ``rotation`` where the credential was not revealed."""


class Deferred(Body, frozen=True, tag="deferred"):
    """The quorum put the rotation off. Also signed by the set key."""

    for_s: int
    reason: str


class Abandoned(Body, frozen=True, tag="abandoned"):
    """A prepared epoch that will not be applied; its sheets are void."""

    epoch_id: str
    reason: str


class Countersigned(Body, frozen=True, tag="countersigned"):
    """The old epoch's quorum vouches for the new epoch's envelope. Also signed by the old set key."""

    epoch_id: str
    envelope_sha256: str


class Applying(Body, frozen=True, tag="applying"):
    """The target is about to be changed: from here on either credential may be the living one."""

    old_epoch_id: str
    new_epoch_id: str


class Applied(Body, frozen=True, tag="applied"):
    """The connector reported the change."""

    new_epoch_id: str


class OldDead(Body, frozen=True, tag="old-dead"):
    """New accepted, old refused for its credential, new accepted again; the old epoch is void."""

    old_epoch_id: str
    new_epoch_id: str
    proofs: tuple[str, ...]
    scope: str
    attested_by: tuple[str, ...] = ()
    """Officers who vouch that the old credential is dead where nobody can ask the target; leaves a debt."""


class Waited(Body, frozen=True, tag="waited"):
    """The target was given time, as after a change whose old credential it honours for a while."""

    what: str
    seconds: int


MOST_WAIT_S = 86_400
"""Longest time by which sessions may hold a change up: the old credential is honoured meanwhile."""


class SessionsAwaited(Body, frozen=True, tag="sessions-awaited"):
    """The account's own sessions at the target are waited for before the change, or are so no longer."""

    count: int
    """Sessions that are open now."""

    for_s: int
    """The longest time they are waited for from now on; 0: the wait is over."""

    detail: str


class SessionsEnded(Body, frozen=True, tag="sessions-ended"):
    """The account's sessions were ended after the change; where that failed, a debt is left."""

    count: int
    detail: str
    failed: bool = False


class Rejected(Body, frozen=True, tag="rejected"):
    """The target's own rules did not take the prepared credential, and it surely changed nothing."""

    epoch_id: str
    detail: str


class NotBefore(Body, frozen=True, tag="not-before"):
    """The target takes no change before an instant: a rotation that is owed is due after it."""

    until: str
    """UTC, RFC 3339 with seconds."""
    detail: str


class RotationFound(Body, frozen=True, tag="rotation-found"):
    """Quorums of two epochs, one following the other, were there: either credential may be the living one."""

    old_epoch_id: str
    new_epoch_id: str


class Closed(Body, frozen=True, tag="closed"):
    """The opening is over: nothing but overridden checks is owed."""

    classification: str


class Settled(Body, frozen=True, tag="settled"):
    """People looked at an overridden check and settled its debt."""

    debt: str
    reason: str
    officers: tuple[str, ...]


class RollCall(Body, frozen=True, tag="roll-call"):
    """One sheet was looked at, in its custodian's hands or by a scan of it alone; no quorum was there."""

    epoch_id: str
    sheet: str
    custodian: str
    level: str
    """``seal``: nothing was opened; ``live``: the sheet itself was scanned and held against its commitment."""

    bag: str
    """The serial found, or the new bag's where the sheet was scanned; empty: none."""

    health: str
    """``fresh``, ``worn`` or ``replace``; empty where no code was graded."""

    used_percent: int
    """Error-correction budget that damage has used, worst code."""

    result: str
    """``pass``, ``warning`` or ``fail``."""

    reasons: tuple[str, ...]


class Rehearsed(Body, frozen=True, tag="rehearsed"):
    """A quorum of drill cards combined. Also signed by the drill set key, which never counts for a live quorum."""

    epoch_id: str
    """The live epoch whose drill cards they are."""

    sheets: tuple[str, ...]
    live: tuple[str, ...]
    """Live sheets that were among the scans: named, and not used."""

    steps_ms: dict[str, int]
    """Step to milliseconds since the declaration: ``signed``, ``first-scan``, ``quorum``, ``confirmed``, and
    ``alert-acknowledged`` where an alert was."""

    result: str
    reasons: tuple[str, ...]


class DrillEnded(Body, frozen=True, tag="drill-ended"):
    """What a drill showed: an access drill at its end, or a rehearsal that found no quorum."""

    drill: str
    """``rehearsal`` or ``access``."""

    epoch_id: str
    login: str
    """What the target said to the credential; empty where it was not asked."""

    steps_ms: dict[str, int]
    result: str
    reasons: tuple[str, ...]


class Destroyed(Body, frozen=True, tag="destroyed"):
    """Sheets that open nothing any more were destroyed before witnesses."""

    epoch_id: str
    sheets: tuple[str, ...]
    witnesses: tuple[str, ...]


class Noted(Body, frozen=True, tag="noted"):
    """A line of a ceremony's protocol, as people wrote it down."""

    text: str
    by: str


class AlertsDelivered(Body, frozen=True, tag="alerts-delivered"):
    """A sink acknowledged alerts of this set, in one round; not itself told to a sink."""

    sink: str
    count: int
    first: str
    """Id of the first event of the round; those between are in the order of the records."""

    last: str


class Escalated(Body, frozen=True, tag="escalated"):
    """Something is past its deadline and was not settled; told again and louder until it is."""

    subject: str
    """What it is, the same in every repetition: a debt's id, ``use-...``, ``quorum-...``, ``roll-call-1.2``."""

    what: str
    """One sentence for people."""

    level: int
    """1 the first time, one more each time."""


class Eased(Body, frozen=True, tag="eased"):
    """What was escalated is settled."""

    subject: str
    what: str


class LoginSeen(Body, frozen=True, tag="login-seen"):
    """The target remembers a login of the break-glass account, or attempts at one from one place."""

    at: str
    """By the target's clock, UTC, RFC 3339; of several attempts, the last."""

    account: str
    source: str
    accepted: bool
    count: int
    """1, or how many attempts were refused."""

    matched: str
    """The opening that accounts for it; ``own`` where this program asked outside one; empty: nothing does."""

    detail: str


class ChangedOutside(Body, frozen=True, tag="changed-outside"):
    """The target says that the password changed, and no rotation accounts for it."""

    at: str
    """By the target's clock, UTC, RFC 3339."""

    detail: str


class Watched(Body, frozen=True, tag="watched"):
    """A sign of the watch: it asked the target, or could not."""

    until: str
    """Until when the target's logins were looked at, UTC, RFC 3339."""

    every_s: int
    """Seconds until its next sign; 0: none is promised, as by a watch that a timer runs."""

    problem: str
    """Why the target could not be asked; empty where it could."""


AnyBody = (
    LedgerStarted | LedgerMoved | Heartbeat | PolicyAdopted | PolicyWeakened | Issued | Recovered | RecoveredCore
    | Pinned | Proven | ReadBack | Acknowledged | Reassigned | SheetVoided | Declared | Refused | Overridden
    | Cancelled | Opened | InUse | UseEnded | Deferred | Abandoned | Countersigned | Applying | Applied | OldDead
    | Closed | Settled | RollCall | Rehearsed | DrillEnded | Destroyed | Noted | Waited | SessionsAwaited
    | SessionsEnded | Rejected | NotBefore | RotationFound | OfficerSigned | CustodianSigned | RecoveryImported
    | AlertsDelivered | Escalated | Eased | LoginSeen | ChangedOutside | Watched
)  # fmt: skip
"""Every record type."""

QUORUM_SIGNED = (PolicyWeakened, Opened, Deferred, Countersigned)
"""Record types that only a quorum could make: the set key signs them too."""

DRILL_SIGNED = (Rehearsed,)
"""Record types that only a quorum of drill cards could make: the drill set key signs them, in its own namespace."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of the log, without its signatures."""

    v: int
    log: str
    """Log id: 16 hexadecimal digits."""
    seq: int
    """From 0, dense."""
    previous: str
    """SHA-256 of the record before, hexadecimal; empty for the first."""
    root: str
    """Root of the Merkle tree over the records before this one, hexadecimal."""
    time: str
    """Wall-clock time, UTC, RFC 3339 with seconds; informs, decides nothing."""
    boot: str
    """Identifies one run of the operating system."""
    uptime_ms: int
    """Milliseconds since boot, suspended time included; what expiry is computed from."""
    set: str
    opening: str
    """SHA-256 of the opening's ``declared`` record, hexadecimal; empty outside an opening."""
    body: AnyBody

    def to_bytes(self) -> bytes:
        """Serialise, once.

        Raises:
            InvalidInput: text that a record must not hold, or more than could be read back.
        """
        tree = msgspec.to_builtins(self)
        _check_text(tree)
        try:
            data = rfc8785.dumps(tree)
            parse(data)
        except (InvalidRecord, rfc8785.CanonicalizationError) as error:
            raise InvalidInput(f"this cannot be recorded: {error}") from None
        return data


_DECODER = msgspec.json.Decoder(Record)
_ENCODER = msgspec.json.Encoder(order="sorted")
_LARGEST = 2**53 - 1
"""Largest integer of RFC 8785."""


def parse(data: bytes) -> Record:
    """Parse a stored record, without asking whether its bytes are canonical.

    Raises:
        InvalidRecord: not a record, or of an unknown type or version.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise InvalidRecord(f"expected a record of at most {MAX_RECORD_BYTES} bytes, got {len(data)}")
    try:
        record = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRecord(f"not a record: {error}") from None
    if record.v != VERSION:
        raise InvalidRecord(f"expected a record of version {VERSION}, got {record.v}")
    if not _is_time(record.time):
        raise InvalidRecord(f"expected a time such as 2026-01-01T00:00:00Z, got {record.time[:24]!a}")
    return record


def from_bytes(data: bytes) -> Record:
    """Parse a record that is not trusted yet: its bytes must be the canonical ones.

    Raises:
        InvalidRecord: not a record, of an unknown type or version, or not in canonical form.
    """
    record = parse(data)
    if _is_plainly_canonical(data, record):
        return record
    try:
        canonical = record.to_bytes()
    except InvalidInput as error:
        raise InvalidRecord(f"not a record: {error}") from None
    if canonical != data:
        raise InvalidRecord("the record is not in canonical form")
    return record


def _is_time(text: str) -> bool:
    """Tell whether a text is a moment that exists, in the one form of records."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def from_plain_bytes(data: bytes) -> Record | None:
    """Parse a record that is not trusted yet, quickly; None where only :func:`from_bytes` can tell what it is.

    All is as :func:`from_bytes` wants it but one thing: its ``time`` has the form of a moment and may be none, such
    as a 31st of February. Whoever reads the time must be ready for that.
    """
    try:
        record = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError):
        return None
    if record.v != VERSION or not _TIME.fullmatch(record.time):
        return None
    return record if _is_plainly_canonical(data, record) else None


_TEXT_FIELDS = (str, bool, tuple[str, ...], dict[str, str])


def _numbers_in(body: type[Body]) -> tuple[str, ...] | None:
    """Return a record type's integer fields; None where a field is of another kind than text or integer."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(body)}
    if any(kind is not int and kind not in _TEXT_FIELDS for kind in kinds.values()):
        return None
    return tuple(name for name, kind in kinds.items() if kind is int)


_NUMBERS: dict[type, tuple[str, ...] | None] = {body: _numbers_in(body) for body in AnyBody.__args__}


def _is_plainly_canonical(data: bytes, record: Record) -> bool:
    """Tell quickly of most records that they are canonical; False says nothing.

    In printable ASCII without escapes, with small integers, RFC 8785 is sorted keys without white space, and that
    msgspec writes forty times as fast.
    """
    if _ENCODER.encode(record) != data or not data.isascii() or b"\\" in data or b"\x7f" in data:
        return False
    body = record.body
    numbers = _NUMBERS[type(body)]
    if numbers is None or len(data) > MAX_RECORD_BYTES:
        return False
    for name in numbers:
        if not -_LARGEST <= getattr(body, name) <= _LARGEST:
            return False
    return -_LARGEST <= record.seq <= _LARGEST and -_LARGEST <= record.uptime_ms <= _LARGEST


def digest(data: bytes) -> str:
    """Return the SHA-256 of a record's bytes, hexadecimal; of a ``declared`` record, the opening id."""
    return hashlib.sha256(data).hexdigest()


def check_human_text(name: str, value: str) -> str:
    """Return a text a person gave, trimmed, or refuse it.

    Raises:
        InvalidInput: empty, or with control or bidirectional characters.
    """
    trimmed = value.strip()
    if not any(character.isalnum() for character in trimmed):
        raise InvalidInput(f"expected a {name} in words, got none")
    if not is_clean(trimmed):
        raise InvalidInput(f"the {name} has control or text-direction characters")
    return trimmed


def _check_text(value: Any) -> None:
    """Walk a tree of builtins and refuse text that reads differently to different people."""
    if isinstance(value, str) and not is_clean(value.replace("\n", " ").replace("\t", " ")):
        raise InvalidInput("control or text-direction characters in a record")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_text(item)


def printable(text: str) -> str:
    """Return a text that a record may hold, of one that names files or repeats what others said."""
    return "".join(one if is_clean(one) or one in "\n\t" else "?" for one in text)


def is_clean(text: str) -> bool:
    """Tell whether text has no control, surrogate or bidirectional formatting characters."""
    bidirectional = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
    return not any(c in bidirectional or unicodedata.category(c) in ("Cc", "Cs") for c in text)
