# SPDX-License-Identifier: Apache-2.0
"""The connector ``linux`` on this machine, with throw-away accounts, judged by su and login."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret, assert_one_of_several_wins, eventually
from linux_host import LinuxHost

from breakglass_shamir.connectors.linux import account as linux_account
from breakglass_shamir.connectors.linux import connector as module
from breakglass_shamir.connectors.linux import logins as linux_logins
from breakglass_shamir.connectors.linux import pam, pam_login
from breakglass_shamir.connectors.linux import sessions as linux_sessions
from breakglass_shamir.connectors.linux.connector import LinuxConnector
from breakglass_shamir.connectors.port.answers import CheckResult, Logins
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

DAY = timedelta(days=1)


@pytest.fixture
def right() -> Secret:
    return generate(24)


@pytest.fixture
def new() -> Secret:
    return generate(24)


@pytest.fixture(autouse=True)
def no_sessions_left(linux_host: LinuxHost) -> Iterator[None]:
    yield
    linux_host.end_sessions()


def make(account: str, **options: str) -> Connector:
    return connector_for(f"linux:///{account}", "", {"time_limit": "10", **options})


class TestLocalAccount(ConnectorContract):
    """The contract, on a local account."""

    @pytest.fixture
    def stage(self, linux_host: LinuxHost, right: Secret, new: Secret) -> Stage:
        account = linux_host.add_account(right)
        return Stage(make(account), right, generate(24), new, lambda secret: linux_host.log_in(account, secret))

    @pytest.fixture
    def unreachable(self, linux_host: LinuxHost) -> Connector:
        return make("bg-not-there")

    def test_a_login_is_found_among_the_logins(self, stage: Stage) -> None:
        """A check opens no session here and so leaves no record: the login is a real one, at a terminal."""
        began = datetime.now(UTC) - timedelta(seconds=2)
        assert stage.log_in is not None
        stage.log_in(stage.right)
        assert eventually(lambda: bool(stage.connector.logins_since(began)))
        logins = stage.connector.logins_since(began)
        assert {(login.account, login.accepted) for login in logins} == {(stage.connector.account, True)}
        assert all(began <= login.at <= datetime.now(UTC) + timedelta(seconds=2) for login in logins)
        assert_no_secret(repr(logins).encode(), stage.secrets)

    def test_the_target_says_when_its_credential_changed(self, stage: Stage) -> None:
        """The shadow file keeps a day."""
        before = datetime.now(UTC)
        stage.connector.rotate(stage.right, stage.new)
        changed = stage.connector.password_changed_at(stage.new)
        assert changed is not None
        assert (changed.hour, changed.minute, changed.second) == (0, 0, 0)
        assert before - DAY < changed <= datetime.now(UTC)


# --- what is never a dead credential ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--lock",), "locked"),
        (("chage", "--lastday", "0"), "must be changed"),
        (("--expiredate", "2001-01-01"), "account has expired"),
        (("chage", "--lastday", "2001-01-01", "--maxdays", "1", "--inactive", "1"), "expired"),
    ],
)
def test_an_account_that_may_not_come_in_is_unknown_and_left_alone(
    linux_host: LinuxHost, right: Secret, new: Secret, change: tuple[str, ...], words: str
) -> None:
    account = linux_host.add_account(right)
    connector = make(account)
    linux_host.change(account, *change)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    assert words in answer.detail
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)
    assert not linux_host.has(account, new)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("chage", "--lastday", "0"), "must be changed before it opens anything"),
        (("chage", "--lastday", "2001-01-01", "--maxdays", "1"), "has expired at 2001-01-02"),
        (("chage", "--lastday", "2001-01-01", "--maxdays", "1", "--inactive", "3"), "inactive since 2001-01-05"),
        (("--expiredate", "2001-01-01"), "the account is expired"),
    ],
)
def test_a_state_that_lets_nobody_in_is_told_before_anything_is_printed(
    linux_host: LinuxHost, right: Secret, new: Secret, change: tuple[str, ...], words: str
) -> None:
    account = linux_host.add_account(right)
    linux_host.change(account, *change)
    assert any(words in problem for problem in make(account).preflight(new, right).problems)


def test_ends_that_lie_ahead_are_told(linux_host: LinuxHost, right: Secret, new: Secret) -> None:
    account = linux_host.add_account(right)
    linux_host.change(account, "chage", "--maxdays", "60", "--expiredate", "2098-02-03")
    found = make(account).preflight(new, right)
    assert found.ready
    assert any("60 days after the change" in note for note in found.notes)
    assert any("ends at 2098-02-03" in note for note in found.notes)


@pytest.fixture
def pam_service() -> Iterator[Callable[[str], str]]:
    """A function that makes a PAM service of its own out of lines; it is removed after the test."""
    name = f"bg-{os.getpid()}-test"
    path = Path("/etc/pam.d") / name

    def service(*lines: str) -> str:
        path.write_text("\n".join([*lines, "account required pam_unix.so", ""]))
        return name

    yield service
    path.unlink(missing_ok=True)


def test_a_lock_out_does_not_make_the_right_password_look_dead(
    linux_host: LinuxHost, right: Secret, new: Secret, pam_service: Callable[..., str], tmp_path: Path
) -> None:
    account = linux_host.add_account(right)
    count = f"pam_faillock.so %s deny=2 dir={tmp_path}"
    service = pam_service(
        f"auth required {count % 'preauth'}", "auth [success=1 default=bad] pam_unix.so",
        f"auth [default=die] {count % 'authfail'}", f"auth sufficient {count % 'authsucc'}",
    )  # fmt: skip
    connector = make(account, service=service)
    assert connector.check(right).result is CheckResult.ACCEPTED
    assert any("counted" in note for note in connector.preflight(new).notes)
    assert connector.check(generate(24)).result is CheckResult.REFUSED
    dead = connector.check(generate(24))
    assert (dead.result, "PAM was not asked" in dead.detail) == (CheckResult.REFUSED, True), "it would have locked"
    assert connector.check(right).result is CheckResult.ACCEPTED
    for _ in range(2):
        pam.ask(service, account, "", generate(24), 10)
    answer = connector.check(right)
    assert (answer.result, answer.blocked) == (CheckResult.UNKNOWN, True)
    with pytest.raises(ConnectorError, match="unchanged"):
        connector.rotate(right, new)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["auth required pam_permit.so"], "without asking"),
        (["auth required pam_unix.so", "auth required pam_deny.so"], "though the password is right"),
        (["auth requisite pam_deny.so", "auth required pam_unix.so"], "does not let the account in"),
    ],
)
def test_a_service_that_decides_by_something_else_proves_nothing(
    linux_host: LinuxHost, right: Secret, pam_service: Callable[..., str], lines: list[str], words: str
) -> None:
    account = linux_host.add_account(right)
    answer = make(account, service=pam_service(*lines)).check(right)
    assert answer.result is CheckResult.UNKNOWN
    assert words in answer.detail


def test_the_second_question_gets_no_answer_and_proves_nothing() -> None:
    """A one-time code, for example."""
    told = pam.PamAnswer("authenticate", 19, "One-time code:", asked=1, more=1, same=True)
    assert module._judged(told).result is CheckResult.UNKNOWN
    answers = pam_login.Answers(b"the password")
    question, echoed = pam_login.Message(1, b"Password: "), pam_login.Message(2, b"Code: ")
    for second in (question, echoed):
        answers.asked = 0
        questions = (ctypes.POINTER(pam_login.Message) * 2)(ctypes.pointer(question), ctypes.pointer(second))
        responses = ctypes.POINTER(pam_login.Response)()
        assert answers.converse(2, questions, [responses], None) == pam_login.PAM_CONV_ERR
    assert answers.more == 2


def test_pam_that_does_not_answer_is_unknown_and_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch, linux_host: LinuxHost, right: Secret, tmp_path: Path
) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text(f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n")
    monkeypatch.setattr(pam, "_LOGIN", stuck)
    answer = make(linux_host.add_account(right), time_limit="2").check(right)
    assert (answer.result, answer.detail) == (CheckResult.UNKNOWN, "PAM gave no answer in time")
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


# --- the change ------------------------------------------------------------------------------------------


def test_su_sees_the_old_one_refused_and_the_new_one_let_in(linux_host: LinuxHost, right: Secret, new: Secret) -> None:
    account = linux_host.add_account(right)
    assert linux_host.lets_in(account, right)
    make(account).rotate(right, new)
    assert not linux_host.lets_in(account, right)
    assert linux_host.lets_in(account, new)


def test_of_two_terminals_with_the_same_old_credential_one_wins(linux_host: LinuxHost, right: Secret) -> None:
    account, offers = linux_host.add_account(right), [generate(24), generate(24)]
    opens = partial(linux_host.has, account)
    assert_one_of_several_wins(partial(make, account), right, offers, opens)


def replace_chpasswd(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Put a shell script before the real chpasswd."""
    fake = folder / "chpasswd"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(pam, "SYSTEM_PATH", f"{folder}:{pam.SYSTEM_PATH}")


