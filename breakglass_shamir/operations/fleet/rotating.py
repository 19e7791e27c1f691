# SPDX-License-Identifier: Apache-2.0
"""Rotating many sets from one heap of sheets, one after the other, each whole or not begun.

Rules:

1. A set is rotated as it is by itself (:mod:`breakglass_shamir.operations.credential.rotate`): declared, opened,
   printed, read back, in custodians' hands, applied, proven. No rule of that is another one here, and none is passed.
2. A set is begun only where the heap has all that it needs now; what is missing is named by set and custodian, and
   nothing of that set is declared or opened.
3. Without a folder for scans of the printing a rotation ends for now when its new sheets are printed: they are read
   back and handed out by many at once, and the same command goes on, from the old sheets and the new ones.
4. What is done is read from the ledger. A set of which the heap has a quorum of the epoch just before was rotated by
   an earlier run, and is left alone: the new sheets beside them are no order to rotate once more. Older sheets say
   nothing.
5. A set that fails is named with its reason and stops no other; a ledger that cannot be written, or a home that
   somebody else could change, does.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, SetState, write_seat
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import (
    BreakglassError,
    GateClosed,
    IllegalState,
    InsufficientShares,
    InvalidInput,
    LedgerBusy,
    LedgerElsewhere,
    LedgerUnwritable,
    RecordMissing,
)
from breakglass_shamir.formats.structure import Seat
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.credential import rotate as single
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.fleet import heap
from breakglass_shamir.operations.fleet.heap import LeftOut, Listener, Missing, each_held, listener_of
from breakglass_shamir.operations.fleet.piles import Piles
from breakglass_shamir.operations.fleet.trays import Trays
from breakglass_shamir.operations.monitoring.to_do import ToDo
from breakglass_shamir.operations.opening import receipts
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.operations.printing.epochs import unread
from breakglass_shamir.operations.printing.outlet import Printed
from breakglass_shamir.operations.printing.sheets import Printing, SortedPrinting
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner
from breakglass_shamir.plural import counted

ROTATED, PRINTED, ALREADY, MISSING, FAILED, LEFT = (
    "rotated", "printed", "there already", "sheets missing", "failed", "not begun",
)  # fmt: skip

ONCE_MORE = "the heap has a quorum of the epoch before, so this set was rotated; leave it out to rotate once more"

Around = Callable[[str], AbstractContextManager[None]]
"""Returns what is kept up while one set is at work: its protocol of the day."""


def alone(_name: str) -> AbstractContextManager[None]:
    """Keep nothing up."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class SetRotated:
    """What became of one set (docs/json.md).

    Attributes:
        set_name: the set.
        outcome: ``rotated``, ``printed``, ``there already``, ``sheets missing``, ``failed`` or ``not begun``.
        epoch: number of the epoch in force; 0: the set has none here.
        printed: number of the epoch that is printed and not in force; 0: there is none.
        missing: sheets that are waited for, and what for.
        files: of the sheets and drill cards that were written now.
        to_destroy: sheets that open nothing any more, and what records that they were destroyed.
        problem: why it failed; empty: it did not.
        hint: what to do about that.
        exit: exit code that this alone would end with.
    """

    set_name: str
    outcome: str
    epoch: int = 0
    printed: int = 0
    missing: tuple[Missing, ...] = ()
    files: tuple[Path, ...] = ()
    to_destroy: tuple[ToDo, ...] = ()
    problem: str = ""
    hint: str = ""
    exit: int = 0


@dataclass(frozen=True, slots=True)
class ManyRotated:
    """What became of many sets (docs/json.md).

    Attributes:
        sets: by name.
        covers: the page on top of each custodian's pile.
        receipts: files that were written for the officers.
        left_out: scans that counted for none.
        exit: exit code of the worst.
    """

    sets: tuple[SetRotated, ...]
    covers: tuple[Path, ...]
    receipts: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    exit: int


