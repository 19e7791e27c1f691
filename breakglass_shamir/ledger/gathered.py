# SPDX-License-Identifier: Apache-2.0
"""A log of which somebody else keeps every row: read into a temporary database, proven to be of a checkpoint.

Rules:

1. It is read as a bundle is: memory does not grow with it, and nothing of it is shown before all of it has the root of
   the checkpoint, which whoever calls has verified.
2. Rows that do not have that root are verified one by one, so that the first that does not hold is named.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint
from breakglass_shamir.custody.life import bundle_file
from breakglass_shamir.custody.life.bundle_file import Head
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.errors import InvalidProof, InvalidRecord, LedgerUnwritable, RecordMissing
from breakglass_shamir.ledger import verify
from breakglass_shamir.ledger.bundled import ADD_NODE, ADD_RECORD, TABLES, Bundle, BundledLog
from breakglass_shamir.ledger.entry import StoredRow, entry_of, log_id
from breakglass_shamir.plural import counted

CACHE_KIB = 16 * 1024
"""Memory for pages of one temporary database."""

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a log that somebody keeps.

    Attributes:
        source: where it is, in words.
        public_key: the terminal's, 32 bytes.
        checkpoint: of all its rows; verified.
        note: that it was read from, verbatim.
        cosigned: who cosigned it, and when, in words.
        time: when it is read.
    """

    source: str
    public_key: bytes
    checkpoint: Checkpoint
    note: str
    cosigned: str
    time: str


def gather(kept: Kept, rows: Iterable[StoredRow], *, cache_kib: int = CACHE_KIB) -> BundledLog:
    """Read every row of a log and prove them to be of its checkpoint; close what is returned.

    Args:
        kept: what is known of it.
        rows: all of them, from the first on.
        cache_kib: memory for pages of the temporary database.

    Raises:
        RecordMissing: a row is not there, or not where it belongs.
        IntegrityError: the rows are not of the checkpoint; the first that does not hold is named.
        LedgerUnwritable: there is no room for the temporary database.
    """
    connection = sqlite3.connect("", isolation_level=None)
    try:
        connection.executescript(TABLES)
        connection.execute(f"PRAGMA cache_size=-{cache_kib:d}")
        connection.execute("BEGIN")
        terminal, root, count = _take(connection, kept.public_key, rows)
        connection.execute("COMMIT")
        log = BundledLog(connection, kept.public_key, _bundle(kept, terminal, count))
        if (count, root) != (kept.checkpoint.size, kept.checkpoint.root):
            _refuse(log, count, kept.checkpoint.size)
    except sqlite3.Error as error:
        connection.close()
        raise LedgerUnwritable(
            f"{kept.source} could not be read into a temporary file ({error})",
            hint="make room, or name a folder with TMPDIR",
        ) from error
    except BaseException:
        connection.close()
        raise
    return log


def _refuse(log: BundledLog, count: int, size: int) -> NoReturn:
    """Say what does not hold.

    Raises:
        IntegrityError: always.
    """
    verify.verify_first(log, count, full=True)
    raise InvalidProof(
        f"what is kept, {counted(count, 'record')}, is another history than that of the checkpoint of "
        f"{counted(size, 'record')}"
    )


def _take(connection: sqlite3.Connection, key: bytes, rows: Iterable[StoredRow]) -> tuple[str, bytes, int]:
    """Store rows and the nodes of their tree; returns the terminal's name, the tree's root, and how many there are."""
    tree, terminal, left = merkle.PartialTree(), "", iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        for row in some:
            name = _look(row, tree.size, log_id(key).hex())
            terminal = terminal or name
            connection.executemany(ADD_NODE, tree.append(0, merkle.leaf_hash(row[1])))
        connection.executemany(ADD_RECORD, some)
    return terminal, tree.root(), tree.size


def _look(row: StoredRow, seq: int, log: str) -> str:
    """Look at a row where it stands; returns the terminal's name of the first one.

    Raises:
        RecordMissing: another row stands there.
        InvalidRecord: it is none of this log.
    """
    if row[0] != seq:
        raise RecordMissing(f"expected record {seq}, got {row[0]}")
    record = entry_of(row).record
    if (record.seq, record.log) != (seq, log):
        raise InvalidRecord(f"expected record {seq} of log {log}, got record {record.seq} of log {record.log}")
    if seq:
        return ""
    if not isinstance(record.body, LedgerStarted):
        raise InvalidRecord("record 0 is not the start of a log")
    return record.body.terminal


def _bundle(kept: Kept, terminal: str, count: int) -> Bundle:
    head = Head(
        v=bundle_file.VERSION, terminal=terminal, public_key=sshsig.public_line(kept.public_key, ""),
        size=kept.checkpoint.size, root=kept.checkpoint.root.hex(), checkpoint=kept.note, first=0,
        last=kept.checkpoint.size - 1, set="", since="", until="", time=kept.time,
    )  # fmt: skip
    return Bundle(kept.source, head, count, 0, kept.checkpoint.root.hex(), (), kept.cosigned)
