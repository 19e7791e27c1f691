# SPDX-License-Identifier: Apache-2.0
"""The outbox gives up nothing: order, pauses, doubles only after a failure, and what a kill leaves."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from breakglass_shamir.alerts import delivery
from breakglass_shamir.alerts.delivery import Delivered, flush, pause_s
from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import Stored
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.monitoring import AlertsDelivered, Heartbeat
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.outbox import Outbox
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.operations.monitoring import alerting

REPOSITORY = Path(__file__).resolve().parents[3]

POLICY = """
name = "{name}"
target = {{uri = "ssh-key:///srv/key"}}
quorum = {{groups = [{{threshold = 2, custodians = ["North", "South", "East"]}}]}}
declaration = {{classes = ["idp-outage"]}}
{sinks}
"""


def policy(name: str, **sinks: str) -> PolicyAdopted:
    """Return a policy whose sinks are files."""
    tables = "\n".join(
        f'[[alerts.sinks]]\nname = "{sink}"\ntype = "file"\npath = "{path}"' for sink, path in sinks.items()
    )
    source = POLICY.format(name=name, sinks=tables)
    return PolicyAdopted(source=source, digest=policies.digest(source).hex())


def refused(words: str) -> Refused:
    return Refused(stage="open", error="insufficient-shares", message=words)


class Home:
    """A ledger with sets whose alerts go to sinks that are played here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / FILE_NAME
        homes.create(folder, "north").close()
        self.arrived: list[tuple[str, str]] = []
        self.fail: Callable[[str, int], SinkFailure | None] = lambda _sink, _count: None

    def open(self) -> Ledger:
        return homes.open_home(self.folder, BESIDE)

    def adopt(self, name: str, *sinks: str) -> None:
        with self.open() as ledger:
            ledger.append(policy(name, **{sink: f"/srv/{sink}" for sink in sinks}), set_name=name)

    def say(self, name: str, *words: str) -> None:
        with self.open() as ledger:
            for word in words:
                ledger.append(refused(word), set_name=name)

    def make(self, sink: Stored) -> Deliverer:
        home = self

        class Played(Deliverer):
            batch = 3

            def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
                for number, event in enumerate(events):
                    failure = home.fail(self.name, len(home.arrived))
                    if failure:
                        failure.delivered = number
                        raise failure
                    home.arrived.append((self.name, event.subject))

        return Played(sink.name)

    def flush(self, *, due_only: bool = False) -> list[Delivered]:
        return flush(self.path, due_only=due_only, make=self.make)

    def words(self, sink: str) -> list[str]:
        """Return what arrived at a sink of what :meth:`say` said, in order."""
        return [line.rpartition(": ")[2] for name, line in self.arrived if name == sink and "refused at" in line]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("how", ["only_refused", "all_refused"])
@pytest.mark.parametrize("old", [1, 3, 4, 20])
def test_refused_events_at_the_head_keep_no_newer_one_waiting(home: Home, old: int, how: str) -> None:
    """As a collector refuses what is too old, however many of them there are."""
    home.adopt("one", "a")
    home.flush()
    said = [f"old {number}" for number in range(old)]
    home.say("one", *said, "the newest")
    tries = []

    def make(sink: Stored) -> Deliverer:
        class Picky(Deliverer):
            batch = 3

            def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
                tries.append(len(events))
                taken = tuple(place for place, event in enumerate(events) if "old" not in event.subject)
                home.arrived += [(self.name, events[place].subject) for place in taken]
                if len(taken) < len(events):
                    raise SinkFailure(
                        "too old", taken=taken, only_refused=how == "only_refused", all_refused=how == "all_refused"
                    )

        return Picky(sink.name)

    (done,) = flush(home.path, due_only=False, make=make)
    assert home.words("a")[-1] == "the newest"
    assert (done.waiting, done.problem) == (old, "too old")
    assert len(tries) <= 3, "a queue that is refused whole is not gone through whole"
    (again,) = flush(home.path, due_only=False, make=make)
    assert (again.events, again.waiting) == ((), old)


def test_every_event_goes_to_every_sink_in_order_once(home: Home) -> None:
    home.adopt("one", "a", "b")
    said = [f"word {number}" for number in range(10)]
    home.say("one", *said)
    done = home.flush()
    assert [(one.sink, one.waiting, one.problem) for one in done] == [("a", 0, ""), ("b", 0, "")]
    assert home.words("a") == home.words("b") == said
    assert home.flush() == []


