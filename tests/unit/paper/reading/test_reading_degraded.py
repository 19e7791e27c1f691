# SPDX-License-Identifier: Apache-2.0
"""What custodians will really bring: scans, askew and compressed, and photographs by hand."""

import io
from collections.abc import Callable
from random import Random

import pytest
from PIL import Image

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner
from tests.unit.paper.reading import damage

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]


@pytest.fixture
def sheet(make: Make) -> SheetContent:
    return make()


@pytest.fixture
def front(sheet: SheetContent, rasterise: Rasterise) -> Image.Image:
    return rasterise(render(sheet, "a4"), damage.PRINT_DPI)[0]


def reduced(front: Image.Image, dpi: int) -> Image.Image:
    size = (front.width * dpi // damage.PRINT_DPI, front.height * dpi // damage.PRINT_DPI)
    return front.resize(size, Image.Resampling.BOX)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def holds(pages: list[ScannedPage], sheet: SheetContent) -> bool:
    return {code.text for page in pages for code in page.codes} == {sheet.share_code, *sheet.envelope_codes}


def test_a_scan_to_pdf_at_200_dpi(scanner: Scanner, sheet: SheetContent, front: Image.Image) -> None:
    pages = list(scanner.read_bytes(saved(reduced(front, 200), "PDF", resolution=200), "scan.pdf"))
    assert holds(pages, sheet)
    assert {code.variant for page in pages for code in page.codes} == {"plain"}
    assert {code.health.word for page in pages for code in page.codes if code.health} == {"fresh"}


@pytest.mark.parametrize("degrees", [7, -7, 187])
def test_a_small_compressed_scan_laid_on_askew(
    scanner: Scanner, sheet: SheetContent, front: Image.Image, degrees: int
) -> None:
    askew = reduced(front, 100).rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
    assert holds(list(scanner.read_bytes(saved(askew, "JPEG", quality=30), "scan.jpg")), sheet)


@pytest.mark.parametrize("seed", range(3))
def test_a_twelve_megapixel_photograph_by_hand(
    scanner: Scanner, sheet: SheetContent, front: Image.Image, seed: int
) -> None:
    photo = damage.phone(front, Random(seed), 0)
    assert photo.width * photo.height == 12_000_000
    assert holds(list(scanner.read_bytes(saved(photo, "JPEG", quality=80), "photo.jpg")), sheet)


@pytest.mark.parametrize("name", damage.DAMAGES)
def test_an_ordinary_bad_day(scanner: Scanner, sheet: SheetContent, front: Image.Image, name: str) -> None:
    picture = damage.DAMAGES[name](front, Random(f"{name} 7"), 0)
    found = {code.text for page in scanner.read_bytes(saved(picture, "TIFF"), name) for code in page.codes}
    assert sheet.share_code in found
    assert found <= {sheet.share_code, *sheet.envelope_codes}


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *(("blur", 3), ("noise", 3), ("motion", 3), ("rotation", 13), ("rotation", 25)),
        *(("crumple", seed) for seed in (1, 3, 12, 19)),
    ],
)
def test_a_second_look_reads_what_is_given_up_elsewhere(
    scanner: Scanner, sheet: SheetContent, front: Image.Image, name: str, seed: int
) -> None:
    picture = damage.DAMAGES[name](front, Random(f"{name} {seed}"), 1)
    assert holds(list(scanner.read_bytes(saved(picture, "TIFF"), name)), sheet)
