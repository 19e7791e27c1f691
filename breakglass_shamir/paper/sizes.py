# SPDX-License-Identifier: Apache-2.0
"""The sizes of paper and where the codes lie on it, for who draws a page, hands it to a printer, or looks for them."""

from typing import Literal

Paper = Literal["a4", "letter"]
Size = tuple[float, float]
"""Width and height, mm."""

Place = tuple[float, float]
"""Distance from the left and from the upper edge, mm."""

PAPER_SIZES_MM: dict[Paper, Size] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""What a printer has in its tray."""

HALF_SIZES_MM: dict[Paper, Size] = {"a4": (148.0, 210.0), "letter": (139.7, 215.9)}
"""The half of each paper, upright: A5 and half letter. One cut across the middle of the paper makes it."""

POINTS_PER_MM = 72 / 25.4
"""PDF user space units in a millimetre."""

MARGIN_MM = 15.0
"""Left and right margin of every page; all codes but the second print of a share begin at the left one."""

FOOTER_MM = 8.0
"""Base line of the footer, from the lower edge; printers reach 5 mm."""

FIELD_MM = 95.0
"""Height of a sheet's secret field, from the fold line to the lower edge."""

QUIET_MODULES = 4
"""Modules that stay white around a code, ISO/IEC 18004 section 9.1."""

SHARE_MODULE_MM = 0.8
"""Side of one module of the share code; below 0.75 photographs begin to fail."""

ENVELOPE_MODULES_MM = (0.85, 0.8, 0.75, 0.7, 0.65, 0.6)
"""Sides tried for the envelope code, the largest that fits wins."""


def share_places(paper: Size, side: float) -> tuple[Place, Place]:
    """Return the upper left corners of a sheet's two share codes, mm.

    Args:
        paper: width and height, mm.
        side: of the code, mm.
    """
    width, height = paper
    upper = height - FIELD_MM + 8 + QUIET_MODULES * SHARE_MODULE_MM
    return (MARGIN_MM, upper), (width - MARGIN_MM - side, height - FOOTER_MM - 5.5 - side)
