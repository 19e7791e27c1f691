# SPDX-License-Identifier: Apache-2.0
"""The connector ``kerberos`` on a real MIT realm."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret
from kdc_server import ADMINISTRATOR, REALM, KdcServer

from breakglass_shamir.connectors.kerberos import connector as kerberos
from breakglass_shamir.connectors.kerberos import log as kerberos_log
from breakglass_shamir.connectors.kerberos import rules, tools
from breakglass_shamir.connectors.kerberos.connector import KerberosConnector
from breakglass_shamir.connectors.kerberos.tools import Run
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


@pytest.fixture(scope="module")
def reader(kdc: KdcServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options of a principal that may inquire."""
    secret = generate(24)
    kdc.add_account(secret, name=ADMINISTRATOR)
    program = tmp_path_factory.mktemp("reader") / "secret"
    program.write_text(f"#!/bin/sh\necho '{secret.reveal().decode()}'\n")
    program.chmod(0o700)
    return {"admin": str(program), "admin_account": ADMINISTRATOR}


def make(kdc: KdcServer, principal: str, **more: str) -> Connector:
    return connector_for(kdc.uri, principal, {**kdc.options, **more})


class TestKerberos(ConnectorContract):
    """Logins from the KDC's log."""

    @pytest.fixture
    def stage(self, kdc: KdcServer) -> Stage:
        right, wrong, new = generate(24), generate(24), generate(24)
        policy = "standard"
        if policy not in kdc.admin("listpols"):
            kdc.add_policy(policy, "-minlength 8", "-minclasses 2", "-history 3", "-maxfailure 5")
        return Stage(make(kdc, kdc.add_account(right, policy), kdc_log=str(kdc.kdc_log)), right, wrong, new)

    @pytest.fixture
    def unreachable(self) -> Connector:
        return connector_for(f"kerberos://127.0.0.1:{free_port()}/{REALM}", "breakglass", {"time_limit": "1"})


class TestSystemSettings(ConnectorContract):
    """Servers from a krb5.conf, logins from kadmin."""

    @pytest.fixture
    def stage(self, kdc: KdcServer, reader: dict[str, str]) -> Stage:
        right, wrong, new = generate(24), generate(24), generate(24)
        options = {"krb5_conf": str(kdc.settings), "time_limit": "5", **reader}
        connector = connector_for(f"kerberos:///{REALM}", kdc.add_account(right), options)
        return Stage(connector, right, wrong, new)

    @pytest.fixture
    def unreachable(self) -> Connector:
        return connector_for(f"kerberos:///{REALM}", "breakglass", {"krb5_conf": "/dev/null", "time_limit": "1"})


def test_the_realm_itself_refuses_the_old_and_takes_the_new(kdc: KdcServer, right: Secret, new: Secret) -> None:
    name = kdc.add_account(right)
    make(kdc, name).rotate(right, new)
    assert kdc.admits(name, new)
    assert not kdc.admits(name, right)


def test_a_login_needs_no_place_for_its_ticket(
    kdc: KdcServer, right: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> AbstractContextManager[Path]:
        raise PermissionError("read-only")

    monkeypatch.setattr(tools, "memory_folder", nowhere)
    connector = make(kdc, kdc.add_account(right))
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.check(new).result is CheckResult.REFUSED


def test_a_locked_principal_is_not_a_dead_credential(kdc: KdcServer, right: Secret) -> None:
    name = kdc.add_account(right, kdc.add_policy("three-tries", "-maxfailure 3"))
    connector = make(kdc, name)
    assert [connector.check(generate(24)).result for _ in range(3)] == [CheckResult.REFUSED] * 3
    for secret in (right, generate(24)):
        answer = connector.check(secret)
        assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)


def test_a_principal_without_pre_authentication_is_judged_by_the_ticket(
    kdc: KdcServer, right: Secret, new: Secret
) -> None:
    name = kdc.add_account(right)
    kdc.admin(f"modprinc -requires_preauth {name}")
    connector = make(kdc, name)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.check(generate(24)).result is CheckResult.REFUSED
    assert any("pre-authentication" in note for note in connector.preflight(new, right).notes)


def test_one_check_is_one_attempt(kdc: KdcServer, right: Secret) -> None:
    name = kdc.add_account(right)
    make(kdc, name).check(generate(24))
    assert "Failed password attempts: 1" in kdc.admin(f"getprinc {name}")


@pytest.mark.parametrize(
    "change", ['modprinc -pwexpire "2020-01-01"', 'modprinc -expire "2020-01-01"', "modprinc -allow_tix"]
)
def test_a_principal_that_is_shut_is_not_a_dead_credential(
    kdc: KdcServer, right: Secret, new: Secret, change: str
) -> None:
    name = kdc.add_account(right)
    kdc.admin(f"{change} {name}")
    connector = make(kdc, name)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert connector.preflight(new, right).ready == ("pwexpire" in change)


