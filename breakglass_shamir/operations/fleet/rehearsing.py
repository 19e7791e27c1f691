# SPDX-License-Identifier: Apache-2.0
"""Rehearsing many sets with one heap of drill cards, one after the other, each recorded whole or not begun.

Rules:

1. A set is rehearsed as it is by itself (:mod:`breakglass_shamir.operations.drills.rehearsal`), under a declaration of
   its own with the same words, which its officers sign for each set. No rule of that is another one here.
2. A set is begun only where the heap has a quorum of its cards; what is missing is named by set and custodian, and
   nothing of that set is declared.
3. A set that was rehearsed under the same words within ``RESUMED_WITHIN_S`` is there already: a run that was broken off
   is run again.
4. A live sheet in the heap counts in the drill of its own set. Where that is not begun, or ends before the cards are
   judged, the sheet was exposed all the same: that is recorded with its set.
5. A set that fails is named with its reason and stops no other.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import SetState, write_seat
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import BreakglassError, Exposed, IllegalState, InsufficientShares
from breakglass_shamir.formats import share
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.drills import rehearsal as single
from breakglass_shamir.operations.drills.rehearsal import DrillOutcome
from breakglass_shamir.operations.fleet import heap
from breakglass_shamir.operations.fleet.heap import Heap, LeftOut, Listener, Missing, each_held, listener_of
from breakglass_shamir.operations.fleet.rotating import Around, alone, stops_all, taking, wanted_of
from breakglass_shamir.operations.opening.declaring import NOBODY, check_request
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner
from breakglass_shamir.plural import counted
from breakglass_shamir.structs import replace

REHEARSED, ALREADY, MISSING, FAILED, LEFT = "rehearsed", "there already", "cards missing", "failed", "not begun"

RESUMED_WITHIN_S = 24 * 3600
"""How long after a drill the same words mean the same run."""


@dataclass(frozen=True, slots=True)
class SetRehearsed:
    """What became of one set (docs/json.md).

    Attributes:
        set_name: the set.
        outcome: ``rehearsed``, ``there already``, ``cards missing``, ``failed`` or ``not begun``.
        epoch: number of the epoch in force.
        drill: what the rehearsal showed; None: there was none in this run, or it failed.
        missing: cards that are waited for.
        problem: why it failed; empty: it did not.
        hint: what to do about that.
        exit: exit code that this alone would end with.
    """

    set_name: str
    outcome: str
    epoch: int
    drill: DrillOutcome | None = None
    missing: tuple[Missing, ...] = ()
    problem: str = ""
    hint: str = ""
    exit: int = 0


@dataclass(frozen=True, slots=True)
class ManyRehearsed:
    """What became of many sets (docs/json.md).

    Attributes:
        sets: by name.
        exposed: live sheets in the heap whose set was not rehearsed, each with its set.
        left_out: scans that counted for none.
        exit: exit code of the worst.
    """

    sets: tuple[SetRehearsed, ...]
    exposed: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    exit: int


def rehearse(
    recorder: Recorder, names: Sequence[str], paths: Sequence[Path], request: Request, scanner: Scanner, *,
    signers: Signers = NOBODY, around: Around = alone,
) -> ManyRehearsed:  # fmt: skip
    """Play an opening of many sets, each on its own drill cards.

    Args:
        recorder: of the ledger.
        names: the sets; none: every set here of which cards lie in the heap.
        paths: pictures, PDFs and folders of drill cards, in any order.
        request: who takes part and why, the same of each set; of its debts each set's declaration names its own.
        scanner: reads the heap.
        signers: officers who sign each declaration on this terminal.
        around: what is kept up while one set is at work.

    Raises:
        UnknownSet: no set of one of these names.
        InvalidInput: a path does not exist, a named set is retired, or the request has empty words.
        InsufficientShares: no card of any of these sets was read.
    """
    request = check_request(request)
    wanted, desk = wanted_of(recorder, names), recorder.desk
    listener = listener_of(recorder)
    cards = _cards(recorder)
    owners = {bytes.fromhex(epoch_id): s.name for s in recorder.state.sets.values() for epoch_id in s.epochs}
    owners |= {epoch_id: one.set_name for epoch_id, one in cards.items()}
    found = heap.sort(paths, scanner, listener, owners, wanted, Pool(cards, kind=Kind.DRILL))
    chosen = [name for name in wanted if names or name in found.pages]
    run = _Run(recorder, request, scanner, listener, signers, around)
    todo = [name for name in chosen if run.can_begin(name, found.pages.get(name, ()))]
    exposed = _record_exposed(recorder, found, lambda name: name not in todo, run)
    if not found.pages:
        raise InsufficientShares(
            f"no drill card of {', '.join(names) or 'any set here'} was read",
            hint="scan the cards flat and in even light, one page at a time",
        )
    try:
        for number, name in enumerate(todo, 1):
            desk.say(f"{number} of {len(todo)}: {name}")
            if not run.one(name, found.pages[name]):
                break
    except KeyboardInterrupt:
        done = sum(one.outcome == REHEARSED for one in run.done.values())
        desk.warn(
            f"interrupted: {done} of {counted(len(todo), 'set')} rehearsed; the same command goes on with the others"
        )
        raise
    finally:
        recorder.desk = desk
        exposed += _record_exposed(recorder, found, lambda name: name in todo and name not in run.judged, run)
    sets = tuple(run.result(name) for name in chosen)
    worst = max([Exposed.exit_code if exposed else 0, *(one.exit for one in sets)])
    return ManyRehearsed(sets, exposed, tuple(listener.left_out), worst)


@dataclass(slots=True)
class _Run:
    """One run over many sets."""

    recorder: Recorder
    request: Request
    scanner: Scanner
    listener: Listener
    signers: Signers
    around: Around
    done: dict[str, SetRehearsed] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    """Sets of which a record of this run says what was scanned."""

    def can_begin(self, name: str, pages: Sequence[ScannedPage]) -> bool:
        """Tell whether a set can be begun; what keeps it from that is its result."""
        s = self.recorder.state.of(name)
        epoch = s.current_epoch
        if is_rehearsed(s, self.request):
            self.done[name] = SetRehearsed(name, ALREADY, epoch.number)
            return False
        try:
            cards = single.known_cards(s)
            (card_id,) = (epoch_id for epoch_id, one in cards.items() if one.number == epoch.number and one.openable)
        except (BreakglassError, ValueError):
            return True  # the drill of one set says what is wrong
        have = taking(Pool(cards, set_name=name, kind=Kind.DRILL), pages).have(card_id)
        structure = epoch.envelope.core.structure
        if structure.is_quorum(have):
            return True
        shown = {write_seat(seat) for seat in have}
        left = each_held(epoch, [seat for seat in epoch.seats if seat not in shown])
        words = structure.in_words().replace("sheets", "drill cards")
        missing = Missing(epoch.number, f"{words}, got {len(shown)}; not there", left)
        self.done[name] = SetRehearsed(
            name, MISSING, epoch.number, missing=(missing,), exit=InsufficientShares.exit_code
        )
        return False

    def one(self, name: str, pages: Sequence[ScannedPage]) -> bool:
        """Rehearse one set; tells whether the next one is worth a try."""
        recorder, desk = self.recorder, self.recorder.desk
        recorder.set_name, recorder.opening = name, ""
        s = recorder.refresh()
        debts = tuple(debt.id for debt in s.debts if debt.id in self.request.debts)
        recorder.desk, self.listener.set_name = self.listener, name
        try:
            with self.around(name):
                drill = single.rehearse(
                    recorder, replace(self.request, debts=debts), Sources(pages=tuple(pages)), self.scanner,
                    signers=self.signers,
                )  # fmt: skip
        except BreakglassError as error:
            desk.warn(f"{name}: {error}")
            self.done[name] = SetRehearsed(
                name, FAILED, s.current_epoch.number, problem=str(error), hint=error.hint, exit=error.exit_code
            )
            return not stops_all(error)
        finally:
            recorder.desk, self.listener.set_name = desk, ""
            if recorder.state.of(name).history.rehearsal != s.history.rehearsal:
                self.judged.add(name)
        self.done[name] = SetRehearsed(name, REHEARSED, s.current_epoch.number, drill)
        return True

    def is_there(self, name: str) -> bool:
        """Tell whether a set was rehearsed by an earlier run."""
        return name in self.done and self.done[name].outcome == ALREADY

    def result(self, name: str) -> SetRehearsed:
        """Return what became of a set."""
        number = self.recorder.state.of(name).current_epoch.number
        return self.done.get(name) or SetRehearsed(name, LEFT, number, exit=IllegalState.exit_code)


def _cards(recorder: Recorder) -> dict[bytes, Known]:
    """Return the drill cards of every set, by their own epoch id; a set whose cards do not hold fails by itself."""
    found: dict[bytes, Known] = {}
    for s in recorder.state.sets.values():
        with suppress(BreakglassError):
            found |= single.known_cards(s)
    return found


def is_rehearsed(s: SetState, request: Request) -> bool:
    """Tell whether a set was rehearsed under the same words just now, with the cards that are out."""
    last, began = s.history.rehearsal, s.history.began.get(s.current)
    if last is None or last.result == "fail" or began is None or began.time > last.at.time:
        return False
    if last.at.seconds_until(clock.now()) > RESUMED_WITHIN_S:
        return False
    # Drills of a set follow one another: the last that was declared until then is the one that ended so.
    declared = [one for one in s.past if one.declared.purpose == request.purpose and one.at.time <= last.at.time]
    words = ("incident_class", "ticket", "reason", "officers")
    return bool(declared) and all(getattr(declared[-1].declared, word) == getattr(request, word) for word in words)


def _record_exposed(recorder: Recorder, found: Heap, of: Callable[[str], bool], run: _Run) -> tuple[str, ...]:
    """Record live sheets in the heap that no drill of their own has on record; returns them, each with its set."""
    exposed: list[str] = []
    for name, scanned in sorted(_live({**found.others, **found.pages}, recorder).items()):
        seats = scanned - _told(recorder.state.of(name)) if run.is_there(name) else scanned
        if not of(name) or not seats:
            continue
        held = ", ".join(each_held(recorder.state.of(name).current_epoch, sorted(seats)))
        message = f"live sheets lay in a heap of drill cards: {held}; new bag and roll-call for each"
        recorder.set_name, recorder.opening = name, ""
        recorder.desk.warn(f"{name}: {message}")
        recorder.append(Refused(stage="rehearsal", error=Exposed.id, message=message))
        exposed += [f"{name} {seat}" for seat in sorted(seats)]
    return tuple(exposed)


def _told(s: SetState) -> set[str]:
    """Return the live sheets that the last drill of a set has on record."""
    reasons = s.history.rehearsal.reasons if s.history.rehearsal else ()
    said = [one.removeprefix(single.LIVE_SCANNED) for one in reasons if one.startswith(single.LIVE_SCANNED)]
    return {seat for one in said for seat in one.partition(";")[0].split(", ")}


def _live(pages: Mapping[str, Sequence[ScannedPage]], recorder: Recorder) -> dict[str, set[str]]:
    """Return the seats of live sheets in force that were scanned, by set."""
    found: dict[str, set[str]] = {}
    current = {bytes.fromhex(s.current): name for name, s in recorder.state.sets.items() if s.current}
    for code in (code for some in pages.values() for page in some for code in page.codes):
        with suppress(BreakglassError):
            read = share.from_text(code.text).share
            if read.kind is Kind.LIVE and read.epoch_id in current:
                found.setdefault(current[read.epoch_id], set()).add(write_seat((read.group, read.member)))
    return found
