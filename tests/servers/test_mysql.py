# SPDX-License-Identifier: Apache-2.0
"""The connector ``mysql`` on a real MariaDB server, judged by its client, and what must never count as dead."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret, assert_one_of_several_wins, eventually
from impostor import impostor
from mariadb_server import ADMIN, HOST, MariadbServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.mysql import connector as mysql
from breakglass_shamir.connectors.mysql import password_hash, rules
from breakglass_shamir.connectors.mysql import session as mysql_session
from breakglass_shamir.connectors.mysql.connector import MysqlConnector
from breakglass_shamir.connectors.port.answers import CheckResult, Logins
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture(autouse=True)
def no_sessions_left(mariadb_server: MariadbServer) -> Iterator[None]:
    yield
    mariadb_server.end_sessions()


def make(server: MariadbServer, account: str, **more: str) -> Connector:
    return connector_for(server.target, account, {**server.options, **more})


class OnMariadb(ConnectorContract):
    """The contract on MariaDB, by the account's login method."""

    method: str

    @pytest.fixture
    def stage(self, mariadb_server: MariadbServer, right: Secret, new: Secret) -> Stage:
        account = mariadb_server.add_account(right, method=self.method)
        return Stage(
            make(mariadb_server, account), right, generate(24), new,
            lambda secret: mariadb_server.log_in(account, secret),
        )  # fmt: skip

    @pytest.fixture
    def unreachable(self, mariadb_server: MariadbServer, stage: Stage) -> Connector:
        return connector_for(f"mysql://{HOST}:{free_port()}/", stage.connector.account, mariadb_server.options)


class TestNative(OnMariadb):
    method = "mysql_native_password"


class TestEd25519(OnMariadb):
    method = "ed25519"


# --- what is never a dead credential ---------------------------------------------------------------------


@pytest.mark.parametrize(("rest", "words"), [("ACCOUNT LOCK", "locked")])
def test_an_account_that_may_not_come_in_is_unknown(
    mariadb_server: MariadbServer, right: Secret, new: Secret, rest: str, words: str
) -> None:
    connector = make(mariadb_server, mariadb_server.add_account(right, rest))
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert words in answer.detail
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_an_expired_password_that_is_cut_off_is_unknown(mariadb_server: MariadbServer, right: Secret) -> None:
    connector = make(mariadb_server, mariadb_server.add_account(right, "PASSWORD EXPIRE"))
    mariadb_server.admin("SET GLOBAL disconnect_on_expired_password = ON")
    answer = connector.check(right)
    mariadb_server.admin("SET GLOBAL disconnect_on_expired_password = OFF")
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)


@pytest.mark.parametrize("method", ["mysql_native_password", "ed25519"])
@pytest.mark.parametrize("cut_off", ["OFF", "ON"])
def test_an_expired_password_is_changed(
    mariadb_server: MariadbServer, right: Secret, new: Secret, method: str, cut_off: str
) -> None:
    account = mariadb_server.add_account(right, "PASSWORD EXPIRE", method)
    connector = make(mariadb_server, account)
    mariadb_server.admin(f"SET GLOBAL disconnect_on_expired_password = {cut_off}")
    try:
        answer = connector.check(right)
        assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
        assert "expired" in answer.detail
        found = connector.preflight(new, right)
        assert (found.problems, found.login and found.login.result) == ((), CheckResult.UNKNOWN)
        assert any("opens nothing but its own change, which this rotation makes" in note for note in found.notes)
        connector.rotate(right, new)
        assert connector.check(new).result is CheckResult.ACCEPTED
        assert connector.check(right).result is CheckResult.REFUSED
        assert mariadb_server.lets_in(account, new)
    finally:
        mariadb_server.admin("SET GLOBAL disconnect_on_expired_password = OFF")


def test_a_wrong_password_changes_no_expired_one(mariadb_server: MariadbServer, right: Secret, new: Secret) -> None:
    account = mariadb_server.add_account(right, "PASSWORD EXPIRE")
    connector = make(mariadb_server, account)
    with pytest.raises(ConnectorError, match="the old credential did not log in"):
        connector.rotate(generate(24), new)
    assert connector.preflight(new, right).problems == ()
    assert connector.check(new).result is CheckResult.REFUSED


