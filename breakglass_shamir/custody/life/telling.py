# SPDX-License-Identifier: Apache-2.0
"""What a terminal tells others of one epoch through a collection (spec: docs/spec/15-telling.md).

Rules:

1. It holds what proves that another epoch followed, and which sheets do not count any more. It has no field for a
   reason, an opening's words or who took part.
2. It is found by an address that only who knows the epoch's set public key can compute.
3. It is bounded, taken in its one spelling only, and signed by the terminal that makes it. What follows from it is for
   whoever takes it, who must have pinned that terminal.
"""

import hashlib
from typing import Annotated

import msgspec
import rfc8785

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import InvalidRecord, UnsupportedVersion

TYPE = "telling"

MAX_BYTES = 256 * 1024
"""Longest telling."""

MAX_SIGNATURE_CHARACTERS = 4096
MAX_SUCCESSIONS = 16
"""Most successors of one epoch; a second one is a fork already."""

EPOCH_ID_BYTES = 8

_LABEL = b"breakglass-shamir telling\x00"

_Seat = Annotated[str, msgspec.Meta(pattern=r"^[1-9][0-9]{0,2}\.[1-9][0-9]{0,2}\Z")]


class Telling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one terminal tells of one epoch; nothing in it is verified yet."""

    v: int
    type: str
    set: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    set_public_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """Of the epoch, hexadecimal."""

    size: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    """Records of the terminal's log up to the last one that this says something of."""

    successions: Annotated[tuple[SuccessionProof, ...], msgspec.Meta(max_length=MAX_SUCCESSIONS)]
    """What followed this epoch, with what proves it."""

    voided: dict[_Seat, str]
    """Seats whose sheets count no more, and when that was recorded."""

    @property
    def epoch_id(self) -> str:
        """Of the epoch, hexadecimal."""
        return hashlib.sha256(bytes.fromhex(self.set_public_key)).digest()[:EPOCH_ID_BYTES].hex()

    @property
    def address(self) -> bytes:
        """Where it is found, 32 bytes."""
        return address_of(bytes.fromhex(self.set_public_key))

    def to_bytes(self) -> bytes:
        """Write it in its one spelling."""
        return rfc8785.dumps(msgspec.to_builtins(self))


def address_of(set_public_key: bytes) -> bytes:
    """Return the address of what is told of an epoch, 32 bytes."""
    return hashlib.sha256(_LABEL + set_public_key).digest()


def from_bytes(data: bytes) -> Telling:
    """Read a telling that is not trusted.

    Raises:
        InvalidRecord: too long, not one, its parts do not fit together, or not in its one spelling.
        UnsupportedVersion: of another version.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRecord(f"expected a telling of at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        found = msgspec.json.decode(data, type=Telling)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidRecord(f"not what a terminal tells of an epoch: {error}") from None
    if found.type != TYPE:
        raise InvalidRecord(f"expected the type {TYPE!r}, got {found.type[:24]!a}")
    if found.v != records.VERSION:
        raise UnsupportedVersion(f"expected a telling of version {records.VERSION}, got {found.v}")
    if found.to_bytes() != data:
        raise InvalidRecord("the telling is not in canonical form")
    if not is_clean(found.set):
        raise InvalidRecord("control or text-direction characters in a telling")
    if any((one.set, one.predecessor) != (found.set, found.epoch_id) for one in found.successions):
        raise InvalidRecord("the telling is of another set or epoch than what it proves")
    if not all(map(records.is_time, found.voided.values())):
        raise InvalidRecord("expected times such as 2026-01-01T00:00:00Z in a telling, of moments that exist")
    return found


def verify(data: bytes, signature: str, public_key: bytes) -> Telling:
    """Read a telling that a terminal's key signed.

    Raises:
        InvalidRecord, UnsupportedVersion: as :func:`from_bytes`.
        InvalidSignature: that key did not sign it.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRecord(f"expected a telling of at most {MAX_BYTES} bytes, got {len(data)}")
    sshsig.verify(signature, data, sshsig.TELLING_NAMESPACE, public_key)
    return from_bytes(data)
