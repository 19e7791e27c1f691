# SPDX-License-Identifier: Apache-2.0
"""Lengths of time as people say them, in one unit, and times of day."""

from datetime import UTC, datetime


def age(seconds: int) -> str:
    """Return a length of time in its largest whole unit: ``40 s``, ``3 min``, ``5 h``, ``12 days``."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def clock_time(iso: str) -> str:
    """Return a moment as the clock on the wall shows it: ``21:14``, with its day where that is not today.

    Args:
        iso: ISO time with its zone, as records have it.
    """
    then = datetime.fromisoformat(iso).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return then.strftime("%H:%M" if then.date() == today else "%Y-%m-%d %H:%M")
