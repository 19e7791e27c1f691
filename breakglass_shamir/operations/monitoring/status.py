# SPDX-License-Identifier: Apache-2.0
"""Status: every set, what it owes, what is due next, and whether anything is due now. Reads; records nothing.

Rules:

1. Ages and deadlines are elapsed time; nothing here depends on the wall clock alone.
2. What cannot wait stands first and is *urgent*: a quorum at risk, a debt past its deadline, a use past its time, a
   watch that was silent for several times as long as it promised.
3. Alerts that nobody got are counted where there is an outbox; who keeps it hands the counts in.
4. On a terminal that is retired nothing is due: nothing could be recorded. What was left open is still shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from breakglass_shamir.custody.life import due as dues
from breakglass_shamir.custody.life import holders, retire_rules, watch_rules
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.due import Due, in_words
from breakglass_shamir.custody.life.history import DrillResult
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import epoch_of
from breakglass_shamir.custody.life.state import ROTATION, Debt, EpochState, LedgerState, Phase, SetState
from breakglass_shamir.ledger import clock

LONG_SILENCE = 3
"""A silence of so many times what was promised cannot wait."""

_TO_DO = {"roll-call": "roll-call", "rehearsal": "rehearsal", "access": "access drill", "rotation": "rotate"}


@dataclass(frozen=True, slots=True)
class DebtStatus:
    """One debt, as of now (docs/json.md).

    Attributes:
        id: its id.
        kind: ``rotation``, or the gate that was passed.
        what: in words.
        age_s: since it is owed, in seconds.
        overdue: whether its deadline is over.
    """

    id: str
    kind: str
    what: str
    age_s: int
    overdue: bool


@dataclass(frozen=True, slots=True)
class DrillStatus:
    """The last drill of a kind, as of now (docs/json.md).

    Attributes:
        drill: ``rehearsal`` or ``access``.
        result: ``pass``, ``warning`` or ``fail``.
        age_s: since it was, in seconds.
    """

    drill: str
    result: str
    age_s: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Alerts of a set that no sink, or not every sink, has taken."""

    count: int
    since_s: int
    """Age of the oldest, in seconds."""


@dataclass(frozen=True, slots=True)
class WatchStatus:
    """The watch on the target's logins, as of now (docs/json.md)."""

    age_s: int
    """Since it last gave a sign."""

    every_s: int
    """Within how many seconds it promised the next one; 0: not, as where a timer runs it."""

    looked_age_s: int
    """Since the instant until which it has looked at the target's logins, by the wall clock."""

    problem: str
    """What it does not see, and why; empty where it sees all."""


@dataclass(frozen=True, slots=True)
class SetStatus:
    """One set, as of now (docs/json.md).

    Attributes:
        name: of the set.
        phase: of its life, in words.
        epoch: number of the epoch in force.
        epoch_id: as people see it, ``ABCD-EFGH-JKMN``.
        sheets: how many the epoch has.
        read_back: sheets that were scanned after printing.
        acknowledged: sheets whose custodians hold them.
        voided: sheets that count no more.
        next_drill: the soonest thing of ``schedule``.
        opening: id of the opening under way; empty: none.
        debts: what the set owes.
    """

    name: str
    phase: str
    epoch: int
    epoch_id: str
    sheets: int
    read_back: int
    acknowledged: int
    voided: int
    losses_left: int
    """How many more sheets may be lost before no quorum is left; negative: none is left."""

    verified: int
    """Sheets that were read back or passed a roll-call, and did not fail the last one."""

    verified_age_s: int | None
    """How long ago the one that was looked at first of them was; None: none was."""

    login_age_s: int | None
    """How long ago the target last accepted the credential in force; None: never."""

    next_drill: Due | None
    schedule: tuple[Due, ...]
    """The soonest of each kind: roll-call, rehearsal, access drill, rotation."""

    rotation_in_s: int | None
    """Seconds until the credential reaches its maximum age; 0 or less: it has; None: the set is retired."""

    drills: tuple[DrillStatus, ...]
    """The last rehearsal and access drill."""

    undelivered: int | None
    """Alerts that were not delivered; None: there is no outbox."""

    prepared: str
    """The next epoch, printed but not yet in force, and how far it is; empty where there is none."""

    to_destroy: tuple[str, ...]
    """Sheets that open nothing and whose destruction is not recorded, one sentence for each epoch."""

    opening: str
    due: tuple[str, ...]
    """What somebody should do, one sentence each; the urgent ones first."""

    urgent: tuple[str, ...]
    """What of it cannot wait."""

    debts: tuple[DebtStatus, ...]
    watch: WatchStatus | None
    """None: nobody ever watched the target's logins."""

    chain: str
    """The chain of custody, in words: how far back it reaches, forks, what is attested or was seen elsewhere only."""

    chain_whole: bool
    """Whether it reaches a first epoch that was issued here, and nothing goes on beside it."""

    retired: str
    """Since when the set is out of service, how and why, in words; empty: it is in service."""


