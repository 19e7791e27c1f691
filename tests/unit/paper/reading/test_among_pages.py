# SPDX-License-Identifier: Apache-2.0
"""A sheet among other papers: thorough looks are taken only where they can pay, and within one budget."""

import io
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import qrcode
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading import scan
from breakglass_shamir.paper.reading.chain import plain_look
from breakglass_shamir.paper.reading.decoder import Answer, Looked, Looking, Opened
from breakglass_shamir.paper.reading.look import Task
from breakglass_shamir.paper.reading.pages import open_pages
from breakglass_shamir.paper.reading.scan import NO_SHARE_IN_SIGHT, Scanner
from tests.unit.paper.reading import damage

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]
SHARE, ENVELOPE = ("BGS1:0", "plain", 0.0), ("BGE1:0", "plain", 0.0)


@pytest.fixture
def front(make: Make, rasterise: Rasterise) -> Image.Image:
    return rasterise(render(make(), "a4"))[0]


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class PlannedDecoder:
    """Finds on each page what is planned for it, and notes the thorough looks it is asked for."""

    def __init__(self, pages: Sequence[tuple[int, Sequence[tuple[str, str, float]]]], spent: float = 1.0) -> None:
        self.pages, self.spent, self.again = pages, spent, list[tuple[int, Task]]()

    def ask(self, data: bytes, *, first: int, last: int, task: Task | None, signs: bool = True) -> Iterator[Answer]:
        del data, signs
        yield Opened(len(self.pages))
        for page in range(first, (last or len(self.pages)) + 1):
            seen, codes = self.pages[page - 1]
            if task:
                self.again.append((page, task))
                yield Looking(page, 3, 18)
            yield Looked(page, tuple(codes), "", signs=seen, spent=self.spent)


def planned(*pages: tuple[int, Sequence[tuple[str, str, float]]], spent: float = 1.0) -> tuple[Scanner, PlannedDecoder]:
    scanner, decoder = Scanner(), PlannedDecoder(pages, spent)
    scanner._decoder = decoder  # type: ignore[assignment]
    return scanner, decoder


def looked_at(decoder: PlannedDecoder) -> list[int]:
    return [page for page, _ in decoder.again]


def test_no_page_without_a_sign_is_looked_at_again_and_the_likeliest_is_first() -> None:
    scanner, decoder = planned((0, ()), (3, ()), (0, [ENVELOPE]), (9, ()), (2, [ENVELOPE]), (0, ()))
    pages = list(scanner.read_bytes(b"%PDF-", "batch.pdf"))
    assert looked_at(decoder) == [5, 4, 2]
    assert {page.source for page in pages} == {f"batch.pdf page {number}" for number in range(1, 7)}


def test_a_caller_who_has_enough_pays_for_no_thorough_look() -> None:
    scanner, decoder = planned((0, [SHARE, ENVELOPE]), (9, ()), (9, [ENVELOPE]))
    for page in scanner.read_bytes(b"%PDF-", "batch.pdf"):
        if page.codes:
            break
    assert not decoder.again


def test_one_budget_holds_for_all_pages_and_what_was_left_out_is_told() -> None:
    scanner, decoder = planned(*[(9, ())] * 40, spent=scan.THOROUGH_S / 5)
    pages = list(scanner.read_bytes(b"%PDF-", "magazine.pdf"))
    assert len(decoder.again) == 5
    assert sum(page.problem.startswith("not looked at closely, for want of time") for page in pages) == 35
    assert all(task.seconds <= scan.PAGE_S for _, task in decoder.again)


def test_a_thorough_look_wants_only_what_is_missing() -> None:
    scanner, decoder = planned((4, [ENVELOPE]), (4, ()), (4, [SHARE]))
    list(scanner.read_bytes(b"%PDF-", "x.pdf"))
    assert [(page, task.share, task.envelope) for page, task in decoder.again] == [(1, True, False), (2, True, False)]
    scanner, decoder = planned((4, [SHARE]), (4, ()))
    list(scanner.read_bytes(b"%PDF-", "x.pdf"))
    assert [(page, task.share, task.envelope) for page, task in decoder.again] == [(1, False, True), (2, True, True)]


def test_progress_is_told_for_every_page_and_every_step() -> None:
    heard: list[tuple[str, int, int]] = []
    scanner, _ = planned((0, ()), (3, ()), (0, [SHARE, ENVELOPE]))
    list(scanner._read_all([("batch.pdf", lambda: b"%PDF-")], lambda *what: heard.append(what)))
    assert heard == [
        *(("reading batch.pdf, page", number, 3) for number in (1, 2, 3)),
        ("looking closer at batch.pdf page 2, step", 3, 18),
    ]


def test_progress_names_the_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    heard: list[tuple[str, int, int]] = []
    scanner, _ = planned((0, ()))
    list(scanner.read_path(tmp_path, lambda *what: heard.append(what)))
    assert heard[:2] == [("reading a.png", 1, 2), ("reading b.png", 2, 2)]
    assert {words for words, *_ in heard[2:]} == {
        f"looking closer at {name}.png ({n} of 2), step" for n, name in ((1, "a"), (2, "b"))
    }


