# SPDX-License-Identifier: Apache-2.0
"""The connector ``mysql`` on a real MySQL server, judged by its client: what MariaDB lacks, and a whole life."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret, assert_one_of_several_wins, eventually
from fault_matrix import Matrix, World
from mariadb_server import HOST
from mysql_server import UNSEEN, MysqlServer
from target_life import Place, live_through

from breakglass_shamir.connectors.mysql import rules
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

STORAGE = "SET GLOBAL caching_sha2_password_storage_format = {}, GLOBAL caching_sha2_password_digest_rounds = {}"


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture(autouse=True)
def nothing_left(mysql_server: MysqlServer) -> Iterator[None]:
    yield
    mysql_server.end_sessions()
    mysql_server.admin(
        STORAGE.format("CRYPT5", 10000), "SET GLOBAL caching_sha2_password_enforce_storage_format = OFF",
        "SET GLOBAL read_only = OFF",
    )  # fmt: skip


def make(server: MysqlServer, account: str, **more: str) -> Connector:
    return connector_for(server.target, account, {**server.options, **more})


def keep_two(server: MysqlServer, account: str, second: Secret, primary: Secret) -> None:
    """Let an account log in with both passwords."""
    identified = f"IDENTIFIED BY '{primary.reveal().decode()}' RETAIN CURRENT PASSWORD"
    server.admin(f"{UNSEEN}ALTER USER {account}@'{HOST}' {identified}")
    assert server.lets_in(account, primary)
    assert server.lets_in(account, second)


class TestMysql(ConnectorContract):
    """The contract on MySQL."""

    @pytest.fixture
    def stage(self, mysql_server: MysqlServer, right: Secret, new: Secret) -> Stage:
        account = mysql_server.add_account(right)
        return Stage(
            make(mysql_server, account), right, generate(24), new,
            lambda secret: mysql_server.log_in(account, secret),
        )  # fmt: skip

    @pytest.fixture
    def unreachable(self, mysql_server: MysqlServer, stage: Stage) -> Connector:
        return connector_for(f"mysql://{HOST}:{free_port()}/", stage.connector.account, mysql_server.options)


# --- the hash ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["CRYPT5", "PBKDF2_SHA512"])
@pytest.mark.parametrize("rounds", [5000, 5555, 11000])
def test_the_client_sees_the_old_one_refused_and_the_new_one_let_in(
    mysql_server: MysqlServer, right: Secret, new: Secret, form: str, rounds: int
) -> None:
    account = mysql_server.add_account(right)
    assert mysql_server.lets_in(account, right)
    mysql_server.admin(STORAGE.format(form, rounds))
    make(mysql_server, account).rotate(right, new)
    assert not mysql_server.lets_in(account, right)
    assert mysql_server.lets_in(account, new)


def test_a_server_that_insists_on_a_form_does_not_want_the_new_password_changed(
    mysql_server: MysqlServer, right: Secret, new: Secret
) -> None:
    """Else whoever logs in with the new credential could do nothing but set another."""
    mysql_server.admin(STORAGE.format("PBKDF2_SHA512", 10000))
    account, old_form = mysql_server.add_account(right), generate(24)
    mysql_server.admin(STORAGE.format("CRYPT5", 10000))
    elsewhere = mysql_server.add_account(old_form)
    mysql_server.admin(
        STORAGE.format("PBKDF2_SHA512", 10000), "SET GLOBAL caching_sha2_password_enforce_storage_format = ON"
    )
    make(mysql_server, account).rotate(right, new)
    assert make(mysql_server, account).check(new).result is CheckResult.ACCEPTED
    answer = make(mysql_server, elsewhere).check(old_form)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)


def test_the_server_remembers_nothing_of_the_old_password(
    mysql_server: MysqlServer, right: Secret, new: Secret
) -> None:
    """Whom it let in by TLS it lets in without, by a digest that it keeps in memory."""
    account = mysql_server.add_account(right)
    connector = make(mysql_server, account)
    assert not mysql_server.has_a_session_in_the_clear(account, right), "nothing is remembered before the first login"
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert mysql_server.has_a_session_in_the_clear(account, right)
    connector.rotate(right, new)
    assert not mysql_server.has_a_session_in_the_clear(account, right)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert mysql_server.has_a_session_in_the_clear(account, new)
    assert connector.check(right).result is CheckResult.REFUSED


def test_without_tls_the_password_is_not_sent_and_that_is_said(
    mysql_server: MysqlServer, right: Secret, new: Secret
) -> None:
    connector = connector_for(mysql_server.target, mysql_server.add_account(right), {"tls": "off"})
    answer = connector.check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert "tls is off" in answer.detail
    assert any("inside TLS" in problem for problem in connector.preflight(new, right).problems)


def test_over_a_unix_socket_it_is_the_same(mysql_server: MysqlServer, right: Secret, new: Secret) -> None:
    account = mysql_server.add_account(right)
    mysql_server.admin(f"RENAME USER {account}@'{HOST}' TO {account}@localhost")
    connector = connector_for("mysql:///", account, {"socket": str(mysql_server.folder / "socket")})
    connector.rotate(right, new)
    assert connector.check(right).result is CheckResult.REFUSED
    assert connector.check(new).result is CheckResult.ACCEPTED


@pytest.mark.parametrize("size", [256, 257, 4096])
def test_no_password_is_set_that_the_server_lets_nobody_in_with(
    mysql_server: MysqlServer, right: Secret, size: int
) -> None:
    account, long = mysql_server.add_account(right), Secret(generate(24).reveal() * 200)
    long = Secret(long.reveal()[:size])
    connector = make(mysql_server, account)
    fits = not connector.preflight(long, right).unfit
    assert fits is (size == 256)
    if fits:
        connector.rotate(right, long)
    else:
        with pytest.raises(ConnectorError, match="unchanged") as caught:
            connector.rotate(right, long)
        assert caught.value.rejected
    assert mysql_server.lets_in(account, long if fits else right)


# --- two passwords -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_paper", ["primary", "second"])
def test_a_retained_password_dies_with_the_old_one(
    mysql_server: MysqlServer, right: Secret, new: Secret, on_paper: str
) -> None:
    account, other = mysql_server.add_account(right), generate(24)
    keep_two(mysql_server, account, right, other)
    old = other if on_paper == "primary" else right
    connector = make(mysql_server, account)
    assert any("RETAIN CURRENT PASSWORD" in note for note in connector.preflight(new, old).notes)
    connector.rotate(old, new)
    assert [mysql_server.lets_in(account, one) for one in (right, other, new)] == [False, False, True]
    assert not any("RETAIN" in note for note in connector.preflight(None, new).notes)


def test_a_change_that_fails_takes_no_retained_password_along(
    mysql_server: MysqlServer, right: Secret, new: Secret
) -> None:
    """The sheets may hold the second one: discarded before the change, nothing on paper would open the target."""
    account, primary = mysql_server.add_account(right), generate(24)
    keep_two(mysql_server, account, right, primary)
    who = f"{account}@'{HOST}'"
    mysql_server.admin(f"REVOKE CREATE USER ON *.* FROM {who}", f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {who}")
    connector = make(mysql_server, account)
    assert any("CREATE USER" in problem for problem in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)
    assert [mysql_server.lets_in(account, one) for one in (right, primary, new)] == [True, True, False]


# --- what is never a dead credential -----------------------------------------------------------------------


@pytest.mark.parametrize(("rest", "words"), [("ACCOUNT LOCK", "locked"), ("PASSWORD EXPIRE", "expired")])
def test_an_account_that_may_not_come_in_is_unknown(
    mysql_server: MysqlServer, right: Secret, new: Secret, rest: str, words: str
) -> None:
    connector = make(mysql_server, mysql_server.add_account(right, rest))
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert words in answer.detail
    assert any(words in problem for problem in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_an_account_locked_after_failed_logins_is_unknown(mysql_server: MysqlServer, right: Secret) -> None:
    account = mysql_server.add_account(right, "FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 1")
    connector = make(mysql_server, account)
    assert any("2 wrong passwords" in note for note in connector.preflight(None, right).notes)
    first = connector.check(generate(24))
    assert (first.result, first.blocked) == (CheckResult.REFUSED, False)
    for answer in (connector.check(generate(24)), connector.check(right)):
        assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
        assert "failed logins" in answer.detail
    mysql_server.admin(f"ALTER USER {account}@'{HOST}' ACCOUNT UNLOCK")
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_an_account_that_one_wrong_password_locks_is_found_before(mysql_server: MysqlServer, right: Secret) -> None:
    """The proof that the old password is dead is a wrong password."""
    account = mysql_server.add_account(right, "FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME UNBOUNDED")
    found = make(mysql_server, account).preflight(None, right)
    assert found.ready
    assert any("FAILED_LOGIN_ATTEMPTS is 1" in note and "will not be tried" in note for note in found.notes)


@pytest.mark.parametrize("form", ["CRYPT5", "PBKDF2_SHA512"])
def test_what_the_server_keeps_says_which_password_is_dead(
    mysql_server: MysqlServer, right: Secret, new: Secret, form: str
) -> None:
    mysql_server.admin(STORAGE.format(form, 10000))
    connector = make(mysql_server, mysql_server.add_account(right, "FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1"))
    assert connector.compare(right, new).result is CheckResult.REFUSED
    connector.rotate(right, new)
    assert connector.compare(new, right).result is CheckResult.REFUSED
    assert connector.check(new).result is CheckResult.ACCEPTED


@pytest.mark.parametrize("method", ["authentication_webauthn", "auth_socket"])
def test_a_second_factor_is_no_wrong_password(
    mysql_server: MysqlServer, right: Secret, new: Secret, method: str
) -> None:
    """A client that knows no factors is told that its right password was wrong."""
    account = mysql_server.add_account(right)
    mysql_server.admin(f"ALTER USER {account}@'{HOST}' ADD 2 FACTOR IDENTIFIED WITH {method}")
    connector = make(mysql_server, account)
    answer = connector.check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert ("second login method" in answer.detail) is (method == "authentication_webauthn"), "only this one asks"
    assert connector.check(generate(24)).result is CheckResult.REFUSED
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_a_second_factor_that_lets_in_proves_nothing(mysql_server: MysqlServer, right: Secret, new: Secret) -> None:
    """Over its socket the server sees who runs this, and is content."""
    account = mysql_server.add_account(right)
    mysql_server.admin(
        f"RENAME USER {account}@'{HOST}' TO {account}@localhost",
        f"ALTER USER {account}@localhost ADD 2 FACTOR IDENTIFIED WITH auth_socket AS 'root'",
    )
    connector = connector_for("mysql:///", account, {"socket": str(mysql_server.folder / "socket")})
    answer = connector.check(right)
    assert answer.result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_a_login_method_that_is_gone_is_named(mysql_server: MysqlServer, right: Secret, new: Secret) -> None:
    """MySQL 9 has no mysql_native_password; accounts that had it stay, and cannot log in."""
    account = mysql_server.add_account(right)
    mysql_server.take_its_method_away(account)
    connector = make(mysql_server, account)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert "caching_sha2_password" in answer.detail
    assert any("caching_sha2_password" in problem for problem in connector.preflight(new, right).problems)


def test_no_connection_left_is_unknown_and_found_before(mysql_server: MysqlServer, right: Secret) -> None:
    account = mysql_server.add_account(right, "WITH MAX_USER_CONNECTIONS 1")
    connector = make(mysql_server, account)
    assert any("MAX_USER_CONNECTIONS" in problem for problem in connector.preflight(None, right).problems)
    mysql_server.log_in(account, right)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, False)


# --- the change --------------------------------------------------------------------------------------------


def test_nothing_the_server_writes_holds_a_password(mysql_server: MysqlServer, right: Secret, new: Secret) -> None:
    account, wrong = mysql_server.add_account(right), generate(24)
    connector = make(mysql_server, account)
    connector.preflight(new, right)
    connector.check(wrong)
    connector.rotate(right, new)
    connector.check(right)
    connector.end_sessions(new)
    written = mysql_server.everything_written()
    for name in ("general.log", "slow.log", "binary.0*"):
        logged = b"".join(path.read_bytes() for path in (mysql_server.folder / "log").glob(name))
        assert b"DISCARD OLD PASSWORD" in logged, "what is searched is not what was logged"
    assert_no_secret(written, (right, wrong, new))


@pytest.mark.parametrize("rule", ["PASSWORD REQUIRE CURRENT", "PASSWORD HISTORY 5", "PASSWORD REUSE INTERVAL 365 DAY"])
def test_rules_that_look_into_a_password_do_not_stand_against_a_hash(
    mysql_server: MysqlServer, right: Secret, new: Secret, rule: str
) -> None:
    account = mysql_server.add_account(right, rule)
    connector = make(mysql_server, account)
    assert connector.preflight(new, right).ready
    connector.rotate(right, new)
    connector.rotate(new, right)
    assert mysql_server.lets_in(account, right)


def test_a_password_component_that_cannot_see_a_password_is_no_obstacle(
    mysql_server: MysqlServer, right: Secret, new: Secret
) -> None:
    account = mysql_server.add_account(right)
    mysql_server.admin(
        "INSTALL COMPONENT 'file://component_validate_password'", "SET GLOBAL validate_password.length = 60"
    )
    connector = make(mysql_server, account)
    ready = connector.preflight(new, right).ready
    connector.rotate(right, new)
    mysql_server.admin("UNINSTALL COMPONENT 'file://component_validate_password'")
    assert ready
    assert mysql_server.lets_in(account, new)


def test_of_several_terminals_with_the_same_old_credential_one_wins(mysql_server: MysqlServer, right: Secret) -> None:
    account, offers = mysql_server.add_account(right), [generate(24) for _ in range(3)]
    opens = partial(mysql_server.lets_in, account)
    assert_one_of_several_wins(partial(make, mysql_server, account), right, offers, opens)


def test_preflight_says_what_stands_against_it(mysql_server: MysqlServer, right: Secret, new: Secret) -> None:
    account = mysql_server.add_account(right, "PASSWORD EXPIRE INTERVAL 90 DAY")
    connector = make(mysql_server, account)
    mysql_server.admin(f"CREATE USER {account}@'10.%' IDENTIFIED BY '{generate(24).reveal().decode()}'")
    found = connector.preflight(new, right)
    assert found.ready
    assert any("10.%" in note for note in found.notes)
    assert any("90 DAY" in note for note in found.notes)
    mysql_server.admin("SET GLOBAL read_only = ON")
    assert any("read-only" in problem for problem in connector.preflight(new, right).problems)


def test_sessions_of_a_namesake_from_elsewhere_end_too(mysql_server: MysqlServer, right: Secret) -> None:
    """MariaDB would not let an account do that; MySQL goes by the user name."""
    account = mysql_server.add_account(right)
    mysql_server.admin(f"CREATE USER {account}@localhost IDENTIFIED BY '{right.reveal().decode()}'")
    here = {"socket": str(mysql_server.folder / "socket")}
    namesake, ours = mysql_server.log_in(account, right), mysql_server.log_in(account, right, here["socket"])
    assert connector_for("mysql:///", account, here).end_sessions(right) == 2
    assert eventually(lambda: not ours() and not namesake())


def test_when_the_password_changed_is_not_guessed(mysql_server: MysqlServer, right: Secret) -> None:
    account = mysql_server.add_account(right)
    mysql_server.admin(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}@'{HOST}'")
    connector = make(mysql_server, account)
    with pytest.raises(ConnectorError, match="may not read") as caught:
        connector.password_changed_at(right)
    assert "GRANT SELECT ON mysql.user" in caught.value.hint


def test_logins_are_read_from_the_general_log(mysql_server: MysqlServer, right: Secret, tmp_path: Path) -> None:
    account, began = mysql_server.add_account(right), datetime.now(UTC) - timedelta(seconds=1)
    connector = make(mysql_server, account)
    connector.check(right)
    connector.check(generate(24))
    mysql_server.log_in(account, right)
    logins = connector.logins_since(began)
    assert [login.accepted for login in logins] == [True, False, True]
    assert {login.source for login in logins} == {HOST}
    with pytest.raises(ConnectorError, match="cannot be told"):
        make(mysql_server, account, log=str(tmp_path / "none*")).logins_since(began)


def test_a_session_cannot_make_another_ones_login_look_refused(mysql_server: MysqlServer, right: Secret) -> None:
    """By writing the server's answer into a statement of its own."""
    account, began = mysql_server.add_account(right), datetime.now(UTC) - timedelta(seconds=1)
    log = mysql_server.folder / "log/general.log"
    mysql_server.log_in(account, right)
    line = next(line for line in log.read_text().splitlines() if f"Connect\t{account}@" in line)
    forged = line.partition("Connect\t")[0] + f"Connect\tAccess denied for user {account}"
    mysql_server.admin(f"SELECT '\n{forged}\n'")
    assert forged in log.read_text().splitlines()
    assert [login.accepted for login in make(mysql_server, account).logins_since(began)] == [True]


