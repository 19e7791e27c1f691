# SPDX-License-Identifier: Apache-2.0
"""Promise 4 on the whole program: killed at any step, the set opens from paper and the rotation comes to its end.

Each row of the matrix is one boundary (see ``crash_driver``). After the kill, and before anything is tried
again: the ledger verifies, nothing was revealed without its record, and what the printed sheets hold opens the
key. Then the program is asked, and its hints are followed to the letter, until the rotation is proven.

``make test`` kills at each boundary until sheets are printed if there is an opening, and at every fourth of a rotation,
the last one among them. At each of a rotation it kills in ``tests/servers/test_faults.py``, on the same target, where
only the pictures are left out; ``make long`` kills at each of them here.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.custody.life.state import Phase
from breakglass_shamir.ledger import home
from tests.end_to_end.life import CUSTODIANS, DECLARATION, NAME, TIME_LIMIT_S, Done, Life, groups_text, secrets_on_paper
from tests.lengths import WHOLE

DRIVER = Path(__file__).with_name("crash_driver.py")
REPOSITORY = Path(__file__).parents[2]

SLICES = 2
"""Each test takes every other boundary that is tried, so that workers share the matrix."""

STRIDE = 4
"""A rotation is killed at one boundary in so many; a record has three, and each of them has its turn."""

FEWEST_BOUNDARIES = {"recombine": 50, "rotate": 45}
"""Fewer than these, and the driver has lost hold of the steps."""

MOST_HINTS = 4
"""Steps people take to bring a set back."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one kill."""

    number: int
    step: str
    lives: str
    """Which credential opened the key right after it."""

    hints: tuple[str, ...]
    """What people were told, and did."""

    def __str__(self) -> str:
        return f"{self.number:4}  {self.step:40} {self.lives:4} {' > '.join(self.hints)}"


class Crash:
    """One life, one kill, one way back."""

    def __init__(self, life: Life, operation: str) -> None:
        self.life = life
        self.operation = operation
        self.journal = life.folder / "journal"
        self.marker = life.folder / "revealed"

    def kill_at(self, boundary: int | str) -> bool:
        """Run the operation up to a boundary, by number or name; tells whether there was one."""
        ended = self._driven(str(boundary), 2, self._command())
        if ended.exit == 0:
            return False
        assert ended.exit == -signal.SIGKILL, ended.err
        return True

    def steps(self) -> list[str]:
        """Return the boundaries that were passed."""
        return self.journal.read_text().splitlines()

    def step(self) -> str:
        """Return the boundary at which it ended."""
        return self.steps()[-1]

    def look(self) -> str:
        """Hold the promises right after the kill; returns which credential lives."""
        kinds = self.life.kinds()
        if self.marker.exists():
            assert "opened" in kinds
            assert self.marker.read_bytes() == self.life.secret.reveal()
        if self.life.opens(self.life.secret):
            return "old"
        assert any(map(self.life.opens, secrets_on_paper(self.life.sheets(2))))
        assert "applying" in kinds
        return "new"

    def bring_back(self) -> tuple[str, ...]:
        """Do what the program says until the rotation is proven; returns what it said."""
        said: list[str] = []
        scans = [1]
        for attempt in range(MOST_HINTS):
            options = ["--scan", *_joined("--scan", [str(self.life.scans(n)) for n in scans])]
            patience_s = 1 if scans == [1] and self._is_prepared() else 30
            command = ["rotate", NAME, *options, *map(str, self.life.rotating(3 + attempt, timeout_s=patience_s))]
            done = self._driven("none", 3 + attempt, command)
            if done.exit == 0:
                return (*said, "rotate")
            hint = done.err.rpartition("hint: ")[2].strip()
            said.append(hint)
            scans = self._follow(hint, scans)
        pytest.fail(f"still not rotated after: {said}")

    def _is_prepared(self) -> bool:
        """Tell whether new sheets are printed, which nobody lays on the scanner before they are asked for."""
        with home.open_home(self.life.home) as ledger:
            return bool(ledger.state.of(NAME).prepared)

    def proven(self) -> None:
        """Hold that the set is whole again: one living credential, on paper, its old one dead."""
        with home.open_home(self.life.home) as ledger:
            state = ledger.state.of(NAME)
        assert (state.phase, state.debts) == (Phase.SEALED, ())
        printings = [self.life.sheets(n) for n in range(2, 2 + MOST_HINTS) if self.life.sheets(n).exists()]
        alive = [folder for folder in printings if any(map(self.life.opens, secrets_on_paper(folder)))]
        assert len(alive) == 1
        assert not self.life.opens(self.life.secret)
        assert one_file.leftovers(self.life.key) == []
        self.life.entries()

    def _follow(self, hint: str, scans: list[int]) -> list[int]:
        """Do what a hint says; returns which scans to bring next time."""
        for word, arguments in (("close", ["--as", "emergency"]), ("cancel", ["--reason", "it was interrupted"])):
            if f"breakglass {word} {NAME}" in hint:
                self.life.ok(word, NAME, *arguments)
                return scans
        if "both sets of sheets" in hint or "--scan OLD --scan NEW" in hint:
            self.life.scan(2)
            return [1, 2]
        if "bring the sheets of epoch 2" in hint:
            self.life.scan(2)
            return [2]
        pytest.fail(f"nobody could follow this hint: {hint}")

    def _command(self) -> list[str]:
        rest = ["--scan", str(self.life.scans(1)), *map(str, self.life.rotating(2))]
        if self.operation == "rotate":
            return ["rotate", NAME, *rest]
        return ["recombine", NAME, *DECLARATION, *rest, "--exec", "sh", "-c", f"cat > {self.marker}"]

    def _driven(self, boundary: str, printing: int, command: list[str]) -> Done:
        readback = self.life.folder / f"readback-{printing}"
        driver = [DRIVER, self.journal, boundary, self.life.sheets(printing), readback]
        done = subprocess.run(
            [sys.executable, *map(str, driver), "--home", str(self.life.home), *command],
            capture_output=True, stdin=subprocess.DEVNULL, text=True, cwd=self.life.folder,
            env=self.life.environment(PYTHONPATH=str(REPOSITORY)), timeout=TIME_LIMIT_S, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)


