# SPDX-License-Identifier: Apache-2.0
"""Rows of csvlog over several lines: every login is seen once, and nothing that a client wrote is one."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.connectors.postgresql import csvlog
from breakglass_shamir.connectors.postgresql import log as postgresql_log

AT = "2026-11-25 08:00:{:02}.000 UTC"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


FAKES = (
    AT.format(59) + ',"bg","x",7,"10.6.6.6:1",s,1,"authentication",' + AT.format(59) + ",1/1,0,LOG,00000,"
    '"connection authorized: user=bg database=x",,,,,,,,,"psql","client backend",,0',
    AT.format(59) + ",,,7,,s,1,," + AT.format(59) + ",,0,LOG,00000,connection authorized: user=bg,,,,,,,,,,,,0",
    AT.format(59) + ",,,7,,s,1,," + AT.format(59) + ",,0,LOG,00000,",
    AT.format(59) + " [7] LOG:  connection authorized: user=bg",
    '{"timestamp":"' + AT.format(59) + '","pid":7,"message":"connection authorized: user=bg"}',
    AT.format(59) + ',"',
    AT.format(59) + ",",
    '"connection authorized: user=bg"',
)
"""What a client may say, so that a line of it looks like a row, or like a line of another format."""


def wanted(_columns: Sequence[str], line: str, at: int) -> bool:
    return line.startswith("connection authorized: ", at)


def row(second: int, message: str, *, user: str = "app", database: str = "x", query: str = "") -> str:
    """Write a row as the server does: texts quoted, numbers not, and what is empty left empty (``write_csvlog``)."""

    def text(value: str) -> str:
        return '"' + value.replace('"', '""') + '"' if value else ""

    at = AT.format(second)
    head = [at, text(user), text(database), "11", text("10.0.0.7:4711"), "6743.b", "2", text("authentication"), at]
    middle = ["3/4", "0", "LOG", "00000", text(message), "", "", "", "", "", text(query), "", "", text("psql")]
    return ",".join([*head, *middle, text("client backend"), "", "0"]) + "\n"


def login(second: int, account: str = "bg", database: str = "x") -> str:
    said = f"connection authorized: user={account} database={database} application_name=psql"
    return row(second, said, user=account, database=database)


def found(folder: Path, text: str, name: str = "server.csv") -> list[tuple[int, bool]]:
    log = folder / name
    log.write_bytes(text.encode())
    return [(one.at.second, one.accepted) for one in _logins(log)]


def _logins(log: Path) -> tuple[Login, ...]:
    return postgresql_log.logins(str(log), "bg", LONG_AGO)


def test_a_row_as_this_test_writes_it_is_one_row_to_the_csv_module() -> None:
    written = row(1, 'a "quoted"\nmessage', database="we\nird") + login(2)
    first, second = csv.reader(io.StringIO(written, newline=""), strict=True)
    assert (first[2], first[13], second[1], len(first)) == ("we\nird", 'a "quoted"\nmessage', "bg", 26)


@pytest.mark.parametrize("fake", FAKES)
@pytest.mark.parametrize("name", ["server.csv", "server.csv.1", "server.log"])
def test_what_a_client_wrote_over_several_lines_is_no_login_and_hides_none(
    tmp_path: Path, fake: str, name: str
) -> None:
    spoken = f'statement: SELECT \'"\n{fake}\n""\n{fake}'
    log = login(1) + row(2, spoken, query=spoken) + login(3) + row(4, f"statement: {fake}\n") + login(5)
    assert found(tmp_path, log, name) == [(1, True), (3, True), (5, True)]


@pytest.mark.parametrize("database", ["we\nird", 'we"\n"ird', f'x\n{AT.format(59)},"y', "\n" * 63, '"' * 63, ',\n,",'])
def test_a_login_whose_row_goes_on_over_lines_is_seen_whole(tmp_path: Path, database: str) -> None:
    log = login(1) + login(2, database=database) + login(3, "other", database) + login(4)
    assert found(tmp_path, log) == [(1, True), (2, True), (4, True)]
    (one,) = [one for one in _logins(tmp_path / "server.csv") if one.at.second == 2]
    assert (one.source, one.detail) == ("10.0.0.7", f"database={database} application_name=psql".strip())


def test_an_attempt_that_was_refused_is_seen(tmp_path: Path) -> None:
    refused = 'password authentication failed for user "bg"'
    barred = 'role "bg" is not permitted to log in'
    assert found(tmp_path, row(1, refused, user="bg") + row(2, barred, user="bg")) == [(1, False), (2, False)]


@pytest.mark.parametrize("name", ["server.csv", "server.log", "server.json"])
def test_a_row_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path, name: str) -> None:
    """However far it was written: it is never another account's login, and no later row is lost."""
    if name == "server.json":
        last = '{"timestamp":"' + AT.format(2) + '","pid":7,"message":"connection authorized: user=bg database=x"}\n'
        first = last.replace(AT.format(2), AT.format(1))
    elif name == "server.log":
        first, last = (f"{AT.format(n)} [7] LOG:  connection authorized: user=bg database=x\n" for n in (1, 2))
    else:
        first, last = login(1), login(2, database="we\nird")
    for written in range(len(last)):
        seen = found(tmp_path, first + last[:written], name)
        assert seen in ([(1, True)], [(1, True), (2, True)])
        assert len(seen) == 1 or last[written - 1] == "\n"
    assert found(tmp_path, first + last, name) == [(1, True), (2, True)]


