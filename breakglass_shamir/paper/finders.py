# SPDX-License-Identifier: Apache-2.0
"""Codes whose error correction would do, but one of whose three finder patterns is under a blot or a crease.

Rules:

1. Finder patterns are looked for along rows, by their run lengths 1:1:3:1:1, and confirmed along the column.
2. Three that form the corners of a square belong to a code that every decoder sees; they are set aside.
3. Of any two that are left, each place where the third could be gets a clean pattern painted; the two themselves
   are painted anew. A wrong guess costs one decoding; error correction refuses it.

It decodes nothing. A code with two patterns lost stays lost: its second print, or another sheet, has to do.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from PIL import Image, ImageDraw

MOST_FINDERS: Final = 48
"""Patterns that are told apart on one page; a sheet has nine, noise has any number."""

MOST_PAIRS: Final = 8
"""Pairs that are tried on one page."""

ROW_STEP: Final = 2
"""Pixels between the rows that are searched; the pattern's core is three modules high."""

NARROWEST, WIDEST = 30, 115
"""Modules between two finder patterns' centres, for versions 5 to 25: our codes and some room."""

TALLEST_CHANCE: Final = 1.6
"""Modules along which rows must agree: a pattern's core has three, what looks like one by chance has one."""

_RUNS = re.compile(rb"(?<!\x00)(?=(\x00+)(\xff+)(\x00+)(\xff+)(\x00+))")
"""Dark, light, dark, light, dark, from every place where a dark run begins."""

_RATIOS = (1, 1, 3, 1, 1)

_RINGS = ((9, 255), (7, 0), (5, 255), (3, 0))
"""Modules across and grey level of a pattern with its separator, from the outside in."""

