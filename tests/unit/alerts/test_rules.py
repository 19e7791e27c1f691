# SPDX-License-Identifier: Apache-2.0
"""The shipped rules, by the tools that load them: each fires on its event and on no other."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sigma.collection import SigmaCollection

from breakglass_shamir.alerts import tellings, translate
from breakglass_shamir.alerts.rules import shipped as rules
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import LedgerState, Opening, SetState
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.custody.records.monitoring import LoginSeen, Watched
from breakglass_shamir.custody.records.openings import Closed, Declared, Opened, Refused, UseEnded, UseRecorded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.reviews import Reviewed
from breakglass_shamir.custody.records.rotations import SessionsEnded
from breakglass_shamir.operations.monitoring import formats, heartbeat
from tests.unit.alerts.samples import entry, sample

OPENING = "ee" * 32
DECLARED = Declared(
    purpose="emergency", incident_class="idp-outage", ticket="INC-1", reason="it is down", officers=("Olga", "Oskar"),
    valid_for_s=1800, use_for_s=3600, debts=(), supersedes="", policy_digest="",
)  # fmt: skip


def _like(kind: type, **fields: Any) -> AnyBody:
    made: AnyBody = msgspec.structs.replace(sample(kind, "words"), **fields)
    return made


BODIES = {
    **{str(kind.__struct_config__.tag): sample(kind, "words") for kind in tellings.TOLD},  # type: ignore[attr-defined]
    "declared, an emergency": DECLARED,
    "declared, a drill": msgspec.structs.replace(DECLARED, purpose="drill"),
    "login-seen, unmatched": _like(LoginSeen, matched=""),
    "login-seen, refused and unmatched": _like(LoginSeen, matched="", accepted=False),
    "watched, sees all": _like(Watched, problem=""),
    "sessions-ended, all of them": _like(SessionsEnded, failed=False),
    "refused, neither works": _like(Refused, stage="neither-works"),
    "proven, refused": _like(Proven, result="refused"),
    "proven, accepted": _like(Proven, result="accepted"),
    "opened, inconsistent": _like(Opened, witnessed="inconsistent"),
    "use-recorded, whole": _like(UseRecorded, ended="whole"),
    "use-ended, misuse": _like(UseEnded, classification="misuse"),
    "closed, misuse": _like(Closed, classification="misuse"),
    "reviewed, misuse": _like(Reviewed, verdict="misuse"),
    "roll-call, passed": _like(RollCall, result="pass"),
    "rehearsed, passed": _like(Rehearsed, result="pass"),
    "drill-ended, passed": _like(DrillEnded, result="warning"),
}
"""Every record that is told, with words in every text; and those whose fields make a difference."""

USED = {"opened", "opened, inconsistent", "in-use", "revealing"}

FIRES = {
    "use": {"declared, an emergency", "recovery-imported", *USED},
    "login-outside-an-opening": {"login-seen, unmatched", "changed-outside", "armed-outside"},
    "owed": {"escalated", "sessions-ended"},
    "tampering": {"opened, inconsistent", "use-recorded", "ledger-moved"},
    "silence": {"watched"},
    "locked-out": {"refused, neither works", "proven, refused"},
    "rules-passed": {"policy-weakened", "overridden", "deferred", "attested-dead", "retired-attested", "reassigned"},
    "misuse": {"use-ended, misuse", "closed, misuse", "reviewed, misuse"},
    "drill-failed": {"roll-call", "rehearsed", "drill-ended"},
}
"""Which rule fires on which of them, in an emergency."""

FIRES_IN_A_DRILL = FIRES | {"use": {"declared, an emergency", "recovery-imported"}}


def flat(document: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", json.dumps(value) if isinstance(value, list) else value


def told(purpose: str) -> dict[str, list[dict[str, Any]]]:
    """Return the events of every record, made in an opening of that purpose."""
    declared = msgspec.structs.replace(DECLARED, purpose=purpose)
    opening = Opening(OPENING, declared, Moment.of(entry(declared).record))
    state = LedgerState(sets={"prod-db": SetState("prod-db", opening=opening)})
    return {
        name: [event.document for event in translate.events(entry(body, opening=OPENING), state)]
        for name, body in BODIES.items()
    }


def fired(events: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    """Return which rule matches an event of which record, by the rules' own words, as SQLite has them."""
    rows = [{"of": name, **dict(flat(one))} for name, documents in events.items() for one in documents]
    columns = sorted({name for row in rows for name in row})
    log = sqlite3.connect(":memory:")
    log.execute(f"CREATE TABLE logs ({', '.join(f'`{name}`' for name in columns)})")
    marks = ", ".join("?" * len(columns))
    log.executemany(f"INSERT INTO logs VALUES ({marks})", [[row.get(name) for name in columns] for row in rows])  # noqa: S608
    found = {}
    for name, text in rules.sigma().items():
        (query,) = import_module("sigma.backends.sqlite").sqliteBackend().convert(SigmaCollection.from_yaml(text))
        found[name] = {row[0] for row in log.execute(query.replace("SELECT *", "SELECT of", 1))}
    return found


