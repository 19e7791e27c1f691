# SPDX-License-Identifier: Apache-2.0
"""Sheets with random texts, and their pages as pictures; nothing leaves memory unless a test writes it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pypdfium2
import pytest
from PIL import Image

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.reading.scan import Scanner

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

PATIENCE_S = 200.0
"""For one page, on a machine that does much else."""

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]


@pytest.fixture
def some() -> Callable[[int], str]:
    """A function that returns so many random characters, the same in every run."""
    source = random.Random(20)
    return lambda count: "".join(source.choice(CROCKFORD) for _ in range(count))


@pytest.fixture
def line(some: Callable[[int], str]) -> Callable[[], str]:
    """A function that returns six groups of four and a check character."""
    return lambda: " ".join(some(4) for _ in range(6)) + "  " + some(1)


@pytest.fixture
def make(some: Callable[[int], str], line: Callable[[], str]) -> Make:
    """A function that returns a plain 3-of-5 sheet with some fields changed."""
    sheet = SheetContent(
        kind="live",
        set_name="prod-db",
        epoch=3,
        epoch_id="7Q2M-K9XD-0BWE",
        group=1,
        group_count=1,
        member=2,
        number=2,
        total=5,
        needed="any 3 of these 5 sheets",
        share_code="BGS1:" + some(96),
        share_lines=tuple(line() for _ in range(4)),
        envelope_codes=("BGE1:" + some(670),),
        core_lines=tuple(line() for _ in range(16)),
        core_omitted=False,
        custodian="head of security",
        belongs_to="Example Water Works, IT operations",
        printed_on="2026-11-23",
        bag_serial="",
        recovery_tool="recover.py 0.1.0",
        recovery_sha256="5f" * 32,
    )
    return lambda **changes: replace(sheet, **changes)


@pytest.fixture
def rasterise() -> Rasterise:
    """A function that draws the pages of a PDF in grey."""

    def draw(pdf: bytes, dpi: int = 200) -> list[Image.Image]:
        document = pypdfium2.PdfDocument(pdf)
        pages = [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in document]
        document.close()
        return pages

    return draw


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with Scanner(timeout_s=PATIENCE_S) as shared:
        yield shared
