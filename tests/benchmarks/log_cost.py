# SPDX-License-Identifier: Apache-2.0
"""What a text in a log costs its reader, against its length: every reader, the worst texts known, and fuzz.

python -m tests.benchmarks.log_cost [--quick] FILE

Each text is read at four lengths, at once and in lines of 56,000 characters. The exponent is the slope of cost over
length in a doubly logarithmic picture: 1 is linear, 2 by the square. Fuzz is made of a log's own words, seeded.
"""

import argparse
import math
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.attacks.hostile_logs import READERS, Reader, fuzzed, repeated

LENGTHS = (1 << 18, 1 << 19, 1 << 20, 1 << 21)
"""Characters of a log."""

LINE = 56_000
"""Characters of a line that is read as one."""

SEEDS = 5
"""Logs of fuzz."""

RUNS = 3
"""The least of so many counts."""

_TEXT = """# What a text in a log costs its reader

{machine}. Milliseconds of this process for {length} KiB, the worst of {count} texts; the exponent is of the text that
grows fastest, over lengths from {first} to {last} KiB.

| reader | worst text | ms per MiB | grows fastest | exponent |
|---|---|---|---|---|
{rows}
"""


@dataclass(frozen=True)
class Cost:
    """What one text costs at each length, in seconds."""

    text: str
    seconds: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """How cost grows with length, by the first and the last."""
        return math.log(self.seconds[-1] / self.seconds[0]) / math.log(LENGTHS[-1] / LENGTHS[0])


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.log_cost")
    parser.add_argument("--quick", action="store_true", help="one count of each instead of three")
    parser.add_argument("out", type=Path, help="file for the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakglass-bench-") as folder:
        found = dict(_measured(Path(folder), 1 if options.quick else RUNS))
    text = _TEXT.format(
        machine=f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        length=LENGTHS[2] >> 10, first=LENGTHS[0] >> 10, last=LENGTHS[-1] >> 10,
        count=sum(len(costs) for costs in found.values()), rows="\n".join(_row(*one) for one in found.items()),
    )  # fmt: skip
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _measured(folder: Path, runs: int) -> Iterator[tuple[str, list[Cost]]]:
    for name, reader in READERS.items():
        costs = [Cost(what, _seconds(reader, folder, make, runs)) for what, make in _texts(reader)]
        sys.stderr.write(f"{name}: {max(one.seconds[2] for one in costs) * 1000:.0f} ms per MiB\n")
        yield name, costs


def _texts(reader: Reader) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Yield what a log is filled with, by its name."""
    for what, worst in reader.worst.items():
        yield f"{what}, at once", partial(repeated, worst)
        yield f"{what}, in lines", partial(_lines, worst)
    for seed in range(SEEDS):
        yield f"fuzz {seed}", partial(fuzzed, reader, seed=seed)


def _lines(worst: str, length: int) -> str:
    line = repeated(worst, LINE) + "\n"
    return line * (length // len(line))


def _seconds(reader: Reader, folder: Path, make: Callable[[int], str], runs: int) -> tuple[float, ...]:
    found = []
    for length in LENGTHS:
        path = folder / reader.file
        path.write_text(f"{make(length)}\n{reader.login}\n")
        found.append(min(_once(reader, path) for _ in range(runs)))
    return tuple(found)


def _once(reader: Reader, path: Path) -> float:
    began = time.process_time()
    reader.read(path)
    return max(time.process_time() - began, 1e-4)


def _row(name: str, costs: Sequence[Cost]) -> str:
    slowest = max(costs, key=lambda one: one.seconds[2])
    steepest = max(costs, key=lambda one: one.exponent)
    slow = f"{slowest.text} | {slowest.seconds[2] * 1000:.0f}"
    return f"| {name} | {slow} | {steepest.text} | {steepest.exponent:.2f} |"


if __name__ == "__main__":
    main()
