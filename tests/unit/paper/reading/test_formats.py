# SPDX-License-Identifier: Apache-2.0
"""Every format that people bring is read or named with the remedy, at every size within the worker's memory.

What is cut off or damaged is told as that, whatever was read of it.
"""

import io
import struct
import zlib
from collections.abc import Callable

import pypdfium2
import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.pages import MOST_PIXELS, PLAIN_PIXELS, SHOWN_PIXELS, open_pages
from breakglass_shamir.paper.reading.scan import ScannedPage, Scanner

Make = Callable[..., SheetContent]
Rasterise = Callable[..., list[Image.Image]]
WHOLE = ["BGE1", "BGS1", "BGS1"]


@pytest.fixture
def front(make: Make, rasterise: Rasterise) -> Image.Image:
    return rasterise(render(make(), "a4"))[0]


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def kinds(pages: list[ScannedPage]) -> list[str]:
    return sorted(code.text[:4] for page in pages for code in page.codes)


def told(scanner: Scanner, data: bytes) -> str:
    return " ".join(f"{page.problem} {page.note}" for page in scanner.read_bytes(data, "x"))


def codestream(front: Image.Image) -> bytes:
    """A JPEG 2000 without the boxes around it."""
    return saved(front, "JPEG2000", no_jp2=True)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("AVIF", "RGB", {"quality": 70, "speed": 10}),
        ("BMP", "1", {}),
        ("BMP", "L", {}),
        ("BMP", "RGB", {}),
        ("GIF", "P", {}),
        ("GIF", "L", {}),
        ("JPEG2000", "L", {}),
        ("PPM", "RGB", {}),
        ("PPM", "1", {}),
        ("TIFF", "1", {"compression": "group4"}),
        ("TIFF", "L", {"big_tiff": True}),
        ("MPO", "RGB", {"quality": 70}),
    ],
)
def test_what_scanners_and_telephones_save_is_read(
    scanner: Scanner, front: Image.Image, kind: str, mode: str, options: dict[str, object]
) -> None:
    assert kinds(list(scanner.read_bytes(saved(front.convert(mode), kind, **options), "scan"))) == WHOLE


def test_a_bare_codestream_is_read(scanner: Scanner, front: Image.Image) -> None:
    assert kinds(list(scanner.read_bytes(codestream(front), "scan.j2c"))) == WHOLE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\x0a" + bytes(50), "JPEG XL picture: save it as PNG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL picture: save it as PNG"),
        (b"PK\x03\x04" + bytes(50), "ZIP archive or an office document"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "office document"),
        (b"%!PS-Adobe-3.0\n", "PostScript file: save it as PDF"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "XML file, not a picture"),
        (b"\0\0\0\x20ftypisom" + bytes(50), "a film: give it to --camera"),
        (b"\x1aE\xdf\xa3" + bytes(50), "a film"),
        (b"8BPS" + bytes(50), "Photoshop picture"),
        (bytes(5000), "nothing but zeros"),
    ],
)
def test_what_is_not_read_is_named_with_the_remedy(scanner: Scanner, data: bytes, words: str) -> None:
    assert words in told(scanner, data)


def flipped(data: bytes, part: float = 0.6) -> bytes:
    place = int(len(data) * part)
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def wrong_checksum(front: Image.Image) -> bytes:
    """A PNG of which one bit of the last checksum is wrong, and every pixel right."""
    data = saved(front, "PNG")
    end = data.rindex(b"IEND") - 8
    return data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "JPEG2000"])
@pytest.mark.parametrize("part", [0.97, 0.5])
def test_a_file_that_is_cut_off_is_named_as_that(scanner: Scanner, front: Image.Image, kind: str, part: float) -> None:
    data = saved(front, kind, **({"compression": "tiff_lzw"} if kind == "TIFF" else {}))
    said = told(scanner, data[: int(len(data) * part)])
    assert "cut off" in said or "damaged" in said
    assert "light" not in said


def test_a_flipped_bit_is_named_even_where_all_was_read(scanner: Scanner, front: Image.Image) -> None:
    assert "damaged" in told(scanner, flipped(saved(front, "PNG")))
    deflated = saved(front, "TIFF", compression="tiff_deflate")
    assert "damaged" in told(scanner, flipped(deflated, 0.5))
    pages = list(scanner.read_bytes(wrong_checksum(front), "x"))
    assert kinds(pages) == WHOLE
    assert "damaged" in pages[0].note


