# SPDX-License-Identifier: Apache-2.0
"""The alternate screen that shows a credential and then forgets it.

Written to the controlling terminal itself, never to a pipe; cleared on every way out, a signal included.
"""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TextIO

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.errors import InvalidInput

TERMINAL = Path("/dev/tty")
"""The controlling terminal (tty(4))."""

ENTER, LEAVE = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[2J\x1b[3J\x1b[H\x1b[?1049l"
"""Switch to the alternate screen, and back with everything on it cleared."""


def require() -> None:
    """Refuse before anything is opened when there is no screen to show on.

    Raises:
        InvalidInput: no terminal.
    """
    try:
        with TERMINAL.open("w"):
            pass
    except OSError:
        raise InvalidInput("expected a terminal for --show, got none", hint="use --exec or --no-reveal") from None


def show(credential: Credential, seconds: int) -> None:
    """Show for a while, count down, clear. Enter or Ctrl-C clears at once."""
    with TERMINAL.open("w") as screen:
        previous = signal.signal(signal.SIGTERM, _leave_on_signal)
        try:
            screen.write(ENTER + _body(credential))
            _count_down(screen, seconds)
        except KeyboardInterrupt:
            pass
        finally:
            screen.write(LEAVE)
            screen.flush()
            signal.signal(signal.SIGTERM, previous)


def _body(credential: Credential) -> str:
    rows = [
        ("account", credential.account),
        ("target", credential.target),
        ("secret", _readable(credential.secret.reveal())),
    ]
    shown = "\r\n".join(f"  {name:8} {value}" for name, value in rows if value)
    return f"\r\n  BREAK-GLASS CREDENTIAL\r\n\r\n{shown}\r\n\r\n"


def _readable(secret: bytes) -> str:
    """Return the secret as text where it is printable, else in hexadecimal and saying so."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return f"(hexadecimal) {secret.hex(' ')}"
    return text if text.isprintable() else f"(hexadecimal) {secret.hex(' ')}"


def _count_down(screen: TextIO, seconds: int) -> None:
    import select

    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        screen.write(f"\r  this screen clears itself in {int(left) + 1:4} s; Enter clears it now ")
        screen.flush()
        ready, _, _ = select.select([sys.stdin], [], [], min(1.0, left))
        if ready:
            sys.stdin.readline()
            return


def _leave_on_signal(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
