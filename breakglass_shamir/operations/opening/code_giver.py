# SPDX-License-Identifier: Apache-2.0
"""One-time codes of a second factor for the command that has the credential: on a socket, when it asks.

Rules:

1. The seed never leaves this process; a code leaves it on a socket that only the command inherits. Never in argv
   or the environment, which holds the descriptor's number.
2. One line in, whatever it says, is one code out, on a line of its own: the code of that moment, not of the
   beginning. One with less than ``MIN_LEFT_S`` left is not given; the next one is.
3. When the command has ended nobody gets a code any more.

A target may take each code once only, so the command asks for one for each login.
"""

import socket
import threading
import time
from contextlib import suppress

from breakglass_shamir.crypto.totp import COMMON, TotpScheme
from breakglass_shamir.hygiene import Secret

FD_VARIABLE = "BREAKGLASS_TOTP_FD"
"""Environment variable with the number of the descriptor to ask for one-time codes."""

MIN_LEFT_S = 3
"""Seconds that a code must hold for, so that there is time to send it."""

_AT_ONCE_BYTES = 4096


class CodeGiver:
    """Gives the codes of one seed to whoever holds the other end."""

    def __init__(self, seed: Secret, scheme: TotpScheme = COMMON) -> None:
        self._seed = seed
        self._scheme = scheme
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="one-time codes", daemon=True)
        self.given = 0
        """Codes that were given."""

    @property
    def descriptor(self) -> int:
        """The command's end."""
        return self._theirs.fileno()

    def start(self) -> None:
        """Leave the other end to the command, which has inherited it, and answer."""
        self._theirs.close()
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._theirs.close()
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join()
        self._ours.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while asked := self._ours.recv(_AT_ONCE_BYTES):
                for _ in range(asked.count(b"\n")):
                    self._ours.sendall(self._code() + b"\n")
                    self.given += 1

    def _code(self) -> bytes:
        from breakglass_shamir.crypto import totp

        code = totp.code_at(self._seed, time.time(), self._scheme)
        if code.seconds_left < MIN_LEFT_S:
            time.sleep(code.seconds_left)
            code = totp.code_at(self._seed, time.time(), self._scheme)
        return code.text.encode()
