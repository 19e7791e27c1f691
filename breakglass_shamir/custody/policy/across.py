# SPDX-License-Identifier: Apache-2.0
"""What many policies mean together: who, which place and which way of alerts matters to how many sets.

Rules:

1. A person is one name, or one key, in whatever policy: case and outer spaces of a name do not count, and names that
   share a key anywhere are one person. Whether two policies mean two people by one name nobody can tell from them.
2. Who is asked of each set: alone enough to open it, alone enough to stop it, else with how few others.
3. The cost is that of each set by itself; nothing compares every two of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.custody.policy import alert_ways
from breakglass_shamir.custody.policy.alert_ways import Narrow
from breakglass_shamir.custody.policy.person import plain
from breakglass_shamir.custody.policy.tables import Custodian, Officer, Policy
from breakglass_shamir.custody.policy.weak_points import fewest_others, weak_points
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.formats.structure import Seat

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Opens:
    """How many others somebody needs, at least, to open some sets."""

    others: int
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonAcross:
    """One person in all the policies."""

    name: str
    also: tuple[str, ...]
    """Other names that share a key with it."""

    keeps: tuple[str, ...]
    """Sets of which they keep sheets."""

    opens_alone: tuple[str, ...]
    """Sets that their sheets open; there should be none."""

    stops_alone: tuple[str, ...]
    """Sets that nobody opens without them."""

    opens_with: tuple[Opens, ...]
    """Sets that their sheets open with how few others, fewest first."""

    officer_of: tuple[str, ...]
    reviewer_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SiteAcross:
    """One place in all the policies."""

    name: str
    sheets: int
    sets: tuple[str, ...]
    stopped: tuple[str, ...]
    """Sets that cannot be opened without what lies here."""

    opened: tuple[str, ...]
    """Sets that what lies here opens."""


@dataclass(frozen=True, slots=True)
class WayAcross:
    """One way of alerts in all the policies."""

    way: str
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SingleWay:
    """Sets whose alerts all take one way, or end at one host or in one domain."""

    by: Narrow
    where: str
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyOfTwo:
    """A key that stands under two names."""

    fingerprint: str
    names: tuple[str, ...]
    sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Across:
    """What many policies mean together."""

    people: tuple[PersonAcross, ...]
    sites: tuple[SiteAcross, ...]
    ways: tuple[WayAcross, ...]
    single_ways: tuple[SingleWay, ...]
    told_nobody: tuple[str, ...]
    """Sets without a sink."""

    keys_of_two: tuple[KeyOfTwo, ...]
    not_reviewed: tuple[str, ...]
    """Sets of which no use owes a review."""

    reviewed_by_officers: tuple[str, ...]
    """Sets that name no reviewers of their own."""


def across(policies: Sequence[Policy]) -> Across:
    """Answer for many policies, each of another set."""
    everybody = _Everybody()
    for policy in policies:
        everybody.listen(policy)
    single: dict[tuple[Narrow, str], list[str]] = defaultdict(list)
    ways: dict[str, list[str]] = defaultdict(list)
    for policy in policies:
        for way in dict.fromkeys(map(alert_ways.way, policy.alerts.sinks)):
            ways[way].append(policy.name)
        if found := alert_ways.single(policy.alerts.sinks):
            single[found].append(policy.name)
    return Across(
        everybody.people(policies),
        tuple(_sites(policies)),
        tuple(WayAcross(way, tuple(sets)) for way, sets in _most(ways)),
        tuple(SingleWay(*key, tuple(sets)) for key, sets in _most(single)),
        tuple(one.name for one in policies if not one.alerts.sinks),
        everybody.keys_of_two(),
        tuple(one.name for one in policies if one.review is None),
        tuple(one.name for one in policies if one.review is not None and not one.review.reviewers),
    )


@dataclass(slots=True)
class _Parts:
    """What one person is in the sets, while it is counted."""

    keeps: list[str] = field(default_factory=list)
    officer: list[str] = field(default_factory=list)
    reviewer: list[str] = field(default_factory=list)


class _Everybody:
    """Who is who: names and keys joined to people."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self._spelled: dict[str, str] = {}
        self._keys: dict[SshKey, dict[str, list[str]]] = {}

    def listen(self, policy: Policy) -> None:
        """Take in the names and keys of a policy."""
        for name in policy.everyone:
            self._know(name)
        reviewers = policy.review.reviewers if policy.review else ()
        signing: list[Officer | Custodian] = [*policy.officers, *reviewers, *policy.custodians]
        for one in signing:
            self._know(one.name)
            for key in _keys(one.keys):
                owners = self._keys.setdefault(key, {})
                for other in owners:
                    self._join(plain(one.name), other)
                sets = owners.setdefault(plain(one.name), [])
                if policy.name not in sets[-1:]:
                    sets.append(policy.name)

    def keys_of_two(self) -> tuple[KeyOfTwo, ...]:
        """Return the keys that several names have."""
        return tuple(
            KeyOfTwo(
                key.fingerprint,
                tuple(self._spelled[name] for name in owners),
                tuple(dict.fromkeys(one for sets in owners.values() for one in sets)),
            )
            for key, owners in self._keys.items()
            if len(owners) > 1
        )

    def people(self, policies: Sequence[Policy]) -> tuple[PersonAcross, ...]:
        """Return what each person is in the policies, whoever matters to most sets first."""
        parts: dict[str, _Parts] = {}
        stops: dict[str, list[str]] = defaultdict(list)
        opens: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        for policy in policies:
            structure = policy.structure
            everything = frozenset(structure.seats())
            held = self._held(policy, everything)
            for who, others in zip(held, fewest_others(structure, list(held.values())), strict=True):
                parts.setdefault(who, _Parts()).keeps.append(policy.name)
                if not structure.is_quorum(everything - set(held[who])):
                    stops[who].append(policy.name)
                if others is not None:
                    opens[who][others].append(policy.name)
            for who in dict.fromkeys(self._who(one.name) for one in policy.officers):
                parts.setdefault(who, _Parts()).officer.append(policy.name)
            reviewers = policy.review.reviewers if policy.review else ()
            for who in dict.fromkeys(self._who(one.name) for one in reviewers):
                parts.setdefault(who, _Parts()).reviewer.append(policy.name)
        names = self._names()
        found = [
            PersonAcross(
                names[who][0],
                tuple(names[who][1:]),
                tuple(one.keeps),
                tuple(opens[who].get(0, ())),
                tuple(stops[who]),
                tuple(Opens(others, tuple(sets)) for others, sets in sorted(opens[who].items()) if others),
                tuple(one.officer),
                tuple(one.reviewer),
            )
            for who, one in parts.items()
        ]
        return tuple(sorted(found, key=_weight))

    def _held(self, policy: Policy, seats: Iterable[Seat]) -> Mapping[str, list[Seat]]:
        held: dict[str, list[Seat]] = defaultdict(list)
        for seat in sorted(seats):
            held[self._who(policy.custodian(seat))].append(seat)
        return held

    def _names(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name, spelled in self._spelled.items():
            found[self._top(name)].append(spelled)
        return found

    def _who(self, name: str) -> str:
        return self._top(plain(name))

    def _know(self, name: str) -> None:
        self._spelled.setdefault(plain(name), name)
        self._above.setdefault(plain(name), plain(name))

    def _top(self, name: str) -> str:
        while (above := self._above[name]) != name:
            self._above[name] = self._above[above]
            name = above
        return name

    def _join(self, one: str, other: str) -> None:
        self._above[self._top(one)] = self._top(other)


def _sites(policies: Sequence[Policy]) -> Iterator[SiteAcross]:
    spelled: dict[str, str] = {}
    sheets: dict[str, dict[str, int]] = defaultdict(dict)
    stopped: dict[str, list[str]] = defaultdict(list)
    opened: dict[str, list[str]] = defaultdict(list)
    for policy in policies:
        weak = weak_points(policy)
        sites = {one.name: one.site for one in policy.custodians}
        for name in policy.everyone:
            if site := sites.get(name, ""):
                spelled.setdefault(plain(site), site)
                counts = sheets[plain(site)]
                counts[policy.name] = counts.get(policy.name, 0) + len(policy.seats_of(name))
        for found, several in ((stopped, weak.sites_that_stop), (opened, weak.sites_that_open)):
            for site in dict.fromkeys(map(plain, several)):
                found[site].append(policy.name)
    for site, sets in _most(sheets):
        yield SiteAcross(
            spelled[site], sum(sheets[site].values()), tuple(sets), tuple(stopped[site]), tuple(opened[site])
        )


def _weight(one: PersonAcross) -> tuple[int, int, int, int, str]:
    return -len(one.opens_alone), -len(one.stops_alone), -len(one.keeps), -len(one.officer_of), plain(one.name)


def _most(found: Mapping[_Key, Sequence[str] | Mapping[str, int]]) -> list[tuple[_Key, list[str]]]:
    """Return the entries, those with most sets first."""
    return sorted(((key, list(sets)) for key, sets in found.items()), key=lambda one: -len(one[1]))


def _keys(lines: Sequence[str]) -> Iterator[SshKey]:
    for line in lines:
        with suppress(InvalidSignature):
            yield ssh_key.from_line(line)
