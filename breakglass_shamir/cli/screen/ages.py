# SPDX-License-Identifier: Apache-2.0
"""Lengths of time as people say them, in one unit."""


def age(seconds: int) -> str:
    """Return a length of time in its largest whole unit: ``40 s``, ``3 min``, ``5 h``, ``12 days``."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