@pytest.mark.parametrize(
    ("script", "limit", "rejected"),
    [
        ("echo 'BAD PASSWORD: it is too short' >&2; exit 1", "10", True),
        ("echo 'Password has been already used. Choose another.' >&2; exit 1", "10", True),
        ("echo 'chpasswd: cannot lock /etc/shadow; try again later.' >&2; exit 1", "10", False),
        ("exit 0", "10", False),
        ("cat >/dev/null; sleep 60", "3", False),
    ],
)
def test_a_change_that_was_not_made_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, linux_host: LinuxHost, right: Secret, new: Secret, tmp_path: Path,
    script: str, limit: str, rejected: bool,
) -> None:  # fmt: skip
    account = linux_host.add_account(right)
    replace_chpasswd(monkeypatch, tmp_path, script)
    with pytest.raises(ConnectorError, match="unchanged") as caught:
        make(account, time_limit=limit).rotate(right, new)
    assert caught.value.rejected is rejected
    assert linux_host.has(account, right)


def test_a_change_to_something_else_is_no_success(
    monkeypatch: pytest.MonkeyPatch, linux_host: LinuxHost, right: Secret, new: Secret, tmp_path: Path
) -> None:
    account = linux_host.add_account(right)
    replace_chpasswd(monkeypatch, tmp_path, f"echo '{account}:something else' | /usr/sbin/chpasswd")
    with pytest.raises(ConnectorError, match="could not be confirmed"):
        make(account).rotate(right, new)


