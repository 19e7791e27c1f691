# SPDX-License-Identifier: Apache-2.0
"""The break-glass accounts as a list that security tools watch, from the policies in force.

Two shapes: rows of CSV, as a watch list of Microsoft Sentinel or a lookup table of another SIEM takes them; and the
``EmergencyAccessAccounts`` of a Maester configuration, which takes accounts of Entra ID alone.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies

CSV, MAESTER = "csv", "maester"
FORMS = (CSV, MAESTER)
"""Shapes of the list."""

HEAD = ("UserPrincipalName", "Set", "Target", "SecondAccount")
"""Columns; the first is what Sentinel searches by."""


@dataclass(frozen=True, slots=True)
class Watched:
    """An account to be watched (docs/json.md).

    Attributes:
        set: whose credential it is.
        account: its name at the target; empty: the policy names none.
        target: URI of the target.
        second_account: another way in, as the policy words it.
    """

    set: str
    account: str
    target: str
    second_account: str


def accounts(state: LedgerState) -> list[Watched]:
    """Return the account of each set that is in service and has a policy, by the names of sets."""
    found = []
    for name in sorted(state.sets):
        one = state.sets[name]
        if one.policy_source and not one.retired:
            target = policies.parse(one.policy_source).target
            found.append(Watched(name, target.account, target.uri, target.second_account))
    return found


def rows(found: Iterable[Watched]) -> list[dict[str, str]]:
    """Return them as rows of a table with the columns ``HEAD``."""
    return [dict(zip(HEAD, (one.account, one.set, one.target, one.second_account), strict=True)) for one in found]


def as_maester(found: Sequence[Watched]) -> str:
    """Write those that have the form of a user principal name as Maester reads them; duplicates once."""
    names = dict.fromkeys(one.account for one in found if "@" in one.account)
    users = [{"Type": "User", "UserPrincipalName": name} for name in names]
    return json.dumps({"GlobalSettings": {"EmergencyAccessAccounts": users}}, indent=2, ensure_ascii=False)
