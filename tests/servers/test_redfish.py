# SPDX-License-Identifier: Apache-2.0
"""Passwords of a management controller by Redfish, and what must never pass for a dead credential."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from connector_contract import ConnectorContract, Stage, error_text
from fault_matrix import FaultMatrix, World
from redfish_service import ACCOUNTS, HOST, SESSIONS, USER, RedfishService
from target_life import Place, live_through
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.bmc.redfish import RedfishConnector
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

ACCEPTED, REFUSED, UNKNOWN = CheckResult.ACCEPTED, CheckResult.REFUSED, CheckResult.UNKNOWN


@pytest.fixture(scope="module")
def service(throwaway_ca: ThrowAwayCa) -> Iterator[RedfishService]:
    made = RedfishService(throwaway_ca.issue("redfish", HOST))
    yield made
    made.stop()


@pytest.fixture
def right(service: RedfishService) -> Secret:
    password = generate(24)
    service.become(password)
    return password


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture
def options(throwaway_ca: ThrowAwayCa) -> dict[str, str]:
    return {"ca": str(throwaway_ca.certificate), "time_limit": "10"}


@pytest.fixture
def connector(service: RedfishService, options: dict[str, str]) -> Connector:
    return connector_for(service.target, USER, options)


class TestRedfish(ConnectorContract):
    """The contract, for the password of an account."""

    @pytest.fixture
    def stage(self, service: RedfishService, connector: Connector, right: Secret, new: Secret) -> Stage:
        return Stage(connector, right, generate(24), new, service.log_in)

    @pytest.fixture
    def unreachable(self, options: dict[str, str]) -> Connector:
        return connector_for(f"redfish://{HOST}:{free_port()}", USER, options)


class TestRedfishFaults(FaultMatrix):
    """A rotation of an account's password, over TLS."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, service: RedfishService, throwaway_ca: ThrowAwayCa) -> World:
        return World(
            "redfish", "redfish://{address}", USER, service.address, become=service.become, opens=service.opens,
            options={"time_limit": "3", "ca": str(throwaway_ca.certificate)}, exchanges=(10, 30), few=True,
        )  # fmt: skip


def test_a_password_from_sheet_to_new_sheet(
    service: RedfishService, options: dict[str, str], right: Secret, tmp_path: Path
) -> None:
    live_through(Place(service.target, USER, right, options, service.opens, service.log_in), tmp_path)
    assert not any(right.reveal().decode() in path for path in service.paths)


def test_a_rotation_costs_what_is_declared(
    service: RedfishService, connector: Connector, right: Secret, new: Secret
) -> None:
    costs = RedfishConnector.costs
    for call, wanted in (
        (lambda: connector.check(right), [costs.check, 0]), (lambda: connector.check(new), [0, costs.check]),
        (lambda: connector.preflight(new, right), [costs.preflight, 0]),
        (lambda: connector.open_sessions(right), [costs.sessions, 0]),
        (lambda: connector.rotate(right, new), [costs.rotate, 0]),
        (lambda: connector.allowance(new), [costs.allowance, 0]),
    ):  # fmt: skip
        service.logins = [0, 0]
        call()
        assert service.logins == wanted
    assert not service.sessions, "a session was left"


# --- the change ---------------------------------------------------------------------------------------------------


def test_a_change_of_somebody_else_is_not_written_over(
    service: RedfishService, connector: Connector, right: Secret, new: Secret
) -> None:
    def faster() -> None:
        service.accounts[USER].version += 1
        service.accounts[USER].more["RoleId"] = "Operator"

    service.before_patch = faster
    assert "unchanged: another change" in error_text(lambda: connector.rotate(right, new))
    assert service.opens(right)


def test_without_etags_it_is_said_and_done(
    service: RedfishService, connector: Connector, right: Secret, new: Secret
) -> None:
    service.has_etags = False
    assert any("ETag" in one for one in connector.preflight(new, right).notes)
    connector.rotate(right, new)
    assert service.opens(new)


@pytest.mark.parametrize("has_etags", [True, False])
def test_a_password_that_the_service_cut_is_taken_back(
    service: RedfishService, connector: Connector, right: Secret, new: Secret, has_etags: bool
) -> None:
    service.has_etags, service.keeps = has_etags, 20
    service.accounts[USER].password = right.reveal().decode()[:20]
    old = Secret(right.reveal()[:20])
    with pytest.raises(ConnectorError, match="unchanged: the service took the new password and does not let it in"):
        connector.rotate(old, new)
    assert connector.check(old).result is ACCEPTED


