# SPDX-License-Identifier: Apache-2.0
"""Tables that fit: side by side where there is room, else one block for each row. Nothing in a cell is ever cut.

Rules:

1. What people compare (names, ids) stays in one piece: a cell is broken neither inside a word nor at a hyphen.
2. A table that is wider than the screen is shown as blocks, one line for each column, with the column's name in front.
3. Sentences are broken at spaces, with what follows below their beginning. A command is never broken: people paste it.
"""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

GAP = 3
"""Spaces between columns."""


def width_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how many columns of a screen a table needs side by side."""
    widths = [max(cell_len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return sum(widths) + GAP * (len(head) - 1) + 2


def blocks(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield each row as a block of lines, an empty line between two; cells that say nothing are left out."""
    indent = max(map(cell_len, head)) + 2
    for number, row in enumerate(rows):
        if number:
            yield ""
        for name, cell in zip(head, row, strict=True):
            if cell:
                yield from wrapped(name + " " * (indent - cell_len(name)) + cell, indent, width)


def wrapped(line: str, indent: int, width: int) -> list[str]:
    """Break a sentence at its spaces; what follows stands below its beginning, ``indent`` spaces in."""
    if cell_len(line) <= width:
        return [line]
    rest = textwrap.wrap(
        line[indent:], max(1, width - indent), break_long_words=False, break_on_hyphens=False
    ) or [""]  # fmt: skip
    return [line[:indent] + rest[0], *(" " * indent + more for more in rest[1:])]
