# SPDX-License-Identifier: Apache-2.0
"""Where codes must lie on one of our sheets, though no decoder sees them there; runs in the worker only.

A code is found by its three finder patterns. Where one is burnt, or lies under a pen's stroke, nothing is found, though
error correction would do. But the layout of a sheet is known (``sizes``). Here:

1. The page is put into millimetres (``planes``).
2. All codes but the second print of a share begin at the left margin. How far down, how large, and of which version an
   envelope code is, depends on the sheet. So a strip along the margin is searched for the patterns at a code's left
   edge: one finder pattern or two, and between them dark and light in turns.
3. The likeliest are looked at whole: finder, timing and alignment patterns, and the version's number. What is most like
   them wins.

It decodes nothing. A wrong place costs one decoding; error correction refuses it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final

from breakglass_shamir.paper.reading.health import Corners, function_patterns, projection
from breakglass_shamir.paper.reading.planes import SHARE_MODULES, Plane, rectangle
from breakglass_shamir.paper.sizes import ENVELOPE_MODULES_MM, FOOTER_MM, MARGIN_MM, SHARE_MODULE_MM

if TYPE_CHECKING:
    from PIL import Image

SHARE_SIZES: Final = ((SHARE_MODULES, SHARE_MODULE_MM),)
"""What a share code measures."""

ENVELOPE_MODULES: Final = range(17 + 4 * 10, 17 + 4 * 26, 4)
"""Modules that an envelope code can have, each way; versions 10 to 25."""

MOST_PLACES: Final = 24
"""Places that are looked at whole, the likeliest first."""

LIKE: Final = 0.35
"""Part of a finder pattern that must be seen along the strip."""

PATTERNED: Final = 0.4
"""Part of a code's patterns that must be seen for it to be a code; where other codes lie it is up to 0.3 by chance."""

_TOP_MM: Final = 35.0
"""Where a page's content begins, from the upper edge."""

_STEPS: Final = 3
"""Pixels of the strip per module."""

_FULL: Final = 24
"""Levels from the middle at which a module is dark or light for certain: ink that has run is not as dark as print."""

_MIDDLE: Final = 128
_FINDER: Final = 7
_TIMING: Final = 6
"""The column of the timing pattern; it begins and ends a module beside the finder patterns."""

_ASKEW: Final = 2
"""Pixels of the strip by which the lower finder pattern may be beside the upper one."""

_RIGHT_MOVED: Final = 2
"""Modules by which the upper right finder pattern may be beside its place."""


@dataclass(frozen=True, slots=True)
class _Left:
    """The left edge of what may be a code: mm from the page's corner, by what it seems likely, and its measures."""

    likely: float
    upper: tuple[float, float]
    lower: tuple[float, float]
    """Outer corners."""

    size: int
    module: float


def placed(
    picture: "Image.Image", plane: Plane, sizes: Sequence[tuple[int, float]], read: Sequence[Corners] = ()
) -> list[tuple[Corners, int]]:
    """Return where codes seem to be along the left margin, the likeliest first.

    Args:
        picture: grey, evenly lit and sharp.
        plane: how the page lies in it.
        sizes: modules each way, and side of a module in mm, that such a code may have.
        read: outer corners, in pixels, of codes that need not be found.

    Returns:
        Outer corners in pixels, and modules each way.
    """
    found: list[_Left] = []
    for module in sorted({module for _, module in sizes}):
        found += _along_margin(picture, plane, [size for size, own in sizes if own == module], module)
    likeliest = sorted(found, key=lambda one: -one.likely)[:MOST_PLACES]
    taken = [*read]
    kept = []
    for one in sorted((_best(picture, plane, one) for one in likeliest), key=lambda one: -one.score):
        if one.score >= PATTERNED and not any(_share_room(one.corners, corners) for corners in taken):
            taken.append(one.corners)
            kept.append((one.corners, one.size))
    return kept


def _share_room(one: Corners, other: Corners) -> bool:
    """Tell whether two codes cannot both be where they are."""
    first, second = ([sum(axis) / 4 for axis in zip(*four, strict=True)] for four in (one, other))
    return math.dist(first, second) < (math.dist(one[0], one[2]) + math.dist(other[0], other[2])) / 4


def envelope_sizes() -> list[tuple[int, float]]:
    """Return what an envelope code may measure."""
    return list(product(ENVELOPE_MODULES, ENVELOPE_MODULES_MM))


