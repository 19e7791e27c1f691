# SPDX-License-Identifier: Apache-2.0
"""The bytes that show and erase: the only place in the program that knows them (ECMA-48, xterm's control sequences).

The rules, each because of a terminal that keeps what others forget:

1. Every row is erased by itself before anything else is done. A clear of the whole screen (``ED 2``) moves what stands
   there into the scroll-back in GNU screen, tmux, PuTTY and others; an erased row is gone everywhere.
2. Nothing that is secret ever scrolls: each row is written at its place, and none goes on in the next one, which is
   switched off and not relied upon: none reaches the last column. What has scrolled out of the top, GNU screen keeps
   for good. A window may be made smaller while a row is on its way to it.
3. The alternate screen is asked for and not relied upon. GNU screen has it switched off, the Linux console has none,
   and both then show all this on the only screen they have.
4. The scroll-back is cleared as well, where the terminal knows how (``ED 3``); not from the first row, where GNU screen
   takes it for a clear of the screen.
5. A terminal that has none of this gets a carriage return, and blanks over what stood in the row.

Nothing here writes, and nothing here is secret.
"""

import os
import textwrap
import unicodedata
from collections.abc import Iterator

ALTERNATE, NORMAL = "\x1b[?1049h\x1b[?7l", "\x1b[?7h\x1b[?1049l"
"""Switch to the alternate screen, on which nothing goes on in the next row, and back."""

ENTER = ALTERNATE + "\x1b[2J\x1b[H"
"""To an empty alternate screen. Where there is none, this is the place where people's own lines may scroll away."""

FORGET = "\x1b[3J"
"""Clear the scroll-back."""

UNKNOWN_ROWS = 200
"""Rows that are erased on a terminal that does not tell its size."""

ROWS, COLUMNS = 24, 80
"""Size of a terminal that does not tell it."""

_PLAIN = "\x1b[m\x1b[?6l\x1b[r"
"""Default colours, the whole screen scrolls, rows are counted from its top: so that no row is out of reach."""

_INDENTED = 20
"""Columns from which on the rest of a sentence is indented."""

_ERASE_ROW = "\x1b[2K"

ERASE_ROW = "\r" + _ERASE_ROW
"""Erase the row in which the cursor stands, and go to its beginning."""

_UP, _DOWN = "\x1b[A", "\x1b[B"
_WITHOUT = frozenset({"", "dumb", "unknown", "emacs", "network", "dialup", "ethernet", "switch", "patch"})
"""Names of terminals that promise nothing (terminfo, ``dumb`` and what is like it)."""


def erases(name: str | None = None) -> bool:
    """Tell whether the terminal of this name (default: ``$TERM``) does what is written here.

    A name that the terminfo database does not have counts as one that does: new terminals all do, and far machines
    do not know their names.
    """
    name = os.environ.get("TERM", "") if name is None else name
    if name in _WITHOUT:
        return False
    try:
        import curses

        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a descriptor is wanted, and it is no file of ours
            curses.setupterm(name, nowhere.fileno())
            to_row, erase_end = curses.tigetstr("cup") or b"", curses.tigetstr("el") or b""
    except (ImportError, curses.error):
        return True
    return to_row.startswith(b"\x1b[") and erase_end.startswith(b"\x1b[")


def erase(rows: int) -> str:
    """Erase every row, then the scroll-back; ends in the first row."""
    return _PLAIN + "\x1b[H" + (_ERASE_ROW + _DOWN) * (rows or UNKNOWN_ROWS) + _ERASE_ROW + FORGET + "\x1b[H"


def leave(rows: int) -> str:
    """Erase everything and go back to the screen that people had."""
    return erase(rows) + NORMAL


def row(number: int, text: str) -> str:
    """Write a row at its place, from 1, and nothing else into it."""
    return f"\x1b[{number};1H{_ERASE_ROW}{text}"


def place(number: int, column: int) -> str:
    """Put the cursor somewhere, from 1."""
    return f"\x1b[{number};{column}H"


def blank(columns: int) -> str:
    """Overwrite the row in which the cursor stands, without a control sequence."""
    return "\r" + " " * (columns - 1) + "\r"


def take_back(answer: str, columns: int) -> str:
    """Erase an answer that the terminal echoed, its Enter included; where it stood alone in its rows."""
    rows = max(1, -(-cells(answer) // (columns or COLUMNS)))
    return (_UP + _ERASE_ROW) * rows + "\r"


def cells(text: str) -> int:
    """Return how many columns a text may take; where terminals differ, the larger number."""
    return sum(map(_cells, text))


def cut(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most so many columns; at least one piece."""
    return list(_pieces(text, max(2, width))) or [""]


def wrapped(line: str, width: int) -> list[str]:
    """Cut a sentence between words; at least one row."""
    rows = textwrap.wrap(line, max(2, width), subsequent_indent="  " if width > _INDENTED else "")
    return [piece for row in rows or [""] for piece in cut(row, width)]


def tail(text: str, width: int) -> str:
    """Return the end of a text that fits into so many columns."""
    kept = len(text)
    while kept and cells(text[kept - 1 :]) <= width:
        kept -= 1
    return text[kept:]


def _pieces(text: str, width: int) -> Iterator[str]:
    piece, used = "", 0
    for character in text:
        needed = _cells(character)
        if used + needed > width:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + needed
    if piece:
        yield piece


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WFA" else 1
