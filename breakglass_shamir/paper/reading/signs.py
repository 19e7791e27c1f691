# SPDX-License-Identifier: Apache-2.0
"""What hints at a code that was not read, so that thorough looks are taken where they can pay.

Rules:

1. Finder patterns are looked for in a small, sharpened picture: noise and blur are gone, and so is nearly all the time.
   A page of text has none; a sheet that is damaged so far that it has none has nothing that could be read.
2. What belongs to a code that was read is no sign of another one: a page of whole codes that are not ours is done.

It decodes nothing.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from breakglass_shamir.paper.reading.finders import finders
from breakglass_shamir.paper.reading.health import Corners

if TYPE_CHECKING:
    from PIL import Image

_STEP: Final = 3
"""Pixels between the rows that are searched; a pattern's core is six pixels high in the small picture of a page."""

_MARGIN: Final = 0.06
"""Part of a code's size that is still counted as its own, around it."""


def count(small: "Image.Image", read: Iterable[Corners]) -> int:
    """Return how many finder patterns lie outside the codes that were read.

    Args:
        small: the page, grey, sharpened and reduced.
        read: outer corners of codes, in parts of the page's sides.
    """
    boxes = [_box(corners) for corners in read]
    return sum(
        not any(left <= x <= right and upper <= y <= lower for left, upper, right, lower in boxes)
        for x, y in ((found.x / small.width, found.y / small.height) for found in finders(small, _STEP))
    )


def _box(corners: Corners) -> tuple[float, float, float, float]:
    """Return the upright box around a code, and a little more."""
    across, down = [x for x, _ in corners], [y for _, y in corners]
    more = _MARGIN * max(max(across) - min(across), max(down) - min(down))
    return min(across) - more, min(down) - more, max(across) + more, max(down) + more
