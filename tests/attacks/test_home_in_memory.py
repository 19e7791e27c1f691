# SPDX-License-Identifier: Apache-2.0
"""A home that is gone with the machine is said loudly before a reveal, wherever it came from and whatever hides it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakglass_shamir.ledger import mounts
from breakglass_shamir.ledger.mounts import Kept
from breakglass_shamir.operations import folders
from tests.end_to_end.conftest import life, sealed_once, ssh_keygen
from tests.end_to_end.life import DECLARATION, NAME, PROGRAM, Life

__all__ = ["life", "sealed_once", "ssh_keygen"]

LOUD = "IN MEMORY ONLY"
UNSEEN = "is in the layer of a container"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """A function that mounts something on a new folder; skips where that cannot be done."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    points: list[Path] = []

    def on_new_folder(*words: str | Path) -> Path:
        point = tmp_path / f"mounted-{len(points)}"
        point.mkdir()
        done = subprocess.run(["mount", *map(str, words), str(point)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"this cannot be mounted here: {done.stderr.strip()}")
        points.append(point)
        return point

    yield on_new_folder
    for point in reversed(points):
        subprocess.run(["umount", "-l", str(point)], check=True)


def tmpfs(mount: Callable[..., Path], _tmp_path: Path) -> Path:
    return mount("-t", "tmpfs", "tmpfs")


def ramfs(mount: Callable[..., Path], _tmp_path: Path) -> Path:
    return mount("-t", "ramfs", "ramfs")


def an_overlay_on_memory(mount: Callable[..., Path], tmp_path: Path) -> Path:
    return _overlay(mount, tmp_path, mount("-t", "tmpfs", "tmpfs"))


def an_image_in_memory(mount: Callable[..., Path], _tmp_path: Path) -> Path:
    """A disk image on tmpfs, as live systems have them."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    image = mount("-t", "tmpfs", "tmpfs") / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    return mount("-o", "loop", image)


def an_overlay_on_an_image_in_memory(mount: Callable[..., Path], tmp_path: Path) -> Path:
    return _overlay(mount, tmp_path, an_image_in_memory(mount, tmp_path))


def a_bind_of_memory(mount: Callable[..., Path], _tmp_path: Path) -> Path:
    return mount("--bind", mount("-t", "tmpfs", "tmpfs"))


def _overlay(mount: Callable[..., Path], folder: Path, upper: Path) -> Path:
    (folder / "lower").mkdir(parents=True)
    for name in ("data", "work"):
        (upper / name).mkdir()
    return mount(
        "-t",
        "overlay",
        "-o",
        f"lowerdir={folder / 'lower'},upperdir={upper / 'data'},workdir={upper / 'work'}",
        "overlay",
    )


PLACES = [
    tmpfs,
    ramfs,
    an_overlay_on_memory,
    an_image_in_memory,
    an_overlay_on_an_image_in_memory,
    a_bind_of_memory,
]


@pytest.mark.parametrize("place", PLACES)
def test_memory_is_seen_through(
    place: Callable[[Callable[..., Path], Path], Path], mount: Callable[..., Path], tmp_path: Path
) -> None:
    folder = place(mount, tmp_path)
    assert mounts.kept(folder) is Kept.IN_MEMORY
    assert mounts.kept(folder / "not" / "made" / "yet") is Kept.IN_MEMORY


def test_what_is_mounted_over_memory_counts_and_not_what_is_below(mount: Callable[..., Path], tmp_path: Path) -> None:
    if mounts.kept(tmp_path) is not Kept.ON_DISK:
        pytest.skip("the folder for temporary files is on no disk")
    memory = mount("-t", "tmpfs", "tmpfs")
    (tmp_path / "disk").mkdir()
    (memory / "bound").mkdir()
    subprocess.run(["mount", "--bind", str(tmp_path / "disk"), str(memory / "bound")], check=True)
    try:
        assert mounts.kept(memory / "bound") is Kept.ON_DISK
    finally:
        subprocess.run(["umount", "-l", str(memory / "bound")], check=True)


def test_an_overlay_whose_upper_layer_is_out_of_sight_is_no_disk(mount: Callable[..., Path], tmp_path: Path) -> None:
    """As inside a container: the layer's path is one of the host."""
    merged = _overlay(mount, tmp_path, tmp_path)
    (tmp_path / "data").rename(tmp_path / "out-of-sight")
    assert mounts.kept(merged) is Kept.UNSEEN


def _moved(life: Life, folder: Path) -> Path:
    """Bring the home somewhere else, as whoever sets it up would have."""
    shutil.copytree(life.home, folder / "home")
    shutil.rmtree(life.home)
    return folder / "home"


def _opened(life: Life, command: list[str], **environment: str) -> "subprocess.CompletedProcess[str]":
    words = [*command, "recombine", NAME, *DECLARATION, "--scan", str(life.scans(1)), "--exec", "true"]
    return subprocess.run(
        [str(PROGRAM), *words], env={**life.environment(), **environment}, cwd=life.folder, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip


def test_it_is_said_before_the_reveal_wherever_the_home_came_from(life: Life, mount: Callable[..., Path]) -> None:
    home = _moved(life, mount("-t", "tmpfs", "tmpfs"))
    data = life.folder / "data"
    data.mkdir()
    (data / "breakglass").symlink_to(home)
    for command, environment in (
        (["--home", str(home)], {}),
        ([], {"BREAKGLASS_HOME": str(home)}),
        ([], {"XDG_DATA_HOME": str(data)}),
    ):
        done = _opened(life, command, **environment)
        assert done.returncode in (3, 7), done.stderr
        assert LOUD in done.stderr
        if done.returncode == 7:
            said = done.stderr
            assert said.index(LOUD) < said.index("declared: opening")
            assert said.rindex(LOUD) < said.index("the credential goes to")
            assert said.rindex(LOUD) > said.index("opened: sheets")


def test_a_new_home_and_a_new_set_in_memory_are_said_too(life: Life, mount: Callable[..., Path]) -> None:
    home = mount("-t", "tmpfs", "tmpfs") / "home"
    assert LOUD in life.run("--home", home, "init").err
    split = life.run(
        "--home",
        home,
        "split",
        life.policy,
        "--credential-from",
        "-",
        "--out",
        life.sheets(2),
        stdin=life.secret.reveal(),
    )
    assert split.exit == 0, split.err
    assert LOUD in split.err
    assert LOUD not in life.run("status").err


def test_the_layer_of_a_container_is_said(life: Life, mount: Callable[..., Path], tmp_path: Path) -> None:
    merged = _overlay(mount, tmp_path, tmp_path)
    (tmp_path / "data").rename(tmp_path / "out-of-sight")
    done = _opened(life, ["--home", str(_moved(life, merged))])
    assert done.returncode == 7, done.stderr
    assert UNSEEN in done.stderr


def test_a_key_or_newest_records_in_memory_are_said_although_the_home_is_on_a_disk(
    life: Life, mount: Callable[..., Path]
) -> None:
    """The next command would find no key, or not what was recorded last."""
    memory = mount("-t", "tmpfs", "tmpfs")
    if folders.home_warning(life.home):
        pytest.skip("this folder is on no disk itself")
    recent = life.home / "ledger.sqlite-wal"
    recent.touch()
    (memory / "recent").touch()
    subprocess.run(["mount", "--bind", str(memory / "recent"), str(recent)], check=True)
    try:
        assert LOUD in folders.home_warning(life.home)
    finally:
        subprocess.run(["umount", "-l", str(recent)], check=True)
    assert not folders.home_warning(life.home)

    key = life.home / "terminal-key.pem"
    shutil.move(key, memory / "key")
    key.symlink_to(memory / "key")
    done = _opened(life, ["--home", str(life.home)])
    assert done.returncode == 7, done.stderr
    assert done.stderr.index(LOUD) < done.stderr.index("declared: opening")
