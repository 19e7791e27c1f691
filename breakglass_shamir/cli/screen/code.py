# SPDX-License-Identifier: Apache-2.0
"""A QR code on the screen, of public data only: two rows of modules in one line of half blocks.

Where colours may be used, dark modules are black on white whatever the terminal's own colours; elsewhere the light
modules are drawn, which is right on a dark screen and what most telephones also read the other way round.
"""

from breakglass_shamir.paper.drawing import qr

QUIET_MODULES = 2
"""White around the code; on a lit screen half of what paper needs is enough."""

_BLACK_ON_WHITE, _RESET = "\x1b[30;107m", "\x1b[0m"
_HALVES = {(False, False): " ", (True, False): "\N{UPPER HALF BLOCK}", (False, True): "\N{LOWER HALF BLOCK}",
           (True, True): "\N{FULL BLOCK}"}  # fmt: skip
"""Which character paints which of two modules, one above the other."""


def lines(text: str, *, color: bool) -> list[str]:
    """Return the lines that show a text as a code.

    Raises:
        PaperError: it fits no code.
    """
    matrix = qr.modules(text, "L")
    side = len(matrix) + 2 * QUIET_MODULES
    blank = (False,) * side
    edge = (False,) * QUIET_MODULES
    rows = [*[blank] * QUIET_MODULES, *((*edge, *row, *edge) for row in matrix), *[blank] * QUIET_MODULES]
    if len(rows) % 2:
        rows.append(blank)
    painted = ["".join(_HALVES[_paint(pair, color=color)] for pair in zip(*rows[i : i + 2], strict=True))
               for i in range(0, len(rows), 2)]  # fmt: skip
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in painted] if color else painted


def width(painted: list[str]) -> int:
    """Return how many columns the lines take."""
    return len(painted[0].removeprefix(_BLACK_ON_WHITE).removesuffix(_RESET))


def _paint(pair: tuple[bool, ...], *, color: bool) -> tuple[bool, bool]:
    upper, lower = pair
    return (upper, lower) if color else (not upper, not lower)
