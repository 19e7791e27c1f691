# SPDX-License-Identifier: Apache-2.0
"""Completion in the shells themselves: what this home has is offered, silently, and nothing that a shell would obey."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from breakglass_shamir.cli import completing, completion
from breakglass_shamir.custody.life.state import LedgerState, SetState
from tests.end_to_end.life import NAME, PROGRAM, Life

_BASH = """eval "$(breakglass completion bash)"
compopt() { :; }
try() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _breakglass_completion breakglass
  echo "${COMPREPLY[*]}"
}
"""

ASKED = {
    "try breakglass st": "status",
    "try breakglass status ''": NAME,
    f"try breakglass ack {NAME} ''": "1.1 1.2 1.3",
    f"try breakglass ack {NAME} 1.2 --b": "--bag",
    f"try breakglass recombine {NAME} --class ''": "idp-outage network-outage",
    f"try breakglass recombine {NAME} --override ho": "hours home",
    f"try breakglass close {NAME} --as e": "emergency",
    "try breakglass --home nowhere status ''": "",
    "try breakglass --home nowhere ack x ''": "",
    "try breakglass audit sh": "show",
}
"""What is typed in bash, and what it offers."""


def in_shell(life: Life, shell: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a shell that finds the program, as the user of a life."""
    path = f"{PROGRAM.parent}:{os.environ['PATH']}"
    found = {"PATH": path, "HOME": str(life.folder), "BREAKGLASS_HOME": str(life.home)}
    return subprocess.run(
        [shell, *args], env={**life.environment(), **found}, cwd=life.folder,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_bash_completes_sets_sheets_classes_and_gates_and_stays_silent(life: Life) -> None:
    before = sorted(path.name for path in life.folder.iterdir())
    done = in_shell(life, "bash", "-c", _BASH + "\n".join(ASKED))
    assert done.stderr == ""
    assert done.stdout.splitlines() == list(ASKED.values())
    assert sorted(path.name for path in life.folder.iterdir()) == before, "no home is begun"


def test_fish_completes_with_words_beside(life: Life, need: Callable[[str], str]) -> None:
    script = f'breakglass completion fish | source; complete -C "breakglass ack {NAME} "'
    done = in_shell(life, need("fish"), "-N", "-c", script)
    assert done.stdout.splitlines() == ["1.1\tNorth", "1.2\tSouth", "1.3\tEast"], done.stderr


def test_zsh_completes_with_words_beside(life: Life, need: Callable[[str], str]) -> None:
    script = """autoload -U compinit; compinit -u -d zcompdump; eval "$(breakglass completion zsh)"
    _describe() { print -rl -- "${(@P)3}" }
    words=(breakglass ack NAME ''); CURRENT=4; _breakglass_completion""".replace("NAME", NAME)
    done = in_shell(life, need("zsh"), "-f", "-c", script)
    assert done.stdout.splitlines() == ["1.1:North", "1.2:South", "1.3:East"], done.stderr


def test_it_is_installed_where_the_shell_looks_and_overwrites_only_itself(life: Life) -> None:
    place = life.folder / ".local/share/bash-completion/completions/breakglass"
    for _ in range(2):
        done = in_shell(life, str(PROGRAM), "completion", "bash", "--install")
        assert done.returncode == 0, done.stderr
        assert place.read_text() == completion.script("bash")
    place.write_text("somebody else's\n")
    done = in_shell(life, str(PROGRAM), "completion", "bash", "--install")
    assert done.returncode == 2
    assert place.read_text() == "somebody else's\n"


def test_a_name_that_a_shell_would_obey_is_never_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    def names(_state: LedgerState, _one: SetState | None) -> completing._Found:
        yield from ((one, "") for one in ("plain", "x; touch y", "$(id)", "-rf", "a b", "two\nlines"))

    monkeypatch.setattr(completing, "_from_home", lambda _ctx, source: list(source(LedgerState(), None)))
    command = click.Command("x", params=[click.Argument(["name"])])
    found = completing._Known(names).shell_complete(click.Context(command), command.params[0], "")
    assert [one.value for one in found] == ["plain"]


def test_a_home_that_is_damaged_or_asks_for_long_completes_nothing_and_says_nothing(life: Life) -> None:
    (life.home / "ledger.sqlite").write_bytes(b"not a database" * 1000)
    asked = {
        "BREAKGLASS_HOME": str(life.home),
        "_BREAKGLASS_COMPLETE": "bash_complete",
        "COMP_WORDS": "breakglass status ",
        "COMP_CWORD": "2",
    }
    done = subprocess.run([PROGRAM], env=life.environment(**asked), capture_output=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == (b"", b"")
    waits = "import time; from breakglass_shamir.cli import completing as c; c.PATIENCE_S = 1; c.be_silent()"
    waits += "; time.sleep(50)"
    slow = subprocess.run([sys.executable, "-c", waits], capture_output=True, check=False, timeout=40)
    assert (slow.returncode, slow.stdout, slow.stderr) == (0, b"", b"")


def test_each_command_has_a_manual_page_without_a_warning(tmp_path: Path, need: Callable[[str], str]) -> None:
    from breakglass_shamir.cli import manual

    pages = dict(manual.pages())
    assert {"breakglass", "breakglass-status", "breakglass-drill-roll-call", "breakglass-audit-show"} <= set(pages)
    for name, page in pages.items():
        (tmp_path / f"{name}.1").write_text(page, encoding="ascii")
    done = subprocess.run(
        [need("mandoc"), "-T", "lint", "-W", "warning", *sorted(tmp_path.iterdir())], capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []
    shown = subprocess.run(
        [need("mandoc"), "-T", "ascii", tmp_path / "breakglass-status.1"], capture_output=True, text=True, check=False
    ).stdout
    assert "--format [table|nagios|prometheus]" in re.sub(".\b", "", shown)


def test_roff_obeys_nothing_of_a_text() -> None:
    from breakglass_shamir.cli.manual import roff

    assert roff(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert roff("'br") == "\\(aqbr"
    assert "\\\\" not in roff("a\\fB") and roff("a\\fB") == "a\\efB"
