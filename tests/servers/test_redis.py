# SPDX-License-Identifier: Apache-2.0
"""Passwords of ACL users on a real Redis server, and what must never pass for a dead credential."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from connector_contract import CLOCK_SLACK, ConnectorContract, Stage, assert_one_of_several_wins, error_text, eventually
from fault_matrix import FaultMatrix, World
from redis_server import HOST, WATCHER, RedisServer
from target_life import Place, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.database_target import Denied, Lost, Unreachable
from breakglass_shamir.connectors.port.answers import CheckResult, Logins
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.redis.connector import RedisConnector
from breakglass_shamir.connectors.redis.rules import hash_of
from breakglass_shamir.connectors.redis.session import Session
from breakglass_shamir.connectors.redis.wire import Word
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

EXCHANGES = (7, 13, 15)
"""The new password put beside the old one, the old one taken away, and a login of the proof."""

NARROW = (
    "-@all +acl|getuser +acl|setuser +acl|save +acl|dryrun +config|get +info +multi +exec "
    "+client|id +client|list +client|kill"
)
"""What docs/targets.md says that an account needs."""


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture(autouse=True)
def _end_sessions(redis_server: RedisServer) -> Iterator[None]:
    yield
    redis_server.end_sessions()


@pytest.fixture(scope="session")
def watcher(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options with which an account may ask who logged in."""
    secret, program = generate(24), tmp_path_factory.mktemp("watcher") / "secret"
    program.write_text(f"#!/bin/sh\necho {secret.reveal().decode()}\n")
    program.chmod(0o700)
    rules = "-@all +acl|log +client|list +time +multi +exec +config|get"
    said = redis_server.admin(f"ACL SETUSER {WATCHER} on >{secret.reveal().decode()} {rules}")
    assert said == "OK"
    redis_server.admin("ACL SAVE")
    return {"admin_account": WATCHER, "admin": str(program)}


def make(server: RedisServer, account: str, **more: str) -> Connector:
    return connector_for(server.target, account, {**server.options, **more})


class TestRedis(ConnectorContract):
    """The contract, for the password of an account."""

    @pytest.fixture
    def stage(self, redis_server: RedisServer, watcher: dict[str, str], right: Secret, new: Secret) -> Stage:
        account = redis_server.add_account(right)
        log_in = partial(redis_server.log_in, account)
        return Stage(make(redis_server, account, **watcher), right, generate(24), new, log_in)

    @pytest.fixture
    def unreachable(self, redis_server: RedisServer, stage: Stage) -> Connector:
        return connector_for(f"redis://{HOST}:{free_port()}", stage.connector.account, redis_server.options)

    def test_a_login_is_found_among_the_logins(self, stage: Stage) -> None:
        """Of a login that was let in, a server keeps nothing once it is gone: this one stays."""
        assert stage.log_in is not None
        began = datetime.now(UTC) - CLOCK_SLACK
        stays = stage.log_in(stage.right)
        logins = stage.connector.logins_since(began)
        assert [(login.account, login.accepted, login.source) for login in logins] == [
            (stage.connector.account, True, HOST)
        ]
        assert logins == stage.connector.logins_since(began), "two looks at one login see the same"
        assert stays()


