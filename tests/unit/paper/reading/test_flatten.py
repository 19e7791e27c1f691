# SPDX-License-Identifier: Apache-2.0
"""Codes on bent paper: nothing is damaged, and still every decoder gives them up."""

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.reading.flatten import MOST_MODULES, flattened
from tests.unit.paper.reading.damage import bend

Some = Callable[[int], str]

SIDE, QUIET = 6, 8
FORMATS = zxingcpp.barcode_formats_from_str("QRCodeModel2")


def code(text: str, level: qr.Level) -> Image.Image:
    matrix = qr.modules(text, level)
    size = len(matrix) + 2 * QUIET
    small = Image.new("L", (size, size), 255)
    for y, row in enumerate(matrix, start=QUIET):
        for x, dark in enumerate(row, start=QUIET):
            if dark:
                small.putpixel((x, y), 0)
    return small.resize((size * SIDE, size * SIDE), Image.Resampling.NEAREST)


def given_up(picture: Image.Image) -> list[Any]:
    found = list(zxingcpp.read_barcodes(picture, formats=FORMATS, return_errors=True))
    return [] if any(one.valid for one in found) else found


def read(picture: Image.Image) -> list[Any]:
    drawn = flattened(given_up(picture), picture)
    return [one for drawing in drawn for one in zxingcpp.read_barcodes(drawing.clean, formats=FORMATS)]


@pytest.mark.parametrize(("head", "count", "level"), [("BGS1:", 96, "Q"), ("BGE1:", 670, "M")])
def test_bent_codes_that_the_decoder_gives_up_are_read_and_nothing_else(
    some: Some, head: str, count: int, level: qr.Level
) -> None:
    """What is read is what was printed, and it is as good as new."""
    lost, saved = 0, 0
    for seed in range(10 if level == "Q" else 4):
        text = head + some(count)
        picture = bend(code(text, level), Random(f"{head} {seed}"), 100, 7)
        if given_up(picture):
            lost += 1
            found = read(picture)
            assert {one.text for one in found} <= {text}
            saved += any(float(one.extra["UEC"]) > 0.5 for one in found)
    assert lost >= 3
    assert saved >= 0.75 * lost


def test_another_angle_is_no_matter(some: Some) -> None:
    text = "BGS1:" + some(96)
    bent = [bend(code(text, "Q"), Random(seed), 100, 7) for seed in range(8)]
    turned = [one.rotate(200, Image.Resampling.BICUBIC, expand=True, fillcolor=255) for one in bent]
    hard = [one for one in turned if given_up(one)]
    assert len(hard) >= 3
    assert sum(bool(read(one)) for one in hard) >= 0.7 * len(hard)


def corners(*places: tuple[int, int]) -> SimpleNamespace:
    names = ("top_left", "top_right", "bottom_right", "bottom_left")
    return SimpleNamespace(**{name: SimpleNamespace(x=x, y=y) for name, (x, y) in zip(names, places, strict=True)})


NOWHERE = corners((0, 0), (0, 0), (0, 0), (0, 0))
ON_A_LINE = corners((0, 0), (100, 0), (200, 0), (100, 0))
CROSSED = corners((0, 0), (100, 100), (100, 0), (0, 100))
LONG = corners((0, 0), (900, 0), (900, 100), (0, 100))
SQUARE = corners((0, 0), (300, 0), (300, 300), (0, 300))
SHARE: dict[str, Any] = {"Version": "6", "ECLevel": "Q"}


@pytest.mark.parametrize(
    ("told", "position"),
    [
        (SHARE, NOWHERE),
        (SHARE, ON_A_LINE),
        (SHARE, CROSSED),
        (SHARE, LONG),
        (None, SQUARE),
        ({}, SQUARE),
        ({"Version": "M3"}, SQUARE),
        ({"Version": "40"}, SQUARE),
        ({"Version": "1"}, SQUARE),
    ],
)
def test_what_cannot_be_a_code_of_ours_is_left(told: dict[str, Any] | None, position: SimpleNamespace) -> None:
    noise = Image.frombytes("L", (400, 400), Random(1).randbytes(160_000))
    assert not list(flattened([SimpleNamespace(extra=told, position=position)], noise))


def test_a_picture_full_of_codes_is_not_worked_on_for_ever_nor_one_code_twice() -> None:
    noise = Image.frombytes("L", (2000, 400), Random(1).randbytes(800_000))
    many = [
        SimpleNamespace(extra=told, position=corners((x, 0), (x + 300, 0), (x + 300, 300), (x, 300)))
        for x in range(0, 1600, 100)
        for told in (SHARE, {"Version": "25"})
    ]
    worked_on = sum(drawing.size**2 for drawing in flattened(many, noise))
    assert MOST_MODULES - 41**2 < worked_on <= MOST_MODULES
    assert len(list(flattened(many[:1] * 9, noise))) == 1
