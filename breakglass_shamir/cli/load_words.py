# SPDX-License-Identifier: Apache-2.0
"""What a load drill showed, in lines for a screen."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from breakglass_shamir.custody.life.drill_rules import POINTS
from breakglass_shamir.custody.policy.tables import LOAD_STEPS, PERCENTS
from breakglass_shamir.operations.audit.load_plot import time_text
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.operations.load.running import LoadOutcome

_STEP, _TIME, _LIMIT = 20, 12, 12


def lines(found: "LoadOutcome") -> list[str]:
    """Return the lines."""
    terminals, rehearsals = counted(found.terminals, "terminal"), counted(found.at_once, "rehearsal")
    began = found.done + found.failed
    return [
        f"load drill {found.drill} {found.result}: {rehearsals} at once from {terminals}, "
        f"{found.done} of {began} came to a quorum, in {time_text(found.elapsed_ms)}",
        *(f"  {reason}" for reason in found.reasons),
        "",
        *_steps(found),
        "",
        *_alerts(found),
        f"{counted(found.records, 'record')} in the ledgers, all thrown away"
        + (f"; collected: {found.collected}" if found.collected >= 0 else ""),
        f"recorded: record {found.record}",
    ]


def _steps(found: "LoadOutcome") -> Iterator[str]:
    head = "".join(f"{f'p{percent}':>{_TIME}}{'limit':>{_LIMIT}}" for percent in PERCENTS)
    yield f"{'step':<{_STEP}}{head}"
    for step in LOAD_STEPS:
        if step in found.steps_ms:
            took, limits = found.steps_ms[step], found.limits_ms.get(step, (0,) * len(PERCENTS))
            cells = "".join(
                f"{time_text(took[POINTS.index(percent)]):>{_TIME}}{time_text(limit) if limit else '':>{_LIMIT}}"
                for percent, limit in zip(PERCENTS, limits, strict=True)
            )
            yield f"{step:<{_STEP}}{cells}".rstrip()


def _alerts(found: "LoadOutcome") -> Iterator[str]:
    for sink, (made, acknowledged, waiting) in found.alerts.items():
        yield f"sink {sink}: {counted(made, 'alert')} made, {acknowledged} acknowledged, {waiting} in the outbox"
    if not found.alerts:
        yield "nobody was told: no sink lets load drills at it"
