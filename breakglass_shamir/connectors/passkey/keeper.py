# SPDX-License-Identifier: Apache-2.0
"""A program of its own: keeps one browser, and removes its profile however it ends.

It is run by ``browser`` as ``python3 -I -S keeper.py IN OUT LOCK PROFILE PROGRAM ARGUMENTS...`` and imports nothing of
ours. IN and OUT become the browser's descriptors 3 and 4, where it looks for its pipe; LOCK stays locked for as long
as the profile is somebody's. Standard input is a pipe that nobody writes to: when it ends, whoever began this is gone.

Rules:

1. It has a session of its own, so that neither Ctrl-C nor the death of the terminal ends it before its work is done.
2. The browser ends by itself when its pipe does; where it does not within ``PATIENCE_S``, its group is killed.
3. The profile is removed after the last process of that group is gone.
4. No core file of either.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time

PATIENCE_S = 5.0
"""How long the browser may take to end."""

PR_SET_DUMPABLE = 4
"""prctl(2) option."""

_LOOK_S = 0.1
_TRIES = 20


def main(arguments: list[str]) -> int:
    """Keep the browser to its end; returns its exit status."""
    reading, writing, lock = (int(number) for number in arguments[:3])
    profile, command = arguments[3], arguments[4:]
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        browser = _begin(reading, writing, lock, command)
        _wait(browser)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(browser.pid, signal.SIGKILL)
        return browser.wait()
    finally:
        _remove(profile)


def _begin(reading: int, writing: int, lock: int, command: list[str]) -> "subprocess.Popen[bytes]":
    apart = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10) for number in (reading, writing, lock)]
    for number in {reading, writing, lock}:
        os.close(number)
    for number, one in enumerate(apart[:2], 3):
        os.dup2(one, number)
        os.close(one)
    browser = subprocess.Popen(
        command, pass_fds=(3, 4), start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(3)
    os.close(4)
    return browser


def _wait(browser: "subprocess.Popen[bytes]") -> None:
    """Wait until the browser has ended, or has not although whoever began it is gone."""
    end = 0.0
    while browser.poll() is None:
        if end:
            time.sleep(_LOOK_S)
        elif select.select([0], [], [], _LOOK_S)[0]:
            end = time.monotonic() + PATIENCE_S
        if end and time.monotonic() > end:
            return


def _remove(profile: str) -> None:
    """Remove the profile; a process that is being killed may write to it a moment longer."""
    for _ in range(_TRIES):
        shutil.rmtree(profile, ignore_errors=True)
        if not os.path.lexists(profile):
            return
        time.sleep(_LOOK_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) & 0xFF)
