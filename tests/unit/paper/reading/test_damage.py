# SPDX-License-Identifier: Apache-2.0
"""What the benchmark calls a code that survives stands on knowing where each point of a damaged page went."""

from random import Random

import pytest
from PIL import Image, ImageDraw

from tests.unit.paper.reading.damage import DAMAGES, traced

DOTS = [(300, 420), (2200, 380), (1240, 1750), (420, 3100), (2150, 3050)]
GEOMETRIC = ["rotation", "perspective", "low resolution", "crumple", "photocopy", "motion", "phone", "webcam"]


def page() -> Image.Image:
    """Return a white page with large dark dots."""
    white = Image.new("L", (2480, 3508), 255)
    pen = ImageDraw.Draw(white)
    for x, y in DOTS:
        pen.ellipse((x - 60, y - 60, x + 60, y + 60), fill=0)
    return white


def middle_of_ink(picture: Image.Image, x: float, y: float, reach: float) -> tuple[float, float]:
    """Return the centre of what is darker than its surroundings around a place."""
    left, top = round(x - reach), round(y - reach)
    part = picture.crop((left, top, round(x + reach), round(y + reach)))
    levels = part.tobytes()
    low, high = min(levels), max(levels)
    ink = [(i % part.width, i // part.width) for i, level in enumerate(levels) if level < low + (high - low) * 0.25]
    across, down = (sum(point[axis] for point in ink) / len(ink) for axis in (0, 1))
    return left + across + 0.5, top + down + 0.5


@pytest.mark.parametrize("strength", [0, 1])
@pytest.mark.parametrize("damage", GEOMETRIC)
def test_the_traced_place_is_where_the_ink_is(damage: str, strength: int) -> None:
    clean = page()
    picture, place = traced(DAMAGES[damage], clean, Random(f"{damage} {strength}"), strength)
    assert picture.tobytes() == DAMAGES[damage](clean, Random(f"{damage} {strength}"), strength).tobytes()
    for x, y in DOTS:
        there = place((x, y))
        sides = [place((x + dx, y + dy)) for dx, dy in ((60, 0), (-60, 0), (0, 60), (0, -60))]
        radius = max(((a - there[0]) ** 2 + (b - there[1]) ** 2) ** 0.5 for a, b in sides)
        seen = middle_of_ink(picture, *there, 1.7 * radius + 1)
        off = ((seen[0] - there[0]) ** 2 + (seen[1] - there[1]) ** 2) ** 0.5
        assert off < 0.2 * radius