def rotate(
    recorder: Recorder, names: Sequence[str], paths: Sequence[Path], printing: Printing, scanner: Scanner, *,
    reason: str, officers: tuple[str, ...] = (), receipts_to: Path | None = None,
    around: Around = alone,
) -> ManyRotated:  # fmt: skip
    """Rotate many sets.

    Args:
        recorder: of the ledger.
        names: the sets; none: every set here of which sheets lie in the heap.
        paths: pictures, PDFs and folders, in any order: old sheets, or old and new.
        printing: the folder for the custodians' piles, or the printer; neither where nothing is printed any more.
        scanner: reads the heap, and sheets back.
        reason: why, in words.
        officers: who takes part.
        receipts_to: folder for the officers' receipts; None: in the home.
        around: what is kept up while one set is at work.

    Raises:
        UnknownSet: no set of one of these names.
        InvalidInput: a path does not exist, a named set is retired, or two people would get one name.
        InsufficientShares: no sheet of any of these sets was read.
        FileExists: sheets would be overwritten; nothing was begun.
        PaperError: a folder cannot be used.
        GateClosed: somebody else could change the home.
    """
    recorder.require_guarded()
    wanted = wanted_of(recorder, names)
    if receipts_to is not None:
        outlet.check_folder(receipts_to, "--receipts")
    desk = recorder.desk
    listener = listener_of(recorder)
    piles = Piles(printing.out, recorder.ledger.log_id.hex()) if printing.out is not None else None
    with piles.alone() if piles else nullcontext():
        if piles:
            tell_of_settled(piles, recorder, scanner)
        known = known_epochs(recorder.state)
        owners = {epoch_id: one.set_name for epoch_id, one in known.items()}
        found = heap.sort(paths, scanner, listener, owners, wanted, Pool(known))
        chosen = [name for name in wanted if name in found.pages or under_way.is_only_unclosed(recorder.state.of(name))]
        if not chosen:
            raise InsufficientShares(
                f"no sheet of {', '.join(names) or 'any set here'} was read",
                hint="scan the sheets flat and in even light, one page at a time",
            )
        chosen = list(wanted) if names else chosen
        run = _Run(recorder, piles, printing, scanner, listener, reason, officers, receipts_to, around)
        todo = [name for name in chosen if run.can_begin(name, found.pages.get(name, ()))]
        if piles:
            _check_place(piles, recorder, [name for name in todo if not recorder.state.of(name).prepared])
            for warning in outlet.folder_warnings(piles.out) if todo else ():
                desk.warn(warning)
        try:
            for number, name in enumerate(todo, 1):
                desk.say(f"{number} of {len(todo)}: {name}")
                if not run.one(name, found.pages.get(name, ())):
                    break
        except KeyboardInterrupt:
            done = sum(one.outcome == ROTATED for one in run.done.values())
            desk.warn(
                f"interrupted: {done} of {counted(len(todo), 'set')} rotated; the same command goes on with the others"
            )
            raise
        finally:
            recorder.desk = desk
            covers = run.covers()
        sets = tuple(run.result(name) for name in chosen)
    worst = max((one.exit for one in sets), default=0)
    return ManyRotated(sets, covers, tuple(run.receipts), tuple(listener.left_out), worst)


def wanted_of(recorder: Recorder, names: Sequence[str]) -> tuple[str, ...]:
    """Return the sets that are asked for, by name: those, or all that are in service.

    Raises:
        UnknownSet: no set of one of these names.
        InvalidInput: one has no sheets here, or is out of service; all that are so are named.
    """
    state = recorder.state
    if not names:
        return tuple(sorted(name for name, s in state.sets.items() if s.current and not s.retired))
    sets = [state.of(name) for name in dict.fromkeys(names)]
    against = [f"{s.name} is retired" if s.retired else f"{s.name} has no sheets here"
               for s in sets if s.retired or not s.current]  # fmt: skip
    if against:
        raise InvalidInput("; ".join(against), hint="leave it out; nothing was begun")
    return tuple(sorted(s.name for s in sets))


def tell_of_settled(piles: Piles, recorder: Recorder, scanner: Scanner) -> None:
    """Settle what a run that broke off left in the folder, and say so."""
    handed, removed = piles.settle(recorder.state, scanner)
    for name in handed:
        recorder.desk.say(f"{name}: it was issued by a run that broke off; its sheets are with their custodians' now")
    for name in removed:
        recorder.desk.say(f"{name}: a run broke off before it was issued; what it had written was removed")


def taking(pool: Pool, pages: Sequence[ScannedPage]) -> Pool:
    """Return a pool with what pages hold, of which nobody is told."""
    for page in pages:
        gather.add_page(pool, page, EmptyDesk())
    return pool


