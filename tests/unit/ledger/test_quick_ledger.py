# SPDX-License-Identifier: Apache-2.0
"""The long ledgers of the benchmarks are what appending would have stored, byte for byte."""

import itertools
import shutil
from pathlib import Path

import pytest

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.home import create, open_home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.verify import verify
from tests.attacks.test_ledger_tampering import fill
from tests.benchmarks import quick_ledger
from tests.benchmarks.ledgers import body

SIZE = 200


def everything(ledger: Ledger) -> list[list[tuple[object, ...]]]:
    tables = ("SELECT * FROM records ORDER BY seq", "SELECT * FROM nodes ORDER BY level, position")
    return [ledger._connection.execute(query).fetchall() for query in tables]


def test_a_ledger_that_is_made_quickly_is_the_one_that_is_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create(tmp_path / "one", "north") as ledger:
        fill(ledger)
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    monkeypatch.setattr(quick_ledger, "AT_ONCE", 64)
    found = []
    for name, quickly in (("one", False), ("other", True)):
        ticks = itertools.count(1)
        now = clock.now()
        monkeypatch.setattr(
            clock, "now", lambda ticks=ticks: Moment("2030-01-01T00:00:00Z", "b" * 16, 10**12 + next(ticks))
        )
        with open_home(tmp_path / name) as ledger:
            if quickly:
                quick_ledger.extend(ledger, SIZE, body)
            while ledger.size < SIZE:
                ledger.append(body(ledger.size))
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        with open_home(tmp_path / name) as ledger:
            assert verify(ledger, full=True).records == SIZE
            found.append(everything(ledger))
    assert found[0] == found[1]