def test_a_folder_of_many_pictures_without_a_sign_is_not_looked_at_again(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    heard: list[tuple[str, int, int]] = []
    scanner, _ = planned((0, ()))
    list(scanner.read_path(tmp_path, lambda *what: heard.append(what)))
    assert len(heard) == 9


# --- signs on real pages ---------------------------------------------------------------------------------


WORDS = [
    "quorum",
    "custodian",
    "sheet",
    "bag",
    "serial",
    "opening",
    "envelope",
    "INV-20931",
    "EUR",
    "1,204.50",
    "payable",
    "within",
    "thirty",
    "days",
]


def papers() -> bytes:
    """A letter, a table, a form and a bar chart."""
    chance, buffer = random.Random(4), io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    for y in range(60, 800, 13):
        canvas.drawString(50, y, " ".join(chance.choice(WORDS) for _ in range(13)))
    canvas.showPage()
    for y in range(60, 780, 18):
        for x in range(40, 540, 62):
            canvas.rect(x, y, 62, 18)
            canvas.drawString(x + 4, y + 5, chance.choice(WORDS)[:9])
    canvas.showPage()
    for y in range(60, 780, 24):
        canvas.rect(50, y, 9, 9, fill=chance.random() < 0.4)
        canvas.drawString(70, y, " ".join(chance.choice(WORDS) for _ in range(7)))
    canvas.showPage()
    for x in range(60, 500, 40):
        canvas.rect(x, 200, 30, chance.randint(20, 500), fill=1)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def signs(picture: Image.Image) -> int:
    return plain_look(open_pages(png(picture)), 1).signs


def test_papers_without_codes_show_no_signs(rasterise: Rasterise) -> None:
    assert [signs(page) for page in rasterise(papers())] == [0, 0, 0, 0]


def test_pages_of_whole_foreign_codes_show_no_signs() -> None:
    page = Image.new("L", (1654, 2339), 255)
    for number, text in enumerate(["https://example.com/a", "WIFI:T:WPA;S:office;P:x;;", "0123456789" * 20]):
        code = qrcode.QRCode(box_size=8)
        code.add_data(text)
        picture = code.make_image().get_image().convert("L")
        page.paste(picture.rotate(9 * number, expand=True, fillcolor=255), (100 + 90 * number, 60 + 720 * number))
    reading = plain_look(open_pages(png(page)), 1)
    assert len(reading.codes) == 3
    assert reading.signs == 0


@pytest.mark.parametrize("name", ["blur", "noise", "crumple", "stain", "motion"])
def test_a_sheet_that_needs_a_closer_look_shows_signs(front: Image.Image, name: str) -> None:
    large = front.resize((2480, 3508), Image.Resampling.BICUBIC)
    reading = plain_look(open_pages(png(damage.DAMAGES[name](large, random.Random(f"{name} 1"), 1))), 1)
    heads = {code.text[:4] for code in reading.codes}
    assert reading.signs > 0 or heads == {"BGS1", "BGE1"}


def test_a_faded_sheet_shows_signs(front: Image.Image) -> None:
    faded = front.point([230 + value * 12 // 255 for value in range(256)])
    reading = plain_look(open_pages(png(faded)), 1)
    assert reading.signs > 0 or {code.text[:4] for code in reading.codes} == {"BGS1", "BGE1"}


def lower_part(front: Image.Image, level: int) -> Image.Image:
    folded = front.copy()
    ImageDraw.Draw(folded).rectangle((0, front.height * 0.66, front.width, front.height), fill=level)
    return folded


@pytest.mark.parametrize(
    "hide",
    [
        lambda front: lower_part(front, 255),
        lambda front: lower_part(front, 70),
        lambda front: front.crop((0, 0, front.width, round(front.height * 0.66))),
    ],
    ids=["folded up", "torn off", "cropped"],
)
def test_a_sheet_whose_lower_part_is_out_of_sight_is_told_at_once(
    scanner: Scanner, front: Image.Image, hide: Callable[[Image.Image], Image.Image]
) -> None:
    pages = list(scanner.read_bytes(png(hide(front)), "photo.png"))
    assert [code.text[:4] for page in pages for code in page.codes] == ["BGE1"]
    assert [page.note for page in pages] == ["", NO_SHARE_IN_SIGHT]


def test_a_sheet_among_scanned_papers_is_read_without_a_thorough_look(
    scanner: Scanner, front: Image.Image, rasterise: Rasterise
) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    for picture in [*rasterise(papers()), front, *rasterise(papers())]:
        canvas.drawImage(ImageReader(picture), 0, 0, 595, 842)
        canvas.showPage()
    canvas.save()
    heard: list[str] = []
    read = scanner._read_all([("batch.pdf", buffer.getvalue)], lambda what, done, of: heard.append(what))
    assert [page.source for page in read if page.codes] == ["batch.pdf page 5"]
    assert not [what for what in heard if "closer" in what]
