# SPDX-License-Identifier: Apache-2.0
"""Attacks by what a stranger gets into a log: text that costs a reader time, or hides a login from it.

Each reader is in :data:`READERS`, with the texts that cost most. With a matcher that tries every place where something
may begin, many of them take hours; that a test ends is the assertion. Growth is held against length, with a wide
margin.
"""

import gzip
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Logins
from breakglass_shamir.connectors.postgresql import log as postgresql_log
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import LoginSeen, Watched
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.monitoring.watch import Watch
from breakglass_shamir.operations.recorder import Recorder
from tests.attacks.hostile_logs import READERS, SINCE, Reader, fuzzed, later, repeated
from tests.attacks.test_every_gate import Office, Quiet

pytestmark = pytest.mark.timeout(120)

MEBIBYTE = 1 << 20
SHORT, LONG = 3_500, 56_000
"""Characters of a line that is read as one; a factor of 16."""

WORST = [(name, text) for name, reader in READERS.items() for text in reader.worst]
FILED = [name for name in READERS if name != "linux, journal"]
"""Readers of files; the journal is told by a program."""


def seen(reader: Reader, folder: Path, content: str | bytes) -> Logins:
    path = folder / reader.file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = reader.read(path)
    assert isinstance(found, Logins)
    return found


def cost_s(reader: Reader, folder: Path, content: str) -> float:
    """Return what reading costs this process, in seconds; the least of two."""
    path = folder / reader.file
    path.write_text(content)
    least = float("inf")
    for _ in range(2):
        began = time.process_time()
        reader.read(path)
        least = min(least, time.process_time() - began)
    return least


@pytest.mark.parametrize("name", READERS)
def test_a_login_is_seen_as_this_test_writes_it(name: str, tmp_path: Path) -> None:
    found = seen(READERS[name], tmp_path, READERS[name].login + "\n")
    assert len(found) == 1
    assert found.unread == ()


@pytest.mark.parametrize(("name", "text"), WORST)
def test_one_line_of_a_megabyte_holds_nobody_and_hides_no_login(name: str, text: str, tmp_path: Path) -> None:
    reader = READERS[name]
    found = seen(reader, tmp_path, f"{repeated(reader.worst[text], MEBIBYTE)}\n{reader.login}\n")
    assert found[-1].account == "bg"


