# SPDX-License-Identifier: Apache-2.0
"""A home has a ledger and a key; both move together, and nothing is overwritten."""

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import (
    FileExists,
    InvalidInput,
    InvalidSignature,
    LedgerElsewhere,
    LedgerUnwritable,
    NoHome,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.home import KEY_NAME, create, move, open_home
from breakglass_shamir.ledger.moved import MOVED_NAME
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.ledger.verify import verify

REPOSITORY = Path(__file__).resolve().parents[3]
NOTE = Refused(stage="open", error="insufficient-shares", message="no quorum")


def test_a_new_home_has_a_key_a_ledger_and_a_first_record(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "home"
    with create(folder, "  north terminal ") as ledger:
        (entry,) = ledger.entries()
        body = entry.record.body
        assert isinstance(body, LedgerStarted)
        assert body.terminal == "north terminal"
        assert body.public_key == sshsig.public_line(ledger.public_key, "north-terminal")
        assert body.software.startswith("breakglass_shamir ")
        verify(ledger)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / KEY_NAME, folder / FILE_NAME)]
    assert modes == [0o700, 0o600, 0o600]


def test_a_home_is_made_once(tmp_path: Path) -> None:
    create(tmp_path, "north").close()
    before = (tmp_path / KEY_NAME).read_bytes()
    with pytest.raises(FileExists, match="a ledger is already in"):
        create(tmp_path, "north")
    assert (tmp_path / KEY_NAME).read_bytes() == before


@pytest.mark.parametrize("name", ["", " ", "no\u202erth", "a\nb"])
def test_a_terminal_has_a_name_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="terminal name"):
        create(tmp_path / "home", name)
    assert not (tmp_path / "home").exists()


def test_a_key_left_by_a_crash_is_used(tmp_path: Path) -> None:
    create(tmp_path / "one", "north").close()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / KEY_NAME).write_bytes((tmp_path / "one" / KEY_NAME).read_bytes())
    with open_home(tmp_path / "one") as one, create(tmp_path / "two", "north") as two:
        assert one.public_key == two.public_key


def test_no_home_and_no_key_are_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoHome, match="no ledger in") as missing:
        open_home(tmp_path)
    assert "breakglass init" in missing.value.hint
    create(tmp_path, "north").close()
    (tmp_path / KEY_NAME).unlink()
    with pytest.raises(LedgerUnwritable, match=r"the terminal key .* could not be read") as refused:
        open_home(tmp_path)
    assert "begin a new home" in refused.value.hint
    (tmp_path / KEY_NAME).write_bytes(b"not a key")
    with pytest.raises(InvalidSignature, match="expected an Ed25519 private key in PEM form"):
        open_home(tmp_path)


def test_a_place_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnwritable, match="could not be made"):
        create(tmp_path / "file" / "home", "north")


def test_a_moved_ledger_is_the_same_log_and_says_so(tmp_path: Path) -> None:
    with create(tmp_path / "home", "north") as ledger:
        ledger.append(NOTE)
        with move(ledger, tmp_path / "stick", "disk full") as moved:
            assert (moved.log_id, moved.size) == (ledger.log_id, 3)
            assert [entry.record.body for entry in moved.entries(2)] == [LedgerMoved(reason="disk full")]
            moved.append(NOTE)
            assert verify(moved).records == 4
    with open_home(tmp_path / "stick") as again:
        assert verify(again).records == 4


def test_a_move_overwrites_nothing(tmp_path: Path) -> None:
    create(tmp_path / "other", "south").close()
    with create(tmp_path / "home", "north") as ledger:
        with pytest.raises(FileExists, match="a ledger is already in"):
            move(ledger, tmp_path / "other", "r")
        (tmp_path / "stick").mkdir()
        (tmp_path / "stick" / KEY_NAME).write_bytes(b"somebody's key")
        with pytest.raises(LedgerUnwritable, match="could not be written either"):
            move(ledger, tmp_path / "stick", "r")
        assert (tmp_path / "stick" / KEY_NAME).read_bytes() == b"somebody's key"


def test_a_move_that_failed_can_be_tried_again_in_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: Ledger, path: Path) -> None:
        path.write_bytes(b"half a ledger")
        raise LedgerUnwritable("the stick is full")

    with create(tmp_path / "home", "north") as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "_copy", half)
            with pytest.raises(LedgerUnwritable, match="the stick is full"):
                move(ledger, tmp_path / "stick", "r")
        assert not (tmp_path / "stick" / FILE_NAME).exists()
        with move(ledger, tmp_path / "stick", "second try") as moved:
            assert verify(moved).records == 2


