# SPDX-License-Identifier: Apache-2.0
"""Openings, rotations and crashes of a set whose account is kept closed, on a real PostgreSQL server.

The program runs whole; paper is text. Whether the account is open is the server's word.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import arming_life
import pytest
import text_paper
from arming_life import OPERATORS, SECOND, USE_S, ClosedMatrix
from arming_places import password
from connector_contract import assert_no_secret
from fault_matrix import NAME
from postgres_server import PostgresServer

from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.monitoring import LoginSeen
from breakglass_shamir.custody.records.openings import Overridden, Refused
from breakglass_shamir.hygiene import Secret


@pytest.fixture(scope="module")
def second(postgres_server: PostgresServer) -> tuple[str, Secret]:
    """The account that is never closed."""
    secret = password()
    return postgres_server.add_role(secret), secret


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program and what it was asked lie."""
    return tmp_path_factory.mktemp("arms")


@pytest.fixture(scope="module")
def made(
    postgres_server: PostgresServer, second: tuple[str, Secret], place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClosedMatrix]:
    program = arming_life.with_program(postgres_server, place)
    arming = f'authority = "program"\nprogram = "{program}"'
    matrix = ClosedMatrix(postgres_server, tmp_path_factory.mktemp("life"), arming, [(SECOND, *second)])
    yield matrix
    matrix.close()


@pytest.fixture
def lab(made: ClosedMatrix, place: Path) -> ClosedMatrix:
    (place / "mode").write_text("")
    (place / "asked").write_text("")
    made.begin()
    made.server.admin(f"ALTER ROLE {made.account} VALID UNTIL '2000-01-01'")
    return made


def kinds(lab: ClosedMatrix) -> list[str]:
    return [str(body.__struct_config__.tag) for body in lab.entries()]


def of(lab: ClosedMatrix, kind: type) -> list[object]:
    return [body for body in lab.entries() if isinstance(body, kind)]


def test_a_new_set_is_closed_once_its_sheets_are_on_record(lab: ClosedMatrix) -> None:
    assert kinds(lab)[-1] == "disarmed"
    said = lab.run("status", NAME)
    assert "closed since" in said.said
    assert "at the target: closed" in lab.run("arming", "show", NAME).said


def test_a_rotation_arms_before_it_opens_and_closes_after_the_proof(lab: ClosedMatrix, place: Path) -> None:
    before = len(kinds(lab))
    ended = lab.rotate()
    assert ended.status == 0, ended.said
    found = kinds(lab)[before:]
    assert found.index("arming") < found.index("opened") < found.index("old-dead") < found.index("disarmed")
    assert found[-1] == "disarmed"
    assert lab.is_closed()
    assert not lab.let_in()
    lab.proven()
    asked = [json.loads(line) for line in (place / "asked").read_text().splitlines()]
    assert {one["action"] for one in asked} == {"arm", "armed_until", "close"}
    assert {one["account"] for one in asked} == {lab.account}
    first = next(one for one in asked if one["action"] == "arm")
    assert first["until"] == next(body.until for body in lab.entries() if isinstance(body, Arming))


def test_an_arming_that_ends_in_the_middle_of_a_rotation_is_renewed(lab: ClosedMatrix) -> None:
    def outlast(_boundary: str) -> None:
        lab.wait_until_closed()

    ended = lab.rotate(outlast, pauses=["before connector.rotate"])
    assert ended.status == 0, ended.said
    assert len(of(lab, Arming)) >= 2
    lab.proven()
    assert lab.is_closed()


@pytest.mark.parametrize(
    "boundary",
    ["inside record arming", "after record opened", "after connector.rotate", "inside record disarmed"],
)
def test_a_killed_terminal_leaves_no_door_open_and_the_second_set_is(
    lab: ClosedMatrix, second: tuple[str, Secret], boundary: str
) -> None:
    ended = lab.rotate(kill=boundary)
    assert ended.status == -signal.SIGKILL, ended.said
    assert lab.server.lets_in(*second)
    lab.wait_until_closed()
    assert lab.is_closed()
    assert lab.server.lets_in(*second)
    if boundary != "inside record disarmed":
        lab.bring_back(ended)
    lab.proven()


@pytest.mark.parametrize("mode", ["refuses", "floods", "lies"])
def test_without_the_second_authority_nothing_is_opened(lab: ClosedMatrix, place: Path, mode: str) -> None:
    (place / "mode").write_text(mode)
    ended = lab.rotate()
    assert ended.status != 0
    assert f"the set {SECOND} is never closed" in ended.said
    assert "opened" not in kinds(lab)
    assert {body.stage for body in of(lab, Refused)} >= {"arm", "arming"}  # type: ignore[attr-defined]
    assert lab.is_closed()


