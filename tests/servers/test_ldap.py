# SPDX-License-Identifier: Apache-2.0
"""The connectors ``ldap`` and ``ldaps`` on a real OpenLDAP server."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret
from slapd_server import PEOPLE, SUFFIX, SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.connectors.directory import ldap, ldap_policy, session
from breakglass_shamir.connectors.directory.ldap import LdapConnector, LdapsConnector
from breakglass_shamir.connectors.directory.session import Answer
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from tests.ports import free_port

WATCHER = f"cn=watcher,{SUFFIX}"


@pytest.fixture(scope="module")
def reader(slapd: SlapdServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Options of an entry that may read, but not write."""
    secret = generate(24)
    slapd.add(
        f"dn: {WATCHER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: watcher\n"
        f"userPassword: {secret.reveal().decode()}"
    )
    program = tmp_path_factory.mktemp("reader") / "secret"
    program.write_text(f"#!/bin/sh\necho '{secret.reveal().decode()}'\n")
    program.chmod(0o700)
    return {"admin": str(program), "admin_account": WATCHER}


def make(slapd: SlapdServer, ca: ThrowAwayCa, dn: str, **more: str) -> Connector:
    return connector_for(slapd.uri, dn, {"ca": str(ca.certificate), "time_limit": "5", **more})


def make_tls(slapd: SlapdServer, ca: ThrowAwayCa, dn: str, **more: str) -> Connector:
    return connector_for(slapd.tls_uri, dn, {"ca": str(ca.certificate), "time_limit": "5", **more})


def stage_of(made: Callable[..., Connector], slapd: SlapdServer, ca: ThrowAwayCa, **more: str) -> Stage:
    right, wrong, new = generate(24), generate(24), generate(24)
    return Stage(made(slapd, ca, slapd.add_account(right), **more), right, wrong, new)


class TestStartTls(ConnectorContract):
    """Logins from the access log."""

    @pytest.fixture
    def stage(self, slapd: SlapdServer, throwaway_ca: ThrowAwayCa, reader: dict[str, str]) -> Stage:
        return stage_of(make, slapd, throwaway_ca, access_log="cn=accesslog", **reader)

    @pytest.fixture
    def unreachable(self) -> Connector:
        return connector_for(f"ldap://127.0.0.1:{free_port()}", f"uid=nobody,{PEOPLE}", {"time_limit": "2"})


class TestLdaps(ConnectorContract):
    """Logins from the account's own entry."""

    @pytest.fixture
    def stage(self, slapd: SlapdServer, throwaway_ca: ThrowAwayCa, reader: dict[str, str]) -> Stage:
        return stage_of(make_tls, slapd, throwaway_ca, **reader)

    @pytest.fixture
    def unreachable(self) -> Iterator[Connector]:
        with silent_server() as port:
            yield connector_for(f"ldaps://127.0.0.1:{port}", f"uid=nobody,{PEOPLE}", {"time_limit": "0.3"})


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        taker = threading.Thread(target=accept, daemon=True)
        taker.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        taker.join(5)
        for one in held:
            one.close()


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


def test_the_server_itself_refuses_the_old_and_takes_the_new(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    dn = slapd.add_account(right)
    make(slapd, throwaway_ca, dn).rotate(right, new)
    assert slapd.admits(dn, new)
    assert not slapd.admits(dn, right)


def test_a_silent_server_is_unknown_and_left_in_time(right: Secret) -> None:
    with silent_server() as port:
        for scheme in ("ldap", "ldaps"):
            connector = connector_for(f"{scheme}://127.0.0.1:{port}", f"uid=x,{PEOPLE}", {"time_limit": "0.3"})
            answer = connector.check(right)
            assert answer.result is CheckResult.UNKNOWN
            assert not answer.blocked


STARTED = bytes.fromhex("300c02010178070a010004000400")
"""The answer to StartTLS: success."""

LET_IN = bytes.fromhex("300c02010161070a010004000400")
"""A server's yes to the login with message number 1."""


@pytest.mark.parametrize("answer", [STARTED + LET_IN, STARTED + LET_IN.replace(b"\x02\x01\x01", b"\x02\x01\x02")])
def test_an_answer_slipped_in_before_tls_is_never_believed(
    throwaway_ca: ThrowAwayCa, right: Secret, answer: bytes
) -> None:
    with impostor(throwaway_ca, answer) as port:
        options = {"ca": str(throwaway_ca.certificate), "time_limit": "0.5"}
        connector = connector_for(f"ldap://127.0.0.1:{port}", f"uid=x,{PEOPLE}", options)
        assert connector.check(right).result is CheckResult.UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x84\xff\xff\xff\xff", b"\x30\xff" + bytes(9),
        bytes.fromhex("300c02010178070a013404000400"), bytes.fromhex("300c02010978070a010004000400"), STARTED[:-3],
    ],
)  # fmt: skip
def test_a_server_that_does_not_begin_tls_gets_no_password(
    throwaway_ca: ThrowAwayCa, right: Secret, answer: bytes
) -> None:
    with impostor(throwaway_ca, answer) as port:
        options = {"ca": str(throwaway_ca.certificate), "time_limit": "0.5"}
        connector = connector_for(f"ldap://127.0.0.1:{port}", f"uid=x,{PEOPLE}", options)
        assert connector.check(right).result is CheckResult.UNKNOWN


