# SPDX-License-Identifier: Apache-2.0
"""Codes that no decoder finds are read where a sheet's layout has them; what a block's data prove is never chance."""

import io
import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading import places, planes
from breakglass_shamir.paper.reading.health import Corners, block_of_each_codeword, corners_of
from breakglass_shamir.paper.reading.merge import LEVEL, SPARE, told
from breakglass_shamir.paper.reading.prints import Print, blocks_of, sizes_of
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.reading.variants import evened
from breakglass_shamir.paper.sizes import PAPER_SIZES_MM, SHARE_MODULE_MM, Paper, share_places

Make = Callable[..., SheetContent]
Some = Callable[[int], str]
Rasterise = Callable[..., list[Image.Image]]
DPI = 200
HOLE_MM = 8.0
QR_ONLY = zxingcpp.barcode_formats_from_str("QRCode")


def found(picture: Image.Image) -> list[Any]:
    return list(zxingcpp.read_barcodes(picture, formats=QR_ONLY))


def tiff(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF")
    return buffer.getvalue()


def punched(picture: Image.Image, corners: Corners, lost: tuple[int, ...]) -> None:
    """Punch the finder patterns at some corners of a code: 0 is the upper left one, 1 the right, 3 the lower."""
    size, reach = HOLE_MM / 25.4 * DPI, 0.5 * HOLE_MM / 25.4 * DPI
    middle = [sum(axis) / 4 for axis in zip(*corners, strict=True)]
    for number in lost:
        x, y = (at - math.copysign(reach, at - half) for at, half in zip(corners[number], middle, strict=True))
        ImageDraw.Draw(picture).ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=255)


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_share_codes_lie_where_the_layout_says(make: Make, rasterise: Rasterise, paper: Paper) -> None:
    page = rasterise(render(make(), paper), DPI)[0]
    side = planes.SHARE_MODULES * SHARE_MODULE_MM
    seen = sorted(corners_of(code.position)[0] for code in found(page) if code.text.startswith("BGS1"))
    wanted = sorted(share_places(PAPER_SIZES_MM[paper], side))
    assert len(seen) == len(wanted)
    for place, pixel in zip(wanted, seen, strict=True):
        assert math.dist([mm / 25.4 * DPI for mm in place], pixel) < 3


@pytest.mark.parametrize("by", ["edges", "one share", "both shares"])
@pytest.mark.parametrize(("paper", "characters"), [("a4", 670), ("letter", 900)])
def test_the_envelope_code_is_found_where_it_is(
    make: Make, some: Some, rasterise: Rasterise, paper: Paper, characters: int, by: str
) -> None:
    content = replace(make(), envelope_codes=("BGE1:" + some(characters),), core_lines=(), core_omitted=True)
    page = evened(rasterise(render(content, paper), DPI)[0])
    codes = {code.text: corners_of(code.position) for code in found(page)}
    shares = [corners_of(code.position) for code in found(page) if code.text == content.share_code]
    given = {"edges": [], "one share": shares[:1], "both shares": shares}[by]
    tried = (places.placed(page, plane, places.envelope_sizes(), given) for plane in planes.planes(page, given))
    corners, size = next(likely for likely in tried if likely)[0]
    true = codes[content.envelope_codes[0]]
    module = math.dist(true[0], true[1]) / size
    assert max(map(math.dist, corners, true)) < 3 * module


@pytest.mark.parametrize(("paper", "lost"), [("letter", (0, 1)), ("a4", (1, 3)), ("a4", (1,))])
def test_an_envelope_code_without_two_finder_patterns_is_read(
    scanner: Scanner, make: Make, rasterise: Rasterise, paper: Paper, lost: tuple[int, ...]
) -> None:
    content = make()
    page = rasterise(render(content, paper), DPI)[0]
    (corners,) = (corners_of(code.position) for code in found(page) if code.text.startswith("BGE1"))
    punched(page, corners, lost)
    texts = {code.text for one in scanner.read_bytes(tiff(page), "x") for code in one.codes}
    assert texts == {content.share_code, *content.envelope_codes}


