# SPDX-License-Identifier: Apache-2.0
"""The file in which statements travel, in its one spelling (spec: docs/spec/10-enrolment.md).

Nothing that is read here is verified; ``operations/enrolment/package.py`` does that.
"""

from typing import Annotated

import msgspec
import rfc8785

from breakglass_shamir.custody.life import lineage, statement
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import InvalidInput, InvalidRecord, UnsupportedVersion

TYPE = "enrolment"

MAX_BYTES = 8 * 1024 * 1024
"""Largest file that is read."""

MAX_SETS = 64
"""Most sets in one file."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file holds of one set."""

    statement: Annotated[str, msgspec.Meta(max_length=statement.MAX_BYTES)]
    signature: Annotated[str, msgspec.Meta(max_length=4096)]
    receipt: Annotated[str, msgspec.Meta(max_length=2 * records.MAX_RECORD_BYTES)]
    """A receipt of a record about the set; the other terminal keeps it as a witness."""


class EnrolmentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything in a file."""

    type: str
    v: int
    parts: Annotated[tuple[Part, ...], msgspec.Meta(min_length=1, max_length=MAX_SETS)]
    successions: Annotated[tuple[SuccessionProof, ...], msgspec.Meta(max_length=lineage.MAX_PROOFS)]


def to_bytes(parts: tuple[Part, ...], successions: tuple[SuccessionProof, ...]) -> bytes:
    """Write a file.

    Raises:
        InvalidInput: it would be larger than what is read.
    """
    data = _dumps(EnrolmentFile(type=TYPE, v=records.VERSION, parts=parts, successions=successions))
    if len(data) > MAX_BYTES or len(parts) > MAX_SETS:
        raise InvalidInput(
            f"expected at most {MAX_SETS} sets and {MAX_BYTES} bytes in one file, got {len(parts)} and {len(data)}",
            hint="export the sets in several files",
        )
    return data


def from_bytes(data: bytes) -> EnrolmentFile:
    """Read a file.

    Raises:
        InvalidInput: it is something else, or too large.
        UnsupportedVersion: of another version.
        InvalidRecord: not in its one spelling.
    """
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"expected a file of at most {MAX_BYTES} bytes")
    try:
        found = msgspec.json.decode(data, type=EnrolmentFile)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput(
            f"this is no file of enrol export: {error}", hint="write one at the other terminal: breakglass enrol export"
        ) from None
    if found.type != TYPE:
        raise InvalidInput(f"expected a file of the type {TYPE!r}, got {found.type[:24]!a}")
    if found.v != records.VERSION:
        raise UnsupportedVersion(f"expected a file of version {records.VERSION}, got {found.v}")
    if _dumps(found) != data:
        raise InvalidRecord("the file is not in canonical form")
    return found


def _dumps(found: EnrolmentFile) -> bytes:
    return rfc8785.dumps(msgspec.to_builtins(found))
