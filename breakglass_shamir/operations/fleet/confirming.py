# SPDX-License-Identifier: Apache-2.0
"""Reading the sheets of many sets back from one heap of scans, which is sorted by what the sheets say themselves.

Rules:

1. A sheet counts as it does for one set (:mod:`breakglass_shamir.operations.printing.readback`): its share matches its
   commitment. Which set it is of is known by its epoch id, never by a file's name or its place.
2. A set is recorded as soon as all of it was read; what was read of the others is recorded at the end, also when the
   end is an interruption.
3. Whatever else lies in the heap is named: pages of other sets, damaged ones, sheets that were scanned twice.
"""

from collections.abc import Sequence
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
from breakglass_shamir.operations.printing.readback import record_read_back
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner

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

    def say(self, line: str) -> None:
        """Pass it on."""
        self._desk.say(line)

    def warn(self, line: str) -> None:
        """Pass it on."""
        self._desk.warn(line)

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
    owners = {epoch.envelope.core.epoch_id: name for name in wanted for epoch in good_epochs(recorder.state.of(name))}

    def look() -> bool:
        for epoch_id in [*sorter.touched]:
            name = owners.get(epoch_id)
            epoch = recorder.state.of(name).epochs[epoch_id.hex()] if name else None
            if name and epoch and len(pool.have(epoch_id)) == len(epoch.seats):
                _record(recorder, pool, name, epoch_id)
                sorter.touched.discard(epoch_id)
        return False

    try:
        gather.scan_paths(pool, paths, scanner, sorter, enough=look)
    finally:
        recorder.ledger.catch_up()
        for epoch_id in sorted(sorter.touched & owners.keys()):
            _record(recorder, pool, owners[epoch_id], epoch_id)
    met = [owners[epoch_id] for epoch_id in sorter.met if epoch_id in owners]
    if not met:
        raise InsufficientShares(
            f"no sheet of {', '.join(names) or 'any set here'} was read",
            hint="scan the sheets flat and in even light, one page at a time",
        )
    left_out = (*sorter.left_out, *_of_others(sorter.met - owners.keys(), recorder))
    shown = [recorder.state.of(name) for name in wanted if names or name in met or _waits(recorder.state.of(name))]
    found = tuple(_read(s, pool) for s in shown if good_epochs(s))
    return HeapRead(found, left_out, all(one.sealed for one in found))


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
