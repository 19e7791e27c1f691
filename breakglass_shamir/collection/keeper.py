# SPDX-License-Identifier: Apache-2.0
"""The collector: it verifies what was pushed, keeps what holds, cosigns it, and keeps the rest as evidence.

Rules:

1. Who a terminal is, its key says and not its login: a log is known by the public key that was pinned for it.
2. A row holds if the terminal signed its bytes, it names the record before it, and the tree with it has the root of a
   checkpoint that the terminal signed. Each checkpoint is so proven to extend the one before.
3. What the terminal signed and contradicts what is kept is a fork; it is kept whole, with the checkpoint that it
   contradicts. What it did not sign is an impersonation, and is kept with the login that pushed it. What it signed,
   but not together, is mixed: anybody can have put it together.
4. A record that only a quorum could make, and its signature that does not hold, are evidence too. Whose it must be
   follows from the records before it, which are added up as ``audit verify`` does.
5. A gap waits for a day; whoever pushed it begins again where the cosigned head ends. What is there already is dropped.
6. One log is worked on by one collector at a time; what is moved, cosigned and taken from staging is one transaction.
7. What a terminal tells others is kept if it signed it, and if its log is kept as far as it says.
8. A collector whose key did not cosign a log's head yet hashes every record of the log before it does.
9. A log that was damaged in the database is named, and keeps no other log waiting.

Whether a step was legal is not asked here, where no quorum signed it: that is for whoever verifies the log.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from breakglass_shamir.crypto import keys, merkle, sshsig
from breakglass_shamir.crypto.cosignature import Cosigner, cosign
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.life import lifecycle, telling
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import BreakglassError, Forked, InvalidProof, InvalidRecord, InvalidSignature
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin
from breakglass_shamir.ledger.signatures import signature_due

if TYPE_CHECKING:
    from psycopg import Connection

ROWS_AT_ONCE = 64
"""Rows that are taken from staging at a time."""

LOGS_AT_ONCE = 500
"""Logs of which it is known at a time that something is staged: a stolen login may make up any number of them."""

STATES = 32
"""Logs whose records a collector remembers added up."""

TRIES = 3
"""How often a transaction is begun that met another collector's."""

MAX_REASON_CHARACTERS = 1000
"""Longest reason why a row does not hold: it may repeat what was pushed."""

_BACKUP = "restore the database from its backup"

FORK, MIXED, QUORUM, IMPERSONATION, STRANGER = "fork", "mixed", "quorum", "impersonation", "stranger"
"""Kinds of evidence."""

_LOGS = """
SELECT log_id FROM breakglass_staging.pushed WHERE log_id > %s
UNION SELECT log_id FROM breakglass_staging.told WHERE log_id > %s ORDER BY log_id LIMIT %s
"""
_ADD_TURN = "INSERT INTO breakglass_staging.turns VALUES (%s) ON CONFLICT DO NOTHING"
_TURN = "SELECT 1 FROM breakglass_staging.turns WHERE log_id = %s FOR UPDATE SKIP LOCKED"
_KEY = "SELECT public_key FROM breakglass_log.terminals WHERE log_id = %s"
_LAST = "SELECT seq, data, checkpoint FROM breakglass_log.records WHERE log_id = %s ORDER BY seq DESC LIMIT 1"
_HELD = """
SELECT data, terminal_signature, quorum_signature, checkpoint FROM breakglass_log.records
WHERE log_id = %s AND seq = %s
"""
_STAGED = """
SELECT id, seq, data, terminal_signature, quorum_signature, checkpoint FROM breakglass_staging.pushed
WHERE log_id = %s AND seq < %s ORDER BY seq, id LIMIT %s
"""
_NODE = "SELECT hash FROM breakglass_log.nodes WHERE log_id = %s AND level = %s AND position = %s"
_ADD_NODE = "INSERT INTO breakglass_log.nodes VALUES (%s, %s, %s, %s)"
_ADD_RECORD = "INSERT INTO breakglass_log.records VALUES (%s, %s, %s, %s, %s, %s)"
_ADD_COSIGNED = """
INSERT INTO breakglass_log.cosigned (log_id, size, note, cosigner) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_UNSIGNED = """
SELECT t.log_id, t.public_key FROM breakglass_log.terminals AS t
CROSS JOIN LATERAL (
  SELECT seq + 1 AS size FROM breakglass_log.records AS r WHERE r.log_id = t.log_id ORDER BY seq DESC LIMIT 1
) AS h
WHERE NOT EXISTS (
  SELECT FROM breakglass_log.cosigned AS c WHERE c.log_id = t.log_id AND c.size = h.size AND c.cosigner = %s
)
"""
_FROM = "SELECT seq, data FROM breakglass_log.records WHERE log_id = %s AND seq >= %s ORDER BY seq LIMIT %s"
_TOLD = """
SELECT id, address, size, data, signature FROM breakglass_staging.told WHERE log_id = %s AND size <= %s
ORDER BY id LIMIT %s
"""
_TOLD_SO_FAR = "SELECT coalesce(max(size), 0) FROM breakglass_log.told WHERE log_id = %s AND address = %s"
_ADD_TOLD = "INSERT INTO breakglass_log.told (log_id, address, size, data, signature) VALUES (%s, %s, %s, %s, %s)"
_DROP_TOLD = "DELETE FROM breakglass_staging.told WHERE id = ANY(%s)"
_TOLD_EVIDENCE = """
INSERT INTO breakglass_log.evidence (kind, reason, pushed_at, pusher, log_id, seq, data, terminal_signature,
  quorum_signature, checkpoint, held_checkpoint)
