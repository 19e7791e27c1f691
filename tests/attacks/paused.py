# SPDX-License-Identifier: Apache-2.0
"""Run one command of the program and stop it at an instant, so that a test can lay hands on its files meanwhile.

    python -m tests.attacks.paused INSTANT COMMAND...

An instant is ``before TYPE`` (the record of that type is about to be stored), ``inside TYPE`` (it is inserted and not
committed) or ``after TYPE`` (it is committed, and nobody has looked for it yet). There the program stops itself
(SIGSTOP) and goes on when the test lets it. It is the program as it is: nothing is replaced, the steps are only
counted.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from breakglass_shamir.cli.program import main
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger

LIMIT_S = 180.0
"""Longest time until the program stops at its instant, and until it ends."""


def install(instant: str) -> None:
    """Stop this process at an instant, once."""
    left, inserted = [instant], [""]

    def passed(name: str) -> None:
        if left == [name]:
            left.clear()
            os.kill(os.getpid(), signal.SIGSTOP)

    append, insert, transaction = Ledger.append, Ledger._insert, Ledger.transaction

    def appending(self: Ledger, body: Any, **more: Any) -> Entry:
        passed(f"before {body.__struct_config__.tag}")
        return append(self, body, **more)

    def inserting(self: Ledger, entry: Entry) -> None:
        insert(self, entry)
        inserted[0] = str(entry.record.body.__struct_config__.tag)
        passed(f"inside {inserted[0]}")

    @contextlib.contextmanager
    def committing(self: Ledger) -> Iterator[Any]:
        with transaction(self) as connection:
            yield connection
        passed(f"after {inserted[0]}")

    Ledger.append = appending  # type: ignore[method-assign]
    Ledger._insert = inserting  # type: ignore[method-assign]
    Ledger.transaction = committing  # type: ignore[method-assign]


def run(
    instant: str, command: Sequence[str], meanwhile: Callable[[], object], *, env: dict[str, str], cwd: Path
) -> tuple[int, str]:
    """Run a command, let something happen while it stands still; returns its exit code and what it said.

    Args:
        instant: as above.
        command: the program's arguments, the program itself left out.
        meanwhile: is called while it stands still.
        env: its environment.
        cwd: its folder.
    """
    repository = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.attacks.paused", instant, *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**env, "PYTHONPATH": repository}, cwd=cwd,
    )  # fmt: skip
    try:
        _until_it_stands(process)
        meanwhile()
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return process.returncode, said


def _until_it_stands(process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + LIMIT_S
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] != "T":
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            _, said = process.communicate()
            raise AssertionError(f"it did not come to its instant: {said}")
        time.sleep(0.01)


if __name__ == "__main__":
    install(sys.argv[1])
    sys.argv = ["breakglass", *sys.argv[2:]]
    main()
