# SPDX-License-Identifier: Apache-2.0
"""Rows of PostgreSQL's csvlog, put together from lines, as far as a login needs: up to the message.

Source: PostgreSQL manual, section 20.8.4 (using CSV-format log output), and ``write_csvlog`` in its source: names,
host, command tag and message are always quoted, or empty; every quotation mark in them is doubled.

Rules:

1. A row begins where a line begins with a time and a comma. What a client wrote may look like that, too: so a row is
   tried at each such line, and the rows that are open already go on beside it.
2. A message is quoted. The marks of a client's text are doubled, so a row that begins inside it never gets that far:
   what it takes for quoted is what the server put between two texts.
3. A row whose message is no word on a login is let go at once; one that is open for longer than any login, too.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ROW_MAX = 8192
"""Characters of the longest row that is put together, up to the end of its message."""

LINES_MAX = 300
"""Lines of it. Two names of 63 bytes each stand in it twice."""

OPEN_MAX = 16
"""Rows that are tried at once; the oldest goes."""

COLUMNS = 14
"""Up to the message; these are the same since PostgreSQL 9.0, which later ones add to at the end."""

_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? [^\",\n]+"
_INSIDE = r'[^"]*+(?:""[^"]*+)*+'
_TEXT = f'"{_INSIDE}"'
_COLUMN = rf'(?:{_TEXT}|[^",\n]*)'
_BEGINS = re.compile(rf'{_TIME},(?=[",])')
_WHOLE = re.compile(rf"({_TIME}),{_COLUMN},{_COLUMN},(\d*),({_COLUMN}),(?:{_COLUMN},){{8}}({_TEXT})(?=[,\n])")
_OPEN_NAME = re.compile(rf'{_TIME},(?:{_COLUMN},){{0,11}}"{_INSIDE}\Z')
_OPEN_MESSAGE = re.compile(rf'{_TIME},(?:{_COLUMN},){{12}}"({_INSIDE})\Z')


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says, up to its message."""

    at: str
    process: str
    host: str
    message: str


def begins(line: str) -> bool:
    """Tell whether a row may begin with a line."""
    return _BEGINS.match(line) is not None


def rows(lines: Iterable[str], wanted: re.Pattern[str]) -> Iterator[Row]:
    """Yield the rows whose message begins as wanted.

    Args:
        lines: of one file, each with its line feed.
        wanted: matched at the beginning of a message. A message may go on in the next line, so what it matches must
            be shorter than a line.
    """
    opened: list[tuple[str, int]] = []
    for line in lines:
        tried = [(text + line, count + 1) for text, count in opened] + ([(line, 1)] if begins(line) else [])
        opened = []
        for text, count in tried[-OPEN_MAX:]:
            if '"' not in line:
                found = None
            elif found := _WHOLE.match(text):
                message = _plain(found[4])
                if wanted.match(message):
                    yield Row(found[1], found[2], _plain(found[3]), message)
                continue
            if len(text) <= ROW_MAX and count <= LINES_MAX and _goes_on(text, line, wanted):
                opened.append((text, count))


def _goes_on(text: str, line: str, wanted: re.Pattern[str]) -> bool:
    """Tell whether a row is open inside a name, or inside a message that is wanted."""
    if '"' not in line and text != line:
        return True  # it was open before, and nothing in this line could end that
    message = _OPEN_MESSAGE.match(text)
    if message is not None:
        return wanted.match(message[1]) is not None
    return _OPEN_NAME.match(text) is not None


def _plain(column: str) -> str:
    return column[1:-1].replace('""', '"') if column.startswith('"') else column
