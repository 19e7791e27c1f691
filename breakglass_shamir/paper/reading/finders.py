# SPDX-License-Identifier: Apache-2.0
"""Finder patterns: codes of which only they are seen, and codes that lack one of them.

Rules:

1. Finder patterns are looked for along rows, by their run lengths 1:1:3:1:1, and confirmed along the column.
2. Three that form the corners of a square belong to a code. A decoder sees it if the paper is flat and large enough
   in the picture; where it is not, ``flatten`` is told the place (``squares``).
3. Where one of a code's three is under a blot or a crease, error correction would do and is not asked. Of any two
   that are left, each place where the third could be gets a clean pattern painted; the two themselves are painted
   anew. A wrong guess costs one decoding; error correction refuses it.
4. Patterns of several codes can stand as those of one. Where dark and light take turns along both timing lines, there
   is a code, whatever else its patterns may belong to: such guesses come first.

It decodes nothing. Of a code with two patterns lost it says nothing: ``places`` knows where on a sheet it must be.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

from PIL import Image, ImageDraw

from breakglass_shamir.paper.reading.health import Corners

MOST_FINDERS: Final = 48
"""Patterns that are told apart on one page; a sheet has nine, noise has any number."""

MOST_PAIRS: Final = 8
"""Pairs that are tried on one page without anything to say for them."""

MOST_TIMED: Final = 24
"""Guesses that are tried on one page because their timing lines say so."""

TIMED: Final = 0.75
"""Part of the modules that are as they must be, along each timing line of a guess; by chance it is about a half."""

SEARCHED_PIXELS: Final = 2_000_000
"""An A4 page at 145 dpi: finder patterns are looked for in Python, and noise makes many of them."""

ROW_STEP: Final = 2
"""Pixels between the rows that are searched; the pattern's core is three modules high."""

NARROWEST, WIDEST = 30, 115
"""Modules between two finder patterns' centres, for versions 5 to 25: our codes and some room."""

TALLEST_CHANCE: Final = 1.6
"""Modules along which rows must agree: a pattern's core has three, what looks like one by chance has one."""

FLAT: Final = 0.08
BENT: Final = 0.12
SKEWED: Final = 0.65
"""Part of the side by which a pattern may be beside the square's corner: on flat paper, on bent paper, and seen from
so far to the side that a right angle becomes one of 57 degrees."""

_RUNS = re.compile(rb"(?<!\x00)(?=(\x00+)(\xff+)(\x00+)(\xff+)(\x00+))")
"""Dark, light, dark, light, dark, from every place where a dark run begins."""

_RATIOS = (1, 1, 3, 1, 1)

_RINGS = ((9, 255), (7, 0), (5, 255), (3, 0))
"""Modules across and grey level of a pattern with its separator, from the outside in."""

_QUIET = 6
"""Modules kept around a code."""

_STRAIGHT_PIXELS = 6
"""Side of a module where a code is drawn anew."""

_APART_OF_VERSION_0 = 10
"""Modules between two finder patterns' centres, but for 4 of each version."""

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


Guess = tuple[Finder, Finder, Finder]
"""Two patterns that were found, and a third that may have been lost."""


def repaired(picture: Image.Image, small: Image.Image) -> Iterator[Image.Image]:
    """Yield the surroundings of each possible code with its three finder patterns painted.

    Args:
        picture: grey and evenly lit.
        small: the same, or reduced; searched instead.
    """
    scale = picture.width / small.width
    found = [finder.enlarged(scale) for finder in finders(small)]
    timed = _timed(picture, [guess for guess in _guesses(picture, _pairs(found)) if _lacks_third(guess, found)])
    for guess, apart in timed:
        yield _straightened(picture, guess, apart)
    rest = _guesses(picture, _pairs(_without_complete(found))[:MOST_PAIRS])
    for guess in dict.fromkeys([*(guess for guess, _ in timed), *rest]):
        yield _painted(picture, *guess)


def at_most(picture: Image.Image, pixels: int) -> Image.Image:
    """Reduce a picture that has more pixels."""
    scale = math.sqrt(pixels / (picture.width * picture.height))
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BOX)


