# SPDX-License-Identifier: Apache-2.0
"""A table of plain text that fits as it is, drawn as rich draws it: most tables are such, and rich takes long to load.

Rules:

1. Plain is printable ASCII, of which each character takes one column. A table with any other text is rich's to draw.
2. What is drawn here is, to the byte, what rich would draw without colour.
"""

from collections.abc import Sequence

GAP = 3
"""Spaces between columns."""

_RULE = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"


def drawn(head: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[str] | None:
    """Return the lines of a table.

    Args:
        head: names of the columns.
        rows: a cell for each column.
        room: columns of the screen.

    Returns:
        The lines, or None where a text is not plain or the table does not fit.
    """
    everything = (head, *rows)
    if not all(cell.isascii() and cell.isprintable() for row in everything for cell in row):
        return None
    widths = [max(map(len, column)) for column in zip(*everything, strict=True)]
    across = sum(widths) + GAP * (len(widths) - 1) + 2
    if across > room:
        return None
    first, *others = (f" {(' ' * GAP).join(map(str.ljust, row, widths))} " for row in everything)
    blank = " " * across
    return [blank, first, f" {_RULE * (across - 2)} ", *others, blank]
