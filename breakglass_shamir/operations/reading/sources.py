# SPDX-License-Identifier: Apache-2.0
"""Where the sheets of one use case come from, and reading them all into a pool.

Rules:

1. In this order: lines typed beforehand, pages of a heap that was sorted, files and folders, a folder that a scanner
   fills, a camera, people who type. Each is left as soon as there is enough.
2. Where people sit at a terminal, a board takes over after the files: there they give whatever they like, also when
   those gave too little. What was read earlier in this run is there already.
3. A camera that fails is said; it ends the reading only where nobody could type instead.

It does not judge what was read; the pool does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import PaperError
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.operations.reading.board import Gathering
from breakglass_shamir.operations.reading.held import Held, hand_on
from breakglass_shamir.paper.reading.camera import Camera
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner

DEFAULT_PATIENCE_S = 600.0
"""How long people may take to bring the next sheet."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the sheets are read from (docs/guide-officer.md).

    Attributes:
        scans: pictures, PDFs, and folders of them.
    """

    scans: tuple[Path, ...] = ()
    typed: tuple[str, ...] = field(default=(), repr=False)
    """Lines typed beforehand; secret."""

    asks: bool = False
    """Whether people are asked for what the others did not give."""

    watched: Path | None = None
    """Folder into which a scanner drops scans meanwhile."""

    camera: int | Path | None = None
    """Number of a camera, or a recording."""

    patience_s: float = DEFAULT_PATIENCE_S
    """How long to wait for the folder, and for the next sheet before the camera."""

    receipts: tuple[Path, ...] = ()
    """Receipts that officers bring: they pin a set that this ledger does not know, and witness this one."""

    also: tuple[str, ...] = ()
    """Epochs that count although they are not in force, hexadecimal: the prepared one of a rotation."""

    only: str = ""
    """The one epoch that counts, hexadecimal, whatever is known of it: the target is asked about its credential."""

    whole: bool = False
    """Whether every file is read even after a quorum is there: another epoch's sheets may be among them."""

    types: bool = False
    """Whether people begin by typing line by line."""

    held: Held | None = field(default=None, repr=False)
    """What was read earlier in this run, to which this reading adds; None: nothing is kept for another try."""

    goes_back: bool = False
    """Whether people may leave the board for a question before it."""

    kept: bool = False
    """Whether what is read is on record at once, so that leaving loses nothing."""

    pages: tuple[ScannedPage, ...] = field(default=(), repr=False)
    """Pages that were read from a heap of many sets; secret."""

    @property
    def only_typed(self) -> bool:
        """Whether no picture is among them."""
        return not self.scans and not self.pages and self.watched is None and self.camera is None


def read_sources(
    pool: Pool, sources: Sources, scanner: Scanner, desk: Desk, *, enough: Callable[[], bool],
    enough_files: Callable[[], bool] | None = None,
) -> None:  # fmt: skip
    """Read every source into the pool until it is enough.

    Args:
        pool: what is read goes there.
        sources: where from.
        scanner: reads pictures.
        desk: hears the answers.
        enough: tells when people need not bring more.
        enough_files: tells when no further file needs to be read; None: the same.

    Raises:
        InvalidInput: a path or folder does not exist.
        PaperError: the camera gives no pictures, and nobody is asked to type instead.
        Stopped: people leave.
        WentBack: people leave for the question before.
    """
    files = enough_files or enough
    if sources.held is not None:
        hand_on(sources.held, pool, desk)
    gather.type_lines(pool, sources.typed, "typed text", desk)
    for page in sources.pages:
        gather.add_page(pool, page, desk)
    at_board = sources.asks and desk.has_board()
    scans = _there(sources.scans, desk) if at_board else sources.scans
    if not (sources.held and files()):
        gather.scan_paths(pool, scans, scanner, desk, enough=files)
    if at_board:
        if not enough():
            Gathering(
                pool, scanner, desk, enough, files, types=sources.types, goes_back=sources.goes_back, kept=sources.kept
            ).run(scans, sources.watched, sources.camera)
        return
    if sources.watched is not None and not enough():
        desk.say(f"waiting for scans in {sources.watched}; press Enter when there are no more")
        gather.watch(pool, sources.watched, scanner, desk, enough=enough, timeout_s=sources.patience_s)
    if sources.camera is not None and not enough():
        _look(pool, sources, scanner, desk, enough)
    if sources.asks and not enough():
        gather.type_in(pool, desk, enough=enough)


def _there(scans: tuple[Path, ...], desk: Desk) -> tuple[Path, ...]:
    """Leave out what is not there, and say so: people bring others."""
    for path in scans:
        if not path.exists():
            desk.warn(f"expected a scan at {path}, found nothing there")
    return tuple(path for path in scans if path.exists())


def _look(pool: Pool, sources: Sources, scanner: Scanner, desk: Desk, enough: Callable[[], bool]) -> None:
    """Look through the camera."""
    assert sources.camera is not None  # noqa: S101 - the caller looked
    camera = Camera(sources.camera, scanner)
    try:
        gather.hold_up(pool, camera, desk, enough=enough, timeout_s=sources.patience_s)
    except PaperError as error:
        if not sources.asks:
            raise
        desk.warn(f"{error}: {error.hint}" if error.hint else str(error))
