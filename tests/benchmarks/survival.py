# SPDX-License-Identifier: Apache-2.0
"""Which codes of a damaged sheet are still within their error correction, whatever a decoder makes of them.

Rules:

1. The damage tells where each point of the page went, so the modules are looked at in their true places: no finder
   pattern, timing pattern or format has to be found.
2. A module is dark or light by its neighbourhood, from the middle half of it; nothing is sharpened or evened.
3. A code survives when no Reed-Solomon block of the printed symbol has more wrong codewords than it corrects. A
   share survives when one of its prints does, on its own; blocks of two prints are not put together here.

It decodes nothing but the clean page, from which it takes the places of the codes.
"""

from dataclasses import dataclass
from typing import Any, Final

import zxingcpp
from PIL import Image

from breakglass_shamir.paper.reading.health import Corners, budget_of, corners_of, judged, projection
from tests.unit.paper.reading.damage import Move, Point

SAMPLES: Final = 4
"""Pixels looked at per module, each way."""

_MIDDLE: Final = (0.25, 0.75)
"""The part of a module that is looked at."""

_QR_ONLY: Final = zxingcpp.barcode_formats_from_str("QRCode")


@dataclass(frozen=True, slots=True)
class Printed:
    """A code where it was printed.

    Attributes:
        text: what it says.
        extra: version, level and mask, as zxing-cpp names them.
        corners: outer corners in pixels of the clean page.
    """

    text: str
    extra: dict[str, str]
    corners: Corners

    @property
    def size(self) -> int:
        """Modules, each way."""
        return 17 + 4 * int(self.extra["Version"])


def printed_codes(front: Image.Image) -> list[Printed]:
    """Find the codes of a clean page."""
    found: list[Any] = list(zxingcpp.read_barcodes(front, formats=_QR_ONLY))
    return [Printed(code.text, dict(code.extra), corners_of(code.position)) for code in found]


def needed(code: Printed, picture: Image.Image, place: Move) -> float:
    """Return which part of its error correction the worst block needs; more than 1: the code does not survive.

    Args:
        code: as it was printed.
        picture: the damaged page.
        place: where each point of the clean page is in it.
    """
    size = code.size
    square = ((0.0, 0.0), (size, 0.0), (size, size), (0.0, size))
    a, b, c, d, e, f, g, h = projection(square, code.corners)

    def seen_at(x: float, y: float) -> Point:
        below = g * x + h * y + 1
        return place(((a * x + b * y + c) / below, (d * x + e * y + f) / below))

    low, high = _MIDDLE
    mesh = [
        (
            (column * SAMPLES, row * SAMPLES, (column + 1) * SAMPLES, (row + 1) * SAMPLES),
            (
                *seen_at(column + low, row + low),
                *seen_at(column + low, row + high),
                *seen_at(column + high, row + high),
                *seen_at(column + high, row + low),
            ),
        )
        for row in range(size)
        for column in range(size)
    ]
    side = size * SAMPLES
    middles = picture.transform((side, side), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR, fillcolor=255)
    return budget_of(judged(middles.reduce(SAMPLES)), code.text, code.extra)