def test_a_long_form_answer_is_read(throwaway_ca: ThrowAwayCa, right: Secret) -> None:
    """As Active Directory writes it; the handshake after it succeeds, and then the server says nothing."""
    long = bytes.fromhex("3084000000100201017884000000070a010004000400")
    with impostor(throwaway_ca, long) as port:
        options = {"ca": str(throwaway_ca.certificate), "time_limit": "0.5"}
        answer = connector_for(f"ldap://127.0.0.1:{port}", f"uid=x,{PEOPLE}", options).check(right)
        assert "in time" in answer.detail


@contextmanager
def impostor(ca: ThrowAwayCa, answer: bytes) -> Iterator[int]:
    """A server with a good certificate that answers StartTLS with these bytes, and is silent under TLS."""
    own = ca.issue("impostor", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.certificate, own.key)
    over = threading.Event()

    def serve(one: socket.socket) -> None:
        with contextlib.suppress(OSError), one:
            one.recv(1000)
            one.sendall(answer)
            if one.recv(1, socket.MSG_PEEK):
                with context.wrap_socket(one, server_side=True):
                    over.wait(10)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        over.set()
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("made", [make, make_tls])
def test_a_server_with_a_certificate_of_another_authority_gets_no_password(
    slapd: SlapdServer, right: Secret, tmp_path: Path, made: Callable[..., Connector]
) -> None:
    dn = slapd.add_account(right)
    stranger = ThrowAwayCa(tmp_path / "stranger")
    connector = made(slapd, stranger, dn)
    answer = connector.check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert "certificate" in answer.detail
    assert f'BIND dn="{dn}"'.encode() not in slapd.log()


