# SPDX-License-Identifier: Apache-2.0
"""A credential to printed sheets, and page images back to the credential; whole processes, each by its own way.

The credential has 32 bytes. Ours makes ten files, a sheet and a drill card for each of five custodians, reads each of
them back before it says so, proves the credential at its key first, and records it all.
"""

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

import pypdfium2
from PIL import Image

from breakglass_shamir.hygiene import Secret
from breakglass_shamir.paper.simulate import scanned
from tests.benchmarks.pairs import one_pair, pairs, process
from tests.benchmarks.peers import installed
from tests.benchmarks.peers.libraries import Refused
from tests.benchmarks.peers.processes import Slip39, run
from tests.benchmarks.peers.speed import Absent, Row, row
from tests.end_to_end.life import CUSTODIANS, DECLARATION, DPI, NAME, Life, groups_text, live_sheets
from tests.unit.paper.reading.damage import DAMAGES, PRINT_DPI

SECRET = "00112233445566778899aabbccddeeff"
"""The credential, 32 characters; slip39 takes the 32 bytes in hexadecimal."""

PLAIN = "ssss, qrcode, reportlab"
PLAIN_BACK = "zbarimg, ssss-combine"
CARDS = "slip39 cards"
CARDS_BACK = "zbarimg, slip39-recovery"
CODES = "triss QR codes"

_FEWEST_WORDS = 20
"""Of a SLIP-39 mnemonic."""

_WORKERS = Path(__file__).parent / "workers"
_SHEETS = "credential to sheets for 5 custodians"
_BACK = "3 page images to the credential"


@dataclass(slots=True)
class Desk:
    """Where everything lies: our set's life, and a folder for each peer."""

    folder: Path
    life: Life = field(init=False)

    def __post_init__(self) -> None:
        quorum = groups_text((3, CUSTODIANS[:5]))
        self.life = Life(self.folder / "life", secret=Secret(SECRET.encode()), quorum=quorum)
        self.life.begin()
        self.life.keep()

    def place(self, name: str) -> Path:
        """Return an empty folder."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place


def versions(*names: str) -> str:
    """Return the versions of what a way is made of."""
    return ", ".join(f"{name} {installed.version(name)}" for name in names)


# --- to paper --------------------------------------------------------------------------------------------


def plain_sheets(folder: Path) -> None:
    """Draw the simplest sheets that there are."""
    process([sys.executable, str(_WORKERS / "plain_sheets.py"), str(folder)], stdin=SECRET.encode().hex().encode())


def cards(folder: Path) -> None:
    """Draw slip39's cards, without wallets and cover."""
    options = ["-q", "-s", "-", "-g", "Break(3/5)", "-t", "1", "--no-cover", "-o", str(folder / "cards.pdf")]
    run([installed.program("slip39", of="slip39"), *options, "benchmark"], folder, SECRET.encode().hex().encode())


def code_pictures(folder: Path) -> None:
    """Draw triss's pictures, twelve for each custodian."""
    command = [installed.program("triss", of="triss"), "split", "-c", "QRCODE", "-m", "3", "5", str(folder / "out")]
    run(command, folder, SECRET.encode())


WAYS: dict[str, tuple[tuple[str, ...], Callable[[Path], None]]] = {
    PLAIN: (("ssss",), plain_sheets),
    CARDS: (("slip39",), cards),
    CODES: (("triss", "qrencode"), code_pictures),
}


def to_sheets(desk: Desk, runs: int) -> Iterator[Row | Absent]:
    """Measure each way from a credential to paper."""
    life = desk.life
    split = life.command("split", life.policy, "--credential-from", "-", "--out", life.sheets(1))

    def recorded() -> None:
        process(split, stdin=life.secret.reveal(), env=life.environment())

    def drawn() -> None:
        folder = str(desk.place("drawn"))
        process([sys.executable, str(_WORKERS / "sheets.py"), folder], stdin=SECRET.encode().hex().encode())

    own = {"`split --out`: 10 files, read back, recorded": recorded, "5 sheets by the library, nothing more": drawn}
    for name, (needed, way) in WAYS.items():
        try:
            version = versions(*needed)
        except installed.NotHere as error:
            yield Absent(_SHEETS, name, error.reason)
            continue
        for how, ours in own.items():
            what, theirs = f"{_SHEETS}: {how}", partial(_draw, desk, name, way)
            if name == CODES:  # takes most of a minute
                yield row("sheets", name, version, one_pair(what, ours, name, theirs, prepare=life.restore))
                break
            yield row("sheets", name, version, pairs(what, ours, name, theirs, runs, prepare=life.restore))


def _draw(desk: Desk, name: str, way: Callable[[Path], None]) -> None:
    way(desk.place(name))


# --- and back --------------------------------------------------------------------------------------------


def from_images(desk: Desk, runs: int) -> Iterator[Row | Absent]:
    """Measure each way from page images to the credential."""
    pages = seal(desk)
    life = desk.life
    words = [word for page in pages for word in ("--scan", str(page))]
    opening = life.command("recombine", NAME, *DECLARATION, *words, "--exec", "true")
    own = {
        "`recombine --exec true`, recorded": lambda: process(opening, expected=7, env=life.environment()),
        "in memory by the library, not recorded": lambda: _opens(_pool, pages),
    }
    for name, needed, theirs in _ways_back(desk):
        try:
            version = versions(*needed)
            task = theirs()
        except installed.NotHere as error:
            yield Absent(_BACK, name, error.reason)
            continue
        for how, ours in own.items():
            yield row("back", name, version, pairs(f"{_BACK}: {how}", ours, name, task, runs, prepare=life.restore))


