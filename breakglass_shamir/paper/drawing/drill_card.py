# SPDX-License-Identifier: Apache-2.0
"""The drill card: a small page of its own that opens nothing and never shares a page with a live share.

Rules:

1. It is told from a live sheet at arm's length and in black and white: half the size, under a black band.
2. It says that it is kept outside the tamper-evident bag, so that a rehearsal never opens the bag.
3. Every word is bold or large: thin strokes are what a photocopier loses first.
4. The code stands twice, in opposite corners: no single stain reaches both. Folded once, either way, no fold
   runs through a code.
5. A printer that has only the sheets' paper gets the same card, as large, on one half of it.

It has no envelope: the drill envelope is in the ledger.
"""

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.front import typed_lines
from breakglass_shamir.paper.drawing.layout import HEAVY_MM, INK, WHITE, Page, Style
from breakglass_shamir.paper.sizes import QUIET_MODULES, Size

MODULE_MM = 0.95
"""Side of one module of the drill code."""

MARGIN_MM = 12.0
"""Left and right margin; printers reach 5 mm."""

KEEP_OUTSIDE = "Keep this card OUTSIDE the tamper-evident bag, where you can reach it."
USE = (
    "Bring this card, not the sheet.",
    "The sheet stays in its closed bag.",
    "Scan either code, or type the lines.",
    "Keep this card as long as the sheet.",
)
"""What to do with it, in order."""

OTHER_ID = "A drill has an epoch id of its own: the sheet's is another."
"""Why card and sheet of one epoch do not show the same id."""

CUT = "Cut along the line: the upper half is the drill card. This page holds no live share."

_BAND_MM, _STRIPE_MM = 25.0, 3.0
_BOX_MM = (30.5, 16.5)
"""Upper edge and height of the frame that says where the card is kept."""

_UPPER_MM = 53.0
"""Where the upper code's label begins; the code ends above the fold."""

_BELOW_FOLD_MM = 2.5
"""From the middle of the page to the lower code's label."""

_TYPED_MM, _PITCH_MM, _FOOT_MM = 43.6, 7.0, 15.3
"""Base lines of the first typed line and of the first line at the foot, from the lower edge; of typed lines, apart."""

_DRILL = Style("sans-bold", 42, WHITE)
_NOTHING = Style("sans-bold", 17, WHITE)
_KEEP = Style("sans-bold", 12.5)
_NAME = Style("sans-bold", 20)
_LONG_NAME = Style("sans-bold", 15)
_SMALLEST_LINE_PT = 13.0
"""A name that needs a smaller print than this takes up to three lines."""

_FACTS = Style("sans-bold", 9.5)
_EPOCH = Style("mono-bold", 10.5)
_HEAD = Style("sans-bold", 12, WHITE)
_BODY = Style("sans-bold", 10.5)
_LABEL = Style("sans-bold", 9)
_TYPED = Style("mono-bold", 15)
_CUT = Style("sans", 11)
_NOTE = Style("sans-bold", 8.5, stem=HEAVY_MM)
_SMALL = Style("sans-bold", 7.5, stem=HEAVY_MM)


def draw_drill_card(page: Page, content: SheetContent) -> None:
    """Draw the card, which takes the whole page.

    Raises:
        InvalidInput: a name does not fit.
    """
    code = qr.modules(content.share_code, "Q")
    side, quiet = len(code) * MODULE_MM, QUIET_MODULES * MODULE_MM
    right = page.width - MARGIN_MM
    column = page.width - 2 * MARGIN_MM - side - quiet - 3
    lower = page.height / 2 + _BELOW_FOLD_MM
    _band(page)
    _where(page)
    page.text(right, _UPPER_MM + 2, "DRILL CODE", _LABEL, "right")
    page.code(right - side, _UPPER_MM + 3 + quiet, code, MODULE_MM)
    _identity(page, content, _UPPER_MM + 5, column)
    page.text(MARGIN_MM, lower + 2, "DRILL CODE, second print", _LABEL)
    page.code(MARGIN_MM, lower + 3 + quiet, code, MODULE_MM)
    _rehearsal(page, right - column, lower + 3 + quiet + 4.6, column)
    _typed(page, content, page.height - _TYPED_MM, right)
    _owner(page, content)


