# SPDX-License-Identifier: Apache-2.0
"""Where an epoch's paper leaves this program: one file per sheet in a folder, or a printer, one job at a time.

Rules:

1. Every document is decoded before it counts: all codes that were meant, and none of the other kind.
2. A file is new or the whole step is refused; mode 0600; nothing half-written stays behind. A file is what was decoded,
   byte by byte (``durable.write_new``), and what was written leaves memory.
3. To a printer a document goes from memory, when all are decoded; this program writes none. A job ends before the next
   begins.
4. What cannot be finished is withdrawn: files are removed, and of pages that came out people are told.

It does not know what a sheet says; ``sheets`` does.
"""

import os
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass_shamir.custody import names
from breakglass_shamir.custody.names import inside
from breakglass_shamir.errors import FileExists, PaperError
from breakglass_shamir.ledger import durable
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.folders import on_memory
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.paper.printing.printer import Printer

SPOOL = Path("/var/spool/cups")
"""Where CUPS keeps a document while it is printed, unless its ``RequestRoot`` says otherwise."""


DRAWN_AHEAD = 2
"""Documents that may wait to be decoded while others are drawn."""

ROOM_BYTES = 48 * 1024
"""Room that a sheet or card needs, on an average of both."""


@dataclass(frozen=True, slots=True)
class Document:
    """One sheet or drill card, drawn."""

    name: str
    """File name."""

    what: str
    """What people call it: ``sheet 1.2``, ``drill card 1.2``."""

    pdf: bytes = field(repr=False)
    codes: frozenset[str] = field(repr=False)
    """The texts of its codes; secret. Empty: it has none."""

    seat: str = ""
    """Whose it is."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What became of an epoch's documents."""

    files: tuple[Path, ...]
    """Live sheets first; empty when a printer took them."""

    documents: tuple[str, ...]
    """What people call them."""

    where: str
    """In words: ``10 files written to sheets and read back``."""

    printer: str = ""
    kept: tuple[Document, ...] = field(default=(), repr=False)
    """What a printer got, so that an unreadable page can be printed again; there is no file of it."""

    def print_again(self, unread: Collection[str], desk: Desk) -> bool:
        """Print sheets once more that could not be read back, where people want it; tells whether any was.

        Raises:
            PaperError: the printer failed, and people did not want it tried again.
        """
        wanted = [
            document
            for document in self.kept
            if document.what in {f"sheet {seat}" for seat in unread}
            and desk.print_again(document.what, "was not read back")
        ]
        for document in wanted:
            print_one(queue(self.printer), document, "document", (), desk)
            desk.warn(f"{document.what}: printed again; destroy the page that it replaces")
        return bool(wanted)

    def withdraw(self, desk: Desk) -> None:
        """Take back what must not stay; of paper that came out, say so."""
        remove(self.files)
        if not self.files and self.documents:
            desk.warn(_destroy(self.documents))


def to_folder(
    documents: Iterable[Document], names: Sequence[str], folder: Path, scanner: Scanner, desk: Desk
) -> Printed:
    """Write every document as a file, each once it was read back.

    Args:
        documents: as they are drawn.
        names: of all of them.
        folder: for the files.
        scanner: reads them back.
        desk: hears how far it is.

    Raises:
        FileExists: a file is already there; nothing was written.
        PaperError: a document does not read back, or could not be written; what was written is removed.
    """
    refuse_taken([inside(folder, name) for name in names])
    for warning in folder_warnings(folder):
        desk.warn(warning)
    written: list[Path] = []
    what: list[str] = []
    try:
        _make_folder(folder)
        for document in read_back(documents, len(names), scanner, desk):
            written.append(inside(folder, document.name))
            _write(written[-1], document.pdf)
            what.append(document.what)
    except BaseException:
        remove(written)
        raise
    said = f"{counted(len(written), 'file')} written to {folder} and read back"
    return Printed(tuple(written), tuple(what), said)


def read_back(documents: Iterable[Document], count: int, scanner: Scanner, desk: Desk) -> Iterator[Document]:
    """Yield each document once it was decoded; the next one is drawn meanwhile.

    Raises:
        PaperError: one does not read back.
    """
    with desk.progress("drawing sheets and cards, and reading them back") as tell, ThreadPoolExecutor(1) as reader:
        waiting: deque[tuple[Document, Future[None]]] = deque()
        for number, document in enumerate(documents, 1):
            pages = scanner.read_drawn(document.pdf, document.what)
            waiting.append((document, reader.submit(verify, document.what, pages, document.codes)))
            if len(waiting) > DRAWN_AHEAD:
                yield _decoded(*waiting.popleft())
            tell(number, count)
        while waiting:
            yield _decoded(*waiting.popleft())


def _decoded(document: Document, done: "Future[None]") -> Document:
    """Wait until a document was decoded."""
    done.result()
    return document


def refuse_taken(paths: Iterable[Path]) -> None:
    """Refuse to overwrite a sheet.

    Raises:
        FileExists: one of these files is there, or a link of its name.
    """
    taken = [path for path in paths if os.path.lexists(path)]
    if taken:
        listed = ", ".join(path.name for path in taken)
        raise FileExists(f"{listed} in {taken[0].parent} would be overwritten", hint="choose another --out")


