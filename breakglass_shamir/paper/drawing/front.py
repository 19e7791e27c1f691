# SPDX-License-Identifier: Apache-2.0
"""The front of a live sheet: instructions above the fold, the secret below it.

Rules:

1. A tired custodian reads it from top to bottom without training: what this is, what to do, what never to do.
2. Everything secret is below the fold line. Folded up, the lower part hides itself and leaves the heading to
   be read through the bag.
3. The share code stands twice, in opposite corners of its field: no single stain, fold or torn corner reaches
   both.
4. Each code has a number and is labelled in words, and says whether it is secret: 1 is the share, 2 the envelope.

It does not draw an envelope code that is too large or one of several beyond the first; ``back`` does.
"""

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.content import SheetContent
from breakglass_shamir.paper.drawing.heading import HEADING_MM
from breakglass_shamir.paper.drawing.layout import ACCENT, HEAVY_MM, RULE_MM, SEMIBOLD_MM, TINT, Page, Style
from breakglass_shamir.paper.sizes import (
    ENVELOPE_MODULES_MM,
    FIELD_MM,
    MARGIN_MM,
    QUIET_MODULES,
    SHARE_MODULE_MM,
    share_places,
)

_WIDEST_ENVELOPE_MM = 80.0
"""Room left of the facts and the roll-call table."""

_ENVELOPE_LABEL_MM = 7.5
"""Height of the envelope code's label."""

_BODY_SIZES = (11.0, 10.5, 10.0, 9.5, 9.0)
"""Sizes tried for the instructions, points; they are read at arm's length, so the largest that fits wins."""

_GOOD_MODULE_MM = 0.85
"""Module of the envelope code that a larger print of the instructions must leave."""

_SMALLEST_MIDDLE_MM = 66.0
"""Height that owner, bag and three rows of the roll-call need."""

_GUTTER_MM, _INDENT_MM, _HEAD_MM, _GAP_MM = 8.0, 5.0, 5.8, 0.6
"""Between the columns; of a sentence from its number; of a column's title; between sentences."""

_FACT_MM = 21.0
"""Of a fact from the label before it."""

_ROLL_CALL_PITCH_MM = 6.6
"""Height of a row that takes handwriting."""

_LEAD = Style("sans", 11.5, stem=SEMIBOLD_MM)
_LEAD_BOLD = Style("sans-bold", 11.5, stem=HEAVY_MM)
_HEAD = Style("sans-bold", 13, ACCENT, stem=HEAVY_MM)
_BODY = Style("sans", 9.5, stem=SEMIBOLD_MM)
_BODY_BOLD = Style("sans-bold", 9.5, stem=HEAVY_MM)
_LABEL = Style("sans-bold", 8.5, stem=HEAVY_MM)
_SMALL = Style("sans", 9, stem=SEMIBOLD_MM)
_TYPED = Style("mono-bold", 16)
_LINE_NUMBER = Style("sans-bold", 10, stem=HEAVY_MM)

WHEN_CALLED = (
    "Hang up. Call back on a number you already know.",
    "Ask for the incident number and write it down.",
    "Bring this sheet, its bag unopened, to the break-glass terminal.",
    "Open the bag there, before the others. Scan code 1, either print, and code 2; or type the lines.",
    "Keep the sheet until you are told that it is void: it may be needed a second time.",
)
"""What to do, in order."""

NEVER = (
    "photograph or scan this sheet, except at the break-glass terminal",
    "copy, fax or send it",
    "read its lines to anyone, by telephone, chat or e-mail",
    "give it away, or keep it beside another sheet",
    "destroy it before you are told that it is void",
)
"""What never to do; each follows the word."""

REPORT = "Lost, opened or seen? Report it at once, day or night:"
NO_TERMINAL = "No terminal? The back says how."
TELEPHONE = "Telephone"
"""Before a line to fill in."""

FOUND = "Found it? Please return it, unread. Alone it opens nothing."


def draw_front(page: Page, content: SheetContent, envelope: qr.Matrix) -> bool:
    """Draw the front.

    Args:
        page: an empty page.
        content: checked content of kind ``live``.
        envelope: the first envelope code.

    Returns:
        Whether the envelope code fitted.

    Raises:
        InvalidInput: a name does not fit.
    """
    y = _lead(page, content, HEADING_MM + 5.5)
    fold = page.height - FIELD_MM
    size = _body_size(page, envelope, y + 2.5, fold - 5.5)
    y = _instructions(page, y + 2.5, size, content.report_to)
    fitted = _middle(page, content, envelope, y + 1.5, fold - 4)
    _field(page, content, fold)
    return fitted


def _lead(page: Page, content: SheetContent, y: float) -> float:
    """Say what this is and how many are needed."""
    across = page.width - 2 * MARGIN_MM
    page.text(MARGIN_MM, y, "This sheet holds one share of an emergency credential. Alone it opens nothing.", _LEAD)
    opening = f"Opening takes {content.needed}."
    return page.fitted(MARGIN_MM, y + 5.8, across, opening, _LEAD_BOLD, smallest=8.5, lines=3)


