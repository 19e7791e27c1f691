# SPDX-License-Identifier: Apache-2.0
"""The back of a live sheet, and the pages that long envelopes need; nothing on them is secret.

Rules:

1. The back carries the envelope core as typed lines, for a machine that has only a keyboard, or says why not.
2. Where one code holds the envelope and the lines leave room, the code stands there once more: what goes through the
   front's goes through another place of this one.
3. Envelope codes that the front has no room for follow, here and on further pages, each labelled i of n.
4. It says how the sheets are opened when the terminal is gone: with what, where that lies, and its digests, small.
"""

from collections.abc import Sequence

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.front import typed_lines
from breakglass_shamir.paper.drawing.heading import HEADING_MM
from breakglass_shamir.paper.drawing.layout import ACCENT, HEAVY_MM, SEMIBOLD_MM, Page, Style
from breakglass_shamir.paper.sizes import ENVELOPE_MODULES_MM, MARGIN_MM, QUIET_MODULES

_HEAD = Style("sans-bold", 13, ACCENT, stem=HEAVY_MM)
_BODY = Style("sans", 11, stem=SEMIBOLD_MM)
_LABEL = Style("sans-bold", 10, stem=HEAVY_MM)
_SMALL = Style("sans", 9, stem=SEMIBOLD_MM)
_LARGEST_PITCH_MM, _SMALLEST_PITCH_MM = 11.5, 5.2
_CLOSE_PITCH_MM = 7.6
"""Of lines that make room for a second print of the code; those of the front are hardly farther apart."""

_BOTTOM_MM = 15.0
"""Free at the lower edge."""

SECOND_PRINT = "CODE 2: ENVELOPE, second print"

WITHOUT_US = "When the terminal is gone"
COMMAND = "python3 -I -S recover.py"

_STEP = Style("sans", 9.5, stem=SEMIBOLD_MM)
_STEP_NUMBER = Style("sans-bold", 9.5, stem=HEAVY_MM)
_COMMAND = Style("mono-bold", 13)
_STEP_OF_COMMAND = 2
_WIDE_MM = 150.0
"""Where digests stand beside the words for them, and not below."""

_MANY_LINES = 20
"""Typed lines that leave less room for what is said of them."""

_DIGEST = Style("mono-bold", 7.5)
_COLUMNS = 2
_GUTTER_MM = 6.0
_TOP_MM = HEADING_MM + 4

_LABEL_MM = 11.0
"""Height of a code's label."""


def draw_back(page: Page, content: SheetContent, codes: Sequence[tuple[int, qr.Matrix]], total: int) -> None:
    """Draw the core's typed lines, or say that the credential is too long for them; the codes; how to do without us.

    Args:
        page: a page with its heading.
        content: checked content of kind ``live``.
        codes: numbers, from 1, and codes that ``of_back`` chose.
        total: how many codes the envelope has.

    Raises:
        InvalidInput: more lines than the page takes.
    """
    across = page.width - 2 * MARGIN_MM
    y = HEADING_MM + 7
    page.text(MARGIN_MM, y, "For a machine with only a keyboard", _HEAD)
    body = _STEP if len(content.core_lines) > _MANY_LINES else _BODY
    y = page.paragraph(MARGIN_MM, y + 6.5, across, _explanation(content), body) + 10
    if not content.core_lines:
        bottom = without_us(page, content, MARGIN_MM, y, across) if content.recovery_tool else y
        _draw_grid(page, codes, bottom + 1, total)
        return
    count, room = len(content.core_lines), page.height - _BOTTOM_MM - y
    module = _module_beside(codes[0][1], room - count * _CLOSE_PITCH_MM) if codes else 0.0
    beside = (len(codes[0][1]) + 2 * QUIET_MODULES) * module + 4 if module else 0.0
    tall = _height_of(codes[0][1], module) if module else 0.0
    told = [_height_without_us(page, content, across - beside, digests=digests) for digests in (True, False)]
    taken = max(tall, next((one for one in told if room - one >= count * _SMALLEST_PITCH_MM), told[1]))
    pitch = min(_LARGEST_PITCH_MM, (room - taken) / count)
    if pitch < _SMALLEST_PITCH_MM:
        raise InvalidInput(f"{count} core lines do not fit one page", hint="set core_omitted")
    style = Style("mono-bold", min(19.0, pitch * 2.05))
    first = len(content.share_lines) + 1
    typed_lines(page, MARGIN_MM + 1, y, content.core_lines, style=style, pitch=pitch, first=first)
    y = page.height - _BOTTOM_MM - taken + 5
    if module:
        page.text(MARGIN_MM, y, SECOND_PRINT, _LABEL)
        page.text(MARGIN_MM, y + 4.4, "the same as on the front, not secret", _SMALL)
        page.code(MARGIN_MM, y + _LABEL_MM - 3 + QUIET_MODULES * module, codes[0][1], module)
    if content.recovery_tool:
        without_us(page, content, MARGIN_MM + beside, y, across - beside, digests=taken >= told[0])


