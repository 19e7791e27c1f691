# SPDX-License-Identifier: Apache-2.0
"""Status for machines: Prometheus text read by a strict parser, plugin lines by the guidelines' grammar."""

import re
from collections import defaultdict

import pytest
from msgspec import structs

from breakglass_shamir.custody.life.due import DAY_S
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.records.monitoring import Watched
from breakglass_shamir.custody.records.sheets import Acknowledged, SheetVoided
from breakglass_shamir.ledger import times
from breakglass_shamir.operations.monitoring.formats import (
    CRITICAL,
    OK,
    UNKNOWN,
    WARNING,
    Life,
    nagios,
    nagios_error,
    prometheus,
)
from breakglass_shamir.operations.monitoring.heartbeat import Silence
from breakglass_shamir.operations.monitoring.status import SetStatus, ago, days, status_of
from breakglass_shamir.operations.monitoring.to_do import Undelivered
from tests.unit.custody.life.test_due import READ_BACK, days_later
from tests.unit.custody.life.test_lifecycle import ONE, Book, at_issued, declared, opened

_SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?\d+)')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\[\\"n])*)"')
_PERFDATA = re.compile(r"'[^'=]+'=-?\d+(?:;\d*){4}")


QUIET = Life("north", Silence(5, 0, late=False))
"""Of a terminal that promised nothing."""


def parse(text: str) -> dict[str, list[tuple[dict[str, str], int]]]:
    """Read the text format 0.0.4 strictly: help and type before the samples, no metric twice, a newline at the end."""
    assert text.endswith("\n")
    found: dict[str, list[tuple[dict[str, str], int]]] = defaultdict(list)
    announced: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in announced
            assert next(lines) == f"# TYPE {name} gauge"
            announced.append(name)
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, line
        assert sample[1] == announced[-1]
        labels = {key: _unescaped(value) for key, value in _LABEL.findall(sample[2])}
        assert labels not in [known for known, _ in found[sample[1]]]
        found[sample[1]].append((labels, int(sample[3])))
    assert set(announced) == set(found)
    return found


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


def at(book: Book, days_: float = 0) -> SetStatus:
    return status_of(book.set, days_later(book, days_))


def sealed() -> Book:
    book = at_issued()
    for sheet in READ_BACK.sheets:
        book.add(Acknowledged(epoch_id=ONE, sheet=sheet, custodian="", bag=""))
    return book.add(READ_BACK)


def test_a_quiet_set_is_ok_to_every_reader() -> None:
    one = at(sealed())
    line, code = nagios([one], QUIET)
    assert (code, line.split(" | ")[0]) == (OK, "BREAKGLASS OK - 1 set, nothing is due")
    metrics = parse(prometheus([one], QUIET))
    assert metrics["breakglass_due"] == [({"set": "prod-db"}, 0)]
    assert metrics["breakglass_sheets_verified"] == [({"set": "prod-db"}, 3)]
    assert metrics["breakglass_losses_left"] == [({"set": "prod-db"}, 1)]
    due = {labels["drill"]: value for labels, value in metrics["breakglass_drill_due_seconds"]}
    assert due == {"roll-call": 90 * DAY_S, "rehearsal": 90 * DAY_S - 4, "access": 365 * DAY_S - 4}


def test_several_sets_share_one_help_and_type() -> None:
    two = [at(sealed()), at(sealed())]
    structs.force_setattr(two[1], "name", "other")
    metrics = parse(prometheus(two, QUIET))
    assert [labels["set"] for labels, _ in metrics["breakglass_due"]] == ["prod-db", "other"]


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "ünï", "a'b=c", "a|b"])
def test_no_name_breaks_a_format(name: str) -> None:
    one = at(sealed(), 400)
    structs.force_setattr(one, "name", name)
    assert parse(prometheus([one], QUIET))["breakglass_due"][0][0] == {"set": name}
    line, _ = nagios([one], QUIET)
    assert line.count(" | ") == 1
    assert "\n" not in line
    for value in line.split(" | ")[1].split(" '"):
        assert _PERFDATA.fullmatch(value if value.startswith("'") else f"'{value}")