def test_an_override_reveals_but_does_not_pass_the_targets_lock(lab: ClosedMatrix, place: Path) -> None:
    (place / "mode").write_text("refuses")
    received = lab.folder / "received"
    ended = lab.run(
        "recombine", NAME, "--class", "idp-outage", "--ticket", "INC-1", "--officer", "Olga", "--officer", "Oskar",
        "--reason", "the identity provider is down", "--override", "arming", "--override-reason", "the duty is ill",
        "--scan", str(lab.scans(1)), "--as", "emergency", "--exec", "sh", "-c", f"cat >{received}",
    )  # fmt: skip
    assert received.read_bytes() == lab.secret.reveal(), ended.said
    (passed,) = of(lab, Overridden)
    assert passed.gate == "arming"  # type: ignore[attr-defined]
    assert not lab.server.lets_in(lab.account, lab.secret)


def use(lab: ClosedMatrix) -> str:
    """Open the set in an emergency for a login at the server; returns what that said."""
    login = ["psql", "-XqAt", "-w", "-h", str(lab.server.folder), "-p", str(lab.server.port), "-U", lab.account,
             "-d", "postgres", "-c", "SELECT 'let ' || 'in'"]  # fmt: skip
    command = f'PGPASSWORD=$(cat) {" ".join(login[:-1])} "{login[-1]}" >{lab.folder}/said'
    ended = lab.run(
        "recombine", NAME, "--class", "idp-outage", "--ticket", "INC-1", "--officer", "Olga", "--officer", "Oskar",
        "--reason", "the identity provider is down", "--scan", str(lab.scans(1)), "--as", "emergency",
        "--exec", "sh", "-c", command,
    )  # fmt: skip
    said = lab.folder / "said"
    return said.read_text() if said.exists() else ended.said


def test_in_an_emergency_the_account_is_open_for_the_use_and_not_after_it(lab: ClosedMatrix) -> None:
    assert use(lab) == "let in\n"
    found = kinds(lab)
    assert found.index("arming") < found.index("opened") < found.index("in-use")
    assert found[-1] == "disarmed"
    assert lab.is_closed()


def test_a_login_while_closed_and_an_arming_by_others_are_the_loudest_alarm(lab: ClosedMatrix) -> None:
    # The watch allows for clocks that differ: the set's own logins, and its first closing, are to be older than that.
    skew = ("--skew", "1s")
    time.sleep(2.5)
    lab.run("watch", NAME, "--once", *skew)
    with lab.opened():
        assert lab.server.lets_in(lab.account, lab.secret)
        found = lab.run("watch", NAME, "--once", *skew)
    assert found.status == 7, found.said
    assert [body.until for body in of(lab, ArmedOutside)] == [""]  # type: ignore[attr-defined]
    seen = [body for body in lab.entries() if isinstance(body, LoginSeen) and body.accepted and not body.matched]
    assert seen
    assert seen[-1].detail.endswith("while the account was closed")
    lab.run("watch", NAME, "--once", *skew)
    assert len(of(lab, ArmedOutside)) == 1


def test_people_arm_and_close_by_hand(lab: ClosedMatrix) -> None:
    assert lab.run("arming", "arm", NAME, "--for", "1h").status == 2
    armed = lab.run("arming", "arm", NAME, "--for", f"{USE_S}s")
    assert armed.status == 0, armed.said
    assert lab.server.lets_in(lab.account, lab.secret)
    assert "armed until" in lab.run("status", NAME).said
    closed = lab.run("arming", "close", NAME)
    assert closed.status == 0, closed.said
    assert not lab.server.lets_in(lab.account, lab.secret)
    assert len(of(lab, Disarmed)) == 2


@pytest.fixture(scope="module")
def operator(postgres_server: PostgresServer) -> tuple[str, Secret]:
    """An account that may move the end of others."""
    secret = password()
    return postgres_server.add_role(secret, "LOGIN CREATEROLE"), secret


def own(matrix: ClosedMatrix, operator: tuple[str, Secret]) -> None:
    """Let the operator move the end of the matrix's account."""
    matrix.server.admin(f"GRANT {matrix.account} TO {operator[0]} WITH ADMIN OPTION")


def make_approver(folder: Path) -> tuple[Path, str]:
    """Make a key of somebody on a control host."""
    key = folder / "approver"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    return key, key.with_suffix(".pub").read_text().strip()


def sign(key: Path, request: Path, namespace: str) -> None:
    """Sign as people do on another machine."""
    Path(f"{request}.sig").unlink(missing_ok=True)
    command = ["ssh-keygen", "-Y", "sign", "-q", "-f", str(key), "-n", f"{namespace}@breakglass-shamir", str(request)]
    subprocess.run(command, check=True, timeout=30)