@pytest.mark.parametrize(("purpose", "expected"), [("emergency", FIRES), ("drill", FIRES_IN_A_DRILL)])
def test_each_rule_fires_on_its_events_and_on_no_other(purpose: str, expected: dict[str, set[str]]) -> None:
    assert fired(told(purpose)) == expected


@pytest.mark.parametrize(
    "target", [("splunk", "--without-pipeline"), ("lucene", "--without-pipeline"), ("kusto", "-p", "kusto.yml")]
)
def test_every_rule_is_converted(target: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name, text in rules.sigma().items():
        (tmp_path / "rules" / f"{name}.yml").write_text(text)
    (tmp_path / "kusto.yml").write_text(rules.text(rules.KUSTO))
    command = [str(Path(sys.executable).parent / "sigma"), "convert", "-t", *target, "rules"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    queries = [line for line in done.stdout.splitlines() if "record" in line]
    assert len(queries) == len(rules.sigma())
    if target[0] == "kusto":
        assert not [query for query in queries if "'unmapped" in query or "'compliance" in query]


def test_no_two_rules_share_an_id() -> None:
    ids = [re.findall("^id: (.*)$", text, re.MULTILINE) for text in rules.sigma().values()]
    assert len({one for (one,) in ids}) == len(ids)


class TestMetrics:
    def test_every_metric_of_the_rules_and_the_dashboard_is_said(self) -> None:
        life = formats.Life("north", heartbeat.Silence(seconds=3, every_s=60, late=False), "", ())
        said = set(re.findall(r"^(breakglass_\w+)", formats.prometheus([], life), re.MULTILINE))
        said |= {f"breakglass_{name}" for name, *_ in formats._GAUGES} | {"breakglass_drill_due_seconds"}
        for form in (rules.PROMETHEUS, rules.GRAFANA):
            used = set(re.findall(r"\b(breakglass_(?!shamir)\w+)", rules.text(form)))
            assert used
            assert used <= said

    def test_the_alert_rules_are_taken_and_fire(self, need: Callable[[str], str], tmp_path: Path) -> None:
        promtool = need("promtool")
        (tmp_path / "rules.yml").write_text(rules.text(rules.PROMETHEUS))
        (tmp_path / "test.yml").write_text(PROMTOOL)
        for words in (["check", "rules", "rules.yml"], ["test", "rules", "test.yml"]):
            done = subprocess.run([promtool, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def test_the_dashboard_has_no_two_panels_in_one_place(self) -> None:
        panels = json.loads(rules.text(rules.GRAFANA))["panels"]
        places = [one["gridPos"] for one in panels]
        cells = [(p["x"] + x, p["y"] + y) for p in places for x in range(p["w"]) for y in range(p["h"])]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24
        assert len({one["id"] for one in panels}) == len(panels)


PROMTOOL = """
rule_files: [rules.yml]
tests:
    - interval: 1m
      input_series:
          - {series: 'breakglass_silence_late{terminal="north"}', values: '0x10 1x20'}
          - {series: 'breakglass_silence_seconds{terminal="north"}', values: '0x30'}
          - {series: 'breakglass_opening_under_way{set="prod-db"}', values: '0x10 1x20'}
          - {series: 'breakglass_losses_left{set="prod-db"}', values: '0x30'}
          - {series: 'breakglass_losses_left{set="old"}', values: '0x30'}
          - {series: 'breakglass_retired{set="prod-db"}', values: '0x30'}
          - {series: 'breakglass_retired{set="old"}', values: '1x30'}
          - {series: 'breakglass_watch_age_seconds{set="prod-db"}', values: '0+60x30'}
          - {series: 'breakglass_watch_promised_seconds{set="prod-db"}', values: '300x30'}
      alert_rule_test:
          - {eval_time: 9m, alertname: BreakglassTerminalSilent, exp_alerts: []}
          - eval_time: 17m
            alertname: BreakglassTerminalSilent
            exp_alerts:
                - exp_labels: {severity: critical, terminal: north}
                  exp_annotations:
                      summary: The terminal north made no record for longer than it promised.
                      runbook: docs/runbooks/alert-received.md
          - {eval_time: 9m, alertname: BreakglassOpen, exp_alerts: []}
          - eval_time: 11m
            alertname: BreakglassOpen
            exp_alerts:
                - exp_labels: {severity: critical, set: prod-db}
                  exp_annotations:
                      summary: An opening of prod-db is under way.
                      runbook: docs/runbooks/alert-received.md
          - eval_time: 11m
            alertname: BreakglassQuorumAtRisk
            exp_alerts:
                - exp_labels: {severity: critical, set: prod-db}
                  exp_annotations:
                      summary: One more lost sheet of prod-db may leave no quorum.
                      runbook: docs/runbooks/quorum-lost.md
          - {eval_time: 10m, alertname: BreakglassWatchSilent, exp_alerts: []}
          - eval_time: 12m
            alertname: BreakglassWatchSilent
            exp_alerts:
                - exp_labels: {severity: critical, set: prod-db}
                  exp_annotations:
                      summary: The watch of prod-db gave no sign for twice as long as it promised.
                      runbook: docs/runbooks/alert-received.md
          - {eval_time: 5m, alertname: BreakglassMetricsAbsent, exp_alerts: []}
"""
