# SPDX-License-Identifier: Apache-2.0
"""Measure, and write the table.

python -m tests.benchmarks [--runs N] [--out FILE]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measures import all_of_them
from tests.benchmarks.pairs import machine, table

RUNS = 7
"""Pairs per line; start-up has three times as many."""

_TEXT = """# Benchmarks

Ours and the other alternate in one run on one machine ({machine}); the ratio is the median over neighbouring pairs.
Whole processes, start-up included, except for the records.

{table}

How much of a damaged sheet is still read: `python -m tests.benchmarks.degradation`.
"""


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--runs", type=int, default=RUNS, help="pairs per line")
    parser.add_argument("--out", type=Path, default=Path("bench-results.md"), help="file for the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="breakglass-bench-") as folder:
        rows = []
        for row in all_of_them(Path(folder).resolve(), options.runs):
            sys.stderr.write(f"{row.what}: {row.ratio:.1f}\n")
            rows.append(row)
    text = _TEXT.format(machine=machine(), table=table(rows))
    options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
