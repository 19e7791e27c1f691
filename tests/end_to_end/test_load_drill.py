# SPDX-License-Identifier: Apache-2.0
"""Load drills as an operator runs them: small ones, with a slow and a dead sink, interrupted, and over what they allow.

What is real: the processes, the homes, the drill cards and their reading, the sinks, the signals.
"""

import errno
import json
import os
import signal
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from breakglass_shamir.alerts.outbox import BESIDE
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.drills import LoadDrilled
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.errors import IllegalState, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import durable, verify
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.operations.desk import EmptyDesk
from breakglass_shamir.operations.load import marking, running
from breakglass_shamir.operations.load.wanted import Wanted
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.targets import Named

LIMIT_S = 300
PROGRAM = str(Path(sysconfig.get_path("scripts")) / "breakglass")

LIVE = """name = "prod-db"
[target]
uri = "manual:prod-db"
[[quorum.groups]]
threshold = 2
custodians = ["A", "B", "C"]
[declaration]
classes = ["x"]
[[alerts.sinks]]
type = "file"
name = "lines"
path = "{lines}"
[drills.load]
sinks = ["lines"]
"""

LOAD = """name = "load-test"
[target]
uri = "manual:load-test"
[[quorum.groups]]
threshold = 2
custodians = ["A", "B", "C"]
[[officers]]
name = "Duty"
keys = ["{key}"]
[declaration]
classes = ["x"]
signatures = 1
[alerts]
budget = "1s"
{more}
[[alerts.sinks]]
type = "file"
name = "lines"
path = "{lines}"
[drills.load]
sinks = {sinks}
limits = [{{step = "quorum", p50 = "10m", p99 = "10m"}}, {{step = "login", p99 = "1s"}}]
"""

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMlZGgOD2ksjPBkTT//zj5fQxG9NWwBUAVNND+kCd/c"


@dataclass
class Office:
    """A terminal whose one set lets load drills at its sink, and a temporary folder of its own."""

    folder: Path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self._command(*words), capture_output=True, text=True, check=False, timeout=LIMIT_S,
            env=self._environment(), stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self._command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environment(),
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def load(self, *words: str, sinks: str = '["lines"]', more: str = "") -> tuple[str, ...]:
        path = self.folder / "load.toml"
        path.write_text(LOAD.format(key=KEY, lines=self.lines, sinks=sinks, more=more))
        return ("--json", "drill", "load", str(path), *words)

    @property
    def lines(self) -> Path:
        return self.folder / "alerts.jsonl"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def records(self) -> list[LoadDrilled]:
        with homes.open_home(self.home) as ledger:
            verify.verify(ledger)
            return [one.record.body for one in ledger.entries() if isinstance(one.record.body, LoadDrilled)]

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.read_text().splitlines()]

    def _command(self, *words: str) -> list[str]:
        return [PROGRAM, "--home", str(self.home), *words]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary)}


def begun(folder: Path) -> Office:
    office = Office(folder)
    office.temporary.mkdir()
    source = LIVE.format(lines=office.lines)
    with homes.create(office.home, "office") as ledger:
        ledger.append(PolicyAdopted(source=source, digest=policies.digest(source).hex()), set_name="prod-db")
    return office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return begun(tmp_path)


def left_behind(office: Office) -> list[str]:
    """Return the processes and files that a load drill left; the courier of the terminal itself is not one of them."""
    found = [str(path) for path in office.temporary.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(office.home).encode() not in command and str(office.temporary).encode() in environment + command:
            found.append(command.decode(errors="replace"))
    return found


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, dict[str, Any]]:
    """A load drill of 4 rehearsals from 2 terminals, with a file and a slow sink, whose alerts all have their time."""
    office = begun(tmp_path_factory.mktemp("load"))
    words = office.load("--terminals", "2", "--rehearsals", "4", "--slow-sink", "1s", "--settle", "10m")
    done = office.run(*words)
    assert done.returncode == 0, done.stderr
    return office, json.loads(done.stdout)


def test_what_it_shows_is_counted_and_recorded(once: tuple[Office, dict[str, Any]]) -> None:
    office, shown = once
    assert (shown["done"], shown["failed"], shown["terminals"], shown["at_once"]) == (4, 0, 2, 4)
    assert shown["result"] == "warning"
    assert shown["reasons"] == ["login: limited, and no rehearsal came to it"]
    assert list(shown["steps_ms"]) == ["declared", "signed", "first-scan", "quorum", "revealed", "alert-acknowledged"]
    (body,) = office.records()
    assert (body.done, body.result, body.reasons) == (4, "warning", tuple(shown["reasons"]))
    assert body.steps_ms == {step: tuple(took) for step, took in shown["steps_ms"].items()}
    assert body.limits_ms == {"quorum": (600_000, 0, 600_000), "login": (0, 0, 1000)}