def of_back(content: SheetContent, codes: Sequence[qr.Matrix], placed: int) -> list[tuple[int, qr.Matrix]]:
    """Choose the codes of the back: a single one once more, or of several those that come next.

    Args:
        content: of the sheet.
        codes: all codes of the envelope.
        placed: how many of them the front has.
    """
    numbered = list(enumerate(codes, start=1))
    if content.core_lines:
        return numbered if len(codes) == 1 else []
    return numbered[placed : placed + _COLUMNS] if placed else []


def steps(content: SheetContent) -> tuple[str, ...]:
    """Return what to do when the terminal is gone, in order."""
    where = f"Fetch the recovery kit. It lies: {content.kit}" if content.kit else "Fetch the recovery kit of this set."
    python = f"Python {content.recovery_python} or later" if content.recovery_python else "Python"
    browser = "open recover.html in a browser, or run with " if content.page_sha256 else "run with "
    codes = "code 2 of one" if len(content.envelope_codes) == 1 else f"all {len(content.envelope_codes)} codes 2 of one"
    typing = ", or type the lines of the fronts and of one back" if content.core_lines else ""
    return (
        where,
        f"On a machine without a network {browser}{python}:",
        f"Scan code 1 of each sheet and {codes}{typing}. When the quorum is complete, open.",
    )


def without_us(page: Page, content: SheetContent, x: float, y: float, across: float, *, digests: bool = True) -> float:
    """Say how the sheets are opened when the terminal is gone; return where the next block may begin."""
    page.text(x, y, WITHOUT_US, _HEAD)
    y += 6.0
    for number, sentence in enumerate(steps(content), start=1):
        page.text(x, y, str(number), _STEP_NUMBER)
        y = page.paragraph(x + 5, y, across - 5, sentence, _STEP) + 0.8
        if number == _STEP_OF_COMMAND:
            page.text(x + 5, y + 0.4, COMMAND, _COMMAND)
            y += _COMMAND.leading_mm
    for name, digest in _digests(content) if digests else ():
        words = f"{name}, SHA-256"
        page.text(x, y + 0.6, words, _SMALL)
        if across >= _WIDE_MM:
            page.text(x + page.measure(words, _SMALL) + 3, y + 0.6, digest, _DIGEST)
            y += _SMALL.leading_mm
        else:
            y = page.fitted(x, y + 4.2, across, digest, _DIGEST, smallest=5) + 0.8
    return y


def _height_without_us(page: Page, content: SheetContent, across: float, *, digests: bool) -> float:
    """Return how far down ``without_us`` goes, with the room above it."""
    if not content.recovery_tool:
        return 0.0
    told = sum(page.height_of(sentence, across - 5, _STEP) + 0.8 for sentence in steps(content))
    each = _SMALL.leading_mm if across >= _WIDE_MM else 4.2 + 2 * _DIGEST.leading_mm + 0.8
    return 5 + 6.0 + told + _COMMAND.leading_mm + digests * len(_digests(content)) * each


