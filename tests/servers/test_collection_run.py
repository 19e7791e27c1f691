# SPDX-License-Identifier: Apache-2.0
"""The big run of a collection in a small size: ``make collection`` is the whole of it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from postgres_server import program

ROOT = Path(__file__).parents[2]
SIZE = (
    "--terminals", "2", "--records", "300", "--alone", "30", "--kill-every", "2", "--kills", "2", "--ask-every", "0.5",
    "--no-audits",
)  # fmt: skip
"""What is killed: two terminals, a collector and the server."""


def test_a_small_run_ends_with_every_record_cosigned(need: Callable[[str], str], tmp_path: Path) -> None:
    for name in ("psql", program("initdb"), program("pg_ctl")):
        need(name)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.collection_run", *SIZE, str(tmp_path / "results.md")],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "results.md").read_text()
    assert "300 records the same, byte for byte" in rows and "no evidence" in rows