SELECT %s, %s, at, pusher, log_id, size, data, signature, '', '', '' FROM breakglass_staging.told WHERE id = %s
"""
_STALE = (
    "DELETE FROM breakglass_staging.pushed WHERE at < clock_timestamp() - interval '1 day'",
    "DELETE FROM breakglass_staging.told WHERE at < clock_timestamp() - interval '1 day'",
)
"""What still waits behind a gap after a day, once everything else was worked through."""
_NOT_ENROLLED = "no terminal of this log is enrolled"
_DROP = "DELETE FROM breakglass_staging.pushed WHERE id = ANY(%s)"
_EVIDENCE = """
INSERT INTO breakglass_log.evidence (kind, reason, pushed_at, pusher, log_id, seq, data, terminal_signature,
  quorum_signature, checkpoint, held_checkpoint)
SELECT %s, %s, at, pusher, log_id, seq, data, terminal_signature, quorum_signature, checkpoint, %s
FROM breakglass_staging.pushed WHERE id = %s
"""
_ENROL = "INSERT INTO breakglass_log.terminals (log_id, public_key) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(slots=True)
class Round:
    """What one round did, in rows (docs/json.md).

    Attributes:
        kept: moved into the log.
        repeated: there already.
        evidence: that do not hold; kept apart, or counted where they repeat or are too many.
        told: what terminals told others, and is kept for them.
        damaged: what is wrong with each log that the database does not have as it was kept.
    """

    kept: int = 0
    repeated: int = 0
    evidence: int = 0
    told: int = 0
    damaged: list[str] = field(default_factory=list)

    def add(self, other: "Round") -> None:
        """Count another round's rows in."""
        self.kept, self.repeated = self.kept + other.kept, self.repeated + other.repeated
        self.evidence, self.told = self.evidence + other.evidence, self.told + other.told
        self.damaged += other.damaged

    @contextmanager
    def around(self, name: bytes) -> Generator[None]:
        """Note what is wrong with a log, and go on behind it."""
        try:
            yield
        except (InvalidRecord, InvalidProof, InvalidSignature) as error:
            self.damaged.append(f"log {name.hex()}: {error}")


@dataclass(frozen=True, slots=True)
class Collector:
    """Who keeps a collection.

    Attributes:
        name: key name of its cosignatures.
        seed: 32-byte Ed25519 seed, which no terminal has.
        now: seconds since 1970.
        states: what logs add up to, as far as they were read: hash of the last record, how many, and their state.
    """

    name: str
    seed: Secret
    now: Callable[[], int]
    states: "OrderedDict[bytes, tuple[str, int, LedgerState]]" = field(default_factory=OrderedDict)

    @property
    def text(self) -> str:
        """The public key, as terminals pin it."""
        return Cosigner(self.name, keys.ed25519_public(self.seed)).to_text()


def enrol(connection: "Connection[Any]", public_key: bytes) -> bool:
    """Pin a terminal's public key, 32 bytes; returns whether it is new.

    Raises:
        Forked: another key with the same log id is pinned.
    """
    name = log_id(public_key)
    new = connection.execute(_ENROL, (name, public_key)).rowcount == 1
    row = connection.execute(_KEY, (name,)).fetchone()
    if row is None or bytes(row[0]) != public_key:
        raise Forked(f"another key is pinned for log {name.hex()}")
    return new