def test_an_expired_password_is_still_rotated(kdc: KdcServer, right: Secret, new: Secret) -> None:
    name = kdc.add_account(right)
    kdc.admin(f'modprinc -pwexpire "2020-01-01" {name}')
    connector = make(kdc, name)
    assert connector.preflight(None).ready
    connector.rotate(right, new)
    assert kdc.admits(name, new)
    assert not kdc.admits(name, right)


def test_a_principal_that_does_not_exist_is_no_dead_credential(kdc: KdcServer, right: Secret) -> None:
    connector = make(kdc, "nobody")
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, False)
    assert any("not found" in problem for problem in connector.preflight(None).problems)


def test_a_minimum_life_is_a_date_before_anything_is_printed(kdc: KdcServer, right: Secret, new: Secret) -> None:
    name = kdc.add_account(right, kdc.add_policy("aged", '-minlife "1 hour"'))
    connector = make(kdc, name)
    until = connector.preflight(new, right).min_age_until
    assert until is not None
    assert timedelta(minutes=59) < until - datetime.now(UTC) <= timedelta(hours=1, seconds=2)
    with pytest.raises(ConnectorError, match="too recently") as caught:
        connector.rotate(right, new)
    assert not caught.value.rejected
    assert kdc.admits(name, right)


@pytest.mark.parametrize(("rule", "bad"), [("-minlength 30", 29), ("-minclasses 5", 24)])
def test_a_password_the_policy_does_not_take_is_unfit_and_then_rejected(
    kdc: KdcServer, right: Secret, rule: str, bad: int
) -> None:
    name = kdc.add_account(right)
    kdc.admin(f"modprinc -policy {kdc.add_policy(f'strict{bad}', rule)} {name}")
    connector, wrong = make(kdc, name), generate(bad)
    assert connector.preflight(wrong, right).unfit
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        connector.rotate(right, wrong)
    assert caught.value.rejected
    assert kdc.admits(name, right)


def test_a_password_from_the_history_is_rejected(kdc: KdcServer, right: Secret, new: Secret) -> None:
    connector = make(kdc, kdc.add_account(right, kdc.add_policy("remembering", "-history 3")))
    connector.rotate(right, new)
    with pytest.raises(ConnectorError) as caught:
        connector.rotate(new, right)
    assert caught.value.rejected


def test_a_principal_that_locks_at_once_is_told_before(kdc: KdcServer, right: Secret, new: Secret) -> None:
    connector = make(kdc, kdc.add_account(right, kdc.add_policy("one-try", "-maxfailure 1")))
    found = connector.preflight(new, right)
    assert found.ready
    assert any("will not be tried" in note for note in found.notes)


def test_without_kadmin_the_policy_is_not_known_and_that_is_said(kdc: KdcServer, right: Secret, new: Secret) -> None:
    name = kdc.add_account(right)
    found = make(kdc, name, admin_server=f"127.0.0.1:{free_port()}").preflight(new, right)
    assert found.ready
    assert any("kadmin could not be asked" in note for note in found.notes)


def test_a_password_service_that_is_gone_leaves_the_change_in_doubt(kdc: KdcServer, right: Secret, new: Secret) -> None:
    name = kdc.add_account(right)
    connector = make(kdc, name, kpasswd_server=f"127.0.0.1:{free_port()}", time_limit="2")
    with pytest.raises(ConnectorError, match="may be in place") as caught:
        connector.rotate(right, new)
    assert not caught.value.rejected
    assert kdc.admits(name, right)


def test_the_reader_sees_when_the_password_changed_and_nobody_else_does(
    kdc: KdcServer, right: Secret, new: Secret, reader: dict[str, str]
) -> None:
    name = kdc.add_account(right)
    make(kdc, name).rotate(right, new)
    seen = make(kdc, name, **reader)
    assert seen.password_changed_at() == seen.password_changed_at(new) is not None
    with pytest.raises(ConnectorError, match="did not answer"):
        seen.password_changed_at(right)
    with pytest.raises(ConnectorError, match="nobody"):
        make(kdc, name).password_changed_at()


def test_the_log_tells_who_came_from_where(kdc: KdcServer, right: Secret) -> None:
    name = kdc.add_account(right)
    connector = make(kdc, name, kdc_log=str(kdc.kdc_log))
    began = datetime.now(UTC)
    kdc.admits(name, right)
    kdc.admits(name, generate(24))
    good, bad = connector.logins_since(began)
    assert (good.accepted, bad.accepted) == (True, False)
    assert good.source == bad.source == "127.0.0.1"
    assert "krbtgt" in good.detail


