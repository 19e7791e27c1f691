# SPDX-License-Identifier: Apache-2.0
"""The faces on the paper, what they can draw, and how a text is made to fit.

Rules:

1. Running text is Open Sans (Apache-2.0), everything that is typed back is JetBrains Mono (OFL-1.1), in which
   0/O, 1/I/L, 5/S and 8/B differ. Both are embedded, so a sheet looks the same on every printer.
2. A character that would come out as an empty box, reversed or misplaced is refused before anything is drawn:
   missing glyphs, control characters, right-to-left scripts, and marks that combine with another character.
3. A long text first shrinks, then wraps, then is refused; it is never cut.

It does not hyphenate and does not shape complex scripts.
"""

import unicodedata
from pathlib import Path
from typing import Literal

from breakglass_shamir.errors import InvalidInput

Face = Literal["sans", "sans-bold", "mono", "mono-bold"]

_FILES: dict[Face, str] = {
    "sans": "OpenSans-Regular.ttf",
    "sans-bold": "OpenSans-Bold.ttf",
    "mono": "JetBrainsMono-Regular.ttf",
    "mono-bold": "JetBrainsMono-Bold.ttf",
}
"""Face to file name in the ``fonts`` folder beside this module."""

_STEMS: dict[Face, float] = {"sans": 0.082, "sans-bold": 0.15, "mono": 0.092, "mono-bold": 0.126}
"""Thickness of an upright stroke (sans: l, mono: I) in parts of the size, measured."""

_WIDEST_OUTLINES: dict[Face, float] = {"sans": 0.08, "sans-bold": 0.04, "mono": 0.0, "mono-bold": 0.0}
"""Outlines in parts of the size that leave the letters open and apart, also when a copy has thickened them; the zero
of the mono faces would close first and be taken for an 8."""

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
"""Bidirectional classes that would need reordering, UAX 9."""

_JOINTS = "-._/@:"
"""Characters of names after which a line may end."""

_SIZE_STEP_PT = 0.5
"""How finely a text is shrunk."""


def register(face: Face) -> str:
    """Load a face once and return its name for the canvas."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    name = f"breakglass-{face}"
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, str(Path(__file__).parent / "fonts" / _FILES[face])))
    return name


def drawable(text: str, field: str) -> str:
    """Return the text in composed form (NFC), or refuse the first character that cannot be drawn.

    Args:
        text: one line.
        field: what to call it in the error.

    Raises:
        InvalidInput: names the field and the character.
    """
    composed = unicodedata.normalize("NFC", text)
    glyphs = _glyphs("sans") & _glyphs("sans-bold")
    for character in composed:
        if ord(character) not in glyphs or not _stands_alone(character):
            raise InvalidInput(
                f"{field} has a character the sheet cannot print: {_name(character)}",
                hint=f"write {field} in Latin, Greek or Cyrillic letters",
            )
    return composed


def width(text: str, face: Face, size: float) -> float:
    """Measure a text in points."""
    from reportlab.pdfbase import pdfmetrics

    return float(pdfmetrics.stringWidth(text, register(face), size))


def outline(face: Face, size: float, stem: float) -> float:
    """Return how wide an outline, half of it outside the letters, makes stems so thick or as thick as is legible.

    Args:
        face: its name.
        size: points.
        stem: wanted thickness, points.

    Returns:
        Points; 0 where the stems are thick enough without.
    """
    return max(0.0, min(stem - _STEMS[face] * size, _WIDEST_OUTLINES[face] * size))


def fit(
    text: str, face: Face, size: float, available: float, *, smallest: float, lines: int
) -> tuple[float, list[str]]:
    """Find the largest size at which a text fits, and its lines.

    Args:
        text: one paragraph.
        face: its face.
        size: preferred size, points.
        available: width, points.
        smallest: size below which it is refused, points.
        lines: how many lines there is room for.

    Raises:
        InvalidInput: it does not fit even at the smallest size.
    """
    while size >= smallest:
        wrapped = wrap(text, face, size, available)
        if len(wrapped) <= lines:
            return size, wrapped
        size -= _SIZE_STEP_PT
    raise InvalidInput(f"{len(text)} characters are too long to print: {text[:24]!r}...", hint="shorten it")


def wrap(text: str, face: Face, size: float, available: float) -> list[str]:
    """Break a paragraph into lines at spaces, and inside a word only when it is longer than a line."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if width(candidate, face, size) <= available:
            line = candidate
            continue
        if line:
            lines.append(line)
        *full, line = _break_word(word, face, size, available)
        lines.extend(full)
    return [*lines, line] if line else lines


def _break_word(word: str, face: Face, size: float, available: float) -> list[str]:
    """Break one word into pieces that fit, after a hyphen or dot where that leaves no piece too short."""
    pieces = [""]
    for character in word:
        if pieces[-1] and width(pieces[-1] + character, face, size) > available:
            head, tail = _after_joint(pieces[-1])
            pieces[-1:] = [head, tail]
        pieces[-1] += character
    return pieces


def _after_joint(piece: str) -> tuple[str, str]:
    """Cut a full piece after its last joint, unless less than half of it would be left."""
    at = max(piece.rfind(joint) for joint in _JOINTS) + 1
    return (piece[:at], piece[at:]) if at * 2 >= len(piece) else (piece, "")


def _glyphs(face: Face) -> set[int]:
    """Return the code points a face can draw."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    font = pdfmetrics.getFont(register(face))
    assert isinstance(font, TTFont)  # noqa: S101 - registered as one above
    return set(font.face.charToGlyph)


def _stands_alone(character: str) -> bool:
    """Tell whether a character can be drawn by itself, left to right."""
    category = unicodedata.category(character)
    is_mark_or_control = category[0] in "MC" or category in {"Zl", "Zp"}
    return not is_mark_or_control and unicodedata.bidirectional(character) not in _RIGHT_TO_LEFT


def _name(character: str) -> str:
    """Name a character so that it shows in any terminal."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}"
