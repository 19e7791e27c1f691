# SPDX-License-Identifier: Apache-2.0
"""The quorum structure: ``group_threshold`` of the groups, in each group ``threshold`` of its members.

Rules:

1. One group is plain k-of-n and has no group level: its number is 1 and its group threshold 1.
2. The smallest coalition that opens holds two sheets or more.
3. At most 255 sheets in all, at most 16 groups.

Who holds a sheet is not known here; the policy adds that.
"""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from breakglass_shamir.errors import InvalidStructure

MAX_SHEETS = 255
"""Sheets of one epoch, over all groups."""

MAX_GROUPS = 16
"""Groups of one epoch."""

Seat = tuple[int, int]
"""Group and member, both from 1: the place of one sheet."""


@dataclass(frozen=True, slots=True)
class Group:
    """``threshold`` of ``members`` (docs/spec/1-cryptography.md, "Two levels").

    Attributes:
        threshold: sheets of this group that it takes, from 1.
        members: sheets of this group in all, up to 255.
    """

    threshold: int
    members: int


@dataclass(frozen=True, slots=True)
class Structure:
    """A two-level quorum structure; an invalid one cannot be made (docs/spec/1-cryptography.md, "Two levels").

    Plain 3 of 5 is ``Structure(1, (Group(3, 5),))``.

    Attributes:
        group_threshold: groups that it takes, from 1.
        groups: 1 to 16 of them; their numbers count from 1.

    Raises:
        InvalidStructure: with the number that is wrong.
    """

    group_threshold: int
    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        """Refuse what must not exist."""
        self._check_types()
        self._check_groups()
        if not 1 <= self.group_threshold <= len(self.groups):
            raise InvalidStructure(
                f"expected a group threshold from 1 to {len(self.groups)}, got {self.group_threshold}"
            )
        if self.smallest_coalition < 2:
            raise InvalidStructure("one person alone could open this: expected a coalition of 2 or more sheets")

    def _check_types(self) -> None:
        if not isinstance(self.groups, tuple) or not all(isinstance(group, Group) for group in self.groups):
            raise InvalidStructure("expected a tuple of groups", hint="3 of 5 is: Structure(1, (Group(3, 5),))")
        counts = [self.group_threshold, *(n for group in self.groups for n in (group.threshold, group.members))]
        if not all(type(count) is int for count in counts):
            raise InvalidStructure("expected whole numbers as thresholds and members, got something else")

    def _check_groups(self) -> None:
        if not 1 <= len(self.groups) <= MAX_GROUPS:
            raise InvalidStructure(f"expected 1 to {MAX_GROUPS} groups, got {len(self.groups)}")
        for number, group in enumerate(self.groups, 1):
            if not 1 <= group.threshold <= group.members:
                raise InvalidStructure(
                    f"expected a threshold from 1 to {group.members} in group {number}, got {group.threshold}"
                )
        if self.sheets > MAX_SHEETS:
            raise InvalidStructure(f"expected at most {MAX_SHEETS} sheets, got {self.sheets}")

    @property
    def sheets(self) -> int:
        """Sheets over all groups."""
        return sum(group.members for group in self.groups)

    @property
    def smallest_coalition(self) -> int:
        """Fewest sheets that open."""
        return sum(sorted(group.threshold for group in self.groups)[: self.group_threshold])

    @property
    def most_losses(self) -> int:
        """Most sheets that can be lost, whichever they are, before no quorum is left."""
        spare = sorted(group.members - group.threshold for group in self.groups)
        groups_that_may_fail = len(self.groups) - self.group_threshold
        return sum(spare_in_group + 1 for spare_in_group in spare[: groups_that_may_fail + 1]) - 1

    def seats(self) -> Iterator[Seat]:
        """Yield every sheet's place, by group and member. Never raises."""
        for number, group in enumerate(self.groups, 1):
            for member in range(1, group.members + 1):
                yield number, member

    def index(self, seat: Seat) -> int:
        """Return a seat's place in the order of :meth:`seats`, from 0.

        Raises:
            InvalidStructure: no such seat.
        """
        group, member = seat
        if not (1 <= group <= len(self.groups) and 1 <= member <= self.groups[group - 1].members):
            raise InvalidStructure(f"expected a sheet of this epoch, got {group}.{member}")
        return sum(earlier.members for earlier in self.groups[: group - 1]) + member - 1

    def complete_groups(self, seats: Collection[Seat]) -> list[int]:
        """Return the groups whose threshold these seats satisfy. Never raises."""
        held = [len({m for g, m in seats if g == number}) for number in range(1, len(self.groups) + 1)]
        return [n for n, group in enumerate(self.groups, 1) if held[n - 1] >= group.threshold]

    def is_quorum(self, seats: Collection[Seat]) -> bool:
        """Tell whether these seats open. Never raises."""
        return len(self.complete_groups(seats)) >= self.group_threshold

    def minimal_quorums(self) -> Iterator[tuple[Seat, ...]]:
        """Yield every smallest-by-inclusion set of seats that opens; there may be very many. Never raises."""
        for chosen in itertools.combinations(range(1, len(self.groups) + 1), self.group_threshold):
            picks = [
                itertools.combinations(
                    [(number, member) for member in range(1, self.groups[number - 1].members + 1)],
                    self.groups[number - 1].threshold,
                )
                for number in chosen
            ]
            for combination in itertools.product(*picks):
                yield tuple(itertools.chain.from_iterable(combination))

    def in_words(self) -> str:
        """Say what is needed, for a sheet: ``any 3 of these 5 sheets``. Never raises."""
        if len(self.groups) == 1:
            return f"any {self.groups[0].threshold} of these {self.groups[0].members} sheets"
        parts = [f"{g.threshold} of {g.members} in group {n}" for n, g in enumerate(self.groups, 1)]
        if self.group_threshold == len(self.groups):
            return ", and ".join(parts)
        return f"{self.group_threshold} of these {len(parts)} groups: " + "; ".join(parts)
