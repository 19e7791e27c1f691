# SPDX-License-Identifier: Apache-2.0
"""From paper to a pool: read scans, answer each at once, wait for sheets in a folder.

What is typed, at a prompt or in a file, goes line by line through ``custody/typing.py``.

Rule: nothing a scan holds ends the reading; what it was is said, and the next one is read.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats.share import PREFIX
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.reading.files import read_file
from breakglass_shamir.paper.reading.camera import Camera
from breakglass_shamir.paper.reading.folder import wait_for_files
from breakglass_shamir.paper.reading.frames import ENVELOPE_PREFIX, LARGEST_FILE_BYTES
from breakglass_shamir.paper.reading.health import Health, of_sheet, worst
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner

NOTHING_FOUND = (
    "no code found; unless it is the back of a sheet, try again with more light, the page flat and closer, "
    "or the other copy of the code on the sheet; or type the lines"
)
"""What to say of a page without a code."""

NOT_A_SCAN = "this is the file itself, not a scan of the printed page: print it and scan the paper"
"""What to say of a copy of a sheet's file."""

_COUNTS = frozenset(
    {Verdict.ACCEPTED, Verdict.SEEN, Verdict.ENVELOPE, Verdict.UNKNOWN, Verdict.UNVERIFIED, Verdict.WAITING}
)
"""What is taken is told with the health of its print; what is refused has a greater trouble."""

_VERIFIED = frozenset({Verdict.ACCEPTED, Verdict.SEEN})


def scan_paths(
    pool: Pool, paths: Iterable[Path], scanner: Scanner, desk: Desk, *, enough: Callable[[], bool] = lambda: False
) -> None:
    """Read paths into the pool, all of them or until it is enough.

    Raises:
        InvalidInput: a path does not exist.
    """
    for path in paths:
        if not path.exists():
            raise InvalidInput(f"expected a scan at {path}, found nothing there")
        for page in _pages(scanner, path, desk):
            add_page(pool, page, desk)
            if enough():
                return


def _pages(scanner: Scanner, path: Path, desk: Desk) -> Iterator[ScannedPage]:
    """Yield the pages that are worth a word, telling meanwhile how far the reading is."""
    try:
        for page in _worth_a_word(scanner.read_path(path, desk.advance)):
            desk.advance("", 0, 0)
            yield page
    finally:
        desk.advance("", 0, 0)


def type_lines(pool: Pool, lines: Iterable[str], source: str, desk: Desk) -> None:
    """Take what was typed beforehand, each line answered; a question is answered as its message says."""
    entry = TypedEntry(pool, asks=False)
    for number, line in enumerate(lines, 1):
        _tell(desk, f"{source} line {number}", entry.take(line))
        if entry.done:
            return
    _tell(desk, source, entry.finish())


def type_in(pool: Pool, desk: Desk, *, enough: Callable[[], bool]) -> None:
    """Let people type, each line answered at once, until it is enough or they say that it is all.

    Nothing typed is ever written down: what was accepted is in the pool, and gone with this process. An interruption
    is the desk's to survive: it goes on with what ``entry`` holds.
    """
    entry = TypedEntry(pool)
    with desk.typing():
        while not entry.done and not enough():
            place, line = entry.place, desk.type_line(entry.prompt, entry.so_far)
            _tell(desk, place, entry.finish() if line is None else entry.take(line))


def hold_up(pool: Pool, camera: Camera, desk: Desk, *, enough: Callable[[], bool], timeout_s: float) -> None:
    """Read sheets that are held up to a camera, until it is enough, people say so, or nothing new came for so long.

    Raises:
        PaperError: the camera gives no pictures.
    """
    desk.say(f"hold the sheets up to {camera.name}, one after the other; press Enter when there are no more")
    for page in camera.pages(timeout_s, stop=lambda: enough() or desk.says_enough()):
        add_page(pool, page, desk)


def _tell(desk: Desk, source: str, answers: Iterable[Answer]) -> None:
    for answer in answers:
        desk.answer(source, answer)


