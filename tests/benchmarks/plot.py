# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text, with nothing but this file: lines on two logarithmic scales, and ratios as dots on one.

Rules:

1. The same figures give the same bytes.
2. A plot reads in light and in dark: it has a background of its own, and its colours follow the reader's scheme.
3. A line has a colour, a mark of its own shape, and its name in the margin; no colour carries a meaning alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 960
LEFT, RIGHT, TOP = 78, 390, 54
HEIGHT = 400
"""Of a plot of lines; one of dots is as high as its rows."""

BOTTOM = 50
ROW = 24
NAMES = 470
"""Room for the names of a plot of dots."""

GAP = 17
"""Least distance of two names."""

_STYLE = """
svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #dfe3e8; --a: #0b5fc4; --b: #b04a00; --c: #1a7a35; }
@media (prefers-color-scheme: dark) {
svg { --page: #0d1117; --ink: #e6edf3; --soft: #9aa4af; --grid: #2b3138; --a: #6cb0ff; --b: #f59b55; --c: #56d06f; } }
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.title { font-weight: 600; font-size: 15px; }
.soft { fill: var(--soft); }
.page { fill: var(--page); }
.grid { stroke: var(--grid); stroke-width: 1; }
.limit { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }
.line { fill: none; stroke-width: 2.2; }
.least { fill: none; stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 3 4; }
.a { stroke: var(--a); } .b { stroke: var(--b); } .c { stroke: var(--c); }
.fa { fill: var(--a); } .fb { fill: var(--b); } .fc { fill: var(--c); }
"""

_COLOURS = "abc"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, and points of count and seconds; ``least`` is drawn as what is compared with."""

    name: str
    points: Sequence[tuple[float, float]]
    least: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    """One ratio, from lowest to highest, with its name."""

    name: str
    ratio: float
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """A logarithmic scale from one power of ten to another, over so many pixels."""

    low: int
    high: int
    start: float
    length: float

    def at(self, value: float) -> float:
        return self.start + self.length * (math.log10(value) - self.low) / (self.high - self.low)

    def powers(self) -> Iterator[int]:
        yield from range(self.low, self.high + 1)


def lines(title: str, across: str, drawn: Sequence[Line]) -> str:
    """Draw seconds against a count."""
    counts = [count for line in drawn for count, _ in line.points]
    times = [time for line in drawn for _, time in line.points]
    x = _Scale(*_powers(counts), LEFT, WIDTH - LEFT - RIGHT)
    y = _Scale(*_powers(times), HEIGHT - BOTTOM, -(HEIGHT - TOP - BOTTOM))
    parts = [*_grid(x, y), f'<text x="{LEFT}" y="{HEIGHT - 10}" class="soft">{escape(across)}</text>']
    ends = []
    for number, line in enumerate(sorted(drawn, key=lambda line: line.least)):
        at = [(x.at(count), y.at(time)) for count, time in line.points]
        path = " ".join(f"{across_px:.1f},{down:.1f}" for across_px, down in at)
        parts.append(f'<polyline class="{_stroke(number, line)}" points="{path}"/>')
        if not line.least:
            parts += [_mark(number, *place) for place in at]
        ends.append((at[-1][1], number, line))
    parts += _names(ends)
    return _whole(title, HEIGHT, parts)


def dots(title: str, across: str, drawn: Sequence[Dot]) -> str:
    """Draw ratios, one a row, with a line where both are equal."""
    height = TOP + ROW * len(drawn) + BOTTOM
    values = [value for dot in drawn for value in (dot.lowest, dot.highest)]
    x = _Scale(*_powers([*values, 1]), NAMES, WIDTH - NAMES - 30)
    floor = height - BOTTOM
    parts = []
    for power in x.powers():
        at = x.at(10.0**power)
        parts.append(
            f'<line class="{"limit" if power == 0 else "grid"}" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{floor}"/>'
        )
        parts.append(f'<text x="{at:.1f}" y="{floor + 18}" text-anchor="middle" class="soft">{10.0**power:g}</text>')
    parts.append(f'<text x="{NAMES}" y="{height - 8}" class="soft">{escape(across)}</text>')
    for number, dot in enumerate(drawn):
        at = TOP + ROW * (number + 0.5)
        parts.append(f'<text x="{NAMES - 12}" y="{at + 4:.1f}" text-anchor="end">{escape(dot.name)}</text>')
        low, high = x.at(dot.lowest), x.at(dot.highest)
        parts.append(f'<line class="line a" x1="{low:.1f}" y1="{at:.1f}" x2="{high:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<circle class="fa" cx="{x.at(dot.ratio):.1f}" cy="{at:.1f}" r="4.5"/>')
    return _whole(title, height, parts)


def time_text(power: int) -> str:
    """Write a power of ten of a second."""
    for least, unit in ((0, "s"), (-3, "ms"), (-6, "µs")):
        if power >= least:
            return f"{10 ** (power - least)} {unit}"
    return f"1e{power} s"


def _powers(values: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(min(values)))
    return low, max(math.ceil(math.log10(max(values))), low + 1)


def _grid(x: _Scale, y: _Scale) -> Iterator[str]:
    for power in x.powers():
        at = x.at(10.0**power)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" class="soft">{10**power:,}</text>'
    for power in y.powers():
        at = y.at(10.0**power)
        yield f'<line class="grid" x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" class="soft">{time_text(power)}</text>'


def _stroke(number: int, line: Line) -> str:
    return "least" if line.least else f"line {_COLOURS[number % len(_COLOURS)]}"


def _mark(number: int, x: float, y: float) -> str:
    """Return a mark: a dot, a square or a triangle."""
    colour, shape = _COLOURS[number % len(_COLOURS)], number % 3
    if shape == 0:
        return f'<circle class="f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    if shape == 1:
        return f'<rect class="f{colour}" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    return f'<path class="f{colour}" d="M{x:.1f} {y - 5.5:.1f} l5.5 9.5 h-11 z"/>'


def _names(ends: Sequence[tuple[float, int, Line]]) -> Iterator[str]:
    """Put each name in the margin, as high as its line ends, with its mark; none upon another."""
    free, left = -math.inf, WIDTH - RIGHT + 12
    for down, number, line in sorted(ends, key=lambda end: end[:2]):
        free = max(down, free + GAP)
        if line.least:
            yield f'<line class="least" x1="{left}" y1="{free:.1f}" x2="{left + 16}" y2="{free:.1f}"/>'
        else:
            yield _mark(number, left + 8, free)
        soft = ' class="soft"' if line.least else ""
        yield f'<text x="{left + 22}" y="{free + 4:.1f}"{soft}>{escape(line.name)}</text>'


def _whole(title: str, height: int, parts: Sequence[str]) -> str:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    inside = [
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text x="{LEFT}" y="28" class="title">{escape(title)}</text>',
        *parts,
    ]
    return "\n".join([head, *inside, "</svg>"]) + "\n"
