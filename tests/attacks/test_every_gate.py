# SPDX-License-Identifier: Apache-2.0
"""Every gate: an emergency is stopped by name, passes by that name, and owes it; a drill and a rotation never pass.

One ledger, one epoch, its codes as text. What is opened here goes through the one door there is, ``open_set``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.gates import GATES, Problem, Request
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import REVIEW_DEADLINE_S
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.when import DAYS
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.openings import Declared, Overridden, Refused, TicketAnswered, UseEnded
from breakglass_shamir.custody.records.retirement import RetiredAttested
from breakglass_shamir.custody.records.sheets import SheetVoided
from breakglass_shamir.errors import BreakglassError, GateClosed, InvalidInput
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import clock, home
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.verify import verify
from breakglass_shamir.operations.arming import keeping
from breakglass_shamir.operations.measuring import asking, looking
from breakglass_shamir.operations.opening import opening
from breakglass_shamir.operations.opening.declaring import Overrides
from breakglass_shamir.operations.opening.measured import Measured
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from tests.attacks.test_ledger_quorum_signature import id_of, issued

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJtQ0GhdyqUDkzd5Zk5k1GyUuuCsqKhlE2YnOQ9DdxXe duty"
APPROVER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f manager"

SOURCE = f"""
name = "prod-db"
target = {{uri = "ssh-key:///srv/key"}}
quorum = {{groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]}}
officers = [{{name = "Duty", keys = ["{KEY}"]}}]
reveal = {{modes = ["exec"]}}
[declaration]
classes = ["idp-outage"]
ticket = "INC-[0-9]+"
"""

FINE = Request("emergency", "idp-outage", "INC-1", "it is down", ("Duty", "IT"), "exec", 3600)
WHY = "the duty manager agreed by telephone"


class Quiet:
    """People who say nothing and are told everything."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_more: None


@dataclass
class Office:
    """A terminal with one set in custody, and a clock that can be turned."""

    ledger: Ledger
    source: str = SOURCE
    request: Request = FINE
    typed: tuple[str, ...] = ()
    while_scanning: Callable[[], None] = lambda: None
    turned: Moment | None = None
    measured: Measured = field(default_factory=Measured)
    made: list[Sealed] = field(default_factory=list)

    def custody(self, *, checkpoint: Checkpoint | None = None) -> None:
        """Issue the first epoch under the policy."""
        digest = policies.digest(self.source)
        self.append(PolicyAdopted(source=self.source, digest=digest.hex()))
        made = self.deal(1, checkpoint)
        body = issued(made)
        self.append(replace_body(body, policy_digest=digest.hex()))
        self.typed = codes(made)

    def deal(self, number: int, checkpoint: Checkpoint | None = None) -> Sealed:
        salted = policies.salted_digest(bytes(16), self.source)
        printed = checkpoint or Checkpoint(bytes(8), 0, bytes(32))
        facts = Facts(Kind.LIVE, "prod-db", number, Structure(1, (Group(2, 3),)), salted, printed, NO_PREDECESSOR)
        self.made.append(seal(facts, Credential(Secret(b"tinned beans")).to_bytes()))
        return self.made[-1]

    def append(self, body: records.AnyBody, opening_id: str = "") -> str:
        return self.ledger.append(body, set_name="prod-db", opening=opening_id).digest

    def declare(self, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "purpose": "emergency", "incident_class": "idp-outage", "ticket": "INC-7", "reason": "another one",
            "officers": ("Duty", "IT"), "valid_for_s": 1800, "use_for_s": 3600, "debts": (), "supersedes": "",
            "policy_digest": self.ledger.state.of("prod-db").policy_digest, **changes,
        }  # fmt: skip
        self.append(Declared(**fields))

    def open(self, request: Request, *overridden: str) -> None:
        recorder = Recorder(self.ledger, Quiet())  # type: ignore[arg-type]
        recorder.set_name = "prod-db"
        nobody_scans: Any = None
        overrides = Overrides(frozenset(overridden), WHY if overridden else "")
        sources = Sources(typed=self.typed)
        opening.open_set(
            recorder, request, overrides, sources, nobody_scans, "", measure=lambda *_: self.measured, arm=keeping.gate
        ).wipe()

    def kinds(self) -> list[str]:
        return [str(entry.record.body.__struct_config__.tag) for entry in self.ledger.entries()]


def replace_body(body: Issued, **changes: Any) -> Issued:
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    return Issued(**{**fields, **changes})


def codes(made: Sealed) -> tuple[str, ...]:
    return (*(share.to_text() for share in made.shares[:2]), *made.envelope.to_codes())


