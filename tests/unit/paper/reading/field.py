# SPDX-License-Identifier: Apache-2.0
"""What fire, water, pens and telephones do to a sheet in the field, in colour and seeded.

Rules:

1. A function takes the page as printed (grey, ``damage.PRINT_DPI``), a source of chance and a strength, 0 or 1, and
   returns the picture that a scanner or telephone would deliver, in colour unless the scanner gives none.
2. Strength 0 is bad; strength 1 is where some sheets have nothing left that could be read.
3. Pillow only.

It decodes nothing and encodes no file.
"""

from collections.abc import Callable
from math import cos, pi, sin
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tests.unit.paper.reading import damage

Field = Callable[[Image.Image, Random, int], Image.Image]

_PENS: Final = ((25, 45, 150), (15, 90, 190), (190, 25, 35), (20, 120, 60), (35, 35, 40))
"""Blue twice, red, green, black."""

_BROWN: Final = (214, 178, 120)
_CHARRED: Final = (24, 18, 14)


def burn(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Holes and edges charred, what is around them scorched brown; then scanned."""
    scan = damage.at_dpi(page, damage.SCAN_DPI).convert("RGB")
    deep, scorched = Image.new("L", scan.size, 0), Image.new("L", scan.size, 0)
    for _ in range(chance.randint(*((2, 4), (4, 7))[strength])):
        place = (chance.uniform(0, scan.width), chance.uniform(0, scan.height))
        radius = chance.uniform(*((50, 150), (80, 210))[strength])
        ImageDraw.Draw(scorched).polygon(_ragged(place, radius * 1.7, chance), fill=255)
        ImageDraw.Draw(deep).polygon(_ragged(place, radius, chance), fill=255)
    scorch = ImageChops.multiply(scan, Image.new("RGB", scan.size, _BROWN))
    scan = Image.composite(scorch, scan, scorched.filter(ImageFilter.GaussianBlur(22)))
    scan = Image.composite(Image.new("RGB", scan.size, _CHARRED), scan, deep.filter(ImageFilter.GaussianBlur(5)))
    return _grained(scan, chance, 10)


def pen(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Crossed out and scribbled over, by ballpoint and by felt pen; then scanned."""
    scan = damage.at_dpi(page, damage.SCAN_DPI).convert("RGB")
    ink = Image.new("RGB", scan.size, (255, 255, 255))
    for _ in range(chance.randint(*((4, 7), (8, 14))[strength])):
        colour = chance.choice(_PENS)
        width = chance.choice(((5, 9, 22), (9, 22, 34))[strength])
        place, reach = (chance.uniform(0, scan.width), chance.uniform(0, scan.height)), chance.uniform(150, 420)
        line = [(place[0] + chance.gauss(0, reach), place[1] + chance.gauss(0, reach * 0.5)) for _ in range(9)]
        ImageDraw.Draw(ink).line(line, fill=colour, width=width, joint="curve")
    return _grained(ImageChops.multiply(scan, ink.filter(ImageFilter.GaussianBlur(1))), chance, 8)


def crumple(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Balled up hard, smoothed out, and photographed by hand."""
    large = damage.resized(page, (page.width * 3 // 4, page.height * 3 // 4))
    cell, lean = (120, 90)[strength], (8, 9)[strength]
    bent = damage.bend(damage.bend(large, chance, cell, lean), chance, 3 * cell, 2 * lean)
    facets = (bent.width // cell + 2, bent.height // cell + 2)
    light = Image.frombytes(
        "L", facets, bytes(chance.randint((110, 70)[strength], 255) for _ in range(facets[0] * facets[1]))
    )
    sharp = light.resize(bent.size, Image.Resampling.NEAREST).filter(ImageFilter.GaussianBlur(6))
    soft = light.resize(bent.size, Image.Resampling.BILINEAR)
    shaded = ImageChops.multiply(bent, Image.blend(sharp, soft, 0.5))
    photo = damage.tilted(shaded, chance, 0.05, (2250, 3000)).filter(ImageFilter.GaussianBlur(1.2))
    return damage.jpeg(damage.grain(photo, chance, 14), 60).convert("RGB")


def water(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Wet: ink run, the sheet cockled, brown tide lines; then photographed."""
    scan = damage.at_dpi(page, damage.SCAN_DPI)
    wet = Image.new("L", scan.size, 0)
    pools = [
        (_ragged((chance.uniform(0, scan.width), chance.uniform(0, scan.height)), chance.uniform(140, 420), chance))
        for _ in range(chance.randint(*((2, 4), (4, 7))[strength]))
    ]
    for pool in pools:
        ImageDraw.Draw(wet).polygon(pool, fill=255)
    soft = wet.filter(ImageFilter.GaussianBlur(14))
    run = Image.blend(scan, scan.filter(ImageFilter.GaussianBlur((4, 6)[strength])), 0.85)
    run = ImageChops.darker(run, ImageChops.offset(run, 0, (3, 5)[strength]))
    scan = Image.composite(run, scan, soft)
    coloured = damage.bend(scan, chance, 260, (7, 11)[strength]).convert("RGB")
    tide = Image.new("RGB", scan.size, (255, 255, 255))
    for pool in pools:
        ImageDraw.Draw(tide).polygon(pool, fill=(240, 226, 200))
        ImageDraw.Draw(tide).line([*pool, pool[0]], fill=(150, 118, 70), width=8)
    return _grained(ImageChops.multiply(coloured, tide.filter(ImageFilter.GaussianBlur(5))), chance, 12)


def scanner_app(page: Image.Image, chance: Random, strength: int) -> Image.Image:
    """Photographed in poor light, and made black and white by a telephone's scanner app."""
    photo = damage.tilted(page, chance, 0.04, ((1500, 2000), (1050, 1400))[strength])
    photo = damage.lit(photo, chance, darkest=(0.4, 0.25)[strength])
    photo = damage.jpeg(damage.grain(photo.filter(ImageFilter.GaussianBlur((1.5, 1.7)[strength])), chance, 26), 60)
    around = photo.filter(ImageFilter.BoxBlur(chance.choice((9, 15, 25))))
    offset = chance.randint(*((6, 14), (10, 22))[strength])
    return (
        ImageChops.subtract(around, photo, 1, 0)
        .point([0 if value > offset else 255 for value in range(256)])
        .point([255 * (value > 0) for value in range(256)])
        .convert("1")
        .convert("L")
    )


FIELD: Final[dict[str, Field]] = {
    "burn": burn,
    "pen": pen,
    "heavy crumple": crumple,
    "water": water,
    "scanner app": scanner_app,
}


def _ragged(place: tuple[float, float], radius: float, chance: Random) -> list[tuple[float, float]]:
    """Return the corners of an uneven disc."""
    turns = [index * 2 * pi / 28 for index in range(28)]
    far = [radius * chance.uniform(0.65, 1.15) for _ in turns]
    return [(place[0] + r * cos(turn), place[1] + r * sin(turn)) for turn, r in zip(turns, far, strict=True)]


def _grained(picture: Image.Image, chance: Random, amplitude: int) -> Image.Image:
    """Add noise that is the same in every colour."""
    return Image.merge("RGB", [damage.grain(band, chance, amplitude) for band in picture.split()])
