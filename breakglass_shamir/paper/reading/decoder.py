# SPDX-License-Identifier: Apache-2.0
"""The worker process as seen from its parent: started, asked, timed, killed, started again.

Rules:

1. Starting does not wait, so that the worker's imports overlap with the caller's work.
2. Every answer must arrive within the time limit; one that is late, malformed or out of turn ends the worker.
3. A question that was not answered to its end ends the worker too, so that no stale answer is ever read.
4. Answers are untrusted: their types, sizes and order are checked here.

It reads no file and names no source; ``scan`` does.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any

from breakglass_shamir.paper.reading import frames
from breakglass_shamir.paper.reading.look import Task
from breakglass_shamir.paper.reading.prints import Print

_BOOT = (
    "import sys; sys.path += sys.argv[3:]; from breakglass_shamir.paper.reading.worker import main; "
    "main(int(sys.argv[1]), float(sys.argv[2]))"
)
"""What the worker runs; without ``site`` it starts in half the time, so it is told the parent's path."""

_KEPT_ENVIRONMENT = ("LD_LIBRARY_PATH",)
"""A Python built with a shared library may not start without it."""

_START_UP_S = 15.0
"""Allowed on top of the first answer's time, for a cold disk."""

VARIANTS = frozenset(
    {
        "plain",
        "threshold",
        "reduced",
        "denoised",
        "even light",
        "deblurred",
        "unsharp",
        "grain",
        "local contrast",
        "repaired",
        "flattened",
        "tile",
        "upscaled",
        "rectified",
        "salvaged",
        "inkless",
        "placed",
    }
)
"""The names a worker may give."""


Found = tuple[str, str, float | None]
"""A code's text, the variant that found it, and the part of its error correction that its damage used."""


class DecoderLost(Exception):
    """The worker is gone; the text says why. Never leaves ``scan``."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The file could be opened and has this many pages."""

    pages: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The file cannot be read, and why."""

    problem: str


@dataclass(frozen=True, slots=True)
class Looking:
    """A thorough look at a page goes on: so many of so many steps are done."""

    page: int
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found on one page.

    Attributes:
        page: its number, from 1.
        codes: what was read.
        problem: why nothing was.
        prints: codes that are damaged beyond their error correction.
        note: what is wrong with the file, though it was read in part.
        signs: finder patterns of codes that were not read.
        spent: processor time, seconds.
    """

    page: int
    codes: tuple[Found, ...] = field(repr=False)
    problem: str
    prints: tuple[Print, ...] = field(default=(), repr=False)
    note: str = ""
    signs: int = 0
    spent: float = 0.0


Answer = Opened | Refused | Looking | Looked


