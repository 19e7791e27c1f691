# SPDX-License-Identifier: Apache-2.0
"""What the directory servers of these tests share: waiting for a port, and a process with a log file."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

START_LIMIT_S = 60.0


def listens(host: str, port: int) -> bool:
    """Tell whether somebody accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class LocalProcess:
    """A server process in the foreground whose output goes to a file."""

    def __init__(self, command: Sequence[str], log: Path, more: Mapping[str, str] | None = None) -> None:
        self._command = list(command)
        self._log = log
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **(more or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, host: str, *ports: int) -> None:
        """Start it and wait until it accepts connections on every port."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, cwd="/"
            )
        limit = time.monotonic() + START_LIMIT_S
        while not all(listens(host, port) for port in ports):
            ended = self._process.poll()
            assert ended is None, (
                f"{self._command[0]} ended with {ended}: {self._log.read_text(errors='replace')[-2000:]}"
            )
            assert time.monotonic() < limit, f"{self._command[0]} does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, and wait for the end."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
            self._process = None