def test_preflight_says_what_stands_against_it(linux_host: LinuxHost, right: Secret, new: Secret) -> None:
    account = linux_host.add_account(right)
    connector = make(account)
    linux_host.change(account, "chage", "--mindays", "3", "--maxdays", "90")
    found = connector.preflight(new)
    assert found.ready
    assert any("minimum age of 3 days" in note for note in found.notes)
    assert any("90 days" in note for note in found.notes)
    for unfit in (Secret(b"a\nb"), Secret(b"a\0b"), Secret(b"x" * 512)):
        assert not connector.preflight(unfit).ready
    assert not make(account, service="bg-no-such-service").preflight(new).ready
    linux_host.change(account, "--lock")
    assert any("locked" in problem for problem in connector.preflight(new).problems)


def test_whoever_is_not_root_is_told_so(
    monkeypatch: pytest.MonkeyPatch, linux_host: LinuxHost, right: Secret, new: Secret, tmp_path: Path
) -> None:
    connector = make(linux_host.add_account(right))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert any("root is needed" in problem for problem in connector.preflight(new).problems)
    monkeypatch.setattr(linux_account, "SHADOW", tmp_path)
    with pytest.raises(ConnectorError, match="cannot be read") as caught:
        connector.check(right)
    assert "root" in caught.value.hint
    assert not connector.preflight(new).ready


# --- sessions and logins ---------------------------------------------------------------------------------


def test_sessions_of_other_accounts_stay(linux_host: LinuxHost, right: Secret) -> None:
    theirs, others = linux_host.add_account(right), linux_host.add_account(right)
    ended, stays = linux_host.log_in(theirs, right), linux_host.log_in(others, right)
    assert make(theirs).end_sessions(right) == 1
    assert eventually(lambda: not ended())
    assert stays()
    assert make(theirs).end_sessions(right) == 0


def test_a_session_that_does_not_want_to_end_is_ended(linux_host: LinuxHost, right: Secret) -> None:
    account = linux_host.add_account(right)
    stubborn = subprocess.Popen(
        ["su", account, "-c", "trap '' HUP TERM; echo ready; while :; do sleep 1; done"], stdout=subprocess.PIPE
    )
    assert stubborn.stdout is not None
    assert stubborn.stdout.readline() == b"ready\n"
    assert make(account).end_sessions(right) >= 1
    stubborn.wait(10)
    stubborn.stdout.close()


