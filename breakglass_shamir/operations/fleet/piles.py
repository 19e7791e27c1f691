# SPDX-License-Identifier: Apache-2.0
"""The paper of many sets in one folder: a folder for each custodian, and a cover on top of each pile.

Rules:

1. Sheets of a set wait in a folder of their own until the set is on record; only then do they go to their custodians.
2. What waits there when a run begins was left by one that broke off. Where the set is on record with these very sheets,
   they go where they belong; else they open nothing that is on record, and are removed.
3. No file and no folder is for two people: a person's folder is known by the name as a whole.
4. A cover says whose pile it is and which sheets lie in it. It names no other custodian, no quorum, no place and no
   target.
5. One run at a time uses a folder.
"""

import base64
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from breakglass_shamir.custody import names
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, SetState, read_seat
from breakglass_shamir.custody.names import inside
from breakglass_shamir.custody.policy.source import named
from breakglass_shamir.errors import BreakglassError, FileExists, PaperError
from breakglass_shamir.formats import share
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.ledger import durable
from breakglass_shamir.operations.printing.epochs import epoch_in_hand
from breakglass_shamir.paper.drawing.protocol import ProtocolContent, Table, render_protocol
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import Paper
from breakglass_shamir.plural import counted

KEPT = "Says who holds which sheets: signed, it goes back to whoever handed them out. It never stays with a sheet."

PAGES_OF_SHEET, PAGES_OF_CARD = 2, 1

Row = tuple[str, int, str]
"""A sheet in a pile: its set, the number of its epoch, its seat."""


