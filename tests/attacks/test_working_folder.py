# SPDX-License-Identifier: Apache-2.0
"""Attacks by the folder somebody stands in: a stick with scans on it may hold modules of the names that we import."""

import contextlib
import os
from pathlib import Path

import pytest

from breakglass_shamir.errors import PaperError
from breakglass_shamir.operations.courier import Courier
from breakglass_shamir.operations.drills.one_sheet import look_apart

NAMES = ("breakglass_shamir", "multiprocessing", "select", "json", "signal", "pickle")


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder whose modules leave a mark when they are run; returns the mark."""
    mark, folder = tmp_path / "mark", tmp_path / "stick"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})\nraise SystemExit(9)\n")
    monkeypatch.chdir(folder)
    return mark


def test_the_courier_runs_nothing_that_lies_there(stick: Path, tmp_path: Path) -> None:
    courier = Courier(tmp_path)
    courier.wake()
    process = courier._process
    assert process is not None
    courier.close()
    os.waitpid(process.pid, 0)
    assert not stick.exists()


def test_the_look_at_one_sheet_runs_nothing_that_lies_there(stick: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.png"
    page.write_bytes(b"no picture")
    with contextlib.suppress(PaperError):
        look_apart({}, "prod-db", [page])
    assert not stick.exists()