def test_every_alert_is_acknowledged(once: tuple[Office, dict[str, Any]]) -> None:
    office, shown = once
    # Declared, signed and rehearsed, of each of four rehearsals.
    assert shown["alerts"] == {"lines": [12, 12, 0], "slow": [12, 12, 0]}
    arrived = {one["metadata"]["uid"] for one in office.told() if "load_drill" in one["unmapped"]["breakglass"]}
    assert len(arrived) == 12


def test_every_event_of_it_is_marked_and_no_other(once: tuple[Office, dict[str, Any]]) -> None:
    office, shown = once
    marked = [one for one in office.told() if one["message"].startswith(marking.MARK)]
    others = [one for one in office.told() if one not in marked]
    assert {one["unmapped"]["breakglass"]["load_drill"] for one in marked} == {shown["drill"]}
    assert {one["severity_id"] for one in marked} == {1}
    assert {one["metadata"]["log_provider"] for one in others} <= {"office"}
    assert all(f"load drill {shown['drill']}, terminal" in one["metadata"]["log_provider"] for one in marked)


def test_nothing_of_it_is_left(once: tuple[Office, dict[str, Any]]) -> None:
    assert left_behind(once[0]) == []


def test_the_report_and_the_register_have_it(once: tuple[Office, dict[str, Any]]) -> None:
    office, shown = once
    done = office.run("audit", "report", "--out", str(office.folder / "report.html"))
    assert done.returncode == 0, done.stderr
    page = (office.folder / "report.html").read_text()
    assert page.count('<svg class="load"') == 1
    assert "login: limited, and no rehearsal came to it" in page
    (told,) = json.loads((office.folder / "report.json").read_text())["terminals"]
    assert told["loads"][0]["steps_ms"] == shown["steps_ms"]
    listed = json.loads(office.run("--json", "audit", "drills").stdout)["drills"]
    assert [(one["drill"], one["set"], one["result"]) for one in listed] == [("load", "", "warning")]


def test_a_dead_sink_that_must_be_told_is_exit_8_and_every_alert_is_in_the_outbox(office: Office) -> None:
    words = office.load("--terminals", "1", "--rehearsals", "1", "--dead-sink", "--settle", "1s", sinks="[]",
                        more="require_ack = true")  # fmt: skip
    done = office.run(*words)
    assert done.returncode == 8, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["done"], shown["failed"], shown["result"]) == (0, 1, "fail")
    assert any("no sink took the alert" in one for one in shown["reasons"])
    made, taken, waiting = shown["alerts"]["dead"]
    assert (taken, waiting) == (0, made)
    assert made >= 2
    assert [body.result for body in office.records()] == ["fail"]
    assert left_behind(office) == []


def test_an_interrupted_one_leaves_no_process_no_home_and_no_record(office: Office) -> None:
    process = office.start(*office.load("--terminals", "1", "--rehearsals", "2", "--rounds", "1000"))
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().startswith("load drill"):
                break
        _until(lambda: any("rehearsing" in one for one in left_behind(office)))
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, said
    assert left_behind(office) == []
    assert office.records() == []


def test_one_that_takes_too_much_room_is_stopped(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(office.temporary))
    monkeypatch.setattr(running, "_size", lambda _: 17 << 20)
    with homes.open_home(office.home, BESIDE) as ledger:
        recorder = Recorder(ledger, EmptyDesk())
        office.load()
        with pytest.raises(IllegalState, match="--disk allows 16"):
            running.run(recorder, (office.folder / "load.toml").read_text(), Wanted(1, 1, disk_mib=16))
    assert left_behind(office) == []
    assert office.records() == []


def test_a_full_disk_is_said_and_leaves_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(office.temporary))
    monkeypatch.setattr(durable, "write_new", full)
    with homes.open_home(office.home, BESIDE) as ledger:
        office.load()
        with pytest.raises(IllegalState, match="No space left on device"):
            running.run(Recorder(ledger, EmptyDesk()), (office.folder / "load.toml").read_text(), Wanted(1, 1))
    assert left_behind(office) == []
    assert office.records() == []


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(at_once=65), Wanted(terminals=17, at_once=17), Wanted(terminals=3, at_once=2), Wanted(rounds=0),
        Wanted(rounds=1001), Wanted(lasting_s=3601), Wanted(settle_s=0), Wanted(disk_mib=1), Wanted(slow_s=16),
        Wanted(named=Named("postgresql://h/d", "x")), Wanted(credential=Secret(b"x")),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(wanted: Wanted) -> None:
    with pytest.raises(InvalidInput):
        wanted.check()


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