@dataclass(frozen=True, slots=True)
class Piles:
    """The folder of a run.

    Attributes:
        out: the folder.
        log: id of this ledger's log, hexadecimal.
    """

    out: Path
    log: str

    def staging(self, set_name: str) -> Path:
        """Return where the sheets of a set wait."""
        return inside(self.out, names.staged(self.log, set_name))

    def place(self, epoch: EpochState, set_name: str, seat: str) -> Path:
        """Return the folder of whoever keeps a sheet."""
        keeper = named(epoch.custodians.get(seat, ""))
        return inside(self.out, names.of_custodian(keeper, f"{set_name} {seat}"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder, which is made where there is none.

        Raises:
            PaperError: it cannot be used, or another run uses it.
        """
        try:
            durable.make_folder(self.out, 0o700)
            folder = os.open(self.out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise PaperError(
                f"the folder {self.out} cannot be used: {error.strerror}", hint="name another --out"
            ) from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise PaperError(
                f"another run writes sheets to {self.out}", hint="wait for it, or name another --out"
            ) from None
        finally:
            os.close(folder)

    def refuse_taken(self, epochs: Sequence[tuple[str, Sequence[tuple[str, str]], int]]) -> None:
        """Refuse, before anything is printed, to lay a sheet on one that is there.

        Args:
            epochs: name of each set, its seats with their custodians, and the number of the epoch.

        Raises:
            FileExists: with every file that is there.
        """
        taken = [
            path
            for set_name, seats, number in epochs
            for seat, keeper in seats
            for path in self._files(set_name, "", number, seat, named(keeper))
            if os.path.lexists(path)
        ]
        if taken:
            listed = ", ".join(str(path.relative_to(self.out)) for path in taken[:10])
            raise FileExists(
                f"{counted(len(taken), 'file')} would be overwritten in {self.out}: {listed}",
                hint="choose another --out",
            )

    def hand_over(self, s: SetState, epoch: EpochState) -> tuple[Path, ...]:
        """Put the sheets of an epoch that is on record where they belong; returns them all.

        Raises:
            PaperError: a file could not be moved; the next run goes on.
        """
        staging = self.staging(s.name)
        moved: list[Path] = []
        try:
            for target in self.files_of(s.name, epoch):
                durable.make_folder(target.parent, 0o700)
                _move(inside(staging, target.name), target)
                moved.append(target)
            shutil.rmtree(staging)
        except OSError as error:
            raise PaperError(
                f"the sheets of {s.name} are on record and wait in {staging}: {error.strerror}",
                hint="make room and run it again: it goes on there",
            ) from error
        return tuple(moved)

    def settle(self, state: LedgerState, scanner: Scanner) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Settle what a run that broke off left behind.

        Returns:
            Sets whose sheets went where they belong, and sets whose sheets were removed.
        """
        handed, removed = list[str](), list[str]()
        prefix = names.staged(self.log, "")
        for staging in sorted(one for one in self.out.iterdir() if one.name.startswith(prefix) and one.is_dir()):
            name = staging.name.removeprefix(prefix)
            known = state.sets.get(name)
            epoch = self._on_record(known, staging, scanner) if known is not None else None
            if known is not None and epoch is not None:
                self.hand_over(known, epoch)
                handed.append(name)
            else:
                shutil.rmtree(staging)
                removed.append(name)
        return tuple(handed), tuple(removed)

    def clear_dead(self, s: SetState, scanner: Scanner) -> tuple[Path, ...]:
        """Remove sheets of epochs of a set that were given up before they came into force; returns their files.

        A file is removed only where its codes are of that epoch.
        """
        gone: list[Path] = []
        for epoch in s.epochs.values():
            if epoch.status is EpochStatus.ABANDONED:
                there = [path for path in self.files_of(s.name, epoch) if path.exists()]
                gone += [path for path in there if _is_of(epoch, [path], scanner)]
        for path in gone:
            path.unlink()
        return tuple(gone)

    def files_of(self, set_name: str, epoch: EpochState) -> tuple[Path, ...]:
        """Return where the sheets and cards of an epoch go."""
        return tuple(
            path
            for seat in epoch.seats
            for path in self._files(set_name, epoch.short_id, epoch.number, seat, named(epoch.custodians.get(seat, "")))
        )

    def cover(self, sets: Sequence[SetState], terminal: str, at: datetime, paper: Paper) -> tuple[Path, ...]:
        """Write the cover of each pile that holds sheets of these sets, over an older one.

        Raises:
            PaperError: one could not be written.
        """
        piles: dict[Path, tuple[str, list[Row]]] = {}
        for s in sets:
            epoch = epoch_in_hand(s)
            for seat in epoch.seats:
                keeper, folder = named(epoch.custodians.get(seat, "")), self.place(epoch, s.name, seat)
                if (folder / names.sheet(s.name, epoch.short_id, epoch.number, *read_seat(seat))).exists():
                    piles.setdefault(folder, (keeper, []))[1].append((s.name, epoch.number, seat))
        made = []
        for folder, (keeper, rows) in sorted(piles.items()):
            data = drawn_cover(keeper, rows, terminal, at, paper)
            try:
                durable.write_over(inside(folder, names.cover()), data)
            except OSError as error:
                raise PaperError(
                    f"the cover in {folder} could not be written: {error.strerror}",
                    hint="the sheets are issued; make room and run it again: it writes the covers",
                ) from error
            made.append(folder / names.cover())
        return tuple(made)

    def _on_record(self, s: SetState, staging: Path, scanner: Scanner) -> EpochState | None:
        """Return the epoch whose sheets and cards wait, where it is one that may open.

        Where nothing waits it is the one of which all lies where it belongs: no file was written, or each was moved.
        """
        files = sorted(path for path in staging.iterdir() if path.suffix == ".pdf")
        for epoch in (epoch_in_hand(s), s.current_epoch) if s.current else ():
            if _is_of(epoch, files, scanner) if files else all(one.exists() for one in self.files_of(s.name, epoch)):
                return epoch
        return None

    def _files(self, set_name: str, short_id: str, number: int, seat: str, keeper: str) -> tuple[Path, Path]:
        folder = inside(self.out, names.of_custodian(keeper, f"{set_name} {seat}"))
        group, member = read_seat(seat)
        return (
            inside(folder, names.sheet(set_name, short_id, number, group, member)),
            inside(folder, names.drill_card(set_name, short_id, number, group, member)),
        )


def _move(source: Path, target: Path) -> None:
    """Move a file to a name that is free; one that is not here any more was moved by an earlier run."""
    if not source.exists():
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, f"{target} is there")
    source.rename(target)
    durable.sync_folder(target.parent)


def _is_of(epoch: EpochState, files: Sequence[Path], scanner: Scanner) -> bool:
    """Tell whether files are sheets and cards of an epoch, by the epoch ids in their codes."""
    codes = [
        code.text for path in files for page in scanner.read_drawn(path.read_bytes(), path.name) for code in page.codes
    ]
    ids = set[bytes]()
    for code in codes:
        if code.upper().startswith(share.PREFIX):
            with suppress(BreakglassError):
                ids.add(share.from_text(code).share.epoch_id)
    drill = Envelope.from_bytes(base64.b64decode(epoch.drill_envelope)).core.epoch_id if epoch.drill_envelope else b""
    return ids <= {bytes.fromhex(epoch.epoch_id), drill} and bool(ids)


def drawn_cover(keeper: str, rows: Sequence[Row], terminal: str, at: datetime, paper: Paper) -> bytes:
    """Draw the page on top of a pile.

    Args:
        keeper: whose pile it is; empty: nobody is named.
        rows: the sheets in it.
        terminal: name of this one.
        at: the day.
        paper: its size.
    """
    count = len(rows)
    pages = count * (PAGES_OF_SHEET + PAGES_OF_CARD)
    facts = (
        f"{counted(count, 'sheet')} and {counted(count, 'drill card')}, {counted(pages, 'page')}",
        f"{at:%Y-%m-%d}, {terminal}",
        "Each sheet goes into a tamper-evident bag of its own; its drill card stays outside of it.",
    )
    listed = tuple((name, str(number), seat, "", "") for name, number, seat in sorted(rows))
    content = ProtocolContent(
        "Handed over",
        keeper or "a custodian who is not named yet",
        facts,
        (
            Table(
                "Sheets",
                ("Set", "Epoch", "Sheet", "Serial of the bag", "Initials"),
                (0.38, 0.1, 0.1, 0.27, 0.15),
                listed,
            ),
            Table("Received", ("Name", "Day", "Signature"), (0.4, 0.2, 0.4), (("", "", ""),)),
        ),
        KEPT,
    )
    return render_protocol(content, paper)
