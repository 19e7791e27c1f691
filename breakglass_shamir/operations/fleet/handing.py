# SPDX-License-Identifier: Apache-2.0
"""Handing out the sheets of many sets: a list of sets, sheets and bags, checked whole before any of it is recorded.

Rules:

1. Every line is checked first, and every mistake is named at once; with one mistake nothing is recorded.
2. A serial belongs to one bag: on two lines, or on a line and on record for another sheet, it is a slip.
3. A line that is on record already, word for word, is left as it is: the same list may be given again after an
   interruption.
4. A line without a serial, in a list that has a column for it, is a sheet that was not handed over yet.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.state import EpochState, LedgerState
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.operations.printing.custodians import acknowledge
from breakglass_shamir.operations.printing.epochs import epoch_in_hand
from breakglass_shamir.operations.recorder import Recorder

COLUMNS = ("set", "sheet", "bag", "custodian")
"""What a list may have; the first two it must."""

MOST_NAMED = 40
"""So many mistakes are named; of the others it is said how many they are."""

_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a list, as it was written.

    Attributes:
        number: of the line in its file, from 1.
        bag: the serial; None: the list has no column for it.
        custodian: who takes the sheet; empty: the list does not say.
    """

    number: int
    set_name: str
    sheet: str
    bag: str | None
    custodian: str = ""
    finding: str = ""
    """What is wrong with the bag, in words, in a list of roll-calls; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One sheet of a list, checked (docs/json.md).

    Attributes:
        set_name: the set.
        epoch: number of the sheet's epoch.
        sheet: its seat.
        custodian: who keeps it.
        bag: serial of its bag; empty: it is in none.
        already: whether that was on record before.
    """

    set_name: str
    epoch: int
    sheet: str
    custodian: str
    bag: str
    already: bool


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What became of a list (docs/json.md).

    Attributes:
        sheets: those that are handed out, in the list's order.
        waiting: those without a serial yet, as people call them.
    """

    sheets: tuple[Handed, ...]
    waiting: tuple[str, ...]


def read_list(text: str, name: str, columns_known: Sequence[str] = COLUMNS) -> tuple[Line, ...]:
    """Read a list with a head line: ``set,sheet,bag`` and, if it is wanted, ``custodian``.

    Args:
        text: CSV, separated by commas, semicolons or tabs.
        name: of its file, for messages.
        columns_known: what it may have; the first two it must.

    Raises:
        InvalidInput: it has not these columns, or is no CSV.
    """
    head, _, _ = text.partition("\n")
    separator = max(_SEPARATORS, key=head.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InvalidInput(f"{name} is no CSV file: {error}") from None
    columns = [cell.strip().casefold() for cell in rows[0]] if rows else []
    if (
        not {"set", "sheet"} <= set(columns)
        or not set(columns) <= set(columns_known)
        or len(set(columns)) < len(columns)
    ):
        raise InvalidInput(
            f"expected a head line such as set,sheet,bag in {name}, got {head.strip()[:80]!r}",
            hint=f"its columns are {', '.join(columns_known)}; the first two must be there",
        )
    found = []
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            raise InvalidInput(f"expected {len(columns)} cells in line {number} of {name}, got {len(row)}")
        cell = dict(zip(columns, (cell.strip() for cell in row), strict=True))
        found.append(
            Line(
                number, cell["set"], cell["sheet"], cell.get("bag"), cell.get("custodian", ""), cell.get("finding", "")
            )
        )
    if not found:
        raise InvalidInput(f"expected a line for each sheet in {name}, got none")
    return tuple(found)


def check(state: LedgerState, lines: Sequence[Line], custodian: str = "") -> HandedOut:
    """Hold a list against what is on record.

    Args:
        state: of the ledger.
        lines: of the list.
        custodian: who takes all of them; empty: that is for each sheet's custodian.

    Raises:
        InvalidInput: with every mistake.
    """
    problems: list[str] = []
    found: list[Handed] = []
    waiting: list[str] = []
    bags, sheets, on_record = dict[str, int](), dict[tuple[str, str], int](), bags_on_record(state)
    for line in lines:
        try:
            one = _checked(state, line, custodian)
        except BreakglassError as error:
            problems.append(f"line {line.number}: {error}{f' ({error.hint})' if error.hint else ''}")
            continue
        place = (one.set_name, one.sheet)
        if place in sheets:
            problems.append(
                f"line {line.number}: sheet {one.sheet} of {one.set_name} is in line {sheets[place]} already"
            )
        sheets.setdefault(place, line.number)
        if line.bag == "":
            waiting.append(f"sheet {one.sheet} of {one.set_name}")
            continue
        if problem := slip(one, on_record):
            problems.append(f"line {line.number}: {problem}")
        if one.bag and (before := bags.setdefault(one.bag.casefold(), line.number)) != line.number:
            problems.append(f"line {line.number}: bag {one.bag} is in line {before} already")
        found.append(one)
    if problems:
        more = [f"and {len(problems) - MOST_NAMED} more"] if len(problems) > MOST_NAMED else []
        raise InvalidInput(
            "; ".join([*problems[:MOST_NAMED], *more]), hint="nothing was recorded; mend the list and give it again"
        )
    return HandedOut(tuple(found), tuple(waiting))


def record(recorder: Recorder, found: HandedOut) -> HandedOut:
    """Record each sheet of a checked list that is not on record yet.

    Raises:
        LedgerUnwritable, LedgerBusy: it could not be recorded; what was recorded before stands.
    """
    fresh = [one for one in found.sheets if not one.already]
    with recorder.desk.progress("acknowledged") as tell:
        for number, one in enumerate(fresh, 1):
            recorder.set_name = one.set_name
            acknowledge(recorder, one.sheet, one.bag, epoch_id=epoch_in_hand(recorder.set_state).epoch_id)
            tell(number, len(fresh))
    return found


def bags_on_record(state: LedgerState) -> dict[str, tuple[str, str]]:
    """Return which set and sheet each bag holds, of the epochs whose sheets are with people now."""
    return {
        bag.casefold(): (s.name, seat)
        for s in state.sets.values()
        if s.current
        for epoch in (s.current_epoch, epoch_in_hand(s))
        for seat in epoch.acknowledged
        if (bag := s.history.sheet(epoch.epoch_id, seat).bag)
    }


def slip(one: Handed, on_record: dict[str, tuple[str, str]]) -> str:
    """Say that a bag holds another sheet by the records; empty where it does not."""
    place = on_record.get(one.bag.casefold()) if one.bag else None
    if place is None or place == (one.set_name, one.sheet):
        return ""
    return f"bag {one.bag} holds sheet {place[1]} of {place[0]} by the records"


def waiting_for(state: LedgerState, custodian: str) -> list[Line]:
    """Return the sheets that a custodian keeps, that were read back, and that nobody has said to hold.

    Raises:
        InvalidInput: nobody of this name keeps a sheet.
    """
    sheets = list(_kept_by(state, custodian))
    if not sheets:
        people = {who for s in state.sets.values() if s.current for who in epoch_in_hand(s).custodians.values() if who}
        raise InvalidInput(f"no custodian {custodian[:80]!r} keeps a sheet here", hint=did_you_mean(custodian, people))
    left = [
        (name, seat)
        for name, seat, epoch in sheets
        if seat in epoch.read_back and seat not in epoch.acknowledged and seat not in epoch.voided
    ]
    return [Line(number, name, seat, None) for number, (name, seat) in enumerate(left, 1)]


def _kept_by(state: LedgerState, custodian: str) -> Iterator[tuple[str, str, EpochState]]:
    for name in sorted(state.sets):
        s = state.sets[name]
        if s.current and not s.retired:
            epoch = epoch_in_hand(s)
            for seat in epoch.seats:
                if holders.same_person(epoch.custodians.get(seat, ""), custodian):
                    yield name, seat, epoch


def _checked(state: LedgerState, line: Line, custodian: str) -> Handed:
    """Return what a line means.

    Raises:
        BreakglassError: no such set or sheet, it is void, it is somebody else's, or the serial is no text.
    """
    s = state.of(line.set_name)
    if not s.current:
        raise InvalidInput(f"set {s.name} has no sheets here")
    epoch = epoch_in_hand(s)
    seat = holders.sheet_of(epoch, line.sheet)
    if seat not in epoch.seats:
        raise InvalidInput(f"{s.name} has no sheet {seat}, but {', '.join(epoch.seats)}")
    if seat in epoch.voided:
        raise InvalidInput(f"sheet {seat} of {s.name} is void: {epoch.voided[seat]}")
    keeper = epoch.custodians.get(seat, "")
    for name in _different((custodian, line.custodian), keeper):
        raise InvalidInput(f"sheet {seat} of {s.name} is with {keeper or 'nobody named'}, not with {name[:80]}")
    bag = check_human_text("bag", line.bag) if line.bag else ""
    already = epoch.acknowledged.get(seat) == keeper and s.history.sheet(epoch.epoch_id, seat).bag == bag
    return Handed(s.name, epoch.number, seat, keeper, bag, already)


def _different(names: Iterable[str], keeper: str) -> Iterator[str]:
    yield from (name for name in names if name and not holders.same_person(name, keeper))
