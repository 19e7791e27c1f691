# SPDX-License-Identifier: Apache-2.0
"""Which structures exist, and what they say about themselves."""

import pytest

from breakglass_shamir.errors import InvalidStructure
from breakglass_shamir.formats.structure import Group, Structure


@pytest.mark.parametrize(
    ("group_threshold", "groups"),
    [
        (1, [(1, 1)]),
        (1, [(1, 3)]),
        (1, [(4, 3)]),
        (1, [(0, 3)]),
        (1, [(2, 256)]),
        (1, [(2, 200), (2, 56)]),
        (0, [(2, 3)]),
        (2, [(2, 3)]),
        (1, [(2, 3), (1, 2)]),
        (1, []),
        (1, [(2, 2)] * 17),
    ],
)
def test_what_must_not_exist_cannot_be_made(group_threshold: int, groups: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidStructure):
        Structure(group_threshold, tuple(Group(*pair) for pair in groups))


def test_the_largest_structure() -> None:
    assert Structure(1, (Group(2, 255),)).sheets == 255


def test_seats_are_counted_group_by_group() -> None:
    structure = Structure(2, (Group(2, 3), Group(1, 2)))
    seats = list(structure.seats())
    assert seats == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    assert [structure.index(seat) for seat in seats] == [0, 1, 2, 3, 4]
    for seat in ((0, 1), (1, 0), (1, 4), (3, 1)):
        with pytest.raises(InvalidStructure):
            structure.index(seat)


def test_minimal_quorums_are_quorums_and_nothing_less_is() -> None:
    structure = Structure(2, (Group(2, 3), Group(1, 2)))
    quorums = list(structure.minimal_quorums())
    assert len(quorums) == 6
    for quorum in quorums:
        assert structure.is_quorum(quorum)
        assert not any(structure.is_quorum([s for s in quorum if s != left_out]) for left_out in quorum)


def test_needs_are_said_in_words() -> None:
    assert Structure(1, (Group(3, 5),)).in_words() == "any 3 of these 5 sheets"
    both = Structure(2, (Group(2, 3), Group(1, 2)))
    assert both.in_words() == "2 of 3 in group 1, and 1 of 2 in group 2"
    either = Structure(1, (Group(2, 3), Group(2, 2)))
    assert either.in_words() == "1 of these 2 groups: 2 of 3 in group 1; 2 of 2 in group 2"
