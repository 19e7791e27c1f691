# SPDX-License-Identifier: Apache-2.0
"""Seconds and memory of putting an epoch on paper, against its sheets: sealed, drawn, decoded, written.

python -m tests.benchmarks.growth [--sheets N] [FILE]

Each size is a process of its own. Processor time is of the process and of its decoder; the room is what the process
held at most. It asserts nothing.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from breakglass_shamir.custody.credential import of_a_drill
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.printing import sheets
from breakglass_shamir.paper.reading.scan import Scanner

SHEETS: Final = (3, 20, 64, 255)

_TEXT: Final = """# Seconds against sheets

{machine}. As many drill cards as sheets; a majority opens the set. Seconds of the clock, of processors in brackets.

| sheets | sealed | drawn, decoded and written | in all | a sheet | memory |
|---|---|---|---|---|---|
{rows}
"""


def measured(count: int, folder: Path) -> str:
    """Return the row of one size."""
    people = ", ".join(f'"Custodian {number}"' for number in range(1, count + 1))
    source = f"""
name = "prod-db"
target = {{uri = "ssh-key:///srv/key"}}
quorum = {{groups = [{{threshold = {count // 2 + 1}, custodians = [{people}]}}]}}
declaration = {{classes = ["idp-outage"]}}
"""
    with Scanner() as scanner:
        scanner.start()
        began, used = time.perf_counter(), _processors_s()
        epoch = sheets.seal_epoch(
            policies.parse(source), source, of_a_drill(), Checkpoint(bytes(8), 0, bytes(32)), 1, NO_PREDECESSOR
        )
        sealed, used_sealing = time.perf_counter(), _processors_s()
        sheets.print_epoch(epoch, sheets.Printing(folder), scanner, EmptyDesk())
        printed = time.perf_counter()
    used_printing = _processors_s() - used_sealing
    room = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return (
        f"| {count} | {sealed - began:.1f} ({used_sealing - used:.1f}) | {printed - sealed:.1f} ({used_printing:.1f}) "
        f"| {printed - began:.1f} | {(printed - began) / count:.2f} | {room} MiB |"
    )


def _processors_s() -> float:
    """Return processor time of this process and of those of its children that have ended, seconds."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Measure each size in its own process, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth")
    parser.add_argument("--sheets", type=int, action="append", help="this size only; may be repeated")
    parser.add_argument("--alone", action="store_true", help="this size here, and print its row")
    parser.add_argument("table", type=Path, nargs="?", help="file for the table")
    options = parser.parse_args()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    rows = []
    for count in options.sheets or SHEETS:
        with tempfile.TemporaryDirectory(prefix="breakglass-growth-", dir=memory) as folder:
            if options.alone:
                sys.stdout.write(measured(count, Path(folder)) + "\n")
                continue
            command = [sys.executable, "-m", "tests.benchmarks.growth", "--alone", "--sheets", str(count)]
            rows.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    if options.alone:
        return
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    text = _TEXT.format(machine=machine, rows="\n".join(rows))
    if options.table:
        options.table.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
