# SPDX-License-Identifier: Apache-2.0
"""When a drill and a rotation are due, by elapsed time, and what brings them forward."""

import pytest

from breakglass_shamir.custody.life.due import DAY_S, Due, in_words, schedule
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rotation_rules import MOST_ENDINGS
from breakglass_shamir.custody.records.drills import DrillEnded
from breakglass_shamir.custody.records.openings import Opened, UseEnded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.rotations import RunsOut
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack, Reassigned, SheetVoided
from breakglass_shamir.errors import InvalidRecord
from tests.unit.custody.life.test_drill_rules import rehearsed, roll_call
from tests.unit.custody.life.test_lifecycle import ONE, Book, at_issued, declared

READ_BACK = ReadBack(epoch_id=ONE, sheets=("1.1", "1.2", "1.3"))


def days_later(book: Book, days: float) -> Moment:
    """Return a moment in the same boot, counted from the last record."""
    last = book.state.last
    assert last is not None
    return Moment("2020-01-01T00:00:00Z", last.boot, last.uptime_ms + int(days * DAY_S * 1000))


def due(book: Book, days: float, kind: str, sheet: str = "") -> Due:
    found = [one for one in schedule(book.set, days_later(book, days)) if (one.kind, one.sheet) == (kind, sheet)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("kind", "sheet", "days"), [("roll-call", "1.1", 90), ("rehearsal", "", 90), ("access", "", 365)]
)
def test_each_drill_is_due_after_its_interval(kind: str, sheet: str, days: int) -> None:
    book = at_issued().add(READ_BACK)
    assert not due(book, days - 0.1, kind, sheet).is_due
    assert due(book, days, kind, sheet).is_due


def test_a_credential_is_due_for_rotation_at_its_maximum_age_however_often_it_was_drilled() -> None:
    book = at_issued().add(declared("drill")).add(rehearsed())
    assert not due(book, 364.9, "rotation").is_due
    assert due(book, 365, "rotation").why == "the credential is 365 d old"
    assert due(book, 365, "rotation").is_due


def test_a_clock_that_was_set_back_makes_nothing_due_and_one_that_runs_ahead_neither() -> None:
    book = at_issued().add(READ_BACK)
    assert book.state.last is not None
    for time in ("1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"):
        now = Moment(time, book.state.last.boot, book.state.last.uptime_ms + 1000)
        assert not any(one.is_due for one in schedule(book.set, now))


def test_a_roll_call_that_passed_counts_and_one_that_failed_is_due_at_once_until_one_passes() -> None:
    book = at_issued().add(READ_BACK)
    book.add(roll_call("1.2", "fail"), opening="")
    found = due(book, 0, "roll-call", "1.2")
    assert found.is_due
    assert found.why == "the last one failed: torn"
    assert not due(book, 0, "roll-call", "1.1").is_due
    book.add(roll_call("1.2", "warning"), opening="")
    assert not due(book, 89.9, "roll-call", "1.2").is_due
    assert due(book, 90, "roll-call", "1.2").is_due


def test_a_void_sheet_is_called_no_more() -> None:
    book = at_issued().add(READ_BACK).add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="lost"))
    assert [one.sheet for one in schedule(book.set, days_later(book, 400)) if one.kind == "roll-call"] == ["1.1", "1.3"]


def test_a_failed_rehearsal_is_due_at_once_and_does_not_lose_the_one_before() -> None:
    book = at_issued().add(declared("drill")).add(rehearsed())
    failed = DrillEnded(drill="rehearsal", epoch_id=ONE, login="", steps_ms={}, result="fail", reasons=("no quorum",))
    book.add(declared("drill"), opening="").add(failed)
    assert due(book, 0, "rehearsal").why == "the last one failed: no quorum"
    assert book.set.history.rehearsal is not None
    assert book.set.history.rehearsal.passed is not None


@pytest.mark.parametrize("result", ["pass", "warning"])
def test_a_rehearsal_that_did_not_fail_counts(result: str) -> None:
    book = at_issued().add(declared("drill")).add(rehearsed(result=result, reasons=() if result == "pass" else ("r",)))
    assert not due(book, 89.9, "rehearsal").is_due
    assert due(book, 90, "rehearsal").why == "the last one was 90 d ago"


def test_a_sheet_that_changed_hands_is_due_at_once_and_so_is_a_rehearsal_until_each_was_held() -> None:
    book = at_issued().add(READ_BACK).add(declared("drill")).add(rehearsed())
    moved = Reassigned(epoch_id=ONE, sheet="1.2", custodian="West", reason="left", despite=())
    book.add(moved, opening="")
    book.add(Acknowledged(epoch_id=ONE, sheet="1.2", custodian="West", bag="B-1"), opening="")
    assert due(book, 0, "roll-call", "1.2").why == "it changed hands"
    assert not due(book, 0, "roll-call", "1.1").is_due
    assert due(book, 0, "rehearsal").why == "a sheet changed hands"
    book.add(roll_call("1.2"), opening="").add(declared("drill"), opening="").add(rehearsed())
    assert not due(book, 0, "roll-call", "1.2").is_due
    assert not due(book, 0, "rehearsal").is_due


