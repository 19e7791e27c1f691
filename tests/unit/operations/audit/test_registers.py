# SPDX-License-Identifier: Apache-2.0
"""Registers: who holds what now and who held what when, across sets and terminals; openings, drills and debts."""

from dataclasses import fields

import pytest

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.audit.period import Period
from breakglass_shamir.operations.audit.registers import (
    DebtLine,
    DrillLine,
    HolderLine,
    OpeningLine,
    columns,
    debts,
    drills,
    holders,
    openings,
)
from tests.unit.custody.life import test_review_rules as rules
from tests.unit.operations.audit.test_history import lived
from tests.unit.operations.audit.test_report import reviewed

NORTH = [("north", lived().told)]


def test_who_holds_what_now_and_who_held_it_before() -> None:
    now = holders(NORTH)
    assert [one.person for one in now] == sorted(one.person for one in now)
    assert all(not one.until for one in now)
    every = holders(NORTH, past=True)
    assert set(now) < set(every)
    before = next(one for one in every if one.state.startswith("went to "))
    after = next(one for one in every if one.sheet == before.sheet and one.epoch == before.epoch and one != before)
    assert before.until == after.since
    assert before.state == f"went to {after.person}"


def test_whoever_keeps_void_paper_is_still_a_holder() -> None:
    states = {one.state for one in holders(NORTH)}
    assert "void" in states
    assert not any(state.startswith(("voided", "destroyed", "went")) for state in states)


def test_a_period_holds_what_was_there_at_some_time_in_it() -> None:
    every = holders(NORTH, past=True)
    first = min(one.until for one in every if one.until)
    then = holders(NORTH, past=True, period=Period(until=first))
    assert {one for one in every if one.since and one.since <= first} <= set(then)
    later = holders(NORTH, past=True, period=Period("2999-01-01"))
    assert {one.until for one in later} == {""}
    assert openings(NORTH, period=Period("2999-01-01")) == [one for one in openings(NORTH) if not one.over], (
        "what is under way is in every later period"
    )
    assert drills(NORTH, period=Period("2999-01-01")) == []


def test_each_line_says_what_the_log_says() -> None:
    told = NORTH[0][1].sets[0]
    found = openings(NORTH)
    assert [one.opening for one in found] == [one.id for one in told.openings]
    assert found[0].epoch == "1"
    assert {one.debt for one in debts(NORTH)} == {one.id for one in told.debts}
    owed = {one.debt for one in debts(NORTH) if not one.by}
    assert owed == {one.id for one in told.owed}
    calls = sum(len(sheet.roll_calls) for epoch in told.epochs for sheet in epoch.sheets)
    assert sum(one.drill == "roll-call" for one in drills(NORTH)) == calls > 0


def test_several_terminals_stand_together_by_time() -> None:
    both = [*NORTH, ("south", lived().told)]
    found = openings(both)
    assert {one.terminal for one in found} == {"north", "south"}
    assert [one.declared for one in found] == sorted(one.declared for one in found)
    assert len(holders(both)) == 2 * len(holders(NORTH))
    assert openings(both, set_name="other") == []


def test_every_field_of_a_line_is_a_column() -> None:
    for kind in (OpeningLine, DrillLine, DebtLine, HolderLine):
        assert len(columns(kind)) == len(fields(kind))
        assert "set" in columns(kind)


@pytest.mark.parametrize(
    ("since", "until"),
    [("yesterday", ""), ("", "2026-13-01"), ("2026-01-01T00:00", ""), ("2026-02-01", "2026-01-31"),
     ("2026-01-31T08:00:01Z", "2026-01-31T08:00:00Z"), ("", "2026-01-01T25:00:00Z")],
)  # fmt: skip
def test_what_is_no_period_is_refused(since: str, until: str) -> None:
    with pytest.raises(InvalidInput):
        Period.of(since, until)


def test_a_day_is_all_of_it() -> None:
    day = Period.of("2026-01-31", "2026-01-31")
    assert day.holds("2026-01-31T00:00:00Z") and day.holds("2026-01-31T23:59:59Z")
    assert not day.holds("2026-02-01T00:00:00Z") and not day.holds("2026-01-30T23:59:59Z")
    assert Period.of("2026-01-31T08:00:00Z", "2026-01-31").holds("2026-01-31T09:00:00Z")


def test_reviews_stand_beside_openings_and_debts_with_their_state() -> None:
    book = reviewed()
    told = [("north", book.told)]
    (opening,), lines = openings(told), {line.kind: line for line in debts(told)}
    owed, settled = lines["review"], lines["password-change"]
    assert (opening.review, opening.review_debts) == ("owed", (owed.debt,))
    assert opening.reviews == (f"as declared, Rosa, record {book.count - 1}",)
    recorded = [int(number) for number in opening.recordings]
    assert [book.entries[number].record.body.__struct_config__.tag for number in recorded] == ["use-recorded"]
    assert (owed.review, owed.needed, len(owed.signers), owed.by) == ("owed", 2, 1, "")
    assert (settled.review, settled.signers[0].partition(", ")[0]) == ("", "Rudi")
    assert (lines["rotation"].review, lines["rotation"].needed, lines["rotation"].signers) == ("", 0, ())
    book.add(rules.review(book, "rudi"))
    (opening,) = openings([("north", book.told)])
    done = next(line for line in debts([("north", book.told)]) if line.kind == "review")
    assert (opening.review, len(opening.reviews), done.review, len(done.signers)) == ("done", 2, "done", 2)
    assert (openings(NORTH)[0].review, openings(NORTH)[0].review_debts) == ("", ())