def squares(picture: Image.Image, slack: float) -> Iterator[tuple[Corners, int]]:
    """Yield where three finder patterns stand as those of one code do, the squarest first.

    Those of a page that is turned by more than 20 degrees, up to 70, are not found.

    Args:
        picture: grey and evenly lit.
        slack: ``BENT``, or ``SKEWED`` where the picture is known to be small.

    Yields:
        Outer corners, the fourth where a flat code would have it, and how many modules there seem to be each way.
    """
    small = at_most(picture, SEARCHED_PIXELS)
    found = [finder.enlarged(picture.width / small.width) for finder in finders(small)]
    for corner, right, lower in _triples(found, slack):
        size = 4 * round((_apart(corner, right, lower) + 7 - 17) / 4) + 17
        yield _outer(corner, right, lower, size - 7), size


def _pairs(found: list[Finder]) -> list[tuple[Finder, Finder]]:
    return [(one, two) for index, one in enumerate(found) for two in found[index + 1 :] if _alike(one, two)]


def _guesses(picture: Image.Image, pairs: list[tuple[Finder, Finder]]) -> Iterator[Guess]:
    """Yield two patterns each, and a place in the picture where the third could be."""
    for one, two in pairs:
        for third in _thirds(one, two):
            if 0 <= third.x < picture.width and 0 <= third.y < picture.height:
                yield one, two, third


def _lacks_third(guess: Guess, found: list[Finder]) -> bool:
    """Tell whether no pattern was found where a guess wants one: else nothing is lost there."""
    third = guess[2]
    return all(third.distance(known) > 2 * third.module for known in found)


def _timed(picture: Image.Image, guesses: list[Guess]) -> list[tuple[Guess, int]]:
    """Return the guesses for which timing lines speak, the best first, with how many modules they are apart."""
    levels = picture.load()
    scored = []
    for guess in guesses:
        corner, one, two = _corner_first(guess)
        near = round((2 * corner.distance(one) / (one.module + two.module) - _APART_OF_VERSION_0) / 4)
        for apart in (_APART_OF_VERSION_0 + 4 * version for version in range(max(1, near - 1), near + 2)):
            scored.append((_timing(levels, picture.size, (corner, one, two), apart), guess, apart))
    scored.sort(key=lambda one: -one[0])
    return [(guess, apart) for score, guess, apart in scored[:MOST_TIMED] if score >= TIMED]


def _timing(levels: Any, size: tuple[int, int], guess: Guess, apart: int) -> float:
    """Return the part of the worse timing line that takes turns, if the patterns are so many modules apart."""
    corner, one, two = guess
    lines = []
    for end, other in ((one, two), (two, one)):
        u = ((end.x - corner.x) / apart, (end.y - corner.y) / apart)
        v = ((other.x - corner.x) / apart, (other.y - corner.y) / apart)
        x, y = corner.x + 3 * v[0], corner.y + 3 * v[1]
        lines.append([(round(x + step * u[0]), round(y + step * u[1])) for step in range(5, apart - 4)])
    if not all(0 <= x < size[0] and 0 <= y < size[1] for line in lines for x, y in line):
        return 0.0
    greys = [[levels[place] for place in line] for line in lines]
    middle = sum(map(sum, greys)) / sum(map(len, greys))
    right = [sum((grey < middle) == (step % 2 == 1) for step, grey in enumerate(line, 5)) for line in greys]
    return float(min(right) / len(lines[0]))


def _corner_first(guess: Guess) -> Guess:
    """Order three patterns: first the one at the right angle."""
    one, two, three = sorted(guess, key=lambda finder: max(finder.distance(other) for other in guess))
    return one, two, three


