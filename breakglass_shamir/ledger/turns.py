# SPDX-License-Identifier: Apache-2.0
"""Turns: the queue of the programs that write to one ledger, in front of SQLite's own lock.

SQLite lets waiting programs try again at random; with many of them one may try for seconds while others come and go.
Here each takes a ticket and waits until nobody with an earlier one is left.

Rules:

1. A ticket is the place of one byte that is appended to a file: the kernel gives each place once.
2. Who waits or writes holds a lock on the byte of its ticket (open file description lock, fcntl(2)). The kernel drops
   it when the program ends, however it ends: the dead stand in nobody's way.
3. Who lives and does not move on, a stopped program, is passed after ``PATIENCE_S``.
4. It orders, and protects nothing: SQLite's lock decides who writes. Where no file can be queued in, nobody queues.
5. The wait ends after ``LONGEST_WAIT_S``, whoever is ahead.
"""

import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TURNS_NAME = "ledger.sqlite-turns"
"""In the home, beside the database."""

PATIENCE_S = 0.5
"""How long the first in the queue may take; longer than any append on a healthy disk."""

LONGEST_WAIT_S = 30.0
"""Longest time in the queue."""

POLL_S, LONGEST_POLL_S = 0.001, 0.05
"""How long to sleep between two looks for each ticket that is ahead, and at most."""

NEAR = 2
"""So many tickets ahead, it is time to make ready."""

_FLOCK = "hhqqi"
"""struct flock with 64-bit offsets: type, whence, start, length, process (0 for these locks)."""


def _nothing() -> None:
    """Have nothing to make ready."""


class Turns:
    """The queue of one ledger, as one connection stands in it."""

    def __init__(self, path: Path) -> None:
        """Bind to the file that the queue is in, without touching it."""
        self._path = path
        self._passed = 0
        """Tickets up to this one are not waited for any more."""

    @contextmanager
    def turn(self, make_ready: Callable[[], object] = _nothing) -> Iterator[None]:
        """Wait for the turn and hold it.

        Args:
            make_ready: is called when the turn is near; what it does need not be done in it.
        """
        descriptor = self._enter()
        try:
            if descriptor >= 0:
                self._wait(descriptor, make_ready)
            yield
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _enter(self) -> int:
        """Take a ticket; returns the descriptor that stands behind it, or -1 where nobody can queue."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return -1
        try:
            os.write(descriptor, b".")
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_WRLCK, _ticket(descriptor), 1))
        except OSError:
            os.close(descriptor)
            return -1
        return descriptor

    def _wait(self, descriptor: int, make_ready: Callable[[], object]) -> None:
        ticket, started = _ticket(descriptor), time.monotonic()
        first, since = 0, started
        while ahead := _lowest(descriptor, self._passed + 1, ticket):
            now = time.monotonic()
            if ahead != first:
                first, since = ahead, now
                if ticket - ahead <= NEAR:
                    make_ready()
            elif now - since > PATIENCE_S:
                self._passed = ahead
                continue
            if now - started > LONGEST_WAIT_S:
                return
            time.sleep(min(POLL_S * (ticket - ahead), LONGEST_POLL_S))


def _ticket(descriptor: int) -> int:
    """Return the place of the byte that was appended last through this descriptor, from 1."""
    return os.lseek(descriptor, 0, os.SEEK_CUR)


def _lowest(descriptor: int, start: int, end: int) -> int:
    """Return the lowest ticket from ``start`` to before ``end`` that somebody holds; 0: none.

    The kernel names any one of them, so the question is asked again for those below. Where a file system takes such
    locks and does not tell of them, nobody is waited for.
    """
    found = 0
    while start < end:
        try:
            answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _lock(fcntl.F_WRLCK, start, end - start))
        except OSError:
            return 0
        kind, _, held, _, _ = struct.unpack(_FLOCK, answer)
        if kind == fcntl.F_UNLCK:
            break
        found = end = max(start, held)
    return found


def _lock(kind: int, start: int, length: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
