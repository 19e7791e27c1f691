# SPDX-License-Identifier: Apache-2.0
"""Reading printed sheets back: only with all of them verified is an epoch sealed.

Rules:

1. A sheet counts when its share matches its commitment in the epoch's envelope.
2. A scan in a readback folder is deleted once its sheet was verified; everything else there is left alone.
   A copy of a sheet's own file is no scan.
3. Sheets may be confirmed a few at a time; the record names each.
4. Where people are, and no folder is watched, they read the sheets back at the board.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from breakglass_shamir.custody.life.state import EpochState, read_seat, write_seat
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.quorum.known import known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.sheets import ReadBack
from breakglass_shamir.errors import IllegalState, InsufficientShares, InvalidInput, PaperError
from breakglass_shamir.formats.structure import Seat
from breakglass_shamir.operations.printing.custodians import acknowledge
from breakglass_shamir.operations.printing.epochs import good_epochs, unread
from breakglass_shamir.operations.printing.outlet import Printed, remove
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.reading.sources import DEFAULT_PATIENCE_S, Sources, read_sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass


def confirm(
    recorder: Recorder, paths: Iterable[Path], scanner: Scanner, *, watched: Path | None = None,
    camera: int | Path | None = None, patience_s: float = DEFAULT_PATIENCE_S, asks: bool = False,
    goes_back: bool = False,
) -> EpochState:  # fmt: skip
    """Verify scans of printed sheets and record each sheet that holds.

    Args:
        recorder: at the set.
        paths: pictures, PDFs and folders; all of them are read.
        scanner: reads them.
        watched: folder into which a scanner drops more; what is there stays there.
        camera: number of a camera, or a recording.
        patience_s: how long to wait for either, seconds.
        asks: whether people who are there gather what is still missing at a board.
        goes_back: whether a question was before, to which they may go back.

    Returns:
        The epoch whose sheets were read.

    Raises:
        InvalidInput: a path does not exist; nothing was read.
        InsufficientShares: no sheet of a living epoch of this set was read, or some are still missing.
        GateClosed: somebody else could change the home.
        Stopped, WentBack: people leave the board; what was read is on record.
    """
    recorder.require_guarded()
    scans = tuple(paths)
    if absent := [path for path in scans if not path.exists()]:
        raise InvalidInput(f"expected a scan at {absent[0]}, found nothing there")
    missing = _unread_seats(recorder)
    pool = _pool(recorder)
    gather.scan_paths(pool, scans, scanner, recorder.desk)
    asks = asks and any(missing.values())
    more = Sources(watched=watched, camera=camera, patience_s=patience_s, asks=asks, goes_back=goes_back, kept=True)
    read_sources(pool, more, scanner, recorder.desk, enough=lambda: _all_read(recorder, pool, missing))
    candidates = [epoch for epoch in good_epochs(recorder.set_state) if pool.have(epoch.envelope.core.epoch_id)]
    if not candidates:
        read_before = "" if any(missing.values()) else "; each was read back before"
        raise InsufficientShares(f"no sheet of set {recorder.set_name} was read{read_before}")
    for epoch in candidates:
        record_read_back(recorder, pool, recorder.set_state.epochs[epoch.epoch_id])
    epoch = recorder.set_state.epochs[candidates[-1].epoch_id]
    if not epoch.sealed:
        raise InsufficientShares(
            f"epoch {epoch.number} is not sealed: not read back yet: {', '.join(unread(epoch))}",
            hint="scan the missing sheets and confirm again; those read are recorded",
        )
    return epoch


def read_back_folder(recorder: Recorder, epoch_id: str, printing: Printing, scanner: Scanner, printed: Printed) -> None:
    """Wait until every sheet of an epoch has landed in the readback folder, where there is one.

    What a printer got and nobody could read is printed again from memory, as long as people want it.

    Raises:
        PaperError: the time is over and sheets are missing; those read are recorded.
    """
    if printing.readback is None:
        return
    pool = _pool(recorder)
    epoch = recorder.set_state.epochs[epoch_id]
    recorder.desk.say(f"waiting for scans of {len(epoch.seats)} sheets in {printing.readback}")
    if recorder.desk.can_ask():
        again = breakglass("rotate", recorder.set_name)
        recorder.desk.say(
            f"for {in_words(int(printing.timeout_s))} at most; Ctrl-C leaves it open, and {again} goes on"
        )
    if printed.kept:
        recorder.desk.say("press Enter when there are no more: what could not be read can be printed again")
    while not _read_back(recorder, pool, epoch, printing, scanner, printed):
        epoch = recorder.set_state.epochs[epoch_id]
        if not printed.print_again(unread(epoch), recorder.desk):
            raise PaperError(
                f"not read back in time: sheets {', '.join(unread(epoch))} of epoch {epoch.number}",
                hint=f"scan them and run: {breakglass('confirm', recorder.set_name, 'SCAN...')}",
            )


def _read_back(
    recorder: Recorder, pool: Pool, epoch: EpochState, printing: Printing, scanner: Scanner, printed: Printed
) -> bool:
    """Read what lands in the folder until all sheets are there or the time is over; tells whether all are."""
    assert printing.readback is not None  # noqa: S101 - the caller looked
    wanted, core_id = len(epoch.seats), epoch.envelope.core.epoch_id
    verified = gather.watch(
        pool, printing.readback, scanner, recorder.desk,
        enough=lambda: len(pool.have(core_id)) == wanted, timeout_s=printing.timeout_s, printed=printed.files,
        asks=bool(printed.kept),
    )  # fmt: skip
    record_read_back(recorder, pool, epoch)
    remove(verified)
    return recorder.set_state.epochs[epoch.epoch_id].sealed


def read_back_by_people(recorder: Recorder, epoch_id: str, scanner: Scanner) -> None:
    """Have people who are there read the new sheets back at the board, before anybody takes one.

    Args:
        recorder: of the set.
        epoch_id: the new epoch, hexadecimal.
        scanner: reads their scans.

    Raises:
        Stopped: people leave; what was read is on record.
    """
    epoch = recorder.refresh().epochs[epoch_id]
    if epoch.sealed or not recorder.desk.has_board():
        return
    pool = _pool(recorder)
    recorder.desk.say(
        f"next, the {len(epoch.seats)} new sheets are read back, before anybody takes one: print them, and scan what "
        "came out"
    )

    def is_sealed() -> bool:
        record_read_back(recorder, pool, recorder.refresh().epochs[epoch_id])
        return recorder.set_state.epochs[epoch_id].sealed

    read_sources(pool, Sources(asks=True, kept=True), scanner, recorder.desk, enough=is_sealed)


def wait_for_custodians(
    recorder: Recorder, epoch_id: str, known: Sequence[str], timeout_s: float, *, poll_s: float = 0.5
) -> None:
    """Wait until every sheet is read back and a quorum of custodians holds theirs; Enter has people asked again.

    Args:
        recorder: of the set.
        epoch_id: the new epoch, hexadecimal.
        known: sheets whose custodians are known to hold them.
        timeout_s: how long to wait for ``confirm`` and ``ack`` from elsewhere.
        poll_s: how often to look at the ledger.

    Raises:
        PaperError: the time is over.
    """
    deadline = time.monotonic() + timeout_s
    if recorder.desk.can_ask():
        later = breakglass("ack", recorder.set_name, "SHEET")
        recorder.desk.say(
            f"who has a new sheet now? Of one that is not handed out yet, {later} tells from another window"
        )
    _ask(recorder, epoch_id, known)
    said = False
    while True:
        epoch = recorder.refresh().epochs[epoch_id]
        if epoch.sealed and epoch.quorum_acknowledged:
            return
        if not said:
            recorder.desk.say(_waits_for(recorder.set_name, epoch, timeout_s))
            if recorder.desk.can_ask():
                held = ", ".join(sorted(epoch.acknowledged)) or "none"
                recorder.desk.say(f"held so far: {held}; it goes on when custodians who make a quorum have theirs")
                recorder.desk.say("press Enter to be asked again who holds a sheet")
            said = True
        if recorder.desk.says_enough():
            _ask(recorder, epoch_id, ())
        if time.monotonic() > deadline:
            raise PaperError(
                _still_missing(recorder.set_name, epoch),
                hint="the target is unchanged; confirm and acknowledge within the time next time",
            )
        time.sleep(poll_s)


def record_read_back(recorder: Recorder, pool: Pool, epoch: EpochState) -> None:
    """Record which sheets of an epoch were read back for the first time, if any were."""
    found = [write_seat(seat) for seat in pool.have(epoch.envelope.core.epoch_id)]
    fresh = tuple(seat for seat in found if seat not in epoch.read_back)
    if fresh:
        recorder.append(ReadBack(epoch_id=epoch.epoch_id, sheets=fresh))


def _unread_seats(recorder: Recorder) -> dict[bytes, set[Seat]]:
    """Return the sheets of each epoch that were not read back."""
    epochs = good_epochs(recorder.set_state)
    return {epoch.envelope.core.epoch_id: {read_seat(seat) for seat in unread(epoch)} for epoch in epochs}


def _all_read(recorder: Recorder, pool: Pool, missing: Mapping[bytes, set[Seat]]) -> bool:
    """Record what was read, so that an interruption keeps it, and tell whether nothing of some epoch is missing."""
    for epoch in good_epochs(recorder.set_state):
        record_read_back(recorder, pool, epoch)
    return any(seats and seats <= set(pool.have(epoch_id)) for epoch_id, seats in missing.items())


def _ask(recorder: Recorder, epoch_id: str, known: Sequence[str]) -> None:
    epoch = recorder.set_state.epochs[epoch_id]
    for seat in epoch.seats:
        if seat in epoch.acknowledged or seat in epoch.voided:
            continue
        if seat in known or recorder.desk.has_sheet(seat, epoch.custodians.get(seat, "")):
            acknowledge(recorder, seat, "", epoch_id=epoch_id)


def _waits_for(name: str, epoch: EpochState, timeout_s: float) -> str:
    scans = "" if epoch.sealed else f"{breakglass('confirm', name, 'SCAN...')}; "
    ack = breakglass("ack", name, "SHEET")
    return f"waiting {timeout_s:.0f} s for what people do from another window: {scans}{ack}"


def _still_missing(name: str, epoch: EpochState) -> str:
    if not epoch.sealed:
        return (
            f"epoch {epoch.number} of {name} was not read back in time: sheets {', '.join(unread(epoch))} are missing"
        )
    held = ", ".join(sorted(epoch.acknowledged)) or "none"
    return f"no quorum of the new sheets of {name} was acknowledged in time (acknowledged: {held})"


def _pool(recorder: Recorder) -> Pool:
    if not good_epochs(recorder.set_state):
        raise IllegalState(f"set {recorder.set_name} has no epoch to confirm")
    read_back = {
        epoch.envelope.core.epoch_id: {read_seat(seat) for seat in epoch.read_back}
        for epoch in good_epochs(recorder.set_state)
    }
    return Pool(known_epochs(recorder.state), set_name=recorder.set_name, in_custody=True, read_back=read_back)
