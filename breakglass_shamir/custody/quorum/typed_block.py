# SPDX-License-Identifier: Apache-2.0
"""The typed lines of one share or of one core, by number, while they come.

It decides nothing about a line; ``typing.py`` does.
"""

from dataclasses import dataclass, field

from breakglass_shamir.custody.quorum.typed_line import TypedLine


@dataclass(slots=True)
class Block:
    """The lines of one share, or of one core."""

    name: str
    first: int
    last: int
    lines: dict[int, TypedLine] = field(default_factory=dict, repr=False)
    unexpected: set[int] = field(default_factory=set)
    """Numbers that came out of turn: proven, but one slip in thirty proves a wrong number."""

    lost: set[int] = field(default_factory=set)
    latest: int = 0
    turn: int = 0
    """The latest line that came in turn."""

    def holds(self, number: int) -> bool:
        """Tell whether a number is one of this block's."""
        return self.first <= number <= self.last

    def doubtful(self) -> list[int]:
        """Return the numbers of lines that do not check."""
        return [number for number, line in self.lines.items() if line.proven != number]

    def expected(self) -> int:
        """Return the number of the line to come: after the last in turn, else the first missing or in doubt."""
        after = [*range(self.turn + 1, self.last + 1), *range(self.first, self.last + 1)]
        missing = (n for n in after if self.holds(n) and n not in self.lines and n not in self.lost)
        return next(missing, next(iter(self.doubtful()), self.first))

    def rows(self, *, without: set[int] | None = None) -> dict[int, str]:
        """Return the 24 symbols of each line, by number."""
        return {n: line.row for n, line in sorted(self.lines.items()) if n not in (without or set())}

    def put(self, number: int, line: TypedLine, *, expected: bool) -> None:
        """Put a line in its place, over what was there."""
        self.remove(number)
        self.lines[number] = line
        self.latest = number
        if expected:
            self.turn = number
        else:
            self.unexpected.add(number)

    def lose(self, number: int) -> None:
        """Take a line for lost."""
        self.remove(number)
        self.lost.add(number)
        self.latest = self.turn = number

    def remove(self, number: int) -> None:
        """Take a line out; it is expected again."""
        self.lines.pop(number, None)
        self.lost.discard(number)
        self.unexpected.discard(number)

    def clear(self) -> None:
        """Take every line out."""
        self.lines.clear()
        self.unexpected.clear()
        self.lost.clear()
        self.latest = self.turn = 0
