# SPDX-License-Identifier: Apache-2.0
"""A screen that forgets: what is drawn on it is gone when it is left, on every way out.

Rules:

1. The order is fixed. Going in: signals, watcher, mode, screen. Coming out: erase, mode, watcher, signals. So at no
   moment is something on the screen that nobody would clear.
2. A frame is drawn as a whole, each row at its place; what changed is written, the rest stays. A terminal of another
   size is erased first, and drawn anew.
3. The cursor stands in the row that matters most when a terminal is made smaller: rows below it are cut off and gone,
   rows above it may go to the scroll-back, where some keep them for good.
4. On a terminal that knows no control sequences there are no frames: one row at a time, overwritten with blanks.

What is drawn is the caller's, ``reveal`` and ``typing``.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from breakglass_shamir.cli.screen import sequences
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.cli.screen.signals import Signals
from breakglass_shamir.cli.screen.watcher import Watcher

NO_WATCHER = "nothing clears this screen if the program is ended by force: its watcher could not be started"
"""What people are told then."""


class PrivateScreen:
    """A terminal while something secret may stand on it; a context manager."""

    def __init__(
        self, device: Device, *, bare: bool, limit_s: float = 0.0, suspends: bool = False,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """Prepare it; nothing is drawn yet.

        Args:
            device: the terminal; closed at the end.
            bare: whether it knows no control sequences.
            limit_s: when the watcher clears the screen of its own accord; 0: never.
            suspends: whether Ctrl-Z gives the shell its screen back; else it does nothing.
            warn: tells people what they should know, before the screen is put up.
        """
        self.device = device
        self.bare = bare
        self._limit_s = limit_s
        self._warn = warn
        self._watcher = Watcher()
        self.signals = Signals(self.erase, (self._give_back, self._take) if suspends else None)
        self._frame: tuple[str, ...] = ()
        self._drawn_at = (0, 0)

    def __enter__(self) -> Self:
        """Put the screen up."""
        self.signals.begin()
        try:
            self._take()
            self.signals.catch_up()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear it and give everything back.

        Raises:
            Ended: a signal asked the program to end meanwhile.
        """
        self._end()

    @property
    def rows(self) -> int:
        """Rows of the terminal."""
        return self.device.size()[0] or sequences.ROWS

    @property
    def width(self) -> int:
        """Columns that are written to."""
        return max(2, (self.device.size()[1] or sequences.COLUMNS) - 1)

    def erase(self) -> None:
        """Take everything off the screen, whatever state the terminal is in; the screen stays ours."""
        self._frame = ()
        self.device.force(sequences.blank(self.width + 1) if self.bare else sequences.erase(self._most_rows()))

    def draw(self, frame: Sequence[str], cursor: tuple[int, int]) -> None:
        """Show these rows, from the first one on, and put the cursor somewhere.

        Raises:
            OSError: the terminal is gone.
        """
        size = self.device.size()
        if size != self._drawn_at:
            self.erase()
            self._drawn_at = size
        before, self._frame = self._frame, tuple(frame)
        padded = [*self._frame, *[""] * (len(before) - len(self._frame))]
        changed = [
            sequences.row(number, text)
            for number, text in enumerate(padded, 1)
            if number > len(before) or text != before[number - 1]
        ]
        self.device.write("".join(reversed(changed)) + sequences.place(*cursor))

    def show_row(self, text: str) -> None:
        """Show one row on a terminal without control sequences, in place of the one before.

        Raises:
            OSError: the terminal is gone.
        """
        self.device.write(sequences.blank(self.width + 1) + text)

    def _most_rows(self) -> int:
        """Return the rows to erase: those there are now, and those there were; 0 where nothing is told."""
        now, then = self.device.size()[0], self._drawn_at[0]
        return max(now, then)

    def _take(self) -> None:
        """Put the screen up, with its watcher."""
        if not self._watcher.start(self.device.descriptor, self.device.name, limit_s=self._limit_s, bare=self.bare):
            self._warn(NO_WATCHER)
        self.device.mute()
        self._frame, self._drawn_at = (), (0, 0)
        if not self.bare:
            self.device.force(sequences.ENTER)

    def _give_back(self) -> None:
        """Clear the screen, give the terminal back, and let the watcher go."""
        self.erase()
        if not self.bare:
            self.device.force(sequences.NORMAL)
        self.device.speak()
        self._watcher.dismiss()

    def _end(self) -> None:
        self.signals.hold()
        try:
            self._give_back()
            self.device.close()
        finally:
            self.signals.end()