class TestRedisFaults(FaultMatrix):
    """A rotation of an account's password, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, redis_server: RedisServer) -> World:
        account = redis_server.add_account(generate(24))
        return World(
            "redis", "redis://{address}", account, redis_server.address, become=partial(redis_server.become, account),
            opens=partial(redis_server.lets_in, account), restart=redis_server.restart,
            options={"time_limit": "3", "ca": str(redis_server.ca)}, logs=[redis_server.folder / "log"],
            exchanges=EXCHANGES, few=True,
        )  # fmt: skip


# --- a life ------------------------------------------------------------------------------------------------


def test_a_password_from_sheet_to_new_sheet(redis_server: RedisServer, right: Secret, tmp_path: Path) -> None:
    account = redis_server.add_account(right)
    place = Place(
        redis_server.target, account, right, redis_server.options, partial(redis_server.lets_in, account),
        partial(redis_server.log_in, account), redis_server.everything_written,
    )  # fmt: skip
    live_through(place, tmp_path)


@pytest.mark.parametrize("keeps", ["aclfile", "configuration"])
def test_a_restart_brings_no_old_password_back(
    throwaway_ca: ThrowAwayCa, right: Secret, new: Secret, keeps: str
) -> None:
    server = RedisServer(throwaway_ca, keeps=keeps)
    server.start()
    try:
        account = server.add_account(right)
        make(server, account).rotate(right, new)
        server.restart()
        assert [server.lets_in(account, one) for one in (right, new)] == [False, True]
    finally:
        server.remove()


def test_a_server_that_keeps_no_accounts_is_refused_before_printing(
    throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    server = RedisServer(throwaway_ca, keeps="nothing")
    server.start()
    try:
        account = server.add_account(right)
        connector = make(server, account)
        assert any(
            "restart would bring the old password back" in one for one in connector.preflight(new, right).problems
        )
        with pytest.raises(ConnectorError, match="unchanged: nothing keeps"):
            connector.rotate(right, new)
        assert [server.lets_in(account, one) for one in (right, new)] == [True, False]
    finally:
        server.remove()


def test_accounts_that_cannot_be_saved_are_left_as_they_were(
    redis_server: RedisServer, right: Secret, new: Secret
) -> None:
    """The file cannot be replaced: a folder that is not empty has the name of the copy beside it."""
    account = redis_server.add_account(right)
    redis_server.admin("ACL SAVE")
    file = redis_server.folder / "users.acl"
    kept = file.read_bytes()
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    try:
        with pytest.raises(ConnectorError, match=r"^the old credential is in force; .* restart .* could not save"):
            make(redis_server, account).rotate(right, new)
        assert [redis_server.lets_in(account, one) for one in (right, new)] == [True, False]
        assert redis_server.passwords(account) == 1
    finally:
        (file / "in the way").rmdir()
        file.rmdir()
        file.write_bytes(kept)


def test_where_only_the_end_cannot_be_saved_the_old_one_is_in_force_again(
    redis_server: RedisServer, right: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = redis_server.add_account(right)
    connector = make(redis_server, account)
    file = redis_server.folder / "users.acl"
    remove, kept = RedisConnector._remove, b""

    def blocked(self: RedisConnector, *rest: object) -> None:
        nonlocal kept
        kept = file.read_bytes()
        file.unlink()
        (file / "in the way").mkdir(parents=True)
        remove(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(RedisConnector, "_remove", blocked)
    try:
        with pytest.raises(ConnectorError, match="the old credential is in force"):
            connector.rotate(right, new)
    finally:
        (file / "in the way").rmdir()
        file.rmdir()
        file.write_bytes(kept)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.check(new).result is CheckResult.UNKNOWN
    monkeypatch.undo()
    connector.rotate(right, new)
    assert [redis_server.lets_in(account, one) for one in (right, new)] == [False, True]


def test_where_the_taking_back_cannot_be_saved_it_is_said_what_a_restart_brings(
    redis_server: RedisServer, right: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = redis_server.add_account(right)
    connector = make(redis_server, account)
    file, prove, kept = redis_server.folder / "users.acl", RedisConnector._prove, b""

    def lost(*_rest: object) -> object:
        raise Unreachable("nobody is let in any more")

    def blocked(self: RedisConnector, *rest: object) -> None:
        nonlocal kept
        kept = file.read_bytes()
        file.unlink()
        (file / "in the way").mkdir(parents=True)
        monkeypatch.setattr(RedisConnector, "_session", lost)
        prove(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(RedisConnector, "_prove", blocked)
    try:
        said = error_text(lambda: connector.rotate(right, new))
    finally:
        (file / "in the way").rmdir()
        file.rmdir()
        file.write_bytes(kept)
    assert "after a restart of the server it may be in force beside the old one" in said
    assert "unchanged" not in said
    assert [redis_server.lets_in(account, one) for one in (right, new)] == [True, False]
    redis_server.restart()
    assert [redis_server.lets_in(account, one) for one in (right, new)] == [True, True]


class Gone(Session):
    """A session whose server answers so many times, that it could not save, and then no more."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    def ask(self, *words: Word) -> object:
        raise Lost("no answer")

    def together(self, *commands: tuple[Word, ...]) -> list[object]:
        self.answers -= 1
        if self.answers < 0:
            raise Lost("no answer")
        return ["OK", Denied("ERR", "no space")]


