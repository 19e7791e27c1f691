# SPDX-License-Identifier: Apache-2.0
"""The ledger on one terminal: SQLite, append-only, durable before ``append`` returns.

Rules:

1. One transaction per record: record, signatures, tree nodes, checkpoint. ``synchronous=FULL`` and WAL, so a
   committed record survives a power cut.
2. Triggers refuse UPDATE, DELETE and REPLACE on everything stored. They stop mistakes, not a raw connection that
   drops them; against that stands the verification.
3. A record is applied to the state before it is stored; an illegal one is refused and leaves no trace.
4. Two processes never interleave: each append takes the write lock first, then catches up with what the
   other stored.
5. Whatever keeps a record from being durable is a :class:`LedgerUnwritable` or a :class:`LedgerBusy`. What that
   means for the credential is for the caller to say; this module does not know whether it was revealed.
6. A ledger is opened with the key that began it or not at all: one record of another log would spoil it for good.
7. Where the file ``MOVED`` lies beside it, the ledger goes on in another place and nothing is appended here.

It signs with the terminal key, and with a set key when a quorum is at hand; it keeps no set key.
"""

import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from breakglass_shamir.crypto import keys, merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.custody import lifecycle
from breakglass_shamir.custody import record as records
from breakglass_shamir.custody.drill_rules import drill_envelope
from breakglass_shamir.custody.record import AnyBody, Record
from breakglass_shamir.custody.state import LedgerState
from breakglass_shamir.errors import (
    FileExists,
    IllegalState,
    InvalidRecord,
    InvalidSignature,
    KeyMismatch,
    LedgerBusy,
    LedgerElsewhere,
    LedgerUnwritable,
    NoHome,
)
from breakglass_shamir.formats.envelope import Checkpoint as PrintedCheckpoint
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.entry import Entry, log_id, origin

FILE_NAME = "ledger.sqlite"
"""The database, inside the home folder."""

MOVED_NAME = "MOVED"
"""Beside a database that goes on elsewhere; it says where."""

BUSY_TIMEOUT_S = 5.0
"""How long an append waits for another process."""

SCHEMA_VERSION = 1
"""PRAGMA user_version."""

_BUSY = "another program is writing to this ledger and does not finish"
_DAMAGED_HINT = "keep the file for the auditor and begin a new home: breakglass --home DIR init"

_SCHEMA = """
CREATE TABLE records (
  seq INTEGER PRIMARY KEY,
  data BLOB NOT NULL,
  terminal_signature TEXT NOT NULL,
  quorum_signature TEXT NOT NULL,
  checkpoint TEXT NOT NULL
) STRICT;
CREATE TABLE nodes (
  level INTEGER NOT NULL,
  position INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER records_no_update BEFORE UPDATE ON records
  BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_no_delete BEFORE DELETE ON records
  BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_no_replace BEFORE INSERT ON records WHEN EXISTS (SELECT 1 FROM records WHERE seq = NEW.seq)
  BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER nodes_no_update BEFORE UPDATE ON nodes
  BEGIN SELECT RAISE(ABORT, 'nodes are append-only'); END;
CREATE TRIGGER nodes_no_delete BEFORE DELETE ON nodes
  BEGIN SELECT RAISE(ABORT, 'nodes are append-only'); END;
CREATE TRIGGER nodes_no_replace BEFORE INSERT ON nodes
  WHEN EXISTS (SELECT 1 FROM nodes WHERE level = NEW.level AND position = NEW.position)
  BEGIN SELECT RAISE(ABORT, 'nodes are append-only'); END;
"""

_SELECT_FROM = """
SELECT seq, data, terminal_signature, quorum_signature, checkpoint FROM records WHERE seq >= ? ORDER BY seq
"""


