# SPDX-License-Identifier: Apache-2.0
"""Splitting many credentials, one set after another, each whole or not at all.

Rules:

1. A set is issued as it is by itself (:mod:`breakglass_shamir.operations.credential.split`), or not at all: what broke
   off leaves neither a record without sheets nor sheets without a record.
2. A set that fails is named with its reason and does not stop the others; a ledger that cannot be written does.
3. A run that is begun again goes on with what is not done.
4. What is said again and again of every set is said once.
5. Where credentials are generated each set waits for its own sheets to be read back and handed out, before the next one
   is begun; its target is changed then, as it is of one set.
6. To a printer sets go in batches of ``BATCH``, each batch custodian by custodian: its sets are recorded when all of it
   is printed, or none of them is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from breakglass_shamir.errors import BreakglassError, GateClosed, IntegrityError, PaperError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.credential import split as single
from breakglass_shamir.operations.fleet import confirming, ordering
from breakglass_shamir.operations.fleet.confirming import HeapRead
from breakglass_shamir.operations.fleet.heap import Listener, listener_of
from breakglass_shamir.operations.fleet.ordering import Order
from breakglass_shamir.operations.fleet.piles import Piles
from breakglass_shamir.operations.fleet.rotating import tell_of_settled
from breakglass_shamir.operations.fleet.trays import Drawn, Trays
from breakglass_shamir.operations.printing import outlet, sheets
from breakglass_shamir.operations.printing.outlet import Printed
from breakglass_shamir.operations.printing.sheets import Printing, SortedPrinting
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.plural import counted

ISSUED, ALREADY, FAILED, LEFT = "issued", "there already", "failed", "not begun"

_STOPS = (IntegrityError, GateClosed)
"""What the next set would fail of, too."""

BATCH = 20
"""Sets whose sheets are printed together, sorted by custodian."""

Around = Callable[[Order], AbstractContextManager[None]]
"""Returns what is kept up while one set is made: its protocol of the day."""


def alone(_order: Order) -> AbstractContextManager[None]:
    """Keep nothing up."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class SetSplit:
    """What became of one set (docs/json.md).

    Attributes:
        set_name: the set.
        policy: its file.
        outcome: ``issued``, ``there already``, ``failed`` or ``not begun``.
        epoch: number of its epoch; 0: it has none.
        epoch_id: as people see it; empty: it has none.
        proven: ``accepted`` or ``unproven``; empty: it has no epoch.
        files: of the sheets and drill cards that were written now.
        problem: why it failed; empty: it did not.
        hint: what to do about that.
        exit: exit code that this alone would end with.
    """

    set_name: str
    policy: Path
    outcome: str
    epoch: int = 0
    epoch_id: str = ""
    proven: str = ""
    files: tuple[Path, ...] = ()
    problem: str = ""
    hint: str = ""
    exit: int = 0


@dataclass(frozen=True, slots=True)
class ManySplit:
    """What became of many sets (docs/json.md).

    Attributes:
        sets: in the order of their files.
        covers: the page on top of each custodian's pile.
        exit: exit code of the worst.
        read_back: what became of the printed sheets in the folder for scans; None: there is none.
    """

    sets: tuple[SetSplit, ...]
    covers: tuple[Path, ...]
    exit: int
    read_back: HeapRead | None = None


