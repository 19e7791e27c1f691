# SPDX-License-Identifier: Apache-2.0
"""Codes on paper that is no longer flat: crumpled, curled, cockled by damp; runs in the worker only.

A decoder lays one plane through a code's corners, or a few through its alignment patterns. Where the paper between
them is bent by a module, it looks beside the modules, and error correction is used up although nothing is damaged.
Here:

1. The code is straightened by its corners first; then windows of a few modules are each moved to where their
   modules are plainest, that is, where what lies under the middles of the modules is most black or most white.
2. It begins at the finder patterns, whose looks are known, and grows from window to window, the plainest first, each
   from where its neighbour lies: so a window cannot slip by a whole module.
3. What comes of it is drawn as a clean code and shown to the decoder like any other picture; error correction
   decides, and what it needed is the health.

The work per code depends on its modules only, and not on the picture. It decodes nothing.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, product
from math import hypot
from typing import TYPE_CHECKING, Any, Final

from breakglass_shamir.paper.reading.finders import BENT, squares
from breakglass_shamir.paper.reading.health import Corners, corners_of, projection

if TYPE_CHECKING:
    from PIL import Image

MOST_MODULES: Final = 25_000
"""Modules that are flattened in one picture, which takes a second: a sheet has 11000, and some are found twice."""

SAMPLES: Final = 6
"""Pixels per module, each way, of the straightened code."""

WINDOW: Final = 5
"""Modules across of what is moved in one piece: of fewer, noise decides; more are bent themselves."""

STEP: Final = 2
"""Modules from one window to the next."""

SMALLEST, LARGEST = 37, 117
"""Modules across, for versions 5 to 25: our codes and some room."""

_MARGIN: Final = 5
"""Modules around the corners into which a code may bulge."""

_FARTHEST: Final = (_MARGIN - 1) * SAMPLES
"""Pixels by which a window may be moved."""

_COARSE: Final = [(float(x), float(y)) for x, y in product((-2, 0, 2), repeat=2)]
_FINE: Final = [(float(x), float(y)) for x, y in product((-1, 0, 1), repeat=2)]
_AROUND: Final = [(float(x), float(y)) for x, y in product(range(-15, 16), repeat=2)]
"""Pixels to try around a neighbour's move, around the best of those, and around a finder pattern's nominal place."""

_RELUCTANCE: Final = 0.005
"""Part of its plainness that a move loses per squared pixel away from the neighbour's."""

_DRAWN: Final = 4
"""Pixels per module of the clean code."""

_QUIET: Final = 4
"""Modules around it."""

_MIDDLE: Final = 128
"""The level at which a module is neither dark nor light."""

