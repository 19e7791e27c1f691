# SPDX-License-Identifier: Apache-2.0
"""What a terminal does at the collection: it pushes rows and tellings, and asks for heads and for what others told.

Rules:

1. A head counts only with the signature of the terminal it is of and the pinned collector's; the database is not
   believed.
2. Pushes are idempotent: what is there already, or comes twice, or out of order, changes nothing. What waits already
   is counted as sent, and does not wait twice.
3. The last row that the collection has is pushed once more, so that a log that was rewritten shows itself there.
4. Where a login has as much waiting as it may, the rest stays here until the collector has worked: a push says so and
   goes no further.
5. An answer is read row by row, and no more of it than may be asked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from breakglass_shamir.crypto.cosignature import Cosigner, cosigned_at
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.life import telling
from breakglass_shamir.errors import InvalidProof
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from psycopg import Connection

    Session: TypeAlias = Connection[Any]
    """A login that :func:`breakglass_shamir.collection.address.connected` gives."""

ROWS_AT_ONCE = 64
"""Rows in one transaction; a record has 256 KiB at most."""

MAX_NOTE_CHARACTERS = 16 * 1024
"""Longest note that is taken from the database."""

MAX_FORKS = 64
"""Most pairs of checkpoints that are looked at for one log."""

ADDRESSES_AT_ONCE, LOGS_AT_ONCE, TOLD_AT_ONCE = 64, 64, 256
"""Most that one question may name, and most rows of its answer."""

FULL = "53400"
"""SQLSTATE where a login has as much waiting as it may."""

_HEAD = "SELECT size, left(note, %s) FROM breakglass_staging.head(%s, %s)"
_CHECKPOINT = "SELECT left(note, %s) FROM breakglass_staging.checkpoint(%s, %s)"
_FORKS = "SELECT left(note, %s), left(held, %s) FROM breakglass_staging.forks(%s)"
_TOLD = """
SELECT log_id, substr(data, 1, %s), left(signature, %s) FROM breakglass_staging.told_of(%s::bytea[], %s::bytea[])
"""
_PUSH = """
INSERT INTO breakglass_staging.pushed (log_id, seq, data, terminal_signature, quorum_signature, checkpoint)
SELECT %s, seq, data, terminal_signature, quorum_signature, checkpoint
FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[], %s::text[])
  AS new (seq, data, terminal_signature, quorum_signature, checkpoint)
"""
_TELL = """
INSERT INTO breakglass_staging.told (log_id, address, size, data, signature) VALUES (%s, %s, %s, %s, %s)
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


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Attributes:
        count: how many were sent.
        full: why the collection takes no more of this login now, in its words; empty: it took all.
    """

    count: int
    full: str = ""


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What the database says that a terminal told; nothing in it is verified."""

    log_id: bytes
    data: bytes
    signature: str


def head(connection: "Session", public_key: bytes, collector: Cosigner) -> Cosigned | None:
    """Return how far the collection has a log; None: it has nothing of it that this collector cosigned.

    Raises:
        InvalidProof, InvalidSignature: what the database says is not signed by both.
    """
    row = connection.execute(_HEAD, (MAX_NOTE_CHARACTERS, log_id(public_key), collector.to_text())).fetchone()
    return None if row is None else cosigned(str(row[1]), public_key, collector)


def cosigned(note: str, public_key: bytes, collector: Cosigner) -> Cosigned:
    """Read a cosigned checkpoint of a log.

    Raises:
        InvalidProof, InvalidSignature: it is not signed by both.
    """
    return Cosigned(opened(note, public_key), note, cosigned_at(note, collector))


def checkpoint(connection: "Session", public_key: bytes, size: int) -> str:
    """Return the note of the checkpoint that a terminal signed over so many records, as the collection keeps it.

    Raises:
        InvalidProof, InvalidSignature: the database shows none, or not one that this key signed over as many.
    """
    row = connection.execute(_CHECKPOINT, (MAX_NOTE_CHARACTERS, log_id(public_key), size)).fetchone()
    note = str(row[0]) if row else ""
    if not note or opened(note, public_key).size != size:
        said = counted(size, "record")
        raise InvalidProof(f"the collection does not show the checkpoint of the first {said} of that log")
    return note


def forks(connection: "Session", public_key: bytes) -> Iterator[tuple[str, str]]:
    """Yield what the collection shows as two histories of a log, two notes each; nothing is verified."""
    wanted = (MAX_NOTE_CHARACTERS, MAX_NOTE_CHARACTERS, log_id(public_key))
    for note, held in _rows(connection, _FORKS, wanted, MAX_FORKS):
        yield str(note), str(held)


def opened(note: str, public_key: bytes) -> Checkpoint:
    """Return a checkpoint that a terminal's key signed.

    Raises:
        InvalidProof, InvalidSignature: it is none.
    """
    return Checkpoint.from_text(open_note(note, origin(public_key), public_key))


def told(connection: "Session", addresses: Sequence[bytes], logs: Sequence[bytes]) -> Iterator[ToldRow]:
    """Yield what terminals of some logs told at some addresses, the newest of each; nothing is verified."""
    bounds = (telling.MAX_BYTES + 1, telling.MAX_SIGNATURE_CHARACTERS)
    for some_logs in _some(logs, LOGS_AT_ONCE):
        for some in _some(addresses, min(ADDRESSES_AT_ONCE, TOLD_AT_ONCE // len(some_logs))):
            for log, data, signature in _rows(connection, _TOLD, (*bounds, some, some_logs), TOLD_AT_ONCE):
                yield ToldRow(bytes(log), bytes(data), str(signature))


def push(connection: "Session", public_key: bytes, rows: Iterable[StoredRow]) -> Pushed:
    """Push rows, some in each transaction, until the collection takes no more of this login."""
    count, log = 0, log_id(public_key)
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        columns = [list(column) for column in zip(*some, strict=True)]
        if full := _pushed(connection, _PUSH, [(log, *columns)]):
            return Pushed(count, full)
        count += len(some)
    return Pushed(count)


def tell(connection: "Session", public_key: bytes, tellings: Iterable[tuple[bytes, int, bytes, str]]) -> Pushed:
    """Push tellings: address, size, bytes and signature of each; until the collection takes no more of this login."""
    count, log = 0, log_id(public_key)
    for one in tellings:
        if full := _pushed(connection, _TELL, [(log, *one)]):
            return Pushed(count, full)
        count += 1
    return Pushed(count)


def _pushed(connection: "Session", statement: str, several: Sequence[Sequence[object]]) -> str:
    """Insert in one transaction; returns why it was refused, where the login has as much waiting as it may."""
    from psycopg import Error

    try:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(statement.encode(), several)
    except Error as error:
        if error.sqlstate != FULL:
            raise
        return str(error).strip().splitlines()[0]
    return ""


def _rows(
    connection: "Session", query: str, values: Sequence[object], most: int
) -> Iterator[tuple[Any, ...]]:  # fmt: skip
    """Yield the rows of an answer as they come.

    Raises:
        InvalidProof: there are more than may be.
    """
    with connection.cursor() as cursor:
        for number, row in enumerate(cursor.stream(query.encode(), values)):
            if number == most:
                raise InvalidProof(f"the collection gives more than {most} rows in one answer")
            yield row


def _some(every: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    every = list(dict.fromkeys(every))
    yield from (every[start : start + most] for start in range(0, len(every), most))