def _along_margin(picture: "Image.Image", plane: Plane, sizes: Sequence[int], module: float) -> Iterator[_Left]:
    """Yield the left edges that may be a code's whose modules have this side."""
    strip = _Strip.of(picture, plane, module)
    for (x, y), size in product(strip.finders(), sizes):
        far = (size - _FINDER) * _STEPS
        for top in (y, y - far):
            if not 0 <= top < strip.down - far - _FINDER * _STEPS:
                continue
            # Whichever of the two was found, the other is looked for around its place; it may be gone.
            other = strip.best(x, y + far if top == y else top)
            upper, lower = ((x, y), other[1]) if top == y else (other[1], (x, y))
            likely = strip.likeness(x, y) + max(0.0, other[0]) + strip.timing(upper, size)
            yield _Left(likely, strip.place(*upper), strip.place(lower[0], lower[1] + _FINDER * _STEPS), size, module)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a code may be."""

    score: float
    """How much of its patterns is seen, from -1 to 1."""

    corners: Corners
    size: int


@dataclass(frozen=True, slots=True)
class _Strip:
    """What lies along the left margin, ``_STEPS`` pixels a module.

    Attributes:
        dark: from -1 (light) to 1, by row.
        finder: how much what begins at a pixel is like a finder pattern, from -1 to 1.
    """

    plane: Plane
    module: float
    across: int
    down: int
    dark: list[float] = field(repr=False)
    finder: list[float] = field(repr=False)

    @classmethod
    def of(cls, picture: "Image.Image", plane: Plane, module: float) -> "_Strip":
        from PIL import Image, ImageFilter

        step = module / _STEPS
        wide, high = 2 * plane.reach + 9 * module, plane.paper[1] - _TOP_MM - FOOTER_MM
        across, down = round(wide / step), round(high / step)
        left = MARGIN_MM - plane.reach
        seen = plane.corners(left, _TOP_MM, left + across * step, _TOP_MM + down * step)
        strip = picture.transform(
            (across, down),
            Image.Transform.PERSPECTIVE,
            projection(rectangle(0, 0, across, down), seen),
            Image.Resampling.BILINEAR,
            fillcolor=255,
        )
        level = darkness(strip, _STEPS)
        means = [level.filter(ImageFilter.BoxBlur((side * _STEPS) // 2)).tobytes() for side in (7, 5, 3)]
        finder = [(49 * a - 50 * b + 18 * c) / 49 for a, b, c in zip(*means, strict=True)]
        offset = _MIDDLE * (49 - 50 + 18) / 49
        dark = [(value - _MIDDLE) / 127 for value in level.tobytes()]
        return cls(plane, module, across, down, dark, [(value - offset) / 127 for value in finder])

    def likeness(self, x: int, y: int) -> float:
        """Return how much what begins at a pixel is like a finder pattern; 0 outside."""
        half = _FINDER * _STEPS // 2
        row, column = y + half, x + half
        inside = 0 <= row < self.down and 0 <= column < self.across
        return self.finder[row * self.across + column] if inside else 0.0

    def finders(self) -> list[tuple[int, int]]:
        """Return where finder patterns seem to begin."""
        half = _FINDER * _STEPS // 2
        around = [(dy * self.across + dx) for dy, dx in product((-1, 0, 1), repeat=2) if dy or dx]
        places = []
        for row in range(half, self.down - half):
            start = row * self.across
            for at in range(start + half, start + self.across - half):
                if self.finder[at] >= LIKE and all(self.finder[at] >= self.finder[at + step] for step in around):
                    places.append((at - start - half, row - half))
        return places

    def best(self, x: int, y: int) -> tuple[float, tuple[int, int]]:
        """Return how much there is of a finder pattern around a place, and where."""
        near = range(-_ASKEW, _ASKEW + 1)
        tried = [(self.likeness(x + dx, y + dy), (x + dx, y + dy)) for dx, dy in product(near, repeat=2)]
        best, place = max(tried)
        return (best, place) if best >= LIKE else (0.0, (x, y))

    def timing(self, upper: tuple[int, int], size: int) -> float:
        """Return how much dark and light take turns between a code's left finder patterns, from -1 to 1."""
        column = upper[0] + _TIMING * _STEPS + _STEPS // 2
        if not 0 <= column < self.across:
            return 0.0
        first = (upper[1] + 8 * _STEPS + _STEPS // 2) * self.across + column
        modules = self.dark[first : first + (size - 16) * _STEPS * self.across : _STEPS * self.across]
        return (sum(modules[::2]) - sum(modules[1::2])) / (size - 16)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return a pixel's upper left corner, mm on the page."""
        step = self.module / _STEPS
        return MARGIN_MM - self.plane.reach + x * step, _TOP_MM + y * step


def _best(picture: "Image.Image", plane: Plane, one: _Left) -> _Placed:
    """Return where the code at a left edge is likeliest, by its upper right finder pattern if there is one."""
    corners = _corners(plane, one)
    code = _Whole.of(picture, corners, one.size)
    tried = [_Placed(code.patterned(), corners, one.size)]
    if (moved := code.right_moved()) is not None:
        side = one.size * _STEPS
        straight = rectangle(0, 0, side, side)
        seen_at = Plane(projection(straight, corners), (side, side), 0)
        again = (corners[0], seen_at.pixel(side + moved[0], moved[1]), seen_at.pixel(side + moved[0], side + moved[1]))
        bent = (*again, corners[3])
        tried.append(_Placed(_Whole.of(picture, bent, one.size).patterned(), bent, one.size))
    return max(tried, key=lambda placed: placed.score)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A code as its corners have it, ``_STEPS`` pixels a module, from 1 (light) to 255 (dark)."""

    size: int
    level: bytes = field(repr=False)

    @classmethod
    def of(cls, picture: "Image.Image", corners: Corners, size: int) -> "_Whole":
        from PIL import Image

        side = size * _STEPS
        straight = picture.transform(
            (side, side),
            Image.Transform.PERSPECTIVE,
            projection(rectangle(0, 0, side, side), corners),
            Image.Resampling.BILINEAR,
            fillcolor=255,
        )
        return cls(size, darkness(straight, _STEPS).tobytes())

    def patterned(self) -> float:
        """Return how much of a code's patterns is seen, from -1 to 1."""
        known = _patterns((self.size - 17) // 4)
        return sum(sign * self._dark(row, column) for row, column, sign in known) / len(known)

    def right_moved(self) -> tuple[int, int] | None:
        """Return by how many pixels the upper right finder pattern is moved; None where there is none."""
        rings = [
            (row, self.size - _FINDER + column, sign)
            for row, column, sign in _patterns(1)
            if row < _FINDER and column < _FINDER
        ]
        moves = range(-_RIGHT_MOVED * _STEPS, _RIGHT_MOVED * _STEPS + 1)

        def likeness(move: tuple[int, int]) -> float:
            return sum(sign * self._dark(row, column, move) for row, column, sign in rings) / len(rings)

        best = max(((x, y) for x in moves for y in moves), key=likeness)
        return best if likeness(best) >= LIKE else None

    def _dark(self, row: int, column: int, move: tuple[int, int] = (0, 0)) -> float:
        """Return how dark a module is, from -1 to 1; 0 outside."""
        side, half = self.size * _STEPS, _STEPS // 2
        x, y = column * _STEPS + half + move[0], row * _STEPS + half + move[1]
        return (self.level[y * side + x] - _MIDDLE) / 127 if 0 <= x < side and 0 <= y < side else 0.0


def darkness(picture: "Image.Image", module: int) -> "Image.Image":
    """Return how dark each place is against its neighbourhood: 128 is the middle, 255 dark for certain.

    Args:
        picture: grey.
        module: side of a module, pixels.
    """
    from PIL import ImageChops, ImageFilter

    own, around = picture.filter(ImageFilter.BoxBlur(module // 3)), picture.filter(ImageFilter.BoxBlur(4.5 * module))
    return ImageChops.subtract(around, own, 1, _MIDDLE).point(
        [_MIDDLE + max(-127, min(127, (value - _MIDDLE) * 127 // _FULL)) for value in range(256)]
    )


def _corners(plane: Plane, one: _Left) -> Corners:
    """Return the corners of the code at a left edge, in pixels."""
    (x, y), (u, v) = one.upper, one.lower
    down = (u - x, v - y)
    return tuple(
        plane.pixel(*place) for place in ((x, y), (x + down[1], y - down[0]), (u + down[1], v - down[0]), (u, v))
    )


@lru_cache(maxsize=32)
def _patterns(version: int) -> list[tuple[int, int, int]]:
    """Return row and column of each module that every code of a version has, and 1 for dark, -1 for light."""
    grid, size = function_patterns(version), 17 + 4 * version
    return [
        (row, column, 1 if dark else -1)
        for row, line in enumerate(grid)
        for column, dark in enumerate(line)
        if dark is not None and not _is_format(row, column, size)
    ]


def _is_format(row: int, column: int, size: int) -> bool:
    """Tell whether a module says level and mask, ISO/IEC 18004 section 7.9."""
    at = row if column == 8 else column
    return (row == 8 or column == 8) and at != _TIMING and (at <= 8 or at >= size - 8)
