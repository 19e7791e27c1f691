# SPDX-License-Identifier: Apache-2.0
"""What is printed reads back, says what a custodian needs, and gives away nothing else."""

from collections.abc import Callable
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render, render_for_printer
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import FIELD_MM, PAPER_SIZES_MM, QUIET_MODULES, Paper

Make = Callable[..., SheetContent]
Some = Callable[[int], str]
Rasterise = Callable[..., list[Image.Image]]

DPI = 300
LONG_NAME = "Стокгольм-production-database-cluster-eu-north-1-primary-writer"
LONG_OWNER = (
    "Königlich-Bayerische Wasserversorgungs- und Abwasserentsorgungsgesellschaft mbH, Abteilung "
    "Informationssicherheit, Leitstelle Nord, +49 89 000000"
)
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "two levels": {
        "group": 2,
        "group_count": 2,
        "member": 1,
        "number": 4,
        "needed": "2 of 3 sheets of group 1 and 1 of 2 sheets of group 2, or all three sheets of group 3",
    },
    "long names": {
        "set_name": LONG_NAME,
        "custodian": "Διεύθυνση Υποδομών, deputy head of infrastructure and operations at both sites, first floor",
        "belongs_to": LONG_OWNER,
        "bag_serial": "TEB-0123456789-ABCDEFGHIJ",
        "number": 12,
        "total": 20,
        "epoch": 112,
    },
    "no core, no tool": {"core_lines": (), "recovery_tool": "", "recovery_sha256": "", "custodian": ""},
}


@pytest.fixture(params=["a4", "letter"])
def paper(request: pytest.FixtureRequest) -> Paper:
    chosen: Paper = request.param
    return chosen


def texts_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


def scanned(scanner: Scanner, pdf: bytes) -> list[str]:
    return [code.text for page in scanner.read_bytes(pdf, "sheet.pdf") for code in page.codes]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_back(make: Make, scanner: Scanner, paper: Paper, layout: str) -> None:
    sheet = make(**LAYOUTS[layout])
    codes = scanned(scanner, render(sheet, paper))
    assert set(codes) == {sheet.share_code, *sheet.envelope_codes}
    assert codes.count(sheet.share_code) == 2


@pytest.mark.parametrize(("characters", "codes", "pages"), [(1100, 1, 2), (1800, 4, 3), (2400, 3, 4)])
def test_large_envelopes_continue_on_further_pages(
    make: Make, some: Some, scanner: Scanner, paper: Paper, characters: int, codes: int, pages: int
) -> None:
    parts = (f"BGE1:{index}/{codes}:K3D9:{some(characters)}" for index in range(1, codes + 1))
    sheet = make(envelope_codes=tuple(parts), core_lines=(), core_omitted=True)
    pdf = render(sheet, paper)
    assert sorted(scanned(scanner, pdf)) == sorted([sheet.share_code, sheet.share_code, *sheet.envelope_codes])
    words = texts_of(pdf)
    assert len(words) == pages
    assert "too long to be typed" in words[1]
    assert all((f"All {pages} pages of this sheet belong into the bag." in page) is (pages > 2) for page in words)
    assert all(codes == 1 or f"CODE 2: ENVELOPE {index} of {codes}" in " ".join(words) for index in range(1, codes + 1))


@pytest.mark.parametrize("lines", [8, 13, 16, 27])
def test_the_envelope_code_stands_on_the_back_too_where_the_lines_leave_room(
    make: Make, rasterise: Rasterise, line: Callable[[], str], lines: int
) -> None:
    sheet = make(core_lines=tuple(line() for _ in range(lines)))
    pdf = render(sheet, "a4")
    _, back = rasterise(pdf, DPI)
    codes = [code.text for code in zxingcpp.read_barcodes(back)]
    assert codes == ([*sheet.envelope_codes] if lines <= 16 else [])
    assert ("CODE 2: ENVELOPE, second print" in texts_of(pdf)[1]) is bool(codes)


def test_the_sheet_says_how_it_is_opened_without_the_terminal(make: Make, paper: Paper) -> None:
    kit, telephone = "in the red cabinet at the reception", "+00 000 555 0100"
    sheet = make(kit=kit, report_to=telephone, recovery_python="3.8", page_sha256="6e" * 32)
    front, back = texts_of(render(sheet, paper))
    assert telephone in front
    assert "No terminal? The back says how." in front
    assert sheet.recovery_sha256 not in front
    for phrase in (
        f"Fetch the recovery kit. It lies: {kit}",
        "open recover.html in a browser, or run with Python 3.8 or later:",
        "python3 -I -S recover.py",
        sheet.recovery_sha256,
        sheet.page_sha256,
    ):
        assert phrase in back


