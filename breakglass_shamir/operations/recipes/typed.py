# SPDX-License-Identifier: Apache-2.0
"""``su``: it asks at a terminal, so it gets one of its own, and the password is typed there once.

Rules:

1. The password is typed at the first question that is not echoed, in whole lines: so that it is never shown, and never
   reaches a shell, whose editor switches the echo off as well, but not the lines. After that, or when the question does
   not come in time, nothing is typed any more: a later question is the person's.
2. Then the person has the keyboard (``bounded/pseudo_terminal.py``). What was typed before waits: su drops what comes
   before it has its answer, and once more in the moment after it lets keys be seen again.
"""

import os
import termios
import time
from collections.abc import Mapping, Sequence

from breakglass_shamir.bounded import pseudo_terminal
from breakglass_shamir.bounded.pseudo_terminal import Listener
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

ASKS_WITHIN_S = 15.0
"""How long after its start the question may come."""

ASKS_ROOT_WITHIN_S = 1.0
"""The same where we are root, whom su asks for nothing as it is shipped."""

_TAKES_WITHIN_S = 10.0
"""How long it may take the answer before keys go there all the same."""

_DROPS_FOR_S = 0.5
"""How long after that it may drop keys once more; it does so at once, and a busy machine may hold it up."""

_FIRST_PRINTABLE, _DELETE = 0x20, 0x7F


def run(
    program: str, arguments: Sequence[str], secret: Secret, inherited: Mapping[str, str], listener: Listener
) -> int:
    """Run it to its end; returns its exit status, negative for a signal.

    Raises:
        InvalidInput: the credential cannot be typed.
        OSError: it could not be started.
    """
    if any(byte < _FIRST_PRINTABLE or byte == _DELETE for byte in secret.reveal()):
        raise InvalidInput("the credential has control characters, which cannot be typed")
    return pseudo_terminal.run([program, *arguments], inherited, listener, typist=_Answer(secret))


class _Answer:
    """Types the password where it is asked for, once; what people type waits until it is taken."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._asked_until = time.monotonic() + (ASKS_WITHIN_S if os.geteuid() else ASKS_ROOT_WITHIN_S)
        self._taken_until = 0.0
        self._drops_until = 0.0

    def type_into(self, terminal: int) -> bool:
        """Type it where it is due; returns whether keys go to the program."""
        if self._is_over:
            return True
        mode, now = termios.tcgetattr(terminal)[3], time.monotonic()
        unseen = bool(mode & termios.ICANON and not mode & termios.ECHO)
        if self._drops_until:
            self._drops_until = self._drops_until if now < self._drops_until else 0.0
        elif self._taken_until:
            if not unseen or now >= self._taken_until:
                self._taken_until, self._drops_until = 0.0, now + _DROPS_FOR_S
        elif unseen:
            os.write(terminal, self._secret.reveal() + b"\n")
            self._asked_until, self._taken_until = 0.0, now + _TAKES_WITHIN_S
        elif now > self._asked_until or not mode & termios.ICANON:
            self._asked_until = 0.0
        return self._is_over

    @property
    def _is_over(self) -> bool:
        return not (self._asked_until or self._taken_until or self._drops_until)
