# SPDX-License-Identifier: Apache-2.0
"""The watch on real targets: PostgreSQL, OpenLDAP and a PAM login. Outside an opening is an alarm, inside is not.

The set is sealed by the program, and the logins are made around it, by the targets' own clients.
"""

import contextlib
import json
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fault_matrix import NAME, Matrix, World
from linux_host import LinuxHost
from postgres_server import PostgresServer
from slapd_server import ROOT, ROOT_PASSWORD, SlapdServer
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.custody.credential import generate
from breakglass_shamir.custody.record import AnyBody, LoginSeen, Watched
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.operations.watch import Watch, Watching

PROGRAM = Path(sysconfig.get_path("scripts")) / "breakglass"
SKEW_S = 1
PAUSE_S = 2.3
"""Longer than twice the skew: what was recorded before it accounts for nothing after it."""


@dataclass
class Place:
    """A sealed set on a real target, and a way to log in there around the program."""

    matrix: Matrix
    log_in: Callable[[Secret], object]
    out: Path

    @property
    def home(self) -> Path:
        return self.matrix.folder / "home"

    def watch(self) -> Watching:
        """Look once, as the command does, with clocks that agree."""
        with recording(self.home) as watch:
            return watch.once()

    def bodies(self, kind: type[AnyBody]) -> list[Any]:
        return [body for body in self.matrix.entries() if isinstance(body, kind)]

    def findings(self) -> list[dict[str, Any]]:
        """Deliver what waits and return the alarms."""
        subprocess.run([PROGRAM, "--home", self.home, "alerts", "flush"], capture_output=True, check=False)
        told = [json.loads(line) for line in self.out.read_text().splitlines()] if self.out.exists() else []
        return [event for event in told if event["type_uid"] == 200401]


@contextlib.contextmanager
def recording(home: Path) -> Iterator[Watch]:
    from breakglass_shamir.cli.terminal import Terminal
    from breakglass_shamir.operations.recorder import Recorder

    recorder = Recorder(homes.open_home(home, BESIDE), Terminal(home, as_json=True, color=False))
    recorder.set_name = NAME
    try:
        yield Watch(recorder, skew_s=SKEW_S)
    finally:
        recorder.close()


def sealed(world: World, folder: Path, log_in: Callable[[Secret], object]) -> Place:
    """Seal a set whose alerts go to a file."""
    return Place(Matrix(world, folder), log_in, folder / "alerts.jsonl")


def sink(folder: Path) -> str:
    """Return the rest of a policy: where alerts go."""
    return f'[[alerts.sinks]]\nname = "file"\ntype = "file"\npath = "{folder / "alerts.jsonl"}"'


@pytest.fixture
def on_postgresql(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    server, folder = postgres_server, tmp_path
    role = server.add_role(Secret(b"a7" + generate(24).reveal()))
    world = World(
        "postgresql", "postgresql://{address}/postgres", role, server.address, become=lambda s: server.become(role, s),
        opens=lambda s: server.lets_in(role, s), options=server.options, rotation=sink(folder),
        secret=Secret(b"a7" + generate(22).reveal()),
    )  # fmt: skip

    def log_in(secret: Secret) -> None:
        server.lets_in(role, secret)
        server.wait_until_written(role)

    place = sealed(world, folder, log_in)
    yield place
    place.matrix.close()


@pytest.fixture
def on_ldap(slapd: SlapdServer, throwaway_ca: ThrowAwayCa, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path
    account = slapd.add_account(generate(24))
    admin = folder / "admin"
    admin.write_text(f"#!/bin/sh\nprintf %s {ROOT_PASSWORD}\n")
    admin.chmod(0o700)
    host, port = slapd.uri.removeprefix("ldap://").rstrip("/").split(":")
    options = {"ca": str(throwaway_ca.certificate), "time_limit": "5", "admin_account": ROOT, "admin": str(admin)}
    world = World(
        "ldap", "ldap://{address}", account, (host, int(port)), become=lambda s: replace_password(slapd, account, s),
        opens=lambda s: slapd.admits(account, s), options=options, rotation=sink(folder),
    )  # fmt: skip
    place = sealed(world, folder, lambda s: slapd.admits(account, s))
    yield place
    place.matrix.close()


def replace_password(slapd: SlapdServer, account: str, secret: Secret) -> None:
    slapd.modify(account, "replace: userPassword", f"userPassword: {secret.reveal().decode()}")


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
    within = threading.Timer(1.5, lambda: place.log_in(place.matrix.secret))
    within.start()
    ended = place.matrix.run(
        "recombine", NAME, "--class", "idp-outage", "--ticket", "T1", "--reason", "it is down", "--officer", "Duty",
        "--officer", "Second", "--scan", str(place.matrix.scans(1)), "--exec", "sleep", "3.5",
    )  # fmt: skip
    within.join()
    assert ended.status == 7, ended
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
        assert "not asked:" in again.stdout
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
    assert place.findings() or place.bodies(LoginSeen)[0].matched == "own"
