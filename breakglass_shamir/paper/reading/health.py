# SPDX-License-Identifier: Apache-2.0
"""How much of a code's error correction its damage has used up (spec section 9, roll-call).

Rules:

1. The worst block decides, as in the grade "unused error correction" of ISO/IEC 15415: one block beyond its
   budget makes the code unreadable, however well the others are.
2. The decoder's own figure counts where it is plain. zxing-cpp up to 3.1 drops the zero of 0.08, so a figure with
   one digit has two readings; the modules as seen in the picture decide which.
3. It grades print and picture together: a poor picture makes a good print look worn, never a worn one good.

4. A sheet is as healthy as its worse print: a share code that is printed twice and read once is worn at least,
   however fresh the other print is (``of_sheet``). How far the unread one is gone, nobody can measure.

It knows nothing of shares: a text is what makes the clean code to compare with. Pillow and qrcode are imported
only where a picture is looked at, which is in the worker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from PIL import Image

FRESH_UP_TO: Final = 0.38
"""Budget used; grade A of ISO/IEC 15415 ends here."""

WORN_UP_TO: Final = 0.63
"""Budget used; grade C ends here, and what is worse is reprinted."""

PRINTS: Final = 2
"""How often a live sheet carries its share code (spec: docs/spec/6-sheet.md)."""

SAMPLES_PER_MODULE: Final = 4
"""Pixels per module, each way, to which a code is straightened before its modules are judged."""

Word = Literal["fresh", "worn", "replace"]
Corners = tuple[tuple[float, float], ...]
"""Upper left, upper right, lower right and lower left outer corner, as the code is read, in pixels."""

_ALPHANUMERIC: Final = 2
"""The mode's indicator, ISO/IEC 18004 table 2."""

_WORDS: Final = {"fresh": "as new", "worn": "worn", "replace": "nearly gone"}
"""What people read for each word of a record."""

_Grid = list[list[bool | None]]


@dataclass(frozen=True, slots=True)
class Health:
    """How worn a printed code is (docs/guide-custodian.md).

    Attributes:
        word: ``fresh``, ``worn`` or ``replace``.
        used: part of the error-correction budget used in the worst block of what was read, from 0 to 1.
        unread: prints of the same share that were in sight and could not be read.
    """

    word: Word
    used: float
    unread: int = 0

    @property
    def percent(self) -> int:
        """The used part in percent, as records and people have it."""
        return round(self.used * 100)

    def in_words(self) -> str:
        """Say it to a custodian: ``print: as new``. Never raises."""
        unread = "; its other share code was not read" if self.unread else ""
        return f"print: {said(self.word, self.percent)}{unread}"


def said(word: str, percent: int) -> str:
    """Say how a print is, of which a record has the word: ``as new``, or how much of its reserve is used up.

    The reserve is the code's error correction. A word that is not known here is said as it is.
    """
    if word == "fresh":
        return _WORDS["fresh"]
    used = f", {percent} % of its reserve is used" if percent else ""
    return f"{_WORDS.get(word, word)}{used}" + (": have it printed anew" if word == "replace" else "")


def worst(of: Iterable[Health | None]) -> Health | None:
    """Return the most worn of several codes, such as the two prints of a share; None where none can be told."""
    return max((one for one in of if one is not None), key=lambda one: one.used, default=None)


def of_sheet(found: Iterable[Health | None], copies: int) -> Health | None:
    """Grade a live sheet by its worse print.

    Args:
        found: the health of what was read of it.
        copies: how many prints of its share were read in one picture of the whole front.

    Returns:
        The worst of them; worn at least where a print was not read. None: nothing was read, or nothing can be told.
    """
    grade = worst(found)
    unread = PRINTS - copies
    if not copies or unread <= 0:
        return grade
    if grade is None:
        return Health("worn", 0.0, unread)
    return Health("worn" if grade.word == "fresh" else grade.word, grade.used, unread)


def health(used: float) -> Health:
    """Put a used budget into a word."""
    if used <= FRESH_UP_TO:
        return Health("fresh", used)
    return Health("worn" if used <= WORN_UP_TO else "replace", used)


def used_budget(found: Any, picture: "Image.Image") -> float | None:
    """Return which part of its budget a decoded code has used.

    Args:
        found: zxing-cpp's barcode.
        picture: the grey picture in which it was found.

    Returns:
        0 to 1, or None when neither the decoder nor the picture tells.
    """
    told = str(found.extra.get("UEC", ""))
    try:
        unused = float(told)
        if len(told) > 3 or told in {"1.0", "0.0"}:
            return 1 - unused
        seen = sampled_budget(found.text, found.extra, picture, corners_of(found.position))
    except (ValueError, KeyError):
        return None
    return min((1 - unused, 1 - unused / 10), key=lambda used: abs(used - seen))


def sampled_budget(text: str, extra: dict[str, str], picture: "Image.Image", corners: Corners) -> float:
    """Compare the modules in a picture with those of a clean code of the same text, version, level and mask.

    Raises:
        ValueError: the text is not one of alphanumeric mode, or does not fit the version.
    """
    size = 17 + 4 * int(extra["Version"])
    return min(1.0, budget_of(judged(straightened(picture, corners, size)), text, extra))


def budget_of(seen: Sequence[Sequence[bool]], text: str, extra: dict[str, str]) -> float:
    """Return which part of its budget a code's worst block needs; more than 1: it is beyond its error correction.

    Args:
        seen: rows of modules, True for dark.
        text: what the code says.
        extra: ``Version``, ``ECLevel`` and ``DataMask``, as zxing-cpp names them.

    Raises:
        ValueError: the text is not one of alphanumeric mode, or does not fit the version.
    """
    version, level = int(extra["Version"]), extra["ECLevel"]
    clean = _clean(text, version, level, int(extra["DataMask"]))
    wrong = {
        index // 8
        for index, (row, column) in enumerate(data_modules(version))
        if seen[row][column] != clean[row][column]
    }
    return _worst_block(wrong, version, level)


