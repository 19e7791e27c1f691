# SPDX-License-Identifier: Apache-2.0
"""Sessions of a local account: count them, and end them.

Rules:

1. Every process whose real or effective user is the account is ended: first asked (SIGHUP and SIGTERM), then made
   (SIGKILL). A process is held by a descriptor (pidfd_open(2)), so that no other one under its number is hit.
2. This process and those it was started by are left alone, whoever they belong to.
3. For root that would be the machine itself: there only the sessions that systemd-logind knows are ended.

Sources: proc(5), loginctl(1).
"""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.connectors.linux import pam
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.plural import counted

PROC = Path("/proc")

PATIENCE_S = 2.0
"""How long processes have to end by themselves."""

_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class _Process:
    number: int
    session: int
    state: str


def count_sessions(uid: int) -> int:
    """Count the sessions in which processes of a user other than root run, but not the one this runs in."""
    return len({one.session for one in _foreign(uid, _own_line())})


def end_processes(uid: int, time_limit_s: float) -> int:
    """End every process of a user other than root; returns how many sessions they were in.

    Raises:
        ConnectorError: some did not end in time.
    """
    spared, sessions = _own_line(), set()
    deadline, patience = time.monotonic() + time_limit_s, time.monotonic() + PATIENCE_S
    while found := _foreign(uid, spared):
        if time.monotonic() > deadline:
            raise ConnectorError(f"{counted(len(found), 'process')} of the account did not end in time")
        asked = time.monotonic() < patience
        for one in found:
            sessions.add(one.session)
            _send(one.number, uid, (signal.SIGHUP, signal.SIGTERM) if asked else (signal.SIGKILL,))
        time.sleep(_PAUSE_S)
    return len(sessions)


def end_logind_sessions(name: str) -> int:
    """End the sessions that systemd-logind knows of an account, but not the one this runs in; returns how many.

    Raises:
        ConnectorError: there is no systemd-logind here.
    """
    found = logind_sessions(name)
    for number in found:
        pam.run([pam.program("loginctl"), "terminate-session", number], b"", PATIENCE_S * 2)
    return len(found)


def logind_sessions(name: str) -> list[str]:
    """Return the names of the sessions that systemd-logind knows of an account, but not of the one this runs in.

    Raises:
        ConnectorError: there is no systemd-logind here.
    """
    loginctl = pam.program("loginctl")
    listed = pam.run([loginctl, "list-sessions", "-o", "json"], b"", PATIENCE_S * 2)
    if listed.status != 0:
        raise ConnectorError(
            f"the sessions of {name} cannot be told from the machine's own processes without systemd-logind"
        )
    own = os.environ.get("XDG_SESSION_ID", "")
    theirs = [str(one["session"]) for one in json.loads(listed.output or b"[]") if one.get("user") == name]
    return [number for number in theirs if number != own]


def _foreign(uid: int, spared: set[int]) -> list[_Process]:
    """Return the living processes of a user but those that are spared."""
    return [one for one in _processes_of(uid) if one.number not in spared and one.state != "Z"]


def _processes_of(uid: int) -> Iterator[_Process]:
    for place in PROC.iterdir():
        if place.name.isdecimal() and _belongs(int(place.name), uid):
            with contextlib.suppress(OSError, IndexError, ValueError):
                stat = _stat(int(place.name))
                yield _Process(int(place.name), int(stat[3]), stat[0])


def _belongs(process: int, uid: int) -> bool:
    """Tell whether the real or the effective user of a process is this one."""
    try:
        status = (PROC / str(process) / "status").read_text(errors="replace")
    except OSError:
        return False
    users = re.search(r"^Uid:\t(\d+)\t(\d+)", status, re.MULTILINE)
    return users is not None and str(uid) in users.groups()


def _stat(process: int) -> list[str]:
    """Return the columns of proc_pid_stat(5) after the name: state, parent, group, session."""
    return (PROC / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _own_line() -> set[int]:
    """Return this process and all it descends from."""
    line, process = set(), os.getpid()
    while process > 0:
        line.add(process)
        try:
            process = int(_stat(process)[1])
        except (OSError, IndexError):
            break
    return line


def _send(process: int, uid: int, signals: tuple[signal.Signals, ...]) -> None:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process)
        try:
            # Asked again now that the number cannot pass on to another process.
            for one in signals if _belongs(process, uid) else ():
                signal.pidfd_send_signal(descriptor, one)
        finally:
            os.close(descriptor)
