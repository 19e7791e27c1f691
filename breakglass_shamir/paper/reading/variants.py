# SPDX-License-Identifier: Apache-2.0
"""Cheap second looks at a picture in which no code was found (spec section 4, "Reading it back").

Rules:

1. In the order of yield per millisecond, measured on damaged sheets. Each picture is made when it is asked for.
2. Pillow only, 8 bits a pixel. A division is a subtraction of logarithms by look-up table, so that it stays in C.
3. A picture that evens or sharpens is also shown to the fixed or the global threshold: a tenth of the time of the
   local one, which the making has already paid for, and as much is found.
4. A picture larger than ``MOST_PIXELS`` is reduced first, so that a second look at a photograph takes no longer
   than at a scanned page.

It decodes nothing.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

from PIL import Image, ImageChops, ImageFilter

from breakglass_shamir.paper.reading.finders import SEARCHED_PIXELS, at_most, repaired
from breakglass_shamir.paper.reading.health import Corners
from breakglass_shamir.paper.reading.look import Look
from breakglass_shamir.paper.reading.rectify import rectified

MOST_PIXELS = 6_000_000
"""An A4 page at 250 dpi; more makes a second look slower, and reads no more."""

MOST_LOOKS = 19
"""Looks that there can be."""

LARGEST_DOUBLED_PIXELS = 3_000_000
"""A larger picture has pixels enough and is not doubled."""

LARGEST_QUADRUPLED_PIXELS = 800_000
"""A smaller one has fewer than two pixels a module, and is made four times as large each way."""

_REDUCED_PIXELS = 500_000
"""An A4 page at 75 dpi, two pixels a module: noise and blur are gone, and so is nearly all the time."""

_TILE, _TILE_STEP = 0.6, 0.4
"""Side of a tile and distance to the next, in parts of the picture's side."""

_TILES_ACROSS = 16
"""Tiles of the local contrast, over the picture's longer side."""

_CLIPPED_SHARE = 0.02
"""Share of a tile's pixels that may turn plain black, and as many plain white."""

_SMALLEST_RANGE = 24
"""Contrast below which a tile is noise on plain paper and is not stretched further."""

_INK_PART, _PAPER_PART = 0.02, 0.4
"""Parts of the pixels that are ink, and that are paper, on every sheet."""

_FADED = 60
"""Level of ink above which the contrast is stretched."""

_SMALLEST_CONTRAST = 10
"""Levels between ink and paper below which there is no print."""

_LOG_STEPS = 255 / math.log(256)
"""8-bit steps per unit of natural logarithm."""

_TO_LOG = [round(_LOG_STEPS * math.log(value + 1)) for value in range(256)]
_FROM_LOG = [min(255, round(256 * math.exp((value - 255) / _LOG_STEPS))) for value in range(256)]


def looks(plain: Image.Image, inkless: Image.Image | None = None) -> Iterator[Look]:
    """Yield the looks after the plain one.

    Args:
        plain: the page, grey.
        inkless: the same without coloured ink, if there is any.
    """
    plain = at_most(plain, MOST_PIXELS)
    if inkless is not None:
        yield Look("inkless", at_most(inkless, MOST_PIXELS), ("local", "fixed"))
    yield Look("threshold", plain, ("fixed", "global"))
    yield Look("reduced", reduced(plain), ("fixed",))
    yield Look("denoised", plain.filter(ImageFilter.GaussianBlur(2.2)), ("global", "local"))
    even = evened(plain)
    yield Look("even light", even, ("global",))
    yield Look("deblurred", deblurred(even), ("fixed", "global", "local"))
    yield Look("unsharp", _sharpened(plain, 1.2, 400), ("fixed", "local"))
    yield Look("grain", _sharpened(plain.filter(ImageFilter.GaussianBlur(1)), 3, 800), ("fixed", "local"))
    yield Look("local contrast", stretched(plain), ("global",))
    for code in repaired(even, at_most(even, SEARCHED_PIXELS)):
        yield Look("repaired", code, ("local", "fixed"), None)
    yield Look("placed", even if inkless is None else evened(at_most(inkless, MOST_PIXELS)), ())
    for part in product((0, _TILE_STEP), repeat=2):
        yield _tile(plain, *part)
    for times, most in ((2, LARGEST_DOUBLED_PIXELS), (4, LARGEST_QUADRUPLED_PIXELS)):
        if plain.width * plain.height <= most:
            large = plain.resize((times * plain.width, times * plain.height), Image.Resampling.BICUBIC)
            yield Look("upscaled", _sharpened(large.filter(ImageFilter.GaussianBlur(0.8)), 4, 400), ("fixed", "local"))


