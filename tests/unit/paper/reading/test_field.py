# SPDX-License-Identifier: Apache-2.0
"""Pens, fire and water: coloured ink is told from print, doubt counts as missing, pictures of one sheet add up."""

import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageDraw

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.merge import DamagedCodes
from breakglass_shamir.paper.reading.pages import open_pages
from breakglass_shamir.paper.reading.prints import Print, blocks_of, sizes_of
from breakglass_shamir.paper.reading.scan import Scanner
from tests.unit.paper.reading.field import FIELD

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]
SHARE = "BGS1:" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 3


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@pytest.mark.parametrize("ink", [(25, 45, 150), (200, 25, 40), (20, 120, 60), (230, 120, 20), (130, 30, 140)])
def test_codes_covered_with_coloured_ink_are_read(
    scanner: Scanner, make: Make, rasterise: Rasterise, ink: tuple[int, int, int]
) -> None:
    page = rasterise(render(make(), "a4"))[0].convert("RGB")
    covered = Image.new("RGB", page.size, (255, 255, 255))
    pen = ImageDraw.Draw(covered)
    for y in range(0, page.height, 46):
        pen.line((0, y, page.width, y + 300), fill=ink, width=26)
    from PIL import ImageChops

    found = [code for one in scanner.read_bytes(jpeg(ImageChops.multiply(page, covered)), "x") for code in one.codes]
    assert {code.text[:4] for code in found} == {"BGE1", "BGS1"}


def test_grey_pages_have_no_picture_without_ink(make: Make, rasterise: Rasterise) -> None:
    page = rasterise(render(make(), "a4"))[0]
    assert open_pages(jpeg(page.convert("RGB"))).picture(1, fine=True).inkless is None


def words(text: str) -> bytes:
    from qrcode import constants
    from qrcode.util import QRData, create_data

    return bytes(create_data(6, constants.ERROR_CORRECT_Q, [QRData(text, mode=2)]))


def damaged(text: str, chance: random.Random, part: float, **sure: Any) -> Print:
    """A print of which this part of the codewords is wrong, and looks so where ``known``."""
    right = words(text)
    wrong = set(chance.sample(range(len(right)), round(part * len(right))))
    seen = bytes((value + 1 + chance.randrange(255)) % 256 if at in wrong else value for at, value in enumerate(right))
    doubt = bytes(chance.randrange(0, 80) if at in wrong else chance.randrange(75, 255) for at in range(len(right)))
    return Print(6, "Q", seen, frozenset(), doubt if sure.get("known") else b"")


@pytest.mark.parametrize("seed", range(3))
def test_doubt_counts_as_missing(seed: int) -> None:
    unknown, known = (damaged(SHARE, random.Random(seed), 0.32, known=known) for known in (False, True))
    assert len(blocks_of([unknown], 4)) < len(sizes_of(6, "Q"))
    assert len(blocks_of([known], 4)) == len(sizes_of(6, "Q"))


def test_noise_is_never_repaired() -> None:
    chance = random.Random(8)
    for _ in range(6):
        noise = Print(6, "Q", chance.randbytes(172), frozenset(), chance.randbytes(172))
        assert blocks_of([noise], 4) == {}


def test_several_pictures_of_one_sheet_add_up() -> None:
    chance, codes = random.Random(3), DamagedCodes()
    pictures = [damaged(SHARE, chance, 0.36) for _ in range(4)]
    assert codes.add(pictures[:1]) == []
    assert any(SHARE in codes.add([one]) for one in pictures[1:])


def test_two_shares_are_not_laid_together() -> None:
    chance, codes = random.Random(5), DamagedCodes()
    other = SHARE[:21] + SHARE[:4:-1][: len(SHARE) - 21]
    texts = [text for one in (SHARE, other, SHARE, other, SHARE) for text in codes.add([damaged(one, chance, 0.36)])]
    assert set(texts) <= {SHARE, other}


@pytest.mark.parametrize(("name", "seed"), [("pen", 2), ("pen", 5), ("burn", 0), ("water", 4), ("scanner app", 1)])
def test_sheets_from_the_field_are_read(
    scanner: Scanner, make: Make, rasterise: Rasterise, name: str, seed: int
) -> None:
    front = rasterise(render(make(), "a4"), 300)[0]
    picture = FIELD[name](front, random.Random(f"{name} 0 {seed}"), 0)
    found = {code.text for page in scanner.read_bytes(jpeg(picture.convert("RGB")), "x") for code in page.codes}
    assert found == {make().share_code, *make().envelope_codes}