def test_an_expired_password_is_changed_under_the_lock_of_every_rotation(
    mariadb_server: MariadbServer, right: Secret, new: Secret
) -> None:
    account = mariadb_server.add_account(right, "PASSWORD EXPIRE")
    connector = connector_for(mariadb_server.target, account, {**mariadb_server.options, "time_limit": "2"})
    other = mariadb_server.add_account(generate(24))
    lock = mysql._lock_name(mysql_session.Identity(account, HOST, (), ""))
    held = generate(24)
    mariadb_server.become(other, held)
    target = make(mariadb_server, other)
    assert isinstance(target, MysqlConnector)
    with target._session(held) as holder:
        assert holder.rows("SELECT GET_LOCK(%s, 1)", [lock]) == [(1,)]
        with pytest.raises(ConnectorError, match="another rotation of this account is under way"):
            connector.rotate(right, new)
    connector.rotate(right, new)


def test_an_account_blocked_by_wrong_guesses_is_unknown(mariadb_server: MariadbServer, right: Secret) -> None:
    connector = make(mariadb_server, mariadb_server.add_account(right))
    mariadb_server.admin("SET GLOBAL max_password_errors = 2")
    assert connector.check(generate(24)).result is CheckResult.REFUSED
    assert connector.check(generate(24)).result is CheckResult.REFUSED
    blocked = [connector.check(generate(24)), connector.check(right)]
    mariadb_server.admin("SET GLOBAL max_password_errors = DEFAULT", "FLUSH PRIVILEGES")
    assert [(answer.result, answer.blocked) for answer in blocked] == [(CheckResult.UNKNOWN, True)] * 2
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_no_connection_left_is_unknown_and_found_before(mariadb_server: MariadbServer, right: Secret) -> None:
    account = mariadb_server.add_account(right, "WITH MAX_USER_CONNECTIONS 1")
    connector = make(mariadb_server, account)
    assert any("MAX_USER_CONNECTIONS" in problem for problem in connector.preflight(None, right).problems)
    mariadb_server.log_in(account, right)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, False)


def test_an_account_with_a_second_way_in_proves_nothing(
    mariadb_server: MariadbServer, right: Secret, new: Secret
) -> None:
    """The other method would keep the old password alive, or let everybody in."""
    account = mariadb_server.add_account(right)
    native = f"mysql_native_password USING PASSWORD('{right.reveal().decode()}')"
    other = f"ed25519 USING PASSWORD('{generate(24).reveal().decode()}')"
    connector = make(mariadb_server, account)
    for both in (f"{other} OR {native}", f"{native} OR {other}"):
        mariadb_server.admin(f"ALTER USER {account}@'{HOST}' IDENTIFIED VIA {both}")
        assert mariadb_server.lets_in(account, right)
        answer = connector.check(right)
        assert answer.result is CheckResult.UNKNOWN
    assert "mysql_native_password, ed25519" in answer.detail
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)
    assert mariadb_server.lets_in(account, right)


def test_a_socket_that_lets_in_whoever_runs_this_proves_nothing(mariadb_server: MariadbServer, right: Secret) -> None:
    options = {"socket": str(mariadb_server.folder / "socket")}
    answer = connector_for("mysql:///", ADMIN, options).check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert "unix_socket" in answer.detail


def test_a_certificate_of_another_name_or_authority_is_not_believed(
    mariadb_server: MariadbServer, right: Secret, new: Secret, tmp_path: Path
) -> None:
    account = mariadb_server.add_account(right)
    other = {**mariadb_server.options, "ca": str(ThrowAwayCa(tmp_path).certificate)}
    for connector in (
        connector_for(mariadb_server.target, account, other),
        connector_for(mariadb_server.target.replace(HOST, "localhost"), account, mariadb_server.options),
    ):
        assert connector.check(right).result is CheckResult.UNKNOWN
        assert not connector.preflight(new, right).ready
        with pytest.raises(ConnectorError, match="unchanged"):
            connector.rotate(right, new)
    assert mariadb_server.lets_in(account, right)


def greeting(method: bytes) -> bytes:
    """The first packet of a server that can do everything but TLS (protocol version 10)."""
    low, high = b"\xff\xf7", b"\x0f\x00"
    payload = b"\x0a8.0.36\0\x01\0\0\0saltsalt\0" + low + b"\x2d\x02\0" + high
    payload += b"\x15" + bytes(10) + b"saltsaltsalt\0" + method + b"\0"
    return packet(0, payload)


