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

What it does not do: ``server_audit`` has times without a zone; they are taken as UTC, so the server must run in UTC.
It reads no other line, whatever text of statements stands in them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.errors import ConnectorError

COLUMNS = 10
"""Of a line about a login in the log of ``server_audit``."""

DATABASE_MAX = 64
"""Characters of the longest name of a database in MySQL."""

_OPERATIONS = {"CONNECT": True, "FAILED_CONNECT": False}

_GENERAL = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d))\t"
    r" *(?P<connection>\d+) (?P<command>Connect|Change user)\t(?P<argument>.*)"
)
_LOGIN = re.compile(r"(?P<host>[^\s@]*)(?: as \S+)? on (?P<database>.*?)(?P<protocol> using \S+)?")
_PROTOCOL = re.compile(r".* using \S+")


def logins(pattern: str, account: str, since: datetime) -> tuple[Login, ...]:
    """Return the logins of an account, oldest first.

    Raises:
        ConnectorError: there is no log, or it cannot be read.
    """
    files = log_files.require_files(pattern, "logins")
    # The log of server_audit has no fractions of seconds.
    first = since.replace(microsecond=0)
    try:
        found = list(_parsed(log_files.lines(files, since), account))
    except OSError as error:
        raise ConnectorError(f"the server's log cannot be read: {error.strerror or type(error).__name__}") from error
    return tuple(sorted((login for login in found if login.at >= first), key=lambda login: login.at))


def _parsed(lines: Iterable[str], account: str) -> Iterator[Login]:
    """Yield the logins of an account in the lines of either log."""
    before: tuple[str, Login] | None = None
    for text in lines:
        line = _GENERAL.fullmatch(text.rstrip("\n"))
        if before:
            yield _with_what_follows(*before, line)
        before = _general(line, account) if line else None
        if not line:
            yield from _audited(text, account)
    if before:
        yield before[1]


def _general(line: re.Match[str], account: str) -> tuple[str, Login] | None:
    """Return connection and login of a line of the general query log; None if it is no login of the account."""
    name = f"{account}@"
    found = _LOGIN.fullmatch(line["argument"].removeprefix(name)) if line["argument"].startswith(name) else None
    if not found:
        return None
    try:
        at = datetime.fromisoformat(line["at"]).astimezone(UTC)
    except (ValueError, OverflowError):
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


def _audited(text: str, account: str) -> Iterator[Login]:
    """Yield the login in a line of ``server_audit``."""
    columns = text.rstrip("\n").split(",")
    if len(columns) < COLUMNS or columns[2] != account or columns[6] not in _OPERATIONS:
        return
    try:
        at = datetime.strptime(columns[0], "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return
    detail = f"database {columns[7]}" if columns[7] else f"return code {columns[9]}"
    yield Login(at, account, columns[3], _OPERATIONS[columns[6]], detail)
