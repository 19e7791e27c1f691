# SPDX-License-Identifier: Apache-2.0
"""Another ledger, read to be held against one's own: public data alone, its key is not needed.

Rules:

1. Nothing is written beside it and no lock is taken: database and newest records are copied away, and the copy is read.
   One that is being written meanwhile is not read.
2. It is somebody else's file. Its tables must be those of a ledger, word for word, before anything in them is read; no
   value longer than a record can be is loaded.
3. Its key is the one that its first record names. Whether its records hold is for the verification to say.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.records.record import MAX_RECORD_BYTES
from breakglass_shamir.errors import InvalidInput, InvalidRecord
from breakglass_shamir.ledger.connection import connect
from breakglass_shamir.ledger.durable import identity
from breakglass_shamir.ledger.schema import SCHEMA
from breakglass_shamir.ledger.signatures import check_first
from breakglass_shamir.ledger.store import FILE_NAME
from breakglass_shamir.ledger.stored import SignedLog, StoredLog
from breakglass_shamir.ledger.unreadable import unreadable

HEADER = b"SQLite format 3\0"
"""First bytes of a database."""

MAX_BYTES = 4 << 30
"""Largest database that is copied: some million records."""

_TABLES = "SELECT name, type, sql FROM sqlite_master WHERE name IN ('records', 'nodes') ORDER BY name"
_TRIES = 5


def file_of(path: Path) -> Path:
    """Return the database that a home, or the path of a database, stands for."""
    return path / FILE_NAME if path.is_dir() else path


def is_ledger(path: Path, *, own: Path) -> bool:
    """Tell whether a path is a home with a ledger, or a database.

    Raises:
        InvalidInput: it is the very same file as ``own``.
    """
    source = file_of(path)
    try:
        # Before it is opened: to close a database again drops this process's locks on it (fcntl(2)).
        if identity(source.stat()) == identity(own.stat()):
            raise InvalidInput(f"{path} is the ledger that is verified", hint="name a copy of it, or another one")
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(descriptor, len(HEADER)) == HEADER
    except OSError:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def read(path: Path) -> Iterator[SignedLog]:
    """Read another ledger.

    Args:
        path: its home, or its database; :func:`is_ledger` was asked first.

    Raises:
        InvalidInput: it is no ledger, or it is being written.
        InvalidRecord: its first record is none.
    """
    source = file_of(path)
    with tempfile.TemporaryDirectory(prefix="breakglass-") as folder:
        copy = Path(folder) / FILE_NAME
        try:
            _copy(source, copy)
            with closing(connect(copy, "rw")) as connection:
                _require_tables(connection, path)
                log = StoredLog(connection)
                yield SignedLog(connection, _key(log))
        except OSError as error:
            raise unreadable(path, error) from error
        except sqlite3.Error as error:
            raise InvalidInput(f"{path} is no ledger that can be read ({error})") from error


def _copy(source: Path, copy: Path) -> None:
    """Copy a database and its newest records as they stand together.

    Raises:
        InvalidInput: they change all the time.
    """
    names = [(source.with_name(source.name + ending), copy.with_name(copy.name + ending)) for ending in ("", "-wal")]
    for _ in range(_TRIES):
        before = [_facts(one) for one, _ in names]
        if any(facts and facts[2] > MAX_BYTES for facts in before):
            raise InvalidInput(f"expected a ledger of at most {MAX_BYTES >> 30} GiB at {source}")
        for (one, other), facts in zip(names, before, strict=True):
            other.unlink(missing_ok=True)
            if facts:
                shutil.copyfile(one, other)
        if [_facts(one) for one, _ in names] == before:
            return
    raise InvalidInput(f"{source} is being written", hint="end the program that writes to it, or name a copy")


def _facts(path: Path) -> tuple[int, ...]:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return ()
    return (*identity(facts), facts.st_size, facts.st_mtime_ns)


def _require_tables(connection: sqlite3.Connection, path: Path) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * MAX_RECORD_BYTES)
    for statement in ("PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON"):
        connection.execute(statement)
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(SCHEMA)
        expected = model.execute(_TABLES).fetchall()
    if connection.execute(_TABLES).fetchall() != expected:
        raise InvalidInput(f"expected a ledger at {path}, found another database")


def _key(log: StoredLog) -> bytes:
    with closing(log.entries()) as entries:
        first = next(entries, None)
    if first is None:
        raise InvalidRecord("expected the start of a ledger, got an empty one")
    return sshsig.public_of_line(check_first(first.record).public_key)