def test_without_a_browser_page_a_kit_and_a_telephone_nothing_is_said_that_is_not_so(make: Make, paper: Paper) -> None:
    front, back = texts_of(render(make(), paper))
    assert "Telephone" in front
    assert "recover.html" not in back
    assert "It lies" not in back


def test_codes_are_large_enough_far_apart_and_the_share_is_below_the_fold(
    make: Make, rasterise: Rasterise, paper: Paper
) -> None:
    front = rasterise(render(make(), paper), DPI)[0]
    found = zxingcpp.read_barcodes(front)
    sides = {code.text[:4]: (code.position.top_right.x - code.position.top_left.x) / DPI * 25.4 for code in found}
    assert sides["BGS1"] / 41 >= 0.75
    assert sides["BGE1"] / 85 >= 0.74
    shares = [code.position for code in found if code.text.startswith("BGS1:")]
    corners = [(place.top_left.x / DPI * 25.4, place.top_left.y / DPI * 25.4) for place in shares]
    assert abs(corners[0][0] - corners[1][0]) > 100
    assert abs(corners[0][1] - corners[1][1]) > 30
    fold = PAPER_SIZES_MM[paper][1] - FIELD_MM
    assert min(y for _, y in corners) > fold
    assert max(code.position.bottom_left.y for code in found if code.text[:4] == "BGE1") / DPI * 25.4 < fold


def test_the_sheet_says_what_a_custodian_needs(make: Make, paper: Paper) -> None:
    sheet = make(bag_serial="TEB-0099184")
    front, back = texts_of(render(sheet, paper))
    for words in ("prod-db", "Epoch 3", "7Q2M-K9XD-0BWE", "2 of 5", "Opening takes any 3 of these 5 sheets."):
        assert words in front
    for words in ("When you are called", "Never", "head of security", "TEB-0099184", "No terminal?"):
        assert words in front
    for words in ("recover.py 0.1.0", "5f" * 32):
        assert words in back
    for number, line in enumerate(sheet.share_lines, start=1):
        assert f"{number} {' '.join(line.split())}" in front
    for number, line in enumerate(sheet.core_lines, start=len(sheet.share_lines) + 1):
        assert f"{number} {' '.join(line.split())}" in back
    assert not any(" ".join(line.split()) in back for line in sheet.share_lines)


EXTREMES: dict[str, dict[str, Any]] = {
    **LAYOUTS,
    "one letter": {"set_name": "x", "custodian": "", "belongs_to": "x", "total": 2, "number": 1, "member": 1},
    "longest set name": {"set_name": "m" * 64, "number": 255, "total": 255, "member": 9, "epoch": 4294967295},
    "widest words": {"set_name": "W" * 64, "belongs_to": "W" * 120, "custodian": "W" * 60, "bag_serial": "W" * 24},
    "one of several codes": {"envelope_codes": ("BGE1:1/2:K3D9:" + "A" * 800, "BGE1:2/2:K3D9:" + "B" * 700)},
    "no room for the code": {"envelope_codes": ("BGE1:" + "A" * 1800,), "needed": LONG_OWNER},
    "4 KiB": {
        "envelope_codes": tuple(f"BGE1:{index}/5:K3D9:" + "A" * 1800 for index in range(1, 6)),
        "core_lines": (),
        "core_omitted": True,
        "set_name": LONG_NAME,
    },
    "most core lines": {"core_lines": ("ABCD EFGH JKMN PQRS TVWX YZ01  Z",) * 27},
    "most words on the back": {
        "core_lines": ("ABCD EFGH JKMN PQRS TVWX YZ01  Z",) * 27,
        "kit": "red cabinet " * 6,
        "report_to": "W" * 60,
        "recovery_python": "3.8",
        "page_sha256": "5f" * 32,
    },
}


DRAWN = {"live": render, "drill": render, "drill, for a printer": render_for_printer}


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("layout", EXTREMES)
def test_nothing_leaves_the_page_or_touches_anything_else(make: Make, paper: Paper, layout: str, drawn: str) -> None:
    changes = dict(EXTREMES[layout])
    if drawn != "live":
        changes |= {"kind": "drill", "envelope_codes": (), "core_lines": (), "core_omitted": False}
    document = pypdfium2.PdfDocument(DRAWN[drawn](make(**changes), paper))
    for page in document:
        width, height = page.get_size()
        words = page.get_textpage()
        boxes = [words.get_rect(index) for index in range(words.count_rects())]
        assert len(boxes) > 7
        assert all(left > 20 and right < width - 20 for left, _, right, _ in boxes)
        assert all(bottom > 12 and top < height - 12 for _, bottom, _, top in boxes)
        assert not [pair for pair in _pairs(boxes) if _overlap(*pair)]
        codes = _codes(page)
        assert not [(code, box) for code in codes for box in boxes if _overlap(code, box)]
        assert not [pair for pair in _pairs(codes) if _overlap(*pair)]