def _straightened(picture: Image.Image, guess: Guess, apart: int) -> Image.Image:
    """Draw a code upright and alone on white paper, its three patterns painted."""
    corner, right, lower = _corner_first(guess)
    if (right.x - corner.x) * (lower.y - corner.y) < (right.y - corner.y) * (lower.x - corner.x):
        right, lower = lower, right
    u = ((right.x - corner.x) / apart, (right.y - corner.y) / apart)
    v = ((lower.x - corner.x) / apart, (lower.y - corner.y) / apart)
    # The first module's outer corner is 3.5 modules before the pattern's centre, which is half a pixel on.
    x, y = (corner.x + 0.5 - 3.5 * (u[0] + v[0]), corner.y + 0.5 - 3.5 * (u[1] + v[1]))
    turn = (
        *(part / _STRAIGHT_PIXELS for part in (u[0], v[0])),
        x,
        *(part / _STRAIGHT_PIXELS for part in (u[1], v[1])),
        y,
    )
    side = (apart + 7) * _STRAIGHT_PIXELS
    straight = picture.transform((side, side), Image.Transform.AFFINE, turn, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(straight)
    for across, down in ((3.5, 3.5), (3.5 + apart, 3.5), (3.5, 3.5 + apart)):
        centre = (across * _STRAIGHT_PIXELS - 0.5, down * _STRAIGHT_PIXELS - 0.5)
        _paint(pen, centre, _STRAIGHT_PIXELS, (1.0, 0.0))
    margin = _QUIET * _STRAIGHT_PIXELS
    alone = Image.new("L", (side + 2 * margin, side + 2 * margin), 255)
    alone.paste(straight, (margin, margin))
    return alone


def finders(picture: Image.Image, step: int = ROW_STEP) -> list[Finder]:
    """Find what looks like a finder pattern along a row and along the column through its centre.

    Args:
        picture: grey and evenly lit.
        step: pixels between the rows that are searched.
    """
    black = picture.point([0] * 128 + [255] * 128)
    rows, columns = black.tobytes(), black.transpose(Image.Transpose.TRANSPOSE).tobytes()
    found: dict[Finder, int] = {}
    for y in range(0, black.height, step):
        for x, across in _centres(rows[y * black.width : (y + 1) * black.width]):
            start = round(x) * black.height
            reach = round(6 * across)
            top = max(0, y - reach)
            for centre, down in _centres(columns[start + top : start + min(black.height, y + reach)]):
                candidate = Finder(x, top + centre, (across + down) / 2)
                if abs(candidate.y - y) < 2 * across and max(across, down) < 1.5 * min(across, down):
                    _count(found, candidate)
    return [finder for finder, hits in found.items() if hits * step >= TALLEST_CHANCE * finder.module]


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
    """Leave out the patterns of codes that have all three; none is of two codes, and the squarest is one."""
    complete: set[Finder] = set()
    for three in _triples(found, FLAT):
        if complete.isdisjoint(three):
            complete.update(three)
    return [finder for finder in found if finder not in complete]


def _triples(found: list[Finder], slack: float) -> list[tuple[Finder, Finder, Finder]]:
    """Return the patterns at the corner, to its right and below it of what may be one code, the squarest first."""
    triples = []
    for corner, one, two in permutations(found, 3):
        right = Finder(corner.x - (one.y - corner.y), corner.y + (one.x - corner.x), corner.module)
        askew = two.distance(right)
        if _alike(corner, one) and _alike(corner, two) and askew < slack * corner.distance(one):
            triples.append((askew / corner.distance(one), (corner, one, two)))
    return [three for _, three in sorted(triples, key=lambda triple: triple[0])]


def _apart(corner: Finder, right: Finder, lower: Finder) -> float:
    """Return how many modules the patterns are apart.

    A module was measured along a row and along a column, which cross a code that is turned or skewed at a slant: so
    the distance is measured in the same way.
    """
    a, b = right.x - corner.x, right.y - corner.y
    c, d = lower.x - corner.x, lower.y - corner.y
    area = abs(a * d - b * c)
    along, down = area / max(abs(b), abs(d), 1), area / max(abs(a), abs(c), 1)
    return (along + down) / 2 / ((corner.module + right.module + lower.module) / 3)


def _outer(corner: Finder, right: Finder, lower: Finder, apart: int) -> Corners:
    """Return the outer corners of a code whose patterns are so many modules apart."""
    u = ((right.x - corner.x) / apart, (right.y - corner.y) / apart)
    v = ((lower.x - corner.x) / apart, (lower.y - corner.y) / apart)
    first, last = -3.5, apart + 3.5
    return tuple(
        (corner.x + 0.5 + across * u[0] + down * v[0], corner.y + 0.5 + across * u[1] + down * v[1])
        for across, down in ((first, first), (last, first), (last, last), (first, last))
    )


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
    corner, *ends = _corner_first((one, two, third))
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
