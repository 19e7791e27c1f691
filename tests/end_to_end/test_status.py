# SPDX-License-Identifier: Apache-2.0
"""Status as people see it: colour on a terminal and nowhere else, what cannot wait first, plugins' exit codes."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.life import NAME, Life

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(life: Life, *args: str, **more: str) -> str:
    """Run a command whose output is a terminal; returns what the screen got."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        life.command(*args), stdin=theirs, stdout=theirs, stderr=theirs, cwd=life.folder,
        env=life.environment(**{"TERM": "xterm", "COLUMNS": "120", **more}),
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:
        pass  # the other end is closed
    done.wait(90)
    os.close(ours)
    return seen.decode()


def hand_out(life: Life) -> None:
    """Let each custodian take the sheet."""
    for sheet in ("1", "2", "3"):
        life.ok("ack", NAME, sheet)


def test_colour_is_for_terminals_that_want_it(life: Life) -> None:
    hand_out(life)
    assert "\x1b[32m" + "nothing is due" in on_a_terminal(life, "status")
    life.ok("void", NAME, "1", "--reason", "left on a train")
    shown = on_a_terminal(life, "status")
    assert re.search(r"\x1b\[33mdue +recovery-key: rotate: 1 sheet of epoch 1 is void", shown)
    for plain in (
        on_a_terminal(life, "--no-color", "status"),
        on_a_terminal(life, "status", NO_COLOR="1"),
        life.run("status").out,
    ):
        assert not _ESCAPE.search(plain)
        assert "due      recovery-key: rotate: 1 sheet of epoch 1 is void" in plain


def test_a_quorum_at_risk_is_the_first_line_and_red(life: Life) -> None:
    for sheet in ("1", "2"):
        life.ok("void", NAME, sheet, "--reason", "left on a train")
    shown = on_a_terminal(life, "status")
    (line,) = [line for line in shown.splitlines() if "no quorum is left: 2 sheets of epoch 1" in line]
    assert "\x1b[31m" + "OVERDUE" in line
    rest = [line for line in _ESCAPE.sub("", shown).splitlines() if line.startswith(("OVERDUE", "due", "destroy"))]
    assert rest[0] == _ESCAPE.sub("", line).strip()
    assert life.run("status", "--format", "nagios").exit == 2


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        ("none", 3, "UNKNOWN - no ledger"),
        ("ledger", 2, "CRITICAL - "),
        ("name", 3, "UNKNOWN - expected one of the sets"),
    ],
)
def test_a_plugin_always_says_one_line(life: Life, damage: str, code: int, words: str) -> None:
    args = ["status", "--format", "nagios"]
    if damage == "none":
        (life.home / "ledger.sqlite").unlink()
        for extra in Path(life.home).glob("ledger.sqlite-*"):
            extra.unlink()
    elif damage == "ledger":
        (life.home / "ledger.sqlite").write_bytes(b"not a database" * 1000)
    else:
        args.insert(1, "nosuch")
    done = life.run(*args)
    assert done.exit == code, done.out + done.err
    assert done.out.count("\n") == 1
    assert done.out.startswith("BREAKGLASS ")
    assert words in done.out


def test_metrics_are_whole_and_exit_0_when_something_is_due(life: Life) -> None:
    hand_out(life)
    life.ok("void", NAME, "1", "--reason", "left on a train")
    done = life.run("status", "--format", "prometheus")
    assert done.exit == 0
    assert 'breakglass_due{set="recovery-key"} 1\n' in done.out
    assert life.run("status").exit == 7


def test_no_name_or_id_is_broken_on_a_narrow_screen_and_each_command_stands_alone(life: Life) -> None:
    wide = on_a_terminal(life, "--no-color", "status", COLUMNS="130")
    assert re.search(rf"^ {NAME} +sealed +1 \([0-9A-Z-]{{14}}\) ", wide, re.M), wide
    narrow = on_a_terminal(life, "--no-color", "--home", str(life.home), "status", COLUMNS="80").replace("\r", "")
    epoch_id = life.status()["epoch_id"]
    assert f"SET         {NAME}\n" in narrow
    assert f"EPOCH       1 ({epoch_id})\n" in narrow
    assert f"\n         breakglass --home {life.home} ack {NAME} 1.2\n" in narrow
    assert max(map(len, (line for line in narrow.splitlines() if "breakglass " not in line))) <= 80