def was_rotated_from(state: LedgerState, s: SetState, pages: Sequence[ScannedPage]) -> bool:
    """Tell whether a heap has a quorum of the epoch before the one in force, which is dead: its rotation is done."""
    before = s.epochs.get(s.current_epoch.predecessor) if s.current else None
    if before is None or before.status is not EpochStatus.VOID:
        return False
    pool = taking(Pool(known_epochs(state), set_name=s.name, past_too=True, void_too=True), pages)
    return before.envelope.core.structure.is_quorum(pool.have(bytes.fromhex(before.epoch_id)))


def stops_all(error: BreakglassError) -> bool:
    """Tell whether the next set would fail of the same."""
    if isinstance(error, GateClosed):
        return error.gate in ("home", "clock")
    return isinstance(error, LedgerUnwritable | LedgerBusy | LedgerElsewhere | RecordMissing)


@dataclass(slots=True)
class _Run:
    """One run over many sets."""

    recorder: Recorder
    piles: Piles | None
    printing: Printing
    scanner: Scanner
    listener: Listener
    reason: str
    officers: tuple[str, ...]
    receipts_to: Path | None
    around: Around
    done: dict[str, SetRotated] = field(default_factory=dict)
    receipts: list[Path] = field(default_factory=list)
    _uncovered: list[tuple[Policy, int]] = field(default_factory=list)
    """Policy and epoch of sets whose pages a printer gave."""

    def can_begin(self, name: str, pages: Sequence[ScannedPage]) -> bool:
        """Tell whether a set can be begun; what keeps it from that is its result."""
        s = self.recorder.state.of(name)
        if under_way.is_only_unclosed(s):
            return True
        if not s.prepared and was_rotated_from(self.recorder.state, s, pages):
            self.done[name] = replace(self._standing(s, ALREADY), hint=ONCE_MORE)
            return False
        known = known_epochs(self.recorder.state)
        pool = taking(Pool(known, set_name=name, in_custody=True), pages)
        missing = _lacking(s, s.source, pool.have(bytes.fromhex(s.source)))
        if s.prepared:
            missing += _lacking(s, s.prepared, pool.have(bytes.fromhex(s.prepared)))
            if not missing and not self._may_apply(s):
                missing = [_not_handed_out(s.epochs[s.prepared])]
        if not missing:
            return True
        outcome = PRINTED if s.prepared and not s.applying else MISSING
        self.done[name] = replace(self._standing(s, outcome), missing=tuple(missing), exit=InsufficientShares.exit_code)
        return False

    def one(self, name: str, pages: Sequence[ScannedPage]) -> bool:
        """Rotate one set; tells whether the next one is worth a try."""
        recorder, printing = self.recorder, self.printing
        recorder.set_name, recorder.opening = name, ""
        begun = recorder.refresh()
        waits = bool(begun.prepared) or printing.readback is not None
        files: list[Path] = []
        desk = recorder.desk
        recorder.desk, self.listener.set_name = self.listener, name
        try:
            with self._putting_out(begun, files) as place, self.around(name):
                found = single.rotate(
                    recorder, Sources(pages=tuple(pages)), place, self.scanner,
                    reason=self.reason, officers=self.officers, prints_only=not waits,
                )  # fmt: skip
        except BreakglassError as error:
            desk.warn(f"{name}: {error}")
            failed = self._standing(recorder.refresh(), FAILED)
            self.done[name] = replace(
                failed, files=tuple(files), problem=str(error), hint=error.hint, exit=error.exit_code
            )
            return not stops_all(error)
        finally:
            recorder.desk, self.listener.set_name = desk, ""
            self._give_receipts()
        s = recorder.refresh()
        if s.prepared:
            epoch = s.epochs[s.prepared]
            left = Missing(epoch.number, "to be read back", each_held(epoch, unread(epoch)))
            self.done[name] = replace(
                self._standing(s, PRINTED), missing=(left,), files=tuple(files), exit=InsufficientShares.exit_code
            )
        else:
            done = self._standing(s, ROTATED)
            self.done[name] = replace(done, files=tuple(files), to_destroy=found.to_destroy)
        return True

    @contextmanager
    def _putting_out(self, begun: SetState, files: list[Path]) -> Iterator[Printing]:
        """Give one set a place for its sheets; what was given up meanwhile is removed from the piles.

        Without a folder for scans nobody is waited for.
        """
        timeout_s = self.printing.timeout_s if self.printing.readback is not None else 0
        printing = replace(self.printing, timeout_s=timeout_s)
        if self.piles is None:
            yield SortedPrinting.of(printing, self._came_out)
            return
        piles, staging = self.piles, self.piles.staging(begun.name)
        self.listener.hidden = str(staging)

        def hand_over(printed: Printed) -> Printed:
            s = self.recorder.set_state
            moved = piles.hand_over(s, s.epochs[s.prepared])
            files[:] = moved
            return replace(printed, files=moved)

        try:
            yield SortedPrinting.of(replace(printing, out=staging), hand_over)
        finally:
            self.listener.hidden = ""
            with suppress(OSError):
                staging.rmdir()
            for path in piles.clear_dead(self.recorder.refresh(), self.scanner):
                self.listener.warn(
                    f"{path} was of an epoch that was given up, and is removed; destroy what was printed"
                )
            files[:] = [path for path in files if path.exists()]

    def _came_out(self, printed: Printed) -> Printed:
        """Note what a printer gave without a cover."""
        s = self.recorder.set_state
        self._uncovered.append((policy_in_force(s), s.epochs[s.prepared].number))
        return printed

    def _may_apply(self, s: SetState) -> bool:
        """Tell whether a prepared epoch can go on at once, or somebody will be waited for."""
        epoch = s.epochs[s.prepared]
        held = {*epoch.acknowledged, *self.printing.acknowledged} - set(epoch.voided)
        return s.applying or self.printing.readback is not None or epoch.quorum_of(held)

    def _give_receipts(self) -> None:
        try:
            given = receipts.give(self.recorder, self.receipts_to)
        except BreakglassError as error:
            self.recorder.desk.warn(f"{self.recorder.set_name}: no receipt was written: {error}")
        else:
            self.receipts += given.files if given else ()

    def _standing(self, s: SetState, outcome: str) -> SetRotated:
        printed = s.epochs[s.prepared].number if s.prepared else 0
        return SetRotated(s.name, outcome, s.current_epoch.number, printed)

    def covers(self) -> tuple[Path, ...]:
        """Put the covers on all that lies in the piles now, or that came out of the printer."""
        state, at = self.recorder.state, datetime.fromisoformat(clock.now().time)
        if self.piles is None:
            trays = Trays(self.printing.printer, self.printing.paper, state.terminal, at)
            trays.covers(self._uncovered, self.recorder.desk)
            return ()
        sets = [s for s in state.sets.values() if s.current]
        return self.piles.cover(sets, state.terminal, at, self.printing.paper)

    def result(self, name: str) -> SetRotated:
        """Return what became of a set."""
        found = self.done.get(name)
        return found or replace(self._standing(self.recorder.state.of(name), LEFT), exit=IllegalState.exit_code)


