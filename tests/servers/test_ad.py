# SPDX-License-Identifier: Apache-2.0
"""The connector ``ad`` on a real Samba Active Directory domain."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret
from samba_server import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, BASE, DOMAIN, REALM, SambaServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.directory import active_directory, ad_audit, ad_rules
from breakglass_shamir.connectors.directory.active_directory import ActiveDirectoryConnector
from breakglass_shamir.connectors.directory.session import Answer
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

DAY = str(-86400 * 10**7)
"""A day, as the domain writes intervals."""


@pytest.fixture(scope="module", autouse=True)
def no_minimum_age(samba: SambaServer) -> None:
    samba.modify(BASE, minPwdAge="0")


@pytest.fixture
def right() -> Secret:
    return password()


@pytest.fixture
def new() -> Secret:
    return password()


def password(length: int = 24) -> Secret:
    """Draw one that the domain calls complex."""
    return Secret(b"aA1" + generate(length - 3).reveal())


def make(samba: SambaServer, ca: ThrowAwayCa, account: str, **more: str) -> Connector:
    return connector_for(samba.uri, account, {"ca": str(ca.certificate), "time_limit": "5", **more})


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    program = tmp_path_factory.mktemp("reader") / "secret"
    program.write_text(f"#!/bin/sh\necho '{ADMINISTRATOR_PASSWORD}'\n")
    program.chmod(0o700)
    return {"admin": str(program), "admin_account": ADMINISTRATOR}


class TestActiveDirectory(ConnectorContract):
    @pytest.fixture
    def stage(self, samba: SambaServer, throwaway_ca: ThrowAwayCa) -> Stage:
        right, wrong, new = password(), password(), password()
        more = {"audit_log": str(samba.audit_log), "ntlm_minutes": "0"}
        return Stage(make(samba, throwaway_ca, samba.add_account(right), **more), right, wrong, new)

    @pytest.fixture
    def unreachable(self) -> Connector:
        return connector_for(f"ad://127.0.0.1:{free_port()}", "breakglass@nowhere.test", {"time_limit": "2"})


@pytest.mark.parametrize("form", ["{name}", "{name}@" + REALM, DOMAIN + "\\{name}", "CN={name},CN=Users," + BASE])
def test_an_account_may_be_named_in_every_usual_way(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret, form: str
) -> None:
    name = samba.add_account(right)
    connector = make(samba, throwaway_ca, form.format(name=name), audit_log=str(samba.audit_log))
    assert connector.preflight(new, right).ready
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED
    assert connector.password_changed_at(new) is not None
    assert any(login.accepted for login in connector.logins_since(datetime.now(UTC) - timedelta(minutes=1)))
    assert samba.admits_by_ntlm(name, new)
    assert not samba.admits_by_ntlm(name, right)


@pytest.fixture
def lenient(samba: SambaServer) -> Iterator[SambaServer]:
    """The domain with the usual allowance for old passwords."""
    samba.restart(old_minutes=60)
    yield samba
    samba.restart()


def test_within_the_grace_window_the_old_password_is_not_called_dead(
    lenient: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    name = lenient.add_account(right)
    connector = make(lenient, throwaway_ca, name)
    connector.rotate(right, new)
    assert lenient.admits_by_ntlm(name, right)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert connector.grace_window_s == 3600
    lenient.restart()
    assert not lenient.admits_by_ntlm(name, right)
    assert connector.check(right).result is CheckResult.REFUSED
    assert connector.check(new).result is CheckResult.ACCEPTED


def test_the_grace_window_is_an_option() -> None:
    connector = connector_for("ad://dc1.example.com", "breakglass", {"ntlm_minutes": "5"})
    assert connector.grace_window_s == 300
    assert ActiveDirectoryConnector.grace_window_s == 3600


def disable(samba: SambaServer, name: str) -> None:
    samba.modify(samba.dn(name), userAccountControl="514")


def must_change(samba: SambaServer, name: str) -> None:
    samba.modify(samba.dn(name), pwdLastSet="0")


def expire_account(samba: SambaServer, name: str) -> None:
    samba.modify(samba.dn(name), accountExpires="116444736000000000")


@pytest.mark.parametrize(("state", "number"), [(disable, "533"), (must_change, "773"), (expire_account, "701")])
def test_an_account_that_is_shut_is_not_a_dead_credential(
    samba: SambaServer,
    throwaway_ca: ThrowAwayCa,
    right: Secret,
    reader: dict[str, str],
    state: Callable[[SambaServer, str], None],
    number: str,
) -> None:
    name = samba.add_account(right)
    state(samba, name)
    connector = make(samba, throwaway_ca, name, **reader)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert number in answer.detail
    assert connector.preflight(None).problems


def test_a_locked_account_is_not_a_dead_credential(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, reader: dict[str, str]
) -> None:
    samba.modify(BASE, lockoutThreshold="3")
    try:
        name = samba.add_account(right)
        connector = make(samba, throwaway_ca, name, **reader)
        first = [connector.check(password()).result for _ in range(3)]
        assert first == [CheckResult.REFUSED] * 3
        for secret in (right, password()):
            answer = connector.check(secret)
            assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
        assert any("locked" in problem for problem in connector.preflight(None).problems)
    finally:
        samba.modify(BASE, lockoutThreshold="0")


def test_a_minimum_age_is_a_date_before_anything_is_printed(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    samba.modify(BASE, minPwdAge=DAY)
    try:
        connector = make(samba, throwaway_ca, samba.add_account(right))
        until = connector.preflight(new, right).min_age_until
        assert until is not None
        assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(days=1, seconds=2)
        with pytest.raises(ConnectorError, match="no change before") as caught:
            connector.rotate(right, new)
        assert not caught.value.rejected
        assert connector.check(right).result is CheckResult.ACCEPTED
    finally:
        samba.modify(BASE, minPwdAge="0")


@pytest.mark.parametrize("bad", [b"aA1short"[:6], b"onlysmallletters", b"ONLYCAPITALS123"])
def test_a_password_against_the_rules_is_unfit_and_then_rejected(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, bad: bytes
) -> None:
    connector = make(samba, throwaway_ca, samba.add_account(right))
    assert connector.preflight(Secret(bad), right).unfit
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        connector.rotate(right, Secret(bad))
    assert caught.value.rejected
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_a_password_from_the_history_is_rejected(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    connector = make(samba, throwaway_ca, samba.add_account(right))
    connector.rotate(right, new)
    with pytest.raises(ConnectorError) as caught:
        connector.rotate(new, right)
    assert caught.value.rejected


def test_a_password_with_the_accounts_name_is_unfit(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    name = samba.add_account(right)
    connector = make(samba, throwaway_ca, name)
    assert connector.preflight(Secret(f"X1-{name}-9z".encode()), right).unfit


def test_a_fine_grained_policy_replaces_the_domains(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, reader: dict[str, str]
) -> None:
    name = samba.add_account(right)
    samba.add(
        f"CN=long,CN=Password Settings Container,CN=System,{BASE}",
        **{
            "objectClass": "msDS-PasswordSettings", "msDS-PasswordSettingsPrecedence": "10",
            "msDS-PasswordReversibleEncryptionEnabled": "FALSE", "msDS-PasswordHistoryLength": "3",
            "msDS-PasswordComplexityEnabled": "TRUE", "msDS-MinimumPasswordLength": "40",
            "msDS-MinimumPasswordAge": DAY, "msDS-MaximumPasswordAge": str(-(10**9) * 10**7),
            "msDS-LockoutThreshold": "9", "msDS-LockoutObservationWindow": DAY, "msDS-LockoutDuration": DAY,
            "msDS-PSOAppliesTo": samba.dn(name),
        },
    )  # fmt: skip
    found = make(samba, throwaway_ca, name, **reader).preflight(password(39))
    assert found.min_age_until is not None
    assert any("at least 40" in sentence for sentence in found.unfit)
    assert any("after 9 refused" in note for note in found.notes)


def test_the_last_login_is_read_from_the_directory_too(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, reader: dict[str, str]
) -> None:
    name = samba.add_account(right)
    connector = make(samba, throwaway_ca, name, **reader)
    began = datetime.now(UTC)
    connector.check(right)
    assert [login.accepted for login in connector.logins_since(began)] == [True]


def test_the_reader_sees_when_the_password_changed_and_nobody_else_does(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, reader: dict[str, str]
) -> None:
    name = samba.add_account(right)
    seen = make(samba, throwaway_ca, name, **reader)
    assert seen.password_changed_at() == seen.password_changed_at(right) is not None
    for call in (seen.password_changed_at, make(samba, throwaway_ca, name).password_changed_at):
        with pytest.raises(ConnectorError):
            call(password() if call == seen.password_changed_at else None)


def test_the_audit_log_tells_who_came_from_where_and_how(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    name = samba.add_account(right)
    connector = make(samba, throwaway_ca, name, audit_log=str(samba.audit_log))
    began = datetime.now(UTC)
    samba.admits_by_ntlm(name, right)
    samba.admits_by_ntlm(name, password())
    good, bad = connector.logins_since(began)
    assert (good.accepted, bad.accepted) == (True, False)
    assert good.source == "127.0.0.1"
    assert "NTLM" in good.detail


def test_a_server_with_a_certificate_of_another_authority_gets_no_password(
    samba: SambaServer, right: Secret, tmp_path: Path
) -> None:
    name = samba.add_account(right)
    connector = make(samba, ThrowAwayCa(tmp_path / "stranger"), name, audit_log=str(samba.audit_log))
    assert connector.check(right).result is CheckResult.UNKNOWN
    assert connector.logins_since(datetime.now(UTC) - timedelta(minutes=5)) == ()


def test_an_openldap_server_is_told_apart(samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret) -> None:
    dn = samba.dn(samba.add_account(right))
    connector = connector_for(f"ldaps://{samba.host}", dn, {"ca": str(throwaway_ca.certificate), "time_limit": "5"})
    assert any("ad://" in problem for problem in connector.preflight(None).problems)


def test_no_secret_in_the_servers_logs(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    name = samba.add_account(right)
    connector = make(samba, throwaway_ca, name)
    connector.preflight(new, right)
    connector.rotate(right, new)
    connector.check(right)
    log = samba.log()
    assert name.encode() in log
    assert_no_secret(log, (right, new))
    assert_no_secret(log.replace(b"\0", b""), (right, new))


@pytest.mark.parametrize(
    ("words", "result", "blocked"),
    [
        *((f"80090308: LdapErr: DSID-0C090447, comment: x, data {number:x}, v4563", CheckResult.UNKNOWN, True)
          for number in sorted(active_directory.STATES) if number != 0x525),
        ("80090308: LdapErr: DSID-0C090447, comment: x, data 525, v4563", CheckResult.UNKNOWN, False),
        ("80090308: LdapErr: DSID-0C090447, comment: x, data 52e, v4563", CheckResult.REFUSED, False),
        ("80090308: LdapErr: DSID-0C090447, comment: x, data 52E, v4563", CheckResult.REFUSED, False),
        ("80090308: LdapErr: DSID-0C090447, comment: x, data 52, v4563", CheckResult.UNKNOWN, False),
        ("80090308: LdapErr: DSID-0C090447, comment: x, data 57, v4563", CheckResult.UNKNOWN, False),
        ("no number at all", CheckResult.UNKNOWN, False),
    ],
)  # fmt: skip
def test_only_one_number_is_a_refusal(words: str, result: CheckResult, blocked: bool) -> None:
    check = active_directory.judge(Answer(49, words))
    assert (check.result, check.blocked) == (result, blocked)


def test_a_refusal_needs_the_result_code_too() -> None:
    assert active_directory.judge(Answer(53, "data 52e")).result is CheckResult.UNKNOWN


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("ad://", "breakglass", {}),
        ("ad://host", "", {}),
        ("ad://host/x", "breakglass", {}),
        ("ad://host", "breakglass", {"tls": "off"}),
        ("ad://host", "breakglass", {"ntlm_minutes": "-1"}),
        ("ad://host", "breakglass", {"ntlm_minutes": "an hour"}),
        ("ad://host", "breakglass", {"audit_log": "auth.json"}),
        ("ad://host", "breakglass", {"admin": "/bin/true"}),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        ActiveDirectoryConnector(target, account, options=options)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", False),
        ("torn {", True),
        ('{"type": "Authentication"}', True),
        ('{"type": "Authentication", "timestamp": 1, "Authentication": {"clientAccount": "bg"}}', True),
        ('{"type": "Authentication", "timestamp": "2026-11-25", "Authentication": {"clientAccount": "bg"}}', True),
        ('{"type": "Authentication", "timestamp": "2026-11-25T08:29:44+0000", "Authentication": []}', True),
        ('{"type": "Authentication", "timestamp": "2026-11-25T08:29:44+0000", "Authentication": {"clientAccount": 7}}',
         False),
        ('{"type": "Authorization", "timestamp": "2026-11-25T08:29:44+0000", "Authorization": {"account": "bg"}}',
         False),
    ],
)  # fmt: skip
def test_a_log_line_that_is_no_login_of_the_account_is_passed_over(line: str, told: bool, tmp_path: Path) -> None:
    """One that may be and cannot be read is told."""
    log = tmp_path / "auth.json"
    log.write_text(line + "\n")
    found = ad_audit.logins(log, frozenset({"bg"}), "bg", datetime(2026, 1, 1, tzinfo=UTC))
    assert bool(found.unread) == told
    assert list(found) == []


def test_for_ever_is_no_minimum_age() -> None:
    assert ad_rules.rules_of({"minpwdage": [str(-(2**63)).encode()]}, None).min_age == timedelta()


def test_a_password_that_must_be_changed_is_changed_over_kerberos(
    samba: SambaServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    name = samba.add_account(right)
    must_change(samba, name)
    over_kerberos = connector_for(f"kerberos://{samba.host}/{REALM}", name, {"time_limit": "5"})
    answer = over_kerberos.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    over_kerberos.rotate(right, new)
    assert over_kerberos.check(new).result is CheckResult.ACCEPTED
    assert over_kerberos.check(right).result is CheckResult.REFUSED
    assert make(samba, throwaway_ca, name).check(new).result is CheckResult.ACCEPTED
    assert any("kadmin" in note for note in over_kerberos.preflight(right, new).notes)
