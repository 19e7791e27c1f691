# SPDX-License-Identifier: Apache-2.0
"""The sizes of paper, for who draws a page and for who hands it to a printer."""

from typing import Literal

Paper = Literal["a4", "letter"]
Size = tuple[float, float]
"""Width and height, mm."""

PAPER_SIZES_MM: dict[Paper, Size] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""What a printer has in its tray."""

HALF_SIZES_MM: dict[Paper, Size] = {"a4": (148.0, 210.0), "letter": (139.7, 215.9)}
"""The half of each paper, upright: A5 and half letter. One cut across the middle of the paper makes it."""

POINTS_PER_MM = 72 / 25.4
"""PDF user space units in a millimetre."""