def status(
    state: LedgerState, name: str = "", *, undelivered: Mapping[str, Undelivered] | None = None
) -> list[SetStatus]:
    """Return the status of one set or of all that have an epoch.

    Args:
        state: of the ledger.
        name: of a set; empty: all.
        undelivered: alerts that were not delivered, by set; None: there is no outbox.

    Raises:
        UnknownSet: no set of this name.
    """
    sets = [state.of(name)] if name else [state.sets[key] for key in sorted(state.sets)]
    now = clock.now()
    found = [status_of(one, now, undelivered) for one in sets if one.current]
    return [replace(one, due=(), urgent=()) for one in found] if state.ended else found


def status_of(s: SetState, now: Moment, undelivered: Mapping[str, Undelivered] | None = None) -> SetStatus:
    """Return the status of one set at a moment."""
    epoch = s.current_epoch
    left = epoch.envelope.core.structure.most_losses - len(epoch.voided)
    schedule = dues.schedule(s, now)
    debts = tuple(_debt(debt, now) for debt in s.debts)
    waiting = None if undelivered is None else undelivered.get(s.name, Undelivered(0, 0))
    urgent, chain = _urgent(s, debts, now), chain_of(s)
    ages = _verified_ages(s, epoch, now)
    return SetStatus(
        name=s.name,
        phase=s.phase,
        epoch=epoch.number,
        epoch_id=epoch.short_id,
        sheets=len(epoch.seats),
        read_back=len(epoch.read_back),
        acknowledged=len(epoch.acknowledged),
        voided=len(epoch.voided),
        losses_left=left,
        verified=len(ages),
        verified_age_s=max(ages, default=None),
        login_age_s=s.history.login.seconds_until(now) if s.history.login else None,
        next_drill=next((one for one in schedule if one.kind != "rotation"), None),
        schedule=_soonest(schedule),
        rotation_in_s=next((one.in_s for one in schedule if one.kind == "rotation"), None),
        drills=tuple(_last_drills(s, now)),
        undelivered=waiting.count if waiting else None,
        prepared=_prepared(s),
        to_destroy=tuple(_to_destroy(s)),
        opening=s.opening.id if s.opening else "",
        due=tuple(dict.fromkeys([*urgent, *_due(s, schedule, waiting, now)])),
        urgent=tuple(urgent),
        debts=debts,
        watch=_watch(s, now),
        chain=chain.in_words(),
        chain_whole=chain.whole,
        retired=retired_in_words(s),
    )


def _watch(s: SetState, now: Moment) -> WatchStatus | None:
    watch = s.watch
    if watch.at is None:
        return None
    looked_s = (datetime.fromisoformat(now.time) - datetime.fromisoformat(watch.until)).total_seconds()
    return WatchStatus(watch.at.seconds_until(now), watch.every_s, max(0, int(looked_s)), watch.problem)