def test_a_password_that_the_service_refuses_is_rejected(
    service: RedfishService, connector: Connector, right: Secret
) -> None:
    with pytest.raises(ConnectorError, match="no exclamation mark") as caught:
        connector.rotate(right, Secret(b"never-take-this!"))
    assert caught.value.rejected
    assert service.opens(right)


@pytest.mark.parametrize("status", [401, 403, 405, 500])
def test_an_account_that_may_not_change_itself(
    service: RedfishService, connector: Connector, right: Secret, new: Secret, status: int
) -> None:
    service.answer = lambda method, path: (status, {}) if method == "PATCH" and path.startswith(ACCOUNTS) else None
    said = error_text(lambda: connector.rotate(right, new))
    assert ("unchanged" in said) is (status in (401, 403))
    assert service.opens(right)


# --- rules ----------------------------------------------------------------------------------------------------------


def test_rules_of_the_service_are_told_before_printing(
    service: RedfishService, connector: Connector, right: Secret, new: Secret
) -> None:
    service.rules = {"MinPasswordLength": 30, "MaxPasswordLength": 20, "AccountLockoutThreshold": 3}
    found = connector.preflight(new, right)
    assert [("30" in one, "20" in one) for one in found.unfit] == [(True, False), (False, True)]
    assert found.allowance is not None
    assert (found.allowance.wrong, connector.allowance(right).wrong) == (2, 2)


def test_a_password_that_has_to_be_changed_opens_nothing(
    service: RedfishService, connector: Connector, right: Secret, new: Secret
) -> None:
    service.accounts[USER].more["PasswordChangeRequired"] = True
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (UNKNOWN, True)
    assert not connector.preflight(new, right).ready
    assert "unchanged" in error_text(lambda: connector.rotate(right, new))


# --- what is never a dead credential --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        (400, {}), (403, {}), (404, {}), (429, {}), (500, {}), (503, {}), (201, {}),
        (401 + 100, {"error": "of somebody else"}), (302, {}),
    ],
)  # fmt: skip
def test_another_answer_than_a_refusal_is_unknown(
    service: RedfishService, connector: Connector, right: Secret, answer: tuple[int, dict[str, Any]]
) -> None:
    service.answer = lambda method, path: answer if (method, path) == ("POST", SESSIONS) else None
    assert connector.check(right).result is UNKNOWN


@pytest.mark.parametrize("body", [{}, {"RedfishVersion": "1"}, {"RedfishVersion": "1", "Links": ["x"]}])
def test_what_is_no_redfish_service_gets_no_password(
    service: RedfishService, connector: Connector, right: Secret, body: dict[str, Any]
) -> None:
    service.answer = lambda _method, path: (200, body) if path == "/redfish/v1/" else None
    assert connector.check(right).result is (ACCEPTED if body else UNKNOWN), "the documented place is taken"
    assert (SESSIONS in service.paths) is bool(body)


@pytest.mark.parametrize(
    "link",
    ["https://elsewhere.example/redfish/v1/x", "//elsewhere/x", "/other/x", "/redfish/v1/../x", "/redfish/v1/a b", 7],
)
def test_a_link_that_leads_elsewhere_is_not_followed(
    service: RedfishService, connector: Connector, right: Secret, new: Secret, link: object
) -> None:
    service.answer = lambda _method, path: (200, {"Members": [{"@odata.id": link}]}) if path == ACCOUNTS else None
    assert not connector.preflight(new, right).ready
    assert "unchanged" in error_text(lambda: connector.rotate(right, new))
    assert set(service.paths) <= {"/redfish/v1/", SESSIONS, ACCOUNTS, "/redfish/v1/AccountService"} | {
        path for path in service.paths if path.startswith(f"{SESSIONS}/")
    }


def test_a_certificate_of_another_authority_is_not_believed(
    service: RedfishService, right: Secret, new: Secret
) -> None:
    stranger = connector_for(service.target, USER, {"time_limit": "5"})
    assert stranger.check(right).result is UNKNOWN
    assert "certificate" in error_text(lambda: stranger.rotate(right, new))


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("redfish://", "x", {}), ("redfish://h/path", "x", {}), ("redfish://h", "", {}),
        ("redfish://h", "x" * 65, {}), ("redfish://h", "x", {"tls": "maybe"}),
    ],
)  # fmt: skip
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)