class Ledger:
    """An open ledger; a context manager that closes it."""

    def __init__(self, connection: sqlite3.Connection, path: Path, terminal_key: Secret) -> None:
        """Use :meth:`create` or :meth:`open` instead."""
        self.path = path
        self._connection = connection
        self._key = terminal_key
        self.public_key = keys.ed25519_public(terminal_key)
        self._state = LedgerState()
        self._size = 0
        self._last_digest = ""

    @classmethod
    def create(cls, path: Path, terminal_key: Secret) -> "Ledger":
        """Make an empty database file.

        Raises:
            LedgerUnwritable: it could not be made.
        """
        with _durably():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = _connect(path, "rwc")
            try:
                connection.executescript(
                    f"PRAGMA journal_mode=WAL; PRAGMA user_version={SCHEMA_VERSION}; BEGIN; {_SCHEMA} COMMIT;"
                )
            except sqlite3.Error:
                connection.close()
                raise
        return cls(connection, path, terminal_key)

    @classmethod
    def open(cls, path: Path, terminal_key: Secret) -> "Ledger":
        """Open a database file and add up its records; a read-only one can be read.

        Raises:
            NoHome: there is no such file.
            InvalidRecord: what is stored does not add up, with the record's number.
            KeyMismatch: another key began it.
            LedgerUnwritable, LedgerBusy: the file is damaged, or held by another program.
        """
        if not path.is_file():
            raise NoHome(f"expected a ledger at {path}, found none")
        ledger = cls(_open_existing(path), path, terminal_key)
        try:
            ledger.catch_up()
            ledger._check_start()
        except BaseException:
            ledger._connection.close()
            raise
        return ledger

    @property
    def state(self) -> LedgerState:
        """What the records add up to, as of the last :meth:`catch_up` or append."""
        return self._state

    @property
    def size(self) -> int:
        """Number of records, likewise."""
        return self._size

    @property
    def log_id(self) -> bytes:
        """This log's 8-byte id."""
        return log_id(self.public_key)

    def catch_up(self) -> LedgerState:
        """Add up the records that other processes stored meanwhile."""
        for entry in self.entries(self._size):
            try:
                self._advance(entry.data, entry.record)
            except (IllegalState, InvalidRecord) as error:
                raise InvalidRecord(f"record {self._size}: {error}", hint=_DAMAGED_HINT) from error
        return self._state

    def entries(self, start: int = 0) -> Generator[Entry]:
        """Yield stored entries from number ``start`` on.

        Raises:
            InvalidRecord: stored bytes are not a record.
            LedgerUnwritable: the file is damaged.
        """
        with _durably():
            rows = self._connection.execute(_SELECT_FROM, (start,))
            for seq, data, terminal_signature, quorum_signature, checkpoint in rows:
                try:
                    record = records.parse(data)
                except InvalidRecord as error:
                    raise InvalidRecord(f"record {seq}: {error}", hint=_DAMAGED_HINT) from error
                yield Entry(data, record, terminal_signature, quorum_signature, checkpoint)

    def node(self, level: int, position: int) -> bytes:
        """Return a stored tree node."""
        row = self._connection.execute(
            "SELECT hash FROM nodes WHERE level = ? AND position = ?", (level, position)
        ).fetchone()
        return bytes(row[0]) if row else b""

    def nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield every stored tree node: level, position, hash."""
        yield from self._connection.execute("SELECT level, position, hash FROM nodes")

    def checkpoint(self) -> PrintedCheckpoint:
        """Return the tree as it stands, in the form a sheet witnesses."""
        return PrintedCheckpoint(self.log_id, self._size, self.root_at(self._size))

    def root_at(self, size: int) -> bytes:
        """Return the tree's root over its first ``size`` records."""
        return merkle.root(size, self.node)

    def append(self, body: AnyBody, *, set_name: str = "", opening: str = "", set_key: Secret | None = None) -> Entry:
        """Make a record durable.

        Args:
            body: what happened.
            set_name: the set it is about.
            opening: the opening it belongs to, hexadecimal.
            set_key: signs too, where only a quorum could make this record.

        Raises:
            IllegalState: the record may not follow; nothing was stored.
            LedgerUnwritable, LedgerBusy: it could not be made durable.
            LedgerElsewhere: the ledger was moved meanwhile.
        """
        with _durably():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                refuse_moved(self.path.parent)
                self.catch_up()
                entry, state = self._make(body, set_name, opening, set_key)
                self._insert(entry)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        self._state, self._size, self._last_digest = state, self._size + 1, entry.digest
        return entry

    def copy_to(self, path: Path) -> None:
        """Copy the database to another file; a copy that failed is removed.

        Raises:
            FileExists: the file is there already.
            LedgerUnwritable: it could not be written.
        """
        if path.exists():
            raise FileExists(f"a ledger is already at {path}")
        try:
            self._copy(path)
        except (LedgerUnwritable, LedgerBusy):
            path.unlink(missing_ok=True)
            raise

    def settle(self) -> None:
        """Put every record into the one file, so that it can be renamed.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be done.
        """
        with _durably():
            (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerBusy(f"another program has {self.path} open and does not finish")

    def _copy(self, path: Path) -> None:
        with _durably():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            target = _connect(path, "rwc")
            try:
                self._connection.backup(target)
                target.execute("PRAGMA journal_mode=WAL")
            finally:
                target.close()

    def close(self) -> None:
        """Close the database and wipe the terminal key."""
        self._connection.close()
        self._key.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_start(self) -> None:
        """Refuse a log that does not begin with its start, or that another key began."""
        with closing(self.entries()) as entries:
            first = next(entries, None)
        if first is None:
            return
        try:
            body = check_first(first.record)
        except InvalidRecord as error:
            raise InvalidRecord(f"record 0: {error}", hint=error.hint) from error
        if first.record.log != self.log_id.hex() or sshsig.public_of_line(body.public_key) != self.public_key:
            raise KeyMismatch(
                f"the terminal key beside {self.path} is not the one that began this ledger",
                hint="put its own key back; where that is lost, keep the ledger for the auditor and begin a new home",
            )

    def _make(self, body: AnyBody, set_name: str, opening: str, set_key: Secret | None) -> tuple[Entry, LedgerState]:
        moment = clock.now()
        record = Record(
            v=records.VERSION, log=self.log_id.hex(), seq=self._size, previous=self._last_digest,
            root=self.root_at(self._size).hex(), time=moment.time, boot=moment.boot, uptime_ms=moment.uptime_ms,
            set=set_name, opening=opening, body=body,
        )  # fmt: skip
        data = record.to_bytes()
        state = lifecycle.apply(self._state, data, record)
        quorum_signature = self._sign_as_quorum(body, data, state, set_name, set_key)
        signature = sshsig.sign(self._key, data, sshsig.RECORD_NAMESPACE)
        return Entry(data, record, signature, quorum_signature, self._sign_checkpoint(data)), state

    def _sign_as_quorum(
        self, body: AnyBody, data: bytes, state: LedgerState, set_name: str, set_key: Secret | None
    ) -> str:
        due = signature_due(state, set_name, body)
        if due is None:
            return ""
        if set_key is None:
            raise IllegalState("this record needs a quorum's signature")
        expected, namespace = due
        if keys.ed25519_public(set_key) != expected:
            raise InvalidSignature("the quorum's key is not the one of the epoch that was opened")
        return sshsig.sign(set_key, data, namespace)

    def _sign_checkpoint(self, data: bytes) -> str:
        fresh = {(level, position): value for level, position, value in self._nodes_for(data)}
        size = self._size + 1
        root = merkle.root(size, lambda level, position: fresh.get((level, position)) or self.node(level, position))
        name = origin(self.public_key)
        return sign_note(Checkpoint(name, size, root).to_text(), name, self._key)

    def _nodes_for(self, data: bytes) -> list[tuple[int, int, bytes]]:
        return merkle.new_nodes(self._size, merkle.leaf_hash(data), self.node)

    def _insert(self, entry: Entry) -> None:
        self._connection.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?)",
            (self._size, entry.data, entry.terminal_signature, entry.quorum_signature, entry.checkpoint),
        )
        self._connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", self._nodes_for(entry.data))

    def _advance(self, data: bytes, record: Record) -> None:
        self._state = lifecycle.apply(self._state, data, record)
        self._size += 1
        self._last_digest = records.digest(data)


