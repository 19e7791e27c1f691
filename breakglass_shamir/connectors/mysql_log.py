# SPDX-License-Identifier: Apache-2.0
"""Logins out of the file of MariaDB's plugin ``server_audit``.

Source: MariaDB documentation, "MariaDB Audit Plugin log format":
``TIME,SERVER,USER,HOST,CONNECTION,QUERY,OPERATION,DATABASE,OBJECT,RETURN CODE``, where the operations of logins are
``CONNECT`` and ``FAILED_CONNECT``.

What it does not do: the file has times without a zone; they are taken as UTC, so the server must run in UTC. It reads
no other line, whatever text of statements stands in them.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from breakglass_shamir.connectors import log_files
from breakglass_shamir.connectors.base import Login
from breakglass_shamir.errors import ConnectorError

COLUMNS = 10
"""Of a line about a login."""

_OPERATIONS = {"CONNECT": True, "FAILED_CONNECT": False}


def logins(pattern: str, account: str, since: datetime) -> tuple[Login, ...]:
    """Return the logins of an account, oldest first.

    Raises:
        ConnectorError: there is no log, or it cannot be read.
    """
    files = log_files.require_files(pattern, "logins")
    # The log has no fractions of seconds.
    first = since.replace(microsecond=0)
    try:
        found = [login for text in log_files.lines(files, since) for login in _parsed(text, account)]
    except OSError as error:
        raise ConnectorError(f"the server's log cannot be read: {error.strerror or type(error).__name__}") from error
    return tuple(sorted((login for login in found if login.at >= first), key=lambda login: login.at))


def _parsed(text: str, account: str) -> Iterator[Login]:
    columns = text.rstrip("\n").split(",")
    if len(columns) < COLUMNS or columns[2] != account or columns[6] not in _OPERATIONS:
        return
    try:
        at = datetime.strptime(columns[0], "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return
    detail = f"database {columns[7]}" if columns[7] else f"return code {columns[9]}"
    yield Login(at, account, columns[3], _OPERATIONS[columns[6]], detail)
