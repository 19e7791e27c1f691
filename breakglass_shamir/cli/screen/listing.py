# SPDX-License-Identifier: Apache-2.0
"""Lists of any length, as a table, JSON or CSV: each line is printed when it is there, and forgotten.

Rules:

1. A short list is a table that fits. A long one takes its columns from the first lines; a later cell that is longer
   moves those behind it on its own line, and nothing is cut.
2. CSV is RFC 4180, in UTF-8, with a line of names in front. A text that begins with ``=``, ``+``, ``-``, ``@``, their
   full-width forms, a tab or an apostrophe gets an apostrophe in front: no spreadsheet takes it for a formula. Whoever
   reads it with a program drops one apostrophe in front of a cell.
3. JSON is one document, as everywhere. Where the rest of a list cannot be had, and the first lines are written already,
   it ends with the members ``error`` and ``exit`` behind them.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from json.encoder import encode_basestring_ascii
from typing import Any, TypeVar

from breakglass_shamir.cli.screen import tables
from breakglass_shamir.cli.screen.cleaning import clean, json_text

FIRST = 1000
"""Lines of a list that its columns are measured by, and the most that are a table."""

TOGETHER = 256
"""Lines that are written at once."""

LIST_JOINT = "; "
"""Between the values of a cell that holds several."""

_FORMULA = tuple("=+-@\t\r'＝＋－＠")  # noqa: RUF001 - full-width forms, which spreadsheets take for the others

_T = TypeVar("_T")


def first_of(items: Iterable[_T]) -> tuple[list[_T], Iterator[_T]]:
    """Return the first items of a list, and the rest of it."""
    rest = iter(items)
    return list(islice(rest, FIRST)), rest


def long_table(
    head: Sequence[str], first: Iterable[Sequence[str]], rest: Iterable[Sequence[str]], width: int
) -> Iterator[str]:
    """Yield a long table line by line.

    Args:
        head: names of columns.
        first: the lines that the columns are measured by.
        rest: those behind them.
        width: columns of the screen; 0: it sets no limit.
    """
    known = [_cleaned(row) for row in first]
    cells = chain(known, map(_cleaned, rest))
    if width and tables.width_of(head, known) > width:
        yield from _blocks(head, cells, width)
        return
    widths = [max(len(row[column]) for row in (head, *known)) for column in range(len(head) - 1)]
    gap = " " * tables.GAP
    for row in chain([head], cells):
        padded = [cell.ljust(wide) for cell, wide in zip(row, widths, strict=False)]
        yield " " + gap.join([*padded, row[-1]]).rstrip()


def _cleaned(row: Sequence[str]) -> Sequence[str]:
    """Return cells that drive no terminal; most do not, and one look at all of them tells."""
    together = "".join(row)
    return row if together.isascii() and together.isprintable() else [clean(cell) for cell in row]


def together(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines, some at a time: each writing to a stream costs as much as making some lines."""
    rest = iter(lines)
    while some := list(islice(rest, TOGETHER)):
        yield "".join(some)


def _blocks(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield ""
        yield from tables.blocks(head, [row], width)


def json_list(
    name: str, items: Iterable[Mapping[str, Any]], more: Callable[[], Mapping[str, Any]], encoding: str | None
) -> Iterator[str]:
    """Yield a JSON document with one list in it, a part at a time.

    Args:
        name: of the list.
        items: what is in it.
        more: gives the other members of the document, when the list is over.
        encoding: of the stream.
    """
    yield f"{{\n  {json.dumps(name)}: ["
    between = "\n"
    for item in items:
        yield (
            f"{between}    {{\n" + ",\n".join(_member(key, value, encoding) for key, value in item.items()) + "\n    }"
        )
        between = ",\n"
    last = more()
    yield ("]" if between == "\n" else "\n  ]") + _last_members(last, encoding)


def json_broken_off(last: Mapping[str, Any], encoding: str | None) -> str:
    """Return what ends a document of :func:`json_list` whose list breaks off behind an item, with its last members."""
    return "\n  ]" + _last_members(last, encoding)


def _last_members(last: Mapping[str, Any], encoding: str | None) -> str:
    members = (json_text({key: value}, encoding, indent=2)[2:-2] for key, value in last.items())
    return "".join(f",\n{one}" for one in members) + "\n}"


def _member(key: str, value: Any, encoding: str | None) -> str:
    if type(value) is int:
        return f'      "{key}": {value}'
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return f'      "{key}": {encode_basestring_ascii(value)}'
    said = json_text(value, encoding, indent=2).replace("\n", "\n      ") if value or value == 0 else json.dumps(value)
    return f"      {json.dumps(key)}: {said}"


def csv_lines(names: Sequence[str], items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a list as CSV, a line at a time, with the names of its columns in front."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in chain([names], ([cell_of(item[name]) for name in names] for item in items)):
        writer.writerow(row)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def cell_of(value: Any) -> str | int:
    """Return a value as a cell of CSV that is no formula."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        value = LIST_JOINT.join(map(str, value))
    said = clean("" if value is None else str(value))
    return f"'{said}" if said.startswith(_FORMULA) else said
