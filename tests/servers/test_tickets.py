# SPDX-License-Identifier: Apache-2.0
"""Systems of tickets, as stubs that speak their documented protocols over TLS: answers, lies, refusals, and notes."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from http_receiver import Answer, Receiver, Request
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.alerts.event import Action, Event, Severity
from breakglass_shamir.alerts.sinks.registry import deliverer
from breakglass_shamir.alerts.tickets import asking
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy.when import TicketSystem
from breakglass_shamir.errors import SinkFailure

SYS_ID = "9d385017c611228701d22104cc95c371"
TOKEN = "a-token-of-the-tickets"


class Tickets:
    """A stub of every system, and the policy that leads to it."""

    def __init__(self, receiver: Receiver, ca: Path, folder: Path) -> None:
        self.receiver, self._ca = receiver, ca
        self.secret = folder / "token"
        self.secret.write_text(f"{TOKEN}\n")

    def policy(self, system: str, **more: Any) -> TicketSystem:
        project = {"github": "acme/ops", "gitlab": "acme/ops"}.get(system, "")
        fields = {
            "system": system, "url": f"{self.receiver.url}/base", "project": project, "ca": str(self._ca),
            "secret_file": str(self.secret), **more,
        }  # fmt: skip
        return TicketSystem(**fields)

    def ask(self, system: str, ticket: str, **more: Any) -> str:
        return asking.ask(self.policy(system, **more), ticket, Deadline(more.pop("limit_s", 10)))


@pytest.fixture
def tickets(throwaway_ca: ThrowAwayCa, tmp_path: Path) -> Iterator[Tickets]:
    receiver = Receiver(throwaway_ca.issue("tickets", "127.0.0.1"))
    yield Tickets(receiver, throwaway_ca.certificate, tmp_path)
    receiver.stop()


def servicenow(**changes: Any) -> dict[str, Any]:
    row = {"sys_id": SYS_ID, "number": "INC0010001", "state": "2", "active": "true", "sys_class_name": "incident"}
    return {"result": [{**row, **changes}]}


def jira(name: str = "In Progress", category: str = "indeterminate", kind: str = "Incident", key: str = "OPS-7") -> Any:
    status = {"name": name, "statusCategory": {"key": category}}
    return {"key": key, "fields": {"status": status, "issuetype": {"name": kind}}}


def github(**changes: Any) -> dict[str, Any]:
    return {"number": 12, "state": "open", "labels": [{"name": "incident"}], **changes}


def gitlab(**changes: Any) -> dict[str, Any]:
    return {"iid": 12, "state": "opened", "labels": ["sev1"], "issue_type": "incident", **changes}


BASIC = {"user": "bg"}
CASES: list[tuple[str, str, Any, dict[str, Any], str]] = [
    ("servicenow", "INC0010001", servicenow(), BASIC, "open"),
    ("servicenow", "INC0010001", servicenow(active="false", state="7"), {}, "closed: its state is 7"),
    ("servicenow", "INC0010001", servicenow(active="false"), {"open": ("2",)}, "open"),
    ("servicenow", "INC0010001", servicenow(), {"kinds": ("change",)}, "kind: expected change, it is incident"),
    ("servicenow", "INC0010001", {"result": []}, {}, "missing: the system has no such ticket"),
    ("servicenow", "INC0010001", servicenow(number="INC1"), {}, "unknown: the answer is none of the system's"),
    ("servicenow", "INC0010001", servicenow(sys_id="../x"), {}, "unknown: the answer is none of the system's"),
    ("servicenow", "INC1^ORactive=true", servicenow(), {}, "missing: it has not the form of a ticket of servicenow"),
    ("jira", "OPS-7", jira(), BASIC, "open"),
    ("jira", "OPS-7", jira("Done", "done"), {}, "closed: its state is Done"),
    ("jira", "OPS-7", jira("Done", "done"), {"open": ("done",)}, "open"),
    ("jira", "OPS-7", jira(kind="Task"), {"kinds": ("Incident",)}, "kind: expected Incident, it is Task"),
    ("jira", "OPS-7", jira(key="OPS-8"), {}, "unknown: the answer is none of the system's"),
    ("jira", "DEV-7", jira(key="DEV-7"), {"project": "OPS"}, "missing: it has not the form of a ticket of jira"),
    ("jira", "OPS-7/../8", jira(), {}, "missing: it has not the form of a ticket of jira"),
    ("github", "#12", github(), {}, "open"),
    ("github", "12", github(state="closed"), {}, "closed: its state is closed"),
    ("github", "12", github(), {"kinds": ("Incident",)}, "open"),
    ("github", "12", github(labels=[]), {"kinds": ("incident",)}, "kind: expected incident, it is of none"),
    ("github", "12", github(pull_request={}), {}, "missing: the system has no such ticket"),
    ("github", "12", github(number=True), {}, "unknown: the answer is none of the system's"),
    ("gitlab", "#12", gitlab(), {}, "open"),
    ("gitlab", "12", gitlab(state="closed"), {}, "closed: its state is closed"),
    ("gitlab", "12", gitlab(), {"kinds": ("incident",)}, "open"),
    ("gitlab", "12", gitlab(iid=13), {}, "unknown: the answer is none of the system's"),
    ("gitlab", "12?x", gitlab(), {}, "missing: it has not the form of a ticket of gitlab"),
]  # fmt: skip

WHERE = {
    "servicenow": "/base/api/now/table/incident?sysparm_query=number%3DINC0010001&",
    "jira": "/base/rest/api/2/issue/OPS-7?fields=status,issuetype", "github": "/base/repos/acme/ops/issues/12",
    "gitlab": "/base/api/v4/projects/acme%2Fops/issues/12",
}  # fmt: skip


@pytest.mark.parametrize(("system", "ticket", "tree", "more", "said"), CASES)
def test_what_a_system_says_of_a_ticket(
    tickets: Tickets, system: str, ticket: str, tree: Any, more: dict[str, Any], said: str
) -> None:
    tickets.receiver.answer = lambda _: Answer(200, json.dumps(tree).encode())
    assert tickets.ask(system, ticket, **more) == said
    if "form" in said:
        assert tickets.receiver.taken == []
        return
    (asked,) = tickets.receiver.taken
    assert asked.method == "GET"
    assert asked.path.startswith(WHERE[system])
    if more is BASIC:
        assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"bg:{TOKEN}".encode()).decode()
    elif system == "gitlab":
        assert asked.headers["private-token"] == TOKEN
    else:
        assert asked.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(404), "missing: the system has no such ticket"),
        (Answer(410), "missing: the system has no such ticket"),
        (
            Answer(401, json.dumps({"message": f"bad {TOKEN}"}).encode()),
            "unknown: expected an answer 2xx, got 401: its words",
        ),
        (Answer(429, b"", {"Retry-After": "60"}), "unknown: expected an answer 2xx, got 429"),
        (Answer(503), "unknown: expected an answer 2xx, got 503"),
        (Answer(301, b"", {"Location": "https://elsewhere.example/"}), "unknown: expected an answer 2xx, got 301"),
        (Answer(200, b"<html>log in"), "unknown: the answer is none of the system's"),
        (Answer(200, b"[" * 50_000), "unknown: the answer is none of the system's"),
        (Answer(200, b'{"a": 1' + b" " * (2 << 20)), "unknown: the answer is longer than 1048576 bytes"),
        (Answer(fault="reset"), "unknown: "),
    ],
)
@pytest.mark.parametrize(("system", "ticket"), [("jira", "OPS-7"), ("gitlab", "12")])
def test_what_is_no_answer(tickets: Tickets, system: str, ticket: str, answer: Answer, said: str) -> None:
    tickets.receiver.answer = lambda _: answer
    found = tickets.ask(system, ticket)
    assert found.startswith(said)
    assert TOKEN not in found


def test_a_system_that_hangs_or_is_another_one_or_has_no_secret(tickets: Tickets, tmp_path: Path) -> None:
    tickets.receiver.answer = lambda _: Answer(fault="hang")
    assert asking.ask(tickets.policy("github"), "12", Deadline(0.3)).startswith("unknown: no answer")
    assert not tickets.receiver.release.is_set()
    other = asking.ask(tickets.policy("jira", ca=None), "OPS-7", Deadline(10))
    assert other.startswith("unknown: certificate verify failed")
    tickets.secret = tmp_path / "none"
    assert "cannot be read" in asking.ask(tickets.policy("jira"), "OPS-7", Deadline(10))


def program(tmp_path: Path, body: str) -> TicketSystem:
    path = tmp_path / "tickets"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return TicketSystem(system="exec", argv=(str(path),))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("""read line; [ "$line" = '{"ticket": "INC 1"}' ] && echo '{"answer": "open"}'""", "open"),
        ("""echo '{"answer": "closed", "why": "solved yesterday"}'""", "closed: solved yesterday"),
        ("""echo '{"answer": "kind"}'""", "kind: the program says so"),
        ("echo open", "unknown: the answer is none of the system's"),
        ("exit 2", "unknown: the program ended with 2"),
        ("sleep 60", "unknown: "),
        ("yes", "unknown: the program was killed: more than 16384 bytes of output"),
    ],
)
def test_a_program_is_asked(tmp_path: Path, body: str, said: str) -> None:
    assert asking.ask(program(tmp_path, body), "INC 1", Deadline(1)).startswith(said)


def event(record: str = "opened", place: int = 0, **changes: Any) -> Event:
    own = {
        "record": record, "opening": "ab" * 32, "ticket": "OPS-7", "purpose": "emergency", "officers": ["Ana"],
        "reason": "secret reasons", **changes,
    }  # fmt: skip
    document = {"unmapped": {"breakglass": own}, "class_name": "x"}
    identifier = f"{'0' * 16}-7-{'1' * 16}-{place}"
    return Event(identifier, "prod-db", "Ana opened it", Severity.CRITICAL, Action.TRIGGER, "i", 0, document)


def test_the_opening_and_its_state_are_written_to_the_ticket_and_nothing_else(tickets: Tickets) -> None:
    tickets.receiver.answer = lambda _: Answer(201, json.dumps(jira()).encode())
    sink = deliverer(sinks.TicketSink(name=sinks.TICKET, ticket=tickets.policy("jira")))
    for other in (event("in-use"), event(place=1), event(ticket=""), event(purpose="rotation"), event(ticket="none")):
        assert not sink.is_for(other)
    assert sink.is_for(event())
    sink.deliver([event("declared"), event()])
    notes = [one for one in tickets.receiver.taken if one.method == "POST"]
    assert [one.path for one in notes] == ["/base/rest/api/2/issue/OPS-7/comment"] * 2
    assert [one.tree for one in notes] == [
        {"body": "break-glass opening abababababab: declared"},
        {"body": "break-glass opening abababababab: opened by a quorum"},
    ]


@pytest.mark.parametrize(
    ("system", "ticket", "tree", "method", "path", "key"),
    [
        ("servicenow", "INC0010001", servicenow(), "PATCH", f"/base/api/now/table/incident/{SYS_ID}", "work_notes"),
        ("github", "12", github(), "POST", "/base/repos/acme/ops/issues/12/comments", "body"),
        ("gitlab", "12", gitlab(), "POST", "/base/api/v4/projects/acme%2Fops/issues/12/notes", "body"),
    ],
)
def test_each_system_takes_a_note_in_its_own_way(
    tickets: Tickets, system: str, ticket: str, tree: Any, method: str, path: str, key: str
) -> None:
    tickets.receiver.answer = lambda _: Answer(200, json.dumps(tree).encode())
    asking.write(tickets.policy(system), ticket, "a note", Deadline(10))
    asked: Request = tickets.receiver.taken[-1]
    assert (asked.method, asked.path, asked.tree) == (method, path, {key: "a note"})


def test_a_note_that_is_not_taken_waits_and_one_to_no_ticket_does_not(tickets: Tickets) -> None:
    tickets.receiver.answer = lambda _: Answer(429, b"", {"Retry-After": "90"})
    with pytest.raises(SinkFailure) as failure:
        asking.write(tickets.policy("jira"), "OPS-7", "a note", Deadline(10))
    assert (failure.value.retry_after_s, failure.value.nowhere) == (90, False)
    tickets.receiver.answer = lambda _: Answer(404)
    with pytest.raises(SinkFailure) as failure:
        asking.write(tickets.policy("jira"), "OPS-7", "a note", Deadline(10))
    assert failure.value.nowhere
