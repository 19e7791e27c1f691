# SPDX-License-Identifier: Apache-2.0
"""The alternate screen that shows a credential and then forgets it.

Written to the controlling terminal itself, never to a pipe, and keys are read there too; cleared on every way out.

1. Enter, the end of the input and Ctrl-C clear the screen, and the use goes on.
2. A signal that ends the program, the hang-up of the terminal included, clears it first.
3. What would stop the program or leave a core file is ignored meanwhile: the secret would stay on the screen.
4. Keys typed before the secret was there do not count: one of them would clear it unseen.
"""

import os
import select
import signal
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

from breakglass_shamir.cli.screen.cleaning import clean
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

TERMINAL = Path("/dev/tty")
"""The controlling terminal (tty(4))."""

ENTER, LEAVE = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[2J\x1b[3J\x1b[H\x1b[?1049l"
"""Switch to the alternate screen, and back with everything on it cleared."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_IGNORED = (signal.SIGTSTP, signal.SIGQUIT)
_LONGEST_LINE = 4096
"""Bytes of a line that a terminal hands over at once (termios(3))."""


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


class _Ended(KeyboardInterrupt):
    """A signal asked the program to end."""


def show(credential: Credential, seconds: int) -> None:
    """Show for a while, count down, clear. Enter or Ctrl-C clears at once.

    Raises:
        KeyboardInterrupt: a signal asks the program to end; the screen is clear.
    """
    descriptor = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    with suppress(OSError), os.fdopen(descriptor, "w", errors="backslashreplace") as screen, _signals():
        try:
            with suppress(termios.error):
                termios.tcflush(descriptor, termios.TCIFLUSH)
            screen.write(ENTER + _body(credential))
            _count_down(screen, descriptor, seconds, credential.totp_seed)
        except _Ended:
            raise
        except KeyboardInterrupt:
            pass
        finally:
            for number in (signal.SIGINT, *_ENDING):
                signal.signal(number, signal.SIG_IGN)
            with suppress(OSError):
                screen.write(LEAVE)
                screen.flush()


@contextmanager
def _signals() -> Iterator[None]:
    """Answer every signal that can be answered, as long as the secret is on the screen."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING, *_IGNORED)}
    try:
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        for number in _ENDING:
            signal.signal(number, _end)
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _body(credential: Credential) -> str:
    rows = [
        ("account", clean(credential.account)),
        ("target", clean(credential.target)),
        ("secret", _readable(credential.secret.reveal())),
        ("hint", clean(credential.hint)),
        ("TOTP", "the one-time code of this moment is below" if credential.totp_seed else ""),
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


def _count_down(screen: TextIO, descriptor: int, seconds: int, seed: Secret | None) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        code = _code(seed) if seed else ""
        screen.write(f"\r  {code}this screen clears itself in {int(left) + 1:4} s; Enter clears it now ")
        screen.flush()
        ready, _, _ = select.select([descriptor], [], [], min(1.0, left))
        if ready:
            os.read(descriptor, _LONGEST_LINE)
            return


def _code(seed: Secret) -> str:
    """Return the one-time code of this moment, as people read it aloud."""
    from breakglass_shamir.crypto import totp

    try:
        code = totp.code_at(seed, time.time())
    except Exception:  # whatever is wrong with the seed, the credential beside it must be shown
        return "no code: the seed cannot be used; "
    return f"code {code.text[:3]} {code.text[3:]} for {code.seconds_left:2} s; "


def _end(_number: int, _frame: FrameType | None) -> None:
    raise _Ended
