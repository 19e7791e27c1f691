# SPDX-License-Identifier: Apache-2.0
"""Unseal and recovery keys of a real OpenBao server, and what must never pass for keys that are dead."""

import base64
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from connector_contract import CLOCK_SLACK, ConnectorContract, Stage, error_text, eventually
from fault_matrix import FaultMatrix, Matrix, World
from openbao_keys_server import OpenBaoKeysServer
from openbao_server import HOST
from target_life import Place, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.openbao import api, rekeying
from breakglass_shamir.connectors.openbao.api import NoAnswer, Reply, Site
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import secrets_on_paper
from tests.ports import free_port

CANCEL = "bao operator rotate-keys -cancel"
"""What people are asked to do with a change that nobody makes."""

ACCEPTED, REFUSED, UNKNOWN = CheckResult.ACCEPTED, CheckResult.REFUSED, CheckResult.UNKNOWN


def key() -> Secret:
    """Return a key of no server."""
    return Secret(base64.b64encode(os.urandom(32)))


def make(server: OpenBaoKeysServer, **more: str) -> Connector:
    return connector_for(server.target("keys"), "", {**server.options, **more})


@pytest.fixture
def right(openbao_keys: OpenBaoKeysServer) -> Secret:
    return openbao_keys.in_force()


class TestKeys(ConnectorContract):
    """The contract, for an unseal key."""

    @pytest.fixture
    def stage(self, openbao_keys: OpenBaoKeysServer, right: Secret) -> Stage:
        connector = make(openbao_keys)
        new = connector.issue(right)
        openbao_keys.known.append(new)
        return Stage(connector, right, key(), new)

    @pytest.fixture
    def unreachable(self, openbao_keys: OpenBaoKeysServer) -> Connector:
        return connector_for(f"openbao-keys://{HOST}:{free_port()}", "", openbao_keys.options)


class TestKeysFaults(FaultMatrix):
    """A rotation of an unseal key, over TLS."""

    def test_a_run_that_died_before_its_first_sheet_leaves_a_change_that_people_cancel(self, matrix: Matrix) -> None:
        matrix.begin()
        ended = matrix.rotate(full="sheets")
        assert ended.status != 0
        assert CANCEL in matrix.rotate().said
        matrix.cell("sheets", "disk full, and a run after it", matrix.rotate())
        assert CANCEL in matrix.rows[-1].steps

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, throwaway_ca: ThrowAwayCa) -> Iterator[World]:
        server = OpenBaoKeysServer(throwaway_ca)
        server.start()
        yield World(
            "openbao-keys", "openbao-keys://{address}", "", server.address, become=server.set_back, opens=server.opens,
            options={"time_limit": "3", "ca": str(server.ca), "admin": str(server.admin_program)},
            logs=[server.folder / "audit.log"], kind="list", secret=server.first, exchanges=(13, 30), few=True,
            by_hand={CANCEL: server.cancel},
        )  # fmt: skip
        server.remove()


def test_an_unseal_key_from_sheet_to_new_sheet(openbao_keys: OpenBaoKeysServer, right: Secret, tmp_path: Path) -> None:
    place = Place(
        openbao_keys.target("keys"), "", right, openbao_keys.options, openbao_keys.opens, None,
        openbao_keys.everything_written, kind="list",
    )  # fmt: skip
    life = live_through(place, tmp_path)
    openbao_keys.known += secrets_on_paper(life.sheets(2))
    new = openbao_keys.in_force()
    openbao_keys.seal()
    assert [openbao_keys.unseals(one) for one in (right, new)] == [False, True]


# --- new keys, and when they are in force ----------------------------------------------------------------------


