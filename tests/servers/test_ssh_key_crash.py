# SPDX-License-Identifier: Apache-2.0
"""Promise 4 on a key file: whatever is killed, full, changed or broken, the old or the new one opens it."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from key_workshop import connector, make_key, names, opens, passphrase, replace_ssh_keygen

import breakglass_shamir
from breakglass_shamir.connectors.port import one_file
from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

SOURCE = Path(breakglass_shamir.__file__).parents[1]
KILLS = 40
"""How many rotations are killed, at delays spread evenly over one and a quarter rotation."""

ROTATE = """
import sys
from breakglass_shamir.connectors.ssh import keygen as ssh_keygen
from breakglass_shamir.connectors.ssh.connector import SshKeyConnector
from breakglass_shamir.hygiene import Secret
ssh_keygen.SYSTEM_PATH = sys.argv[2]
old, new = (Secret(bytes.fromhex(sys.stdin.readline())) for _ in range(2))
connector = SshKeyConnector("ssh-key://" + sys.argv[1])
print("ready", flush=True)
connector.rotate(old, new)
print("done", flush=True)
"""
"""A rotation in a process of its own; credentials come over its standard input."""


@pytest.fixture(autouse=True)
def program(need: Callable[[str], str]) -> str:
    return need("ssh-keygen")


@pytest.fixture
def old() -> Secret:
    return passphrase()


@pytest.fixture
def new() -> Secret:
    return passphrase()


@pytest.fixture
def path(tmp_path: Path, old: Secret) -> Path:
    (tmp_path / "keys").mkdir()
    return make_key(tmp_path / "keys", old)


def start(path: Path, old: Secret, new: Secret, search: str = "/usr/bin:/bin") -> "subprocess.Popen[str]":
    """Start a rotation in another process and return when it is about to begin."""
    command = [sys.executable, "-c", ROTATE, str(path), search]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, cwd=SOURCE, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{old.reveal().hex()}\n{new.reveal().hex()}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "ready\n"
    return child


def end(child: "subprocess.Popen[str]") -> bool:
    """Kill what is left, and tell whether the rotation had been done."""
    child.kill()
    return child.communicate()[0] == "done\n"


def hidden(path: Path) -> list[str]:
    return [name for name in names(path.parent) if name.startswith(".")]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.crash
def test_a_kill_at_any_point_leaves_exactly_one_passphrase(path: Path, old: Secret) -> None:
    began = time.monotonic()
    current, upcoming = passphrase(), passphrase()
    child = start(path, old, current)
    child.communicate()
    step_s = (time.monotonic() - began) * 1.25 / KILLS
    finished, interrupted = 0, 0
    for number in range(KILLS):
        upcoming = passphrase()
        child = start(path, current, upcoming)
        time.sleep(number * step_s)
        finished += end(child)
        interrupted += bool(hidden(path))
        old_opens, new_opens = opens(path, current), opens(path, upcoming)
        assert old_opens != new_opens
        if new_opens:
            current = upcoming
    assert finished < KILLS
    assert interrupted
    last = passphrase()
    connector(path).rotate(current, last)
    assert opens(path, last)
    assert names(path.parent) == ["id", "id.pub"]


def test_an_orphaned_ssh_keygen_keeps_the_folder_locked(
    tmp_path: Path, path: Path, old: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin"
    replace_ssh_keygen(monkeypatch, slow, f'case $1 in -p) touch {tmp_path}/begun; sleep 1.5;; esac; exec "$REAL" "$@"')
    monkeypatch.undo()
    child = start(path, old, new, f"{slow}:/usr/bin:/bin")
    wait_for((tmp_path / "begun").exists)
    end(child)
    assert hidden(path)
    monkeypatch.setattr(one_file, "LOCK_WAIT_S", 0.1)
    assert connector(path).check(new).result is CheckResult.UNKNOWN
    with pytest.raises(ConnectorError, match="under way"):
        connector(path).rotate(old, new)
    monkeypatch.setattr(one_file, "LOCK_WAIT_S", 20)
    connector(path).rotate(old, new)
    assert opens(path, new)
    assert names(path.parent) == ["id", "id.pub"]


def test_a_stale_copy_is_gone_before_the_old_passphrase_is_called_dead(path: Path, old: Secret, new: Secret) -> None:
    stale = path.with_name(".id.breakglass-0123456789abcdef")
    stale.write_bytes(path.read_bytes())
    near = [path.with_name(name) for name in (".id.breakglass-", ".id2.breakglass-0123456789abcdef", ".id.bak")]
    for file in near:
        file.write_text("somebody else's")
    assert connector(path).check(old).result is CheckResult.ACCEPTED
    assert stale.exists()
    assert connector(path).check(new).result is CheckResult.REFUSED
    assert not stale.exists()
    stale.write_bytes(path.read_bytes())
    assert connector(path).remove_leftovers() == 1
    assert connector(path).remove_leftovers() == 0
    stale.write_bytes(path.read_bytes())
    connector(path).rotate(old, new)
    assert not stale.exists()
    assert all(file.exists() for file in near)


def test_two_rotations_at_once_have_one_winner(path: Path, old: Secret) -> None:
    wanted = [passphrase() for _ in range(4)]
    results: dict[int, bool] = {}
    gate = threading.Barrier(len(wanted))

    def rotate(number: int) -> None:
        gate.wait()
        try:
            connector(path).rotate(old, wanted[number])
        except ConnectorError:
            results[number] = False
        else:
            results[number] = True

    threads = [threading.Thread(target=rotate, args=(number,)) for number in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results.values()) == [False, False, False, True]
    assert [opens(path, secret) for secret in wanted] == [results[number] for number in range(len(wanted))]
    assert not opens(path, old)
    assert names(path.parent) == ["id", "id.pub"]


@pytest.fixture
def misbehave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what makes ``ssh-keygen -p`` run shell lines before and after the real thing."""

    def install(before: str, after: str) -> None:
        script = f'case $1 in -p) {before}; "$REAL" "$@"; {after};; *) exec "$REAL" "$@";; esac'
        replace_ssh_keygen(monkeypatch, tmp_path / "bin", script)

    return install


