# SPDX-License-Identifier: Apache-2.0
"""How far a long test goes: part of its way in ``make test``, all of it in ``make long``."""

import os
from collections.abc import Sequence
from typing import TypeVar

WHOLE = os.environ.get("BREAKGLASS_LONG") == "1"
"""Whether long tests go all the way."""

Case = TypeVar("Case")

PART = 3
"""One in so many is tried otherwise."""


def examples(whole: int) -> int:
    """Return how many examples of a property are tried, of so many."""
    return whole if WHOLE else whole // PART


def some(cases: Sequence[Case]) -> Sequence[Case]:
    """Return the cases that are tried: every third, or all."""
    return cases if WHOLE else cases[::PART]