def _worst_block(wrong: set[int], version: int, level: str) -> float:
    """Return the largest part of its budget that any block needs."""
    from qrcode.base import rs_blocks

    blocks = rs_blocks(version, _levels()[level])
    owners = block_of_each_codeword([block.data_count for block in blocks], [block.total_count for block in blocks])
    errors = [0] * len(blocks)
    for codeword in wrong:
        if codeword < len(owners):  # what follows the last codeword are remainder bits
            errors[owners[codeword]] += 1
    budgets = [(block.total_count - block.data_count) // 2 for block in blocks]
    return max(count / budget for count, budget in zip(errors, budgets, strict=True))


def block_of_each_codeword(data: list[int], total: list[int]) -> list[int]:
    """Return the block of each codeword in the order in which they are placed, ISO/IEC 18004 section 7.6."""
    spare = [all_ - own for all_, own in zip(total, data, strict=True)]
    return [
        block
        for counts in (data, spare)
        for position in range(max(counts))
        for block, count in enumerate(counts)
        if position < count
    ]


@lru_cache(maxsize=4)
def data_modules(version: int) -> list[tuple[int, int]]:
    """Return row and column of each data bit in order, ISO/IEC 18004 section 7.7.3."""
    grid = function_patterns(version)
    size = len(grid)
    places: list[tuple[int, int]] = []
    upwards = True
    for right in (*range(size - 1, 6, -2), *range(5, 0, -2)):  # column 6 is the timing pattern
        rows = range(size - 1, -1, -1) if upwards else range(size)
        places += [(row, column) for row in rows for column in (right, right - 1) if grid[row][column] is None]
        upwards = not upwards
    return places


def function_patterns(version: int) -> _Grid:
    """Return the grid of a version in which only data modules are None; level and mask are left light."""
    from qrcode.main import QRCode

    code = QRCode(version=version, mask_pattern=0)
    code.modules_count = 17 + 4 * version
    code.modules = [[None] * code.modules_count for _ in range(code.modules_count)]
    for row, column in ((0, 0), (code.modules_count - 7, 0), (0, code.modules_count - 7)):
        code.setup_position_probe_pattern(row, column)
    code.setup_position_adjust_pattern()
    code.setup_timing_pattern()
    code.setup_type_info(test=True, mask_pattern=0)
    if version >= 7:
        code.setup_type_number(test=False)
    return code.modules


def format_modules(version: int, level: str, mask: int) -> list[tuple[int, int, bool]]:
    """Return row, column and darkness of each module that says level and mask, ISO/IEC 18004 section 7.9."""
    from qrcode.main import QRCode

    code = QRCode(version=version, error_correction=_levels()[level], mask_pattern=mask)
    code.modules_count = 17 + 4 * version
    code.modules = [[None] * code.modules_count for _ in range(code.modules_count)]
    code.setup_type_info(test=False, mask_pattern=mask)
    rows = enumerate(code.modules)
    return [(row, at, dark) for row, line in rows for at, dark in enumerate(line) if dark is not None]


def _clean(text: str, version: int, level: str, mask: int) -> _Grid:
    """Encode the text as the found code was."""
    from qrcode.main import QRCode
    from qrcode.util import QRData

    code = QRCode(version=version, error_correction=_levels()[level], border=0, mask_pattern=mask)
    code.add_data(QRData(text, mode=_ALPHANUMERIC), optimize=0)
    code.make(fit=False)
    return code.modules


def _levels() -> dict[str, int]:
    from qrcode import constants

    return {level: getattr(constants, f"ERROR_CORRECT_{level}") for level in "LMQH"}


def straightened(picture: "Image.Image", corners: Corners, size: int) -> "Image.Image":
    """Return a code seen from straight above, one pixel a module."""
    from PIL import Image

    side = size * SAMPLES_PER_MODULE
    straight = picture.transform(
        (side, side), Image.Transform.PERSPECTIVE, projection(_square(side), corners), Image.Resampling.BILINEAR
    )
    return straight.reduce(SAMPLES_PER_MODULE)


def judged(grey: "Image.Image") -> list[list[bool]]:
    """Call each module dark or light by its neighbourhood; one pixel is one module."""
    from PIL import ImageChops, ImageFilter

    size = grey.width
    middle = grey.filter(ImageFilter.BoxBlur(4))
    bits = ImageChops.subtract(middle, grey).tobytes()
    return [[value > 0 for value in bits[row * size : (row + 1) * size]] for row in range(size)]


def _square(side: float) -> Corners:
    return ((0, 0), (side, 0), (side, side), (0, side))


def corners_of(position: Any) -> Corners:
    """Return the corners of zxing-cpp's position."""
    places = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return tuple((float(place.x), float(place.y)) for place in places)


def projection(source: Corners, target: Corners) -> tuple[float, ...]:
    """Return the eight coefficients of the perspective that takes each source point to its target point."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]]
    for index in range(8):
        pivot = max(range(index, 8), key=lambda row: abs(rows[row][index]))
        rows[index], rows[pivot] = rows[pivot], rows[index]
        rows[index] = [value / rows[index][index] for value in rows[index]]
        for other in range(8):
            if other != index:
                factor = rows[other][index]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[index], strict=True)]
    return tuple(row[8] for row in rows)
