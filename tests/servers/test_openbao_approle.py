# SPDX-License-Identifier: Apache-2.0
"""Secret ids of AppRole on a real OpenBao server, and what must never pass for a dead credential."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from connector_contract import CLOCK_SLACK, ConnectorContract, Stage, error_text, eventually
from fault_matrix import FaultMatrix, World
from openbao_server import HOST, OpenBaoServer
from target_life import Place, live_through

from breakglass_shamir.connectors.port.answers import CheckResult
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


def make(server: OpenBaoServer, role_id: str, **more: str) -> Connector:
    return connector_for(server.target("approle"), role_id, {**server.options, **more})


class TestAppRole(ConnectorContract):
    """The contract, for a secret id."""

    @pytest.fixture
    def stage(self, openbao: OpenBaoServer, right: Secret, new: Secret) -> Stage:
        return Stage(make(openbao, openbao.add_role(right)), right, generate(24), new)

    @pytest.fixture
    def unreachable(self, openbao: OpenBaoServer, stage: Stage) -> Connector:
        return connector_for(f"openbao-approle://{HOST}:{free_port()}", stage.connector.account, openbao.options)


class TestAppRoleFaults(FaultMatrix):
    """A rotation of a role's secret id, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, openbao: OpenBaoServer) -> World:
        role = openbao.add_role(generate(24))
        return World(
            "openbao-approle", "openbao-approle://{address}", role, openbao.address,
            become=partial(openbao.only_secret_id, role), opens=partial(openbao.role_in, role),
            restart=openbao.restart, options={"time_limit": "3", "ca": str(openbao.ca)},
            logs=[openbao.folder / "audit.log"], kind="token", exchanges=(9, 33), few=True,
        )  # fmt: skip


def test_a_secret_id_from_sheet_to_new_sheet(openbao: OpenBaoServer, right: Secret, tmp_path: Path) -> None:
    role = openbao.add_role(right)
    place = Place(
        openbao.target("approle"), role, right, openbao.options, partial(openbao.role_in, role), None,
        openbao.everything_written,
    )  # fmt: skip
    live_through(place, tmp_path)


# --- one that takes the place of another ---------------------------------------------------------------------


def test_a_change_that_is_not_finished_is_no_new_credential_and_is_gone_on_with(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    role = openbao.add_role(right)
    openbao.half_replaced_secret_id(role, right, new)
    connector = make(openbao, role)
    answer = connector.check(new)
    assert answer.result is CheckResult.UNKNOWN
    assert openbao.secret_id_of(role, right)["secret_id_accessor"] in answer.detail
    assert connector.check(right).result is CheckResult.ACCEPTED
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert [openbao.role_in(role, one) for one in (right, new)] == [False, True]


def test_what_an_abandoned_change_made_is_ended_and_what_others_have_stays(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    role = openbao.add_role(right)
    left, other = generate(24), generate(24)
    openbao.half_replaced_secret_id(role, right, left)
    openbao.add_secret_id(role, other)
    connector = make(openbao, role)
    assert any("2 more secret ids" in one for one in connector.preflight(new, right).notes)
    connector.rotate(right, new)
    assert [openbao.role_in(role, one) for one in (right, left, other, new)] == [False, False, True, True]


def test_a_secret_id_of_the_same_value_that_somebody_made_is_not_taken_for_ours(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    role = openbao.add_role(right)
    openbao.add_secret_id(role, new)
    with pytest.raises(ConnectorError, match="already") as caught:
        make(openbao, role).rotate(right, new)
    assert caught.value.rejected
    assert openbao.role_in(role, right)


def test_one_of_several_terminals_wins(openbao: OpenBaoServer, right: Secret) -> None:
    role = openbao.add_role(right)
    offers = [generate(24) for _ in range(3)]
    connector = make(openbao, role)
    connector.rotate(right, offers[0])
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, offers[1])
    assert [openbao.role_in(role, one) for one in offers] == [True, False, False]


# --- what is never a dead credential, and what is told before printing -----------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"), [({"secret_id_ttl": "1h"}, "ends at"), ({"secret_id_num_uses": 9}, "more logins")]
)
def test_a_secret_id_with_an_end_is_told_before_printing_and_is_not_changed(
    openbao: OpenBaoServer, right: Secret, new: Secret, settings: dict[str, Any], words: str
) -> None:
    role = openbao.add_role(right, **settings)
    connector = make(openbao, role)
    assert any(words in one for one in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match=words):
        connector.rotate(right, new)
    assert openbao.role_in(role, right)


def test_a_role_that_may_not_change_its_secret_ids_is_told_before_printing(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    role = openbao.add_role(right, policy='path "sys/capabilities-self" {{ capabilities = ["update"] }} # {role}')
    connector = make(openbao, role)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert any("custom-secret-id" in one for one in connector.preflight(new, right).problems)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)
    assert openbao.role_in(role, right)


@pytest.mark.parametrize("value", [b"too short", b"with a blank and long", b"x" * 513])
def test_a_value_that_no_secret_id_can_have_is_unfit(openbao: OpenBaoServer, right: Secret, value: bytes) -> None:
    connector = make(openbao, openbao.add_role(right))
    assert connector.preflight(Secret(value), right).unfit
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, Secret(value))


def test_an_address_that_may_not_log_in_and_a_sealed_server_are_unknown(
    openbao: OpenBaoServer, right: Secret, new: Secret
) -> None:
    role = openbao.add_role(right)
    openbao.admin("POST", f"auth/approle/role/{role}", {"secret_id_bound_cidrs": ["10.9.8.7/32"]})
    elsewhere = openbao.add_secret_id(role, new)
    assert elsewhere
    connector = make(openbao, role)
    assert connector.check(new).result is CheckResult.UNKNOWN
    unseal = openbao.seal()
    try:
        assert connector.check(right).result is CheckResult.UNKNOWN
        assert not connector.preflight(new).ready
        assert "sealed" in error_text(lambda: connector.rotate(right, new))
    finally:
        unseal()


# --- logins --------------------------------------------------------------------------------------------------


def test_the_program_s_own_logins_have_its_mark_and_others_are_seen(openbao: OpenBaoServer, right: Secret) -> None:
    role = openbao.add_role(right)
    another = openbao.add_role(generate(24))
    connector = make(openbao, role)
    own: list[str] = []
    connector.on_login = own.extend
    began = datetime.now(UTC) - CLOCK_SLACK
    connector.check(right)
    assert openbao.role_in(role, right)
    openbao.role_in(another, generate(24))
    assert eventually(lambda: len(connector.logins_since(began)) >= 2)
    found = connector.logins_since(began)
    assert [login.mark in own for login in found] == [True, False]
    assert {login.source for login in found} == {HOST}


def test_a_role_with_another_name_than_its_role_id(openbao: OpenBaoServer, right: Secret, new: Secret) -> None:
    role = openbao.add_role(right)
    openbao.admin("POST", f"auth/approle/role/{role}/role-id", {"role_id": f"id-of-{role}"})
    told = make(openbao, f"id-of-{role}")
    assert any(f"is called {role}" in one for one in told.preflight(new, right).problems)
    connector = make(openbao, f"id-of-{role}", role=role)
    assert connector.preflight(new, right).ready
    began = datetime.now(UTC) - CLOCK_SLACK
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert eventually(lambda: len(connector.logins_since(began)) >= 3)


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("openbao-approle://", "x", {}), ("openbao-approle://h/a b", "x", {}), ("openbao-approle://h", "", {}),
        ("openbao-approle://h", "a/b", {}), ("openbao-approle://h", "x", {"role": "a/b"}),
    ],
)  # fmt: skip
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)