def test_a_sink_that_fails_keeps_its_events_in_order_and_no_other_waits_for_it(home: Home) -> None:
    home.adopt("one", "a", "b")
    home.say("one", "w1", "w2", "w3", "w4")
    home.fail = lambda sink, _count: SinkFailure("down") if sink == "a" and "w2" in home.words("a") else None
    done = {one.sink: one for one in home.flush()}
    assert home.words("a") == ["w1", "w2"]
    assert home.words("b") == ["w1", "w2", "w3", "w4"]
    assert (done["a"].waiting, done["a"].problem) == (2, "down")
    home.say("one", "w5")
    home.fail = lambda _sink, _count: None
    home.flush()
    assert home.words("a") == ["w1", "w2", "w3", "w4", "w5"]


def test_a_set_without_sinks_leaves_nothing(home: Home) -> None:
    home.adopt("quiet")
    home.say("quiet", "w1")
    with Outbox(home.path) as outbox:
        assert outbox.queues() == []


def test_what_is_about_the_terminal_goes_to_every_sink_once(home: Home) -> None:
    home.adopt("one", "a")
    home.adopt("two", "a", "b")
    home.flush()
    home.arrived.clear()
    with home.open() as ledger:
        ledger.append(Heartbeat(every_s=60))
    home.flush()
    assert sorted(sink for sink, _ in home.arrived) == ["a", "b"]


def test_a_pause_outlives_the_program_and_is_kept_by_timers_only(home: Home) -> None:
    home.adopt("one", "a")
    home.fail = lambda _sink, _count: SinkFailure("slow down", retry_after_s=600)
    home.flush()
    home.fail = lambda _sink, _count: None
    assert home.flush(due_only=True) == []
    assert home.arrived == []
    assert [one.waiting for one in home.flush()] == [0]
    assert len(home.arrived) == 1


def test_a_pause_written_under_another_clock_is_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.adopt("one", "a")
    home.fail = lambda _sink, _count: SinkFailure("down")
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 10**9 * 86_400 * 365)
    home.flush()
    monkeypatch.undo()
    home.fail = lambda _sink, _count: None
    assert [one.waiting for one in home.flush(due_only=True)] == [0]


