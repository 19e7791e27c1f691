# SPDX-License-Identifier: Apache-2.0
"""One look at a page: a picture made of it, and how the decoder is to take it.

It makes no picture (``variants`` does) and decodes none (``worker`` does).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from breakglass_shamir.paper.reading.health import Corners

if TYPE_CHECKING:
    from PIL import Image

Threshold = Literal["local", "global", "fixed"]
"""How the decoder tells dark from light: by the neighbourhood, by one histogram, or at half of the range."""

Part = tuple[float, float, float, float]
"""Left, upper, right and lower edge, in parts of the page's sides."""

WHOLE: Final[Part] = (0.0, 0.0, 1.0, 1.0)

Tell = Callable[[int, int], None]
"""Hears how many of how many steps are done."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a thorough look is for.

    Attributes:
        share: whether a share code is wanted.
        envelope: whether an envelope code is.
        seconds: processor time after which no further look is begun.
    """

    share: bool
    envelope: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """One picture to decode.

    Attributes:
        variant: what was done to the page (``decoder.VARIANTS``).
        picture: grey.
        thresholds: those under which it is decoded, in this order.
        part: which part of the page it shows; None where that is not known.
    """

    variant: str
    picture: "Image.Image"
    thresholds: tuple[Threshold, ...] = ("local",)
    part: Part | None = WHOLE

    def on_page(self, corners: Corners) -> Corners | None:
        """Return places in the picture, in pixels, as places on the page, in parts of its sides."""
        if self.part is None:
            return None
        left, upper, right, lower = self.part
        across, down = (right - left) / self.picture.width, (lower - upper) / self.picture.height
        return tuple((left + x * across, upper + y * down) for x, y in corners)
