# SPDX-License-Identifier: Apache-2.0
"""Alerts of an opening: they leave by themselves, nothing waits for them but what the policy says, none is lost."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.custody.records.monitoring import AlertsDelivered
from tests.end_to_end.life import DECLARATION, NAME, Life, assert_holds_no, wait_until
from tests.ports import free_port

FILE = """
[alerts]
{more}
[[alerts.sinks]]
name = "collector"
type = "file"
path = "{path}"
"""

SYSLOG = """
[alerts]
{more}
[[alerts.sinks]]
name = "collector"
type = "syslog"
transport = "tcp"
host = "127.0.0.1"
port = {port}
"""


def begin(folder: Path, alerts: str) -> Life:
    """Seal a set whose policy has alerts."""
    life = Life(folder, rotation=alerts)
    life.begin()
    life.seal()
    return life


def told(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kinds(path: Path) -> list[str]:
    return [event["unmapped"]["breakglass"]["record"] for event in told(path)]


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Listen, accept, and never answer."""
    kept = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(server.accept()[0])

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    for one in kept:
        one.close()


def test_every_step_is_told_by_itself_and_without_the_secret(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    life = begin(tmp_path / "life", FILE.format(path=out, more=""))
    done = life.rotated("recombine", NAME, *DECLARATION, "--scan", life.scans(1), last=("--no-reveal",))
    assert done.exit == 0, done.err
    wait_until(lambda: "closed" in kinds(out), "the last alert of the opening")
    found = kinds(out)
    steps = [
        "policy-adopted",
        "issued",
        "read-back",
        "declared",
        "opened",
        "use-ended",
        "applied",
        "old-dead",
        "closed",
    ]
    assert [kind for kind in dict.fromkeys(found) if kind in steps] == steps
    assert_holds_no(life.secret, "the alerts", out.read_bytes())
    assert_holds_no(life.secret, "the ledger with its outbox", (life.home / "ledger.sqlite").read_bytes())
    assert "North" not in out.read_text()
    sequences = [event["metadata"]["sequence"] for event in told(out)]
    assert sequences == sorted(sequences)


def test_custodians_are_named_only_where_the_policy_says_so(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    life = begin(tmp_path / "life", FILE.format(path=out, more="name_people = true"))
    life.ok("ack", NAME, "1")
    life.ok("alerts", "flush")
    messages = [event["message"] for event in told(out)]
    assert f"{NAME}: sheet 1.1 of epoch 1 is held by North" in messages


def test_a_sink_that_never_answers_holds_nothing_up(tmp_path: Path) -> None:
    """The sink is silent until the opening is over: had anything waited for it, the opening would not end."""
    with silent_server() as port:
        life = begin(tmp_path / "life", SYSLOG.format(port=port, more=""))
        done = life.recombine("--exec", "cat")
        assert done.exit == 7, done.err
        assert done.out == life.secret.reveal().decode()
        waiting = life.ok("--json", "alerts", "list").document
    assert [one["sink"] for one in waiting] == ["collector"]
    assert waiting[0]["waiting"] > 3
    assert waiting[0]["delivered"] == 0


@pytest.mark.parametrize("purpose", ["emergency", "rotation"])
def test_without_the_required_acknowledgement_nothing_opens(tmp_path: Path, purpose: str) -> None:
    more = 'budget = "1s"\nrequire_ack = true'
    life = begin(tmp_path / "life", SYSLOG.format(port=free_port(), more=more))
    if purpose == "rotation":
        done = life.run("rotate", NAME, "--scan", life.scans(1), "--out", life.sheets(2))
        assert done.exit == 3, done.err
        assert "no sink took the alert" in done.err
        assert "opened" not in life.kinds()
        return
    refused = life.recombine("--exec", "cat")
    assert refused.exit == 3, refused.err
    assert "no sink took the alert of this declaration within 1s" in refused.err
    assert "--override alert" in refused.err
    assert refused.out == ""
    assert "opened" not in life.kinds()
    passed = life.recombine("--override", "alert", "--override-reason", "the network is down", "--exec", "cat")
    assert passed.exit == 7, passed.err
    assert passed.out == life.secret.reveal().decode()
    assert "alert" in [debt["kind"] for debt in life.status()["debts"]]


def test_with_the_required_acknowledgement_it_opens_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    life = begin(tmp_path / "life", FILE.format(path=out, more='budget = "30s"\nrequire_ack = true'))
    done = life.recombine("--exec", "cat")
    assert done.exit == 7, done.err
    assert "collector has taken the alert" in done.err
    assert "declared" in kinds(out)


def test_what_waited_arrives_once_the_sink_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    out = folder / "out.jsonl"
    life = begin(tmp_path / "life", FILE.format(path=out, more=""))
    life.recombine("--no-reveal")
    still = life.run("alerts", "flush")
    assert still.exit == 7, still.err
    assert "No such file or directory" in still.out
    listed = life.ok("alerts", "list")
    assert "collector" in listed.out
    assert "No such file" in listed.out
    folder.mkdir()
    assert life.ok("alerts", "flush").out.startswith(f"collector of {NAME}: ")
    assert {"declared", "opened"} <= set(kinds(out))
    bodies = [entry.record.body for entry in life.entries()]
    assert sum(body.count for body in bodies if isinstance(body, AlertsDelivered)) == len(told(out))
    assert life.ok("alerts", "flush").out == "nothing waits\n"


def test_a_test_event_is_marked_and_its_failure_is_plain(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    life = begin(tmp_path / "life", FILE.format(path=out, more=""))
    done = life.ok("alerts", "test", "collector")
    assert f"collector of {NAME} (file): taken in " in done.out
    assert [event for event in told(out) if "TEST, nothing happened" in event["message"]]
    out.unlink()
    out.mkdir()
    failed = life.run("--json", "alerts", "test", "collector")
    assert failed.exit == 6
    assert "Is a directory" in failed.out
    unknown = life.run("alerts", "test", "pager")
    assert unknown.exit == 2
    assert "expected a sink that a policy names (collector), got 'pager'" in unknown.err


def test_alerts_without_a_home_or_with_one_that_moved(tmp_path: Path) -> None:
    life = Life(tmp_path)
    for words in (("alerts", "list"), ("alerts", "flush"), ("alerts", "test", "siem")):
        done = life.run(*words)
        assert done.exit == 3, words
        assert "no ledger in" in done.err
    assert not life.home.exists()


def test_what_is_past_its_deadline_is_told_louder_until_it_is_settled(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    rotation = 'deadline = "1s"\n' + FILE.format(path=out, more='repeat = "1s"')
    life = begin(tmp_path / "life", rotation)
    assert life.recombine("--no-reveal").exit == 7

    def findings() -> list[tuple[str, int]]:
        late = [event for event in told(out) if event["unmapped"]["breakglass"]["record"] in ("escalated", "eased")]
        return [(event["severity"], event["activity_id"]) for event in late if "rotate:" in event["message"]]

    def flushed() -> bool:
        life.ok("alerts", "flush")
        return len(findings()) >= 3

    wait_until(flushed, "three rounds")
    assert findings()[:3] == [("High", 1), ("Critical", 1), ("Fatal", 1)]
    done = life.rotated("rotate", NAME, "--scan", life.scans(1))
    assert done.exit == 0, done.err
    life.ok("alerts", "flush")
    assert findings()[-1] == ("Informational", 3)
    incidents = {e["finding_info"]["uid"] for e in told(out) if "rotate:" in e["message"]}
    assert len(incidents) == 1
    before = len(findings())
    life.ok("alerts", "flush")
    assert len(findings()) == before
