# SPDX-License-Identifier: Apache-2.0
"""Many programs write to one ledger at once: none loses a record, none is kept out, and the dead hold nobody up.

Nothing is timed here; what waiting costs is measured by ``tests.benchmarks``.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger import turns
from breakglass_shamir.ledger.turns import TURNS_NAME, Turns
from breakglass_shamir.ledger.verify import verify

REPOSITORY = Path(__file__).resolve().parents[2]
WRITERS, EACH = 32, 4
LIMIT_S = 300.0

WRITER = """
import sys
from pathlib import Path
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.ledger.home import open_home
with open_home(Path(sys.argv[1])) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        entry = ledger.append(Refused(stage="test", error=sys.argv[2], message=str(number)))
        print(entry.record.seq, entry.digest, flush=True)
"""

WAITER = """
import sys
from pathlib import Path
from breakglass_shamir.ledger.turns import Turns
print("ready", flush=True)
sys.stdin.readline()
with Turns(Path(sys.argv[1])).turn():
    print("mine", flush=True)
    sys.stdin.readline()
"""


class Players:
    """Processes that begin together."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, program: str, *words: str | Path) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)], cwd=REPOSITORY, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def go(self, *some: "subprocess.Popen[str]") -> None:
        for process in some or self.processes:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write("go\n")
                process.stdin.flush()

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def players() -> Iterator[Players]:
    found = Players()
    yield found
    found.end()


def promised(output: str) -> dict[int, str]:
    """Read whole lines only: a process may die in the middle of one."""
    lines = [line.split() for line in output.splitlines(keepends=True) if line.endswith("\n")]
    return {int(line[0]): line[1] for line in lines if len(line) == 2}


def stored(home: Path) -> dict[int, str]:
    with homes.open_home(home) as ledger:
        report = verify(ledger, full=True)
        found = {entry.record.seq: entry.digest for entry in ledger.entries()}
    assert sorted(found) == list(range(report.records))
    return found


def test_all_of_many_writers_get_through_and_nothing_is_lost(players: Players, tmp_path: Path) -> None:
    homes.create(tmp_path, "north").close()
    for number in range(WRITERS):
        players.start(WRITER, tmp_path, f"writer {number}", str(EACH))
    players.go()
    heard = [promised(one.communicate(timeout=LIMIT_S)[0]) for one in players.processes]
    assert [one.returncode for one in players.processes] == [0] * WRITERS
    assert [len(one) for one in heard] == [EACH] * WRITERS
    every = {seq: digest for one in heard for seq, digest in one.items()}
    assert len(every) == WRITERS * EACH
    assert every.items() <= stored(tmp_path).items()
    assert len(stored(tmp_path)) == 1 + WRITERS * EACH


def test_writers_take_turns(players: Players, tmp_path: Path) -> None:
    """Nobody writes all of theirs while others wait for their first."""
    homes.create(tmp_path, "north").close()
    for number in range(8):
        players.start(WRITER, tmp_path, f"writer {number}", "20")
    players.go()
    heard = [promised(one.communicate(timeout=LIMIT_S)[0]) for one in players.processes]
    order = sorted((seq, who) for who, one in enumerate(heard) for seq in one)
    middle = [who for _, who in order[len(order) // 4 : -len(order) // 4]]
    longest = max(len(list(run)) for run in _runs(middle))
    assert longest <= 4, f"one writer had {longest} turns in a row: {middle}"


def _runs(middle: list[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for who in middle:
        if run and run[-1] != who:
            yield run
            run = []
        run.append(who)
    yield run


def test_writers_that_are_killed_while_they_wait_or_write_hold_nobody_up(players: Players, tmp_path: Path) -> None:
    homes.create(tmp_path, "north").close()
    for number in range(WRITERS):
        players.start(WRITER, tmp_path, f"writer {number}", "1000" if number % 2 else str(EACH))
    players.go()
    victims, others = players.processes[1::2], players.processes[::2]
    for victim in victims:
        time.sleep(0.02)
        victim.send_signal(signal.SIGKILL)
    heard = [promised(one.communicate(timeout=LIMIT_S)[0]) for one in others]
    assert [len(one) for one in heard] == [EACH] * len(others)
    before_death = [promised(one.communicate(timeout=LIMIT_S)[0]) for one in victims]
    found = stored(tmp_path)
    for one in (*heard, *before_death):
        assert one.items() <= found.items()


def test_a_writer_that_was_stopped_while_it_waits_is_passed(players: Players, tmp_path: Path) -> None:
    """As by Ctrl-Z: it lives, and does not move on."""
    homes.create(tmp_path, "north").close()
    with homes.open_home(tmp_path) as ledger, ledger.transaction():
        stopped = players.start(WRITER, tmp_path, "stopped", "1")
        players.go(stopped)
        _until(lambda: (tmp_path / TURNS_NAME).stat().st_size == 2)
        stopped.send_signal(signal.SIGSTOP)
    others = [players.start(WRITER, tmp_path, f"writer {number}", "2") for number in range(4)]
    players.go(*others)
    heard = [promised(one.communicate(timeout=LIMIT_S)[0]) for one in others]
    assert [len(one) for one in heard] == [2] * 4
    stopped.send_signal(signal.SIGCONT)
    assert len(promised(stopped.communicate(timeout=LIMIT_S)[0])) == 1
    assert len(stored(tmp_path)) == 10


def _until(condition: "object") -> None:
    end = time.monotonic() + 120
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


# --- the queue by itself -----------------------------------------------------------------------------------


def mine(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "mine\n"


def test_turns_come_in_the_order_of_the_tickets(players: Players, tmp_path: Path) -> None:
    path = tmp_path / "turns"
    waiting = [players.start(WAITER, path) for _ in range(6)]
    with Turns(path).turn():
        for number, one in enumerate(waiting, 2):
            players.go(one)
            _until(lambda number=number: path.stat().st_size == number)
        pids = [one.pid for one in waiting]
    for one in waiting:
        assert mine(one), pids
        players.go(one)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_who_dies_in_the_queue_or_in_its_turn_leaves_it(
    ending: signal.Signals, players: Players, tmp_path: Path
) -> None:
    path = tmp_path / "turns"
    holder, dies, last = (players.start(WAITER, path) for _ in range(3))
    players.go(holder)
    assert mine(holder)
    for number, one in ((2, dies), (3, last)):
        players.go(one)
        _until(lambda number=number: path.stat().st_size == number)
    dies.send_signal(ending)
    dies.wait()
    holder.send_signal(ending)
    assert mine(last)


def test_a_queue_that_cannot_be_had_keeps_nobody_from_writing(tmp_path: Path) -> None:
    homes.create(tmp_path, "north").close()
    for spoil in (lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to("/nowhere/at/all")):
        path = tmp_path / TURNS_NAME
        spoil(path)
        with homes.open_home(tmp_path) as ledger:
            ledger.append(Refused(stage="test", error="none", message="written all the same"))
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_queue_that_does_not_move_is_left_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_S", 1000.0)
    monkeypatch.setattr(turns, "LONGEST_WAIT_S", 0.2)
    path = tmp_path / "turns"
    with Turns(path).turn(), Turns(path).turn():
        assert path.stat().st_size == 2
