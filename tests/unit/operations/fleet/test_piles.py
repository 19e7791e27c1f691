# SPDX-License-Identifier: Apache-2.0
"""What is said of a set of which a run that broke off left an empty folder behind."""

from pathlib import Path

from breakglass_shamir.ledger import home
from breakglass_shamir.operations.fleet.piles import Piles
from breakglass_shamir.paper.reading.scan import Scanner
from tests.unit.operations.fleet.issued import issued


def test_sheets_that_were_never_written_are_not_said_to_be_with_people(tmp_path: Path) -> None:
    with home.create(tmp_path / "home", "office") as ledger, Scanner() as scanner:
        issued(ledger)
        s, piles = ledger.state.of("build-key"), Piles(tmp_path / "piles", ledger.log_id.hex())
        staging = piles.staging("build-key")
        staging.mkdir(parents=True)
        assert piles.settle(ledger.state, scanner) == ((), ("build-key",))
        assert list(piles.out.iterdir()) == []
        staging.mkdir()
        for path in piles.files_of("build-key", s.current_epoch):
            path.parent.mkdir(exist_ok=True)
            path.touch()
        assert piles.settle(ledger.state, scanner) == (("build-key",), ())
        assert not staging.exists()