def _instructions(page: Page, y: float, size: float, report_to: str) -> float:
    """Draw the two columns; return where the next block may begin."""
    column = _column_mm(page)
    right = MARGIN_MM + column + _GUTTER_MM
    body, bold = Style("sans", size, stem=SEMIBOLD_MM), Style("sans-bold", size, stem=HEAVY_MM)
    page.text(MARGIN_MM, y, "When you are called", _HEAD)
    page.text(right, y, "Never", _HEAD)
    left_y = right_y = y + _HEAD_MM
    for number, sentence in enumerate(WHEN_CALLED, start=1):
        page.text(MARGIN_MM, left_y, str(number), bold)
        left_y = page.paragraph(MARGIN_MM + _INDENT_MM, left_y, column - _INDENT_MM, sentence, body) + _GAP_MM
    for sentence in NEVER:
        page.line(right, right_y - 1.1, right + 2.4, right_y - 1.1, weight=0.8, colour=ACCENT)
        right_y = page.paragraph(right + _INDENT_MM, right_y, column - _INDENT_MM, sentence, body) + _GAP_MM
    right_y = page.paragraph(right, right_y + 2 * _GAP_MM, column, REPORT, bold)
    if report_to:
        right_y = page.fitted(right, right_y, column, report_to, bold, smallest=6, lines=2)
    else:
        page.text(right, right_y, TELEPHONE, body)
        page.line(
            right + page.measure(TELEPHONE, body) + 2, right_y + 0.7, right + column, right_y + 0.7, weight=RULE_MM
        )
        right_y += bold.leading_mm
    return max(left_y, right_y)


def _instructions_end(page: Page, y: float, size: float) -> float:
    """Return where the instructions would end if they were drawn at this size."""
    column, body = _column_mm(page), Style("sans", size)

    def down(sentences: tuple[str, ...]) -> float:
        return sum(page.height_of(sentence, column - _INDENT_MM, body) + _GAP_MM for sentence in sentences)

    bold = Style("sans-bold", size)
    report = 2 * _GAP_MM + page.height_of(REPORT, column, bold) + bold.leading_mm
    return y + _HEAD_MM + max(down(WHEN_CALLED), down(NEVER) + report)


def _column_mm(page: Page) -> float:
    return (page.width - 2 * MARGIN_MM - _GUTTER_MM) / 2


def _body_size(page: Page, envelope: qr.Matrix, y: float, bottom: float) -> float:
    """Return the largest size of the instructions that takes no module from the envelope code."""

    def module(size: float) -> float:
        return _module_that_fits(len(envelope), bottom - _instructions_end(page, y, size) - _ENVELOPE_LABEL_MM)

    wanted = min(_GOOD_MODULE_MM, module(_BODY_SIZES[-1]))
    fits = (
        size
        for size in _BODY_SIZES
        if module(size) >= wanted and bottom - _instructions_end(page, y, size) >= _SMALLEST_MIDDLE_MM
    )
    return next(fits, _BODY_SIZES[-1])


def _middle(page: Page, content: SheetContent, envelope: qr.Matrix, y: float, bottom: float) -> bool:
    """Draw the envelope code if it fits, and beside it the facts and the roll-call."""
    module = _module_that_fits(len(envelope), bottom - y - _ENVELOPE_LABEL_MM)
    x = MARGIN_MM
    if module:
        x += _envelope(page, content, envelope, y, module)
    else:
        page.text(page.width - MARGIN_MM, y + 3, "CODE 2: ENVELOPE, on the last pages of this sheet", _LABEL, "right")
    y = _owner(page, content, x, y + 3)
    _roll_call(page, x, y, bottom - 0.8)
    return module > 0


def _module_that_fits(modules: int, down: float) -> float:
    """Return the largest module in mm at which the code and its quiet zone fit, or 0."""
    room = min(_WIDEST_ENVELOPE_MM, down)
    return next((side for side in ENVELOPE_MODULES_MM if (modules + 2 * QUIET_MODULES) * side <= room), 0.0)


def _envelope(page: Page, content: SheetContent, envelope: qr.Matrix, y: float, module: float) -> float:
    """Draw the envelope code below its label; return the width it takes, mm."""
    count = len(content.envelope_codes)
    quiet = QUIET_MODULES * module
    number = "" if count == 1 else f" 1 of {count}; the others follow"
    page.fitted(MARGIN_MM, y + 3, len(envelope) * module + quiet, f"CODE 2: ENVELOPE{number}", _LABEL, smallest=6)
    page.text(MARGIN_MM, y + 6.5, "the same on every sheet, not secret", _SMALL)
    side = page.code(MARGIN_MM, y + _ENVELOPE_LABEL_MM + quiet, envelope, module)
    return side + 2 * quiet + 3


