# SPDX-License-Identifier: Apache-2.0
"""Logins out of a server's log: an audit log (``audit_log.py``), or the general query log of MySQL or MariaDB.

Source: MySQL reference manual, "The General Query Log": ``TIME <tab> CONNECTION COMMAND <tab> ARGUMENT``, where
``Connect`` and ``Change user`` are followed by ``USER@HOST on DATABASE using PROTOCOL``. MariaDB writes the time in
local digits, and leaves it out where it is that of the line before.

Rules for the general query log:

1. The server writes the login first, then what it has against it, as a second ``Connect`` of the same connection. That
   is believed on the very next line only. A statement may hold line breaks, and what looks like a line of the log;
   but it begins on a line of its own, so nobody can write that next line. The name of a database may hold line breaks,
   too, and is in the login's own line: a line that would fit into a name is not believed. A refused login between
   whose two lines another one was written counts as accepted: rather an alarm too many.
2. So does a login that a lock or a limit ended: the log does not tell.
3. A line of MariaDB's without a time has the latest one that stands in front of it: a statement may hold a line with a
   time, and an earlier one would hide a login.

Rules for all: a line costs time that grows with its length alone. One that may be about a login of the account and
cannot be read is told, and reading goes on behind it. Times without a zone are taken as those of the zone that the
caller names, UTC if none; a file whose times are of another zone is told.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from breakglass_shamir.connectors.mysql import audit_log
from breakglass_shamir.connectors.mysql.audit_log import Asked
from breakglass_shamir.connectors.port import log_files, marks, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.errors import ConnectorError

DATABASE_MAX = 64
"""Characters of the longest name of a database in MySQL."""

WORDS = ("CONNECT,", "CHANGEUSER,", "Connect\t", "Change user\t", 'onnect"')
"""What the servers tell a login with; a line without any of these is about none."""

KIND = "server_audit, an audit log in JSON or a general query log"

_COMMANDS = ("Connect", "Change user")

_GENERAL = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d)|\d{6} [ \d]\d:\d\d:\d\d|\t)\t"
    r" *(?P<connection>\d+) (?P<command>Connect|Change user)\t(?P<argument>.*)"
)
_COMMAND = re.compile(r"(?P<at>[^\t]{1,40}|\t)\t *\d+ (?P<command>[A-Z][A-Za-z ]{0,30})\t")
_LOGIN = re.compile(r"(?P<host>[^\s@]*)(?: as \S+)? on (?P<database>.*?)(?P<protocol> using \S+)?")
_PROTOCOL = re.compile(r".* using \S+")
_BEGINS = re.compile(r"\S.{0,200}, Version: .* started with:|Tcp port: |Time {1,20}Id Command|Time\t+ +Id Command")
"""The lines with which a server begins its general query log."""


def logins(pattern: str, account: str, since: datetime, zone: tzinfo = UTC) -> Logins:
    """Return the logins of an account, oldest first, and what could not be read.

    Args:
        pattern: of the log files.
        account: whose logins.
        since: the first instant that counts.
        zone: of times that stand there without one.

    Raises:
        ConnectorError: there is no log, or it cannot be read.
    """
    files = log_files.require_files(pattern, "logins")
    # The log of server_audit has no fractions of seconds.
    first = since.replace(microsecond=0)
    asked = Asked(account, zone, datetime.now(UTC))
    reading = Reading(first, WORDS, lambda head: _concerns(head, first, asked), KIND)
    found: list[Login] = []
    try:
        for _path, lines in reading.each(files):
            found += _parsed(lines, asked, reading)
    except OSError as error:
        raise ConnectorError(f"the server's log cannot be read: {error.strerror or type(error).__name__}") from error
    return Logins((login for login in found if login.at >= first), reading.unread)


def _concerns(head: str, since: datetime, asked: Asked) -> bool:
    """Tell whether a line that is too long may be about a login since then; a statement is none."""
    general, columns = _COMMAND.match(head), head.split(",", 7)
    if general:
        at = _instant(general["at"], asked.zone)
        return general["command"] in _COMMANDS and (at is None or at >= since)
    if len(columns) > 7 and not head.lstrip().startswith("{"):
        at = audit_log.when(head, asked)
        return audit_log.is_login(columns) and (at is None or at >= since)
    return True


def _parsed(lines: Iterable[str], asked: Asked, reading: Reading) -> Iterator[Login]:
    """Yield the logins of an account in the lines of one file, whichever log it is."""
    before: tuple[str, Login] | None = None
    latest: datetime | None = None
    for text in lines:
        line = _GENERAL.fullmatch(text.rstrip("\r\n"))
        if before:
            yield _with_what_follows(*before, line)
            refusal = line is not None and line["connection"] == before[0]
        else:
            refusal = False
        before = None
        command = _COMMAND.match(text)
        if command or _BEGINS.match(text):
            reading.known(_local(command, asked.zone) if command else None)
            at = _instant(command["at"], asked.zone) if command else None
            latest = max((one for one in (latest, at) if one), default=None)
        if line:
            before = _general(line, asked, latest, reading, refusal=refusal)
        elif not command and text.endswith("\n"):
            yield from _audited(text, asked, reading)
    if before:
        yield before[1]


def _general(
    line: re.Match[str], asked: Asked, latest: datetime | None, reading: Reading, *, refusal: bool
) -> tuple[str, Login] | None:
    """Return connection and login of a line of the general query log; None if it is no login of the account.

    Args:
        line: the line.
        asked: what is looked for.
        latest: the latest time that stands in front of it, for a line without one.
        reading: where a line is told that cannot be read.
        refusal: whether it says what the server has against the login in the line before.
    """
    argument = line["argument"]
    # Old servers write this alone. Those that write times with a zone do not: there it is a client's text.
    old = stamps.instant(line["at"]) is None
    denied = old and not refusal and argument.startswith(f"Access denied for user '{asked.account}'@'")
    if not argument.startswith(f"{asked.account}@") and not denied:
        return None
    at = latest if line["at"] == "\t" else _instant(line["at"], asked.zone)
    if at is None:
        reading.miss("it has no time, and none stands before it, or one that is in no calendar")
        return None
    if denied:
        mark = marks.of_connection(line["connection"], accepted=False)
        return "", Login(at, asked.account, _denied_host(argument), False, "the server refused it", mark)
    found = _LOGIN.fullmatch(argument.removeprefix(f"{asked.account}@"))
    if not found:
        reading.miss("it is not as a general query log tells a login", at)
        return None
    # A database's name with a line break in it would let its owner write the next line.
    connection = line["connection"] if found["protocol"] else ""
    detail = f"database {found['database']}" if found["database"] else f"connection {line['connection']}"
    mark = marks.of_connection(line["connection"])
    return connection, Login(at, asked.account, found["host"], True, detail, mark)


def _denied_host(argument: str) -> str:
    return argument.split("'@'", 1)[1].partition("'")[0]


def _with_what_follows(connection: str, login: Login, line: re.Match[str] | None) -> Login:
    """Return a login, refused if the next line says so."""
    server_said_it = line and connection and line["connection"] == connection and len(line[0]) > DATABASE_MAX
    if line and server_said_it and not _PROTOCOL.fullmatch(line["argument"]):
        mark = marks.of_connection(connection, accepted=False)
        return replace(login, accepted=False, detail="the server refused it", mark=mark)
    return login


def _audited(text: str, asked: Asked, reading: Reading) -> Iterator[Login]:
    """Yield the login in a line of an audit log."""
    found = audit_log.said(text, asked)
    if found.known:
        reading.known(found.stamp)
    if found.doubt:
        reading.miss(found.doubt, found.at)
    if found.login:
        yield found.login


def _local(command: re.Match[str], zone: tzinfo) -> datetime | None:
    """Return the time of a line of the general query log that has none with a zone."""
    return stamps.local(command["at"], zone)


def _instant(text: str, zone: tzinfo) -> datetime | None:
    """Read a time of the general query log; None where it is none."""
    return stamps.instant(text) or stamps.local(text, zone)
