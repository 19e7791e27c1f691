# SPDX-License-Identifier: Apache-2.0
"""Lend the terminal to a program in a process group of its own, as a shell does: setpgid(2), tcsetpgrp(3).

A group that is not in the foreground is stopped when it reads. So it gets the terminal while it runs, and this
program takes it back. Where there is no terminal, or this program does not have it, nothing is lent.
"""

import contextlib
import os
import signal
from collections.abc import Iterator

TERMINAL = "/dev/tty"


@contextlib.contextmanager
def lent(group: int) -> Iterator[None]:
    """Let a process group have the terminal for the time being."""
    try:
        descriptor = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        ours = os.getpgrp()
        if os.tcgetpgrp(descriptor) != ours:
            yield
            return
        _give(descriptor, group)
        # It may have asked before it had the terminal, and was stopped for it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)
        try:
            yield
        finally:
            _give(descriptor, ours)
    finally:
        os.close(descriptor)


def _give(descriptor: int, group: int) -> None:
    """Put a group into the foreground; whoever does that from the background is stopped unless it ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(descriptor, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
