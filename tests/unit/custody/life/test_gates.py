# SPDX-License-Identifier: Apache-2.0
"""Each gate, closed and open."""

from typing import Any

import pytest
from msgspec.structs import replace

from breakglass_shamir.custody.life.gates import GATES, Problem, Request, before_declaring, before_opening
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Debt, Opening, Phase, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.openings import Declared

POLICY = policies.parse("""
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
[[quorum.groups]]
threshold = 2
custodians = ["North", "South", "East"]
[declaration]
classes = ["idp-outage", "mfa-outage"]
ticket = "INC-[0-9]{4}"
use_for = "1h"
[reveal]
modes = ["exec", "no-reveal"]
""")

FINE = Request("emergency", "idp-outage", "INC-1234", "it is down", ("Duty", "Second"), "exec", 3600)
NOBODY = SetState("prod-db")


def at(uptime_s: int, clock: str = "10:00:00", boot: str = "one") -> Moment:
    return Moment(f"2026-01-01T{clock}Z", boot, uptime_s * 1000)


NOW = at(10_000)


def declared(**changes: Any) -> Declared:
    fields: dict[str, Any] = {
        "purpose": "emergency", "incident_class": "idp-outage", "ticket": "INC-1234", "reason": "r",
        "officers": ("Duty", "Second"), "valid_for_s": 1800, "use_for_s": 3600, "debts": (), "supersedes": "",
    }  # fmt: skip
    return Declared(**{**fields, **changes})


def under_way(since_s: int, phase: Phase = Phase.DECLARED) -> SetState:
    opening = Opening("ab" * 32, declared(), at(since_s), phase)
    if phase is not Phase.DECLARED:
        opening = replace(opening, opened_at=at(since_s))
    return replace(NOBODY, opening=opening)


def problems(request: Request = FINE, state: SetState = NOBODY, *, policy: bool = True) -> list[Problem]:
    return before_declaring(POLICY if policy else None, state, request, NOW)


def test_nothing_stands_against_a_declaration_by_the_policy() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("gate", "changes", "message"),
    [
        ("class", {"incident_class": "flood"}, "expected a class of idp-outage, mfa-outage, got 'flood'"),
        (
            "class",
            {"incident_class": "IDP-outage"},
            "expected a class of idp-outage, mfa-outage, got 'IDP-outage'; did you mean idp-outage?",
        ),
        ("ticket", {"ticket": "INC-12345"}, "expected a ticket like INC-[0-9]{4}, got 'INC-12345'"),
        ("ticket", {"ticket": "INC-1234\n"}, r"expected a ticket like INC-[0-9]{4}, got 'INC-1234\n'"),
        ("officers", {"officers": ("Duty",)}, "expected 2 different officers, got Duty"),
        ("officers", {"officers": ()}, "expected 2 different officers, got none"),
        ("officers", {"officers": ("Duty", " ")}, "expected 2 different officers, got Duty,  "),
        ("officers", {"officers": ("Duty", "DUTY")}, "expected 2 different officers, got Duty, DUTY"),
        ("officers", {"officers": ("Duty", "Second", "Duty")}, "expected 2 different officers, got Duty, Second, Duty"),
        ("duration", {"use_for_s": 3601}, "expected a use of at most 1h, got 3601 s"),
        ("mode", {"mode": "show"}, "expected one of exec, no-reveal, got show"),
    ],
)
def test_what_the_policy_does_not_allow(gate: str, changes: dict[str, Any], message: str) -> None:
    assert problems(replace(FINE, **changes)) == [Problem(gate, message)]
    assert gate in GATES


def test_every_closed_gate_is_named_at_once() -> None:
    worst = Request("emergency", "x", "x", "r", (), "show", 9999)
    assert [problem.gate for problem in problems(worst)] == [
        "class",
        "ticket",
        "duration",
        "mode",
        "reason",
        "officers",
    ]


def test_without_a_policy_two_officers_are_enough() -> None:
    loose = replace(FINE, incident_class="anything", ticket="?", mode="show", use_for_s=10**6)
    assert problems(loose, policy=False) == []
    one = replace(loose, officers=("Duty",))
    assert problems(one, policy=False) == [Problem("officers", "expected 2 different officers, got Duty")]


def test_a_planned_rotation_needs_no_incident_and_no_officers() -> None:
    planned = Request("rotation", "rotation", "none", "planned", (), "no-reveal", 3600)
    assert problems(planned) == []


def test_a_rotation_that_is_owed_must_be_named_and_no_other_debt() -> None:
    owed = (
        Debt("rotation-1", "rotation", "", NOW, 0, ""),
        Debt("clock-7", "clock", "", NOW, 0, ""),
    )
    state = replace(NOBODY, debts=owed)
    assert problems(state=state) == [Problem("debt", "this set owes rotation-1; name each with --debt ID")]
    named = replace(FINE, debts=("rotation-1",))
    assert problems(named, state) == []
    assert problems(replace(FINE, debts=("clock-7",)), state)[0].gate == "debt"
    assert problems(replace(FINE, debts=("clock-7", "rotation-1")), state) == []
    assert problems(replace(planned(), debts=()), state)[0].gate == "debt"


def planned() -> Request:
    return Request("rotation", "rotation", "none", "planned", (), "no-reveal", 3600)


@pytest.mark.parametrize(
    ("age_s", "phase", "closed"),
    [
        (1800, Phase.DECLARED, True),
        (1801, Phase.DECLARED, False),
        (3600, Phase.OPEN, True),
        (3601, Phase.OPEN, False),
        (3600, Phase.IN_USE, True),
        (3601, Phase.IN_USE, False),
        (0, Phase.ROTATION_DUE, False),
    ],
)
def test_another_opening_blocks_while_it_holds(age_s: int, phase: Phase, closed: bool) -> None:
    found = problems(state=under_way(10_000 - age_s, phase))
    expected = Problem("under-way", f"opening abababababab is {phase} since 2026-01-01T10:00:00Z")
    assert found == ([expected] if closed else [])


def test_a_declaration_goes_stale_by_elapsed_time_not_by_the_clock() -> None:
    state = under_way(1000)
    assert before_opening(state, at(2800, "23:00:00")) == []
    (problem,) = before_opening(state, at(2801))
    assert problem == Problem("declaration", "the declaration is 1801 s old, it held 1800 s")


def test_a_clock_behind_the_last_record_is_a_gate() -> None:
    def behind(now: Moment, last: Moment | None) -> list[Problem]:
        return before_declaring(POLICY, NOBODY, FINE, now, last=last)

    text = "this machine's clock says 2026-01-01T09:59:59Z, the last record 2026-01-01T10:00:00Z"
    assert behind(at(1001, "09:59:59"), at(1000)) == [Problem("clock", text)]
    assert behind(at(1001), at(1000)) == []
    assert behind(at(1001, "00:00:00"), None) == []