class Decoder:
    """One worker process at a time."""

    def __init__(self, timeout_s: float, memory_bytes: int) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._deadline = 0.0
        self._fresh = False

    def start(self) -> None:
        """Start a worker unless one lives; return at once."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                self._command(),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={name: environ[name] for name in _KEPT_ENVIRONMENT if name in environ},
            )
        self._socket, self._fresh = ours, True

    @property
    def pid(self) -> int | None:
        """Process id of the living worker."""
        return self._process.pid if self._process is not None else None

    def ask(self, data: bytes, *, first: int, last: int, task: Task | None, signs: bool = True) -> Iterator[Answer]:
        """Have one file read.

        Args:
            data: the file, at most ``frames.LARGEST_FILE_BYTES``.
            first: first page, from 1.
            last: last page, or 0 for all.
            task: what a thorough look is for; None: a plain look.
            signs: whether a plain look also sees what hints at codes that it did not read.

        Yields:
            ``Refused``; or ``Opened`` and then one ``Looked`` per page, after any number of ``Looking``.

        Raises:
            DecoderLost: the worker crashed, hung or talked nonsense; the next question gets a new one.
        """
        finished = False
        try:
            thorough = (task.share, task.envelope, task.seconds) if task else None
            self._send(frames.message(first=first, last=last, thorough=thorough, signs=signs) + frames.frame(data))
            for answer in self._answers(first):
                finished = isinstance(answer, Refused)
                yield answer
            finished = True
        except TimeoutError:
            raise DecoderLost(f"the decoder took longer than {self._timeout_s:g} s and was stopped") from None
        except (EOFError, OSError):
            raise DecoderLost(self._epitaph()) from None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise DecoderLost("the decoder gave an answer that makes no sense and was stopped") from None
        finally:
            if not finished:
                self.close()

    def close(self) -> None:
        """Kill the worker, if any."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._socket is not None:
            self._socket.close()
        self._process = self._socket = None

    def _command(self) -> list[str]:
        paths = [str(Path(__file__).resolve().parents[3]), *(path for path in sys.path if Path(path).is_absolute())]
        limits = [str(self._memory_bytes), str(self._timeout_s)]
        return [sys.executable, "-I", "-S", "-c", _BOOT, *limits, *paths]

    def _send(self, payload: bytes) -> None:
        """Send a question to a living worker, within the time limit."""
        self.start()
        assert self._socket is not None  # noqa: S101 - start() made it
        self._socket.settimeout(self._patience())
        self._socket.sendall(payload)

    def _answers(self, expected_page: int) -> Iterator[Answer]:
        """Receive and check answers up to the end of the file."""
        message = self._next()
        if "refused" in message:
            yield Refused(_sentence(message["refused"]))
            return
        yield Opened(_count(message["pages"]))
        message = self._next()
        while "end" not in message:
            if "looking" in message:
                yield Looking(expected_page, _count(message["looking"]), _count(message["of"]))
                message = self._next(anew=False)
                continue
            if message["page"] != expected_page:
                raise ValueError("out of turn")
            yield _looked(message)
            expected_page += 1
            message = self._next()

    def _next(self, *, anew: bool = True) -> dict[str, Any]:
        """Receive one message within the time limit, which begins now, or with the page that is being looked at."""
        if anew:
            self._deadline = time.monotonic() + self._patience()
        message = frames.read_message(self._receive)
        self._fresh = False
        return message

    def _receive(self, count: int) -> bytes:
        assert self._socket is not None  # noqa: S101 - only closed between questions
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv(count)

    def _patience(self) -> float:
        """Return how long the worker may take to react, seconds."""
        return self._timeout_s + (_START_UP_S if self._fresh else 0)

    def _epitaph(self) -> str:
        """Say how the worker ended."""
        assert self._process is not None  # noqa: S101 - it was asked
        try:
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return "the decoder stopped answering"
        if code == -signal.SIGXCPU:
            return f"the decoder took longer than {self._timeout_s:g} s and was stopped"
        cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"the decoder crashed on it ({cause})"


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("not a count")
    return value


def _sentence(value: object) -> str:
    if not isinstance(value, str) or len(value) > 200 or not (value.isascii() and (value.isprintable())):
        raise ValueError("not a sentence")
    return value


def _looked(message: dict[str, Any]) -> Looked:
    spent = message.get("spent", 0.0)
    if not (isinstance(spent, float) and 0 <= spent <= frames.MOST_SECONDS):
        raise ValueError("not a time")
    signs = _count(message.get("signs", 0))
    if signs > frames.MOST_SIGNS:
        raise ValueError("too many signs")
    codes, prints = _codes(message["codes"]), _prints(message.get("prints", []))
    problem, note = _sentence(message["problem"]), _sentence(message.get("note", ""))
    return Looked(message["page"], codes, problem, prints, note, signs, spent)


def _codes(value: object) -> tuple[Found, ...]:
    if not isinstance(value, list) or len(value) > frames.MOST_CODES:
        raise ValueError("not a list of codes")
    for text, variant, used in value:
        if not isinstance(text, str) or len(text) > frames.LONGEST_TEXT or variant not in VARIANTS:
            raise ValueError("not a code")
        if used is not None and not (isinstance(used, float) and 0 <= used <= 1):
            raise ValueError("not a part of a budget")
    return tuple((text, variant, used) for text, variant, used in value)


def _prints(value: object) -> tuple[Print, ...]:
    if not isinstance(value, list) or len(value) > frames.MOST_PRINTS:
        raise ValueError("not a list of prints")
    return tuple(_print(*one) for one in value)


def _print(version: object, level: object, words: object, missing: object, sure: object = "") -> Print:
    if not isinstance(version, int) or not 1 <= version <= 40 or level not in {"L", "M", "Q", "H"}:
        raise ValueError("not a version and a level")
    if not isinstance(words, str) or len(words) > 2 * frames.MOST_CODEWORDS:
        raise ValueError("not codewords")
    seen = bytes.fromhex(words)
    if not isinstance(missing, list) or not all(type(place) is int and 0 <= place < len(seen) for place in missing):
        raise ValueError("not numbers of codewords")
    if not isinstance(sure, str) or len(sure) not in {0, len(words)}:
        raise ValueError("not one figure for each codeword")
    return Print(version, str(level), seen, frozenset(missing), bytes.fromhex(sure))
