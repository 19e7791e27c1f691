# SPDX-License-Identifier: Apache-2.0
"""A receipt is scanned from its slip and from a screen, light or dark."""

import io
from dataclasses import replace

import pypdfium2
import pytest
from PIL import Image

from breakglass_shamir.cli.screen import code as code_screen
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats.receipt import Pin, Receipt
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.paper.drawing.receipt_slip import SlipContent, render
from breakglass_shamir.paper.reading.scan import Scanner

KEY = Secret(b"k" * 32)
CELL = 6
"""Side of a module on the played screen, in pixels."""


def receipt(name: str = "prod-db", pins: int = 1) -> Receipt:
    from breakglass_shamir.crypto.keys import ed25519_public

    each = tuple(Pin(bytes([number]) * 32, b"e" * 32) for number in range(pins))
    unsigned = Receipt(ed25519_public(KEY), 2**40, b"r" * 32, 1_800_000_000, 7, b"l" * 32, name, each)
    return unsigned.signed_by(KEY)


def content(**changes: str) -> SlipContent:
    code = receipt().to_code()
    slip = SlipContent(code, "prod-db", "0123456789ab", "officer one", "2026-01-01T00:00:00Z", 12, 7, "00" * 8)
    return replace(slip, **changes)  # type: ignore[arg-type]


def read(picture: Image.Image) -> list[str]:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    with Scanner() as scanner:
        return [code.text for page in scanner.read_bytes(buffer.getvalue(), "picture") for code in page.codes]


@pytest.mark.parametrize("made", [receipt(), receipt("n" * 64, 2), receipt("", 0)])
def test_a_slip_is_scanned_from_a_poor_print(made: Receipt) -> None:
    pdf = render([content(code=made.to_code(), set_name=made.set_name)])
    document = pypdfium2.PdfDocument(pdf)
    picture = document[0].render(scale=110 / 72, grayscale=True).to_pil()
    assert read(picture) == [made.to_code()]
    assert Receipt.from_code(made.to_code()) == made


def test_a_slip_for_each_officer_says_whose_it_is() -> None:
    document = pypdfium2.PdfDocument(render([content(), content(officer="Ö" * 40)]))
    assert len(document) == 2
    text = " ".join(document[0].get_textpage().get_text_bounded().split())
    for words in ("Kept by officer one", "prod-db", "record 7 of 12", "opens nothing"):
        assert words in text
    for wrong in ([], [content(officer="Ö" * 90)], [content(officer="\N{CJK UNIFIED IDEOGRAPH-4E00}")]):
        with pytest.raises(InvalidInput):
            render(wrong)


def painted(lines: list[str], *, dark: bool) -> Image.Image:
    """Play a terminal: draw half blocks in its colours, or in those that a line asks for."""
    asked = lines[0].startswith("\x1b")
    ink, paper = (0, 255) if asked or not dark else (255, 0)
    rows = [line.removeprefix("\x1b[30;107m").removesuffix("\x1b[0m") for line in lines]
    picture = Image.new("L", ((len(rows[0]) + 8) * CELL, (2 * len(rows) + 8) * CELL), 0 if dark else 255)
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            halves = (
                character in "\N{UPPER HALF BLOCK}\N{FULL BLOCK}",
                character in "\N{LOWER HALF BLOCK}\N{FULL BLOCK}",
            )
            for half, filled in enumerate(halves):
                box = ((x + 4) * CELL, (2 * y + half + 4) * CELL, (x + 5) * CELL, (2 * y + half + 5) * CELL)
                picture.paste(ink if filled else paper, box)
    return picture


@pytest.mark.parametrize(("color", "dark"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_code_on_a_screen_is_scanned(color: bool, dark: bool) -> None:
    code = receipt().to_code()
    lines = code_screen.lines(code, color=color)
    assert len({len(line) for line in lines}) == 1
    assert code_screen.width(lines) <= 80
    assert len(lines) <= 38
    assert read(painted(lines, dark=dark)) == [code]