def _prepared(s: SetState) -> str:
    if not s.prepared:
        return ""
    epoch = s.epochs[s.prepared]
    progress = f"{len(epoch.read_back)} of {len(epoch.seats)} sheets read back, {len(epoch.acknowledged)} held"
    return f"epoch {epoch.number} ({epoch.short_id}): {progress}"


def _debt(debt: Debt, now: Moment) -> DebtStatus:
    age = debt.since.seconds_until(now)
    return DebtStatus(debt.id, debt.kind, debt.what, age, age >= debt.deadline_s)


def _verified_ages(s: SetState, epoch: EpochState, now: Moment) -> list[int]:
    """Return how long ago each sheet that counts was last verified."""
    known = {seat: s.history.sheet(epoch.epoch_id, seat) for seat in epoch.seats if seat not in epoch.voided}
    return [
        sheet.verified.seconds_until(now)
        for seat, sheet in known.items()
        if sheet.verified and not sheet.failed and (seat in epoch.read_back or sheet.roll_called)
    ]


def _soonest(schedule: tuple[Due, ...]) -> tuple[Due, ...]:
    """Return the first of each kind; the schedule is in order already."""
    first: dict[str, Due] = {}
    for one in schedule:
        first.setdefault(one.kind, one)
    return tuple(first.values())


def _last_drills(s: SetState, now: Moment) -> Iterable[DrillStatus]:
    last: list[tuple[str, DrillResult | None]] = [("rehearsal", s.history.rehearsal), ("access", s.history.access)]
    return [DrillStatus(drill, one.result, one.at.seconds_until(now)) for drill, one in last if one]


def _to_destroy(s: SetState) -> Iterable[str]:
    due = {epoch.epoch_id: seats for epoch, seats in retire_rules.due_to_destroy(s)}
    for epoch, sheets in retire_rules.to_destroy(s):
        left = [sheet for sheet in sheets if sheet not in due.get(epoch.epoch_id, ())]
        if left:
            yield f"epoch {epoch.number}: {', '.join(left)}"


def retired_in_words(s: SetState) -> str:
    """Say since when and how a set is out of service, and what is known of its credential; empty: it is in service."""
    how = s.retired
    if how is None:
        return ""
    by = "by its quorum" if how.by_quorum else f"on the word of {', '.join(how.attested_by)}"
    said = {
        retire_rules.DEAD: "the credential is dead",
        retire_rules.GONE: "the account is gone",
        retire_rules.LIVES: "the target still takes the credential",
        retire_rules.UNKNOWN: "nobody knows whether the target still takes the credential",
    }[how.credential]
    known = "attested" if how.attested_by else "by the target's word"
    known = f" ({known})" if how.credential in (retire_rules.DEAD, retire_rules.GONE) else ""
    return f"since {how.at.time}, {by}; {said}{known}: {how.reason}"


def _urgent(s: SetState, debts: tuple[DebtStatus, ...], now: Moment) -> list[str]:
    found = []
    if not s.retired and (risk := holders.quorum_at_risk(s.current_epoch)):
        found.append(risk)
    if not s.retired and (refused := _refused(s)):
        found.append(refused)
    found += [debt.what for debt in debts if debt.overdue]
    if s.opening and s.opening.opened_at and s.opening.phase in (Phase.OPEN, Phase.IN_USE):
        used_s = s.opening.opened_at.seconds_until(now)
        if used_s > s.opening.declared.use_for_s:
            found.append(f"close: opening {s.opening.short_id} is in use for {used_s} s, past its time")
    silent_s = watch_rules.silent_s(s, now)
    if silent_s > LONG_SILENCE * s.watch.every_s:
        found.append(_silent(silent_s))
    return list(dict.fromkeys(found))


