# SPDX-License-Identifier: Apache-2.0
"""Real terminals are scrolled back after something secret was on them; see ``terminals``.

What is shown and typed here is the program's own screens; that the program puts nothing else there is for
``test_reveal`` and ``test_typed_entry``.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attacks.stage import SECRET, TRACES
from tests.conftest import REPOSITORY
from tests.end_to_end.life import wait_until
from tests.end_to_end.terminals import WINDOWS, GnuScreen, PlainTmux, Window
from tests.interop.test_recover import PLAIN, PROGRAM, WHO, texts

SCENE = """import os, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
Path("pid").write_text(str(os.getpid()))
from tests.attacks import players
getattr(players, sys.argv[1])({{"secret": Path("secret").read_text(), "seconds": 60}})
"""

LINES = [f"{number:02}7H 8YWB 5SN1 DTB6 7WYZ H4YA C" for number in range(30)]
"""More lines than the window has rows."""

Open = Callable[[str], Window]


@pytest.fixture(params=WINDOWS, ids=lambda window: window.__name__)
def window(request: pytest.FixtureRequest, need: Callable[[str], str], tmp_path: Path) -> Iterator[Window]:
    """Each terminal in turn."""
    kind: type[Window] = request.param
    for program in kind.programs:
        need(program)
    made = kind(tmp_path)
    yield made
    made.close()


def play(window: Window, scene: str, secret: str = SECRET) -> None:
    """Run one of the program's screens in the window, after and before something harmless."""
    (window.folder / "secret").write_text(secret)
    (window.folder / "scene.py").write_text(SCENE.format(repository=str(REPOSITORY)))
    run(window, sys.executable, "scene.py", scene)


def run(window: Window, *command: str) -> None:
    """Run a command in the window, in a shell that goes on after it."""
    line = f"trap : INT; echo begun; {shlex.join(command)}; echo over $?; sleep 60"
    window.run(f"cd {shlex.quote(str(window.folder))}; {line}")


def kill(window: Window) -> None:
    os.kill(int((window.folder / "pid").read_text()), signal.SIGKILL)


def test_a_long_secret_is_shown_in_windows_of_many_sizes_and_kept_by_none(window: Window) -> None:
    play(window, "show", "-".join(f"Qz{number:03}xK" for number in range(300)))
    window.sees("page 1 of")
    window.sees("Qz000xK")
    for rows, columns in ((8, 80), (8, 30), (40, 100), (24, 80)):
        window.resize(rows, columns)
    window.type(" ")
    window.sees("page 2 of")
    window.leave_and_come_back()
    window.type("\r")
    window.sees("over 0")
    assert not window.holds("Qz")


def test_typed_lines_are_kept_by_none(window: Window) -> None:
    play(window, "take_lines")
    for number, line in enumerate(LINES, 1):
        window.sees(f"share 1, line {number}:")
        window.type(line + "\r")
    window.sees(f"share 1, line {len(LINES) + 1}:")
    window.type("QzQzQzQz" * 30)
    window.sees("QzQzQzQz")
    window.resize(10, 40)
    window.type("\x03")
    window.sees("Type stop to stop")
    assert not window.holds("QzQz", *LINES)
    window.type("\r")
    window.sees(f"line {len(LINES)} of the share")
    window.type("done\r")
    window.sees("over 0")
    assert not window.holds("QzQz", *LINES)


@pytest.mark.parametrize("scene", ["show", "take_lines"])
def test_a_program_that_was_killed_leaves_nothing(window: Window, scene: str) -> None:
    play(window, scene)
    if scene == "take_lines":
        window.sees("share 1, line 1:")
        window.type(SECRET)
    window.sees(TRACES[-1])
    kill(window)
    wait_until(lambda: not window.holds(*TRACES), "the watcher to clear the screen")


@pytest.mark.parametrize("window", [GnuScreen, PlainTmux], indirect=True)
def test_an_entry_that_was_put_aside_leaves_nothing_in_the_shell(window: Window, need: Callable[[str], str]) -> None:
    (window.folder / "secret").write_text("")
    (window.folder / "scene.py").write_text(SCENE.format(repository=str(REPOSITORY)))
    shell = f"exec env HISTFILE= PS1=shell: {need('bash')} --norc --noediting -i"
    window.run(f"cd {shlex.quote(str(window.folder))}; {shell}")
    window.sees("shell:")
    window.type(shlex.join([sys.executable, "scene.py", "take_lines"]) + "\r")
    window.sees("share 1, line 1:")
    window.type(LINES[0] + "\r")
    window.sees("share 1, line 2:")
    window.type(LINES[1])
    window.sees(LINES[1])
    window.type("\x1a")
    window.sees("Stopped")
    assert not window.holds(*LINES[:2])
    window.type("fg\r")
    window.sees(LINES[1])
    window.type("\rdone\r")
    window.sees("went on")
    assert not window.holds(*LINES[:2])


def test_what_recover_shows_and_takes_is_kept_by_none(window: Window) -> None:
    (window.folder / "codes").write_text("\n".join([*PLAIN["codes"], *texts(PLAIN, 0)]))
    run(window, sys.executable, "-I", "-S", str(PROGRAM), *WHO, "codes")
    window.sees("1 of 2 needed")
    window.type(texts(PLAIN, 1)[0])
    window.sees(texts(PLAIN, 1)[0][-8:])
    window.resize(10, 40)
    window.type("\ropen\r")
    window.sees("press Enter:")
    window.type("\r")
    window.sees("correct horse battery staple")
    window.resize(6, 30)
    window.resize(24, 80)
    window.type("\r")
    window.sees("over 0")
    assert not window.holds("correct horse", texts(PLAIN, 1)[0][20:60])
