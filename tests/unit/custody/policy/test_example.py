# SPDX-License-Identifier: Apache-2.0
"""A ticket's pattern is shown with a text that it matches, or with none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import example, pattern
from tests.attacks.test_ticket_pattern import SLOW, UNUSABLE

SHOWN = {
    "INC-[0-9]{4,}": "INC-1234",
    "INC[0-9]{7}": "INC1234567",
    "[A-Z]+-[0-9]+": "ABC-1234",
    "(INC|CHG)-\\d{4,6}": "INC-1234",
    "(?:OPS|SEC)-[1-9][0-9]*": "OPS-1",
    "^#\\d+$": "#1234",
    "[[:alpha:]]{3}-[[:digit:]]{2}": "ABC-12",
    "(?P<system>INC)\\x2d[0-9]{3}?": "INC-123",
}

NONE = ["\\S+", "x{60}", "(?i)inc-[0-9]+", "", *UNUSABLE]
"""Any word will do; too long to help; not followed; not a pattern."""


@pytest.mark.parametrize("wanted", SHOWN)
def test_what_people_write_has_an_example(wanted: str) -> None:
    assert example.of(wanted) == SHOWN[wanted]


@pytest.mark.parametrize("wanted", NONE)
def test_where_none_helps_there_is_none(wanted: str) -> None:
    assert example.of(wanted) == ""


@pytest.mark.parametrize("wanted", SLOW)
def test_an_example_of_a_hostile_pattern_matches_or_is_none(wanted: str) -> None:
    found = example.of(wanted)
    assert not found or not pattern.mismatch(wanted, found)


def test_groups_within_groups_cost_no_more_than_they_are_worth() -> None:
    """Read anew at each level, these would take longer than the universe is old."""
    assert example.of(f"{'(' * 60}a{'+)' * 60}") == ""


@given(st.text(alphabet="aA0-|()[]{}^$*+?.\\,:dwPxé1", max_size=30))
def test_nothing_is_shown_that_does_not_match(wanted: str) -> None:
    found = example.of(wanted)
    assert not found or (len(found) <= 2 * example.MAX_CHARACTERS and not pattern.mismatch(wanted, found))