@pytest.mark.parametrize(("name", "text"), WORST)
def test_many_long_lines_hold_nobody_and_hide_no_login(name: str, text: str, tmp_path: Path) -> None:
    reader = READERS[name]
    line = repeated(reader.worst[text], LONG) + "\n"
    found = seen(reader, tmp_path, line * (MEBIBYTE // len(line)) + reader.login + "\n")
    assert found[-1].account == "bg"


@pytest.mark.parametrize(("name", "text"), WORST)
def test_the_cost_of_a_line_grows_with_its_length_alone(name: str, text: str, tmp_path: Path) -> None:
    """The same amount, in lines sixteen times as long, costs sixteen times as much where cost grows by the square."""
    reader, times = READERS[name], MEBIBYTE // LONG // 4
    worst = reader.worst[text]
    long = cost_s(reader, tmp_path, (repeated(worst, LONG) + "\n") * times + reader.login + "\n")
    short = cost_s(reader, tmp_path, (repeated(worst, SHORT) + "\n") * times * (LONG // SHORT) + reader.login + "\n")
    assert long < 5 * short + 0.2


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("seed", range(12))
def test_whatever_of_its_own_words_is_in_a_log_the_login_after_it_is_seen(
    name: str, seed: int, tmp_path: Path
) -> None:  # fmt: skip
    reader = READERS[name]
    (last,) = seen(reader, tmp_path, f"{later(reader)}\n")
    found = seen(reader, tmp_path, f"{fuzzed(reader, 100_000, seed)}\n{later(reader)}\n")
    assert last.at in [login.at for login in found]


@pytest.mark.parametrize("name", READERS)
def test_a_login_on_a_line_too_long_is_told_and_the_next_one_is_seen(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    longest = log_files.LINE_MAX_BYTES * 5
    for line in (reader.login + "x" * longest, "x" * longest + reader.login, reader.login * (longest // 100)):
        found = seen(reader, tmp_path, f"{line}\n{reader.login}\n")
        assert [login.account for login in found] == ["bg"]
        assert found.unread
        assert all(one.isprintable() for one in found.unread)


@pytest.mark.parametrize("name", FILED)
def test_a_line_too_long_that_is_no_login_is_nobodys(name: str, tmp_path: Path) -> None:
    """It holds no word of a login, or is older than what is asked for."""
    reader, longest = READERS[name], log_files.LINE_MAX_BYTES * 3
    old = reader.login.replace("2026-01", "2025-01").replace("202601", "202501").replace("Jan 02", "Mar 02")
    for line in ("x" * longest, "é" * longest, old + "x" * longest):
        found = seen(reader, tmp_path, f"{line}\n{reader.login}\n")
        assert [login.account for login in found] == ["bg"]
        assert found.unread == ()


SPOILED: dict[str, tuple[str, str]] = {
    "postgresql, csvlog": ("2026-01-02", "2026-99-02"),
    "postgresql, jsonlog": ("}", ""),
    "mariadb, server_audit": ("20260102", "20269902"),
    "mit kdc": ("{x}", "x"),
    "samba, auth_json_audit": ("2026-01-02", "2026-99-02"),
    "linux, auth.log": ("2026-01-02", "2026-99-02"),
    "linux, journal": ('"MESSAGE":', '"MESSAGE":['),
}
"""A change after which a login makes no sense. The others take a line of that kind for a client's text."""


@pytest.mark.parametrize("name", SPOILED)
def test_a_login_that_makes_no_sense_is_told_and_the_next_one_is_seen(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    found = seen(reader, tmp_path, f"{reader.login}\n{reader.login.replace(*SPOILED[name])}\n{later(reader)}\n")
    assert [login.account for login in found] == ["bg", "bg"]
    assert len(found.unread) == 1


@pytest.mark.parametrize("name", [name for name in FILED if name not in ("mit kdc", "samba, auth_json_audit")])
class TestFiles:
    """What a pattern names may be anything."""

    def test_a_packed_file_is_read_and_a_broken_one_is_told(self, name: str, tmp_path: Path) -> None:
        reader = READERS[name]
        packed = gzip.compress(f"{reader.login}\n".encode() * 3)
        for content, logins, told in ((packed, 3, 0), (packed[:-9], 3, 1), (packed[:20], 0, 1), (b"no gzip", 0, 1)):
            (tmp_path / f"{reader.file}.1.gz").write_bytes(content)
            found = self.read(reader, tmp_path)
            assert len(found) >= logins
            assert len(found.unread) == told

    def test_what_unpacks_without_end_is_read_as_far_as_the_bound(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_files, "BYTES_MAX", MEBIBYTE)
        reader = READERS[name]
        for bomb in (bytes(16 * MEBIBYTE), b"xx\n" * 4 * MEBIBYTE):
            (tmp_path / f"{reader.file}.1.gz").write_bytes(gzip.compress(bomb))
            (tmp_path / reader.file).write_text(reader.login + "\n")
            found = self.read(reader, tmp_path)
            assert [login.account for login in found] == ["bg"]
            assert len([one for one in found.unread if "only the beginning" in one]) == 1

    def test_of_what_is_larger_than_the_bound_the_end_is_read(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_files, "BYTES_MAX", MEBIBYTE)
        reader = READERS[name]
        for filler in ("y" * 90 + "\n", reader.login + "\n", "y" * 70_000 + "\n"):
            (tmp_path / reader.file).write_text(filler * (3 * MEBIBYTE // len(filler)) + reader.login + "\n")
            found = self.read(reader, tmp_path)
            assert found[-1].account == "bg"
            assert any("only the end of" in one for one in found.unread)

    def test_a_pipe_and_a_folder_are_told_and_hold_nobody(self, name: str, tmp_path: Path) -> None:
        reader = READERS[name]
        (tmp_path / reader.file).write_text(reader.login + "\n")
        os.mkfifo(tmp_path / f"{reader.file}.pipe")
        (tmp_path / f"{reader.file}.d").mkdir()
        found = self.read(reader, tmp_path)
        assert [login.account for login in found] == ["bg"]
        assert sum("no plain file" in one for one in found.unread) == 2

    def read(self, reader: Reader, folder: Path) -> Logins:
        found = reader.read(folder / f"{reader.file}*")
        assert isinstance(found, Logins)
        return found


class TestPatterns:
    """The pattern of option ``log`` is text that is run, too."""

    def names(self, pattern: str) -> list[str]:
        return sorted(path.name for path in log_files.require_files(pattern, "logins"))

    def test_it_stands_for_names_as_a_shell_does(self, tmp_path: Path) -> None:
        for name in ("a.log", "b.log", ".hidden.log", "deep/c.log", "deep/er/d.log", "[x].log"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")
        assert self.names(f"{tmp_path}/*.log") == ["[x].log", "a.log", "b.log"]
        assert self.names(f"{tmp_path}/.*.log") == [".hidden.log"]
        assert self.names(f"{tmp_path}/*/*.log") == ["c.log"]
        assert self.names(f"{tmp_path}/**/*.log") == ["c.log"]
        assert self.names(f"{tmp_path}/[ab].log") == ["a.log", "b.log"]
        assert self.names(f"{tmp_path}/a.log") == ["a.log"]
        with pytest.raises(ConnectorError, match="there is no file"):
            self.names(f"{tmp_path}/none*")

    @pytest.mark.parametrize("part", ["*" + "a*" * 800 + "b", "[a-z]*" * 300, "?*" * 900])
    def test_one_that_repeats_holds_nobody(self, part: str, tmp_path: Path) -> None:
        (tmp_path / ("a" * 250)).write_text("x")
        with pytest.raises(ConnectorError):
            self.names(f"{tmp_path}/{part}!")

    @pytest.mark.parametrize("pattern", ["/proc/*/task/*/fd/*", "/*" * 12, "/*/../*/../*/../*/*/*", "/usr/*/*/*/*"])
    def test_one_that_names_a_whole_machine_is_refused(self, pattern: str) -> None:
        with pytest.raises(ConnectorError):
            self.names(pattern)


@dataclass
class Post:
    """A terminal that watches a PostgreSQL server by its log."""

    ledger: Ledger
    watch: Watch
    log: Path

    def bodies(self, kind: type[Any]) -> list[Any]:
        return [entry.record.body for entry in self.ledger.entries() if isinstance(entry.record.body, kind)]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    log = tmp_path / "server.log"
    source = f"""
name = "prod-db"
target = {{uri = "postgresql://127.0.0.1/x", account = "bg", options = {{log = "{log}"}}}}
quorum = {{groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]}}
[declaration]
classes = ["idp-outage"]
"""
    with home.create(tmp_path / "home", "terminal one") as ledger:
        Office(ledger, source).custody()
        recorder = Recorder(ledger, Quiet())  # type: ignore[arg-type]
        recorder.set_name = "prod-db"
        yield Post(ledger, Watch(recorder), log)


def test_the_watch_says_that_it_could_not_read_a_line_and_sees_the_next(post: Post) -> None:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    said = f"{at} UTC [7] LOG:  connection authorized: user=bg database=x application_name=psql"
    post.log.write_text(said + "x" * 100_000 + "\n" + said + "\n")
    found = post.watch.once()
    assert found.logins == 1
    assert "longer than" in found.problem
    (sign,) = post.bodies(Watched)
    assert "longer than" in sign.problem
    assert len(post.bodies(LoginSeen)) == 1
    assert sign.until > at.replace(" ", "T"), "what was looked at was looked at, though not all of it was read"
    post.log.write_text(said + "\n")
    assert post.watch.once().problem == ""
    assert [bool(one.problem) for one in post.bodies(Watched)] == [True, False]


def test_the_zone_of_a_log_that_is_in_doubt_is_the_answer_where_nothing_else_is_known(tmp_path: Path) -> None:
    log, said = tmp_path / "server.log", "connection authorized: user=bg database=x"
    doubtful, certain = (f"2026-01-02 08:00:00.000 {zone} [1] LOG:  {said}\n" for zone in ("CET", "UTC"))
    log.write_text(doubtful)
    with pytest.raises(ConnectorError, match="certainty"):
        postgresql_log.logins(str(log), "bg", SINCE)
    log.write_text(doubtful + certain)
    found = postgresql_log.logins(str(log), "bg", SINCE)
    assert (len(found), len(found.unread)) == (1, 1)


def test_every_policy_in_this_file_is_one(post: Post) -> None:
    (adopted,) = post.bodies(PolicyAdopted)
    assert policies.parse_new(adopted.source).target.account == "bg"
