# SPDX-License-Identifier: Apache-2.0
"""The program is ended while something secret is on the screen, by each signal there is: nothing is left there.

The terminal keeps all it can (see ``stage``). Signals that a handler can answer end the program as an interruption
does; signal 9, a fault, and what the C library keeps for itself end it at once, and its watcher clears the screen.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.processes import children, core_limits, is_alive, memory_holds, open_to_others
from tests.attacks.stage import SECRET, TRACES, Glass, Stage
from tests.conftest import REPOSITORY
from tests.interop.test_recover import PLAIN, WHO, texts

INTERRUPTED = 130
"""The exit code of the contract: interrupted, state safe."""

HARMLESS = {"SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH"}
STOPPING = {"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"}
AT_ONCE = {"SIGKILL", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"}
"""No handler can answer these, or not when it matters."""


def is_ignored(number: int) -> bool:
    """Whether these tests, and so what they start, ignore a signal: some programs leave 32 so to what they start."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("SigIgn:"))
    return bool(int(line.split()[1], 16) >> (number - 1) & 1)


OF_THE_LIBRARY = tuple(number for number in (32, 33) if not is_ignored(number))
"""Signals that glibc keeps for itself; they end a process of one thread."""

NUMBERS = [
    *(number for number in range(1, 32) if signal.Signals(number).name not in HARMLESS | STOPPING),
    *OF_THE_LIBRARY, signal.SIGRTMIN, signal.SIGRTMIN + 7, signal.SIGRTMAX,
]  # fmt: skip
"""Every signal that ends a program."""

TYPED = "2788 X7WJ 3HAX 73R1"
"""What stands on the screen while a line is typed."""


def name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def ends_at_once(number: int) -> bool:
    return number in OF_THE_LIBRARY or name_of(number) in AT_ONCE


every_signal = pytest.mark.parametrize("number", NUMBERS, ids=name_of)


def reveal(stage: Stage, glass: Glass, folder: Path, **facts: Any) -> int:
    """Have a credential on the screen."""
    pid = stage.play("reveal", glass, folder, secret=SECRET, seconds=60, **facts)
    glass.sees(TRACES[-1])
    return pid


def typing(stage: Stage, glass: Glass, folder: Path) -> int:
    """Have a line that is being typed on the screen, and one that was."""
    pid = stage.play("typing", glass, folder)
    glass.sees("share 1, line 1:")
    glass.type("QV3R NRAR 0KS7 779H\r")
    glass.sees("share 1, line 2:")
    glass.type(TYPED)
    glass.sees(TYPED)
    return pid


def recover_typing(stage: Stage, glass: Glass, folder: Path) -> int:
    """Have a share that is being typed on the screen, and one that was."""
    pid = stage.play("recover", glass, folder, arguments=[])
    glass.sees("> ")
    glass.type(texts(PLAIN, 0)[0] + "\r")
    glass.sees("share 1.1")
    glass.type(TYPED)
    glass.sees(TYPED)
    return pid


def recover_reveal(stage: Stage, glass: Glass, folder: Path, **facts: Any) -> int:
    """Have the credential on the screen that ``recover.py`` opened."""
    codes = folder / "codes.txt"
    codes.write_text("\n".join([*PLAIN["codes"], *texts(PLAIN, 0, 1)]))
    pid = stage.play("recover", glass, folder, arguments=[*WHO, str(codes)], **facts)
    glass.sees("press Enter: ")
    glass.type("\r")
    glass.sees("correct horse battery staple")
    return pid


LEFT = (*TRACES, TYPED, "QV3R NRAR 0KS7", "correct horse", *(text[20:40] for text in texts(PLAIN, 0, 1)))
"""What must be nowhere."""

SCREENS = {"reveal": reveal, "typing": typing, "recover typing": recover_typing, "recover reveal": recover_reveal}
on_every_screen = pytest.mark.parametrize("begin", SCREENS.values(), ids=SCREENS.keys())

Begin = Callable[[Stage, Glass, Path], int]


@on_every_screen
@every_signal
def test_a_signal_leaves_nothing_on_the_screen(
    stage: Stage, glass: Glass, tmp_path: Path, begin: Begin, number: int
) -> None:
    pid = begin(stage, glass, tmp_path)
    os.kill(pid, number)
    if number == signal.SIGINT and begin in (reveal, typing):
        glass.sees("went on" if begin is reveal else "Paused")
        assert not glass.holds(*LEFT)
        return
    assert stage.ended() == (-number if ends_at_once(number) else INTERRUPTED)
    glass.until(lambda: not glass.holds(*LEFT) and glass.echoes(), "the screen to be cleared")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL], ids=name_of)
