# SPDX-License-Identifier: Apache-2.0
"""What every page of a live sheet has at its top and bottom, so that loose pages find each other.

The heading stays visible when the sheet is folded, and in its bag. It does not say what the credential opens.
"""

from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.layout import ACCENT, HEAVY_MM, RULE_MM, SEMIBOLD_MM, Page, Style
from breakglass_shamir.paper.sizes import FOOTER_MM, MARGIN_MM

HEADING_MM = 35.0
"""Where the content of a page may begin, from the upper edge."""

IN_THE_BAG = "of this sheet belong into the bag."
_TOGETHER = Style("sans-bold", 9.5, stem=HEAVY_MM)
_PAGES_OF_A_LEAF = 2

_KICKER = Style("sans-bold", 9.5, ACCENT, stem=HEAVY_MM)
_NAME = Style("sans-bold", 25)
_LONG_NAME = Style("sans-bold", 12.5, stem=HEAVY_MM)
_SMALLEST_LINE_PT = 13.0
"""A name that needs a smaller print than this takes two lines."""

_FACTS = Style("sans", 10.5, stem=SEMIBOLD_MM)
_EPOCH = Style("mono-bold", 13)
_FOOTER = Style("sans", 8.5, stem=SEMIBOLD_MM)


def heading(page: Page, content: SheetContent, kicker: str) -> None:
    """Draw the set, the epoch and which sheet of how many this is."""
    right = page.width - MARGIN_MM
    page.bar(0, 0, page.width, 5, ACCENT)
    page.text(MARGIN_MM, 13.5, kicker.upper(), _KICKER)
    page.text(right, 13.5, "SHEET", _KICKER, "right")
    number = f"{content.number} of {content.total}"
    page.text(right, 23.5, number, _NAME, "right")
    room = right - MARGIN_MM - page.measure(number, _NAME) - 8
    if page.measure(content.set_name, Style("sans-bold", _SMALLEST_LINE_PT)) <= room:
        page.fitted(MARGIN_MM, 23.5, room, content.set_name, _NAME, smallest=_SMALLEST_LINE_PT)
    else:
        page.fitted(MARGIN_MM, 18.6, room, content.set_name, _LONG_NAME, smallest=9, lines=2)
    _facts(page, content, right)
    page.line(MARGIN_MM, 32.5, right, 32.5, weight=RULE_MM)


def footer(page: Page, content: SheetContent, number: int, count: int) -> None:
    """Draw the line that tells which page of which sheet this is, and that several leaves belong together."""
    y = page.height - FOOTER_MM
    left = f"{content.set_name}, epoch {content.epoch}, sheet {content.number} of {content.total}"
    page.fitted(MARGIN_MM, y, page.width - 2 * MARGIN_MM - 25, left, _FOOTER, smallest=4)
    page.text(page.width - MARGIN_MM, y, f"page {number} of {count}", _FOOTER, "right")
    if count > _PAGES_OF_A_LEAF:
        page.text(MARGIN_MM, y - 4, f"All {count} pages {IN_THE_BAG}", _TOGETHER)


def _facts(page: Page, content: SheetContent, right: float) -> None:
    """Draw epoch, date and, where groups exist, the place in them."""
    x = MARGIN_MM
    epoch = f"Epoch {content.epoch}"
    page.text(x, 29.7, epoch, _FACTS)
    x += page.measure(epoch, _FACTS) + 3
    page.text(x, 29.7, content.epoch_id, _EPOCH)
    x += page.measure(content.epoch_id, _EPOCH) + 3
    page.text(x, 29.7, f"printed {content.printed_on}", _FACTS)
    if content.group_count > 1:
        place = f"group {content.group} of {content.group_count}, member {content.member}"
        page.text(right, 29.7, place, _FACTS, "right")
