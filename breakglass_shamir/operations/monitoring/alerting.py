# SPDX-License-Identifier: Apache-2.0
"""Alerts for people and timers: deliver what waits, try a sink.

Rules:

1. What a sink acknowledged is recorded, one record for each queue and round; that record is itself not told.
2. A record that left nothing in the outbox, whatever the reason, is made up for before a round.
3. What is past its deadline is recorded before a round, and so told, until it is settled.
4. A test event goes to the sink directly and is marked as one.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.alerts import delivery, ocsf
from breakglass_shamir.alerts import outbox as outboxes
from breakglass_shamir.alerts.delivery import Delivered
from breakglass_shamir.alerts.event import Action, Event, Severity
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.custody.life import escalation
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import AnySink
from breakglass_shamir.custody.records.monitoring import AlertsDelivered
from breakglass_shamir.errors import BreakglassError, InvalidInput, LedgerBusy, LedgerUnwritable, SinkFailure
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.outbox import Outbox
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.operations.monitoring.queues import database

FOLLOW_POLL_S = 1.0
"""How often a courier looks for queues whose pause is over."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a test event at one sink."""

    set_name: str
    sink: str
    kind: str
    delivered: bool
    detail: str


def flush(home: Path, *, due_only: bool) -> list[Delivered]:
    """Deliver what waits, once round.

    Args:
        home: the folder with the ledger.
        due_only: leave queues alone that pause after a failure.

    Raises:
        NoHome: there is no ledger.
        LedgerUnwritable, LedgerBusy: the outbox cannot be read or written.
    """
    path = database(home)
    escalate(home)
    make_up(home)
    done = delivery.flush(path, due_only=due_only)
    _record(home, done)
    return done


def follow(home: Path, descriptor: int) -> None:
    """Deliver whenever woken by a byte on a descriptor, and a last time when that closes.

    No queue waits for another: one that is slow, or whose sink hangs, is at it while the others go on.
    """
    path, open_ = database(home), True
    recording = threading.Lock()

    def record(done: Delivered) -> None:
        with recording:
            _record(home, [done])

    rounds = delivery.Rounds(path, record)
    while open_:
        rounds.start(due_only=True)
        ready, _, _ = select.select([descriptor], [], [], FOLLOW_POLL_S)
        open_ = not ready or bool(os.read(descriptor, 4096))
    rounds.start(due_only=False)
    rounds.wait()
    # What came while a queue was ending.
    rounds.start(due_only=True)
    rounds.wait()


def escalate(home: Path) -> None:
    """Record what is past its deadline, for each set that has somebody to tell; and what is not any more.

    A terminal that is retired records nothing more; what waits is still delivered. A ledger that cannot be written now
    keeps no alert from being delivered: the next round records it.
    """
    with suppress(LedgerUnwritable, LedgerBusy), homes.open_home(home, outboxes.BESIDE) as ledger:
        if ledger.state.ended:
            return
        for name, one in sorted(ledger.state.sets.items()):
            policy = policies.parse(one.policy_source) if one.policy_source else None
            if policy is None or not (policy.alerts.sinks or one.escalations):
                continue
            for step in escalation.steps(one, clock.now(), policy.alerts.repeat.seconds):
                ledger.append(step, set_name=name)


def make_up(home: Path) -> None:
    """Fill in what records should have left in the outbox and did not."""
    with Outbox(database(home)) as outbox:
        missing = outbox.missing()
        if not missing:
            return
        with homes.open_home(home) as ledger:
            for seq in missing:
                entry = next(ledger.entries(seq))
                outbox.store(outboxes.rows(entry, ledger.state))


def try_sink(state: LedgerState, name: str, make: Callable[[AnySink], Deliverer] = deliverer) -> list[Tried]:
    """Send a marked test event to every sink of a name.

    Raises:
        InvalidInput: no policy names one.
    """
    found = [(owner, sink) for owner, sink in _all_sinks(state) if sink.name == name]
    if not found:
        known = sorted({sink.name for _, sink in _all_sinks(state)})
        raise InvalidInput(
            f"expected a sink that a policy names ({', '.join(known) or 'none'}), got {name!r}",
            hint=did_you_mean(name, known, "sinks stand under [[alerts.sinks]]"),
        )
    return [try_one(owner, sink, state, make) for owner, sink in found]


def try_one(
    owner: str, sink: AnySink, state: LedgerState, make: Callable[[AnySink], Deliverer] = deliverer
) -> Tried:  # fmt: skip
    """Send a marked test event to one sink, whether a policy here names it or not."""
    started, kind = time.monotonic(), str(sink.__struct_config__.tag)
    made = make(sink)
    try:
        made.deliver([event for event in _test_events(owner, state) if made.is_for(event)])
    except SinkFailure as failure:
        return Tried(owner, sink.name, kind, delivered=False, detail=str(failure))
    return Tried(owner, sink.name, kind, delivered=True, detail=f"taken in {time.monotonic() - started:.1f} s")


def _test_events(owner: str, state: LedgerState) -> Sequence[Event]:
    """Return an event that opens a test incident and one that resolves it."""
    now_ms = time.time_ns() // 1_000_000
    incident = f"test/{owner}/{now_ms}"
    made = []
    for place, (action, words) in enumerate(((Action.TRIGGER, "is sent"), (Action.RESOLVE, "is over"))):
        subject = f"TEST, nothing happened: a test of the alerts of {owner} {words}"
        document = ocsf.base(
            ocsf.APPLICATION_LIFECYCLE, ocsf.OTHER, time_ms=now_ms, severity=Severity.INFORMATIONAL, message=subject,
            metadata={"uid": f"test-{now_ms}-{place}", "log_provider": state.terminal or "unknown"},
        )  # fmt: skip
        document |= {
            "activity_name": "Test", "app": ocsf.product(), "unmapped": {"breakglass": {"record": "test", "set": owner}}
        }  # fmt: skip
        identifier = f"test-{now_ms}-{place}"
        made.append(Event(identifier, owner, subject, Severity.INFORMATIONAL, action, incident, now_ms, document))
    return made


def _all_sinks(state: LedgerState) -> Iterator[tuple[str, AnySink]]:
    for owner in sorted(state.sets):
        for one in outboxes.destinations(owner, state):
            found = sinks.from_json(one.configuration)
            if not isinstance(found, sinks.TicketSink):
                yield owner, found


def _record(home: Path, done: Sequence[Delivered]) -> None:
    """Record what was acknowledged; a ledger that cannot be written now loses no alert by it."""
    if not any(one.events for one in done):
        return
    with suppress(BreakglassError), homes.open_home(home, outboxes.BESIDE) as ledger:
        for one in done:
            if one.events and one.owner in ledger.state.sets:
                _append(ledger, one)


def _append(ledger: Ledger, one: Delivered) -> None:
    body = AlertsDelivered(sink=one.sink, count=len(one.events), first=one.events[0], last=one.events[-1])
    ledger.append(body, set_name=one.owner)
