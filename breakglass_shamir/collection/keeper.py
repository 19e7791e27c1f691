# SPDX-License-Identifier: Apache-2.0
"""The collector: it verifies what was pushed, keeps what holds, cosigns it, and keeps the rest as evidence.

Rules:

1. Who a terminal is, its key says and not its login: a log is known by the public key that was pinned for it.
2. A row holds if the terminal signed its bytes, it names the record before it, and the tree with it has the root of a
   checkpoint that the terminal signed. Each checkpoint is so proven to extend the one before.
3. What the terminal signed and contradicts what is kept is a fork; it is kept whole, with the checkpoint that it
   contradicts. What it did not sign is an impersonation, and is kept with the login that pushed it. What it signed,
   but not together, is mixed: anybody can have put it together.
4. A gap waits. What is there already is dropped.
5. One log is worked on by one collector at a time; what is moved, cosigned and taken from staging is one transaction.

Whether a step was legal is not asked here: that is for whoever verifies the log.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.cosignature import cosign
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import BreakglassError, Forked, InvalidRecord
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin

if TYPE_CHECKING:
    from psycopg import Connection

ROWS_AT_ONCE = 64
"""Rows that are taken from staging at a time."""

LOGS_AT_ONCE = 500
"""Logs of which it is known at a time that something is staged: a stolen login may make up any number of them."""

FORK, MIXED, IMPERSONATION, STRANGER = "fork", "mixed", "impersonation", "stranger"
"""Kinds of evidence."""

_LOGS = "SELECT DISTINCT log_id FROM breakglass_staging.pushed WHERE log_id > %s ORDER BY log_id LIMIT %s"
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('breakglass log ' || encode(%s, 'hex'), 0))"
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
_ADD_COSIGNED = "INSERT INTO breakglass_log.cosigned VALUES (%s, %s, %s)"
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
        evidence: kept apart.
    """

    kept: int = 0
    repeated: int = 0
    evidence: int = 0


@dataclass(frozen=True, slots=True)
class Collector:
    """Who keeps a collection.

    Attributes:
        name: key name of its cosignatures.
        seed: 32-byte Ed25519 seed, which no terminal has.
        now: seconds since 1970.
    """

    name: str
    seed: Secret
    now: Callable[[], int]


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
    while names := [bytes(name) for (name,) in connection.execute(_LOGS, (last, LOGS_AT_ONCE)).fetchall()]:
        for name in names:
            while _work(connection, collector, name, done):
                pass
        last = names[-1]
    return done


def _work(connection: "Connection[Any]", collector: Collector, name: bytes, done: Round) -> bool:
    """Work on some rows of one log in one transaction; returns whether there may be more."""
    with connection.transaction():
        if not _one(connection, _LOCK, name)[0]:
            return False
        known = connection.execute(_KEY, (name,)).fetchone()
        log = _Log(connection, name, bytes(known[0]) if known else b"")
        before = log.size
        reach = before + ROWS_AT_ONCE if known else 2**63 - 1
        rows = connection.execute(_STAGED, (name, reach, ROWS_AT_ONCE)).fetchall()
        finished = [number for number, *row in rows if log.take(number, tuple(row), done)]
        if log.size > before:
            note = cosign(log.checkpoint, collector.name, collector.seed, collector.now())
            connection.execute(_ADD_COSIGNED, (name, log.size, note))
        connection.execute(_DROP, (finished,))
    return bool(finished)


class _Log:
    """One log as far as it is kept."""

    def __init__(self, connection: "Connection[Any]", name: bytes, key: bytes) -> None:
        self._connection, self._name, self._key = connection, name, key
        last = connection.execute(_LAST, (name,)).fetchone()
        self.size = last[0] + 1 if last else 0
        self.checkpoint = str(last[2]) if last else ""
        self._previous = hashlib.sha256(last[1]).hexdigest() if last else ""

    def take(self, number: int, row: StoredRow, done: Round) -> bool:
        """Take one staged row; returns whether it is finished, or waits for those before it."""
        row = (row[0], bytes(row[1]), *row[2:])
        if not self._key:
            self._keep_apart(number, STRANGER, "no terminal of this log is enrolled", "", done)
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
        except BreakglassError as error:
            self._refuse(number, row, str(error), self.checkpoint, done)
            return
        self._connection.execute(_ADD_RECORD, (self._name, *row))
        with self._connection.cursor() as cursor:
            cursor.executemany(_ADD_NODE, [(self._name, *node) for node in nodes])
        self.size, self.checkpoint = self.size + 1, row[4]
        self._previous = hashlib.sha256(row[1]).hexdigest()
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
        self._connection.execute(_EVIDENCE, (kind, reason, held, number))
        done.evidence += 1

    def _node(self, level: int, position: int) -> bytes:
        return bytes(_one(self._connection, _NODE, self._name, level, position)[0])


def _one(connection: "Connection[Any]", query: str, *values: object) -> tuple[Any, ...]:
    row = connection.execute(query.encode(), values).fetchone()
    if row is None:
        raise InvalidRecord("the collection lacks what it kept", hint="restore the database from its backup")
    found: tuple[Any, ...] = row
    return found