def test_what_is_due_is_a_warning_and_what_cannot_wait_is_critical() -> None:
    book = sealed()
    assert nagios([at(book, 89)], QUIET)[1] == OK
    assert nagios([at(book, 91)], QUIET)[1] == WARNING
    book.add(declared()).add(opened(ONE))
    assert nagios([at(book)], QUIET)[1] == WARNING
    line, code = nagios([at(book, 1)], QUIET)
    assert code == CRITICAL
    assert line.startswith("BREAKGLASS CRITICAL - prod-db: rotate: the credential of epoch 1 was opened")


def test_a_quorum_at_risk_stands_first_and_is_critical() -> None:
    book = sealed()
    for sheet in ("1.1", "1.2"):
        book.add(SheetVoided(epoch_id=ONE, sheet=sheet, reason="lost"))
    one = at(book, 400)
    assert one.losses_left == -1
    expected = (
        "no quorum is left: 2 sheets of epoch 1 are void; "
        "whoever still has the paper opens with --override void, then rotate"
    )
    assert one.due[0] == one.urgent[0] == expected
    assert nagios([one], QUIET)[1] == CRITICAL


def test_no_set_and_no_ledger_are_unknown() -> None:
    assert nagios([], QUIET) == ("BREAKGLASS UNKNOWN - no set in this ledger yet", UNKNOWN)
    assert nagios_error("two | lines\nhere", UNKNOWN) == "BREAKGLASS UNKNOWN - two / lines here"


def test_undelivered_alerts_are_due_where_there_is_an_outbox() -> None:
    state: SetState = sealed().set
    assert state.history is not None
    now = days_later(sealed(), 0)
    assert status_of(state, now).undelivered is None
    assert status_of(state, now, {}).undelivered == 0
    waiting = status_of(state, now, {"prod-db": Undelivered(2, 7200)})
    assert waiting.due == ("alerts: 2 were not delivered, the oldest 2 h ago; see: breakglass alerts list",)
    assert parse(prometheus([waiting], QUIET))["breakglass_alerts_undelivered"] == [({"set": "prod-db"}, 2)]


def test_sheets_of_which_the_same_is_said_share_a_sentence() -> None:
    one = at(sealed(), 100)
    assert "roll-call: sheet 1.1, 1.2, 1.3: last verified 100 d ago" in one.due


def test_verified_counts_what_was_looked_at_and_did_not_fail() -> None:
    from tests.unit.custody.life.test_drill_rules import roll_call

    book = sealed()
    assert (at(book).verified, at(book, 3).verified_age_s) == (3, 3 * DAY_S)
    book.add(roll_call("1.2", "fail"))
    assert at(book).verified == 2
    book.add(SheetVoided(epoch_id=ONE, sheet="1.1", reason="lost"))
    assert at(book).verified == 1


def test_ages_do_not_depend_on_the_wall_clock() -> None:
    book = sealed()
    last = book.state.last
    assert last is not None
    ahead = Moment("2099-01-01T00:00:00Z", last.boot, last.uptime_ms)
    assert status_of(book.set, ahead).verified_age_s == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "due"), (0, "due"), (30, "in 30 s"), (DAY_S, "in 1 d"), (DAY_S + 1, "in 2 d"), (90 * DAY_S, "in 90 d")],
)
def test_time_to_come_in_words(seconds: int, words: str) -> None:
    assert days(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "never"), (0, "today"), (DAY_S, "1 d ago"), (9 * DAY_S, "9 d ago")]
)
def test_time_gone_by_in_words(seconds: int | None, words: str) -> None:
    assert ago(seconds) == words


def silent(seconds: int, every_s: int = 3600) -> Life:
    return Life("north", Silence(seconds, every_s, late=times.is_late(seconds, every_s)))


