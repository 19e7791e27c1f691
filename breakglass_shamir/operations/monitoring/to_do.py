# SPDX-License-Identifier: Apache-2.0
"""What somebody should do about a set, each thing with the commands that do it.

Rules:

1. What cannot wait stands first and is *urgent*: a quorum at risk, a debt past its deadline, a use past its time, a
   watch that was silent for several times as long as it promised.
2. Every command can be pasted: what it is about is quoted for a shell, and a word in capitals stands for what only
   people know, such as the path of a scan.
3. What comes next of an opening under way is said too, though it is not due.

Reads; records nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from breakglass_shamir.custody.life import holders, retire_rules, review_rules, under_way, watch_rules
from breakglass_shamir.custody.life.due import Due, in_words
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import epoch_of
from breakglass_shamir.custody.life.state import ROTATION, Debt, EpochState, Opening, Phase, SetState
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass, word
from breakglass_shamir.structs import Struct, replace

LONG_SILENCE = 3
"""A silence of so many times what was promised cannot wait."""


class ToDo(Struct, frozen=True):
    """One thing to do (docs/json.md).

    Attributes:
        what: one sentence.
        commands: what does it, each as it is pasted into a shell.
        urgent: whether it cannot wait.
    """

    what: str
    commands: tuple[str, ...]
    urgent: bool = False


class Undelivered(Struct, frozen=True):
    """Alerts of a set that no sink, or not every sink, has taken."""

    count: int
    since_s: int
    """Age of the oldest, in seconds."""


def to_do(s: SetState, schedule: Sequence[Due], undelivered: Undelivered | None, now: Moment) -> tuple[ToDo, ...]:
    """Return what is due now, what cannot wait first, nothing of it twice."""
    urgent = {one.what: replace(one, urgent=True) for one in _urgent(s, now)}
    due = {one.what: one for one in _due(s, schedule, undelivered, now)}
    return tuple({**due, **urgent}[what] for what in {**urgent, **due})


def next_steps(s: SetState, now: Moment) -> tuple[ToDo, ...]:
    """Return how the opening under way goes on; nothing where there is none."""
    opening = s.opening
    if opening is None:
        return ()
    if opening.phase is Phase.DECLARED:
        return (ToDo(_declared(opening, now), _of_declaration(s, opening)),)
    if opening.opened_at is not None and opening.phase in (Phase.OPEN, Phase.IN_USE) and not opening.rotated:
        left_s = opening.declared.use_for_s - opening.opened_at.seconds_until(now)
        until = f"for another {in_words(left_s)}" if left_s > 0 else "past its time"
        used = f"opening {opening.short_id} is in use, {until}; close it when the use is over, then rotate"
        return (ToDo(used, (breakglass("close", s.name), breakglass("rotate", s.name))),)
    return ()


def to_destroy(s: SetState) -> tuple[ToDo, ...]:
    """Return which sheets open nothing any more, whose they are, and what records that they were destroyed."""
    return tuple(
        ToDo(
            f"sheets {under_way.held(epoch, seats)} of epoch {epoch.number} open nothing any more: each is destroyed "
            "before two witnesses",
            (breakglass("destroyed", s.name, *seats, options=_destroying(epoch)),),
        )
        for epoch, seats in retire_rules.to_destroy(s)
    )


def destroying(s: SetState) -> tuple[ToDo, ...]:
    """Return sheets whose destruction is not recorded, with what records it; those of a retired set are due instead."""
    due = {epoch.epoch_id: seats for epoch, seats in retire_rules.due_to_destroy(s)}
    left = [
        (epoch, [seat for seat in seats if seat not in due.get(epoch.epoch_id, ())])
        for epoch, seats in retire_rules.to_destroy(s)
    ]
    return tuple(
        ToDo(
            f"epoch {epoch.number}: {', '.join(seats)}",
            (breakglass("destroyed", s.name, *seats, options=_destroying(epoch)),),
        )
        for epoch, seats in left
        if seats
    )


def prepared(s: SetState) -> str:
    """Say how far the next epoch is, printed but not yet in force; empty where there is none."""
    if not s.prepared:
        return ""
    epoch = s.epochs[s.prepared]
    progress = f"{len(epoch.read_back)} of {len(epoch.seats)} sheets read back, {len(held(epoch))} held"
    return f"epoch {epoch.number} ({epoch.short_id}): {progress}"


def held(epoch: EpochState) -> tuple[str, ...]:
    """Return the sheets that their custodians hold; one that is void is not held."""
    return tuple(seat for seat in epoch.seats if seat in epoch.acknowledged and seat not in epoch.voided)


def _declared(opening: Opening, now: Moment) -> str:
    said = opening.declared
    ago = in_words(opening.at.seconds_until(now))
    return (
        f"opening {opening.short_id} was declared {ago} ago ({said.ticket or 'no ticket'}, {said.incident_class}) by "
        f"{', '.join(said.officers) or 'nobody named'}: bring the sheets, or withdraw it"
    )


def _of_declaration(s: SetState, opening: Opening) -> tuple[str, ...]:
    verbs = {"emergency": "recombine", "rotation": "rotate"}
    verb = verbs.get(opening.declared.purpose)
    drills = ("drill rehearsal", "drill access")
    return (*(breakglass(one, s.name) for one in ([verb] if verb else drills)), breakglass("cancel", s.name))


def _urgent(s: SetState, now: Moment) -> Iterator[ToDo]:
    if not s.retired and (risk := holders.quorum_at_risk(s.current_epoch)):
        yield ToDo(risk, (_of_risk(s),))
    if not s.retired and (refused := _refused(s)):
        yield ToDo(refused, (breakglass("recombine", s.name), breakglass("lineage import", "FILE")))
    yield from (_of_debt(s, debt) for debt in s.debts if debt.since.seconds_until(now) >= debt.deadline_s)
    if s.opening and s.opening.opened_at and s.opening.phase in (Phase.OPEN, Phase.IN_USE):
        used_s = s.opening.opened_at.seconds_until(now)
        if used_s > s.opening.declared.use_for_s:
            yield ToDo(
                f"close: opening {s.opening.short_id} is in use for {in_words(used_s)}, past its time",
                (breakglass("close", s.name),),
            )
    silent_s = watch_rules.silent_s(s, now)
    if silent_s > LONG_SILENCE * s.watch.every_s:
        yield _silent(s, silent_s)


def _of_risk(s: SetState) -> str:
    """Return the way out where sheets are short: with a quorum left a rotation, else the paper that is void."""
    epoch = s.current_epoch
    if epoch.quorum_of(seat for seat in epoch.seats if seat not in epoch.voided):
        return breakglass("rotate", s.name)
    return breakglass("recombine", s.name, options="--override void --override-reason R")


def _of_debt(s: SetState, debt: Debt) -> ToDo:
    """Return what settles a debt."""
    if review_rules.needs_review(review_rules.policy_of(s), debt):
        return _of_review(s, debt)
    if debt.kind != ROTATION:
        return ToDo(debt.what, (breakglass("settle", s.name, debt.id),))
    if _is_elsewhere(s, debt):
        attested = breakglass("settle", s.name, debt.id, options="--attest-old-dead")
        return ToDo(debt.what, (breakglass("lineage import", "FILE"), attested))
    return ToDo(debt.what, (breakglass("rotate", s.name),))


def _of_review(s: SetState, debt: Debt) -> ToDo:
    """Return how a review is made, which waits for the end of its opening."""
    subject = review_rules.subject_of(debt)
    case = s.cases.get(subject)
    done = (
        f", {len(case.reviews)} of {review_rules.needed(review_rules.policy_of(s))} made"
        if case and case.reviews
        else ""
    )
    what = f"{debt.what} ({debt.id}{done})"
    if s.opening is not None and s.opening.id == subject:
        return ToDo(f"{what}; it is reviewed when it is over", ())
    return ToDo(what, (breakglass("review", subject[:12] if review_rules.is_opening(subject) else subject),))


def _is_elsewhere(s: SetState, debt: Debt) -> bool:
    """Tell whether the epoch that owes its rotation is not in force here."""
    epoch = s.epochs.get(epoch_of(s, debt)) if debt.kind == ROTATION else None
    return epoch is not None and epoch.epoch_id not in (s.source, s.prepared)


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


def _elsewhere(s: SetState) -> Iterator[ToDo]:
    """Say how a rotation is settled that an epoch owes which is not in force here."""
    for debt in s.debts:
        if _is_elsewhere(s, debt):
            number = s.epochs[epoch_of(s, debt)].number
            what = (
                f"settle: {debt.id} is of epoch {number}, which is not in force here; bring its proof from the "
                "terminal that rotated it (lineage import), or have it attested (settle --attest-old-dead)"
            )
            yield ToDo(what, _of_debt(s, debt).commands)


def _silent(s: SetState, silent_s: int) -> ToDo:
    what = f"watch: it gave no sign for {in_words(silent_s)}, longer than it promised"
    return ToDo(what, (breakglass("watch", s.name, options="--once"),))


def _due(s: SetState, schedule: Sequence[Due], undelivered: Undelivered | None, now: Moment) -> Iterator[ToDo]:
    yield from (_of_debt(s, debt) for debt in s.debts)
    yield from _due_of_retired(s) if s.retired else _due_in_service(s)
    silent_s = watch_rules.silent_s(s, now)
    if silent_s:
        yield _silent(s, silent_s)
    for probe, answer, _ in () if s.retired else watch_rules.broken_ways(s):
        what = f"standby: the way round is not well, by the probe {probe}: {answer}"
        yield ToDo(what, (breakglass("probe", s.name),))
    if s.watch.problem:
        what = f"watch: it does not see every login: {s.watch.problem}"
        yield ToDo(what, (breakglass("watch", s.name, options="--once"),))
    if undelivered and undelivered.count:
        since, see = in_words(undelivered.since_s), breakglass("alerts list")
        what = f"alerts: {undelivered.count} were not delivered, the oldest {since} ago; see: {see}"
        yield ToDo(what, (see, breakglass("alerts flush")))
    yield from _scheduled(s, [one for one in schedule if one.is_due])


def _due_in_service(s: SetState) -> Iterator[ToDo]:
    epoch, rotate = s.current_epoch, (breakglass("rotate", s.name),)
    yield from _elsewhere(s)
    begun = under_way.standing(s)
    if begun is not None and (s.prepared or under_way.is_only_unclosed(s)):
        yield ToDo(f"rotate: {begun.stands}", rotate)
    if epoch.voided and epoch.envelope.core.structure.most_losses >= len(epoch.voided):
        void = len(epoch.voided)
        yield ToDo(
            f"rotate: {counted(void, 'sheet')} of epoch {epoch.number} {'is' if void == 1 else 'are'} void", rotate
        )
    yield from (ToDo(reason, rotate) for reason in holders.rotation_reasons(s))
    if not epoch.sealed and not epoch.recovered:
        what = f"confirm: {len(epoch.read_back)} of {len(epoch.seats)} sheets were read back"
        yield ToDo(what, (breakglass("confirm", s.name, options="SCAN..."),))
    if not s.prepared and (waiting := unheld(epoch)):
        named = ", ".join(f"{seat} ({epoch.custodians.get(seat) or 'nobody named'})" for seat in waiting)
        yield ToDo(
            f"acknowledge: no custodian has said to hold sheet {named}",
            tuple(breakglass("ack", s.name, seat) for seat in waiting),
        )
    if not (epoch.proven or epoch.recovered):
        what = f"prove: the target never accepted the credential of epoch {epoch.number}; rotate, or split again"
        yield ToDo(what, rotate)


def unheld(epoch: EpochState) -> tuple[str, ...]:
    """Return the sheets that were read back, so that they may be handed out, and that nobody has said to hold."""
    if epoch.recovered:
        return ()
    known = {*epoch.acknowledged, *epoch.voided}
    return tuple(seat for seat in epoch.seats if seat in epoch.read_back and seat not in known)


def _due_of_retired(s: SetState) -> Iterator[ToDo]:
    """Say which sheets are still there."""
    left = retire_rules.due_to_destroy(s)
    if left:
        commands = tuple(breakglass("destroyed", s.name, *seats, options=_destroying(epoch)) for epoch, seats in left)
        yield ToDo(f"destroy: the set is retired, and left are {retire_rules.listed(left)}", commands)


def _destroying(epoch: EpochState) -> str:
    return f"--epoch {word(epoch.number)} --witness WITNESS --witness WITNESS"


_WORDS = {"roll-call": "roll-call", "rehearsal": "rehearsal", "access": "access drill", "rotation": "rotate"}


def _scheduled(s: SetState, schedule: Iterable[Due]) -> Iterator[ToDo]:
    """Say what is due, sheets of which the same is said in one sentence."""
    ordered = sorted(schedule, key=lambda one: (one.kind, one.why))
    for (kind, why), group in groupby(ordered, key=lambda one: (one.kind, one.why)):
        seats = [one.sheet for one in group if one.sheet]
        what = f"{_WORDS[kind]}: " + (f"sheet {', '.join(seats)}: {why}" if seats else why)
        yield ToDo(what, _of_schedule(s, kind, seats))


def _of_schedule(s: SetState, kind: str, seats: Sequence[str]) -> tuple[str, ...]:
    if kind == "rotation":
        return (breakglass("rotate", s.name),)
    if kind == "roll-call":
        return tuple(breakglass("drill roll-call", s.name, seat) for seat in seats)
    return (breakglass(f"drill {kind}", s.name),)
