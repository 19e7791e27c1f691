# SPDX-License-Identifier: Apache-2.0
"""The port itself: what comes out when a connector fails, and how a target finds its connector."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from connector_contract import error_text

import breakglass_shamir
from breakglass_shamir.connectors import (
    Check,
    CheckResult,
    Connector,
    Preflight,
    connector_for,
    known_schemes,
)
from breakglass_shamir.connectors.ssh_key import SshKeyConnector
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

SOURCE = Path(breakglass_shamir.__file__).parents[1]
LEAKY = Secret(b"ruby \"octopus'\xc3\xa9\\")


class Faulty(Connector):
    """A connector whose inside raises what a test wants."""

    scheme = "faulty"
    grace_window_s = 0
    scope = "nothing"
    failure: Exception = RuntimeError("link down")

    def _preflight(self, new: Secret | None) -> Preflight:
        raise self.failure

    def _check(self, credential: Secret) -> Check:
        try:
            raise self.failure
        except type(self.failure):
            raise LookupError("no answer")  # noqa: B904 - an implicit chain is what is tested

    def _rotate(self, old: Secret, new: Secret) -> None:
        raise self.failure


def faulty(failure: Exception) -> Faulty:
    connector = Faulty("faulty:x")
    connector.failure = failure
    return connector


def calls(connector: Connector) -> list[Callable[[], object]]:
    return [
        lambda: connector.preflight(LEAKY),
        lambda: connector.check(LEAKY),
        lambda: connector.rotate(Secret(b"something else"), LEAKY),
    ]


@pytest.mark.parametrize("which", range(3))
def test_only_connector_errors_come_out_with_their_cause(which: int) -> None:
    with pytest.raises(ConnectorError, match=r"faulty .* failed") as caught:
        calls(faulty(KeyError("boom")))[which]()
    assert isinstance(caught.value.__cause__, LookupError)


def test_an_interrupt_is_not_held_back() -> None:
    class Stopped(Faulty):
        def _rotate(self, old: Secret, new: Secret) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stopped("faulty:x").rotate(LEAKY, LEAKY)


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError(LEAKY.reveal().decode()),
        RuntimeError(LEAKY.reveal()),
        RuntimeError("login", {"password": LEAKY.reveal().decode()}),
        ConnectorError(f"could not log in with {LEAKY.reveal().decode()}"),
        ConnectorError("could not log in", hint=LEAKY.reveal().decode()),
        ExceptionGroup("several", [ValueError(LEAKY.reveal().hex())]),
        ValueError("postgresql://root:ruby%20%22octopus%27%C3%A9%5C@host/"),
    ],
)
def test_an_error_that_holds_the_credential_is_withheld(failure: Exception, which: int) -> None:
    text = error_text(calls(faulty(failure))[which])
    assert "withheld" in text
    assert "octopus" not in text


def test_a_connector_error_comes_out_as_it_is() -> None:
    failure = ConnectorError("the target is asleep", hint="wake it")
    with pytest.raises(ConnectorError) as caught:
        faulty(failure).rotate(LEAKY, LEAKY)
    assert caught.value is failure


def test_results_are_words() -> None:
    assert [str(result) for result in CheckResult] == ["accepted", "refused", "unknown"]


def test_a_target_finds_its_connector() -> None:
    connector = connector_for("SSH-KEY:///root/.ssh/id", "root")
    assert isinstance(connector, SshKeyConnector)
    assert (connector.target, connector.account) == ("SSH-KEY:///root/.ssh/id", "root")
    assert "ssh-key" in known_schemes()


def test_the_built_in_connector_needs_no_metadata_and_nobody_elses_modules() -> None:
    program = (
        "import sys; from breakglass_shamir.connectors import connector_for; connector_for('ssh-key:///k');"
        "print([m for m in ('importlib.metadata', 'difflib', 'psycopg') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=SOURCE)
    assert told.stdout.strip() == "[]"


def test_an_unknown_scheme_names_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"expected one of .*ssh-key") as caught:
        connector_for("ssh-kye:///root/key")
    assert caught.value.hint == "did you mean ssh-key?"


@pytest.mark.parametrize("target", ["", "/root/key", "ssh-key", "ssh-key:///a\nb", "ssh-key:///a\x1b[2J"])
def test_what_is_no_uri_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput):
        connector_for(target)


@pytest.mark.parametrize("target", ["faulty://root:octopus@host/", "faulty://root:octopus@[host/"])
def test_a_password_in_a_target_is_refused_and_not_repeated(target: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Faulty(target)
    assert "octopus" not in str(caught.value)
    assert caught.value.__context__ is None


def test_another_schemes_target_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected faulty, got ssh-key"):
        Faulty("ssh-key:///k")


def offer(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name, value, "breakglass_shamir.connectors")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])


def test_another_package_can_offer_a_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "someones_package", sys.modules[__name__])
    offer(monkeypatch, "faulty", "someones_package:Faulty")
    assert type(connector_for("faulty:x")).__name__ == "Faulty"
    assert known_schemes() == ("faulty", "ssh-key")


def test_another_package_cannot_replace_a_built_in_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "ssh-key", "no_such_package:Hijack")
    assert isinstance(connector_for("ssh-key:///k"), SshKeyConnector)


@pytest.mark.parametrize("value", ["no_such_package:Thing", "os:sep", "breakglass_shamir.connectors:Check"])
def test_a_broken_offer_is_a_connector_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    offer(monkeypatch, "broken", value)
    with pytest.raises(ConnectorError, match="broken"):
        connector_for("broken:x")
