# SPDX-License-Identifier: Apache-2.0
"""Many sets of 3 of 5: issued, confirmed, handed out, called, rehearsed and rotated, and killed on the way.

    python -m tests.benchmarks.fleet_run [--sets N] [RESULTS]

Each long command is killed (SIGKILL) at some moments and run again. It is measured how long each takes in all, and
checked that nothing is there by halves: what is on record has its sheets on paper, and nothing else has; each set is
rehearsed once and rotated once; the new paper opens each key, and the old credential opens none.
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

from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.paper.simulate import scanned
from tests.end_to_end.fleet import Fleet
from tests.end_to_end.life import DECLARATION, Life, opens, secrets_on_paper

HEAD = "| step | seconds | of computing | killed | what came of it |"
LIMIT_S = 7200.0
KILLS = 3

PRINTED = 4
"""Exit code of a rotation whose new sheets wait to be read back."""


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
    cards = copied_cards(fleet)
    fleet.scan()
    shutil.rmtree(fleet.out)
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
    called = fleet.folder / "called.csv"
    called.write_text("\n".join(["set,sheet,bag", *seats]) + "\n")
    took, killed = killed_and_run_again(fleet, "drill", "roll-call", "--from", called, at=(1.0, 0.03 * count))
    yield (f"| `drill roll-call --from` | {took} | {killed} | {recorded(fleet, 'roll-call')} bags looked at |")

    words: tuple[str | Path, ...] = ("drill", "rehearsal", "--all", *DECLARATION, "--scan", cards)
    took, killed = killed_and_run_again(fleet, *words, at=(2.0, 0.3 * count))
    yield (f"| `drill rehearsal --all` | {took} | {killed} | {once(fleet, 'rehearsed')} sets rehearsed |")

    words = ("rotate", "--all", "--scan", fleet.scans, "--out", fleet.out)
    took, killed = killed_and_run_again(fleet, *words, at=(2.0, float(count)), ends=(PRINTED,))
    yield (f"| `rotate --all`, printing | {took} | {killed} | {len(new_sheets(fleet))} sheets in piles |")

    began = time.monotonic()
    fleet.scan()
    yield (f"| (scanning them, simulated) | {time.monotonic() - began:.0f} | | | |")
    took, killed = killed_and_run_again(fleet, "confirm", "--scan", fleet.scans, at=(2.0, 0.3 * count))
    yield (f"| `confirm --scan` | {took} | {killed} | |")
    listed.write_text("\n".join(["set,sheet,bag", *(f"{seat}-2" for seat in seats)]) + "\n")
    took, killed = killed_and_run_again(fleet, "ack", "--from", listed, at=(1.0, 0.03 * count))
    yield (f"| `ack --from` | {took} | {killed} | |")
    took, killed = killed_and_run_again(fleet, *words, at=(2.0, 0.6 * count))
    yield (
        f"| `rotate --all`, applying | {took} | {killed} | {rotated(fleet)} sets rotated once, old credentials dead |"
    )
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    yield (f"| largest process | | | | {most} MiB |")


def killed_and_run_again(
    fleet: Fleet, *words: str | Path, at: tuple[float, ...], ends: tuple[int, ...] = (0, 7)
) -> tuple[str, int]:
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
        if process.returncode not in ends:
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


def copied_cards(fleet: Fleet) -> Path:
    """Lay a scan of every drill card into a heap of its own."""
    cards = fleet.folder / "cards"
    cards.mkdir()
    for number, card in enumerate(sorted(fleet.out.rglob("*-drill.pdf"))):
        (cards / f"{card.stem}.jpg").write_bytes(scanned(card.read_bytes(), dpi=120, seed=number))
    return cards


def new_sheets(fleet: Fleet) -> list[Path]:
    """Return the sheets of second epochs in the piles."""
    found = [path for path in fleet.out.rglob("*-e2-*.pdf") if "drill" not in path.name]
    if len(found) != fleet.count * fleet.sheets or list(fleet.out.glob("unfinished-*")):
        raise SystemExit("the piles are not what is on record")
    return found


def recorded(fleet: Fleet, kind: str) -> int:
    """Count the records of a type."""
    with home.open_home(fleet.life.home) as ledger:
        return sum(entry.record.body.__struct_config__.tag == kind for entry in ledger.entries())


def once(fleet: Fleet, kind: str) -> int:
    """Count the records of a type, of which each set must have one."""
    with home.open_home(fleet.life.home) as ledger:
        sets = [e.record.set for e in ledger.entries() if e.record.body.__struct_config__.tag == kind]
    if sorted(sets) != fleet.names():
        raise SystemExit(f"not every set has one record of the type {kind}")
    return len(sets)


def rotated(fleet: Fleet) -> int:
    """Hold every set to one rotation, and its key to the new paper; returns how many there are."""
    with home.open_home(fleet.life.home) as ledger:
        states = ledger.state.sets.values()
        if any(s.current_epoch.number != 2 or len(s.epochs) != 2 or s.prepared or s.opening for s in states):
            raise SystemExit("not every set was rotated once")
    for name in fleet.names():
        tray = fleet.folder / f"tray-{name}"
        tray.mkdir()
        for path in new_sheets(fleet):
            if path.name.startswith(f"{name}-"):
                shutil.copy(path, tray)
        (secret,) = secrets_on_paper(tray)
        key, old = fleet.folder / "keys" / name, Secret((fleet.credentials / name).read_bytes())
        if not opens(key, secret) or opens(key, old):
            raise SystemExit(f"the key of {name} is not opened by its new sheets alone")
    return fleet.count


if __name__ == "__main__":
    main()
