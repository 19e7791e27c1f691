# SPDX-License-Identifier: Apache-2.0
"""What a program was killed over is gone from memory the next time; what somebody uses is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from breakglass_shamir.connectors.port import memory_folder as module
from breakglass_shamir.connectors.port.memory_folder import PREFIX, memory_folder

KILLED = """
import os, pathlib, signal, sys
from breakglass_shamir.connectors.port import memory_folder
memory_folder.MEMORY = pathlib.Path(sys.argv[1])
with memory_folder.memory_folder() as folder:
    (folder / "ticket").write_bytes(b"secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "MEMORY", tmp_path)
    return tmp_path


def left(place: Path) -> list[Path]:
    return sorted(place.glob(f"{PREFIX}*"))


def test_a_folder_is_its_user_s_alone_and_gone_at_the_end(memory: Path) -> None:
    with memory_folder() as folder:
        assert folder.parent == memory
        assert folder.stat().st_mode & 0o077 == 0
    assert left(memory) == []


def test_what_a_killed_program_left_is_removed_by_the_next_one(memory: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(memory)], check=False)
    (stale,) = left(memory)
    assert (stale / "ticket").read_bytes() == b"secret"
    with memory_folder():
        assert stale.exists(), "it was made just now: perhaps its lock is still to come"
    os.utime(stale, (1, 1))
    with memory_folder() as own:
        assert left(memory) == [own]


def test_what_somebody_uses_or_nobody_locked_is_left_alone(memory: Path) -> None:
    with memory_folder() as used:
        os.utime(used, (1, 1))
        foreign = memory / f"{PREFIX}foreign"
        foreign.mkdir()
        os.utime(foreign, (1, 1))
        (memory / f"{PREFIX}link").symlink_to(used)
        with memory_folder():
            assert used.exists()
            assert foreign.exists()
    assert (memory / f"{PREFIX}link").is_symlink()
