# SPDX-License-Identifier: Apache-2.0
"""The exec connector: the shipped example holds to the contract, and no program can make it say what is not so."""

import base64
import functools
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from connector_contract import ConnectorContract, Stage, assert_no_secret, error_text
from fault_matrix import Matrix, World

from breakglass_shamir.connectors.port.answers import CheckResult, Logins
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import bill
from breakglass_shamir.connectors.program.connector import ExecConnector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.rotations import OldDead
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

EXAMPLE = Path(__file__).parents[2] / "examples" / "exec" / "hashed_file.py"
RIGHT, OTHER = Secret(b"copper kettle"), Secret(b"silver spoon")


def hash_of(secret: Secret) -> str:
    salt = os.urandom(16)
    return f"{salt.hex()} {hashlib.scrypt(secret.reveal(), salt=salt, n=2**12, r=8, p=1).hex()}\n"


def installed(folder: Path) -> Path:
    """Put the example where nobody else can write."""
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    program = folder / "hashed_file.py"
    shutil.copy(EXAMPLE, program)
    program.chmod(0o755)
    return program


def password() -> Secret:
    return Secret(secrets.token_hex(12).encode())


class TestTheExampleHoldsToTheContract(ConnectorContract):
    @pytest.fixture
    def stage(self, tmp_path: Path) -> Stage:
        right, file = password(), tmp_path / "console.hash"
        file.write_text(hash_of(right))
        options = {"settings": str(file), "abilities": "password_changed_at"}
        connector = ExecConnector(f"exec://{installed(tmp_path / 'bin')}", "console", options=options)
        return Stage(connector, right, password(), password())

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> Connector:
        options = {"settings": str(tmp_path / "not there")}
        return ExecConnector(f"exec://{installed(tmp_path / 'bin')}", "console", options=options)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "bin"
    made.mkdir(mode=0o755)
    yield made


def program(folder: Path, body: str, **options: str) -> ExecConnector:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return ExecConnector(f"exec://{path}", "root", options={"time_limit": "5", **options})


def answering(folder: Path, answer: object, **options: str) -> ExecConnector:
    return program(folder, f"cat > /dev/null; cat <<'EOF'\n{json.dumps(answer)}\nEOF", **options)


def test_the_question_goes_over_standard_input_and_nowhere_else(folder: Path) -> None:
    log = folder / "seen"
    body = f"(cat; echo; tr '\\0' '\\n' < /proc/$$/environ; echo \"$@\") > {log}; echo '{{\"done\": true}}'"
    program(folder, body, settings="/etc/x").rotate(RIGHT, OTHER)
    first, question, rest = log.read_text().split("\n", 2)
    assert first == "exit"
    encoded = base64.b64encode(RIGHT.reveal()).decode(), base64.b64encode(OTHER.reveal()).decode()
    assert json.loads(bytes.fromhex(question)) == {
        "protocol": 2, "action": "rotate", "target": f"exec://{folder}/program", "account": "root",
        "settings": "/etc/x", "credential": encoded[0], "new": encoded[1],
    }  # fmt: skip
    assert not any(text in rest for text in encoded)
    assert_no_secret(rest.encode(), (RIGHT, OTHER))


@pytest.mark.parametrize("word", ["accepted", "refused"])
def test_its_word_is_the_answer(folder: Path, word: str) -> None:
    check = answering(folder, {"result": word, "detail": "it said so"}).check(RIGHT)
    assert (check.result, check.detail) == (CheckResult(word), "it said so")


@pytest.mark.parametrize(
    "answer",
    [{}, [], "refused", {"result": "Refused"}, {"result": True}, {"result": "unknown"}, {"error": "down"},
     {"result": "refused", "blocked": True}, {"result": "accepted", "error": "but"}],
)  # fmt: skip
def test_anything_else_is_unknown(folder: Path, answer: object) -> None:
    assert answering(folder, answer).check(RIGHT).result is CheckResult.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        "exit 0",
        "echo refused",
        'echo \'{"result": "refused"}\'; exit 1',
        'echo \'{"result": "refused"} {}\'',
        "kill -9 $$",
        "exec /no/such/file",
        "sleep 60",
    ],
)
def test_no_answer_is_never_a_dead_credential(folder: Path, body: str) -> None:
    connector = program(folder, body, time_limit="0.5")
    assert connector.check(RIGHT).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError) as failed:
        connector.rotate(RIGHT, OTHER)
    assert not failed.value.rejected


