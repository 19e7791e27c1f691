# SPDX-License-Identifier: Apache-2.0
"""Gates that a log shows as passed although no override is on record: what this program never writes.

Rules (spec: docs/spec/7-records.md, "Gates"):

1. A record is legal by ``lifecycle.py`` alone. What a gate asks of people is held against the log here, when an
   opening was opened or a rehearsal was played: by then every override is on record.
2. The policy that counts is the one the declaration was made under. Without one the built-in rules hold.
3. What the log alone cannot show is not judged: the gates ``clock``, which the times of all records show better,
   ``alert``, ``home``, ``void`` and ``superseded``; the latter two no record passes without their override.
4. A program looks, and records a moment later. Within ``SLACK_S`` nothing is held against it.

It decides nothing and changes no state.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from breakglass_shamir.custody.life import gates
from breakglass_shamir.custody.life.gates import Problem, Request
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import LedgerState, Opening, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.drills import Rehearsed
from breakglass_shamir.custody.records.epochs import Recovered, RecoveredCore
from breakglass_shamir.custody.records.openings import ASK, Declared, Opened, Overridden
from breakglass_shamir.custody.records.record import Record

SLACK_S = 60
"""How much later than it looked a program may have recorded."""

ARMING_S = 300
"""How long arming may take behind the last look at a declaration: an authority is asked five times, a minute each."""

KEPT = 1000
"""Gates that are named; the first ones, so that what is kept does not grow with the log."""

LOOKED_AT = (Declared, Overridden, Recovered, RecoveredCore, Opened, Rehearsed)
"""Record types that :meth:`Passed.step` wants to see."""

_AT_DECLARATION = frozenset({
    "class", "ticket", "reason", "officers", "duration", "declarer", "often", "ticket-open", "outage", "debt",
    "under-way",
})  # fmt: skip
"""Gates that a declaration shows; ``retired`` is judged beside them, with every debt that is owed, and ``hours``."""

_UNREVEALED = ("no-reveal", ASK)
"""The modes of a rotation."""


class PassedGate(msgspec.Struct, frozen=True):
    """A gate that was passed although nobody overrode it on record (docs/spec/7-records.md).

    Attributes:
        set: name of the set.
        opening: id of the opening, hexadecimal.
        gate: name of the check.
        problem: what stood against it, in words.
    """

    seq: int
    """Number of the record that shows it: ``opened`` or ``rehearsed``."""

    set: str
    opening: str
    gate: str
    problem: str

    def in_words(self) -> str:
        """Say it in one sentence. Never raises."""
        return (
            f"record {self.seq}: opening {self.opening[:12]} of {self.set} passed the gate {self.gate} and no override "
            f"of it is on record: {self.problem}"
        )


class _Asked(msgspec.Struct):
    """What the latest declaration of a set asked for, and what stood against it."""

    opening: str
    declared: Declared
    policy: Policy | None
    problems: list[Problem]
    overridden: set[str] = msgspec.field(default_factory=set)
    learned: set[str] = msgspec.field(default_factory=set)
    """Epochs that were taken from their sheets since, and unasked."""


class Passed:
    """Looks at the records of a log in turn."""

    def __init__(self) -> None:
        self.found: list[PassedGate] = []
        """What was passed; the first ones."""

        self._asked: dict[str, _Asked] = {}
        self._learned: dict[str, set[str]] = {}
        """Set to the epochs that were taken from their sheets outside an opening, although the set was known."""

        self._parsed: tuple[str, Policy] | None = None

    def step(self, before: LedgerState, data_digest: str, record: Record) -> None:
        """Look at one record that may follow.

        Args:
            before: the state without it.
            data_digest: SHA-256 of its bytes, hexadecimal; of a declaration, the opening id.
            record: one of ``LOOKED_AT``; others change nothing.
        """
        state, body = before.sets.get(record.set), record.body
        if state is None:
            return
        if isinstance(body, Declared):
            self._asked[record.set] = self._declaration(state, data_digest, record, body)
            return
        if isinstance(body, Recovered | RecoveredCore):
            self._learn(state, record, body.epoch_id)
            return
        asked = self._asked.get(record.set)
        if asked is None or asked.opening != record.opening:
            return
        if isinstance(body, Overridden):
            asked.overridden.add(body.gate)
        elif isinstance(body, Opened | Rehearsed):
            self._judge(state, asked, record)

    def _declaration(self, state: SetState, opening: str, record: Record, body: Declared) -> _Asked:
        policy, now = self._policy(state.policy_source), Moment.of(record)
        asks = Request(
            body.purpose, body.incident_class, body.ticket, body.reason, body.officers, _UNREVEALED[0], body.use_for_s,
            body.debts, body.probes, body.ticket_answer,
        )  # fmt: skip
        owed = tuple(debt for debt in state.debts if debt.since.seconds_until(now) > SLACK_S)
        found = gates.before_declaring(policy, replace(state, debts=owed), asks, now)
        problems = [gates.retired(state, asks), *(one for one in found if one.gate in _AT_DECLARATION)]
        problems += _outside_hours(policy, state, asks, now)
        return _Asked(opening, body, policy, [one for one in problems if one is not None])

    def _learn(self, state: SetState, record: Record, epoch_id: str) -> None:
        """Remember an epoch of a set that was known before; the first of a set asks nobody."""
        asked = self._asked.get(record.set)
        if not state.current or epoch_id in state.epochs:
            return
        if record.opening and asked is not None and asked.opening == record.opening:
            asked.learned.add(epoch_id)
        else:
            self._learned.setdefault(record.set, set()).add(epoch_id)

    def _judge(self, state: SetState, asked: _Asked, record: Record) -> None:
        opening = state.opening
        if opening is None:
            return
        problems = [*asked.problems, *gates.before_scanning(asked.policy, opening), *_stale(asked, opening, record)]
        if isinstance(record.body, Opened):
            problems += self._of_opened(state, asked, record.body)
        for one in problems:
            if one.gate not in asked.overridden and len(self.found) < KEPT:
                self.found.append(PassedGate(record.seq, record.set, asked.opening, one.gate, one.text))

    def _of_opened(self, state: SetState, asked: _Asked, body: Opened) -> list[Problem]:
        found = []
        modes: tuple[str, ...] = asked.policy.reveal.modes if asked.policy else (body.mode,)
        if asked.declared.purpose == "rotation":
            modes = _UNREVEALED
        if body.mode not in modes:
            found.append(Problem("mode", f"expected one of {', '.join(modes)}, got {body.mode}"))
        if body.witnessed == "inconsistent" and not gates.goes_on(state, body.epoch_id, asked.declared.purpose):
            found.append(Problem("witness", "a sheet or a receipt remembers another history of this ledger"))
        outside = self._learned.get(state.name, set())
        if body.epoch_id in asked.learned or body.epoch_id in outside:
            outside.discard(body.epoch_id)
            number = state.epochs[body.epoch_id].number
            found.append(Problem("epoch", f"this ledger did not know epoch {number} before"))
        return found

    def _policy(self, source: str) -> Policy | None:
        if not source:
            return None
        if self._parsed is None or self._parsed[0] != source:
            self._parsed = source, policies.parse(source)
        return self._parsed[1]


def _outside_hours(policy: Policy | None, state: SetState, asks: Request, now: Moment) -> list[Problem]:
    """Hold the declaration against the hours of the policy, where it was outside them when the program looked, too."""
    if policy is None or not gates.hours_known(policy):
        return []
    looked = datetime.fromisoformat(now.time) - timedelta(seconds=SLACK_S)
    earlier = replace(now, time=looked.strftime("%Y-%m-%dT%H:%M:%SZ"))
    both = [gates.rules_of_use(policy, state, asks, at) for at in (earlier, now)]
    found = [[one for one in problems if one.gate == "hours"] for problems in both]
    return found[1] if all(found) else []


def _stale(asked: _Asked, opening: Opening, record: Record) -> list[Problem]:
    """Hold the declaration's age against what it held for, and the time that a policy waits."""
    alerts = asked.policy.alerts if asked.policy else None
    waits_s = alerts.budget.seconds if alerts and alerts.require_ack else 0
    if asked.policy and asked.policy.arming is not None:
        waits_s += ARMING_S
    age_s, held_s = opening.at.seconds_until(Moment.of(record)), asked.declared.valid_for_s
    if age_s <= held_s + waits_s + SLACK_S:
        return []
    return [Problem("declaration", f"the declaration was {age_s} s old, it held {held_s} s")]
