# SPDX-License-Identifier: Apache-2.0
"""A clock that was set shows, and so does silence; neither needs anything but the records."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.ledger import clock, times
from breakglass_shamir.ledger.home import create
from breakglass_shamir.ledger.times import Times
from breakglass_shamir.ledger.verify import verify

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600


def record(seq: int, wall_s: int, uptime_s: float, boot: str = "one") -> Record:
    time = (START + timedelta(seconds=wall_s)).isoformat().replace("+00:00", "Z")
    return Record(
        v=1, log="00" * 8, seq=seq, previous="", root="", time=time, boot=boot, uptime_ms=int(uptime_s * 1000),
        set="", opening="", body=Heartbeat(every_s=0),
    )  # fmt: skip


def look(*moments: tuple[int, float] | tuple[int, float, str], promised_s: int = 0) -> Times:
    found = Times()
    for seq, moment in enumerate(moments):
        found.step(record(seq, *moment), promised_s)
    return found


def test_clocks_that_go_together_show_nothing() -> None:
    found = look((0, 0), (10, 10), (HOUR, HOUR), (HOUR, HOUR + 0.5), (HOUR + 1, HOUR + 1.9))
    assert (found.set_back, found.set_forward, found.broken_promises) == ([], [], [])


@pytest.mark.parametrize(("wall_s", "back", "forward"), [(-1, True, False), (50, True, False), (160, False, True)])
def test_a_clock_that_leaves_the_uptime_was_set(wall_s: int, back: bool, forward: bool) -> None:
    found = look((0, 0), (wall_s, 100), (wall_s + 10, 110))
    assert (found.set_back, found.set_forward) == ([1] if back else [], [1] if forward else [])


def test_a_clock_may_drift_by_a_little_and_a_thousandth() -> None:
    assert look((0, 0), (96, 100)).set_back == []
    assert look((0, 0), (94, 100)).set_back == [1]
    month = 30 * 86_400
    assert look((0, 0), (month - month // 1001, month)).set_back == []
    assert look((0, 0), (month - month // 900, month)).set_back == [1]


def test_across_a_reboot_only_a_clock_that_runs_backwards_shows() -> None:
    assert look((0, 9000), (50, 5, "two")).set_back == []
    found = look((100, 9000), (50, 5, "two"))
    assert (found.set_back, found.longest.seconds) == ([1], 0)


@pytest.mark.parametrize("other", ["two", ""])
def test_a_run_that_goes_on_after_another_shows_whatever_it_is_called(other: str) -> None:
    found = look((0, 0), (1, 1, other), (2, 2, other), (3, 3), (4, 4))
    assert found.runs.back == [3]


def test_many_records_in_one_second_hide_no_step() -> None:
    found = look(*[(0, n / 10) for n in range(10)], (0, 20))
    assert found.set_back == [10]
    assert look((0, 0), (0, 0.5), (-1, 0.6)).set_back == [2]
    assert look((0, 10), (0, 9)).set_forward == []


def test_the_longest_silence_is_named_with_its_record_and_since_when() -> None:
    found = look((0, 0), (10, 10), (10 + 2 * HOUR, 10 + 2 * HOUR), (11 + 2 * HOUR, 11 + 2 * HOUR))
    assert found.longest == times.Silence(2 * HOUR, 2, "2026-01-01T00:00:10Z")
    assert found.broken_promises == []


def test_a_clock_set_back_hides_no_silence() -> None:
    found = look((0, 0), (60, 2 * HOUR), promised_s=HOUR)
    assert [one.seconds for one in found.broken_promises] == [2 * HOUR]
    assert found.set_back == [1]


@pytest.mark.parametrize(("seconds", "promised", "late"), [(66, 0, False), (120, 60, False), (127, 60, True),
                                                           (3959, 3600, False), (4021, 3600, True)])  # fmt: skip
def test_a_promise_is_broken_by_a_tenth_and_a_minute(seconds: int, promised: int, late: bool) -> None:
    assert times.is_late(seconds, promised) is late


def test_what_is_kept_does_not_grow_with_the_log() -> None:
    found = Times()
    for seq in range(3 * times.KEPT):
        found.step(record(seq, -1000 * seq, 1000 * seq), 1)
    assert (len(found.set_back), len(found.broken_promises)) == (times.KEPT, times.KEPT)


def test_a_ledger_reports_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with create(tmp_path, "north") as ledger:
        now = datetime.fromisoformat(clock.now().time)
        boot, uptime_ms = clock.now().boot, clock.now().uptime_ms

        def at(wall_s: int, uptime_s: int) -> None:
            time = (now + timedelta(seconds=wall_s)).isoformat().replace("+00:00", "Z")
            monkeypatch.setattr(clock, "now", lambda: Moment(time, boot, uptime_ms + 1000 * uptime_s))
            ledger.append(Heartbeat(every_s=HOUR))

        at(HOUR, HOUR)
        at(4 * HOUR, 4 * HOUR)
        at(3 * HOUR, 4 * HOUR + 1)
        at(9 * HOUR, 4 * HOUR + 2)
        report = verify(ledger)
    assert (report.clock_steps_back, report.clock_steps_forward) == ((3,), (4,))
    assert (report.longest_silence.seconds, report.longest_silence.before) == (3 * HOUR, 2)
    assert [(one.seconds, one.before) for one in report.broken_promises] == [(3 * HOUR, 2)]
