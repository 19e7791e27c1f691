# SPDX-License-Identifier: Apache-2.0
"""Throw-away local accounts of the machine that runs the tests, made with useradd and removed with all they left.

Rules:

1. Only root can do this. Elsewhere the tests are skipped, with ``CI=true`` they fail.
2. A name is random and 16 characters long; an account that was there before is never touched, unless it says of itself
   that killed tests left it.
3. The judges are ``su``, run by another account than root, and ``login`` at a terminal of its own. They wait after a
   wrong password; where many are tried, Perl's crypt compares with the shadow file.
"""

import os
import pwd
import re
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from breakglass_shamir.hygiene import Secret

LIMIT_S = 90
NOBODY = "nobody"
WTMP = Path("/var/log/wtmp")
REMARK = "throw-away account of the tests in process "
OURS = f"{REMARK}{os.getpid()}"
_CRYPT = "my ($kept, $password) = (scalar <STDIN>, scalar <STDIN>); chomp $kept; exit(crypt($password, $kept) ne $kept)"


class LinuxHost:
    """This machine, as the tests use it."""

    def __init__(self) -> None:
        self._made: list[str] = []
        self._terminals: list[tuple[int, int]] = []
        # login writes into the file if it is there, and a small system may be without it.
        WTMP.touch()
        for left in _left_over():
            _again("userdel", "--force", left)

    def add_account(self, secret: Secret) -> str:
        """Make an account; returns its name."""
        name = f"bg{secrets.token_hex(7)}"
        # Another worker may hold the lock of the files at this moment.
        _again("useradd", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", "--comment", OURS, name)
        self._made.append(name)
        self.become(name, secret)
        return name

    def become(self, name: str, secret: Secret) -> None:
        """Set an account's password, whatever it was."""
        assert name in self._made
        _run("chpasswd", given=name.encode() + b":" + secret.reveal() + b"\n")

    def change(self, name: str, *arguments: str) -> None:
        """Change an account with usermod, or with chage where the arguments begin with ``chage``."""
        assert name in self._made
        tool = "chage" if arguments[0] == "chage" else "usermod"
        _again(tool, *[word for word in arguments if word != "chage"], name)

    def lets_in(self, name: str, secret: Secret) -> bool:
        """Ask ``su`` whether a password opens a session; a refusal takes seconds."""
        nobody = pwd.getpwnam(NOBODY)
        done = subprocess.run(
            ["su", name, "-c", "id -un"], input=secret.reveal() + b"\n", capture_output=True, timeout=LIMIT_S,
            user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], env={"PATH": os.environ["PATH"]}, cwd="/",
            check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        assert done.returncode or done.stdout.strip().endswith(name.encode())
        return done.returncode == 0

    def has(self, name: str, secret: Secret) -> bool:
        """Ask Perl whether the shadow file's hash was made of a password."""
        rows = (line.split(":") for line in Path("/etc/shadow").read_text().splitlines())
        (kept,) = [row[1] for row in rows if row[0] == name]
        given = f"{kept}\n".encode() + secret.reveal()
        done = subprocess.run(["perl", "-e", _CRYPT], input=given, timeout=LIMIT_S, check=False, capture_output=True)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0

    def log_in(self, name: str, secret: Secret) -> Callable[[], bool]:
        """Log in with ``login`` at a terminal of its own; returns a question: is that session alive?"""
        process, terminal = os.forkpty()
        if process == 0:
            os.execv("/bin/login", ["login", name])  # noqa: S606 - login wants a terminal
        self._terminals.append((process, terminal))
        _read_until(terminal, rb"assword: ")
        os.write(terminal, secret.reveal() + b"\n")
        _read_until(terminal, rb"\$ ")
        os.write(terminal, b"echo here-$$.\n")
        shell = int(re.findall(rb"here-(\d+)\.", _read_until(terminal, rb"here-\d+\."))[-1])
        return lambda: _is_there(shell)

    def end_sessions(self) -> None:
        """End what :meth:`log_in` began."""
        for process, terminal in self._terminals:
            os.close(terminal)
            if _is_there(process):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        self._terminals.clear()

    def remove(self) -> None:
        """Remove every account that was made."""
        self.end_sessions()
        for name in self._made:
            _again("userdel", "--force", name)
        self._made.clear()


def _left_over() -> list[str]:
    """Return accounts that tests made whose process was killed."""
    made = [user for user in pwd.getpwall() if user.pw_gecos.startswith(REMARK)]
    return [user.pw_name for user in made if not _is_there(int(user.pw_gecos.removeprefix(REMARK)))]


def _is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _read_until(terminal: int, pattern: bytes) -> bytes:
    read, limit = b"", time.monotonic() + LIMIT_S
    while not re.search(pattern, read):
        assert select.select([terminal], [], [], max(0, limit - time.monotonic()))[0], read
        read += os.read(terminal, 4096)
    return read


def _run(*command: str, given: bytes = b"") -> None:
    done = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, (command, done.stderr)


def _again(*command: str) -> None:
    """Run a program that changes the account files until it gets their lock."""
    limit = time.monotonic() + LIMIT_S
    while True:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode == 0:
            return
        assert "lock" in done.stderr and time.monotonic() < limit, (command, done.stderr)
        time.sleep(0.1)
