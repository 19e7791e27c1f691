# SPDX-License-Identifier: Apache-2.0
"""A type checker sees the public API in somebody else's program, right calls and wrong ones; and the examples."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("users_program.py")
EXAMPLES = (*sorted((ROOT / "examples" / "library").glob("*.py")), *(ROOT / "examples").glob("connector-package/*.py"))


def test_a_users_program_type_checks_and_its_wrong_calls_do_not(tmp_path: Path) -> None:
    files = [shutil.copy(path, tmp_path) for path in (PROGRAM, *EXAMPLES)]
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        sys.executable,
        "--config-file=",
        *files,
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"no issues found in {len(files)} source files" in done.stdout


def test_it_runs_where_nothing_of_this_repository_is(tmp_path: Path) -> None:
    copy = shutil.copy(PROGRAM, tmp_path)
    done = subprocess.run([sys.executable, copy], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("('1.1', '1.2')\n", 0), done.stderr


def test_the_examples_and_the_users_program_use_the_front_door_only() -> None:
    for path in (PROGRAM, *EXAMPLES):
        assert "breakglass_shamir." not in path.read_text(), path.name
