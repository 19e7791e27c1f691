# SPDX-License-Identifier: Apache-2.0
"""How fast sheets are drawn, and how fast a photograph of one is read; each against the shortest other way."""

import io
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.scan import Scanner
from tests.benchmarks.degradation import percentile, sheet
from tests.benchmarks.pairs import Measured, pairs
from tests.unit.paper.reading.damage import DAMAGES

SHEETS = 20
"""Sheets drawn in one run, each with another share."""

PHOTOGRAPHS = 25
"""Photographs of twelve megapixels, half of them taken badly."""


def paper_measures(runs: int) -> Iterator[Measured]:
    """Measure drawing and reading."""
    yield sheets_drawn(runs)
    yield photographs_read(runs)


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
