# SPDX-License-Identifier: Apache-2.0
"""QR codes in alphanumeric mode, drawn as vectors.

Rules (spec section 4):

1. Alphanumeric mode only: 5.5 bits a character, and a keyboard-wedge scanner types back the same string.
2. The smallest version that fits; the level is the caller's, ``Q`` for a share, ``M`` for an envelope. Where a block
   of codewords would be zeros alone, which the encoder cannot divide, the text is encoded in short segments.
3. One path of merged horizontal runs: sharp at every resolution, small in the file, and without the hairlines
   that antialiasing leaves between separately filled modules.

It does not draw the quiet zone: the caller keeps ``QUIET_MODULES`` free on every side.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Literal

from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.errors import PaperError
from breakglass_shamir.paper.drawing import masks

ALPHABET = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:")
"""The 45 characters of QR alphanumeric mode, ISO/IEC 18004 table 5."""

_PIECE = 16
"""Characters of a segment, 88 bits: the least block of codewords, 13 bytes, then has a bit of a segment's head."""

_ALPHANUMERIC: Literal[2] = 2
"""The mode's indicator, ISO/IEC 18004 table 2."""

Level = Literal["L", "M", "Q"]


class Matrix(tuple[tuple[bool, ...], ...]):
    """The modules of a code, by rows from top to bottom; True is dark."""

    @cached_property
    def path(self) -> str:
        """The PDF operators that fill the dark modules, in units of a module from the lower left corner."""
        runs = ((start, row, length) for row, line in enumerate(reversed(self)) for start, length in _runs(line))
        return "n " + " ".join(f"{start} {row} {length} 1 re" for start, row, length in runs) + " f"


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
    if not text or not ALPHABET.issuperset(text):
        raise PaperError("a code holds digits, capitals and ' $%*+-./:' only, got another character or nothing")
    try:
        matrix = _encoded([text], level) or _encoded(
            [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)], level
        )
    except OverflowError:
        raise PaperError(f"{len(text)} characters do not fit one code at level {level}") from None
    assert matrix is not None  # noqa: S101 - no block is longer than the zeros that a piece leaves
    return matrix


def _encoded(pieces: Iterable[str], level: Level) -> Matrix | None:
    """Encode a text in pieces; None where a block of its codewords is zeros alone, which the encoder cannot divide.

    Raises:
        OverflowError: it fits no version.
    """
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
    from qrcode.exceptions import DataOverflowError
    from qrcode.main import QRCode
    from qrcode.util import QRData

    code = QRCode(error_correction={"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q}[level], border=0)
    for piece in pieces:
        code.add_data(QRData(piece, mode=_ALPHANUMERIC), optimize=0)
    try:
        code.best_fit()
    except (DataOverflowError, ValueError):
        raise OverflowError from None
    try:
        code.makeImpl(False, masks.best(code))
    except ValueError:
        return None
    return Matrix(tuple(bool(cell) for cell in row) for row in code.modules)


def draw(canvas: Canvas, matrix: Matrix, x: float, y: float, module: float) -> None:
    """Fill the dark modules in the current fill colour, as one path.

    Args:
        canvas: the page.
        matrix: what ``modules`` returned.
        x: left edge of the first module, points.
        y: lower edge of the last row, points.
        module: side of one module, points.
    """
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(module, module)
    canvas.addLiteral(matrix.path)
    canvas.restoreState()


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