@pytest.mark.parametrize("scene", ["reveal", "typing", "recover"])
def test_a_terminal_that_cannot_erase_is_overwritten(
    stage: Stage, glass: Glass, tmp_path: Path, scene: str, number: int
) -> None:
    pid = stage.play(scene, glass, tmp_path, term="dumb", secret=TRACES[0], seconds=60, arguments=[])
    if scene != "recover":
        glass.sees("Type yes:")
        glass.type("yes\n")
    for words, keys in {
        "reveal": [("account", "\r"), ("target", "\r"), ("6 characters", "\r")], "typing": [("line 1:", TYPED)],
        "recover": [("> ", TYPED)],
    }[scene]:  # fmt: skip
        glass.sees(words)
        glass.type(keys)
    glass.sees(TRACES[0] if scene == "reveal" else TYPED)
    os.kill(pid, number)
    assert stage.ended() == (-number if ends_at_once(number) else INTERRUPTED)
    glass.until(lambda: not glass.holds(*LEFT) and glass.echoes(), "the row to be overwritten")
    assert b"\x1b" not in glass.raw


@on_every_screen
def test_a_program_that_leads_its_session_is_killed(stage: Stage, glass: Glass, tmp_path: Path, begin: Begin) -> None:
    """The terminal is hung up under the watcher, and what stands on it stays."""
    plain_play = stage.play
    stage.play = lambda *args, **facts: plain_play(*args, **{**facts, "leads": True})  # type: ignore[method-assign]
    try:
        pid = begin(stage, glass, tmp_path)
    finally:
        stage.play = plain_play  # type: ignore[method-assign]
    os.kill(pid, signal.SIGKILL)
    assert stage.ended() == -signal.SIGKILL
    glass.until(lambda: not glass.holds(*LEFT), "the screen to be cleared")


@on_every_screen
def test_the_watcher_outlives_the_group_it_came_from_and_then_ends(
    stage: Stage, glass: Glass, tmp_path: Path, begin: Begin
) -> None:
    pid = begin(stage, glass, tmp_path)
    (watcher,) = children(pid)
    assert os.getsid(watcher) == watcher
    os.killpg(os.getpgid(pid), signal.SIGKILL)
    glass.until(lambda: not glass.holds(*LEFT), "the screen to be cleared")
    glass.until(lambda: not is_alive(watcher), "the watcher to end")


@on_every_screen
def test_the_watcher_is_deaf_to_signals_and_ends_with_the_screen(
    stage: Stage, glass: Glass, tmp_path: Path, begin: Begin
) -> None:
    pid = begin(stage, glass, tmp_path)
    (watcher,) = children(pid)
    for number in NUMBERS:
        if number not in (signal.SIGKILL, *OF_THE_LIBRARY):
            os.kill(watcher, number)
    os.kill(pid, signal.SIGTERM)
    assert stage.ended() == INTERRUPTED
    assert not glass.holds(*LEFT)
    glass.until(lambda: not is_alive(watcher), "the watcher to end")


@on_every_screen
def test_a_watcher_that_was_killed_ends_nothing(stage: Stage, glass: Glass, tmp_path: Path, begin: Begin) -> None:
    pid = begin(stage, glass, tmp_path)
    (watcher,) = children(pid)
    os.kill(watcher, signal.SIGKILL)
    glass.type("\r")
    if begin in (typing, recover_typing):
        glass.until(lambda: TYPED not in glass.shown(), "the line to be taken")
        glass.type("\x04")
    assert stage.ended() == (INTERRUPTED if begin in (typing, recover_typing) else 0)
    assert not glass.holds(*LEFT)


@on_every_screen
def test_the_watcher_holds_no_secret_and_nothing_of_the_program_s(
    stage: Stage, glass: Glass, tmp_path: Path, begin: Begin
) -> None:
    pid = begin(stage, glass, tmp_path)
    (watcher,) = children(pid)
    held = [str(link.readlink()) for link in Path(f"/proc/{watcher}/fd").iterdir()]
    terminals = [name for name in held if name.startswith("/dev/") and name != "/dev/null"]
    sockets = [name for name in held if name.startswith("socket:")]
    assert (len(terminals), len(sockets)) == (1, 1), held
    assert len(held) - held.count("/dev/null") == 2, held
    if begin in (reveal, typing):
        line = Path(f"/proc/{watcher}/cmdline").read_bytes() + Path(f"/proc/{watcher}/comm").read_bytes()
        assert b"breakglass" not in line
    assert core_limits(watcher) == ["0", "0"]
    assert open_to_others(watcher) == []
    if os.geteuid() == 0:
        # What a show is to show is in the fork's parent; recover.py has read all of this since its watcher was begun.
        words = [word.encode() for word in LEFT if begin in (reveal, typing) or word not in TRACES]
        assert memory_holds(pid, *words)
        assert memory_holds(watcher, *words) == []


