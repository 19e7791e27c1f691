# SPDX-License-Identifier: Apache-2.0
"""How much of a heap is kept in memory."""

from pathlib import Path

import pytest

from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.fleet import heap
from breakglass_shamir.operations.fleet.heap import Listener
from breakglass_shamir.operations.reading import gather
from breakglass_shamir.paper.reading.scan import ScannedCode, ScannedPage, Scanner
from tests.unit.operations.fleet.issued import issued


@pytest.mark.parametrize("wanted", ["build-key", "another"])
def test_pages_of_sets_that_were_not_asked_for_count_too(
    wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home.create(tmp_path / "home", "office") as ledger:
        share = issued(ledger).live.shares[0]
    page = ScannedPage("scan.png", (ScannedCode(share.to_text(), "plain"),), "")
    monkeypatch.setattr(heap, "MOST_PAGES", 2)
    monkeypatch.setattr(gather, "pages_of", lambda *_: iter([page] * 3))
    owners = {share.epoch_id: "build-key"}
    with Scanner() as scanner, pytest.raises(InvalidInput, match="at most 2 sheets in one heap"):
        heap.sort([tmp_path], scanner, Listener(EmptyDesk()), owners, [wanted], Pool({}))
