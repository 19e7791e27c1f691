# SPDX-License-Identifier: Apache-2.0
"""What is measured, each against what a user would pick instead."""

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.ledger import home, verify
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.audit import export
from tests.benchmarks.alert_measures import alert_measures
from tests.benchmarks.ledgers import long_ledgers
from tests.benchmarks.many_sets import many_sets
from tests.benchmarks.pairs import Measured, pairs, process
from tests.benchmarks.paper_measures import paper_measures
from tests.benchmarks.writer_measures import writer_measures
from tests.end_to_end.life import CUSTODIANS, DECLARATION, NAME, Life, groups_text

APPENDS = 50
"""Records per run."""

LONG_LOG = 300
"""Records of the log that is verified."""

_PLAIN_QR = """
import sys, qrcode
for number, text in enumerate(sys.stdin.read().split()):
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q)
    code.add_data(text)
    code.make_image().save(f"{sys.argv[1]}/{number}.png")
"""
"""The shortest way to QR codes on disk."""

_PLAIN_READ = """
import sys, zxingcpp
from PIL import Image
for name in sys.argv[1:]:
    assert zxingcpp.read_barcodes(Image.open(name), formats=zxingcpp.barcode_formats_from_str("QRCode"))
"""
"""The shortest way from pictures to the codes in them."""


def all_of_them(folder: Path, runs: int) -> Iterator[Measured]:
    """Measure everything, in a folder of its own."""
    life = Life(folder / "life", quorum=groups_text((3, CUSTODIANS[:5])))
    life.begin()
    life.keep()
    yield from many_sets(folder, runs)
    yield importing(3 * runs)
    yield to_paper(life, folder, runs)
    life.restore()
    life.seal()
    shutil.rmtree(folder / "backup")
    life.keep()
    yield from_paper(life, runs)
    life.restore()
    yield from paper_measures(runs)
    yield durable_appends(life, folder, runs)
    yield from writer_measures(folder / "writers", runs)
    yield long_audit(life, folder, runs)
    yield from long_ledgers(folder, runs)
    yield from alert_measures(folder / "alerts", runs)


def importing(runs: int) -> Measured:
    """Measure how long the front door takes to open; what is behind it is loaded when it is used."""
    found = pairs(
        "`import breakglass_shamir` alone", lambda: process([sys.executable, "-c", "import breakglass_shamir"]),
        "`python -c pass`", lambda: process([sys.executable, "-c", "pass"]), runs,
    )  # fmt: skip
    return replace(found, figure=f"{found.ratio:.2f} of it")


def to_paper(life: Life, folder: Path, runs: int) -> Measured:
    """Measure a whole split: 5 sheets and 5 drill cards, sealed, drawn, written and read back."""
    plain = folder / "plain"
    plain.mkdir()
    texts = "\n".join("BGS1:" + "0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 3 for _ in range(10)).encode()
    split = life.command("split", life.policy, "--credential-from", "-", "--out", life.sheets(1))
    found = pairs(
        "3-of-5 split to paper: 10 files, each read back",
        lambda: process(split, stdin=life.secret.reveal(), env=life.environment()),
        "qrcode + pillow: 10 plain QR codes as PNG",
        lambda: process([sys.executable, "-c", _PLAIN_QR, str(plain)], stdin=texts),
        runs, prepare=life.restore,
    )  # fmt: skip
    return replace(found, figure=f"{10 / found.ours_s:.1f} files/s")


def from_paper(life: Life, runs: int) -> Measured:
    """Measure an opening: three pictures of whole pages to the credential in a command's hands."""
    pages = life.some_scans(1, 3)
    words = itertools.chain.from_iterable(("--scan", str(page)) for page in pages)
    opening = life.command("recombine", NAME, *DECLARATION, *words, "--exec", "true")
    found = pairs(
        "3 page images to credential: `recombine --exec true`",
        lambda: process(opening, expected=7, env=life.environment()),
        "zxing-cpp + pillow: the same pages, codes only",
        lambda: process([sys.executable, "-c", _PLAIN_READ, *map(str, pages)]),
        runs, prepare=life.restore,
    )  # fmt: skip
    return replace(found, figure=f"{found.ours_s:.2f} s")


def durable_appends(life: Life, folder: Path, runs: int) -> Measured:
    """Measure signed, chained, durable records against bare inserts of the same bytes, as durable."""
    database = folder / "bare.sqlite"
    with closing(sqlite3.connect(database, isolation_level=None)) as bare, home.open_home(life.home) as ledger:
        bare.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE records (data BLOB)")
        refused = Refused(stage="benchmark", error="none", message="a record of usual length, for the benchmark")
        data = ledger.append(refused, set_name=NAME).data
        found = pairs(
            f"{APPENDS} durable records", lambda: _append(ledger, refused),
            "bare SQLite: inserts of the same bytes, WAL, synchronous=FULL", lambda: _insert(bare, data), runs,
        )  # fmt: skip
    return replace(found, figure=f"{APPENDS / found.ours_s:.0f} records/s")


def long_audit(life: Life, folder: Path, runs: int) -> Measured:
    """Measure the verification of a whole log against ssh-keygen on the same records, signatures only."""
    few = 20
    with home.open_home(life.home) as ledger:
        while ledger.size < LONG_LOG:
            _append(ledger, Refused(stage="benchmark", error="none", message="one of many"))
        exported = folder / "exported"
        for number in range(few):
            export.export(ledger, str(number), exported / str(number))
        size = ledger.size
        found = pairs(
            f"audit of {size} records: signatures, chain, tree, checkpoints, rules",
            lambda: _verify(ledger), f"`ssh-keygen -Y verify`: {few} records, signatures only",
            lambda: _ask_openssh(exported), runs,
        )  # fmt: skip
    per_record = (found.ours_s / size) / (found.other_s / few)
    return replace(found, figure=f"{size / found.ours_s:.0f} records/s, {per_record:.1f} of OpenSSH's time per record")


def _append(ledger: Ledger, refused: Refused) -> None:
    for _ in range(APPENDS):
        ledger.append(refused, set_name=NAME)


def _insert(bare: sqlite3.Connection, data: bytes) -> None:
    for _ in range(APPENDS):
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("INSERT INTO records VALUES (?)", (data,))
        bare.execute("COMMIT")


def _verify(ledger: Ledger) -> None:
    verify.verify(ledger)


def _ask_openssh(exported: Path) -> None:
    for folder in exported.iterdir():
        subprocess.run(["sh", folder / "verify.sh"], check=True, capture_output=True)
