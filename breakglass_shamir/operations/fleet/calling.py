# SPDX-License-Identifier: Apache-2.0
"""Roll-calls of many sheets: bags by a list, or sheets by a folder of scans, each recorded by itself.

Rules:

1. A sheet is judged as by itself (:mod:`breakglass_shamir.operations.drills.roll_call`). What fails is a finding: it is
   recorded, named, and stops no other.
2. Each file is looked at in a process of its own that keeps nothing and holds one share. A file with two live shares is
   refused; so is a set of which two sheets are among the scans, in one file or in two, whoever keeps the second, and
   that is recorded: no roll-call puts sheets of one set together.
3. Which sheet a file is of is known by its codes, never by its name.
4. A list is checked whole before anything is recorded. What differs from the records is no mistake of the list, but a
   finding.
5. A sheet that passed the same roll-call within ``RESUMED_WITHIN_S`` is there already: a run that was broken off is run
   again.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.state import EpochState, LedgerState
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, IllegalState, InsufficientShares, InvalidInput
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.drills import one_sheet, roll_call
from breakglass_shamir.operations.drills.one_sheet import Look
from breakglass_shamir.operations.drills.roll_call import RollCallResult
from breakglass_shamir.operations.fleet.handing import COLUMNS, Line
from breakglass_shamir.operations.fleet.heap import LeftOut, Listener, Missing, each_held, listener_of
from breakglass_shamir.operations.fleet.rehearsing import RESUMED_WITHIN_S
from breakglass_shamir.operations.fleet.rotating import stops_all, wanted_of
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.folder import visible_files
from breakglass_shamir.plural import counted

LIST_COLUMNS = (*COLUMNS, "finding")
"""What a list of roll-calls may have."""

CALLED, ALREADY, FAILED, LEFT = "called", "there already", "failed", "not begun"

ONE_FILE_EACH = "several live sheets in one file: nothing of them was taken; scan each into a file of its own"

_HARMLESS = frozenset({Verdict.SEEN, Verdict.OTHER_SET, Verdict.DRILL})
"""What in a folder of scans says nothing against any sheet that was to be looked at."""

MOST_NAMED = 40
"""So many mistakes are named; of the others it is said how many they are."""


@dataclass(frozen=True, slots=True)
class SheetCalled:
    """What became of one sheet (docs/json.md).

    Attributes:
        set_name: the set.
        sheet: the seat.
        custodian: who keeps it.
        outcome: ``called``, ``there already``, ``failed`` or ``not begun``.
        found: what the roll-call found; None: there was none in this run, or it failed.
        problem: why it failed; empty: it did not.
        hint: what to do about that.
        exit: exit code that this alone would end with.
    """

    set_name: str
    sheet: str
    custodian: str
    outcome: str
    found: RollCallResult | None = None
    problem: str = ""
    hint: str = ""
    exit: int = 0


@dataclass(frozen=True, slots=True)
class SetMissing:
    """Sheets of one set that were asked for and are not there (docs/json.md).

    Attributes:
        set_name: the set.
        missing: which, and whose.
    """

    set_name: str
    missing: Missing


@dataclass(frozen=True, slots=True)
class ManyCalled:
    """What became of many roll-calls (docs/json.md).

    Attributes:
        sheets: by set and seat; of a list in its order.
        missing: what was asked for and is not there.
        left_out: scans that counted for none.
        exit: exit code of the worst.
    """

    sheets: tuple[SheetCalled, ...]
    missing: tuple[SetMissing, ...]
    left_out: tuple[LeftOut, ...]
    exit: int


@dataclass(frozen=True, slots=True)
class _Call:
    """One sheet that is to be looked at."""

    set_name: str
    epoch: EpochState
    sheet: str
    bag: str = ""
    findings: tuple[str, ...] = ()
    look: Look | None = None

    @property
    def custodian(self) -> str:
        """Who keeps it."""
        return self.epoch.custodians.get(self.sheet, "")


def inspect(recorder: Recorder, lines: Sequence[Line], custodian: str = "") -> ManyCalled:
    """Record what custodians see of their bags, by a list.

    Args:
        recorder: of the ledger.
        lines: of the list, each with a serial.
        custodian: whose bags all of them are, and who is asked for all of theirs; empty: that is for each line.

    Raises:
        InvalidInput: with every mistake of the list; nothing was recorded.
    """
    calls = _checked(recorder.state, lines, custodian, seal=True)
    run = _Run(recorder, listener_of(recorder), "seal")
    sheets = run.all(calls)
    return _result(sheets, _not_there(recorder, (), calls, custodian, {}), ())


def verify(
    recorder: Recorder, names: Sequence[str], paths: Sequence[Path], lines: Sequence[Line] = (), custodian: str = ""
) -> ManyCalled:
    """Look at the sheets of many sets, at most one of each, a file for each.

    Args:
        recorder: of the ledger.
        names: the sets; none: every set here.
        paths: pictures, PDFs and folders, each file with one sheet.
        lines: of a list that says which bag each sheet goes into; none: they go into bags later.
        custodian: whose sheets all of them are, and who is asked for all of theirs; empty: anybody's.

    Raises:
        UnknownSet: no set of one of these names.
        InvalidInput: a path does not exist, or the list has mistakes; nothing was recorded.
        InsufficientShares: no sheet of any of these sets was read.
    """
    wanted, listener = wanted_of(recorder, names), listener_of(recorder)
    listed = {(one.set_name, one.sheet): one for one in _checked(recorder.state, lines, custodian, seal=False)}
    looks = _look_at_all(recorder, paths, listener)
    mine: dict[tuple[str, str], Look] = {}
    there: set[tuple[str, str]] = set()
    together: set[str] = set()
    for file, look in looks:
        place = _place_of(recorder.state, look)
        there |= {place} if place else set()
        together |= _sets_of(recorder.state, look) if look.several else set()
        if place is None or place[0] not in wanted:
            _name(listener, file, look, place)
        elif custodian and not holders.same_person(_keeper(recorder.state, place), custodian):
            words = f"sheet {place[1]} of {place[0]} is with {_keeper(recorder.state, place) or 'nobody named'}"
            listener.answer(file, Answer(Verdict.OTHER_SET, f"{words}, not with {custodian[:80]}: not recorded"))
        else:
            if place in mine:
                listener.answer(file, Answer(Verdict.SEEN, f"sheet {place[1]} of {place[0]}: once more", place[1]))
            mine[place] = max(mine.get(place, look), look, key=_worth)
    counts = Counter(name for name, _ in there)
    together = {*wanted} & (together | {name for name, count in counts.items() if count > 1})
    for name in sorted(together - {name for name, _ in mine}):
        recorder.set_name, recorder.opening = name, ""
        with suppress(IllegalState):
            roll_call.refuse_several(recorder)
    if not mine:
        raise InsufficientShares(
            f"no sheet of {', '.join(names) or 'any set here'} was read",
            hint="scan each sheet flat and in even light, into a file of its own",
        )
    calls = []
    for (name, seat), look in sorted(mine.items()):
        said = listed.get((name, seat))
        epoch = recorder.state.of(name).current_epoch
        calls.append(_Call(name, epoch, seat, said.bag if said else "", said.findings if said else (), look))
    run = _Run(recorder, listener, "live", together=together)
    sheets = run.all(calls)
    missing = _not_there(recorder, names, calls, custodian, listed)
    return _result(sheets, missing, listener.left_out)


def _result(
    sheets: Sequence[SheetCalled], missing: Sequence[SetMissing], left_out: Sequence[LeftOut]
) -> ManyCalled:  # fmt: skip
    unclear = missing or any(one.verdict not in _HARMLESS for one in left_out)
    worst = max([InsufficientShares.exit_code if unclear else 0, *(one.exit for one in sheets)])
    return ManyCalled(tuple(sheets), tuple(missing), tuple(left_out), worst)


@dataclass(slots=True)
class _Run:
    """One run over many sheets."""

    recorder: Recorder
    listener: Listener
    level: str
    done: list[SheetCalled] = field(default_factory=list)
    together: Collection[str] = ()
    """Sets of which several sheets are among the scans."""

    def all(self, calls: Sequence[_Call]) -> tuple[SheetCalled, ...]:
        """Record each, as far as each can be."""
        desk = self.recorder.desk
        goes_on = True
        try:
            for call in calls:
                if not goes_on:
                    self.done.append(self._said(call, LEFT, exit=IllegalState.exit_code))
                    continue
                goes_on = self._one(call)
        except KeyboardInterrupt:
            desk.warn(
                f"interrupted: {len(self.done)} of {counted(len(calls), 'sheet')} recorded; the same command goes on"
            )
            raise
        finally:
            self.recorder.desk, self.listener.set_name = desk, ""
        return tuple(self.done)

    def _one(self, call: _Call) -> bool:
        """Record one roll-call; tells whether the next one is worth a try."""
        recorder = self.recorder
        recorder.set_name, recorder.opening = call.set_name, ""
        recorder.refresh()
        recorder.desk, self.listener.set_name = self.listener, f"{call.set_name} {call.sheet}"
        if self._is_there(call):
            self.done.append(self._said(call, ALREADY))
            return True
        try:
            if call.set_name in self.together:
                self._refuse_several(call)
            if call.look is None:
                found = roll_call.inspect_seal(recorder, call.sheet, call.bag, call.findings)
            else:
                found = roll_call.record_live(recorder, call.sheet, call.look, call.bag, call.findings)
        except BreakglassError as error:
            self.listener.set_name = call.set_name
            self.listener.warn(str(error))
            failed = self._said(call, FAILED, exit=error.exit_code)
            self.done.append(replace(failed, problem=str(error), hint=error.hint))
            return not stops_all(error)
        self.done.append(replace(self._said(call, CALLED), found=found))
        return True

    def _refuse_several(self, call: _Call) -> None:
        """Refuse each of several sheets of one set; that is recorded once.

        Raises:
            IllegalState: always.
        """
        if any(one.set_name == call.set_name for one in self.done):
            raise IllegalState(roll_call.SEVERAL)
        roll_call.refuse_several(self.recorder)

    def _is_there(self, call: _Call) -> bool:
        """Tell whether this very roll-call was passed just now."""
        known = self.recorder.set_state.history.sheet(call.epoch.epoch_id, call.sheet)
        last, at = known.roll_call, known.roll_called
        if last is None or at is None or known.failed or call.findings:
            return False
        same = last.level == self.level and last.bag.casefold() == call.bag.casefold()
        return same and at.seconds_until(clock.now()) <= RESUMED_WITHIN_S

    @staticmethod
    def _said(call: _Call, outcome: str, *, exit: int = 0) -> SheetCalled:  # noqa: A002 - the field's name
        return SheetCalled(call.set_name, call.sheet, call.custodian, outcome, exit=exit)


def _look_at_all(recorder: Recorder, paths: Sequence[Path], listener: Listener) -> Iterator[tuple[str, Look]]:
    """Look at each file in a process of its own; yields its name and what was found.

    Raises:
        InvalidInput: a path does not exist; all that do not are named.
    """
    if absent := [str(path) for path in paths if not path.exists()]:
        raise InvalidInput(f"expected scans at {', '.join(absent)}, found nothing there")
    files = [file for path in paths for file in (visible_files(path) if path.is_dir() else [path])]
    known = known_epochs(recorder.state)
    for number, file in enumerate(files, 1):
        listener.advance("looking at single sheets, file", number, len(files))
        yield file.name, one_sheet.look_apart(known, "", [file])
    listener.advance("", 0, 0)


def _place_of(state: LedgerState, look: Look) -> tuple[str, str] | None:
    """Return set and seat of a sheet in force; None: it is none."""
    if look.several or not look.sheet:
        return None
    return next(((name, look.sheet) for name in _sets_of(state, look)), None)


def _sets_of(state: LedgerState, look: Look) -> set[str]:
    """Return the set whose epoch in force the shares of a look are of; empty: there is none."""
    return {name for name, s in state.sets.items() if look.epoch_id and s.current == look.epoch_id}


def _name(listener: Listener, file: str, look: Look, place: tuple[str, str] | None) -> None:
    """Say why a file counts for no roll-call."""
    if look.several:
        listener.answer(file, Answer(Verdict.WRONG, ONE_FILE_EACH))
    elif place is not None:
        listener.answer(file, Answer(Verdict.OTHER_SET, f"sheet {place[1]} of {place[0]}: not asked for"))
    elif look.sheet:
        listener.answer(file, Answer(Verdict.VOID, f"sheet {look.sheet} is of an epoch that is not in force"))
    else:
        for source, verdict, message in look.answers or [(file, Verdict.FOREIGN, "; ".join(look.problems))]:
            if verdict != Verdict.ENVELOPE:
                listener.answer(source, Answer(Verdict(verdict), message))
        if look.answers and all(verdict == Verdict.ENVELOPE for _, verdict, _ in look.answers):
            listener.answer(file, Answer(Verdict.DAMAGED, "; ".join(look.problems)))


def _worth(look: Look) -> tuple[bool, int, float]:
    """Order looks at one sheet: the best one counts."""
    return not look.problems, look.copies, -(look.health.used if look.health else 1.0)


def _keeper(state: LedgerState, place: tuple[str, str]) -> str:
    return state.of(place[0]).current_epoch.custodians.get(place[1], "")


def _checked(state: LedgerState, lines: Sequence[Line], custodian: str, *, seal: bool) -> list[_Call]:
    """Hold a list against what is on record.

    Raises:
        InvalidInput: with every mistake.
    """
    problems: list[str] = []
    found: list[_Call] = []
    sheets, bags = dict[tuple[str, str], int](), dict[str, int]()
    for line in lines:
        try:
            call = _of_line(state, line, custodian, seal=seal)
        except BreakglassError as error:
            problems.append(f"line {line.number}: {error}{f' ({error.hint})' if error.hint else ''}")
            continue
        if (before := sheets.setdefault((call.set_name, call.sheet), line.number)) != line.number:
            problems.append(f"line {line.number}: sheet {call.sheet} of {call.set_name} is in line {before} already")
        if call.bag and (before := bags.setdefault(call.bag.casefold(), line.number)) != line.number:
            problems.append(f"line {line.number}: bag {call.bag} is in line {before} already")
        found.append(call)
    if problems:
        more = [f"and {len(problems) - MOST_NAMED} more"] if len(problems) > MOST_NAMED else []
        raise InvalidInput(
            "; ".join([*problems[:MOST_NAMED], *more]), hint="nothing was recorded; mend the list and give it again"
        )
    return found


def _of_line(state: LedgerState, line: Line, custodian: str, *, seal: bool) -> _Call:
    """Return what a line means.

    Raises:
        BreakglassError: no such set or sheet, it is somebody else's, or there is no serial.
    """
    s = state.of(line.set_name)
    if not s.current or s.retired:
        raise InvalidInput(f"set {s.name} has no sheets in force here")
    epoch = s.current_epoch
    seat = holders.sheet_of(epoch, line.sheet)
    if seat not in epoch.seats:
        raise InvalidInput(f"{s.name} has no sheet {seat}, but {', '.join(epoch.seats)}")
    keeper = epoch.custodians.get(seat, "")
    for name in (custodian, line.custodian):
        if name and not holders.same_person(name, keeper):
            raise InvalidInput(f"sheet {seat} of {s.name} is with {keeper or 'nobody named'}, not with {name[:80]}")
    if seal and not line.bag:
        raise InvalidInput(f"expected the serial on the bag of sheet {seat} of {s.name}, got none")
    bag = check_human_text("bag", line.bag) if line.bag else ""
    findings = (check_human_text("finding", line.finding),) if line.finding else ()
    return _Call(s.name, epoch, seat, bag, findings)


def _not_there(
    recorder: Recorder, names: Sequence[str], calls: Sequence[_Call], custodian: str,
    listed: Mapping[tuple[str, str], _Call],
) -> tuple[SetMissing, ...]:  # fmt: skip
    """Name what was asked for and is not there: a set by name, a custodian's sheets, a line of the list."""
    there: dict[str, set[str]] = {}
    for call in calls:
        there.setdefault(call.set_name, set()).add(call.sheet)
    found = []
    for name in wanted_of(recorder, names):
        epoch, seen = recorder.state.of(name).current_epoch, there.get(name, set())
        if custodian:
            asked = [seat for seat in epoch.seats if holders.same_person(epoch.custodians.get(seat, ""), custodian)]
        elif names and not seen:
            asked = [*epoch.seats]
        else:
            asked = [seat for seat in epoch.seats if (name, seat) in listed]
        left = [seat for seat in asked if seat not in seen and seat not in epoch.voided]
        if left:
            why = "not there" if custodian or seen or not names else "one of them is looked at; none is there"
            found.append(SetMissing(name, Missing(epoch.number, why, each_held(epoch, left))))
    return tuple(found)