def test_for_root_only_what_logind_knows_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "loginctl"
    sessions = [{"session": "3", "user": "root"}, {"session": "4", "user": "root"}, {"session": "5", "user": "x"}]
    (tmp_path / "sessions").write_text(json.dumps(sessions))
    fake.write_text(
        f"""#!/bin/sh
case $1 in
  list-sessions) cat {tmp_path}/sessions ;;
  *) echo "$*" >>{tmp_path}/ended ;;
esac
"""
    )
    fake.chmod(0o755)
    monkeypatch.setattr(pam, "SYSTEM_PATH", f"{tmp_path}:{pam.SYSTEM_PATH}")
    monkeypatch.setenv("XDG_SESSION_ID", "4")
    assert linux_sessions.end_logind_sessions("root") == 1
    assert (tmp_path / "ended").read_text() == "terminate-session 3\n"
    fake.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ConnectorError, match="without systemd-logind"):
        linux_sessions.end_logind_sessions("root")


def test_logins_are_read_from_a_text_log_and_the_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WTMP", "BTMP", "JOURNAL"):
        monkeypatch.setattr(linux_logins, name, tmp_path / "none")
    log, since = tmp_path / "auth.log", datetime(2026, 11, 25, 8, tzinfo=UTC)
    log.write_text(
        "2026-11-25T09:00:01.5+01:00 host su[7]: pam_unix(su:session): session opened for user bg(uid=1) by (uid=0)\n"
        "2026-11-25T09:00:02+01:00 host su[7]: pam_unix(su:session): session opened for user bgx(uid=2) by (uid=0)\n"
        "2026-11-25T07:59:59+00:00 host su[7]: pam_unix(su:session): session opened for user bg(uid=1) by (uid=0)\n"
        "2026-11-25T08:00:03+00:00 host sshd[8]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 "
        "tty=ssh ruser= rhost=10.0.0.7  user=bg\n"
    )
    found = make("bg", log=str(log)).logins_since(since)
    assert [(login.at.second, login.accepted, login.source) for login in found] == [
        (1, True, "su"), (3, False, "10.0.0.7"),
    ]  # fmt: skip
    log.write_text("25.11. 08:00 host su[7]: pam_unix(su:session): session opened for user bg(uid=1) by (uid=0)\n")
    unread = make("bg", log=str(log)).logins_since(since)
    assert isinstance(unread, Logins)
    assert (list(unread), "line 1 of" in unread.unread[0]) == ([], True)
    with pytest.raises(ConnectorError, match="cannot be told"):
        make("bg").logins_since(since)

    fake = tmp_path / "journalctl"
    entry = (
        '{"__REALTIME_TIMESTAMP":"1795593605000000","MESSAGE":"pam_unix(login:session): session opened for user bg"}'
    )
    fake.write_text(f"#!/bin/sh\necho 'no json'\necho '{entry}'\n")
    fake.chmod(0o755)
    monkeypatch.setattr(pam, "SYSTEM_PATH", f"{tmp_path}:{pam.SYSTEM_PATH}")
    monkeypatch.setattr(linux_logins, "JOURNAL", fake)
    (login,) = make("bg").logins_since(since)
    assert (login.accepted, login.source, login.at) == (True, "login", datetime.fromtimestamp(1795593605, UTC))


# --- targets, start-up -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "account", "options"),
    [
        ("linux://host/bg", "", {}),
        ("linux:bg", "other", {}),
        ("linux:///", "", {}),
        ("linux:///a/b", "", {}),
        ("linux:///a%3Ab", "", {}),
        ("linux:///-a", "", {}),
        ("linux:///bg?x=1", "", {}),
        ("linux:///bg", "other", {}),
        ("linux:///bg", "", {"service": "../login"}),
        ("linux:///bg", "", {"log": "auth.log"}),
    ],
)
def test_a_target_that_is_none_is_refused(target: str, account: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        LinuxConnector(target, account, options=options)


def test_the_account_may_stand_in_the_policy_too() -> None:
    assert LinuxConnector("linux:///bg", "bg").account == LinuxConnector("linux:///bg").account == "bg"


def test_the_program_that_asks_pam_imports_nothing_of_ours() -> None:
    told = subprocess.run([sys.executable, "-I", "-S", str(pam._LOGIN)], input=b"{}", capture_output=True, check=False)
    assert b"KeyError" in told.stderr
    assert "breakglass_shamir" not in pam._LOGIN.read_text()


def test_the_lock_is_not_followed_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, right: Secret) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(module, "LOCK", tmp_path / "lock")
    with pytest.raises(ConnectorError, match="cannot be had"):
        make("bg-not-there").rotate(right, generate(24))
    assert not (tmp_path / "elsewhere").exists()
