# SPDX-License-Identifier: Apache-2.0
"""Getting the outbox empty: every queue by itself, in order, until it is drained or its sink fails.

Rules:

1. One sink never waits for another: each queue has a thread and a lock file of its own, and is looked at again when
   its own thread has ended, whatever the others do.
2. Two programs never deliver one queue at once: whoever has its lock file goes on until nothing is left.
3. After a failure the queue pauses: doubling from ``FIRST_PAUSE_S`` to ``LAST_PAUSE_S``, half of it by chance, or as
   long as the sink asked for. The pause is in the database and outlives this program. A sink that refused some events
   and is there is paused for ``REFUSED_PAUSE_S`` at most: what comes after them is an alert, too.
4. An event is marked only after the sink acknowledged it. What was sent and not marked is sent again. What a sink is
   not for, or can never arrive, leaves its queue, and is acknowledged by nobody.
5. A round ends: each delivery has its sink's time limit, and a queue that is only slow goes on in the next round.
"""

import fcntl
import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody import names
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.errors import InvalidPolicy, SinkFailure, WebError
from breakglass_shamir.ledger.outbox import Outbox, Queue, Waiting

FIRST_PAUSE_S = 1.0
"""After the first failure."""

LAST_PAUSE_S = 300.0
"""No pause grows beyond this, unless the sink asks for more."""

REFUSED_PAUSE_S = 10.0
"""No pause grows beyond this where only events were refused, unless the sink asks for more."""

LONGEST_PAUSE_S = 3600.0
"""A pause that ends later than this from now was written under another clock and is over."""

LOCK_WAIT_S = 30.0
"""How long to wait for another program that is at the same queue."""

ROUND_S = 300.0
"""How long one queue is at it in one round; what is left then waits for the next."""

PROBLEM_MAX_CHARS = 600
"""Longest text that the outbox keeps of why a sink did not take an event."""

_LOCK_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one queue.

    Attributes:
        owner: the set whose policy has the sink.
        sink: its name.
        events: ids of the events it acknowledged now, in order.
        waiting: events that still wait.
        problem: why they do; empty where none does.
    """

    owner: str
    sink: str
    events: tuple[str, ...]
    waiting: int
    problem: str


Told = Callable[[Delivered], None]
"""Whoever is told what became of a queue, in the queue's own thread."""


class Rounds:
    """The deliveries that go on now: one thread for each queue at most."""

    def __init__(
        self, path: Path, told: Told = lambda _: None, make: Callable[[sinks.Stored], Deliverer] = deliverer
    ) -> None:
        """Begin with none.

        Args:
            path: the ledger's database.
            told: is told of each queue that ends.
            make: makes what delivers to a sink.
        """
        self._path = path
        self._told = told
        self._make = make
        self._running: dict[tuple[str, str], threading.Thread] = {}
        self._failed: list[Exception] = []

    def start(self, *, due_only: bool) -> None:
        """Begin with every queue in which something waits and nobody is at it; returns at once.

        Args:
            due_only: leave the queues alone whose pause is not over.

        Raises:
            LedgerUnwritable, LedgerBusy: the outbox cannot be read.
        """
        self._running = {key: thread for key, thread in self._running.items() if thread.is_alive()}
        with Outbox(self._path) as outbox:
            found = [queue for queue in outbox.queues() if queue.waiting and not (due_only and pausing(queue))]
        for queue in found:
            key = (queue.owner, queue.sink)
            if key not in self._running:
                thread = threading.Thread(target=self._run, args=(queue,), name=f"queue {key}", daemon=True)
                self._running[key] = thread
                thread.start()

    def wait(self) -> None:
        """Wait for the ends of those that have begun, each of which has one.

        Raises:
            LedgerUnwritable, LedgerBusy: the outbox could not be read or written, for one of them.
        """
        for thread in self._running.values():
            thread.join(LOCK_WAIT_S + 3 * ROUND_S)
        if self._failed:
            raise self._failed[0]

    def _run(self, queue: Queue) -> None:
        try:
            self._told(_drain(self._path, queue, self._make))
        except Exception as error:
            # Nobody looks at a thread: whoever waits is told.
            self._failed.append(error)


def flush(path: Path, *, due_only: bool, make: Callable[[sinks.Stored], Deliverer] = deliverer) -> list[Delivered]:
    """Deliver what waits, once round.

    Args:
        path: the ledger's database.
        due_only: leave the queues alone whose pause is not over.
        make: makes what delivers to a sink.

    Returns:
        A line for each queue in which something waited, by set and sink.

    Raises:
        LedgerUnwritable, LedgerBusy: the outbox cannot be read or written.
    """
    done: list[Delivered] = []
    rounds = Rounds(path, done.append, make)
    rounds.start(due_only=due_only)
    rounds.wait()
    return sorted(done, key=lambda one: (one.owner, one.sink))


def pausing(queue: Queue) -> bool:
    """Tell whether a queue's pause is not over."""
    left_s = (queue.next_ms - _now_ms()) / 1000
    return 0 < left_s <= LONGEST_PAUSE_S


