# SPDX-License-Identifier: Apache-2.0
"""A program beside this one that empties the outbox while an opening goes on.

Rules:

1. An opening never waits for it: waking it is one byte into a pipe that never blocks, and ending it is closing the
   pipe.
2. It holds no secret: it is started before one is there, and gets nothing but the home's path.
3. It imports nothing from the folder that people stand in: a stick with scans may hold anything.
4. When this program ends, however it ends, the pipe closes; the courier then makes one last round and ends too.
   What is left is for ``alerts flush``, which a timer runs.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

_PROGRAM = "from breakglass_shamir.cli.program import main; main()"


class Courier:
    """Started when it is first woken."""

    def __init__(self, home: Path, *, stays: bool = False) -> None:
        """Start nothing yet.

        Args:
            home: whose outbox it empties.
            stays: whether it is of this program's process group, and is waited for by :meth:`end`.
        """
        self._home = home
        self._stays = stays
        self._process: subprocess.Popen[bytes] | None = None
        self._failed = False

    def wake(self) -> None:
        """Tell it that something waits; where it cannot be started, nothing follows but a later delivery."""
        if self._failed:
            return
        try:
            if self._process is None:
                self._process = self._start()
            assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
            os.write(self._process.stdin.fileno(), b".")
        except BlockingIOError:
            return  # it has been woken often enough
        except OSError:
            self._failed = True

    def close(self) -> None:
        """Let it end; does not wait for it."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
            self._process.returncode = 0  # it outlives this program on purpose: no warning that it still runs
        self._process = None

    def end(self, within_s: float) -> None:
        """Let it make its last round, and wait for that; one that takes longer is stopped, and leaves what waits."""
        process, self._process, self._failed = self._process, None, True
        if process is None or process.stdin is None:
            return
        with suppress(OSError):
            process.stdin.close()
        import subprocess

        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        import subprocess

        command = [sys.executable, "-P", "-c", _PROGRAM, "--home", str(self._home), "alerts", "flush", "--follow"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=not self._stays,
        )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        os.set_blocking(process.stdin.fileno(), False)
        return process
