# SPDX-License-Identifier: Apache-2.0
"""``MOVED`` written by somebody else: it is neither obeyed nor does it lock anybody out, and whoever opens is told."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.openings import Overridden, Refused
from breakglass_shamir.errors import LedgerElsewhere
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger import moved
from breakglass_shamir.ledger.moved import MOVED_NAME, Moved, Stranger
from tests.end_to_end.conftest import life, sealed_once, ssh_keygen
from tests.end_to_end.life import Life

__all__ = ["life", "sealed_once", "ssh_keygen"]

NOTE = Refused(stage="test", error="none", message="something happened")


def plain_words(home: Path) -> None:
    (home / MOVED_NAME).write_text("/media/of/a/stranger\n")


def nothing(home: Path) -> None:
    (home / MOVED_NAME).touch()


def bytes_of_any_kind(home: Path) -> None:
    (home / MOVED_NAME).write_bytes(bytes(range(256)))


def a_gigabyte(home: Path) -> None:
    with (home / MOVED_NAME).open("wb") as file:
        file.truncate(1 << 30)


def a_pipe(home: Path) -> None:
    os.mkfifo(home / MOVED_NAME)


def a_folder(home: Path) -> None:
    (home / MOVED_NAME).mkdir()


def a_link_to_nowhere(home: Path) -> None:
    (home / MOVED_NAME).symlink_to("/nowhere/at/all")


def signed_by_another_terminal(home: Path) -> None:
    with homes.create(home.parent / "stranger", "stranger") as stranger:
        (home / MOVED_NAME).write_bytes(stranger.moved_note(Moved(1, "ab" * 32, "/media/of/a/stranger")))


def signed_in_our_name_by_another_key(home: Path) -> None:
    with homes.open_home(home) as ledger:
        note = moved.write(Moved(1, "ab" * 32, "/media/of/a/stranger"), Secret(b"k" * 32), ledger.public_key)
    (home / MOVED_NAME).write_bytes(note)


def altered(home: Path) -> None:
    with homes.open_home(home) as ledger:
        note = ledger.moved_note(Moved(ledger.size, "ab" * 32, "/media/ours"))
    (home / MOVED_NAME).write_bytes(note.replace(b"/media/ours", b"/media/elsewhere"))


FORGED = [
    plain_words,
    nothing,
    bytes_of_any_kind,
    a_gigabyte,
    a_pipe,
    a_folder,
    signed_by_another_terminal,
    signed_in_our_name_by_another_key,
    altered,
]


@pytest.mark.parametrize("forge", FORGED)
def test_a_forged_note_locks_nobody_out(forge: Callable[[Path], None], tmp_path: Path) -> None:
    home = tmp_path / "home"
    homes.create(home, "north").close()
    forge(home)
    with homes.open_home(home) as ledger:
        assert isinstance(moved.read(home, ledger.public_key), Stranger)
        ledger.append(NOTE)
        assert ledger.size == 2


def test_a_link_to_nowhere_is_no_note(tmp_path: Path) -> None:
    homes.create(tmp_path, "north").close()
    a_link_to_nowhere(tmp_path)
    with homes.open_home(tmp_path) as ledger:
        assert moved.read(tmp_path, ledger.public_key) is None
        ledger.append(NOTE)


def test_who_opens_is_told_and_an_emergency_passes_by_name(life: Life) -> None:
    plain_words(life.home)
    note = life.home / MOVED_NAME
    assert f"the note {note} is not obeyed: this terminal did not sign it" in life.run("status").err
    refused = life.recombine("--exec", "sh", "-c", "touch revealed")
    assert refused.exit == 3, refused.err
    assert "--override home " in refused.err
    assert not (life.folder / "revealed").exists()
    passed = life.recombine(
        "--override",
        "home",
        "--override-reason",
        "the stick of that name was never ours",
        "--exec",
        "touch",
        "revealed",
    )
    assert passed.exit == 7, passed.err
    assert (life.folder / "revealed").exists()
    bodies = [entry.record.body for entry in life.entries() if isinstance(entry.record.body, Overridden)]
    assert [(body.gate, str(note) in body.problem) for body in bodies] == [("home", True)]
    assert "home" in {debt["kind"] for debt in life.status()["debts"]}


def test_a_note_of_a_move_long_ago_holds_nobody_up(tmp_path: Path) -> None:
    """The ledger came back; somebody lays the old note beside it again."""
    home, stick = tmp_path / "home", tmp_path / "stick"
    with homes.create(home, "north") as ledger:
        homes.move(ledger, stick, "the disk was full").close()
    old = (home / MOVED_NAME).read_bytes()
    with pytest.raises(LedgerElsewhere):
        homes.open_home(home)
    shutil.rmtree(home)
    shutil.copytree(stick, home)
    (home / MOVED_NAME).write_bytes(old)
    with homes.open_home(home) as ledger:
        ledger.append(NOTE)
        assert ledger.size == 3


def test_what_was_added_after_a_move_is_called_a_fork(tmp_path: Path) -> None:
    home, stick = tmp_path / "home", tmp_path / "stick"
    with homes.create(home, "north") as ledger:
        homes.move(ledger, stick, "the disk was full").close()
    note = (home / MOVED_NAME).read_bytes()
    (home / MOVED_NAME).unlink()
    with homes.open_home(home) as ledger:
        ledger.append(NOTE)
    (home / MOVED_NAME).write_bytes(note)
    with pytest.raises(LedgerElsewhere, match=r"goes on in .*stick; records were added here after 1 were copied"):
        homes.open_home(home)


def test_a_move_replaces_a_strangers_note(tmp_path: Path) -> None:
    home, stick = tmp_path / "home", tmp_path / "stick"
    with homes.create(home, "north") as ledger:
        plain_words(home)
        homes.move(ledger, stick, "the disk was full").close()
    with pytest.raises(LedgerElsewhere, match=r"goes on in .*stick"):
        homes.open_home(home)


def test_a_record_that_was_under_way_while_the_ledger_was_copied_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked for a note before it was there finds it when the record is looked for."""
    home, stick = tmp_path / "home", tmp_path / "stick"
    homes.create(home, "north").close()
    with homes.open_home(home) as slow, homes.open_home(home) as quick:
        insert = type(slow)._insert

        def then_it_moves(self: object, entry: object) -> None:
            insert(slow, entry)  # type: ignore[arg-type]
            monkeypatch.undo()
            homes.move(quick, stick, "another program holds it").close()

        monkeypatch.setattr(type(slow), "_insert", then_it_moves)
        with pytest.raises(LedgerElsewhere, match=r"goes on in .*stick"):
            slow.append(NOTE)
        assert slow.unfound is not None
    with homes.open_home(stick) as ledger:
        assert [str(e.record.body.__struct_config__.tag) for e in ledger.entries()] == [
            "ledger-started",
            "ledger-moved",
        ]