def test_failures_in_a_row_pause_longer_up_to_a_limit() -> None:
    pauses = [pause_s(attempts, 0, 1.0) for attempts in range(12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (delivery.FIRST_PAUSE_S, delivery.LAST_PAUSE_S)
    assert pause_s(3, 0, 0.0) == pause_s(3, 0, 1.0) / 2
    assert pause_s(0, 40, 0.0) == 40
    assert pause_s(10_000, 0, 1.0) == delivery.LAST_PAUSE_S


@pytest.mark.parametrize("only_refused", [False, True])
def test_a_sink_that_only_refused_some_does_not_keep_others_waiting(home: Home, only_refused: bool) -> None:
    home.adopt("one", "a")
    home.fail = lambda _sink, _count: SinkFailure("refused", only_refused=only_refused)
    for _ in range(9):
        home.flush()
    with Outbox(home.path) as outbox:
        left_s = outbox.queue("one", "a").next_ms / 1000 - time.time()
    assert (left_s < delivery.REFUSED_PAUSE_S) is only_refused


def test_success_forgets_the_failures_before(home: Home) -> None:
    home.adopt("one", "a")
    home.fail = lambda _sink, _count: SinkFailure("down")
    for _ in range(4):
        home.flush()
    with Outbox(home.path) as outbox:
        assert outbox.queue("one", "a").attempts == 4
        home.fail = lambda _sink, _count: None
        home.flush()
        queue = outbox.queue("one", "a")
    assert (queue.attempts, queue.problem, queue.next_ms, queue.waiting) == (0, "", 0, 0)


def test_a_sink_that_left_the_policy_still_gets_what_was_queued_for_it(home: Home) -> None:
    home.adopt("one", "a")
    home.fail = lambda _sink, _count: SinkFailure("down")
    home.say("one", "w1")
    home.flush()
    home.adopt("one", "b")
    home.say("one", "w2")
    home.fail = lambda _sink, _count: None
    home.flush()
    assert home.words("a") == ["w1"]
    assert home.words("b") == ["w2"]


def test_what_a_record_did_not_leave_is_made_up(home: Home) -> None:
    home.adopt("one", "a")
    with homes.open_home(home.folder) as ledger:
        ledger.append(refused("without an outbox"), set_name="one")
    home.say("one", "after it")
    alerting.make_up(home.folder)
    home.flush()
    assert home.words("a") == ["without an outbox", "after it"]


def test_an_outbox_that_cannot_be_filled_keeps_no_record_from_being_made(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.adopt("one", "a")
    monkeypatch.setattr("breakglass_shamir.alerts.outbox.destinations", lambda *_: 1 / 0)
    home.say("one", "w1")
    monkeypatch.undo()
    alerting.make_up(home.folder)
    home.flush()
    assert home.words("a") == ["w1"]


def test_a_sink_that_is_sent_nothing_acknowledges_nothing(home: Home) -> None:
    home.adopt("one", "a")
    home.flush()
    home.say("one", "w1", "w2")

    def choosy(sink: Stored) -> Deliverer:
        made = home.make(sink)
        made.is_for = lambda event: "w2" in event.subject  # type: ignore[method-assign]
        return made

    done = flush(home.path, due_only=False, make=choosy)
    with home.open() as ledger:
        last = ledger.size - 1
    with Outbox(home.path) as outbox:
        assert (outbox.acknowledged(last - 1), outbox.acknowledged(last)) == ([], ["a"])
        assert outbox.took_ms(last - 1) is None
    assert [len(one.events) for one in done] == [1]


def test_an_event_that_does_not_concern_a_sink_leaves_its_queue(home: Home) -> None:
    home.adopt("one", "a")
    home.say("one", "w1", "w2", "w3")

    def choosy(sink: Stored) -> Deliverer:
        made = home.make(sink)
        made.is_for = lambda event: "w2" in event.subject  # type: ignore[method-assign]
        return made

    flush(home.path, due_only=False, make=choosy)
    assert home.words("a") == ["w2"]
    assert home.flush() == []


def test_what_was_taken_before_a_failure_counts_even_where_some_did_not_concern_the_sink(home: Home) -> None:
    home.adopt("one", "a")
    home.say("one", "w1", "w2", "w3", "w4")
    home.fail = lambda _sink, _count: SinkFailure("down") if home.words("a") else None

    def choosy(sink: Stored) -> Deliverer:
        made = home.make(sink)
        made.is_for = lambda event: "w1" not in event.subject  # type: ignore[method-assign]
        return made

    flush(home.path, due_only=False, make=choosy)
    home.fail = lambda _sink, _count: None
    flush(home.path, due_only=False, make=choosy)
    assert home.words("a") == ["w2", "w3", "w4"]


def test_two_programs_never_deliver_one_queue_at_once(home: Home) -> None:
    home.adopt("one", "a")
    home.say("one", *(f"w{number}" for number in range(30)))
    threads = [threading.Thread(target=home.flush) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert home.words("a") == [f"w{number}" for number in range(30)]


def test_an_acknowledgement_is_recorded_and_not_told(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with home.open() as ledger:
        ledger.append(policy("one", a=str(out)), set_name="one")
        ledger.append(refused("w1"), set_name="one")
    alerting.flush(home.folder, due_only=False)
    assert alerting.flush(home.folder, due_only=False) == []
    with home.open() as ledger:
        bodies = [entry.record.body for entry in ledger.entries()]
    (taken,) = [body for body in bodies if isinstance(body, AlertsDelivered)]
    ids = [json.loads(line)["metadata"]["uid"] for line in out.read_text().splitlines()]
    assert (taken.sink, taken.count, taken.first, taken.last) == ("a", len(ids), ids[0], ids[-1])


KILLED = """
import sys, time
from pathlib import Path
from breakglass_shamir.alerts import delivery
from breakglass_shamir.alerts.sinks.base import Deliverer
class Slow(Deliverer):
    batch = 4
    def _deliver(self, events, deadline):
        for event in events:
            with open(sys.argv[2], "ab", buffering=0) as out:
                out.write(event.json + b"\\n")
            time.sleep(0.002)
print("ready", flush=True)
delivery.flush(Path(sys.argv[1]), due_only=False, make=lambda sink: Slow(sink.name))
"""


def test_kills_during_delivery_lose_nothing(home: Home, tmp_path: Path) -> None:
    """Killed again and again: all of it is there in the end, in order, and doubles have the same id."""
    home.adopt("one", "a")
    said = [f"w{number}" for number in range(120)]
    home.say("one", *said)
    out = tmp_path / "out"
    slow = 1
    for kill in range(60):
        if kill >= 25 and out.exists():
            break
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(home.path), str(out)], cwd=REPOSITORY, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.004 * (kill % 7) * slow)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=120)
        slow += not out.exists()
    home.flush()
    taken = [json.loads(line) for line in out.read_bytes().splitlines()]
    lines = [*((event["metadata"]["uid"], event["message"]) for event in taken)]
    first: dict[str, str] = {}
    for identifier, message in lines:
        assert first.setdefault(identifier, message) == message
    words = [message.rpartition(": ")[2] for message in first.values() if "refused at" in message]
    assert list(dict.fromkeys(words + home.words("a"))) == said