def _codes(page: Any) -> list[tuple[float, float, float, float]]:
    """Return the boxes of a page's codes with their quiet zones (left, bottom, right, top), points."""
    scale, (_, height) = 3, page.get_size()
    found = []
    kinds = zxingcpp.barcode_formats_from_str("QRCode")
    for code in zxingcpp.read_barcodes(page.render(scale=scale, grayscale=True).to_pil(), formats=kinds):
        extra: Any = code.extra
        place, modules = code.position, 17 + 4 * int(extra["Version"])
        corners = (place.top_left, place.top_right, place.bottom_left, place.bottom_right)
        across, down = [corner.x / scale for corner in corners], [height - corner.y / scale for corner in corners]
        left, right, bottom, top = min(across), max(across), min(down), max(down)
        quiet = QUIET_MODULES * (right - left) / modules - 0.5
        found.append((left - quiet, bottom - quiet, right + quiet, top + quiet))
        assert (right - left) / modules / 72 * 25.4 >= (0.74 if modules == 41 else 0.59)
    assert (
        found
        or "too long to be typed" in page.get_textpage().get_text_range()
        or "keyboard" in (page.get_textpage().get_text_range())
    )
    return found


def _pairs(boxes: list[Any]) -> list[tuple[Any, Any]]:
    return [(one, other) for index, one in enumerate(boxes) for other in boxes[index + 1 :]]


def _overlap(one: Any, other: Any) -> bool:
    """Tell whether two ink boxes (left, bottom, right, top) overlap by more than a point."""
    across: float = min(one[2], other[2]) - max(one[0], other[0])
    down: float = min(one[3], other[3]) - max(one[1], other[1])
    return across > 1 and down > 1


def test_no_secret_outside_what_is_drawn(make: Make) -> None:
    sheet = make()
    pdf = render(sheet, "a4")
    secrets = [sheet.share_code, sheet.share_code[5:], *sheet.share_lines]
    assert not any(secret.encode() in pdf for secret in secrets)
    metadata = pypdfium2.PdfDocument(pdf).get_metadata_dict(skip_empty=True)
    assert metadata["Title"] == "Break-glass sheet"
    assert metadata["Producer"] == metadata["Author"] == metadata["Creator"] == "breakglass-shamir"
    assert not any(word in " ".join(metadata.values()) for word in ("prod-db", "7Q2M", "head of", *secrets))


def test_no_secret_in_a_repr_or_an_error(make: Make) -> None:
    sheet = make()
    assert sheet.share_code[5:15] not in repr(sheet)
    assert sheet.share_lines[0][:4] not in repr(sheet)
    with pytest.raises(InvalidInput) as caught:
        render(make(share_lines=("SECRET!",) * 4), "a4")
    assert "SECRET" not in str(caught.value)


def test_the_same_content_gives_the_same_bytes(make: Make) -> None:
    assert render(make(), "a4") == render(make(), "a4")


@pytest.mark.parametrize(
    ("field", "text", "named"),
    [
        ("set_name", "データベース", "U\\+30C7"),
        ("custodian", "محمد", "U\\+0645"),
        ("belongs_to", "a\u202eb", "U\\+202E"),
        ("needed", "any 3\nof 5", "U\\+000A"),
        ("custodian", "x\u0331", "U\\+0331"),
        ("bag_serial", "\U0001f512", "U\\+1F512"),
    ],
)
def test_a_character_that_cannot_be_printed_is_named(make: Make, field: str, text: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"{field} .*{named}"):
        render(make(**{field: text}), "a4")


def test_a_decomposed_name_is_composed(make: Make) -> None:
    assert "José" in texts_of(render(make(custodian="Jose\u0301"), "a4"))[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"set_name": "x" * 300},
        {"belongs_to": "word " * 200},
        {"share_lines": ("ABCD",)},
        {"share_lines": ("ABCD " * 10,) * 4},
        {"share_code": "BGS1:abc"},
        {"envelope_codes": ()},
        {"envelope_codes": ("BGE1:A",), "kind": "drill", "core_lines": ()},
        {"core_omitted": True},
        {"core_lines": ("ABCD",) * 60},
        {"number": 6},
        {"member": 0},
        {"epoch": 0},
    ],
)
def test_what_cannot_be_printed_is_refused(make: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        render(make(**changes), "letter")
