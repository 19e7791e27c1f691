# SPDX-License-Identifier: Apache-2.0
"""Reading the sheets of many sets back from one heap of scans, which is sorted by what the sheets say themselves.

Rules:

1. A sheet counts as it does for one set (:mod:`breakglass_shamir.operations.printing.readback`): its share matches its
   commitment. Which set it is of is known by its epoch id, never by a file's name or its place.
2. A set is recorded as soon as all of it was read; what was read of the others is recorded at the end, also when the
   end is an interruption.
3. Whatever else lies in the heap is named: pages of other sets, damaged ones, sheets that were scanned twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.custody.life.state import EpochState, SetState, read_seat, write_seat
from breakglass_shamir.custody.policy.source import named
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import InsufficientShares, InvalidInput
from breakglass_shamir.operations.desk import Desk, EmptyDesk
from breakglass_shamir.operations.fleet.heap import REPLACE, LeftOut
from breakglass_shamir.operations.printing.epochs import good_epochs, unread
from breakglass_shamir.operations.printing.outlet import Printed, remove
from breakglass_shamir.operations.printing.readback import record_read_back
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner

MISSING = InsufficientShares.exit_code
"""Exit code where sheets of a set are still missing."""

_FINE = frozenset({Verdict.ACCEPTED, Verdict.ENVELOPE})


@dataclass(frozen=True, slots=True)
class SetRead:
    """What was read of one set (docs/json.md).

    Attributes:
        set_name: the set.
        epoch: number of the epoch whose sheets were read, or are waited for.
        epoch_id: as people see it, ``ABCD-EFGH-JKMN``.
        sealed: whether every sheet of it was read back by now.
        sheets: how many it has.
        read: those that were read in this run.
        missing: those that were never read back, each with its custodian.
    """

    set_name: str
    epoch: int
    epoch_id: str
    sealed: bool
    sheets: int
    read: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeapRead:
    """What became of a heap of scans (docs/json.md).

    Attributes:
        sets: those that were named, that wait for sheets, or of which a sheet was read, by name.
        left_out: scans that counted for none.
        sealed: whether each of the sets is.
    """

    sets: tuple[SetRead, ...]
    left_out: tuple[LeftOut, ...]
    sealed: bool


class _Sorter(EmptyDesk):
    """Hears what each scan was; lets people hear what they must look at, and how far it is."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.left_out: list[LeftOut] = []
        self.touched: set[bytes] = set()
        """Epochs of which a sheet was read and not yet looked at."""

        self.met: set[bytes] = set()
        """Epochs of which a sheet was read at all."""

        self._about = ""

    def about(self, set_name: str) -> "_Sorter":
        """Return this one, which tells of a set from now on."""
        self._about = set_name
        return self

    def warn(self, line: str) -> None:
        """Pass it on, with the set that it is about."""
        self._desk.warn(f"{self._about}: {line}" if self._about else line)

    def says_enough(self) -> bool:
        """Pass it on."""
        return self._desk.says_enough()

    def print_again(self, document: str, problem: str) -> bool:
        """Pass it on, with the set that it is about."""
        return self._desk.print_again(f"{document} of {self._about}", problem)

    def say(self, line: str) -> None:
        """Pass it on."""
        self._desk.say(line)

    def advance(self, what: str, done: int, of: int) -> None:
        """Pass it on."""
        self._desk.advance(what, done, of)

    def answer(self, source: str, answer: Answer) -> None:
        """Take what counts, and name what does not."""
        twice = answer.verdict is Verdict.SEEN and bool(answer.sheet)
        if answer.verdict is Verdict.ACCEPTED:
            self.touched.add(answer.epoch_id)
            self.met.add(answer.epoch_id)
        elif twice or answer.verdict not in (Verdict.ENVELOPE, Verdict.SEEN):
            self.left_out.append(LeftOut(source, str(answer.verdict), answer.message))
        fine = answer.verdict in _FINE or (answer.verdict is Verdict.SEEN and not twice)
        if not fine or answer.health == REPLACE:
            self._desk.answer(source, answer)


def confirm(recorder: Recorder, names: Sequence[str], paths: Sequence[Path], scanner: Scanner) -> HeapRead:
    """Sort a heap of scans to its sets, and record each sheet that holds.

    Args:
        recorder: of the ledger.
        names: sets whose sheets are recorded; none: all that the ledger has.
        paths: pictures, PDFs and folders, in any order.
        scanner: reads them.

    Raises:
        UnknownSet: no set of one of these names.
        InvalidInput: a path does not exist; all that do not are named.
        InsufficientShares: no sheet of any of these sets was read.
        GateClosed: somebody else could change the home.
    """
    recorder.require_guarded()
    wanted = tuple(dict.fromkeys(recorder.state.of(name).name for name in names)) or tuple(sorted(recorder.state.sets))
    if absent := [str(path) for path in paths if not path.exists()]:
        raise InvalidInput(f"expected scans at {', '.join(absent)}, found nothing there")
    pool, sorter = _pool(recorder, wanted), _Sorter(recorder.desk)
    heap = _Heap(recorder, pool, sorter, wanted)
    with heap.recording():
        gather.scan_paths(pool, paths, scanner, sorter, enough=heap.look)
    if not heap.met:
        raise InsufficientShares(
            f"no sheet of {', '.join(names) or 'any set here'} was read",
            hint="scan the sheets flat and in even light, one page at a time",
        )
    left_out = (*sorter.left_out, *_of_others(sorter.met - heap.owners.keys(), recorder))
    shown = [name for name in wanted if names or name in heap.met or _waits(recorder.state.of(name))]
    return heap.found(shown, left_out)


