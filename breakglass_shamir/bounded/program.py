# SPDX-License-Identifier: Apache-2.0
"""Run a program whose output is read: one deadline, bounded output, and nothing of it left behind.

Rules:

1. It is started without a shell, in ``/``, with the environment it is given and nothing else.
2. It has a process group of its own (a session, unless it may ask somebody at the terminal), and when it has ended,
   or has to, the whole group is killed before its number can pass to another.
3. Output is read as it comes. More than ``output_max`` bytes, or ``ERRORS_MAX_BYTES`` on standard error, end it at
   once, so that no program can fill this one's memory. Of standard error the end is kept.
4. When the program has ended, what it had written is read, and that is all: what it started and left running is
   not waited for, whatever it still holds open.
5. A secret goes to it by standard input or a descriptor, never as an argument or in the environment.

What it does not do: it judges nothing, and it says nothing about who may replace the program.
"""

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.foreground import lent

OUTPUT_MAX_BYTES = 1 << 20
"""Longest output that is read, where the caller does not say."""

ERRORS_MAX_BYTES = 16 << 20
"""What a program may write on standard error at most."""

ERRORS_KEPT_BYTES = 64 << 10
"""How much of the end of it is kept."""

COMPLAINT_MAX_CHARS = 200
"""Longest part of its last line that is repeated to people."""

REAP_LIMIT_S = 2.0
"""How long a killed process may take to be gone; one that the kernel holds is left to it."""