_QUIET = 6
"""Modules kept around a code."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Finder:
    """A finder pattern: its centre and the side of a module, in pixels."""

    x: float
    y: float
    module: float

    def distance(self, other: "Finder") -> float:
        """Return the distance of the centres, pixels."""
        return math.hypot(self.x - other.x, self.y - other.y)

    def enlarged(self, scale: float) -> "Finder":
        """Return where it is in a picture so many times as large."""
        return Finder((self.x + 0.5) * scale - 0.5, (self.y + 0.5) * scale - 0.5, self.module * scale)


def repaired(picture: Image.Image, small: Image.Image) -> Iterator[Image.Image]:
    """Yield the surroundings of each possible code with its three finder patterns painted.

    Args:
        picture: grey and evenly lit.
        small: the same, or reduced; searched instead.
    """
    scale = picture.width / small.width
    alone = [finder.enlarged(scale) for finder in _without_complete(finders(small))]
    pairs = [(one, two) for index, one in enumerate(alone) for two in alone[index + 1 :] if _alike(one, two)]
    for one, two in pairs[:MOST_PAIRS]:
        for third in _thirds(one, two):
            if 0 <= third.x < picture.width and 0 <= third.y < picture.height:
                yield _painted(picture, one, two, third)


def finders(picture: Image.Image) -> list[Finder]:
    """Find what looks like a finder pattern along a row and along the column through its centre."""
    black = picture.point([0] * 128 + [255] * 128)
    rows, columns = black.tobytes(), black.transpose(Image.Transpose.TRANSPOSE).tobytes()
    found: dict[Finder, int] = {}
    for y in range(0, black.height, ROW_STEP):
        for x, across in _centres(rows[y * black.width : (y + 1) * black.width]):
            start = round(x) * black.height
            reach = round(6 * across)
            top = max(0, y - reach)
            for centre, down in _centres(columns[start + top : start + min(black.height, y + reach)]):
                candidate = Finder(x, top + centre, (across + down) / 2)
                if abs(candidate.y - y) < 2 * across and max(across, down) < 1.5 * min(across, down):
                    _count(found, candidate)
    return [finder for finder, hits in found.items() if hits * ROW_STEP >= TALLEST_CHANCE * finder.module]


def _centres(line: bytes) -> Iterator[tuple[float, float]]:
    """Yield centre and module of each run of 1:1:3:1:1 on a line."""
    for match in _RUNS.finditer(line):
        lengths = [match.end(group) - match.start(group) for group in range(1, 6)]
        module = sum(lengths) / 7
        if module >= 1.5 and all(
            abs(length - ratio * module) <= 0.5 * math.sqrt(ratio) * module
            for length, ratio in zip(lengths, _RATIOS, strict=True)
        ):
            yield (match.start(3) + match.end(3) - 1) / 2, module


def _count(found: dict[Finder, int], candidate: Finder) -> None:
    """Count a row for the pattern it crosses, or begin a new one."""
    known = next((known for known in found if candidate.distance(known) < 2 * known.module), candidate)
    if known in found or len(found) < MOST_FINDERS:
        found[known] = found.get(known, 0) + 1


def _alike(one: Finder, two: Finder) -> bool:
    """Tell whether two patterns can be of one code."""
    module = (one.module + two.module) / 2
    apart = one.distance(two) / module
    return abs(one.module - two.module) < 0.25 * module and NARROWEST <= apart <= WIDEST * math.sqrt(2)


def _without_complete(found: list[Finder]) -> list[Finder]:
    """Leave out the patterns of codes that have all three."""
    complete: set[Finder] = set()
    for corner, one, two in permutations(found, 3):
        right = Finder(corner.x - (one.y - corner.y), corner.y + (one.x - corner.x), corner.module)
        if _alike(corner, one) and _alike(corner, two) and two.distance(right) < 0.08 * corner.distance(one):
            complete |= {corner, one, two}
    return [finder for finder in found if finder not in complete]


def _thirds(one: Finder, two: Finder) -> Iterator[Finder]:
    """Yield where the third pattern can be: beside either, where the two are a side; else opposite."""
    module = (one.module + two.module) / 2
    dx, dy = two.x - one.x, two.y - one.y
    for side in (1, -1):
        if one.distance(two) <= WIDEST * module:
            for end in (one, two):
                yield Finder(end.x - side * dy, end.y + side * dx, module)
        yield Finder((one.x + two.x - side * dy) / 2, (one.y + two.y + side * dx) / 2, module)


def _painted(picture: Image.Image, one: Finder, two: Finder, third: Finder) -> Image.Image:
    """Crop to the square that the three span, and paint them."""
    corner, *ends = sorted((one, two, third), key=lambda f: max(f.distance(one), f.distance(two), f.distance(third)))
    opposite = (ends[0].x + ends[1].x - corner.x, ends[0].y + ends[1].y - corner.y)
    xs, ys = (sorted((one.x, two.x, third.x, opposite[0])), sorted((one.y, two.y, third.y, opposite[1])))
    margin = (3.5 + _QUIET) * third.module
    box = (round(xs[0] - margin), round(ys[0] - margin), round(xs[-1] + margin), round(ys[-1] + margin))
    crop = picture.crop((max(0, box[0]), max(0, box[1]), min(picture.width, box[2]), min(picture.height, box[3])))
    pen, length = ImageDraw.Draw(crop), corner.distance(ends[0])
    axis = ((ends[0].x - corner.x) / length, (ends[0].y - corner.y) / length)
    for finder in (one, two, third):
        _paint(pen, (finder.x - max(0, box[0]), finder.y - max(0, box[1])), third.module, axis)
    return crop


def _paint(pen: ImageDraw.ImageDraw, centre: Point, module: float, axis: Point) -> None:
    """Draw a finder pattern along an axis."""
    for modules, level in _RINGS:
        half = modules * module / 2
        along, beside = (axis[0] * half, axis[1] * half), (-axis[1] * half, axis[0] * half)
        corners = [
            (centre[0] + a * along[0] + b * beside[0], centre[1] + a * along[1] + b * beside[1])
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        pen.polygon(corners, fill=level)
