# SPDX-License-Identifier: Apache-2.0
"""The record that ``recover.py`` or ``recover.html`` leaves, and what it must agree with.

Spec: docs/spec/8-recovery.md.

Rules:

1. It is read only in its one spelling, and nothing in it is believed before its signature by the set key that the
   ledger pins: a record proves nothing about a key that it brings along.
2. The bytes' SHA-256 names it: the same bytes twice are one use, two records are two.
3. Record and signature come in two files or in one. The record has no line feed, so the first one ends it.

Whether its epoch is void, and what follows from a use, is for ``lifecycle.py``.
"""

import hashlib
import re
from typing import Annotated, Literal

import msgspec
import rfc8785

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.state import EpochState, SetState, read_seat
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import (
    BreakglassError,
    EnvelopeConflict,
    IllegalState,
    InvalidRecord,
    InvalidSignature,
    UnsupportedVersion,
)

NAMESPACE = "recovery@breakglass-shamir"
"""SSHSIG namespace of a recovery record."""

MAX_BYTES = 64 * 1024
"""Far more than any recovery record has; a larger file is refused before it is parsed."""

MAX_TEXT = 200
"""Characters of an officer, the ticket and the reason."""

SIGNATURE_BEGINS = b"-----BEGIN SSH SIGNATURE-----"
"""How the second line begins where record and signature are in one file."""

OPTIONAL_FIELDS = frozenset({"made_in"})
"""Fields that a record need not have."""

_SEAT = re.compile(r"[1-9][0-9]{0,2}\.[1-9][0-9]{0,2}")

_Hex8 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class Recovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody who opened an epoch without the toolkit says of it; nothing in it is verified yet."""

    v: int
    type: str
    set: str
    epoch: int
    epoch_id: _Hex8
    set_public_key: _Hex32
    envelope_sha256: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    sheets: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    officers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    ticket: str
    reason: str
    time: str
    tool: str
    made_in: Literal["browser"] | msgspec.UnsetType = msgspec.UNSET
    """There where no program made sure that the record was on a disk: a page cannot."""

    @property
    def in_browser(self) -> bool:
        """Whether a page made it."""
        return self.made_in == "browser"


def digest(data: bytes) -> str:
    """Return the SHA-256 that names a recovery record, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def divide(data: bytes) -> tuple[bytes, bytes]:
    """Return the record and the signature of a file; an empty one where the file has the record alone.

    Line ends that an editor or a message made of the line feeds are undone: the record has none of either.
    """
    whole = data.replace(b"\r\n", b"\n")
    record, _, signature = whole.partition(b"\n")
    if not signature.startswith(SIGNATURE_BEGINS):
        return data, b""
    return record, signature.rstrip() + b"\n"


