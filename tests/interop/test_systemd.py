# SPDX-License-Identifier: Apache-2.0
"""systemd itself reads the example units, and finds nothing to say about them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).resolve().parents[2] / "examples" / "systemd").glob("*.*er*"))
"""Services and timers."""


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix in {".service", ".timer"}], ids=lambda p: p.name
)
def test_a_unit_is_one(unit: Path, need: Callable[[str], str]) -> None:
    program = need("systemd-analyze")
    done = subprocess.run(
        [program, "verify", "--man=no", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_each_timer_has_its_service_and_each_service_that_ends_its_timer() -> None:
    timers = {unit.stem for unit in UNITS if unit.suffix == ".timer"}
    assert timers
    services = [unit for unit in UNITS if unit.suffix == ".service"]
    assert timers == {unit.stem for unit in services if "Type=oneshot" in unit.read_text()}
    for runs_on in (unit for unit in services if unit.stem not in timers):
        assert "Restart=always" in runs_on.read_text()
