# SPDX-License-Identifier: Apache-2.0
"""What accounts for a login: an opening while it lasts, and what the program itself asked; nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from breakglass_shamir.connectors.port import marks
from breakglass_shamir.custody.life.watching import AGAIN, CERTAIN, Accounts, Seen
from breakglass_shamir.custody.records.drills import DrillEnded
from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.custody.records.monitoring import Asked, Heartbeat, LoginSeen
from breakglass_shamir.custody.records.openings import Closed, Refused, Settled, UseEnded
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.rotations import Applied, Applying, SessionsAwaited
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack
from tests.unit.custody.life.test_lifecycle import ONE, at_issued, declared, opened

START = datetime(2026, 1, 1, tzinfo=UTC)
SKEW_S = 60
OPENING = "ab" * 32


class Log:
    """Records at given seconds after the start."""

    def __init__(self) -> None:
        self.accounts = Accounts(SKEW_S)

    def add(self, seconds: int, body: AnyBody, opening: str = "") -> "Log":
        at = (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = Record(
            v=1, log="00" * 8, seq=0, previous="", root="", time=at, boot="b", uptime_ms=0, set="prod-db",
            opening=opening, body=body,
        )  # fmt: skip
        self.accounts.add(record, OPENING)
        return self

    def login(self, seconds: int) -> str | None:
        """Return the opening that accounts for a login; None: nothing does."""
        span = self.accounts.of_login(START + timedelta(seconds=seconds))
        return None if span is None else span.opening

    def change(self, seconds: int) -> bool:
        return self.accounts.of_change(START + timedelta(seconds=seconds)) is not None


def used() -> Log:
    """Declared at 0 for an hour, opened at 1000, ended at 2000."""
    log = Log().add(0, declared()).add(1000, opened(ONE), OPENING)
    return log.add(2000, UseEnded(outcome="closed", classification="emergency"), OPENING)


@pytest.mark.parametrize(
    ("seconds", "accounted"),
    [(0, False), (939, False), (940, True), (1500, True), (2060, True), (2061, False), (99_999, False)],
)
def test_a_use_accounts_for_logins_while_it_lasts(seconds: int, accounted: bool) -> None:
    assert (used().login(seconds) == OPENING) == accounted


def test_a_declaration_alone_accounts_for_nothing() -> None:
    assert Log().add(0, declared()).login(10) is None


@pytest.mark.parametrize(("seconds", "accounted"), [(1000 + 3600 + 60, True), (1000 + 3600 + 61, False)])
def test_a_use_that_nobody_ends_accounts_for_its_time_only(seconds: int, accounted: bool) -> None:
    log = Log().add(0, declared()).add(1000, opened(ONE), OPENING)
    assert (log.login(seconds) == OPENING) == accounted


def test_a_use_that_ends_late_is_not_longer_for_it() -> None:
    log = Log().add(0, declared()).add(1000, opened(ONE), OPENING)
    log.add(50_000, UseEnded(outcome="closed", classification="emergency"), OPENING)
    assert log.login(30_000) is None


@pytest.mark.parametrize(
    "body",
    [
        Applying(old_epoch_id=ONE, new_epoch_id=ONE),
        Proven(epoch_id=ONE, result="accepted", detail=""),
        Closed(classification="emergency"),
    ],
)
def test_what_the_program_asks_itself_is_accounted_for_by_its_record(body: AnyBody) -> None:
    log = Log().add(5000, body)
    assert [log.login(seconds) is not None for seconds in (4939, 4940, 5060, 5061)] == [False, True, True, False]


@pytest.mark.parametrize(
    "body",
    [
        Refused(stage="open", error="insufficient-shares", message="no quorum"),
        Acknowledged(epoch_id=ONE, sheet="1.1", custodian="North", bag=""),
        ReadBack(epoch_id=ONE, sheets=("1.1",)),
        Heartbeat(every_s=60),
    ],
)
def test_what_asks_no_target_accounts_for_nothing(body: AnyBody) -> None:
    assert Log().add(5000, body).login(5000) is None


CHEAP = [
    Refused(stage="open", error="insufficient-shares", message="no quorum"),
    DrillEnded(
        drill="access", epoch_id=ONE, login="", steps_ms={}, result="fail", reasons=("no quorum",),
    ),
]  # fmt: skip
"""Records that whoever is at the terminal has made by declaring and bringing no sheet."""


@pytest.mark.parametrize("body", CHEAP)
def test_an_attempt_without_a_quorum_covers_up_no_login(body: AnyBody) -> None:
    assert Log().add(0, declared()).add(10, body, OPENING).login(10) is None


@pytest.mark.parametrize("body", CHEAP)
def test_a_step_that_fails_after_a_quorum_was_there_accounts_for_what_it_asked(body: AnyBody) -> None:
    assert used().add(9000, body, OPENING).login(9000) == OPENING


def test_only_a_rotation_accounts_for_a_change_of_the_password() -> None:
    log = used().add(3000, Applied(new_epoch_id=ONE), OPENING)
    assert [log.change(seconds) for seconds in (1500, 2939, 3000, 3060, 3061)] == [False, False, True, True, False]


def test_an_unmatched_login_is_a_debt_that_people_settle() -> None:
    book = at_issued().add(seen())
    (debt,) = book.set.debts
    assert (debt.kind, debt.id) == ("login", f"login-{book.count - 1}")
    book.add(Settled(debt=debt.id, reason="it was maintenance", officers=("Duty",)))
    assert book.set.debts == ()


@pytest.mark.parametrize("changes", [{"matched": OPENING}, {"matched": "own"}, {"accepted": False}])
def test_other_logins_are_none(changes: dict[str, object]) -> None:
    assert at_issued().add(seen(**changes)).set.debts == ()


@pytest.mark.parametrize("at", ["", "yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_an_instant_without_meaning_is_refused(at: str) -> None:
    from breakglass_shamir.errors import InvalidRecord

    at_issued().refuse(seen(at=at), f"expected an instant with a time zone, got {at!r}", InvalidRecord)


def seen(**changes: object) -> LoginSeen:
    fields: dict[str, object] = {
        "at": "2026-01-01T00:00:00Z", "account": "root", "source": "192.0.2.1", "accepted": True, "count": 1,
        "matched": "", "detail": "",
    }  # fmt: skip
    return LoginSeen(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_wait_for_sessions_accounts_for_logins_until_the_next_record_of_its_opening() -> None:
    waits = SessionsAwaited(count=1, for_s=600, detail="a: 1 session")
    log = used().add(3000, waits, OPENING)
    assert [log.login(seconds) is not None for seconds in (2900, 3300, 3660, 3661)] == [False, True, True, False]
    log.add(3200, SessionsAwaited(count=0, for_s=0, detail=""), OPENING)
    assert [log.login(seconds) is not None for seconds in (3100, 3260, 3261)] == [True, True, False]


def test_a_wait_that_nobody_opened_a_set_for_accounts_for_nothing_but_itself() -> None:
    log = Log().add(3000, SessionsAwaited(count=1, for_s=600, detail=""), OPENING)
    assert log.login(3300) is None


def test_no_length_of_time_in_a_record_stops_the_watch() -> None:
    """A program that lies can write one past the end of the calendar."""
    log = Log().add(0, replace(declared(), use_for_s=10**15)).add(1000, opened(ONE), OPENING)
    log.add(3000, SessionsAwaited(count=1, for_s=10**15, detail=""), OPENING)
    assert log.login(10**6) == OPENING
    assert log.login(0) is None


def test_a_wait_accounts_for_no_change_of_the_password() -> None:
    assert not used().add(3000, SessionsAwaited(count=1, for_s=600, detail=""), OPENING).change(3000)


@pytest.mark.parametrize(
    "body", [Proven(epoch_id="00" * 8, result="accepted", detail="ok"), Applying("00" * 8, "11" * 8)]
)
def test_what_lies_near_the_programs_own_question_is_said_to_be_near(body: AnyBody) -> None:
    log = Log().add(100, body).add(130, Applied("11" * 8))
    span = log.accounts.of_login(START + timedelta(seconds=128))
    assert span is not None
    assert (span.own, span.near) == (True, "near this program's check at 00:02:10 UTC, not told apart")


def test_a_use_by_people_is_no_check_of_the_programs() -> None:
    span = used().accounts.of_login(START + timedelta(seconds=1500))
    assert span is not None
    assert not span.own


TARGET = "mysql://db.example.com/"


def login(seconds: float, mark: str, target: str = TARGET) -> Seen:
    return Seen(START + timedelta(seconds=seconds), target, mark)


def judged(log: Log, *logins: Seen) -> list[str]:
    """Say of each login what the watch would: ``own``, ``strange``, or ``near``."""
    own = log.accounts.own(logins)
    strange = log.accounts.is_strange
    return ["own" if one in own else "strange" if strange(one, own) else "near" for one in logins]


def asked(*marks: str, target: str = TARGET) -> Asked:
    return Asked(target=target, marks=marks)


def found(seconds: int, mark: str, matched: str = "own") -> LoginSeen:
    at = (START + timedelta(seconds=seconds)).isoformat()
    return seen(at=at, matched=matched, mark=mark)


def test_a_login_is_the_programs_own_where_both_have_one_mark() -> None:
    log = Log().add(100, asked("name breakglass-0123456789abcdef", "port 10.0.0.1:40001"))
    assert judged(log, login(101, "port 10.0.0.1:40001")) == ["own"]
    assert judged(log, login(99, "name breakglass-0123456789abcdef")) == ["own"]
    assert judged(log, login(101, "port 10.0.0.1:40002"), login(101, "")) == ["near", "near"]


def test_a_mark_counts_once_whoever_reads_it_in_the_log() -> None:
    log = Log().add(100, asked("name breakglass-0123456789abcdef"))
    again = login(102, "name breakglass-0123456789abcdef"), login(103, "name breakglass-0123456789abcdef")
    assert judged(log, *again) == ["own", "strange"]
    log.add(104, found(102, "name breakglass-0123456789abcdef"))
    assert judged(log, again[1]) == ["strange"]


def test_one_login_has_many_marks_and_uses_all_of_them_up() -> None:
    log = Log().add(100, asked("name breakglass-0123456789abcdef", "port 10.0.0.1:40001"))
    first, second = login(101, "name breakglass-0123456789abcdef"), login(102, "port 10.0.0.1:40001")
    assert judged(log, first, second) == ["own", "strange"]


@pytest.mark.parametrize("seconds", [-21, 100 - SKEW_S - 1, 100 + SKEW_S + 1, 5000])
def test_a_mark_counts_near_its_record_only(seconds: int) -> None:
    log = Log().add(100, asked("connection 7"))
    assert "own" not in judged(log, login(seconds, "connection 7"))


def test_a_mark_of_one_target_is_none_at_another() -> None:
    log = Log().add(100, asked("connection 7", target="mysql://replica/"))
    assert judged(log, login(100, "connection 7")) == ["near"]


def test_what_is_more_than_the_programs_logins_is_strange_once_each_of_them_was_found() -> None:
    log = Log().add(100, asked("connection 7")).add(101, asked("connection 9"))
    assert judged(log, login(101, "connection 8"), login(100, "connection 7")) == ["near", "own"]
    three = login(100, "connection 7"), login(101, "connection 8"), login(101, "connection 9")
    assert judged(log, *three) == ["own", "strange", "own"]


def test_logins_that_share_a_mark_are_counted() -> None:
    """A KDC's log has the second of a ticket, and nothing more."""
    log = Log().add(100, asked("ticket of 1767225700")).add(101, asked("ticket of 1767225700"))
    same = [login(100, f"ticket of 1767225700{number}") for number in ("", " #2", " #3")]
    assert judged(log, *same) == ["own", "own", "strange"]


