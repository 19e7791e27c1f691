# SPDX-License-Identifier: Apache-2.0
"""The demonstration: what somebody sees who tries the program for the first time."""

import json
import subprocess
from pathlib import Path

from tests.end_to_end.life import PROGRAM, Life, secrets_on_paper


def test_it_plays_a_whole_life_and_keeps_it_where_asked(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    life = Life(tmp_path)
    done = subprocess.run(
        [PROGRAM, "--json", "demo", "--keep", kept], capture_output=True, env=life.environment(), check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["folder"] == str(kept)
    printings = sorted(folder for folder in kept.glob("sheets-*") if folder.is_dir())
    alive = [secret for folder in printings for secret in secrets_on_paper(folder)]
    assert len(alive) >= 2
    assert not (tmp_path / ".local").exists()


def test_it_writes_into_no_folder_that_has_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = subprocess.run(
        [PROGRAM, "demo", "--keep", tmp_path], capture_output=True, env=Life(tmp_path).environment(), check=False
    )
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
