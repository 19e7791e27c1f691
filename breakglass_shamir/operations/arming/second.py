# SPDX-License-Identifier: Apache-2.0
"""The second set, that is never closed: no override passes a target's own lock, so another way in must be there.

Pure; it looks at policies alone.
"""

from collections.abc import Mapping

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidPolicy

ARMING, SECOND = "arming", "arming.second_set"
"""Keys that a problem is told under."""


def in_service(state: LedgerState) -> dict[str, Policy]:
    """Return the policies of the sets of a ledger that have sheets and are not retired."""
    return {
        one.name: policies.parse(one.policy_source)
        for one in state.sets.values()
        if one.policy_source and one.current and not one.retired
    }


def problem(policy: Policy, others: Mapping[str, Policy]) -> tuple[str, str] | None:
    """Return what stands against keeping an account closed, as key and words; None: nothing.

    Args:
        policy: that is asked about.
        others: policies of the other sets that can be opened, by set.
    """
    if policy.arming is None:
        return None
    name = policy.arming.second_set
    other = others.get(name)
    if other is None:
        return SECOND, f"no set {name!r} with sheets is in this ledger: nothing would open the target when arming fails"
    if other.arming is not None:
        return SECOND, f"the account of {name!r} is kept closed, too: expected a set that is never closed"
    if other.target.uri != policy.target.uri:
        return SECOND, f"{name!r} opens {other.target.uri}: expected a set for {policy.target.uri}"
    if other.target.account == policy.target.account:
        return SECOND, f"{name!r} opens the same account: expected another one, which stays open"
    if relies := [one for one, held in others.items() if held.arming and held.arming.second_set == policy.name]:
        return ARMING, f"{', '.join(sorted(relies))} relies on this set to be open: it cannot be kept closed"
    return None


def require(policy: Policy, state: LedgerState) -> None:
    """Refuse a policy that would leave no other way in.

    Raises:
        InvalidPolicy: saying why.
    """
    require_among(policy, {name: held for name, held in in_service(state).items() if name != policy.name})


def require_among(policy: Policy, others: Mapping[str, Policy]) -> None:
    """As :func:`require`, among policies by set.

    Raises:
        InvalidPolicy: saying why.
    """
    found = problem(policy, others)
    if found is None:
        relied_on(policy, others)
        return
    raise refused(*found)


def relied_on(policy: Policy, others: Mapping[str, Policy]) -> None:
    """Refuse to lead a set elsewhere that another one relies on.

    Raises:
        InvalidPolicy: it does, or keeps its account closed.
    """
    for name, held in sorted(others.items()):
        if held.arming is None or held.arming.second_set != policy.name:
            continue
        left = problem(held, {**others, policy.name: policy})
        if left is not None:
            raise refused(ARMING, f"{name} relies on this set to be open: {left[1]}")


def refused(key: str, words: str) -> InvalidPolicy:
    """Make the error."""
    return InvalidPolicy(
        f"{key}: {words}",
        hint="see docs/arming.md: a closed account needs a second set that is never closed",
        problems=[{"key": key, "message": words, "nearest": ""}],
    )
