# SPDX-License-Identifier: Apache-2.0
"""The screen at which sheets are gathered: one that stays, forgets what was typed, and is cleared on every way out.

A person must see what they type, to hold it against the paper; nothing of it may stay in the scroll-back. What was
read is said once more afterwards, without a line of it.

1. Gathering can be interrupted and taken up again. Ctrl-C pauses: the screen is cleared, and what was read stays in
   memory. Ctrl-Z gives the shell back its screen, with nothing of ours on it, and ``fg`` goes on.
2. The line that is being typed stands in one row, what moves out of it is at its sides. With Enter it is gone from the
   screen; its answer stands there, and which lines there are, no line itself. Nothing scrolls.
3. A signal that ends the program clears the screen first; where no handler can, the watcher does. Nothing typed is ever
   written to a disk: who must leave the terminal pauses and lets the program wait.
4. Keys that were typed and not read are dropped at the end, or the shell would show them.
5. In plain mode, and on a terminal that cannot erase, lines are printed and nothing is drawn but the row in which
   people type, which is overwritten with blanks. There a share is not shown while it is typed, but for typing line by
   line, before which people on a terminal that cannot erase are asked.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from breakglass_shamir.cli.screen import bare, board_rows, completion, line, sequences
from breakglass_shamir.cli.screen.cleaning import message
from breakglass_shamir.cli.screen.device import Device
from breakglass_shamir.cli.screen.keys import Keys
from breakglass_shamir.cli.screen.private import PrivateScreen
from breakglass_shamir.cli.screen.signals import Ended
from breakglass_shamir.formats.likeness import looks_like_share
from breakglass_shamir.operations.desk import Board
from breakglass_shamir.plural import counted

PAUSED = """Paused. What you typed is off the screen.
What was read so far is in memory only, and gone if this program ends.
Leave it running for as long as you need.
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

_PROMPT = ">"
_SHARES = ("BGS1", "BGE1")


@dataclass(frozen=True, slots=True)
class _Said:
    """One line of what was said."""

    source: str
    text: str
    rank: int


