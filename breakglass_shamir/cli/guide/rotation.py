# SPDX-License-Identifier: Apache-2.0
"""The guided rotation: ``breakglass rotate`` with no other word begins one, or goes on where an earlier one stopped.

Rules:

1. What stands is said first. Where an epoch is printed and not in force, going on with it is what Enter means; giving
   it up takes the word, twice, and says which sheets that makes worthless.
2. An opening that stands in the way is asked about, whoever left it.
3. Who is in the room is asked anew; everything else is asked once.

It gathers no sheet and records nothing but the end of what people say is over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from breakglass_shamir.cli.guide import place
from breakglass_shamir.cli.guide.asking import Guide, Step
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.cli.guide.recall import recalled
from breakglass_shamir.cli.screen.ages import clock_time
from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.state import Opening, Phase, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.operations.credential import recombine, rotate
from breakglass_shamir.operations.recorder import Recorder

WAY, REASON, OFFICERS = "way", "reason", "officers"
"""Keys of the answers."""

GO_ON, ATTEST = "go on", "attest"
"""Answers of :data:`WAY`; the third is ``abandon``."""

PLANNED = "planned rotation"
"""The reason where people give none."""

_ASKED_ANEW = (
    "old sheets that an earlier run was shown are asked for once more: what it read was in its memory only, and went "
    "with it"
)
"""Why people show sheets a second time."""

_SURELY = "surely"
_AGAIN, _CHANGE = "again", "change"


@dataclass(frozen=True, slots=True)
class Asked:
    """What people answered."""

    answers: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.answers[REASON]

    @property
    def officers(self) -> tuple[str, ...]:
        """Who takes part."""
        return tuple(self.answers[OFFICERS].split("\n"))

    @property
    def abandon(self) -> bool:
        """Whether the printed epoch is given up."""
        return self.answers.get(WAY) == under_way.ABANDON

    @property
    def attest(self) -> bool:
        """Whether officers vouch that the old credential is dead."""
        return self.answers.get(WAY) == ATTEST


def may_rotate(state: SetState) -> bool:
    """Tell whether a set is worth listing: it is in service, or still owes a rotation."""
    return bool(state.current) and (state.retired is None or bool(state.rotation_debts))


def ask(
    guide: Guide, recorder: Recorder, given: Mapping[str, str], *, placed: bool, held: bool = False,
    reopens: bool = False,
) -> Asked:  # fmt: skip
    """Say what stands, and ask what a rotation needs.

    Args:
        guide: its memory has what was answered in a flow that was interrupted.
        recorder: at the set, or at none that is known here.
        given: answers of options, and of this run.
        placed: whether an option says where new sheets go.
        held: whether sheets that were read in this run are in memory.
        reopens: whether people came back from the sheets, so that the last question is asked again.

    Raises:
        Stopped: people leave.
    """
    state = recorder.state.sets.get(recorder.set_name)
    _clear_the_way(guide, recorder, state)
    state = recorder.state.sets.get(recorder.set_name)
    found = under_way.standing(state) if state is not None else None
    if found is not None:
        guide.terminal.put(f"  what stands: {found.stands}", indent=4)
    if found is not None and state is not None and state.prepared and not held:
        guide.terminal.put(f"  {_ASKED_ANEW}", indent=4)
    if given.get(WAY) in (under_way.ABANDON, ATTEST) and not (state is not None and state.prepared):
        guide.terminal.warn(f"nothing is printed and not in force: there is nothing to {given[WAY]}")
    answers = {**recalled(guide, given), **given}
    return Asked(guide.ask_all(_steps(guide, state, placed=placed), answers, reopens=reopens))


def after_failure(guide: Guide, given: dict[str, str], options: dict[str, Any]) -> None:
    """Ask what to do after a rotation came to no end; an answer or option to be given anew is taken out.

    Raises:
        Stopped: people leave.
    """
    choices = (
        Choice(_AGAIN, "go on from what stands, with the same answers"),
        Choice(_CHANGE, "change an answer first"),
    )
    helps = ("what was printed and recorded stays; nothing is given up by going on, or by leaving",)
    chosen = guide.ask(Question("next", "What now?", choices=choices, helps=helps, default=_AGAIN, kept=False))
    given.pop(WAY, None)
    given.pop(_SURELY, None)
    if chosen != _CHANGE:
        return
    guide.forget()
    where = options[place.FOLDER] or options[place.PRINTER]
    answers = (Choice(REASON, given.get(REASON, "")), *([Choice(place.PLACE, str(where))] if where else []))
    if guide.ask(Question("change", "Which answer?", choices=answers, kept=False)) == REASON:
        given.pop(REASON, None)
        return
    for key in (place.PLACE, place.FOLDER, place.PRINTER, place.BACK_FROM):
        given.pop(key, None)
    options |= {place.FOLDER: None, place.PRINTER: None, place.BACK_FROM: None}


def left_behind(recorder: Recorder) -> Sequence[str]:
    """Say what people leave behind who stop now, and what goes on from there."""
    state = recorder.state.sets.get(recorder.set_name)
    found = under_way.standing(state) if state is not None else None
    lines = [] if found is None else [found.stands, *(f"{way.words}: {way.command}" for way in found.ways)]
    opening = state.opening if state is not None else None
    if opening is not None and opening.phase is Phase.DECLARED:
        lines.append(f"{_said_of(opening)} stands for {in_words(opening.declared.valid_for_s)}; nothing was opened")
    return lines or ["nothing was declared, printed or changed"]


def options_of(options: Mapping[str, object], officers: Sequence[str]) -> dict[str, str]:
    """Return what options answered, by the keys of this module."""
    given = {}
    if options["reason"]:
        given[REASON] = str(options["reason"])
    if officers:
        given[OFFICERS] = "\n".join(officers)
    if options["abandon"]:
        given |= {WAY: under_way.ABANDON, _SURELY: under_way.ABANDON}
    if options["attest"]:
        given[WAY] = ATTEST
    return given


def _steps(guide: Guide, state: SetState | None, *, placed: bool) -> tuple[Step, ...]:
    def prints(answers: Mapping[str, str]) -> bool:
        begun = state is not None and bool(state.prepared)
        return not placed and (not begun or answers.get(WAY) == under_way.ABANDON)

    def where(step: Step) -> Step:
        return lambda answers: step(answers) if prints(answers) else None

    return (
        lambda _: _way(state) if state is not None and state.prepared else None,
        lambda answers: _surely(state) if state is not None and answers.get(WAY) == under_way.ABANDON else None,
        lambda _: _reason(state),
        lambda answers: _officers(state, attest=answers.get(WAY) == ATTEST),
        *map(where, place.steps(guide, may_wait=False)),
    )


def _way(state: SetState) -> Question:
    """Ask how a rotation that is under way is gone on with."""
    found = under_way.standing(state)
    assert found is not None  # noqa: S101 - an epoch is prepared
    number = state.epochs[state.prepared].number
    choices = [Choice(GO_ON, found.ways[0].words)]
    if state.applying:
        choices.append(
            Choice(ATTEST, "people have changed the target, or the old sheets are gone: two officers vouch; it is owed")
        )
    else:
        choices.append(
            Choice(under_way.ABANDON, f"give epoch {number} up: its sheets are destroyed, others are printed")
        )
    return Question(
        WAY, "How do you go on?", choices=tuple(choices), default=GO_ON, kept=False,
        helps=("going on needs the old sheets and the new ones; nothing is printed twice",),
    )  # fmt: skip


def _surely(state: SetState) -> Question:
    epoch = state.epochs[state.prepared]

    def check(said: str) -> str:
        if said.lower() != under_way.ABANDON:
            raise InvalidInput(f"expected the word {under_way.ABANDON}, or back to keep epoch {epoch.number}")
        return under_way.ABANDON

    notes = (f"to be destroyed then: sheets {under_way.held(epoch, epoch.seats)} of epoch {epoch.number}",)
    return Question(
        _SURELY, f"Type {under_way.ABANDON} once more to give epoch {epoch.number} up", check=check, notes=notes,
        kept=False,
    )  # fmt: skip


def _reason(state: SetState | None) -> Question:
    def check(said: str) -> str:
        reason = check_human_text("reason", said)
        if is_filler(reason):
            raise InvalidInput(f"expected a reason that says why, got {reason!r}")
        return reason

    debts = state.rotation_debts if state is not None else ()
    default = f"the rotation that opening {debts[0].opening[:12]} owes" if debts else PLANNED
    return Question(REASON, "Why, in words", short="reason", check=check, default=default)


def _officers(state: SetState | None, *, attest: bool) -> Question:
    policy = policies.parse(state.policy_source) if state is not None and state.policy_source else None
    known = [officer.name for officer in policy.officers] if policy is not None else []
    needed = rotate.ATTESTING_OFFICERS if attest else 1

    def check(said: str) -> str:
        names = [check_human_text("officer", name) for name in said.split("\n")]
        if len({name.casefold() for name in names}) < max(needed, len(names)):
            raise InvalidInput(f"expected {needed} different names, with commas between them, got {', '.join(names)}")
        return "\n".join(names)

    return Question(
        OFFICERS, f"Who takes part here, now? At least {needed}, with commas between them", short="officers",
        several=True, free=True, check=check, kept=False, choices=tuple(map(Choice, known)),
        helps=("the names of those who stand at this terminal; they are recorded, and get a receipt each",),
    )  # fmt: skip


def _clear_the_way(guide: Guide, recorder: Recorder, state: SetState | None) -> None:
    """Ask what becomes of an opening that somebody else left, and that holds a rotation up."""
    opening = state.opening if state is not None else None
    if opening is None or opening.use_ended or (opening.declared.purpose == "rotation" and opening.was_opened):
        return
    guide.terminal.warn(f"{_said_of(opening)} is {opening.phase}")
    if opening.phase is Phase.DECLARED:
        if opening.declared.purpose == "rotation":
            rotate.cancel(recorder, "gone on with anew")
            return
        if not guide.confirm("It is withdrawn, and this rotation begins?", default=False):
            guide.stop()
        rotate.cancel(recorder, "a rotation begins instead")
        return
    _end_use(guide, recorder, opening)


def _end_use(guide: Guide, recorder: Recorder, opening: Opening) -> None:
    purpose = opening.declared.purpose
    choices = (
        Choice(purpose, f"its use is over; it was the {purpose} that was declared"),
        Choice("misuse", "its use is over; it was none that was declared"),
        Choice("wait", "somebody still works with it: the rotation comes after that"),
    )
    chosen = guide.ask(Question("use", "What of it?", choices=choices, kept=False))
    if chosen == "wait":
        guide.stop()
    try:
        recombine.close(recorder, chosen)
    except BreakglassError as error:
        guide.terminal.failed(error)
    recorder.opening = ""


def _said_of(opening: Opening) -> str:
    said = opening.declared
    return f"the {said.purpose} declared at {clock_time(opening.at.time)} ({said.reason!r})"