_FINDER: Final = ("#######", "#     #", "# ### #", "# ### #", "# ### #", "#     #", "#######")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A code as its modules are seen.

    Attributes:
        clean: in black and white.
        grey: the same, each module as dark as it is seen.
        corners: outer corners in the picture, in pixels.
        size: modules, each way.
    """

    clean: "Image.Image"
    grey: "Image.Image"
    corners: Corners
    size: int

    @property
    def modules(self) -> "Image.Image":
        """The grey drawing without a margin, one pixel a module."""
        edge, side = _QUIET * _DRAWN, (_QUIET + self.size) * _DRAWN
        return self.grey.crop((edge, edge, side, side)).reduce(_DRAWN)


_Move = tuple[float, float]
_Moves = list[list[_Move]]
"""Of each window, by row and column: pixels to the right and down."""


def flattened(errors: Sequence[Any], picture: "Image.Image", slack: float | None = BENT) -> Iterator[Drawing]:
    """Yield a clean drawing of each code as its modules are seen in the picture, and where it is.

    Args:
        errors: zxing-cpp's barcodes whose error correction failed.
        picture: the grey picture in which they were found, evenly lit.
        slack: how askew a code may be of which only the finder patterns are found (``finders.squares``); None where
            they are not looked for.
    """
    taken: list[tuple[Corners, int]] = []
    left = MOST_MODULES
    for corners, size in chain(() if slack is None else squares(picture, slack), _given_up(errors)):
        if not SMALLEST <= size <= LARGEST or size**2 > left or not _is_squarish(corners):
            continue
        module = _sides(corners)[0] / size
        if all(size != known or _apart(corners, other) > module for other, known in taken):
            taken.append((corners, size))
            left -= size**2
            yield drawn(picture, corners, size)


def drawn(picture: "Image.Image", corners: Corners, size: int) -> Drawing:
    """Draw a code as its modules are seen.

    Args:
        picture: grey, evenly lit.
        corners: about where its outer corners are, in pixels.
        size: modules, each way.
    """
    return Drawing(*_drawn(_Straight.of(picture, corners, size)), corners, size)


def _given_up(errors: Sequence[Any]) -> Iterator[tuple[Corners, int]]:
    """Yield corners and modules of what the decoder found and could not correct, where it tells them."""
    for found in errors:
        told = str((found.extra or {}).get("Version", ""))
        if told.isdigit():
            yield corners_of(found.position), 17 + 4 * int(told)


@dataclass(frozen=True, slots=True)
class _Straight:
    """A code as its corners have it: of each pixel, the level of a module's middle around it."""

    size: int
    width: int
    level: bytes
    """Against the neighbourhood: less than ``_MIDDLE`` is dark."""

    plain: bytes
    """How far from the middle that is."""

    @classmethod
    def of(cls, picture: "Image.Image", corners: Corners, size: int) -> "_Straight":
        from PIL import Image, ImageChops, ImageFilter

        low, high, width = _MARGIN * SAMPLES, (_MARGIN + size) * SAMPLES, (2 * _MARGIN + size) * SAMPLES
        square = ((low, low), (high, low), (high, high), (low, high))
        grey = picture.transform(
            (width, width), Image.Transform.PERSPECTIVE, projection(square, corners), Image.Resampling.BILINEAR
        )
        own, around = grey.filter(ImageFilter.BoxBlur(1.5)), grey.filter(ImageFilter.BoxBlur(4.5 * SAMPLES))
        level = ImageChops.subtract(own, around, 1, _MIDDLE)
        plain = level.point([abs(value - _MIDDLE) for value in range(256)])
        return cls(size, width, level.tobytes(), plain.tobytes())

    def place(self, row: int, column: int, move: _Move) -> int:
        """Return the pixel under a module's middle."""
        across, down = (_MARGIN + column) * SAMPLES + SAMPLES // 2, (_MARGIN + row) * SAMPLES + SAMPLES // 2
        return (down + round(move[1])) * self.width + across + round(move[0])

    def plainness(self, row: int, column: int, move: _Move) -> int:
        """Return how plain the modules of a window are when it is moved."""
        start, line = self.place(row, column, move), SAMPLES * self.width
        return sum(
            sum(self.plain[at : at + WINDOW * SAMPLES : SAMPLES]) for at in range(start, start + WINDOW * line, line)
        )

    def likeness(self, row: int, column: int, move: _Move) -> int:
        """Return how much what begins at a module looks like a finder pattern when it is moved."""
        start, line = self.place(row, column, move), SAMPLES * self.width
        return sum(
            (_MIDDLE - self.level[start + y * line + x * SAMPLES]) * (1 if mark == "#" else -1)
            for y, marks in enumerate(_FINDER)
            for x, mark in enumerate(marks)
        )

    def best(self, row: int, column: int, near: _Move) -> tuple[int, _Move]:
        """Return the plainest move of a window near a move, and how plain it is."""
        start = near

        def worth(move: _Move) -> float:
            far = (move[0] - start[0]) ** 2 + (move[1] - start[1]) ** 2
            return self.plainness(row, column, move) * (1 - _RELUCTANCE * far)

        for steps in (_COARSE, _FINE):
            tried = [(near[0] + dx, near[1] + dy) for dx, dy in steps]
            near = max((move for move in tried if max(map(abs, move)) <= _FARTHEST), key=worth, default=start)
        return self.plainness(row, column, near), near


