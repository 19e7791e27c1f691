# SPDX-License-Identifier: Apache-2.0
"""The example of each command is typed as its help shows it, and works.

One sealed set serves them all. Each runs in a child of this process, so that nothing is loaded twice.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from breakglass_shamir.cli import program
from breakglass_shamir.cli.examples import EXAMPLES, shown
from tests.attacks import wheelhouses
from tests.end_to_end.life import DECLARATION, NAME, TIME_LIMIT_S, Life, office

EXITS = {"recombine": 7, "status": 7}
"""What is no fault of an example: a rotation is owed, sheets are still to be acknowledged."""

RUN_ELSEWHERE = {
    **dict.fromkeys(
        ("arming arm", "arming close", "arming show", "arming request", "arming approve"),
        "tests/servers/test_arming_flows.py has a server that keeps accounts closed",
    ),
    "demo": "tests/end_to_end/test_demo.py plays it",
    "audit import": "tests/end_to_end/test_recovery_import.py imports one",
    "lineage import": "tests/transcripts/two_terminals.txt has two terminals",
    "review": "tests/transcripts/reviews.txt has a policy that names reviewers",
    "sync": "tests/servers/test_collection.py has a server",
    "witness pin": "tests/servers/test_witness.py has witnesses",
    "witness submit": "tests/servers/test_witness.py has witnesses",
    "witness list": "tests/servers/test_witness.py has witnesses",
    "collect enrol": "tests/servers/test_collection.py has a server",
    "collect run": "tests/servers/test_collection.py has a server",
    "collect terminals": "tests/servers/test_collection_reading.py has a server",
    "collect evidence": "tests/servers/test_collection_reading.py has a server",
    "watch": "tests/servers have targets that tell of logins",
}
"""Examples that another test runs; they cost too much to be run twice."""

_SINK = '\n[[alerts.sinks]]\nname = "siem"\ntype = "file"\npath = "{path}"\n'


def typed(life: Life, line: str, home: Path | None = None) -> tuple[int, str]:
    """Type a line into a shell without substitutions; returns the exit code and what was said."""
    words = shlex.split(line.replace("\\\n", " "))
    assert words[0] == "breakglass"
    said = life.folder / "said"
    child = os.fork()
    if child == 0:
        _become(life, words, said, home or life.home)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, said.read_text()


def _become(life: Life, words: list[str], said: Path, home: Path) -> None:
    """Be the program, and nothing of the tests afterwards."""
    code = 99
    try:
        file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for descriptor in (1, 2):
            os.dup2(file, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(life.folder)
        os.environ.clear()
        os.environ.update(life.environment(BREAKGLASS_HOME=str(home)))
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, closefd=False, encoding="utf-8") for number, mode in ((0, "r"), (1, "w"), (2, "w"))
        )  # fmt: skip
        sys.argv = list(words)
        program.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


def leaves(group: click.Group, path: str = "") -> Iterator[str]:
    """Yield the path of each command that does something."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        below = f"{path} {name}".strip()
        if isinstance(found, click.Group):
            yield from leaves(found, below)
        else:
            yield below


def _secret(life: Life) -> None:
    (life.folder / "secret").write_bytes(life.secret.reveal())


def _anew(life: Life) -> None:
    shutil.rmtree(life.home)


def _begun(life: Life) -> None:
    _anew(life)
    typed(life, 'breakglass init --terminal "office terminal"')
    _secret(life)


def _declared(life: Life) -> None:
    assert life.recombine("--no-reveal", "--override", "x").exit == 2
    one = life.some_scans(1, 1)[0]
    assert life.run("recombine", NAME, *DECLARATION, "--scan", one, "--no-reveal").exit == 4


def _in_use(life: Life) -> None:
    words = life.command("recombine", NAME, *DECLARATION, "--scan", life.scans(1), "--exec", "sleep", "30")
    with subprocess.Popen(
        words, env=life.environment(), cwd=life.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    ) as running:  # fmt: skip
        end = time.monotonic() + TIME_LIMIT_S
        while "in-use" not in life.kinds() and time.monotonic() < end:
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGKILL)


