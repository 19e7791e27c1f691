# SPDX-License-Identifier: Apache-2.0
"""One code that was read tells how the page leans; that undone, the others are read, too."""

import io
from collections.abc import Callable
from random import Random

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.health import Corners, projection
from breakglass_shamir.paper.reading.rectify import MOST_PIXELS, REACH, rectified
from breakglass_shamir.paper.reading.scan import Scanner
from tests.unit.paper.reading import damage
from tests.unit.paper.reading.damage import Point

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]

FORMATS = zxingcpp.barcode_formats_from_str("QRCodeModel2")
SIZE = 41
"""Modules of a share code."""

SQUARE: Corners = ((0, 0), (SIZE, 0), (SIZE, SIZE), (0, SIZE))
LEANING: Corners = ((310, 420), (366, 436), (377, 482), (322, 466))
"""As in a picture of 640 by 860 pixels, taken from the side."""

DOTS: tuple[Point, ...] = ((-60, -120), (180, -40), (100, 90), (-20, 60), (20, 20))
"""In modules from the code's upper left corner."""


def seen(place: Point, corners: Corners) -> Point:
    """Return where a place of the code's plane is in a picture in which the code has these corners."""
    a, b, c, d, e, f, g, h = projection(SQUARE, corners)
    x, y = place
    below = g * x + h * y + 1
    return (a * x + b * y + c) / below, (d * x + e * y + f) / below


def dotted(corners: Corners) -> Image.Image:
    """Return a picture of a page with dots."""
    large = Image.new("L", (4 * 640, 4 * 860), 255)
    for dot in DOTS:
        x, y = seen(dot, corners)
        ImageDraw.Draw(large).ellipse([4 * edge for edge in (x - 3, y - 3, x + 3, y + 3)], fill=0)
    return large.reduce(4)


def dots(picture: Image.Image) -> list[Point]:
    """Return the middles of what is dark, from top to bottom."""
    black = picture.point([255] * 128 + [0] * 128)
    found = []
    while box := black.getbbox():
        top = black.crop((0, box[1], black.width, box[1] + 1)).getbbox()
        assert top
        ImageDraw.floodfill(blob := black.copy(), (top[0], box[1]), 0)
        left, upper, right, lower = _changed(black, blob)
        found.append(((left + right) / 2, (upper + lower) / 2))
        black = blob
    return found


def _changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int]:
    from PIL import ImageChops

    box = ImageChops.difference(before, after).getbbox()
    assert box
    return box


@pytest.mark.parametrize("turn", range(4))
def test_what_is_beside_the_code_comes_to_lie_where_it_was_printed(turn: int) -> None:
    """Up to its scale and its edges, the page is as it was, whichever way up the code was seen."""
    corners = LEANING[turn:] + LEANING[:turn]
    flat = rectified(dotted(corners), [(corners, SIZE)])
    assert flat
    found, meant = dots(flat), sorted(DOTS, key=lambda dot: dot[1])
    assert len(found) == len(DOTS)
    scale = (found[-1][1] - found[0][1]) / (meant[-1][1] - meant[0][1])
    assert scale >= 4.9
    for (x, y), (across, down) in zip(found, meant, strict=True):
        assert x - found[0][0] == pytest.approx((across - meant[0][0]) * scale, abs=1.2 * scale)
        assert y - found[0][1] == pytest.approx((down - meant[0][1]) * scale, abs=1.2 * scale)


def test_the_largest_code_is_gone_by() -> None:
    """Its corners are the surest; a pixel beside it is the smallest part of a module."""
    picture = dotted(LEANING)
    small = tuple((x / 2 + 100, y / 2) for x, y in LEANING)
    best = rectified(picture, [(LEANING, SIZE)])
    assert best
    for codes in ([(LEANING, SIZE), (small, SIZE)], [(small, SIZE), (LEANING, SIZE)]):
        flat = rectified(picture, codes)
        assert flat
        assert flat.tobytes() == best.tobytes()


@pytest.mark.parametrize(
    "corners",
    [
        ((0, 0), (0, 0), (0, 0), (0, 0)),
        ((0, 0), (100, 0), (200, 0), (100, 0)),
        ((0, 0), (100, 0), (200, 0), (300, 0)),
        ((0, 0), (100, 100), (100, 0), (0, 100)),
        ((0, 0), (100, 0), (20, 20), (0, 100)),
    ],
)
def test_what_cannot_be_the_corners_of_a_code_tells_nothing(corners: Corners) -> None:
    assert rectified(dotted(LEANING), [(corners, SIZE)]) is None
    assert rectified(dotted(LEANING), []) is None


@pytest.mark.parametrize(
    ("corners", "size"),
    [
        (((0, 0), (3999, 0), (3999, 2999), (0, 2999)), 21),
        (((0, 0), (40, 0), (40, 40), (0, 40)), 177),
        (((5, 5), (9, 5), (9, 9), (5, 9)), 177),
        (((100, 100), (3900, 1000), (1000, 1010), (100, 200)), 41),
        (((3000, 10), (3990, 2000), (3980, 2100), (3000, 12)), 41),
    ],
)
def test_the_page_laid_flat_is_never_too_large(corners: Corners, size: int) -> None:
    """Whether the code fills the picture, is a speck in it, or leans so far that the page ends at the horizon."""
    flat = rectified(Image.new("L", (4000, 3000), 128), [(corners, size)])
    assert flat
    assert flat.width * flat.height <= MOST_PIXELS
    assert max(flat.size) <= 6 * max(4000, 2 * REACH + size)


@pytest.fixture
def front(make: Make, rasterise: Rasterise) -> Image.Image:
    return rasterise(render(make(), "a4"), damage.PRINT_DPI)[0]


@pytest.mark.parametrize(("seed", "first"), [(1, "flattened"), (49, "plain")])
def test_a_small_picture_taken_from_far_to_the_side_is_read(
    scanner: Scanner, make: Make, front: Image.Image, seed: int, first: str
) -> None:
    """All codes are nearly undamaged, but no enlargement lets the decoder find more than one of them."""
    sheet = make()
    picture = damage.perspective(front, Random(f"perspective {seed}"), 1)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    alone = {code.text[:5] for code in zxingcpp.read_barcodes(picture, formats=FORMATS)}
    assert len(alone) < 2
    read = {code.text: code.variant for page in scanner.read_bytes(buffer.getvalue(), "photo") for code in page.codes}
    assert read == {sheet.share_code: first, sheet.envelope_codes[0]: "rectified"}
