# SPDX-License-Identifier: Apache-2.0
"""The instant after which nothing is waited for any more.

A time-out of each step is no bound: whoever sends a byte before each of them ends is waited for for ever. So a
question, a delivery, a run has one deadline, and every step of it asks how long is left.
"""

import errno
import time


class Deadline:
    """An instant, by a clock that nobody sets."""

    __slots__ = ("_end", "limit_s")

    def __init__(self, limit_s: float) -> None:
        """Begin to count.

        Args:
            limit_s: how long from now, in seconds.
        """
        self.limit_s = limit_s
        self._end = time.monotonic() + limit_s

    @property
    def left_s(self) -> float:
        """How long is left, in seconds; 0 where nothing is."""
        return max(0.0, self._end - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self.left_s == 0.0

    def require_s(self) -> float:
        """Return how long is left, in seconds, above 0.

        Raises:
            TimeoutError: nothing is.
        """
        left_s = self.left_s
        if left_s == 0.0:
            raise TimeoutError(errno.ETIMEDOUT, f"no end within {self.limit_s:g} s")
        return left_s

    def sooner(self, limit_s: float) -> "Deadline":
        """Return a deadline so many seconds from now, or this one's if that is sooner."""
        return Deadline(min(limit_s, self.left_s))
