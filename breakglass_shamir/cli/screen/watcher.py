# SPDX-License-Identifier: Apache-2.0
"""A process beside this one that clears the screen when this one can no longer do it (signal 9, a crash).

Rules:

1. It is another program, not a copy of this one: no secret, no ledger and no key is in its memory, and it inherits
   nothing but the terminal and a socket. It is hardened like this program.
2. It has a session of its own and ignores every signal that can be ignored; neither its command line nor its name
   has ours in it, so that what ends this program by group or by name leaves it alone.
3. While the socket from here is open it waits; when that closes without a word, this program died. It clears the
   screen, gives the terminal its mode back, and ends. A screen that has a time limit it clears soon after that limit,
   too, so that a program that was stopped leaves nothing on it.
4. Told that the screen is clear, it ends at once. It is not waited for longer than ``END_S``.
5. Where it cannot be started, the screen is shown all the same; people are told.

What it runs is ``watcher_process``.
"""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

READY_S = 5.0
"""Longest time it may take to begin."""

END_S = 3.0
"""Longest time it may take to end once it is told to."""

CLEARED = b"."
"""What it is told when the screen is clear."""

_BOOT = "import os; exec(os.read(0, 65536))"
"""What it runs: the sentence that arrives first. Nothing else is on its command line, where a path would name us."""

_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)
"""A Python built with a shared library may not start without it."""


class Watcher:
    """One process; start it before anything is shown."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ours: socket.socket | None = None

    def start(self, terminal: int, name: str, *, limit_s: float, bare: bool) -> bool:
        """Start it and wait until it watches; tell whether it does.

        Args:
            terminal: descriptor of the terminal.
            name: the terminal's own name, or nothing.
            limit_s: when it clears the screen of its own accord; 0: never.
            bare: whether the terminal knows no control sequences.
        """
        try:
            self._ours, theirs = socket.socketpair()
            with theirs:
                self._process = _spawn(terminal, theirs.fileno())
            self._tell(_sentence(terminal, name, limit_s, bare=bare))
            self._ours.settimeout(READY_S)
            watches = self._ours.recv(1) != b""
        except OSError:
            watches = False
        if not watches:
            self._drop()
        return watches

    def dismiss(self) -> None:
        """Tell it that the screen is clear, and let it end."""
        with suppress(OSError):
            self._tell(CLEARED)
        self._drop()

    def _tell(self, words: bytes) -> None:
        """Send something; where nobody is there any more, no signal comes of it."""
        if self._ours is not None:
            self._ours.send(words, socket.MSG_NOSIGNAL)

    def _drop(self) -> None:
        """Close the socket and leave no process behind."""
        process, ours = self._process, self._ours
        self._process = self._ours = None
        if ours is not None:
            ours.close()
        if process is None:
            return
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _spawn(terminal: int, theirs: int) -> subprocess.Popen[bytes]:
    # The interpreter that an environment was made from: the environment's own path may have our name in it.
    python = str(getattr(sys, "_base_executable", "") or sys.executable)
    return subprocess.Popen(
        [python, "-I", "-S", "-c", _BOOT], stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=(terminal,), start_new_session=True, cwd="/",
        env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
    )  # fmt: skip


def _sentence(terminal: int, name: str, limit_s: float, *, bare: bool) -> bytes:
    package = str(Path(__file__).resolve().parents[3])
    return (
        f"import sys; sys.path.append({package!r}); from breakglass_shamir.cli.screen.watcher_process import main; "
        f"main({terminal}, {name!r}, {limit_s!r}, bare={bare!r})"
    ).encode()