def test_new_keys_are_not_in_force_before_they_are_given_back(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    connector = make(openbao_keys)
    new = connector.issue(right)
    openbao_keys.known.append(new)
    assert [connector.check(one).result for one in (right, new)] == [ACCEPTED, REFUSED]
    assert [openbao_keys.opens(one) for one in (right, new)] == [True, False]
    connector.rotate(right, new)
    assert [connector.check(one).result for one in (right, new)] == [REFUSED, ACCEPTED]
    openbao_keys.seal()
    assert [openbao_keys.unseals(one) for one in (right, new)] == [False, True]


def settled(connector: Connector, keys: Secret) -> CheckResult:
    """Ask until the server has a verdict: for a moment after a restart it may have none."""
    end = time.monotonic() + 30
    while (found := connector.check(keys).result) is CheckResult.UNKNOWN and time.monotonic() < end:
        time.sleep(0.5)
    return found


def test_after_a_restart_new_keys_are_forgotten_and_others_are_made(
    openbao_keys: OpenBaoKeysServer, right: Secret
) -> None:
    connector = make(openbao_keys)
    lost = connector.issue(right)
    openbao_keys.restart_under(right)
    with pytest.raises(ConnectorError, match="does not know the new keys any more") as caught:
        connector.rotate(right, lost)
    assert caught.value.rejected
    assert [settled(connector, one) for one in (right, lost)] == [ACCEPTED, REFUSED]
    new = connector.issue(right)
    openbao_keys.known.append(new)
    connector.rotate(right, new)
    assert openbao_keys.opens(new)


def test_a_check_leaves_nothing_under_way_and_no_root_token(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    connector = make(openbao_keys)
    before = openbao_keys.accessors()
    assert [connector.check(one).result for one in (right, key())] == [ACCEPTED, REFUSED]
    assert openbao_keys.under_way() == ""
    nonce = openbao_keys.begin()
    openbao_keys.give(nonce, right)
    assert [connector.check(one).result for one in (right, key())] == [ACCEPTED, REFUSED]
    assert openbao_keys.under_way() == nonce
    assert openbao_keys.accessors() == before


# --- changes of somebody else ----------------------------------------------------------------------------------


def test_a_change_that_somebody_began_is_named_and_left_alone(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    nonce = openbao_keys.begin()
    connector = make(openbao_keys)
    assert connector.check(right).result is UNKNOWN
    assert any("rotate-keys -cancel" in one and nonce in one for one in connector.preflight(None, right).problems)
    assert nonce in error_text(lambda: connector.issue(right))
    assert "unchanged" in error_text(lambda: connector.rotate(right, key()))
    assert openbao_keys.under_way() == nonce


def test_new_keys_of_somebody_else_are_not_touched(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    nonce = openbao_keys.begin()
    openbao_keys.give(nonce, right)
    connector = make(openbao_keys)
    assert not connector.preflight(None, right).ready
    assert nonce in error_text(lambda: connector.issue(right))
    said = error_text(lambda: connector.rotate(right, key()))
    assert "waits for other new keys" in said
    assert openbao_keys.under_way() == nonce
    openbao_keys.cancel()
    assert connector.check(right).result is ACCEPTED


def test_what_was_begun_is_cancelled_where_the_keys_are_wrong(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    connector = make(openbao_keys)
    assert "the old ones are in force" in error_text(lambda: connector.issue(key()))
    assert openbao_keys.under_way() == ""
    assert connector.check(right).result is ACCEPTED


def test_what_somebody_began_meanwhile_is_not_cancelled(
    openbao_keys: OpenBaoKeysServer, right: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change of a check ends by itself, as by a restart, and another one begins before it is cancelled."""
    theirs: list[str] = []

    def given(*_rest: object) -> tuple[str, ...]:
        openbao_keys.cancel()
        theirs.append(openbao_keys.begin())
        raise NoAnswer("lost")

    monkeypatch.setattr(rekeying.Keyring, "give", given)
    assert make(openbao_keys).check(right).result is UNKNOWN
    assert openbao_keys.under_way() == theirs[0]


# --- what is never a dead key ----------------------------------------------------------------------------------


def test_a_sealed_server_is_not_asked_and_not_unsealed(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    openbao_keys.seal()
    try:
        connector = make(openbao_keys)
        assert connector.check(right).result is UNKNOWN
        assert not connector.preflight(None, right).ready
        assert "sealed" in error_text(lambda: connector.issue(right))
        assert "sealed" in error_text(lambda: connector.rotate(right, key()))
        assert openbao_keys.ask("GET", "sys/seal-status")[1]["sealed"]
    finally:
        assert openbao_keys.unseals(right)


def test_without_a_token_that_may_it_is_unknown(openbao_keys: OpenBaoKeysServer, right: Secret, tmp_path: Path) -> None:
    other = tmp_path / "token"
    other.write_text("#!/bin/sh\necho no-such-token\n")
    other.chmod(0o700)
    options = openbao_keys.options
    options.pop("admin")
    for connector in (make(openbao_keys, admin=str(other)), connector_for(openbao_keys.target("keys"), "", options)):
        assert connector.check(right).result is UNKNOWN
        assert not connector.preflight(None, right).ready
        assert "no new keys" in error_text(lambda one=connector: one.issue(right))  # type: ignore[misc]


@pytest.mark.parametrize("value", [b"", b"not a key", b"AAAA", b"\xff" * 32, b"00" * 65])
def test_what_is_no_key_is_sent_nowhere(value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(_site: Site, _method: str, path: str, *_rest: object, **_more: object) -> Reply:
        asked.append(path)
        return Reply(200, {"sealed": False, "t": 1, "n": 1})

    monkeypatch.setattr(api, "ask", ask)
    connector = connector_for(f"openbao-keys://{HOST}", "")
    assert connector.check(Secret(value)).result is UNKNOWN
    assert connector.preflight(Secret(value)).unfit
    assert set(asked) == {"sys/seal-status"}


def answering(monkeypatch: pytest.MonkeyPatch, said: Reply, at: str) -> Connector:
    """Return the connector of a server of two keys whose change waits, and that says something at one path."""

    def ask(_site: Site, method: str, path: str, *_rest: object, **_more: object) -> Reply:
        if method == "POST" and path.endswith(at):
            return said
        facts = {"sealed": False, "t": 2, "n": 2, "started": True, "nonce": "n", "verification_nonce": "v"}
        token = {"otp": "AAAA", "encoded_token": base64.b64encode(b"AAAA").decode(), "complete": True}
        return Reply(200, {**facts, **token})

    monkeypatch.setattr(api, "ask", ask)
    return connector_for(f"openbao-keys://{HOST}", "")


def test_one_of_several_keys_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key().reveal().decode() for _ in range(2)]
    said = Reply(400, {"errors": [f"not understood: {keys[0]}"]})
    check = answering(monkeypatch, said, "generate-root/update").check(Secret("\n".join(keys).encode()))
    assert check.result is UNKNOWN
    assert keys[0] not in check.detail
    assert "withheld" in check.detail


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_answer_that_breaks_off_says_nothing_of_keys_that_were_given_back(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (Secret(b"\n".join(key().reveal() for _ in range(2))) for _ in range(2))
    connector = answering(monkeypatch, Reply(status, {}), "rekey/verify")
    said = error_text(lambda: connector.rotate(old, new))
    assert "may be in force" in said
    assert "unchanged" not in said


# --- several keys, and recovery keys ---------------------------------------------------------------------------


@pytest.mark.parametrize("recovery", [False, True])
def test_several_keys_and_recovery_keys(throwaway_ca: ThrowAwayCa, recovery: bool) -> None:
    server = OpenBaoKeysServer(throwaway_ca, 3, 2, recovery=recovery)
    server.start()
    try:
        connector = make(server)
        right = server.first
        lines = right.reveal().split(b"\n")
        assert any("3 keys and needs 2" in one for one in connector.preflight(None, right).notes)
        assert connector.check(Secret(b"\n".join(lines[1:]))).result is ACCEPTED
        assert connector.check(Secret(lines[0])).result is UNKNOWN
        assert connector.check(Secret(lines[0] + b"\n" + lines[0])).result is UNKNOWN
        wrong = Secret(b"\n".join(base64.b64encode(os.urandom(33)) for _ in range(2)))
        assert connector.check(wrong).result is REFUSED
        new = connector.issue(right)
        assert len(new.reveal().split(b"\n")) == 3
        server.give_one_back(new)
        assert [connector.check(one).result for one in (right, new)] == [ACCEPTED, REFUSED]
        connector.rotate(right, new)
        assert [connector.check(one).result for one in (right, new)] == [REFUSED, ACCEPTED]
        assert [server.opens(one) for one in (right, new)] == [False, True]
    finally:
        server.remove()


# --- logins, targets and options ---------------------------------------------------------------------------------


def test_keys_that_others_give_are_seen(openbao_keys: OpenBaoKeysServer, right: Secret) -> None:
    connector = make(openbao_keys)
    own: list[str] = []
    connector.on_login = own.extend
    began = datetime.now(UTC) - CLOCK_SLACK
    connector.check(right)
    assert own
    assert eventually(lambda: set(own) <= {login.mark for login in connector.logins_since(began)})
    before = len(connector.logins_since(began))
    openbao_keys.give(openbao_keys.begin(), right)
    assert eventually(lambda: len(connector.logins_since(began)) > before)


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("openbao-keys://", "", {}), ("openbao-keys://h/path", "", {}), ("openbao-keys://h", "root", {}),
        ("openbao-keys://h", "", {"admin": "relative"}), ("openbao-keys://h", "", {"namespace": "team"}),
    ],
)  # fmt: skip
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)
