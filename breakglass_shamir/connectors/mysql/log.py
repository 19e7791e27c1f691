# SPDX-License-Identifier: Apache-2.0
"""Logins out of a server's log: MariaDB's plugin ``server_audit``, or MySQL's general query log.

Sources: MariaDB documentation, "MariaDB Audit Plugin log format":
``TIME,SERVER,USER,HOST,CONNECTION,QUERY,OPERATION,DATABASE,OBJECT,RETURN CODE``, where the operations of logins are
``CONNECT`` and ``FAILED_CONNECT``. MySQL reference manual, "The General Query Log":
``TIME <tab> CONNECTION COMMAND <tab> ARGUMENT``, where ``Connect`` and ``Change user`` are followed by
``USER@HOST on DATABASE using PROTOCOL``.

Rules for the general query log:

1. MySQL writes the login first, then what it has against it, as a second ``Connect`` of the same connection. That is
   believed on the very next line only. A statement may hold line breaks, and what looks like a line of the log;
   but it begins on a line of its own, so nobody can write that next line. The name of a database may hold line breaks,
   too, and is in the login's own line: a line that would fit into a name is not believed. A refused login between
   whose two lines another one was written counts as accepted: rather an alarm too many.
2. So does a login that a lock or a limit ended: the log does not tell.

Rule for both: a line costs time that grows with its length alone, and one about a login of the account that cannot be
read is told.

What it does not do: ``server_audit`` has times without a zone; they are taken as UTC, so the server must run in UTC.
It reads no other line, whatever text of statements stands in them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.errors import ConnectorError

COLUMNS = 10
"""Of a line about a login in the log of ``server_audit``."""

DATABASE_MAX = 64
"""Characters of the longest name of a database in MySQL."""

WORDS = ("CONNECT,", "Connect\t", "Change user\t")
"""What the servers tell a login with; a line without any of these is about none."""

_OPERATIONS = {"CONNECT": True, "FAILED_CONNECT": False}
_COMMANDS = ("Connect", "Change user")

_GENERAL = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d))\t"
    r" *(?P<connection>\d+) (?P<command>Connect|Change user)\t(?P<argument>.*)"
)
_COMMAND = re.compile(r"(?P<at>[^\t]{1,40})\t *\d+ (?P<command>[A-Z][A-Za-z ]{0,30})\t")
_LOGIN = re.compile(r"(?P<host>[^\s@]*)(?: as \S+)? on (?P<database>.*?)(?P<protocol> using \S+)?")
_PROTOCOL = re.compile(r".* using \S+")


def logins(pattern: str, account: str, since: datetime) -> Logins:
    """Return the logins of an account, oldest first, and what could not be read.

    Raises:
        ConnectorError: there is no log, or it cannot be read.
    """
    files = log_files.require_files(pattern, "logins")
    # The log of server_audit has no fractions of seconds.
    first = since.replace(microsecond=0)
    reading = Reading(since, WORDS, lambda head: _concerns(head, first))
    try:
        found = list(_parsed(reading.lines(files), account, reading))
    except OSError as error:
        raise ConnectorError(f"the server's log cannot be read: {error.strerror or type(error).__name__}") from error
    return Logins((login for login in found if login.at >= first), reading.unread)


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then; a statement is none."""
    general, columns = _COMMAND.match(head), head.split(",", 7)
    if general:
        at = _instant(general["at"])
        return general["command"] in _COMMANDS and (at is None or at >= since)
    if len(columns) > 7:
        at = _second(columns[0])
        return columns[6] in _OPERATIONS and (at is None or at >= since)
    return True


def _parsed(lines: Iterable[str], account: str, reading: Reading) -> Iterator[Login]:
    """Yield the logins of an account in the lines of either log."""
    before: tuple[str, Login] | None = None
    for text in lines:
        line = _GENERAL.fullmatch(text.rstrip("\n"))
        if before:
            yield _with_what_follows(*before, line)
        before = _general(line, account) if line else None
        if not line:
            yield from _audited(text, account, reading)
    if before:
        yield before[1]


def _general(line: re.Match[str], account: str) -> tuple[str, Login] | None:
    """Return connection and login of a line of the general query log; None if it is no login of the account."""
    name = f"{account}@"
    found = _LOGIN.fullmatch(line["argument"].removeprefix(name)) if line["argument"].startswith(name) else None
    if not found:
        return None
    at = _instant(line["at"])
    if at is None:
        return None  # a client's text: the server writes no day that is in no calendar
    # A database's name with a line break in it would let its owner write the next line.
    connection = line["connection"] if found["protocol"] else ""
    detail = f"database {found['database']}" if found["database"] else f"connection {line['connection']}"
    return connection, Login(at, account, found["host"], True, detail)


def _with_what_follows(connection: str, login: Login, line: re.Match[str] | None) -> Login:
    """Return a login, refused if the next line says so."""
    server_said_it = line and line["connection"] == connection and len(line[0]) > DATABASE_MAX
    if line and server_said_it and not _PROTOCOL.fullmatch(line["argument"]):
        return replace(login, accepted=False, detail="the server refused it")
    return login


def _audited(text: str, account: str, reading: Reading) -> Iterator[Login]:
    """Yield the login in a line of ``server_audit``."""
    columns = text.rstrip("\n").split(",", COLUMNS)
    if len(columns) < 7 or columns[2] != account or columns[6] not in _OPERATIONS:
        return
    at = _second(columns[0])
    if at is None or len(columns) < COLUMNS:
        if text.endswith("\n"):
            reading.miss("it is not as the plugin server_audit writes it")
        return
    detail = f"database {columns[7]}" if columns[7] else f"return code {columns[9]}"
    yield Login(at, account, columns[3], _OPERATIONS[columns[6]], detail)


def _instant(text: str) -> datetime | None:
    """Read a time of the general query log; None where it is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _second(text: str) -> datetime | None:
    """Read a time of ``server_audit``; None where it is none."""
    try:
        return datetime.strptime(text, "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
