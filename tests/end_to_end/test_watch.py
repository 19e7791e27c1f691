# SPDX-License-Identifier: Apache-2.0
"""The command ``watch`` where it cannot watch, and where PAM calls it; real targets are in ``tests/servers``."""

import json
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.monitoring import LoginSeen
from tests.end_to_end.life import NAME, Done, Life

ACCOUNT = "emergency"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sealed set whose policy names an account."""
    life = Life(tmp_path_factory.mktemp("named") / "life")
    life.begin()
    life.policy.write_text(life.policy.read_text().replace("[target]", f'[target]\naccount = "{ACCOUNT}"'))
    life.seal()
    life.keep()
    return life


def from_pam(life: Life, *more: str, **environment: str) -> Done:
    life.more = environment
    try:
        return life.run("--json", "watch", NAME, "--from-pam", *more)
    finally:
        life.more = {}


def logins(life: Life) -> list[LoginSeen]:
    return [entry.record.body for entry in life.entries() if isinstance(entry.record.body, LoginSeen)]


def test_a_target_that_remembers_no_logins_is_said(life: Life) -> None:
    for options in ((), ("--once",)):
        done = life.run("watch", NAME, *options)
        assert done.exit == 3
        assert "cannot tell who logged in" in done.err


def test_an_unknown_set_and_a_missing_home(life: Life, tmp_path: Path) -> None:
    assert life.run("watch", "no-such-set", "--once").exit == 3
    empty = Life(tmp_path)
    assert empty.run("watch", NAME, "--once").exit == 3
    assert not empty.home.exists()


def test_a_call_that_is_not_by_pam_is_refused(named: Life) -> None:
    named.restore()
    done = from_pam(named)
    assert done.exit == 2
    assert "expected to be called by pam_exec" in done.out


def test_a_policy_without_an_account_watches_nobody(life: Life) -> None:
    done = from_pam(life, PAM_USER="root", PAM_TYPE="open_session")
    assert done.exit == 3
    assert "names no account" in done.out
    assert logins(life) == []


def test_a_login_that_pam_tells_of_is_recorded_and_owed(named: Life) -> None:
    named.restore()
    done = from_pam(
        named, "--skew", "1s", PAM_USER=ACCOUNT, PAM_TYPE="open_session", PAM_RHOST="192.0.2.7", PAM_SERVICE="sshd"
    )
    (seen,) = logins(named)
    assert (seen.account, seen.source, seen.detail) == (ACCOUNT, "192.0.2.7", "PAM service sshd")
    assert (done.exit, bool(seen.matched)) in [(7, False), (0, True)]
    assert ("login" in [debt["kind"] for debt in named.status()["debts"]]) == (not seen.matched)


@pytest.mark.parametrize(
    "environment",
    [
        {"PAM_USER": "somebody-else", "PAM_TYPE": "open_session"},
        {"PAM_USER": ACCOUNT, "PAM_TYPE": "close_session"},
        {"PAM_USER": ACCOUNT, "PAM_TYPE": "auth"},
    ],
)
def test_nobody_else_and_nothing_else_is_recorded(named: Life, environment: dict[str, str]) -> None:
    named.restore()
    done = from_pam(named, **environment)
    assert (done.exit, json.loads(done.out)["logins"]) == (0, 0)
    assert logins(named) == []


def test_hostile_words_from_outside_never_break_the_ledger(named: Life) -> None:
    """A remote host's name is whatever the remote says; a record holds no control characters."""
    named.restore()
    done = from_pam(named, PAM_USER=ACCOUNT, PAM_TYPE="open_session", PAM_RHOST="evil\u202e\x1b[2Jhost")
    assert done.exit in (0, 7), done.out
    (seen,) = logins(named)
    assert seen.source == "evil??[2Jhost"
