# SPDX-License-Identifier: Apache-2.0
"""Which of the eight masks a QR code gets, as the ``qrcode`` package chooses it, in a fraction of its time.

The package draws the code eight times and weighs it module by module. Here it draws the code once; the other masks are
what they turn over against the first, and a whole code is one integer, so that a rule is a few operations on it
(ISO/IEC 18004 section 7.8.3). A test holds that the choice is the package's own.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

MASKS: Final = range(8)

_LONG_RUN: Final = 5
"""Modules of one colour in a row that cost 3, and one more each further module."""

_FALSE_FINDER: Final = (True, False, True, True, True, False, True, False, False, False, False)
"""What looks like a finder pattern beside light, and costs 40, as its mirror image does."""

Rows = Sequence[Sequence[Any]]


def best(code: Any) -> int:
    """Return the mask with the lowest penalty, the first of several.

    Args:
        code: a ``qrcode.QRCode`` with its data and version; it is drawn with the first mask.
    """
    code.makeImpl(True, 0)
    whole, across, size = _packed(code.modules), _packed(list(zip(*code.modules, strict=True))), code.modules_count

    def penalty(mask: int) -> int:
        rows, columns = _turned(size, mask)
        return _penalty(whole ^ rows, across ^ columns, size)

    return min(MASKS, key=penalty)


@lru_cache(maxsize=64)
def _turned(size: int, mask: int) -> tuple[int, int]:
    """Return the modules that a mask turns over and the first does not, or the other way: by row and by column."""
    from qrcode.main import QRCode

    drawn = []
    for number in (0, mask):
        code = QRCode(version=(size - 17) // 4)
        code.data_cache = []
        code.makeImpl(True, number)
        drawn.append((_packed(code.modules), _packed(list(zip(*code.modules, strict=True)))))
    (first, first_across), (other, other_across) = drawn
    return first ^ other, first_across ^ other_across


def _packed(rows: Rows) -> int:
    """Return a code as an integer: a bit a module, 1 for dark, and a bit that is never set after each row."""
    return int("".join("".join("1" if cell else "0" for cell in row) + "0" for row in rows), 2)


def _penalty(whole: int, across: int, size: int) -> int:
    """Return the penalty of a code, given by rows and by columns."""
    parts = 100 * whole.bit_count() / size**2
    return _lines(whole, size) + _lines(across, size) + 3 * _squares(whole, size) + 10 * int(abs(parts - 50) / 5)


def _lines(whole: int, size: int) -> int:
    """Return what long runs and false finder patterns along the rows cost."""
    cells = _cells(size)
    same = ~(whole ^ whole >> 1) & cells & cells >> 1
    runs = same
    for step in range(1, _LONG_RUN - 1):
        runs &= same >> step
    ends = (runs & ~(runs << 1)).bit_count()
    colours = {True: whole, False: ~whole & cells}
    false_finders = 0
    for pattern in (_FALSE_FINDER, _FALSE_FINDER[::-1]):
        found = cells
        for step, dark in enumerate(pattern):
            found &= colours[dark] >> step
        false_finders += found.bit_count()
    return runs.bit_count() + 2 * ends + 40 * false_finders


def _squares(whole: int, size: int) -> int:
    """Return how many squares of two by two modules have one colour."""
    cells, row = _cells(size), size + 1
    beside = ~(whole ^ whole >> 1) & cells & cells >> 1
    below = ~(whole ^ whole >> row) & cells & cells >> row
    return (beside & below & below >> 1).bit_count()


@lru_cache(maxsize=40)
def _cells(size: int) -> int:
    """Return a set bit for each module."""
    return _packed([[True] * size] * size)