@pytest.mark.parametrize("lost", [(0, 1), (1, 3)])
def test_a_share_code_without_two_finder_patterns_is_read(
    scanner: Scanner, make: Make, rasterise: Rasterise, lost: tuple[int, ...]
) -> None:
    content = make()
    page = rasterise(render(content, "a4"), DPI)[0]
    upper, lower = sorted(corners_of(code.position) for code in found(page) if code.text.startswith("BGS1"))
    punched(page, upper, lost)
    punched(page, lower, (0, 1, 3))
    texts = {code.text for one in scanner.read_bytes(tiff(page), "x") for code in one.codes}
    assert content.share_code in texts
    assert texts <= {content.share_code, *content.envelope_codes}


@pytest.mark.parametrize("seed", range(3))
def test_a_page_without_codes_has_no_places(rasterise: Rasterise, make: Make, seed: int) -> None:
    chance = random.Random(seed)
    noise = Image.frombytes("L", (827, 1169), chance.randbytes(827 * 1169)).resize((1654, 2338))
    for plane in planes.planes(noise, ()):
        assert places.placed(noise, plane, [*places.envelope_sizes(), *places.SHARE_SIZES]) == []


# --- what a block proves by itself ---------------------------------------------------------------------------


def code(text: str) -> tuple[int, bytes]:
    """Return version and codewords of a text, data and parity in the order in which they are placed."""
    from qrcode import constants
    from qrcode.main import QRCode
    from qrcode.util import QRData, create_data

    made = QRCode(error_correction=constants.ERROR_CORRECT_M)
    made.add_data(QRData(text, mode=2), optimize=0)
    version = made.best_fit()
    return version, bytes(create_data(version, constants.ERROR_CORRECT_M, [QRData(text, mode=2)]))


def blocks(version: int, words: bytes) -> list[bytes]:
    """Return the data of each block."""
    sizes = sizes_of(version, LEVEL)
    owners = block_of_each_codeword([data for data, _ in sizes], [total for _, total in sizes])
    return [
        bytes(word for word, owner in zip(words, owners, strict=True) if owner == number)[:data]
        for number, (data, _) in enumerate(sizes)
    ]


@pytest.mark.parametrize("characters", [400, 669, 670, 900])
def test_each_block_of_an_envelope_proves_itself(some: Some, characters: int) -> None:
    version, words = code("BGE1:" + some(characters))
    own = blocks(version, words)
    sizes = [data for data, _ in sizes_of(version, LEVEL)]
    for number, data in enumerate(own):
        assert told(version, sizes, number, {0: own[0]}, data) >= 24
    assert told(version, sizes, 1, {}, own[1]) == 0


@pytest.mark.parametrize("characters", [400, 670, 900])
def test_chance_proves_nothing(some: Some, characters: int) -> None:
    version, words = code("BGE1:" + some(characters))
    own, chance = blocks(version, words), random.Random(characters)
    sizes = [data for data, _ in sizes_of(version, LEVEL)]
    for _ in range(300):
        number = chance.randrange(1, len(own))
        assert told(version, sizes, number, {0: own[0]}, chance.randbytes(len(own[number]))) < 0


@pytest.mark.parametrize("seed", range(3))
def test_a_block_without_parity_to_spare_is_repaired_only_where_its_data_prove_it(some: Some, seed: int) -> None:
    version, words = code("BGE1:" + some(670))
    sizes = sizes_of(version, LEVEL)
    owners = block_of_each_codeword([data for data, _ in sizes], [total for _, total in sizes])
    chance, missing = random.Random(seed), set[int]()
    for number, (data, total) in enumerate(sizes):
        missing |= set(chance.sample([at for at, owner in enumerate(owners) if owner == number], total - data))
    seen = bytes(0 if at in missing else word for at, word in enumerate(words))
    proves = partial(told, version, [data for data, _ in sizes])
    print_ = Print(version, LEVEL, seen, frozenset(missing))
    assert blocks_of([print_], SPARE) == {}
    assert blocks_of([print_], SPARE, None, proves) == dict(enumerate(blocks(version, words)))
    wrong = bytes(word ^ (at not in missing and owners[at] > 0) for at, word in enumerate(seen))
    assert set(blocks_of([Print(version, LEVEL, wrong, frozenset(missing))], SPARE, None, proves)) <= {0}