def collect(connection: "Connection[Any]", collector: Collector) -> Round:
    """Work through what is staged, once."""
    done, last = Round(), b""
    while names := [bytes(name) for (name,) in connection.execute(_LOGS, (last, last, LOGS_AT_ONCE)).fetchall()]:
        for name in names:
            with done.around(name):
                while _worked(connection, collector, name, done):
                    pass
        last = names[-1]
    for name, key in connection.execute(_UNSIGNED, (collector.text,)).fetchall():
        with done.around(bytes(name)):
            _cosign_anew(connection, collector, bytes(name), bytes(key))
    for statement in _STALE:
        connection.execute(statement.encode())
    return done


def _worked(connection: "Connection[Any]", collector: Collector, name: bytes, done: Round) -> bool:
    """Work on some rows of one log, once more where another collector was in the way; tells of more as :func:`_work`.

    Raises:
        psycopg.Error: the database does not answer, or another collector is in the way every time.
    """
    from psycopg import errors

    for left in reversed(range(TRIES)):
        now = Round()
        try:
            more = _work(connection, collector, name, now)
        except (errors.DeadlockDetected, errors.SerializationFailure):
            if not left:
                raise
        else:
            done.add(now)
            return more
    return False


def _take_turn(connection: "Connection[Any]", name: bytes) -> bool:
    """Keep other collectors from a log to the end of this transaction; returns whether none is at it."""
    connection.execute(_ADD_TURN, (name,))
    return connection.execute(_TURN, (name,)).fetchone() is not None


def _work(connection: "Connection[Any]", collector: Collector, name: bytes, done: Round) -> bool:
    """Work on some rows of one log in one transaction; returns whether there may be more."""
    with connection.transaction():
        known = connection.execute(_KEY, (name,)).fetchone()
        if not _take_turn(connection, name if known else b""):
            return False
        log = _Log(connection, collector, name, bytes(known[0]) if known else b"")
        before = log.size
        reach = before + ROWS_AT_ONCE if known else 2**63 - 1
        rows = connection.execute(_STAGED, (name, reach, ROWS_AT_ONCE)).fetchall()
        finished = [number for number, *row in rows if log.take(number, tuple(row), done)]
        if log.size > before:
            log.cosign()
        connection.execute(_DROP, (finished,))
        told = connection.execute(_TOLD, (name, log.size if known else 2**63 - 1, ROWS_AT_ONCE)).fetchall()
        for number, address, size, data, signature in told:
            log.take_told(number, bytes(address), size, bytes(data), signature, done)
        connection.execute(_DROP_TOLD, ([row[0] for row in told],))
    return bool(finished or told)


def _cosign_anew(connection: "Connection[Any]", collector: Collector, name: bytes, key: bytes) -> None:
    """Cosign the head of a log with a key that did not yet, once every record of it was hashed.

    Raises:
        InvalidRecord, InvalidProof, InvalidSignature: the log that is kept does not have that head.
    """
    with connection.transaction():
        if not _take_turn(connection, name):
            return
        log, tree = _Log(connection, collector, name, key), merkle.RootBuilder()
        for _, data in log.kept(0):
            tree.append(merkle.leaf_hash(data))
        head = Checkpoint.from_text(open_note(log.checkpoint, origin(key), key))
        if head != Checkpoint(origin(key), log.size, tree.root()):
            raise InvalidRecord("the collection keeps other records than were signed", hint=_BACKUP)
        log.cosign()


class _QuorumError(Exception):
    """A record holds, and the signature of a quorum beside it does not."""