@contextmanager
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with home.create(tmp_path / "home", "terminal one") as ledger:
        found = Office(ledger)
        real_now, real_gather = clock.now, opening._gather

        def gather(*args: Any) -> Any:
            found.while_scanning()
            return real_gather(*args)

        monkeypatch.setattr(clock, "now", lambda: found.turned or real_now())
        monkeypatch.setattr(opening, "_gather", gather)
        monkeypatch.setattr(Recorder, "alert_taken", lambda *_: "")
        yield found


def test_no_time_that_a_policy_waits_for_alerts_keeps_an_emergency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def nobody(_recorder: Recorder, _seq: int, within_s: float) -> str:
        waited.append(within_s)
        return ""

    with office(tmp_path, monkeypatch) as found:
        monkeypatch.setattr(Recorder, "alert_taken", nobody)
        _close_alert(found, more='budget = "9999d"')
        found.open(FINE, "alert")
    assert waited == [opening.PASSED_WAIT_S]


# --- what closes each gate --------------------------------------------------------------------------------


def _asks(**changes: Any) -> Callable[[Office], None]:
    def close(found: Office) -> None:
        found.custody()
        found.request = replace(FINE, **changes)

    return close


def _close_debt(found: Office) -> None:
    found.custody()
    found.open(FINE)
    used = UseEnded(outcome="done", classification="emergency")
    found.append(used, found.ledger.state.of("prod-db").active_opening.id)


def _close_under_way(found: Office) -> None:
    found.custody()
    found.declare()


def _close_signatures(found: Office) -> None:
    found.source = SOURCE.replace("[declaration]", "[declaration]\nsignatures = 1")
    found.custody()


def _close_alert(found: Office, more: str = "") -> None:
    deaf = f'[alerts]\n{more}\nrequire_ack = true\nsinks = [{{name = "deaf", type = "exec", argv = ["/bin/false"]}}]\n'
    found.source = SOURCE + deaf
    found.custody()


def _close_arming(found: Office) -> None:
    """Keep the account closed, with a program that is not there."""
    closed = '[arming]\nauthority = "program"\nsecond_set = "other-db"\nprogram = "/nowhere/arm"\n'
    found.source = SOURCE.replace('key"}', 'key", account = "root"}') + closed
    found.custody()


def _close_declaration(found: Office) -> None:
    found.custody()

    def lunch() -> None:
        now = clock.now()
        found.turned = replace(now, uptime_ms=now.uptime_ms + 3_600_000)

    found.while_scanning = lunch


def _close_clock(found: Office) -> None:
    found.custody()
    found.turned = replace(clock.now(), time="2020-01-01T00:00:00Z")


def _close_witness(found: Office) -> None:
    found.custody(checkpoint=Checkpoint(found.ledger.log_id, 1, b"another history".ljust(32)))


def _close_epoch(found: Office) -> None:
    found.custody()
    found.typed = codes(found.deal(2))


def _close_void(found: Office) -> None:
    found.custody()
    found.append(SheetVoided(epoch_id=id_of(found.made[0]), sheet="1.1", reason="seen by a visitor"))


def _close_retired(found: Office) -> None:
    found.source = SOURCE.replace("officers = [", 'officers = [{name = "IT"}, ')
    found.custody()
    found.append(RetiredAttested(reason="the account moved", credential="unknown", attested_by=("Duty", "IT")))


def _close_home(found: Office) -> None:
    found.custody()
    found.ledger.path.parent.chmod(0o777)


def _rule(lines: str, found: Office) -> None:
    listed = 'officers = [{name = "Duty"}, {name = "IT"}, {name = "Ana"}]'
    source = SOURCE.replace(f'officers = [{{name = "Duty", keys = ["{KEY}"]}}]', listed)
    found.source = f'{source}[[declaration.rules]]\nname = "office"\n{lines}\n'
    found.custody()


def _close_hours(found: Office) -> None:
    today = datetime.fromisoformat(clock.now().time).weekday()
    _rule(f'hours = ["{DAYS[(today + 3) % 7]} 00:00-24:00"]', found)


def _close_declarer(found: Office) -> None:
    _rule('declarers = ["IT", "Ana"]', found)


def _close_often(found: Office) -> None:
    _rule('most = 1\nper = "1d"', found)
    found.open(FINE)
    used = UseEnded(outcome="done", classification="emergency")
    found.append(used, found.ledger.state.of("prod-db").active_opening.id)
    found.request = replace(FINE, debts=tuple(debt.id for debt in found.ledger.state.of("prod-db").debts))