def check_first(record: Record) -> records.LedgerStarted:
    """Return what the first record of a log says.

    Raises:
        InvalidRecord: it is not the start of a log.
    """
    if not isinstance(record.body, records.LedgerStarted):
        raise InvalidRecord("expected the start of a ledger, got another record", hint=_DAMAGED_HINT)
    return record.body


def has_no_record(path: Path) -> bool:
    """Tell whether a file is what an interrupted start leaves behind: nothing, or a ledger without any record."""
    recent = path.with_name(path.name + "-wal")
    if path.stat().st_size == 0:
        return not (recent.exists() and recent.stat().st_size)
    try:
        with closing(_connect(path, "ro")) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "records" not in names:
                return not names
            return bool(connection.execute("SELECT count(*) FROM records").fetchone() == (0,))
    except sqlite3.Error:
        return False


def refuse_moved(folder: Path) -> None:
    """Refuse a home whose ledger went on in another place.

    Raises:
        LedgerElsewhere: saying where.
    """
    note = folder / MOVED_NAME
    try:
        place = note.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return
    raise LedgerElsewhere(
        f"the ledger in {folder} was moved and goes on in {place}",
        hint=f"use: breakglass --home {place} ..., or remove the file {note} when that place is lost",
    )


def signature_due(state: LedgerState, set_name: str, body: AnyBody) -> tuple[bytes, str] | None:
    """Return whose signature a record needs beside the terminal's, and in which namespace; None: nobody's.

    Args:
        state: with the record applied.
        set_name: the record's set.
        body: what it says.
    """
    if isinstance(body, records.QUORUM_SIGNED):
        return signing_epoch_key(state, set_name), sshsig.QUORUM_NAMESPACE
    if isinstance(body, records.DRILL_SIGNED):
        epoch = state.of(set_name).epochs[body.epoch_id]
        return drill_envelope(epoch, set_name).set_public_key, sshsig.DRILL_NAMESPACE
    return None


