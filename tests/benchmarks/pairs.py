# SPDX-License-Identifier: Apache-2.0
"""Paired measurements: ours and the other, alternating, so that a busy machine slows both.

The figure that counts is the median of the ratios of neighbours; the times are for orientation. Nothing here
asserts anything.
"""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Task = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table."""

    what: str
    other: str
    """What it is measured against."""

    ours_s: float
    other_s: float
    ratio: float
    """Median of ours divided by its neighbour's."""

    lowest: float
    highest: float
    runs: int
    figure: str = ""
    """In the unit people ask for: sheets or records per second."""


def pairs(what: str, ours: Task, other_name: str, other: Task, runs: int, *, prepare: Task = lambda: None) -> Measured:
    """Run both in turns; ``prepare`` comes before each of ours and is not measured."""
    both: list[tuple[float, float]] = []
    for number in range(runs + 1):
        prepare()
        measured = (seconds(ours), seconds(other))
        if number:  # the first pair warms the caches
            both.append(measured)
    ratios = [first / second for first, second in both]
    ours_s, other_s = (statistics.median(column) for column in zip(*both, strict=True))
    middle = statistics.median(ratios)
    return Measured(what, other_name, ours_s, other_s, middle, min(ratios), max(ratios), runs)


def one_pair(what: str, ours: Task, other_name: str, other: Task, *, prepare: Task = lambda: None) -> Measured:
    """Run both once, without a pair before them: for what takes a minute, which no cache shortens."""
    prepare()
    ours_s, other_s = seconds(ours), seconds(other)
    ratio = ours_s / other_s
    return Measured(what, other_name, ours_s, other_s, ratio, ratio, ratio, 1)


def machine() -> str:
    """Say what this is measured on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"


def seconds(task: Task) -> float:
    """Return how long a task takes, wall clock."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def process(
    command: Sequence[str], *, expected: int = 0, stdin: bytes = b"", env: dict[str, str] | None = None
) -> None:
    """Run a command to its end.

    Raises:
        RuntimeError: it did not end as it must.
    """
    done = subprocess.run(command, input=stdin, capture_output=True, env=env, check=False)
    if done.returncode != expected:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")


def table(rows: Sequence[Measured]) -> str:
    """Write rows as Markdown."""
    head = ("what", "ours", "against", "theirs", "ratio", "from to", "runs", "figure")
    lines = [head, ("---",) * len(head)]
    lines += [
        (
            row.what, f"{row.ours_s * 1000:.0f} ms", row.other, f"{row.other_s * 1000:.0f} ms", f"{row.ratio:.1f}",
            f"{row.lowest:.1f} to {row.highest:.1f}", str(row.runs), row.figure,
        )
        for row in rows
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
