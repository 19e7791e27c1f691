# SPDX-License-Identifier: Apache-2.0
"""A blot on one finder pattern, which no error correction covers, does not cost a code."""

import io
from collections.abc import Callable
from random import Random

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.finders import BENT, FLAT, MOST_FINDERS, SKEWED, finders, repaired, squares
from breakglass_shamir.paper.reading.scan import Scanner
from tests.unit.paper.reading.damage import grain

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]

MODULE = 6
"""Pixels."""

MARGIN = 60
CORNERS = {"upper left": (0, 0), "upper right": (1, 0), "lower left": (0, 1)}


@pytest.fixture
def page(some: Callable[[int], str]) -> Image.Image:
    """Two codes on white paper."""
    paper = Image.new("L", (700, 1000), 255)
    for text, level, top in (("BGS1:" + some(96), "Q", 60), ("BGE1:" + some(300), "M", 500)):
        matrix = qr.modules(text, "Q" if level == "Q" else "M")
        code = Image.new("L", (len(matrix), len(matrix)))
        code.putdata([0 if dark else 255 for row in matrix for dark in row])
        paper.paste(code.resize((code.width * MODULE, code.height * MODULE), Image.Resampling.NEAREST), (MARGIN, top))
    return paper


def blotted(page: Image.Image, corner: str, top: int, modules: int) -> Image.Image:
    """Blot out one finder pattern of the code that begins at ``top``."""
    page, side = page.copy(), modules * MODULE
    x, y = (MARGIN + CORNERS[corner][0] * (side - 7 * MODULE), top + CORNERS[corner][1] * (side - 7 * MODULE))
    ImageDraw.Draw(page).ellipse((x - 5, y - 5, x + 7 * MODULE + 5, y + 7 * MODULE + 5), fill=20)
    return page


def read(scanner: Scanner, picture: Image.Image) -> set[tuple[str, str]]:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return {(c.text[:4], c.variant) for found in scanner.read_bytes(buffer.getvalue(), "x") for c in found.codes}


@pytest.mark.parametrize("angle", [0, 4, 90])
@pytest.mark.parametrize("corner", CORNERS)
def test_a_blotted_finder_pattern_is_repaired(scanner: Scanner, page: Image.Image, corner: str, angle: int) -> None:
    picture = blotted(page, corner, 60, 41).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    formats = zxingcpp.barcode_formats_from_str("QRCodeModel2")
    assert {code.text[:4] for code in zxingcpp.read_barcodes(picture, formats=formats)} == {"BGE1"}
    assert read(scanner, picture) == {("BGE1", "plain"), ("BGS1", "repaired")}


def test_every_finder_pattern_is_found_once_and_complete_codes_are_left_alone(page: Image.Image) -> None:
    assert len(finders(page)) == 6
    assert not list(repaired(page, page))


def test_patterns_of_two_codes_are_not_taken_for_one_code(scanner: Scanner, make: Make, rasterise: Rasterise) -> None:
    """On a sheet, two of the first share code and one of the envelope code stand as those of a larger code do."""
    sheet = make()
    (front, *_) = rasterise(render(sheet, "a4"), 200)
    formats = zxingcpp.barcode_formats_from_str("QRCodeModel2")
    (envelope,) = (code for code in zxingcpp.read_barcodes(front, formats=formats) if code.text[:4] == "BGE1")
    x, y = envelope.position.top_right.x, envelope.position.top_right.y
    ImageDraw.Draw(front).ellipse((x - 55, y - 8, x + 8, y + 55), fill=20)
    assert {"BGS1"} == {code.text[:4] for code in zxingcpp.read_barcodes(front, formats=formats)}
    assert read(scanner, front) == {("BGE1", "repaired"), ("BGS1", "plain")}


def sheared(page: Image.Image, shear: float) -> tuple[Image.Image, float]:
    """Return the page seen so that its upright lines lean, and by how much what is at the top was moved."""
    moved = shear * page.height
    size = (page.width + round(moved), page.height)
    coefficients = (1, shear, -moved, 0, 1, 0)
    return page.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC, fillcolor=255), moved


@pytest.mark.parametrize(("shear", "slack"), [(0.0, FLAT), (0.08, BENT), (0.4, SKEWED), (0.6, SKEWED)])
def test_three_patterns_tell_a_code_its_corners_and_how_many_modules_it_has(
    page: Image.Image, shear: float, slack: float
) -> None:
    """Also where the code is skewed, and a module is longer along a row than it is wide."""
    picture, moved = sheared(page, shear)
    found = {(size, round(corners[0][1], -1)): corners for corners, size in squares(picture, slack)}
    envelope = next(size for size, top in found if size > 50 and top == 500)
    for size, top in ((41, 60), (envelope, 500)):
        side = size * MODULE
        corners = ((0, 0), (side, 0), (side, side), (0, side))
        for (x, y), (across, down) in zip(found[size, top], corners, strict=True):
            assert y == pytest.approx(top + down, abs=MODULE)
            assert x == pytest.approx(MARGIN + across + moved - shear * (top + down), abs=MODULE)


def test_a_code_that_is_turned_seems_no_larger_nor_smaller(page: Image.Image) -> None:
    for degrees in (0, 8, 15, 20, 70, 90, 110, 160, 180, 200, 255, 290, 345):
        turned = page.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
        assert {size for _, size in squares(turned, FLAT)} >= {41, 57}


def test_noise_and_a_page_full_of_patterns_end_soon() -> None:
    noise = grain(Image.new("L", (900, 900), 128), Random(1), 120)
    assert len(finders(noise)) < MOST_FINDERS
    crowded = Image.new("L", (900, 900), 255)
    pen = ImageDraw.Draw(crowded)
    for x in range(0, 880, 40):
        for y in range(0, 880, 40):
            for inset, level in ((0, 0), (4, 255), (8, 0)):
                pen.rectangle((x + inset, y + inset, x + 27 - inset, y + 27 - inset), fill=level)
    assert len(finders(crowded)) == MOST_FINDERS
    assert sum(1 for _ in repaired(crowded, crowded)) < 60