@pytest.mark.parametrize(("user", "words"), [("open sesame", "wants a password"), ("", "")])
@pytest.mark.parametrize("strength", [40, 128])
def test_a_pdf_with_a_password_says_so_and_one_that_only_forbids_is_read(
    scanner: Scanner, front: Image.Image, user: str, words: str, strength: int
) -> None:
    buffer = io.BytesIO()
    lock = StandardEncryption(user, ownerPassword="owner", strength=strength)
    canvas = Canvas(buffer, pagesize=(595, 842), encrypt=lock)
    canvas.drawImage(ImageReader(front), 0, 0, 595, 842)
    canvas.save()
    pages = list(scanner.read_bytes(buffer.getvalue(), "x"))
    assert words in pages[0].problem
    assert kinds(pages) == ([] if user else WHOLE)


@pytest.mark.parametrize(
    ("across", "down"),
    [(1654, 2339), (3370, 2384), (14_400, 14_400), (60, 85), (200, 200)],
    ids=["a page box of 72 dpi", "A0 across", "the largest box", "a thumbnail's box", "a square box"],
)
def test_a_pdf_page_is_read_whatever_box_it_has(scanner: Scanner, front: Image.Image, across: int, down: int) -> None:
    """The sheet's picture, kept in proportion, as all of the box or a part of it."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(across, down))
    high = min(down, across * front.height / front.width)
    canvas.drawImage(ImageReader(front), 0, 0, high * front.width / front.height, high)
    canvas.save()
    assert kinds(list(scanner.read_bytes(buffer.getvalue(), "box.pdf"))) == WHOLE


@pytest.mark.parametrize("box", [(14_400, 20), (20, 14_400), (14_400, 14_400), (0.5, 0.5)])
def test_no_box_makes_a_large_picture(box: tuple[float, float]) -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(*box)
    buffer = io.BytesIO()
    document.save(buffer)
    grey = open_pages(buffer.getvalue()).picture(1, fine=False).grey
    assert grey.width * grey.height <= PLAIN_PIXELS * 1.01


def scaled(front: Image.Image, dpi: int) -> Image.Image:
    return front.resize((front.width * dpi // 200, front.height * dpi // 200), Image.Resampling.NEAREST)


@pytest.mark.parametrize(
    ("dpi", "kind", "options"),
    [
        (800, "PNG", {"compress_level": 1}),
        (1200, "JPEG", {"quality": 50}),
        (1200, "TIFF", {"compression": "group4"}),
    ],
)
def test_a_page_at_any_resolution_is_read_within_the_memory(
    front: Image.Image, dpi: int, kind: str, options: dict[str, object]
) -> None:
    large = scaled(front, dpi)
    data = saved(large.convert("1") if kind == "TIFF" else large, kind, **options)
    with Scanner(timeout_s=200) as fresh:
        assert kinds(list(fresh.read_bytes(data, "scan"))) == WHOLE


def test_a_photograph_of_a_hundred_million_pixels_is_read(front: Image.Image) -> None:
    photo = Image.new("RGB", (12_000, 8_700), (90, 90, 90))
    photo.paste(scaled(front, 600).convert("RGB"), (3000, 300))
    with Scanner(timeout_s=200) as fresh:
        assert kinds(list(fresh.read_bytes(saved(photo, "JPEG", quality=60), "photo.jpg"))) == WHOLE


def test_a_telephones_photograph_of_12_million_pixels_is_read(front: Image.Image) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (extra heic)")
    photo = Image.new("RGB", (4032, 3024), (90, 90, 90))
    photo.paste(front.convert("RGB"), (900, 300))
    buffer = io.BytesIO()
    heif.from_pillow(photo).save(buffer, quality=40)
    with Scanner(timeout_s=200) as fresh:
        assert kinds(list(fresh.read_bytes(buffer.getvalue(), "IMG.HEIC"))) == WHOLE


def png_header(across: int, down: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", across, down, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def jpeg_header(across: int, down: int) -> bytes:
    data = saved(Image.new("L", (8, 8)), "JPEG")
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", down, across) + data[place + 4 :]


@pytest.mark.parametrize(
    "bomb",
    [
        png_header(20_000, 20_000),
        png_header(100_000, 100_000),
        jpeg_header(65_000, 65_000),
        b"P6 40000 40000 255\n",
        b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 30_000, 30_000, 1, 24) + bytes(24),
        b"GIF89a"
        + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65_000, 65_000, 0),
    ],
    ids=["PNG", "larger PNG", "JPEG", "PNM", "BMP", "GIF"],
)
def test_bombs_are_refused_unopened(scanner: Scanner, bomb: bytes) -> None:
    said = told(scanner, bomb)
    assert "too large" in said or "damaged" in said


def test_what_is_shown_is_bounded(front: Image.Image) -> None:
    assert MOST_PIXELS >= 9921 * 14_031, "an A4 page at 1200 dpi"
    grey = open_pages(saved(scaled(front, 800), "PNG", compress_level=1)).picture(1, fine=True).grey
    assert grey.width * grey.height <= SHOWN_PIXELS
