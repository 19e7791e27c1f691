# SPDX-License-Identifier: Apache-2.0
"""Passwords of userpass and root tokens on a real OpenBao server, and what must never pass for a dead credential."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from connector_contract import CLOCK_SLACK, ConnectorContract, Stage, error_text, eventually
from fault_matrix import FaultMatrix, World
from openbao_server import HOST, OpenBaoServer
from target_life import Place, live_through

from breakglass_shamir.connectors.openbao import token as token_module
from breakglass_shamir.connectors.port.answers import CheckResult, Logins
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

PLAIN = 'path "sys/capabilities-self" {{ capabilities = ["update"] }} # {mount} {account}'
"""A policy that lets an account do nothing."""

USERPASS_EXCHANGES = (0, *range(4, 9), 16)
"""The handshake of the login, each exchange about the change, and one of the proof."""

TOKEN_EXCHANGES = (0, 4, 7, 12, *range(17, 20), 23)
"""One of each question: the old token, the new one made, looked up, the others; the old one's end, and the proof."""


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


def make(server: OpenBaoServer, account: str, mount: str = "", **more: str) -> Connector:
    return connector_for(server.target("userpass", mount), account, {**server.options, **more})


def make_token(server: OpenBaoServer, **more: str) -> Connector:
    return connector_for(server.target("token"), "root", {**server.options, **more})


class TestUserpass(ConnectorContract):
    """The contract, for the password of an account."""

    @pytest.fixture
    def stage(self, openbao: OpenBaoServer, right: Secret, new: Secret) -> Stage:
        account = openbao.add_account(right)
        return Stage(make(openbao, account), right, generate(24), new, partial(openbao.log_in, account))

    @pytest.fixture
    def unreachable(self, openbao: OpenBaoServer, stage: Stage) -> Connector:
        return connector_for(f"openbao-userpass://{HOST}:{free_port()}", stage.connector.account, openbao.options)


class TestToken(ConnectorContract):
    """The contract, for a root token."""

    @pytest.fixture
    def stage(self, openbao: OpenBaoServer, right: Secret, new: Secret) -> Stage:
        openbao.add_root(right)
        return Stage(make_token(openbao), right, generate(24), new)

    @pytest.fixture
    def unreachable(self, openbao: OpenBaoServer, stage: Stage) -> Connector:
        return connector_for(f"openbao-token://{HOST}:{free_port()}", "root", openbao.options)


class TestUserpassFaults(FaultMatrix):
    """A rotation of an account's password, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, openbao: OpenBaoServer) -> World:
        account = openbao.add_account(generate(24))
        return World(
            "openbao-userpass", "openbao-userpass://{address}", account, openbao.address,
            become=partial(openbao.become, account), opens=partial(openbao.lets_in, account), restart=openbao.restart,
            options={"time_limit": "3", "ca": str(openbao.ca)}, logs=[openbao.folder / "audit.log"],
            exchanges=USERPASS_EXCHANGES,
        )  # fmt: skip


class TestTokenFaults(FaultMatrix):
    """A rotation of a root token, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, openbao: OpenBaoServer) -> World:
        return World(
            "openbao-token", "openbao-token://{address}", "root", openbao.address, become=openbao.only_root,
            opens=openbao.takes, restart=openbao.restart, options={"time_limit": "3", "ca": str(openbao.ca)},
            logs=[openbao.folder / "audit.log"], kind="token", exchanges=TOKEN_EXCHANGES,
        )  # fmt: skip


# --- a life ------------------------------------------------------------------------------------------------


def test_a_password_from_sheet_to_new_sheet(openbao: OpenBaoServer, right: Secret, tmp_path: Path) -> None:
    account = openbao.add_account(right)
    place = Place(
        openbao.target(), account, right, openbao.options, partial(openbao.lets_in, account),
        partial(openbao.log_in, account), openbao.everything_written,
    )  # fmt: skip
    live_through(place, tmp_path)


def test_a_root_token_from_sheet_to_new_sheet(openbao: OpenBaoServer, right: Secret, tmp_path: Path) -> None:
    openbao.add_root(right)
    place = Place(
        openbao.target("token"), "root", right, openbao.options, openbao.takes, None, openbao.everything_written
    )
    live_through(place, tmp_path)


