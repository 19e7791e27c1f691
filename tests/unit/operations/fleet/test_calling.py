# SPDX-License-Identifier: Apache-2.0
"""Two sheets of one set among the scans of a roll-call: in two files, and in one."""

from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.custody.records.drills import RollCall
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import InsufficientShares
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.drills import one_sheet
from breakglass_shamir.operations.drills.one_sheet import Look
from breakglass_shamir.operations.fleet import calling
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage
from tests.unit.operations.fleet.issued import issued


def test_the_sheet_of_another_custodian_is_a_second_one_of_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home.create(tmp_path / "home", "office") as ledger:
        epoch_id = issued(ledger).live.envelope.core.epoch_id.hex()
        scans = tmp_path / "scans"
        scans.mkdir()
        for name in ("1.1", "1.2"):
            (scans / name).touch()

        def look(_known: Any, _name: str, paths: list[Path]) -> Look:
            return Look(sheet=paths[0].name, epoch_id=epoch_id, copies=2)

        monkeypatch.setattr(one_sheet, "look_apart", look)
        found = calling.verify(Recorder(ledger, EmptyDesk()), (), [scans], custodian="Bo")
        bodies = [entry.record.body for entry in ledger.entries()]
    assert [(one.sheet, one.outcome) for one in found.sheets] == [("1.1", "failed")]
    assert [body.stage for body in bodies if isinstance(body, Refused)] == ["roll-call"]
    assert not [body for body in bodies if isinstance(body, RollCall)]


class Pages:
    """A scanner of one page."""

    def __init__(self, page: ScannedPage) -> None:
        self.page = page

    def read_path(self, _path: Path) -> list[ScannedPage]:
        """Read it."""
        return [self.page]


def test_a_file_with_two_sheets_of_a_set_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with home.create(tmp_path / "home", "office") as ledger:
        codes = tuple(ScannedCode(one.to_text(), "plain") for one in issued(ledger).live.shares)
        scanner: Any = Pages(ScannedPage("both.png", codes, ""))
        monkeypatch.setattr(
            one_sheet, "look_apart", lambda known, name, paths: one_sheet.look(known, name, paths, scanner)
        )
        (tmp_path / "both.png").touch()
        with pytest.raises(InsufficientShares):
            calling.verify(Recorder(ledger, EmptyDesk()), (), [tmp_path / "both.png"])
        bodies = [entry.record.body for entry in ledger.entries()]
    assert [body.stage for body in bodies if isinstance(body, Refused)] == ["roll-call"]