def test_half_a_name_is_nobodys_login(tmp_path: Path) -> None:
    line = f"{AT.format(1)} [7] LOG:  connection authorized: user=bg"
    assert found(tmp_path, line, "server.log") == []
    assert found(tmp_path, line + "-other database=x\n", "server.log") == []


@pytest.mark.parametrize("cut", [20, 60, 100, -40, -2])
def test_a_row_that_was_never_finished_hides_none_after_it(tmp_path: Path, cut: int) -> None:
    """As after a crash, or a full disk: the server goes on where it was, with a new row."""
    broken = row(1, 'statement: SELECT "a"\n, "b"\n', database='x"')[:cut]
    rest = "".join(login(second) for second in range(2, 30))
    assert [second for second, _ in found(tmp_path, broken + "\n" + rest)] == list(range(2, 30))


def test_a_file_that_begins_in_the_middle_of_a_row_is_read_from_the_next(tmp_path: Path) -> None:
    spoken = "statement: SELECT 1\n" + "\n".join(FAKES)
    whole = row(1, spoken, query=spoken) + login(2)
    for begin in range(0, len(whole) - len(login(2)), 7):
        assert found(tmp_path, whole[begin:]) == [(2, True)]


def test_the_next_file_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(login(1)[:150])
    (tmp_path / "b.csv").write_text(login(2))
    logins = postgresql_log.logins(str(tmp_path / "*.csv"), "bg", LONG_AGO)
    assert [one.at.second for one in logins] == [2]


def test_the_rest_of_a_line_that_is_too_long_is_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "LINE_MAX_BYTES", 1000)
    fake = f"{AT.format(59)} [7] LOG:  connection authorized: user=bg database=x"
    for padding in (999, 1000, 1001):
        long = f"{AT.format(1)} [7] LOG:  statement: ".ljust(padding, "x") + fake
        real = f"{AT.format(2)} [8] LOG:  connection authorized: user=bg database=x"
        assert found(tmp_path, f"{long}\n{real}\n", "server.log") == [(2, True)]
    assert found(tmp_path, row(1, "x" * 900 + login(59)) + login(2)) == [(2, True)]


def test_what_is_open_for_longer_than_any_login_is_let_go(tmp_path: Path) -> None:
    endless = row(1, "connection authorized: user=bg\n" + "\n" * csvlog.LINES_MAX)
    wide = row(1, "connection authorized: user=" + "b\n" * 10 + "g" * csvlog.ROW_MAX)
    many = row(1, "connection authorized: user=x\n" + f'{AT.format(59)},"\n' * 3 * csvlog.OPEN_MAX)
    assert found(tmp_path, endless + wide + many + login(2)) == [(2, True)]


TEXT = st.text(st.sampled_from('a",\n{ [') | st.characters(exclude_categories=["C"]), max_size=40)
SPOKEN = st.lists(TEXT | st.sampled_from(FAKES), max_size=4).map("\n".join)


@given(st.lists(st.tuples(SPOKEN, TEXT, st.booleans()), max_size=6))
def test_whatever_clients_write_every_login_is_seen_and_no_other(said: list[tuple[str, str, bool]]) -> None:
    log, expected = "", []
    for second, (spoken, database, real) in enumerate(said):
        log += row(second, f"statement: {spoken}", user=spoken[:63], database=database, query=spoken)
        if real:
            log += login(second, database=database[:63])
            expected.append(second)
    lines = io.StringIO(log, newline="\n").readlines()
    seen = [int(one.at[17:19]) for one in csvlog.rows(lines, wanted, lambda _columns: None)]
    assert seen == expected
