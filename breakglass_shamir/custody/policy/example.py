# SPDX-License-Identifier: Apache-2.0
"""A text that a ticket's pattern matches, for people who cannot read patterns: ``INC-1234`` for ``INC-[0-9]{4,}``.

Rules:

1. It is an example and decides nothing. It is shown only if RE2 says that it matches; of a pattern that this module
   cannot follow there is none.
2. The pattern is read from left to right; of several choices the first is taken, of what may be left out nothing, and
   what may repeat does so a few times, read anew each time. Pattern, example and steps have a bound each.
"""

import re
from dataclasses import dataclass, field

from breakglass_shamir.custody.policy import pattern as patterns

MAX_CHARACTERS = 40
"""Longest example; a longer one helps nobody."""

_MOST_STEPS = 2000
"""Characters, classes and groups that are read at most."""

_MANY = {"1": 4, "A": 3, "a": 3}
"""How often a digit or letter stands where there is no end."""

_DIGITS, _UPPER, _LOWER = "1234567890", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_FIRST = _DIGITS + _UPPER + _LOWER + "-_./ "
"""Characters in the order in which they are tried."""

_REPEATED = re.compile(r"(?:([*+?])|\{(\d+)(?:,(\d*))?\})\??")
_GROUP = re.compile(r"\(\?(?:[imsU-]*:|P?<[A-Za-z_]\w*>)")
_PLAIN_GROUP = re.compile(r"\((?!\?)")
_FLAGS = re.compile(r"\(\?[imsU-]+\)")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|\[(?!:)|[^\[\]\\])*\]")
_ESCAPED = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]+\}|.)", re.DOTALL)
_NOWHERE = frozenset({"\\b", "\\B", "\\A", "\\z"})


class _UnfollowedError(Exception):
    """The pattern has what is not read here, or takes too long, or the example is too long."""


def of(pattern: str) -> str:
    """Return a text that a pattern matches; empty where none was found, or any word will do."""
    if pattern == r"\S+" or patterns.unusable(pattern):
        return ""
    reader = _Reader(pattern)
    try:
        found = reader.choice()
    except _UnfollowedError:
        return ""
    return found if reader.at == len(pattern) and not patterns.mismatch(pattern, found) else ""


@dataclass(slots=True)
class _Reader:
    """Reads a pattern, and writes what it means."""

    pattern: str
    at: int = 0
    _steps: int = 0
    _used: dict[str, int] = field(default_factory=dict)
    """How often each row of characters was drawn from, so that digits follow each other."""

    def choice(self) -> str:
        """Read alternatives; returns the first."""
        first = self._sequence()
        while self._next("|"):
            self._sequence()
        return first

    def _sequence(self) -> str:
        parts: list[str] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            parts.append(self._repeated())
            if sum(map(len, parts)) > MAX_CHARACTERS:
                raise _UnfollowedError
        return "".join(parts)

    def _repeated(self) -> str:
        start, drawn = self.at, dict(self._used)
        once = self._one()
        found = _REPEATED.match(self.pattern, self.at)
        if found is None:
            return once
        end, fewest = found.end(), self._fewest(found, once)
        if fewest * len(once) > MAX_CHARACTERS:
            raise _UnfollowedError
        self._used = drawn
        parts = []
        for _ in range(fewest):
            self.at = start
            parts.append(self._one())
        self.at = end
        return "".join(parts)

    @staticmethod
    def _fewest(found: re.Match[str], once: str) -> int:
        sign, low, high = found.groups()
        if sign:
            return _MANY.get(once, 1) if sign == "+" else 0
        return max(int(low), min(_MANY.get(once, 1), int(high))) if high else int(low)

    def _one(self) -> str:
        """Read one character, class or group."""
        self._steps += 1
        if self._steps > _MOST_STEPS or _FLAGS.match(self.pattern, self.at):
            raise _UnfollowedError
        if group := _GROUP.match(self.pattern, self.at) or _PLAIN_GROUP.match(self.pattern, self.at):
            self.at = group.end()
            inside = self.choice()
            if not self._next(")"):
                raise _UnfollowedError
            return inside
        if found := _CLASS.match(self.pattern, self.at) or _ESCAPED.match(self.pattern, self.at):
            self.at = found.end()
            return self._drawn(found[0])
        sign = self.pattern[self.at]
        self.at += 1
        if sign in "^$":
            return ""
        if sign in "*+?{}()[]":
            raise _UnfollowedError
        return self._drawn(sign) if sign == "." else sign

    def _drawn(self, shape: str) -> str:
        """Return the next character that a class or an escape takes."""
        if shape in _NOWHERE:
            return ""
        row = [one for one in _FIRST if not patterns.mismatch(shape, one)]
        if not row:
            raise _UnfollowedError
        kind = next((one for one in (_DIGITS, _UPPER, _LOWER) if row[0] in one), row[0])
        row = [one for one in row if one in kind]
        number = self._used[row[0]] = self._used.get(row[0], -1) + 1
        return row[number % len(row)]

    def _next(self, sign: str) -> bool:
        found = self.pattern.startswith(sign, self.at)
        self.at += found
        return found