def test_nothing_of_it_runs_on_after_the_time_limit(folder: Path) -> None:
    mark = folder / "mark"
    connector = program(folder, f"(sleep 1; touch {mark}) & sleep 60", time_limit="0.3")
    assert "no end within 0.3 s" in connector.check(RIGHT).detail
    time.sleep(1.2)
    assert not mark.exists()


@pytest.mark.parametrize("answer", [{"done": "yes"}, {"done": 1}, {"done": False}, {}])
def test_a_change_is_done_only_if_it_says_so(folder: Path, answer: dict[str, object]) -> None:
    with pytest.raises(ConnectorError) as failed:
        answering(folder, answer).rotate(RIGHT, OTHER)
    assert not failed.value.rejected


def test_a_rejection_is_told(folder: Path) -> None:
    with pytest.raises(ConnectorError, match="too short") as failed:
        answering(folder, {"rejected": True, "detail": "too short"}).rotate(RIGHT, OTHER)
    assert failed.value.rejected


def test_what_it_complains_about_holds_no_secret(folder: Path) -> None:
    text = error_text(lambda: program(folder, f"echo 'no {OTHER.reveal().decode()}' >&2; exit 3").rotate(RIGHT, OTHER))
    assert "withheld" in text
    assert_no_secret(text.encode(), (RIGHT, OTHER))
    plain = error_text(lambda: program(folder, "echo 'link down' >&2; exit 3").rotate(RIGHT, OTHER))
    assert "exit status 3: link down" in plain


def test_a_program_that_others_can_replace_is_not_ready(folder: Path) -> None:
    connector = answering(folder, {})
    assert connector.preflight(OTHER).ready
    (folder / "program").chmod(0o775)
    assert "written by others" in connector.preflight(OTHER).problems[0]
    (folder / "program").chmod(0o755)
    folder.chmod(0o777)
    assert "written by others" in connector.preflight(OTHER).problems[0]
    folder.chmod(0o755 | stat.S_ISVTX)
    (folder / "program").chmod(0o644)
    assert "not an executable file" in connector.preflight(OTHER).problems[0]


@pytest.mark.parametrize("above", ["program", "", ".."])
def test_a_program_that_others_can_replace_gets_no_credential(folder: Path, above: str) -> None:
    connector = answering(folder, {"result": "accepted", "done": True})
    assert connector.check(RIGHT).result is CheckResult.ACCEPTED
    (folder / above).chmod(0o777)
    check = connector.check(RIGHT)
    assert (check.result, "written by others" in check.detail) == (CheckResult.UNKNOWN, True)
    with pytest.raises(ConnectorError, match="was not run"):
        connector.rotate(RIGHT, OTHER)


SHAPES = (RIGHT, Secret(base64.b64encode(RIGHT.reveal())))
SPITEFUL = "line\none \x1b[2J\x00\u202e\ud800\u2028" + "x" * 5000


@pytest.mark.parametrize("detail", [SPITEFUL, RIGHT.reveal().decode(), base64.b64encode(RIGHT.reveal()).decode()])
def test_what_a_target_says_can_always_be_recorded_and_holds_no_secret(folder: Path, detail: str) -> None:
    check = answering(folder, {"result": "refused", "detail": detail}).check(RIGHT)
    assert check.result is CheckResult.REFUSED
    assert check.detail.isprintable()
    assert len(check.detail) < 2000
    assert_no_secret(check.detail.encode(), SHAPES)
    notes = answering(folder, {"notes": [detail], "problems": [detail], "unfit": [detail]}).preflight(OTHER, RIGHT)
    text = "".join([*notes.notes, *notes.problems, *notes.unfit])
    assert text.isprintable()
    assert_no_secret(text.encode(), SHAPES)
    for field in ("error", "detail"):
        failing = answering(folder, {field: detail})
        text = error_text(functools.partial(failing.rotate, RIGHT, OTHER))
        assert_no_secret(text.encode(errors="replace"), SHAPES)


