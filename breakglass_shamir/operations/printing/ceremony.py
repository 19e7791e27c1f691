# SPDX-License-Identifier: Apache-2.0
"""What people write down on the day: lines of a protocol, and the witnessed end of old sheets.

Rule: what was typed is recorded as it was said; nothing follows from it but that it is on record.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.life.retire_rules import to_destroy
from breakglass_shamir.custody.life.state import EpochState, SetState
from breakglass_shamir.custody.records.sheets import Destroyed, Noted
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Destruction:
    """Which sheets are gone, and before whom (docs/guide-operator.md).

    Attributes:
        set_name: the set.
        epoch: number of the sheets' epoch.
        sheets: their seats.
        witnesses: who saw it.
    """

    set_name: str
    epoch: int
    sheets: tuple[str, ...]
    witnesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a protocol (docs/guide-operator.md).

    Attributes:
        set_name: the set.
        text: what was noted.
        by: who noted it.
        record: its number.
    """

    set_name: str
    text: str
    by: str
    record: int


def destroyed(recorder: Recorder, sheets: Sequence[str], number: int | None, witnesses: Sequence[str]) -> Destruction:
    """Record that sheets which open nothing were destroyed.

    Args:
        recorder: at the set.
        sheets: seats.
        number: the epoch's; None: the only one that has such sheets left.
        witnesses: who saw it.

    Raises:
        IllegalState: a sheet still opens, is none of this epoch, or is destroyed already; or too few witnesses.
        InvalidInput: no such epoch, or several.
    """
    epoch = _epoch(recorder.set_state, number)
    names = tuple(check_human_text("witness", name) for name in witnesses)
    recorder.append(Destroyed(epoch_id=epoch.epoch_id, sheets=tuple(sheets), witnesses=names))
    return Destruction(recorder.set_name, epoch.number, tuple(sheets), names)


def note(recorder: Recorder, text: str, by: str, *, infrastructure_changed: bool = False) -> Note:
    """Record a line of a protocol; where an opening is under way, in it.

    Args:
        recorder: at the set.
        text: what is noted.
        by: who noted it.
        infrastructure_changed: whether drills are due for what is noted.

    Raises:
        InvalidInput: empty words.
    """
    state = recorder.set_state
    recorder.opening = state.opening.id if state.opening else ""
    said, name = check_human_text("note", text), check_human_text("name with --by", by)
    entry = recorder.append(Noted(text=said, by=name, infrastructure_changed=infrastructure_changed))
    return Note(recorder.set_name, said, name, entry.record.seq)


def _epoch(state: SetState, number: int | None) -> EpochState:
    if number is None:
        found = [epoch for epoch in state.epochs.values() if _remaining(state, epoch)]
    else:
        found = [epoch for epoch in state.epochs.values() if epoch.number == number]
        found = [epoch for epoch in found if _remaining(state, epoch)] or found
    if len(found) != 1:
        numbers = ", ".join(str(epoch.number) for epoch in state.epochs.values())
        raise InvalidInput(f"expected --epoch to name one of {numbers}, got {number or 'none'}")
    return found[0]


def _remaining(state: SetState, epoch: EpochState) -> bool:
    """Whether an epoch has sheets that open nothing and are not destroyed."""
    return any(one.epoch_id == epoch.epoch_id for one, _ in to_destroy(state))
