# SPDX-License-Identifier: Apache-2.0
"""One very long log: how long an auditor's commands take on it, and how much memory each has at most.

python -m tests.benchmarks.million [--records N] [--keep DIR] FILE

The log is made first, a millisecond a record. Each command is a process of its own, whole.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.store import FILE_NAME
from tests.benchmarks import ledgers

RECORDS = 1_000_000

_COMMANDS = {
    "`audit verify`, by sample": ("audit", "verify", "--sample"),
    "`audit list`": ("audit", "list"),
    "`audit list --json`": ("--json", "audit", "list"),
    "`audit list --csv`": ("audit", "list", "--csv"),
    "`status`, which opens the log": ("status",),
}

CHILD = """
import atexit, sys
from pathlib import Path
from breakglass_shamir.cli.program import main

def most():
    status = Path("/proc/self/status").read_text()
    Path(peak).write_text(status.partition("VmHWM:")[2].split()[0])

peak = sys.argv.pop(1)
atexit.register(most)
sys.exit(main())
"""
"""Runs the program, and writes the most memory it had, KiB.

Of this program alone: what getrusage(2) says begins with what the process had that started it.
"""

_TEXT = """# A log of {records} records

{machine}. The ledger's file has {size} MiB; SHA-256 once over what is in it takes {hashed:.1f} seconds of computing.

| what | seconds | seconds of computing | MiB at most |
|---|---|---|---|
{rows}
"""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.million")
    parser.add_argument("--records", type=int, default=RECORDS, help="records of the log")
    parser.add_argument("--keep", type=Path, help="make the ledger there, or use the one that is there")
    parser.add_argument("out", type=Path, help="file for the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakglass-bench-") as folder:
        place = options.keep or Path(folder) / "ledger"
        if not place.exists():
            ledgers.build(place, options.records)
        text = _table(place, Path(folder) / "peak")
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _table(place: Path, peak: Path) -> str:
    rows = [_measured(what, place, peak) for what in _COMMANDS]
    with home.open_home(place) as ledger:
        began = time.process_time()
        ledgers.hash_all(ledger)
        return _TEXT.format(
            records=ledger.size, machine=f"Python {platform.python_version()}, {platform.machine()}",
            size=(place / FILE_NAME).stat().st_size >> 20, hashed=time.process_time() - began, rows="\n".join(rows),
        )  # fmt: skip


def _measured(what: str, place: Path, peak: Path) -> str:
    """Run a command to its end; returns its row."""
    command = [sys.executable, "-c", CHILD, str(peak), "--home", str(place), *_COMMANDS[what]]
    began, computed = time.perf_counter(), _computed_s()
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    row = f"| {what} | {seconds:.1f} | {_computed_s() - computed:.1f} | {int(peak.read_text()) >> 10} |"
    sys.stderr.write(f"{row}\n")
    return row


def _computed_s() -> float:
    used = os.times()
    return used.children_user + used.children_system


if __name__ == "__main__":
    main()
