# SPDX-License-Identifier: Apache-2.0
"""The sinks of this machine: a file of JSON lines, a program, and a real journald."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alert_events import voided

from breakglass_shamir.alerts.sinks.file import File
from breakglass_shamir.alerts.sinks.program import Program
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.sinks import ExecSink, FileSink
from breakglass_shamir.errors import SinkFailure

JOURNAL = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log
/lib/systemd/systemd-journald >/dev/null 2>&1 &
journal=$!
for i in $(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.05; done
"$1" "$2"
for i in $(seq 100); do
  journalctl -t bg-test -o json --no-pager -D /run/log/journal >"$3" 2>/dev/null && [ -s "$3" ] && break
  sleep 0.05
done
kill $journal
"""
"""Runs a journald of its own in its own mounts, sends to it, and reads it."""

SENDER = """
import sys
sys.path[:0] = {paths!r}
from alert_events import voided
from breakglass_shamir.alerts.sinks.journald import Journald
from breakglass_shamir.custody.policy.sinks import JournaldSink
Journald(JournaldSink(name="journal", identifier="bg-test")).deliver([voided(4, "ümläut\\nPRIORITY=0")])
"""


def lines(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_events_are_lines_in_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    sink = File(FileSink(name="file", path=str(path)))
    sink.deliver([voided(1), voided(2)])
    sink.deliver([voided(3)])
    assert lines(path) == [voided(number).document for number in (1, 2, 3)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(voided(1).json[:40])
    File(FileSink(name="file", path=str(path))).deliver([voided(1)])
    assert [json.loads(line) for line in path.read_text().splitlines()[1:]] == [voided(1).document]


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SinkFailure, match="Is a directory"):
        File(FileSink(name="file", path=str(tmp_path))).deliver([voided(1)])


def program(tmp_path: Path, script: str, timeout_s: int = 10) -> Program:
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return Program(ExecSink(name="program", argv=(str(path), "an argument"), timeout=Duration(timeout_s)))


def test_a_program_gets_one_line_and_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_SHELL", "tinned beans")
    out = tmp_path / "out"
    program(tmp_path, f'cat >>{out}; env >>{out}.env; echo "$1" >>{out}.argv').deliver([voided(1), voided(2)])
    assert lines(out) == [voided(1).document, voided(2).document]
    assert "A_SECRET" not in (tmp_path / "out.env").read_text()
    assert (tmp_path / "out.argv").read_text() == "an argument\nan argument\n"


def test_a_program_that_fails_counts_what_it_took_before(tmp_path: Path) -> None:
    sink = program(tmp_path, f"echo x >>{tmp_path}/n; [ $(wc -l <{tmp_path}/n) -lt 3 ]")
    with pytest.raises(SinkFailure, match="ended with 1") as caught:
        sink.deliver([voided(number) for number in range(5)])
    assert caught.value.delivered == 2


def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(SinkFailure, match="did not end within 1 s"):
        program(tmp_path, "exec sleep 30", 1).deliver([voided(1)])
    assert time.monotonic() - started < 20


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(SinkFailure, match="/nowhere/program could not be run: No such file"):
        Program(ExecSink(name="program", argv=("/nowhere/program",))).deliver([voided(1)])


def test_an_entry_lands_in_a_real_journal_with_its_fields(tmp_path: Path, need: Callable[[str], str]) -> None:
    for name in ("unshare", "journalctl", "logger"):
        need(name)
    if os.geteuid() != 0:
        pytest.skip("a journald of its own needs root")
    sender, out = tmp_path / "sender.py", tmp_path / "out"
    sender.write_text(SENDER.format(paths=[str(Path(__file__).parent)]))
    script = tmp_path / "journal.sh"
    script.write_text(JOURNAL)
    done = subprocess.run(
        ["unshare", "--mount", "bash", str(script), sys.executable, str(sender), str(out)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (entry,) = lines(out)
    assert isinstance(entry, dict)
    event = voided(4, "ümläut\nPRIORITY=0")
    assert (entry["MESSAGE"], entry["PRIORITY"], entry["BREAKGLASS_EVENT"]) == (event.subject, "3", event.id)
    assert json.loads(entry["BREAKGLASS_OCSF"]) == event.document
