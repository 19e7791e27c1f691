# SPDX-License-Identifier: Apache-2.0
"""The ledger on one terminal: SQLite, append-only, durable and found again before ``append`` returns.

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
7. Where the file ``MOVED`` lies beside it, signed by this terminal, the ledger goes on in another place and nothing is
   appended here.
8. Rows beside a record never keep it from being stored: where they cannot be made, the record stands without them
   and ``beside_problem`` says why; whoever owns them makes them up from the records.
9. Durable means found again: before a record is stored the path leads to the files that are open (:mod:`.standing`),
   and afterwards a fresh connection through the path finds it (:mod:`.fresh`). One that was stored and is not found is
   kept as ``unfound``: it is in the open files and nowhere else, and counts only once these were copied.
10. Programs that write wait for their turn (:mod:`.turns`).

It signs with the terminal key, and with a set key when a quorum is at hand; it keeps no set key.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from breakglass_shamir.crypto import keys, merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note, sign_note
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import guard
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import Opened
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.errors import (
    BreakglassError,
    FileExists,
    IllegalState,
    InvalidRecord,
    InvalidSignature,
    KeyMismatch,
    LedgerBusy,
    LedgerUnwritable,
    NoHome,
    RefusedError,
)
from breakglass_shamir.formats.envelope import Checkpoint as PrintedCheckpoint
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock, moved
from breakglass_shamir.ledger.connection import BUSY, BUSY_TIMEOUT_S, DAMAGED_HINT, connect, durably, open_existing
from breakglass_shamir.ledger.entry import Entry, origin
from breakglass_shamir.ledger.schema import SCHEMA, SCHEMA_VERSION, Beside
from breakglass_shamir.ledger.signatures import check_first, signature_due
from breakglass_shamir.ledger.standing import KeyInPlace, Standing
from breakglass_shamir.ledger.stored import KnownLog
from breakglass_shamir.ledger.times import Runs
from breakglass_shamir.ledger.turns import TURNS_NAME, Turns

if TYPE_CHECKING:
    from breakglass_shamir.formats.receipt import Receipt

FILE_NAME = "ledger.sqlite"
"""The database, inside the home folder."""

HOLD_WAIT_S = 0.5
"""How long to wait for others before a ledger is copied all the same."""

WHOLE_LOOK = (Opened,)
"""Record types after which every record is looked for, and not only the last one: a reveal follows."""


class Ledger(KnownLog):
    """An open ledger; a context manager that closes it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        terminal_key: Secret,
        beside: Beside | None = None,
        key_in_place: KeyInPlace | None = None,
        turns: Turns | None = None,
    ) -> None:
        """Use :meth:`create` or :meth:`open` instead."""
        self.path = path
        self.beside = beside
        self.beside_problem = ""
        self.unfound: Entry | None = None
        """The last record, where it was stored and is not found again."""

        super().__init__(connection, keys.ed25519_public(terminal_key))
        self._standing, self._key_in_place, self._turns = Standing(path), key_in_place, turns
        self._key = terminal_key
        self.runs = Runs()
        """Of the machine, as the records that were read show them."""

        self._state = LedgerState()
        self._covered = 0
        """Records that a checkpoint of this terminal covers which was verified when the file was opened."""

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
            return cls(connection, path, terminal_key)._learned()

    @classmethod
    def open(
        cls, path: Path, terminal_key: Secret, beside: Beside | None = None, *, key_file: Path | None = None,
        only_reads: bool = False,
    ) -> "Ledger":  # fmt: skip
        """Open a database file and add up its records; a read-only one can be read.

        Args:
            path: the file.
            terminal_key: the key that began it.
            beside: tables that are filled in the transaction of each record.
            key_file: where the next command reads that key; None: where it is not known yet.
            only_reads: whether nothing is appended or opened with what it says. One signature of the terminal over
                all records then stands for those of their envelopes, which it verified; where it does not hold, each
                envelope is verified.

        Raises:
            NoHome: there is no such file.
            InvalidRecord: what is stored does not add up, with the record's number.
            KeyMismatch: another key began it.
            LedgerUnwritable, LedgerBusy: the file is damaged, or held by another program.
        """
        ledger = cls.open_unread(path, terminal_key, beside, key_file=key_file)
        try:
            with ledger.snapshot() if only_reads else nullcontext():
                ledger._covered = ledger._count_covered() if only_reads else 0
                ledger.catch_up()
            ledger.check_start()
        except BaseException:
            ledger._connection.close()
            raise
        return ledger

    @classmethod
    def open_unread(
        cls, path: Path, terminal_key: Secret, beside: Beside | None = None, *, key_file: Path | None = None
    ) -> "Ledger":
        """Open a database file whose records may not add up, to tell what is wrong with it.

        Nothing is read yet; :meth:`catch_up` does that.

        Raises:
            NoHome: there is no such file.
            LedgerUnwritable, LedgerBusy: the file is damaged, or held by another program.
        """
        if not path.is_file():
            raise NoHome(f"expected a ledger at {path}, found none")
        with durably():
            in_place = KeyInPlace(key_file, terminal_key) if key_file else None
            turns = Turns(path.with_name(TURNS_NAME)) if path.name == FILE_NAME else None
            return cls(open_existing(path), path, terminal_key, beside, in_place, turns)._learned()

    def _learned(self) -> Self:
        """Learn which files are open; what lies at the path must be among them.

        Raises:
            LedgerUnwritable: it was replaced meanwhile.
        """
        try:
            self._standing.learn()
        except BaseException:
            self._connection.close()
            raise
        return self

    @property
    def state(self) -> LedgerState:
        """What the records add up to, as of the last :meth:`catch_up` or append."""
        return self._state

    @property
    def size(self) -> int:
        """Number of records, likewise."""
        return self._size

    def catch_up(self) -> LedgerState:
        """Add up the records that other processes stored meanwhile."""
        for entry in self.entries(self._size):
            try:
                self._advance(entry.data, entry.record)
            except (RefusedError, InvalidRecord) as error:
                raise InvalidRecord(f"record {self._size}: {error}", hint=DAMAGED_HINT) from error
        return self._state

    def _count_covered(self) -> int:
        """Return how many records the terminal signed the tree of, computed from their bytes; 0: it does not hold."""
        tree, name, newest = merkle.RootBuilder(), origin(self.public_key), ""
        try:
            for _, data, _, _, checkpoint in self.rows():
                if not isinstance(data, bytes) or not isinstance(checkpoint, str):
                    return 0  # by another hand, in a table of its own
                tree.append(merkle.leaf_hash(data))
                newest = checkpoint
            signed = open_note(newest, name, self.public_key)
        except BreakglassError:
            return 0
        return tree.size if signed == Checkpoint(name, tree.size, tree.root()).to_text() else 0

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

    def sign_receipt(self, receipt: "Receipt") -> "Receipt":
        """Return a receipt of this log with the terminal's signature."""
        return receipt.signed_by(self._key)

    def sign_statement(self, text: str) -> str:
        """Return the terminal's signature over what it tells another one of a set."""
        from breakglass_shamir.custody.life.statement import NAMESPACE

        return sshsig.sign(self._key, text.encode(), NAMESPACE)

    def sign_kit(self, sums: bytes) -> str:
        """Return the terminal's signature over the checksums of a recovery kit."""
        return sshsig.sign(self._key, sums, sshsig.KIT_NAMESPACE)

    def sign_bundle(self, sha256: str) -> str:
        """Return the terminal's signature over the SHA-256 of a bundle, hexadecimal."""
        return sshsig.sign(self._key, sha256.encode(), sshsig.BUNDLE_NAMESPACE)

    def sign_telling(self, data: bytes) -> str:
        """Return the terminal's signature over what it tells other terminals of an epoch."""
        return sshsig.sign(self._key, data, sshsig.TELLING_NAMESPACE)

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
            LedgerUnwritable, LedgerBusy: it could not be made durable, or is not found again.
            LedgerElsewhere: the ledger was moved meanwhile.
        """
        self.unfound = None
        with self.transaction():
            self._require_place()
            self.catch_up()
            entry, state = self._make(guard.recordable(body), set_name, opening, set_key)
            self._insert(entry)
            self._insert_beside(entry, state)
        self._state, self._size, self._last_digest = state, self._size + 1, entry.digest
        self.runs.step(entry.record)
        self.unfound = entry
        self.require_found(whole=isinstance(body, WHOLE_LOOK))
        self.unfound = None
        return entry

    def require_found(self, *, whole: bool = False) -> None:
        """Look afresh, through the path, for the last record that is known here.

        Args:
            whole: look for every record before it, too.

        Raises:
            LedgerUnwritable, LedgerBusy: it is not found, or the path leads elsewhere.
            LedgerElsewhere: the ledger was moved meanwhile.
        """
        from breakglass_shamir.ledger import fresh

        self._require_place()
        root = self.root_at(self._size)
        own = self if whole else None
        fresh.require_record(self._standing.path, self._size, self._last_digest, root, whole=own)
        self._require_place()

    def _require_place(self) -> None:
        self._standing.require()
        if self._key_in_place is not None:
            self._key_in_place.require()
        moved.refuse(self._standing.path.parent, self.public_key, self)

    def knows(self, data: bytes) -> bool:
        """Tell whether bytes are those of the last record that is known here."""
        return records.digest(data) == self._last_digest

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other programs from appending meanwhile, where that can be had soon.

        It takes another connection: one that writes cannot be copied from.
        """
        with ExitStack() as stack:
            with suppress(sqlite3.Error, LedgerUnwritable):
                self._standing.require()
                other = stack.enter_context(closing(connect(self._standing.path, "rw", wait_s=HOLD_WAIT_S)))
                other.execute("BEGIN IMMEDIATE")
            yield

    def key_pem(self) -> bytes:
        """Return the terminal key as its file holds it; for a ledger that goes on in another place."""
        return keys.seed_to_pem(self._key)

    def moved_note(self, place: moved.Moved) -> bytes:
        """Return the note, signed, that this ledger goes on in another place."""
        return moved.write(place, self._key, self.public_key)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; what is done inside is durable afterwards, all of it or nothing.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be made durable.
        """
        with self._turn(), durably():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _turn(self) -> AbstractContextManager[None]:
        """Wait until nobody else writes; what the others recorded is added up meanwhile."""
        return self._turns.turn(self.catch_up) if self._turns else nullcontext()

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
                self._connection.backup(target, progress=_not_for_ever())
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
        self._state = lifecycle.apply(self._state, data, record, vouched=self._size < self._covered)
        self.runs.step(record)
        self._size += 1
        self._last_digest = records.digest(data)


def _not_for_ever() -> Callable[[int, int, int], None]:
    """Return what ends a copy that cannot begin: SQLite's would be tried again without end."""
    end = time.monotonic() + BUSY_TIMEOUT_S

    def look(status: int, _left: int, _of: int) -> None:
        if status not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE) and time.monotonic() > end:
            raise LedgerBusy(BUSY)

    return look
