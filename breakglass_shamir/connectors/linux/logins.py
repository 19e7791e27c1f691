# SPDX-License-Identifier: Apache-2.0
"""Who logged in as a local account: wtmp and btmp, the journal, and a text log such as ``auth.log``.

Rules:

1. What clients send stands in these logs: a line costs time that grows with its length alone.
2. What may be about a login and cannot be read is told, and reading goes on.
3. ``last`` and ``journalctl`` say the newest first; what they say is read up to a bound, and what was left out is told.
4. PAM tells logins in the name of its module, whichever that is. What sshd says of a login counts beside it where no
   session follows it, as with ``UsePAM no``.
5. Times of a text log are RFC 3339, or the old syslog's: of the last twelve months, in the zone of this machine.

Sources: last(1), journalctl(1), systemd's JSON format of entries, sshd's ``auth_log``.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.connectors.linux import pam
from breakglass_shamir.connectors.port import log_files, marks, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.plural import counted

WTMP, BTMP = Path("/var/log/wtmp"), Path("/var/log/btmp")
JOURNAL = Path("/run/systemd/journal/socket")

READ_LIMIT_S = 60.0
"""Longest time that reading a log may take."""

TOLD_MAX_BYTES = 64 << 20
"""What ``last`` and ``journalctl`` may say at most."""

ENTRY_MAX_BYTES = 256 << 10
"""Longest entry of the journal that is read; a login takes a few hundred bytes."""

WORDS = ("pam_", "Accepted ")
"""What PAM and sshd tell a login with; a line without any of these is about none."""

TOLD_WORDS = (":session): session opened for user ", ":auth): authentication failure;", "Accepted ")
"""What may be a login, of those."""

KIND = "a log service"

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:?\d\d")
_OPENED = r"pam_\w{{1,30}}\(([^\s():]+):session\): session opened for user {name}(?:\(uid=\d+\))?(?= |$)"
_REFUSED = re.compile(r"pam_\w{1,30}\(([^\s():]+):auth\): authentication failure;")
_ACCEPTED = (
    r"(?:(sshd[\w-]{{0,20}}\[\d+\]): |^\S{{1,40}} (?:journal\[\d+\]: )?)"
    r"Accepted (\S{{1,40}}) for {name} from (\S{{1,100}}) port \d"
)
_BY_SSHD = "sshd accepted "
_NUMBER = re.compile(r"[^\[\]]{1,200}\[(\d{1,10})\]: ")
"""The process in front of what PAM or sshd say; nobody who logs in writes there."""

_PROCESS = re.compile(r" (sshd[\w-]{0,20}\[\d+\]): ")


def logins(name: str, since: datetime, log: str) -> Logins:
    """Return the logins of an account from wtmp and btmp, the journal, and a text log if one is named; oldest first.

    Raises:
        ConnectorError: none of them is there, or one cannot be read.
    """
    # The records have no fractions of seconds.
    first = since.replace(microsecond=0)
    now = datetime.now(UTC)
    reading, missed = Reading(first, WORDS, lambda head: _concerns(head, first, now), KIND), list[str]()
    found: list[Login] = []
    present = [(path, tool) for path, tool in ((WTMP, "last"), (BTMP, "lastb")) if path.exists()]
    for path, tool in present:
        found += _recorded(tool, path, name, missed)
    if JOURNAL.exists():
        found += _of_journal(first, name, missed, now)
    elif not present and not log:
        raise ConnectorError(f"logins cannot be told: there is no {WTMP}, no journal and no option log")
    if log:
        found += _written(log_files.require_files(log, "logins"), name, reading, now)
    return Logins((login for login in found if login.at >= first), (*missed, *reading.unread))


def _recorded(tool: str, path: Path, name: str, missed: list[str]) -> Iterator[Login]:
    """Read what ``last`` or ``lastb`` says of one account, the newest first."""
    command = [pam.program(tool), "-w", "-a", "--time-format", "iso", "-f", str(path), name]
    told = pam.run(command, b"", READ_LIMIT_S, TOLD_MAX_BYTES)
    if len(told.output) >= TOLD_MAX_BYTES:
        missed.append(f"only the newest records of {path} were read: it holds more than {TOLD_MAX_BYTES} bytes of them")
    elif told.status != 0:
        raise ConnectorError(f"{tool} could not read {path}: {told.complaint}")
    unread = 0
    for line in told.output.decode(errors="replace").splitlines():
        columns, at = line.split(), _ISO.search(line)
        if columns[:1] == [name] and not (at and len(columns) > 2):
            unread += 1
        elif at and columns[0] == name:
            ends_with_host = not columns[-1].endswith(")") and columns[-1] not in ("in", "logout", "running")
            host = columns[-1] if ends_with_host and not _ISO.fullmatch(columns[-1]) else ""
            when = stamps.instant(at[0])
            if when is None:
                missed.append(f"a record of {path} has a time that is in no calendar")
                continue
            terminal = f"terminal {columns[1]}"
            yield Login(when, name, host or columns[1], tool == "last", terminal, marks.of_terminal(columns[1]))
    if unread:
        missed.append(f"{counted(unread, 'record')} of {path} with the account's name and no time that could be read")


def _of_journal(since: datetime, name: str, missed: list[str], now: datetime) -> list[Login]:
    """Read the journal; what it tells that may be a login and cannot be read is told."""
    found: list[Login] = []
    for text in _journal(since, missed):
        told, doubt = _told(text, name, now)
        found += [told] if told else []
        if doubt:
            missed.append(f"an entry of the journal at {text[:40].partition(' ')[0]} {doubt}")
    return found


def _journal(since: datetime, missed: list[str]) -> Iterator[str]:
    """Yield the journal's messages about authorisation, each after its time, the newest first."""
    command = [pam.program("journalctl"), "-q", "-r", "-a", "-o", "json", "--output-fields=MESSAGE,_PID"]
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
        missed.append(f"not read: {counted(unread, 'entry')} of the journal that may be about a login")


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
    number = entry.get("_PID")
    process = f" journal[{number}]:" if isinstance(number, str) and number.isdecimal() else ""
    return f"{at.isoformat()}{process} {message}" if isinstance(message, str) else None


