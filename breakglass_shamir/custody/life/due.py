# SPDX-License-Identifier: Apache-2.0
"""What drills and rotation are due, and when: a pure function of a set's state and this moment.

Rules:

1. A sheet is due for its roll-call an interval after it was last verified; at once when it changed hands or its
   last roll-call failed. A void sheet is called no more.
2. A rehearsal and an access drill are due an interval after one last did not fail, the first one after the set
   began; at once when the last one failed, a rehearsal also when a sheet changed hands, and both when the
   infrastructure changed.
3. A credential is due for rotation when it has reached its maximum age; and in time before what it needs ends by
   itself: its certificate, its token, its account. That end is told by the target's clock, and compared with the wall
   clock.
4. An emergency is no drill: nothing that happens in one makes a drill less due.
5. Time is elapsed time, as everywhere; a clock that was set back makes nothing due.
6. Nothing of this is due for a set that is retired.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from breakglass_shamir.custody.life.history import DrillResult, SheetHistory
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Ending, EpochState, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Drills

DEFAULT_MAX_AGE_S = 365 * 86_400
"""Age at which a credential is due for rotation where no policy says otherwise."""

DAY_S = 86_400

AHEAD_S = 14 * DAY_S
"""How long before an end a rotation is due; a third of the time in between, where that is shorter."""


class Due(msgspec.Struct, frozen=True):
    """One thing to do, now or later (docs/guide-operator.md).

    Attributes:
        why: in words.
    """

    kind: str
    """``roll-call``, ``rehearsal``, ``access`` or ``rotation``."""

    sheet: str
    """The seat, for a roll-call."""

    in_s: int
    """Seconds until it is due; 0 or less: due for so long."""

    why: str

    @property
    def is_due(self) -> bool:
        """Whether it is to be done now."""
        return self.in_s <= 0


def schedule(s: SetState, now: Moment) -> tuple[Due, ...]:
    """Return everything that will be due for the epoch in force, soonest first."""
    if s.retired:
        return ()
    epoch = s.current_epoch
    policy = policies.parse(s.policy_source) if s.policy_source else None
    every = policy.drills if policy else Drills()
    max_age_s = policy.rotation.max_age.seconds if policy else DEFAULT_MAX_AGE_S
    found = [
        _roll_call(s, epoch, seat, every.roll_call.seconds, now) for seat in epoch.seats if seat not in epoch.voided
    ]
    if epoch.drill_envelope:
        found.append(_drill("rehearsal", s, s.history.rehearsal, every.rehearsal.seconds, now))
    found.append(_drill("access", s, s.history.access, every.access.seconds, now))
    found.append(_rotation(s, epoch, max_age_s, now))
    return tuple(sorted(found, key=lambda due: (due.in_s, due.kind != "rehearsal")))


def in_words(seconds: int) -> str:
    """Say a length of time in one unit: ``3 d``, ``5 h``, ``12 min``, ``40 s``."""
    for unit, size in (("d", DAY_S), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _roll_call(s: SetState, epoch: EpochState, seat: str, interval_s: int, now: Moment) -> Due:
    sheet = s.history.sheet(epoch.epoch_id, seat)
    at_once = _at_once(sheet, now)
    if at_once is not None:
        return Due("roll-call", seat, *at_once)
    since = sheet.verified or s.history.began.get(epoch.epoch_id)
    age_s = since.seconds_until(now) if since else interval_s
    return Due("roll-call", seat, interval_s - age_s, f"last verified {in_words(age_s)} ago")


def _at_once(sheet: SheetHistory, now: Moment) -> tuple[int, str] | None:
    """Return since when a sheet is due whatever its age, and why."""
    if sheet.failed and sheet.roll_call and sheet.roll_called:
        return -sheet.roll_called.seconds_until(now), f"the last one failed: {sheet.roll_call.reasons[0]}"
    if sheet.moved:
        return -sheet.moved.seconds_until(now), "it changed hands"
    return None


def _drill(kind: str, s: SetState, last: DrillResult | None, interval_s: int, now: Moment) -> Due:
    if last is not None and last.result == "fail":
        return Due(kind, "", -last.at.seconds_until(now), f"the last one failed: {last.reasons[0]}")
    if kind == "rehearsal" and s.history.people_changed:
        return Due(kind, "", -s.history.people_changed.seconds_until(now), "a sheet changed hands")
    if kind in s.history.changed_for:
        return Due(kind, "", -s.history.changed_for[kind].seconds_until(now), "the infrastructure changed")
    since = last.passed if last else None
    if since is not None:
        age_s = since.seconds_until(now)
        return Due(kind, "", interval_s - age_s, f"the last one was {in_words(age_s)} ago")
    age_s = max((began.seconds_until(now) for began in s.history.began.values()), default=interval_s)
    return Due(kind, "", interval_s - age_s, "there was none yet")


def _rotation(s: SetState, epoch: EpochState, max_age_s: int, now: Moment) -> Due:
    began = s.history.began.get(epoch.epoch_id)
    age_s = began.seconds_until(now) if began else max_age_s
    by_age = Due("rotation", "", max_age_s - age_s, f"the credential is {in_words(age_s)} old")
    ending = min((_ending(one, epoch, now) for one in _endings(s, epoch)), key=lambda due: due.in_s, default=by_age)
    return min(by_age, ending, key=lambda due: due.in_s)


def _endings(s: SetState, epoch: EpochState) -> Iterator[Ending]:
    """Yield what ends by itself and what the epoch's credential needs."""
    for one in s.endings.values():
        if one.epoch_id == epoch.epoch_id or not (one.epoch_id or one.public_id):
            yield one


def _ending(one: Ending, epoch: EpochState, now: Moment) -> Due:
    ends = datetime.fromisoformat(one.ends)
    left_s = int((ends - datetime.fromisoformat(now.time)).total_seconds())
    whole_s = int((ends - datetime.fromisoformat(epoch.since)).total_seconds())
    words = f"ends at {ends:%Y-%m-%d %H:%M} UTC" if left_s > 0 else f"ended at {ends:%Y-%m-%d %H:%M} UTC"
    return Due("rotation", "", left_s - min(AHEAD_S, max(0, whole_s // 3)), f"the {one.what} {words}")
