# SPDX-License-Identifier: Apache-2.0
"""Who or what alone stops or makes an opening, and what published guidance advises against."""

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.weak_points import WeakPoints, fewest_people, warnings, weak_points


def policy(groups: list[tuple[int, str]], needed: int, at: dict[str, str], more: str = "") -> Policy:
    source = f'name = "x"\n[target]\nuri = "manual:"\nsecond_account = "b"\n[declaration]\nclasses = ["c"]\n{more}\n'
    source += f"[quorum]\ngroup_threshold = {needed}\n"
    for threshold, names in groups:
        listed = ", ".join(f'"{name}"' for name in names.split())
        source += f"[[quorum.groups]]\nthreshold = {threshold}\ncustodians = [{listed}]\n"
    source += "".join(f'[[custodians]]\nname = "{name}"\nsite = "{site}"\n' for name, site in at.items())
    return policies.parse(source)


TOLD = '[[alerts.sinks]]\nname = "j"\ntype = "journald"'


def test_three_at_two_sites_have_a_site_that_opens_and_stops() -> None:
    found = policy([(2, "A B C")], 1, {"A": "north", "B": "north", "C": "south"}, TOLD)
    assert weak_points(found) == WeakPoints((), ("north",), ("north",))
    assert [*warnings(found)] == ["whoever has the sheets at north has a quorum", "without north there is no quorum"]


def test_a_quorum_of_everybody_is_stopped_by_anybody() -> None:
    found = policy([(3, "A B C")], 1, {"A": "x", "B": "y", "C": "z"})
    assert weak_points(found) == WeakPoints(("A", "B", "C"), ("x", "y", "z"), ())


def test_a_custodian_in_two_groups_counts_as_two() -> None:
    found = policy([(2, "A B C"), (1, "A D")], 2, {}, TOLD)
    assert fewest_people(found) == 2
    assert [*warnings(found)] == ["A is in two groups and counts as two"]
    assert fewest_people(policy([(2, "A B C"), (1, "E D")], 2, {})) == 3
    assert fewest_people(policy([(2, "A B"), (2, "A B"), (2, "A B C")], 3, {})) == 2


def test_whatever_guidance_advises_is_warned_about_once() -> None:
    more = '[drills]\nroll_call = "91d"\nrehearsal = "90d"\naccess = "366d"'
    found = policy([(2, "A B C")], 1, {"A": "north", "B": "north", "C": "north"}, more)
    assert [*warnings(found, 1)] == [
        "fewer than two sets for one target: keep another account under another quorum",
        "all sheets are at one site, north",
        "whoever has the sheets at north has a quorum",
        "without north there is no quorum",
        "drills.roll_call: every 91d, advised are 90d or less",
        "drills.access: every 366d, advised are 365d or less",
        "nobody is told of an opening (alerts.sinks)",
    ]


def test_no_second_account_is_warned_about() -> None:
    source = 'name = "x"\n[target]\nuri = "manual:"\n[declaration]\nclasses = ["c"]\n[[quorum.groups]]\nthreshold = 2\n'
    found = policies.parse(f'{source}custodians = ["A", "B", "C"]\n{TOLD}')
    assert [*warnings(found, 2)] == [
        "no second account: should this credential fail, there is no other way in (target.second_account)"
    ]
