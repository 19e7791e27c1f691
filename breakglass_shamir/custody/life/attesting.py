# SPDX-License-Identifier: Apache-2.0
"""Whose word counts where nothing can be proven.

Rules:

1. Two different people at least, or as many as the policy wants named in a declaration, whichever is more.
2. Where the policy lists officers, each of them must be one of these.

Names are compared without regard to case and outer spaces. A name of white space alone is nobody's.
"""

from collections.abc import Sequence

from breakglass_shamir.custody.life.holders import same_person
from breakglass_shamir.custody.policy.tables import Policy

FEWEST = 2
"""People who must agree where no policy says otherwise."""


def people_needed(policy: Policy | None) -> int:
    """Return how many different people must vouch."""
    return max(FEWEST, policy.declaration.officers) if policy else FEWEST


def against(policy: Policy | None, names: Sequence[str]) -> str:
    """Say what stands against taking these people's word; empty: nothing does.

    Args:
        policy: the set's, or None.
        names: who vouches.
    """
    names = [name for name in names if name.strip()]
    listed = [officer.name for officer in policy.officers] if policy else []
    strangers = [name for name in names if listed and not any(same_person(name, one) for one in listed)]
    if strangers:
        return f"expected officers of the policy ({', '.join(listed)}), got {', '.join(strangers)}"
    different = {name.strip().casefold() for name in names}
    needed = people_needed(policy)
    if len(different) < needed:
        return f"expected {needed} different people who attest, got {', '.join(names) or 'none'}"
    return ""
