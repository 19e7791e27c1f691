# SPDX-License-Identifier: Apache-2.0
"""The drill card is a small page of its own, cannot be taken for a live sheet, and reads back when it is worn."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter, ImageStat

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render, render_for_printer
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import PAPER_SIZES_MM, Paper

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]
Point = tuple[float, float]

DPI = 200
CARD_SIZES_MM: dict[Paper, tuple[float, float]] = {"a4": (148, 210), "letter": (139.7, 215.9)}
"""A5, and half a Letter page."""

MODULES = 41
BAND_MM = 20
LONG: dict[str, Any] = {
    "set_name": "Стокгольм-production-database-cluster-eu-north-1-primary-writer",
    "custodian": "Διεύθυνση Υποδομών, deputy head of infrastructure and operations at both sites, first floor",
    "belongs_to": "Königlich-Bayerische Wasserversorgungs- und Abwasserentsorgungsgesellschaft mbH, +49 89 000000",
    "group": 2,
    "group_count": 3,
}


@pytest.fixture(params=["a4", "letter"])
def paper(request: pytest.FixtureRequest) -> Paper:
    chosen: Paper = request.param
    return chosen


@pytest.fixture
def card(make: Make) -> SheetContent:
    return make(kind="drill", envelope_codes=(), core_lines=())


def words_of(pdf: bytes) -> str:
    (page,) = pypdfium2.PdfDocument(pdf)
    return joined(page.get_textpage().get_text_range())


def joined(words: str) -> str:
    """Return words in one line; pdfium marks a hyphen at the end of a line with U+FFFE."""
    return " ".join(words.replace("\ufffe", "- ").split()).replace("- ", "-")


def size_mm(pdf: bytes) -> tuple[float, float]:
    (page,) = pypdfium2.PdfDocument(pdf)
    across, down = page.get_size()
    return (across / 72 * 25.4, down / 72 * 25.4)


def read(scanner: Scanner, picture: Image.Image, **options: Any) -> list[str]:
    buffer = io.BytesIO()
    picture.save(buffer, options.pop("format", "TIFF"), **options)
    return [code.text for page in scanner.read_bytes(buffer.getvalue(), "card") for code in page.codes]


def corners_mm(picture: Image.Image) -> list[tuple[Point, Point]]:
    """Return the upper left and the lower right corner of each code as it stands on the card, in mm."""
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.barcode_formats_from_str("QRCode"))
    places = sorted((code.position for code in found), key=lambda place: place.top_left.y)
    ends = [(place.top_left, place.bottom_right) for place in places]
    return [((a.x / DPI * 25.4, a.y / DPI * 25.4), (b.x / DPI * 25.4, b.y / DPI * 25.4)) for a, b in ends]


# --- what it is ------------------------------------------------------------------------------------------


def test_it_is_a_small_page_of_its_own(card: SheetContent, paper: Paper) -> None:
    assert size_mm(render(card, paper)) == pytest.approx(CARD_SIZES_MM[paper], abs=0.1)


@pytest.mark.parametrize("draw", [render, render_for_printer])
@pytest.mark.parametrize("changes", [{}, LONG], ids=["plain", "long names"])
def test_it_says_what_it_is_for_and_where_it_is_kept(
    card: SheetContent, paper: Paper, draw: Callable[..., bytes], changes: dict[str, Any]
) -> None:
    card = replace(card, **changes)
    words = words_of(draw(card, paper))
    for phrase in (
        "DRILL opens nothing",
        "Keep this card OUTSIDE the tamper-evident bag, where you can reach it.",
        "For rehearsals",
        "The sheet stays in its closed bag.",
        "Epoch 3 7Q2M-K9XD-0BWE",
        "Drill card 2 of 5, printed 2026-11-23",
        card.set_name,
        f"Kept by {card.custodian}",
        card.belongs_to,
        *(f"{number} {' '.join(line.split())}" for number, line in enumerate(card.share_lines, start=1)),
    ):
        assert joined(phrase) in words
    assert ("group 2 of 3, member 2" in words) is bool(changes)


@pytest.mark.parametrize("draw", [render, render_for_printer])
def test_it_holds_its_drill_code_twice_and_no_other(
    make: Make, scanner: Scanner, card: SheetContent, paper: Paper, draw: Callable[..., bytes]
) -> None:
    live = make(share_code="BGS1:" + card.share_code[:4:-1])
    pdf = draw(card, paper)
    codes = [code.text for page in scanner.read_bytes(pdf, "card.pdf") for code in page.codes]
    assert codes == [card.share_code] * 2
    assert live.share_code not in codes
    assert not any(word in words_of(pdf).upper() for word in ("ENVELOPE", "SECRET", "BGE1", "BAG SERIAL", "FOLD"))


def test_it_is_told_from_a_live_sheet_in_black_and_white(
    make: Make, rasterise: Rasterise, card: SheetContent, paper: Paper
) -> None:
    """A copy has no colour: the card begins black, the sheet white."""

    def top(pdf: bytes) -> float:
        picture = rasterise(pdf, 50)[0]
        return float(ImageStat.Stat(picture.crop((0, 0, picture.width, round(BAND_MM / 25.4 * 50)))).mean[0])

    assert top(render(card, paper)) < 60
    assert top(render(make(), paper)) > 180


def test_viewers_are_asked_to_keep_the_size_and_the_sides(make: Make, card: SheetContent, paper: Paper) -> None:
    for content, sides in ((card, 1), (make(), 3)):
        document = pypdfium2.PdfDocument(render(content, paper))
        assert not pypdfium2.raw.FPDF_VIEWERREF_GetPrintScaling(document)
        assert pypdfium2.raw.FPDF_VIEWERREF_GetDuplex(document) == sides
        document.close()


# --- what reads it ---------------------------------------------------------------------------------------


def test_the_codes_are_large_far_apart_and_off_the_folds(
    rasterise: Rasterise, card: SheetContent, paper: Paper
) -> None:
    (upper, lower) = corners_mm(rasterise(render(card, paper), DPI)[0])
    for (left, top), (right, bottom) in (upper, lower):
        assert (right - left) / MODULES >= 0.93
        assert (bottom - top) / MODULES >= 0.93
    across, down = CARD_SIZES_MM[paper]
    assert lower[1][0] < across / 2 < upper[0][0]
    assert upper[1][1] < down / 2 < lower[0][1]


def test_it_reads_back_as_a_scanner_sees_it(
    scanner: Scanner, rasterise: Rasterise, card: SheetContent, paper: Paper
) -> None:
    pdf = render(card, paper)
    assert read(scanner, rasterise(pdf, 200)[0]) == [card.share_code] * 2
    small = rasterise(pdf, 100)[0]
    for degrees in (7, 187):
        askew = small.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
        assert read(scanner, askew, format="JPEG", quality=30) == [card.share_code] * 2


@pytest.mark.parametrize("lost", [0, 1])
def test_a_blot_on_a_finder_pattern_leaves_the_other_print(
    scanner: Scanner, rasterise: Rasterise, card: SheetContent, lost: int
) -> None:
    picture = rasterise(render(card, "a4"), DPI)[0]
    (x, y), _ = corners_mm(picture)[lost]
    blot = [value / 25.4 * DPI for value in (x - 4, y - 4, x + 10, y + 10)]
    ImageDraw.Draw(picture).ellipse(blot, fill=20)
    assert card.share_code in read(scanner, picture)


def test_every_word_outlives_a_copy_of_a_copy(rasterise: Rasterise, card: SheetContent, paper: Paper) -> None:
    """A copier loses thin strokes: where a line of words was, most of its ink is left."""
    pdf = render(card, paper)
    (page,) = pypdfium2.PdfDocument(pdf)
    picture = rasterise(pdf, DPI)[0]
    copy = _copied(_copied(picture))
    text = page.get_textpage()
    lines = [text.get_rect(index) for index in range(text.count_rects())]
    kept = {text.get_text_bounded(*line).strip(): _ink(copy, line) / _ink(picture, line) for line in lines}
    faded = {words: share for words, share in kept.items() if share < 0.5}
    assert len(kept) > 15
    assert faded == {}


def _copied(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.3)).point(
        [min(255, max(0, (v - 122) * 4 + 128)) for v in range(256)]
    )


def _ink(picture: Image.Image, box: tuple[float, float, float, float]) -> float:
    left, bottom, right, top = (value / 72 * DPI for value in box)
    part = picture.crop((round(left), picture.height - round(top), round(right), picture.height - round(bottom)))
    return 255 - float(ImageStat.Stat(part).mean[0])


# --- on the paper that a printer has ---------------------------------------------------------------------


def test_for_a_printer_it_is_half_of_a_page_of_the_sheets_paper(
    rasterise: Rasterise, card: SheetContent, paper: Paper
) -> None:
    """Turned back and cut off, it is the small page, pixel for pixel but for rounding."""
    pdf = render_for_printer(card, paper)
    assert size_mm(pdf) == pytest.approx(PAPER_SIZES_MM[paper], abs=0.1)
    assert "Cut along the line" in words_of(pdf)
    assert "This page holds no live share." in words_of(pdf)
    page = rasterise(pdf, DPI)[0].rotate(-90, expand=True)
    own = corners_mm(rasterise(render(card, paper), DPI)[0])
    shift = PAPER_SIZES_MM[paper][1] - CARD_SIZES_MM[paper][0]
    on_page = [(x - shift, y) for ends in corners_mm(page) for x, y in ends]
    for found, meant in zip(on_page, [end for ends in own for end in ends], strict=True):
        assert found == pytest.approx(meant, abs=0.3)


def test_a_live_sheet_is_the_same_for_a_printer(make: Make, paper: Paper) -> None:
    assert render_for_printer(make(), paper) == render(make(), paper)