def signing_epoch_key(state: LedgerState, set_name: str) -> bytes:
    """Return the set public key that signs for the opening under way, 32 bytes."""
    opening = state.of(set_name).active_opening
    return state.of(set_name).epochs[opening.epoch_id].envelope.set_public_key


def _connect(path: Path, mode: str, probe: str = "SELECT 1") -> sqlite3.Connection:
    """Connect, and close again what does not answer a probe."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None,
    )  # fmt: skip
    try:
        for statement in ("PRAGMA synchronous=FULL", "PRAGMA fullfsync=ON", probe):
            connection.execute(statement).fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _open_existing(path: Path) -> sqlite3.Connection:
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
            connection = _connect(path, mode, "SELECT count(*) FROM records")
        except sqlite3.Error as error:
            if _is_busy(error):
                raise LedgerBusy(_BUSY) from error
            continue
        return connection
    raise LedgerUnwritable(
        f"the ledger {path} could not be read: it is damaged or not ours",
        hint=_DAMAGED_HINT,
    )


@contextmanager
def _durably() -> Iterator[None]:
    """Turn what SQLite says into what the officer needs to know."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _is_busy(error):
            raise LedgerBusy(_BUSY) from error
        raise LedgerUnwritable(f"the ledger could not be written ({error})") from error
    except sqlite3.DatabaseError as error:
        raise LedgerUnwritable(f"the ledger is damaged ({error})") from error
    except OSError as error:
        raise LedgerUnwritable(f"the ledger could not be written ({error.strerror})") from error


def _is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another program is in the way, and nothing else."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
