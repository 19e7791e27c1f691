# SPDX-License-Identifier: Apache-2.0
"""Logins out of a PostgreSQL server's own log: csvlog, jsonlog or stderr.

Source: PostgreSQL manual, section 20.8 (error reporting and logging). ``log_connections = on`` writes
``connection authorized: user=...`` for each login; a refused one has SQLSTATE 28P01 or 28000.

Rules:

1. The format is told by each line itself: JSON begins with ``{``, CSV has the columns of csvlog, everything else is
   stderr, whose ``log_line_prefix`` must begin with the time (``%m`` or ``%t``), as Debian's does.
2. Times are read where their zone is certain: UTC, GMT or an offset. With another zone nothing is guessed.

What it does not do: it understands English messages only (``lc_messages``).
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from breakglass_shamir.connectors import log_files
from breakglass_shamir.connectors.base import Login
from breakglass_shamir.errors import ConnectorError

CSV_COLUMNS = 23
"""A csvlog line has at least as many columns (PostgreSQL 9.0; later ones add some at the end)."""

_AUTHORIZED = re.compile(
    r"(?:replication )?connection authorized: user=(.+?)((?: (?:database|application_name)=| SSL | GSS ).*)?$",
    re.DOTALL,
)
_REFUSED = re.compile(r'password authentication failed for user "([^"]*)"|role "([^"]*)" is not permitted to log in')
_RECEIVED = re.compile(r"connection received: host=(\S+)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) (UTC|GMT|[+-]\d\d(?::?\d\d)?)(?=\s|$)")
_ANY_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S+")
_STDERR = re.compile(r"^(?P<prefix>.*?)\b(?P<level>LOG|FATAL):\s+(?:[0-9A-Z]{5}: )?(?P<message>.*)$")
_PROCESS = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class _Line:
    """One message of the log."""

    at: str
    process: str
    source: str
    message: str


def logins(pattern: str, account: str, since: datetime) -> tuple[Login, ...]:
    """Return the logins of an account, oldest first.

    Raises:
        ConnectorError: there is no log, it cannot be read, or its times are in a zone that is not certain.
    """
    files = log_files.require_files(pattern, "logins")
    try:
        found = list(_logins(_parsed(log_files.lines(files, since)), account))
    except OSError as error:
        raise ConnectorError(f"the server's log cannot be read: {error.strerror or type(error).__name__}") from error
    return tuple(sorted((login for login in found if login.at >= since), key=lambda login: login.at))


def _logins(messages: Iterable[_Line], account: str) -> Iterator[Login]:
    sources: dict[str, str] = {}
    for line in messages:
        received = _RECEIVED.search(line.message)
        if received:
            sources[line.process] = received[1]
            continue
        authorized, refused = _AUTHORIZED.match(line.message), _REFUSED.search(line.message)
        name = authorized[1] if authorized else (refused[1] or refused[2]) if refused else None
        if name == account:
            detail = (authorized[2] or "").strip() if authorized else line.message.strip()
            source = line.source or sources.get(line.process, "")
            yield Login(_time(line.at), account, source, authorized is not None, detail)


def _parsed(texts: Iterable[str]) -> Iterator[_Line]:
    for text in texts:
        if text.startswith("{"):
            yield from _json(text)
        elif text.count(",") >= CSV_COLUMNS - 1 and _ANY_TIME.match(text):
            yield from _csv(text)
        else:
            yield from _stderr(text)


def _json(text: str) -> Iterator[_Line]:
    try:
        entry = json.loads(text)
    except ValueError:
        return
    if isinstance(entry, dict):
        yield _Line(*(str(entry.get(key, "")) for key in ("timestamp", "pid", "remote_host", "message")))


def _csv(text: str) -> Iterator[_Line]:
    for row in csv.reader([text]):
        if len(row) >= CSV_COLUMNS:
            yield _Line(row[0], row[3], row[4].rpartition(":")[0] or row[4], row[13])


def _stderr(text: str) -> Iterator[_Line]:
    if text.startswith("\t"):
        return  # the server puts a tab before each further line of a message: what clients wrote
    match = _STDERR.match(text.rstrip("\n"))
    if match:
        at, process = _ANY_TIME.search(match["prefix"]), _PROCESS.search(match["prefix"])
        yield _Line(at[0] if at else "", process[1] if process else "", "", match["message"])


def _time(text: str) -> datetime:
    """Read a time of the log.

    Raises:
        ConnectorError: its zone is not certain.
    """
    match = _TIME.match(text)
    if match is None:
        raise ConnectorError(
            "the server's log has times that cannot be read with certainty",
            hint="set log_timezone = 'UTC', and log_line_prefix = '%m [%p] ' where the log is stderr",
        )
    zone = "+00:00" if match[2] in ("UTC", "GMT") else match[2]
    return datetime.fromisoformat(f"{match[1]}{zone}")
