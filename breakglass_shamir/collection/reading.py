# SPDX-License-Identifier: Apache-2.0
"""What an auditor reads of a collection: who is enrolled, what of a log is kept and cosigned, and the evidence.

Rules:

1. The database is not believed. A head counts only with the terminal's own signature and the collector's. Rows are
   given in order and without a gap up to that head, or what is wrong with them is named; whether they are those of the
   head is for whoever computes the tree.
2. Everything is asked for in pages, and each value is cut by the database, so that memory does not grow with it.
3. Who reads a log opens a :func:`snapshot` for it: what collectors add meanwhile is not seen.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from breakglass_shamir.collection import door, schema
from breakglass_shamir.collection.door import MAX_NOTE_CHARACTERS, Cosigned
from breakglass_shamir.crypto.cosignature import Cosigner, latest
from breakglass_shamir.custody.records.record import MAX_RECORD_BYTES
from breakglass_shamir.errors import (
    InvalidInput,
    InvalidProof,
    InvalidRecord,
    InvalidSignature,
    RecordMissing,
    UnsupportedVersion,
)
from breakglass_shamir.ledger.entry import StoredRow, log_id
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from psycopg import Connection

ROWS_AT_ONCE = 64
"""Rows in a page; a record has 256 KiB at most."""

NAMES_AT_ONCE = 1000
"""Terminals, and cosigned checkpoints, in a page."""

MAX_SIGNATURE_CHARACTERS = 4096
"""Longest signature and checkpoint that a terminal's role may push."""

_CUT = """
coalesce(substring(data FOR %(bytes)s), ''), coalesce(left(terminal_signature, %(text)s), ''),
coalesce(left(quorum_signature, %(text)s), ''), coalesce(left(checkpoint, %(text)s), '')
"""
_TERMINALS = "SELECT log_id, public_key FROM breakglass_log.terminals WHERE log_id > %s ORDER BY log_id LIMIT %s"
_HEAD = """
SELECT size, left(note, %s) FROM breakglass_log.cosigned WHERE log_id = %s AND cosigner IN (%s, '')
ORDER BY size DESC, cosigner DESC LIMIT 1
"""
_NOTES = """
SELECT DISTINCT ON (size) size, left(note, %s), cosigner FROM breakglass_log.cosigned
WHERE log_id = %s AND cosigner IN (%s, '') AND size > %s AND size <= %s ORDER BY size, cosigner DESC LIMIT %s
"""
_ROWS = f"""
SELECT seq, {_CUT} FROM breakglass_log.records
WHERE log_id = %(log)s AND seq >= %(start)s AND seq < %(end)s ORDER BY seq LIMIT %(rows)s
"""  # noqa: S608 - columns of ours
_SIGNED = "SELECT 1 FROM breakglass_log.cosigned WHERE log_id = %s LIMIT 1"
_BEHIND = "SELECT seq FROM breakglass_log.records WHERE log_id = %s AND seq >= %s ORDER BY seq LIMIT 1"
_COUNTS = """
SELECT log_id, count(*) FROM breakglass_log.evidence
WHERE log_id IN (SELECT log_id FROM breakglass_log.terminals) GROUP BY log_id
"""
_EVIDENCE = f"""
SELECT id, at, left(kind, 64), left(reason, %(text)s), pushed_at, pusher::text, log_id, seq, {_CUT},
left(held_checkpoint, %(text)s) FROM breakglass_log.evidence WHERE id > %(start)s ORDER BY id LIMIT %(rows)s
"""  # noqa: S608 - columns of ours
_REPLACED = "ask the collector's people whether it cosigns with this key now, and has worked since"
_BOUNDS = {"bytes": MAX_RECORD_BYTES + 1, "text": MAX_SIGNATURE_CHARACTERS}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A pushed row that is kept apart, as the database has it.

    Attributes:
        number: of the evidence.
        at: when the collector kept it apart.
        kind: what the collector took it for.
        reason: why it does not hold, in words.
        pushed_at: when it came.
        pusher: the login that pushed it.
        log: id of the log that it was pushed for.
        row: as it was pushed.
        held_checkpoint: of the log as it was kept then; empty where there was nothing of it.
    """

    number: int
    at: str
    kind: str
    reason: str
    pushed_at: str
    pusher: str
    log: bytes
    row: StoredRow
    held_checkpoint: str


def require(connection: "Connection[Any]") -> None:
    """Refuse a database that is no collection, or one of a later release.

    Raises:
        InvalidInput, UnsupportedVersion: it is.
    """
    found = schema.version(connection)
    if not found:
        raise InvalidInput("there is no collection in this database", hint="name the database that collect init made")
    if found > len(schema.MIGRATIONS):
        raise UnsupportedVersion(f"the collection is of version {found}, this release knows {len(schema.MIGRATIONS)}")


@contextmanager
def snapshot(connection: "Connection[Any]") -> Iterator[None]:
    """Read one state of the database for the length of a block; nothing is written in it."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def terminals(connection: "Connection[Any]") -> Generator[tuple[bytes, bytes]]:
    """Yield log id and public key of each enrolled terminal.

    Raises:
        InvalidProof: a log id is not that of its key, or they do not come in order.
    """
    last = b""
    while rows := connection.execute(_TERMINALS, (last, NAMES_AT_ONCE)).fetchall():
        for name, key in rows:
            if log_id(bytes(key)) != bytes(name):
                raise InvalidProof(f"the collection has another terminal's key for log {bytes(name).hex()}")
            if bytes(name) <= last:
                raise InvalidProof("the collection gives terminals out of order")
            last = bytes(name)
            yield last, bytes(key)