@pytest.mark.parametrize(
    ("step", "answers", "said"),
    [
        ("_put_beside", 1, "in force, and the new one may be in force beside it: .* no space"),
        ("_prove", 0, "in force, and the new one may be in force beside it: .* did not log in"),
        ("_remove", 1, "the change may be in place .* restart .* no space"),
    ],
)
def test_what_could_not_be_taken_back_is_not_said_to_be_as_it_was(
    right: Secret, new: Secret, step: str, answers: int, said: str
) -> None:
    connector = RedisConnector(f"redis://127.0.0.1:{free_port()}", "bg", options={"tls": "off"})
    with pytest.raises(ConnectorError, match=said):
        getattr(connector, step)(Gone(answers), right, new, ("ACL", "SAVE"))


# --- a change that was interrupted ---------------------------------------------------------------------------


def test_a_change_that_is_not_finished_is_no_new_credential_and_is_gone_on_with(
    redis_server: RedisServer, right: Secret, new: Secret
) -> None:
    account = redis_server.add_account(right)
    redis_server.admin(f"ACL SETUSER {account} #{hash_of(new)}")
    connector = make(redis_server, account)
    answer = connector.check(new)
    assert answer.result is CheckResult.UNKNOWN
    assert "older" in answer.detail
    assert connector.check(right).result is CheckResult.ACCEPTED
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert not redis_server.lets_in(account, right)


def test_what_an_abandoned_change_left_is_ended_by_the_next_one(
    redis_server: RedisServer, right: Secret, new: Secret
) -> None:
    account, left = redis_server.add_account(right), generate(24)
    redis_server.admin(f"ACL SETUSER {account} #{hash_of(left)}")
    connector = make(redis_server, account)
    assert any("1 more password, which this rotation ends" in note for note in connector.preflight(new, right).notes)
    connector.rotate(right, new)
    assert [redis_server.lets_in(account, one) for one in (right, left, new)] == [False, False, True]
    assert redis_server.passwords(account) == 1


def test_a_second_password_is_not_taken_for_the_one_in_force(
    redis_server: RedisServer, right: Secret, new: Secret
) -> None:
    account, second = redis_server.add_account(right), generate(24)
    redis_server.admin(f"ACL SETUSER {account} #{hash_of(second)}")
    connector = make(redis_server, account)
    assert not connector.preflight(new, second).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(second, new)
    assert [redis_server.lets_in(account, one) for one in (right, second, new)] == [True, True, False]


