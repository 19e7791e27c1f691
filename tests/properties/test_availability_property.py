# SPDX-License-Identifier: Apache-2.0
"""The chance of a quorum is exact: it agrees with counting every subset of people and sites."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.custody.policy.availability import Person, Place, chance_of_quorum, percent
from breakglass_shamir.formats.structure import Group, Seat, Structure


def by_counting(structure: Structure, places: list[Place], down: str) -> float:
    """Add up the probability of every subset of sites and people that is a quorum."""
    total = 0.0
    people = [(number, person) for number, place in enumerate(places) for person in place.people]
    for sites in itertools.product((0, 1), repeat=len(places)):
        for come in itertools.product((0, 1), repeat=len(people)):
            chance = 1.0
            for up, place in zip(sites, places, strict=True):
                there = 0.0 if down and place.name == down else place.availability
                chance *= there if up else 1 - there
            held: set[Seat] = set()
            for comes, (number, person) in zip(come, people, strict=True):
                chance *= person.availability if comes else 1 - person.availability
                if comes and sites[number]:
                    held |= set(person.seats)
            if structure.is_quorum(held):
                total += chance
    return total


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Structure, list[Place]]:
    """Up to 3 groups, 7 sheets, 3 sites; some people keep sheets in two groups."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).filter(lambda found: 2 <= sum(found) <= 7))
    groups = tuple(Group(draw(st.integers(1, size)), size) for size in sizes)
    needed = draw(st.integers(1, len(groups)))
    if sum(sorted(group.threshold for group in groups)[:needed]) < 2:
        needed, groups = len(groups), (Group(sizes[0], sizes[0]), *groups[1:])
        if sum(group.threshold for group in groups) < 2:
            groups, sizes = (Group(2, 2),), [2]
            needed = 1
    structure = Structure(needed, groups)
    seats = [*structure.seats()]
    people: list[tuple[Seat, ...]] = []
    for seat in seats:
        joins = [n for n, held in enumerate(people) if all(g != seat[0] for g, _ in held)]
        if joins and draw(st.sampled_from((True, False))):
            people[joins[0]] += (seat,)
        else:
            people.append((seat,))
    odds = st.sampled_from([0.0, 0.25, 0.5, 0.9, 0.999, 1.0])
    at = [draw(st.integers(0, 2)) for _ in people]
    return structure, [
        Place(
            f"site {n}",
            draw(odds),
            tuple(Person(p, draw(odds)) for p, where in zip(people, at, strict=True) if where == n),
        )
        for n in range(3)
    ]


@settings(max_examples=150, deadline=None)
@given(worlds(), st.sampled_from(["", "site 0", "site 2"]))
def test_the_chance_agrees_with_counting_every_subset(world: tuple[Structure, list[Place]], down: str) -> None:
    structure, places = world
    found = chance_of_quorum(structure, places, down)
    assert found is not None
    assert found == pytest.approx(by_counting(structure, places, down), abs=1e-12)


def test_the_chance_of_many_is_the_binomial_one() -> None:
    structure = Structure(1, (Group(100, 255),))
    place = Place("", 1.0, tuple(Person(((1, m),), 0.4) for m in range(1, 256)))
    exact = sum(math.comb(255, k) * 0.4**k * 0.6 ** (255 - k) for k in range(100, 256))
    assert chance_of_quorum(structure, [place]) == pytest.approx(exact, abs=1e-12)


def test_sixteen_groups_at_sites_of_their_own_are_computed_and_at_shared_ones_never_guessed() -> None:
    structure = Structure(9, tuple(Group(2, 3) for _ in range(16)))
    people = [Person(((g, m),), 0.5) for g in range(1, 17) for m in (1, 2, 3)]
    own = [Place(f"s{g}", 1.0, tuple(p for p in people if p.seats[0][0] == g)) for g in range(1, 17)]
    exact = sum(math.comb(16, k) for k in range(9, 17)) / 2**16
    assert chance_of_quorum(structure, own) == pytest.approx(exact, abs=1e-12)
    random.Random(1).shuffle(people)
    assert chance_of_quorum(structure, [Place("one", 0.9, tuple(people))]) is None


@pytest.mark.parametrize(
    ("chance", "written"),
    [(0.0, "0.00 %"), (1.0, "100.00 %"), (0.5, "50.00 %"), (0.99999, "99.999 %"), (0.999999999, "99.9999999 %"),
     (1e-6, "0.0001 %"), (1 - 1e-15, "nearly certain"), (1e-18, "nearly impossible")],
)  # fmt: skip
def test_what_is_not_certain_never_reads_as_certain(chance: float, written: str) -> None:
    assert percent(chance) == written
