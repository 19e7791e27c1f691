# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for: an outside program, the outside vectors, and the recovery page in a browser.

Rules:

1. ``need("ssh-keygen")`` is the only place that decides what a missing program means: a skip with its reason
   on somebody's machine, a failure where ``CI=true``.
2. The vectors are never part of this repository; where they are absent the tests say so and skip.
3. Properties have no deadline, and examples may take long to draw, since a slow machine is not a wrong program.
4. Real wheels are made once in a run, whoever asks first, by what ``make kit-wheels`` calls. Where they cannot be
   fetched, rule 1 holds for them, too.
5. An interrupt and a quit mean what they mean at a terminal: a shell that starts the tests in the background has
   both ignored, and every program the tests start would inherit that.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from tests.browsers.chromium import PAGE, Chromium

REPOSITORY = Path(__file__).resolve().parent.parent
"""The checkout that holds these tests."""

WHEELS_LIMIT_S = 600
"""Longest time that fetching and building wheels may take."""

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """A function that returns the path of a program, or skips the test; with ``CI=true`` it fails it."""
    return _need


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        _lacks(f"{program} is not installed")
    return found


def _lacks(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make kit-wheels`` makes: a wheel of this program and of everything that it needs."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    house, complaint = base / "wheelhouse", base / "wheelhouse.complaint"
    with (base / "wheelhouse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not house.is_dir() and not complaint.exists():
            done = subprocess.run(
                [REPOSITORY / ".ci" / "kit-wheels", house], env={**os.environ, "KIT_PYTHON": sys.executable},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                timeout=WHEELS_LIMIT_S,
            )  # fmt: skip
            if done.returncode != 0:
                complaint.write_bytes(done.stderr)
    if complaint.exists():
        last = complaint.read_text(errors="replace").strip().splitlines()[-1:]
        _lacks(f"no wheels could be made: {' '.join(last)}")
    return house


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of outside vectors: ``$BREAKGLASS_VECTORS``, else ``../shared/vectors``; or skip."""
    default = REPOSITORY.parent / "shared" / "vectors"
    folder = Path(os.environ.get("BREAKGLASS_VECTORS") or default)
    if not folder.is_dir():
        pytest.skip(f"no outside vectors at {folder}; set BREAKGLASS_VECTORS to their folder")
    return folder


@pytest.fixture
def browser(need: Callable[[str], str], tmp_path: Path) -> Iterator[Chromium]:
    """A browser of one's own, on the recovery page as people get it."""
    with Chromium(need("chromium"), tmp_path / "browser") as found:
        found.open(PAGE)
        yield found
