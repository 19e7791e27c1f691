# SPDX-License-Identifier: Apache-2.0
"""A line that cannot be read is not "no logins": each is told, reading goes on, and layouts in use are read.

Texts of PostgreSQL in other languages are those of its own translations.
"""

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from breakglass_shamir.connectors.directory import ad_audit
from breakglass_shamir.connectors.kerberos import log as kerberos_log
from breakglass_shamir.connectors.linux import logins as linux_logins
from breakglass_shamir.connectors.mysql import log as mysql_log
from breakglass_shamir.connectors.mysql.connector import MysqlConnector
from breakglass_shamir.connectors.port import log_files, options, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.postgresql import log as postgresql_log
from breakglass_shamir.connectors.program.connector import ExecConnector
from breakglass_shamir.custody.records.monitoring import Watched
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.monitoring.watch import MAX_PROBLEM
from tests.attacks.hostile_logs import NOW, READERS, SINCE, _only, later
from tests.attacks.test_hostile_logs import Post, post

__all__ = ["post"]

MY = "20260102 08:00:00,db1,bg,10.0.0.9,5,0,CONNECT,app,,0"
EIGHT = datetime(2026, 1, 2, 8, tzinfo=UTC)


def mysql(folder: Path, *lines: str, zone: str = "UTC") -> Logins:
    log = folder / "audit.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return mysql_log.logins(str(log), "bg", SINCE, options.log_zone({"log_zone": zone}))


