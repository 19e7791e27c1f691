# SPDX-License-Identifier: Apache-2.0
"""Two copies of one log: which is the longer one, or where they went on separately.

Rules:

1. Copies of one log have one id: the terminal key signs both. What tells them apart is the bytes of a record.
2. Where one is the beginning of the other, nothing contradicts; the shorter one lacks records.
3. Where two records stand in one place, the log is forked there.
"""

from itertools import zip_longest

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import Forked, RecordMissing
from breakglass_shamir.ledger.receipt import missing
from breakglass_shamir.ledger.stored import SignedLog


def check(ledger: SignedLog, size: int, other: SignedLog, name: str) -> int:
    """Hold a copy of a log against it; returns how many records it has, all of them as they are here.

    Args:
        ledger: the log, verified.
        size: its number of records.
        other: of the same id, verified.
        name: what people call the other one.

    Raises:
        Forked: both went on separately.
        RecordMissing: the other one goes on where this one ends.
    """
    known = 0
    for here, there in zip_longest(ledger.first_records(size), other.first_records(_ALL)):
        if there is None:
            return known
        if here is None:
            raise RecordMissing(f"{name} goes on: {missing(ledger, size, count(other))}")
        if here[1] != there[1]:
            raise Forked(f"a fork at record {here[0]}: here {_words(here[1])}, in {name} {_words(there[1])}")
        known += 1
    return known


_ALL = 2**63 - 1


def count(log: SignedLog) -> int:
    """Return how many records a log has."""
    return next((seq + 1 for seq, _ in log.newest_first()), 0)


def _words(data: bytes) -> str:
    """Say which record stands there, so that people can look for it."""
    record = records.parse(data)
    about = f" of {record.set}" if record.set else ""
    kind = str(record.body.__struct_config__.tag)
    return f"{kind}{about} at {record.time} (boot {record.boot}, SHA-256 {records.digest(data)[:16]})"
