# SPDX-License-Identifier: Apache-2.0
"""How much of a damaged sheet is still read: our chain beside what a user would pick instead, in one run.

    python -m tests.benchmarks.degradation [--quick] [--sheets N] [--field] [--damage NAME] [TABLE.md]

Rules:

1. Every decoder gets the same pictures, made from whole sheets by seeded damage, in the same process. They are grey;
   with ``--field`` they are in colour, of fire, water, pens and telephones (``field``), and ours alone sees the colour.
2. A sheet counts as read when its share and its envelope were; in brackets, when at least its share was.
3. What a decoder says that was not printed is counted as wrong.
4. A decoder that is not installed has a column that says so (extra ``bench``).
5. Codes that are within their error correction in the picture are counted apart (``survival``), and every one of
   them that our chain did not read is named.
6. Times are wall clock on a machine that both processes share: compare them within a run only.

It asserts nothing.
"""

import argparse
import io
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import pypdfium2
from PIL import Image

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.sheet import render
from breakglass_shamir.paper.reading.merge import DamagedCodes
from breakglass_shamir.paper.reading.scan import Scanner
from tests.benchmarks.survival import Printed, needed, printed_codes
from tests.unit.paper.reading.damage import DAMAGES, PRINT_DPI, traced
from tests.unit.paper.reading.field import FIELD

PROCESSES: Final = 2
"""Pictures are made and read in so many processes at once."""

SHEETS, QUICK_SHEETS = 5, 1
"""Sheets per damage and strength."""

ALL_DAMAGES: Final = DAMAGES | FIELD

