# SPDX-License-Identifier: Apache-2.0
"""The protocol of a ceremony as a PDF: steps, who does what, planned and actual time, initials, bags, exceptions.

Rules:

1. Every field that is not known is an empty box large enough for a hand.
2. A table goes on over pages, its head repeated; a row is never cut.
3. It names custodians and bags, so it says of itself where it is kept. No share and no code is on it.

What the steps are, and when they were taken, is the caller's to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.paper.drawing.layout import ACCENT, FAINT, TINT, Page, Style
from breakglass_shamir.paper.drawing.typeface import drawable, wrap
from breakglass_shamir.paper.sizes import FOOTER_MM, MARGIN_MM, PAPER_SIZES_MM, POINTS_PER_MM, Paper

ROW_MM = 8.0
"""Least height of a row, for handwriting."""

TOGETHER = 0.3
"""A table that is lower than this part of a page is not spread over two."""

KEPT = "Names custodians and bags: kept with the auditor's papers, never with a sheet."

_KICKER = Style("sans-bold", 9, ACCENT)
_NAME = Style("sans-bold", 22)
_FACTS = Style("sans", 9.5, FAINT)
_HEAD = Style("sans-bold", 8)
_CELL = Style("sans", 8.5)
_TITLE = Style("sans-bold", 10.5, ACCENT)
_SMALL = Style("sans", 7.5, FAINT)

_TOP_MM = 16.0
_PAD_MM = 1.6


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a head, and rows of which an empty cell is to be filled in.

    Attributes:
        widths: of the columns, as parts of the page's width; they add up to 1.
    """

    title: str
    head: tuple[str, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class ProtocolContent:
    """What one protocol says."""

    title: str
    set_name: str
    facts: tuple[str, ...]
    """Lines below the name: epoch, terminal, day."""

    tables: tuple[Table, ...]
    kept: str = KEPT
    """Where the page is kept, at its lower edge."""


def render_protocol(content: ProtocolContent, paper: Paper) -> bytes:
    """Draw a protocol; its bytes depend on the arguments only.

    Raises:
        InvalidInput: a text has a character that cannot be printed.
    """
    page = Page(PAPER_SIZES_MM[paper], "Protocol")
    flow = _Flow(page, content)
    for table in content.tables:
        flow.table(table)
    flow.footer()
    return page.finish()


class _Flow:
    """Draws downwards and begins another page where a row has no room."""

    def __init__(self, page: Page, content: ProtocolContent) -> None:
        self._page = page
        self._content = content
        self._number = 1
        self._across = page.width - 2 * MARGIN_MM
        self._y = _TOP_MM
        self._heading()

    def table(self, table: Table) -> None:
        """Draw a table."""
        rows = [
            [_lines(cell, width * self._across) for cell, width in zip(row, table.widths, strict=True)]
            for row in table.rows
        ]
        whole = 12 + ROW_MM + sum(map(_height, rows))
        first = 12 + ROW_MM + (_height(rows[0]) if rows else 0)
        self._need(whole if whole < self._page.height * TOGETHER else first)
        self._page.text(MARGIN_MM, self._y + 7, table.title, _TITLE)
        self._y += 9.5
        self._head(table)
        for row in rows:
            if self._need(_height(row)):
                self._head(table)
            self._row(table, row)

    def footer(self) -> None:
        """Draw the line at the lower edge."""
        y = self._page.height - FOOTER_MM
        name = drawable(self._content.set_name, "the set's name")
        self._page.text(MARGIN_MM, y, self._content.kept, _SMALL)
        self._page.text(self._page.width - MARGIN_MM, y, f"{name}, page {self._number}", _SMALL, "right")

    def _heading(self) -> None:
        page, right = self._page, self._page.width - MARGIN_MM
        page.bar(0, 0, page.width, 5, ACCENT)
        page.text(MARGIN_MM, 13.5, self._content.title.upper(), _KICKER)
        name = drawable(self._content.set_name, "the set's name")
        page.fitted(MARGIN_MM, 23, self._across, name, _NAME, smallest=9)
        self._y = 29.5
        for fact in self._content.facts:
            self._y = page.paragraph(MARGIN_MM, self._y, self._across, drawable(fact, "the protocol"), _FACTS)
        page.line(MARGIN_MM, self._y - 1.5, right, self._y - 1.5, weight=0.35)

    def _need(self, height: float) -> bool:
        """Make room; tell whether that took another page."""
        if self._y + height <= self._page.height - FOOTER_MM - 6:
            return False
        self.footer()
        self._page.next()
        self._number += 1
        self._page.bar(0, 0, self._page.width, 5, ACCENT)
        self._y = _TOP_MM - 4
        return True

    def _head(self, table: Table) -> None:
        self._page.bar(MARGIN_MM, self._y, self._across, 6, TINT)
        x = MARGIN_MM
        for word, width in zip(table.head, table.widths, strict=True):
            self._page.text(x + _PAD_MM, self._y + 4.1, word, _HEAD)
            x += width * self._across
        self._y += 6

    def _row(self, table: Table, row: Sequence[Sequence[str]]) -> None:
        height, x, right = _height(row), MARGIN_MM, MARGIN_MM + self._across
        for lines, width in zip(row, table.widths, strict=True):
            for number, line in enumerate(lines):
                self._page.text(x + _PAD_MM, self._y + 4.8 + number * _CELL.leading_mm, line, _CELL)
            self._page.line(x, self._y, x, self._y + height, weight=0.15, colour=FAINT)
            x += width * self._across
        self._page.line(right, self._y, right, self._y + height, weight=0.15, colour=FAINT)
        self._y += height
        self._page.line(MARGIN_MM, self._y, right, self._y, weight=0.15, colour=FAINT)


def _lines(cell: str, width: float) -> list[str]:
    text = drawable(cell, "the protocol")
    return wrap(text, _CELL.face, _CELL.size, (width - 2 * _PAD_MM) * POINTS_PER_MM) if text else []


def _height(row: Sequence[Sequence[str]]) -> float:
    most = max((len(lines) for lines in row), default=0)
    return max(ROW_MM, 3.4 + most * _CELL.leading_mm)
