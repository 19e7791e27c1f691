# SPDX-License-Identifier: Apache-2.0
"""A home has a ledger and a key; both move together, and nothing is overwritten."""

import stat
from pathlib import Path

import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody import record as records
from breakglass_shamir.errors import FileExists, InvalidInput, InvalidSignature, LedgerUnwritable, NoHome
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.home import KEY_NAME, create, move, open_home
from breakglass_shamir.ledger.store import FILE_NAME, Ledger
from breakglass_shamir.ledger.verify import verify

NOTE = records.Refused(stage="open", error="insufficient-shares", message="no quorum")


def test_a_new_home_has_a_key_a_ledger_and_a_first_record(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "home"
    with create(folder, "  north terminal ") as ledger:
        (entry,) = ledger.entries()
        body = entry.record.body
        assert isinstance(body, records.LedgerStarted)
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
            assert [entry.record.body for entry in moved.entries(2)] == [records.LedgerMoved(reason="disk full")]
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