def add_page(pool: Pool, page: ScannedPage, desk: Desk) -> list[Answer]:
    """Put one page's codes into the pool; each different code is answered once, with the health of its worst print."""
    if page.problem or page.note:
        pool.hindered(f"{page.source}: {page.problem or page.note}")
    if not page.codes:
        verdict = Verdict.DAMAGED if page.note and not page.problem else Verdict.FOREIGN
        answer = Answer(verdict, page.problem or page.note or NOTHING_FOUND)
        desk.answer(page.source, answer)
        return [answer]
    texts = sorted({code.text for code in page.codes}, key=lambda code: code[: len(PREFIX)].upper() == PREFIX)
    answers = [_graded(pool.add(text), page, text) for text in texts]
    for answer in answers:
        if answer.verdict is not Verdict.SEEN or len(answers) == 1 or answer.sheet:
            desk.answer(page.source, answer)
    if page.note:
        desk.warn(f"{page.source}: {page.note}")
    return answers


def _graded(answer: Answer, page: ScannedPage, text: str) -> Answer:
    """Add how worn the print is."""
    found = _health(page, text)
    if found is None:
        return answer
    message = f"{answer.message}; {found.in_words()}" if answer.verdict in _COUNTS else answer.message
    return replace(answer, message=message, health=found.word, used_percent=found.percent)


def _health(page: ScannedPage, text: str) -> Health | None:
    """Grade a code; a share beside an envelope is a whole front, on which it is printed more than once."""
    prints = [code.health for code in page.codes if code.text == text]
    if not text.upper().startswith(PREFIX) or all(grade is None for grade in prints):
        return worst(prints)
    whole = any(code.text.upper().startswith(ENVELOPE_PREFIX) for code in page.codes)
    return of_sheet(prints, len(prints)) if whole else worst(prints)


def watch(
    pool: Pool,
    folder: Path,
    scanner: Scanner,
    desk: Desk,
    *,
    enough: Callable[[], bool],
    timeout_s: float,
    printed: Iterable[Path] = (),
    asks: bool = True,
) -> list[Path]:
    """Read what lands in a folder until it is enough, people say that there is no more, or the time is over.

    Args:
        pool: what the scans are held against.
        folder: where they land.
        scanner: reads them.
        desk: hears the answers.
        enough: tells when to stop.
        timeout_s: how long to wait at most.
        printed: the files that were printed; a copy of one is not a scan of its page.
        asks: whether Enter says that there is no more.

    Returns:
        The files that held a verified sheet.

    Raises:
        InvalidInput: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInput(f"expected a folder to read scans from, got {folder}")
    deadline = time.monotonic() + timeout_s
    originals = {_digest(path) for path in printed} - {b""}
    verified: list[Path] = []
    for path in wait_for_files(folder):
        if path is not None and _digest(path) in originals:
            desk.answer(path.name, Answer(Verdict.FOREIGN, NOT_A_SCAN))
        elif path is not None:
            answers: list[Answer] = []
            for page in _pages(scanner, path, desk):
                answers += add_page(pool, page, desk)
                if enough():
                    break
            if any(answer.sheet and answer.verdict in _VERIFIED for answer in answers):
                verified.append(path)
        if enough() or (asks and desk.says_enough()) or time.monotonic() > deadline:
            break
    return verified


def pages_of(path: Path, scanner: Scanner, progress: Callable[[str, int, int], None]) -> Iterator[ScannedPage]:
    """Read a file or folder; pages that say nothing new about their file are left out.

    Args:
        path: file or folder.
        scanner: reads it.
        progress: hears what is being done, and how much of how much is.
    """
    return _worth_a_word(scanner.read_path(path, progress))


def _worth_a_word(pages: Iterable[ScannedPage]) -> Iterator[ScannedPage]:
    """Leave out pages without a code in a file that gave one: they are the backs of sheets, or other papers.

    Those of a file that gave none come at the end, together.
    """
    fruitful: set[str] = set()
    barren: dict[str, list[ScannedPage]] = {}
    for page in pages:
        file, _, number = page.source.rpartition(" page ")
        if page.codes:
            fruitful.add(file)
        if page.codes or page.problem or page.note or not number.isdigit():
            yield page
        else:
            barren.setdefault(file, []).append(page)
    for file, empty in barren.items():
        if file not in fruitful:
            yield empty[0] if len(empty) == 1 else ScannedPage(f"{file}, {len(empty)} pages", (), "")


def _digest(path: Path) -> bytes:
    """Return the SHA-256 of a file; of one that is gone, or that no scanner reads, nothing."""
    try:
        return hashlib.sha256(read_file(path, LARGEST_FILE_BYTES)).digest()
    except InvalidInput:
        return b""