# --- a whole life ------------------------------------------------------------------------------------------


def test_from_sheet_to_login_to_new_sheet(mysql_server: MysqlServer, tmp_path: Path) -> None:
    server, secret = mysql_server, Secret(b"a7" + generate(24).reveal())
    account = server.add_account(secret)
    place = Place(
        server.target, account, secret, server.options, partial(server.lets_in, account),
        partial(server.log_in, account), server.everything_written,
    )  # fmt: skip
    live_through(place, tmp_path)


def test_a_server_that_may_forget_a_change_is_noted(mysql_server: MysqlServer, right: Secret) -> None:
    connector = make(mysql_server, mysql_server.add_account(right))
    assert any("bring the old password back" in note for note in connector.preflight(None, right).notes)
    mysql_server.admin("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    try:
        assert not any("bring the old password back" in note for note in connector.preflight(None, right).notes)
    finally:
        mysql_server.admin("SET GLOBAL innodb_flush_log_at_trx_commit = 2")


def test_a_whole_rotation_asks_as_often_as_is_declared(mysql_server: MysqlServer, tmp_path: Path) -> None:
    """The general log counts as ``MAX_QUERIES_PER_HOUR`` does: each statement that a client sends."""
    account = mysql_server.add_account(generate(24))
    world = World(
        "mysql", "mysql://{address}/", account, mysql_server.address, become=partial(mysql_server.become, account),
        opens=partial(mysql_server.lets_in, account), options={"time_limit": "5", "ca": str(mysql_server.ca)},
    )  # fmt: skip
    lab = Matrix(world, tmp_path)
    try:
        lab.begin()
        log = mysql_server.folder / "log/general.log"
        before = log.stat().st_size
        assert lab.rotate().status == 0
        text = log.read_bytes()[before:].decode(errors="replace")
    finally:
        lab.close()
    numbers = set(re.findall(rf"(\d+) Connect\t{account}@", text))
    asked = [number for number in re.findall(r"(\d+) Query\t", text) if number in numbers]
    assert len(asked) == rules.STATEMENTS["MySQL"]