class _Log:
    """One log as far as it is kept."""

    def __init__(self, connection: "Connection[Any]", collector: Collector, name: bytes, key: bytes) -> None:
        self._connection, self._collector, self._name, self._key = connection, collector, name, key
        last = connection.execute(_LAST, (name,)).fetchone()
        self.size = last[0] + 1 if last else 0
        self.checkpoint = str(last[2]) if last else ""
        self._previous = hashlib.sha256(last[1]).hexdigest() if last else ""

    def cosign(self) -> None:
        """Cosign the log as far as it is kept."""
        one = self._collector
        note = cosign(self.checkpoint, one.name, one.seed, one.now())
        self._connection.execute(_ADD_COSIGNED, (self._name, self.size, note, one.text))

    def kept(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and bytes of the records that are kept, from one on.

        Raises:
            InvalidRecord: one is missing.
        """
        while start < self.size:
            found = self._connection.execute(_FROM, (self._name, start, ROWS_AT_ONCE)).fetchall()
            expected = list(range(start, min(start + len(found), self.size)))
            if not found or [seq for seq, _ in found[: len(expected)]] != expected:
                raise InvalidRecord(f"the collection lacks record {start}", hint=_BACKUP)
            yield from ((seq, bytes(data)) for seq, data in found[: len(expected)])
            start += len(expected)

    def take_told(self, number: int, address: bytes, size: int, data: bytes, signature: str, done: Round) -> None:
        """Take what the terminal tells others; what it told before, or told more of since, is dropped."""
        kind, reason = MIXED, ""
        if not self._key:
            kind, reason = STRANGER, _NOT_ENROLLED
        else:
            try:
                sshsig.verify(signature, data, sshsig.TELLING_NAMESPACE, self._key)
                found = telling.from_bytes(data)
                if (found.address, found.size) != (address, size):
                    reason = "it was told at another address or of another size"
            except InvalidSignature as error:
                kind, reason = IMPERSONATION, str(error)
            except BreakglassError as error:
                reason = str(error)
        if reason:
            self._connection.execute(_TOLD_EVIDENCE, (kind, _said(reason), number))
            done.evidence += 1
        elif size > _one(self._connection, _TOLD_SO_FAR, self._name, address)[0]:
            self._connection.execute(_ADD_TOLD, (self._name, address, size, data, signature))
            done.told += 1
        else:
            done.repeated += 1

    def take(self, number: int, row: StoredRow, done: Round) -> bool:
        """Take one staged row; returns whether it is finished, or waits for those before it."""
        row = (row[0], bytes(row[1]), *row[2:])
        if not self._key:
            self._keep_apart(number, STRANGER, _NOT_ENROLLED, "", done)
        elif row[0] > self.size:
            return False
        elif row[0] < self.size:
            self._compare(number, row, done)
        else:
            self._append(number, row, done)
        return True

    def _compare(self, number: int, row: StoredRow, done: Round) -> None:
        data, *signed = _one(self._connection, _HELD, self._name, row[0])
        if (bytes(data), *signed) == row[1:]:
            done.repeated += 1
        else:
            self._refuse(number, row, f"another record {row[0]} is kept", str(signed[-1]), done)

    def _append(self, number: int, row: StoredRow, done: Round) -> None:
        try:
            nodes = self._verified(row)
            state = self._checked_quorum(row)
        except _QuorumError as error:
            self._keep_apart(number, QUORUM, str(error), self.checkpoint, done)
            return
        except BreakglassError as error:
            self._refuse(number, row, str(error), self.checkpoint, done)
            return
        self._connection.execute(_ADD_RECORD, (self._name, *row))
        with self._connection.cursor() as cursor:
            cursor.executemany(_ADD_NODE, [(self._name, *node) for node in nodes])
        self.size, self.checkpoint = self.size + 1, row[4]
        self._previous = hashlib.sha256(row[1]).hexdigest()
        if state is not None:
            self._remember(state)
        done.kept += 1

    def _verified(self, row: StoredRow) -> list[tuple[int, int, bytes]]:
        """Return the tree nodes that the next row completes.

        Raises:
            BreakglassError: it does not hold.
        """
        sshsig.verify(row[2], row[1], sshsig.RECORD_NAMESPACE, self._key)
        record = records.parse(row[1])
        if (record.seq, record.log, record.previous) != (self.size, self._name.hex(), self._previous):
            raise InvalidRecord("the record does not follow the one that is kept before it")
        nodes, name = self._nodes_with(row[1]), origin(self._key)
        expected = Checkpoint(name, self.size + 1, self._root_with(nodes))
        if Checkpoint.from_text(open_note(row[4], name, self._key)) != expected:
            raise InvalidRecord("the checkpoint is not of the tree that is kept with this record")
        return nodes

    def _checked_quorum(self, row: StoredRow) -> LedgerState | None:
        """Hold the signature of a quorum beside the next record; returns the state with it, where that was asked for.

        Raises:
            _QuorumError: it is missing, does not hold, or stands where none is due.
        """
        record = records.parse(row[1])
        if not isinstance(record.body, (*records.QUORUM_SIGNED, *records.DRILL_SIGNED)):
            if row[3]:
                raise _QuorumError("a quorum's signature on a record that needs none")
            return None
        try:
            state = lifecycle.apply(self._state(), row[1], record)
            due = signature_due(state, record.set, record.body)
            assert due is not None  # noqa: S101 - the record is of a type that has one
            sshsig.verify(row[3], row[1], due[1], due[0])
        except BreakglassError as error:
            raise _QuorumError(f"the quorum's signature does not hold: {error}") from error
        return state

    def _state(self) -> LedgerState:
        """Add up the records that are kept.

        Raises:
            InvalidRecord: one of them may not follow, with its number.
        """
        previous, start, state = self._collector.states.get(self._name, ("", 0, LedgerState()))
        if start > self.size or (start and self._digest_at(start) != previous):
            start, state = 0, LedgerState()
        for seq, data in self.kept(start):
            try:
                state = lifecycle.apply(state, data, records.parse(data))
            except BreakglassError as error:
                raise InvalidRecord(f"record {seq}, which is kept, may not follow: {error}") from error
        self._remember(state)
        return state

    def _digest_at(self, size: int) -> str:
        """Return the hash of the last of so many records that are kept."""
        return hashlib.sha256(_one(self._connection, _HELD, self._name, size - 1)[0]).hexdigest()

    def _remember(self, state: LedgerState) -> None:
        states = self._collector.states
        states[self._name] = (self._previous, self.size, state)
        states.move_to_end(self._name)
        while len(states) > STATES:
            states.popitem(last=False)

    def _nodes_with(self, data: bytes) -> list[tuple[int, int, bytes]]:
        return merkle.new_nodes(self.size, merkle.leaf_hash(data), self._node)

    def _root_with(self, nodes: list[tuple[int, int, bytes]]) -> bytes:
        fresh = {(level, position): value for level, position, value in nodes}
        return merkle.root(
            self.size + 1, lambda level, position: fresh.get((level, position)) or self._node(level, position)
        )

    def _refuse(self, number: int, row: StoredRow, reason: str, held: str, done: Round) -> None:
        record, checkpoint = self._record(row), self._checkpoint(row)
        if (record and self._contradicts(record, row[1])) or (
            checkpoint and self._is_other(checkpoint, record, row[1])
        ):
            kind = FORK
        else:
            kind = MIXED if record and checkpoint else IMPERSONATION
        self._keep_apart(number, kind, reason, held, done)

    def _record(self, row: StoredRow) -> Record | None:
        """Return what the terminal signed as a record of this log; None: nothing."""
        try:
            sshsig.verify(row[2], row[1], sshsig.RECORD_NAMESPACE, self._key)
            record = records.parse(row[1])
        except BreakglassError:
            return None
        return record if record.log == self._name.hex() else None

    def _checkpoint(self, row: StoredRow) -> Checkpoint | None:
        """Return what the terminal signed as a checkpoint; None: nothing."""
        try:
            return Checkpoint.from_text(open_note(row[4], origin(self._key), self._key))
        except BreakglassError:
            return None

    def _contradicts(self, record: Record, data: bytes) -> bool:
        """Tell whether a signed record cannot be of the log that is kept."""
        if record.seq < self.size:
            return bytes(_one(self._connection, _HELD, self._name, record.seq)[0]) != data
        if record.seq > self.size:
            return False
        return (record.previous, record.root) != (self._previous, merkle.root(self.size, self._node).hex())

    def _is_other(self, checkpoint: Checkpoint, record: Record | None, data: bytes) -> bool:
        """Tell whether a signed checkpoint cannot be of the log that is kept, or not of the signed record after it."""
        if checkpoint.size <= self.size:
            return merkle.root(checkpoint.size, self._node) != checkpoint.root
        if record is None or (record.seq, checkpoint.size) != (self.size, self.size + 1):
            return False
        return self._root_with(self._nodes_with(data)) != checkpoint.root

    def _keep_apart(self, number: int, kind: str, reason: str, held: str, done: Round) -> None:
        self._connection.execute(_EVIDENCE, (kind, _said(reason), held, number))
        done.evidence += 1

    def _node(self, level: int, position: int) -> bytes:
        return bytes(_one(self._connection, _NODE, self._name, level, position)[0])


def _said(reason: str) -> str:
    """Return a reason that the database takes, whatever of the row it repeats: it has no place for a NUL."""
    return printable(reason[:MAX_REASON_CHARACTERS])


def _one(connection: "Connection[Any]", query: str, *values: object) -> tuple[Any, ...]:
    row = connection.execute(query.encode(), values).fetchone()
    if row is None:
        raise InvalidRecord("the collection lacks what it kept", hint=_BACKUP)
    found: tuple[Any, ...] = row
    return found
