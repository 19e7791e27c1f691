# SPDX-License-Identifier: Apache-2.0
"""Whether somebody took part in what is looked at: whoever declared, signed, or held a sheet that was scanned did."""

from breakglass_shamir.custody.life.state import Case, Look, SetState
from breakglass_shamir.custody.policy.person import Person


def took_part(s: SetState, case: Case, who: Person) -> str:
    """Say by what somebody took part in what is looked at; empty: they did not."""
    opening = s.cases.get(case.opening) if case.opening else None
    for one in filter(None, (case, opening)):
        for name in one.took_part:
            if who.is_called(name):
                return f"{name} took part in it"
        if who.keys & set(one.keys):
            return "the key signed in it"
    return ""


def made(who: Person, look: Look) -> bool:
    """Tell whether this person is who looked."""
    return who.is_called(look.person) or look.key in who.keys