@pytest.mark.parametrize(
    ("seconds", "every_s", "code"),
    [
        (10**6, 0, OK),
        (3600, 3600, OK),
        (3600 + 360 + 60, 3600, OK),
        (3600 + 360 + 61, 3600, WARNING),
        (3 * 3600, 3600, WARNING),
        (3 * 3600 + 1, 3600, CRITICAL),
        (31, 10, OK),
    ],
)
def test_a_terminal_that_is_silent_for_longer_than_promised_is_a_warning_and_for_much_longer_critical(
    seconds: int, every_s: int, code: int
) -> None:
    life = silent(seconds, every_s)
    line, got = nagios([at(sealed())], life)
    assert got == code
    assert ("no record for" in line) == (code != OK)
    thresholds = f"{every_s};{3 * every_s}" if every_s else ";"
    assert f"'silence_seconds'={seconds};{thresholds};0;" in line
    for value in line.split(" | ")[1].split(" '"):
        assert _PERFDATA.fullmatch(value if value.startswith("'") else f"'{value}")
    metrics = parse(prometheus([at(sealed())], life))
    of_terminal = {"terminal": "north"}
    assert metrics["breakglass_silence_seconds"] == [(of_terminal, seconds)]
    assert metrics["breakglass_silence_late"] == [(of_terminal, int(code != OK))]
    assert metrics.get("breakglass_silence_promised_seconds") == ([(of_terminal, every_s)] if every_s else None)


def test_the_silence_of_a_ledger_without_a_set_is_told_to_a_collector() -> None:
    assert parse(prometheus([], silent(9999)))["breakglass_silence_late"] == [({"terminal": "north"}, 1)]


def test_a_terminals_name_breaks_no_format() -> None:
    life = Life('no"rth\\', silent(5).silence)
    assert parse(prometheus([], life))["breakglass_silence_seconds"] == [({"terminal": 'no"rth\\'}, 5)]


def looked(every_s: int = 600, problem: str = "") -> Book:
    book = sealed()
    assert book.state.last is not None
    return book.add(Watched(until=book.state.last.time, every_s=every_s, problem=problem))


@pytest.mark.parametrize(("minutes", "code"), [(20, OK), (21, WARNING), (30, WARNING), (31, CRITICAL)])
def test_a_watch_that_gave_no_sign_is_a_warning_and_one_that_is_gone_for_long_critical(minutes: int, code: int) -> None:
    one = at(looked(), minutes / 1440)
    line, got = nagios([one], QUIET)
    assert (got, "watch: it gave no sign" in line) == (code, code != OK)
    assert f"'prod-db_watch_seconds'={60 * minutes};1200;1800;0;" in line
    metrics = parse(prometheus([one], QUIET))
    assert metrics["breakglass_watch_age_seconds"] == [({"set": "prod-db"}, 60 * minutes)]
    assert metrics["breakglass_watch_promised_seconds"] == [({"set": "prod-db"}, 600)]


def test_a_watch_that_cannot_ask_says_so_and_for_how_long_it_has_seen_nothing() -> None:
    book = looked(problem="no route")
    one = at(book)
    assert nagios([one], QUIET)[1] == WARNING
    assert parse(prometheus([one], QUIET))["breakglass_watch_blind"] == [({"set": "prod-db"}, 1)]
    last = book.state.last
    assert last is not None
    later = status_of(book.set, Moment("2026-01-01T02:00:00Z", last.boot, last.uptime_ms + 60_000))
    assert later.watch is not None
    assert (later.watch.age_s, later.watch.looked_age_s > 7000) == (60, True)


def test_a_watch_that_a_timer_runs_promises_nothing_and_nobodys_watch_is_no_metric() -> None:
    metrics = parse(prometheus([at(looked(every_s=0), 9)], QUIET))
    assert "breakglass_watch_promised_seconds" not in metrics
    assert metrics["breakglass_watch_age_seconds"] == [({"set": "prod-db"}, 9 * DAY_S)]
    assert not [name for name in parse(prometheus([at(sealed())], QUIET)) if "watch" in name]