@pytest.mark.parametrize("begin", [reveal, recover_typing])
def test_a_terminal_that_takes_nothing_holds_up_no_end(
    stage: Stage, glass: Glass, tmp_path: Path, begin: Begin
) -> None:
    """Nobody reads the other side, as where a connection hangs."""
    pid = begin(stage, glass, tmp_path)
    full = os.open(glass.path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(full, b"." * 4096)
    os.close(full)
    os.kill(pid, signal.SIGTERM)
    assert stage.ended() == INTERRUPTED


def test_a_show_that_was_stopped_is_cleared_when_its_time_is_over(stage: Stage, glass: Glass, tmp_path: Path) -> None:
    pid = stage.play("reveal", glass, tmp_path, secret=SECRET, seconds=1)
    glass.sees(TRACES[-1])
    os.kill(pid, signal.SIGSTOP)
    glass.until(lambda: not glass.holds(*TRACES), "the watcher to clear the screen")
    os.kill(pid, signal.SIGCONT)
    glass.sees("went on")
    assert not glass.holds(*TRACES)


def test_what_recover_shows_is_cleared_when_its_time_is_over_though_it_was_stopped(
    stage: Stage, glass: Glass, tmp_path: Path
) -> None:
    pid = recover_reveal(stage, glass, tmp_path, seconds=1)
    os.kill(pid, signal.SIGSTOP)
    glass.until(lambda: not glass.holds(*LEFT), "the watcher to clear the screen")
    os.kill(pid, signal.SIGCONT)
    assert stage.ended() == 0
    assert not glass.holds(*LEFT)


@pytest.mark.parametrize("begin", [reveal, recover_reveal])
def test_what_can_be_answered_stops_no_program_that_shows_a_secret(
    stage: Stage, glass: Glass, tmp_path: Path, begin: Callable[..., int]
) -> None:
    """A stopped program takes nothing off its screen, and whoever sits there next reads it."""
    pid = begin(stage, glass, tmp_path, group=1)
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        os.kill(pid, number)
    glass.look(0.5)
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
    glass.type("\r")
    assert stage.ended() == 0
    assert not glass.holds(*LEFT)


JUST_BEFORE = """
import ctypes, functools, signal
from breakglass_shamir.cli.screen.signals import Ended, Signals

class JustBefore:
    '''Standard input, and a signal that comes when the wait for it has all but begun.'''
    fileno = staticmethod(functools.partial(getattr(ctypes.CDLL(None), "raise"), signal.SIGTERM))

signals = Signals(lambda: print("cleared"), None)
signals.begin()
signals.catch_up()
try:
    signals.wait(JustBefore())
except Ended:
    signals.end()
    print("ended")
"""
"""Between the C library's answer to a signal and the wait there is no moment at which Python would call its own."""


def test_a_signal_just_before_a_wait_for_a_key_is_answered_at_once() -> None:
    command = [sys.executable, "-c", JUST_BEFORE]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
        assert process.stdout.read().split() == ["cleared", "ended"]


JUST_BEFORE_A_LINE = """
import ctypes, functools, os, pty, signal, sys
from breakglass_shamir.cli.screen import line

class JustBefore:
    '''A terminal, and a Ctrl-C that comes when the wait for a line has all but begun.'''
    def __init__(self, terminal):
        self.terminal, self.asked = terminal, 0
    isatty = staticmethod(lambda: True)
    def fileno(self):
        return self.terminal
    def readline(self):
        return os.read(self.terminal, 100).decode()

class Select:
    @staticmethod
    def select(reading, writing, failing):
        class Raises:
            fileno = staticmethod(functools.partial(getattr(ctypes.CDLL(None), "raise"), signal.SIGINT))
        return select_of([*reading, Raises()], writing, failing)

import select
select_of = select.select
from breakglass_shamir.cli.screen import signals
signals.select = Select
ours, theirs = pty.openpty()
sys.stdin = JustBefore(theirs)
try:
    line.read("Reason, in words", plain=True)
except KeyboardInterrupt:
    print("interrupted")
"""
"""Raising the signal returns 0, which select takes for a descriptor: standard input, which is empty."""


def test_ctrl_c_just_before_a_wait_for_a_line_is_answered_at_once() -> None:
    command = [sys.executable, "-c", JUST_BEFORE_A_LINE]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
        assert process.stdout.read().split() == ["interrupted"]
