# SPDX-License-Identifier: Apache-2.0
"""Several processes append to one home, and some are killed: the log stays dense and holds what was promised."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from breakglass_shamir.custody import record as records
from breakglass_shamir.ledger.home import create, open_home
from breakglass_shamir.ledger.verify import verify

REPOSITORY = Path(__file__).resolve().parents[3]

APPEND = """
import sys
from pathlib import Path
from breakglass_shamir.custody.record import Refused
from breakglass_shamir.ledger.home import open_home
home, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with open_home(home) as ledger:
    print("ready", flush=True)
    for number in range(count):
        entry = ledger.append(Refused(stage="test", error=name, message=str(number)))
        print(entry.record.seq, entry.digest, flush=True)
"""


def start(home: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", APPEND, str(home), name, str(count)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def acknowledged(output: str) -> dict[int, str]:
    """Read whole lines only: a process may die in the middle of one."""
    lines = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return {int(line[0]): line[1] for line in lines if len(line) == 2}


def stored(home: Path) -> dict[int, str]:
    with open_home(home) as ledger:
        report = verify(ledger)
        found = {entry.record.seq: entry.digest for entry in ledger.entries()}
        assert sorted(found) == list(range(report.records))
    return found


def test_two_processes_append_to_one_home(tmp_path: Path) -> None:
    create(tmp_path, "north").close()
    running = [start(tmp_path, name, 60) for name in ("one", "two")]
    promised = [acknowledged(process.communicate(timeout=60)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert [len(one) for one in promised] == [60, 60]
    assert not promised[0].keys() & promised[1].keys()
    found = stored(tmp_path)
    assert len(found) == 121
    assert {**promised[0], **promised[1]}.items() <= found.items()
    with open_home(tmp_path) as ledger:
        bodies = [entry.record.body for entry in ledger.entries(1)]
        for name in ("one", "two"):
            said = [body.message for body in bodies if isinstance(body, records.Refused) and body.error == name]
            assert said == [str(number) for number in range(60)]


def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    create(tmp_path, "north").close()
    promised: dict[int, str] = {}
    for kill in range(30):
        process = start(tmp_path, f"run {kill}", 10_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        heard = "".join(process.stdout.readline() for _ in range(1 + kill % 4))
        os.kill(process.pid, signal.SIGKILL)
        heard += process.communicate(timeout=60)[0]
        assert process.returncode == -signal.SIGKILL
        promised.update(acknowledged(heard))
    found = stored(tmp_path)
    assert len(promised) >= 30
    assert promised.items() <= found.items()
    assert len(found) <= 1 + len(promised) + 30