def pause_s(attempts: int, retry_after_s: int, chance: float, most_s: float = LAST_PAUSE_S) -> float:
    """Return how long to pause after a failure.

    Args:
        attempts: failures in a row before this one.
        retry_after_s: what the sink asked for; 0 where it did not.
        chance: from 0 to 1.
        most_s: longest pause, unless the sink asked for more.
    """
    whole = min(most_s, FIRST_PAUSE_S * 2.0 ** min(attempts, 30))
    return max(whole / 2 + whole / 2 * chance, float(retry_after_s))


def _drain(path: Path, queue: Queue, make: Callable[[sinks.Stored], Deliverer]) -> Delivered:
    """Deliver one queue until nothing is left or its sink fails.

    Events that a sink refuses stay at the head; those behind them are tried all the same. Where a whole batch is
    refused, the newest one is tried once: it may be their age.
    """
    done: list[str] = []
    batch, behind, is_newest, first_problem = _batch(queue, make), 0, False, ""
    with Outbox(path) as outbox, _locked(path.parent, queue) as locked:
        problem, limit = "" if locked else "another program is delivering and does not finish", Deadline(ROUND_S)
        while locked and not limit.over:
            waiting = outbox.waiting(queue.owner, queue.sink, batch, behind)
            if not waiting:
                break
            arrived, problem, refused = _attempt(outbox, queue, waiting, make)
            done += arrived
            first_problem = first_problem or problem
            if problem and not refused:
                break
            behind += refused
            if refused and not arrived:
                if is_newest:
                    break
                is_newest, behind = True, max(behind, outbox.queue(queue.owner, queue.sink).waiting - batch)
        left = outbox.queue(queue.owner, queue.sink)
    return Delivered(queue.owner, queue.sink, tuple(done), left.waiting, first_problem or problem)


def _batch(queue: Queue, make: Callable[[sinks.Stored], Deliverer]) -> int:
    try:
        return make(sinks.from_json(queue.configuration)).batch
    except InvalidPolicy:
        return 1


def _attempt(
    outbox: Outbox, queue: Queue, waiting: Sequence[Waiting], make: Callable[[sinks.Stored], Deliverer]
) -> tuple[list[str], str, int]:
    """Deliver one batch and record what became of it.

    Returns:
        The ids that arrived, the problem, and how many events a sink that is there refused.
    """
    events = [Event.from_bytes(one.event) for one in waiting]
    try:
        sink = make(sinks.from_json(queue.configuration))
        wanted = [number for number, event in enumerate(events) if sink.is_for(event)]
        if others := [one for number, one in enumerate(waiting) if number not in wanted]:
            outbox.pass_over(queue.owner, queue.sink, others)
        waiting, events = [waiting[number] for number in wanted], [events[number] for number in wanted]
        if not events:
            return [], "", 0
        sink.deliver(events)
    except (SinkFailure, InvalidPolicy) as error:
        failure = error if isinstance(error, SinkFailure) else SinkFailure(str(error))
        took = {*range(failure.delivered), *failure.taken}
        if failure.nowhere:
            # It would keep what comes after it for ever.
            next_one = failure.delivered
            outbox.mark(queue.owner, queue.sink, waiting[:next_one], _now_ms())
            outbox.pass_over(queue.owner, queue.sink, waiting[next_one : next_one + 1])
            return [event.id for event in events[:next_one]], "", 0
        attempts = outbox.queue(queue.owner, queue.sink).attempts
        most_s = REFUSED_PAUSE_S if failure.only_refused else LAST_PAUSE_S
        wait_s = pause_s(attempts, failure.retry_after_s, random.random(), most_s)  # noqa: S311
        next_ms = _now_ms() + int(wait_s * 1000)
        arrived = [one for place, one in enumerate(waiting) if place in took]
        problem = _problem(failure)
        outbox.fail(queue.owner, queue.sink, arrived, _now_ms(), next_ms=next_ms, problem=problem)
        refuses = failure.only_refused or failure.all_refused
        return [one.id for one in arrived], problem, len(waiting) - len(arrived) if refuses else 0
    outbox.mark(queue.owner, queue.sink, waiting, _now_ms())
    return [event.id for event in events], "", 0


def _problem(failure: SinkFailure) -> str:
    """Return what a sink says for its no, and what to do: one printable line, bounded."""
    usual = (SinkFailure.default_hint, WebError.default_hint)
    said = f"{failure}; {failure.hint}" if failure.hint and failure.hint not in usual else str(failure)
    words = " ".join("".join(one if one.isprintable() else " " for one in said).split())
    return words if len(words) <= PROBLEM_MAX_CHARS else f"{words[:PROBLEM_MAX_CHARS]}..."


@contextmanager
def _locked(home: Path, queue: Queue) -> Iterator[bool]:
    """Hold a queue's lock file; yields whether it could be had in time."""
    name = names.queue_lock(hashlib.sha256(f"{queue.owner}\0{queue.sink}".encode()).hexdigest()[:16])
    descriptor = os.open(names.inside(home, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + LOCK_WAIT_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    yield False
                    return
                time.sleep(_LOCK_POLL_S)
            else:
                yield True
                return
    finally:
        os.close(descriptor)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
