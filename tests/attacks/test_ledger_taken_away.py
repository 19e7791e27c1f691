# SPDX-License-Identifier: Apache-2.0
"""The ledger's files are removed, replaced, covered or moved while a command runs: nothing is revealed unless its
record is found again, and ``--record-to`` goes on with the log that is open.

The program is stopped at an instant around its ``opened`` record; the mischief is done from outside.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger import others
from breakglass_shamir.ledger.verify import verify
from tests.attacks import paused
from tests.end_to_end.conftest import fresh, life, sealed_once, ssh_keygen
from tests.end_to_end.life import DECLARATION, NAME, Life, texts_on_paper

__all__ = ["fresh", "life", "sealed_once", "ssh_keygen"]

BEFORE, INSIDE, AFTER = "before opened", "inside opened", "after opened"
DATABASE, KEY = "ledger.sqlite", "terminal-key.pem"


@dataclass
class Scene:
    """A sealed set, an older copy of its home, and another terminal's home."""

    life: Life
    undo: list[Callable[[], object]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.life.home

    @property
    def older(self) -> Path:
        return self.life.folder / "older"

    @property
    def other(self) -> Path:
        return self.life.folder / "other"

    @property
    def stick(self) -> Path:
        return self.life.folder / "stick"

    @property
    def got(self) -> Path:
        return self.life.folder / "got"

    def open(self, instant: str, meanwhile: Callable[[], object], *more: str) -> tuple[int, str]:
        """Open with typed codes, and let something happen at an instant."""
        command = self.life.command(
            "recombine", NAME, *DECLARATION, "--typed", self.life.folder / "codes", *more,
            "--exec", "sh", "-c", f"cat > {self.got}",
        )[1:]  # fmt: skip
        return paused.run(instant, command, meanwhile, env=self.life.environment(), cwd=self.life.folder)

    def mount(self, *words: str | Path) -> None:
        """Mount something until the end of the test."""
        done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        self.undo.append(lambda: subprocess.run(["umount", "-l", str(words[-1])], check=True))


@pytest.fixture(scope="module")
def codes(sealed_once: Life) -> str:
    """What a scanner that types would type of all sheets."""
    sealed_once.restore()
    return "".join(f"{text}\n" for texts in texts_on_paper(sealed_once.sheets(1)).values() for text in texts)


@pytest.fixture
def scene(life: Life, codes: str) -> Iterator[Scene]:
    found = Scene(life)
    (life.folder / "codes").write_text(codes)
    shutil.copytree(life.home, found.older)
    with homes.open_home(life.home) as ledger:
        ledger.append(Heartbeat(every_s=86_400))
    homes.create(found.other, "terminal two").close()
    try:
        yield found
    finally:
        for step in reversed(found.undo):
            step()


# --- mischief ----------------------------------------------------------------------------------------------


def the_database_is_removed(scene: Scene) -> None:
    (scene.home / DATABASE).unlink()


def the_home_is_deleted_whole(scene: Scene) -> None:
    shutil.rmtree(scene.home)


def its_newest_records_are_removed(scene: Scene) -> None:
    (scene.home / f"{DATABASE}-wal").unlink()


def its_newest_records_are_replaced(scene: Scene) -> None:
    there = scene.home / f"{DATABASE}-wal"
    shutil.copyfile(there, scene.life.folder / "wal")
    (scene.life.folder / "wal").replace(there)


def its_shared_memory_is_replaced(scene: Scene) -> None:
    there = scene.home / f"{DATABASE}-shm"
    shutil.copyfile(there, scene.life.folder / "shm")
    (scene.life.folder / "shm").replace(there)


def a_backup_is_put_in_its_place(scene: Scene) -> None:
    shutil.copyfile(scene.older / DATABASE, scene.life.folder / "restored")
    (scene.life.folder / "restored").replace(scene.home / DATABASE)


def a_backup_is_put_in_its_place_without_the_newest_records(scene: Scene) -> None:
    a_backup_is_put_in_its_place(scene)
    for ending in ("-wal", "-shm"):
        (scene.home / f"{DATABASE}{ending}").unlink()


def the_home_is_replaced_by_its_backup(scene: Scene) -> None:
    scene.home.rename(scene.life.folder / "gone")
    shutil.copytree(scene.older, scene.home)


def the_home_is_renamed(scene: Scene) -> None:
    scene.home.rename(scene.life.folder / "elsewhere")


def another_terminals_home_is_put_there(scene: Scene) -> None:
    scene.home.rename(scene.life.folder / "gone")
    scene.other.rename(scene.home)


def a_folder_above_it_is_renamed(scene: Scene) -> None:
    above = scene.home.parent / "above"
    above.rename(scene.home.parent / "renamed")


def the_link_to_it_leads_elsewhere(scene: Scene) -> None:
    link = scene.life.folder / "link"
    link.unlink()
    link.symlink_to(scene.older)


def its_key_is_removed(scene: Scene) -> None:
    (scene.home / KEY).unlink()


def its_key_is_replaced(scene: Scene) -> None:
    shutil.copyfile(scene.other / KEY, scene.home / KEY)


def its_key_is_a_pipe(scene: Scene) -> None:
    (scene.home / KEY).unlink()
    os.mkfifo(scene.home / KEY)


def memory_is_mounted_over_it(scene: Scene) -> None:
    scene.mount("-t", "tmpfs", "-o", "mode=700", "tmpfs", scene.home)


def its_backup_is_mounted_over_it(scene: Scene) -> None:
    scene.mount("--bind", scene.older, scene.home)


def a_backup_is_mounted_over_the_database(scene: Scene) -> None:
    scene.mount("--bind", scene.older / DATABASE, scene.home / DATABASE)


def memory_is_mounted_over_the_folder_above(scene: Scene) -> None:
    scene.mount("-t", "tmpfs", "tmpfs", scene.home.parent)


TAKEN = [
    the_database_is_removed,
    the_home_is_deleted_whole,
    its_newest_records_are_removed,
    its_newest_records_are_replaced,
    its_shared_memory_is_replaced,
    a_backup_is_put_in_its_place,
    a_backup_is_put_in_its_place_without_the_newest_records,
    the_home_is_replaced_by_its_backup,
    the_home_is_renamed,
    another_terminals_home_is_put_there,
    its_key_is_removed,
    its_key_is_replaced,
    its_key_is_a_pipe,
    memory_is_mounted_over_it,
    its_backup_is_mounted_over_it,
    a_backup_is_mounted_over_the_database,
]
"""What is done to a home in its own place."""

MOUNTS = {memory_is_mounted_over_it, its_backup_is_mounted_over_it, a_backup_is_mounted_over_the_database}


def _as_root(mischief: Callable[[Scene], None]) -> None:
    if mischief in MOUNTS and os.geteuid() != 0:
        pytest.skip("only root can mount")


@pytest.mark.parametrize("mischief", TAKEN)
def test_nothing_is_revealed_once_the_record_is_not_found_again(
    mischief: Callable[[Scene], None], scene: Scene
) -> None:
    _as_root(mischief)
    code, said = scene.open(AFTER, lambda: mischief(scene))
    assert not scene.got.exists(), said
    assert code == 5, said
    assert "nothing was revealed" in said
    assert "--record-to PATH" in said


@pytest.mark.parametrize("mischief", TAKEN)
def test_the_open_log_goes_on_where_record_to_says(mischief: Callable[[Scene], None], scene: Scene) -> None:
    _as_root(mischief)
    before = scene.life.kinds()
    code, said = scene.open(AFTER, lambda: mischief(scene), "--record-to", str(scene.stick))
    assert code == 7, said
    assert scene.got.read_bytes() == scene.life.secret.reveal()
    with homes.open_home(scene.stick) as ledger:
        verify(ledger, full=True)
    kinds = scene.life.kinds(scene.stick)
    assert kinds == [*before, "declared", "opened", "ledger-moved", "in-use", "use-ended"], said
    assert scene.life.run("--home", scene.stick, "status").exit == 7


@pytest.mark.parametrize("instant", [BEFORE, INSIDE])
@pytest.mark.parametrize("mischief", [the_database_is_removed, the_home_is_replaced_by_its_backup, its_key_is_replaced])
def test_a_record_that_is_about_to_be_made_is_not_stored_beside(
    mischief: Callable[[Scene], None], instant: str, scene: Scene
) -> None:
    code, said = scene.open(instant, lambda: mischief(scene))
    assert (code, scene.got.exists()) == (5, False), said
    assert said.count("nothing was revealed") == 1


def test_the_use_is_not_begun_once_the_opening_is_gone(scene: Scene) -> None:
    code, said = scene.open("before in-use", lambda: the_home_is_replaced_by_its_backup(scene))
    assert (code, scene.got.exists()) == (5, False), said
    assert "nothing was revealed" in said


def test_a_ledger_that_the_use_itself_removes_is_no_reason_to_call_nothing_revealed(scene: Scene) -> None:
    """What was revealed is owed a rotation, and nobody will read that in the ledger."""
    ends = ("--exec", "sh", "-c", f"cat > {scene.got}; rm -r {scene.home}")
    words = ("recombine", NAME, *DECLARATION, "--typed", scene.life.folder / "codes")
    done = scene.life.run(*words, *ends)
    assert done.exit == 5, done.err
    assert scene.got.exists()
    assert "nothing was revealed" not in done.err
    assert "the credential was opened and its rotation is owed" in done.err


def test_a_full_disk_after_the_opening_stops_nobody_who_has_the_record(scene: Scene) -> None:
    """The record is found; only that the use began cannot be recorded."""
    with contextlib.ExitStack() as stack:

        def hold() -> None:
            other = stack.enter_context(
                contextlib.closing(sqlite3.connect(scene.home / DATABASE, isolation_level=None))
            )
            other.execute("BEGIN IMMEDIATE")

        code, said = scene.open("before in-use", hold)
    assert scene.got.read_bytes() == scene.life.secret.reveal()
    assert "the beginning of the use could not be recorded" in said
    assert code == 5


def test_a_link_to_the_home_that_leads_elsewhere(scene: Scene) -> None:
    (scene.life.folder / "link").symlink_to(scene.home)
    command = ["--home", str(scene.life.folder / "link")]
    code, said = _open_at(scene, command, lambda: the_link_to_it_leads_elsewhere(scene))
    assert (code, scene.got.exists()) == (5, False), said


def test_a_folder_above_the_home_that_is_renamed(scene: Scene) -> None:
    above = scene.home.parent / "above"
    above.mkdir()
    scene.home.rename(above / "home")
    code, said = _open_at(scene, ["--home", str(above / "home")], lambda: a_folder_above_it_is_renamed(scene))
    assert (code, scene.got.exists()) == (5, False), said


def test_a_home_that_is_named_relative_to_a_folder_that_goes(scene: Scene) -> None:
    code, said = _open_at(scene, ["--home", "home"], lambda: the_home_is_renamed(scene))
    assert (code, scene.got.exists()) == (5, False), said


def test_a_file_system_over_the_folder_above(scene: Scene) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    above = scene.home.parent / "above"
    above.mkdir()
    scene.home.rename(above / "home")

    def cover() -> None:
        scene.mount("-t", "tmpfs", "tmpfs", above)

    code, said = _open_at(scene, ["--home", str(above / "home")], cover)
    assert (code, scene.got.exists()) == (5, False), said


def _open_at(scene: Scene, where: list[str], meanwhile: Callable[[], object]) -> tuple[int, str]:
    command = [
        *where, "recombine", NAME, *DECLARATION, "--typed", str(scene.life.folder / "codes"),
        "--exec", "sh", "-c", f"cat > {scene.got}",
    ]  # fmt: skip
    return paused.run(AFTER, command, meanwhile, env=scene.life.environment(), cwd=scene.life.folder)


def test_a_backup_that_is_copied_into_the_open_file_reveals_nothing_without_a_record(scene: Scene) -> None:
    """The same file, other bytes: what an operator's ``cp`` does."""

    def overwrite() -> None:
        data = (scene.older / DATABASE).read_bytes()
        with (scene.home / DATABASE).open("r+b") as file:
            file.write(data)
            file.truncate()
        for ending in ("-wal", "-shm"):
            os.truncate(scene.home / f"{DATABASE}{ending}", 0 if ending == "-wal" else 32768)

    code, said = scene.open(AFTER, overwrite)
    assert (code, scene.got.exists()) == (5, False), said


def test_a_key_that_was_put_back_is_the_same_key(scene: Scene) -> None:
    def put_back() -> None:
        data = (scene.home / KEY).read_bytes()
        (scene.home / KEY).unlink()
        (scene.home / KEY).write_bytes(data)
        (scene.home / KEY).chmod(0o600)

    code, said = scene.open(AFTER, put_back)
    assert (code, scene.got.exists()) == (7, True), said


def test_the_newest_records_of_a_backup_that_others_go_on_with_are_left_alone(scene: Scene) -> None:
    """SQLite removes what lies beside a database when it closes it: by its path, not by its file."""

    def restored_and_gone_on_with() -> None:
        the_home_is_replaced_by_its_backup(scene)
        with homes.open_home(scene.home) as ledger:
            held.append(sqlite3.connect(scene.home / DATABASE))
            held[0].execute("SELECT count(*) FROM records").fetchone()
            ledger.append(Refused(stage="test", error="none", message="somebody goes on with the backup"))
        sizes.append((scene.home / f"{DATABASE}-wal").stat().st_size)

    held: list[sqlite3.Connection] = []
    sizes: list[int] = []
    code, said = scene.open(AFTER, restored_and_gone_on_with, "--record-to", str(scene.stick))
    held[0].close()
    assert code == 7, said
    assert sizes[0] > 0
    with others.read(scene.home) as restored:
        assert b"somebody goes on with the backup" in next(restored.newest_first())[1]


def test_where_no_home_of_this_log_lies_no_note_is_left(scene: Scene) -> None:
    """A note in another terminal's home would be a stranger's there."""
    code, said = scene.open(AFTER, lambda: another_terminals_home_is_put_there(scene), "--record-to", str(scene.stick))
    assert code == 7, said
    assert not (scene.home / "MOVED").exists()
    assert scene.life.run("status").err == ""


@pytest.mark.parametrize("upper", ["disk", "memory"])
def test_a_home_in_the_lower_layer_of_an_overlay_is_found_again(upper: str, scene: Scene) -> None:
    """The first write copies every file up; that is no replacement."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    layers = scene.life.folder / "layers"
    for name in ("upper", "merged"):
        (layers / name).mkdir(parents=True)
    if upper == "memory":
        scene.mount("-t", "tmpfs", "tmpfs", layers / "upper")
    for name in ("data", "work"):
        (layers / "upper" / name).mkdir()
    options = f"lowerdir={scene.home},upperdir={layers / 'upper' / 'data'},workdir={layers / 'upper' / 'work'}"
    scene.mount("-t", "overlay", "-o", options, "overlay", layers / "merged")
    code, said = _open_at(scene, ["--home", str(layers / "merged")], lambda: None)
    assert (code, scene.got.exists()) == (7, True), said
    assert ("IN MEMORY ONLY" in said) == (upper == "memory")
    assert scene.life.kinds(layers / "merged")[-3:] == ["opened", "in-use", "use-ended"]
