# SPDX-License-Identifier: Apache-2.0
"""``--record-to`` helps whenever the ledger stands in the way: held, damaged, unreadable, or impossible to make."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.ledger import LedgerMoved
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.operations.folders import on_memory
from tests.end_to_end.life import DECLARATION, NAME, Life

COMMAND = ("--exec", "sh", "-c", "cat > got")


def damaged(home: Path) -> None:
    path = home / "ledger.sqlite"
    path.write_bytes(b"\x5a" * path.stat().st_size)


def without_its_key(home: Path) -> None:
    (home / "terminal-key.pem").unlink()


def with_a_spoiled_key(home: Path) -> None:
    (home / "terminal-key.pem").write_text("not a key")


def moved_to_a_lost_place(home: Path) -> None:
    with homes.open_home(home) as ledger:
        homes.move(ledger, home.parent / "lost", "the disk was full").close()
    shutil.rmtree(home.parent / "lost")


@pytest.mark.parametrize("spoil", [damaged, without_its_key, with_a_spoiled_key, moved_to_a_lost_place])
def test_a_home_that_cannot_be_opened_stops_no_emergency(life: Life, spoil: Callable[[Path], None]) -> None:
    spoil(life.home)
    refused = life.recombine(*COMMAND)
    assert refused.exit == 5, refused.err
    assert not (life.folder / "got").exists()
    stick = life.folder / "stick"
    done = life.recombine("--record-to", stick, *COMMAND)
    assert done.exit == 7, done.err
    assert f"breakglass --home {stick}" in done.err
    assert "UNPINNED" in done.err
    assert (life.folder / "got").read_bytes() == life.secret.reveal()
    begun = ["ledger-started", "ledger-moved", "recovered", "declared", "opened", "in-use", "use-ended"]
    assert life.kinds(stick) == begun
    body = life.entries(stick)[1].record.body
    assert isinstance(body, LedgerMoved)
    assert str(life.home) in body.reason
    assert life.run("--home", stick, "audit", "verify").exit == 0


def test_the_same_command_again_goes_on_in_the_same_place(life: Life) -> None:
    damaged(life.home)
    stick = life.folder / "stick"
    words = ("--record-to", stick, "--no-reveal", "--target", f"ssh-key://{life.key}")
    first = life.recombine(*words)
    assert first.exit == 7, first.err
    assert life.recombine(*words).exit != 5
    assert life.kinds(stick).count("ledger-started") == 1


def test_a_blank_machine_whose_home_cannot_be_made(life: Life) -> None:
    (life.folder / "file").write_text("")
    blank = ("--home", life.folder / "file" / "home", "recombine", NAME, *DECLARATION, "--scan", life.scans(1))
    stick = life.folder / "stick"
    plain = life.run(*blank, *COMMAND)
    assert (plain.exit, "--record-to PATH" in plain.err) == (5, True)
    done = life.run(*blank, "--record-to", stick, *COMMAND)
    assert done.exit == 7, done.err
    assert life.kinds(stick)[:3] == ["ledger-started", "ledger-moved", "recovered"]


def test_a_ledger_that_another_program_holds_is_left_behind(life: Life) -> None:
    before = life.kinds()
    stick = life.folder / "stick"
    with closing(sqlite3.connect(life.home / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        held = life.recombine(*COMMAND)
        assert (held.exit, "--record-to PATH" in held.err) == (5, True)
        assert "nothing was revealed" in held.err
        done = life.recombine("--record-to", stick, *COMMAND)
    assert done.exit == 7, done.err
    assert life.kinds(stick) == [*before, "ledger-moved", "declared", "opened", "in-use", "use-ended"]
    old = life.run("status")
    assert (old.exit, f"breakglass --home {stick}" in old.err) == (5, True)


def test_a_command_without_it_does_not_name_it(life: Life) -> None:
    (life.folder / "file").write_text("")
    for command in (
        ("--home", life.folder / "file" / "home", "init"),
        ("audit", "export", "0", "--out", "/dev/null/x"),
    ):
        done = life.run(*command)
        assert done.exit in (2, 5), done.err
        assert "--record-to" not in done.err


def test_a_double_dash_before_the_command_is_no_part_of_it(life: Life) -> None:
    done = life.recombine("--exec", "--", "sh", "-c", "cat > got")
    assert done.exit == 7, done.err
    assert (life.folder / "got").read_bytes() == life.secret.reveal()


@pytest.mark.skipif(not on_memory(Path("/dev/shm")), reason="no memory file system at /dev/shm")
def test_a_place_in_memory_is_warned_of(life: Life) -> None:
    damaged(life.home)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        words = ("--record-to", Path(folder) / "stick", "--no-reveal", "--target", f"ssh-key://{life.key}")
        done = life.recombine(*words)
    assert done.exit == 7, done.err
    assert done.err.count("IN MEMORY ONLY") == 2, "at first, and before the reveal"
