# SPDX-License-Identifier: Apache-2.0
"""Many sets through a real CUPS server: custodian after custodian, a cover on top, no job for two people."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cups_server import CupsServer, starting

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.drill_rules import drill_envelope
from breakglass_shamir.formats import share
from breakglass_shamir.ledger import home
from breakglass_shamir.paper.reading.scan import Scanner
from tests.end_to_end.fleet import Fleet
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


def whose(fleet: Fleet, files: list[Path]) -> list[tuple[str, str]]:
    """Say what came out: of each sheet and card its kind and its custodian, of a page without a share nothing."""
    with home.open_home(fleet.life.home) as ledger:
        sets = {name: s.current_epoch for name, s in ledger.state.sets.items()}
        owners = {epoch.envelope.core.epoch_id: name for name, epoch in sets.items()}
        owners |= {drill_envelope(epoch, name).core.epoch_id: name for name, epoch in sets.items()}
    found = []
    with Scanner() as scanner:
        for file in files:
            codes = {code.text for page in scanner.read_bytes(file.read_bytes(), file.name) for code in page.codes}
            shares = [share.from_text(code).share for code in codes if code.startswith(share.PREFIX)]
            assert len(shares) < 2
            keepers = [fleet.keepers(fleet.names().index(owners[one.epoch_id]))[one.member - 1] for one in shares]
            found.append((shares[0].kind.word, keepers[0]) if shares else ("", ""))
    return found


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
    out = whose(fleet, cups.outputs()[before:])
    piles: list[list[tuple[str, str]]] = []
    for page in out:
        piles += [[]] if page == ("", "") else []
        piles[-1].append(page)
    assert [len(pile) for pile in piles] == [1 + 2, 1 + 4, 1 + 4, 1 + 2]
    assert [{keeper for _, keeper in pile[1:]} for pile in piles] == [{"Anna Berg"}, {"Bo"}, {"Chen"}, {"Dora"}]
    assert all([kind for kind, _ in pile[1:3]] == [Kind.LIVE.word, Kind.DRILL.word] for pile in piles)
    assert not [path for path in fleet.folder.rglob("*.pdf") if "receipts" not in path.parts]