def test_what_goes_wrong_is_said_in_one_printable_line(folder: Path) -> None:
    with pytest.raises(ConnectorError) as failed:
        answering(folder, {"detail": SPITEFUL, "rejected": True}).rotate(RIGHT, OTHER)
    assert str(failed.value).isprintable()
    assert failed.value.rejected


def test_preflight_is_handed_on(folder: Path) -> None:
    answer = {"problems": ["down"], "notes": ["slow"], "unfit": ["short"], "min_age_until": "2030-01-01T00:00:00+00:00"}
    found = answering(folder, answer).preflight(OTHER, RIGHT)
    assert (found.problems, found.unfit, found.notes[1]) == (("down",), ("short",), "slow")
    assert found.min_age_until == datetime(2030, 1, 1, tzinfo=UTC)


def test_what_it_can_do_is_said_by_an_option(folder: Path) -> None:
    able = {"abilities": "end_sessions open_sessions logins_since issue", "grace_window": "90"}
    connector = answering(folder, {"count": 2, "new": base64.b64encode(b"fresh").decode()}, **able)
    assert connector.abilities == {"end_sessions", "open_sessions", "logins_since", "issue"}
    assert connector.grace_window_s == 90
    assert ExecConnector.abilities == frozenset()
    assert connector.end_sessions(RIGHT) == 2
    assert connector.open_sessions(RIGHT) == 2
    assert connector.issue(RIGHT) == Secret(b"fresh")
    with pytest.raises(ConnectorError, match="not supported"):
        connector.password_changed_at(RIGHT)


@pytest.mark.parametrize("count", [-1, 10**6 + 1, 2**63, 10**30, "2", 1.5, None])
def test_what_is_no_count_of_sessions_is_refused(folder: Path, count: object) -> None:
    """A number that no record can hold would end a rotation after the change, each time anew."""
    connector = answering(folder, {"count": count}, abilities="end_sessions open_sessions")
    for ask in (connector.end_sessions, connector.open_sessions):
        with pytest.raises(ConnectorError, match="no count of sessions"):
            ask(RIGHT)