class BoardScreen:
    """The screen while sheets are gathered; a context manager."""

    def __init__(self, look: Callable[[], Board], warn: Callable[[str], None], *, plain: bool = False) -> None:
        """Take the terminal at standard input.

        Args:
            look: tells what is to be seen.
            warn: tells people what they should know, before the screen is put up.
            plain: whether lines are printed and nothing is drawn.

        Raises:
            OSError: there is no terminal.
        """
        self._look = look
        self._plain = plain or bare.is_bare()
        self._screen = PrivateScreen(Device.of(sys.stdin.fileno()), bare=self._plain, suspends=True, warn=warn)
        self._kept: list[str] = []
        self._keys = Keys(self._completed, self._kept)
        self._said: list[_Said] = []
        self._notes: tuple[str, ...] = ()
        self._question = ""
        self._spoken: tuple[str, ...] = ()
        self._typed = False
        self._shown = ""

    def __enter__(self) -> Self:
        """Put it up."""
        self._keys.feed(line.drain(looks_like_share).encode())
        self._screen.signals.interruptible = False
        self._screen.__enter__()
        if self._plain:
            self._print("\n".join(board_rows.GIVING))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear it."""
        self._screen.__exit__(kind, error, trace)

    def tell(self, text: str, source: str = "", rank: int = 0) -> None:
        """Say something that stays on the board.

        Args:
            text: one line, and no secret.
            source: what it is about: one file has one line; empty: a line of its own.
            rank: of several things about one file the highest is said, and of those the last.
        """
        if self._plain:
            self._print(text)
            return
        before = next((one for one in self._said if source and one.source == source), None)
        if before is not None:
            if before.rank > rank:
                return
            self._said.remove(before)
        self._said = [*self._said, _Said(source, text, rank)][-_MOST_TOLD:]

    def note(self, lines: Sequence[str]) -> None:
        """Let people read something until they give the next line."""
        if self._plain:
            self._print("\n".join(lines))
        self._notes = tuple(lines)

    @property
    def prints(self) -> bool:
        """Whether lines are printed and nothing is drawn, so that what was said stands there for good."""
        return self._plain

    def keep(self, given: str) -> None:
        """Keep a line that is no secret for the arrow keys."""
        self._kept.append(given)

    def read(self, wait_s: float, question: str = "") -> str | None:
        """Return a line that people gave; None where none came in so many seconds. Ctrl-C pauses.

        Args:
            wait_s: seconds; it returns earlier after a pause.
            question: what is asked; empty: they give what they like.

        Raises:
            EOFError: Ctrl-D in an empty line.
            KeyboardInterrupt: people mean to stop in a pause, a signal ends the program, or the terminal is gone.
        """
        self._question = question
        try:
            found = self._read(wait_s, self._draw)
        except Ended:
            raise
        except KeyboardInterrupt:
            self._pause()
            return None
        if found is not None:
            self._notes = ()
        return found

    def agrees_to_show(self, what: str) -> bool:
        """Ask whether what is typed may stand on a terminal that cannot erase; nothing is asked on any other."""
        if not bare.is_bare() or bare.is_agreed():
            return True
        self._print(bare.warning())
        said = None
        while said is None:
            said = self.read(_TICK_S, f"{what} here all the same? Type {bare.AGREED}")
        return bare.take(said)

    def _pause(self) -> None:
        """Wait, with the screen cleared, until the person goes on.

        Raises:
            KeyboardInterrupt: the person means to stop.
        """
        self._keys.forget()
        self._shown = ""
        if self._plain:
            self._print(PAUSED)
        self._screen.signals.catch_up()
        said = None
        while said is None:
            try:
                said = self._read(_TICK_S, self._draw_pause)
            except EOFError:
                raise KeyboardInterrupt from None
        if said.strip().lower() == "stop":
            raise KeyboardInterrupt
        self._spoken = ()

    def _read(self, wait_s: float, draw: Callable[[], None]) -> str | None:
        """Read a line below what is drawn.

        Raises:
            EOFError: the end of the input was typed.
            KeyboardInterrupt: by a key or a signal, and where the terminal is gone; the screen is clear.
        """
        with self._screen.signals.interruptions():
            try:
                found = self._keys.next_line()
                draw()
                if found is None:
                    data = self._screen.device.read(wait_s)
                    if data == b"":
                        raise Ended
                    self._keys.feed(data or b"")
                    found = self._keys.next_line()
                    if data:
                        draw()
            except OSError:
                raise Ended from None
        return found

    def _draw(self) -> None:
        board = self._look()
        asked = f"{self._question or board.prompt}: " if self._question or board.prompt else f"{_PROMPT} "
        if self._plain:
            self._speak(board)
            self._show_row(asked, hides=not board.prompt)
            return
        width = self._screen.width
        told = [one.text for one in self._said]
        room = max(0, self._screen.rows - 1 - _SPARE_ROWS)
        self._frame(board_rows.rows(board, told, self._notes, width, room), asked)

    def _draw_pause(self) -> None:
        if self._plain:
            self._show_row(f"{STOP_QUESTION}: ")
        else:
            self._frame([row for text in PAUSED.splitlines() for row in sequences.wrapped(text, self._screen.width)],
                        f"{STOP_QUESTION}: ")  # fmt: skip

    def _frame(self, above: list[str], asked: str) -> None:
        row, column = self._row(asked)
        self._screen.draw([*above, row], cursor=(len(above) + 1, column))

    def _row(self, asked: str, typed: str | None = None) -> tuple[str, int]:
        """Return the row in which people type, and the column of the cursor in it."""
        width = self._screen.width
        asked = sequences.tail(asked, max(width // 2, width - _LINE_COLUMNS))
        before, behind = self._keys.line[: self._keys.at], self._keys.line[self._keys.at :]
        if typed is not None:
            before, behind = typed, ""
        room = width - sequences.cells(asked)
        shown = sequences.tail(before, room)
        rest = sequences.cut(behind, max(2, room - sequences.cells(shown)))[0] if behind else ""
        rest = rest if sequences.cells(shown + rest) <= room else ""
        return asked + shown + rest, sequences.cells(asked + shown) + 1

    def _show_row(self, asked: str, *, hides: bool = False) -> None:
        """Show the row where nothing is drawn: what is added to it is written, anything else writes it anew."""
        typed = self._keys.line
        covered = f"({counted(len(typed), 'character')} of a share)" if hides and _is_secret(typed) else None
        text, _ = self._row(asked, covered)
        if text == self._shown:
            return
        if self._shown and text.startswith(self._shown):
            self._screen.device.write(text[len(self._shown) :])
        else:
            self._screen.show_row(text)
        self._shown = text

    def _speak(self, board: Board) -> None:
        """Print what changed on the board, where nothing is drawn."""
        now = (*board_rows.summary(board), *(f"watching {message(str(one))}" for one in board.watched))
        if now != self._spoken:
            self._spoken = now
            self._print("\n".join(now))
        if board.prompt and not self._typed:
            self._print("\n".join(board_rows.TYPING))
        self._typed = bool(board.prompt)

    def _print(self, text: str) -> None:
        """Write lines that are no secret on a terminal without frames."""
        with suppress(OSError):
            self._screen.show_row("")
            self._shown = ""
            rows = [row for one in text.splitlines() for row in sequences.wrapped(one, self._screen.width)]
            self._screen.device.write("".join(f"{row}\r\n" for row in rows))

    def _completed(self, before: str) -> str:
        """Return what Tab makes of a line, and tell how it may go on."""
        offer = completion.paths(before)
        if offer.names:
            self.tell(message("   ".join(offer.names[:40])), source="\t")
        return offer.line


def _is_secret(typed: str) -> bool:
    """Tell whether what is being typed is, or is going to be, a share."""
    return typed.strip().upper().startswith(_SHARES) or looks_like_share(typed)
