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
6. What looks like a share is never written, in no field; ``guard.py`` says which are looked at. It is read, though.

This module does not decide whether a record is legal; ``lifecycle.py`` does.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
import rfc8785

from breakglass_shamir.custody.records import guard
from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.body import Body
from breakglass_shamir.custody.records.drills import DrillEnded, LoadDrilled, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Issued, Pinned, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import (
    CollectorReplaced,
    LedgerMoved,
    LedgerStarted,
    PolicyAdopted,
    PolicyWeakened,
)
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    Asked,
    ChangedOutside,
    Eased,
    Escalated,
    Heartbeat,
    LoginSeen,
    Probed,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Actions,
    Cancelled,
    Closed,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Overridden,
    Refused,
    Revealing,
    Settled,
    Snapshot,
    TicketAnswered,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Countersigned,
    Deferred,
    Made,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.custody.records.sheets import (
    Acknowledged,
    CustodianSigned,
    Destroyed,
    Noted,
    ReadBack,
    Reassigned,
    SheetVoided,
)
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import InvalidInput, InvalidRecord

VERSION = 1
"""Format version of records."""

MAX_RECORD_BYTES = 256 * 1024
"""No record of ours comes near; a larger one is refused before it is parsed."""

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


AnyBody = (
    LedgerStarted | LedgerMoved | Heartbeat | PolicyAdopted | PolicyWeakened | Issued | Recovered | RecoveredCore
    | Pinned | Proven | ReadBack | Acknowledged | Reassigned | SheetVoided | Declared | Refused | Overridden
    | Cancelled | Opened | InUse | UseEnded | Deferred | Abandoned | Countersigned | Applying | Applied | OldDead
    | Closed | Settled | RollCall | Rehearsed | DrillEnded | Destroyed | Noted | Waited | SessionsAwaited
    | SessionsEnded | Made | Rejected | NotBefore | RotationFound | OfficerSigned | CustodianSigned | RecoveryImported
    | TargetNamed | RunsOut | AlertsDelivered | Escalated | Eased | LoginSeen | ChangedOutside | Watched | Succession
    | AttestedDead | Retired | RetiredAttested | TerminalRetired | EnrolmentExported | Enrolled
    | Revealing | Asked | Reviewed | DebtsSettled | UseRecorded | Actions | CollectorReplaced | LoadDrilled
    | Probed | TicketAnswered
    | Snapshot
    | Arming | Disarmed | ArmedOutside
)  # fmt: skip
"""Every record type."""

QUORUM_SIGNED = (PolicyWeakened, Opened, Deferred, Countersigned, Retired)
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
            LooksLikeShare: a text that may be a share.
        """
        guard.check(self.body, self.set)
        return self._serialised()

    def _serialised(self) -> bytes:
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

_SMALLEST = -_LARGEST
_BACKSLASH, _DELETE = 0x5C, 0x7F
_DIGITLESS = b"0000-00-00T00:00:00Z"
_WITHOUT_DIGITS = bytes.maketrans(b"123456789", b"000000000")


def parse(data: bytes) -> Record:
    """Parse a stored record, without asking whether its bytes are canonical.

    Raises:
        InvalidRecord: not a record, or of an unknown type or version.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise InvalidRecord(f"expected a record of at most {MAX_RECORD_BYTES} bytes, got {len(data)}")
    try:
        record = _DECODER.decode(data)
    except RecursionError:
        raise InvalidRecord("not a record: lists and tables far too deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRecord(f"not a record: {error}") from None
    if record.v != VERSION:
        raise InvalidRecord(f"expected a record of version {VERSION}, got {record.v}")
    if not is_time(record.time):
        raise InvalidRecord(f"expected a time such as 2026-01-01T00:00:00Z, got {record.time[:24]!a}")
    return record


def from_bytes(data: bytes) -> Record:
    """Parse a record that is not trusted yet: its bytes must be the canonical ones.

    Raises:
        InvalidRecord: not a record, of an unknown type or version, or not in canonical form.
    """
    record = parse(data)
    if _ENCODER.encode(record) == data and _is_plain(data, record):
        return record
    try:
        canonical = record._serialised()
    except InvalidInput as error:
        raise InvalidRecord(f"not a record: {error}") from None
    if canonical != data:
        raise InvalidRecord("the record is not in canonical form")
    return record


def is_time(text: str) -> bool:
    """Tell whether a text is a moment that exists, in the one form of records. Never raises."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def from_plain_bytes(found: Sequence[bytes]) -> list[Record] | None:
    """Parse records that are not trusted yet, many at once; None where only :func:`from_bytes` can tell what one is.

    Args:
        found: at least one.

    All is as :func:`from_bytes` wants it but one thing: a ``time`` has the form of a moment and may be none, such as a
    31st of February. Whoever reads the time must be ready for that.
    """
    if max(map(len, found)) > MAX_RECORD_BYTES:
        return None
    try:
        several = list(map(_DECODER.decode, found))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if list(map(_ENCODER.encode, several)) != list(found) or not _is_ordinary(b"".join(found)):
        return None
    if {record.v for record in several} != {VERSION} or not _are_times([record.time for record in several]):
        return None
    return several if _are_small(several) else None


def _are_times(texts: Sequence[str]) -> bool:
    """Tell whether texts in ASCII have the form of moments."""
    if set(map(len, texts)) != {len(_DIGITLESS)}:
        return False
    return "".join(texts).encode().translate(_WITHOUT_DIGITS) == _DIGITLESS * len(texts)


_TEXT_FIELDS = (str, bool, tuple[str, ...], dict[str, str])


@cache
def _numbers_in(body: type[Body]) -> tuple[str, ...] | None:
    """Return a record type's integer fields; None where a field is of another kind than text or integer.

    It is asked of the types that were met: to ask it of all of them took a tenth of a command's start.
    """
    kinds = {field.name: field.type for field in msgspec.structs.fields(body)}
    if any(kind is not int and kind not in _TEXT_FIELDS for kind in kinds.values()):
        return None
    return tuple(name for name, kind in kinds.items() if kind is int)


def _is_plain(data: bytes, record: Record) -> bool:
    """Tell quickly of bytes that msgspec writes again that they are canonical; False says nothing.

    In printable ASCII without escapes, with small integers, RFC 8785 is sorted keys without white space, and that
    msgspec writes forty times as fast.
    """
    return len(data) <= MAX_RECORD_BYTES and _is_ordinary(data) and _are_small([record])


def _is_ordinary(data: bytes) -> bool:
    return data.isascii() and _BACKSLASH not in data and _DELETE not in data


def _are_small(several: Sequence[Record]) -> bool:
    """Tell whether all integers in records are such as RFC 8785 has."""
    bodies = [record.body for record in several]
    if any(_numbers_in(kind) is None for kind in set(map(type, bodies))):
        return False
    numbers = [getattr(body, name) for body in bodies for name in _numbers_in(type(body)) or ()]
    numbers += [record.seq for record in several]
    numbers += [record.uptime_ms for record in several]
    return not numbers or (min(numbers) >= _SMALLEST and max(numbers) <= _LARGEST)


def digest(data: bytes) -> str:
    """Return the SHA-256 of a record's bytes, hexadecimal; of a ``declared`` record, the opening id."""
    return hashlib.sha256(data).hexdigest()


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