# --- what is never a dead credential -------------------------------------------------------------------------


def test_a_locked_account_is_unknown_and_blocked(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    account = openbao.add_account(right, "strict")
    connector = make(openbao, account, "strict")
    told = connector.allowance(right)
    assert told.wrong == 2
    for _ in range(told.wrong):
        assert connector.check(new).result is CheckResult.REFUSED
    assert connector.check(right).result is CheckResult.ACCEPTED, "so many it takes"
    for _ in range(told.wrong + 1):
        assert connector.check(new).result is CheckResult.REFUSED
    for secret in (right, new):
        answer = connector.check(secret)
        assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert not connector.preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


def test_a_mount_that_locks_at_once_affords_no_refused_login(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    connector = make(openbao, openbao.add_account(right, "at-once"), "at-once")
    told = connector.preflight(new, right).allowance
    assert told is not None
    assert (told.wrong, connector.allowance(right).wrong) == (0, 0)
    assert connector.check(new).result is CheckResult.REFUSED
    assert connector.check(right).blocked


@pytest.mark.parametrize("what", ["userpass", "token"])
def test_a_sealed_server_knows_nothing(openbao: OpenBaoServer, right: Secret, new: Secret, what: str) -> None:
    openbao.add_root(right)
    account = openbao.add_account(right)
    connector = make(openbao, account) if what == "userpass" else make_token(openbao)
    unseal = openbao.seal()
    try:
        assert "sealed" in connector.check(right).detail
        assert connector.check(right).result is CheckResult.UNKNOWN
        assert not connector.preflight(new).ready
        assert not connector.preflight(new, right).ready
        with pytest.raises(ConnectorError, match="sealed"):
            connector.rotate(right, new)
    finally:
        unseal()
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_a_mount_that_is_not_there_is_unknown(openbao: OpenBaoServer, right: Secret) -> None:
    assert make(openbao, "breakglass", "nothing").check(right).result is CheckResult.UNKNOWN


def test_a_certificate_of_another_authority_is_not_believed(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    openbao.add_root(right)
    connector = connector_for(openbao.target("token"), "root", {"time_limit": "5"})
    assert connector.check(right).result is CheckResult.UNKNOWN
    assert "certificate" in error_text(lambda: connector.rotate(right, new))
    assert openbao.takes(right)


# --- what preflight finds ------------------------------------------------------------------------------------


def test_an_account_that_may_not_change_its_password_is_told_before_printing(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    account = openbao.add_account(right, policy=PLAIN)
    connector = make(openbao, account)
    found = connector.preflight(new, right)
    assert any(f"users/{account}/password" in one for one in found.problems)
    assert any("cannot be ended" in one for one in found.notes)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)
    with pytest.raises(ConnectorError, match="counted"):
        connector.open_sessions(right)
    assert openbao.lets_in(account, right)


def test_a_password_that_bcrypt_cuts_is_refused(openbao: OpenBaoServer, right: Secret) -> None:
    connector = make(openbao, openbao.add_account(right))
    assert any("72 bytes" in one for one in connector.preflight(Secret(b"x" * 73)).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, Secret(b"x" * 73))


def test_batch_tokens_are_said_and_not_counted(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    connector = make(openbao, openbao.add_account(right, token_type="batch"))
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert any("batch" in one for one in connector.preflight(new, right).notes)
    with pytest.raises(ConnectorError, match="batch"):
        connector.open_sessions(right)


def test_a_token_that_is_no_root_token_is_told(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    openbao.admin("POST", "auth/token/create", {"id": right.reveal().decode(), "no_parent": True, "policies": ["x"]})
    connector = make_token(openbao)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert any("no root token" in one for one in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="no root token"):
        connector.rotate(right, new)


@pytest.mark.parametrize(("facts", "words"), [({"ttl": "1h"}, "ends at"), ({"num_uses": 9}, "more uses")])
def test_a_token_with_an_end_is_told_before_printing_and_is_not_changed(
    openbao: OpenBaoServer, right: Secret, new: Secret, facts: dict[str, object], words: str
) -> None:
    openbao.add_root(right, **facts)
    connector = make_token(openbao)
    assert any(words in one for one in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match=words):
        connector.rotate(right, new)
    assert openbao.takes(right)


def test_the_next_token_is_an_orphan_without_an_end(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    openbao.add_root(right)
    make_token(openbao).rotate(right, new)
    facts = openbao.facts_of(new)
    assert (facts["expire_time"], facts["ttl"], facts["orphan"], facts["policies"]) == (None, 0, True, ["root"])


@pytest.mark.parametrize("value", [b"with.a.full.stop.in.it", b"too short", b"with a blank and long"])
def test_an_id_that_no_token_can_have_is_unfit(openbao: OpenBaoServer, right: Secret, value: bytes) -> None:
    openbao.add_root(right)
    assert make_token(openbao).preflight(Secret(value), right).unfit


# --- a token's change that was interrupted -------------------------------------------------------------------


def test_a_change_that_is_not_finished_is_no_new_credential_and_is_gone_on_with(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    openbao.add_root(right)
    openbao.half_replaced(right, new)
    connector = make_token(openbao)
    answer = connector.check(new)
    assert answer.result is CheckResult.UNKNOWN
    assert openbao.facts_of(right)["accessor"] in answer.detail
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert not openbao.takes(right)


def test_what_an_abandoned_change_made_is_ended_by_the_next_one(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    openbao.add_root(right)
    left, other = generate(24), generate(24)
    openbao.half_replaced(right, left)
    openbao.add_root(other)
    make_token(openbao).rotate(right, new)
    assert [openbao.takes(one) for one in (right, left, other, new)] == [False, False, True, True]


def test_a_token_of_the_same_id_that_somebody_made_is_not_taken_for_ours(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    openbao.add_root(right)
    openbao.add_root(new)
    with pytest.raises(ConnectorError, match="already") as caught:
        make_token(openbao).rotate(right, new)
    assert caught.value.rejected
    assert openbao.takes(right)


def test_children_of_the_old_token_go_and_the_new_one_stays(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    openbao.add_root(right)
    _, made = openbao.ask("POST", "auth/token/create", {"policies": ["default"]}, right.reveal().decode())
    child = Secret(made["auth"]["client_token"].encode())
    make_token(openbao).rotate(right, new)
    assert eventually(lambda: not openbao.takes(child))
    assert openbao.takes(new)


def test_among_too_many_tokens_nothing_is_looked_for(
    openbao: OpenBaoServer, right: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_module, "ACCESSORS_MAX", 1)
    openbao.add_root(right)
    make_token(openbao).rotate(right, new)
    assert (openbao.takes(right), openbao.takes(new)) == (False, True)


# --- logins --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["userpass", "token"])
def test_the_program_s_own_logins_have_its_mark(openbao: OpenBaoServer, right: Secret, what: str) -> None:
    openbao.add_root(right)
    account = openbao.add_account(right)
    connector = make(openbao, account) if what == "userpass" else make_token(openbao)
    own: list[str] = []
    connector.on_login = own.extend
    began = datetime.now(UTC) - CLOCK_SLACK
    connector.check(right)
    assert own
    assert eventually(lambda: set(own) <= {login.mark for login in connector.logins_since(began)})
    before = len(connector.logins_since(began))
    if what == "userpass":
        openbao.lets_in(account, generate(24))
        openbao.lets_in(account.upper(), right)
    else:
        openbao.ask("GET", "sys/mounts", token=right.reveal().decode())
        openbao.ask("GET", "sys/mounts", token="nobody-knows-this-token")
    assert eventually(lambda: len(connector.logins_since(began)) > before)
    others = [login for login in connector.logins_since(began) if login.mark not in own]
    assert {login.source for login in others} == {HOST}
    if what == "userpass":
        assert [login.accepted for login in others] == [False, True]
    else:
        assert "read sys/mounts" in {login.detail for login in others}


def test_without_an_audit_file_nobody_knows(openbao: OpenBaoServer, right: Secret) -> None:
    connector = connector_for(openbao.target("token"), "root", {"ca": str(openbao.ca)})
    with pytest.raises(ConnectorError, match="audit_log"):
        connector.logins_since(datetime.now(UTC))


def test_a_namespace_has_accounts_and_logins_of_its_own(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    openbao.admin("POST", "sys/namespaces/team", {})
    openbao.admin("POST", "sys/auth/userpass", {"type": "userpass"}, "team")
    rules = 'path "auth/userpass/users/bg/password" { capabilities = ["update"] }'
    openbao.admin("PUT", "sys/policies/acl/bg", {"policy": rules}, "team")
    facts = {"password": right.reveal().decode(), "token_policies": ["bg"]}
    openbao.admin("POST", "auth/userpass/users/bg", facts, "team")
    inside, outside = make(openbao, "bg", namespace="team"), make(openbao, "bg")
    began = datetime.now(UTC) - CLOCK_SLACK
    assert inside.preflight(new, right).ready
    inside.rotate(right, new)
    assert inside.check(new).result is CheckResult.ACCEPTED
    assert outside.check(new).result is CheckResult.REFUSED
    assert [login.accepted for login in outside.logins_since(began)] == [False]
    assert {login.accepted for login in inside.logins_since(began)} == {True}


ENTRY = {
    "time": "2026-11-30T08:00:00Z", "type": "response", "auth": {"policies": ["root"]},
    "request": {"operation": "update", "path": "auth/userpass/login/bg", "remote_address": "10.0.0.1"},
}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        'auth/userpass/login/bg "root" in no object\n',
        json.dumps(ENTRY | {"time": "yesterday"}) + ' "root"\n',
        json.dumps(ENTRY | {"time": "2026-11-30T08:00:00"}) + "\n",
        json.dumps(ENTRY | {"request": "auth/userpass/login/bg"}) + "\n",
        json.dumps(ENTRY)[:-3] + "\n",
        "{" * 70_000 + 'auth/userpass/login/bg "root"\n',
    ],
)
@pytest.mark.parametrize("what", ["userpass", "token"])
def test_a_line_that_may_be_a_login_and_cannot_be_read_is_told(tmp_path: Path, line: str, what: str) -> None:
    log = tmp_path / "audit.log"
    log.write_text(line + json.dumps(ENTRY) + "\n")
    account = "bg" if what == "userpass" else "root"
    connector = connector_for(f"openbao-{what}://{HOST}", account, {"audit_log": str(log)})
    found = connector.logins_since(datetime(2026, 11, 30, tzinfo=UTC))
    assert isinstance(found, Logins)
    assert len(found) == 1
    assert found.unread
    assert connector.logins_since(datetime.now(UTC) + timedelta(hours=1)) == ()


# --- targets and options -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("openbao-userpass://h/../x", "bg", {}),
        ("openbao-userpass://h/x?y", "bg", {}),
        ("openbao-userpass://h", "a/b", {}),
        ("openbao-userpass://h", "..", {}),
        ("openbao-userpass://h", "", {}),
        ("openbao-token://h/path", "root", {}),
        ("openbao-token://h", "somebody", {}),
        ("openbao-token://h", "root", {"namespace": "a//b"}),
        ("openbao-token://h", "root", {"certificate": "/c"}),
        ("openbao-token://h", "root", {"audit_log": "relative"}),
        ("openbao-token://h:port", "root", {}),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)


def test_the_first_root_token_of_a_server_can_be_kept(
    openbao: OpenBaoServer, new: Secret, need: Callable[[str], str]
) -> None:
    """It has a full stop in it, which a chosen id may not have."""
    _, made = openbao.ask("POST", "auth/token/create", {"no_parent": True, "policies": ["root"]}, openbao.root)
    first = Secret(made["auth"]["client_token"].encode())
    assert b"." in first.reveal()
    connector = make_token(openbao)
    connector.rotate(first, new)
    assert (connector.check(new).result, connector.check(first).result) == (CheckResult.ACCEPTED, CheckResult.REFUSED)
