# SPDX-License-Identifier: Apache-2.0
"""A page as seen from straight above, from one code that was read on it; runs in the worker only.

A code is a square of known size, and so its four corners tell how the whole page leans. Seen from the side, the modules
of a code farther away are smaller, and narrower one way than the other, until no enlargement of the picture as it
is gives a decoder enough of them. Here:

1. The picture is laid flat by the largest code that was read, once, at ``FEWEST_SAMPLES`` pixels a module or more.
2. As much of the surroundings is shown as can hold the page's other codes, and never more than ``MOST_PIXELS``.

It decodes nothing, and knows no layout: whatever else is on the page is found as in any picture.
"""

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Final

from breakglass_shamir.paper.reading.health import Corners, projection

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS: Final = 8_000_000
"""Of the page laid flat; all that is in reach of a code of version 17 at ``FEWEST_SAMPLES``."""

FEWEST_SAMPLES: Final = 5
"""Pixels per module of the code, each way; fewer where the page would have too many in all."""

REACH: Final = 240
"""Modules shown on every side of the code: the farthest of another code on a sheet is 190 away."""

_STEP: Final = 12
"""Modules from one place to the next where it is seen whether the picture shows the page there."""

Point = tuple[float, float]
_Window = tuple[int, int, int, int]
"""Left, upper, right and lower edge, modules from the code's upper left corner."""


def rectified(picture: "Image.Image", codes: Sequence[tuple[Corners, int]]) -> "Image.Image | None":
    """Return the page laid flat.

    Args:
        picture: the grey page.
        codes: outer corners of the codes that were read, in pixels of the picture, and their modules, each way.

    Returns:
        The page, or None: no code is there to go by.
    """
    from PIL import Image

    usable = [(corners, size) for corners, size in codes if is_convex(corners)]
    if not usable:
        return None
    corners, size = max(usable, key=lambda code: _area(code[0]))
    square = ((0.0, 0.0), (size, 0.0), (size, size), (0.0, size))
    left, upper, right, lower = _window(picture, projection(square, corners), size)
    across, down = right - left, lower - upper
    samples = max(FEWEST_SAMPLES, sqrt(_area(corners)) / size)
    samples = min(samples, sqrt(MOST_PIXELS / (across * down)))
    target = tuple(((x - left) * samples, (y - upper) * samples) for x, y in square)
    return picture.transform(
        (max(1, int(across * samples)), max(1, int(down * samples))),
        Image.Transform.PERSPECTIVE,
        projection(target, corners),
        Image.Resampling.BICUBIC,
        fillcolor=255,
    )


def is_convex(corners: Corners) -> bool:
    """Tell whether these can be the corners of a square seen from somewhere: no three on one line, none crossed."""
    turns = [_turn(*three) for three in zip(corners, corners[1:] + corners[:1], corners[2:] + corners[:2], strict=True)]
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)


def _window(picture: "Image.Image", seen_at: tuple[float, ...], size: int) -> _Window:
    """Return the part of the plane, around the code and within reach, that the picture shows."""
    a, b, c, d, e, f, g, h = seen_at
    places = range(-REACH, size + REACH + 1, _STEP)
    shown = [
        (x, y)
        for x in places
        for y in places
        if (below := g * x + h * y + 1) > 0
        and 0 <= a * x + b * y + c <= picture.width * below
        and 0 <= d * x + e * y + f <= picture.height * below
    ]
    across, down = [0, size, *(x for x, _ in shown)], [0, size, *(y for _, y in shown)]
    return min(across) - _STEP, min(down) - _STEP, max(across) + _STEP, max(down) + _STEP


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _area(corners: Corners) -> float:
    """Return the area of a quadrilateral, square pixels."""
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2
