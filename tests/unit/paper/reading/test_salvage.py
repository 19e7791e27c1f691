# SPDX-License-Identifier: Apache-2.0
"""Share codes that every decoder gives up: blocks are repaired one by one, and taken from whichever print has them."""

import io
from collections.abc import Callable
from random import Random

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.salvage import LOST, salvaged
from breakglass_shamir.paper.reading.scan import Scanner

Some = Callable[[int], str]
Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]

SIDE, QUIET = 6, 4
FORMATS = zxingcpp.barcode_formats_from_str("QRCodeModel2")

BLOT = 24
"""Modules across; a third of the code, 8 more than its error correction takes."""


def code(text: str, *blots: tuple[int, int, int]) -> Image.Image:
    """Draw a share code with round blots: left and upper edge and width, modules."""
    matrix = qr.modules(text, "Q")
    picture = Image.new("L", ((len(matrix) + 2 * QUIET) * SIDE,) * 2, 255)
    draw = ImageDraw.Draw(picture)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                left, top = (x + QUIET) * SIDE, (y + QUIET) * SIDE
                draw.rectangle((left, top, left + SIDE - 1, top + SIDE - 1), fill=0)
    for x, y, width in blots:
        draw.ellipse([(edge + QUIET) * SIDE for edge in (x, y, x + width, y + width)], fill=20)
    return picture.rotate(5, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def beside(*pictures: Image.Image) -> Image.Image:
    """Lay prints beside each other."""
    page = Image.new("L", (sum(one.width for one in pictures), pictures[0].height), 255)
    for number, one in enumerate(pictures):
        page.paste(one, (number * pictures[0].width, 0))
    return page


def salvage(*pictures: Image.Image) -> str | None:
    """Lay prints beside each other, see that the decoder gives all of them up, and salvage."""
    page = beside(*pictures)
    found = zxingcpp.read_barcodes(page, formats=FORMATS, return_errors=True)
    assert not [one for one in found if one.valid]
    return salvaged(found, page)


@pytest.mark.parametrize("corner", [(12, 12), (20, 20), (9, 5)])
def test_a_blot_over_a_third_of_a_code_is_read_past(some: Some, corner: tuple[int, int]) -> None:
    text = "BGS1:" + some(96)
    assert salvage(code(text, (*corner, BLOT))) == text


def test_what_one_print_lost_is_taken_from_the_other(some: Some) -> None:
    text = "BGS1:" + some(96)
    one, two = code(text, (10, 14, 27)), code(text, (6, 4, 29))
    alone = [salvage(one) or "", salvage(two) or ""]
    assert all(LOST in half for half in alone)
    assert salvage(one, two) == text


def test_only_what_no_print_tells_counts_as_missing(some: Some) -> None:
    """In each block a blot touches more codewords of either print than can be missing, but fewer of both."""
    text = "BGS1:" + some(96)
    blots = [((2, 9, 23), (26, 9, 27), (22, 10, 17)), ((11, 17, 21), (8, 2, 25))]
    clean, page = beside(code(text), code(text)), beside(*(code(text, *own) for own in blots))
    places = zxingcpp.read_barcodes(clean, formats=FORMATS)  # no decoder finds the codes under these blots
    assert len(places) == 2
    halves = [salvaged([place], page) for place in places]
    assert halves == [None, None]
    assert salvaged(places, page) == text


def test_what_is_told_is_never_wrong(some: Some) -> None:
    chance = Random(7)
    told = 0
    for _ in range(40):
        text = "BGS1:" + some(96)
        width = chance.randint(20, 34)
        picture = code(text, (chance.randint(0, 41 - width), chance.randint(0, 41 - width), width))
        found = zxingcpp.read_barcodes(picture, formats=FORMATS, return_errors=True)
        got = salvaged([one for one in found if not one.valid], picture)
        if got is not None:
            told += 1
            assert all(seen in {LOST, meant} for seen, meant in zip(got, text, strict=True))
    assert told > 10


def test_codes_that_are_not_shares_give_nothing(some: Some) -> None:
    for text in ("HTTPS:" + some(95), "BGE1:" + some(96), "BGS1:" + some(90) + "/" + some(5)):
        found = zxingcpp.read_barcodes(page := code(text, (12, 12, BLOT)), formats=FORMATS, return_errors=True)
        assert salvaged([one for one in found if not one.valid], page) is None


def test_a_sheet_with_both_prints_blotted_is_read_by_the_chain(
    make: Make, rasterise: Rasterise, scanner: Scanner
) -> None:
    sheet = make()
    (front, *_) = rasterise(render(sheet, "a4"), 200)
    draw, scale = ImageDraw.Draw(front), 200 / 25.4
    height = 297.0
    for left, top in ((15 + 10 * 0.8, height - 95 + 8 + 3.2 + 10 * 0.8), (195 - 31 * 0.8, height - 13.5 - 31 * 0.8)):
        draw.ellipse([scale * edge for edge in (left, top, left + BLOT * 0.8, top + BLOT * 0.8)], fill=20)
    assert "BGS1:" not in {one.text[:5] for one in zxingcpp.read_barcodes(front, formats=FORMATS)}
    data = io.BytesIO()
    front.save(data, "PNG")
    read = {one.text: one for page in scanner.read_bytes(data.getvalue(), "scan") for one in page.codes}
    assert sheet.share_code in read
    health = read[sheet.share_code].health
    assert health is not None
    assert (read[sheet.share_code].variant, health.word) == ("salvaged", "replace")