def _close_outage(found: Office) -> None:
    found.source = SOURCE + '[[outage.probes]]\nname = "directory"\nuri = "ldap://dir.example"\n'
    found.custody()
    found.measured = Measured({"directory": "well"})


def _close_ticket_open(found: Office, more: str = "") -> None:
    found.source = SOURCE + f'[ticket]\nsystem = "jira"\nurl = "https://jira.example"\n{more}'
    found.custody()
    found.measured = Measured(ticket="unknown: no answer within 3 s")


CLOSERS: dict[str, Callable[[Office], None]] = {
    "class": _asks(incident_class="coffee-outage"),
    "ticket": _asks(ticket="soon"),
    "reason": _asks(reason="asdf"),
    "officers": _asks(officers=("Duty",)),
    "duration": _asks(use_for_s=3601),
    "mode": _asks(mode="show"),
    "debt": _close_debt,
    "under-way": _close_under_way,
    "signatures": _close_signatures,
    "alert": _close_alert,
    "arming": _close_arming,
    "declaration": _close_declaration,
    "clock": _close_clock,
    "witness": _close_witness,
    "epoch": _close_epoch,
    "void": _close_void,
    "retired": _close_retired,
    "home": _close_home,
    "hours": _close_hours,
    "declarer": _close_declarer,
    "often": _close_often,
    "outage": _close_outage,
    "ticket-open": _close_ticket_open,
}
"""Each gate and what closes it, and it alone."""

ELSEWHERE = {"superseded", "recording"}
"""Takes several terminals to be closed: ``test_other_terminals``; keeps no emergency: ``test_recorded_use``."""

NOT_FOR_A_DRILL = {"often", "outage", "ticket-open"}
"""What only an emergency is held against: a drill is made while all is well, and by a plan."""

NOT_FOR_A_ROTATION = NOT_FOR_A_DRILL | {
    "class", "ticket", "officers", "duration", "mode", "signatures", "hours", "declarer",
}  # fmt: skip
"""What the policy asks of people who are shown the credential; a rotation shows nobody anything."""


def stopped_by(error: BreakglassError, gate: str) -> bool:
    """Tell whether a gate stopped it; a sheet that is void is left out, so that there is no quorum."""
    return error.id == "insufficient-shares" if gate == "void" else isinstance(error, GateClosed) and error.gate == gate


def test_every_gate_there_is_is_tried_here() -> None:
    assert set(CLOSERS) | ELSEWHERE == set(GATES)