def packet(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


@pytest.mark.parametrize("method", [b"mysql_native_password", b"caching_sha2_password", b"sha256_password"])
def test_a_server_that_offers_no_tls_gets_no_login(right: Secret, method: bytes) -> None:
    with impostor(packet(2, b"\0\0\0\2\0\0\0"), greeting(method)) as (port, told):
        connector = MysqlConnector(f"mysql://{HOST}:{port}/", "someone", options={"time_limit": "2"})
        assert connector.check(right).result is CheckResult.UNKNOWN
    assert b"".join(told) == b""


@pytest.mark.parametrize("method", [b"mysql_clear_password", b"dialog", b"caching_sha2_password", b"sha256_password"])
def test_a_server_that_asks_for_the_password_itself_does_not_get_it(right: Secret, method: bytes) -> None:
    switch = packet(2, b"\xfe" + method + b"\0saltsaltsaltsaltsalt\0")
    with impostor(switch, greeting(b"mysql_native_password")) as (port, told):
        connector = MysqlConnector(f"mysql://{HOST}:{port}/", "someone", options={"time_limit": "2", "tls": "off"})
        assert connector.check(right).result is CheckResult.UNKNOWN
    assert told
    assert_no_secret(b"".join(told), (right,))


def test_a_server_that_begins_with_another_method_than_the_accounts_is_followed(right: Secret) -> None:
    """MySQL 8 begins with caching_sha2_password, and goes on to the account's own."""
    switch = packet(2, b"\xfemysql_native_password\0saltsaltsaltsaltsalt\0")
    with impostor(switch, greeting(b"caching_sha2_password")) as (port, told):
        connector = MysqlConnector(f"mysql://{HOST}:{port}/", "someone", options={"time_limit": "2", "tls": "off"})
        assert connector.check(right).result is CheckResult.UNKNOWN
    assert told[1][:4] == b"\x14\0\0\3", "expected the 20 bytes of mysql_native_password"


@pytest.mark.parametrize(
    "hello", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", packet(0, b"\xff\x15\x04#28000Access denied")]
)
def test_what_is_no_server_proves_nothing(right: Secret, new: Secret, hello: bytes) -> None:
    with impostor(b"", hello) as (port, _):
        connector = MysqlConnector(f"mysql://{HOST}:{port}/", "someone", options={"time_limit": "1"})
        answer = connector.check(right)
        assert answer.result is CheckResult.UNKNOWN, answer
        assert not connector.preflight(new, right).ready
        with pytest.raises(ConnectorError, match="unchanged"):
            connector.rotate(right, new)


# --- the change ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mysql_native_password", "ed25519"])
def test_the_client_sees_the_old_one_refused_and_the_new_one_let_in(
    mariadb_server: MariadbServer, right: Secret, new: Secret, method: str
) -> None:
    account = mariadb_server.add_account(right, method=method)
    assert mariadb_server.lets_in(account, right)
    make(mariadb_server, account).rotate(right, new)
    assert not mariadb_server.lets_in(account, right)
    assert mariadb_server.lets_in(account, new)


def test_nothing_the_server_writes_holds_a_password(mariadb_server: MariadbServer, right: Secret, new: Secret) -> None:
    account, wrong = mariadb_server.add_account(right), generate(24)
    connector = make(mariadb_server, account)
    connector.preflight(new, right)
    connector.check(wrong)
    connector.rotate(right, new)
    connector.check(right)
    connector.end_sessions(new)
    written = mariadb_server.everything_written()
    assert b"SET PASSWORD = '*" in written, "what is searched is not what was logged"
    assert_no_secret(written, (right, wrong, new))


def test_of_several_terminals_with_the_same_old_credential_one_wins(
    mariadb_server: MariadbServer, right: Secret
) -> None:
    account, offers = mariadb_server.add_account(right), [generate(24) for _ in range(3)]
    opens = partial(mariadb_server.lets_in, account)
    assert_one_of_several_wins(partial(make, mariadb_server, account), right, offers, opens)


def test_preflight_says_what_stands_against_it(mariadb_server: MariadbServer, right: Secret, new: Secret) -> None:
    account = mariadb_server.add_account(right, "PASSWORD EXPIRE INTERVAL 90 DAY")
    connector = make(mariadb_server, account)
    mariadb_server.admin(f"CREATE USER {account}@'10.%' IDENTIFIED BY '{generate(24).reveal().decode()}'")
    found = connector.preflight(new, right)
    assert found.ready
    assert any("10.%" in note for note in found.notes)
    assert any("90 DAY" in note for note in found.notes)

    mariadb_server.admin("INSTALL SONAME 'simple_password_check'", "SET GLOBAL read_only = ON")
    strict = connector.preflight(new, right).problems
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        connector.rotate(right, new)
    mariadb_server.admin("SET GLOBAL strict_password_validation = OFF", "SET GLOBAL read_only = OFF")
    connector.rotate(right, new)
    mariadb_server.admin("UNINSTALL SONAME 'simple_password_check'", "SET GLOBAL strict_password_validation = ON")
    assert any("strict_password_validation" in problem for problem in strict)
    assert any("read-only" in problem for problem in strict)
    assert not caught.value.rejected
    assert mariadb_server.lets_in(account, new)


def test_sessions_of_a_namesake_from_elsewhere_stay(mariadb_server: MariadbServer, right: Secret) -> None:
    """Two accounts of one name: the server lets neither touch the other's connections."""
    account = mariadb_server.add_account(right)
    mariadb_server.admin(f"CREATE USER {account}@localhost IDENTIFIED BY '{right.reveal().decode()}'")
    here = {"socket": str(mariadb_server.folder / "socket")}
    namesake, ours = mariadb_server.log_in(account, right), mariadb_server.log_in(account, right, here["socket"])
    assert connector_for("mysql:///", account, here).end_sessions(right) == 1
    assert eventually(lambda: not ours())
    assert namesake()


def test_when_the_password_changed_is_not_guessed(mariadb_server: MariadbServer, right: Secret) -> None:
    account = mariadb_server.add_account(right)
    connector = make(mariadb_server, account)
    mariadb_server.admin(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}@'{HOST}'")
    with pytest.raises(ConnectorError, match="may not read") as caught:
        connector.password_changed_at(right)
    assert "GRANT SELECT" in caught.value.hint
    with pytest.raises(ConnectorError, match="only to who logs in"):
        connector.password_changed_at(None)
    assert connector.preflight(None, right).ready


def test_logins_are_read_from_the_audit_log(mariadb_server: MariadbServer, right: Secret, tmp_path: Path) -> None:
    account, began = mariadb_server.add_account(right), datetime.now(UTC) - timedelta(seconds=1)
    connector = make(mariadb_server, account)
    connector.check(right)
    connector.check(generate(24))
    assert eventually(lambda: len(connector.logins_since(began)) == 2)
    logins = connector.logins_since(began)
    assert sorted(login.accepted for login in logins) == [False, True]
    assert {login.source for login in logins} == {HOST}
    for missing in ({}, {"log": str(tmp_path / "none*")}):
        bare = {"ca": mariadb_server.options["ca"], **missing}
        with pytest.raises(ConnectorError, match="cannot be told"):
            connector_for(mariadb_server.target, account, bare).logins_since(began)


def test_logins_are_read_from_the_general_log_of_mariadb(mariadb_server: MariadbServer, right: Secret) -> None:
    account, began = mariadb_server.add_account(right), datetime.now(UTC) - timedelta(seconds=1)
    log = {"ca": mariadb_server.options["ca"], "log": str(mariadb_server.folder / "log/general.log")}
    connector = connector_for(mariadb_server.target, account, log)
    connector.check(right)
    connector.check(generate(24))
    assert eventually(lambda: len(connector.logins_since(began)) == 2)
    found = connector.logins_since(began)
    assert isinstance(found, Logins)
    assert ([login.accepted for login in found], found.unread) == ([True, False], ())


def test_a_statement_in_the_audit_log_is_no_login(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(
        "20261125 08:00:00,host,bg,10.0.0.7,5,9,QUERY,,'SELECT 1,CONNECT',0\n"
        "20261125 08:00:01,host,other,10.0.0.7,5,0,CONNECT,,,0\n"
        "yesterday,host,bg,10.0.0.7,5,0,CONNECT,,,0\n"
        "20261125 08:00:02,host,bg,10.0.0.7,5,0,CONNECT,app,,0\n"
    )
    connector = MysqlConnector(f"mysql://{HOST}/", "bg", options={"log": str(log)})
    (login,) = connector.logins_since(datetime(2026, 11, 25, tzinfo=UTC))
    assert (login.at.second, login.source, login.detail) == (2, "10.0.0.7", "database app")


def general(*lines: str) -> str:
    """The general query log of MySQL, a second a line; a line that begins with a bar belongs to the one before."""
    stamped = [
        line[1:] if line.startswith("|") else f"2026-11-25T08:00:{n:02}.5Z\t" + line for n, line in enumerate(lines)
    ]
    return "\n".join(stamped).replace(".5Z", ".500000Z").replace(".5+", ".500000+") + "\n"


IN = "   50 Connect\tbg@10.0.0.7 on  using SSL/TLS"
NO = "Connect\tAccess denied for user 'bg'@'10.0.0.7' (using password: YES)"


@pytest.mark.parametrize(
    ("lines", "accepted"),
    [
        ([IN, "   50 Query\tSELECT 1"], [True]),
        (["   50 Connect\tbg@10.0.0.7 on app using TCP/IP"], [True]),
        (["   50 Change user\tbg@10.0.0.7 on app using TCP/IP"], [True]),
        (["   50 Connect\tbg@10.0.0.7 as other on app using Socket"], [True]),
        ([IN, f"   50 {NO}", IN], [False, True]),
        # Another connection's refusal, one that did not come at once, and no refusal.
        ([IN, f"   51 {NO}"], [True]),
        ([IN, "   51 Quit\t", f"   50 {NO}"], [True]),
        ([IN, IN], [True, True]),
        # A statement, and a database's name, with what looks like the server's answer in it.
        ([IN, "   40 Query\tSELECT '", f"   50 {NO}", "|'"], [True]),
        (["   50 Connect\tbg@10.0.0.7 on x", "   50 Connect\tAccess denied"], [True]),
        (["   50 Connect\tbg@10.0.0.7 on x using y", "50 Connect\tAccess denied", "| using SSL/TLS"], [True]),
        # A line in a statement that no server writes keeps nobody from reading the rest.
        (["   40 Query\tSELECT '", "|2026-99-99T00:00:00.5Z\t 50 Connect\tbg@h on x using y", "|'", IN], [True]),
        (["   40 Query\tSELECT '", "|0001-01-01T00:00:00.5+23:59\t 5 Connect\tbg@h on x using y", "|'", IN], [True]),
        # Words in a statement, and accounts whose names look like this one's.
        (["   50 Query\tSELECT 'bg@10.0.0.7 on  using TCP/IP'"], []),
        (["   51 Connect\tother@10.0.0.7 on bg using SSL/TLS"], []),
        (["   51 Connect\tbg2@10.0.0.7 on  using TCP/IP", "   51 Connect\tbg@corp@10.0.0.7 on  using TCP/IP"], []),
    ],
)
def test_logins_are_read_from_the_general_log_of_mysql(tmp_path: Path, lines: list[str], accepted: list[bool]) -> None:
    """A login that can be made to look refused is a login nobody is told of."""
    log = tmp_path / "general.log"
    log.write_text("mysqld, Version: 9.7.4. started with:\nTime  Id Command    Argument\n" + general(*lines))
    connector = MysqlConnector(f"mysql://{HOST}/", "bg", options={"log": str(log)})
    found = connector.logins_since(datetime(2026, 11, 25, tzinfo=UTC))
    assert [login.accepted for login in found] == accepted
    assert {login.source for login in found} <= {"10.0.0.7"}


# --- targets, start-up, what is particular to MySQL -------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("mysql:host/db", "r", {}),
        ("mysql://role@host/db", "r", {}),
        ("mysql://host/db?ssl=0", "r", {}),
        ("mysql://host/db", "", {}),
        ("mysql://host/db", "o'brien", {}),
        ("mysql://host/db", "r", {"socket": "/run/mysqld/mysqld.sock"}),
        ("mysql:///db", "r", {"socket": "run"}),
        ("mysql://host/db", "r", {"tls": "maybe"}),
    ],
)
def test_a_target_that_is_none_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        MysqlConnector(target, account, options=options)


