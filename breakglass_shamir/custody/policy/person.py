# SPDX-License-Identifier: Apache-2.0
"""Who is one person under several names or keys.

Rules:

1. A person is everything that a policy lists under one name, and under every name that shares a key with it: officers,
   reviewers and custodians together. Two names with one key are one person.
2. Names are compared without regard to case and outer spaces.

Nobody can tell two people apart who share nothing in the policy, nor one who uses two names and two keys.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidSignature


class Person(msgspec.Struct, frozen=True):
    """Everything that one person is called and signs with, by a policy."""

    names: frozenset[str]
    """Without regard to case and outer spaces."""

    keys: frozenset[str]
    """Type and base64."""

    def is_same(self, other: "Person") -> bool:
        """Tell whether two of them share a name or a key."""
        return bool(self.names & other.names or self.keys & other.keys)

    def is_called(self, name: str) -> bool:
        """Tell whether this person has a name."""
        return plain(name) in self.names


def person(policy: Policy | None, name: str, key: str = "") -> Person:
    """Return who somebody is.

    Args:
        policy: the set's, or None.
        name: what they are called.
        key: what they signed with, type and base64; empty: nothing.
    """
    names, keys = {plain(name)}, {key} - {""}
    left = list(_listed(policy)) if policy else []
    grown = True
    while grown:
        grown = False
        for entry in [one for one in left if one[0] in names or one[1] & keys]:
            left.remove(entry)
            names.add(entry[0])
            keys |= entry[1]
            grown = True
    return Person(frozenset(names), frozenset(keys))


def everybody(policy: Policy) -> tuple[Person, ...]:
    """Return each different person whom a policy lists."""
    found: list[Person] = []
    for name, keys in _listed(policy):
        same = [one for one in found if name in one.names or keys & one.keys]
        found = [one for one in found if one not in same]
        names = frozenset({name}).union(*(one.names for one in same))
        found.append(Person(names, keys.union(*(one.keys for one in same))))
    return tuple(found)


def plain(name: str) -> str:
    """Return a name as it is compared."""
    return name.strip().casefold()


def _listed(policy: Policy) -> Iterator[tuple[str, frozenset[str]]]:
    reviewers = policy.review.reviewers if policy.review else ()
    for signs in (*policy.officers, *reviewers):
        yield plain(signs.name), frozenset(_lines(signs.keys))
    for keeps in policy.custodians:
        yield plain(keeps.name), frozenset(_lines(keeps.keys))


def _lines(keys: tuple[str, ...]) -> Iterator[str]:
    for line in keys:
        with suppress(InvalidSignature):
            yield ssh_key.from_line(line).line
