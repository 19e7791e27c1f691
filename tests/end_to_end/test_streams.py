# SPDX-License-Identifier: Apache-2.0
"""Closed, broken and full standard streams: they stop no opening, and a lost result is an exit code, no traceback."""

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.life import DECLARATION, NAME, Life

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")


def shell(life: Life, redirection: str, *args: str | Path) -> "subprocess.CompletedProcess[str]":
    line = f"{shlex.join(life.command(*args))} {redirection}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], env=life.environment(), cwd=life.folder,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@needs_full
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "<&-", "<&- 2>&-", "2> >(exec true)"])
def test_an_emergency_goes_on(life: Life, redirection: str) -> None:
    command = ("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--exec", "sh", "-c", "cat > got")
    done = shell(life, redirection, *command)
    assert done.returncode == 7, (done.stdout, done.stderr)
    assert (life.folder / "got").read_bytes() == life.secret.reveal()
    assert life.kinds()[-1] == "use-ended"


@needs_full
@pytest.mark.parametrize("words", [("status",), ("--json", "status"), ("policy", "example")])
@pytest.mark.parametrize("redirection", [">/dev/full", "| true"])
def test_a_result_that_cannot_be_printed_is_exit_code_1(life: Life, words: tuple[str, ...], redirection: str) -> None:
    done = shell(life, redirection, *words)
    assert done.returncode in ({1} if "full" in redirection else {0, 1})
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_closed_standard_input_is_nobody_to_ask(life: Life) -> None:
    done = shell(life, "<&-", "recombine", NAME, "--no-reveal")
    assert done.returncode == 2
    assert "expected --class, got none" in done.stderr
    typed = shell(life, "<&-", "recombine", NAME, *DECLARATION, "--typed", "-", "--no-reveal")
    assert (typed.returncode, "standard input" in typed.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--home", "x" * 300, "status"),
        ("--home", "x/" * 3000, "init"),
        ("recombine", NAME, *DECLARATION, "--no-reveal", "--scan", "x" * 300),
        ("rotate", NAME, "--scan", "x", "--out", "y", "--timeout", "nan"),
        ("rotate", NAME, "--scan", "x", "--out", "y", "--timeout", "-1"),
    ],
)
def test_what_can_be_no_path_and_no_time_is_a_usage_error(life: Life, words: tuple[str, ...]) -> None:
    done = life.run(*words)
    assert done.exit == 2, done.err
    assert "unexpected" not in done.err


def test_a_message_cannot_drive_the_terminal(life: Life) -> None:
    done = life.run("--home", "a\x1b[2Jb", "status")
    assert done.exit == 3
    assert "\x1b" not in done.err
