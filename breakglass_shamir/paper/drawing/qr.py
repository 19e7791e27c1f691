# SPDX-License-Identifier: Apache-2.0
"""QR codes in alphanumeric mode, drawn as vectors.

Rules (spec section 4):

1. Alphanumeric mode only: 5.5 bits a character, and a keyboard-wedge scanner types back the same string.
2. The smallest version that fits; the level is the caller's, ``Q`` for a share, ``M`` for an envelope.
3. One path of merged horizontal runs: sharp at every resolution, small in the file, and without the hairlines
   that antialiasing leaves between separately filled modules.

It does not draw the quiet zone: the caller keeps ``QUIET_MODULES`` free on every side.
"""

from typing import Literal

from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.errors import PaperError

ALPHABET = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
"""The 45 characters of QR alphanumeric mode, ISO/IEC 18004 table 5."""

QUIET_MODULES = 4
"""Modules that stay white around a code, ISO/IEC 18004 section 9.1."""

_ALPHANUMERIC: Literal[2] = 2
"""The mode's indicator, ISO/IEC 18004 table 2."""

Level = Literal["L", "M", "Q"]
Matrix = tuple[tuple[bool, ...], ...]


def modules(text: str, level: Level) -> Matrix:
    """Encode a text as the smallest QR code that holds it.

    Args:
        text: characters of ``ALPHABET``; it may be a share, so it is never named in an error.
        level: error correction, ``L`` (7 %, for a screen), ``M`` (15 %) or ``Q`` (25 %).

    Returns:
        Rows from top to bottom, True is dark; a square of 21 to 177 modules without quiet zone.

    Raises:
        PaperError: the text is empty, has another character, or fits no version.
    """
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
    from qrcode.exceptions import DataOverflowError
    from qrcode.main import QRCode
    from qrcode.util import QRData

    if not text or not ALPHABET.issuperset(text):
        raise PaperError("a code holds digits, capitals and ' $%*+-./:' only, got another character or nothing")
    code = QRCode(error_correction={"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q}[level], border=0)
    code.add_data(QRData(text, mode=_ALPHANUMERIC), optimize=0)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError):
        raise PaperError(f"{len(text)} characters do not fit one code at level {level}") from None
    return tuple(tuple(bool(cell) for cell in row) for row in code.get_matrix())


def draw(canvas: Canvas, matrix: Matrix, x: float, y: float, module: float) -> None:
    """Fill the dark modules in the current fill colour, as one path.

    Args:
        canvas: the page.
        matrix: what ``modules`` returned.
        x: left edge of the first module, points.
        y: lower edge of the last row, points.
        module: side of one module, points.
    """
    path = canvas.beginPath()
    for row_index, row in enumerate(matrix):
        row_y = y + (len(matrix) - 1 - row_index) * module
        for start, length in _runs(row):
            path.rect(x + start * module, row_y, length * module, module)
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(row: tuple[bool, ...]) -> list[tuple[int, int]]:
    """List the dark runs of a row as (start, length)."""
    runs: list[tuple[int, int]] = []
    start = -1
    for index, dark in enumerate((*row, False)):
        if dark and start < 0:
            start = index
        elif not dark and start >= 0:
            runs.append((start, index - start))
            start = -1
    return runs
