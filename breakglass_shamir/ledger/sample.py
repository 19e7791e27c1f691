# SPDX-License-Identifier: Apache-2.0
"""Which records have the terminal's signature and the tree's root computed: all, or a sample nobody can foresee."""

import secrets
from typing import ClassVar, Protocol

ENDS = 2
"""Records at the beginning and at the end of a log that every sample holds."""

EVERY = 2048
"""One record in so many is looked at, on average."""


class Look(Protocol):
    """Says which records are looked at."""

    report_every: ClassVar[int]
    """How often it is worth telling how far things are, in records."""

    def after(self, number: int) -> int:
        """Return the next record that is looked at after a record; -1: the first of all."""


class Everything:
    """Every record is looked at."""

    report_every: ClassVar[int] = 64

    def after(self, number: int) -> int:
        """Return the next one."""
        return number + 1


class Sample:
    """The ends of a log, and records in between at distances from the system's generator."""

    report_every: ClassVar[int] = 4096

    def __init__(self, total: int) -> None:
        self._random = secrets.SystemRandom()
        self._tail = total - ENDS

    def after(self, number: int) -> int:
        """Return one that nobody can foresee, at most the first of the end."""
        following = number + 1
        if following < ENDS or following >= self._tail:
            return following
        return min(self._tail, number + self._random.randrange(1, 2 * EVERY))