def _passed(life: Life) -> None:
    words = [word if word != "INC-1234" else "none" for word in DECLARATION]
    passing = ("--override", "ticket", "--override-reason", "it is down")
    assert life.run("recombine", NAME, *words, *passing, "--scan", life.some_scans(1, 1)[0], "--no-reveal").exit == 4
    typed(life, f'breakglass cancel {NAME} --reason "it works again"')


def _cards(life: Life) -> None:
    (life.folder / "cards").mkdir()
    for card in sorted(life.sheets(1).glob("*-drill.pdf"))[:2]:
        shutil.copy(card, life.folder / "cards")


def _load_policy(life: Life) -> None:
    life.write_policy()
    text = life.policy.read_text().replace(f'name = "{NAME}"', 'name = "load-test"')
    text = re.sub(r'^uri = ".*"$', 'uri = "manual:load-test"', text, flags=re.M)
    (life.folder / "load.toml").write_text(f"{text}\n[drills.load]\n")


def _told(life: Life) -> None:
    life.write_policy()
    life.policy.write_text(life.policy.read_text() + _SINK.format(path=life.folder / "events.jsonl"))
    code, said = typed(life, "breakglass policy adopt policy.toml")
    assert code == 0, said


def _exported(life: Life) -> None:
    code, said = typed(life, f"breakglass enrol export {NAME} --out recovery-key.json")
    assert code == 0, said


def _rotated(life: Life) -> None:
    assert life.rotated("rotate", NAME, "--scan", life.scans(1)).exit == 0


BEFORE: dict[str, Callable[[Life], object]] = {
    "init": _anew, "split": _begun, "sign": _declared, "cancel": _declared, "close": _in_use, "settle": _passed,
    "drill roll-call": lambda life: typed(life, f"breakglass ack {NAME} South --bag B-1002"),
    "destroyed": lambda life: typed(life, f"breakglass void {NAME} 2 --reason lost"),
    "drill rehearsal": _cards, "drill load": _load_policy,
    "enrol fingerprint": _exported, "enrol import": _exported, "alerts test": _told,
    "lineage export": _rotated, "kit": lambda life: wheelhouses.write(life.folder / "dist" / "wheelhouse"),
}  # fmt: skip
"""What has to have happened before an example makes sense."""


def test_every_command_has_an_example_and_shows_it() -> None:
    assert set(leaves(program.breakglass)) == set(EXAMPLES)
    for path in EXAMPLES:
        command: click.Command = program.breakglass
        for name in path.split():
            assert isinstance(command, click.Group)
            found = command.get_command(click.Context(command), name)
            assert found is not None
            command = found
        assert shown(path).removeprefix("\b\n").split() == command.get_help(
            click.Context(command, info_name=path, max_content_width=120)
        ).rpartition("Example:")[2].split() or f"breakglass {path}" in command.get_help(click.Context(command))


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path not in RUN_ELSEWHERE])
def test_an_example_works(path: str, life: Life) -> None:
    (life.folder / "scans").symlink_to(life.scans(1))
    if path in BEFORE:
        BEFORE[path](life)
    line = shown(path).partition("Example:\n")[2].strip()
    home = None
    if path == "settle":
        line = line.replace("ticket-5", life.status()["debts"][0]["id"])
    if path == "enrol import":
        home = life.folder / "two"
        said = typed(life, "breakglass enrol fingerprint recovery-key.json")[1]
        found = re.search(r"(?:[0-9A-Z]{4} +){6}[0-9A-Z]", said)
        assert found, said
        line = re.sub('"[^"]*"$', f'"{found[0]}"', line)
    prints = "--readback new-scans" in line
    if prints:
        (life.folder / "new-scans").mkdir()
    with office(life.folder / "new", life.folder / "new-scans", 3) if prints else contextlib.nullcontext():
        code, said = typed(life, line, home)
    assert code == EXITS.get(path, 0), said
