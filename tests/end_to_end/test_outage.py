# SPDX-License-Identifier: Apache-2.0
"""An emergency that is measured, through the program: what is said, stopped, passed by name, told, and settled."""

import json
import socket
from typing import Any

from breakglass_shamir.custody.records.monitoring import Eased, Escalated, Probed
from breakglass_shamir.custody.records.openings import Declared, Overridden, Refused, TicketAnswered
from tests.end_to_end.life import NAME, Done, Life
from tests.ports import free_port

WHY = ("--override-reason", "the duty manager agreed by telephone")

MEASURED = """
[outage]
budget = "4s"

[[outage.probes]]
name = "directory"
uri = "tcp://127.0.0.1:{directory}"
classes = ["idp-outage"]

[[outage.probes]]
name = "way round"
uri = "tcp://127.0.0.1:{standby}"
standby = true

[ticket]
system = "exec"
argv = ["{tickets}"]
settles = true
writes_back = true

[[alerts.sinks]]
name = "collector"
type = "file"
path = "{told}"
"""


def bodies(life: Life, kind: type) -> list[Any]:
    return [entry.record.body for entry in life.entries() if isinstance(entry.record.body, kind)]


def use(life: Life, *more: str) -> Done:
    return life.recombine(*more, "--exec", "true")


def test_an_emergency_is_measured_and_the_way_round_watched(life: Life) -> None:
    directory, standby = free_port(), free_port()
    answer, notes, told = life.folder / "answer", life.folder / "notes", life.folder / "told"
    tickets = life.folder / "tickets"
    tickets.write_text(f'#!/bin/sh\nread line\ncase $line in *note*) echo "$line" >>{notes};; *) cat {answer};; esac\n')
    tickets.chmod(0o700)
    tables = MEASURED.format(directory=directory, standby=standby, tickets=tickets, told=told)
    life.policy.write_text(life.policy.read_text() + tables)
    life.ok("policy", "adopt", life.policy)

    answer.write_text('{"answer": "open"}')
    with socket.create_server(("127.0.0.1", directory)), socket.create_server(("127.0.0.1", standby)):
        stopped = use(life)
    assert stopped.exit == 3
    assert "every probe of idp-outage is well: directory" in stopped.err
    assert "--override outage" in stopped.err
    assert bodies(life, Refused)[-1].stage == "outage"
    assert not bodies(life, Declared)

    answer.unlink()
    stopped = use(life)
    assert stopped.exit == 3
    assert "the system of tickets could not be asked" in stopped.err
    opened = use(life, "--override", "ticket-open", *WHY)
    assert opened.exit == 7, opened.err
    declared = bodies(life, Declared)[-1]
    assert declared.probes == {"directory": "silent: Connection refused", "way round": "silent: Connection refused"}
    assert declared.ticket_answer.startswith("unknown: the program ended with ")
    assert [one.gate for one in bodies(life, Overridden)] == ["ticket-open"]
    events = [json.loads(line) for line in told.read_text().splitlines()]
    (alert,) = [one for one in events if one["unmapped"]["breakglass"]["record"] == "declared"]
    assert "directory silent: Connection refused" in alert["message"]

    answer.write_text('{"answer": "open"}')
    broken = life.run("--json", "probe", NAME)
    assert broken.exit == 7
    (look,) = broken.document["sets"]
    assert [(one["probe"], one["well"]) for one in look["probes"]] == [("directory", False), ("way round", False)]
    assert [one["answer"] for one in look["tickets"]] == ["open"]
    assert [one.answer for one in bodies(life, TicketAnswered)] == ["open"]
    assert [debt["kind"] for debt in life.status()["debts"]] == ["rotation"]
    assert [one.subject for one in bodies(life, Escalated)] == ["standby-way round"]
    metrics = life.run("status", "--format", "prometheus").out
    assert f'breakglass_standby_well{{set="{NAME}",probe="way round"}} 0' in metrics
    assert any("the way round is not well" in what for what in life.status()["due"])

    assert life.run("probe").exit == 7
    assert len(bodies(life, Probed)) == 1
    with socket.create_server(("127.0.0.1", standby)):
        assert life.run("probe", NAME).exit == 0
    assert [one.subject for one in bodies(life, Eased)] == ["standby-way round"]

    life.run("alerts", "flush")
    written = [json.loads(line) for line in notes.read_text().splitlines()]
    opening = life.status()["opening"][:12]
    assert [one["note"] for one in written][:2] == [
        f"break-glass opening {opening}: declared", f"break-glass opening {opening}: opened by a quorum",
    ]  # fmt: skip
    assert {*written[0]} == {"ticket", "note"}

    life.ok("note", NAME, "the directory has moved", "--by", "Duty", "--infrastructure-changed")
    why = {one["kind"]: one["why"] for one in life.status()["schedule"] if one["in_s"] <= 0}
    assert {kind: why[kind] for kind in ("rehearsal", "access")} == dict.fromkeys(
        ("rehearsal", "access"), "the infrastructure changed"
    )


def test_a_probe_of_a_set_without_probes_says_so(life: Life) -> None:
    assert life.run("probe").exit == 3
    assert "nothing to ask" in life.ok("probe", NAME).out
