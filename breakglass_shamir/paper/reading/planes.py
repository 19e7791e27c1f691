# SPDX-License-Identifier: Apache-2.0
"""How the millimetres of a sheet lie in a picture of it; runs in the worker only.

Rules:

1. Both share codes that were read hold the page best; where on it they are is known (``sizes``). Which of them is
   which, and whether the paper is A4 or Letter, is told by what fits.
2. One share code is too small to tell a perspective by; it is taken for a parallelogram.
3. Where none was read, the picture's edges have to do: a scanner shows the page from edge to edge.

It looks at no pixel.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Final

from breakglass_shamir.paper.reading.health import Corners, projection
from breakglass_shamir.paper.reading.rectify import is_convex
from breakglass_shamir.paper.sizes import PAPER_SIZES_MM, SHARE_MODULE_MM, Size, share_places

if TYPE_CHECKING:
    from PIL import Image

SHARE_MODULES: Final = 41
"""Modules of a share code, each way; version 6."""

NEAR_MM, FAR_MM = 2.5, 5.0
"""How far beside the margin a code may begin: where a share tells, and where the picture's edges have to do."""

_SAME_ASPECT: Final = 0.02
"""Part by which a picture's sides may be other than the paper's that it shows from edge to edge."""

_HIDDEN: Final = 0.15
"""Part of the picture's sides by which the page may reach beyond it."""


@dataclass(frozen=True, slots=True)
class Plane:
    """How a page's millimetres lie in the picture.

    Attributes:
        seen_at: the perspective that takes mm to pixels.
        paper: width and height, mm.
        reach: how far beside its place a code may be, mm.
    """

    seen_at: tuple[float, ...]
    paper: Size
    reach: float

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place of the page is in the picture."""
        a, b, c, d, e, f, g, h = self.seen_at
        below = g * x + h * y + 1
        return (a * x + b * y + c) / below, (d * x + e * y + f) / below

    def corners(self, left: float, upper: float, right: float, lower: float) -> Corners:
        """Return the corners of a rectangle of the page in the picture."""
        return tuple(self.pixel(x, y) for x, y in ((left, upper), (right, upper), (right, lower), (left, lower)))


def planes(picture: "Image.Image", shares: Sequence[Corners]) -> Iterator[Plane]:
    """Yield how the page may lie in the picture, the likeliest first.

    Args:
        picture: the page.
        shares: outer corners of the share codes that were read, in pixels.
    """
    if len(shares) > 1:
        tried = [pair for paper in PAPER_SIZES_MM.values() for pair in _by_both(paper, shares)]
        yield from (plane for _, plane in sorted(tried, key=lambda pair: pair[0])[:1])
        return
    across, down = picture.size
    for paper in PAPER_SIZES_MM.values():
        if shares:
            own = (projection(place, _parallel(shares[0])) for place in _share_squares(paper))
            yield from (
                plane for plane in (Plane(seen_at, paper, NEAR_MM) for seen_at in own) if _is_in(picture, plane)
            )
        elif abs(across * paper[1] / (down * paper[0]) - 1) < _SAME_ASPECT:
            seen_at = projection(rectangle(0, 0, *paper), rectangle(0, 0, across, down))
            yield Plane(seen_at, paper, FAR_MM)


def _by_both(paper: Size, shares: Sequence[Corners]) -> Iterator[tuple[float, Plane]]:
    """Yield how a page of this paper lies if these are its shares, and how far off their other corners then are."""
    upper, lower = _share_squares(paper)
    # The edges that are farthest apart hold the page best.
    known, others = (upper[0], lower[1], lower[2], upper[3]), (upper[1], lower[0], lower[3], upper[2])
    for first, second in permutations(shares[:2]):
        edges = (first[0], second[1], second[2], first[3])
        if not is_convex(edges):
            continue
        plane = Plane(projection(known, edges), paper, NEAR_MM)
        seen = (first[1], second[0], second[3], first[2])
        yield max(math.dist(plane.pixel(*place), at) for place, at in zip(others, seen, strict=True)), plane


def _share_squares(paper: Size) -> list[Corners]:
    """Return the outer corners of a sheet's share codes, mm."""
    side = SHARE_MODULES * SHARE_MODULE_MM
    return [rectangle(x, y, x + side, y + side) for x, y in share_places(paper, side)]


def _parallel(corners: Corners) -> Corners:
    """Return the parallelogram nearest to four corners: they are too near to each other to tell a perspective by."""
    (a, b), (c, d), (e, f), (g, h) = corners
    middle = (a + c + e + g) / 4, (b + d + f + h) / 4
    right, lower = ((c + e - a - g) / 4, (d + f - b - h) / 4), ((e + g - a - c) / 4, (f + h - b - d) / 4)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return tuple((middle[0] + u * right[0] + v * lower[0], middle[1] + u * right[1] + v * lower[1]) for u, v in signs)


def _is_in(picture: "Image.Image", plane: Plane) -> bool:
    """Tell whether the picture shows the page, or nearly all of it."""
    more = [_HIDDEN * side for side in picture.size]
    return all(
        -more[axis] <= place[axis] <= picture.size[axis] + more[axis]
        for place in plane.corners(0, 0, *plane.paper)
        for axis in (0, 1)
    )


def rectangle(left: float, upper: float, right: float, lower: float) -> Corners:
    """Return the corners of an upright rectangle."""
    return ((left, upper), (right, upper), (right, lower), (left, lower))