ENVELOPE_CHARACTERS: Final = 670
"""An envelope of five sheets: version 17."""

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Reader = Callable[[Image.Image], set[str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one decoder made of one picture."""

    damage: str
    strength: int
    reader: str
    share: bool
    envelope: bool
    wrong: int
    seconds: float

    @property
    def read(self) -> bool:
        """Whether both were read."""
        return self.share and self.envelope


@dataclass(frozen=True, slots=True)
class Survival:
    """How one damaged sheet stands before anybody reads it: the part of its error correction that each code needs."""

    damage: str
    strength: int
    seed: int
    share: float
    """Of the better print; more than 1: neither survives."""

    envelope: float
    share_read: bool
    """By our chain, as the next one."""

    envelope_read: bool


# --- decoders --------------------------------------------------------------------------------------------


def ours() -> Reader:
    """Return this project's chain, its worker process included; each picture stands alone, as for the others."""
    scanner = Scanner(timeout_s=60)
    scanner.start()

    def read(picture: Image.Image) -> set[str]:
        buffer = io.BytesIO()
        picture.save(buffer, "TIFF")
        scanner._damaged = DamagedCodes()  # other pictures show the same envelope
        return {code.text for page in scanner.read_bytes(buffer.getvalue(), "sheet") for code in page.codes}

    return read


def plain() -> Reader:
    """Return zxing-cpp as it comes, but told to look for QR codes only."""
    import zxingcpp

    formats = zxingcpp.barcode_formats_from_str("QRCode")
    return lambda picture: {code.text for code in zxingcpp.read_barcodes(picture, formats=formats)}


def zbar() -> Reader:
    """Return zbar."""
    from pyzbar import pyzbar

    kinds = [pyzbar.ZBarSymbol.QRCODE]
    return lambda picture: {code.data.decode(errors="replace") for code in pyzbar.decode(picture, symbols=kinds)}


def opencv() -> Reader:
    """Return OpenCV's own detector."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    detector = cv2.QRCodeDetector()

    def read(picture: Image.Image) -> set[str]:
        _, texts, _, _ = detector.detectAndDecodeMulti(np.asarray(picture))
        return {text for text in texts if text}

    return read


OURS: Final = "breakglass"

READERS: Final[dict[str, Callable[[], Reader]]] = {
    OURS: ours,
    "zxing-cpp": plain,
    "zbar": zbar,
    "OpenCV": opencv,
}


@cache
def readers() -> dict[str, Reader]:
    """Make every decoder that is installed, once per process."""
    made: dict[str, Reader] = {}
    for name, make in READERS.items():
        try:
            made[name] = make()
        except ImportError:
            continue
    return made


# --- sheets ----------------------------------------------------------------------------------------------


@cache
def sheet(seed: int) -> tuple[SheetContent, Image.Image, list[Printed]]:
    """Return a sheet with random texts, its front as printed, and where its codes are."""
    chance = random.Random(seed)

    def some(count: int) -> str:
        return "".join(chance.choice(CROCKFORD) for _ in range(count))

    content = SheetContent(
        kind="live",
        set_name="prod-db",
        epoch=1,
        epoch_id="7Q2M-K9XD-0BWE",
        group=1,
        group_count=1,
        member=2,
        number=2,
        total=5,
        needed="any 3 of these 5 sheets",
        share_code="BGS1:" + some(96),
        share_lines=tuple(" ".join(some(4) for _ in range(6)) + "  " + some(1) for _ in range(4)),
        envelope_codes=("BGE1:" + some(ENVELOPE_CHARACTERS),),
        core_lines=(),
        core_omitted=True,
        custodian="head of security",
        belongs_to="Example Water Works, IT operations",
        printed_on="2026-11-23",
        bag_serial="",
        recovery_tool="recover.py 0.1.0",
        recovery_sha256="5f" * 32,
    )
    document = pypdfium2.PdfDocument(render(content, "a4"))
    front = document[0].render(scale=PRINT_DPI / 72, grayscale=True).to_pil()
    document.close()
    return content, front, printed_codes(front)


def run_one(task: tuple[str, int, int]) -> tuple[list[Outcome], Survival]:
    """Damage one sheet, see what survives, and show it to every decoder."""
    damage, strength, seed = task
    content, front, codes = sheet(seed)
    chance = random.Random(f"{damage} {strength} {seed}")
    picture, place = traced(ALL_DAMAGES[damage], front, chance, strength)
    grey = picture.convert("L")
    need = [(code.text == content.share_code, needed(code, grey, place)) for code in codes]
    printed = {content.share_code, *content.envelope_codes}
    outcomes = []
    for name, read in readers().items():
        started = time.perf_counter()
        texts = read(picture if name == OURS else grey)
        seconds = time.perf_counter() - started
        share, envelope = content.share_code in texts, content.envelope_codes[0] in texts
        wrong = [text for text in texts - printed if not _is_part(text, content.share_code)]
        outcomes.append(Outcome(damage, strength, name, share, envelope, len(wrong), seconds))
    own = outcomes[list(readers()).index(OURS)]
    best_share, best_envelope = (min(part for is_share, part in need if is_share is kind) for kind in (True, False))
    return outcomes, Survival(damage, strength, seed, best_share, best_envelope, own.share, own.envelope)


def _is_part(text: str, share_code: str) -> bool:
    """Tell whether a text is the share code with some characters missing, and says so."""
    pairs = zip(text, share_code, strict=False)
    return "?" in text and len(text) == len(share_code) and all(seen in {"?", meant} for seen, meant in pairs)


# --- tables ----------------------------------------------------------------------------------------------


def tables(outcomes: list[Outcome], survivals: list[Survival]) -> Iterator[str]:
    """Yield the lines of the result in Markdown."""
    yield from success(outcomes)
    yield ""
    yield from summary(outcomes)
    yield ""
    yield from survival(survivals)


def survival(sheets: list[Survival]) -> Iterator[str]:
    """Yield how many codes survive within their error correction, how many of those the chain read, and which not."""
    shares = [one for one in sheets if one.share <= 1]
    envelopes = [one for one in sheets if one.envelope <= 1]
    either = [one for one in sheets if min(one.share, one.envelope) <= 1]
    both = [one for one in sheets if max(one.share, one.envelope) <= 1]
    rows = {
        "share": (shares, [one for one in shares if one.share_read], sum(one.share_read for one in sheets)),
        "envelope": (
            envelopes,
            [one for one in envelopes if one.envelope_read],
            sum(one.envelope_read for one in sheets),
        ),
        "sheet: share or envelope": (
            either,
            [one for one in either if not _missed(one)],
            sum(one.share_read or one.envelope_read for one in sheets),
        ),
        "sheet: share and envelope": (
            both,
            [one for one in both if not _missed(one)],
            sum(one.share_read and one.envelope_read for one in sheets),
        ),
    }
    yield f"| code, of {len(sheets)} | within its error correction | of those read by breakglass | read in all |"
    yield "|---|---|---|---|"
    for name, (alive, read, in_all) in rows.items():
        yield f"| {name} | {len(alive)} | {len(read)} | {in_all} |"
    yield ""
    missed = [f"- {words}" for one in sheets for words in _missed(one)]
    yield "Codes that survive and were not read:" if missed else "Every code that survives was read."
    yield from missed


def _missed(one: Survival) -> list[str]:
    """Name what survives on a sheet and was not read."""
    where = f"{one.damage}, {('ordinary', 'severe')[one.strength]}, sheet {one.seed}"
    codes = (("share", one.share, one.share_read), ("envelope", one.envelope, one.envelope_read))
    return [
        f"{where}: {name}, which needs {part:.0%} of its error correction"
        for name, part, read in codes
        if part <= 1 and not read
    ]


def success(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield sheets read, and in brackets those whose share was, per damage and strength."""
    cells: dict[tuple[str, int], dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for outcome in outcomes:
        cells[outcome.damage, outcome.strength][outcome.reader].append(outcome)
    yield "| damage | strength | sheets | " + " | ".join(READERS) + " |"
    yield "|---|---|---|" + "---|" * len(READERS)
    for (damage, strength), by_reader in cells.items():
        count = len(next(iter(by_reader.values())))
        results = " | ".join(_cell(by_reader[name]) for name in READERS)
        yield f"| {damage} | {('ordinary', 'severe')[strength]} | {count} | {results} |"


def summary(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield totals, times and what was recovered."""
    by_reader = {name: [outcome for outcome in outcomes if outcome.reader == name] for name in READERS}
    yield "| all | " + " | ".join(READERS) + " |"
    yield "|---|" + "---|" * len(READERS)
    rows: dict[str, Callable[[list[Outcome]], str]] = {
        "sheets read": lambda own: f"{sum(o.read for o in own)} of {len(own)}",
        "share read": lambda own: f"{sum(o.share for o in own)} of {len(own)}",
        "wrong texts": lambda own: str(sum(o.wrong for o in own)),
        "per picture, median": lambda own: f"{statistics.median(o.seconds for o in own) * 1000:.0f} ms",
        "per picture, 95 %": lambda own: f"{percentile([o.seconds for o in own], 95) * 1000:.0f} ms",
        "12-megapixel photograph, median": lambda own: _photograph(own, 50),
        "12-megapixel photograph, 95 %": lambda own: _photograph(own, 95),
    }
    for name, figure in rows.items():
        cells = (figure(own) if own else "not installed" for own in by_reader.values())
        yield f"| {name} | " + " | ".join(cells) + " |"
    missed = [not outcome.read for outcome in by_reader["zxing-cpp"]]
    saved = sum(own.read and miss for own, miss in zip(by_reader[OURS], missed, strict=True))
    yield ""
    yield f"Of {sum(missed)} sheets that zxing-cpp alone misses, the chain reads {saved}."


def percentile(values: list[float], rank: int) -> float:
    """Return the value that ``rank`` percent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * rank // 100) - 1)]


def _cell(own: list[Outcome]) -> str:
    if not own:
        return "not installed"
    return f"{sum(outcome.read for outcome in own)} ({sum(outcome.share for outcome in own)})"


def _photograph(own: list[Outcome], rank: int) -> str:
    photographs = [outcome.seconds for outcome in own if outcome.damage == "phone"]
    return f"{percentile(photographs, rank) * 1000:.0f} ms" if photographs else "-"


def main() -> None:
    """Run it and write the tables."""
    parser = argparse.ArgumentParser(description="sheets read per damage and decoder")
    parser.add_argument("--quick", action="store_true", help="one sheet per damage and strength")
    parser.add_argument("--sheets", type=int, default=SHEETS, help="sheets per damage and strength")
    parser.add_argument("--field", action="store_true", help="fire, water, pens and telephones, in colour")
    parser.add_argument("--damage", action="append", choices=ALL_DAMAGES, help="this one only; may be repeated")
    parser.add_argument("table", nargs="?", type=Path, help="file for the tables; standard output without")
    options = parser.parse_args()
    sheets = QUICK_SHEETS if options.quick else options.sheets
    tasks = list(product(options.damage or (FIELD if options.field else DAMAGES), (0, 1), range(sheets)))
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(run_one, tasks, chunksize=1))
    outcomes = [outcome for some, _ in results for outcome in some]
    text = "\n".join(tables(outcomes, [stands for _, stands in results])) + "\n"
    if options.table:
        options.table.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