def _ways_back(desk: Desk) -> Iterator[tuple[str, tuple[str, ...], Callable[[], Callable[[], None]]]]:
    def plain() -> Callable[[], None]:
        pages = _scans(plain_pages(desk), desk.place("plain-scans"))
        return lambda: _opens(plain_back, pages)

    def codes() -> Callable[[], None]:
        place = desk.folder / CODES
        if not (place / "out").is_dir():
            code_pictures(desk.place(CODES))
        return lambda: _opens(codes_back, sorted((place / "out").iterdir())[:3])

    def backs() -> Callable[[], None]:
        place = desk.place(CARDS)
        cards(place)
        picture = place / "backs.jpg"
        picture.write_bytes(scanned((place / "cards.pdf").read_bytes(), page=2, dpi=PRINT_DPI))
        return lambda: _opens(cards_back, [picture])

    yield PLAIN_BACK, ("zbarimg", "ssss"), plain
    yield CARDS_BACK, ("zbarimg", "slip39"), backs
    yield CODES, ("triss", "zbarimg"), codes


def _opens(way: Callable[[Sequence[Path]], bytes], pages: Sequence[Path]) -> None:
    assert way(pages) == SECRET.encode()


def _pool(pages: Sequence[Path]) -> bytes:
    return run([sys.executable, str(_WORKERS / "pool.py"), *map(str, pages)], pages[0].parent).stdout


def plain_back(pages: Sequence[Path]) -> bytes:
    """Read the simplest sheets back.

    Raises:
        Refused: one of the two programs failed, or what came out is no secret.
    """
    said = run(["sh", str(_WORKERS / "plain_back.sh"), *map(str, pages)], pages[0].parent).stderr.decode()
    try:  # it goes to standard error, after what zbarimg complains of
        return bytes.fromhex(said.splitlines()[-1])
    except ValueError:
        raise Refused(said) from None


def codes_back(shares: Sequence[Path]) -> bytes:
    """Read triss's own pictures back, as they were drawn and not scanned."""
    command = [installed.program("triss", of="triss"), "combine", "-c", "QRCODE", *map(str, shares)]
    return run(command, shares[0].parent).stdout


def cards_back(shares: Sequence[Path]) -> bytes:
    """Read the words of three cards from a picture of the side that has them as codes, beside codes of wallets.

    Raises:
        Refused: fewer than three were found, or they recover nothing.
    """
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", *map(str, shares)], capture_output=True, text=True, check=False
    )
    cards = sorted({line for line in done.stdout.splitlines() if len(line.split()) >= _FEWEST_WORDS})
    if len(cards) < 3:
        raise Refused(f"{len(cards)} cards were read")
    return Slip39().combine(cards[:3], shares[0].parent)


def seal(desk: Desk) -> list[Path]:
    """Seal our set; returns scans of three of its sheets, which stay in the life that is restored."""
    life = desk.life
    life.restore()
    life.seal()
    assert life.backup is not None
    shutil.rmtree(life.backup)
    life.keep()
    return life.some_scans(1, 3)


def plain_pages(desk: Desk) -> list[Path]:
    """Return three of the simplest sheets."""
    place = desk.place("plain")
    plain_sheets(place)
    return sorted(place.glob("*.pdf"))[:3]


def _scans(sheets: Sequence[Path], place: Path) -> list[Path]:
    made = []
    for number, pdf in enumerate(sheets):
        made.append(place / f"{number}.jpg")
        made[-1].write_bytes(scanned(pdf.read_bytes(), dpi=DPI, seed=number))
    return made


# --- damaged, and recorded -------------------------------------------------------------------------------


def damaged(
    sheets: Sequence[Path], way: Callable[[Sequence[Path]], bytes], strengths: Sequence[int]
) -> tuple[int, int]:
    """Damage three sheets in each way and strength; returns how often the credential came out, and of how many."""
    fronts = [_front(sheet) for sheet in sheets]
    opened = 0
    cases = [(name, strength) for name in DAMAGES for strength in strengths]
    with tempfile.TemporaryDirectory() as folder:
        for name, strength in cases:
            pages = []
            for number, front in enumerate(fronts):
                pages.append(Path(folder) / f"{number}.jpg")
                picture = DAMAGES[name](front, Random(f"{name} {strength} {number}"), strength)
                picture.save(pages[-1], quality=85)
            try:
                opened += way(pages) == SECRET.encode()
            except Refused:
                continue
    return opened, len(cases)


def ours_damaged(desk: Desk, strengths: Sequence[int]) -> tuple[int, int]:
    """Damage our sheets."""
    return damaged(live_sheets(desk.life.sheets(1))[:3], _pool, strengths)


def plain_damaged(desk: Desk, strengths: Sequence[int]) -> tuple[int, int]:
    """Damage the simplest sheets."""
    return damaged(plain_pages(desk), plain_back, strengths)


def _front(sheet: Path) -> Image.Image:
    document = pypdfium2.PdfDocument(io.BytesIO(sheet.read_bytes()))
    try:
        front: Image.Image = document[0].render(scale=PRINT_DPI / 72, grayscale=True).to_pil()
        return front.convert("L")
    finally:
        document.close()


def records_of_a_use(desk: Desk) -> list[str]:
    """Open our set; returns the types of the records that it left."""
    desk.life.restore()
    before = len(desk.life.kinds())
    process(
        desk.life.command("recombine", NAME, *DECLARATION, "--scan", desk.life.scans(1), "--exec", "true"),
        expected=7, env=desk.life.environment(),
    )  # fmt: skip
    return desk.life.kinds()[before:]