def test_an_emergency_makes_no_drill_less_due() -> None:
    book = at_issued().add(READ_BACK)
    before = schedule(book.set, days_later(book, 30))
    last = days_later(book, 30)
    opened = Opened(
        epoch_id=ONE, sheets=("1.1", "1.2"), mode="no-reveal", program="", witnessed="consistent", pinned=True
    )
    steps: list[AnyBody] = [declared(), opened, UseEnded(outcome="login", classification="emergency")]
    for body in steps:
        book.add(body)
    assert schedule(book.set, last) == before


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (DAY_S, "1 d"), (90 * DAY_S, "90 d")]
)
def test_a_length_of_time_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds) == words


def test_the_soonest_comes_first() -> None:
    book = at_issued().add(READ_BACK)
    waits = [one.in_s for one in schedule(book.set, days_later(book, 10))]
    assert waits == sorted(waits)


def ends(what: str, at: str, *, public_id: str = "", epoch_id: str = "") -> RunsOut:
    return RunsOut(what=what, ends=at, public_id=public_id, epoch_id=epoch_id)


def rotation_on(book: Book, time: str) -> Due:
    """Return the rotation as it is due a second after the last record, with the wall clock at a time."""
    last = book.state.last
    assert last is not None
    now = Moment(time, last.boot, last.uptime_ms + 1000)
    (found,) = (one for one in schedule(book.set, now) if one.kind == "rotation")
    return found


def test_what_ends_by_itself_makes_a_rotation_due_two_weeks_before() -> None:
    book = at_issued().add(
        ends("certificate", "2026-07-01T00:00:00Z", public_id="x509 serial a sha256 b", epoch_id=ONE)
    )
    assert not rotation_on(book, "2026-06-16T23:59:59Z").is_due
    found = rotation_on(book, "2026-06-17T00:00:00Z")
    assert (found.is_due, found.why) == (True, "the certificate ends at 2026-07-01 00:00 UTC")
    assert rotation_on(book, "2026-07-02T00:00:00Z").why == "the certificate ended at 2026-07-01 00:00 UTC"


def test_what_lives_shortly_is_due_when_a_third_is_left() -> None:
    book = at_issued().add(ends("token", "2026-01-10T00:00:00Z", epoch_id=ONE))
    assert not rotation_on(book, "2026-01-06T23:00:00Z").is_due
    assert rotation_on(book, "2026-01-07T00:30:00Z").is_due


def test_the_soonest_end_counts_and_one_that_was_moved_no_more() -> None:
    book = at_issued().add(ends("account", "2026-03-01T00:00:00Z")).add(ends("certificate", "2026-02-01T00:00:00Z"))
    assert rotation_on(book, "2026-02-20T00:00:00Z").why.startswith("the certificate ended")
    book.add(ends("certificate", ""))
    assert rotation_on(book, "2026-02-20T00:00:00Z").why.startswith("the account ends")
    book.add(ends("account", "2027-03-01T00:00:00Z"))
    assert not rotation_on(book, "2026-02-20T00:00:00Z").is_due


def test_what_is_on_no_paper_makes_nothing_due_and_is_left_over_until_it_is_taken_back() -> None:
    made = ends("certificate", "2026-01-03T00:00:00Z", public_id="x509 serial a sha256 b")
    book = at_issued().add(made)
    assert not rotation_on(book, "2026-02-01T00:00:00Z").is_due
    assert [one.public_id for one in book.set.left_over] == [made.public_id]
    book.add(ends("certificate", made.ends, public_id=made.public_id, epoch_id=ONE))
    assert book.set.left_over == ()
    book.add(made).add(ends("certificate", "", public_id=made.public_id))
    assert (book.set.left_over, dict(book.set.endings)) == ((), {})


def test_only_so_much_is_remembered_of_what_ends() -> None:
    book = at_issued()
    for number in range(MOST_ENDINGS + 3):
        book.add(ends("certificate", "2026-01-03T00:00:00Z", public_id=f"x509 serial {number:x} sha256 b"))
    assert len(book.set.endings) == MOST_ENDINGS
    assert "x509 serial 0 sha256 b" not in book.set.endings


def test_what_ends_at_no_instant_or_belongs_to_no_epoch_is_no_record() -> None:
    book = at_issued()
    for text in ("soon", "2026-01-03T00:00:00", "0000-00-00T00:00:00Z"):
        book.refuse(ends("account", text), "expected an instant with a time zone", InvalidRecord)
    book.refuse(ends("", "2026-01-03T00:00:00Z"), "expected what runs out, got nothing", InvalidRecord)
    book.refuse(
        ends("account", "2026-01-03T00:00:00Z", epoch_id="00" * 8),
        "what runs out belongs to an epoch of this set, or to none",
    )
