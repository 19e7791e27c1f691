# SPDX-License-Identifier: Apache-2.0
"""Connections to the database of a ledger, and what its errors mean to people.

Rules:

1. ``synchronous=FULL`` on every connection: a committed record survives a power cut.
2. What can only be read is read, but never without its newest records.
3. Whatever SQLite or the file system says leaves as a :class:`LedgerUnwritable` or a :class:`LedgerBusy`.

It knows no record.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from breakglass_shamir.errors import LedgerBusy, LedgerUnwritable

BUSY_TIMEOUT_S = 5.0
"""How long an append waits for another process."""

DAMAGED_HINT = "keep the file for the auditor and begin a new home: breakglass --home DIR init"

BUSY = "another program is writing to this ledger and does not finish"
"""What a :class:`LedgerBusy` says."""


def connect(path: Path, mode: str, probe: str = "SELECT 1", *, wait_s: float = BUSY_TIMEOUT_S) -> sqlite3.Connection:
    """Connect, and close again what does not answer a probe."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True, timeout=wait_s, isolation_level=None,
    )  # fmt: skip
    try:
        for statement in ("PRAGMA synchronous=FULL", "PRAGMA fullfsync=ON", probe):
            connection.execute(statement).fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_existing(path: Path) -> sqlite3.Connection:
    """Open for writing where possible, else for reading, even on a read-only file system.

    Never without the newest records: where their ``-wal`` file cannot be read, it says so.
    """
    recent = path.with_name(path.name + "-wal")
    for mode in ("rw", "ro", "ro&immutable=1"):
        if "immutable" in mode and recent.exists() and recent.stat().st_size:
            raise LedgerUnwritable(
                f"the ledger {path} has newer records in {recent.name}, which cannot be read where it is",
                hint="copy the whole home to a place that can be written, and name it with --home",
            )
        try:
            connection = connect(path, mode, "SELECT count(*) FROM records")
        except sqlite3.Error as error:
            if is_busy(error):
                raise LedgerBusy(BUSY) from error
            continue
        return connection
    raise LedgerUnwritable(
        f"the ledger {path} could not be read: it is damaged or not ours",
        hint=DAMAGED_HINT,
    )


@contextmanager
def durably() -> Iterator[None]:
    """Turn what SQLite says into what the officer needs to know."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if is_busy(error):
            raise LedgerBusy(BUSY) from error
        raise LedgerUnwritable(f"the ledger could not be written ({error})") from error
    except sqlite3.DatabaseError as error:
        raise LedgerUnwritable(f"the ledger is damaged ({error})") from error
    except OSError as error:
        raise LedgerUnwritable(f"the ledger could not be written ({error.strerror})") from error


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another program is in the way, and nothing else."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
