# SPDX-License-Identifier: Apache-2.0
"""Passwords of a management controller by IPMI, on a simulated one that speaks the whole protocol."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, error_text
from fault_matrix import FaultMatrix, World
from ipmi_controller import HOST, USER, IpmiController, Relay
from target_life import Place, live_through

from breakglass_shamir.bounded import program as programs
from breakglass_shamir.connectors.bmc import ipmitool
from breakglass_shamir.connectors.bmc.ipmi import IpmiConnector
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import Generator
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

ACCEPTED, REFUSED, UNKNOWN = CheckResult.ACCEPTED, CheckResult.REFUSED, CheckResult.UNKNOWN
OPTIONS = {"cipher": "3"}
"""The simulated controller has no SHA-256."""


def drawn(length: int = 16) -> Secret:
    return Generator(length).draw()


@pytest.fixture(scope="module")
def controller() -> Iterator[IpmiController]:
    if shutil.which("ipmi_sim") is None or shutil.which("ipmitool") is None:
        pytest.skip("the programs ipmi_sim and ipmitool are not there")
    made = IpmiController()
    yield made
    made.remove()


@pytest.fixture
def right(controller: IpmiController) -> Secret:
    password = drawn()
    controller.become(password)
    return password


@pytest.fixture
def relay(controller: IpmiController) -> Iterator[Relay]:
    made = Relay(controller.port)
    yield made
    made.close()


def make(controller: IpmiController, port: int = 0, **more: str) -> Connector:
    return connector_for(f"ipmi://{HOST}:{port or controller.port}", USER, {**OPTIONS, **more})


class TestIpmi(ConnectorContract):
    """The contract, for the password of a user."""

    @pytest.fixture
    def stage(self, controller: IpmiController, right: Secret) -> Stage:
        return Stage(make(controller), right, drawn(), drawn())

    @pytest.fixture
    def unreachable(self) -> Connector:
        return connector_for(f"ipmi://{HOST}:{free_port()}", USER, {**OPTIONS, "time_limit": "3"})


class TestIpmiFaults(FaultMatrix):
    """A rotation of a user's password. Datagrams are lost in a test of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, controller: IpmiController) -> World:
        return World(
            "ipmi", controller.target, USER, None, become=controller.become, opens=controller.opens,
            options={**OPTIONS, "time_limit": "10"}, rotation="length = 16",
            secret=drawn(), few=True,
        )  # fmt: skip


def test_a_password_from_sheet_to_new_sheet(controller: IpmiController, right: Secret, tmp_path: Path) -> None:
    place = Place(
        controller.target, USER, right, OPTIONS, controller.opens, None, rotation="length = 16",
        written=(controller.folder / "log").read_bytes,
    )  # fmt: skip
    live_through(place, tmp_path)


# --- the change, and datagrams that are lost ---------------------------------------------------------------------


def test_a_rotation_costs_what_is_declared(controller: IpmiController, right: Secret, relay: Relay) -> None:
    connector, new, costs = make(controller, relay.port), drawn(), IpmiConnector.costs
    for call, wanted in (
        (lambda: connector.check(right), costs.check),
        (lambda: connector.check(new), costs.check),
        (lambda: connector.preflight(new, right), costs.preflight),
        (lambda: connector.rotate(right, new), costs.rotate),
        (lambda: connector.allowance(new), costs.allowance),
    ):
        before = relay.logins
        call()
        assert relay.logins - before == wanted


@pytest.mark.parametrize("answers", [0, 8, 24])
def test_answers_that_are_lost_in_the_middle_of_a_change_leave_one_that_logs_in(
    controller: IpmiController, right: Secret, relay: Relay, answers: int
) -> None:
    connector, new = make(controller, relay.port, time_limit="4"), drawn()
    relay.lose(answers)
    said = error_text(lambda: connector.rotate(right, new))
    relay.lose(-1)
    lives = [controller.opens(one) for one in (right, new)]
    assert sorted(lives) == [False, True]
    if "unchanged" in said:
        assert lives == [True, False]
    assert [connector.check(one).result for one in (right, new)] == [ACCEPTED if one else REFUSED for one in lives]


