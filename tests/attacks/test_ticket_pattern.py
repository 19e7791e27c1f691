# SPDX-License-Identifier: Apache-2.0
"""Attacks by a ticket's pattern: one that takes for ever, or cannot be matched at all, must keep no emergency.

With a matcher that backtracks each of these takes longer than the universe is old; that a test ends is the assertion.
"""

from pathlib import Path

import pytest
from msgspec.structs import replace

from breakglass_shamir.custody.life.gates import before_declaring
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.openings import Overridden
from breakglass_shamir.errors import GateClosed
from breakglass_shamir.ledger.verify import verify
from tests.attacks.test_every_gate import FINE, SOURCE, office

pytestmark = pytest.mark.timeout(120)

SLOW = {
    "(([A-Z]+)+-?)+[0-9]": "A" * 400 + "!",
    "(x+x+)+y": "x" * 400,
    "(.*)*(.*)*(.*)*z": "a1" * 300,
    "(?:a?){200}a{200}": "a" * 199,
    "((a|aa)+)+b": "a" * 400,
    "(\\w|\\d|[a-f0-9])+$!": "0" * 400,
    ".*.*.*.*.*.*.*.*.*.*=.*": "x" * 900,
}
"""Patterns that nest or repeat what overlaps, and a ticket that just misses."""

UNUSABLE = ["(?=INC)INC-[0-9]+", "(I|J)NC-\\1", "INC-[0-9]{1,2000}", "a" * 3000, "("]
"""What an older release may have adopted."""


def at(pattern: str) -> str:
    return SOURCE.replace('ticket = "INC-[0-9]+"', f"ticket = '{pattern}'")


@pytest.mark.parametrize("pattern", SLOW)
def test_a_ticket_that_just_misses_is_answered(pattern: str) -> None:
    policy = policies.parse(at(pattern))
    request = replace(FINE, ticket=SLOW[pattern])
    found = before_declaring(policy, SetState("prod-db"), request, Moment("2026-01-02T03:04:05Z", "x", 1))
    assert [one.gate for one in found] == ["ticket"]


@pytest.mark.parametrize("pattern", [*SLOW, *UNUSABLE])
def test_an_emergency_passes_by_name(pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with office(tmp_path, monkeypatch) as found:
        found.source = at(pattern)
        found.custody()
        request = replace(FINE, ticket=SLOW.get(pattern, "INC-1"))
        with pytest.raises(GateClosed) as closed:
            found.open(request)
        assert closed.value.gate == "ticket"
        found.open(request, "ticket")
        bodies = [entry.record.body for entry in found.ledger.entries()]
        assert [one.gate for one in bodies if isinstance(one, Overridden)] == ["ticket"]
        assert found.kinds()[-1] == "opened"
        assert verify(found.ledger).passed_gates == ()
