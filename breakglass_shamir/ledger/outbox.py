# SPDX-License-Identifier: Apache-2.0
"""The outbox: which event still has to reach which sink, kept beside the records and filled in their transaction.

Rules:

1. An event is stored with its record or not at all; it is never removed, only marked as delivered.
2. A queue is one sink of one set, in the order of the records; its pause and its last problem belong to the queue.
3. A queue keeps the last configuration its sink had, so that what was queued before a sink left the policy still
   goes out.
4. What a record should have left here and did not is made up by :meth:`Outbox.missing`.
5. An event is marked by its id, not only by its place: where the file was replaced by another copy of the log, the one
   in the same place is another one, and still waits.
6. Programs that write wait for their turn (:mod:`.turns`), as those do that record.

It holds no secret, is neither signed nor verified, and knows neither events nor sinks: bytes and names.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from breakglass_shamir.ledger.connection import durably, open_existing
from breakglass_shamir.ledger.schema import Row
from breakglass_shamir.ledger.turns import TURNS_NAME, Turns
from breakglass_shamir.structs import Struct

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS outbox_seen (seq INTEGER PRIMARY KEY) STRICT""",
    """CREATE TABLE IF NOT EXISTS outbox_events (
  id TEXT PRIMARY KEY, seq INTEGER NOT NULL, place INTEGER NOT NULL, made_ms INTEGER NOT NULL, event BLOB NOT NULL
) STRICT""",
    """CREATE TABLE IF NOT EXISTS outbox_queues (
  owner TEXT NOT NULL, sink TEXT NOT NULL, configuration BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  next_ms INTEGER NOT NULL DEFAULT 0, problem TEXT NOT NULL DEFAULT '', PRIMARY KEY (owner, sink)
) STRICT""",
    """CREATE TABLE IF NOT EXISTS outbox_deliveries (
  owner TEXT NOT NULL, sink TEXT NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL, event TEXT NOT NULL,
  delivered_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (owner, sink, seq, place)
) STRICT, WITHOUT ROWID""",
    """CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox_deliveries (owner, sink, seq, place)
  WHERE delivered_ms = 0""",
)
"""Statements that make the tables where they are missing."""

_PASSED_OVER = -1
"""Time of delivery of an event that is not sent to this sink."""

_QUEUES = """
SELECT q.owner, q.sink, q.configuration, q.attempts, q.next_ms, q.problem,
  (SELECT count(*) FROM outbox_deliveries d WHERE d.owner = q.owner AND d.sink = q.sink AND d.delivered_ms = 0),
  (SELECT count(*) FROM outbox_deliveries d WHERE d.owner = q.owner AND d.sink = q.sink AND d.delivered_ms > 0),
  coalesce((SELECT min(e.made_ms) FROM outbox_deliveries d JOIN outbox_events e ON e.id = d.event
    WHERE d.owner = q.owner AND d.sink = q.sink AND d.delivered_ms = 0), 0)
FROM outbox_queues q ORDER BY q.owner, q.sink
"""

_WAITING = """
SELECT d.seq, d.place, e.id, e.event FROM outbox_deliveries d JOIN outbox_events e ON e.id = d.event
WHERE d.owner = ? AND d.sink = ? AND d.delivered_ms = 0 ORDER BY d.seq, d.place LIMIT ? OFFSET ?
"""

_DELIVERIES = """
SELECT d.owner, d.sink, d.seq, count(*), sum(d.delivered_ms > 0), sum(d.delivered_ms = 0),
  max(0, max(d.delivered_ms) - min(e.made_ms))
FROM outbox_deliveries d JOIN outbox_events e ON e.id = d.event GROUP BY d.owner, d.sink, d.seq ORDER BY d.seq
"""


class Destination(Struct, frozen=True):
    """A sink as a record's transaction names it.

    Attributes:
        owner: the set whose policy has it.
        sink: its name there.
        configuration: what the policy says of it, as bytes.
    """

    owner: str
    sink: str
    configuration: bytes


class Queue(Struct, frozen=True):
    """One sink of one set, as it stands.

    Attributes:
        owner: the set.
        sink: the sink's name.
        configuration: what the policy last said of it.
        attempts: failures in a row.
        next_ms: not to be tried before, milliseconds since 1970.
        problem: why the last attempt failed; empty after one that did not.
        waiting: events that were not acknowledged yet.
        delivered: events that were.
        since_ms: when the oldest waiting event was made; 0 where none waits.
    """

    owner: str
    sink: str
    configuration: bytes
    attempts: int
    next_ms: int
    problem: str
    waiting: int
    delivered: int
    since_ms: int


class Delivery(Struct, frozen=True):
    """What became of the events of one record at one sink.

    Attributes:
        owner: the set.
        sink: the sink's name.
        seq: the record's number.
        made: its events.
        acknowledged: of them, how many the sink took.
        waiting: how many it did not take yet; the rest is not for it.
        took_ms: from the first one's making to the last one's acknowledgement; meaningless while some wait.
    """

    owner: str
    sink: str
    seq: int
    made: int
    acknowledged: int
    waiting: int
    took_ms: int


class Waiting(Struct, frozen=True):
    """One event of a queue that has not arrived."""

    seq: int
    place: int
    id: str
    event: bytes


