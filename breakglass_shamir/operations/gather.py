# SPDX-License-Identifier: Apache-2.0
"""From paper to a pool: read scans, answer each at once, wait for sheets in a folder.

A share may be typed by its four lines in any order; one of the four may be missing at the end of the input.

Rule: nothing a scan holds ends the reading; what it was is said, and the next one is read.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from breakglass_shamir.custody.quorum import Answer, Pool, Verdict
from breakglass_shamir.errors import InvalidInput, MalformedText, SharesError
from breakglass_shamir.formats import share, text
from breakglass_shamir.formats.envelope import PREFIX as ENVELOPE_PREFIX
from breakglass_shamir.formats.share import PREFIX, TEXT_LINES
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.paper.scan import ScannedPage, Scanner, wait_for_files

NOTHING_FOUND = (
    "no code found; try again with more light, the page flat and closer, or the other copy of the code on the sheet"
)
"""What to say of a page without a code."""


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
        for page in scanner.read_path(path):
            add_page(pool, page, desk)
            if enough():
                return


def type_lines(pool: Pool, lines: Iterable[str], source: str, desk: Desk) -> None:
    """Take what a keyboard gives: whole code texts, or the numbered lines of a share, each answered at once."""
    rows: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        place = f"{source} line {number}"
        if line.strip()[: len(PREFIX)].upper() in (PREFIX, ENVELOPE_PREFIX):
            desk.answer(place, pool.add(line))
        elif line.strip():
            _take_row(rows, line, place, desk)
        if len(rows) == TEXT_LINES:
            _add_typed_share(pool, rows, place, desk)
            rows.clear()
    if rows:
        _add_typed_share(pool, rows, source, desk)


def _take_row(rows: dict[int, str], line: str, place: str, desk: Desk) -> None:
    """Put one typed line where its check character says it belongs."""
    try:
        symbols, proven = text.read_line(line)
    except MalformedText as error:
        desk.answer(place, Answer(Verdict.DAMAGED, f"not a line of a share: {error}"))
        return
    number = proven if proven is not None else min(set(range(1, TEXT_LINES + 1)) - set(rows))
    if not 1 <= number <= TEXT_LINES:
        desk.answer(place, Answer(Verdict.DAMAGED, "the check character does not fit: type this line again"))
        return
    rows[number] = symbols
    desk.answer(place, Answer(Verdict.SEEN, f"line {number} of a share: read"))


def _add_typed_share(pool: Pool, rows: dict[int, str], place: str, desk: Desk) -> None:
    try:
        answer = pool.add_share(share.from_lines(rows))
    except SharesError as error:
        answer = Answer(Verdict.DAMAGED, f"the lines do not make a share: {error}")
    desk.answer(place, answer)


def add_page(pool: Pool, page: ScannedPage, desk: Desk) -> list[Answer]:
    """Put one page's codes into the pool; each different code is answered once."""
    if page.problem or not page.codes:
        answer = Answer(Verdict.FOREIGN, page.problem or NOTHING_FOUND)
        desk.answer(page.source, answer)
        return [answer]
    texts = sorted({code.text for code in page.codes}, key=lambda code: code[: len(PREFIX)].upper() == PREFIX)
    answers = [pool.add(code) for code in texts]
    for answer in answers:
        if answer.verdict is not Verdict.SEEN or len(answers) == 1 or answer.sheet:
            desk.answer(page.source, answer)
    return answers


def watch(
    pool: Pool,
    folder: Path,
    scanner: Scanner,
    desk: Desk,
    *,
    enough: Callable[[], bool],
    timeout_s: float,
) -> list[Path]:
    """Read what lands in a folder until it is enough or the time is over.

    Returns:
        The files that were read.

    Raises:
        InvalidInput: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInput(f"expected a folder to read scans from, got {folder}")
    deadline = time.monotonic() + timeout_s
    read: list[Path] = []
    for path in wait_for_files(folder):
        if path is not None:
            read.append(path)
            for page in scanner.read_path(path):
                add_page(pool, page, desk)
        if enough() or time.monotonic() > deadline:
            break
    return read