def test_nothing_is_strange_where_the_programs_own_logins_are_not_in_the_log() -> None:
    """A network that writes other ports into the packets must not make an alarm of each check."""
    log = Log().add(100, asked("port 10.0.0.1:40001"))
    assert judged(log, login(100, "port 192.0.2.1:1024")) == ["near"]


@pytest.mark.parametrize("mark", ["process 4711", "terminal pts/3"])
def test_a_mark_that_the_machine_gives_is_believed_by_itself(mark: str) -> None:
    log = Log().add(100, asked("process 4710"))
    assert judged(log, login(100, mark)) == ["strange"]


def test_only_what_was_called_the_programs_own_uses_a_mark_up() -> None:
    log = Log().add(100, asked("connection 7")).add(101, found(101, "connection 7", matched="near"))
    assert judged(log, login(102, "connection 7")) == ["own"]


def test_a_record_of_a_login_accounts_for_the_time_near_it() -> None:
    span = Log().add(100, asked("connection 7")).accounts.of_login(START + timedelta(seconds=110))
    assert span is not None
    assert span.own


def test_the_marks_are_written_in_one_way() -> None:
    assert marks.of_process(4711).startswith(CERTAIN)
    assert marks.of_terminal("pts/3").startswith(CERTAIN)
    others = marks.of_name(marks.new_name()), marks.of_port("::1", 1), marks.of_connection(1), marks.of_ticket(1)
    assert not any(one.startswith(CERTAIN) or AGAIN in one for one in others)
