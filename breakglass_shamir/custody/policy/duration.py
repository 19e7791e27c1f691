# SPDX-License-Identifier: Apache-2.0
"""Lengths of time as a policy writes them: ``90d``, ``1h``, ``30m``, ``45s``.

One number, one unit, no sum and no fraction, so that the same length is never written two ways by accident.
"""

import re

from breakglass_shamir.errors import InvalidInput

DURATION_PATTERN = "^[1-9][0-9]{0,5}[smhd]$"
"""What a duration looks like, as a JSON Schema writes patterns."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


class Duration:
    """A length of time, written ``90d``, ``1h``, ``30m`` or ``45s``."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    @classmethod
    def parse(cls, written: str) -> "Duration":
        """Read a duration.

        Raises:
            InvalidInput: not a whole number followed by s, m, h or d.
        """
        match = _DURATION.fullmatch(written)
        if match is None:
            raise InvalidInput(f"expected a duration such as 45s, 30m, 1h or 90d, got {written[:20]!r}")
        return cls(int(match[1]) * _UNITS_S[match[2]])

    def __str__(self) -> str:
        for unit, size in reversed(_UNITS_S.items()):
            if self.seconds % size == 0:
                return f"{self.seconds // size}{unit}"
        raise AssertionError("a second divides every duration")

    def __repr__(self) -> str:
        return f"Duration({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.seconds == other.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)


def in_words(seconds: int) -> str:
    """Say how long a time was, in its two largest units."""
    parts = list[str]()
    for name, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def brief(milliseconds: int) -> str:
    """Write a time that was measured, in milliseconds or seconds."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
