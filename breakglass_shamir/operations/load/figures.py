# SPDX-License-Identifier: Apache-2.0
"""Percentiles of the steps of a load drill, and what they are held against. Pure.

A percentile is the nearest rank: the least time that so many of all rehearsals kept to. A rehearsal that did not come
to a step counts as one that took longer than every other; where a percentile falls on one, it is -1.
"""

from collections.abc import Iterator, Mapping, Sequence

from breakglass_shamir.custody.life.drill_rules import NOT_REACHED, POINTS
from breakglass_shamir.custody.policy.duration import brief
from breakglass_shamir.custody.policy.tables import LOAD_STEPS, PERCENTS, LoadDrill

MOST_REASONS = 100
"""So many reasons are on record; of the others it is said how many they are."""


def percentile(took: Sequence[int], count: int, percent: int) -> int:
    """Return a percentile of some times.

    Args:
        took: of those that came to the step, ascending.
        count: of all; more than came to it count as longer than all.
        percent: from 0 to 100.
    """
    rank = max(1, -(-count * percent // 100))
    return took[rank - 1] if rank <= len(took) else NOT_REACHED


def steps(played: Sequence[Mapping[str, int]]) -> dict[str, tuple[int, ...]]:
    """Return the percentiles of each step that any rehearsal came to.

    Args:
        played: milliseconds by step, of each rehearsal.
    """
    found = {}
    for step in LOAD_STEPS:
        took = sorted(one[step] for one in played if step in one)
        if took:
            found[step] = tuple(percentile(took, len(played), point) for point in POINTS)
    return found


def limits_ms(load: LoadDrill) -> dict[str, tuple[int, ...]]:
    """Return the limits as the record holds them."""
    found = {}
    for one in load.limits:
        allowed = (one.at(percent) for percent in PERCENTS)
        found[str(one.step)] = tuple(limit.seconds * 1000 if limit else 0 for limit in allowed)
    return found


def over(found: Mapping[str, Sequence[int]], limits: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Yield each limit that was passed, a sentence each."""
    for step, allowed in limits.items():
        for percent, limit in zip(PERCENTS, allowed, strict=True):
            if not limit or step not in found:
                continue
            took = found[step][POINTS.index(percent)]
            if took == NOT_REACHED:
                yield f"{step}: too few rehearsals came to it for a p{percent}, which is limited to {brief(limit)}"
            elif took > limit:
                yield f"{step}: p{percent} is {brief(took)}, limited to {brief(limit)}"


def unmeasured(found: Mapping[str, Sequence[int]], limits: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Yield each step that has a limit and no time: it says nothing of the limit."""
    for step in limits:
        if step not in found:
            yield f"{step}: limited, and no rehearsal came to it"


def few(reasons: Sequence[str]) -> tuple[str, ...]:
    """Return each reason once, as many as a record has room for, and how many more there are."""
    each = [*dict.fromkeys(reasons)]
    more = len(each) - MOST_REASONS
    return (*each[:MOST_REASONS], *([f"and {more} more"] if more > 0 else []))