def test_an_approvers_key_lets_the_operators_credential_be_used(
    postgres_server: PostgresServer, second: tuple[str, Secret], operator: tuple[str, Secret], tmp_path: Path
) -> None:
    key, line = make_approver(tmp_path)
    program = tmp_path / "operator"
    program.write_text(f"#!/bin/sh\necho '{operator[1].reveal().decode()}'\n")
    program.chmod(0o700)
    arming = f'authority = "key"\noperator = "{operator[0]}"\noperator_secret = "{program}"\napprovers = ["{line}"]'
    lab = ClosedMatrix(postgres_server, tmp_path, arming, [(SECOND, *second)], lambda made: own(made, operator), "1h")
    try:
        assert lab.is_closed()
        refused = lab.rotate()
        assert "no approver has signed" in refused.said
        assert "opened" not in kinds(lab)
        request = lab.folder / "request"
        asked = lab.run("arming", "request", NAME, "--out", str(request))
        assert asked.status == 0, asked.said
        other, _ = make_approver(lab.folder)
        for signer, namespace, well in ((other, "arming", False), (key, "officer", False), (key, "arming", True)):
            sign(signer, request, namespace)
            taken = lab.run("arming", "approve", NAME, f"{request}.sig")
            assert (taken.status == 0) is well, taken.said
        armed = lab.run("arming", "arm", NAME, "--for", f"{USE_S}s")
        assert armed.status == 0, armed.said
        assert lab.server.lets_in(lab.account, lab.secret)
        (record,) = of(lab, Arming)
        assert record.authority.startswith("the key SHA256:")  # type: ignore[attr-defined]
        assert record.until <= request.read_text().rpartition("not after: ")[2]  # type: ignore[attr-defined]
        lab.wait_until_closed()
        # An arming on record that never got to the target, as of a terminal that ended in between, is not believed.
        assert lab.run("arming", "arm", NAME).status == 0
        lab.server.admin(f"ALTER ROLE {lab.account} VALID UNTIL '2000-01-01'")
        assert lab.run("cancel", NAME, "--reason", "nobody had signed").status == 0
        assert use(lab) == "let in\n"
        request.unlink()
        lab.run("arming", "request", NAME, "--for", "1s", "--out", str(request))
        sign(key, request, "arming")
        time.sleep(1.1)
        assert "the approval counted until" in lab.run("arming", "approve", NAME, f"{request}.sig").said
        assert_no_secret(lab.written(), (operator[1],))
    finally:
        lab.close()


def test_another_sets_quorum_arms_while_its_own_use_lasts(
    postgres_server: PostgresServer, second: tuple[str, Secret], operator: tuple[str, Secret], tmp_path: Path
) -> None:
    arming = f'authority = "set"\nset = "{OPERATORS}"\noperator = "{operator[0]}"'
    others = [(SECOND, *second), (OPERATORS, *operator)]
    lab = ClosedMatrix(postgres_server, tmp_path, arming, others, grant=lambda made: own(made, operator))
    try:
        lab.server.admin(f"ALTER ROLE {lab.account} VALID UNTIL '2000-01-01'")
        refused = lab.rotate()
        assert f"is armed by the quorum of {OPERATORS} alone" in refused.said
        given = tmp_path / "given"
        given.write_bytes(operator[1].reveal())
        alone = f"breakglass --home {lab.folder}/home arming arm {NAME} --operator - <{given} >{lab.folder}/said 2>&1"
        assert subprocess.run(["sh", "-c", alone], check=False, timeout=60, env=program_path()).returncode == 3
        assert "expected the operator's credential from a use" in (lab.folder / "said").read_text()
        scans = lab.folder / "their-scans"
        scans.mkdir()
        text_paper.scan_folder(lab.folder / f"{OPERATORS}-sheets", scans)
        inner = f"breakglass --home {lab.folder}/home arming arm {NAME} --operator - >{lab.folder}/said 2>&1"
        lab.run(
            "recombine", OPERATORS, "--class", "idp-outage", "--ticket", "INC-1", "--officer", "Olga",
            "--officer", "Oskar", "--reason", "the identity provider is down", "--scan", str(scans), "--as",
            "emergency", "--exec", "sh", "-c", f"PATH={Path(sys.executable).parent}:$PATH; {inner}",
        )  # fmt: skip
        assert "armed by: the quorum of operators, opening" in (lab.folder / "said").read_text()
        assert lab.server.lets_in(lab.account, lab.secret)
        lab.wait_until_closed()
        assert_no_secret(lab.written(), (operator[1],))
    finally:
        lab.close()


def program_path() -> dict[str, str]:
    """Return an environment in which the installed program is found."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
