# SPDX-License-Identifier: Apache-2.0
"""Which records have the terminal's signature and the tree's root computed: all, or a sample nobody can foresee."""

import secrets
from typing import ClassVar, Protocol

ENDS = 2
"""Records at the beginning and at the end of a log that every sample holds."""

EVERY = 1024
"""One record in so many is looked at, on average."""


class Look(Protocol):
    """Decides record by record, asked once for each in order."""

    report_every: ClassVar[int]
    """How often it is worth telling how far things are, in records."""

    def at(self, number: int) -> bool:
        """Tell whether a record is looked at."""


class Everything:
    """Every record is looked at."""

    report_every: ClassVar[int] = 64

    def at(self, number: int) -> bool:
        """Look."""
        del number
        return True


class Sample:
    """The ends of a log, and records in between at distances from the system's generator."""

    report_every: ClassVar[int] = 4096

    def __init__(self, total: int) -> None:
        self._random = secrets.SystemRandom()
        self._tail = total - ENDS
        self._next = self._distance()

    def at(self, number: int) -> bool:
        """Tell whether a record is looked at."""
        if number < self._next and ENDS <= number < self._tail:
            return False
        if number >= self._next:
            self._next = number + self._distance()
        return True

    def _distance(self) -> int:
        return self._random.randrange(1, 2 * EVERY)