@pytest.mark.parametrize(
    "after",
    [
        'head -c 300 "$KEY" >"$KEY.half"; mv "$KEY.half" "$KEY"; exit 0',
        ': >"$KEY"; exit 0',
        ': >"$KEY"; exit 255',
        ': >"$KEY"; kill -KILL $$',
        'rm "$KEY"; exit 0',
        'cp ORIGINAL "$KEY"; exit 0',
        "exit 1",
    ],
)
def test_a_copy_that_went_wrong_never_replaces_the_key(
    path: Path, old: Secret, new: Secret, misbehave: Callable[[str, str], None], after: str
) -> None:
    before = path.read_bytes()
    misbehave(":", after.replace("ORIGINAL", str(path)))
    with pytest.raises(ConnectorError, match="unchanged"):
        connector(path).rotate(old, new)
    assert path.read_bytes() == before
    assert not hidden(path)


def test_another_key_under_the_new_passphrase_never_replaces_the_key(
    tmp_path: Path, path: Path, old: Secret, new: Secret, misbehave: Callable[[str, str], None]
) -> None:
    before = path.read_bytes()
    other = make_key(tmp_path, new)
    misbehave(":", f'cp {other} "$KEY"')
    with pytest.raises(ConnectorError, match="unchanged"):
        connector(path).rotate(old, new)
    assert path.read_bytes() == before


def test_a_copy_that_the_old_passphrase_still_opens_never_replaces_the_key(
    tmp_path: Path, path: Path, old: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, runs, kept = path.read_bytes(), tmp_path / "runs", tmp_path / "kept"
    third = f'echo >>{runs}; if [ $(wc -l <{runs}) = 3 ]; then cp {kept} "$KEY"; fi'
    script = f'case $1 in -p) cp "$KEY" {kept};; -y) {third};; esac; exec "$REAL" "$@"'
    replace_ssh_keygen(monkeypatch, tmp_path / "bin", script)
    with pytest.raises(ConnectorError, match="the old credential was not refused"):
        connector(path).rotate(old, new)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change", ["chmod 0400 ORIGINAL", 'printf "\n" >>ORIGINAL', "cp -p ORIGINAL NEXT; mv NEXT ORIGINAL"]
)
def test_a_key_changed_by_somebody_else_meanwhile_is_left_alone(
    path: Path, old: Secret, new: Secret, misbehave: Callable[[str, str], None], change: str
) -> None:
    misbehave(change.replace("ORIGINAL", str(path)).replace("NEXT", f"{path}.next"), ":")
    with pytest.raises(ConnectorError, match="somebody else"):
        connector(path).rotate(old, new)
    assert opens(path, old)
    assert not hidden(path)


def test_the_old_file_is_never_written_to(path: Path, old: Secret, new: Secret) -> None:
    before = path.read_bytes()
    with path.open("rb") as held:
        connector(path).rotate(old, new)
        assert held.read() == before
    assert path.read_bytes() != before


def test_the_copy_is_on_the_disk_before_the_rename_and_the_rename_after_it(
    path: Path, old: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, int]] = []
    fsync, rename = os.fsync, Path.rename

    def note_flush(descriptor: int) -> None:
        steps.append(("flush", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def note_rename(source: Path, goal: Path) -> Path:
        steps.append(("rename", source.stat().st_ino))
        return rename(source, goal)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(Path, "rename", note_rename)
    connector(path).rotate(old, new)
    file, folder = path.stat().st_ino, path.parent.stat().st_ino
    assert steps == [("flush", file), ("rename", file), ("flush", folder)]


@pytest.mark.parametrize("folder_fails", [False, True])
def test_a_failed_flush_says_which_passphrase_is_in_place(
    path: Path, old: Secret, new: Secret, monkeypatch: pytest.MonkeyPatch, folder_fails: bool
) -> None:
    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == folder_fails:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ConnectorError) as caught:
        connector(path).rotate(old, new)
    assert ("the change is in place" in str(caught.value)) == folder_fails
    assert opens(path, new if folder_fails else old)
    assert names(path.parent) == ["id", "id.pub"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> None:
    with pytest.raises(OSError, match="No space"), (folder / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))


def test_a_full_disk_leaves_the_key_as_it_was(small_disk: Path, old: Secret, new: Secret) -> None:
    path = make_key(small_disk, old)
    fill(small_disk)
    before = path.read_bytes()
    assert any("no room" in problem for problem in connector(path).preflight(new).problems)
    with pytest.raises(ConnectorError, match="No space left"):
        connector(path).rotate(old, new)
    assert path.read_bytes() == before
    assert names(small_disk) == ["filler", "id", "id.pub"]


def test_an_interrupt_removes_the_copy(path: Path, old: Secret, new: Secret) -> None:
    child = start(path, old, new)
    wait_for(lambda: bool(hidden(path)))
    child.send_signal(signal.SIGINT)
    child.communicate()
    assert not hidden(path)
    assert opens(path, old) != opens(path, new)
