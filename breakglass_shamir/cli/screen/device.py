# SPDX-License-Identifier: Apache-2.0
"""One terminal device: its size, its mode, and writing to it without ever waiting for good.

Rules:

1. Whoever writes has a descriptor of their own, which does not block: a terminal that takes nothing (Ctrl-S, a
   connection that hangs) holds nobody up for longer than ``WRITE_LIMIT_S``.
2. What could not be sent is thrown away before more is sent: an erasure never queues behind what it erases.
3. A terminal that was hung up under us is opened again by its name: the end of a session's first process hangs it up
   and leaves on the screen what stood there.
4. While it is mute, keys are not echoed, arrive one by one, and cannot stop the output or leave a core file.

It knows no control sequence and no secret.
"""

import os
import select
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

TERMINAL = Path("/dev/tty")
"""The controlling terminal (tty(4))."""

WRITE_LIMIT_S = 2.0
"""Longest time one text may take to be written."""

_OPENED = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK
_READ_BYTES = 4096
_WRITTEN_BYTES = 256
"""Bytes for which there is room in a terminal that says it takes more, so that no write waits."""

_PTS_MAJORS = range(136, 144)
"""Major device numbers of pseudo-terminals (Linux, devices.txt)."""

_IFLAG, _LFLAG, _CC = 0, 3, 6
"""Places in what tcgetattr(3) tells."""

_NO_KEY = b"\0"
"""A control character that no key gives (``_POSIX_VDISABLE`` on Linux)."""

_COOKED = termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON
_SPOKEN = termios.ICANON | termios.ECHO | termios.ECHONL | termios.IEXTEN


class Device:
    """A terminal that is open for reading and writing."""

    def __init__(self, descriptor: int, path: Path | None = None, encoding: str = "utf-8") -> None:
        """Take over a descriptor that does not block.

        Args:
            descriptor: closed by :meth:`close`.
            path: the device's own name, by which it is opened again; None: it is not.
            encoding: of its texts; what it cannot show is written as an escape.
        """
        self.descriptor = descriptor
        self._path = path
        self._encoding = encoding
        self._before: list[Any] | None = None

    @classmethod
    def controlling(cls) -> Self:
        """Open the controlling terminal.

        Raises:
            OSError: there is none.
        """
        return cls(os.open(TERMINAL, _OPENED), _own_name(), _encoding())

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Open the terminal that a descriptor stands for once more; where it cannot be, share the descriptor.

        Raises:
            OSError: it is no terminal.
        """
        if os.fstat(descriptor).st_rdev == _own_number():
            return cls.controlling()
        try:
            path = Path(os.ttyname(descriptor))
            return cls(os.open(path, _OPENED), path, _encoding())
        except OSError:
            if not os.isatty(descriptor):
                raise
            return cls(os.dup(descriptor), None, _encoding())

    @property
    def name(self) -> str:
        """The device's own name; empty where it is not known."""
        return str(self._path or "")

    def shows(self, text: str) -> bool:
        """Tell whether every character of a text can be written as it is."""
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True

    def size(self) -> tuple[int, int]:
        """Return rows and columns, each 0 where it is not told."""
        try:
            told = os.get_terminal_size(self.descriptor)
        except OSError:
            return 0, 0
        return told.lines, told.columns

    def write(self, text: str) -> None:
        """Write a text to its end.

        Raises:
            OSError: the terminal is gone, or takes nothing.
        """
        data = text.encode(self._encoding, "backslashreplace")
        end = time.monotonic() + WRITE_LIMIT_S
        while data:
            left = end - time.monotonic()
            if left <= 0 or not select.select([], [self.descriptor], [], left)[1]:
                raise TimeoutError("the terminal takes nothing")
            with suppress(BlockingIOError):
                data = data[os.write(self.descriptor, data[:_WRITTEN_BYTES]) :]

    def force(self, text: str) -> bool:
        """Write a text whatever state the terminal is in; tell whether that worked."""
        for prepare in (_let_flow, _drop_output, self._reopen):
            try:
                prepare(self.descriptor)
                self.write(text)
            except (OSError, termios.error):
                continue
            return True
        return False

    def read(self, timeout_s: float) -> bytes | None:
        """Return what was typed; nothing at the end of the input, None when the time is over."""
        try:
            if not select.select([self.descriptor], [], [], max(0.0, timeout_s))[0]:
                return None
            return os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def mute(self) -> None:
        """Echo nothing, hand over each key at once, and let no key stop the output or the program with a core file."""
        with suppress(termios.error):
            self._before = termios.tcgetattr(self.descriptor)
            mode = termios.tcgetattr(self.descriptor)
            mode[_IFLAG] &= ~_COOKED
            mode[_LFLAG] = mode[_LFLAG] & ~_SPOKEN | termios.ISIG
            mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
            mode[_CC][termios.VQUIT] = _NO_KEY
            termios.tcsetattr(self.descriptor, termios.TCSANOW, mode)

    def hush(self) -> bool:
        """Echo nothing but the end of a line, in lines as they are; tell whether that holds."""
        try:
            self._before = termios.tcgetattr(self.descriptor)
            mode = termios.tcgetattr(self.descriptor)
            mode[_LFLAG] = mode[_LFLAG] & ~termios.ECHO | termios.ECHONL
            termios.tcsetattr(self.descriptor, termios.TCSAFLUSH, mode)
            return not termios.tcgetattr(self.descriptor)[_LFLAG] & termios.ECHO
        except termios.error:
            return False

    def remember(self) -> None:
        """Remember the mode that :meth:`speak` gives back."""
        with suppress(termios.error):
            self._before = termios.tcgetattr(self.descriptor)

    def speak(self) -> None:
        """Give back the mode that was there before; keys that nobody read are dropped."""
        self.drop_input()
        if self._before is not None:
            with suppress(termios.error):
                termios.tcsetattr(self.descriptor, termios.TCSANOW, self._before)

    def drop_input(self) -> None:
        """Drop the keys that nobody read."""
        with suppress(termios.error):
            termios.tcflush(self.descriptor, termios.TCIFLUSH)

    def close(self) -> None:
        """Close it."""
        with suppress(OSError):
            os.close(self.descriptor)

    def _reopen(self, descriptor: int) -> None:
        if self._path is None:
            raise OSError("the terminal has no name")
        opened = os.open(self._path, _OPENED)
        os.dup2(opened, descriptor, inheritable=False)
        os.close(opened)


def _let_flow(descriptor: int) -> None:
    termios.tcflow(descriptor, termios.TCOON)


def _drop_output(descriptor: int) -> None:
    termios.tcflow(descriptor, termios.TCOON)
    termios.tcflush(descriptor, termios.TCOFLUSH)


def _own_number() -> int:
    """Return the device number of the controlling terminal (proc(5), ``stat``); 0 where that cannot be told."""
    try:
        return int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[4])
    except (OSError, ValueError, IndexError):
        return 0


def _own_name() -> Path | None:
    """Return the name of the controlling terminal; None where that cannot be told."""
    number = _own_number()
    major, minor = os.major(number), os.minor(number)
    try:
        if major in _PTS_MAJORS:
            path = Path(f"/dev/pts/{minor + 256 * (major - _PTS_MAJORS.start)}")
        else:
            told = Path(f"/sys/dev/char/{major}:{minor}/uevent").read_text(encoding="ascii")
            path = Path("/dev", dict(line.split("=", 1) for line in told.split())["DEVNAME"])
        return path if path.stat().st_rdev == number else None
    except (OSError, ValueError, KeyError):
        return None


def _encoding() -> str:
    import locale

    return locale.getpreferredencoding(do_setlocale=False)
