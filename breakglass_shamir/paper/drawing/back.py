# SPDX-License-Identifier: Apache-2.0
"""The back of a live sheet, and the pages that long envelopes need; nothing on them is secret.

Rules:

1. The back carries the envelope core as typed lines, for a machine that has only a keyboard, or says why not.
2. Where one code holds the envelope and the lines leave room, the code stands there once more: what goes through the
   front's goes through another place of this one.
3. Envelope codes that the front has no room for follow, each labelled i of n.
"""

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.front import ENVELOPE_MODULES_MM, typed_lines
from breakglass_shamir.paper.drawing.heading import HEADING_MM, MARGIN_MM
from breakglass_shamir.paper.drawing.layout import ACCENT, HEAVY_MM, SEMIBOLD_MM, Page, Style

_HEAD = Style("sans-bold", 13, ACCENT, stem=HEAVY_MM)
_BODY = Style("sans", 11, stem=SEMIBOLD_MM)
_LABEL = Style("sans-bold", 10, stem=HEAVY_MM)
_SMALL = Style("sans", 9, stem=SEMIBOLD_MM)
_LARGEST_PITCH_MM, _SMALLEST_PITCH_MM = 11.5, 5.5
_CLOSE_PITCH_MM = 7.6
"""Of lines that make room for a second print of the code; those of the front are hardly farther apart."""

_BOTTOM_MM = 15.0
"""Free at the lower edge."""

SECOND_PRINT = "ENVELOPE CODE, second print"

_LABEL_MM = 11.0
"""Height of a code's label."""


def draw_back(page: Page, content: SheetContent, envelope: qr.Matrix | None = None) -> None:
    """Draw the core's typed lines, or say that the credential is too long for them, and the envelope code.

    Args:
        page: a page with its heading.
        content: checked content of kind ``live``.
        envelope: the code that holds the whole envelope; None where several do.

    Raises:
        InvalidInput: more lines than the page takes.
    """
    across = page.width - 2 * MARGIN_MM
    y = HEADING_MM + 7
    page.text(MARGIN_MM, y, "For a machine with only a keyboard", _HEAD)
    y = page.paragraph(MARGIN_MM, y + 6.5, across, _explanation(content), _BODY) + 10
    if not content.core_lines:
        return
    count, room = len(content.core_lines), page.height - _BOTTOM_MM - y
    module = _module_beside(envelope, room - count * _CLOSE_PITCH_MM) if envelope else 0.0
    taken = _height_of(envelope, module) if envelope and module else 0.0
    pitch = min(_LARGEST_PITCH_MM, (room - taken) / count)
    if pitch < _SMALLEST_PITCH_MM:
        raise InvalidInput(f"{count} core lines do not fit one page", hint="set core_omitted")
    style = Style("mono-bold", min(19.0, pitch * 2.05))
    first = len(content.share_lines) + 1
    typed_lines(page, MARGIN_MM + 1, y, content.core_lines, style=style, pitch=pitch, first=first)
    if envelope and module:
        y = page.height - _BOTTOM_MM - taken + 3
        page.text(MARGIN_MM, y + 3, SECOND_PRINT, _LABEL)
        page.text(MARGIN_MM, y + 7.4, "the same as on the front and on every sheet, not secret", _SMALL)
        page.code(MARGIN_MM, y + _LABEL_MM + qr.QUIET_MODULES * module, envelope, module)


def _module_beside(envelope: qr.Matrix, room: float) -> float:
    """Return the largest module in mm at which the code and its label fit, or 0."""
    return next((side for side in ENVELOPE_MODULES_MM if _height_of(envelope, side) <= room), 0.0)


def _height_of(envelope: qr.Matrix, module: float) -> float:
    """Return how far down a labelled code goes; its lower quiet zone may be the page's margin."""
    return 3 + _LABEL_MM + (len(envelope) + qr.QUIET_MODULES) * module


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


def pages_for(page: Page, codes: tuple[qr.Matrix, ...]) -> list[tuple[int, ...]]:
    """Share out codes over pages; return the indexes that each page takes."""
    pages: list[tuple[int, ...]] = []
    index = 0
    while index < len(codes):
        pair = codes[index : index + 2]
        count = len(pair) if _module(page, pair) else 1
        pages.append(tuple(range(index, index + count)))
        index += count
    return pages


def draw_codes(page: Page, codes: tuple[qr.Matrix, ...], first: int, total: int) -> None:
    """Draw one or two envelope codes below each other.

    Args:
        page: a page with its heading.
        codes: the codes for this page, as ``pages_for`` shared them out.
        first: number of the first of them, from 1.
        total: how many codes the envelope has.
    """
    module = _module(page, codes) or ENVELOPE_MODULES_MM[-1]
    y = HEADING_MM + 4
    for number, matrix in enumerate(codes, start=first):
        page.text(MARGIN_MM, y + 3, f"ENVELOPE CODE {number} of {total}", _LABEL)
        page.text(MARGIN_MM, y + 7.4, "the same on every sheet, not secret; all of them are needed", _SMALL)
        y += _LABEL_MM + qr.QUIET_MODULES * module
        y += page.code(MARGIN_MM, y, matrix, module) + qr.QUIET_MODULES * module


def _module(page: Page, codes: tuple[qr.Matrix, ...]) -> float:
    """Return the largest module in mm at which the codes fit one below the other, or 0."""
    down = page.height - HEADING_MM - 4 - _BOTTOM_MM - _LABEL_MM * len(codes)
    for side in ENVELOPE_MODULES_MM:
        if sum((len(matrix) + 2 * qr.QUIET_MODULES) * side for matrix in codes) <= down:
            return side
    return 0.0