@pytest.mark.parametrize("secret", [b"", b"two\nlines", b"nul\0", b"x" * 1023])
def test_a_password_that_cannot_be_handed_over_whole_is_refused(kdc: KdcServer, right: Secret, secret: bytes) -> None:
    connector = make(kdc, kdc.add_account(right))
    for call in (connector.check, connector.preflight, lambda bad: connector.rotate(right, bad)):
        with pytest.raises(ConnectorError, match="in one line"):
            call(Secret(secret))
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_no_secret_in_the_servers_logs(kdc: KdcServer, right: Secret, new: Secret) -> None:
    name = kdc.add_account(right)
    connector = make(kdc, name)
    connector.preflight(new, right)
    connector.rotate(right, new)
    connector.check(right)
    log = kdc.log()
    assert f"chpw request from 127.0.0.1 for {name}@{REALM}: success".encode() in log
    assert_no_secret(log, (right, new))


@pytest.mark.parametrize(
    ("ran", "result", "blocked"),
    [
        (Run(0, "", ""), CheckResult.ACCEPTED, False),
        (Run(1, "", "kinit: Password incorrect while getting initial credentials"), CheckResult.REFUSED, False),
        (Run(1, "", "kinit: Preauthentication failed while getting initial credentials"), CheckResult.REFUSED, False),
        (Run(None, "", "kinit: Password incorrect while getting initial credentials"), CheckResult.UNKNOWN, False),
        (Run(1, "", "kinit: Clock skew too great while getting initial credentials"), CheckResult.UNKNOWN, False),
        (Run(1, "", "kinit: Cannot contact any KDC for realm 'X' while getting"), CheckResult.UNKNOWN, False),
        (Run(1, "", "kinit: Client's credentials have been revoked while getting"), CheckResult.UNKNOWN, True),
        (Run(1, "", "kinit: Password has expired while getting initial credentials"), CheckResult.UNKNOWN, True),
        (Run(1, "", "no message"), CheckResult.UNKNOWN, False),
    ],
)
def test_only_a_wrong_password_is_a_refusal(ran: Run, result: CheckResult, blocked: bool) -> None:
    check = kerberos.judge(ran)
    assert (check.result, check.blocked) == (result, blocked)


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("kerberos://kdc", "breakglass", {}),
        ("kerberos:///", "breakglass", {}),
        ("kerberos://kdc/REALM/more", "breakglass", {}),
        ("kerberos://k dc/REALM", "breakglass", {}),
        ("kerberos://kdc/REALM", "", {}),
        ("kerberos://kdc/REALM", "bad name", {}),
        ("kerberos://kdc/REALM", "-q", {}),
        ("kerberos://kdc/REALM", 'x"; delprinc y', {}),
        ("kerberos://kdc/REALM", "breakglass", {"kpasswd_server": "x }\n"}),
        ("kerberos://kdc/REALM", "breakglass", {"krb5_conf": "/etc/krb5.conf"}),
        ("kerberos:///REALM", "breakglass", {"krb5_conf": "krb5.conf"}),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        KerberosConnector(target, account, options=options)


NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ("Jan 02 10:00:00 h krb5kdc[1](info): AS_REQ (1 etypes {x}) 10.0.0.9: ISSUE: authtime 1767348000, "
         "etypes {rep=x}, bg@R for krbtgt/R@R", [True]),
        ("Dec 31 10:00:00 h krb5kdc[1](info): AS_REQ (1 etypes {x}) 10.0.0.9: PREAUTH_FAILED: bg@R for krbtgt/R@R, "
         "Preauthentication failed", [False]),
        ("Dec 31 10:00:00 h krb5kdc[1](info): AS_REQ (1 etypes {x}) 10.0.0.9: LOCKED_OUT: bg@R for krbtgt/R@R, x",
         [False]),
        ("Jan 02 10:00:00 h krb5kdc[1](info): AS_REQ (1 etypes {x}) 10.0.0.9: NEEDED_PREAUTH: bg@R for krbtgt/R@R, "
         "x", []),
        ("Jan 02 10:00:00 h krb5kdc[1](info): AS_REQ (1 etypes {x}) 10.0.0.9: PREAUTH_FAILED: xbg@R for krbtgt/R@R, "
         "x", []),
        ("Jan 02 10:00:00 h krb5kdc[1](info): TGS_REQ (1 etypes {x}) 10.0.0.9: ISSUE: authtime 1, bg@R for x@R", []),
    ],
)  # fmt: skip
def test_the_kdcs_log_is_read_line_by_line(line: str, accepted: list[bool], tmp_path: Path) -> None:
    log = tmp_path / "kdc.log"
    log.write_text(line + "\n")
    found = kerberos_log.logins(log, "bg@R", "bg", NOW - timedelta(days=3), NOW)
    assert [login.accepted for login in found] == accepted
    assert found.unread == ()
    assert all(NOW - timedelta(days=3) < login.at <= NOW for login in found)


def test_spans_and_times_are_read() -> None:
    told = rules.fields("Maximum ticket life: 1 day 10:00:30\nLast password change: Wed Nov 25 08:39:13 UTC 2026\n")
    assert rules.span(told, "Maximum ticket life") == timedelta(days=1, hours=10, seconds=30)
    assert rules.when(told, "Last password change") == datetime(2026, 11, 25, 8, 39, 13, tzinfo=UTC)
    assert rules.when({"x": "[never]"}, "x") is None
