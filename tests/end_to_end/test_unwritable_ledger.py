# SPDX-License-Identifier: Apache-2.0
"""Promise 2 when the ledger cannot be written: nothing is revealed; with ``--record-to`` it goes on elsewhere."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.life import NAME, Life

DISK_BYTES = 1 << 20
"""Size of the full disk."""


def be_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True)


@pytest.fixture
def mounted(life: Life, need: Callable[[str], str]) -> Iterator[Callable[[str], None]]:
    """A function that puts the home on a small disk of its own and remounts it with some options."""
    be_root()
    mount, umount = need("mount"), need("umount")
    kept = life.home.rename(life.folder / "kept")
    life.home.mkdir(mode=0o700)
    command = [mount, "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(life.home)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        for path in kept.iterdir():
            shutil.copy2(path, life.home)
        yield lambda options: _run([mount, "-o", f"remount,{options}", str(life.home)])
    finally:
        subprocess.run([umount, "-l", str(life.home)], check=True)


@pytest.fixture
def full(life: Life, mounted: Callable[[str], None]) -> Life:
    """A life whose home is on a disk without a free byte."""
    with (life.home / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(512))
    return life


@pytest.fixture
def read_only(life: Life, mounted: Callable[[str], None]) -> Life:
    """A life whose home is on a read-only disk."""
    mounted("ro")
    return life


@pytest.fixture(params=["full", "read_only"])
def stuck(request: pytest.FixtureRequest) -> Life:
    """A life whose ledger cannot be written, for one reason and the other."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Life)
    return found


def records(life: Life, where: Path) -> list[str]:
    """Read a ledger from a copy, so that reading leaves no trace beside it."""
    copy = life.folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(where, copy, ignore=shutil.ignore_patterns("MOVED"))
    return life.kinds(copy)


def test_nothing_is_revealed_and_the_way_out_is_named(stuck: Life) -> None:
    before = records(stuck, stuck.home)
    done = stuck.recombine("--exec", "sh", "-c", "touch revealed")
    assert done.exit == 5, done.err
    assert done.err.count("nothing was revealed") == 1
    assert done.err.count("--record-to PATH") == 1
    assert not (stuck.folder / "revealed").exists()
    assert records(stuck, stuck.home) == before


def test_a_disk_that_fills_up_at_any_record_reveals_nothing_without_one(
    life: Life, mounted: Callable[[str], None]
) -> None:
    """With ever more pages left, one record after the other still fits."""
    outcomes = set()
    for free in range(0, 200_000, 20_000):
        with (life.home / "ballast").open("wb", buffering=0) as file:
            with pytest.raises(OSError, match="No space"):
                while True:
                    file.write(bytes(512))
            file.truncate(max(0, file.tell() - free))
        done = life.recombine("--exec", "sh", "-c", "touch revealed")
        (life.home / "ballast").unlink()
        kinds = records(life, life.home)
        revealed = (life.folder / "revealed").exists()
        outcomes.add(revealed)
        if revealed:
            assert "opened" in kinds
            break
        assert done.exit == 5, (free, done.err)
        assert "opened" not in kinds or "in-use" not in kinds
    assert outcomes == {False, True}


def test_the_ledger_goes_on_elsewhere_and_the_rotation_with_it(stuck: Life) -> None:
    before = records(stuck, stuck.home)
    stick = stuck.folder / "stick"
    got = stuck.folder / "got"
    done = stuck.recombine("--record-to", stick, "--exec", "sh", "-c", f"cat > {got}")
    assert done.exit == 7, done.err
    assert f"goes on in {stick}" in done.err
    assert f"breakglass --home {stick}" in done.err
    assert got.read_bytes() == stuck.secret.reveal()
    moved = ["ledger-moved", "declared", "opened", "in-use", "use-ended"]
    assert stuck.kinds(stick) == before + moved
    assert records(stuck, stuck.home) == before

    rotated = stuck.rotated("--home", stick, "rotate", NAME, "--scan", stuck.scans(1))
    assert rotated.exit == 0, rotated.err
    assert not stuck.opens(stuck.secret)
    assert stuck.nothing_due("--home", stick)
    assert stuck.run("--home", stick, "audit", "verify").exit == 0


def test_a_second_place_that_is_full_too_reveals_nothing(full: Life) -> None:
    done = full.recombine("--record-to", full.home / "beside", "--exec", "sh", "-c", "touch revealed")
    assert done.exit == 5, done.err
    assert "could not be written either" in done.err
    assert not (full.folder / "revealed").exists()


def test_a_place_that_has_a_ledger_is_not_overwritten(read_only: Life) -> None:
    other = read_only.folder / "other"
    assert read_only.run("--home", other, "init", "--terminal", "terminal two").exit == 0
    done = read_only.recombine("--record-to", other, "--exec", "sh", "-c", "touch revealed")
    assert done.exit == 2, done.err
    assert "a ledger is already in" in done.err
    assert not (read_only.folder / "revealed").exists()
    assert read_only.kinds(other) == ["ledger-started"]


def test_a_ledger_that_its_user_may_not_write_reveals_nothing(life: Life) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything; the read-only disk stands for this")
    (life.home / "ledger.sqlite").chmod(0o400)
    life.home.chmod(0o500)
    try:
        done = life.recombine("--exec", "sh", "-c", "touch revealed")
    finally:
        life.home.chmod(0o700)
    assert done.exit == 5, done.err
    assert not (life.folder / "revealed").exists()


def test_reading_needs_no_writing(read_only: Life) -> None:
    assert read_only.nothing_due()
    assert "audit" not in read_only.ok("audit", "list").err
    assert "records hold" in read_only.ok("audit", "verify").out


def test_a_split_without_room_for_its_record_leaves_no_sheet(fresh: Life, need: Callable[[str], str]) -> None:
    be_root()
    mount, umount = need("mount"), need("umount")
    bound = subprocess.run(
        [mount, "--bind", "-o", "ro", str(fresh.home), str(fresh.home)], capture_output=True, text=True, check=False
    )
    if bound.returncode != 0:
        pytest.skip(f"nothing can be bound here: {bound.stderr.strip()}")
    try:
        subprocess.run([mount, "-o", "remount,bind,ro", str(fresh.home)], check=True)
        done = fresh.run(
            "split", fresh.policy, "--credential-from", "-", "--out", fresh.sheets(1), stdin=fresh.secret.reveal()
        )
    finally:
        subprocess.run([umount, "-l", str(fresh.home)], check=True)
    assert done.exit == 5, done.err
    assert list(fresh.sheets(1).glob("*")) == []
    assert fresh.kinds() == ["ledger-started"]
