# SPDX-License-Identifier: Apache-2.0
"""What grows with what: sets, sheets, records, terminals; each beside the least that the same amount could cost.

python -m tests.benchmarks.costs [--runs N] [--quick] [--data FILE]

Ours and the least alternate, as everywhere here. What is drawn is processor time, of the process and of those that it
started, since on a busy machine a curve by the clock shows the others' work. Nothing here waits for anything else.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from Crypto.Protocol.SecretSharing import Shamir

from breakglass_shamir.crypto import shamir
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.operations.audit import bundling
from tests.benchmarks import ledgers, many_sets
from tests.benchmarks.pairs import Task, machine, process, seconds
from tests.end_to_end.life import PROGRAM, Life, groups_text

RUNS = 5
"""Pairs per point; one where a single run takes long."""

DATA = Path("docs") / "performance" / "costs.json"

SETS = (1, 10, 100, 1_000)
SHEETS = (3, 5, 15, 63, 127, 255)
PRINTED = (3, 15, 63, 255)
RECORDS = (1_000, 10_000, 100_000)
FULL = (1_000, 10_000)
QUICK_PRINTED, QUICK_RECORDS = (3, 15, 63), (1_000, 10_000)
TERMINALS = (1, 5, 20, 50)

EACH = 100
"""Records of the log of each terminal."""

TICK_S = 1e-6
"""The least that a processor's time is told in."""

LONG_S = 20
"""A point whose first run takes longer is measured once."""


