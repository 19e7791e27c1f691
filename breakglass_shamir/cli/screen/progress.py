# SPDX-License-Identifier: Apache-2.0
"""How far long work is, and about how long it still takes.

Rules:

1. Work that is done within a moment says nothing.
2. On a terminal it is one line that changes, and is gone at the end; in plain mode and on a terminal that draws nothing
   it is a line now and then. Where nobody looks it is silent.
3. The estimate is what the pace so far gives, and is said once there is a pace.
"""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress

from breakglass_shamir.cli.screen import sequences, streams
from breakglass_shamir.custody.life.due import in_words

SILENT_S = 1.0
"""Work that is shorter says nothing."""

DRAWN_EVERY_S, SAID_EVERY_S = 0.2, 10.0
"""How often the line changes, and how often one is said in plain mode."""


class Progress:
    """Hears how much of how much is done."""

    def __init__(self, what: str, *, draws: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._draws, self._clock = what, draws, clock
        self._began = clock()
        self._next = self._began + (SILENT_S if draws else SAID_EVERY_S)
        self._shown = False

    def tell(self, done: int, of: int) -> None:
        """Tell how far it is; most calls show nothing."""
        now = self._clock()
        if now < self._next or of <= 0:
            return
        self._next = now + (DRAWN_EVERY_S if self._draws else SAID_EVERY_S)
        line = self.line(done, of, now - self._began)
        with suppress(OSError):
            if not self._draws:
                streams.echo(line, err=True)
                return
            self.clear()
            streams.echo(line[: max(1, shutil.get_terminal_size().columns - 1)], err=True, nl=False)
            self._shown = True

    def line(self, done: int, of: int, took_s: float) -> str:
        """Say how far it is, and how long it takes at this pace."""
        left_s = int(took_s * (of - done) / done) if done else 0
        left = f", about {in_words(max(1, left_s))} left" if 0 < done < of else ""
        return f"  {self._what}: {done} of {of} ({100 * done // of} %){left}"

    def clear(self) -> None:
        """Take the line away, so that something else may be said."""
        if self._shown:
            self._shown = False
            with suppress(OSError):
                streams.echo(sequences.ERASE_ROW, err=True, nl=False)
