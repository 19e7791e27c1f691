# SPDX-License-Identifier: Apache-2.0
"""A terminal that keeps whatever it can, and programs played at it.

Rules:

1. The emulated terminal is the worst there is: no alternate screen, every clear of the whole screen and every row that
   scrolls out goes to a scroll-back, and nothing clears that. GNU screen, tmux and PuTTY each do a part of it.
2. What is played is the program's own code in a process of its own, see ``players``. A shell's place in the session is
   taken, so that the terminal outlives the program; or the program leads the session itself.
3. Whether something is left is asked of everything the terminal keeps, whatever the width at which it was broken.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte

from tests.attacks.processes import PLAIN
from tests.conftest import REPOSITORY

PATIENCE_S = 90.0
"""Longest time to wait for something that must happen."""

SECRET = "-".join(f"Qz{number:02}xK" for number in range(8))
"""A secret of which any few characters in a row are known again."""

TRACES = tuple(f"Qz{number:02}xK" for number in range(8))
"""What of it must be nowhere."""


class Keeper(pyte.Screen):
    """A terminal's screen and its scroll-back; see rule 1."""

    def __init__(self, columns: int, lines: int) -> None:
        self.kept: list[str] = []
        super().__init__(columns, lines)

    def index(self) -> None:
        """Scroll a row out where the cursor is in the last one."""
        if self.cursor.y == self.lines - 1:
            self.kept.append(self.display[0])
        super().index()

    def erase_in_display(self, how: int = 0, *args: Any, **kwargs: Any) -> None:
        """Move the screen to the scroll-back before it is cleared, and clear no scroll-back."""
        if how == 3:
            return
        if how == 2 or (how == 0 and not self.cursor.x and not self.cursor.y):
            self.kept += self.display
        super().erase_in_display(how, *args, **kwargs)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Cut off rows below the cursor; where that is not enough, the upper ones go to the scroll-back."""
        lines = lines or self.lines
        above = max(0, self.cursor.y + 1 - lines)
        self.kept += self.display[:above]
        for number in range(self.lines):
            self.buffer[number] = self.buffer[number + above]
        self.cursor.y -= above
        before = self.cursor.y, self.cursor.x
        self.lines, self.columns = lines, columns or self.columns
        self.set_margins()
        self.cursor.y, self.cursor.x = before
        for number in [number for number in self.buffer if number >= lines]:
            del self.buffer[number]


class Glass:
    """A pseudo-terminal that is looked at."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.ours, self.theirs = pty.openpty()
        self.path = Path(os.ttyname(self.theirs))
        self.screen = Keeper(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._tell_size()

    def look(self, seconds: float = 0.0) -> None:
        """Take what is written, for so long."""
        end = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while select.select([self.ours], [], [], max(0.0, end - time.monotonic()))[0]:
                data = os.read(self.ours, 65536)
                self.raw += data
                self.stream.feed(data)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Look until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}, saw:\n{self.shown()}"
            self.look(0.02)

    def sees(self, words: str) -> None:
        """Look until words stand on the screen; a secret stands there in groups."""
        closed = "".join(words.split())
        self.until(lambda: words in self.shown() or closed in "".join(self.shown().split()), words)

    def type(self, words: str) -> None:
        """Press keys."""
        os.write(self.ours, words.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Make the window another size."""
        self.look()
        self.screen.resize(rows, columns)
        self._tell_size()

    def shown(self) -> str:
        """Return what stands on the screen."""
        return "\n".join(self.screen.display)

    def everything(self) -> str:
        """Return the scroll-back and the screen, as one text without white space."""
        self.look()
        return "".join("".join([*self.screen.kept, *self.screen.display]).split())

    def holds(self, *words: str) -> list[str]:
        """Return which of these words are kept anywhere."""
        everything = self.everything()
        return [word for word in words if "".join(word.split()) in everything]

    def typed_ahead(self) -> int:
        """Return how many keys wait for whoever reads next."""
        reader = os.open(self.path, os.O_RDONLY | os.O_NOCTTY)
        try:
            return int(struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, bytes(4)))[0])
        finally:
            os.close(reader)

    def echoes(self) -> bool:
        """Tell whether the terminal is as a shell wants it."""
        self.look()
        mode = termios.tcgetattr(self.ours)[3]
        return bool(mode & termios.ECHO and mode & termios.ICANON) and pyte.modes.DECAWM in self.screen.mode

    def close(self) -> None:
        """Put it away."""
        for descriptor in (self.ours, self.theirs):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _tell_size(self) -> None:
        size = struct.pack("HHHH", self.screen.lines, self.screen.columns, 0, 0)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)


class Stage:
    """Plays one scene at a time."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [*PLAIN, sys.executable, "-m", "tests.attacks.players"], stdin=theirs.fileno(), cwd=REPOSITORY
        )
        theirs.close()
        self.pid = 0

    def play(self, scene: str, glass: Glass, folder: Path, *, term: str = "linux", **facts: Any) -> int:
        """Play a scene; returns the number of its process.

        Args:
            scene: its name in ``players``.
            glass: at which terminal.
            folder: where.
            term: what the terminal says of itself.
            facts: what the scene is to know; ``leads``: whether the program leads the session.
        """
        environment = {"TERM": term, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        told = {"scene": scene, "folder": str(folder), "environment": environment, "leads": False, **facts}
        socket.send_fds(self._ours, [json.dumps(told).encode()], [glass.theirs])
        os.close(glass.theirs)
        self.pid = int(self._ours.recv(64))
        return self.pid

    def ended(self) -> int | None:
        """Return the exit code of what is played, negative for a signal; None if it does not end."""
        self._ours.send(b"ended")
        self.pid = 0
        code = json.loads(self._ours.recv(64))
        return None if code is None else int(code)

    def stop(self) -> None:
        """End what is played, if something still is."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.ended()

    def close(self) -> None:
        """Go home."""
        self._ours.close()
        self._process.wait(PATIENCE_S)


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """A stage for a whole module."""
    stage = Stage()
    yield stage
    stage.close()