def _drawn(straight: _Straight) -> tuple["Image.Image", "Image.Image"]:
    """Draw the code, clean and grey."""
    from PIL import Image

    places = _places(straight.size)
    moves = _smooth(_grown(straight, places))
    moves = _smooth(
        [
            [straight.best(row, column, moves[i][j])[1] for j, column in enumerate(places)]
            for i, row in enumerate(places)
        ]
    )
    shares = [_between(module, places) for module in range(straight.size)]
    side = straight.size + 2 * _QUIET
    small = Image.new("L", (side, side), 255)
    for row, column in product(range(straight.size), repeat=2):
        level = straight.level[straight.place(row, column, _at(moves, shares[row], shares[column]))]
        small.putpixel((column + _QUIET, row + _QUIET), level)
    clean = small.point([0 if level < _MIDDLE else 255 for level in range(256)])
    large = (side * _DRAWN, side * _DRAWN)
    return clean.resize(large, Image.Resampling.NEAREST), small.resize(large, Image.Resampling.NEAREST)


def _places(size: int) -> list[int]:
    """Return the first module of each window along a side; the last window ends with the code."""
    return sorted({*range(0, size - WINDOW, STEP), size - WINDOW})


def _grown(straight: _Straight, places: list[int]) -> _Moves:
    """Move every window, from the finder patterns onwards, the plainest first."""
    count = len(places)
    fixed: dict[tuple[int, int], _Move] = {}
    waiting: list[tuple[int, tuple[int, int], _Move]] = []
    for i, j in ((0, 0), (0, count - 1), (count - 1, 0)):
        row, column = ((straight.size - len(_FINDER) if index else 0) for index in (i, j))
        move = max(_AROUND, key=lambda move: straight.likeness(row, column, move))
        heapq.heappush(waiting, (-(1 << 30), (i, j), move))
    while waiting:
        _, (i, j), move = heapq.heappop(waiting)
        if (i, j) in fixed:
            continue
        fixed[i, j] = move
        for other in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if other not in fixed and all(0 <= index < count for index in other):
                plain, near = straight.best(places[other[0]], places[other[1]], move)
                heapq.heappush(waiting, (-plain, other, near))
    return [[fixed[i, j] for j in range(count)] for i in range(count)]


def _smooth(moves: _Moves) -> _Moves:
    """Take the mean of each window's move and its neighbours'."""
    last = len(moves) - 1

    def mean(i: int, j: int) -> _Move:
        around = [
            moves[y][x]
            for y in range(max(0, i - 1), min(last, i + 1) + 1)
            for x in range(max(0, j - 1), min(last, j + 1) + 1)
        ]
        own = 2 * len(around)
        return (
            (sum(x for x, _ in around) + len(around) * moves[i][j][0]) / own,
            (sum(y for _, y in around) + len(around) * moves[i][j][1]) / own,
        )

    return [[mean(i, j) for j in range(last + 1)] for i in range(last + 1)]


def _between(module: int, places: list[int]) -> tuple[int, float]:
    """Return the window before a module, by the windows' middles, and the part of the way to the next."""
    index = min(max(bisect_right(places, module - WINDOW // 2) - 1, 0), len(places) - 2)
    first = places[index] + WINDOW // 2
    return index, (module - first) / (places[index + 1] - places[index])


def _at(moves: _Moves, row: tuple[int, float], column: tuple[int, float]) -> _Move:
    """Return the move between four windows, or beyond the middles of the outer ones."""
    (i, v), (j, u) = row, column
    parts = (
        ((1 - v) * (1 - u), moves[i][j]),
        ((1 - v) * u, moves[i][j + 1]),
        (v * (1 - u), moves[i + 1][j]),
        (v * u, moves[i + 1][j + 1]),
    )
    across, down = (sum(part * move[axis] for part, move in parts) for axis in (0, 1))
    return max(-_FARTHEST, min(across, _FARTHEST)), max(-_FARTHEST, min(down, _FARTHEST))


def _sides(corners: Corners) -> list[float]:
    return [hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise((*corners, corners[0]))]


def _is_squarish(corners: Corners) -> bool:
    """Tell whether these can be the corners of a code: noise gives any four, even four on one line."""
    sides = _sides(corners)
    turns = [
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        for a, b, c in zip(corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True)
    ]
    square = min(sides) ** 2 / 2
    bends_one_way = all(turn > square for turn in turns) or all(turn < -square for turn in turns)
    return min(sides) > SMALLEST and max(sides) < 2 * min(sides) and bends_one_way


def _apart(one: Corners, other: Corners) -> float:
    """Return how far the farthest corner is from its fellow."""
    return max(hypot(a[0] - b[0], a[1] - b[1]) for a, b in zip(one, other, strict=True))