def rows(seq: int, events: Iterable[tuple[str, int, bytes]], destinations: Sequence[Destination]) -> Iterator[Row]:
    """Yield what is stored with a record.

    Args:
        seq: the record's number.
        events: id, milliseconds since 1970, and bytes of each of its events.
        destinations: where each of them goes.
    """
    yield "INSERT OR IGNORE INTO outbox_seen VALUES (?)", (seq,)
    for one in destinations:
        yield (
            "INSERT INTO outbox_queues (owner, sink, configuration) VALUES (?, ?, ?) "
            "ON CONFLICT (owner, sink) DO UPDATE SET configuration = excluded.configuration",
            (one.owner, one.sink, one.configuration),
        )
    for place, (identifier, made_ms, event) in enumerate(events if destinations else ()):
        yield "INSERT OR IGNORE INTO outbox_events VALUES (?, ?, ?, ?, ?)", (identifier, seq, place, made_ms, event)
        for one in destinations:
            yield (
                "INSERT OR IGNORE INTO outbox_deliveries (owner, sink, seq, place, event) VALUES (?, ?, ?, ?, ?)",
                (one.owner, one.sink, seq, place, identifier),
            )


class Outbox:
    """The outbox of a ledger, on a connection of its own; a context manager that closes it."""

    def __init__(self, path: Path) -> None:
        """Connect to a ledger's database, changing nothing; one that cannot be written can be read.

        Raises:
            LedgerUnwritable, LedgerBusy: it cannot be read.
        """
        self._connection = open_existing(path)
        self._turns = Turns(path.with_name(TURNS_NAME))
        with durably():
            query = "SELECT count(*) FROM sqlite_master WHERE name = 'outbox_deliveries'"
            self._there = bool(self._connection.execute(query).fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def queues(self) -> list[Queue]:
        """Return every queue, by set and sink."""
        with durably():
            return [Queue(*row) for row in self._connection.execute(_QUEUES)] if self._there else []

    def queue(self, owner: str, sink: str) -> Queue:
        """Return one queue as it stands now.

        Raises:
            KeyError: there is none of that name.
        """
        found = [queue for queue in self.queues() if (queue.owner, queue.sink) == (owner, sink)]
        if not found:
            raise KeyError(sink)
        return found[0]

    def waiting(self, owner: str, sink: str, limit: int, behind: int = 0) -> list[Waiting]:
        """Return events of a queue that have not arrived, at most ``limit``, the first ``behind`` of them left out."""
        with durably():
            return [Waiting(*row) for row in self._connection.execute(_WAITING, (owner, sink, limit, behind))]

    def missing(self) -> list[int]:
        """Return the numbers of records that left nothing here."""
        query = "SELECT seq FROM records WHERE seq NOT IN (SELECT seq FROM outbox_seen) ORDER BY seq"
        if not self._there:
            query = "SELECT seq FROM records ORDER BY seq"
        with durably():
            return [seq for (seq,) in self._connection.execute(query)]

    def store(self, stored: Iterable[Row]) -> None:
        """Store rows that :func:`rows` made, all or none."""
        with self._transaction():
            for statement in SCHEMA:
                self._connection.execute(statement)
            for statement, values in stored:
                self._connection.execute(statement, values)
        self._there = True

    def mark(self, owner: str, sink: str, arrived: Sequence[Waiting], now_ms: int) -> None:
        """Record that events arrived; the queue is well again."""
        with self._transaction():
            self._mark(owner, sink, arrived, now_ms)
            self._connection.execute(
                "UPDATE outbox_queues SET attempts = 0, next_ms = 0, problem = '' WHERE owner = ? AND sink = ?",
                (owner, sink),
            )

    def fail(
        self, owner: str, sink: str, arrived: Sequence[Waiting], now_ms: int, *, next_ms: int, problem: str
    ) -> None:
        """Record an attempt that failed, after what arrived in it."""
        with self._transaction():
            self._mark(owner, sink, arrived, now_ms)
            self._connection.execute(
                "UPDATE outbox_queues SET attempts = attempts + 1, next_ms = ?, problem = ? "
                "WHERE owner = ? AND sink = ?",
                (next_ms, problem, owner, sink),
            )

    def deliveries(self) -> list[Delivery]:
        """Return what became of each record at each sink, by record."""
        with durably():
            return [Delivery(*row) for row in self._connection.execute(_DELIVERIES)] if self._there else []

    def acknowledged(self, seq: int) -> list[str]:
        """Return the sinks that took every event of a record."""
        query = "SELECT sink FROM outbox_deliveries WHERE seq = ? GROUP BY owner, sink HAVING min(delivered_ms) > 0"
        with durably():
            if not self._there:
                return []
            return [sink for (sink,) in self._connection.execute(query, (seq,))]

    def took_ms(self, seq: int) -> int | None:
        """Return how long the quickest sink took to acknowledge every event of a record; None: none did yet."""
        query = (
            "SELECT max(d.delivered_ms) - min(e.made_ms) "
            "FROM outbox_deliveries d JOIN outbox_events e ON e.id = d.event "
            "WHERE d.seq = ? GROUP BY d.owner, d.sink HAVING min(d.delivered_ms) > 0"
        )
        with durably():
            found = [took for (took,) in self._connection.execute(query, (seq,))] if self._there else []
        return max(0, min(found)) if found else None

    def pass_over(self, owner: str, sink: str, events: Sequence[Waiting]) -> None:
        """Take events out of a queue whose sink is not for them; they count as acknowledged by nobody."""
        with self._transaction():
            self._mark(owner, sink, events, _PASSED_OVER)

    def _mark(self, owner: str, sink: str, arrived: Sequence[Waiting], now_ms: int) -> None:
        self._connection.executemany(
            "UPDATE outbox_deliveries SET delivered_ms = ? "
            "WHERE owner = ? AND sink = ? AND seq = ? AND place = ? AND event = ?",
            [(now_ms, owner, sink, one.seq, one.place, one.id) for one in arrived],
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._turns.turn(), durably():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
