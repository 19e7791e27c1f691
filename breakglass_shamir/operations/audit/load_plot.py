# SPDX-License-Identifier: Apache-2.0
"""The plot of a load drill: how long each step took, on one logarithmic scale. Pure; SVG that stands in the page.

Rules:

1. The same figures give the same bytes. Nothing in it is a text that people or machines said, but names of steps.
2. A percentile has a mark of its own shape, and a limit a bar: no colour carries a meaning alone. Colours are the
   page's.
3. The table beside it says the same in numbers.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from breakglass_shamir.custody.life.drill_rules import NOT_REACHED, POINTS
from breakglass_shamir.custody.policy.duration import brief
from breakglass_shamir.custody.policy.tables import LOAD_STEPS, PERCENTS

WIDTH, ROW = 900, 38
LEFT, RIGHT, TOP, BOTTOM = 170, 30, 44, 34

_LEAST_MS = 1


def plot(steps_ms: Mapping[str, Sequence[int]], limits_ms: Mapping[str, Sequence[int]]) -> Markup:
    """Return the plot; nothing where no step was timed."""
    rows = [step for step in LOAD_STEPS if any(one != NOT_REACHED for one in steps_ms.get(step, ()))]
    if not rows:
        return Markup("")
    times = [one for step in rows for one in (*steps_ms[step], *limits_ms.get(step, ())) if one > 0]
    scale, height = _Scale(times or [_LEAST_MS]), TOP + ROW * len(rows) + BOTTOM
    parts = [*_legend(), *_grid(scale, height - BOTTOM)]
    for number, step in enumerate(rows):
        parts += _row(step, steps_ms[step], limits_ms.get(step, ()), scale, TOP + ROW * (number + 0.5))
    head = f'<svg class="load" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Times of each step">'
    return Markup("\n".join([head, *parts, "</svg>"]))  # noqa: S704 - numbers, and names that stand in the program


def rows(
    steps_ms: Mapping[str, Sequence[int]], limits_ms: Mapping[str, Sequence[int]]
) -> Iterator[tuple[str, Sequence[int], list[tuple[int, int]]]]:  # fmt: skip
    """Yield the rows of the table: a step, its times, and each percentile with its limit, 0 where there is none."""
    for step in LOAD_STEPS:
        if step in steps_ms:
            took, limits = steps_ms[step], limits_ms.get(step, (0,) * len(PERCENTS))
            at = [took[POINTS.index(percent)] for percent in PERCENTS]
            yield step, took, list(zip(at, limits, strict=True))


def time_text(milliseconds: int) -> str:
    """Write a percentile for people."""
    return "not reached" if milliseconds == NOT_REACHED else brief(milliseconds)


class _Scale:
    """Milliseconds to a place across, by powers of ten."""

    def __init__(self, times: Sequence[int]) -> None:
        self.low = math.floor(math.log10(max(_LEAST_MS, min(times))))
        self.high = max(math.ceil(math.log10(max(times))), self.low + 1)

    def at(self, milliseconds: float) -> float:
        part = (math.log10(max(_LEAST_MS, milliseconds)) - self.low) / (self.high - self.low)
        return LEFT + (WIDTH - LEFT - RIGHT) * max(0.0, part)


def _legend() -> Iterator[str]:
    at = float(LEFT)
    for percent in PERCENTS:
        yield _mark(percent, at, 16)
        yield f'<text x="{at + 12:.0f}" y="20">p{percent}</text>'
        at += 70
    yield _limit(at, 16)
    yield f'<text x="{at + 10:.0f}" y="20">limit, of the mark above it</text>'
    at += 210
    yield f'<line class="most" x1="{at:.0f}" y1="16" x2="{at + 30:.0f}" y2="16"/>'
    yield f'<text x="{at + 38:.0f}" y="20">all rehearsals; thick: the middle half</text>'


def _grid(scale: _Scale, floor: int) -> Iterator[str]:
    for power in range(scale.low, scale.high + 1):
        at = scale.at(10.0**power)
        yield f'<line class="grid" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{floor}"/>'
        text = f"{10**power} ms" if power < 3 else f"{10 ** (power - 3)} s"
        yield f'<text class="soft" x="{at:.1f}" y="{floor + 20}" text-anchor="middle">{text}</text>'


def _row(step: str, took: Sequence[int], limits: Sequence[int], scale: _Scale, at: float) -> Iterator[str]:
    yield f'<text x="{LEFT - 14}" y="{at + 4:.1f}" text-anchor="end">{step}</text>'
    reached = [one for one in took if one != NOT_REACHED]
    yield _line("most", scale.at(reached[0]), scale.at(reached[-1]), at)
    quarter, third = (took[POINTS.index(point)] for point in (25, 75))
    if third != NOT_REACHED:
        yield _line("half", scale.at(quarter), scale.at(third), at)
    for percent in reversed(PERCENTS):
        one = took[POINTS.index(percent)]
        if one != NOT_REACHED:
            yield f"<g><title>{step}, p{percent}: {brief(one)}</title>{_mark(percent, scale.at(one), at)}</g>"
    for percent, limit in zip(PERCENTS, limits, strict=False):
        if limit:
            yield f"<g><title>{step}, limit of p{percent}: {brief(limit)}</title>{_limit(scale.at(limit), at)}"
            yield f"{_mark(percent, scale.at(limit), at - 13, small=True)}</g>"


def _line(kind: str, start: float, end: float, at: float) -> str:
    return f'<line class="{kind}" x1="{start:.1f}" y1="{at:.1f}" x2="{end:.1f}" y2="{at:.1f}"/>'


def _limit(x: float, y: float) -> str:
    return f'<line class="limit" x1="{x:.1f}" y1="{y - 8:.1f}" x2="{x:.1f}" y2="{y + 8:.1f}"/>'


def _mark(percent: int, x: float, y: float, *, small: bool = False) -> str:
    """Return a mark: a dot, a square or a triangle."""
    size = 3.0 if small else 5.0
    # Where two percentiles are one time, both are seen: the triangle is drawn first and stands out.
    highest = size if small else 1.6 * size
    kind = "of-limit" if small else "mark"
    if percent == PERCENTS[0]:
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'
    if percent == PERCENTS[1]:
        side = 2 * size
        return f'<rect class="{kind}" x="{x - size:.1f}" y="{y - size:.1f}" width="{side}" height="{side}"/>'
    return f'<path class="{kind}" d="M{x:.1f} {y - highest:.1f} l{highest} {2 * highest} h{-2 * highest} z"/>'
