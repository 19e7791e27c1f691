# SPDX-License-Identifier: Apache-2.0
"""A worn code is called worn while it can still be read."""

from collections.abc import Callable
from io import BytesIO
from statistics import mean
from types import SimpleNamespace
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.reading.health import Health, Word, health, sampled_budget, used_budget
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import QUIET_MODULES

Some = Callable[[int], str]

MODULE = 6
"""Pixels."""

WORDS: list[Word] = ["fresh", "worn", "replace"]
QR_ONLY = zxingcpp.barcode_formats_from_str("QRCode")


def printed(text: str, level: qr.Level) -> Image.Image:
    matrix = qr.modules(text, level)
    size = len(matrix) + 2 * QUIET_MODULES
    small = Image.new("L", (size, size), 255)
    for y, row in enumerate(matrix, start=QUIET_MODULES):
        for x, dark in enumerate(row, start=QUIET_MODULES):
            if dark:
                small.putpixel((x, y), 0)
    return small.resize((size * MODULE, size * MODULE), Image.Resampling.NEAREST)


def blotted(picture: Image.Image, across: float, x: float = 0.5, y: float = 0.5) -> Image.Image:
    """Cover the code at this place with a blot so wide, all in parts of the picture's side."""
    picture, side = picture.copy(), picture.width
    box = (side * (x - across / 2), side * (y - across / 2), side * (x + across / 2), side * (y + across / 2))
    ImageDraw.Draw(picture).ellipse(box, fill=15)
    return picture


def decoded(picture: Image.Image) -> Any:
    (found,) = zxingcpp.read_barcodes(picture, formats=QR_ONLY)
    return found


def graded(scanner: Scanner, picture: Image.Image) -> Health | None:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return next((code.health for page in scanner.read_bytes(buffer.getvalue(), "x") for code in page.codes), None)


@pytest.fixture(params=["share", "envelope"])
def code(request: pytest.FixtureRequest, some: Some) -> Image.Image:
    return printed("BGS1:" + some(96), "Q") if request.param == "share" else printed("BGE1:" + some(670), "M")


def test_a_clean_print_is_fresh(scanner: Scanner, code: Image.Image) -> None:
    assert graded(scanner, code) == Health("fresh", 0.0)


def test_a_growing_blot_wears_then_replaces_before_nothing_is_read(scanner: Scanner, code: Image.Image) -> None:
    grades = [graded(scanner, blotted(code, step / 100)) for step in (0, 10, 18, 22, 24, 26, 28, 30, 32, 95)]
    words = [grade.word for grade in grades if grade is not None]
    assert grades[-1] is None
    assert set(words) == set(WORDS)
    first = [words.index(word) for word in WORDS]
    assert first == sorted(first)


def test_larger_blots_use_more_on_average(scanner: Scanner, code: Image.Image) -> None:
    places = [(0.45, 0.5), (0.55, 0.45), (0.5, 0.6), (0.6, 0.6)]
    means = []
    for across in (0.05, 0.12, 0.19):
        grades = [graded(scanner, blotted(code, across, x, y)) for x, y in places]
        means.append(mean(grade.used for grade in grades if grade is not None))
    assert means == sorted(means)
    assert means[0] < means[-1]


def test_foreign_codes_have_no_grade(scanner: Scanner) -> None:
    assert graded(scanner, printed("HELLO", "M")) is None


@pytest.mark.parametrize("angle", [0, 90, 200])
@pytest.mark.parametrize("across", [0.0, 0.1, 0.2, 0.28])
def test_the_modules_tell_what_the_decoder_tells(some: Some, angle: int, across: float) -> None:
    picture = blotted(printed("BGS1:" + some(96), "Q"), across).rotate(
        angle, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC
    )
    found = decoded(picture)
    places = found.position
    corners = tuple((p.x, p.y) for p in (places.top_left, places.top_right, places.bottom_right, places.bottom_left))
    seen = sampled_budget(found.text, found.extra, picture, corners)
    assert seen == pytest.approx(1 - float(found.extra["UEC"]), abs=0.1)


@pytest.mark.parametrize(("across", "told", "used"), [(0.0, "0.9", 0.1), (0.36, "0.8", 0.92)])
def test_a_figure_with_one_digit_is_settled_by_the_picture(some: Some, across: float, told: str, used: float) -> None:
    clean = printed("BGS1:" + some(96), "Q")
    found = decoded(clean)
    claim = SimpleNamespace(text=found.text, extra={**found.extra, "UEC": told}, position=found.position)
    assert used_budget(claim, blotted(clean, across)) == pytest.approx(used)


def test_a_decoder_that_tells_nothing_gives_no_grade(some: Some) -> None:
    picture = printed("BGS1:" + some(96), "Q")
    found = decoded(picture)
    claim = SimpleNamespace(text=found.text, extra={}, position=found.position)
    assert used_budget(claim, picture) is None


def test_the_words_follow_the_grades_of_the_standard() -> None:
    assert [health(used).word for used in (0.0, 0.38, 0.39, 0.63, 0.64, 1.0)] == [
        "fresh",
        "fresh",
        "worn",
        "worn",
        "replace",
        "replace",
    ]
