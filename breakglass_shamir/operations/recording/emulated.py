# SPDX-License-Identifier: Apache-2.0
"""Finds a credential that the screen puts together, in whatever order its letters were said, and covers it.

Rules:

1. A terminal is emulated (pyte), and the rows that changed are read with those around them, blanks left out.
2. Where a masked form stands there, its cells are overwritten by stars at once, and the cursor is put back.
3. It never fails: what the emulation cannot understand is left out, and the screen is taken for empty.
4. It has a budget of time. A flood of moves is not followed: then the order of letters alone is masked.
"""

import functools
import inspect
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyte import ByteStream, Screen

MARGIN_ROWS = 3
"""Rows above and below a changed one that are read with it."""

MOST_ROWS, MOST_COLUMNS = 300, 500
"""The largest window that is emulated."""

SHARE = 0.25
"""Part of the time that emulation may take."""

AHEAD_S = 2.0
"""How much of that may be used at once."""

_MOST_NUMBERS = 64
"""Numbers of a control sequence that are looked at."""

_OTHER_SCREEN = (b"\x1b[?1049", b"\x1b[?47", b"\x1b[?1047", b"\x1bc")
"""What shows another screen than the one before, or begins anew."""


class EmulatedScreen:
    """What stands on the screen."""

    def __init__(self, forms: Sequence[bytes], columns: int, rows: int) -> None:
        """Prepare it.

        Args:
            forms: letters that are masked; see :func:`encodings.patterns`.
            columns: of the window.
            rows: of the window.
        """
        self._forms = [form.decode("utf-8", errors="replace") for form in forms]
        self._size = min(columns, MOST_COLUMNS), min(rows, MOST_ROWS)
        self._budget_s, self._since = AHEAD_S, time.monotonic()
        self.covered = 0
        """How many times something was covered."""

        self._begin()

    def resize(self, columns: int, rows: int) -> None:
        """Take another size of the window; what stood there is forgotten."""
        self._size = max(1, min(columns, MOST_COLUMNS)), max(1, min(rows, MOST_ROWS))
        self._begin()

    def take(self, data: bytes) -> bytes:
        """Take what is shown; returns what has to be shown after it, to cover what must not be seen."""
        if not self._forms or self._stream is None:
            return b""
        begun = time.monotonic()
        self._budget_s = min(AHEAD_S, self._budget_s + (begun - self._since) * SHARE)
        self._since = begun
        if self._budget_s <= 0:
            self._begin()
            return b""
        try:
            return self._cover(data)
        except Exception:
            self._begin()
            return b""
        finally:
            self._budget_s -= time.monotonic() - begun

    def _begin(self) -> None:
        self._stream: ByteStream | None = None
        try:
            import pyte
        except ImportError:
            return
        self._screen: Screen = _patient()(*self._size)
        self._stream = pyte.ByteStream(self._screen)

    def _cover(self, data: bytes) -> bytes:
        for word in _OTHER_SCREEN:
            if (at := data.rfind(word)) >= 0:
                self._begin()
                data = data[at:]
        columns, rows = self._size
        if b"\x1b" not in data:
            data = data[-2 * columns * rows :]
        screen = self._screen
        screen.dirty.clear()
        assert self._stream is not None  # noqa: S101 - the caller looked
        self._stream.feed(data)
        cells = self._found()
        if not cells:
            return b""
        self.covered += 1
        stars = b"".join(b"\x1b[%d;%dH*" % (row + 1, column + 1) for row, column in cells)
        back = b"\x1b[%d;%dH" % (screen.cursor.y + 1, min(screen.cursor.x, columns - 1) + 1)
        for row, column in cells:
            cell = screen.buffer[row][column]
            screen.buffer[row][column] = cell._replace(data="*")
        return stars + back

    def _found(self) -> list[tuple[int, int]]:
        """Return the cells in which something stands that is masked."""
        rows = sorted({near for row in self._screen.dirty for near in range(row - MARGIN_ROWS, row + MARGIN_ROWS + 1)})
        cells, shown = [], []
        for row in rows:
            line: Mapping[int, Any] = self._screen.buffer.get(row) or {}
            for column in sorted(line):
                letters = line[column].data.replace(" ", "") if column < self._size[0] else ""
                cells += [(row, column)] * len(letters)
                shown.append(letters)
        text = "".join(shown)
        found = []
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                found += cells[at : at + len(form)]
                at = text.find(form, at + 1)
        return list(dict.fromkeys(found))


@functools.cache
def _patient() -> "type[Screen]":
    """Return pyte's screen, without its errors at sequences of xterm that have more in them than it knows."""
    import pyte

    def draw(screen: "Screen", data: str) -> None:
        """Pyte leaves out all that comes after a character of no width, unless it combines."""
        pyte.Screen.draw(screen, data if data.isascii() else "".join(one for one in data if not _is_nothing(one)))

    events = set(pyte.Stream.csi.values())
    patient = {event: _patiently(getattr(pyte.Screen, event)) for event in events}
    return type("PatientScreen", (pyte.Screen,), {**patient, "draw": draw})


def _is_nothing(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Me", "Mn"} and not unicodedata.combining(character)


def _patiently(does: Callable[..., None]) -> Callable[..., None]:
    """Return the same without the numbers, and the private kind of a sequence, that it does not take."""
    named = inspect.signature(does).parameters
    kinds = [one.kind for one in named.values()]
    takes_private = "private" in named or inspect.Parameter.VAR_KEYWORD in kinds
    most = len([name for name in named if name not in ("self", "private")])
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        most = _MOST_NUMBERS

    def done(screen: "Screen", *numbers: int, private: bool = False) -> None:
        if takes_private or not private:
            does(screen, *numbers[:most], **({"private": True} if private else {}))

    return done
