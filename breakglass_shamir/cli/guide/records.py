# SPDX-License-Identifier: Apache-2.0
"""What the short commands were not given, asked at a terminal: which set, which sheet or debt, what it was, why.

``close``, ``cancel``, ``ack``, ``void``, ``reassign`` and ``settle`` record one thing each. Each answer is checked when
it is given, by what the record itself would be refused for.

Without a terminal, what is missing is a usage error that names it.
"""

from collections.abc import Callable

from breakglass_shamir.cli.guide import sets
from breakglass_shamir.cli.guide.asking import Guide
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.cli.screen.terminal import Terminal, interactive
from breakglass_shamir.custody.life import drill_rules, holders
from breakglass_shamir.custody.life.state import EpochState, SetState
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.recorder import Recorder

_NOTHING = "nothing is recorded yet"

_USES = {
    "emergency": "systems were down and the credential was needed",
    "drill": "a drill of the real thing, declared as one",
    "misuse": "it should not have been opened, or was used for something else; the auditor looks at it",
}
"""What a use can have been, each with its explanation."""


def begin(terminal: Terminal, recorder: Recorder, name: str, fits: Callable[[SetState], bool] = bool) -> Guide:
    """Bring a recorder to the set that is meant, and return what asks for the rest.

    Args:
        terminal: where people are.
        recorder: at the home.
        name: what was given; empty: nothing.
        fits: whether a set is worth listing.

    Raises:
        InvalidInput: no set was named and nobody can be asked.
        Stopped: people leave.
    """
    guide = Guide(terminal, leaves=lambda: [_NOTHING])
    if not name:
        _require_people("NAME")
        recorder.set_name = sets.choose(guide, recorder.state.sets, "", fits=fits)
    return guide


def sheet(guide: Guide, recorder: Recorder, epoch: EpochState, given: str) -> str:
    """Return the seat of the sheet that is meant.

    Raises:
        InvalidInput: none is meant, or nobody can be asked.
        Stopped: people leave.
    """
    if given:
        return holders.sheet_of(epoch, given)
    _require_people("SHEET")
    choices = tuple(Choice(seat, _of_sheet(epoch, seat)) for seat in epoch.seats)
    question = Question(
        "sheet", f"Which sheet of {recorder.set_name}, epoch {epoch.number}?", choices=choices, free=True,
        helps=("its number, or the name of its custodian or the beginning of it",),
        check=lambda said: holders.sheet_of(epoch, said),
    )  # fmt: skip
    return guide.ask(question)


def bag(guide: Guide, given: str, *, asked: bool) -> str:
    """Return the serial of the bag; it is asked for where the sheet was, too."""
    if given or not asked:
        return given
    helps = ("it stands on the tamper-evident bag; Enter alone: it is in none",)
    return guide.ask(Question("bag", "Serial of the bag", helps=helps, default="", default_shown="none"))


def text(guide: Guide, given: str | None, option: str, name: str, asks: str, *helps: str) -> str:
    """Return a text for a record.

    Args:
        guide: asks.
        given: what the option says; None: nothing.
        option: that says it.
        name: what the text is called.
        asks: the question.
        helps: what ``help`` says.

    Raises:
        InvalidInput: nobody can be asked.
        Stopped: people leave.
    """
    if given is not None:
        return given
    _require_people(option)
    return guide.ask(Question(name, asks, helps=helps, check=lambda said: check_human_text(name, said)))


def people(guide: Guide, given: tuple[str, ...], option: str, asks: str) -> tuple[str, ...]:
    """Return the names of who looked at something."""
    if given:
        return given
    said = text(guide, None, option, "officer", asks, "several with commas between them")
    return tuple(name.strip() for name in said.split(",") if name.strip())


def use(guide: Guide, recorder: Recorder, given: str | None) -> str:
    """Return what a use was, of what it can have been by its declaration.

    Raises:
        InvalidInput: nobody can be asked.
        IllegalState: no opening is under way.
        Stopped: people leave.
    """
    if given is not None:
        return given
    _require_people("--as")
    opening = recorder.set_state.active_opening
    possible = [one for one in _USES if (opening.declared.purpose, one) not in drill_rules.CONTRARY]
    choices = tuple(Choice(one, _USES[one]) for one in possible)
    declared = opening.declared
    note = f"opening {opening.short_id}, {declared.ticket or 'no ticket'}: {declared.reason}"
    return guide.ask(Question("as", "What was the use?", choices=choices, notes=(note,)))


def debt(guide: Guide, recorder: Recorder, given: str) -> str:
    """Return the id of the debt that is meant.

    Raises:
        InvalidInput: nothing is owed, or nobody can be asked.
        Stopped: people leave.
    """
    if given:
        return given
    _require_people("DEBT")
    owed = recorder.set_state.debts
    if not owed:
        raise InvalidInput(f"set {recorder.set_name} owes nothing")
    choices = tuple(Choice(one.id, one.what) for one in owed)
    return guide.ask(Question("debt", "Which debt?", choices=choices))


def _of_sheet(epoch: EpochState, seat: str) -> str:
    who = epoch.custodians.get(seat) or "nobody named"
    if seat in epoch.voided:
        return f"{who}; void: {epoch.voided[seat]}"
    return f"{who}; {'held' if seat in epoch.acknowledged else 'not acknowledged yet'}"


def _require_people(what: str) -> None:
    if not interactive():
        raise InvalidInput(f"expected {what}, got none", hint="give it in the command, or use a terminal")
