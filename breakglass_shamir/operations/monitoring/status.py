# SPDX-License-Identifier: Apache-2.0
"""Status: every set, what it owes, what is due next, and whether anything is due now. Reads; records nothing.

Rules:

1. Ages and deadlines are elapsed time; nothing here depends on the wall clock alone.
2. What is due, what of it cannot wait, and which command does it is for :mod:`.to_do` to say.
3. Alerts that nobody got are counted where there is an outbox; who keeps it hands the counts in.
4. On a terminal that is retired nothing is due: nothing could be recorded. What was left open is still shown.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from breakglass_shamir.custody.life import arming_rules, gates, retire_rules, review_rules
from breakglass_shamir.custody.life import due as dues
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.due import Due, in_words
from breakglass_shamir.custody.life.history import DrillResult
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Debt, EpochState, LedgerState, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.monitoring.to_do import (
    ToDo,
    Undelivered,
    destroying,
    held,
    next_steps,
    prepared,
    to_do,
)
from breakglass_shamir.structs import Struct, replace


class DebtStatus(Struct, frozen=True):
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


class DrillStatus(Struct, frozen=True):
    """The last drill of a kind, as of now (docs/json.md).

    Attributes:
        drill: ``rehearsal`` or ``access``.
        result: ``pass``, ``warning`` or ``fail``.
        age_s: since it was, in seconds.
    """

    drill: str
    result: str
    age_s: int


class WatchStatus(Struct, frozen=True):
    """The watch on the target's logins, as of now (docs/json.md)."""

    age_s: int
    """Since it last gave a sign."""

    every_s: int
    """Within how many seconds it promised the next one; 0: not, as where a timer runs it."""

    looked_age_s: int
    """Since the instant until which it has looked at the target's logins, by the wall clock."""

    problem: str
    """What it does not see, and why; empty where it sees all."""


class ProbeStatus(Struct, frozen=True):
    """What a probe found at the last recorded look, as of now (docs/json.md).

    Attributes:
        probe: its name.
        answer: ``well``, or a verdict, a colon and why.
        standby: whether it asks the way round.
        well: whether it found nothing that counts as failed.
        age_s: since it has that verdict.
    """

    probe: str
    answer: str
    standby: bool
    well: bool
    age_s: int


class SetStatus(Struct, frozen=True):
    """One set, as of now (docs/json.md).

    Attributes:
        name: of the set.
        phase: of its life, in words.
        epoch: number of the epoch in force.
        epoch_id: as people see it, ``ABCD-EFGH-JKMN``.
        sheets: how many the epoch has.
        read_back: sheets that were scanned after printing.
        acknowledged: sheets whose custodians hold them; one that is void is not held.
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

    destroying: tuple[ToDo, ...]
    """The same, each with the command that records it."""

    opening: str
    to_do: tuple[ToDo, ...]
    """What somebody should do, each with its commands; the urgent ones first."""

    next: tuple[ToDo, ...]
    """How the opening under way goes on; it is not due."""

    due: tuple[str, ...]
    """The sentences of ``to_do``."""

    urgent: tuple[str, ...]
    """What of it cannot wait."""

    debts: tuple[DebtStatus, ...]
    watch: WatchStatus | None
    """None: nobody ever watched the target's logins."""

    probes: tuple[ProbeStatus, ...]
    """What the probes of the policy last found; empty: none was recorded."""

    chain: str
    """The chain of custody, in words: how far back it reaches, forks, what is attested or was seen elsewhere only."""

    chain_whole: bool
    """Whether it reaches a first epoch that was issued here, and nothing goes on beside it."""

    reviews: str
    """Who reviews what is done with the set, and how many of them; or that nobody does."""

    reviewers_named: bool
    """Whether the policy names reviewers."""

    account: str
    """Whether the account is closed at its target or until when it is armed, as far as this log knows; empty: the
    policy keeps it open."""

    retired: str
    """Since when the set is out of service, how and why, in words; empty: it is in service."""


def status(
    state: LedgerState, names: Iterable[str] = (), *, undelivered: Mapping[str, Undelivered] | None = None
) -> list[SetStatus]:
    """Return the status of some sets, or of all that have an epoch.

    Args:
        state: of the ledger.
        names: of sets; none: all.
        undelivered: alerts that were not delivered, by set; None: there is no outbox.

    Raises:
        UnknownSet: no set of one of these names.
    """
    sets = [state.of(name) for name in dict.fromkeys(names)] or [state.sets[key] for key in sorted(state.sets)]
    now = clock.now()
    found = [status_of(one, now, undelivered) for one in sets if one.current]
    return [replace(one, due=(), urgent=(), to_do=(), next=()) for one in found] if state.ended else found


def status_of(s: SetState, now: Moment, undelivered: Mapping[str, Undelivered] | None = None) -> SetStatus:
    """Return the status of one set at a moment."""
    epoch = s.current_epoch
    left = epoch.envelope.core.structure.most_losses - len(epoch.voided)
    schedule = dues.schedule(s, now)
    debts = tuple(_debt(debt, now) for debt in s.debts)
    waiting = None if undelivered is None else undelivered.get(s.name, Undelivered(0, 0))
    todo, chain = to_do(s, schedule, waiting, now), chain_of(s)
    ages = _verified_ages(s, epoch, now)
    return SetStatus(
        name=s.name,
        phase=s.phase,
        epoch=epoch.number,
        epoch_id=epoch.short_id,
        sheets=len(epoch.seats),
        read_back=len(epoch.read_back),
        acknowledged=len(held(epoch)),
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
        prepared=prepared(s),
        to_destroy=tuple(one.what for one in destroying(s)),
        destroying=destroying(s),
        opening=s.opening.id if s.opening else "",
        to_do=todo,
        next=next_steps(s, now),
        due=tuple(one.what for one in todo),
        urgent=tuple(one.what for one in todo if one.urgent),
        debts=debts,
        watch=_watch(s, now),
        probes=tuple(_probes(s, now)),
        chain=chain.in_words(),
        chain_whole=chain.whole,
        reviews=review_rules.who_reviews(s),
        reviewers_named=review_rules.names_reviewers(s),
        account=arming_rules.in_words(s, now.time),
        retired=retired_in_words(s),
    )


def _watch(s: SetState, now: Moment) -> WatchStatus | None:
    watch = s.watch
    if watch.at is None:
        return None
    looked_s = (datetime.fromisoformat(now.time) - datetime.fromisoformat(watch.until)).total_seconds()
    return WatchStatus(watch.at.seconds_until(now), watch.every_s, max(0, int(looked_s)), watch.problem)


def _probes(s: SetState, now: Moment) -> Iterable[ProbeStatus]:
    policy = policies.parse(s.policy_source) if s.policy_source else None
    if policy is None or policy.outage is None or s.probed is None:
        return
    for one in policy.outage.probes:
        if (answer := s.probed.answers.get(one.name)) is not None:
            since_s = s.probed.since[one.name].seconds_until(now)
            yield ProbeStatus(one.name, answer, one.standby, gates.is_well(one, answer), since_s)


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
