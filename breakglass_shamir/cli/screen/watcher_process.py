# SPDX-License-Identifier: Apache-2.0
"""The process that clears a screen whose program died. It is started by ``watcher`` only, which has the rules.

Standard input is a socket to the program. One byte goes out on it when the watching begins. A word that comes in means
that the screen is clear, its end without a word that the program is gone.
"""

import ctypes
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from breakglass_shamir.cli.screen import sequences
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.hygiene import harden_process

GRACE_S = 2.0
"""How long after the time limit the program itself may take to clear its screen."""

PR_SET_NAME = 15
"""prctl(2) option."""

_NAME = b"tty-watcher"


def main(terminal: int, name: str, limit_s: float, *, bare: bool) -> None:
    """Wait for the end of the program or of the screen; see ``watcher`` for the arguments."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
    harden_process()
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_NAME, _NAME, 0, 0, 0)
    device = Device(terminal, Path(name) if name else None)
    device.remember()
    os.write(0, b"!")
    if not _is_told(limit_s + GRACE_S if limit_s else None):
        clear(device, bare=bare)


def _is_told(limit_s: float | None) -> bool:
    """Wait; tell whether the program said that the screen is clear, and not ended or let the time go by."""
    try:
        return bool(select.select([0], [], [], limit_s)[0] and os.read(0, 1))
    except OSError:
        return False


def clear(device: Device, *, bare: bool) -> None:
    """Take everything off the screen and give the terminal its mode back."""
    rows, columns = device.size()
    device.force(sequences.blank(columns or sequences.COLUMNS) if bare else sequences.leave(rows))
    device.speak()
