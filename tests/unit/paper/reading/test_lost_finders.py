# SPDX-License-Identifier: Apache-2.0
"""Any one finder pattern lost on any code of a real sheet is survived, and one of each code at once, too.

The sheets are drawn as the program draws them, rasterised, punched, read by the scanner and opened by the pool.
"""

import functools
import hashlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.health import corners_of
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.paper.sizes import Paper

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]

DPI = 200
HOLE_MM = 8.0
"""What a finder pattern of 7 modules and its separator have at 0.85 mm a module, and a punch makes."""

PAPER, INK = 255, 20
PATTERNS = ("upper left", "upper right", "lower left")
QR_ONLY = zxingcpp.barcode_formats_from_str("QRCode")


@functools.cache
def dealt(length: int = 12) -> Sealed:
    structure = Structure(1, (Group(2, 3),))
    some = hashlib.sha256(b"test").digest()
    facts = Facts(Kind.LIVE, "prod-db", 1, structure, some, Checkpoint(some[:8], 7, some))
    return seal(facts, Secret(bytes(range(256)) * (length // 256) + bytes(length % 256)))


def sheet(make: Make, sealed: Sealed, place: int) -> SheetContent:
    share, envelope = sealed.shares[place], sealed.envelope
    lines = envelope.core.to_lines()
    return make(
        set_name=envelope.set_name,
        epoch_id=text.short_id(envelope.core.epoch_id),
        share_code=share.to_text(),
        share_lines=share.to_lines(),
        envelope_codes=envelope.to_codes(),
        core_lines=lines,
        core_omitted=not lines,
    )


def codes_on(page: Image.Image) -> list[Any]:
    """Return the codes of a page as they were printed, from top to bottom."""
    return sorted(zxingcpp.read_barcodes(page, formats=QR_ONLY), key=lambda code: code.position.top_left.y)


def centre(code: Any, pattern: str) -> tuple[float, float]:
    corners = corners_of(code.position)
    part = 3.5 / (17 + 4 * int(code.extra["Version"]))
    (x, y), (right, _), _, (_, lower) = corners
    across, down = right - x, lower - y
    return (
        x + across * (1 - part if pattern == "upper right" else part),
        y + down * (1 - part if pattern == "lower left" else part),
    )


def punched(page: Image.Image, codes: Sequence[Any], pattern: str, level: int) -> Image.Image:
    picture, radius = page.copy(), HOLE_MM / 25.4 * DPI / 2
    for code in codes:
        x, y = centre(code, pattern)
        ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=level)
    assert len(zxingcpp.read_barcodes(picture, formats=QR_ONLY)) < len(codes_on(page)), "nothing was lost"
    return picture


def texts(scanner: Scanner, picture: Image.Image) -> list[str]:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return [code.text for page in scanner.read_bytes(buffer.getvalue(), "x") for code in page.codes]


def opens(scanner: Scanner, pictures: Sequence[Image.Image]) -> bool:
    pool = Pool({})
    for picture in pictures:
        for code in texts(scanner, picture):
            pool.add(code)
    return pool.complete()


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("place", range(3), ids=["envelope", "upper share code", "lower share code"])
def test_one_pattern_lost_on_one_code_costs_nothing(
    scanner: Scanner, make: Make, rasterise: Rasterise, place: int, pattern: str
) -> None:
    front = rasterise(render(sheet(make, dealt(), 0), "a4"), DPI)[0]
    codes = codes_on(front)
    assert [code.text[:4] for code in codes] == ["BGE1", "BGS1", "BGS1"]
    found = texts(scanner, punched(front, codes[place : place + 1], pattern, PAPER))
    assert {dealt().shares[0].to_text(), *dealt().envelope.to_codes()} <= set(found)


@pytest.mark.parametrize(
    ("paper", "pattern", "level"),
    [*(("a4", pattern, PAPER) for pattern in PATTERNS), ("letter", "upper left", INK)],
)
def test_the_same_pattern_lost_on_every_code_of_every_sheet_opens(
    scanner: Scanner, make: Make, rasterise: Rasterise, paper: Paper, pattern: str, level: int
) -> None:
    """One hole through a stack of sheets, or one wet corner of a safe."""
    fronts = [rasterise(render(sheet(make, dealt(), place), paper), DPI)[0] for place in (0, 2)]
    assert opens(scanner, [punched(front, codes_on(front), pattern, level) for front in fronts])


def test_a_pattern_lost_on_every_code_of_a_long_envelope_opens(
    scanner: Scanner, make: Make, rasterise: Rasterise
) -> None:
    sealed = dealt(4096)
    pages = rasterise(render(sheet(make, sealed, 0), "a4"), DPI)
    pages += rasterise(render(sheet(make, sealed, 1), "a4"), DPI)[:1]
    assert [len(codes_on(page)) for page in pages] == [3, 2, 3, 3]
    printed = [page for page in pages if codes_on(page)]
    assert opens(scanner, [punched(page, codes_on(page), "upper left", PAPER) for page in printed])


def test_what_goes_through_the_front_leaves_the_second_print_of_the_envelope(make: Make, rasterise: Rasterise) -> None:
    """So that a scanner that knows nothing of lost patterns has it, too."""
    front, back = rasterise(render(sheet(make, dealt(), 0), "a4"), DPI)
    (envelope,) = (code for code in codes_on(front) if code.text.startswith("BGE1:"))
    radius = HOLE_MM / 25.4 * DPI / 2
    for pattern in PATTERNS:
        x, y = centre(envelope, pattern)
        seen, picture = back.width - x, back.copy()
        ImageDraw.Draw(picture).ellipse((seen - radius, y - radius, seen + radius, y + radius), fill=PAPER)
        assert [code.text for code in codes_on(picture)] == [envelope.text]
