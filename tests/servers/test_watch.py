# SPDX-License-Identifier: Apache-2.0
"""The watch on real targets: PostgreSQL, OpenLDAP and a PAM login. Outside an opening is an alarm, inside is not.

The set is sealed by the program, and the logins are made around it, by the targets' own clients.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import watch_places
from fault_matrix import NAME
from linux_host import LinuxHost
from postgres_server import PostgresServer
from slapd_server import SlapdServer
from throwaway_ca import ThrowAwayCa
from watch_places import PAUSE_S, PROGRAM, Place, replace_password

from breakglass_shamir.custody.policy.generator import generate
from breakglass_shamir.custody.records.monitoring import LoginSeen, Watched
from breakglass_shamir.custody.records.openings import Actions
from breakglass_shamir.hygiene import Secret
from tests.end_to_end.life import wait_until


@pytest.fixture
def on_postgresql(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    place = watch_places.on_postgresql(postgres_server, tmp_path)
    yield place
    place.matrix.close()


@pytest.fixture
def on_ldap(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> Iterator[Place]:
    place = watch_places.on_ldap(slapd, throwaway_ca.certificate, tmp_path)
    yield place
    place.matrix.close()


@pytest.fixture(params=["on_postgresql", "on_ldap"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def test_a_login_outside_an_opening_is_an_alarm_and_a_debt_once(place: Place) -> None:
    assert place.watch().unmatched == ()
    time.sleep(PAUSE_S)
    place.log_in(Secret(b"a7-wrong-one"))
    assert place.watch().unmatched == ()
    assert [body.count for body in place.bodies(LoginSeen) if not body.accepted] == [1]
    assert place.matrix.state().debts == ()
    place.log_in(place.matrix.secret)
    found = place.watch()
    assert len(found.unmatched) == 1, found
    assert "no opening accounts for it" in found.unmatched[0]
    assert [debt.kind for debt in place.matrix.state().debts] == ["login"]
    (alarm,) = place.findings()
    assert alarm["message"].startswith(f"{NAME}: UNMATCHED LOGIN")
    assert (alarm["is_alert"], alarm["severity_id"]) == (True, 5)
    assert place.watch().unmatched == ()
    assert len(place.matrix.state().debts) == 1


def test_a_login_inside_an_opening_is_none(place: Place) -> None:
    place.watch()
    time.sleep(PAUSE_S)
    begun, over = place.matrix.folder / "begun", place.matrix.folder / "over"

    def work() -> None:
        try:
            wait_until(begun.exists, "the command that has the credential")
            place.log_in(place.matrix.secret)
        finally:
            over.touch()

    within = threading.Thread(target=work)
    within.start()
    lasts = f"touch {begun}; until [ -e {over} ]; do sleep 0.1; done; sleep 1"
    ended = place.matrix.run(
        "recombine", NAME, "--class", "idp-outage", "--ticket", "T1", "--reason", "it is down", "--officer", "Duty",
        "--officer", "Second", "--scan", str(place.matrix.scans(1)), "--exec", "sh", "-c", lasts,
    )  # fmt: skip
    within.join()
    assert ended.status == 7, ended
    (trail,) = place.bodies(Actions)
    assert (trail.left_out, trail.problem) == (0, "")
    assert any(" accepted " in one for one in trail.sessions), trail
    found = place.watch()
    assert found.unmatched == ()
    assert place.matrix.state().debts[0].kind == "rotation"
    assert any(body.accepted and len(body.matched) == 64 for body in place.bodies(LoginSeen))


def test_a_target_that_cannot_be_asked_is_said_and_so_is_that_it_answers_again(
    on_ldap: Place, slapd: SlapdServer
) -> None:
    slapd.stop()
    try:
        blind = on_ldap.watch()
        assert blind.problem
        assert on_ldap.matrix.state().watch.problem
        again = subprocess.run(
            [PROGRAM, "--home", on_ldap.home, "watch", NAME, "--once"], capture_output=True, text=True, check=False
        )
        assert again.returncode == 6
        assert "not seen:" in again.stdout
    finally:
        slapd.start()
    assert on_ldap.watch().problem == ""
    assert [bool(body.problem) for body in on_ldap.bodies(Watched)] == [True, True, False]


def test_a_password_that_changed_without_a_rotation_is_an_alarm(on_ldap: Place, slapd: SlapdServer) -> None:
    on_ldap.watch()
    time.sleep(PAUSE_S)
    replace_password(slapd, on_ldap.matrix.world.account, generate(24))
    found = on_ldap.watch()
    assert [line for line in found.unmatched if "the password changed at" in line], found
    assert "password-change" in [debt.kind for debt in on_ldap.matrix.state().debts]
    assert on_ldap.watch().unmatched == ()


PAM_SERVICE = """
auth sufficient pam_permit.so
account sufficient pam_permit.so
session optional pam_exec.so quiet {program} --home {home} watch {name} --from-pam
session required pam_permit.so
"""


def test_pam_tells_of_the_login_at_the_login_itself(
    on_postgresql: Place, linux_host: LinuxHost, need: Callable[[str], str]
) -> None:
    """A real PAM session, opened by pamtester; the account is that of the set."""
    need("pamtester")
    place = on_postgresql
    account = place.matrix.world.account
    service = Path("/etc/pam.d") / f"breakglass-{account}"
    time.sleep(PAUSE_S + 2)
    service.write_text(PAM_SERVICE.format(program=PROGRAM, home=place.home, name=NAME))
    try:
        for user in (account, "somebody-else"):
            subprocess.run(
                ["pamtester", service.name, user, "open_session"], capture_output=True, timeout=60, check=True
            )
    finally:
        service.unlink()
    seen = place.bodies(LoginSeen)
    assert [(body.account, body.accepted) for body in seen] == [(account, True)]
    assert place.findings() or place.bodies(LoginSeen)[0].matched == "near"
