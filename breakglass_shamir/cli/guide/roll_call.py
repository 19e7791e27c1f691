# SPDX-License-Identifier: Apache-2.0
"""The guided roll-call: one custodian, one sheet, one minute, a verdict, and what to do now.

Rules:

1. The serial is read off the bag: what is on record is not shown, or people would only nod at it.
2. Whatever came out of its bag goes into a new one, the wrong sheet too; its serial is asked for and recorded.

It judges nothing; the use case does.
"""

from collections.abc import Mapping
from pathlib import Path

from breakglass_shamir.cli.guide.asking import Guide, Step
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.cli.screen import paths
from breakglass_shamir.custody.life import due
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import InvalidInput, RollCallFailed
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.drills.roll_call import RollCallResult, inspect_seal, verify_live, what_now
from breakglass_shamir.operations.printing import custodians
from breakglass_shamir.operations.recorder import Recorder

SHEET, LEVEL, SERIAL, SCAN, FINDING, NEW_BAG = "sheet", "level", "serial", "scan", "finding", "bag"
"""Keys of the answers."""

_BAG, _SHEET = "bag", "sheet"
_AGAIN, _LEAVE = "again", "leave"


def play(guide: Guide, recorder: Recorder, given: Mapping[str, str]) -> RollCallResult:
    """Ask which sheet, look at it, and say what to do now.

    Args:
        guide: asks.
        recorder: at the set.
        given: answers of options.

    Raises:
        Stopped: people leave.
        BreakglassError: something is not as it should be; that is recorded and said.
    """
    answers = guide.ask_all(_steps(recorder), given)
    while True:
        try:
            found = _look(recorder, answers)
        except RollCallFailed as error:
            guide.terminal.failed(error)
            _bag_the_other(guide, recorder, error)
            if not _goes_on(guide, answers):
                raise
            answers = guide.ask_all(_steps(recorder), {SHEET: answers[SHEET], LEVEL: _SHEET})
        else:
            for line in what_now(found):
                guide.terminal.put(f"  now: {line}", indent=7)
            return found


def _look(recorder: Recorder, answers: Mapping[str, str]) -> RollCallResult:
    findings = (answers[FINDING],) if answers.get(FINDING) else ()
    if answers[LEVEL] == _BAG:
        return inspect_seal(recorder, answers[SHEET], answers[SERIAL], findings)
    scans = tuple(map(Path, answers[SCAN].split("\n")))
    return verify_live(recorder, answers[SHEET], scans, answers[NEW_BAG], findings)


def _goes_on(guide: Guide, answers: Mapping[str, str]) -> bool:
    choices = (
        Choice(_AGAIN, f"scan sheet {answers[SHEET]} again, or the right one"),
        Choice(_LEAVE, "leave it; what was found is on record"),
    )
    return guide.ask(Question("next", "What now?", choices=choices, default=_AGAIN, kept=False)) == _AGAIN


def _bag_the_other(guide: Guide, recorder: Recorder, error: RollCallFailed) -> None:
    """Ask into which bag a sheet goes that was on the scanner in the place of the right one, and record it."""
    if not error.out_of_bag:
        return
    asks = f"Serial of the new bag for sheet {error.out_of_bag}, which was on the scanner"
    serial = guide.ask(Question(NEW_BAG, asks, default="", default_shown="later", check=_words, kept=False))
    if serial:
        custodians.acknowledge(recorder, error.out_of_bag, serial, epoch_id=recorder.set_state.current)
        guide.terminal.say(f"recorded: sheet {error.out_of_bag} is in bag {serial}")


def _steps(recorder: Recorder) -> tuple[Step, ...]:
    state = recorder.set_state
    return (
        lambda _: _sheet(state),
        lambda _: _level(),
        lambda answers: _serial() if answers[LEVEL] == _BAG else None,
        lambda answers: _scan() if answers[LEVEL] == _SHEET else None,
        lambda _: _finding(),
        lambda answers: _new_bag() if answers[LEVEL] == _SHEET else None,
    )


def _sheet(state: SetState) -> Question:
    epoch = state.current_epoch
    calls = {one.sheet: one for one in due.schedule(state, clock.now()) if one.kind == "roll-call"}
    choices = []
    for seat in epoch.seats:
        call = calls.get(seat)
        when = "void" if call is None else f"due: {call.why}" if call.is_due else f"due in {due.in_words(call.in_s)}"
        keeper = epoch.custodians.get(seat, "")
        choices.append(Choice(seat, when, listed=f"{keeper} {seat}".strip()))

    def check(said: str) -> str:
        seat = said if said in epoch.seats else custodians.seat(said)
        if seat not in epoch.seats:
            raise InvalidInput(f"expected a sheet of epoch {epoch.number} ({', '.join(epoch.seats)}), got {seat}")
        return seat

    return Question(
        SHEET, "Whose sheet?", choices=tuple(choices), free=True, check=check, kept=False,
        helps=("a number of this list, the custodian, or the sheet as it is printed on it, such as 1.2",),
    )  # fmt: skip


def _level() -> Question:
    choices = (
        Choice(_BAG, "look at the bag: whole, closed, its serial; nothing is opened"),
        Choice(_SHEET, "the sheet itself is scanned, alone, and goes into a new bag"),
    )
    return Question(LEVEL, "What do you look at?", choices=choices, default=_BAG, kept=False)


def _serial() -> Question:
    helps = ("read it off the bag; what is on record is compared with it, and not shown",)
    return Question(SERIAL, "Serial, as it stands on the bag", check=_words, kept=False, helps=helps)


def _finding() -> Question:
    return Question(
        FINDING, "What is wrong with the bag or its seal, in words", default="", default_shown="nothing", kept=False,
        check=_words, helps=("such as: the seal has been cut",),
    )  # fmt: skip


def _scan() -> Question:
    def check(said: str) -> str:
        found = [Path(one) for one in said.split("\n")] if "\n" in said else list(paths.parse(said))
        absent = [problem for problem in map(paths.missing, found) if problem]
        if absent or not found:
            raise InvalidInput("; ".join(absent) or "expected a picture or PDF of the sheet")
        return "\n".join(map(str, found))

    return Question(SCAN, "Picture or PDF of this one sheet", paths=True, check=check, kept=False)


def _new_bag() -> Question:
    return Question(
        NEW_BAG, "Serial of the new bag that it goes into", default="", default_shown="later", check=_words, kept=False
    )


def _words(said: str) -> str:
    return check_human_text("answer", said) if said else ""
