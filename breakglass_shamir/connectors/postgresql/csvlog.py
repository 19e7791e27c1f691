# SPDX-License-Identifier: Apache-2.0
"""Rows of PostgreSQL's csvlog, put together from lines, as far as a login needs: up to the message.

Source: PostgreSQL manual, section 20.8.4 (using CSV-format log output), and ``write_csvlog`` in its source: names,
host, command tag and message are always quoted, or empty; every quotation mark in them is doubled.

Rules:

1. A row begins where a line begins with a time and a comma. What a client wrote may look like that, too: so a row is
   tried at each such line, and the rows that are open already go on beside it.
2. A message is quoted. The marks of a client's text are doubled, so a row that begins inside it never gets that far:
   what it takes for quoted is what the server put between two texts.
3. A row whose message is no word on a login is let go at once. One that is open for longer than any login, or that is
   not as the server writes it, is let go and told, with its columns so far.
4. A line is looked at once for each row that is open, so that no text costs more than ``OPEN_MAX`` times its length.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

ROW_MAX = 8192
"""Characters of the longest row that is put together, up to the end of its message."""

LINES_MAX = 300
"""Lines of it. Two names of 63 bytes each stand in it twice."""

OPEN_MAX = 16
"""Rows that are tried at once; the oldest goes."""

COLUMNS = 14
"""Up to the message; these are the same since PostgreSQL 9.0, which later ones add to at the end."""

_BEGINS = re.compile(r'(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? [^",\n]{1,60}),(?=[",])')
_BARE = re.compile(r'[^",\n]*')
_TIME, _USER, _PROCESS, _HOST, _TAG, _STATE, _MESSAGE = 0, 1, 3, 4, 7, 12, COLUMNS - 1

Wanted = Callable[[Sequence[str], str, int], bool]
"""Tells whether a message is wanted, from the columns in front of it, its line, and where in that it begins."""

USER, TAG, STATE = _USER, _TAG, _STATE
"""Columns in front of the message: the role, what the process does, and the SQLSTATE."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says, up to its message."""

    at: str
    process: str
    host: str
    message: str
    user: str
    tag: str
    state: str


def begins(line: str) -> bool:
    """Tell whether a row may begin with a line."""
    return _BEGINS.match(line) is not None


def rows(lines: Iterable[str], wanted: Wanted, broken: Callable[[Sequence[str]], None]) -> Iterator[Row]:
    """Yield the rows whose message is wanted.

    Args:
        lines: of one file, each with its line feed.
        wanted: asked at the beginning of a message. A message may go on in the next line, so what it looks at must
            be shorter than a line.
        broken: told of a row that was begun and makes no sense, with the columns that do.
    """
    opened: list[_Open] = []
    for line in lines:
        if begins(line):
            opened.append(_Open(wanted))
        opened = opened[-OPEN_MAX:]
        for one in opened:
            one.take(line)
        for one in opened:
            if one.whole:
                yield one.row()
            elif one.broken:
                broken(one.columns)
        opened = [one for one in opened if one.goes_on]


class _Open:
    """A row that is put together from lines, each of which is looked at once."""

    __slots__ = ("_inside", "_lines", "_quoted", "_size", "_wanted", "broken", "columns", "goes_on", "whole")

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.columns: list[str] = []
        self._inside: list[str] = []
        self._quoted = False
        self._lines = self._size = 0
        self.goes_on, self.whole, self.broken = True, False, False

    def take(self, line: str) -> None:
        """Take the next line; afterwards the row is whole, goes on inside a text, or is none."""
        self._lines += 1
        self._size += len(line)
        at = 0
        while self.goes_on and not self.whole and at < len(line):
            at = self._in_quotes(line, at) if self._quoted else self._next_column(line, at)
        fits = self._size <= ROW_MAX and self._lines <= LINES_MAX
        self.broken = self.broken or (self.goes_on and not self.whole and not (self._quoted and fits))
        self.goes_on = self.goes_on and not self.whole and self._quoted and fits

    def row(self) -> Row:
        """Return what a whole row says."""
        told = (self.columns[column] for column in (_TIME, _PROCESS, _HOST, _MESSAGE, _USER, _TAG, _STATE))
        return Row(*told)

    def _next_column(self, line: str, at: int) -> int:
        """Begin a column; returns where to go on."""
        number = len(self.columns)
        if line[at] == '"':
            self._quoted = True
            self.broken = number in (_TIME, _PROCESS)
            self.goes_on = not self.broken and (number != _MESSAGE or self._wanted(self.columns, line, at + 1))
            return at + 1
        bare = _BARE.match(line, at)
        assert bare is not None  # noqa: S101 - it matches nothing, too
        number_fits = number != _PROCESS or bare[0].isdecimal() or not bare[0]
        if number == _MESSAGE or not number_fits or line[bare.end() : bare.end() + 1] != ",":
            # A message that is empty is none on a login.
            self.goes_on, self.broken = False, number != _MESSAGE
            return at
        self.columns.append(bare[0])
        return bare.end() + 1

    def _in_quotes(self, line: str, at: int) -> int:
        """Go on inside a quoted column; returns where to go on."""
        mark = line.find('"', at)
        if mark < 0:
            self._inside.append(line[at:])
            return len(line)
        self._inside.append(line[at:mark])
        after = line[mark + 1 : mark + 2]
        if after == '"':
            self._inside.append('"')
            return mark + 2
        self._quoted = False
        last = len(self.columns) == _MESSAGE
        if after != "," and not (last and after == "\n"):
            self.goes_on, self.broken = False, True
            return mark
        self.columns.append("".join(self._inside))
        self._inside.clear()
        self.whole = last
        return mark + 2