def split(
    recorder: Recorder, paths: Sequence[Path], printing: Printing, scanner: Scanner, *, credentials: Path | None,
    secret_of: Callable[[Order], Secret], kind: str | None = None, generates: bool = False, around: Around = alone,
) -> ManySplit:  # fmt: skip
    """Put many credentials on paper.

    Args:
        recorder: of the ledger.
        paths: policies, and folders of them.
        printing: the folder for the custodians' piles or the printer, the paper, and where scans come back.
        scanner: reads sheets back.
        credentials: folder with a file for each set, by its name; None: they come from elsewhere.
        secret_of: returns the credential of a set when it is its turn: what is put on paper, or what opens its target
            until a generated one does.
        kind: what the secret bytes are; None: as each policy says.
        generates: whether credentials are generated, and the targets changed to them.
        around: what is kept up while one set is made; of a batch for a printer nothing is.

    Raises:
        InvalidInput: policies or credentials are wrong, all that are; nothing was printed.
        FileExists: sheets would be overwritten; nothing was printed.
        PaperError: the folder or printer cannot be used, or a cover could not be written.
        GateClosed: somebody else could change the home.
    """
    recorder.require_guarded()
    outlet.check_printer(printing.printer)
    desk = recorder.desk
    piles = Piles(printing.out, recorder.ledger.log_id.hex()) if printing.out is not None else None
    with piles.alone() if piles else nullcontext():
        if piles:
            tell_of_settled(piles, recorder, scanner)
        found = ordering.orders(recorder.state, paths, credentials, generates=generates)
        todo = [order for order in found if not order.already]
        _check_place(piles, todo, printing, recorder)
        for warning in _warnings(found, credentials, printing.out if todo else None):
            desk.warn(warning)
        run = _Run(recorder, piles, printing, scanner, secret_of, kind, generates, around, listener_of(recorder))
        read_back = None
        try:
            run.all(todo)
            if printing.readback is not None and not generates and run.printed:
                read_back = confirming.read_back(
                    recorder, list(run.printed), printing.readback, scanner, printing.timeout_s, run.printed
                )
        except KeyboardInterrupt:
            made = sum(bool(one.epoch) for one in run.done.values())
            desk.warn(
                f"interrupted: {made} of {counted(len(todo), 'set')} issued; the same command goes on with the others"
            )
            raise
        finally:
            recorder.desk = desk
            covers = run.covers()
        sets = tuple(run.result(order) for order in found)
    unread = 0 if read_back is None or read_back.sealed else confirming.MISSING
    return ManySplit(sets, covers, max([unread, *(one.exit for one in sets)]), read_back)


