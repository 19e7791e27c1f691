# SPDX-License-Identifier: Apache-2.0
"""How long the unluckiest append waits while many programs write to one ledger, beside bare SQLite's own waiting.

A run starts all writers, lets them go at once, and takes the longest single append of all of them. What counts is the
median of these over the runs. Every writer must get every record in, or the measurement ends with an error.
"""

import math
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from breakglass_shamir.ledger import home
from tests.benchmarks.pairs import Measured

EACH = 5
"""Records of each writer."""

_OURS = """
import sys, time
from pathlib import Path
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.ledger.home import open_home
with open_home(Path(sys.argv[1])) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[2])):
        start = time.perf_counter()
        ledger.append(Refused(stage="benchmark", error="none", message=f"a record of usual length, number {number}"))
        print(time.perf_counter() - start, flush=True)
    sys.stdin.readline()
"""

_BARE = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=600)
connection.executescript("PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS records (data BLOB)")
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO records VALUES (?)", (bytes(1500),))
    connection.execute("COMMIT")
    print(time.perf_counter() - start, flush=True)
sys.stdin.readline()
"""


def writer_measures(folder: Path, runs: int) -> Iterator[Measured]:
    """Measure the worst wait of 8 and of 32 writers."""
    folder.mkdir()
    for writers in (8, 32):
        yield worst_wait(folder, writers, runs)


def worst_wait(folder: Path, writers: int, runs: int) -> Measured:
    """Measure the longest single append of so many writers."""
    both: list[tuple[float, float]] = []
    for number in range(runs):
        place, bare = folder / f"home-{writers}-{number}", folder / f"bare-{writers}-{number}.sqlite"
        home.create(place, "benchmark").close()
        subprocess.run([sys.executable, "-c", _WAL, str(bare)], check=True)
        both.append((_worst(_OURS, place, writers), _worst(_BARE, bare, writers)))
        with home.open_home(place) as ledger:
            if ledger.size != 1 + writers * EACH:
                raise RuntimeError(f"{1 + writers * EACH - ledger.size} records were lost")
    ours_s, other_s = (statistics.median(column) for column in zip(*both, strict=True))
    ratios = [first / second for first, second in both]
    longest = max(first for first, _ in both)
    return Measured(
        f"{writers} writers: the longest of {writers * EACH} appends", "bare SQLite, WAL, synchronous=FULL", ours_s,
        other_s, statistics.median(ratios), min(ratios), max(ratios), runs, f"{longest:.2f} s in the worst run",
    )  # fmt: skip


_WAL = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=WAL')"


def _worst(program: str, place: Path, writers: int) -> float:
    command = [sys.executable, "-c", program, str(place), str(EACH)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(writers)
    ]
    for one in processes:
        assert one.stdout is not None
        if one.stdout.readline() != "ready\n":
            raise RuntimeError("a writer did not start")
    _tell(processes)
    waits = [float(one.stdout.readline() or "nan") for one in processes for _ in range(EACH) if one.stdout]
    _tell(processes)
    failed = [one for one in processes if one.wait() != 0]
    if failed or any(map(math.isnan, waits)):
        raise RuntimeError(f"{len(failed)} writers failed")
    return max(waits)


def _tell(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Let them begin; or end, once all are done: a process that ends takes time from those that wait."""
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
