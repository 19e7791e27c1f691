# SPDX-License-Identifier: Apache-2.0
"""The drill card: a small page that opens nothing and never shares a sheet with a live share.

Rules:

1. It is told from a live sheet at arm's length and in black and white: a card to cut out, under a black band.
2. It says that it is kept outside the tamper-evident bag, so that a rehearsal never opens the bag.

It has no envelope: the drill envelope is in the ledger.
"""

from breakglass_shamir.paper import qr
from breakglass_shamir.paper.content import SheetContent
from breakglass_shamir.paper.layout import FAINT, INK, WHITE, Page, Style

CARD_MM = (150.0, 136.0)
"""Width and height of the card."""

MODULE_MM = 0.85
"""Side of one module of the drill code."""

_BAND_MM = 20.0
_PAD_MM = 8.0
_DRILL = Style("sans-bold", 27, WHITE)
_NOTHING = Style("sans-bold", 13, WHITE)
_NAME = Style("sans-bold", 15)
_FACTS = Style("sans", 9, FAINT)
_EPOCH = Style("mono-bold", 9.5)
_BODY = Style("sans", 10)
_BODY_BOLD = Style("sans-bold", 10)
_LABEL = Style("sans-bold", 8)
_TYPED = Style("mono-bold", 12)
_SMALL = Style("sans", 8, FAINT)

KEEP_OUTSIDE = "Keep this card OUTSIDE the tamper-evident bag, where you can reach it."
USE = "Bring it to rehearsals. The bag with the live sheet stays closed and stays where it is."


def draw_drill_card(page: Page, content: SheetContent) -> None:
    """Draw the card.

    Raises:
        InvalidInput: a name does not fit.
    """
    left, top = (page.width - CARD_MM[0]) / 2, 24.0
    _outline(page, left, top)
    _band(page, left, top)
    x, y = left + _PAD_MM, top + _BAND_MM
    side = len(code := qr.modules(content.share_code, "Q")) * MODULE_MM
    code_x = left + CARD_MM[0] - _PAD_MM - side
    page.code(code_x, y + 9, code, MODULE_MM)
    page.text(code_x, y + 9 + side + 7, "DRILL CODE", _LABEL)
    _words(page, content, x, y + 9, code_x - x - 8)
    _typed(page, content, x, top + CARD_MM[1] - 27)


def _outline(page: Page, left: float, top: float) -> None:
    """Draw the line to cut along."""
    right, bottom = left + CARD_MM[0], top + CARD_MM[1]
    for ends in (
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ):
        page.line(*ends, weight=0.25, colour=FAINT, dash=(2, 1.5))
    page.text(left, top - 2, "Cut along the line. This page holds no live share.", _SMALL)


def _band(page: Page, left: float, top: float) -> None:
    """Draw the band that no live sheet has."""
    page.bar(left, top, CARD_MM[0], _BAND_MM, INK)
    page.text(left + _PAD_MM, top + 13.4, "DRILL", _DRILL)
    page.text(left + CARD_MM[0] - _PAD_MM, top + 12.6, "opens nothing", _NOTHING, "right")
    stripe = 3.0
    for index in range(int(CARD_MM[0] / stripe / 2)):
        page.bar(left + 2 * index * stripe, top + _BAND_MM - 2.2, stripe, 1.2, WHITE)


def _words(page: Page, content: SheetContent, x: float, y: float, across: float) -> None:
    """Draw what the card is and where it is kept."""
    y = page.fitted(x, y + 2, across, content.set_name, _NAME, smallest=8, lines=2)
    epoch = f"Epoch {content.epoch}"
    page.text(x, y, epoch, _FACTS)
    page.text(x + page.measure(epoch, _FACTS) + 2.5, y, content.epoch_id, _EPOCH)
    number = f"Drill card {content.number} of {content.total}, printed {content.printed_on}"
    page.text(x, y + 4.6, number, _FACTS)
    y = page.paragraph(x, y + 11, across, KEEP_OUTSIDE, _BODY_BOLD) + 0.8
    y = page.paragraph(x, y, across, USE, _BODY) + 0.8
    y = page.fitted(x, y + 0.6, across, content.belongs_to, _SMALL, smallest=5.5, lines=3) + 0.8
    if content.custodian:
        page.fitted(x, y, across, f"Kept by {content.custodian}", _SMALL, smallest=5.5, lines=3)


def _typed(page: Page, content: SheetContent, x: float, y: float) -> None:
    """Draw the four typed lines."""
    page.text(x, y - 5.5, "Scan the code, or type these lines:", _SMALL)
    for number, line in enumerate(content.share_lines, start=1):
        page.text(x, y, str(number), _BODY_BOLD)
        page.text(x + 5, y, line, _TYPED)
        y += 6.2
