# SPDX-License-Identifier: Apache-2.0
"""How fast sheets are drawn, and how fast a photograph of one is read; each against the shortest other way."""

import contextlib
import io
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.scan import Scanner
from tests.benchmarks.degradation import percentile, sheet
from tests.benchmarks.pairs import Measured, pairs
from tests.unit.paper.reading.damage import DAMAGES

SHEETS = 20
"""Sheets drawn in one run, each with another share."""

PAPERS = 200
"""Pages of the scan in which sheets are looked for."""

FOREIGN, CRUMPLED = 50, 5
"""Pictures read in one run."""

PHOTOGRAPHS = 25
"""Photographs of twelve megapixels, half of them taken badly."""


def paper_measures(runs: int) -> Iterator[Measured]:
    """Measure drawing and reading."""
    yield sheets_drawn(runs)
    yield photographs_read(runs)
    yield sheets_among_papers(runs)
    yield foreign_codes(runs)
    yield crumpled_sheets(runs)


def sheets_drawn(runs: int) -> Measured:
    """Measure drawing whole sheets, front and back, in memory."""
    contents = [sheet(seed)[0] for seed in range(SHEETS)]

    def ours() -> None:
        for content in contents:
            render(content, "a4")

    def plain() -> None:
        import qrcode

        for content in contents:
            for text in (content.share_code, content.share_code, *content.envelope_codes):
                code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q)
                code.add_data(text)
                code.make_image().save(io.BytesIO())

    found = pairs(f"{SHEETS} sheets drawn as PDF", ours, "qrcode + pillow: their three codes as PNG", plain, runs)
    return replace(found, figure=f"{SHEETS / found.ours_s:.0f} sheets/s")


def photographs_read(runs: int) -> Measured:
    """Measure reading photographs as telephones save them, from JPEG to texts."""
    photographs = [_photograph(number) for number in range(PHOTOGRAPHS)]
    times: list[float] = []
    with Scanner(timeout_s=60) as scanner:

        def ours() -> None:
            for data in photographs:
                started = time.perf_counter()
                list(scanner.read_bytes(data, "photograph"))
                times.append(time.perf_counter() - started)

        found = pairs(
            f"{PHOTOGRAPHS} photographs of 12 megapixels read, half of them bad", ours,
            "zxing-cpp + pillow: one look at each", _plain_look(photographs), max(1, runs // 3),
        )  # fmt: skip
    middle, late = (percentile(times, rank) * 1000 for rank in (50, 95))
    return replace(found, figure=f"median {middle:.0f} ms, 95 % within {late:.0f} ms, each")


def sheets_among_papers(runs: int) -> Measured:
    """Measure finding three sheets in a scan of two hundred pages."""
    pages = [_paper(number) for number in range(PAPERS)]
    for number in range(3):
        pages[17 + 81 * number] = _scanned(sheet(number)[1])
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842))
    for data in pages:
        canvas.drawImage(ImageReader(io.BytesIO(data)), 0, 0, 595, 842)
        canvas.showPage()
    canvas.save()
    what = f"a PDF of {PAPERS} scanned pages, 3 sheets among them"
    return _read([out.getvalue()], what, _plain_pages(out.getvalue()), max(1, runs // 3))


def foreign_codes(runs: int) -> Measured:
    """Measure reading pictures of whole codes that are not ours."""
    pictures = [_foreign(number) for number in range(FOREIGN)]
    return _read(pictures, f"{FOREIGN} pictures of a foreign code", _plain_look(pictures), runs)


def crumpled_sheets(runs: int) -> Measured:
    """Measure reading sheets that were balled up and smoothed out."""
    pictures = []
    for number in range(CRUMPLED):
        out = io.BytesIO()
        DAMAGES["crumple"](sheet(number)[1], random.Random(number), 1).save(out, "JPEG", quality=85)
        pictures.append(out.getvalue())
    return _read(pictures, f"{CRUMPLED} crumpled sheets", _plain_look(pictures), max(1, runs // 3))


def _read(files: list[bytes], what: str, other: Callable[[], None], runs: int) -> Measured:
    """Measure reading files, and the processor time of it: the machine may have other work."""
    used: list[float] = []
    with Scanner(timeout_s=60) as scanner:

        def ours() -> None:
            scanner.start()
            began = _processor_s(scanner)
            for data in files:
                list(scanner.read_bytes(data, "file"))
            used.append(_processor_s(scanner) - began)

        found = pairs(what, ours, "zxing-cpp + pillow: one look at each", other, runs)
    return replace(found, figure=f"{min(used) / len(files):.3f} s of processor time a file")


def _processor_s(scanner: Scanner) -> float:
    """Return what the worker has used so far, seconds; nothing where it cannot be told."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{scanner._decoder.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _paper(number: int) -> bytes:
    """Scan a page of text."""
    chance, page = random.Random(number), Image.new("L", (2480, 3508), 255)
    pen = ImageDraw.Draw(page)
    for y in range(200, 3300, 60):
        words = " ".join("".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(11))
        pen.text((200, y), words, fill=20, font_size=40)
    return _scanned(page)


def _scanned(page: Image.Image) -> bytes:
    out = io.BytesIO()
    page.resize((1654, 2339), Image.Resampling.BOX).save(out, "JPEG", quality=75)
    return out.getvalue()


def _foreign(number: int) -> bytes:
    """Take a picture of a code that is not ours."""
    import qrcode

    out = io.BytesIO()
    qrcode.make(f"https://example.com/{number}").get_image().convert("L").save(out, "PNG")
    return out.getvalue()


def _plain_pages(data: bytes) -> Callable[[], None]:
    import pypdfium2
    import zxingcpp

    formats = zxingcpp.barcode_formats_from_str("QRCode")

    def look() -> None:
        for page in pypdfium2.PdfDocument(data):
            zxingcpp.read_barcodes(page.render(scale=200 / 72, grayscale=True).to_pil(), formats=formats)

    return look


def _photograph(number: int) -> bytes:
    """Take a picture of a sheet by hand, every second time in poor light and badly aimed."""
    _, front, _ = sheet(number)
    out = io.BytesIO()
    DAMAGES["phone"](front, random.Random(number), number % 2).save(out, "JPEG", quality=85)
    return out.getvalue()


def _plain_look(photographs: list[bytes]) -> Callable[[], None]:
    import zxingcpp
    from PIL import Image

    formats = zxingcpp.barcode_formats_from_str("QRCode")

    def look() -> None:
        for data in photographs:
            zxingcpp.read_barcodes(Image.open(io.BytesIO(data)).convert("L"), formats=formats)

    return look