def _digests(content: SheetContent) -> list[tuple[str, str]]:
    pairs = ((content.recovery_tool, content.recovery_sha256), ("recover.html", content.page_sha256))
    return [(name, digest) for name, digest in pairs if digest]


def _module_beside(envelope: qr.Matrix, room: float) -> float:
    """Return the largest module in mm at which the code and its label fit, or 0."""
    return next((side for side in ENVELOPE_MODULES_MM if _height_of(envelope, side) <= room), 0.0)


def _height_of(envelope: qr.Matrix, module: float) -> float:
    """Return how far down a labelled code goes; its lower quiet zone may be the page's margin."""
    return 5 + _LABEL_MM - 3 + (len(envelope) + QUIET_MODULES) * module


def _explanation(content: SheetContent) -> str:
    """Say what the page is for."""
    if content.core_omitted:
        return (
            "This credential is too long to be typed, so its envelope is not printed here as lines. Opening "
            "it takes a readable envelope code from any one sheet of this epoch, and a camera or scanner."
        )
    first = len(content.share_lines) + 1
    last = first + len(content.core_lines) - 1
    return (
        f"When no envelope code can be scanned, type lines {first} to {last} in this order after the share "
        "lines of the front. They are the core of the envelope, the same on every sheet of this epoch, and not "
        "secret. Small letters will do, spaces do not matter, the last character of a line checks it. For a "
        "character you cannot read type ?"
    )


def pages_for(page: Page, codes: Sequence[qr.Matrix]) -> list[tuple[int, ...]]:
    """Share out codes over pages; return the indexes that each page takes."""
    most = next(
        count
        for count in (4, 3, 2, 1)
        if count == 1 or all(_grid(page, codes[i : i + count], _TOP_MM) for i in range(len(codes)))
    )
    return [tuple(range(start, min(start + most, len(codes)))) for start in range(0, len(codes), most)]


def draw_codes(page: Page, codes: Sequence[qr.Matrix], first: int, total: int) -> None:
    """Draw up to four envelope codes.

    Args:
        page: a page with its heading.
        codes: the codes for this page, as ``pages_for`` shared them out.
        first: number of the first of them, from 1.
        total: how many codes the envelope has.
    """
    _draw_grid(page, list(enumerate(codes, start=first)), _TOP_MM, total)


def _draw_grid(page: Page, codes: Sequence[tuple[int, qr.Matrix]], y: float, total: int) -> None:
    """Draw codes in two columns, or below each other where that is larger."""
    if not codes:
        return
    columns, module = _grid(page, [matrix for _, matrix in codes], y) or (1, ENVELOPE_MODULES_MM[-1])
    for start in range(0, len(codes), columns):
        row = codes[start : start + columns]
        for column, (number, matrix) in enumerate(row):
            x = MARGIN_MM + column * ((page.width - 2 * MARGIN_MM + _GUTTER_MM) / 2)
            page.text(x, y + 3, f"CODE 2: ENVELOPE {number} of {total}", _LABEL)
            page.text(x, y + 7.4, "the same on every sheet, not secret; all needed", _SMALL)
            page.code(x, y + _LABEL_MM + QUIET_MODULES * module, matrix, module)
        y += _LABEL_MM + max(len(matrix) + 2 * QUIET_MODULES for _, matrix in row) * module


def _grid(page: Page, codes: Sequence[qr.Matrix], y: float) -> tuple[int, float] | None:
    """Return how many columns the codes take from ``y`` on, and their module in mm; None where they do not fit."""
    down, across = page.height - y - _BOTTOM_MM, page.width - 2 * MARGIN_MM
    for module in ENVELOPE_MODULES_MM:
        for columns in range(1, _COLUMNS + 1):
            rows = [codes[start : start + columns] for start in range(0, len(codes), columns)]
            sides = [max(len(matrix) + 2 * QUIET_MODULES for matrix in row) * module for row in rows]
            wide = columns == 1 or max(sides) - QUIET_MODULES * module <= (across - _GUTTER_MM) / 2
            if wide and sum(sides) + _LABEL_MM * len(rows) - QUIET_MODULES * module <= down:
                return columns, module
    return None
