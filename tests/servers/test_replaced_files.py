# SPDX-License-Identifier: Apache-2.0
"""What stops a rename is known before anything is printed, for every file that a rotation replaces.

Each obstacle is set up with real flags and mounts, preflight has to name it, and the change itself
has to fail on it and leave the file as it was: an obstacle that stops nothing would be no problem.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from breakglass_shamir.connectors.linux import account as linux_account
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.replacing import rename_problems
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

OLD, NEW = Secret(b"copper kettle old"), Secret(b"quiet harbour new")
LONG = "k" * 230
"""A name that fits, and that of a copy beside it does not."""

_MS_BIND, _MS_REMOUNT, _MS_RDONLY, _MNT_DETACH = 4096, 32, 1, 2
_LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source: Path, target: Path, flags: int) -> None:
    if _LIBC.mount(os.fsencode(source), os.fsencode(target), None, flags, None):
        pytest.skip(f"mount: {os.strerror(ctypes.get_errno())}; bind mounts need a capability that this place lacks")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[ExitStack]:
    """Takes what has to be undone before the folder can be removed."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("flags and mounts are set by root only")
    with ExitStack() as undo:
        yield undo


def chattr(flag: str) -> Callable[[Path, ExitStack], None]:
    def set_flag(path: Path, undo: ExitStack) -> None:
        done = subprocess.run(["chattr", f"+{flag}", str(path)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"chattr: {done.stderr.strip()}")
        undo.callback(subprocess.run, ["chattr", f"-{flag}", str(path)], check=True)

    return set_flag


def on_folder(obstacle: Callable[[Path, ExitStack], None]) -> Callable[[Path, ExitStack], None]:
    return lambda path, undo: obstacle(path.parent, undo)


def bound(path: Path, undo: ExitStack) -> None:
    """Make the file itself a mount point."""
    mount(path, path, _MS_BIND)
    undo.callback(_LIBC.umount2, os.fsencode(path), _MNT_DETACH)


def read_only(path: Path, undo: ExitStack) -> None:
    """Mount the file's folder over itself, read-only."""
    mount(path.parent, path.parent, _MS_BIND)
    undo.callback(_LIBC.umount2, os.fsencode(path.parent), _MNT_DETACH)
    mount(path.parent, path.parent, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)


OBSTACLES = [
    (chattr("i"), "key", "immutable"),
    (chattr("a"), "key", "append-only"),
    (on_folder(chattr("i")), "key", "the folder of the"),
    (on_folder(chattr("a")), "key", "append-only"),
    (bound, "key", "itself a mount point"),
    (bound, "a key \\ file", "itself a mount point"),
    (read_only, "key", "read-only"),
    (lambda _path, _undo: None, LONG, "230 bytes"),
]


def key_file(path: Path) -> Connector:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", OLD.reveal().decode(), "-f", str(path.parent / "k")],
        check=True,
    )
    (path.parent / "k").rename(path)
    (path.parent / "k.pub").unlink()
    return connector_for("ssh-key://" + str(path).replace("\\", "%5C").replace(" ", "%20"))


@pytest.mark.parametrize(("obstacle", "name", "words"), OBSTACLES)
def test_a_private_key_file(
    tmp_path: Path, place: ExitStack, obstacle: Callable[[Path, ExitStack], None], name: str, words: str
) -> None:
    path = tmp_path / "keys" / name
    path.parent.mkdir()
    connector = key_file(path)
    assert not connector.preflight(NEW, OLD).problems or name == LONG
    obstacle(path, place)
    before = path.read_bytes()
    assert any(words in problem for problem in connector.preflight(NEW, OLD).problems), connector.preflight(NEW, OLD)
    with pytest.raises(ConnectorError):
        connector.rotate(OLD, NEW)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("obstacle", "name", "words"), OBSTACLES)
def test_an_authorized_keys_file(
    tmp_path: Path, place: ExitStack, obstacle: Callable[[Path, ExitStack], None], name: str, words: str
) -> None:
    path = tmp_path / "ssh" / name
    path.parent.mkdir()
    connector = connector_for("ssh-authorized-keys://" + str(path).replace("\\", "%5C").replace(" ", "%20"))
    old, new = connector.issue(OLD), connector.issue(OLD)
    (tmp_path / "old").write_bytes(old.reveal())
    (tmp_path / "old").chmod(0o600)
    public = subprocess.run(["ssh-keygen", "-y", "-f", str(tmp_path / "old")], capture_output=True, check=True).stdout
    path.write_bytes(public)
    path.chmod(0o600)
    obstacle(path, place)
    assert any(words in problem for problem in connector.preflight(None, old).problems), connector.preflight(None, old)
    with pytest.raises(ConnectorError):
        connector.rotate(old, new)
    assert path.read_bytes() == public


@pytest.mark.parametrize(
    ("obstacle", "words"),
    [
        (chattr("i"), "immutable"),
        (chattr("a"), "append-only"),
        (on_folder(chattr("i")), "the folder of"),
        (bound, "mount point"),
        (read_only, "read-only"),
        (lambda path, _undo: path.rename(path.with_name("elsewhere")) and path.symlink_to("elsewhere"), "a symlink"),
    ],
)
def test_the_shadow_file(
    tmp_path: Path, place: ExitStack, monkeypatch: pytest.MonkeyPatch,
    obstacle: Callable[[Path, ExitStack], None], words: str,
) -> None:  # fmt: skip
    """Another file stands in for it: this machine's own is not put at risk."""
    shadow = tmp_path / "etc" / "shadow"
    shadow.parent.mkdir()
    shadow.write_text("root:*:20000:0:99999:7:::\n")
    monkeypatch.setattr(linux_account, "SHADOW", shadow)
    assert linux_account.shadow_problems() == []
    obstacle(shadow, place)
    assert any(words in problem for problem in linux_account.shadow_problems())


def test_a_sticky_folder_of_others_is_a_problem_for_whoever_is_not_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    tmp_path.chmod(0o1777)
    assert rename_problems(path, 10) == []
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 12345)
    assert any("only the owner" in problem for problem in rename_problems(path, 10))


@pytest.mark.parametrize(("length", "fits"), [(255 - 10, True), (255 - 9, False), (255, False)])
def test_the_longest_name_that_fits_with_its_suffix(tmp_path: Path, length: int, fits: bool) -> None:
    path = tmp_path / ("k" * length)
    path.write_text("x")
    assert (rename_problems(path, 10) == []) is fits