def reduced(plain: Image.Image) -> Image.Image:
    """Return a small, sharpened picture of the page."""
    return _sharpened(at_most(plain, _REDUCED_PIXELS), 1.5, 350)


def plainest(plain: Image.Image) -> Image.Image:
    """Return a small, sharpened picture of the page, evenly lit and with all the contrast there can be."""
    small = evened(at_most(plain, _REDUCED_PIXELS))
    histogram = small.histogram()
    pixels = sum(histogram)
    ink, paper = _percentile(histogram, pixels * _INK_PART), 255 - _percentile(histogram[::-1], pixels * _PAPER_PART)
    if ink > _FADED and paper - ink >= _SMALLEST_CONTRAST:
        small = small.point([min(255, max(0, (value - ink) * 255 // (paper - ink))) for value in range(256)])
    return _sharpened(small, 1.5, 350)


def laid_flat(plain: Image.Image, codes: Sequence[tuple[Corners, int]]) -> Iterator[Look]:
    """Yield the page as seen from straight above, if a code tells how it leans.

    Args:
        plain: the page.
        codes: outer corners of the codes that were read, in parts of the page's sides, and their modules, each way.
    """
    plain = at_most(plain, MOST_PIXELS)
    across, down = plain.size
    placed = [(tuple((x * across, y * down) for x, y in corners), size) for corners, size in codes]
    if (flat := rectified(plain, placed)) is not None:
        yield Look(
            "rectified", _sharpened(flat.filter(ImageFilter.GaussianBlur(1.5)), 3, 400), ("fixed", "local"), None
        )


def evened(plain: Image.Image) -> Image.Image:
    """Divide by the blurred background: uneven light and stains go, print stays."""
    small = plain.reduce(8) if min(plain.size) > 64 else plain
    light = small.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(6))
    return _divided(plain, light.resize(plain.size, Image.Resampling.BILINEAR))


def deblurred(even: Image.Image) -> Image.Image:
    """Make up for ink that has run, or a picture out of focus."""
    return _sharpened(even, 4, 400)


def stretched(plain: Image.Image) -> Image.Image:
    """Stretch each neighbourhood between its own black and white, interpolated between tiles."""
    black, white = _tile_limits(plain)
    low = black.resize(plain.size, Image.Resampling.BICUBIC)
    high = white.resize(plain.size, Image.Resampling.BICUBIC)
    return _divided(ImageChops.subtract(plain, low), ImageChops.subtract(high, low))


def _sharpened(picture: Image.Image, radius: float, percent: int) -> Image.Image:
    return picture.filter(ImageFilter.UnsharpMask(radius=radius, percent=percent, threshold=0))


def _tile(plain: Image.Image, x: float, y: float) -> Look:
    """Show one of four overlapping quarters: a code that is the largest thing in sight is found sooner."""
    across, down = plain.size
    box = (round(x * across), round(y * down), round((x + _TILE) * across), round((y + _TILE) * down))
    part = (box[0] / across, box[1] / down, box[2] / across, box[3] / down)
    return Look("tile", plain.crop(box), ("local",), part)


def _divided(upper: Image.Image, lower: Image.Image) -> Image.Image:
    """Return 255 * upper / lower, clipped to 255."""
    difference = ImageChops.subtract(upper.point(_TO_LOG), lower.point(_TO_LOG), 1.0, 255)
    return difference.point(_FROM_LOG)


def _tile_limits(plain: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Return one pixel per tile: what counts as black there, and what as white."""
    step = max(8, math.ceil(max(plain.size) / _TILES_ACROSS))
    size = (math.ceil(plain.width / step), math.ceil(plain.height / step))
    limits = [
        _limits(plain.crop((x, y, min(x + step, plain.width), min(y + step, plain.height))).histogram())
        for y in range(0, plain.height, step)
        for x in range(0, plain.width, step)
    ]
    black, white = Image.new("L", size), Image.new("L", size)
    black.putdata([low for low, _ in limits])
    white.putdata([high for _, high in limits])
    return black, white


def _limits(histogram: list[int]) -> tuple[int, int]:
    """Return the tile's low and high percentile, at least ``_SMALLEST_RANGE`` apart."""
    clipped = sum(histogram) * _CLIPPED_SHARE
    low = _percentile(histogram, clipped)
    high = 255 - _percentile(histogram[::-1], clipped)
    if high - low < _SMALLEST_RANGE:
        low = max(0, high - _SMALLEST_RANGE)
        high = max(high, low + _SMALLEST_RANGE)
    return low, high


def _percentile(histogram: list[int], count: float) -> int:
    """Return the first value up to which more than ``count`` pixels lie."""
    for value, pixels in enumerate(histogram):
        count -= pixels
        if count < 0:
            return value
    return 255