def _lacking(s: SetState, epoch_id: str, have: Sequence[Seat]) -> list[Missing]:
    """Name the sheets of one of the two epochs that are still to be shown, each with its custodian."""
    epoch = s.epochs[epoch_id]
    if not under_way.wanted(s, epoch_id, have):
        return []
    if epoch_id == s.prepared and not s.applying:
        return [Missing(epoch.number, "to be scanned", each_held(epoch, under_way.missing_new(s, have)))]
    shown = [write_seat(seat) for seat in have]
    left = [seat for seat in epoch.seats if seat not in shown and seat not in epoch.voided]
    need = f"{epoch.envelope.core.structure.in_words()}, got {len(shown)}; not there"
    return [Missing(epoch.number, need, each_held(epoch, left))]


def _not_handed_out(epoch: EpochState) -> Missing:
    left = [seat for seat in epoch.seats if seat not in epoch.acknowledged and seat not in epoch.voided]
    return Missing(epoch.number, "to be handed out", each_held(epoch, left))


def _check_place(piles: Piles, recorder: Recorder, todo: Sequence[str]) -> None:
    """See that nothing would be overwritten, and that there is room."""
    found = []
    for name in todo:
        s = recorder.state.of(name)
        policy, number = policy_in_force(s), 1 + max(epoch.number for epoch in s.epochs.values())
        found.append((name, [(write_seat(seat), policy.custodian(seat)) for seat in policy.structure.seats()], number))
    piles.refuse_taken(found)
    outlet.check_folders(piles.out, None, (), 2 * sum(len(seats) for _, seats, _ in found))
