# SPDX-License-Identifier: Apache-2.0
"""The guided opening: ``breakglass recombine`` with no other word is the whole procedure.

Rules:

1. What happened, its ticket, why, who is here, how to use it: in that order, each held against the policy when it is
   answered. A wrong answer that an emergency may give closes a gate, and people are asked whether it is passed.
2. A declaration that still holds is gone on under, if people say so; nobody has to repeat its words. Who is in the room
   is asked anew: other people declare anew.
3. What fails before anything was opened is said, and asked about; what was answered stays.

It declares nothing itself; the use case checks everything again.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breakglass_shamir.cli.guide.asking import Guide, Step, why_passed
from breakglass_shamir.cli.guide.question import Answers, Choice, ClosesGate, Question
from breakglass_shamir.cli.guide.recall import recalled
from breakglass_shamir.cli.screen import paths, yes_and_no
from breakglass_shamir.cli.screen.ages import clock_time
from breakglass_shamir.custody.life.gates import BUILT_IN_OFFICERS, GATES
from breakglass_shamir.custody.life.state import Opening, Phase, SetState
from breakglass_shamir.custody.policy import example, pattern
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import (
    BreakglassError,
    GateClosed,
    IllegalState,
    IntegrityError,
    InvalidInput,
    LedgerBusy,
    LedgerUnwritable,
)
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.credential import recombine as operation
from breakglass_shamir.operations.credential import rotate
from breakglass_shamir.operations.opening import reveal
from breakglass_shamir.operations.recipes import catalogue
from breakglass_shamir.operations.recipes.catalogue import Recipe
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

CLASS, TICKET, REASON, OFFICERS, MODE, COMMAND = "class", "ticket", "reason", "officers", "mode", "command"
"""Keys of the answers."""

_DEBTS, _AGREED = "debts", "agreed"

RECORD = "record"
"""The answer for ``exec`` in a terminal that is recorded."""

MODES = {
    "show": "on this screen for {show_for}; you type it where it is needed",
    "exec": "to a command that you name; nobody sees it",
    "no-reveal": "this program logs in and shows nothing: to prove the way",
    RECORD: "to a command in a terminal that is recorded; the keyboard is yours, no key is recorded",
}
"""How a credential can be used, and what that means."""

_AGAIN, _CHANGE, _PASS, _ELSEWHERE = "again", "change", "pass", "elsewhere"


@dataclass(frozen=True, slots=True)
class Asked:
    """What people answered.

    Attributes:
        answers: by the keys of this module.
        debts: ids of the debts that they know of.
        use_for_s: seconds that a declaration which is gone on under asked for; 0: as long as the policy allows.
    """

    answers: Mapping[str, str]
    debts: tuple[str, ...]
    use_for_s: int = 0

    @property
    def officers(self) -> tuple[str, ...]:
        """Who takes part."""
        return tuple(self.answers[OFFICERS].split("\n"))

    @property
    def command(self) -> tuple[str, ...]:
        """What gets the credential; empty: no command."""
        return tuple(shlex.split(self.answers.get(COMMAND, "")))

    @property
    def tty(self) -> bool:
        """Whether the command runs in a terminal of its own."""
        return self.answers[MODE] == RECORD


def is_whole(given: Mapping[str, str]) -> bool:
    """Tell whether options say everything that is asked here, so that nothing is."""
    return given.keys() >= {CLASS, TICKET, REASON, OFFICERS, MODE}


def ask(guide: Guide, recorder: Recorder, given: Mapping[str, str], *, reopens: bool = False) -> Asked:
    """Ask what an opening needs, and how the credential is used.

    Args:
        guide: for an emergency; its memory has what was answered in a flow that was interrupted.
        recorder: at the set, or at none where the sheets say which.
        given: answers of options, and of this run.
        reopens: whether people came back from the sheets, so that the last question is asked again.

    Raises:
        Stopped: people leave.
    """
    state = recorder.state.sets.get(recorder.set_name)
    policy = policies.parse(state.policy_source) if state is not None and state.policy_source else None
    whole = is_whole(given)
    declared = None if whole and not reopens else _gone_on_under(guide, recorder, state, asks=not reopens)
    recalled = {} if whole else _recalled(guide, given, declared, state)
    given = {**recalled, **given}
    if declared is not None:
        said = declared.declared
        given = {**given, CLASS: said.incident_class, TICKET: said.ticket, REASON: said.reason}
        guide.passed |= dict.fromkeys(_closed_by(policy, given), "the declaration that is gone on under passed it")
    while True:
        found = guide.ask_all(_steps(policy, state, declared, agrees=not whole), given, reopens=reopens)
        officers = found[OFFICERS].split("\n")
        if declared is None or _same(officers, declared.declared.officers):
            break
        before = ", ".join(declared.declared.officers)
        if guide.confirm(f"It was declared by {before}. Withdraw it, and declare anew with {', '.join(officers)}?"):
            rotate.cancel(recorder, f"declared anew by {', '.join(officers)}")
            declared = None
            break
        given = {key: said for key, said in found.items() if key != OFFICERS}
    debts = tuple(debt.id for debt in state.rotation_debts) if state is not None else ()
    if declared is None:
        return Asked(found, debts)
    kept = {**found, OFFICERS: "\n".join(declared.declared.officers)}
    return Asked(kept, declared.declared.debts, declared.declared.use_for_s)


def after_failure(guide: Guide, error: BreakglassError, given: dict[str, str]) -> Mapping[str, Path]:
    """Ask what to do after something failed before anything was opened.

    Args:
        guide: of this opening; a gate that people pass is added to what it passed.
        error: what failed; it has been said.
        given: the answers so far; what is to be answered anew is taken out.

    Returns:
        Options to change: ``record_to``.

    Raises:
        Stopped: people leave.
    """
    choices = [
        Choice(_AGAIN, "try once more with the same answers"),
        Choice(_CHANGE, "change an answer"),
    ]
    gate = error.gate if isinstance(error, GateClosed) else ""
    if gate in GATES and gate not in guide.passed:
        choices.insert(0, Choice(_PASS, f"go on all the same: the check {gate!r} is passed, recorded, and owed"))
    unusable = guide.memory is None and isinstance(error, IntegrityError | IllegalState | InvalidInput)
    if unusable or isinstance(error, LedgerUnwritable | LedgerBusy):
        choices.insert(0, Choice(_ELSEWHERE, "write the record to another folder, such as a USB stick"))
    helps = ("what was answered stays; nothing was revealed",)
    chosen = guide.ask(Question("next", "What now?", choices=tuple(choices), helps=helps, default=_AGAIN, kept=False))
    if chosen == _PASS:
        guide.passed[gate] = guide.ask(why_passed(gate))
    if chosen == _CHANGE:
        _change(guide, given)
    if chosen == _ELSEWHERE:
        said = guide.ask(Question("record_to", "Folder for the record", paths=True, check=_one_path, kept=False))
        return {"record_to": Path(said)}
    return {}


def left_behind(recorder: Recorder) -> Sequence[str]:
    """Say what people leave behind who stop now."""
    state = recorder.state.sets.get(recorder.set_name)
    under_way = state.opening if state is not None else None
    if under_way is None or under_way.phase is not Phase.DECLARED:
        return ("nothing was declared or revealed; what was answered is there for twelve hours",)
    cancel = breakglass("cancel", recorder.set_name, options="--reason R")
    return (
        f"{said_of(under_way)} stands for {in_words(under_way.declared.valid_for_s)}; nothing was revealed",
        f"withdraw it with: {cancel}",
    )


def _one_path(said: str) -> str:
    return str(paths.one(said))


def said_of(declared: Opening) -> str:
    """Say which declaration is meant, as people remember it."""
    said = declared.declared
    return f"the declared opening of {clock_time(declared.at.time)} ({said.ticket}, {said.reason!r})"


def _gone_on_under(guide: Guide, recorder: Recorder, state: SetState | None, *, asks: bool = True) -> Opening | None:
    """Return the declaration that people want to go on under; one that they do not want is withdrawn.

    Where nobody is to be asked, it is the one that there is.
    """
    under_way = state.opening if state is not None else None
    if state is None or under_way is None or under_way.declared.purpose != "emergency":
        return None
    if under_way.was_opened and not under_way.use_ended:
        _end_use(guide, recorder, under_way)
        return None
    said = under_way.declared
    stale = under_way.at.seconds_until(clock.now()) > said.valid_for_s
    if under_way.phase is not Phase.DECLARED or stale or said.policy_digest != state.policy_digest:
        return None
    if not asks:
        return under_way
    helps = (
        f"declared by {', '.join(said.officers)}; it holds for {in_words(said.valid_for_s)}",
        "n: it is withdrawn, and you declare another one",
    )
    if guide.confirm(f"Continue {said_of(under_way)}?", helps=helps):
        return under_way
    if guide.confirm("Withdraw it, and declare another one?"):
        rotate.cancel(recorder, "declared anew")
        return None
    guide.stop()
    return None


def _end_use(guide: Guide, recorder: Recorder, under_way: Opening) -> None:
    """Ask what becomes of a use that has not ended: nobody may work with the credential when it is opened again."""
    opened = clock_time(under_way.opened_at.time) if under_way.opened_at else ""
    guide.terminal.warn(f"opening {under_way.short_id} was opened at {opened}, and nobody has said that its use ended")
    choices = (
        Choice("emergency", "its use is over; it was the emergency that was declared"),
        Choice("misuse", "its use is over; it was none that was declared"),
        Choice("goes-on", "somebody still works with it; open the set a second time", listed="goes on"),
    )
    chosen = guide.ask(Question("use", "What of it?", choices=choices, kept=False))
    if chosen != "goes-on":
        operation.close(recorder, chosen)


def _is_over(state: SetState | None, answers: Answers) -> bool:
    """Tell whether what was answered is of an opening whose rotation is done: a new incident has its own words."""
    past = state.past if state is not None else ()
    return any(one.rotated and one.declared.ticket == answers.get(TICKET) for one in past)


def _recalled(
    guide: Guide, given: Mapping[str, str], declared: Opening | None, state: SetState | None
) -> Mapping[str, str]:
    """Return what was answered in a flow that was interrupted, if people go on with it."""
    if guide.memory is not None and declared is None and _is_over(state, guide.memory.recall().answers):
        guide.memory.forget()
    if declared is None or guide.memory is None:
        return recalled(guide, given)
    return {key: said for key, said in guide.memory.recall().answers.items() if key not in given}


def _steps(policy: Policy | None, state: SetState | None, declared: Opening | None, *, agrees: bool) -> Sequence[Step]:
    return (
        lambda _: _class(policy),
        lambda _: _ticket(policy),
        lambda _: _reason(),
        lambda _: _officers(policy, declared),
        lambda _: _debts(state, declared),
        lambda _: _mode(policy),
        lambda answers: _command(policy, answers[MODE]) if answers[MODE] in ("exec", RECORD) else None,
        lambda answers: _agreed(answers) if agrees and declared is None else None,
    )


def _class(policy: Policy | None) -> Question:
    if policy is None:
        return Question(
            CLASS, "What happened, in a word such as idp-outage", short="class",
            check=lambda said: check_human_text("incident class", said),
        )  # fmt: skip
    classes = policy.declaration.classes

    def check(said: str) -> str:
        if said not in classes:
            raise ClosesGate(f"expected one of {', '.join(classes)}, got {said!r}")
        return said

    return Question(
        CLASS, "What happened?", short="class", choices=tuple(Choice(one) for one in classes), free=True, check=check,
        gate="class", helps=("these are the incidents for which the policy of this set has it opened",),
    )  # fmt: skip


def _ticket(policy: Policy | None) -> Question:
    wanted = policy.declaration.ticket if policy is not None else r"\S+"
    such_as = example.of(wanted)

    def check(said: str) -> str:
        ticket = check_human_text("ticket", said)
        if mismatch := pattern.mismatch(wanted, ticket, such_as):
            raise ClosesGate(mismatch)
        return ticket

    any_word = wanted == r"\S+"
    helps = "the number of the incident, one word" if any_word else f"the number of the incident, of the form {wanted}"
    asks = f"Ticket, such as {such_as}" if such_as else "Ticket"
    return Question(TICKET, asks, short="ticket", check=check, gate="ticket", helps=(helps,))


def _reason() -> Question:
    def check(said: str) -> str:
        reason = check_human_text("reason", said)
        if is_filler(reason):
            raise ClosesGate(f"expected a reason that says what happened, got {reason!r}")
        return reason

    helps = ("a sentence for whoever reads the record tomorrow, such as: the directory is down, no login works",)
    return Question(REASON, "Reason, in words", short="reason", check=check, gate="reason", helps=helps)


def _officers(policy: Policy | None, declared: Opening | None) -> Question:
    needed = policy.declaration.officers if policy is not None else BUILT_IN_OFFICERS
    known = [officer.name for officer in policy.officers] if policy is not None else []

    def check(said: str) -> str:
        names = [check_human_text("officer", name) for name in said.split("\n")]
        if len({name.casefold() for name in names}) < max(needed, len(names)):
            raise ClosesGate(
                f"expected {counted(needed, 'different officer')}, with commas between them, got {', '.join(names)}"
            )
        return "\n".join(names)

    asks = f"Who takes part here, now? At least {needed}, with commas between them"
    notes = [f"declared by {', '.join(declared.declared.officers)}"] if declared is not None else []
    return Question(
        OFFICERS, asks, short="officers", several=True, free=True, check=check, gate="officers", kept=False,
        choices=tuple(map(Choice, known)), notes=tuple(notes),
        helps=("the names of those who stand at this terminal; they are recorded, and get a receipt each",),
    )  # fmt: skip


def _debts(state: SetState | None, declared: Opening | None) -> Question | None:
    if state is None or declared is not None or not state.rotation_debts:
        return None
    choices = (
        Choice("known", "open it all the same; what is owed stays owed"),
        Choice("leave", f"leave this, and rotate first: {breakglass('rotate', state.name)}"),
    )

    return Question(
        _DEBTS, "Open it knowing that?", short="owed", choices=choices, kept=False, default="known",
        agreed="known", declined="leave", stops="leave",
        notes=("this set still owes:", *(f"  {debt.id}: {debt.what}" for debt in state.rotation_debts)),
    )  # fmt: skip


def _mode(policy: Policy | None) -> Question:
    allowed = _allowed(policy)
    show_for = in_words(policy.reveal.show_for.seconds if policy is not None else 60)

    def check(said: str) -> str:
        if said not in MODES:
            raise InvalidInput(f"expected one of {', '.join(allowed)}, got {said!r}")
        if said not in allowed:
            raise ClosesGate(f"the policy allows {', '.join(allowed)}, not {said}")
        return said

    ordered = [mode for mode in MODES if mode in allowed] + [mode for mode in MODES if mode not in allowed]
    choices = tuple(
        Choice(mode, MODES[mode].format(show_for=show_for) if mode in allowed else "not allowed by the policy")
        for mode in ordered
    )
    return Question(MODE, "How is it used?", short="use", choices=choices, check=check, gate="mode")


def _allowed(policy: Policy | None) -> tuple[str, ...]:
    """Return the ways that a policy allows; a recorded terminal is one wherever a command is, unless it says never."""
    if policy is None:
        return tuple(MODES)
    modes: tuple[str, ...] = policy.reveal.modes
    return (*modes, RECORD) if "exec" in modes and policy.use.record != "never" else modes


def _command(policy: Policy | None, mode: str) -> Question:
    target = policy.target if policy is not None else None
    recipes = catalogue.recipes_for(target.uri, target.account) if target is not None else catalogue.recipes_for("")

    def check(said: str) -> str:
        try:
            words = shlex.split(said)
        except ValueError as error:
            raise InvalidInput(f"expected a command as in a shell: {str(error).lower()}") from None
        unsaid = [one for one in recipes if words == [one.command] or (words == _whole(one) and not one.is_complete)]
        if unsaid:
            raise InvalidInput(f"type it with its arguments, such as: {shlex.join(_whole(unsaid[0]))}")
        reveal.find_program(words)
        return said

    where = "" if mode == RECORD else "on standard input, and "
    helps = (
        "a recipe gives the credential to its program as that takes one, and leaves you the keyboard",
        f"another command gets it {where}on the descriptor numbered by BREAKGLASS_FD",
    )
    choices = tuple(Choice(shlex.join(_whole(one)), one.words, listed=one.command) for one in recipes)
    offered = {choice.value for choice in choices}
    return Question(
        COMMAND, "Which command? One of these, or any other with its arguments", short="command", check=check,
        choices=choices, free=True, helps=helps, kept_only=lambda said: said in offered,
    )  # fmt: skip


def _whole(recipe: Recipe) -> list[str]:
    return [recipe.command, *recipe.example]


def _agreed(answers: Mapping[str, str]) -> Question:
    def check(said: str) -> str:
        if not yes_and_no.meaning(said):
            raise InvalidInput("say back to change an answer, stop to leave")
        return "yes"

    told = [
        f"class     {answers[CLASS]}",
        f"ticket    {answers[TICKET]}",
        f"reason    {answers[REASON]}",
        f"officers  {', '.join(answers[OFFICERS].split(chr(10)))}",
        f"use       {answers[MODE]} {answers.get(COMMAND, '')}".rstrip(),
    ]
    return Question(
        _AGREED, "Declare it? It is recorded, and everybody who is alerted hears of it", default="yes", kept=False,
        check=check, notes=tuple(told), helps=("Enter: declare it, then the sheets are asked for",),
    )  # fmt: skip


def _change(guide: Guide, given: dict[str, str]) -> None:
    """Ask which answer is to be given anew, and take it out."""
    keys = [key for key in (CLASS, TICKET, REASON, MODE, COMMAND) if key in given]
    choices = tuple(Choice(key, given[key]) for key in keys)
    if not choices:
        return
    given.pop(guide.ask(Question("change", "Which answer?", choices=choices, kept=False)))


def _closed_by(policy: Policy | None, given: Mapping[str, str]) -> list[str]:
    """Return the gates that the words of a declaration closed, which it passed then."""
    closed = []
    for key, question in ((CLASS, _class(policy)), (TICKET, _ticket(policy)), (REASON, _reason())):
        try:
            question.take(given[key])
        except BreakglassError:
            closed.append(question.gate)
    return closed


def _same(here: Sequence[str], declared: Sequence[str]) -> bool:
    return sorted(name.casefold() for name in here) == sorted(name.casefold() for name in declared)


def options_of(options: Mapping[str, Any], command: Sequence[str]) -> dict[str, str]:
    """Return what options answered, by the keys of this module."""
    given = {CLASS: options["incident_class"], TICKET: options["ticket"], REASON: options["reason"]}
    answered = {key: said for key, said in given.items() if said is not None}
    if options["officers"]:
        answered[OFFICERS] = "\n".join(options["officers"])
    modes = [
        mode for option, mode in (("execute", "exec"), ("show", "show"), ("no_reveal", "no-reveal")) if options[option]
    ]
    if len(modes) == 1:
        answered[MODE] = RECORD if options["tty"] and modes[0] == "exec" else modes[0]
    if command:
        answered[COMMAND] = shlex.join(command)
    return answered
