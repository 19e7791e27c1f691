# SPDX-License-Identifier: Apache-2.0
"""The slip: a receipt on paper, small enough for a wallet or a ticket; public, and useless to a thief.

Rules:

1. One slip a page, at its top, to be cut along a line; whoever keeps it is named on it.
2. It says in words what it is for and what to do with it, without this program.

It holds no share and no secret.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.layout import FAINT, Page, Style
from breakglass_shamir.paper.drawing.typeface import drawable
from breakglass_shamir.paper.sizes import PAPER_SIZES_MM

SLIP_MM = (150.0, 84.0)
"""Width and height of a slip."""

MODULE_MM = 0.75
"""Side of one module of the code."""

WIDEST_MM = 62.0
"""Room for the code; a larger one gets smaller modules."""

_TOP_MM, _PAD_MM = 20.0, 7.0
_KICKER = Style("sans-bold", 9)
_NAME = Style("sans-bold", 15)
_BODY = Style("sans", 8.5)
_BODY_BOLD = Style("sans-bold", 8.5)
_FACTS = Style("mono-bold", 8)
_SMALL = Style("sans", 7.5, FAINT)

MEANS = "This paper remembers every record that this ledger had at that moment. None of them can be removed unnoticed."
KEEP = "Keep it away from the terminal. It is public: it opens nothing."
CHECK = "To check the ledger, with a picture of this code: breakglass audit verify --receipt FILE"


@dataclass(frozen=True, slots=True)
class SlipContent:
    """What stands on one slip."""

    code: str
    set_name: str
    opening: str
    """First digits of the opening id; empty outside an opening."""

    officer: str
    time: str
    size: int
    """Records in the ledger."""

    record: int
    """Number of the record it is about."""

    log_id: str


def render(slips: Sequence[SlipContent]) -> bytes:
    """Draw slips, one to a page; returns a PDF whose bytes depend on the arguments only.

    Raises:
        InvalidInput: no slip, or a name does not fit.
    """
    if not slips:
        raise InvalidInput("expected at least one receipt to draw")
    page = Page(PAPER_SIZES_MM["a4"], "Receipt", sides="Simplex")
    for number, content in enumerate(slips):
        if number:
            page.next()
        _draw(page, content)
    return page.finish()


def _draw(page: Page, content: SlipContent) -> None:
    drawable(content.set_name, "set name")
    drawable(content.officer, "officer's name")
    left = (page.width - SLIP_MM[0]) / 2
    _outline(page, left)
    code = qr.modules(content.code, "M")
    module = min(MODULE_MM, WIDEST_MM / len(code))
    side = len(code) * module
    code_x, y = left + SLIP_MM[0] - _PAD_MM - side, _TOP_MM + _PAD_MM
    page.code(code_x, y + 2, code, module)
    _words(page, content, left + _PAD_MM, y + 3, code_x - left - _PAD_MM - 6)


def _outline(page: Page, left: float) -> None:
    right, bottom = left + SLIP_MM[0], _TOP_MM + SLIP_MM[1]
    for ends in (
        (left, _TOP_MM, right, _TOP_MM),
        (left, bottom, right, bottom),
        (left, _TOP_MM, left, bottom),
        (right, _TOP_MM, right, bottom),
    ):
        page.line(*ends, weight=0.25, colour=FAINT, dash=(2, 1.5))


def _words(page: Page, content: SlipContent, x: float, y: float, across: float) -> None:
    page.text(x, y, "RECEIPT OF A BREAK-GLASS LEDGER", _KICKER)
    y = page.fitted(x, y + 7, across, content.set_name or "the whole ledger", _NAME, smallest=8, lines=2)
    y = page.fitted(x, y, across, f"Kept by {content.officer}", _BODY_BOLD, smallest=6, lines=2) + 1
    facts = [f"opening {content.opening}"] if content.opening else []
    facts += [f"record  {content.record} of {content.size}", f"at      {content.time}", f"log     {content.log_id}"]
    for fact in facts:
        page.text(x, y, fact, _FACTS)
        y += 4.2
    y = page.paragraph(x, y + 1.5, across, MEANS, _BODY) + 0.5
    y = page.paragraph(x, y, across, KEEP, _BODY_BOLD) + 0.5
    page.paragraph(x, y, across, CHECK, _SMALL)
