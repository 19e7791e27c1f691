# SPDX-License-Identifier: Apache-2.0
"""Sessions of a local account: count them, end them, and read who logged in.

Rules:

1. Every process whose real or effective user is the account is ended: first asked (SIGHUP and SIGTERM), then made
   (SIGKILL). A process is held by a descriptor (pidfd_open(2)), so that no other one under its number is hit.
2. This process and those it was started by are left alone, whoever they belong to.
3. For root that would be the machine itself: there only the sessions that systemd-logind knows are ended.

Sources: proc(5), last(1), loginctl(1), journalctl(1).
"""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.connectors.linux import pam
from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.errors import ConnectorError

PROC = Path("/proc")
WTMP, BTMP = Path("/var/log/wtmp"), Path("/var/log/btmp")
JOURNAL = Path("/run/systemd/journal/socket")

PATIENCE_S = 2.0
"""How long processes have to end by themselves."""

READ_LIMIT_S = 60.0
"""Longest time that reading a log may take."""

_PAUSE_S = 0.05
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:?\d\d")
_OPENED = r"pam_unix\((\S+?):session\): session opened for user {name}(?:\(uid=\d+\))?(?= |$)"
_FAILED = r"pam_unix\((\S+?):auth\): authentication failure;.* rhost=(\S*).*\buser={name}(?= |$)"


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
            raise ConnectorError(f"{len(found)} processes of the account did not end in time")
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


def logins(name: str, since: datetime, log: str) -> tuple[Login, ...]:
    """Return the logins of an account from wtmp and btmp, the journal, and a text log if one is named; oldest first.

    Raises:
        ConnectorError: none of them is there, or one cannot be read.
    """
    found: list[Login] = []
    present = [(path, tool) for path, tool in ((WTMP, "last"), (BTMP, "lastb")) if path.exists()]
    for path, tool in present:
        found += _recorded(tool, path, name)
    texts = _journal(since) if JOURNAL.exists() else None
    if log:
        texts = [*(texts or []), *log_files.lines(log_files.require_files(log, "logins"), since)]
    if not present and texts is None:
        raise ConnectorError(f"logins cannot be told: there is no {WTMP}, no journal and no option log")
    found += [login for text in texts or [] for login in _told(text, name)]
    # The records have no fractions of seconds.
    first = since.replace(microsecond=0)
    return tuple(sorted((login for login in found if login.at >= first), key=lambda login: login.at))


def _recorded(tool: str, path: Path, name: str) -> Iterator[Login]:
    """Read what ``last`` or ``lastb`` says of one account."""
    command = [pam.program(tool), "-w", "-a", "--time-format", "iso", "-f", str(path), name]
    told = pam.run(command, b"", READ_LIMIT_S)
    if told.status != 0:
        raise ConnectorError(f"{tool} could not read {path}: {told.complaint}")
    for line in told.output.decode(errors="replace").splitlines():
        columns, at = line.split(), _ISO.search(line)
        if at and len(columns) > 2 and columns[0] == name:
            ends_with_host = not columns[-1].endswith(")") and columns[-1] not in ("in", "logout", "running")
            host = columns[-1] if ends_with_host and not _ISO.fullmatch(columns[-1]) else ""
            when = datetime.fromisoformat(at[0]).astimezone(UTC)
            yield Login(when, name, host or columns[1], tool == "last", f"terminal {columns[1]}")


def _journal(since: datetime) -> list[str]:
    """Return the journal's messages about authorisation, each after its time."""
    command = [pam.program("journalctl"), "-q", "-o", "json", f"--since=@{int(since.timestamp())}"]
    command += ["SYSLOG_FACILITY=10", "SYSLOG_FACILITY=4"]
    told = pam.run(command, b"", READ_LIMIT_S)
    if told.status != 0:
        raise ConnectorError(f"journalctl could not be read: {told.complaint}")
    lines = []
    for text in told.output.decode(errors="replace").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(text)
            at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC)
            lines.append(f"{at.isoformat()} {entry['MESSAGE']}")
    return lines


def _told(text: str, name: str) -> Iterator[Login]:
    """Read a line of the journal or of auth.log; its time must have a zone (RFC 3339)."""
    opened = re.search(_OPENED.format(name=re.escape(name)), text)
    failed = re.search(_FAILED.format(name=re.escape(name)), text)
    if not opened and not failed:
        return
    try:
        at = datetime.fromisoformat(text.split(maxsplit=1)[0])
    except ValueError:
        at = datetime.now()
    if at.tzinfo is None:
        raise ConnectorError(
            "the log has times without year and zone",
            hint="let rsyslog write RFC 3339 times, as it does by default",
        )
    if opened:
        yield Login(at.astimezone(UTC), name, opened[1], True, f"session of {opened[1]} opened")
    elif failed:
        yield Login(at.astimezone(UTC), name, failed[2] or failed[1], False, f"{failed[1]} refused it")


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
