# SPDX-License-Identifier: Apache-2.0
"""What a person asks of a policy before signing it: who or what alone can stop an opening, or make one.

Rules:

1. A single point of failure is a person or site without whose sheets no quorum is left.
2. A single point of compromise is a site whose sheets are a quorum; a person like that is refused by the policy.
3. A warning is published guidance that the policy does not follow; it forbids nothing.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.formats.structure import Seat, Structure

GUIDED_INTERVAL = Duration(90 * 86400)
"""Emergency access accounts are validated at least every 90 days, say the guides for cloud directories."""

GUIDED_ACCESS_INTERVAL = Duration(365 * 86400)
"""A whole exercise once a year, say the guides for contingency plans (NIST SP 800-84)."""

MOST_SHARED_PEOPLE = 12
"""With more people in two groups than this the smallest number of people is not computed."""


MOST_SHARED_WITH = 8
"""With more people who keep several sheets than this it is not computed with how few others each of them opens."""


class WeakPoints(msgspec.Struct, frozen=True):
    """Single people and sites that are enough."""

    people_that_stop: tuple[str, ...]
    sites_that_stop: tuple[str, ...]
    sites_that_open: tuple[str, ...]


def weak_points(policy: Policy) -> WeakPoints:
    """Find the people and sites that alone prevent or make a quorum."""
    structure, everything = policy.structure, set(policy.structure.seats())
    by_site = seats_by_site(policy)
    return WeakPoints(
        tuple(one for one in policy.everyone if not structure.is_quorum(everything - set(policy.seats_of(one)))),
        tuple(site for site, seats in by_site.items() if not structure.is_quorum(everything - seats)),
        tuple(site for site, seats in by_site.items() if structure.is_quorum(seats)),
    )


def seats_by_site(policy: Policy) -> Mapping[str, set[Seat]]:
    """Return the sheets kept at each named site."""
    found: dict[str, set[Seat]] = defaultdict(set)
    for name in policy.everyone:
        if site := policy.details(name).site:
            found[site] |= set(policy.seats_of(name))
    return found


def fewest_people(policy: Policy) -> int | None:
    """Return how many people open at least; fewer than sheets where somebody keeps two. None: too many of those."""
    structure = policy.structure
    shared = [seats for name in policy.everyone if len(seats := policy.seats_of(name)) > 1]
    if len(shared) > MOST_SHARED_PEOPLE:
        return None
    alone = [sum(len(policy.seats_of(name)) == 1 for name in group.custodians) for group in policy.quorum.groups]
    costs = (
        _cost(structure, alone, [seats for bit, seats in enumerate(shared) if chosen >> bit & 1])
        for chosen in range(1 << len(shared))
    )
    return min((cost for cost in costs if cost is not None), default=None)


def fewest_others(structure: Structure, held: Sequence[Sequence[Seat]]) -> list[int | None]:
    """Return with how few others each of the people opens at least; 0: alone. None: too many keep several sheets.

    Args:
        structure: the quorum.
        held: the sheets of each person; every sheet is somebody's.
    """
    several = [who for who, seats in enumerate(held) if len(seats) > 1]
    if len(several) > MOST_SHARED_WITH:
        return [None] * len(held)
    groups = range(1, len(structure.groups) + 1)
    alone = [sum(len(seats) == 1 and seats[0][0] == number for seats in held) for number in groups]
    most = len(held)
    by_group, by_person = dict.fromkeys(groups, most), dict.fromkeys(several, most)
    for bits in range(1 << len(several)):
        chosen = [who for bit, who in enumerate(several) if bits >> bit & 1]
        with_them = [tuple(held[who]) for who in chosen]
        cost = _cost(structure, alone, with_them)
        for who in chosen if cost is not None else ():
            by_person[who] = min(by_person[who], (cost or 0) - 1)
        for number in groups:
            if not alone[number - 1]:
                continue
            fewer = [count - (place == number) for place, count in enumerate(alone, 1)]
            cost = _cost(structure, fewer, [*with_them, ((number, 1),)])
            if cost is not None:
                by_group[number] = min(by_group[number], cost - 1)
    return [by_person[who] if who in by_person else by_group[seats[0][0]] for who, seats in enumerate(held)]


def warnings(policy: Policy, sets_of_this_target: int | None = None) -> Iterator[str]:
    """Yield what published guidance advises against.

    Args:
        policy: the policy.
        sets_of_this_target: how many sets this terminal keeps for the target, this one included; None: unknown.
    """
    if not policy.target.second_account:
        yield "no second account: should this credential fail, there is no other way in (target.second_account)"
    if sets_of_this_target is not None and sets_of_this_target < 2:
        yield "fewer than two sets for one target: keep another account under another quorum"
    for name in policy.everyone:
        if len(policy.seats_of(name)) > 1:
            yield f"{name} is in two groups and counts as two"
    sites = seats_by_site(policy)
    if len(sites) == 1 and len(next(iter(sites.values()))) == policy.structure.sheets:
        yield f"all sheets are at one site, {next(iter(sites))}"
    found = weak_points(policy)
    for site in found.sites_that_open:
        yield f"whoever has the sheets at {site} has a quorum"
    for site in found.sites_that_stop:
        yield f"without {site} there is no quorum"
    for person in found.people_that_stop:
        yield f"without {person} there is no quorum"
    yield from _intervals(policy)
    yield from _records(policy)
    if not policy.alerts.sinks:
        yield "nobody is told of an opening (alerts.sinks)"


def _records(policy: Policy) -> Iterator[str]:
    if policy.use.record == "always" and "show" in policy.reveal.modes:
        yield "what is done with a credential that is shown leaves no recording (use.record, reveal.modes)"
    if policy.use.record == "never":
        yield "no use is recorded (use.record)"


def _intervals(policy: Policy) -> Iterator[str]:
    drills = policy.drills
    for key, found, advised in (
        ("roll_call", drills.roll_call, GUIDED_INTERVAL),
        ("rehearsal", drills.rehearsal, GUIDED_INTERVAL),
        ("access", drills.access, GUIDED_ACCESS_INTERVAL),
    ):
        if found.seconds > advised.seconds:
            yield f"drills.{key}: every {found}, advised are {advised} or less"


def _cost(structure: Structure, alone: list[int], chosen: Sequence[tuple[Seat, ...]]) -> int | None:
    """Count the people of the cheapest quorum with these holders of two sheets; None: there is none."""
    missing = []
    for number, group in enumerate(structure.groups, 1):
        held = sum(seat[0] == number for seats in chosen for seat in seats)
        needed = max(0, group.threshold - held)
        if needed <= alone[number - 1]:
            missing.append(needed)
    if len(missing) < structure.group_threshold:
        return None
    return len(chosen) + sum(sorted(missing)[: structure.group_threshold])
