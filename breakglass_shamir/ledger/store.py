# SPDX-License-Identifier: Apache-2.0
"""The ledger on one terminal: SQLite, append-only, durable before ``append`` returns.

Rules:

1. One transaction per record: record, signatures, tree nodes, checkpoint, and the rows that are kept beside it.
   ``synchronous=FULL`` and WAL, so a committed record survives a power cut.
2. Triggers refuse UPDATE, DELETE and REPLACE on everything stored. They stop mistakes, not a raw connection that
   drops them; against that stands the verification.
3. A record is applied to the state before it is stored; an illegal one is refused and leaves no trace.
4. Two processes never interleave: each append takes the write lock first, then catches up with what the
   other stored.
5. Whatever keeps a record from being durable is a :class:`LedgerUnwritable` or a :class:`LedgerBusy`. What that
   means for the credential is for the caller to say; this module does not know whether it was revealed.
6. A ledger is opened with the key that began it or not at all: one record of another log would spoil it for good.
7. Where the file ``MOVED`` lies beside it, the ledger goes on in another place and nothing is appended here.
8. Rows beside a record never keep it from being stored: where they cannot be made, the record stands without them
   and ``beside_problem`` says why; whoever owns them makes them up from the records.

It signs with the terminal key, and with a set key when a quorum is at hand; it keeps no set key.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from breakglass_shamir.crypto import keys, merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, sign_note
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.drill_rules import drill_envelope
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.life.statement import NAMESPACE as STATEMENT_NAMESPACE
from breakglass_shamir.custody.records import guard
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.record import AnyBody, Record
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
from breakglass_shamir.formats.receipt import Receipt
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.connection import DAMAGED_HINT, connect, durably, open_existing
from breakglass_shamir.ledger.entry import Entry, log_id, origin
from breakglass_shamir.ledger.schema import SCHEMA, SCHEMA_VERSION, Beside
from breakglass_shamir.ledger.stored import StoredLog
from breakglass_shamir.shell import breakglass

FILE_NAME = "ledger.sqlite"
"""The database, inside the home folder."""

MOVED_NAME = "MOVED"
"""Beside a database that goes on elsewhere; it says where."""


class Ledger(StoredLog):
    """An open ledger; a context manager that closes it."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, terminal_key: Secret, beside: Beside | None = None
    ) -> None:
        """Use :meth:`create` or :meth:`open` instead."""
        self.path = path
        self.beside = beside
        self.beside_problem = ""
        super().__init__(connection)
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
        with durably():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = connect(path, "rwc")
            try:
                connection.executescript(
                    f"PRAGMA journal_mode=WAL; PRAGMA user_version={SCHEMA_VERSION}; BEGIN; {SCHEMA} COMMIT;"
                )
            except sqlite3.Error:
                connection.close()
                raise
        return cls(connection, path, terminal_key)

    @classmethod
    def open(cls, path: Path, terminal_key: Secret, beside: Beside | None = None) -> "Ledger":
        """Open a database file and add up its records; a read-only one can be read.

        Args:
            path: the file.
            terminal_key: the key that began it.
            beside: tables that are filled in the transaction of each record.

        Raises:
            NoHome: there is no such file.
            InvalidRecord: what is stored does not add up, with the record's number.
            KeyMismatch: another key began it.
            LedgerUnwritable, LedgerBusy: the file is damaged, or held by another program.
        """
        ledger = cls.open_unread(path, terminal_key, beside)
        try:
            ledger.catch_up()
            ledger.check_start()
        except BaseException:
            ledger._connection.close()
            raise
        return ledger

    @classmethod
    def open_unread(cls, path: Path, terminal_key: Secret, beside: Beside | None = None) -> "Ledger":
        """Open a database file whose records may not add up, to tell what is wrong with it.

        Nothing is read yet; :meth:`catch_up` does that.

        Raises:
            NoHome: there is no such file.
            LedgerUnwritable, LedgerBusy: the file is damaged, or held by another program.
        """
        if not path.is_file():
            raise NoHome(f"expected a ledger at {path}, found none")
        return cls(open_existing(path), path, terminal_key, beside)

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
                raise InvalidRecord(f"record {self._size}: {error}", hint=DAMAGED_HINT) from error
        return self._state

    def check_start(self) -> None:
        """Refuse a log that does not begin with its start, or that another key began.

        Raises:
            InvalidRecord: it begins with another record.
            KeyMismatch: another key began it.
        """
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

    def sign_receipt(self, receipt: Receipt) -> Receipt:
        """Return a receipt of this log with the terminal's signature."""
        return receipt.signed_by(self._key)

    def sign_statement(self, text: str) -> str:
        """Return the terminal's signature over what it tells another one of a set."""
        return sshsig.sign(self._key, text.encode(), STATEMENT_NAMESPACE)

    def checkpoint(self) -> PrintedCheckpoint:
        """Return the tree as it stands, in the form a sheet witnesses."""
        return PrintedCheckpoint(self.log_id, self._size, self.root_at(self._size))

    def append(self, body: AnyBody, *, set_name: str = "", opening: str = "", set_key: Secret | None = None) -> Entry:
        """Make a record durable.

        Args:
            body: what happened.
            set_name: the set it is about.
            opening: the opening it belongs to, hexadecimal.
            set_key: signs too, where only a quorum could make this record.

        Raises:
            IllegalState: the record may not follow; nothing was stored.
            InvalidInput, LooksLikeShare: it holds what no record may; nothing was stored.
            LedgerUnwritable, LedgerBusy: it could not be made durable.
            LedgerElsewhere: the ledger was moved meanwhile.
        """
        with self.transaction():
            refuse_moved(self.path.parent)
            self.catch_up()
            entry, state = self._make(guard.recordable(body), set_name, opening, set_key)
            self._insert(entry)
            self._insert_beside(entry, state)
        self._state, self._size, self._last_digest = state, self._size + 1, entry.digest
        return entry

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; what is done inside is durable afterwards, all of it or nothing.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be made durable.
        """
        with durably():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

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
        with durably():
            (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise LedgerBusy(f"another program has {self.path} open and does not finish")

    def _copy(self, path: Path) -> None:
        with durably():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            target = connect(path, "rwc")
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

    def _insert_beside(self, entry: Entry, state: LedgerState) -> None:
        """Store the rows that are kept beside a record, or none of them."""
        if self.beside is None:
            return
        self._connection.execute("SAVEPOINT beside")
        try:
            for statement in self.beside.schema:
                self._connection.execute(statement)
            for statement, values in self.beside.rows(entry, state):
                self._connection.execute(statement, values)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not self._connection.in_transaction:
                raise  # the disk is full or failing, and SQLite gave the whole transaction up
            self._connection.execute("ROLLBACK TO beside")
            self.beside_problem = f"{type(error).__name__} beside record {entry.record.seq}"
        self._connection.execute("RELEASE beside")

    def _advance(self, data: bytes, record: Record) -> None:
        self._state = lifecycle.apply(self._state, data, record)
        self._size += 1
        self._last_digest = records.digest(data)


def check_first(record: Record) -> LedgerStarted:
    """Return what the first record of a log says.

    Raises:
        InvalidRecord: it is not the start of a log.
    """
    if not isinstance(record.body, LedgerStarted):
        raise InvalidRecord("expected the start of a ledger, got another record", hint=DAMAGED_HINT)
    return record.body


def has_no_record(path: Path) -> bool:
    """Tell whether a file is what an interrupted start leaves behind: nothing, or a ledger without any record."""
    recent = path.with_name(path.name + "-wal")
    if path.stat().st_size == 0:
        return not (recent.exists() and recent.stat().st_size)
    try:
        with closing(connect(path, "ro")) as connection:
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
        hint=f"use: {breakglass('...', home=place)}, or remove the file {note} when that place is lost",
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
