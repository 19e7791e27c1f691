# SPDX-License-Identifier: Apache-2.0
"""What is past its deadline is told once, again louder after an interval, and settled aloud."""

import pytest
from msgspec.structs import replace

from breakglass_shamir.custody.life.escalation import overdue, steps
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records.monitoring import Eased, Escalated
from breakglass_shamir.custody.records.openings import InUse, UseEnded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.sheets import SheetVoided
from breakglass_shamir.errors import IllegalState
from tests.unit.custody.life.test_drill_rules import roll_call
from tests.unit.custody.life.test_lifecycle import ONE, Book, at_issued, declared, opened, read_back

HOUR_S, DAY_S = 3600, 86_400
REPEAT_S = 3600


def later(book: Book, seconds: int) -> Moment:
    assert book.state.last is not None
    return replace(book.state.last, uptime_ms=book.state.last.uptime_ms + seconds * 1000)


def sealed() -> Book:
    return at_issued().add(read_back(ONE))


def voided(sheet: str) -> AnyBody:
    return SheetVoided(epoch_id=ONE, sheet=sheet, reason="it was seen")


def in_use() -> Book:
    return sealed().add(declared()).add(opened(ONE)).add(InUse())


def subjects(book: Book, seconds: int) -> set[str]:
    return {one.subject for one in overdue(book.set, later(book, seconds))}


def test_nothing_is_told_of_a_set_in_order() -> None:
    assert list(steps(sealed().set, later(sealed(), DAY_S), REPEAT_S)) == []


def test_too_few_sheets_are_told_at_once() -> None:
    book = sealed().add(voided("1.1"))
    assert subjects(book, 0) == set()
    assert subjects(book.add(voided("1.2")), 0) == {f"quorum-{ONE}"}


def test_an_opening_past_its_time_is_told_and_a_debt_past_its_own() -> None:
    book = in_use()
    opening = book.set.active_opening
    assert subjects(book, HOUR_S - 10) == set()
    assert subjects(book, HOUR_S + 10) == {f"use-{opening.short_id}"}
    assert subjects(book, DAY_S + 10) == {f"use-{opening.short_id}", f"rotation-{opening.id[:8]}"}


@pytest.mark.parametrize(("days", "expected"), [(89, set()), (91, {"roll-call", "rehearsal"})])
def test_a_drill_that_was_missed_is_told(days: int, expected: set[str]) -> None:
    assert subjects(sealed(), days * DAY_S) == expected


def test_a_roll_call_that_failed_is_told_at_once() -> None:
    assert "roll-call" in subjects(sealed().add(roll_call("1.2", "fail")), 0)


def test_it_is_told_again_louder_after_the_interval_and_not_before() -> None:
    book = in_use()
    for level in (1, 2, 3):
        (step,) = steps(book.set, later(book, HOUR_S + 10), REPEAT_S)
        assert isinstance(step, Escalated)
        assert step.level == level
        book.add(step)
        state, soon = book.set, later(book, REPEAT_S - 10)
        assert [one for one in steps(state, soon, 10 * DAY_S) if isinstance(one, Escalated)] == []


def test_what_is_settled_is_told_once() -> None:
    book = in_use()
    (step,) = steps(book.set, later(book, HOUR_S + 10), REPEAT_S)
    book.add(step).add(UseEnded(outcome="closed", classification="emergency"))
    (eased,) = steps(book.set, later(book, 0), REPEAT_S)
    assert isinstance(eased, Eased)
    assert eased.subject == step.subject
    book.add(eased)
    assert list(steps(book.set, later(book, 0), REPEAT_S)) == []


@pytest.mark.parametrize("level", [0, 2, 5])
def test_no_level_is_left_out(level: int) -> None:
    sealed().refuse(Escalated(subject="x", what="late", level=level), f"expected level 1 of x, got {level}")


def test_only_what_was_told_is_settled() -> None:
    sealed().refuse(Eased(subject="x", what="late"), "x was not escalated", IllegalState)