def test_a_place_that_cannot_be_written_either(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with create(tmp_path / "home", "north") as ledger:
        with pytest.raises(LedgerUnwritable, match="could not be written either"):
            move(ledger, tmp_path / "file" / "stick", "r")
        ledger.append(NOTE)
    assert homes.KEY_NAME == "terminal-key.pem"


def test_a_moved_ledger_is_not_for_everybody_to_read(tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir(mode=0o755)
    with create(tmp_path / "home", "north") as ledger, move(ledger, tmp_path / "stick", "r"):
        assert stat.S_IMODE((tmp_path / "stick" / FILE_NAME).stat().st_mode) == 0o600


def test_a_home_whose_ledger_moved_says_where_and_is_written_no_more(tmp_path: Path) -> None:
    with create(tmp_path / "home", "north") as ledger, create(tmp_path / "other", "south"):
        move(ledger, tmp_path / "stick", "r").close()
        for refused in (lambda: open_home(tmp_path / "home"), lambda: ledger.append(NOTE)):
            with pytest.raises(LedgerElsewhere, match=f"goes on in {tmp_path / 'stick'}") as said:
                refused()
            assert said.value.exit_code == 5
            assert f"breakglass --home {tmp_path / 'stick'}" in said.value.hint
            assert str(tmp_path / "home" / MOVED_NAME) in said.value.hint
        assert ledger.size == 1
    (tmp_path / "home" / MOVED_NAME).unlink()
    open_home(tmp_path / "home").close()


def test_a_reason_that_names_any_path_can_be_recorded(tmp_path: Path) -> None:
    with (
        create(tmp_path / "home", "north") as ledger,
        move(ledger, tmp_path / "stick", "full: a\nb\u202e\udcff") as moved,
    ):
        (entry,) = moved.entries(1)
        assert entry.record.body == LedgerMoved(reason="full: a\nb\\u202e\\xff")


def left_empty(path: Path) -> None:
    path.touch()


def left_without_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=1")
    connection.close()


def left_without_records(path: Path) -> None:
    Ledger.create(path, Secret(b"k" * 32)).close()


@pytest.mark.parametrize("leave", [left_empty, left_without_tables, left_without_records])
def test_what_an_interrupted_start_left_is_no_home_and_stops_none(
    tmp_path: Path, leave: Callable[[Path], None]
) -> None:
    leave(tmp_path / FILE_NAME)
    with pytest.raises(NoHome):
        open_home(tmp_path)
    with create(tmp_path, "north") as ledger:
        assert verify(ledger).records == 1
    assert {path.name for path in tmp_path.iterdir()} == {FILE_NAME, KEY_NAME}


def test_the_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(FileExists):
        create(tmp_path, "north")
    assert (tmp_path / FILE_NAME).read_bytes() == before


CREATE = """
import os, signal, sys
from pathlib import Path
from breakglass_shamir.ledger import connection, home, store
die_at = int(sys.argv[2])
calls = 0
def trace(frame, event, argument):
    global calls
    if event == "line" and frame.f_code.co_filename in (home.__file__, store.__file__, connection.__file__):
        calls += 1
        if calls == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace
sys.settrace(trace)
home.create(Path(sys.argv[1]), "north").close()
sys.settrace(None)
print(calls)
"""


def test_a_start_that_is_killed_anywhere_leaves_a_whole_home_or_none(tmp_path: Path) -> None:
    def run(folder: Path, die_at: int) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", CREATE, str(folder), str(die_at)]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    lines = int(run(tmp_path / "whole", 0).stdout)
    for die_at in range(1, lines, max(1, lines // 16)):
        folder = tmp_path / str(die_at)
        assert run(folder, die_at).returncode == -signal.SIGKILL
        try:
            ledger = open_home(folder)
        except NoHome:
            ledger = create(folder, "north")
        with ledger:
            assert verify(ledger).records == 1


def test_a_folder_that_cannot_be_named_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path / ("x" * 300), tmp_path / "a" / ("y" * 5000)):
        for call in (open_home, lambda home: create(home, "north")):
            with pytest.raises(InvalidInput, match="cannot be used as a home: File name too long"):
                call(folder)
