# SPDX-License-Identifier: Apache-2.0
"""A program whose gates were taken out opens with a real quorum: its log holds, and shows what was passed.

Such a program signs with the terminal's key and the set key, so every signature is right and every step is legal.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from breakglass_shamir.custody.life import passed
from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.drills import Rehearsed
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import LoginSeen
from breakglass_shamir.custody.records.openings import Overridden, Settled
from breakglass_shamir.ledger import clock, home
from breakglass_shamir.ledger.verify import verify
from breakglass_shamir.operations.opening import declaring, opening
from tests.attacks.test_every_gate import CLOSERS, FINE, Office, office
from tests.end_to_end import test_audit_export
from tests.end_to_end.life import PROGRAM

SHOWN = sorted(set(GATES) - {"clock", "alert", "home", "arming", "recording", "void", "superseded"})
"""Gates that a log shows as passed.

The rules of records themselves hold ``void`` and ``superseded``; the other four are of the clock, network and
disk of the terminal, of which no log tells.
"""


def take_out_the_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (declaring, opening):
        monkeypatch.setattr(module, "stop_at", lambda _recorder, _problems, overrides, **_more: overrides)
        monkeypatch.setattr(module, "record_overrides", lambda *_args, **_more: None)


def gates_passed(found: Office, *, full: bool = True) -> list[str]:
    return [one.gate for one in verify(found.ledger, full=full).passed_gates]


@pytest.mark.parametrize("gate", SHOWN)
def test_a_gate_that_a_program_left_out_is_named_with_its_record(
    gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS[gate](found)
        _an_hour_passes(found)
        take_out_the_gates(monkeypatch)
        found.open(found.request)
        named = verify(found.ledger, full=True).passed_gates
        assert [(one.gate, one.seq) for one in named] == [(gate, len(found.kinds()) - 1)]
        assert f"gate {gate} and no override of it is on record" in named[0].in_words()
        assert gates_passed(found, full=False) == [gate]


def _an_hour_passes(found: Office) -> None:
    """Let time pass where it closes no other gate: what is owed is then no race."""
    now = found.turned or clock.now()
    if found.ledger.state.of("prod-db").debts:
        found.turned = replace(now, uptime_ms=now.uptime_ms + 3_600_000)


@pytest.mark.parametrize(
    ("arms", "late_s", "named"), [(False, 60, False), (False, 61, True), (True, 360, False), (True, 361, True)]
)
def test_a_slow_arming_is_held_against_nobody(
    arms: bool, late_s: int, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is armed behind the last look at the declaration, and its authority may take its time."""
    monkeypatch.setattr(Moment, "of", lambda record: record)
    policy = SimpleNamespace(alerts=None, arming=object() if arms else None)
    asked: Any = SimpleNamespace(policy=policy, declared=SimpleNamespace(valid_for_s=900))
    at: Any = SimpleNamespace(at=SimpleNamespace(seconds_until=lambda _record: 900 + late_s))
    nothing: Any = None
    assert bool(passed._stale(asked, at, nothing)) == named


@pytest.mark.parametrize("also", [(), ("ticket",)])
def test_an_override_of_another_gate_covers_nothing(
    also: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS["signatures"](found)
        take_out_the_gates(monkeypatch)
        found.while_scanning = lambda: _override(found, *also)
        found.open(found.request)
        assert gates_passed(found) == ["signatures"]


def _override(found: Office, *gates: str) -> None:
    for gate in gates:
        under_way = found.ledger.state.of("prod-db").active_opening.id
        found.append(Overridden(gate=gate, problem="asked for", reason="none"), under_way)


def test_what_was_settled_before_the_reveal_was_overridden_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS["signatures"](found)

        def settle() -> None:
            debt = found.ledger.state.of("prod-db").debts[0].id
            found.append(Settled(debt=debt, reason="looked at", officers=("Duty", "IT")))

        found.while_scanning = settle
        found.open(found.request, "signatures")
        assert gates_passed(found) == []


def test_a_rotation_that_hands_the_credential_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS["signatures"](found)
        found.open(replace(FINE, purpose="rotation"))
        assert gates_passed(found) == ["mode"]


def test_a_rotation_that_reveals_nothing_needs_none_of_what_an_emergency_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS["signatures"](found)
        nobody = replace(FINE, purpose="rotation", incident_class="x", ticket="none", officers=(), mode="no-reveal")
        found.open(nobody)
        assert gates_passed(found) == []


def test_a_rehearsal_that_nobody_signed_is_named_beside_an_opening_that_an_officer_did(tmp_path: Path) -> None:
    with home.create(tmp_path / "home", "office terminal") as ledger:
        test_audit_export.fill(ledger)
        (rehearsed,) = [one.record.seq for one in ledger.entries() if isinstance(one.record.body, Rehearsed)]
        assert [(one.gate, one.seq) for one in verify(ledger).passed_gates] == [("signatures", rehearsed)]


@pytest.mark.parametrize("seconds", [0, passed.SLACK_S])
def test_a_debt_that_came_while_the_declaration_was_recorded_is_held_against_nobody(
    seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        found.custody()
        now = found.turned = clock.now()
        found.append(LoginSeen(at=now.time, account="a", source="", accepted=True, count=1, matched="", detail=""))
        found.turned = replace(now, uptime_ms=now.uptime_ms + 1000 * seconds)
        take_out_the_gates(monkeypatch)
        found.open(found.request)
        assert gates_passed(found) == []


def test_another_policy_meanwhile_changes_nothing_for_a_declaration_that_was_made_under_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        found.custody()
        stricter = found.source.replace("[declaration]", "[declaration]\nsignatures = 1")

        def adopt() -> None:
            digest = policies.digest(stricter).hex()
            found.append(PolicyAdopted(source=stricter, digest=digest))

        found.while_scanning = adopt
        found.open(found.request)
        assert gates_passed(found) == []


@pytest.fixture
def forged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """A home whose ledger was written by a program without gates, and a command run on it."""
    with office(tmp_path, monkeypatch) as found:
        CLOSERS["signatures"](found)
        with monkeypatch.context() as program:
            take_out_the_gates(program)
            found.open(found.request)

    def run(*arguments: str) -> tuple[int, str]:
        program = [str(PROGRAM), "--home", str(tmp_path / "home"), *arguments]
        done = subprocess.run(program, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout

    return run


def test_the_auditor_sees_it_and_the_exit_code_says_so(forged: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, said = forged("audit", "verify")
    assert status == 5
    assert "expected signatures of 1 officer under the declaration, got 0" in said.replace("\n", " ")
    status, said = forged("--json", "audit", "verify")
    assert (status, '"gate": "signatures"' in said) == (5, True)
    page = tmp_path / "report.html"
    status, said = forged("audit", "report", "--out", str(page))
    assert (status, "passed the gate signatures" in said) == (0, True)
    assert page.read_text().count("passed the gate signatures") == 2
