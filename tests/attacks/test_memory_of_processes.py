# SPDX-License-Identifier: Apache-2.0
"""Another program of the same user, and a crash, look for secrets in memory: of the program, of recover.py, and of
every process that either starts.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from breakglass_shamir.connectors.linux import pam
from tests.attacks.processes import PLAIN as AS_A_USER
from tests.attacks.processes import children, core_limits, open_to_others
from tests.attacks.stage import PATIENCE_S, SECRET, Glass, Stage
from tests.end_to_end.life import PROGRAM as BREAKGLASS
from tests.interop.test_recover import PLAIN, PROGRAM, WHO, texts

NO_CORE = ["0", "0"]
"""Soft and hard limit."""


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


@contextmanager
def started(*command: str | Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that waits for its input."""
    process = subprocess.Popen(
        [*AS_A_USER, *map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def assert_closed(pid: int) -> None:
    """Fail unless a process leaves no core file and lets nobody in."""
    wait_for(lambda: core_limits(pid) == NO_CORE, "the process to harden itself")
    wait_for(lambda: open_to_others(pid) == [], "the process to let nobody in")


def test_a_process_that_does_nothing_about_it_is_open(tmp_path: Path) -> None:
    """What the tests below ask can be answered with yes; ``ptrace_scope`` may refuse the rest to everybody."""
    with started("sleep", "60", folder=tmp_path) as process:
        assert "environment" in open_to_others(process.pid)


def test_recover_lets_nobody_in(tmp_path: Path) -> None:
    with started(sys.executable, "-I", "-S", PROGRAM, *WHO, "--stdout", folder=tmp_path) as process:
        assert_closed(process.pid)


SPLIT = ("split", "policy.toml", "--credential-from", "-", "--out", "sheets")


@pytest.mark.parametrize("command", [("alerts", "flush", "--follow"), SPLIT], ids=["flush", "split"])
def test_every_command_lets_nobody_in(tmp_path: Path, command: tuple[str, ...]) -> None:
    base = (BREAKGLASS, "--home", tmp_path / "home")
    subprocess.run([*map(str, base), "init", "--terminal", "one"], check=True, capture_output=True)
    (tmp_path / "policy.toml").write_text("x")
    with started(*base, *command, folder=tmp_path) as process:
        assert_closed(process.pid)


DECODES = """
from breakglass_shamir.paper.reading.decoder import Decoder
decoder = Decoder(20.0, 1 << 30)
list(decoder.ask(b"no picture", first=1, last=0, task=None))
print(decoder.pid, flush=True)
input()
"""

LOOKS = """
from pathlib import Path
from breakglass_shamir.operations.drills.one_sheet import look_apart
from breakglass_shamir.paper.reading import scan
scan.open_plain = lambda path: path.open("rb")  # which waits for a pipe, here and in the process that looks
if __name__ == "__main__":
    look_apart({}, "set", [Path("scan.png")])
"""


def test_the_process_that_decodes_pictures_lets_nobody_in(tmp_path: Path) -> None:
    with started(sys.executable, "-c", DECODES, folder=tmp_path) as process:
        assert process.stdout is not None
        assert_closed(int(process.stdout.readline()))


def test_the_process_that_looks_at_one_sheet_lets_nobody_in(tmp_path: Path) -> None:
    scan, script = tmp_path / "scan.png", tmp_path / "looks.py"
    os.mkfifo(scan)
    script.write_text(LOOKS)
    with started(sys.executable, script, folder=tmp_path) as process:
        writing = os.open(scan, os.O_WRONLY)  # it goes on when the process reads
        looking = [pid for pid in children(process.pid) if reads(pid, scan)]
        assert len(looking) == 1
        assert_closed(looking[0])
        os.close(writing)


def reads(pid: int, path: Path) -> bool:
    """Tell whether a process has a file open."""
    return any(link.readlink() == path for link in Path(f"/proc/{pid}/fd").iterdir())


def test_the_process_that_asks_pam_lets_nobody_in(tmp_path: Path) -> None:
    with started(sys.executable, "-I", "-S", Path(pam.__file__).with_name("pam_login.py"), folder=tmp_path) as process:
        assert_closed(process.pid)


@pytest.fixture
def folder_of_cores(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a process that crashes leaves a core file; or skip."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip() != "core" or hard == 0:
        pytest.skip("core files of this machine do not go to the folder of the process")
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    control, place = tmp_path / "control", tmp_path / "place"
    control.mkdir()
    place.mkdir()
    with started("sleep", "60", folder=control) as process:
        wait_for(lambda: Path(f"/proc/{process.pid}/comm").read_text(encoding="ascii") == "sleep\n", "the control")
        os.kill(process.pid, signal.SIGSEGV)
        process.wait(PATIENCE_S)
    assert list(control.iterdir())
    yield place
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGSYS, signal.SIGQUIT])
def test_recover_leaves_no_core_file(folder_of_cores: Path, number: int) -> None:
    with started(sys.executable, "-I", "-S", PROGRAM, *WHO, "--stdout", folder=folder_of_cores) as process:
        assert_closed(process.pid)
        os.kill(process.pid, number)
        assert process.wait(PATIENCE_S) == -number
    assert list(folder_of_cores.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_a_show_leaves_no_core_file(folder_of_cores: Path, stage: Stage, glass: Glass, number: int) -> None:
    pid = stage.play("reveal", glass, folder_of_cores, secret=SECRET, seconds=60)
    glass.sees("Enter clears it now")
    os.kill(pid, number)
    assert stage.ended() == (-number if number == signal.SIGSEGV else 130)
    assert list(folder_of_cores.iterdir()) == []


WITHOUT = """
import runpy, sys
for name in sys.argv[1].split():
    sys.modules[name] = None
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A Python that lacks some modules."""


@pytest.mark.parametrize("names", ["ctypes", "termios", "resource", "ctypes resource termios"])
def test_recover_opens_without_what_it_hardens_itself_with_and_says_so(names: str, tmp_path: Path) -> None:
    given = "\n".join([*PLAIN["codes"], *texts(PLAIN)]).encode()
    command = [sys.executable, "-I", "-S", "-c", WITHOUT, names, str(PROGRAM), *WHO, "--stdout"]
    done = subprocess.run(command, input=given, capture_output=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (0, bytes.fromhex(PLAIN["credential"]["secret"]))
    assert b"WARNING: other programs of this user, or a core file" in done.stderr
