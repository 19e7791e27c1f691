# SPDX-License-Identifier: Apache-2.0
"""Paper for tests in which the paper is not the point: a sheet is a file with the texts of its codes.

Sealing, the codes, reading back and every record stay real; only drawing, rasterising and decoding are left out:
those of the sheets, of the sheet that is drawn for trial before an opening, and of the receipts' slips.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from breakglass_shamir.operations.printing import outlet, sheets
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.paper.drawing import receipt_slip
from breakglass_shamir.paper.reading import scan
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage, Scanner

SCANNED = b"scanned\n"
"""First line of a scan: a copy of a sheet's own file is none."""


class TextScanner(Scanner):
    """Reads the files that :func:`install` makes the program write."""

    def __init__(self) -> None:
        """Start nothing: there is no picture to decode."""

    def start(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def read_path(self, path: Path, progress: object = None) -> Iterator[ScannedPage]:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            yield page(file)

    def read_drawn(self, data: bytes, source: str) -> Iterator[ScannedPage]:
        yield _page(data, source)


def page(file: Path) -> ScannedPage:
    """Read one text sheet."""
    return _page(file.read_bytes(), file.name)


def _page(data: bytes, source: str) -> ScannedPage:
    lines = data.decode(errors="replace").splitlines()
    codes = tuple(ScannedCode(line, "plain", None) for line in lines if line.startswith("BG"))
    return ScannedPage(source, codes, "")


def texts(folder: Path) -> Iterator[str]:
    """Yield every code of the live sheets in a folder; a torn file holds fewer."""
    for file in live_sheets(folder):
        yield from (code.text for code in page(file).codes)


def live_sheets(folder: Path) -> list[Path]:
    """Return the live sheets of a printing."""
    return sorted(path for path in folder.glob("*.pdf") if "drill" not in path.name)


def scan_folder(printed: Path, readback: Path, *, unreadable: int = 0) -> None:
    """Lay every live sheet on the scanner; the first few cannot be read."""
    for number, sheet in enumerate(live_sheets(printed)):
        content = SCANNED + (b"a blot\n" if number < unreadable else sheet.read_bytes())
        (readback / f"{sheet.stem}.txt").write_bytes(content)


def _documents(epoch: sheets.Epoch, _paper: str) -> Iterator[outlet.Document]:
    for sealed, tail in ((epoch.live, ""), (epoch.drill, "-drill")):
        for share in sealed.shares:
            seat = f"{share.group}.{share.member}"
            codes = {share.to_text(), *(sealed.envelope.to_codes() if not tail else ())}
            name = f"{epoch.policy.name}-e{epoch.number}-g{share.group}-m{share.member}{tail}.pdf"
            yield outlet.Document(name, f"sheet {seat}", "\n".join(sorted(codes)).encode(), frozenset(codes), seat)


def _nothing_on_trial(*_: object) -> None:
    """Draw no sheet for trial."""


def _slips(contents: Sequence[receipt_slip.SlipContent]) -> bytes:
    return "\n".join(content.code for content in contents).encode()


def _at_once(folder: Path, **_: object) -> Iterator[Path | None]:
    """Yield what lies in a folder, without waiting for more."""
    yield from sorted(folder.iterdir())
    while True:
        yield None


def install() -> None:
    """Make the program of this process write and read such paper."""
    replaced: tuple[tuple[Any, str, Any], ...] = (
        (scan, "Scanner", TextScanner),
        (sheets, "documents", _documents),
        (sheets, "check_drawing", _nothing_on_trial),
        (receipt_slip, "render", _slips),
        (gather, "wait_for_files", _at_once),
    )
    for owner, name, value in replaced:
        assert hasattr(owner, name), f"{owner.__name__} has no {name}"
        setattr(owner, name, value)
