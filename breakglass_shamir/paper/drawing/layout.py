# SPDX-License-Identifier: Apache-2.0
"""One page, measured in millimetres from its upper left corner.

Rules:

1. Everything above this module thinks in mm and downwards; points and reportlab's upward axis end here.
2. One accent colour, dark enough to be copied; whatever it marks is also bold or framed, so that nothing is lost
   in black and white.
3. The document's metadata is neutral and its bytes depend on its content only: no title, date or path tells
   what it is about.
4. What has to outlive a copy of a copy has thick stems and no grey: a copier loses the rest.
5. A viewer that heeds what a document wishes prints it at its own size, and on as many sides as it is made for.

It knows nothing of shares, sheets or codes' meaning.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from reportlab.pdfgen.canvas import Canvas

from breakglass_shamir.paper.drawing import qr
from breakglass_shamir.paper.drawing.typeface import Face, fit, outline, register, width, wrap
from breakglass_shamir.paper.sizes import POINTS_PER_MM, Size

Sides = Literal["Simplex", "DuplexFlipLongEdge"]
"""On how many sides of the paper a document is printed, ISO 32000-1 table 150."""

Colour = tuple[float, float, float]
INK: Colour = (0.07, 0.07, 0.09)
FAINT: Colour = (0.29, 0.30, 0.33)
ACCENT: Colour = (0.56, 0.03, 0.09)
TINT: Colour = (0.945, 0.945, 0.95)
WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)

_PDF_VERSION = (1, 7)
"""The first that knows both viewer preferences, ISO 32000-1 table 150."""

_FILL_AND_STROKE: Literal[2] = 2
_ROUND: Literal[1] = 1
"""Text rendering mode and line join, ISO 32000-1 tables 106 and 55; mitred corners of letters would be spikes."""

_LINE_SPACING = 1.36
"""Leading as a multiple of the size."""


SEMIBOLD_MM, HEAVY_MM = 0.52, 0.85
"""Stems of running text that outlives a copy of a copy, and of what is told from it."""

RULE_MM = 0.5
"""Weight of a line that outlives a copy of a copy."""


@dataclass(frozen=True, slots=True)
class Style:
    """A face at a size in a colour.

    Attributes:
        face: its name.
        size: points.
        colour: of the letters and of their outline.
        stem: how thick upright strokes are wanted, mm; thinner ones get an outline. No letter moves for it.
    """

    face: Face
    size: float
    colour: Colour = INK
    stem: float = 0.0

    @property
    def leading_mm(self) -> float:
        """Distance between base lines, mm."""
        return self.size * _LINE_SPACING / POINTS_PER_MM


@contextmanager
def _in_binary() -> Iterator[None]:
    """Have streams written as they are: written as text they take a quarter more room, and of the time to draw too."""
    from reportlab import rl_config

    before, rl_config.useA85 = rl_config.useA85, 0
    try:
        yield
    finally:
        rl_config.useA85 = before


class Page:
    """A document under construction; draws on its current page."""

    def __init__(self, size: Size, title: str, *, sides: Sides | None = None) -> None:
        self.width, self.height = size
        self._buffer = io.BytesIO()
        points = (self.width * POINTS_PER_MM, self.height * POINTS_PER_MM)
        self._canvas = Canvas(self._buffer, pagesize=points, invariant=1, pageCompression=1, pdfVersion=_PDF_VERSION)
        self._canvas.setViewerPreference("PrintScaling", "None")
        if sides:
            self._canvas.setViewerPreference("Duplex", sides)
        self._canvas.setTitle(title)
        for setter in (self._canvas.setAuthor, self._canvas.setCreator, self._canvas.setProducer):
            setter("breakglass-shamir")
        self._canvas.setSubject("")

    def next(self) -> None:
        """Finish the current page and begin another of the same size."""
        self._canvas.showPage()

    def finish(self) -> bytes:
        """Return the PDF."""
        with _in_binary():
            self._canvas.save()
        return self._buffer.getvalue()

    @contextmanager
    def turned(self, size: Size) -> Iterator[None]:
        """Draw on an area in the upper left corner as on a page of that size, its top at the left edge."""
        whole = (self.width, self.height)
        self._canvas.saveState()
        self._canvas.translate(size[1] * POINTS_PER_MM, (self.height - size[0]) * POINTS_PER_MM)
        self._canvas.rotate(90)
        self.width, self.height = size
        try:
            yield
        finally:
            self.width, self.height = whole
            self._canvas.restoreState()

    def text(
        self, x: float, y: float, text: str, style: Style, align: Literal["left", "right", "centre"] = "left"
    ) -> None:
        """Write one line with its base line at ``y``."""
        self._canvas.setFont(register(style.face), style.size)
        self._canvas.setFillColorRGB(*style.colour)
        shift = {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * width(text, style.face, style.size)
        weight = outline(style.face, style.size, style.stem * POINTS_PER_MM)
        if weight:
            self._canvas.setStrokeColorRGB(*style.colour)
            self._canvas.setLineWidth(weight)
            self._canvas.setLineJoin(_ROUND)
        self._canvas.drawString(x * POINTS_PER_MM - shift, self._up(y), text, mode=_FILL_AND_STROKE if weight else None)

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
        return self.paragraph(x, y, available, text, replace(style, size=size))

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

        The caller keeps ``sizes.QUIET_MODULES`` modules free around it.
        """
        side = len(matrix) * module
        self._canvas.setFillColorRGB(*BLACK)
        qr.draw(self._canvas, matrix, x * POINTS_PER_MM, self._up(y + side), module * POINTS_PER_MM)
        return side

    def _up(self, y: float) -> float:
        return (self.height - y) * POINTS_PER_MM