def read_back(
    recorder: Recorder, names: Sequence[str], folder: Path, scanner: Scanner, timeout_s: float,
    printed: Mapping[str, Printed],
) -> HeapRead:  # fmt: skip
    """Wait until every sheet of sets that were just printed has landed in a folder; verified scans are deleted there.

    Args:
        recorder: of the ledger.
        names: the sets.
        folder: into which a scanner drops scans.
        scanner: reads them.
        timeout_s: how long to wait for people, in seconds.
        printed: the paper of each set: a copy of a file is no scan, and what a printer got can be printed again.

    Raises:
        InvalidInput: there is no such folder.
    """
    epochs = {recorder.state.of(name).current for name in names}
    known = {epoch_id: one for epoch_id, one in known_epochs(recorder.state).items() if epoch_id.hex() in epochs}
    pool, sorter = Pool(known, in_custody=True), _Sorter(recorder.desk)
    heap = _Heap(recorder, pool, sorter, names)
    files = [path for one in printed.values() for path in one.files]

    def enough() -> bool:
        heap.look()
        return all(recorder.state.of(name).current_epoch.sealed for name in names)

    while True:
        recorder.desk.say(f"waiting for scans in {folder}; press Enter when there are no more")
        with heap.recording():
            verified = gather.watch(
                pool, folder, scanner, sorter, enough=enough, timeout_s=timeout_s, printed=files
            )  # fmt: skip
        remove(verified)
        again = [
            one.print_again(unread(recorder.state.of(name).current_epoch), sorter.about(name))
            for name, one in printed.items()
        ]
        if not any(again):
            return heap.found(names, sorter.left_out)


@dataclass(frozen=True, slots=True)
class _Heap:
    """Sheets of many sets on their way to the record."""

    recorder: Recorder
    pool: Pool
    sorter: _Sorter
    names: Sequence[str]

    @property
    def owners(self) -> dict[bytes, str]:
        """The set of each epoch whose sheets are recorded."""
        state = self.recorder.state
        return {epoch.envelope.core.epoch_id: name for name in self.names for epoch in good_epochs(state.of(name))}

    @property
    def met(self) -> list[str]:
        """The sets of which a sheet was read."""
        owners = self.owners
        return [owners[epoch_id] for epoch_id in self.sorter.met if epoch_id in owners]

    def look(self) -> bool:
        """Record each set that is whole by now; never enough."""
        owners = self.owners if self.sorter.touched else {}
        for epoch_id in [*self.sorter.touched]:
            name = owners.get(epoch_id)
            epoch = self.recorder.state.of(name).epochs[epoch_id.hex()] if name else None
            if name and epoch and len(self.pool.have(epoch_id)) == len(epoch.seats):
                _record(self.recorder, self.pool, name, epoch_id)
                self.sorter.touched.discard(epoch_id)
        return False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record at the end what was read of sets that are not whole, also when it is an interruption."""
        try:
            yield
        finally:
            self.recorder.ledger.catch_up()
            owners = self.owners
            for epoch_id in sorted(self.sorter.touched & owners.keys()):
                _record(self.recorder, self.pool, owners[epoch_id], epoch_id)

    def found(self, names: Sequence[str], left_out: Sequence[LeftOut]) -> HeapRead:
        """Say what was read."""
        sets = [self.recorder.state.of(name) for name in names]
        read = tuple(_read(s, self.pool) for s in sets if good_epochs(s))
        return HeapRead(read, tuple(left_out), all(one.sealed for one in read))


def _record(recorder: Recorder, pool: Pool, name: str, epoch_id: bytes) -> None:
    recorder.set_name = name
    record_read_back(recorder, pool, recorder.set_state.epochs[epoch_id.hex()])


def _waits(s: SetState) -> bool:
    return any(not epoch.sealed and not epoch.recovered for epoch in good_epochs(s))


def _read(s: SetState, pool: Pool) -> SetRead:
    """Say what was read of a set: of the epoch that was read, else of the one that waits, else of the newest."""
    epochs = good_epochs(s)
    met = [epoch for epoch in epochs if pool.have(epoch.envelope.core.epoch_id)]
    waiting = [epoch for epoch in epochs if not epoch.sealed]
    epoch = (met or waiting or epochs)[-1]
    read = tuple(write_seat(seat) for seat in pool.have(epoch.envelope.core.epoch_id))
    missing = tuple(f"{seat} ({_custodian(epoch, seat)})" for seat in unread(epoch))
    return SetRead(s.name, epoch.number, epoch.short_id, epoch.sealed, len(epoch.seats), read, missing)


def _custodian(epoch: EpochState, seat: str) -> str:
    return named(epoch.custodians.get(seat, "")) or "nobody named"


def _of_others(epoch_ids: set[bytes], recorder: Recorder) -> list[LeftOut]:
    """Name the sets that were not asked for and of which sheets lay in the heap."""
    known = {epoch.envelope.core.epoch_id: s.name for s in recorder.state.sets.values() for epoch in s.epochs.values()}
    others = sorted({known[epoch_id] for epoch_id in epoch_ids if epoch_id in known})
    return [LeftOut(name, str(Verdict.OTHER_SET), f"sheets of {name}: not asked for, not recorded") for name in others]


def _pool(recorder: Recorder, names: Sequence[str]) -> Pool:
    read_back = {
        epoch.envelope.core.epoch_id: {read_seat(seat) for seat in epoch.read_back}
        for name in names
        for epoch in good_epochs(recorder.state.of(name))
    }
    return Pool(known_epochs(recorder.state), in_custody=True, read_back=read_back)