def draw_half(page: Page, size: Size, content: SheetContent) -> None:
    """Draw the card on the upper half of a page, turned, with the line that it is cut off along.

    Args:
        page: an empty page of a paper that printers have.
        size: of its half, upright.
        content: as for ``draw_drill_card``.

    Raises:
        InvalidInput: a name does not fit.
    """
    with page.turned(size):
        draw_drill_card(page, content)
    cut = size[0]
    page.line(0, cut, page.width, cut, weight=0.35, dash=(3, 1.6))
    page.text(page.width / 2, cut + 6, CUT, _CUT, "centre")


def _band(page: Page) -> None:
    """Draw the band that no live sheet has."""
    page.bar(0, 0, page.width, _BAND_MM, INK)
    page.text(MARGIN_MM, 18, "DRILL", _DRILL)
    page.text(page.width - MARGIN_MM, 18, "opens nothing", _NOTHING, "right")
    x = 0.0
    while x < page.width:
        page.bar(x, _BAND_MM - 2.6, min(_STRIPE_MM, page.width - x), 1.3, WHITE)
        x += 2 * _STRIPE_MM


def _where(page: Page) -> None:
    """Draw the frame that says where the card is kept."""
    top, height = _BOX_MM
    left, right = MARGIN_MM, page.width - MARGIN_MM
    for y in (top, top + height):
        page.line(left, y, right, y, weight=0.8)
    for x in (left, right):
        page.line(x, top - 0.4, x, top + height + 0.4, weight=0.8)
    page.paragraph(left + 4, top + 6.6, right - left - 8, KEEP_OUTSIDE, _KEEP)


def _identity(page: Page, content: SheetContent, y: float, across: float) -> None:
    """Draw which card of which set this is, and whose."""
    if page.measure(content.set_name, Style("sans-bold", _SMALLEST_LINE_PT)) <= across:
        y = page.fitted(MARGIN_MM, y + 1, across, content.set_name, _NAME, smallest=_SMALLEST_LINE_PT) - 2
    else:
        y = page.fitted(MARGIN_MM, y, across, content.set_name, _LONG_NAME, smallest=8, lines=3)
    epoch = f"Epoch {content.epoch}"
    page.text(MARGIN_MM, y, epoch, _FACTS)
    page.text(MARGIN_MM + page.measure(epoch, _FACTS) + 2.5, y, content.epoch_id, _EPOCH)
    y += _FACTS.leading_mm
    facts = [f"Drill card {content.number} of {content.total}, printed {content.printed_on}"]
    if content.group_count > 1:
        facts.append(f"group {content.group} of {content.group_count}, member {content.member}")
    for fact in facts:
        page.text(MARGIN_MM, y, fact, _FACTS)
        y += _FACTS.leading_mm
    if content.custodian:
        page.fitted(MARGIN_MM, y + 1, across, f"Kept by {content.custodian}", _FACTS, smallest=6, lines=3)


def _rehearsal(page: Page, x: float, y: float, across: float) -> None:
    """Say what the card is for."""
    page.bar(x, y - 4.6, across, 6.4, INK)
    page.text(x + 2, y, "For rehearsals", _HEAD)
    y += 8
    for number, sentence in enumerate(USE, start=1):
        page.text(x, y, str(number), _BODY)
        y = page.paragraph(x + 5, y, across - 5, sentence, _BODY) + 1.3
    page.paragraph(x, y, across, OTHER_ID, _NOTE)


def _typed(page: Page, content: SheetContent, y: float, right: float) -> None:
    """Draw the four typed lines."""
    page.text(MARGIN_MM, y - _PITCH_MM * 0.68 - 1.2, "TYPED LINES", _LABEL)
    typed_lines(page, MARGIN_MM + 1, y, content.share_lines, style=_TYPED, pitch=_PITCH_MM, right=right)


def _owner(page: Page, content: SheetContent) -> None:
    """Draw whom the card belongs to."""
    y, across = page.height - _FOOT_MM, page.width - 2 * MARGIN_MM
    words = f"Found it? Please return it to {content.belongs_to}"
    page.fitted(MARGIN_MM, y, across, words, _SMALL, smallest=5.5, lines=3)