def parse(data: bytes) -> Recovery:
    """Read a recovery record.

    Raises:
        UnsupportedVersion: another version or other fields.
        InvalidRecord: not one, or not in its one spelling.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRecord(f"expected a recovery record of at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        fields = msgspec.json.decode(data, type=dict[str, object])
    except RecursionError:
        raise InvalidRecord("not a recovery record: lists and tables far too deep") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRecord(f"not a recovery record: {error}") from None
    if fields.get("type") != "recovery":
        raise InvalidRecord("not a recovery record: expected the type 'recovery'")
    known = set(Recovery.__struct_fields__)
    if fields.get("v") != 1 or not known - OPTIONAL_FIELDS <= set(fields) <= known:
        raise UnsupportedVersion("expected a recovery record of version 1 with exactly its fields")
    try:
        found = msgspec.convert(fields, Recovery)
    except msgspec.ValidationError as error:
        raise InvalidRecord(f"not a recovery record: {error}") from None
    try:
        canonical = rfc8785.dumps(msgspec.to_builtins(found))
    except rfc8785.CanonicalizationError as error:
        raise InvalidRecord(f"not a recovery record: {error}") from None
    if canonical != data:
        raise InvalidRecord("the recovery record is not in canonical form")
    _check(found)
    return found


def verify(data: bytes, signature: str, epoch: EpochState) -> None:
    """Verify that the set key which the ledger pins for this epoch signed these bytes.

    Raises:
        InvalidSignature: it did not, or in another namespace.
    """
    sshsig.verify(signature, data, NAMESPACE, epoch.envelope.set_public_key)


def check(found: Recovery, epoch: EpochState) -> None:
    """Hold what a recovery record says against the epoch that the ledger pins, without its signature.

    Raises:
        InvalidSignature: it brings another set key.
        EnvelopeConflict: it was made with another envelope.
        InvalidRecord: its epoch number is another one, or its sheets are no quorum.
    """
    core, public = epoch.envelope.core, epoch.envelope.set_public_key
    if found.set_public_key != public.hex():
        raise InvalidSignature(
            f"expected a recovery record by the set key {sshsig.fingerprint(public)}, which this ledger pins, "
            f"got one by {sshsig.fingerprint(bytes.fromhex(found.set_public_key))}"
        )
    if found.envelope_sha256 and epoch.envelope_sha256 and found.envelope_sha256 != epoch.envelope_sha256:
        raise EnvelopeConflict(
            f"the recovery was made with another envelope of epoch {epoch.number} than the pinned one"
        )
    if (found.epoch, found.epoch_id) != (core.epoch, core.epoch_id.hex()):
        raise InvalidRecord(f"expected a recovery record of epoch {core.epoch}, got one of epoch {found.epoch}")
    known = set(found.sheets) <= set(epoch.seats)
    if not known or not core.structure.is_quorum([read_seat(sheet) for sheet in found.sheets]):
        raise InvalidRecord(f"the sheets {', '.join(found.sheets)} are no quorum of epoch {epoch.number}")


def accept(s: SetState, body: RecoveryImported) -> EpochState:
    """Return the epoch of an imported recovery; part of ``lifecycle.py``'s table.

    Raises:
        IllegalState: it was imported already, or the epoch is not in the set.
        InvalidRecord: the record contradicts itself.
    """
    epoch = s.epochs.get(body.epoch_id)
    if epoch is None:
        raise IllegalState(f"this ledger does not know the epoch of set {s.name} that was recovered")
    if body.sha256 in s.recoveries:
        raise IllegalState(f"the recovery {body.sha256[:12]} is in this ledger already")
    data = body.source.encode()
    if digest(data) != body.sha256 or body.status != epoch.status:
        raise InvalidRecord("the imported recovery has another digest, or its epoch another status")
    try:
        found = parse(data)
        check(found, epoch)
    except BreakglassError as error:
        raise InvalidRecord(f"the imported recovery does not hold: {error}") from None
    if found.set not in ("", s.name) or found.epoch_id != body.epoch_id:
        raise InvalidRecord("the imported recovery is of another set or epoch")
    return epoch


def _check(found: Recovery) -> None:
    """Check what the specification demands of single fields."""
    for name, text in (
        *(("officer", one) for one in found.officers),
        ("ticket", found.ticket),
        ("reason", found.reason),
    ):
        if not 1 <= len(text) <= MAX_TEXT or text != text.strip() or not is_clean(text):
            raise InvalidRecord(f"expected 1 to {MAX_TEXT} plain characters as {name} of the recovery record")
    if bool(found.set) != bool(found.envelope_sha256) or not (is_clean(found.set) and is_clean(found.tool)):
        raise InvalidRecord("expected both set name and envelope digest in the recovery record, or neither")
    if not records.is_time(found.time):
        raise InvalidRecord("expected a time such as 2026-01-01T00:00:00Z in the recovery record")
    if not all(_SEAT.fullmatch(sheet) for sheet in found.sheets):
        raise InvalidRecord("expected sheets written group.member in the recovery record")
    seats = [read_seat(sheet) for sheet in found.sheets]
    if seats != sorted(set(seats)):
        raise InvalidRecord("expected each sheet once, in order, in the recovery record")