def test_a_password_that_the_controller_cut_is_taken_back(controller: IpmiController, right: Secret) -> None:
    new = drawn(20)
    assert any("rotation.length to 16" in one for one in make(controller).preflight(new, right).problems)
    assert make(controller, longest="20").preflight(new, right).ready
    with pytest.raises(ConnectorError, match="unchanged: the controller cuts passwords at 16 bytes"):
        make(controller, longest="20").rotate(right, new)
    assert controller.opens(right)


def test_the_other_users_of_the_controller_stay(controller: IpmiController, right: Secret) -> None:
    new = drawn()
    make(controller).rotate(right, new)
    assert controller.opens(Secret(b"second-one"), "second")
    assert [controller.opens(one) for one in (right, new)] == [False, True]


# --- what is never a dead credential, and what is told before printing -------------------------------------------


def test_a_user_that_is_not_there_or_not_enabled_is_unknown(controller: IpmiController, right: Secret) -> None:
    nobody = connector_for(controller.target, "nobody", OPTIONS)
    assert nobody.check(right).result is UNKNOWN
    assert "unchanged" in error_text(lambda: nobody.rotate(right, drawn()))
    controller.become(right, two=False)
    second = connector_for(controller.target, "second", OPTIONS)
    assert second.check(Secret(b"second-one")).result is UNKNOWN


def test_a_user_that_is_no_administrator_is_told(controller: IpmiController, right: Secret) -> None:
    controller.become(right, "operator")
    connector = make(controller)
    assert not connector.preflight(drawn(), right).ready
    assert "unchanged" in error_text(lambda: connector.rotate(right, drawn()))
    assert connector.check(right).result is ACCEPTED


def test_a_cipher_suite_that_the_controller_has_not_is_unknown(controller: IpmiController, right: Secret) -> None:
    assert make(controller, cipher="17").check(right).result is UNKNOWN


@pytest.mark.parametrize("value", [b"", b"x" * 21, b"with a blank", b"with\nan end", "h\u00f6her".encode()])
def test_what_no_controller_keeps_is_sent_nowhere(value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmitool, "ask", pytest.fail)
    connector = connector_for(f"ipmi://{HOST}", USER)
    assert connector.check(Secret(value)).result is UNKNOWN
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(Secret(b"right"), Secret(value))


def test_what_ipmitool_sent_is_in_no_message(controller: IpmiController, monkeypatch: pytest.MonkeyPatch) -> None:
    """It repeats that in lines of its own, the last ones where it is killed behind them."""
    password = Secret(b"abcdefghijklmnopqrst")
    place = ipmitool.Place(HOST, controller.port, USER, "3", 5)
    errors = b"RAW REQUEST (22 bytes)\n 82 02 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e\n 6f 70 71 72 73 74\n"
    for told, kind in ((errors, ipmitool.NotDone), (b"Unable to establish\n" + errors, ipmitool.NoSession)):
        ended = programs.Ended(-11, b"", told)
        monkeypatch.setattr(programs, "run", lambda *_args, _ended=ended, **_more: _ended)
        with pytest.raises(kind) as caught:
            ipmitool.ask(place, password, [ipmitool.setting(2, password)])
        assert "71 72" not in str(caught.value)
        assert "61 62" not in str(caught.value)


def test_a_password_is_sent_as_numbers() -> None:
    assert ipmitool.setting(2, Secret(b"a'\" #")).split() == [
        "raw", "0x06", "0x47", "0x02", "0x02", "0x61", "0x27", "0x22", "0x20", "0x23", *["0x00"] * 11,
    ]  # fmt: skip
    assert ipmitool.setting(2, Secret(b"x" * 17)).split()[3] == "0x82"


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("ipmi://", "x", {}), ("ipmi://h/path", "x", {}), ("ipmi://h", "", {}), ("ipmi://h", "x" * 17, {}),
        ("ipmi://h", "a,b", {}), ("ipmi://h", "x", {"cipher": "0"}), ("ipmi://h", "x", {"longest": "32"}),
    ],
)  # fmt: skip
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target, account, options)