@pytest.mark.parametrize("gate", CLOSERS)
def test_an_emergency_is_stopped_by_name_and_passes_by_that_name_with_record_and_debt(
    gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS[gate](found)
        before = len(found.kinds())
        with pytest.raises(BreakglassError) as closed:
            found.open(found.request)
        assert stopped_by(closed.value, gate)
        assert f"--override {gate} " in closed.value.hint
        assert "opened" not in found.kinds()[before:]
        refused = [e.record.body for e in found.ledger.entries(before) if isinstance(e.record.body, Refused)]
        assert {one.stage for one in refused} & {gate, "open"}

        others = sorted(set(GATES) - {gate})
        with pytest.raises(BreakglassError) as closed:
            found.open(found.request, *others)
        assert stopped_by(closed.value, gate)
        assert "opened" not in found.kinds()[before:]

        found.open(found.request, gate)
        overridden = [e.record.body for e in found.ledger.entries() if isinstance(e.record.body, Overridden)]
        assert [(one.gate, one.reason) for one in overridden] == [(gate, WHY)]
        assert found.kinds()[-1] == "opened"
        debts = {debt.kind: debt for debt in found.ledger.state.of("prod-db").debts}
        assert debts[gate].deadline_s == REVIEW_DEADLINE_S
        assert "rotation" in debts
        assert verify(found.ledger).passed_gates == ()


@pytest.mark.parametrize("purpose", ["drill", "rotation"])
@pytest.mark.parametrize("gate", CLOSERS)
def test_a_drill_and_a_rotation_pass_no_closed_gate(
    gate: str, purpose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gate in (NOT_FOR_A_ROTATION if purpose == "rotation" else NOT_FOR_A_DRILL):
        return
    with office(tmp_path, monkeypatch) as found:
        CLOSERS[gate](found)
        before = len(found.kinds())
        request = replace(found.request, purpose=purpose)
        with pytest.raises(BreakglassError) as closed:
            found.open(request)
        assert stopped_by(closed.value, gate)
        with pytest.raises(InvalidInput, match="only an emergency may override a check"):
            found.open(request, gate)
        with pytest.raises(BreakglassError):
            found.open(request)
        assert not {"opened", "overridden"} & set(found.kinds()[before:])


@pytest.mark.parametrize("gate", sorted(NOT_FOR_A_DRILL))
def test_a_drill_is_held_against_nothing_that_is_measured(
    gate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        CLOSERS[gate](found)
        found.open(replace(found.request, purpose="drill"))
        assert found.kinds()[-1] == "opened"
        assert verify(found.ledger).passed_gates == ()


def test_what_was_measured_is_on_record_and_a_next_try_does_not_ask_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(tmp_path, monkeypatch) as found:
        _close_outage(found)
        typed, found.typed = found.typed, found.typed[1:]
        found.measured = Measured({"directory": "silent: \x1b[2J\u202e BGS1:" + "A" * 96})
        with pytest.raises(BreakglassError):
            found.open(FINE)
        (declared,) = [e.record.body for e in found.ledger.entries() if isinstance(e.record.body, Declared)]
        assert declared.probes["directory"].startswith("silent: ")
        assert "withheld" in declared.probes["directory"]
        assert not {"\x1b", "\u202e"} & set(declared.probes["directory"])
        found.typed, found.measured = typed, Measured({"directory": "well"})
        found.open(FINE)
        assert found.kinds().count("declared") == 1


def test_who_asks_says_nothing_of_what_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = replace(FINE, probes={"directory": "silent: believe me"}, ticket_answer="open")
    with office(tmp_path, monkeypatch) as found:
        found.custody()
        found.open(said)
        (declared,) = [e.record.body for e in found.ledger.entries() if isinstance(e.record.body, Declared)]
        assert (declared.probes, declared.ticket_answer) == ({}, "")
    with office(tmp_path / "measured", monkeypatch) as found:
        _close_outage(found)
        with pytest.raises(GateClosed, match="every probe of idp-outage is well"):
            found.open(said)


@pytest.mark.parametrize("settles", [True, False])
def test_a_later_answer_settles_a_ticket_that_could_not_be_asked_about_where_the_policy_lets_it(
    settles: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = ["unknown: no answer", "closed: its state is Done", "closed: its state is Done", "open"]
    monkeypatch.setattr(asking, "look_at_ticket", lambda *_: says.pop(0))
    with office(tmp_path, monkeypatch) as found:
        _close_ticket_open(found, "settles = true\n" if settles else "")
        found.open(FINE, "ticket-open")
        recorder = Recorder(found.ledger, Quiet())  # type: ignore[arg-type]
        recorder.set_name = "prod-db"
        for _ in range(4):
            looking.look(recorder)
        answered = [e.record for e in found.ledger.entries() if isinstance(e.record.body, TicketAnswered)]
        assert [one.body.answer for one in answered if isinstance(one.body, TicketAnswered)] == [
            "closed: its state is Done",
            "open",
        ]
        owed = [debt.kind for debt in found.ledger.state.of("prod-db").debts]
        assert ("ticket-open" in owed) is not settles
        verify(found.ledger)


def test_no_account_is_armed_for_people_whom_another_gate_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed: list[str] = []

    def arms(recorder: Recorder) -> list[Problem]:
        armed.append(recorder.set_name)
        return []

    monkeypatch.setattr(keeping, "gate", arms)
    with office(tmp_path, monkeypatch) as found:
        _close_witness(found)
        with pytest.raises(GateClosed):
            found.open(FINE)
        assert not armed
        found.open(FINE, "witness")
        assert armed == ["prod-db"]


def test_an_account_whose_connector_is_not_on_this_terminal_closes_a_gate_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise InvalidInput("no connector takes the target")

    monkeypatch.setattr(keeping, "connector_for", none)
    with office(tmp_path, monkeypatch) as found:
        closed = (
            '[arming]\nauthority = "key"\nsecond_set = "other-db"\noperator = "o"\noperator_secret = "/nowhere/ask"\n'
            f'approvers = ["{APPROVER}"]\n'
        )
        found.source = SOURCE.replace('key"}', 'key", account = "root"}') + closed
        found.custody()
        with pytest.raises(GateClosed, match="no connector takes the target"):
            found.open(FINE)
        found.open(FINE, "arming")
        assert "opened" in found.kinds()


def test_the_quorum_is_no_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with office(tmp_path, monkeypatch) as found:
        found.custody()
        found.typed = found.typed[1:]
        with pytest.raises(BreakglassError) as short:
            found.open(FINE, *GATES)
        assert short.value.id == "insufficient-shares"
        assert "opened" not in found.kinds()
