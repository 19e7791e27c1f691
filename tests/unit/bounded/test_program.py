# SPDX-License-Identifier: Apache-2.0
"""A program is run to its end, or to ours: whatever it writes, starts, keeps open or ignores."""

import ast
import contextlib
import os
import pty
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.bounded import program
from breakglass_shamir.bounded.program import Ended, run

PACKAGE = Path(program.__file__).resolve().parents[1]

HOURS_S = 3600.0
"""No test lives that long: what only this ends is not ended."""

MEBIBYTE = 1 << 20

OWN_REASONS = {
    "bounded/program.py": "the one place",
    "bounded/pseudo_terminal.py": "the officers' own command, at a terminal of its own",
    "cli/screen/watcher.py": "reads nothing; clears the screen after the program that started it",
    "connectors/passkey/browser.py": "starts the keeper; talks to the browser over a bounded pipe of its own",
    "connectors/passkey/keeper.py": "reads nothing; keeps the browser that people use, and removes its profile",
    "operations/courier.py": "reads nothing, waits for nothing",
    "operations/load/running.py": "our own program, whose lines are bounded, and ended with its group",
    "operations/opening/ssh_sign.py": "asks a person at the terminal; writes to the terminal",
    "operations/recipes/agent.py": "an agent of its own, which answers over a socket, and ssh-add",
    "operations/recipes/runner.py": "the officers' own command, with its own output",
    "operations/recipes/ticket.py": "the officers' own command, with its own output",
    "operations/recording/capture.py": "the officers' own command, whose output is passed on as it comes",
    "paper/reading/decoder.py": "answers over a socket, with its own time limit for each message",
}
"""Modules that start a process themselves, and why each may."""


def shell(script: str, **options: object) -> Ended:
    named: dict[str, object] = {"limit_s": HOURS_S, "env": {"PATH": os.environ["PATH"]}, **options}
    return run(["/bin/sh", "-c", script], **named)  # type: ignore[arg-type]


