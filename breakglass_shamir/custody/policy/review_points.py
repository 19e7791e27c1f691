# SPDX-License-Identifier: Apache-2.0
"""What a person asks of ``[review]`` before signing a policy: who reviews, who may not, whether anybody is left.

Rules:

1. Who reviews and may also take part is said by name: as an officer, or as the keeper of a sheet.
2. Who can review nothing is said, too: without a key that counts, or with a sheet that every quorum needs.
3. People are counted, not names: those who share a key are one. That an opening may leave too few is said, where fewer
   than are needed neither are officers nor keep a sheet.
"""

from collections.abc import Iterator

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.custody.policy.officer_keys import revoked
from breakglass_shamir.custody.policy.person import Person, person
from breakglass_shamir.custody.policy.tables import Officer, Policy
from breakglass_shamir.custody.policy.weak_points import weak_points


def reviewed_by(policy: Policy) -> str:
    """Say who reviews what is done with the set."""
    review = policy.review
    if review is None:
        return "nobody (review)"
    who = ", ".join(one.name for one in review.reviewers) or "the officers who took no part"
    return f"{review.needed} of {who}, within {review.deadline}"


def warnings(policy: Policy) -> Iterator[str]:
    """Yield what stands in the way of reviews, a sentence each; nothing where the policy has none."""
    review = policy.review
    if review is None:
        return
    gone = revoked(policy)
    aside: list[Person] = []
    for one in policy.reviewers:
        who = person(policy, one.name)
        parts = [*_parts(policy, who, named=bool(review.reviewers))]
        yield from (f"{one.name} reviews and {part}" for part in parts)
        yield from _nothing(policy, one, who, gone)
        if not parts and _keys(one) - gone and not any(who.is_same(other) for other in aside):
            aside.append(who)
    if not review.reviewers:
        yield "no reviewers are named: an officer reviews who took no part (review.reviewers)"
    if review.reviewers and len(aside) < review.needed:
        yield (
            f"an opening may leave nobody to review it: {len(aside)} of the reviewers neither are officers nor keep a "
            f"sheet, needed are {review.needed}"
        )


def _parts(policy: Policy, who: Person, *, named: bool) -> Iterator[str]:
    """Yield by what a reviewer may take part in an opening."""
    officers = [one.name for one in policy.officers if who.is_called(one.name)]
    if named and officers:
        yield f"is an officer, {officers[0]}: not of what they declare or sign"
    keeps = [f"{seat[0]}.{seat[1]}" for seat in policy.structure.seats() if who.is_called(policy.custodian(seat))]
    if keeps:
        yield f"keeps sheet {', '.join(keeps)}: not of what it was scanned for"


def _nothing(policy: Policy, one: Officer, who: Person, gone: frozenset[str]) -> Iterator[str]:
    """Yield why a reviewer can review nothing."""
    if not _keys(one) - gone:
        yield f"{one.name} can review nothing: no key of theirs counts"
    if any(who.is_called(name) for name in weak_points(policy).people_that_stop):
        yield f"{one.name} can review nothing: without their sheet there is no quorum"


def _keys(one: Officer) -> frozenset[str]:
    return frozenset(ssh_key.from_line(line).fingerprint for line in one.keys)