def _owner(page: Page, content: SheetContent, x: float, y: float) -> float:
    """Draw whom the sheet belongs to and which bag it is in; return where the table may begin."""
    across = page.width - MARGIN_MM - x
    page.text(x, y, "BELONGS TO", _LABEL)
    y = page.fitted(x, y + 4.4, across, content.belongs_to, _BODY, smallest=6.5, lines=3)
    y = page.paragraph(x, y, across, FOUND, _SMALL)
    if content.custodian:
        page.text(x, y + 2, "KEPT BY", _LABEL)
        y = page.fitted(x + _FACT_MM, y + 2, across - _FACT_MM, content.custodian, _BODY, smallest=6.5, lines=2) - 1
    page.text(x, y + 3.5, "BAG SERIAL", _LABEL)
    if content.bag_serial:
        page.fitted(x + _FACT_MM, y + 3.5, across - _FACT_MM, content.bag_serial, _BODY_BOLD, smallest=6)
    else:
        page.line(x + _FACT_MM, y + 4.2, x + across, y + 4.2, weight=RULE_MM)
    return y + 10.5


def _roll_call(page: Page, x: float, y: float, bottom: float) -> None:
    """Draw as many empty rows as there is room for."""
    right = page.width - MARGIN_MM
    columns = (x, x + (right - x) * 0.36, x + (right - x) * 0.68)
    page.text(x, y, "ROLL-CALL", _LABEL)
    page.text(right, y, "the bag stays closed", _SMALL, "right")
    for column, title in zip(columns, ("date", "bag intact", "initials"), strict=True):
        page.text(column, y + 4.2, title, _SMALL)
    y += 5.4
    page.line(x, y, right, y, weight=1.2 * RULE_MM)
    while y + _ROLL_CALL_PITCH_MM <= bottom:
        y += _ROLL_CALL_PITCH_MM
        page.line(x, y, right, y, weight=RULE_MM)


def _field(page: Page, content: SheetContent, fold: float) -> None:
    """Draw the secret field below the fold line."""
    _fold_line(page, fold)
    share = qr.modules(content.share_code, "Q")
    side, quiet = len(share) * SHARE_MODULE_MM, QUIET_MODULES * SHARE_MODULE_MM
    (left, upper), (right, lower) = share_places((page.width, page.height), side)
    text_x = MARGIN_MM + side + 9
    page.text(MARGIN_MM, fold + 7, "CODE 1: SHARE, secret", _LABEL)
    page.code(left, upper, share, SHARE_MODULE_MM)
    page.text(text_x, fold + 7, "YOUR SHARE: SECRET", _HEAD)
    typed_lines(page, text_x, upper + 4, content.share_lines, style=_TYPED, pitch=8)
    page.text(page.width - MARGIN_MM, lower - quiet - 0.5, "CODE 1: SHARE, second print, secret", _LABEL, "right")
    page.code(right, lower, share, SHARE_MODULE_MM)
    _how_to_enter(page, content, upper + side + quiet + 3.5, right - quiet - 0.5)


def _fold_line(page: Page, y: float) -> None:
    """Draw the line and what to do along it."""
    words = "Fold this part up along the line, print inside: the share is hidden, the heading stays visible."
    page.line(0, y, page.width, y, weight=RULE_MM, dash=(3, 1.6))
    page.text(page.width / 2, y - 1.5, words, _SMALL, "centre")


def _how_to_enter(page: Page, content: SheetContent, y: float, right: float) -> None:
    """Say how the share is entered."""
    across = right - MARGIN_MM
    page.text(MARGIN_MM, y, "How to enter it", _HEAD)
    sentences = (
        "Scan code 1: both prints hold the same share, one is enough. Of all sheets together, code 2 is needed once.",
        "Or type lines 1 to 4: small letters will do, spaces do not matter. Each ends in a check character. "
        "For a character you cannot read type ?",
    )
    y += 5
    for sentence in sentences:
        y = page.paragraph(MARGIN_MM, y, across, sentence, _BODY) + 0.4
    if content.recovery_tool:
        page.paragraph(MARGIN_MM, y, across, NO_TERMINAL, _BODY_BOLD)


def typed_lines(
    page: Page,
    x: float,
    y: float,
    lines: tuple[str, ...],
    *,
    style: Style,
    pitch: float,
    first: int = 1,
    right: float | None = None,
) -> None:
    """Draw lines to be typed, numbered from ``first``, every second one on a tint that leads the eye to ``right``."""
    right = page.width - MARGIN_MM if right is None else right
    number_width = page.measure("00", _LINE_NUMBER) + 3
    check_x = x + number_width + page.measure(lines[0][:-1], style)
    page.text(check_x, y - pitch * 0.68 - 1.2, "check", _SMALL)
    for index, line in enumerate(lines, start=first):
        if (index - first) % 2 == 0:
            page.bar(x - 1, y - pitch * 0.68, right - x + 1, pitch, TINT)
        page.text(x + number_width - 3, y, str(index), _LINE_NUMBER, "right")
        page.text(x + number_width, y, line, style)
        y += pitch