def to_printer(drawn: Iterable[Document], count: int, printer: str, scanner: Scanner, desk: Desk) -> Printed:
    """Print every document as a job of its own, each over before the next begins.

    Args:
        drawn: the documents, as they are drawn.
        count: how many there are.
        printer: the queue.
        scanner: reads them back.
        desk: hears how far it is.

    Raises:
        PaperError: a document does not read back and none was printed; or a job failed, and people did not want
            it tried again.
    """
    documents = list(read_back(drawn, count, scanner, desk))
    to, done = queue(printer), list[str]()
    warning = spool_warning()
    if warning:
        desk.warn(warning)
    for number, document in enumerate(documents, start=1):
        print_one(to, document, f"document {number} of {len(documents)}", done, desk)
        done.append(document.what)
        desk.say(f"{document.what}: printed ({number} of {len(documents)})")
    where = f"{counted(len(done), 'document')} printed on {printer}, each read back before"
    return Printed((), tuple(done), where, printer, tuple(documents))


def check_folders(out: Path | None, readback: Path | None, files: Iterable[str], count: int) -> None:
    """See that sheets could be written to a folder, and scans be read from another; nothing is left behind.

    Args:
        out: for the sheets; None: a printer takes them.
        readback: for the scans; None: there is none.
        files: that will be made, as far as they are known.
        count: how many that will be.

    Raises:
        FileExists: a sheet would be overwritten.
        PaperError: a folder cannot be written, or there is no room.
    """
    if out is not None:
        refuse_taken([inside(out, name) for name in files])
        _try_folder(out, count)
    if readback is not None and not os.access(readback, os.R_OK | os.W_OK | os.X_OK):
        raise PaperError(
            f"the folder {readback} for --readback cannot be read and written",
            hint="scans are deleted there once verified",
        )


def check_folder(folder: Path, option: str) -> None:
    """See that files could be written to a folder; nothing is left behind.

    Args:
        folder: which may not be there yet.
        option: that named it.

    Raises:
        PaperError: it cannot be written.
    """
    _try_folder(folder, 0, option)


def check_printer(name: str) -> None:
    """See that a printer is there; an empty name asks for none.

    Raises:
        PaperError: CUPS has no such printer, or does not answer.
    """
    if name:
        queue(name)


def folder_warnings(folder: Path) -> list[str]:
    """Say why a folder is a poor place for sheets."""
    together = (
        f"all sheets land in {folder}: whoever can read it holds a quorum. Print them, hand them out, "
        "then remove the files"
    )
    if on_memory(folder):
        return [together]
    disk = (
        f"{folder} is on a disk: shares written there can be found later. Use a folder on a memory file system "
        "(/dev/shm), or wipe the disk"
    )
    return [disk, together]


def spool_warning() -> str:
    """Say why this machine's print spool is a poor place for sheets, or nothing."""
    if not SPOOL.is_dir() or on_memory(SPOOL):
        return ""
    return (
        f"CUPS keeps each sheet in {SPOOL}, which is on a disk, until it is printed; deleted is not overwritten. "
        "Mount a memory file system there"
    )


def remove(paths: Iterable[Path]) -> None:
    """Remove files that must not stay."""
    for path in paths:
        path.unlink(missing_ok=True)


def queue(name: str) -> "Printer":
    """Return a queue of CUPS.

    Raises:
        PaperError: CUPS has none of this name, or does not answer.
    """
    from breakglass_shamir.paper.printing.printer import Printer

    return Printer(name)


def print_one(to: "Printer", document: Document, title: str, done: Sequence[str], desk: Desk) -> None:
    """Print one document, as often as people ask for it.

    Args:
        to: the queue.
        document: to be printed.
        title: what queue listings may show.
        done: what was printed before it, and counts for nothing if this one is not.
        desk: is asked.

    Raises:
        PaperError: it was not printed; with what is to be destroyed.
    """
    while True:
        try:
            to.print_pdf(document.pdf, title)
        except PaperError as error:
            if desk.print_again(document.what, f"was not printed: {error}"):
                continue
            rest = _destroy((*done, f"perhaps {document.what}"))
            raise PaperError(f"{document.what} was not printed: {error}; {rest}", hint=error.hint) from error
        else:
            return


def _destroy(documents: Sequence[str]) -> str:
    return f"destroy whatever came out, it carries shares and counts for nothing: {', '.join(documents)}"


def _make_folder(folder: Path) -> None:
    try:
        durable.make_folder(folder, 0o700)
    except OSError as error:
        raise PaperError(f"the folder {folder} could not be made: {error.strerror}") from error


def _try_folder(folder: Path, count: int, option: str = "--out") -> None:
    """Make a folder and a file in it for a moment.

    Raises:
        PaperError: that cannot be done, or there is no room for so many sheets.
    """
    made: list[Path] = []
    try:
        for place in reversed([one for one in (folder, *folder.parents) if not os.path.lexists(one)]):
            place.mkdir(mode=0o700)
            made.append(place)
        trial = inside(folder, names.trial(secrets.randbits(64)))
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        trial.unlink()
        facts = os.statvfs(folder)
    except OSError as error:
        raise PaperError(
            f"the folder {folder} cannot be used: {error.strerror}", hint=f"name another {option}"
        ) from error
    finally:
        for place in reversed(made):
            with suppress(OSError):
                place.rmdir()
    if facts.f_bavail * facts.f_frsize < count * ROOM_BYTES:
        raise PaperError(f"there is no room for {count} sheets and cards in {folder}", hint="name another --out")


def _write(path: Path, pdf: bytes) -> None:
    try:
        durable.write_new(path, pdf)
    except OSError as error:
        raise PaperError(
            f"{path.name} could not be written: {error.strerror}", hint="free space or another --out"
        ) from error


def verify(name: str, pages: Iterable[ScannedPage], expected: frozenset[str]) -> None:
    """Compare what a document reads back as with what was meant: nothing missing, nothing more."""
    found: set[str] = set()
    for page in pages:
        if page.problem:
            raise PaperError(f"{page.source} does not read back: {page.problem}")
        found |= {code.text for code in page.codes}
    if found != expected:
        raise PaperError(f"{name} does not read back as it was meant: do not use it")