def _refused(s: SetState) -> str:
    """Say that the credential in force was probably rotated elsewhere; empty where nothing hints at it."""
    epoch = s.current_epoch
    why = ""
    if epoch.refused_at and not s.applying:
        why = f"the target refused the credential of epoch {epoch.number} at {epoch.refused_at}"
    elif epoch.outlived_by:
        other = s.epochs[epoch.outlived_by].number
        why = f"the target accepted epoch {other}, which descends from epoch {epoch.number}"
    return f"rotated elsewhere? {why}: bring the newest sheets" if why else ""


def _elsewhere(s: SetState) -> Iterable[str]:
    """Say how a rotation is settled that an epoch owes which is not in force here."""
    for debt in s.debts:
        epoch = s.epochs.get(epoch_of(s, debt)) if debt.kind == ROTATION else None
        if epoch is not None and epoch.epoch_id not in (s.source, s.prepared):
            yield (
                f"settle: {debt.id} is of epoch {epoch.number}, which is not in force here; bring its proof from the "
                "terminal that rotated it (lineage import), or have it attested (settle --attest-old-dead)"
            )


def _silent(silent_s: int) -> str:
    return f"watch: it gave no sign for {in_words(silent_s)}, longer than it promised"


def _due(s: SetState, schedule: tuple[Due, ...], undelivered: Undelivered | None, now: Moment) -> list[str]:
    found = [debt.what for debt in s.debts]
    found += _due_of_retired(s) if s.retired else _due_in_service(s)
    silent_s = watch_rules.silent_s(s, now)
    if silent_s:
        found.append(_silent(silent_s))
    if s.watch.problem:
        found.append(f"watch: it does not see every login: {s.watch.problem}")
    if undelivered and undelivered.count:
        since = in_words(undelivered.since_s)
        found.append(
            f"alerts: {undelivered.count} were not delivered, the oldest {since} ago; see: breakglass alerts list"
        )
    return found + _scheduled([one for one in schedule if one.is_due])


def _due_in_service(s: SetState) -> list[str]:
    epoch, found = s.current_epoch, [*_elsewhere(s)]
    if s.prepared:
        found.append(f"rotate: {_prepared(s)}")
    if epoch.voided and epoch.envelope.core.structure.most_losses >= len(epoch.voided):
        found.append(f"rotate: {len(epoch.voided)} sheets of epoch {epoch.number} are void")
    found += holders.rotation_reasons(s)
    if not epoch.sealed and not epoch.recovered:
        found.append(f"confirm: {len(epoch.read_back)} of {len(epoch.seats)} sheets were read back")
    if not (epoch.proven or epoch.recovered):
        found.append(f"prove: the target never accepted the credential of epoch {epoch.number}; rotate, or split again")
    return found


def _due_of_retired(s: SetState) -> list[str]:
    """Say which sheets are still there."""
    left = retire_rules.due_to_destroy(s)
    return [f"destroy: the set is retired, and left are {retire_rules.listed(left)}"] if left else []


def _scheduled(schedule: list[Due]) -> list[str]:
    """Say what is due, sheets of which the same is said in one sentence."""
    ordered = sorted(schedule, key=lambda one: (one.kind, one.why))
    found = []
    for (kind, why), group in groupby(ordered, key=lambda one: (one.kind, one.why)):
        seats = ", ".join(one.sheet for one in group if one.sheet)
        found.append(f"{_TO_DO[kind]}: " + (f"sheet {seats}: {why}" if seats else why))
    return found


def days(seconds: int) -> str:
    """Say how long something is still to come, days rounded up: ``in 3 d``; or that it is due."""
    if seconds <= 0:
        return "due"
    return f"in {-(-seconds // dues.DAY_S)} d" if seconds > dues.DAY_S else f"in {in_words(seconds)}"


def ago(seconds: int | None) -> str:
    """Say how many days ago something was: ``today``, ``3 d ago``, ``never``."""
    if seconds is None:
        return "never"
    return f"{seconds // dues.DAY_S} d ago" if seconds >= dues.DAY_S else "today"
