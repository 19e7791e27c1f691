# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md's tables and plots, and README.md's comparison, from docs/performance/*.json and nothing else.

python -m tests.benchmarks.performance

Rules:

1. What stands between ``<!-- figures: NAME -->`` and ``<!-- end of figures -->`` is written here, the rest by people.
   No sentence of theirs says a figure that a new run would make wrong.
2. The same results give the same files; a test holds the committed ones against each other.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from breakglass_shamir.custody.life import drill_rules
from breakglass_shamir.custody.policy.tables import LOAD_STEPS
from breakglass_shamir.operations.audit.load_plot import time_text
from tests.benchmarks import costs, plot
from tests.benchmarks.costs import Costs, Series
from tests.benchmarks.peers import tables
from tests.benchmarks.peers.speed import Row
from tests.benchmarks.peers.tables import Results

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
PAGES = (PAGE, ROOT / "README.md")
PLOTS = ROOT / "docs" / "performance"

SLOWER = 2
"""A ratio above which a reason is owed."""

_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end of figures -->)", re.S)

_PLOTS = {
    "sets": ("Processor time of the status of many sets", "sets"),
    "sheets": ("Processor time of a split", "sheets"),
    "records": ("Processor time of a ledger", "records"),
    "terminals": ("Processor time of several terminals' logs", "terminals"),
}


def page(text: str, results: Results, found: Costs) -> str:
    """Return the page with its figures written anew.

    Raises:
        KeyError: it names a block that nobody writes.
    """
    writers: dict[str, Callable[[], str]] = {
        "conditions": lambda: f"{tables.conditions(results)} What grows with what: {found.machine}.",
        "library": lambda: _speeds(results, "library"),
        "program": lambda: _speeds(results, "program"),
        "paper": lambda: f"{_speeds(results, 'sheets')}\n\n{_speeds(results, 'back')}",
        "left-out": lambda: tables.left_out(results),
        "tried": lambda: tables.tried(results),
        "slower": lambda: slower(results),
        "compared": lambda: compared(results),
        "load": load_drill,
        **{name: lambda name=name: cost_table(found, name) for name in _PLOTS},  # type: ignore[misc]
    }
    return _BLOCK.sub(lambda block: f"{block[1]}\n{writers[block[2]]()}\n\n{block[3]}", text)


def load_drill() -> str:
    """Write what the last load drill against real servers showed (``load_run``)."""
    found = json.loads((PLOTS / "load.json").read_text(encoding="utf-8"))
    shown, other = found["drill"], found["pgbench"]
    rate = other["transactions"] / other["seconds"]
    said = (
        f"{found['machine']}. {shown['at_once']} rehearsals at once from {shown['terminals']} terminals, "
        f"{shown['rounds']} rounds: {shown['done']} came to a quorum, {shown['failed']} did not, in "
        f"{shown['elapsed_ms'] / 1000:.0f} s. Beside them {other['clients']} clients of pgbench made {rate:.0f} "
        f"transactions/s at the server they logged in to. {shown['collected']} of {shown['records']} records were "
        f"cosigned. Result: {shown['result']}."
    )
    places = [(percent, drill_rules.POINTS.index(percent)) for percent in (50, 95, 99, 100)]
    steps = [
        (step, *(time_text(shown["steps_ms"][step][at]) for _, at in places))
        for step in LOAD_STEPS if step in shown["steps_ms"]
    ]  # fmt: skip
    sinks = [(name, *map(str, counts)) for name, counts in shown["alerts"].items()]
    reasons = "".join(f"\n- {reason}" for reason in shown["reasons"])
    return "\n\n".join(
        [
            f"{said}{reasons}", tables.table(("step", "p50", "p95", "p99", "most"), steps),
            tables.table(("sink", "made", "acknowledged", "in the outbox"), sinks),
        ]
    )  # fmt: skip


def plots(results: Results, found: Costs) -> Iterator[tuple[str, str]]:
    """Yield each plot's file name and text."""
    yield "peers.svg", plot.dots("Time of ours divided by the other's", "ratio; below 1 ours is faster", _dots(results))
    for name, (title, across) in _PLOTS.items():
        yield f"{name}.svg", plot.lines(title, across, list(_lines(found, name)))


def slower(results: Results) -> str:
    """List where ours takes more than ``SLOWER`` times as long."""
    rows = [row for row in results.rows if row.ratio > SLOWER]
    cells = [(row.work, row.peer, tables.ratio(row.ratio), tables.time_text(row.ours_s - row.theirs_s)) for row in rows]
    if not cells:
        return f"Nowhere more than {SLOWER} times."
    return tables.table(("work", "against", "ratio", "longer by"), cells)


def compared(results: Results) -> str:
    """Write what each peer does with wrong shares, and has, in few words."""
    head = ("3 of 5 by", "given two shares", "given an altered share", "records the use", "rotates")
    cells = [
        (
            tables.with_version(one.peer, one.version), one.few, one.forged, tables.yes(one.recorded),
            tables.yes(one.rotates),
        )
        for one in results.found
    ]  # fmt: skip
    return tables.table(head, cells)


def slower_groups(results: Results) -> set[str]:
    """Return the groups in which ours takes more than ``SLOWER`` times as long as somebody."""
    return {row.group for row in results.rows if row.ratio > SLOWER}


def cost_table(found: Costs, name: str) -> str:
    """Write the table of one plot."""
    head = ("what", name, "processor", "each", "by the clock", "beside", "ratio", "runs")
    cells = [
        (
            series.name, f"{one.count:,}", tables.time_text(one.processor_s), _each(one.processor_s / one.count),
            tables.time_text(one.wall_s), series.least, tables.ratio(one.ratio), str(one.runs),
        )
        for series in _of(found, name) for one in series.points
    ]  # fmt: skip
    return tables.table(head, cells)


def _speeds(results: Results, group: str) -> str:
    return next(text for text in tables.speeds(results) if text.startswith(f"### {tables.GROUPS[group]}\n"))


def _of(found: Costs, name: str) -> list[Series]:
    return [series for series in found.series if series.plot == name]


def _each(seconds: float) -> str:
    return tables.time_text(seconds) if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"


def _lines(found: Costs, name: str) -> Iterator[plot.Line]:
    leasts: dict[str, plot.Line] = {}
    for series in _of(found, name):
        yield plot.Line(series.name, [(one.count, one.processor_s) for one in series.points])
        least = plot.Line(series.least, [(one.count, one.least_s) for one in series.points], least=True)
        leasts.setdefault(series.least, least)
    yield from leasts.values()


def _dots(results: Results) -> list[plot.Dot]:
    return [plot.Dot(_name(row), row.ratio, row.lowest, row.highest) for row in results.rows]


def _name(row: Row) -> str:
    return f"{_SHORT.get(row.work, row.work)} | {row.peer}"


_SHORT = {
    "credential to sheets for 5 custodians: `split --out`: 10 files, read back, recorded": "split --out",
    "credential to sheets for 5 custodians: 5 sheets by the library, nothing more": "5 sheets by the library",
    "3 page images to the credential: `recombine --exec true`, recorded": "3 images, recombine",
    "3 page images to the credential: in memory by the library, not recorded": "3 images, library",
}
"""Names for the plot, where the work's is long."""


def main() -> None:
    """Write them."""
    results, found = tables.read(PLOTS / "peers.json"), costs.read(PLOTS / "costs.json")
    for name, text in plots(results, found):
        (PLOTS / name).write_text(text, encoding="utf-8")
    for path in PAGES:
        path.write_text(page(path.read_text(encoding="utf-8"), results, found), encoding="utf-8")


if __name__ == "__main__":
    main()