def postgresql(folder: Path, name: str, *lines: str) -> Logins:
    (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return postgresql_log.logins(str(folder / name), "bg", SINCE)


def told(found: Logins) -> list[tuple[datetime, bool]]:
    return [(login.at, login.accepted) for login in found]


class TestServerAudit:
    @pytest.mark.parametrize(
        ("line", "at", "accepted"),
        [
            (MY, EIGHT, True),
            (MY.replace("08:00:00", "08:00:00.250"), EIGHT + timedelta(milliseconds=250), True),
            (MY.replace("20260102 08:00:00", "1767340800000000"), EIGHT, True),
            (MY.replace("20260102 08:00:00", "1767340800"), EIGHT, True),
            (MY.replace("20260102 08:00:00", "2026-01-02T09:30:00+01:30"), EIGHT, True),
            (MY.replace(",CONNECT,", ",FAILED_CONNECT,"), EIGHT, False),
            (MY.replace("10.0.0.9", "10.0.0.9:4711") + ",TLSv1.3", EIGHT, True),
            (f"2026-01-02T09:00:00.123456+01:00 log1 mysql-server_auditing: {MY[18:]}", None, True),
            (f"2026-01-02T08:00:00Z log1 mysql-server_auditing: primary {MY[18:]}", EIGHT, True),
            (f"<86>1 2026-01-02T08:00:00Z log1 mysql-server_auditing - - - {MY[18:]}", EIGHT, True),
            (json.dumps({"log": f"{MY}\n", "stream": "stdout"}), EIGHT, True),
            (json.dumps({"audit_record": {"name": "Connect", "timestamp": "2026-01-02T08:00:00 UTC", "status": 1045,
                                          "user": "bg", "ip": "10.0.0.9"}}), EIGHT, False),
            (json.dumps({"timestamp": "2026-01-02 08:00:00", "class": "connection", "event": "connect",
                         "account": {"user": "bg", "host": "h"}, "login": {"user": "bg", "ip": "10.0.0.9"},
                         "connection_data": {"status": 0}}) + ",", EIGHT, True),
        ],
    )  # fmt: skip
    def test_known_layouts_are_read(self, line: str, at: datetime | None, accepted: bool, tmp_path: Path) -> None:
        found = mysql(tmp_path, line)
        assert found.unread == ()
        assert told(found) == [(at or EIGHT + timedelta(microseconds=123456), accepted)]
        assert found[0].source.startswith("10.0.0.9")

    @pytest.mark.parametrize(
        "line",
        [
            MY.replace(",CONNECT,", ",RECONNECT,"),
            MY.replace("20260102 08:00:00", "02/01/2026 08:00"),
            "20260102 08:00:00,db1,bg,10.0.0.9,5",
            "20260102 08:00:00|db1|bg|10.0.0.9|CONNECT",
            "Jan 02 08:00 mariadbd: new connection of bg@10.0.0.9, CONNECT",
            '{"user": "bg", "what": "connect"',
            json.dumps({"class": "connection", "event": "pre_authenticate", "timestamp": "2026-01-02 08:00:00",
                        "account": {"user": "bg"}}),
            json.dumps({"audit_record": {"name": "Connect", "timestamp": "today", "status": 0, "user": "bg"}}),
            MY.replace(",bg,", ",proxy,").replace(",CONNECT,app,", ",PROXY_CONNECT,app,`bg`@`%`"),
        ],
    )  # fmt: skip
    def test_every_other_line_of_the_account_is_told_and_the_next_is_read(self, line: str, tmp_path: Path) -> None:
        found = mysql(tmp_path, MY, line, line, MY.replace("08:00:00", "08:00:09"))
        assert [login.at.second for login in found] == [0, 9]
        assert [one.partition(" of ")[0] for one in found.unread] == ["line 2", "line 3"]

    def test_what_others_do_is_nobodys_finding(self, tmp_path: Path) -> None:
        others = (
            MY.replace(",bg,", ",other,"), MY.replace(",CONNECT,app,", ",QUERY,app,'CONNECT bg',"),
            MY.replace(",CONNECT,", ",DISCONNECT,"), "2026-01-02T08:00:00.5Z\t 5 Query\tselect 'connect bg'",
        )  # fmt: skip
        found = mysql(tmp_path, *others)
        assert (list(found), found.unread) == ([], ())

    @pytest.mark.parametrize(
        ("zone", "written", "at"),
        [
            ("America/New_York", "20260102 03:00:00", EIGHT),
            ("Asia/Kathmandu", "20260102 13:45:00", EIGHT),
            ("-09:30", "20260101 22:30:00", EIGHT),
            # The hour that a clock goes through twice is the later one.
            ("Europe/Berlin", "20261025 02:30:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ],
    )  # fmt: skip
    def test_local_times_are_read_west_and_east(self, zone: str, written: str, at: datetime, tmp_path: Path) -> None:
        (found,) = mysql(tmp_path, MY.replace("20260102 08:00:00", written), zone=zone)
        assert found.at == at

    @pytest.mark.parametrize(("hours", "side"), [(-5, "5 h behind"), (8, "8 h ahead"), (5.75, "5.75 h ahead")])
    def test_a_log_in_another_zone_is_told(self, hours: float, side: str, tmp_path: Path) -> None:
        """To the west every login looks old: nothing would be seen, and nothing said."""
        (tmp_path / "audit.log").write_text(MY.replace("CONNECT", "QUERY") + "\n")
        wrote = (EIGHT - timedelta(hours=hours) + timedelta(seconds=2)).timestamp()
        os.utime(tmp_path / "audit.log", (wrote, wrote))
        found = mysql_log.logins(str(tmp_path / "audit.log"), "bg", SINCE)
        assert [one for one in found.unread if side in one]
        zone = timezone(timedelta(hours=hours))
        assert mysql_log.logins(str(tmp_path / "audit.log"), "bg", SINCE, zone).unread == ()

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "+25:00", "CEST5", ""])
    def test_no_zone_is_refused(self, zone: str) -> None:
        with pytest.raises(InvalidInput, match="log_zone"):
            MysqlConnector("mysql://127.0.0.1/", "bg", options={"log_zone": zone})


class TestGeneralLogOfMariadb:
    IN = "\t\t     7 Connect\tbg@10.0.0.9 on  using SSL/TLS"
    NO = "\t\t     7 Connect\tAccess denied for user 'bg'@'10.0.0.9' (using password: YES)"

    def test_a_login_has_the_time_of_the_line_before(self, tmp_path: Path) -> None:
        found = mysql(tmp_path, "260102  8:00:00\t     6 Query\tSELECT 1", self.IN, self.IN.replace("7", "8"), self.NO)
        assert told(found) == [(EIGHT, True), (EIGHT, True), (EIGHT, False)]
        assert told(mysql(tmp_path, "260102  8:00:00\t     6 Quit\t", self.IN, self.NO)) == [(EIGHT, False)]

    def test_a_statement_cannot_make_it_look_old(self, tmp_path: Path) -> None:
        forged = ("260102  8:00:00\t     6 Query\tSELECT '", "200101  8:00:00\t     6 Query\tx", "'")
        assert told(mysql(tmp_path, *forged, self.IN)) == [(EIGHT, True)]

    def test_one_without_any_time_is_told(self, tmp_path: Path) -> None:
        found = mysql(tmp_path, "Tcp port: 3306  Unix socket: /x", self.IN)
        assert (list(found), len(found.unread)) == ([], 1)


PG = "2026-01-02 08:00:00.123 UTC [7] "
LANGUAGES = {
    "de": ("LOG:  Verbindung autorisiert: Benutzer=bg Datenbank=x",
           "FATAL:  Passwort-Authentifizierung für Benutzer »bg« fehlgeschlagen"),
    "es": ("LOG:  conexión autorizada: usuario=bg database=x",
           "FATAL:  la autentificación password falló para el usuario «bg»"),
    "fr": ("LOG:  connexion autorisée : utilisateur=bg",
           "FATAL:  authentification par mot de passe échouée pour l'utilisateur  « bg »"),
    "ja": ('LOG:  接続の認証完了: ユーザー=bg', 'FATAL:  ユーザー"bg"のパスワード認証に失敗しました'),
    "ru": ("СООБЩЕНИЕ:  подключение авторизовано: пользователь=bg",
           'ВАЖНО:  пользователь "bg" не прошёл проверку подлинности (по паролю)'),
    "sv": ("LOGG:  anslutning auktoriserad: användare=bg",
           'FATALT:  Lösenordsautentisering misslyckades för användare "bg"'),
    "zh": ("日志:  复制连接已经授权: 用户=bg", '致命错误:  用户 "bg" Password 认证失败'),
}  # fmt: skip


class TestPostgresql:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_in_another_language_each_line_is_told_and_an_english_one_is_read(
        self, language: str, tmp_path: Path
    ) -> None:
        english = PG.replace("00.123", "09.123") + "LOG:  connection authorized: user=bg database=x"
        found = postgresql(tmp_path, "server.log", *(PG + line for line in LANGUAGES[language]), english)
        assert [login.at.second for login in found] == [9]
        assert [one.partition(" of ")[0] for one in found.unread] == ["line 1", "line 2"]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_in_csvlog_and_jsonlog_a_refusal_is_known_by_its_number(self, language: str, tmp_path: Path) -> None:
        into, refused = (line.partition(":  ")[2] for line in LANGUAGES[language])
        rows = [
            f'2026-01-02 08:00:00.1 UTC,"bg","x",7,"10.0.0.9:1",s,1,"authentication",t,1/1,0,L,{state},"{text}",,'
            for state, text in (("00000", into.replace('"', '""')), ("28P01", refused.replace('"', '""')))
        ]
        objects = [
            json.dumps({"timestamp": "2026-01-02 08:00:00.1 UTC", "user": "bg", "ps": "authentication",
                        "remote_host": "10.0.0.9", "state_code": state, "message": text}, ensure_ascii=False)
            for state, text in (("00000", into), ("28P01", refused))
        ]  # fmt: skip
        for name, lines in (("a.csv", rows), ("a.json", objects)):
            found = postgresql(tmp_path, name, *lines)
            assert [login.accepted for login in found] == [False], name
            assert len(found.unread) == 1, name

    @pytest.mark.parametrize(
        ("at", "second"),
        [("1767340800.250", 0), ("2026-01-02 05:00:00.5 -03", 0), ("2026-01-02 13:45:00 +0545", 0)],
    )
    def test_times_with_a_zone_or_a_number_are_read(self, at: str, second: int, tmp_path: Path) -> None:
        (found,) = postgresql(tmp_path, "server.log", f"{at} [7] LOG:  connection authorized: user=bg database=x")
        assert found.at.replace(microsecond=0) == EIGHT

    def test_every_refusal_at_the_door_counts(self, tmp_path: Path) -> None:
        said = (
            'FATAL:  LDAP authentication failed for user "bg"',
            'FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "bg", database "x", no encryption',
            'FATAL:  pg_hba.conf rejects connection for host "10.0.0.9", user "bg", database "x", SSL encryption',
        )
        found = postgresql(tmp_path, "server.log", *(PG + line for line in said))
        assert [login.accepted for login in found] == [False] * 3

    def test_a_row_that_is_none_is_told(self, tmp_path: Path) -> None:
        good = '2026-01-02 08:00:09.1 UTC,"bg","x",7,"10.0.0.9:1",s,1,"a",t,1/1,0,LOG,00000,'
        good += '"connection authorized: user=bg"'
        found = postgresql(tmp_path, "a.csv", good[:40] + '"x"y,', good + ",,")
        assert [login.at.second for login in found] == [9]
        assert len(found.unread) == 1

    def test_what_clients_and_others_say_is_no_finding(self, tmp_path: Path) -> None:
        said = (
            "LOG:  statement: SELECT 1 WHERE x=bg ", 'LOG:  duration: 0.1 ms  execute x: SELECT "bg"',
            "LOG:  disconnection: session time: 0:00:00.010 user=bg database=x host=h",
            'FATAL:  password authentication failed for user "other"', 'ERROR:  relation "bg" does not exist',
            "LOG:  connection authorized: user=bg2 database=bg",
        )  # fmt: skip
        found = postgresql(tmp_path, "server.log", *(PG + line for line in said))
        assert (list(found), found.unread) == ([], ())


KDC = "krb5kdc[1](info): AS_REQ (1 etypes {x}) 10.0.0.9: PREAUTH_FAILED: bg@R for krbtgt/R@R, x"


class TestKdc:
    def read(self, folder: Path, *lines: str) -> Logins:
        (folder / "kdc.log").write_text("".join(f"{line}\n" for line in lines))
        return kerberos_log.logins(folder / "kdc.log", "bg@R", "bg", SINCE, NOW)

    @pytest.mark.parametrize(
        "stamp",
        ["2026-01-02T08:00:00Z", "2026-01-02T05:00:00.25-03:00", "<38>1 2026-01-02T17:00:00+09:00", "1767340800"],
    )
    def test_a_log_service_writes_the_time(self, stamp: str, tmp_path: Path) -> None:
        (found,) = self.read(tmp_path, f"{stamp} kdc1 {KDC}")
        assert found.at.replace(microsecond=0) == EIGHT

    @pytest.mark.parametrize("state", ["CLIENT KEY EXPIRED", "REQUIRED PWCHANGE", "CLIENT EXPIRED"])
    def test_a_refusal_of_several_words_is_read(self, state: str, tmp_path: Path) -> None:
        (found,) = self.read(tmp_path, f"Jan 02 08:00:00 h {KDC.replace('PREAUTH_FAILED', state)}")
        assert (found.accepted, found.detail) == (False, f"{state} for krbtgt/R@R, x")

    @pytest.mark.parametrize(
        "line",
        [
            "2026-01-02T08:00:00 AS-REQ bg@R from IPv4:10.0.0.9 for krbtgt/R@R",
            f"02.01.2026 08:00 h {KDC}",
            f"Jan 02 08:00:00 h {KDC.replace(': PREAUTH_FAILED', '')}",
        ],
    )
    def test_others_are_told_and_the_next_is_read(self, line: str, tmp_path: Path) -> None:
        found = self.read(tmp_path, line, f"Jan 02 08:00:09 h {KDC}")
        assert len(found) == 1
        assert [one.partition(" of ")[0] for one in found.unread] == ["line 1"]


class TestSamba:
    ONE = READERS["samba, auth_json_audit"].login

    def read(self, folder: Path, *lines: str) -> Logins:
        (folder / "auth.json").write_text("".join(f"{line}\n" for line in lines))
        return ad_audit.logins(folder / "auth.json", frozenset({"bg"}), "bg", SINCE)

    @pytest.mark.parametrize(
        "line",
        [
            f"  JSON Authentication: {ONE}",
            f"<30>1 2026-01-02T08:00:00Z dc1 samba - - - {ONE}",
            ONE.replace('"2026-01-02T08:00:00.000000+0000"', "1767340800.5"),
            ONE.replace('"bg"', '"EXAMPLE\\\\BG"'),
            ONE.replace('"bg"', '"CN=bg,CN=Users,DC=example"'),
        ],
    )
    def test_what_stands_around_a_login_is_passed_over(self, line: str, tmp_path: Path) -> None:
        found = self.read(tmp_path, line)
        assert (len(found), found.unread) == (1, ())
        assert found[0].at.replace(microsecond=0) == EIGHT

    @pytest.mark.parametrize(
        "line",
        [
            "  Auth: [SMB2,(null)] user [EXAMPLE]\\[bg] at [Fri, 02 Jan 2026 08:00:00 CET] status [NT_STATUS_OK]",
            ONE.replace("+0000", ""),
            ONE.replace('"clientAccount"', '"someAccount"'),
            ONE[:-9],
        ],
    )
    def test_others_are_told_and_the_next_is_read(self, line: str, tmp_path: Path) -> None:
        found = self.read(tmp_path, line, self.ONE)
        assert len(found) == 1
        assert [one.partition(" of ")[0] for one in found.unread] == ["line 1"]


class TestLinux:
    def read(self, folder: Path, *lines: str) -> Logins:
        (folder / "auth.log").write_text("".join(f"{line}\n" for line in lines))
        with _only(JOURNAL=Path("/nowhere")):
            return linux_logins.logins("bg", SINCE, str(folder / "auth.log"))

    @pytest.mark.parametrize(
        ("said", "accepted", "source"),
        [
            ("sshd[8]: Accepted publickey for bg from 10.0.0.9 port 50123 ssh2: ED25519 SHA256:x", True, "10.0.0.9"),
            ("sshd-session[9]: Accepted password for bg from fe80::1%eth0 port 1 ssh2", True, "fe80::1%eth0"),
            ("login[8]: pam_sss(login:session): session opened for user bg(uid=7) by (uid=0)", True, "login"),
            ("su: pam_krb5(su:auth): authentication failure; logname=x rhost=h user=bg", False, "h"),
        ],
    )
    def test_other_modules_and_sshd_itself_are_read(
        self, said: str, accepted: bool, source: str, tmp_path: Path
    ) -> None:
        for stamp in ("2026-01-02T08:00:00.5+00:00", "1767340800.5"):
            (found,) = self.read(tmp_path, f"{stamp} h {said}")
            assert (found.at.replace(microsecond=0), found.accepted, found.source) == (EIGHT, accepted, source)

    def test_one_login_over_ssh_is_one(self, tmp_path: Path) -> None:
        found = self.read(
            tmp_path, "2026-01-02T08:00:00Z h sshd[8]: Accepted publickey for bg from 10.0.0.9 port 1 ssh2",
            "2026-01-02T08:00:00Z h sshd[8]: pam_unix(sshd:session): session opened for user bg(uid=7) by (uid=0)",
        )  # fmt: skip
        assert [login.source for login in found] == ["10.0.0.9"]

    def test_the_time_of_the_old_syslog_is_read_in_the_zone_of_this_machine(self, tmp_path: Path) -> None:
        now = datetime.now().astimezone()
        said = "h sshd[8]: pam_unix(sshd:session): session opened for user bg by (uid=0)"
        (found,) = self.read(tmp_path, f"{now:%b} {now.day:>2} {now:%H:%M:%S} {said}")
        assert found.at == now.replace(microsecond=0)

    @pytest.mark.parametrize(
        "line",
        [
            "02.01. 08:00 h sshd[8]: pam_unix(sshd:session): session opened for user bg by (uid=0)",
            "2026-01-02T08:00:00Z h login[8]: pam_unix(login:auth): authentication failure; tty=1 user=bg",
            "2026-01-02T08:00:00Z h sshd[8]: Accepted publickey for bg",
        ],
    )
    def test_others_are_told_and_the_next_is_read(self, line: str, tmp_path: Path) -> None:
        found = self.read(tmp_path, line, later(READERS["linux, auth.log"]))
        assert len(found) == 1
        assert [one.partition(" of ")[0] for one in found.unread] == ["line 1"]


@pytest.mark.parametrize("name", [name for name in READERS if name != "linux, journal"])
def test_a_file_of_another_kind_is_told(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    (tmp_path / reader.file).write_text("time=8:00 level=info msg=hello\nsecond line\n")
    found = reader.read(tmp_path / reader.file)
    assert isinstance(found, Logins)
    assert [one for one in found.unread if "no line of" in one]


def test_one_login_that_makes_no_sense_does_not_hide_a_programs_others(tmp_path: Path) -> None:
    program = tmp_path / "target"
    answer = {"logins": [{"at": "2026-01-02T08:00:00"}, 7, {"at": "2026-01-02T08:00:00Z", "accepted": True}]}
    program.write_text(f"#!/bin/sh\ncat <<'X'\n{json.dumps(answer)}\nX\n")
    program.chmod(0o700)
    made = ExecConnector(f"exec://{program}", "bg", options={"abilities": "logins_since"})
    found = made.logins_since(SINCE)
    assert isinstance(found, Logins)
    assert (told(found), len(found.unread)) == ([(EIGHT, True)], 2)


@pytest.mark.parametrize("text", ["", "1e9", "12345678901", "99999999 08:00:00", "20260230 08:00:00", "١٧٦٧٣٤٨٠٠٠"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert (stamps.epoch(text), stamps.local(text, ZoneInfo("Europe/Berlin")), stamps.of_line(text, NOW)) == (None,) * 3


class Logging(Connector):
    """A target with a log, of which some cannot be read."""

    scheme = "logging"
    grace_window_s = 0
    scope = "nothing"
    abilities = frozenset({"logins_since"})
    option_names = frozenset({"log"})
    asked = 0

    def _preflight(self, new: object) -> Preflight:
        return Preflight((), ("a note",), None, self.scope)

    def _check(self, credential: object) -> None: ...  # type: ignore[override]

    def _rotate(self, old: object, new: object) -> None: ...

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        Logging.asked += 1
        return Logins((), ["line 3 of /x could not be read"])


def test_preflight_tells_what_the_watch_cannot_read_and_asks_once() -> None:
    made = Logging("logging://x", "bg", options={"log": "/x"})
    for _ in range(3):
        assert made.preflight(None).notes == (
            "a note", "the watch will not see every login: line 3 of /x could not be read"
        )  # fmt: skip
    assert Logging.asked == 1
    assert Logging("logging://x", "bg").preflight(None).notes == ("a note",)


class TestWatch:
    """One line that cannot be read hides no other, and silence is told."""

    def bad(self, post: Post, count: int) -> None:
        at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        post.log.write_text(f"{at} UTC [7] LOG:  Verbindung autorisiert: Benutzer=bg\n" * count)

    def test_each_further_line_is_a_record_and_an_alert(self, post: Post) -> None:
        for count in (1, 1, 2, 3, 3, log_files.UNREAD_MAX + 5, log_files.UNREAD_MAX + 6):
            self.bad(post, count)
            assert post.watch.once(runs_on=True).problem
        signs = post.bodies(Watched)
        assert len(signs) == 5, "a round that sees the same again records nothing"
        assert all(len(one.problem) <= MAX_PROBLEM for one in signs)
        post.log.write_text("")
        post.watch.once(runs_on=True)
        assert post.bodies(Watched)[-1].problem == ""

    def test_a_round_promises_the_next(self, post: Post) -> None:
        self.bad(post, 1)
        post.watch.promise_s = 600
        post.watch.once()
        assert [one.every_s for one in post.bodies(Watched)] == [600]
