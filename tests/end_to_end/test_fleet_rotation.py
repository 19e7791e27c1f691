# SPDX-License-Identifier: Apache-2.0
"""Many sets rotated from one heap: each whole or not begun, into piles by custodian, killed and gone on with."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pypdfium2
import pytest

from breakglass_shamir.ledger import home
from tests.end_to_end.fleet import Fleet
from tests.end_to_end.life import Life, opens, secrets_on_paper

SETS = 3


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Three sealed sets, and a heap of their sheets."""
    fleet = Fleet(Life(tmp_path_factory.mktemp("fleet") / "life"), SETS)
    fleet.begin()
    fleet.life.ok(*fleet.split_words())
    fleet.scan()
    fleet.life.ok("confirm", "--scan", fleet.scans)
    shutil.rmtree(fleet.out)
    fleet.life.keep()
    return fleet


@pytest.fixture
def fleet(once: Fleet) -> Fleet:
    """The same, as fresh as then."""
    once.life.restore()
    return once


def test_try(fleet: Fleet) -> None:
    d = fleet.life.run("rotate", "--all", "--scan", fleet.scans, "--out", fleet.out)
    print(d.exit, d.out, d.err)
    d = fleet.life.run("rotate", "--all", "--scan", fleet.scans, "--out", fleet.out)
    print(d.exit, d.out, d.err)
    fleet.scan()
    d = fleet.life.run("confirm", "--scan", fleet.scans)
    print(d.exit, d.out, d.err)
    (fleet.folder / "bags.csv").write_text("set,sheet,bag\n" + "\n".join(f"{n},{s},B-{n}-{s}" for n in fleet.names() for s in (1, 2)))
    d = fleet.life.run("ack", "--from", fleet.folder / "bags.csv")
    print(d.exit, d.out, d.err)
    d = fleet.life.run("rotate", "--all", "--scan", fleet.scans)
    print(d.exit, d.out, d.err)
    d = fleet.life.run("rotate", "--all", "--scan", fleet.scans)
    print(d.exit, d.out, d.err)
    assert 0
