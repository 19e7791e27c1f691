# SPDX-License-Identifier: Apache-2.0
"""Real photographs of codes, none of them ours: the second look adds to what zxing-cpp reads, and invents nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from breakglass_shamir.paper.reading.scan import Scanner

PICTURES = {".png", ".jpg", ".gif"}
QR_ONLY = zxingcpp.barcode_formats_from_str("QRCode")


@dataclass(frozen=True, slots=True)
class Photograph:
    """One picture: what is on it, what zxing-cpp alone reads, what we read."""

    name: str
    text: str
    plain: set[str]
    ours: set[str]


@pytest.fixture(scope="module")
def photographs(vectors: Path) -> list[Photograph]:
    with Scanner() as scanner:
        return list(read_all(vectors / "photos", scanner))


def read_all(folder: Path, scanner: Scanner) -> Iterator[Photograph]:
    for path in sorted(file for file in folder.rglob("*") if file.suffix in PICTURES):
        text = path.with_suffix(".txt").read_bytes().decode("utf-8", "replace")
        with Image.open(path) as picture:
            plain = {code.text for code in zxingcpp.read_barcodes(picture.convert("L"), formats=QR_ONLY)}
        ours = {code.text for page in scanner.read_path(path) for code in page.codes}
        yield Photograph(f"{path.parent.name}/{path.name}", text, plain, ours)


def test_nothing_is_read_wrongly(photographs: list[Photograph]) -> None:
    assert len(photographs) > 100
    wrong = [photo.name for photo in photographs if any(text.strip() != photo.text.strip() for text in photo.ours)]
    assert not wrong


def test_all_that_zxing_alone_reads_is_read_and_more(photographs: list[Photograph]) -> None:
    lost = [photo.name for photo in photographs if not photo.plain <= photo.ours]
    gained = [photo.name for photo in photographs if photo.ours - photo.plain]
    assert not lost
    assert len(gained) >= 2
