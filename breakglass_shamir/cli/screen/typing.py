# SPDX-License-Identifier: Apache-2.0
"""The screen on which people type shares: cleared on every way out, a signal included.

A person must see what they type, to hold it against the paper; nothing of it may stay in the scroll-back. What
was accepted is said once more afterwards, without a line of it.

1. Entry can be interrupted and taken up again where it stopped. Ctrl-C pauses: the screen is cleared, and what was
   typed stays in memory. Ctrl-Z gives the shell back its screen, with nothing of ours on it, and ``fg`` goes on.
2. The line that is being typed stands in one row, its end where it is longer. With Enter it is gone from the screen;
   its answer stands there, and which lines there are, no line itself. Nothing scrolls.
3. A signal that ends the program clears the screen first; where no handler can, the watcher does. Nothing typed is ever
   written to a disk: who must leave the terminal pauses and lets the program wait.
4. Keys that were typed and not read are dropped at the end, or the shell would show them.
5. On a terminal that cannot erase, people were asked first; the row is overwritten with blanks.
"""

import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from breakglass_shamir.cli.screen import bare, sequences
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.cli.screen.keys import Keys
from breakglass_shamir.cli.screen.private import PrivateScreen
from breakglass_shamir.cli.screen.signals import Ended

INTRODUCTION = """Type the lines of one sheet after the other, each as it is printed. Small letters will do, spaces do
not matter, a scanner that types may be used too.
  ?            a character that cannot be read; alone: a line that cannot be read
  empty line   there are no more lines of this share, or of the envelope
  back         takes the last line back
  done         that is all
  Ctrl-C       pauses: the screen is cleared, and you go on later where you stopped
Nothing is written down: what was accepted is in this program's memory until it ends.
"""
"""What people are told before the first line."""

PAUSED = """Paused. What you typed is off the screen. What was accepted so far is in memory only and is gone then, if
this program ends: leave it running for as long as you need.
"""
"""What stands on the screen during a pause."""

STOP_QUESTION = "Press Enter to go on. Type stop to stop"
"""What a pause asks."""

_TICK_S = 0.5
"""How soon a terminal of another size is drawn anew."""

_MOST_TOLD = 200
"""Answers that are kept for a screen drawn anew; more fit on none."""

_LINE_COLUMNS = 33
"""What a line of a sheet takes, with its spaces."""

_SPARE_ROWS = 2
"""Rows below the prompt that stay free, for what a shell says when the program is ended by force."""

Recap = Callable[[], Sequence[str]]


class TypingScreen:
    """The screen during the entry; a context manager."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        """Take the terminal at standard input.

        Args:
            warn: tells people what they should know, before the screen is put up.

        Raises:
            InvalidInput: it cannot erase, and people do not want to type there.
            OSError: there is no terminal.
        """
        bare.agree("Type lines of sheets")
        self._screen = PrivateScreen(Device.of(sys.stdin.fileno()), bare=bare.is_bare(), suspends=True, warn=warn)
        self._keys = Keys()
        self._told: deque[str] = deque(maxlen=_MOST_TOLD)

    def __enter__(self) -> Self:
        """Put it up."""
        self._screen.signals.interruptible = False
        self._screen.__enter__()
        if self._screen.bare:
            self._say(INTRODUCTION)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear it."""
        self._screen.__exit__(kind, error, trace)

    def tell(self, line: str) -> None:
        """Answer; it stands above the next prompt."""
        self._told.append(line)
        if self._screen.bare:
            self._say(line)

    def read_line(self, prompt: str, recap: Recap) -> str | None:
        """Ask for one line; None at the end of the input. Ctrl-C pauses, and stops the second time.

        Args:
            prompt: what to type.
            recap: tells which lines are there already.

        Raises:
            KeyboardInterrupt: the person means to stop, or a signal ends the program.
        """
        while True:
            try:
                return self._read(lambda: [*INTRODUCTION.splitlines(), "", *self._told, *recap()], prompt)
            except Ended:
                raise
            except KeyboardInterrupt:
                self._pause()
            if self._screen.bare:
                self._say("\n".join(recap()))

    def _pause(self) -> None:
        """Wait, with the screen cleared, until the person goes on.

        Raises:
            KeyboardInterrupt: the person means to stop.
        """
        self._keys.forget()
        if self._screen.bare:
            self._say(PAUSED)
        self._screen.signals.catch_up()
        said = self._read(PAUSED.splitlines, STOP_QUESTION)
        if said is None or said.strip().lower() == "stop":
            raise KeyboardInterrupt

    def _read(self, above: Callable[[], Sequence[str]], prompt: str) -> str | None:
        """Read a line below some rows; None at the end of the input, or where the terminal is gone.

        Raises:
            KeyboardInterrupt: by a key or a signal; the screen is clear.
        """
        with self._screen.signals.interruptions():
            try:
                while (line := self._keys.next_line()) is None:
                    self._draw(above, prompt)
                    data = self._screen.device.read(_TICK_S)
                    if data == b"":
                        return None
                    self._keys.feed(data or b"")
                self._draw(above, "" if self._screen.bare else prompt)
            except (EOFError, OSError):
                return None
        return line

    def _draw(self, above: Callable[[], Sequence[str]], prompt: str) -> None:
        width = self._screen.width
        asked = sequences.tail(f"{prompt}: ", max(width // 2, width - _LINE_COLUMNS)) if prompt else ""
        row = asked + sequences.tail(self._keys.line, width - sequences.cells(asked))
        if self._screen.bare:
            self._screen.show_row(row)
            return
        rows = [row for line in above() for row in sequences.wrapped(line, width)]
        room = max(0, self._screen.rows - 1 - _SPARE_ROWS)
        kept = rows[len(rows) - room :] if len(rows) > room else rows
        self._screen.draw([*kept, row], cursor=(len(kept) + 1, sequences.cells(row) + 1))

    def _say(self, text: str) -> None:
        """Write lines that are no secret on a terminal without frames."""
        with suppress(OSError):
            self._screen.show_row("")
            self._screen.device.write("".join(f"{line}\r\n" for line in text.splitlines()))
