# SPDX-License-Identifier: Apache-2.0
"""Many sets through a real CUPS server: custodian after custodian, a cover on top, no job for two people."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest
from cups_server import CupsServer, starting

from tests.end_to_end.fleet import PEOPLE, Fleet
from tests.end_to_end.life import Life


@pytest.fixture(scope="module")
def cups(need: Callable[[str], str]) -> Iterator[CupsServer]:
    with starting(need) as begin:
        server = begin()
        server.add_pdf_printer("PDF")
        server.add_printer("broken", "exit/1", "-o", "printer-error-policy=abort-job")
        yield server


@pytest.fixture
def fleet(tmp_path: Path, cups: CupsServer) -> Fleet:
    fleet = Fleet(Life(tmp_path / "life", more={"CUPS_SERVER": cups.address}), 2)
    fleet.begin()
    return fleet


def words(file: Path) -> str:
    with pypdfium2.PdfDocument(file) as document:
        return " ".join(page.get_textpage().get_text_range() for page in document)


def test_a_printer_gives_one_pile_after_another(fleet: Fleet, cups: CupsServer) -> None:
    line: list[str | Path] = ["--json", "split", fleet.policies, "--credential-from", fleet.credentials, "--printer"]
    done = fleet.life.run(*line, "broken")
    assert done.exit == 6
    assert [one["outcome"] for one in done.document["sets"]] == ["failed", "failed"]
    assert "destroy whatever came out" in done.document["sets"][0]["problem"]
    assert fleet.life.kinds() == ["ledger-started"]
    before = len(cups.outputs())
    done = fleet.life.ok(*line, "PDF")
    assert [one["outcome"] for one in done.document["sets"]] == ["issued", "issued"]
    pages = [words(file) for file in cups.outputs()[before:]]
    keepers = [sorted(name for name in PEOPLE if name in page) for page in pages]
    assert all(len(names) == 1 for names in keepers)
    assert len(pages) == 2 * 6 + 4
    at = 0
    for keeper in ("Anna Berg", "Bo", "Chen", "Dora"):
        count = 1 + 2 * sum(keeper in fleet.keepers(number) for number in range(2))
        assert keepers[at : at + count] == [[keeper]] * count
        assert "Handed over" in pages[at]
        assert not any("Handed over" in page for page in pages[at + 1 : at + count])
        at += count
    assert not [path for path in fleet.folder.rglob("*.pdf") if "receipts" not in path.parts]