def test_a_missing_driver_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch, right: Secret) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(ConnectorError, match="pymysql") as caught:
        MysqlConnector(f"mysql://{HOST}/", "someone").check(right)
    assert "breakglass-shamir[mysql]" in caught.value.hint


def test_making_the_connector_loads_no_database_driver() -> None:
    program = (
        "import sys; from breakglass_shamir.connectors.registry import connector_for; connector_for('mysql://h/', 'r');"
        "print('pymysql' in sys.modules, 'Crypto' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False False"


@pytest.mark.parametrize(
    ("definition", "methods"),
    [
        ("CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*0123'", ("mysql_native_password",)),
        ("CREATE USER `a`@`%` IDENTIFIED VIA ed25519 USING 'x' WITH MAX_USER_CONNECTIONS 1", ("ed25519",)),
        ("CREATE USER `a`@`%` IDENTIFIED VIA unix_socket OR ed25519 USING ' OR b'", ("unix_socket", "ed25519")),
        ("CREATE USER `a`@`%`", ()),
        (
            "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$i`xay#f\\' TrbkN' REQUIRE NONE",
            ("caching_sha2_password",),
        ),
        (
            "CREATE USER `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 'x' AND IDENTIFIED WITH 'webauthn' AS 'y' "
            "REQUIRE NONE",
            ("caching_sha2_password", "webauthn"),
        ),
        ("CREATE USER `a`@`%` IDENTIFIED WITH 'auth_socket' REQUIRE NONE PASSWORD EXPIRE DEFAULT", ("auth_socket",)),
    ],
)
def test_every_login_method_of_an_account_is_seen(definition: str, methods: tuple[str, ...]) -> None:
    assert mysql_session._methods(definition) == methods


class MysqlEight:
    """What a session to MySQL is to the connector when it writes its statement; before 8.0.24 there is no variable."""

    mariadb = False

    def __init__(self, **variables: str) -> None:
        self.variables = [(f"caching_sha2_password_{name}", value) for name, value in variables.items()]

    def rows(self, _sql: str) -> list[tuple[str, str]]:
        return self.variables


@pytest.mark.parametrize("method", ["caching_sha2_password", "mysql_native_password"])
def test_the_statement_for_mysql_holds_a_hash_and_nothing_else(new: Secret, method: str) -> None:
    who = mysql_session.Identity("bg", "%", (method,), "")
    sql, values = mysql._statement(cast(mysql_session.Session, MysqlEight()), who, new)
    assert sql.startswith(f"ALTER USER CURRENT_USER() IDENTIFIED WITH '{method}' AS ")
    assert_no_secret(f"{sql} {values}".encode(), (new,))
    if method == "caching_sha2_password":
        kept = bytes.fromhex(sql.partition(" AS 0x")[2].partition(",")[0]).decode()
        assert re.fullmatch(r"\$A\$005\$[./0-9A-Za-z]{63}", kept)
        assert kept[27:] == password_hash.sha_crypt(new.reveal(), kept[7:27].encode())
    else:
        assert values == [password_hash.native(new)]


def test_the_form_is_the_one_the_server_asks_for(new: Secret) -> None:
    """A password kept in another form is one that the server wants changed at the next login."""
    who = mysql_session.Identity("bg", "%", ("caching_sha2_password",), "")
    session = cast(mysql_session.Session, MysqlEight(storage_format="PBKDF2_SHA512", digest_rounds="10000"))
    sql, _ = mysql._statement(session, who, new)
    kept = bytes.fromhex(sql.partition(" AS 0x")[2].partition(",")[0]).decode()
    assert re.fullmatch(r"\$B\$00A\$[./0-9A-Za-z]{20}[+/0-9A-Za-z]{86}==", kept)


@pytest.mark.parametrize(
    ("said", "rounds"), [("5555", 5000), ("4095000", 4095000), ("9999999999", 4095000), ("0", 5000), ("many", 5000)]
)
def test_rounds_are_whole_thousands_and_never_more_than_a_server_can_have(said: str, rounds: int) -> None:
    session = cast(mysql_session.Session, MysqlEight(digest_rounds=said))
    assert rules.storage_form(session) == password_hash.Form("CRYPT5", rounds)


def test_a_form_nobody_knows_here_changes_nothing(new: Secret) -> None:
    who = mysql_session.Identity("bg", "%", ("caching_sha2_password",), "")
    session = cast(mysql_session.Session, MysqlEight(storage_format="ARGON2"))
    with pytest.raises(ConnectorError, match=r"unchanged.*ARGON2"):
        mysql._statement(session, who, new)
