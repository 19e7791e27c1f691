# SPDX-License-Identifier: Apache-2.0
"""``recover.py`` on the Python that is there: it opens from 3.8 on, and says in words what it needs below.

Rules:

1. Syntax and API are checked on every machine; what runs needs an older Python, on the path or from pyenv, and is
   skipped without one, since Debian's stable release has none.
2. It is run as people run it: a process, text in, answers on standard error.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from breakglass_shamir.standalone import recover as program
from tests.interop.test_recover import PLAIN, PROGRAM, WHO, secret_of, texts, typed

OPENS = ("3.8", "3.9", "3.10", "3.12", "3.13")
IS_TOLD = ("3.6", "3.7")
SOURCE = PROGRAM.read_text(encoding="utf-8")


def python(version: str) -> str:
    """Return a Python of a version that starts, or skip the test."""
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = (home / "versions").glob(f"{version}.*/bin/python")
    found = [one for one in (shutil.which(f"python{version}"), *map(str, kept)) if one and version in _says(one)]
    if not found:
        pytest.skip(f"no Python {version} on the path or in pyenv")
    return found[0]


def _says(command: str) -> str:
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode == 0 else ""


def start(version: str, folder: Path, *arguments: str, lines: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    flags = ["-I", "-S"] if version[0] == "3" else []
    return subprocess.run(
        [python(version), *flags, str(PROGRAM), *arguments],
        input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, check=False, cwd=folder,
        timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("version", OPENS)
@pytest.mark.parametrize("medium", ["codes", "lines"])
def test_it_opens_from_the_python_it_promises_on(version: str, medium: str, tmp_path: Path) -> None:
    scanned = (*PLAIN["codes"], *texts(PLAIN, 0, 2))
    lines = scanned if medium == "codes" else (*PLAIN["core_lines"], "", *typed(PLAIN, 0, 2))
    done = start(version, tmp_path, *WHO, "--record", "use.json", "--out", "secret", lines=lines)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "secret").read_bytes() == secret_of(PLAIN)
    assert "Warning" not in done.stderr
    assert (tmp_path / "use.json.sig").exists()


@pytest.mark.parametrize("version", IS_TOLD)
def test_an_older_python_is_told_in_words_what_is_needed(version: str, tmp_path: Path) -> None:
    done = start(version, tmp_path, *WHO, lines=tuple(PLAIN["codes"]))
    assert done.returncode == 2
    assert f"needs Python 3.8 or later, and this is Python {version}." in done.stderr
    assert "recover.html" in done.stderr
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.stdout, list(tmp_path.iterdir())) == ("", [])


def test_python_2_stops_at_the_line_that_says_what_is_needed(tmp_path: Path) -> None:
    done = start("2.7", tmp_path)
    assert done.returncode == 1
    assert "This program needs Python 3.8 or later" in done.stderr


def test_no_line_is_newer_than_the_check_that_reads_the_version() -> None:
    ast.parse(SOURCE, feature_version=(3, 7))  # Python 3.6 reads the same but for what is looked at below
    tree = ast.parse(SOURCE)
    assert not [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    nodes = list(ast.walk(tree))
    assert not [node for node in nodes if isinstance(node, ast.NamedExpr | ast.Match | ast.TryStar)]
    assert not [node for node in nodes if isinstance(node, ast.arguments) and node.posonlyargs]
    check = next(at for at, node in enumerate(tree.body) if "require_python(sys" in ast.unparse(node))
    imported = [node for node in tree.body[:check] if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imported] == ["import sys"]


def test_nothing_that_runs_is_newer_than_the_python_it_promises() -> None:
    beside = Path(sys.executable).with_name("vermin")
    done = subprocess.run(
        [str(beside), "--target=3.8-", "--violations", "--no-tips", str(PROGRAM)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "Minimum required versions: 3.8" in done.stdout


def test_every_place_names_the_same_python() -> None:
    named = set(re.findall(r"Python (3\.\d+) or later", SOURCE))
    assert named == {"3.8"}


def test_the_first_screen_is_steps_without_a_word_that_needs_explaining() -> None:
    steps = program.STEPS
    assert [int(number) for number in re.findall(r"^  (\d)\. ", steps, re.MULTILINE)] == [1, 2, 3, 4, 5, 6]
    assert max(len(line) for line in steps.splitlines()) <= 80
    assert len(steps.splitlines()) <= 22, "a small screen shows all of it"
    for word in ("BGS1", "stdin", "core", "parity", "argument", "directory"):
        assert word not in steps
    for word in ("open", "help", "status", "quit"):
        assert f"  {word}  " in steps
