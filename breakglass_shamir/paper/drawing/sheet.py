# SPDX-License-Identifier: Apache-2.0
"""From content to the PDF of one sheet (spec section 4, "The sheet").

Rules:

1. A live sheet is its front, its back when there is a core to print or to miss, then further envelope codes.
2. A drill card is one page by itself, half as large as the sheets' paper; for a printer, one page of that paper
   with the card on its upper half. Printers wait for paper that is not in the tray, or take what there is.
3. Everything happens in memory; no file is written, and no secret is in the document's metadata.

It does not print, name or store files.
"""

from functools import lru_cache

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.back import draw_back, draw_codes, of_back, pages_for
from breakglass_shamir.paper.drawing.content import SheetContent, checked
from breakglass_shamir.paper.drawing.drill_card import draw_drill_card, draw_half
from breakglass_shamir.paper.drawing.front import draw_front
from breakglass_shamir.paper.drawing.heading import footer, heading
from breakglass_shamir.paper.drawing.layout import Page
from breakglass_shamir.paper.sizes import HALF_SIZES_MM, PAPER_SIZES_MM, Paper

_CARD_TITLE = "Drill card"


def render(content: SheetContent, paper: Paper) -> bytes:
    """Draw one sheet or drill card, each on a page of its own size.

    Args:
        content: what it says.
        paper: ``a4`` or ``letter``; a drill card is A5 or half letter.

    Returns:
        A PDF whose bytes depend on the arguments only.

    Raises:
        InvalidInput: the content cannot be printed; nothing was.
        PaperError: a code's text fits no QR code.
    """
    content = checked(content)
    if content.kind == "live":
        return _render_live(content, paper)
    page = Page(HALF_SIZES_MM[paper], _CARD_TITLE, sides="Simplex")
    draw_drill_card(page, content)
    return page.finish()


def render_for_printer(content: SheetContent, paper: Paper) -> bytes:
    """Draw one sheet or drill card on pages of the paper that is in the printer; arguments and errors as ``render``."""
    content = checked(content)
    if content.kind == "live":
        return _render_live(content, paper)
    page = Page(PAPER_SIZES_MM[paper], _CARD_TITLE, sides="Simplex")
    draw_half(page, HALF_SIZES_MM[paper], content)
    return page.finish()


def _render_live(content: SheetContent, paper: Paper) -> bytes:
    page = Page(PAPER_SIZES_MM[paper], "Break-glass sheet", sides="DuplexFlipLongEdge")
    _draw_live(page, content)
    return page.finish()


def _draw_live(page: Page, content: SheetContent) -> None:
    """Draw the front, the back and the pages of further codes."""
    codes = tuple(_envelope_modules(code) for code in content.envelope_codes)
    heading(page, content, "Break-glass sheet")
    placed = 1 if draw_front(page, content, codes[0]) else 0
    has_back = bool(content.core_lines) or content.core_omitted
    behind = of_back(content, codes, placed) if has_back else []
    placed = max([placed, *(number for number, _ in behind)])
    further = pages_for(page, codes[placed:])
    count = 1 + has_back + len(further)
    footer(page, content, 1, count)
    if has_back:
        _begin(page, content, "Break-glass sheet, back", 2, count)
        draw_back(page, content, behind, len(codes))
    for number, indexes in enumerate(further, start=count - len(further) + 1):
        _begin(page, content, "Break-glass sheet, envelope", number, count)
        own = tuple(codes[placed + index] for index in indexes)
        draw_codes(page, own, placed + indexes[0] + 1, len(codes))


@lru_cache(maxsize=32)
def _envelope_modules(code: str) -> qr.Matrix:
    """Encode an envelope code; kept, since it is public and the same on every sheet of an epoch."""
    return qr.modules(code, "M")


def _begin(page: Page, content: SheetContent, kicker: str, number: int, count: int) -> None:
    page.next()
    heading(page, content, kicker)
    footer(page, content, number, count)