def gone(process: int) -> bool:
    """Tell whether a process ended; what nobody reaps has ended, too."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def ends(process: int) -> bool:
    while not gone(process):
        time.sleep(0.05)
    return True


def test_output_errors_and_status_come_back() -> None:
    ended = shell("cat; echo 'first' >&2; echo 'last word' >&2; exit 3", given=b"pear tree")
    assert (ended.status, ended.output, ended.errors, ended.why) == (3, b"pear tree", b"first\nlast word\n", "")
    assert ended.complaint == "last word"
    assert shell("kill -TERM $$").status == -signal.SIGTERM


@settings(max_examples=30)
@given(st.integers(0, 3 * MEBIBYTE), st.integers(0, MEBIBYTE))
def test_what_fits_comes_back_whole_and_what_does_not_ends_it(count: int, most: int) -> None:
    ended = run(
        ["/usr/bin/head", "-c", str(count), "/dev/zero"], limit_s=HOURS_S, env={}, output_max=most
    )  # fmt: skip
    assert ended.output == bytes(min(count, most))
    assert (ended.status is None) == bool(ended.why) == (count > most)


@settings(max_examples=20)
@given(st.integers(0, 2 * MEBIBYTE))
def test_what_is_given_arrives_whole(count: int) -> None:
    assert shell("cat", given=bytes(count), output_max=2 * MEBIBYTE).output == bytes(count)


def test_a_program_that_reads_nothing_keeps_nobody() -> None:
    assert shell("exit 4", given=bytes(8 * MEBIBYTE)).status == 4


@pytest.mark.parametrize("script", ["yes", "yes >&2", "yes & yes >&2; wait", "head -c 64M /dev/zero; sleep 3600"])
@pytest.mark.timeout(120)
def test_a_program_that_never_stops_writing_is_ended(script: str) -> None:
    ended = shell(script)
    assert ended.status is None
    assert "killed: more than" in ended.why
    assert len(ended.output) + len(ended.errors) < 2 * MEBIBYTE


@pytest.mark.parametrize("script", ["sleep 3600", "exec >&- 2>&-; sleep 3600", "trap '' TERM HUP; sleep 3600"])
@pytest.mark.timeout(120)
def test_a_program_that_never_ends_is_ended(script: str) -> None:
    ended = shell(script, limit_s=0.3)
    assert (ended.status, ended.why) == (None, "killed: no end within 0.3 s")


@pytest.mark.parametrize("start", ["sleep 3600 &", "setsid sleep 3600 &", "(while sleep 0.01; do echo y; done &)"])
@pytest.mark.timeout(120)
def test_what_it_leaves_running_is_not_waited_for(start: str) -> None:
    """It holds the pipe open; the program has ended."""
    ended = shell(f"echo said; {start} exit 0" if start.endswith("&") else f"echo said; {start}; exit 0")
    assert ended.status == 0
    assert ended.output.startswith(b"said\n")


@pytest.mark.timeout(120)
def test_what_it_leaves_running_is_killed(tmp_path: Path) -> None:
    for limit_s, script in ((HOURS_S, "exit 0"), (0.3, "sleep 3600")):
        shell(f"sleep 3600 & echo $! >{tmp_path}/left; {script}", limit_s=limit_s)
        assert ends(int((tmp_path / "left").read_text()))


def test_it_gets_the_environment_it_is_given_and_no_descriptor_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_SHELL", "tinned beans")
    with contextlib.closing(os.fdopen(os.open("/dev/null", os.O_RDONLY))):
        ended = shell("env; ls /proc/self/fd | wc -l; pwd")
    assert b"tinned" not in ended.output
    assert ended.output.splitlines()[-2:] == [b"4", b"/"]


def test_a_program_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/nowhere/program"], limit_s=1, env={})


ASKING = """
import os
from breakglass_shamir.bounded.program import run
ended = run(["/bin/sh", "-c", {script!r}], limit_s={limit}, env={{"PATH": os.environ["PATH"]}}, asks=True)
print("ended", ended.status, ended.output.decode().strip(), ended.why, os.tcgetpgrp(0) == os.getpgrp(), flush=True)
"""


def wait_until(holds: Callable[[], bool]) -> None:
    """The program may ask before the terminal is its own; an interrupt would be ours then."""
    for _ in range(9000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to hold")


def at_a_terminal(script: str, typed: bytes, limit_s: float = HOURS_S) -> str:
    """Let a program ask at a terminal of its own; returns what the screen shows."""
    process, master = pty.fork()
    if not process:
        code = ASKING.format(script=script, limit=limit_s)
        os.execv(sys.executable, [sys.executable, "-c", code])  # noqa: S606 - in a child that has a terminal of its own
    shown = b""
    try:
        with contextlib.suppress(OSError):
            while piece := os.read(master, 4096):
                shown += piece
                if b"? " in shown and typed:
                    wait_until(lambda: os.tcgetpgrp(master) != process)
                    os.write(master, typed)
                    typed = b""
    finally:
        os.close(master)
        os.waitpid(process, 0)
    return shown.decode(errors="replace")


@pytest.mark.timeout(120)
def test_a_program_may_ask_at_the_terminal_and_gives_it_back() -> None:
    shown = at_a_terminal("printf 'word? ' >&2; read word; echo got $word", b"pear\n")
    assert "ended 0 got pear  True" in shown


@pytest.mark.timeout(120)
def test_an_interrupt_at_the_terminal_is_an_interrupt() -> None:
    assert "KeyboardInterrupt" in at_a_terminal("printf 'word? ' >&2; read word", b"\x03")


@pytest.mark.timeout(120)
def test_a_program_that_asks_and_is_not_answered_is_ended() -> None:
    assert "ended None  killed: no end within 0.5 s True" in at_a_terminal("printf 'word? ' >&2; read word", b"", 0.5)


def test_no_other_module_reads_from_a_program() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and "subprocess" in (getattr(node, "module", None), *(one.name for one in node.names))
    }
    assert found == set(OWN_REASONS)
