# SPDX-License-Identifier: Apache-2.0
"""A home that somebody else owns or may write to closes the gate ``home``; commands that only read warn.

Each place on the way counts: the folders above, links, the database and what lies beside it, the key, the note.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from breakglass_shamir.ledger import guarded
from breakglass_shamir.ledger import home as homes
from tests.end_to_end.conftest import life, sealed_once, ssh_keygen
from tests.end_to_end.life import DECLARATION, NAME, Life

__all__ = ["life", "sealed_once", "ssh_keygen"]

STRANGER = 54_321
"""A user who is not on this machine."""

STAFF = 54_322
"""A group that is not on this machine: who is in it cannot be told."""

_HEADER, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_ANY = 0xFFFFFFFF


def be_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")


def access_list(path: Path, *named: tuple[int, int, int], mask: int = 7) -> None:
    """Give a path an access list: tag, permissions and number of each named entry, beside the owner's."""
    entries = [(0x01, 7, _ANY), *named, (0x04, 0, _ANY), (0x10, mask, _ANY), (0x20, 0, _ANY)]
    entries.sort()
    data = _HEADER.pack(2) + b"".join(_ENTRY.pack(*one) for one in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", data)
    except OSError as error:
        pytest.skip(f"no access lists here: {error.strerror}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "above" / "home"
    homes.create(folder, "north").close()
    return folder


def problems(home: Path) -> list[str]:
    return list(guarded.look(home).problems)


def test_a_home_of_ones_own_has_none(home: Path) -> None:
    assert guarded.look(home) == guarded.Guard()


@pytest.mark.parametrize("name", ["", "..", "ledger.sqlite", "terminal-key.pem"])
def test_a_place_that_belongs_to_another_user(name: str, home: Path) -> None:
    be_root()
    os.chown(home / name, STRANGER, -1)
    (said,) = problems(home)
    assert said == f"{(home / name).resolve()} belongs to another user (number {STRANGER})"


@pytest.mark.parametrize("name", ["ledger.sqlite-wal", "ledger.sqlite-journal", "ledger.sqlite-turns", "MOVED"])
def test_what_a_stranger_lays_beside_the_database(name: str, home: Path) -> None:
    be_root()
    (home / name).touch()
    os.chown(home / name, STRANGER, -1)
    assert any(str(STRANGER) in said for said in problems(home))


@pytest.mark.parametrize("mode", [0o707, 0o702, 0o1777])
def test_a_home_that_everybody_may_write_to(mode: int, home: Path) -> None:
    home.chmod(mode)
    assert problems(home) == [f"{home} can be written by everybody"]


def test_a_home_that_a_group_may_write_to(home: Path) -> None:
    be_root()
    os.chown(home, -1, STAFF)
    home.chmod(0o770)
    assert problems(home) == [f"{home} can be written by a group (number {STAFF})"]


def test_a_group_with_nobody_but_us_in_it_is_nobody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As user-private groups are."""
    rows = {"/etc/passwd": ["us", "x", str(os.geteuid()), str(STAFF)], "/etc/group": ["us", "x", str(STAFF), ""]}
    monkeypatch.setattr(guarded, "_rows", lambda path, _fields: [rows[path]])
    guarded._is_only_us.cache_clear()
    try:
        assert guarded._is_only_us(STAFF)
        rows["/etc/group"][3] = "us,them"
        guarded._is_only_us.cache_clear()
        assert not guarded._is_only_us(STAFF)
    finally:
        guarded._is_only_us.cache_clear()


def test_a_folder_above_that_everybody_may_write_to(home: Path) -> None:
    home.parent.chmod(0o777)
    assert problems(home) == [f"{home.parent} can be written by everybody"]


def test_a_sticky_folder_above_is_none(home: Path) -> None:
    home.parent.chmod(0o1777)
    assert problems(home) == []


def test_a_strangers_folder_in_a_sticky_one_is(home: Path) -> None:
    be_root()
    home.parent.parent.chmod(0o1777)
    os.chown(home.parent, STRANGER, -1)
    assert problems(home) == [f"{home.parent} belongs to another user (number {STRANGER})"]


@pytest.mark.parametrize(("name", "mode"), [("ledger.sqlite", 0o602), ("terminal-key.pem", 0o622)])
def test_a_file_that_others_may_write_to(name: str, mode: int, home: Path) -> None:
    (home / name).chmod(mode)
    assert any(said.startswith(f"{home / name} can be written by") for said in problems(home))


def test_a_key_that_others_may_read_is_remarked(home: Path) -> None:
    (home / "terminal-key.pem").chmod(0o644)
    found = guarded.look(home)
    assert found.problems == ()
    assert "can be read by everybody, who could sign as this terminal" in found.remarks[0]


@pytest.mark.parametrize("tag", [0x02, 0x08])
@pytest.mark.parametrize("name", ["", "terminal-key.pem", ".."])
def test_an_access_list_that_lets_others_write(tag: int, name: str, home: Path) -> None:
    place = (home / name).resolve()
    access_list(place, (tag, 6, STRANGER))
    (said,) = problems(home)
    assert said.startswith(f"{place} can be written by a")
    assert str(STRANGER) in said


def test_an_access_list_whose_mask_keeps_others_from_writing(home: Path) -> None:
    access_list(home, (0x02, 7, STRANGER), mask=5)
    assert problems(home) == []


def test_a_link_on_the_way_in_a_folder_that_others_write(home: Path, tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (open_folder / "link").symlink_to(home)
    assert problems(open_folder / "link") == [f"{open_folder} can be written by everybody"]


def test_a_link_that_a_stranger_made_in_a_sticky_folder(home: Path, tmp_path: Path) -> None:
    be_root()
    sticky = tmp_path / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    (sticky / "link").symlink_to(home)
    os.chown(sticky / "link", STRANGER, -1, follow_symlinks=False)
    assert problems(sticky / "link") == [f"{sticky / 'link'} belongs to another user (number {STRANGER})"]


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert list(guarded._way(tmp_path / "one"))


# --- the commands ------------------------------------------------------------------------------------------


def anybody(life: Life) -> None:
    life.home.chmod(0o777)


def a_stranger(life: Life) -> None:
    be_root()
    os.chown(life.home, STRANGER, -1)


def a_strangers_key(life: Life) -> None:
    be_root()
    os.chown(life.home / "terminal-key.pem", STRANGER, -1)


def a_folder_above(life: Life) -> None:
    life.folder.chmod(0o777)


@pytest.fixture(params=[anybody, a_stranger, a_strangers_key, a_folder_above])
def exposed(request: pytest.FixtureRequest, life: Life) -> Iterator[Life]:
    request.param(life)
    try:
        yield life
    finally:
        life.folder.chmod(0o700)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "0:0", str(life.home)], check=True)
        life.home.chmod(0o700)


def test_an_emergency_is_refused_and_passes_by_name(exposed: Life) -> None:
    refused = exposed.recombine("--exec", "touch", "revealed")
    assert refused.exit == 3, refused.err
    assert "--override home --override-reason" in refused.err
    assert not (exposed.folder / "revealed").exists()
    passed = exposed.recombine(
        "--override", "home", "--override-reason", "nobody else is on this machine", "--exec", "touch", "revealed"
    )
    assert passed.exit == 7, passed.err
    assert (exposed.folder / "revealed").exists()
    assert "overridden" in exposed.kinds()
    assert {"home", "rotation"} <= {debt["kind"] for debt in exposed.status()["debts"]}


def test_a_place_to_go_on_that_others_write_to_closes_the_gate_before_anything_is_declared(life: Life) -> None:
    """The ledger would go on there in the middle of the opening, and the reveal would follow."""
    shared = life.folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    aside = ("--record-to", str(shared / "stick"))
    before = life.kinds()
    refused = life.recombine(*aside, "--exec", "touch", "revealed")
    assert refused.exit == 3, refused.err
    assert f"{shared} can be written by everybody" in refused.err
    assert "--override home --override-reason" in refused.err
    assert "declared" not in life.kinds()[len(before) :]
    passed = life.recombine(
        *aside, "--override", "home", "--override-reason", "no other stick is here", "--exec", "touch", "revealed"
    )
    assert passed.exit == 7, passed.err
    assert "home" in {debt["kind"] for debt in life.status()["debts"]}


READING = (("status",), ("audit", "list"), ("audit", "verify"), ("audit", "show", "0"), ("alerts", "list"))


def test_commands_that_only_read_warn(life: Life) -> None:
    anybody(life)
    for command in READING:
        done = life.run(*command)
        assert done.exit == (7 if command == ("status",) else 0), done.err
        assert f"! {life.home} can be written by everybody" in done.err
    report = life.run("audit", "report", "--out", life.folder / "report.html")
    assert (report.exit, f"! {life.home} can be written by everybody" in report.err) == (0, True)


def test_what_begins_or_changes_custody_is_refused(life: Life) -> None:
    anybody(life)
    before = life.kinds()
    policy = life.policy.read_text()
    life.policy.write_text(policy.replace('use_for = "1h"', 'use_for = "30m"'))
    for command in (
        ("--home", life.folder / "new" / "home", "init"),
        ("split", life.policy, "--credential-from", "-", "--out", life.sheets(2)),
        ("confirm", NAME, life.scans(1)),
        ("reassign", NAME, "1", "--to", "West"),
        ("policy", "adopt", life.policy),
        ("enrol", "import", life.policy),
        ("retire", NAME, "--without-quorum", "--attest", "gone", "--reason", "r", "--officer", "A", "--officer", "B"),
        ("rotate", NAME, "--scan", life.scans(1), "--out", life.sheets(2)),
    ):
        if "init" in command:
            (life.folder / "new").mkdir(mode=0o777)
            (life.folder / "new").chmod(0o777)
        done = life.run(*command, stdin=life.secret.reveal())
        assert done.exit == 3, (command, done.err)
        assert "can be written by everybody" in done.err
    assert [kind for kind in life.kinds()[len(before) :] if kind != "refused"] == []
    assert not (life.folder / "new" / "home").exists()


def test_what_has_happened_already_is_recorded_all_the_same(life: Life) -> None:
    """A lost sheet is lost, whoever may write to the home."""
    anybody(life)
    for command in (
        ("void", NAME, "1", "--reason", "lost in the fire"),
        ("heartbeat",),
        ("note", NAME, "it burns", "--by", "North"),
    ):
        done = life.run(*command)
        assert done.exit == 0, done.err
        assert "can be written by everybody" in done.err


def test_a_path_that_no_record_could_hold_keeps_nobody_out(life: Life) -> None:
    odd = life.folder / "a\x1b[2Jb\u202e"
    shutil.move(life.home, odd)
    odd.chmod(0o777)
    command = life.command()[0]
    words = ["--override", "home", "--override-reason", "nobody else is on this machine", "--exec", "true"]
    done = _recombine_at(life, command, odd, words)
    assert done.returncode == 7, done.stderr


def _recombine_at(life: Life, program: str, home: Path, words: list[str]) -> "subprocess.CompletedProcess[str]":
    command = [program, "--home", str(home), "recombine", NAME, *DECLARATION, "--scan", str(life.scans(1)), *words]
    return subprocess.run(
        command, env=life.environment(), cwd=life.folder, capture_output=True, text=True, check=False, timeout=60
    )
