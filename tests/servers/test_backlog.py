# SPDX-License-Identifier: Apache-2.0
"""Ten thousand events that waited while the collector was down arrive whole, in order for each set."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alert_events import voided
from http_receiver import Answer, Receiver
from rsyslog_server import HOST, Rsyslog
from throwaway_ca import ThrowAwayCa

from breakglass_shamir.alerts.delivery import flush
from breakglass_shamir.custody.policy import sinks
from breakglass_shamir.custody.policy.sinks import SyslogSink, WebhookSink
from breakglass_shamir.ledger import home, outbox
from breakglass_shamir.ledger.outbox import Destination, Outbox
from breakglass_shamir.ledger.schema import Row
from breakglass_shamir.ledger.store import FILE_NAME

EVENTS = 10_000
SETS = ("north", "south", "east", "west")


@pytest.fixture
def collector(tmp_path: Path, need: Callable[[str], str]) -> Iterator[Rsyslog]:
    need("rsyslogd")
    need("openssl")
    ca = ThrowAwayCa(tmp_path / "ca")
    made = Rsyslog(tmp_path / "rsyslog", ca, ca.issue("collector", HOST), secure=True)
    yield made
    made.stop()


def queue_up(folder: Path, server: Rsyslog) -> Path:
    """Fill the outbox of a ledger, for four sets in turn."""
    home.create(folder, "north").close()
    mine = server.ca.issue("terminal", HOST)
    sink = SyslogSink(
        name="siem", host=HOST, port=server.tcp, ca=str(server.ca.certificate), cert=str(mine.certificate),
        key=str(mine.key),
    )  # fmt: skip
    with Outbox(folder / FILE_NAME) as box:
        stored: list[Row] = []
        for seq in range(1, EVENTS + 1):
            event = voided(seq, f"number {seq}", SETS[seq % len(SETS)])
            destination = Destination(event.set_name, sink.name, sinks.to_json(sink))
            stored += outbox.rows(seq, [(event.id, event.time_ms, event.to_bytes())], [destination])
        box.store(stored)
    return folder / FILE_NAME


def test_a_backlog_arrives_whole_and_in_order(tmp_path: Path, collector: Rsyslog) -> None:
    path = queue_up(tmp_path / "home", collector)
    assert all(one.problem and one.waiting == EVENTS // 4 for one in flush(path, due_only=False))
    collector.start()
    stop = threading.Timer(0.4, collector.stop)
    stop.start()
    flush(path, due_only=False)
    stop.join()
    collector.stop()
    collector.start()
    assert [one.waiting for one in flush(path, due_only=False)] in ([0] * 4, [])
    received = [json.loads(line["msg"]) for line in collector.received(EVENTS)]
    first: dict[str, Any] = {}
    for event in received:
        first.setdefault(event["metadata"]["uid"], event)
    assert len(first) == EVENTS
    for name in SETS:
        mine = [event for event in first.values() if event["unmapped"]["breakglass"]["set"] == name]
        numbers = [event["metadata"]["sequence"] for event in mine]
        assert numbers == sorted(numbers)
        assert len(numbers) == EVENTS // 4


def test_whatever_a_receiver_does_nothing_is_lost_and_the_order_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs, resets, answers 500, asks to wait, loses its own yes; then it is well."""
    monkeypatch.setattr("breakglass_shamir.alerts.sinks.base.LIMIT_S", 0.3)
    faults = [
        Answer(fault="hang"), Answer(fault="reset"), Answer(500), Answer(429, headers={"Retry-After": "30"}),
        Answer(fault="lost"), Answer(), Answer(503), Answer(), Answer(fault="lost"), Answer(fault="reset"),
    ]  # fmt: skip
    receiver, answers = Receiver(), iter(faults)
    receiver.answer = lambda _request: next(answers, Answer())
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "c2VjcmV0" * 4)
    sink = WebhookSink(name="hook", url=receiver.url, secret_file=str(secret))
    folder = tmp_path / "home"
    home.create(folder, "north").close()
    events = [voided(seq, f"number {seq}", "north") for seq in range(1, 21)]
    with Outbox(folder / FILE_NAME) as box:
        destination = Destination("north", sink.name, sinks.to_json(sink))
        for event in events:
            seq = event.document["metadata"]["sequence"]
            box.store(outbox.rows(seq, [(event.id, event.time_ms, event.to_bytes())], [destination]))
    try:
        for _ in range(len(faults) + 1):
            flush(folder / FILE_NAME, due_only=False)
        assert flush(folder / FILE_NAME, due_only=False) == []
        ids = [request.headers["webhook-id"] for request in receiver.taken]
    finally:
        receiver.stop()
    assert list(dict.fromkeys(ids)) == [event.id for event in events]
    assert len(ids) > len(events), "an answer that was lost means a double"