def _written(files: list[Path], name: str, reading: Reading, now: datetime) -> list[Login]:
    """Read text logs.

    Raises:
        ConnectorError: one cannot be read.
    """
    found: list[Login] = []
    by_sshd: dict[str, int] = {}
    try:
        for text in reading.lines(files):
            if stamps.of_line(text, now):
                reading.known()
            told, doubt = _told(text, name, now)
            if doubt:
                reading.miss(doubt)
            if not told:
                continue
            process = _PROCESS.search(text)
            if process and told.accepted and process[1] in by_sshd:
                continue  # the session that follows what sshd said: one login
            if process and told.detail.startswith(_BY_SSHD):
                by_sshd[process[1]] = len(found)
            found.append(told)
    except OSError as error:
        raise ConnectorError(f"the log cannot be read: {error.strerror or type(error).__name__}") from error
    return found


def _concerns(head: str, since: datetime, now: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then."""
    at = stamps.of_line(head, now)
    return at is None or at >= since


def _told(text: str, name: str, now: datetime) -> tuple[Login | None, str]:
    """Read a line of the journal or of auth.log; returns its login, or why a line that may tell one cannot be read."""
    if not any(word in text for word in TOLD_WORDS):
        return None, ""
    opened = re.search(_OPENED.format(name=re.escape(name)), text)
    accepted = None if opened else re.search(_ACCEPTED.format(name=re.escape(name)), text)
    failed = None if opened or accepted else _failed(text, name)
    if not opened and not accepted and not failed:
        return None, "is not as PAM or sshd tell a login" if _may_be_of(text, name) else ""
    at = stamps.of_line(text, now)
    if at is None:
        return None, "its time is no time with a zone, and none of the old syslog's"
    number = _NUMBER.match(text[: min(at for at in map(text.find, WORDS) if at >= 0)])
    mark = marks.of_process(number[1]) if number else ""
    if opened:
        return Login(at, name, opened[1], True, f"session of {opened[1]} opened", mark), ""
    if accepted:
        return Login(at, name, accepted[3], True, f"{_BY_SSHD}{accepted[2]}", mark), ""
    assert failed is not None  # noqa: S101 - the last of the three
    service, host = failed
    return Login(at, name, host or service, False, f"{service} refused it", mark), ""


def _may_be_of(text: str, name: str) -> bool:
    """Tell whether what PAM or sshd say is of this account, in other words than those that are known."""
    word = rf"(?<![\w.@-]){re.escape(name)}(?![\w.@-])"
    said = max(text.find(one) for one in TOLD_WORDS)
    return re.search(rf"(?:for|user|=)[ =]?{word}", text[said:]) is not None


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