@dataclass(frozen=True, slots=True)
class Point:
    """What so many cost."""

    count: int
    wall_s: float
    """Medians, seconds."""

    processor_s: float
    least_s: float
    """Of the processor."""

    ratio: float
    """Median of ours divided by its neighbour's, of the processor."""

    runs: int


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot."""

    plot: str
    """What it grows with: sets, sheets, records or terminals."""

    name: str
    least: str
    """What it is measured beside."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """One run."""

    machine: str
    series: tuple[Series, ...]


def read(path: Path) -> Costs:
    """Read a run as it was written."""
    data = json.loads(path.read_text(encoding="utf-8"))
    series = [{**one, "points": tuple(Point(**point) for point in one["points"])} for one in data["series"]]
    return Costs(data["machine"], tuple(Series(**one) for one in series))


def point(count: int, ours: Task, least: Task, runs: int) -> Point:
    """Measure both in turns."""
    both = [(spent(ours), spent(least))]
    if both[0][0][0] < LONG_S:
        both = [(spent(ours), spent(least)) for _ in range(runs)]
    wall_s, processor_s, least_s = (
        statistics.median(column) for column in zip(*((*one, other[1]) for one, other in both), strict=True)
    )
    ratio = statistics.median(one[1] / max(other[1], TICK_S) for one, other in both)
    sys.stderr.write(f"  {count}: {processor_s:.3f} s\n")
    return Point(count, wall_s, max(processor_s, TICK_S), max(least_s, TICK_S), ratio, len(both))


def spent(task: Task) -> tuple[float, float]:
    """Return what a task takes by the clock and of the processor, with every process that it waited for, in seconds."""
    before = _processor_s()
    wall_s = seconds(task)
    return wall_s, _processor_s() - before


def _processor_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def everything(folder: Path, runs: int, quick: bool) -> Iterator[Series]:
    """Measure every series; what takes longest comes last."""
    yield from sets(folder, runs)
    yield from sheets(runs)
    yield from records(folder, runs, QUICK_RECORDS if quick else RECORDS)
    yield from terminals(folder, runs)
    yield printed(folder, runs, QUICK_PRINTED if quick else PRINTED)


def sets(folder: Path, runs: int) -> Iterator[Series]:
    """Measure ``status``."""
    points = []
    for size in SETS:
        place = folder / f"sets-{size}"
        many_sets.build(place, size)
        command = [str(PROGRAM), "--home", str(place), "--json", "status"]
        points.append(point(size, partial(process, command, expected=many_sets.DUE), many_sets._floor, runs))
    yield Series("sets", "breakglass status", "python -c 'import click'", tuple(points))


def sheets(runs: int) -> Iterator[Series]:
    """Measure splitting in memory, where few and where most of the sheets open."""
    thresholds: Sequence[tuple[str, Callable[[int], int]]] = (
        ("any 3, in memory", lambda members: 3 if members > 3 else 2),
        ("more than half, in memory", lambda members: members // 2 + 1),
    )
    master = bytes(range(32))
    for name, threshold in thresholds:
        points = [
            point(
                members, partial(_split, master, threshold(members), members),
                partial(_bare_split, master, threshold(members), members), runs,
            )
            for members in SHEETS
        ]  # fmt: skip
        yield Series("sheets", name, "pycryptodome's Shamir.split of both halves, unproven", tuple(points))


def printed(folder: Path, runs: int, sizes: Sequence[int]) -> Series:
    """Measure a whole ``split`` to PDF files: a sheet and a drill card for each custodian, every file read back."""
    points = []
    for members in sizes:
        names = [f"custodian {number}" for number in range(members)]
        life = Life(folder / f"life-{members}" / "life", quorum=groups_text((3 if members > 3 else 2, names)))
        life.begin()
        life.keep()
        command = life.command("split", life.policy, "--credential-from", "-", "--out", life.sheets(1))

        def split(life: Life = life, command: Sequence[str] = tuple(command)) -> None:
            life.restore()
            process(command, stdin=life.secret.reveal(), env=life.environment())

        points.append(point(members, split, many_sets._floor, runs))
    return Series("sheets", "any 3, breakglass split --out", "python -c 'import click'", tuple(points))


def _split(master: bytes, threshold: int, members: int) -> None:
    shamir.split(Secret(master), threshold, members)


def _bare_split(master: bytes, threshold: int, members: int) -> None:
    for half in (master[:16], master[16:]):
        Shamir.split(threshold, members, half, ssss=True)


def records(folder: Path, runs: int, sizes: Sequence[int]) -> Iterator[Series]:
    """Measure ``audit verify`` by sample and in full, and opening a ledger."""
    sampled, full, opened = [], [], []
    for size in sizes:
        place = folder / f"records-{size}"
        ledgers.build(place, size)
        with home.open_home(place) as ledger:
            least = partial(ledgers.hash_all, ledger)
            sampled.append(point(size, partial(ledgers._verify, ledger, full=False), least, runs))
            if size in FULL:
                full.append(point(size, partial(ledgers._verify, ledger, full=True), least, runs))
            opened.append(point(size, partial(_open, place), least, runs))
    least_name = "SHA-256 once over the same bytes"
    yield Series("records", "verified by sample", least_name, tuple(sampled))
    yield Series("records", "verified in full", least_name, tuple(full))
    yield Series("records", "opened", least_name, tuple(opened))


def _open(place: Path) -> None:
    home.open_home(place).close()


def terminals(folder: Path, runs: int) -> Iterator[Series]:
    """Measure an auditor's ``audit verify`` of several terminals' bundles, each log with ``EACH`` records."""
    bundles = []
    for number in range(max(TERMINALS)):
        place = folder / f"terminal-{number}"
        ledgers.build(place, EACH)
        bundles.append(folder / f"terminal-{number}.bundle")
        with home.open_home(place) as ledger:
            bundling.write(ledger, bundles[-1])
    points = []
    for count in TERMINALS:
        words = [word for bundle in bundles[:count] for word in ("--from", str(bundle))]
        command = [str(PROGRAM), "audit", "verify", *words]
        points.append(point(count, partial(process, command), many_sets._floor, runs))
    name = f"audit verify --from, logs of {EACH} records"
    yield Series("terminals", name, "python -c 'import click'", tuple(points))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.costs")
    parser.add_argument("--runs", type=int, default=RUNS, help="pairs per point")
    parser.add_argument("--quick", action="store_true", help="leave out what takes longest")
    parser.add_argument("--data", type=Path, default=DATA, help="file for what docs/performance.md is drawn from")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="breakglass-bench-") as folder:
        for series in everything(Path(folder).resolve(), options.runs, options.quick):
            sys.stderr.write(f"{series.plot}: {series.name}\n")
            found.append(series)
    costs = Costs(machine(), tuple(found))
    options.data.write_text(json.dumps(asdict(costs), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