_READ_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        status: exit status, negative for a signal; None where it was killed, for the reason in ``why``.
        output: standard output; of a program that was killed, what there was of it.
        errors: the end of standard error.
        why: why it was killed; empty where it ended by itself.
    """

    status: int | None
    output: bytes
    errors: bytes
    why: str = ""

    @property
    def complaint(self) -> str:
        """The last line on standard error, printable and shortened; or why it was killed."""
        return self.why or last_line(self.errors)


def run(
    command: Sequence[str],
    *,
    limit_s: float,
    env: Mapping[str, str],
    given: bytes = b"",
    stdin: int | None = None,
    output_max: int = OUTPUT_MAX_BYTES,
    keep_open: Sequence[int] = (),
    asks: bool = False,
    listen: bool = True,
    complaints: bool = True,
    started: Callable[[int], None] | None = None,
) -> Ended:
    """Run a program to its end.

    Args:
        command: program, by path, and arguments; holds no secret.
        limit_s: longest time all of it may take, in seconds.
        env: its environment.
        given: what its standard input holds.
        stdin: a descriptor to be its standard input instead.
        output_max: longest output that is read.
        keep_open: descriptors it inherits.
        asks: whether it may ask a person at this terminal; standard input and standard error are then ours.
        listen: whether its output is wanted; else it goes nowhere, and is no reason to end it.
        complaints: whether standard error is wanted; as ``listen``.
        started: gets its process number, before it gets anything; what it raises ends the program.

    Raises:
        OSError: it could not be started.
        KeyboardInterrupt: it had the terminal, and was interrupted there.
    """
    deadline = Deadline(limit_s)
    heard, complained = (subprocess.PIPE if wanted else subprocess.DEVNULL for wanted in (listen, complaints))
    source = None if asks else stdin if stdin is not None else subprocess.PIPE if given else subprocess.DEVNULL
    process = subprocess.Popen(
        list(command), stdin=source, stdout=heard, stderr=None if asks else complained, env=dict(env), cwd="/",
        pass_fds=tuple(keep_open), start_new_session=not asks, process_group=0 if asks else None,
    )  # fmt: skip
    with _killed_at_the_end(process), lent(process.pid) if asks else contextlib.nullcontext():
        if started is not None:
            started(process.pid)
        ended = _Conversation(process, given, output_max, deadline).run()
    if asks and ended.status == -signal.SIGINT:
        raise KeyboardInterrupt
    return ended


def last_line(errors: bytes) -> str:
    """Return the last line of a text that says something, printable and shortened."""
    lines = errors[-ERRORS_KEPT_BYTES:].decode("utf-8", errors="backslashreplace").split("\n")
    printable = ("".join(filter(str.isprintable, line)).strip() for line in reversed(lines))
    return next(filter(None, printable), "no message")[:COMPLAINT_MAX_CHARS]


def one_line(text: bytes, longest: int = COMPLAINT_MAX_CHARS) -> str:
    """Return a text as one printable line, shortened."""
    words = " ".join(text.decode("utf-8", errors="backslashreplace").split())
    return "".join(filter(str.isprintable, words))[:longest] or "no message"


class _Conversation:
    """Writes to a process and reads from it until it ends, or has to."""

    def __init__(self, process: "subprocess.Popen[bytes]", given: bytes, output_max: int, deadline: Deadline) -> None:
        self._process = process
        self._unsent = memoryview(given)
        self._output_max = output_max
        self._deadline = deadline
        self._output, self._errors = bytearray(), bytearray()
        self._complained = 0
        self._why = ""

    def run(self) -> Ended:
        """Go on until the end."""
        death = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(death, selectors.EVENT_READ, None)
                self._register(selector)
                while not self._step(selector, death):
                    pass
        finally:
            os.close(death)
        status = None if self._why else self._status()
        return Ended(status, bytes(self._output), bytes(self._errors), self._why)

    def _register(self, selector: selectors.BaseSelector) -> None:
        for stream, events, does in (
            (self._process.stdin, selectors.EVENT_WRITE, self._send),
            (self._process.stdout, selectors.EVENT_READ, self._take),
            (self._process.stderr, selectors.EVENT_READ, self._take_errors),
        ):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, events, does)

    def _step(self, selector: selectors.BaseSelector, death: int) -> bool:
        """Do what can be done now; returns whether the end has come."""
        ready = selector.select(self._deadline.left_s)
        if self._deadline.over:
            self._why = f"killed: no end within {self._deadline.limit_s:g} s"
            return True
        streams = [key for key, _ in ready if key.fd != death]
        for key in streams:
            if not key.data(key.fileobj):
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr] # only streams are registered with something to do
        # It has ended and nothing it wrote is unread; what others still hold open is not waited for.
        return bool(self._why) or not streams

    def _send(self, stream: IO[bytes]) -> bool:
        """Write what there is room for; returns whether there is more."""
        try:
            self._unsent = self._unsent[os.write(stream.fileno(), self._unsent[:_READ_BYTES]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False
        return bool(self._unsent)

    def _take(self, stream: IO[bytes]) -> bool:
        """Read output; returns whether there may be more."""
        piece = _read(stream)
        self._output += piece or b""
        if len(self._output) > self._output_max:
            del self._output[self._output_max :]
            self._why = f"killed: more than {self._output_max} bytes of output"
        return piece != b"" and not self._why

    def _take_errors(self, stream: IO[bytes]) -> bool:
        """Read standard error, and keep its end; returns whether there may be more."""
        piece = _read(stream)
        self._errors += piece or b""
        self._complained += len(piece or b"")
        del self._errors[:-ERRORS_KEPT_BYTES]
        if self._complained > ERRORS_MAX_BYTES:
            self._why = f"killed: more than {ERRORS_MAX_BYTES} bytes on standard error"
        return piece != b"" and not self._why

    def _status(self) -> int:
        """Return the exit status of a process that has ended, which stays there to be reaped."""
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        assert found is not None  # noqa: S101 - WNOHANG was not asked for
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _read(stream: IO[bytes]) -> bytes | None:
    """Return what can be read now; empty at the end, None where nothing is there."""
    try:
        return os.read(stream.fileno(), _READ_BYTES)
    except BlockingIOError:
        return None


@contextlib.contextmanager
def _killed_at_the_end(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Leave nothing of a process's group behind, however this ends."""
    try:
        yield
    finally:
        # Not reaped yet, so that its number is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(REAP_LIMIT_S)