def test_a_certificate_for_another_name_gets_no_password(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    dn = slapd.add_account(right)
    options = {"ca": str(throwaway_ca.certificate), "time_limit": "5"}
    elsewhere = connector_for(f"ldaps://localhost:{slapd.tls_port}", dn, options)
    assert elsewhere.check(right).result is CheckResult.UNKNOWN


def test_the_environment_cannot_switch_verification_off(
    slapd: SlapdServer, right: Secret, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    dn = slapd.add_account(right)
    assert make(slapd, ThrowAwayCa(tmp_path / "stranger"), dn).check(right).result is CheckResult.UNKNOWN


def test_without_tls_the_operator_is_told(slapd: SlapdServer, right: Secret) -> None:
    connector = connector_for(slapd.uri, slapd.add_account(right), {"tls": "off", "time_limit": "5"})
    found = connector.preflight(None)
    assert any("not encrypted" in note for note in found.notes)
    # This server wants encryption for passwords, and says so.
    assert connector.check(right).result is CheckResult.UNKNOWN


def test_a_locked_account_is_not_a_dead_credential(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    connector = make(slapd, throwaway_ca, slapd.add_account(right))
    answers = [connector.check(generate(24)) for _ in range(4)]
    assert {answer.result for answer in answers[:3]} == {CheckResult.REFUSED}
    for secret in (right, generate(24)):
        answer = connector.check(secret)
        assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)


def test_a_reader_sees_a_lock_that_the_server_does_not_speak_of(
    slapd: SlapdServer,
    throwaway_ca: ThrowAwayCa,
    right: Secret,
    reader: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dn = slapd.add_account(right)
    connector = make(slapd, throwaway_ca, dn, **reader)
    for _ in range(4):
        connector.check(generate(24))
    # So a server without ppolicy_use_lockout answers.
    monkeypatch.setattr(session, "_decoded", lambda _raw: None)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert any("locked" in problem for problem in connector.preflight(None).problems)


def test_one_check_is_one_attempt(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret) -> None:
    policy = slapd.add_policy("two-tries", pwdLockout="TRUE", pwdMaxFailure=2)
    dn = slapd.add_account(right, policy)
    connector = make(slapd, throwaway_ca, dn)
    assert connector.check(generate(24)).result is CheckResult.REFUSED
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_an_account_that_locks_at_once_is_told_before(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    policy = slapd.add_policy("one-try", pwdLockout="TRUE", pwdMaxFailure=1)
    found = make(slapd, throwaway_ca, slapd.add_account(right, policy)).preflight(new, right)
    assert found.ready
    assert any("will not be tried" in note for note in found.notes)
    assert found.allowance is not None
    assert found.allowance.wrong == 0


def test_a_minimum_age_is_a_date_before_anything_is_printed(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    policy = slapd.add_policy("aged", pwdMinAge=3600, pwdSafeModify="TRUE")
    dn = slapd.add_account(right, policy)
    slapd.modify(dn, "replace: pwdChangedTime", "pwdChangedTime: 20200101000000Z")
    connector = make(slapd, throwaway_ca, dn)
    assert connector.preflight(new, right).min_age_until is None
    connector.rotate(right, new)
    until = connector.preflight(right, new).min_age_until
    assert until is not None
    assert timedelta(minutes=59) < until - datetime.now(UTC) <= timedelta(hours=1, seconds=2)
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        connector.rotate(new, generate(24))
    assert not caught.value.rejected
    assert slapd.admits(dn, new)


def test_a_password_the_policy_does_not_take_is_unfit_and_then_rejected(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    policy = slapd.add_policy("long", pwdMinLength=30, pwdCheckQuality=2, pwdInHistory=5)
    dn = slapd.add_account(right, policy)
    connector = make(slapd, throwaway_ca, dn)
    short, enough = generate(29), generate(30)
    assert connector.preflight(short, right).unfit
    assert connector.preflight(enough, right).ready
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        connector.rotate(right, short)
    assert caught.value.rejected
    assert connector.check(right).result is CheckResult.ACCEPTED


def test_a_password_from_the_history_is_rejected(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    connector = make(slapd, throwaway_ca, slapd.add_account(right))
    connector.rotate(right, new)
    with pytest.raises(ConnectorError) as caught:
        connector.rotate(new, right)
    assert caught.value.rejected


def test_the_servers_default_policy_is_named_by_option(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    dn = slapd.add_account(right)
    silent = make(slapd, throwaway_ca, dn).preflight(Secret(b"1234567"), right)
    assert silent.ready
    assert any("password_policy" in note for note in silent.notes)
    named = make(slapd, throwaway_ca, dn, password_policy=f"cn=default,ou=policies,{SUFFIX}")
    assert named.preflight(Secret(b"1234567"), right).unfit


def test_a_reset_password_is_not_proven_to_open_anything(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    policy = slapd.add_policy("must-change", pwdMustChange="TRUE")
    dn = slapd.add_account(right, policy)
    slapd.modify(dn, "replace: pwdReset", "pwdReset: TRUE")
    connector = make(slapd, throwaway_ca, dn)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert connector.preflight(new, right).ready
    connector.rotate(right, new)
    assert connector.check(new).result is CheckResult.ACCEPTED


def test_an_expired_password_is_not_a_dead_one(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    policy = slapd.add_policy("expiring", pwdMaxAge=1000)
    dn = slapd.add_account(right, policy)
    connector = make(slapd, throwaway_ca, dn)
    connector.rotate(right, new)
    slapd.modify(dn, "replace: pwdChangedTime", "pwdChangedTime: 20200101000000Z")
    answer = connector.check(new)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert any("did not log in" in problem for problem in connector.preflight(right, new).problems)


def test_each_grace_login_that_is_used_up_is_said(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    dn = slapd.add_account(right, slapd.add_policy("gracious", pwdMaxAge=1000, pwdGraceAuthNLimit=2))
    connector = make(slapd, throwaway_ca, dn)
    connector.rotate(right, new)
    slapd.modify(dn, "replace: pwdChangedTime", "pwdChangedTime: 20200101000000Z")
    for left in (1, 0):
        answer = connector.check(new)
        assert answer.result is CheckResult.ACCEPTED
        assert f"{left} grace logins" in answer.detail
    assert connector.check(new).blocked


def test_the_reader_sees_when_the_password_changed(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret, reader: dict[str, str]
) -> None:
    connector = make(slapd, throwaway_ca, slapd.add_account(right), **reader)
    connector.rotate(right, new)
    assert connector.password_changed_at() == connector.password_changed_at(new) is not None


def test_the_reader_sees_every_login_and_its_failure_in_the_access_log(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, reader: dict[str, str]
) -> None:
    dn = slapd.add_account(right)
    connector = make(slapd, throwaway_ca, dn, access_log="cn=accesslog", **reader)
    began = datetime.now(UTC)
    slapd.admits(dn, right)
    slapd.admits(dn, generate(24))
    slapd.admits(dn, right)
    assert [login.accepted for login in connector.logins_since(began)] == [True, False, True]


def test_without_a_reader_the_watch_sees_nothing_and_that_is_an_error(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret
) -> None:
    connector = make(slapd, throwaway_ca, slapd.add_account(right))
    with pytest.raises(ConnectorError, match="may not be read"):
        connector.logins_since(datetime.now(UTC) - timedelta(hours=1))


def test_no_secret_in_the_servers_log(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret
) -> None:
    dn = slapd.add_account(right)
    connector = make(slapd, throwaway_ca, dn)
    connector.preflight(new, right)
    connector.rotate(right, new)
    connector.check(right)
    connector.check(new)
    log = slapd.log()
    assert f'BIND dn="{dn}"'.encode() in log
    assert b"PASSMOD" in log
    assert_no_secret(log, (right, new))


def test_a_replica_that_lags_still_takes_the_old_one(
    slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret, new: Secret, tmp_path: Path
) -> None:
    # A last-bind time written by the replica would count as newer than what the provider changes.
    replica = SlapdServer(tmp_path / "replica", throwaway_ca, provider=slapd.uri, lastbind=False)
    dn = slapd.add_account(right)
    here, there = (make(server, throwaway_ca, dn) for server in (slapd, replica))
    restarted(replica, slapd.uri)
    try:
        wait_until(lambda: there.check(right).result is CheckResult.ACCEPTED)
        restarted(replica, f"ldap://127.0.0.1:{free_port()}")
        here.rotate(right, new)
        assert here.check(right).result is CheckResult.REFUSED
        assert there.check(right).result is CheckResult.ACCEPTED
        restarted(replica, slapd.uri)
        wait_until(lambda: there.check(right).result is CheckResult.REFUSED)
        assert there.check(new).result is CheckResult.ACCEPTED
    finally:
        replica.stop()


def restarted(replica: SlapdServer, provider: str) -> None:
    replica.stop()
    replica.follow(provider)
    replica.start()


def wait_until(condition: Callable[[], bool], limit_s: float = 90.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "target",
    [
        "ldap:///",
        "ldap://host:port",
        "ldap://host/dc=example",
        "ldap://user@host",
        "ldap://host?x",
        "ldap://host:99999",
    ],
)
def test_a_target_that_is_no_server_is_refused(target: str) -> None:
    with pytest.raises(InvalidInput):
        LdapConnector(target, f"uid=x,{PEOPLE}")


@pytest.mark.parametrize("account", ["", "breakglass", "EXAMPLE\\breakglass", "a=b=c,"])
def test_an_account_that_is_no_dn_is_refused(account: str) -> None:
    with pytest.raises(InvalidInput, match="DN"):
        LdapConnector("ldap://host", account)


def test_ldaps_without_tls_is_refused() -> None:
    with pytest.raises(InvalidInput, match="ldaps"):
        LdapsConnector("ldaps://host", f"uid=x,{PEOPLE}", options={"tls": "off"})


def test_an_empty_credential_is_never_a_login(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, right: Secret) -> None:
    connector = make(slapd, throwaway_ca, slapd.add_account(right))
    with pytest.raises(ConnectorError, match="empty"):
        connector.check(Secret(b""))
    with pytest.raises(ConnectorError, match="empty"):
        connector.rotate(Secret(b""), right)


@pytest.mark.parametrize(
    ("answer", "result", "blocked"),
    [
        (Answer(0, "success"), CheckResult.ACCEPTED, False),
        (Answer(0, "success", grace_logins=2), CheckResult.ACCEPTED, False),
        (Answer(0, "success", policy_error=2), CheckResult.UNKNOWN, True),
        (Answer(49, "invalid"), CheckResult.REFUSED, False),
        (Answer(49, "invalid", policy_error=0), CheckResult.UNKNOWN, True),
        (Answer(49, "invalid", policy_error=1), CheckResult.UNKNOWN, True),
        (Answer(19, "exceed password retry limit"), CheckResult.UNKNOWN, True),
        (Answer(53, "account inactivated"), CheckResult.UNKNOWN, True),
        (Answer(32, "no such object"), CheckResult.UNKNOWN, False),
        (Answer(13, "confidentiality required"), CheckResult.UNKNOWN, False),
        (Answer(51, "busy"), CheckResult.UNKNOWN, False),
        (Answer(80, "other"), CheckResult.UNKNOWN, False),
    ],
)
def test_only_invalid_credentials_of_an_open_account_are_a_refusal(
    answer: Answer, result: CheckResult, blocked: bool
) -> None:
    check = ldap.judge(answer)
    assert (check.result, check.blocked) == (result, blocked)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20261125080636Z", datetime(2026, 11, 25, 8, 6, 36, tzinfo=UTC)),
        ("20261125080636.5Z", datetime(2026, 11, 25, 8, 6, 36, 500000, tzinfo=UTC)),
        ("20261125080636.347698Z", datetime(2026, 11, 25, 8, 6, 36, 347698, tzinfo=UTC)),
    ],
)
def test_times_are_read(text: str, at: datetime) -> None:
    assert ldap_policy.generalized_time(text) == at
