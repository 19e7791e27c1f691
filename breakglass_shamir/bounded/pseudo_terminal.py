# SPDX-License-Identifier: Apache-2.0
"""A program in a terminal of its own, with the person at ours: keys go there, and what it says is handed on.

Rules:

1. Every key goes there as it is, Ctrl-C too, and so does the window's size.
2. The person's terminal is given back as it was, on every way out, also on a signal that ends us.
3. It is over when the program has ended and has said all. What it started and left running is not waited for, and not
   heard for longer than ``LAST_WORDS_S``.
4. What is said goes to whoever listens, and to nobody else; a listener is woken now and then when nothing is said.
"""

import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Protocol

TICK_S = 0.1
"""How often a listener is woken at least."""

READ_BYTES = 64 << 10
"""Most that is read at once."""

LAST_WORDS_S = 1.0
"""How long what is still said is heard when the program has ended."""

STANDARD_SIZE = 80, 24
"""Columns and rows where there is no window."""

_END_OF_INPUT = b"\x04"
_MOST_KEYS = 4096


class Listener(Protocol):
    """Hears what a program says."""

    def take(self, said: bytes) -> None:
        """Hear it."""

    def tick(self) -> None:
        """Do what is due; called often, and after every ``take``."""

    def resized(self, columns: int, rows: int) -> None:
        """Hear of another size of the window."""


class Typist(Protocol):
    """Types for the person, until the keys are the person's."""

    def type_into(self, terminal: int) -> bool:
        """Type what is due; returns whether the keys are the person's by now."""


class Writer:
    """A listener that passes all on to a descriptor."""

    def __init__(self, output: int) -> None:
        self._output = output

    def take(self, said: bytes) -> None:
        """Write it."""
        write_all(self._output, said)

    def tick(self) -> None:
        """Nothing is due."""

    def resized(self, columns: int, rows: int) -> None:
        """Nothing follows from it."""


def write_all(output: int, data: bytes) -> None:
    """Write bytes to a descriptor, whole; nobody need be there to read."""
    view = memoryview(data)
    with contextlib.suppress(OSError):
        while view:
            try:
                view = view[os.write(output, view) :]
            except BlockingIOError:
                select.select([], [output], [], TICK_S)


def window_size() -> tuple[int, int]:
    """Return columns and rows of the person's window; a standard one where there is none."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        rows, columns, _, _ = struct.unpack(
            "HHHH", fcntl.ioctl(sys.stdin.fileno(), termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        )
        if rows and columns:
            return columns, rows
    return STANDARD_SIZE


def run(
    command: Sequence[str], environment: Mapping[str, str], listener: Listener, *, keep_open: Sequence[int] = (),
    typist: Typist | None = None, started: Callable[[], None] | None = None,
) -> int:  # fmt: skip
    """Run a program in a terminal of its own, to its end; returns its exit status, negative for a signal.

    Args:
        command: the program and its arguments.
        environment: what it gets.
        listener: hears what it says.
        keep_open: descriptors it inherits.
        typist: types before the person does.
        started: called once it runs.

    Raises:
        OSError: it could not be started.
    """
    ours, theirs = pty.openpty()
    try:
        _set_size(ours, *window_size())
        process = _start(command, theirs, environment, keep_open)
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    if started:
        started()
    with raw(sys.stdin.fileno() if sys.stdin else -1):
        _Between(process, ours, listener, typist).until_over()
    return process.wait()


def _start(
    command: Sequence[str], terminal: int, environment: Mapping[str, str], keep_open: Sequence[int]
) -> "subprocess.Popen[bytes]":
    """Start it with the terminal as its own; ``setsid`` does that without running anything of ours in the child."""
    setsid = shutil.which("setsid")
    if setsid is None:
        raise FileNotFoundError(2, "setsid is not installed")
    return subprocess.Popen(
        [setsid, "--ctty", *command], stdin=terminal, stdout=terminal, stderr=terminal, env=dict(environment),
        pass_fds=tuple(keep_open),
    )  # fmt: skip


class _Between:
    """What goes between the person and the program."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", terminal: int, listener: Listener, typist: Typist | None
    ) -> None:
        self._process = process
        self._terminal = terminal
        self._listener = listener
        self._typist = typist
        self._input = sys.stdin.fileno() if sys.stdin else -1
        self._size = window_size()
        self._looked = time.monotonic()
        self._ended = 0.0

    def until_over(self) -> None:
        """Carry both ways until the program has ended and has said all."""
        try:
            while True:
                self._tell_size()
                flows = self._typist is None or self._typist.type_into(self._terminal)
                listens = [self._terminal, *([self._input] if self._input >= 0 and flows else [])]
                ready = select.select(listens, [], [], TICK_S)[0]
                if self._input in ready:
                    self._take_keys()
                if self._terminal in ready and not self._hear():
                    return
                self._listener.tick()
                if self._is_over(quiet=not ready):
                    return
        finally:
            os.close(self._terminal)

    def _is_over(self, *, quiet: bool) -> bool:
        if self._process.poll() is None:
            return False
        self._ended = self._ended or time.monotonic()
        return quiet or time.monotonic() - self._ended > LAST_WORDS_S

    def _take_keys(self) -> None:
        try:
            keys = os.read(self._input, _MOST_KEYS)
        except OSError:  # the window is gone
            keys = b""
        if not keys:
            self._input = -1
        with contextlib.suppress(OSError):
            os.write(self._terminal, keys or _END_OF_INPUT)

    def _hear(self) -> bool:
        try:
            said = os.read(self._terminal, READ_BYTES)
        except OSError:  # Linux says EIO when nobody has the other side any more
            return False
        self._listener.take(said)
        return bool(said)

    def _tell_size(self) -> None:
        if time.monotonic() - self._looked < TICK_S:
            return
        self._looked = time.monotonic()
        size = window_size()
        if size != self._size:
            self._size = size
            _set_size(self._terminal, *size)
            self._listener.resized(*size)


def _set_size(terminal: int, columns: int, rows: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextlib.contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Let every key through, where this is a terminal, and give it back as it was, also on a signal that ends us."""
    try:
        before = termios.tcgetattr(descriptor)
    except (termios.error, OSError, ValueError):
        yield
        return

    def give_back(number: int, _frame: FrameType | None) -> None:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    handlers = {number: signal.signal(number, give_back) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)}
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
