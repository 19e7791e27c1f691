# SPDX-License-Identifier: Apache-2.0
"""How likely a quorum comes together, exactly, from what a policy states of people and places.

Rules:

1. People come independently of each other, and only where their site can be reached; sites fail independently.
   Somebody who keeps a sheet in two groups comes with both or with none.
2. The distribution of sheets present is built up person by person and site by site; nobody counts subsets. A group
   that has as many sheets as it needs is not counted further, and one that nobody else can add to is settled.
3. Where a number is not stated there is no answer.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.formats.structure import Seat, Structure

MAX_STATES = 200_000
"""Distributions with more states are not computed; a policy for people stays far below."""

_States = dict[tuple[int, ...], float]
"""Sheets present in each group, no more than needed, to probability; what is settled is one of the next two."""

_SHORT, _COMPLETE = -1, -2


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who keeps sheets."""

    seats: tuple[Seat, ...]
    availability: float


@dataclass(frozen=True, slots=True)
class Place:
    """People who can come only if their site can be reached."""

    name: str
    availability: float
    people: tuple[Person, ...]


def unstated(policy: Policy) -> tuple[str, ...]:
    """Return the custodians and sites whose availability the policy does not state, in its order."""
    stated = {site.name for site in policy.sites if site.availability is not None}
    found = []
    for name in policy.everyone:
        details = policy.details(name)
        if details.availability is None:
            found.append(name)
        if details.site and details.site not in stated:
            found.append(f"site {details.site}")
    return tuple(dict.fromkeys(found))


def places(policy: Policy) -> tuple[Place, ...]:
    """Put everybody at their site; those without one are in a place that is always there."""
    at: dict[str, list[Person]] = defaultdict(list)
    for name in policy.everyone:
        details = policy.details(name)
        at[details.site].append(Person(policy.seats_of(name), details.availability or 0.0))
    known = {site.name: site.availability or 0.0 for site in policy.sites}
    return tuple(Place(site, known.get(site, 0.0) if site else 1.0, tuple(people)) for site, people in at.items())


def chance_of_quorum(structure: Structure, there: Sequence[Place], down: str = "") -> float | None:
    """Return the probability that the people who come are a quorum; None where that is too much to compute.

    Args:
        structure: the quorum structure.
        there: everybody, at their places.
        down: a site that cannot be reached.
    """
    states: _States = {(0,) * len(structure.groups): 1.0}
    for number, place in enumerate(there):
        chance = 0.0 if down and place.name == down else place.availability
        reached = states
        for person in place.people:
            reached = _joined(reached, person, structure)
            if len(reached) > MAX_STATES:
                return None
        states = _mixed(reached, chance, states)
        open_to = {seat[0] for later in there[number + 1 :] for person in later.people for seat in person.seats}
        states = _settled(states, structure, open_to)
    return min(
        1.0, sum(chance for state, chance in states.items() if state.count(_COMPLETE) >= structure.group_threshold)
    )


def percent(chance: float) -> str:
    """Write a probability so that what is not certain never reads as certain."""
    for digits in range(2, 12):
        written = f"{chance * 100:.{digits}f}"
        if chance in (0.0, 1.0) or float(written) not in (0.0, 100.0):
            return f"{written} %"
    return "nearly certain" if chance > 1 / 2 else "nearly impossible"


def _joined(states: Mapping[tuple[int, ...], float], person: Person, structure: Structure) -> _States:
    """Let one person come, or not."""
    found: _States = defaultdict(float)
    for state, chance in states.items():
        found[state] += chance * (1 - person.availability)
        found[_with(state, person.seats, structure)] += chance * person.availability
    return found


def _with(state: tuple[int, ...], seats: Sequence[Seat], structure: Structure) -> tuple[int, ...]:
    held = list(state)
    for group, _ in seats:
        held[group - 1] = min(held[group - 1] + 1, structure.groups[group - 1].threshold)
    return tuple(held)


def _mixed(
    reached: Mapping[tuple[int, ...], float], chance: float, not_reached: Mapping[tuple[int, ...], float]
) -> _States:
    found: _States = defaultdict(float)
    for state, likely in reached.items():
        found[state] += chance * likely
    for state, likely in not_reached.items():
        found[state] += (1 - chance) * likely
    return found


def _settled(states: Mapping[tuple[int, ...], float], structure: Structure, open_to: set[int]) -> _States:
    """Merge the states that differ only in which of the groups that nobody adds to any more are complete."""
    done = [number for number in range(len(structure.groups)) if number + 1 not in open_to]
    found: _States = defaultdict(float)
    for state, chance in states.items():
        complete = sum(state[n] == _COMPLETE or state[n] >= structure.groups[n].threshold for n in done)
        merged = list(state)
        for place, number in enumerate(done):
            merged[number] = _COMPLETE if place < complete else _SHORT
        found[tuple(merged)] += chance
    return found
