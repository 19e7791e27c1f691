# SPDX-License-Identifier: Apache-2.0
"""A live sheet is still read after a copy of a copy: what a copier loses is thin strokes, greys and thin lines.

The copies are those of ``damage.photocopy``, with chances under which little outlives them.
"""

from collections.abc import Callable, Iterator
from random import Random
from statistics import mean
from typing import Any

import pypdfium2
import pytest
from PIL import Image, ImageStat

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.front import FOUND, NEVER, REPORT, WHEN_CALLED
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.drawing.typeface import outline
from breakglass_shamir.paper.sizes import Paper
from tests.unit.paper.drawing.test_sheet import EXTREMES
from tests.unit.paper.reading.damage import PRINT_DPI, Move, photocopy, traced

Make = Callable[..., SheetContent]
Box = tuple[float, float, float, float]
"""Left, bottom, right and top, points from the lower left corner."""

HARSH = 3
"""Seed of a copy that is among the lightest of a dozen, on either paper."""

LAYOUTS = {name: EXTREMES[name] for name in ("plain", "two levels", "long names", "4 KiB")}
PAGE_KEPT, WORD_KEPT, LETTER_KEPT = 0.5, 0.28, 0.12
"""Least part of its ink that a letter keeps: on the average of a page, of a word, and each; an i is thinnest."""

DASHES_DRAWN, RULE_DRAWN = 0.3, 0.5
"""Least part of a line that is drawn; of the fold line a third is white."""


class Copied:
    """A page, and what is left of it."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._text = page.get_textpage()
        self._height = page.get_size()[1]
        self._print: Image.Image = page.render(scale=PRINT_DPI / 72, grayscale=True).to_pil()
        self._copy, self._move = traced(photocopy, self._print, Random(HARSH), 0)

    def words(self) -> Iterator[tuple[str, list[float]]]:
        """Yield each run of letters and digits with the part of its ink that each of them has kept."""
        word, kept = "", list[float]()
        for index in range(self._text.count_chars()):
            letter = self._text.get_text_range(index, 1)
            if letter.isalnum():
                word += letter
                kept.append(self._kept(self._text.get_charbox(index)))
            elif word:
                yield word, kept
                word, kept = "", []
        if word:
            yield word, kept

    def rules(self) -> Iterator[Box]:
        """Yield the level lines."""
        for found in self._page.get_objects():
            left, bottom, right, top = found.get_bounds()
            if found.type == pypdfium2.raw.FPDF_PAGEOBJ_PATH and right - left > 100 and top - bottom < 4:
                yield left, bottom, right, top

    def _kept(self, box: Box) -> float:
        """Return the part of its ink that a place has kept."""
        return _ink(self._copy, self._placed(box, self._move)) / max(1e-6, _ink(self._print, self._placed(box)))

    def drawn(self, rule: Box, step: float = 4.0) -> float:
        """Return the part of a line that the copy still shows."""
        left, bottom, right, top = rule
        at = [left + step * index for index in range(1, int((right - left) / step))]
        places = [self._placed((x - 0.5, bottom, x + 0.5, top), self._move) for x in at]
        return sum(min(self._copy.crop(place).tobytes()) < 128 for place in places) / len(places)

    def _placed(self, box: Box, move: Move = lambda point: point) -> tuple[int, int, int, int]:
        left, bottom, right, top = box
        corners = [(x, self._height - y) for x in (left, right) for y in (bottom, top)]
        places = [move((x * PRINT_DPI / 72, y * PRINT_DPI / 72)) for x, y in corners]
        across, down = [x for x, _ in places], [y for _, y in places]
        return (round(min(across)), round(min(down)), round(max(across)) + 1, round(max(down)) + 1)


def _ink(picture: Image.Image, box: tuple[int, int, int, int]) -> float:
    return 255 - float(ImageStat.Stat(picture.crop(box)).mean[0])


@pytest.fixture(params=["a4", "letter"])
def paper(request: pytest.FixtureRequest) -> Paper:
    chosen: Paper = request.param
    return chosen


def pages_of(pdf: bytes) -> list[Copied]:
    return [Copied(page) for page in pypdfium2.PdfDocument(pdf)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_word_outlives_a_copy_of_a_copy(make: Make, paper: Paper, layout: str) -> None:
    """But for the digest, which has to be compared with the print of a sheet that nobody copied."""
    sheet = make(**LAYOUTS[layout])
    for page in pages_of(render(sheet, paper)):
        words = [(word, kept) for word, kept in page.words() if word != sheet.recovery_sha256]
        assert len(words) > 20
        assert [word for word, kept in words if mean(kept) < WORD_KEPT or min(kept) < LETTER_KEPT] == []
        assert mean(part for _, kept in words for part in kept) > PAGE_KEPT


def test_every_line_to_write_on_or_to_fold_along_outlives_a_copy_of_a_copy(make: Make, paper: Paper) -> None:
    front = pages_of(render(make(), paper))[0]
    drawn = sorted(front.drawn(rule) for rule in front.rules())
    assert len(drawn) > 5
    assert drawn[0] > DASHES_DRAWN
    assert drawn[1] > RULE_DRAWN


def test_what_a_custodian_needs_is_among_those_words(make: Make, paper: Paper) -> None:
    sheet = make(bag_serial="TEB-0099184")
    front, back = (
        " ".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(render(sheet, paper))
    )
    names = (sheet.set_name, sheet.epoch_id, sheet.belongs_to, sheet.custodian, "TEB-0099184")
    labels = ("CODE 2: ENVELOPE", "BELONGS TO", "KEPT BY", "BAG SERIAL", "ROLL-CALL", "date", "bag intact", "initials")
    share = ("CODE 1: SHARE, secret", "CODE 1: SHARE, second print, secret", "How to enter it", "Or type lines 1 to 4")
    for phrase in (*names, "2 of 5", sheet.needed, *labels, *share, *WHEN_CALLED, *NEVER, REPORT, FOUND):
        assert phrase in front
    assert "type lines 5 to 20 in this order after the share lines of the front" in back


def test_the_accent_is_dark_in_black_and_white(make: Make, rasterise: Callable[..., list[Image.Image]]) -> None:
    band = rasterise(render(make(), "a4"), 50)[0].crop((0, 0, 400, 8))
    assert max(band.tobytes()) < 64


def test_an_outline_widens_stems_only_as_far_as_letters_stay_open() -> None:
    assert outline("sans", 10, 1.2) == pytest.approx(1.2 - 0.82)
    assert outline("sans", 10, 5) == pytest.approx(0.8)
    assert outline("sans-bold", 10, 1.2) == 0
    assert outline("mono-bold", 10, 5) == 0
