# SPDX-License-Identifier: Apache-2.0
"""What is past its deadline and must be told until it is settled: a pure function of a set's state and this moment.

Rules:

1. What is told has a subject that stays the same until it is settled.
2. It is told when it is found, and again an interval after it was last told, one level higher each time.
3. What was told and is found no more is settled, and that is told too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from breakglass_shamir.custody.life import due, holders, retire_rules, watch_rules
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Phase, SetState
from breakglass_shamir.custody.records.monitoring import Eased, Escalated

STANDBY = "standby-"
"""In front of a probe's name: the subject of a way round that is not well."""

_DRILLS = {"roll-call": "roll-call", "rehearsal": "rehearsal", "access": "access drill"}


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something past its deadline."""

    subject: str
    what: str


def overdue(s: SetState, now: Moment) -> Iterator[Overdue]:
    """Yield everything of a set that is past its deadline."""
    if not s.current:
        return
    if s.retired:
        yield from _left_of_retired(s, now)
    elif risk := holders.quorum_at_risk(s.current_epoch):
        yield Overdue(f"quorum-{s.current}", risk)
    for debt in s.debts:
        if debt.since.seconds_until(now) >= debt.deadline_s:
            yield Overdue(debt.id, debt.what)
    if silent_s := watch_rules.silent_s(s, now):
        yield Overdue("watch-silent", f"the watch gave no sign for {due.in_words(silent_s)}, longer than it promised")
    for name, answer, _ in () if s.retired else watch_rules.broken_ways(s):
        yield Overdue(f"{STANDBY}{name}", f"the way round is not well, by the probe {name}: {answer}")
    opening = s.opening
    if opening and opening.opened_at and opening.phase in (Phase.OPEN, Phase.IN_USE):
        used_s = opening.opened_at.seconds_until(now)
        if used_s > opening.declared.use_for_s:
            what = f"opening {opening.short_id} is past its time by {due.in_words(used_s - opening.declared.use_for_s)}"
            yield Overdue(f"use-{opening.short_id}", what)
    yield from _schedule(s, now)


def steps(s: SetState, now: Moment, repeat_s: int) -> Iterator[Escalated | Eased]:
    """Yield the records that are to be made now.

    Args:
        s: the set.
        now: this moment.
        repeat_s: how long after it was last told something is told again, in seconds.
    """
    found = {one.subject: one for one in overdue(s, now)}
    for subject, one in found.items():
        before = s.escalations.get(subject)
        if before is None or before.at.seconds_until(now) >= repeat_s:
            yield Escalated(subject=subject, what=one.what, level=before.level + 1 if before else 1)
    for subject, last in s.escalations.items():
        if subject not in found:
            yield Eased(subject=subject, what=last.what)


def _left_of_retired(s: SetState, now: Moment) -> Iterator[Overdue]:
    """Yield that a retired set's sheets are still there, when they should be gone."""
    if s.retired and s.retired.at.seconds_until(now) >= retire_rules.DESTROY_DEADLINE_S:
        left = retire_rules.due_to_destroy(s)
        if left:
            yield Overdue("destroy", f"the set is retired and not destroyed are {retire_rules.listed(left)}")


def _schedule(s: SetState, now: Moment) -> Iterator[Overdue]:
    """Yield drills that were missed and a credential past its age, one line for each kind."""
    late = [one for one in due.schedule(s, now) if one.is_due]
    for kind, word in _DRILLS.items():
        mine = [one for one in late if one.kind == kind]
        if mine:
            sheets = ", ".join(one.sheet for one in mine if one.sheet)
            yield Overdue(kind, f"{word} due" + (f", sheets {sheets}" if sheets else "") + f": {mine[0].why}")
    for one in late:
        if one.kind == "rotation":
            yield Overdue("maximum-age", f"rotation due: {one.why}")