def head(connection: "Connection[Any]", public_key: bytes, collector: Cosigner) -> Cosigned | None:
    """Return how far a log is kept; None: nothing of it is.

    Raises:
        InvalidProof, InvalidSignature: it is not signed by both, or not of the size that it is filed under, or there
            are records that this collector did not cosign.
    """
    log = log_id(public_key)
    row = connection.execute(_HEAD, (MAX_NOTE_CHARACTERS, log, collector.to_text())).fetchone()
    found = None if row is None else _cosigned(row, public_key, collector)
    size = found.checkpoint.size if found else 0
    behind = connection.execute(_BEHIND, (log, size)).fetchone()
    if behind is None:
        return found
    if found is None and connection.execute(_SIGNED, (log,)).fetchone():
        raise InvalidSignature(f"expected a cosignature by {collector.to_text()}, got others", hint=_REPLACED)
    raise InvalidProof(
        f"the collection has record {behind[0]}, and of the log {counted(size, 'record')} cosigned by {collector.name}",
        hint=_REPLACED,
    )


def notes(connection: "Connection[Any]", public_key: bytes, collector: Cosigner, size: int) -> Generator[Cosigned]:
    """Yield every checkpoint of a log up to a size that a collector cosigned, the smallest first.

    What the schema's first version kept has no key beside it; what of that another collector cosigned is left out.

    Raises:
        InvalidProof, InvalidSignature: one is not signed by both, or not of the size that it is filed under; or they
            do not come in order.
    """
    wanted, last = (MAX_NOTE_CHARACTERS, log_id(public_key), collector.to_text()), -1
    while rows := connection.execute(_NOTES, (*wanted, last, size, NAMES_AT_ONCE)).fetchall():
        for size_of, note, whose in rows:
            if size_of <= last:
                raise InvalidProof("the collection gives cosigned checkpoints out of order")
            last = size_of
            if whose or latest(str(note), collector) is not None:
                yield _cosigned((size_of, note), public_key, collector)


def _cosigned(row: tuple[Any, ...], public_key: bytes, collector: Cosigner) -> Cosigned:
    size, note = row
    found = door.cosigned(str(note), public_key, collector)
    if found.checkpoint.size != size:
        raise InvalidProof(
            f"the cosigned checkpoint of {counted(size, 'record')} is one of {counted(found.checkpoint.size, 'record')}"
        )
    return found


def rows(connection: "Connection[Any]", log: bytes, size: int) -> Generator[StoredRow]:
    """Yield the first rows of a log, in order.

    Raises:
        RecordMissing: one is not there.
        InvalidRecord: one has more bytes than a record may have.
    """
    start = 0
    while start < size:
        asked = {"log": log, "start": start, "end": size, "rows": ROWS_AT_ONCE, **_BOUNDS}
        page = connection.execute(_ROWS.encode(), asked).fetchall()
        for row in page:
            if row[0] != start:
                break
            if len(row[1]) > MAX_RECORD_BYTES:
                raise InvalidRecord(f"record {start} has more than {MAX_RECORD_BYTES} bytes")
            yield (row[0], bytes(row[1]), row[2], row[3], row[4])
            start += 1
        if start < size and (len(page) < ROWS_AT_ONCE or page[-1][0] >= start):
            raise RecordMissing(f"record {start} is not there, and the collector cosigned {counted(size, 'record')}")


def row(connection: "Connection[Any]", log: bytes, seq: int) -> StoredRow | None:
    """Return one row of a log, as it is; None: there is none."""
    asked = {"log": log, "start": seq, "end": seq + 1, "rows": 1, **_BOUNDS}
    found = connection.execute(_ROWS.encode(), asked).fetchone()
    return None if found is None else (found[0], bytes(found[1]), found[2], found[3], found[4])


def evidence_counts(connection: "Connection[Any]") -> dict[bytes, int]:
    """Return how many rows are kept apart, of each enrolled log of which any is."""
    return {bytes(log): int(count) for log, count in connection.execute(_COUNTS).fetchall()}


def evidence(connection: "Connection[Any]") -> Generator[Evidence]:
    """Yield the rows that are kept apart, the oldest first.

    Raises:
        InvalidProof: they do not come in order.
    """
    last = 0
    while page := connection.execute(_EVIDENCE.encode(), {"start": last, "rows": ROWS_AT_ONCE, **_BOUNDS}).fetchall():
        for number, at, kind, reason, pushed_at, pusher, log, seq, data, *texts in page:
            if number <= last:
                raise InvalidProof("the collection gives evidence out of order")
            last = number
            *signed, held = texts
            pushed = (seq, bytes(data), signed[0], signed[1], signed[2])
            yield Evidence(
                number, at.isoformat(timespec="seconds"), kind, reason, pushed_at.isoformat(timespec="seconds"),
                pusher, bytes(log), pushed, held,
            )  # fmt: skip