@pytest.mark.parametrize("step", ["_put_beside", "_prove"])
def test_of_two_changes_at_once_one_is_made(redis_server: RedisServer, right: Secret, step: str) -> None:
    account = redis_server.add_account(right)
    offers = [generate(24) for _ in range(2)]
    first, second = make(redis_server, account), make(redis_server, account)
    taken = getattr(RedisConnector, step)

    def overtaken(self: RedisConnector, *rest: object) -> None:
        taken(self, *rest)
        if self is first:
            second.rotate(right, offers[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RedisConnector, step, overtaken)
        with pytest.raises(ConnectorError, match="unchanged"):
            first.rotate(right, offers[0])
    assert [redis_server.lets_in(account, one) for one in (right, *offers)] == [False, False, True]


# --- what is never a dead credential -------------------------------------------------------------------------


def test_an_account_that_any_password_opens_proves_nothing(
    redis_server: RedisServer, right: Secret, new: Secret
) -> None:
    account = redis_server.add_account(right)
    redis_server.admin(f"ACL SETUSER {account} nopass")
    connector = make(redis_server, account)
    for secret in (right, new):
        assert connector.check(secret).result is CheckResult.UNKNOWN
    assert any("nopass" in problem for problem in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_an_account_that_may_not_ask_about_itself_proves_nothing(
    redis_server: RedisServer, right: Secret, new: Secret
) -> None:
    account = redis_server.add_account(right, "-@all")
    connector = make(redis_server, account)
    assert connector.check(right).result is CheckResult.UNKNOWN
    assert connector.check(new).result is CheckResult.REFUSED
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_what_the_page_says_is_enough(redis_server: RedisServer, right: Secret, new: Secret) -> None:
    account = redis_server.add_account(right, NARROW)
    connector = make(redis_server, account)
    told = connector.preflight(new, right)
    assert (told.problems, [note for note in told.notes if "may not" in note]) == ((), [])
    alive = redis_server.log_in(account, right)
    connector.rotate(right, new)
    assert connector.end_sessions(new) == 1
    assert not alive()


@pytest.mark.parametrize("command", ["acl|setuser", "acl|save", "multi", "exec"])
def test_a_command_that_is_missing_is_said_before_printing(
    redis_server: RedisServer, right: Secret, new: Secret, command: str
) -> None:
    account = redis_server.add_account(right, f"{NARROW} -{command}")
    connector = make(redis_server, account)
    words = command.replace("|", " ").upper()
    assert any(words in problem for problem in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)
    assert [redis_server.lets_in(account, one) for one in (right, new)] == [True, False]


def test_a_server_that_is_full_is_no_verdict(redis_server: RedisServer, right: Secret) -> None:
    account = redis_server.add_account(right)
    redis_server.admin("CONFIG SET maxclients 1")
    stays = redis_server.log_in(account, right)
    try:
        answer = make(redis_server, account).check(generate(24))
        assert answer.result is CheckResult.UNKNOWN
    finally:
        assert stays()
        redis_server.end_sessions()
        assert eventually(lambda: redis_server.admin("CONFIG SET maxclients 1000") == "OK")


def test_a_replica_is_named_and_proven_by_nothing_of_its_primary(
    redis_server: RedisServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    account, other = redis_server.add_account(right), RedisServer(throwaway_ca)
    other.start()
    try:
        other.admin(
            "CONFIG SET tls-replication yes", f"CONFIG SET masterauth {redis_server.admin_secret.reveal().decode()}",
            f"REPLICAOF {HOST} {redis_server.port}", f"ACL SETUSER {account} on #{hash_of(right)} ~* &* +@all",
        )  # fmt: skip
        connector = make(redis_server, account)
        assert eventually(lambda: any("1 replica" in note for note in connector.preflight(new, right).notes))
        replica = make(other, account)
        assert any("is a replica of" in note for note in replica.preflight(new, right).notes)
        connector.rotate(right, new)
        assert replica.check(right).result is CheckResult.ACCEPTED
    finally:
        other.remove()


# --- sessions and logins -------------------------------------------------------------------------------------


def test_connections_of_others_are_not_ended(redis_server: RedisServer, right: Secret) -> None:
    mine, others = redis_server.add_account(right), redis_server.add_account(right)
    alive = {one: redis_server.log_in(one, right) for one in (mine, others)}
    assert make(redis_server, mine).end_sessions(right) == 1
    assert {one: alive[one]() for one in alive} == {mine: False, others: True}


def test_refused_logins_are_told_apart_by_the_port_of_the_last(
    redis_server: RedisServer, watcher: dict[str, str], right: Secret, new: Secret
) -> None:
    account = redis_server.add_account(right)
    connector = make(redis_server, account, **watcher)
    own: list[str] = []
    connector.on_login = own.extend
    began = datetime.now(UTC) - CLOCK_SLACK
    assert connector.check(new).result is CheckResult.REFUSED
    (mine,) = connector.logins_since(began)
    assert (mine.accepted, mine.mark, mine.source) == (False, own[0], HOST)
    redis_server.lets_in(account, new)
    redis_server.lets_in(account, new)
    logins = connector.logins_since(began)
    assert {login.accepted for login in logins} == {False}
    assert own[0] not in {login.mark for login in logins}, "the server keeps the last one's port"
    assert any("2 more refused logins" in login.detail and not login.mark for login in logins)
    assert {login.account for login in logins} == {account}


def test_a_connection_that_is_older_than_the_question_is_said(
    redis_server: RedisServer, watcher: dict[str, str], right: Secret
) -> None:
    """It may have been opened long ago and logged in just now."""
    account = redis_server.add_account(right)
    redis_server.log_in(account, right)
    connector = make(redis_server, account, **watcher)
    found = connector.logins_since(datetime.now(UTC) + timedelta(minutes=5))
    assert isinstance(found, Logins)
    assert not found
    assert any(HOST in one and "when it was logged in" in one for one in found.unread)


def test_a_log_that_may_have_lost_some_says_so(
    redis_server: RedisServer, watcher: dict[str, str], right: Secret
) -> None:
    account = redis_server.add_account(right)
    connector = make(redis_server, account, **watcher)
    began = datetime.now(UTC) - CLOCK_SLACK
    redis_server.admin("CONFIG SET acllog-max-len 2", "ACL LOG RESET")
    try:
        for name in ("stranger-one", "stranger-two", account):
            redis_server.lets_in(name, generate(24))
        found = connector.logins_since(began)
        assert isinstance(found, Logins)
        assert len(found) == 1
        assert any("acllog-max-len" in one for one in found.unread)
    finally:
        redis_server.admin("CONFIG SET acllog-max-len 128", "ACL LOG RESET")


def test_without_an_account_that_may_ask_nobody_knows(redis_server: RedisServer, right: Secret) -> None:
    connector = make(redis_server, redis_server.add_account(right))
    with pytest.raises(ConnectorError, match="admin_account"):
        connector.logins_since(datetime.now(UTC))


# --- targets and options -------------------------------------------------------------------------------------


def test_a_unix_socket_has_no_tls(redis_server: RedisServer, right: Secret, new: Secret) -> None:
    account = redis_server.add_account(right)
    connector = connector_for("redis:///", account, {"socket": str(redis_server.folder / "socket")})
    assert connector.preflight(new, right).ready
    connector.rotate(right, new)
    assert [redis_server.lets_in(account, one) for one in (right, new)] == [False, True]


def test_a_server_of_another_name_is_not_believed(redis_server: RedisServer, right: Secret) -> None:
    connector = connector_for(f"redis://localhost:{redis_server.port}", "bg", redis_server.options)
    answer = connector.check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert "certificate" in answer.detail


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("redis://h/0", "bg", {}),
        ("redis://h", "default", {}),
        ("redis://h", "", {}),
        ("redis://h", "a b", {}),
        ("redis://h", "bg", {"admin_account": "x"}),
        ("redis://h", "bg", {"log": "/x"}),
        ("redis://h", "bg", {"certificate": "/c"}),
        ("redis://h:port", "bg", {}),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)


def test_several_terminals_at_once(redis_server: RedisServer, right: Secret) -> None:
    account = redis_server.add_account(right)
    offers = [generate(24) for _ in range(2)]
    assert_one_of_several_wins(
        lambda: make(redis_server, account), right, offers, partial(redis_server.lets_in, account)
    )
