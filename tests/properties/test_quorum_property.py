# SPDX-License-Identifier: Apache-2.0
"""Promise: a quorum opens, whichever it is, and anything less is refused."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import InsufficientShares, InvalidStructure
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Seat, Structure
from breakglass_shamir.hygiene import Secret

PLAINTEXT = Secret(b"tinned beans")
POLICIES = {
    "2 of 3": Structure(1, (Group(2, 3),)),
    "3 of 5": Structure(1, (Group(3, 5),)),
    "5 of 9": Structure(1, (Group(5, 9),)),
    "2 of 3 and 1 of 2": Structure(2, (Group(2, 3), Group(1, 2))),
    "2 of 2 or 2 of 3": Structure(1, (Group(2, 2), Group(2, 3))),
}


def deal(structure: Structure, plaintext: Secret = PLAINTEXT) -> Sealed:
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    return seal(Facts(Kind.LIVE, "prod-db", 1, structure, bytes(32), checkpoint), plaintext)


@st.composite
def structures(draw: st.DrawFn, most_groups: int = 3, most_members: int = 4) -> Structure:
    members = draw(st.lists(st.integers(1, most_members), min_size=1, max_size=most_groups))
    groups = tuple(Group(draw(st.integers(1, count)), count) for count in members)
    group_threshold = draw(st.integers(1, len(groups)))
    try:
        return Structure(group_threshold, groups)
    except InvalidStructure:
        return Structure(group_threshold, tuple(Group(max(2, g.threshold), max(2, g.members)) for g in groups))


def fewest_losses_that_lock_out(structure: Structure) -> int:
    seats = list(structure.seats())
    for lost in range(len(seats) + 1):
        for gone in itertools.combinations(seats, lost):
            if not structure.is_quorum(set(seats) - set(gone)):
                return lost
    raise AssertionError("no sheet at all must not be a quorum")


@pytest.mark.parametrize("policy", POLICIES)
def test_every_coalition_opens_or_is_refused_as_the_policy_says(policy: str) -> None:
    structure = POLICIES[policy]
    made = deal(structure)
    by_seat = {(share.group, share.member): share for share in made.shares}
    opened = 0
    for size in range(len(by_seat) + 1):
        for coalition in itertools.combinations(by_seat, size):
            held = [by_seat[seat] for seat in coalition]
            if reference_is_quorum(structure, coalition):
                opened += 1
                assert unseal(made.envelope.core, held).plaintext == PLAINTEXT
            else:
                with pytest.raises(InsufficientShares):
                    unseal(made.envelope.core, held)
    assert opened >= len(list(structure.minimal_quorums()))


def reference_is_quorum(structure: Structure, coalition: tuple[Seat, ...]) -> bool:
    """Say it a second time, as the specification words it."""
    complete = 0
    for number, group in enumerate(structure.groups, 1):
        if len([seat for seat in coalition if seat[0] == number]) >= group.threshold:
            complete += 1
    return complete >= structure.group_threshold


@given(structures())
@settings(max_examples=25)
def test_any_structure_opens_by_every_kind_of_quorum(structure: Structure) -> None:
    made = deal(structure)
    by_seat = {(share.group, share.member): share for share in made.shares}
    for quorum in itertools.islice(structure.minimal_quorums(), 8):
        assert unseal(made.envelope.core, [by_seat[seat] for seat in quorum]).plaintext == PLAINTEXT
        for missing in quorum:
            with pytest.raises(InsufficientShares):
                unseal(made.envelope.core, [by_seat[seat] for seat in quorum if seat != missing])


@given(structures())
def test_numbers_about_a_structure_equal_brute_force(structure: Structure) -> None:
    assert structure.most_losses == fewest_losses_that_lock_out(structure) - 1
    seats = list(structure.seats())
    smallest = min(n for n in range(len(seats) + 1) if any(map(structure.is_quorum, itertools.combinations(seats, n))))
    assert structure.smallest_coalition == smallest >= 2
    for coalition in itertools.islice(itertools.combinations(seats, smallest), 50):
        assert structure.is_quorum(coalition) == reference_is_quorum(structure, coalition)


@given(structures())
def test_minimal_quorums_are_all_of_them(structure: Structure) -> None:
    seats = list(structure.seats())
    every = {
        frozenset(coalition)
        for size in range(len(seats) + 1)
        for coalition in itertools.combinations(seats, size)
        if structure.is_quorum(coalition)
        and not any(structure.is_quorum(set(coalition) - {seat}) for seat in coalition)
    }
    found = [frozenset(quorum) for quorum in structure.minimal_quorums()]
    assert set(found) == every
    assert len(found) == len(every)


@given(st.binary(max_size=300))
@settings(max_examples=25)
def test_any_plaintext_comes_back_and_its_length_is_hidden_in_blocks(content: bytes) -> None:
    made = deal(POLICIES["2 of 3"], Secret(content))
    assert unseal(made.envelope.core, made.shares).plaintext.reveal() == content
    assert len(made.envelope.core.ciphertext) == 16 + 64 * (len(content) // 64 + 1)
