# SPDX-License-Identifier: Apache-2.0
"""Splitting many credentials, one set after another, each whole or not at all.

Rules:

1. A set is issued as it is by itself (:mod:`breakglass_shamir.operations.credential.split`), or not at all: what broke
   off leaves neither a record without sheets nor sheets without a record.
2. A set that fails is named with its reason and does not stop the others; a ledger that cannot be written does.
3. A run that is begun again goes on with what is not done.
4. What is said again and again of every set is said once.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from breakglass_shamir.errors import BreakglassError, GateClosed, IntegrityError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.credential import split as single
from breakglass_shamir.operations.desk import Desk, EmptyDesk
from breakglass_shamir.operations.fleet import ordering
from breakglass_shamir.operations.fleet.ordering import Order
from breakglass_shamir.operations.fleet.piles import Piles
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.plural import counted

ISSUED, ALREADY, FAILED, LEFT = "issued", "there already", "failed", "not begun"

_STOPS = (IntegrityError, GateClosed)
"""What the next set would fail of, too."""


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
    """

    sets: tuple[SetSplit, ...]
    covers: tuple[Path, ...]
    exit: int


class _Once(EmptyDesk):
    """Passes warnings on once, and nothing that tells of the folder in which sheets wait."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._said = desk, set[str]()
        self.staging = Path()

    def warn(self, line: str) -> None:
        """Pass it on, where it is new."""
        if line not in self._said and str(self.staging) not in line:
            self._said.add(line)
            self._desk.warn(line)


def split(
    recorder: Recorder, paths: Sequence[Path], printing: Printing, scanner: Scanner, *, credentials: Path | None,
    secret_of: Callable[[Order], Secret], kind: str | None = None,
) -> ManySplit:  # fmt: skip
    """Put many credentials on paper.

    Args:
        recorder: of the ledger.
        paths: policies, and folders of them.
        printing: the folder for the custodians' piles, and the paper.
        scanner: reads sheets back.
        credentials: folder with a file for each set, by its name; None: they come from elsewhere.
        secret_of: returns the credential of a set when it is its turn.
        kind: what the secret bytes are; None: as each policy says.

    Raises:
        InvalidInput: policies or credentials are wrong, all that are; nothing was printed.
        FileExists: sheets would be overwritten; nothing was printed.
        PaperError: the folder cannot be used, or a cover could not be written.
        GateClosed: somebody else could change the home.
    """
    assert printing.out is not None  # noqa: S101 - the command line asks for a folder
    recorder.require_guarded()
    piles, desk = Piles(printing.out, recorder.ledger.log_id.hex()), recorder.desk
    with piles.alone():
        handed, removed = piles.settle(recorder.state, scanner)
        for name in handed:
            desk.say(f"{name}: it was issued by a run that broke off; its sheets are with their custodians' now")
        for name in removed:
            desk.say(f"{name}: a run broke off before it was issued; what it had written was removed")
        found = ordering.orders(recorder.state, paths, credentials)
        todo = [order for order in found if not order.already]
        _check_place(piles, todo, printing, recorder)
        for warning in _warnings(found, credentials, printing.out if todo else None):
            desk.warn(warning)
        run = _Run(recorder, piles, printing, scanner, secret_of, kind, _Once(desk))
        try:
            for number, order in enumerate(todo, 1):
                desk.say(f"{number} of {len(todo)}: {order.set_name}")
                if not run.one(order):
                    break
        except KeyboardInterrupt:
            made = sum(bool(one.epoch) for one in run.done.values())
            desk.warn(
                f"interrupted: {made} of {counted(len(todo), 'set')} issued; the same command goes on with the others"
            )
            raise
        finally:
            recorder.desk = desk
            covers = run.covers(found)
        sets = tuple(run.result(order) for order in found)
    return ManySplit(sets, covers, max(one.exit for one in sets))


@dataclass(slots=True)
class _Run:
    """One run over many sets."""

    recorder: Recorder
    piles: Piles
    printing: Printing
    scanner: Scanner
    secret_of: Callable[[Order], Secret]
    kind: str | None
    quiet: _Once
    done: dict[str, SetSplit] = field(default_factory=dict)

    def one(self, order: Order) -> bool:
        """Issue one set; tells whether the next one is worth a try."""
        staging, desk = self.piles.staging(order.set_name), self.recorder.desk
        try:
            secret = self.secret_of(order)
            self.recorder.desk, self.quiet.staging = self.quiet, staging
            try:
                made = single.split(
                    self.recorder,
                    order.source,
                    secret,
                    replace(self.printing, out=staging),
                    self.scanner,
                    kind=self.kind,
                )
            finally:
                self.recorder.desk = desk
                secret.wipe()
            self.done[order.set_name] = SetSplit(
                order.set_name, order.file, ISSUED, made.epoch, made.epoch_id, made.proven
            )
            files = self.piles.hand_over(self.recorder.set_state, self.recorder.set_state.current_epoch)
            self.done[order.set_name] = replace(self.done[order.set_name], files=files)
        except BreakglassError as error:
            desk.warn(f"{order.set_name}: {error}")
            before = self.done.get(order.set_name, SetSplit(order.set_name, order.file, FAILED))
            self.done[order.set_name] = replace(before, problem=str(error), hint=error.hint, exit=error.exit_code)
            return not isinstance(error, _STOPS)
        finally:
            with suppress(OSError):
                staging.rmdir()
        return True

    def covers(self, found: Sequence[Order]) -> tuple[Path, ...]:
        """Write the covers of what is issued by now."""
        state = self.recorder.state
        sets = [s for order in found if (s := state.sets.get(order.set_name)) is not None and s.current]
        at = datetime.fromisoformat(clock.now().time)
        return self.piles.cover(sets, state.terminal, at, self.printing.paper)

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


def _check_place(piles: Piles, todo: Sequence[Order], printing: Printing, recorder: Recorder) -> None:
    """See that names can be drawn, that nothing would be overwritten, and that there is room."""
    ordering.check_paper(todo, printing, recorder.ledger.checkpoint())
    seats = [
        (
            order.set_name,
            [(f"{group}.{member}", order.policy.custodian((group, member)))
             for group, member in order.policy.structure.seats()],
            1,
        )
        for order in todo
    ]  # fmt: skip
    piles.refuse_taken(seats)
    outlet.check_folders(printing.out, None, (), 2 * sum(len(places) for _, places, _ in seats))


def _warnings(found: Sequence[Order], credentials: Path | None, out: Path | None) -> list[str]:
    warnings = outlet.folder_warnings(out) if out else []
    if credentials is not None and (more := ordering.strangers(found, credentials)):
        warnings.append(f"no policy asks for these credentials in {credentials}: {', '.join(more[:20])}")
    return warnings
