# SPDX-License-Identifier: Apache-2.0
"""One page, measured in millimetres from its upper left corner.

Rules:

1. Everything above this module thinks in mm and downwards; points and reportlab's upward axis end here.
2. One accent colour; whatever it marks is also bold or framed, so that nothing is lost in black and white.
3. The document's metadata is neutral and its bytes depend on its content only: no title, date or path tells
   what it is about.

It knows nothing of shares, sheets or codes' meaning.
"""

import io
from dataclasses import dataclass
from typing import Literal

from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.paper import qr
from breakglass_shamir.paper.typeface import Face, fit, register, width, wrap

Paper = Literal["a4", "letter"]

PAPER_SIZES_MM: dict[Paper, tuple[float, float]] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Width and height, mm."""

POINTS_PER_MM = 72 / 25.4
"""PDF user space units in a millimetre."""

Colour = tuple[float, float, float]
INK: Colour = (0.07, 0.07, 0.09)
FAINT: Colour = (0.29, 0.30, 0.33)
ACCENT: Colour = (0.66, 0.07, 0.13)
TINT: Colour = (0.945, 0.945, 0.95)
WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)

_LINE_SPACING = 1.36
"""Leading as a multiple of the size."""


@dataclass(frozen=True, slots=True)
class Style:
    """A face at a size in a colour; size in points."""

    face: Face
    size: float
    colour: Colour = INK

    @property
    def leading_mm(self) -> float:
        """Distance between base lines, mm."""
        return self.size * _LINE_SPACING / POINTS_PER_MM


class Page:
    """A document under construction; draws on its current page."""

    def __init__(self, paper: Paper, title: str) -> None:
        self.width, self.height = PAPER_SIZES_MM[paper]
        self._buffer = io.BytesIO()
        size = (self.width * POINTS_PER_MM, self.height * POINTS_PER_MM)
        self._canvas = Canvas(self._buffer, pagesize=size, invariant=1, pageCompression=1)
        self._canvas.setTitle(title)
        for setter in (self._canvas.setAuthor, self._canvas.setCreator, self._canvas.setProducer):
            setter("breakglass-shamir")
        self._canvas.setSubject("")

    def next(self) -> None:
        """Finish the current page and begin another of the same size."""
        self._canvas.showPage()

    def finish(self) -> bytes:
        """Return the PDF."""
        self._canvas.save()
        return self._buffer.getvalue()

    def text(
        self, x: float, y: float, text: str, style: Style, align: Literal["left", "right", "centre"] = "left"
    ) -> None:
        """Write one line with its base line at ``y``."""
        self._canvas.setFont(register(style.face), style.size)
        self._canvas.setFillColorRGB(*style.colour)
        shift = {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * width(text, style.face, style.size)
        self._canvas.drawString(x * POINTS_PER_MM - shift, self._up(y), text)

    def paragraph(self, x: float, y: float, available: float, text: str, style: Style) -> float:
        """Write wrapped lines, the first base line at ``y``; return where the next base line would be."""
        for line in wrap(text, style.face, style.size, available * POINTS_PER_MM):
            self.text(x, y, line, style)
            y += style.leading_mm
        return y

    def height_of(self, text: str, available: float, style: Style) -> float:
        """Return how far down ``paragraph`` would go, mm."""
        return len(wrap(text, style.face, style.size, available * POINTS_PER_MM)) * style.leading_mm

    def fitted(
        self,
        x: float,
        y: float,
        available: float,
        text: str,
        style: Style,
        *,
        smallest: float,
        lines: int = 1,
    ) -> float:
        """Write a text that shrinks to ``smallest`` points to fit; return where the next base line would be.

        Raises:
            InvalidInput: it does not fit.
        """
        size, _ = fit(text, style.face, style.size, available * POINTS_PER_MM, smallest=smallest, lines=lines)
        return self.paragraph(x, y, available, text, Style(style.face, size, style.colour))

    def measure(self, text: str, style: Style) -> float:
        """Return a text's width in mm."""
        return width(text, style.face, style.size) / POINTS_PER_MM

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        weight: float = 0.25,
        colour: Colour = INK,
        dash: tuple[float, float] | None = None,
    ) -> None:
        """Draw a straight line; weight and dash in mm."""
        self._canvas.setStrokeColorRGB(*colour)
        self._canvas.setLineWidth(weight * POINTS_PER_MM)
        self._canvas.setDash([length * POINTS_PER_MM for length in dash] if dash else [])
        self._canvas.line(x1 * POINTS_PER_MM, self._up(y1), x2 * POINTS_PER_MM, self._up(y2))
        self._canvas.setDash([])

    def bar(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        """Fill a rectangle whose upper left corner is given."""
        self._canvas.setFillColorRGB(*colour)
        self._canvas.rect(
            x * POINTS_PER_MM,
            self._up(y + down),
            across * POINTS_PER_MM,
            down * POINTS_PER_MM,
            stroke=0,
            fill=1,
        )

    def code(self, x: float, y: float, matrix: qr.Matrix, module: float) -> float:
        """Draw a QR code whose first dark module's upper left corner is given; return its side in mm.

        The caller keeps ``qr.QUIET_MODULES`` modules free around it.
        """
        side = len(matrix) * module
        self._canvas.setFillColorRGB(*BLACK)
        qr.draw(self._canvas, matrix, x * POINTS_PER_MM, self._up(y + side), module * POINTS_PER_MM)
        return side

    def _up(self, y: float) -> float:
        return (self.height - y) * POINTS_PER_MM
