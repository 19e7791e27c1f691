# SPDX-License-Identifier: Apache-2.0
"""Who logged in as a local account: wtmp and btmp, the journal, and a text log such as ``auth.log``.

Rules:

1. What clients send stands in these logs: a line costs time that grows with its length alone.
2. What may be about a login and cannot be read is told, and reading goes on.
3. ``last`` and ``journalctl`` say the newest first; what they say is read up to a bound, and what was left out is told.

Sources: last(1), journalctl(1), systemd's JSON format of entries.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.connectors.linux import pam
from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.errors import ConnectorError

WTMP, BTMP = Path("/var/log/wtmp"), Path("/var/log/btmp")
JOURNAL = Path("/run/systemd/journal/socket")

READ_LIMIT_S = 60.0
"""Longest time that reading a log may take."""

TOLD_MAX_BYTES = 64 << 20
"""What ``last`` and ``journalctl`` may say at most."""

ENTRY_MAX_BYTES = 256 << 10
"""Longest entry of the journal that is read; a login takes a few hundred bytes."""

WORDS = ("pam_unix(",)
"""What PAM tells a login with; a line without it is about none."""

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:?\d\d")
_OPENED = r"pam_unix\(([^\s():]+):session\): session opened for user {name}(?:\(uid=\d+\))?(?= |$)"
_REFUSED = re.compile(r"pam_unix\(([^\s():]+):auth\): authentication failure;")


def logins(name: str, since: datetime, log: str) -> Logins:
    """Return the logins of an account from wtmp and btmp, the journal, and a text log if one is named; oldest first.

    Raises:
        ConnectorError: none of them is there, or one cannot be read.
    """
    # The records have no fractions of seconds.
    first = since.replace(microsecond=0)
    reading, missed = Reading(first, WORDS, lambda head: _concerns(head, first)), list[str]()
    found: list[Login] = []
    present = [(path, tool) for path, tool in ((WTMP, "last"), (BTMP, "lastb")) if path.exists()]
    for path, tool in present:
        found += _recorded(tool, path, name, missed)
    if JOURNAL.exists():
        found += [login for text in _journal(first, missed) for login in _told(text, name)]
    elif not present and not log:
        raise ConnectorError(f"logins cannot be told: there is no {WTMP}, no journal and no option log")
    if log:
        found += _written(log_files.require_files(log, "logins"), name, reading)
    return Logins((login for login in found if login.at >= first), (*missed, *reading.unread))


def _recorded(tool: str, path: Path, name: str, missed: list[str]) -> Iterator[Login]:
    """Read what ``last`` or ``lastb`` says of one account, the newest first."""
    command = [pam.program(tool), "-w", "-a", "--time-format", "iso", "-f", str(path), name]
    told = pam.run(command, b"", READ_LIMIT_S, TOLD_MAX_BYTES)
    if len(told.output) >= TOLD_MAX_BYTES:
        missed.append(f"only the newest records of {path} were read: it holds more than {TOLD_MAX_BYTES} bytes of them")
    elif told.status != 0:
        raise ConnectorError(f"{tool} could not read {path}: {told.complaint}")
    for line in told.output.decode(errors="replace").splitlines():
        columns, at = line.split(), _ISO.search(line)
        if at and len(columns) > 2 and columns[0] == name:
            ends_with_host = not columns[-1].endswith(")") and columns[-1] not in ("in", "logout", "running")
            host = columns[-1] if ends_with_host and not _ISO.fullmatch(columns[-1]) else ""
            when = _instant(at[0])
            if when is None:
                missed.append(f"a record of {path} has a time that is in no calendar")
                continue
            yield Login(when, name, host or columns[1], tool == "last", f"terminal {columns[1]}")


def _journal(since: datetime, missed: list[str]) -> Iterator[str]:
    """Yield the journal's messages about authorisation, each after its time, the newest first."""
    command = [pam.program("journalctl"), "-q", "-r", "-a", "-o", "json", "--output-fields=MESSAGE"]
    command += [f"--since=@{int(since.timestamp())}", "SYSLOG_FACILITY=10", "SYSLOG_FACILITY=4"]
    told = pam.run(command, b"", READ_LIMIT_S, TOLD_MAX_BYTES)
    whole = told.output.splitlines()
    if len(told.output) >= TOLD_MAX_BYTES:
        missed.append(f"only the newest of the journal was read: it tells more than {TOLD_MAX_BYTES} bytes")
        whole = whole[:-1]
    elif told.status != 0:
        raise ConnectorError(f"journalctl could not be read: {told.complaint}")
    unread = 0
    for line in whole:
        if not any(word.encode() in line for word in WORDS):
            continue
        text = _entry(line) if len(line) <= ENTRY_MAX_BYTES else None
        if text is None:
            unread += 1
        else:
            yield text
    if unread:
        missed.append(f"{unread} entries of the journal that may be about a login could not be read")


def _entry(line: bytes) -> str | None:
    """Return time and message of an entry of the journal (systemd's JSON format); None where it cannot be read."""
    try:
        entry = json.loads(line)
        at = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC)
        said = entry["MESSAGE"]
        # What is no UTF-8 is a list of bytes; what is repeated is a list of texts.
        message = bytes(said).decode(errors="replace") if isinstance(said, list) else said
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return f"{at.isoformat()} {message}" if isinstance(message, str) else None


def _written(files: list[Path], name: str, reading: Reading) -> list[Login]:
    """Read text logs.

    Raises:
        ConnectorError: their times are without year or zone.
    """
    found: list[Login] = []
    doubt = None
    try:
        for text in reading.lines(files):
            try:
                found += _told(text, name)
            except ConnectorError as error:
                doubt = error
                reading.miss("its time has no year or no zone")
    except OSError as error:
        raise ConnectorError(f"the log cannot be read: {error.strerror or type(error).__name__}") from error
    # The format of times is a setting; where none can be read, that is the answer.
    if doubt and not found:
        raise doubt
    return found


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then."""
    at = _instant(head[:40].partition(" ")[0])
    return at is None or at >= since


def _told(text: str, name: str) -> Iterator[Login]:
    """Read a line of the journal or of auth.log; its time must have a zone (RFC 3339)."""
    opened = re.search(_OPENED.format(name=re.escape(name)), text)
    failed = None if opened else _failed(text, name)
    if not opened and not failed:
        return
    at = _instant(text[:40].partition(" ")[0])
    if at is None:
        raise ConnectorError(
            "the log has times without year and zone",
            hint="let rsyslog write RFC 3339 times, as it does by default",
        )
    if opened:
        yield Login(at, name, opened[1], True, f"session of {opened[1]} opened")
    elif failed:
        service, host = failed
        yield Login(at, name, host or service, False, f"{service} refused it")


def _failed(text: str, name: str) -> tuple[str, str] | None:
    """Return service and host of a refused login of an account; None where a line tells none.

    The host is what stands behind the last ``rhost=`` before the account's name, which stands last: the names in
    between are what clients sent.
    """
    refused = _REFUSED.search(text)
    if not refused:
        return None
    said = text[refused.end() :]
    users = list(re.finditer(rf"\buser={re.escape(name)}(?= |$)", said))
    host = said[: users[-1].start()].rpartition(" rhost=") if users else ("", "", "")
    return (refused[1], host[2].partition(" ")[0]) if host[1] else None


def _instant(text: str) -> datetime | None:
    """Read a time with its zone (RFC 3339); None where it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None
