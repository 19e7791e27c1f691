# SPDX-License-Identifier: Apache-2.0
"""After the sheets are printed: each is read back, and each custodian takes one; it goes on where it stopped."""

from collections.abc import Callable, Mapping, Sequence

from breakglass_shamir.cli.guide.asking import Guide
from breakglass_shamir.cli.guide.question import Choice, Question
from breakglass_shamir.custody.life.state import EpochState, SetState
from breakglass_shamir.errors import BreakglassError, Stopped, WentBack
from breakglass_shamir.operations.printing import custodians
from breakglass_shamir.operations.printing.epochs import good_epochs, unread
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass

NOW, LATER = "now", "later"


def unfinished(sets: Mapping[str, SetState]) -> list[SetState]:
    """Return the sets whose sheets were printed, and not all read back or taken."""
    return [state for state in sets.values() if _waits(state)]


def is_unread(state: SetState) -> bool:
    """Tell whether a set has sheets that nobody has read back."""
    return any(unread(epoch) for epoch in good_epochs(state))


def in_words(state: SetState) -> str:
    """Say how far the sheets of a set are."""
    epoch = state.current_epoch
    if not epoch.sealed:
        return f"epoch {epoch.number} is printed; {len(epoch.read_back)} of {len(epoch.seats)} sheets were read back"
    return f"epoch {epoch.number} is sealed; {len(epoch.acknowledged)} of {len(epoch.seats)} custodians have theirs"


def confirm(guide: Guide, recorder: Recorder, read: Callable[[], object]) -> bool:
    """Have the printed sheets read back; returns whether all of them were.

    Args:
        guide: of the ceremony.
        recorder: at the set.
        read: reads sheets until all were seen, or raises what was wrong, or that people leave.
    """
    while not recorder.refresh().current_epoch.sealed:
        epoch = recorder.set_state.current_epoch
        missing = [seat for seat in epoch.seats if seat not in epoch.read_back]
        asks = f"Scan the printed sheets now? {len(missing)} of {len(epoch.seats)} are still to be read"
        choices = (
            Choice(NOW, "they are printed; a picture, a folder, a camera or a scanner that types will do"),
            Choice(LATER, f"leave it open; it goes on with: {breakglass('split')}"),
        )
        helps = ("a sheet that cannot be read now cannot be read at night: each is tried before it counts",)
        question = Question("read", asks, choices=choices, helps=helps, kept=False, agreed=NOW, declined=LATER)
        if guide.ask(question) == LATER:
            return False
        try:
            read()
        except WentBack:
            continue
        except Stopped:
            return False
        except BreakglassError as error:
            guide.terminal.failed(error)
    return True


def hand_out(guide: Guide, recorder: Recorder) -> None:
    """Ask of each sheet whether its custodian has it, and in which bag."""
    for seat in _still_here(recorder.refresh().current_epoch):
        epoch = recorder.set_state.current_epoch
        who = epoch.custodians.get(seat) or "the custodian"
        choices = (
            Choice(NOW, "it is in their hands, in its bag; that is recorded"),
            Choice(LATER, f"not yet: {breakglass('ack', recorder.set_name, seat)} records it then"),
        )
        asks = f"Has {who} taken sheet {seat}?"
        helps = ("the bag is tamper-evident and has a serial number, which roll-calls compare",)
        question = Question("taken", asks, choices=choices, helps=helps, kept=False, agreed=NOW, declined=LATER)
        if guide.ask(question) == LATER:
            continue
        bag = guide.ask(Question("bag", "Serial of its bag", default="", default_shown="none", kept=False, helps=helps))
        custodians.acknowledge(recorder, seat, bag)
        guide.terminal.say(f"acknowledged: {who} holds sheet {seat}, epoch {epoch.number}")


def next_steps(state: SetState) -> Sequence[str]:
    """Say what is still to be done with the sheets of a set, and what comes after."""
    epoch = state.current_epoch
    lines = []
    if not epoch.sealed:
        lines.append(f"next: scan every printed sheet: {breakglass('confirm', state.name, 'SCAN...')}")
    lines.extend(
        f"next: when {epoch.custodians.get(seat) or 'its custodian'} has sheet {seat}: "
        f"{breakglass('ack', state.name, seat)}"
        for seat in _still_here(epoch)
    )
    if not lines:
        lines.append(f"ready: {breakglass('status', state.name)} says from now on what is due")
    return lines


def _waits(state: SetState) -> bool:
    if not state.current or state.retired is not None or state.opening is not None:
        return False
    epoch = state.current_epoch
    return not epoch.predecessor.strip("0") and bool(_still_here(epoch) or not epoch.sealed) and not epoch.recovered


def _still_here(epoch: EpochState) -> list[str]:
    return [seat for seat in epoch.seats if seat not in epoch.acknowledged and seat not in epoch.voided]
