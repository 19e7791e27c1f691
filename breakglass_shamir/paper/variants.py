# SPDX-License-Identifier: Apache-2.0
"""Cheap second looks at a picture in which no code was found (spec section 4, "Reading it back").

Rules:

1. In the order of yield per millisecond, each made from the plain picture, none from another variant.
2. Pillow only, 8 bits a pixel. A division is a subtraction of logarithms by look-up table, so that it stays in C.
3. A grey picture goes in, a grey picture of the same size or twice it comes out.

It decodes nothing.
"""

import math
from collections.abc import Callable, Iterator

from PIL import Image, ImageChops, ImageFilter

LARGEST_DOUBLED_PIXELS = 6_000_000
"""A larger picture, such as an A4 page at 300 dpi, has pixels enough and is not doubled."""

_TILES_ACROSS = 16
"""Tiles of the local contrast, over the picture's longer side."""

_CLIPPED_SHARE = 0.02
"""Share of a tile's pixels that may turn plain black, and as many plain white."""

_SMALLEST_RANGE = 24
"""Contrast below which a tile is noise on plain paper and is not stretched further."""

_LOG_STEPS = 255 / math.log(256)
"""8-bit steps per unit of natural logarithm."""

_TO_LOG = [round(_LOG_STEPS * math.log(value + 1)) for value in range(256)]
_FROM_LOG = [min(255, round(256 * math.exp((value - 255) / _LOG_STEPS))) for value in range(256)]

Variant = Callable[[Image.Image], Image.Image]


def variants(plain: Image.Image) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and picture of each variant, made only when asked for."""
    yield "unsharp", plain.filter(ImageFilter.UnsharpMask(radius=1.2, percent=400, threshold=0))
    yield "local contrast", stretched(plain)
    yield "even light", evened(plain)
    if plain.width * plain.height <= LARGEST_DOUBLED_PIXELS:
        double = plain.resize((2 * plain.width, 2 * plain.height), Image.Resampling.BICUBIC)
        yield "upscaled", double.filter(ImageFilter.GaussianBlur(1.2))
    yield "deblurred", plain.filter(ImageFilter.UnsharpMask(radius=4, percent=500, threshold=0))
    yield "denoised", plain.filter(ImageFilter.GaussianBlur(1.5))


def evened(plain: Image.Image) -> Image.Image:
    """Divide by the blurred background: uneven light and stains go, print stays."""
    small = plain.reduce(8) if min(plain.size) > 64 else plain
    light = small.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(6))
    return _divided(plain, light.resize(plain.size, Image.Resampling.BILINEAR))


def stretched(plain: Image.Image) -> Image.Image:
    """Stretch each neighbourhood between its own black and white, interpolated between tiles."""
    black, white = _tile_limits(plain)
    low = black.resize(plain.size, Image.Resampling.BICUBIC)
    high = white.resize(plain.size, Image.Resampling.BICUBIC)
    return _divided(ImageChops.subtract(plain, low), ImageChops.subtract(high, low))


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