@dataclass(slots=True)
class _Run:
    """One run over many sets."""

    recorder: Recorder
    piles: Piles | None
    printing: Printing
    scanner: Scanner
    secret_of: Callable[[Order], Secret]
    kind: str | None
    generates: bool
    around: Around
    listener: Listener
    done: dict[str, SetSplit] = field(default_factory=dict)
    printed: dict[str, Printed] = field(default_factory=dict)
    """What became of the paper of each set that was issued now."""

    _uncovered: list[Order] = field(default_factory=list)
    """Sets whose pages a printer gave without a cover."""

    def all(self, todo: Sequence[Order]) -> None:
        """Issue sets until one fails of what the next would fail of, too."""
        size = BATCH if self.piles is None and not self.generates else 1
        for first in range(0, len(todo), size):
            batch = todo[first : first + size]
            numbers = f"{first + 1}" if len(batch) == 1 else f"{first + 1} to {first + len(batch)}"
            self.recorder.desk.say(f"{numbers} of {len(todo)}: {', '.join(order.set_name for order in batch)}")
            goes_on = self._one(batch[0]) if size == 1 else self._batch(batch)
            if not goes_on:
                return

    def _one(self, order: Order) -> bool:
        """Issue one set; tells whether the next one is worth a try."""
        recorder, printed = self.recorder, list[Printed]()
        before = _newest(recorder, order)
        try:
            with self._at(order), self._putting_out(order, printed) as place, self.around(order):
                secret = self.secret_of(order)
                try:
                    given, current = (None, secret) if self.generates else (secret, None)
                    made = single.split(
                        recorder, order.source, given, place, self.scanner, current=current, kind=self.kind
                    )
                finally:
                    secret.wipe()
        except BreakglassError as error:
            return self._failed(order, error, before, printed)
        self._issued(order, made.proven, printed)
        if self.piles is None:
            self._uncovered.append(order)
        return True

    def _batch(self, batch: Sequence[Order]) -> bool:
        """Issue the sets of a batch, printed together; tells whether the next batch is worth a try."""
        begun: list[tuple[Order, single.Begun, tuple[outlet.Document, ...]]] = []
        goes_on = True
        for order in batch:
            try:
                with self._at(order):
                    begun.append(self._begun(order))
            except BreakglassError as error:
                goes_on = self._failed(order, error, "", ())
                if not goes_on:
                    break
        if not (begun and goes_on):
            return goes_on
        try:
            self._trays().put_out(
                [Drawn(one.policy, one.epoch.number, documents) for _, one, documents in begun], self.recorder.desk
            )
            for one in begun:
                goes_on = self._finished(*one) and goes_on
        except PaperError as error:
            for order, _, _ in begun:
                self._failed(order, error, "", ())
            return False
        except KeyboardInterrupt:
            self._warn_of_paper([(order, one) for order, one, _ in begun])
            raise
        return goes_on

    def _warn_of_paper(self, begun: Sequence[tuple[Order, single.Begun]]) -> None:
        """Say of which sets of a batch the paper counts for nothing: all that are not on record by it."""
        self.recorder.ledger.catch_up()
        names = [order.set_name for order, one in begun
                 if _newest(self.recorder, order) != one.epoch.live.envelope.core.epoch_id.hex()]  # fmt: skip
        if names:
            listed = ", ".join(names)
            self.recorder.desk.warn(f"whatever came out of the printer of {listed} counts for nothing: destroy it")

    def _begun(self, order: Order) -> tuple[Order, single.Begun, tuple[outlet.Document, ...]]:
        secret = self.secret_of(order)
        try:
            one = single.begin(self.recorder, order.source, secret, self.printing, kind=self.kind)
        finally:
            secret.wipe()
        count = 2 * one.policy.structure.sheets
        drawn = sheets.documents(one.epoch, self.printing)
        return order, one, tuple(outlet.read_back(drawn, count, self.scanner, self.listener))

    def _finished(self, order: Order, one: single.Begun, documents: tuple[outlet.Document, ...]) -> bool:
        """Record a set whose pages are out; tells whether the next one is worth a try."""
        what = tuple(document.what for document in documents)
        where = f"{counted(len(what), 'document')} printed on {self.printing.printer}"
        printed = Printed((), what, where, self.printing.printer, documents)
        try:
            with self._at(order):
                made = single.finish(
                    self.recorder, one, printed, replace(self.printing, readback=None), self.scanner
                )  # fmt: skip
        except BreakglassError as error:
            return self._failed(order, error, "", ())
        self._issued(order, made.proven, [printed])
        return True

    @contextmanager
    def _at(self, order: Order) -> Iterator[None]:
        """Let what one set says be heard with its name, and only once where it is of every set."""
        desk, self.listener.set_name = self.recorder.desk, order.set_name
        self.recorder.set_name, self.recorder.opening = order.set_name, ""
        self.recorder.desk, self.listener.quiet = self.listener, not self.generates
        try:
            yield
        finally:
            self.recorder.desk, self.listener.set_name, self.listener.quiet = desk, "", False

    @contextmanager
    def _putting_out(self, order: Order, printed: list[Printed]) -> Iterator[Printing]:
        """Give one set a place for its sheets; what was given up meanwhile is removed from the piles."""
        readback = self.printing.readback if self.generates else None
        place = replace(self.printing, readback=readback)

        def hand_over(made: Printed) -> Printed:
            s = self.recorder.set_state
            files = self.piles.hand_over(s, s.current_epoch) if self.piles else ()
            printed[:] = [replace(made, files=files)]
            return printed[0]

        if self.piles is None:
            yield SortedPrinting.of(place, hand_over)
            return
        staging = self.piles.staging(order.set_name)
        self.listener.hidden = str(staging)
        try:
            yield SortedPrinting.of(replace(place, out=staging), hand_over)
        finally:
            self.listener.hidden = ""
            with suppress(OSError):
                staging.rmdir()
            self.recorder.ledger.catch_up()
            known = self.recorder.state.sets.get(order.set_name)
            for path in self.piles.clear_dead(known, self.scanner) if known else ():
                self.listener.warn(
                    f"{path} was of an epoch that was given up, and is removed; destroy what was printed"
                )

    def _issued(self, order: Order, proven: str, printed: Sequence[Printed]) -> None:
        epoch = self.recorder.set_state.current_epoch
        made = printed[0] if printed else Printed((), (), "")
        self.printed[order.set_name] = made
        self.done[order.set_name] = SetSplit(
            order.set_name, order.file, ISSUED, epoch.number, epoch.short_id, proven, made.files
        )

    def _failed(self, order: Order, error: BreakglassError, before: str, printed: Sequence[Printed]) -> bool:
        """Say why a set is not whole; tells whether the next one is worth a try."""
        self.recorder.desk.warn(f"{order.set_name}: {error}")
        if _newest(self.recorder, order) not in (before, ""):
            self._issued(order, "unproven", printed)
        found = self.done.get(order.set_name, SetSplit(order.set_name, order.file, FAILED))
        self.done[order.set_name] = replace(found, problem=str(error), hint=error.hint, exit=error.exit_code)
        return not isinstance(error, _STOPS)

    def covers(self) -> tuple[Path, ...]:
        """Put the covers on what is issued by now."""
        state = self.recorder.state
        if self.piles is None:
            rows = [(order.policy, state.of(order.set_name).current_epoch.number) for order in self._uncovered]
            self._trays().covers(rows, self.recorder.desk)
            return ()
        at = datetime.fromisoformat(clock.now().time)
        return self.piles.cover([s for s in state.sets.values() if s.current], state.terminal, at, self.printing.paper)

    def _trays(self) -> Trays:
        at = datetime.fromisoformat(clock.now().time)
        return Trays(self.printing.printer, self.printing.paper, self.recorder.state.terminal, at)

    def result(self, order: Order) -> SetSplit:
        """Return what became of a set."""
        found = self.done.get(order.set_name)
        if found is not None:
            return found
        if not order.already:
            return SetSplit(order.set_name, order.file, LEFT, exit=IntegrityError.exit_code)
        epoch = self.recorder.state.of(order.set_name).current_epoch
        word = "accepted" if epoch.proven else "unproven"
        return SetSplit(order.set_name, order.file, ALREADY, epoch.number, epoch.short_id, word)


def _newest(recorder: Recorder, order: Order) -> str:
    """Return the id of the epoch of a set that is in force; empty: it has none."""
    known = recorder.state.sets.get(order.set_name)
    return known.current if known else ""


def _check_place(piles: Piles | None, todo: Sequence[Order], printing: Printing, recorder: Recorder) -> None:
    """See that names can be drawn, that nothing would be overwritten, and that there is room."""
    ordering.check_paper(todo, printing, recorder.ledger.checkpoint())
    seats = [
        (
            order.set_name,
            [(f"{group}.{member}", order.policy.custodian((group, member)))
             for group, member in order.policy.structure.seats()],
            order.number,
        )
        for order in todo
    ]  # fmt: skip
    if piles:
        piles.refuse_taken(seats)
    outlet.check_folders(printing.out, printing.readback, (), 2 * sum(len(places) for _, places, _ in seats))


def _warnings(found: Sequence[Order], credentials: Path | None, out: Path | None) -> list[str]:
    warnings = outlet.folder_warnings(out) if out else []
    if credentials is not None and (more := ordering.strangers(found, credentials)):
        warnings.append(f"no policy asks for these credentials in {credentials}: {', '.join(more[:20])}")
    return warnings
