# SPDX-License-Identifier: Apache-2.0
"""What is due for whom, and on which day: for a calendar.

Rules:

1. What is due and when is :mod:`breakglass_shamir.custody.life.due`'s to say; here it gets a day and people.
2. What is overdue stands on this day: a calendar is looked at from today on.
3. An appointment keeps its id for as long as it is the same thing to do, whenever it is asked for and whatever epoch
   is in force, so that a calendar moves it instead of showing it twice.
4. A person's own appointments are the sheets that this person keeps, and what the whole set needs its custodians for.
   Nobody else is named in them: they are given away.

Pure: no file, no clock.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from breakglass_shamir.custody.life import due as dues
from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.due import Due
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import EpochState, SetState
from breakglass_shamir.custody.policy.source import named
from breakglass_shamir.operations.monitoring.to_do import unheld
from breakglass_shamir.operations.printing.epochs import epoch_in_hand, unread
from breakglass_shamir.shell import breakglass

_ID_DIGITS = 32

_WHOLE = {"rehearsal": "rehearsal", "access": "access drill", "rotation": "rotation"}
_VERBS = {"rehearsal": "drill rehearsal", "access": "drill access", "rotation": "rotate"}


@dataclass(frozen=True, slots=True)
class Appointment:
    """One thing to do on a day (docs/guide-fleet.md).

    Attributes:
        id: the same for as long as it is the same thing to do.
        set_name: of which set.
        kind: ``roll-call``, ``rehearsal``, ``access``, ``rotation``, ``debt``, ``acknowledge`` or ``confirm``.
        day: on which day, UTC.
        overdue: whether that day is past, so that it stands on this one.
        what: in words.
        why: in words.
        command: what does it; empty where people look first what does.
        people: the custodians whom it takes; empty: whoever keeps the terminal.
    """

    id: str
    set_name: str
    kind: str
    day: date
    overdue: bool
    what: str
    why: str
    command: str
    people: tuple[str, ...]


def appointments(sets: Iterable[SetState], now: Moment, custodian: str = "") -> list[Appointment]:
    """Return what is due from now on, soonest first.

    Args:
        sets: whose.
        now: this moment.
        custodian: only what takes this person, who alone is named then; empty: everything.
    """
    found = [one for s in sets if s.current and not s.retired for one in _of_set(s, now)]
    mine = [
        replace(one, people=tuple(who for who in one.people if holders.same_person(who, custodian)))
        for one in found
        if _is_among(custodian, one.people)
    ]
    return sorted(mine if custodian else found, key=lambda one: (one.day, one.set_name, one.kind, one.what))


def keeps_a_sheet(s: SetState, custodian: str) -> bool:
    """Tell whether somebody keeps a sheet of the epoch in force, or of the one that is being handed out."""
    return bool(s.current) and any(
        _is_among(custodian, epoch.custodians.values()) for epoch in (s.current_epoch, epoch_in_hand(s))
    )


def _is_among(name: str, others: Iterable[str]) -> bool:
    return any(holders.same_person(name, other) for other in others)


def _of_set(s: SetState, now: Moment) -> Iterator[Appointment]:
    today = datetime.fromisoformat(now.time)
    for one in dues.schedule(s, now):
        yield _scheduled(s, one, today)
    for debt in s.debts:
        left_s = debt.deadline_s - debt.since.seconds_until(now)
        what = f"{s.name}: {debt.what}"
        yield _appointment(s, "debt", debt.id, today, left_s, what, "it is owed", breakglass("status", s.name), ())
    yield from _of_new_sheets(s, epoch_in_hand(s), today)


def _scheduled(s: SetState, one: Due, today: datetime) -> Appointment:
    epoch = s.current_epoch
    if one.kind == "roll-call":
        command = breakglass("drill roll-call", s.name, one.sheet)
        people, what = _people(epoch, [one.sheet]), f"{s.name}: roll-call of sheet {one.sheet}"
    else:
        command, what = breakglass(_VERBS[one.kind], s.name), f"{s.name}: {_WHOLE[one.kind]}"
        people = _people(epoch, [seat for seat in epoch.seats if seat not in epoch.voided])
    return _appointment(s, one.kind, one.sheet, today, one.in_s, what, one.why, command, people)


def _of_new_sheets(s: SetState, epoch: EpochState, today: datetime) -> Iterator[Appointment]:
    """Say which sheets are to be read back, and which to be taken by their custodians: today."""
    if epoch.recovered:
        return
    if missing := unread(epoch):
        what = f"{s.name}: read sheets {', '.join(missing)} back"
        command = breakglass("confirm", s.name, options="SCAN...")
        yield _appointment(s, "confirm", "", today, 1, what, f"epoch {epoch.number} is not sealed", command, ())
    for seat in unheld(epoch):
        what = f"{s.name}: take sheet {seat}"
        command, people = breakglass("ack", s.name, seat), _people(epoch, [seat])
        yield _appointment(s, "acknowledge", seat, today, 1, what, "nobody has said to hold it", command, people)


def _people(epoch: EpochState, seats: Iterable[str]) -> tuple[str, ...]:
    """Return who keeps sheets, once each; nobody where a policy leaves them unnamed."""
    return tuple(dict.fromkeys(who for seat in seats if (who := named(epoch.custodians.get(seat, "")))))


def _appointment(
    s: SetState, kind: str, which: str, today: datetime, in_s: int, what: str, why: str, command: str,
    people: tuple[str, ...],
) -> Appointment:  # fmt: skip
    first = min(s.epochs.values(), key=lambda epoch: (epoch.number, epoch.epoch_id)).epoch_id
    parts = "\0".join((first, s.name, kind, which))
    day = (today + timedelta(seconds=max(0, in_s))).date()
    digest = hashlib.sha256(parts.encode()).hexdigest()[:_ID_DIGITS]
    return Appointment(digest, s.name, kind, day, in_s <= 0, what, why, command, people)
