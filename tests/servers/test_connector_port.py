# SPDX-License-Identifier: Apache-2.0
"""The port itself: what comes out when a connector fails, and how a target finds its connector."""

import contextlib
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from connector_contract import error_text

import breakglass_shamir
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.options import admin_secret, check_admin, time_limit_s, tls
from breakglass_shamir.connectors.registry import BUILT_IN, connector_for, known_schemes
from breakglass_shamir.connectors.ssh.connector import SshKeyConnector
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

SOURCE = Path(breakglass_shamir.__file__).parents[1]
LEAKY = Secret(b"ruby \"octopus'\xc3\xa9\\")


class Faulty(Connector):
    """A connector whose inside raises what a test wants."""

    scheme = "faulty"
    grace_window_s = 0
    scope = "nothing"
    abilities = frozenset({"logins_since", "password_changed_at", "open_sessions", "end_sessions"})
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

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        raise self.failure

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        raise self.failure

    def _open_sessions(self, credential: Secret) -> int:
        raise self.failure

    def _end_sessions(self, credential: Secret) -> int:
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
        lambda: connector.password_changed_at(LEAKY),
        lambda: connector.open_sessions(LEAKY),
        lambda: connector.end_sessions(LEAKY),
        lambda: connector.logins_since(datetime.now(UTC)),
    ]


@pytest.mark.parametrize("which", range(7))
def test_only_connector_errors_come_out_with_their_cause(which: int) -> None:
    with pytest.raises(ConnectorError, match=r"faulty .* failed") as caught:
        calls(faulty(KeyError("boom")))[which]()
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_closed_account_is_armed_before_each_question_that_logs_in() -> None:
    connector, asked = faulty(KeyError("boom")), list[str]()
    connector.before_login = lambda: asked.append("armed")
    secret = Secret(b"in force")
    questions: dict[str, Callable[[], object]] = {
        "check": lambda: connector.check(secret), "rotate": lambda: connector.rotate(secret, LEAKY),
        "preflight": lambda: connector.preflight(LEAKY, secret), "compare": lambda: connector.compare(LEAKY, secret),
        "allowance": lambda: connector.allowance(secret), "issue": lambda: connector.issue(secret),
        "changed": lambda: connector.password_changed_at(secret), "lifetime": lambda: connector.lifetime(secret),
        "open": lambda: connector.open_sessions(secret), "end": lambda: connector.end_sessions(secret),
        "snapshot": lambda: connector.snapshot(secret),
    }  # fmt: skip
    for name, ask in questions.items():
        asked.clear()
        with contextlib.suppress(ConnectorError):
            ask()
        assert asked == ["armed"], name


def test_an_interrupt_is_not_held_back() -> None:
    class Stopped(Faulty):
        def _rotate(self, old: Secret, new: Secret) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Stopped("faulty:x").rotate(LEAKY, LEAKY)


@pytest.mark.parametrize("which", range(6))
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
        "import sys; from breakglass_shamir.connectors.registry import connector_for; connector_for('ssh-key:///k');"
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
    assert known_schemes() == tuple(sorted({"faulty", *BUILT_IN}))


def test_another_package_cannot_replace_a_built_in_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "ssh-key", "no_such_package:Hijack")
    assert isinstance(connector_for("ssh-key:///k"), SshKeyConnector)


@pytest.mark.parametrize("value", ["no_such_package:Thing", "os:sep", "breakglass_shamir.connectors:Check"])
def test_a_broken_offer_is_a_connector_error(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    offer(monkeypatch, "broken", value)
    with pytest.raises(ConnectorError, match="broken"):
        connector_for("broken:x")


def test_a_rejection_stays_one_when_its_text_is_withheld() -> None:
    failure = ConnectorError(f"too weak: {LEAKY.reveal().decode()}", rejected=True)
    with pytest.raises(ConnectorError, match="withheld") as caught:
        faulty(failure).rotate(Secret(b"something else"), LEAKY)
    assert caught.value.rejected


def test_an_error_is_no_rejection_unless_it_says_so() -> None:
    with pytest.raises(ConnectorError) as caught:
        faulty(TimeoutError("no answer")).rotate(LEAKY, LEAKY)
    assert not caught.value.rejected


def test_what_a_connector_does_not_have_is_said() -> None:
    bound = connector_for("ssh-key:///k")
    with pytest.raises(ConnectorError, match="end sessions: not supported"):
        bound.end_sessions(LEAKY)


def test_a_credential_that_breaks_the_targets_rules_is_not_ready() -> None:
    assert Preflight((), (), None, "all").ready
    assert not Preflight((), (), None, "all", unfit=("it was used before",)).ready


def test_options_reach_the_connector() -> None:
    assert connector_for("ssh-key:///k", options={"time_limit": "2.5"}).time_limit_s == 2.5
    with pytest.raises(InvalidInput, match=r"does not know the option ca: expected one of time_limit"):
        connector_for("ssh-key:///k", options={"ca": "/etc/ca.pem"})


@pytest.mark.parametrize("text", ["", "0", "-1", "601", "1e9", "nan", "inf", "ten"])
def test_a_time_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="time_limit"):
        time_limit_s({"time_limit": text})


def test_tls_is_verified_unless_somebody_says_off() -> None:
    assert (tls({}).verify, tls({}).ca) == (True, None)
    assert tls({"ca": "/etc/ca.pem"}).ca == Path("/etc/ca.pem")
    assert not tls({"tls": "off"}).verify


@pytest.mark.parametrize("options", [{"tls": "no"}, {"ca": "ca.pem"}, {"tls": "off", "ca": "/etc/ca.pem"}])
def test_a_confused_protection_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        tls(options)


@pytest.mark.parametrize("options", [{"admin": "/bin/x"}, {"admin_account": "x"}, {"admin": "x", "admin_account": "y"}])
def test_half_an_administrator_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        check_admin(options)


def program(folder: Path, body: str) -> str:
    path = folder / "admin"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_administrators_secret_is_what_the_program_prints(tmp_path: Path) -> None:
    told = admin_secret({"admin": program(tmp_path, "echo 'pear tree '"), "admin_account": "root"})
    assert told == Secret(b"pear tree ")
    assert admin_secret({}) is None


@pytest.mark.parametrize("body", ["exit 0", "echo pear-tree; exit 1", "exec /no/such/program"])
def test_an_administrators_program_that_fails_is_a_connector_error_without_its_output(
    tmp_path: Path, body: str
) -> None:
    text = error_text(lambda: admin_secret({"admin": program(tmp_path, body), "admin_account": "root"}))
    assert "option admin" in text
    assert "pear" not in text


@pytest.mark.parametrize("target", ["ad://host", "ldap://host", "ldaps://host"])
def test_a_missing_library_is_named_by_the_extra_that_brings_it(target: str) -> None:
    script = (
        "import sys; sys.modules['ldap'] = None\n"
        "from breakglass_shamir.connectors.registry import connector_for\n"
        "from breakglass_shamir.errors import ConnectorError\n"
        f"try: connector_for({target!r}, 'uid=x,dc=example')\n"
        "except ConnectorError as error: print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "breakglass-shamir[ldap]" in done.stdout
