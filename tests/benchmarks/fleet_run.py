# SPDX-License-Identifier: Apache-2.0
"""Two hundred sets of 3 of 5: issued, confirmed from one heap, acknowledged from one list, and killed on the way.

    python -m tests.benchmarks.fleet_run [--sets N] [RESULTS]

Each long command is killed (SIGKILL) at some moments and run again. It is measured how long each takes in all, and
checked that no set is issued by halves: what is on record has its sheets on paper, and nothing else has.
"""

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from icalendar import Calendar

from breakglass_shamir.ledger import home
from tests.end_to_end.fleet import Fleet
from tests.end_to_end.life import Life

HEAD = "| step | seconds | of computing | killed | what came of it |"
LIMIT_S = 7200.0
KILLS = 3


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--sets", type=int, default=200)
    words.add_argument("results", nargs="?", type=Path, default=Path("fleet-results.md"))
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        with given.results.open("w") as file:
            for row in (HEAD, "|---|---|---|---|---|"):
                file.write(f"{row}\n")
            for row in measured(Fleet(Life(folder / "life"), given.sets, threshold=3, sheets=5)):
                file.write(f"{row}\n")
                file.flush()
    finally:
        shutil.rmtree(folder)
    sys.stdout.write(given.results.read_text())


def measured(fleet: Fleet) -> Iterator[str]:
    """Live the life; yields the rows of the table."""
    fleet.begin()
    count = fleet.count

    took, killed = killed_and_run_again(fleet, *fleet.split_words(), at=(2.0, float(count)))
    sheets = check_paper(fleet)
    yield (f"| `split` | {took} | {killed} | {count} sets on record, {sheets} sheets in piles, none over |")

    began = time.monotonic()
    fleet.scan()
    yield (f"| (scanning {sheets} sheets, simulated) | {time.monotonic() - began:.0f} | | | |")

    took, killed = killed_and_run_again(fleet, "confirm", "--scan", fleet.scans, at=(2.0, 0.3 * count))
    yield (f"| `confirm --scan` | {took} | {killed} | {sealed(fleet)} sets sealed |")

    listed = fleet.folder / "bags.csv"
    seats = [f"{name},{seat},B-{name}-{seat}" for name in fleet.names() for seat in range(1, fleet.sheets + 1)]
    listed.write_text("\n".join(["set,sheet,bag", *seats]) + "\n")
    took, killed = killed_and_run_again(fleet, "ack", "--from", listed, at=(1.0, 0.03 * count))
    yield (f"| `ack --from` | {took} | {killed} | {acknowledged(fleet)} sheets acknowledged |")

    file = fleet.folder / "due.ics"
    took, _ = killed_and_run_again(fleet, "status", "--calendar", file, at=())
    events = len(Calendar.from_ical(file.read_bytes()).events)
    yield (f"| `status --calendar` | {took} | | {events} appointments |")
    took, _ = killed_and_run_again(fleet, "status", at=())
    yield (f"| `status` | {took} | | |")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    yield (f"| largest process | | | | {most} MiB |")


def killed_and_run_again(fleet: Fleet, *words: str | Path, at: tuple[float, ...]) -> tuple[str, int]:
    """Run a command, kill it at some moments, let it end; returns what it took and how often it was killed."""
    chance, killed, began, before = random.Random(1), 0, time.monotonic(), computed_s()
    while True:
        process = subprocess.Popen(
            fleet.life.command(*words), env=fleet.life.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_s = chance.uniform(*at) if at and killed < KILLS else LIMIT_S
        try:
            _, said = process.communicate(timeout=wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
            continue
        if process.returncode not in (0, 7):
            raise SystemExit(said.decode())
        return f"{time.monotonic() - began:.0f} | {computed_s() - before:.0f}", killed


def computed_s() -> float:
    """Return how long every process that has ended so far was computing, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check_paper(fleet: Fleet) -> int:
    """Hold the piles against the record; returns how many sheets there are."""
    with home.open_home(fleet.life.home) as ledger:
        sets = ledger.state.sets
        if sorted(sets) != fleet.names() or any(len(s.epochs) != 1 for s in sets.values()):
            raise SystemExit("not every set is on record once")
    found = sorted(path.name for path in fleet.out.rglob("*-m*.pdf") if "drill" not in path.name)
    wanted = sorted(f"{name}-e1-g1-m{seat}.pdf" for name in fleet.names() for seat in range(1, fleet.sheets + 1))
    if found != wanted or list(fleet.out.glob("unfinished-*")):
        raise SystemExit("the piles are not what is on record")
    return len(found)


def sealed(fleet: Fleet) -> int:
    """Count the sets of which every sheet was read back."""
    with home.open_home(fleet.life.home) as ledger:
        return sum(s.current_epoch.sealed for s in ledger.state.sets.values())


def acknowledged(fleet: Fleet) -> int:
    """Count the sheets that custodians hold."""
    with home.open_home(fleet.life.home) as ledger:
        return sum(len(s.current_epoch.acknowledged) for s in ledger.state.sets.values())


if __name__ == "__main__":
    main()