def test_logins_come_oldest_first_with_their_zone(folder: Path) -> None:
    logins = [
        {"at": "2026-01-02T00:00:00+01:00", "accepted": True, "source": "console"},
        {"at": "2026-01-01T00:00:00Z", "account": "other", "accepted": False},
    ]
    found = answering(folder, {"logins": logins}, abilities="logins_since").logins_since(
        datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert [(login.account, login.accepted, login.source) for login in found] == [
        ("other", False, ""), ("root", True, "console"),
    ]  # fmt: skip
    wrong = answering(folder, {"logins": [{"at": "2026-01-02T00:00:00"}]}, abilities="logins_since")
    found = wrong.logins_since(datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(found, Logins)
    assert (list(found), len(found.unread)) == ([], 1)


@pytest.mark.parametrize("target", ["exec:program", "exec://host/program", "exec:///program?x", "exec:///%00"])
def test_only_an_absolute_path_is_a_program(target: str) -> None:
    with pytest.raises(InvalidInput):
        ExecConnector(target)


@pytest.mark.parametrize("options", [{"abilities": "fly"}, {"grace_window": "an hour"}, {"grace_window": "-1"}])
def test_an_option_that_makes_no_sense_is_found_at_once(options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        connector_for("exec:///bin/true", options=options)


LOCKING = """#!/usr/bin/env python3
import base64, hashlib, json, os, sys, time
_, line = sys.stdin.read().splitlines()
q = json.loads(bytes.fromhex(line))
path = q["settings"]
kept = json.load(open(path))
def of(name): return hashlib.sha256(base64.b64decode(q[name])).hexdigest()
def logged_in():
    if kept["wrong"] >= kept["most"]:
        kept["locked"] = True
        return {"result": "unknown", "blocked": True, "detail": "locked"}
    good = of("credential") == kept["hash"]
    kept["logins"] += 1
    kept["wrong"] = 0 if good else kept["wrong"] + 1
    return {"result": "accepted" if good else "refused", "detail": "by the hash"}
action, answer = q["action"], {}
if action == "preflight":
    left = max(0, kept["most"] - 1 - kept["wrong"])
    answer = {"allowance": {"wrong": left, "right": kept["right"], "why": "the lock"}}
    if "credential" in q: answer["login"] = logged_in()
elif action == "check": answer = logged_in()
elif action == "password_changed_at": answer = {"changed_at": kept["changed"]}
elif action == "rotate":
    answer = {"done": logged_in()["result"] == "accepted"}
    if answer["done"]:
        kept["hash"], kept["changed"] = of("new"), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
json.dump(kept, open(path, "w"))
json.dump(answer, sys.stdout)
"""


@pytest.fixture
def locking(tmp_path: Path) -> tuple[World, Path]:
    """A target behind a program that locks the account at some wrong login in a row, and says so."""
    program, state = tmp_path / "locking.py", tmp_path / "state.json"
    program.write_text(LOCKING)
    program.chmod(0o755)

    def become(secret: Secret) -> None:
        kept = {"hash": hashlib.sha256(secret.reveal()).hexdigest(), "changed": None, "wrong": 0, "logins": 0}
        state.write_text(json.dumps({"most": 5, "right": None, **kept}))

    def opens(secret: Secret) -> bool:
        return bool(json.loads(state.read_text())["hash"] == hashlib.sha256(secret.reveal()).hexdigest())

    options = {"settings": str(state), "abilities": "password_changed_at", "costs": "check=1 preflight=1 rotate=1"}
    return World("exec", f"exec://{program}", "console", None, become, opens, options=options), state


def changed(state: Path, **values: object) -> None:
    state.write_text(json.dumps({**json.loads(state.read_text()), **values}))


@pytest.mark.parametrize(("most", "shown"), [(5, "old: refused"), (1, "old: dead, not asked")])
def test_a_program_says_what_its_target_takes_and_the_rotation_keeps_to_it(
    locking: tuple[World, Path], tmp_path: Path, most: int, shown: str
) -> None:
    world, state = locking
    (tmp_path / "set").mkdir()
    lab = Matrix(world, tmp_path / "set")
    try:
        lab.begin()
        changed(state, most=most, logins=0)
        ended = lab.rotate()
        assert ended.status == 0, ended.said
        (dead,) = (body for body in lab.entries() if isinstance(body, OldDead))
        assert any(proof.startswith(shown) for proof in dead.proofs)
        kept = json.loads(state.read_text())
        cost = bill(connector_for(world.uri, world.account, world.options).costs)
        assert "locked" not in kept
        assert kept["logins"] == cost.right + (cost.wrong if most > 1 else 0)
        assert cost.in_words in ended.said
    finally:
        lab.close()


def test_a_program_whose_target_takes_too_few_logins_stops_the_rotation_before_printing(
    locking: tuple[World, Path], tmp_path: Path
) -> None:
    world, state = locking
    (tmp_path / "set").mkdir()
    lab = Matrix(world, tmp_path / "set")
    try:
        lab.begin()
        needed = bill(connector_for(world.uri, world.account, world.options).costs).all - 1
        changed(state, right=needed - 1)
        ended = lab.rotate()
        assert ended.status == 6
        assert f"takes {needed - 1} more logins (the lock), and the rest of this rotation makes {needed}" in ended.said
        assert len([body for body in lab.entries() if isinstance(body, Issued)]) == 1
        changed(state, right=needed)
        assert lab.rotate().status == 0
    finally:
        lab.close()


@pytest.mark.parametrize(
    "allowance",
    [[], {"wrong": -1}, {"wrong": "3"}, {"right": True}, {"right": 2.5}, {"pause": "x"}, {"pause": 10**9}, {"left": 3}],
)
def test_an_allowance_that_makes_no_sense_is_no_allowance(tmp_path: Path, allowance: object) -> None:
    program = tmp_path / "told.py"
    said = json.dumps(json.dumps({"allowance": allowance}))
    program.write_text(f"#!/usr/bin/env python3\nimport sys\nsys.stdin.read()\nprint({said})\n")
    program.chmod(0o755)
    with pytest.raises(ConnectorError, match="allowance"):
        ExecConnector(f"exec://{program}", "console").preflight(None, RIGHT)


@pytest.mark.parametrize("costs", ["check", "check=x", "check=-1", "login=1", "check=²", "check=99999999"])
def test_costs_that_are_none_are_refused(costs: str) -> None:
    with pytest.raises(InvalidInput, match="option costs"):
        ExecConnector("exec:///bin/true", "console", options={"costs": costs})