def _joined(word: str, values: list[str]) -> list[str]:
    """Put a word between values."""
    return [part for value in values for part in (word, value)][1:]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sealed set of 2 of 2: the fewest sheets there can be, since all of this is printed a hundred times."""
    life = Life(tmp_path_factory.mktemp("pair") / "life", quorum=groups_text((2, CUSTODIANS[:2])))
    life.begin()
    life.seal()
    life.keep()
    return life


def boundaries(life: Life, operation: str) -> list[str]:
    """Return the boundaries of an operation that nothing ends."""
    life.restore()
    crash = Crash(life, operation)
    assert not crash.kill_at("none")
    return crash.steps()


def tried(names: Sequence[str], operation: str) -> Sequence[int]:
    """Return which boundaries it is killed at, by number."""
    every = range(len(names))
    if WHOLE:
        return every
    printing = next(number for number, name in enumerate(names) if name.startswith("before write "))
    opening = printing if operation == "recombine" else 0
    return [*every[:opening], *every[opening:-1:STRIDE], every[-1]]


@pytest.mark.crash
@pytest.mark.parametrize("first", range(SLICES))
@pytest.mark.parametrize("operation", ["recombine", "rotate"])
def test_a_kill_at_any_step_locks_nobody_out(pair: Life, operation: str, first: int, tmp_path: Path) -> None:
    table = tmp_path / "matrix.txt"
    rows: list[Row] = []
    names = boundaries(pair, operation)
    assert len(names) >= FEWEST_BOUNDARIES[operation], names
    numbers = tried(names, operation)[first::SLICES]
    for number in numbers:
        pair.restore()
        crash = Crash(pair, operation)
        assert crash.kill_at(number)
        step, lives = crash.step(), crash.look()
        row = Row(number, step, lives, crash.bring_back())
        crash.proven()
        rows.append(row)
        with table.open("a") as file:
            file.write(f"{row}\n")
    assert len(table.read_text().splitlines()) == len(rows) == len(numbers)
    assert rows[0].lives == "old"
    assert rows[-1].lives == "new"


def test_nothing_else_of_a_killed_run_goes_on(life: Life) -> None:
    crash = Crash(life, "rotate")
    assert crash.kill_at(12)
    mine = str(crash.life.folder).encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:
            continue
        assert mine not in line or int(process.name) == os.getpid()
