# SPDX-License-Identifier: Apache-2.0
"""The id of an event: log, number and digest of its record, and its place among the record's events.

The digest tells two copies of a log apart that went on separately: they share the log's id and its key, and count on
from the same number.
"""

import re
from collections.abc import Iterator

from breakglass_shamir.structs import Struct

DIGEST_DIGITS = 16
"""Hexadecimal digits of the record's SHA-256."""

_ID = re.compile(rb"(?<![0-9a-f])([0-9a-f]{16})-(\d{1,15})-([0-9a-f]{%d})-\d{1,4}(?!\d)" % DIGEST_DIGITS)


class Named(Struct, frozen=True):
    """What the id of an event says of its record."""

    log: bytes
    """8-byte id of the log."""

    seq: int
    digest: str
    """The first digits of its SHA-256, hexadecimal."""


def write(log: str, seq: int, digest: str, place: int) -> str:
    """Return the id of an event.

    Args:
        log: id of the log, hexadecimal.
        seq: number of the record.
        digest: SHA-256 of its bytes, hexadecimal.
        place: of the event among those of the record.
    """
    return f"{log}-{seq}-{digest[:DIGEST_DIGITS]}-{place}"


def find(text: bytes) -> Iterator[Named]:
    """Yield what the ids say that stand in a text, wherever in it."""
    for found in _ID.finditer(text):
        yield Named(bytes.fromhex(found[1].decode()), int(found[2]), found[3].decode())
