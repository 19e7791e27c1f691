# SPDX-License-Identifier: Apache-2.0
"""From paper to a pool: read scans, answer each at once, wait for sheets in a folder.

Rule: nothing a scan holds ends the reading; what it was is said, and the next one is read.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from breakglass_shamir.custody.quorum import Answer, Pool, Verdict
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.formats.share import PREFIX
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
    """Take share and envelope texts as a keyboard scanner types them, one to a line."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            desk.answer(f"{source} line {number}", pool.add(line))


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


def in_words(error: BreakglassError) -> str:
    """Return an error and its hint as one sentence, for a record or a line."""
    return f"{error}; {error.hint}" if error.hint else str(error)
