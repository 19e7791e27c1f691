# SPDX-License-Identifier: Apache-2.0
"""What a terminal does at the collection: it pushes rows, and asks for the head of its log.

Rules:

1. The head counts only with the terminal's own signature and the pinned collector's; the database is not believed.
2. Pushes are idempotent: what is there already, or comes twice, or out of order, changes nothing.
3. The last row that the collection has is pushed once more, so that a log that was rewritten shows itself there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from breakglass_shamir.crypto.cosignature import Cosigner, cosigned_at
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin

if TYPE_CHECKING:
    from psycopg import Connection

ROWS_AT_ONCE = 64
"""Rows in one transaction; a record has 256 KiB at most."""

MAX_NOTE_CHARACTERS = 16 * 1024
"""Longest note that is taken from the database."""

_HEAD = "SELECT size, left(note, %s) FROM breakglass_staging.head(%s)"
_PUSH = """
INSERT INTO breakglass_staging.pushed (log_id, seq, data, terminal_signature, quorum_signature, checkpoint)
VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The head of a log, as far as the collector has it.

    Attributes:
        checkpoint: origin, size and root.
        note: signed by the terminal and cosigned by the collector, verbatim.
        time: when it was cosigned, in seconds since 1970.
    """

    checkpoint: Checkpoint
    note: str
    time: int


def head(connection: "Connection[Any]", public_key: bytes, collector: Cosigner) -> Cosigned | None:
    """Return how far the collection has a log; None: it has nothing of it.

    Raises:
        InvalidProof, InvalidSignature: what the database says is not signed by both.
    """
    row = connection.execute(_HEAD, (MAX_NOTE_CHARACTERS, log_id(public_key))).fetchone()
    return None if row is None else cosigned(str(row[1]), public_key, collector)


def cosigned(note: str, public_key: bytes, collector: Cosigner) -> Cosigned:
    """Read a cosigned checkpoint of a log.

    Raises:
        InvalidProof, InvalidSignature: it is not signed by both.
    """
    found = Checkpoint.from_text(open_note(note, origin(public_key), public_key))
    return Cosigned(found, note, cosigned_at(note, collector))


def push(connection: "Connection[Any]", public_key: bytes, rows: Iterable[StoredRow]) -> int:
    """Push rows, some in each transaction; returns how many."""
    count, log = 0, log_id(public_key)
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(_PUSH, [(log, *row) for row in some])
        count += len(some)
    return count
