# SPDX-License-Identifier: Apache-2.0
"""Measure against the peers, and write the table and what docs/performance.md is drawn from.

python -m tests.benchmarks.peers [--runs N] [--quick] [--out FILE] [--data FILE]
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.pairs import machine
from tests.benchmarks.peers import notices, paper, speed, tables
from tests.benchmarks.peers.speed import Absent, Row

RUNS = 5
"""Pairs per line."""

DATA = Path("docs") / "performance" / "peers.json"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers")
    parser.add_argument("--runs", type=int, default=RUNS, help="pairs per line")
    parser.add_argument("--quick", action="store_true", help="damage pages in one strength only")
    parser.add_argument("--out", type=Path, default=Path("peers-results.md"), help="file for the tables")
    parser.add_argument("--data", type=Path, default=DATA, help="file for what docs/performance.md is drawn from")
    options = parser.parse_args()
    results = tables.Results(machine())
    with tempfile.TemporaryDirectory(prefix="breakglass-bench-") as name:
        folder = Path(name).resolve()
        (folder / "calls").mkdir()
        desk = paper.Desk(folder)
        for measured in (
            speed.libraries(folder / "calls", options.runs), speed.programs(folder, options.runs),
            paper.to_sheets(desk, options.runs), paper.from_images(desk, options.runs),
        ):  # fmt: skip
            for one in measured:
                _note(results, one)
        for found in notices.notices(desk, (0,) if options.quick else (0, 1)):
            sys.stderr.write(f"{found.peer}: tried\n")
            results.found.append(found)
    options.data.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
    text = tables.whole(results)
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _note(results: tables.Results, one: Row | Absent) -> None:
    if isinstance(one, Row):
        results.rows.append(one)
        sys.stderr.write(f"{one.work} against {one.peer}: {one.ratio:.2f}\n")
    else:
        results.absent.append(one)
        sys.stderr.write(f"{one.work} by {one.peer}: left out: {one.reason}\n")


if __name__ == "__main__":
    main()
