# SPDX-License-Identifier: Apache-2.0
"""Run one command and end it by SIGKILL at a step boundary; run by ``test_crash_matrix``.

    python crash_driver.py JOURNAL BOUNDARY SHEETS READBACK COMMAND...

A boundary is the instant before and after each step that outlives the process: a record made durable (and one
inside, where it is inserted but not committed), a file written, the target asked to change, its file put in
place, the command that is given the credential. Each one passed is written to the journal; at BOUNDARY, a number
or a name, the process ends without a chance to clean up.
The people are played too: the sheets are scanned the moment somebody waits for the scans.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from breakglass_shamir.cli.program import main
from breakglass_shamir.connectors.port import base, one_file
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.opening import reveal
from breakglass_shamir.operations.printing import outlet
from breakglass_shamir.operations.reading import gather
from tests.end_to_end.life import scan_folder


class Boundaries:
    """Counts boundaries, and stops the world at one."""

    def __init__(self, journal: Path, last: str) -> None:
        self._journal = journal
        self._last = last
        self._count = 0

    def passed(self, name: str) -> None:
        """Note a boundary; does not return from the last one."""
        with self._journal.open("a") as file:
            file.write(f"{name}\n")
        if self._last in (name, str(self._count)):
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1

    def wrap(self, owner: Any, name: str, describe: Callable[..., str]) -> None:
        """Put a boundary before and after a function."""
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            step = describe(*args)
            self.passed(f"before {step}")
            result = inner(*args, **kwargs)
            self.passed(f"after {step}")
            return result

        setattr(owner, name, wrapped)

    def inside_records(self) -> None:
        """Put a boundary between a record's insertion and its commit."""
        inner = Ledger._insert

        def wrapped(ledger: Ledger, entry: Entry) -> None:
            inner(ledger, entry)
            self.passed(f"inside record {entry.record.body.__struct_config__.tag}")

        Ledger._insert = wrapped  # type: ignore[method-assign, assignment]


def install(boundaries: Boundaries, printed: Path, readback: Path) -> None:
    """Wrap every step, and scan what was printed when it is waited for."""
    boundaries.wrap(Ledger, "append", lambda _ledger, body: f"record {body.__struct_config__.tag}")
    boundaries.inside_records()
    boundaries.wrap(outlet, "_write", lambda path, _pdf: f"write {path.name}")
    boundaries.wrap(base.Connector, "rotate", lambda *_: "connector.rotate")
    boundaries.wrap(one_file, "put_in_place", lambda *_: "put the key in place")
    boundaries.wrap(reveal, "run_command", lambda *_: "reveal")
    watch = gather.watch

    def scan_and_watch(*args: Any, **kwargs: Any) -> Any:
        scan_folder(printed, readback)
        return watch(*args, **kwargs)

    gather.watch = scan_and_watch


if __name__ == "__main__":
    journal, boundary, printed, readback = sys.argv[1:5]
    install(Boundaries(Path(journal), boundary), Path(printed), Path(readback))
    sys.argv = ["breakglass", *sys.argv[5:]]
    main()
