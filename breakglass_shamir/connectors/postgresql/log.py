# SPDX-License-Identifier: Apache-2.0
"""Logins out of a PostgreSQL server's own log: csvlog, jsonlog or stderr.

Source: PostgreSQL manual, section 20.8 (error reporting and logging). ``log_connections = on`` writes
``connection authorized: user=...`` for each login; a refused one has SQLSTATE 28P01 or 28000.

Rules:

1. The format of a file is told by its name (``.csv``, ``.json``), else by the first line that tells one: JSON begins
   with ``{``, CSV with a time and a comma, stderr with a ``log_line_prefix`` that has the time (``%m`` or ``%t``), as
   Debian's does. A line of another format in it is text that a client wrote.
2. A line without its line feed is still being written, or was cut: it is read the next time, or says nothing.
3. Times are read where their zone is certain: UTC, GMT or an offset. With another zone nothing is guessed.
4. In stderr the names of role and database stand in the prefix as a client wrote them, line breaks included, before
   anybody's password is asked for. A line that such a name made has the time of the one in front if its own is none,
   so that it blinds nobody; and a login is looked for behind a name that looks like the end of the prefix.

What it does not do: it understands English messages only (``lc_messages``).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login
from breakglass_shamir.connectors.postgresql import csvlog
from breakglass_shamir.errors import ConnectorError

_AUTHORIZED = re.compile(
    r"(?:replication )?connection authorized: user=(.+?)((?: (?:database|application_name)=| SSL | GSS ).*)?$",
    re.DOTALL,
)
_REFUSED = re.compile(r'password authentication failed for user "([^"]*)"|role "([^"]*)" is not permitted to log in')
_WORD_ON_A_LOGIN = re.compile(r"(?:replication )?connection authorized: |password authentication failed for |role ")
_RECEIVED = re.compile(r"connection received: host=(\S+)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) (UTC|GMT|[+-]\d\d(?::?\d\d)?)(?=\s|$)")
_ANY_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S+")
_STDERR = re.compile(r"^(?P<prefix>.*?)\b(?P<level>LOG|FATAL):\s+(?:[0-9A-Z]{5}: )?(?P<message>.*)$")
_DATABASE = re.compile(
    r"(?:replication )?connection authorized: user=.+? database=(.+?(?:LOG|FATAL):.*?)"
    r"(?: application_name=.*| SSL .*)?$"
)
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
        changed = log_files.written_since(files, since)
        found = [login for path in changed for login in _logins(_parsed(path), account)]
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


def _parsed(path: Path) -> Iterator[_Line]:
    whole: Iterator[str] = (line for line in log_files.lines_of(path) if line.endswith("\n"))
    form = next((form for suffix, form in _SUFFIXES.items() if suffix in path.name), None)
    while form is None:
        line = next(whole, None)
        if line is None:
            return
        form = _form_of(line)
        whole = chain([line], whole) if form else whole
    yield from form(whole)


def _form_of(line: str) -> "_Form | None":
    """Return how a file is read in which a line is the first that tells."""
    if line.startswith("{"):
        return _json
    if csvlog.begins(line):
        return _csv
    return _stderr if _STDERR.match(line.rstrip("\n")) else None


def _json(lines: Iterable[str]) -> Iterator[_Line]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield _Line(*(str(entry.get(key, "")) for key in ("timestamp", "pid", "remote_host", "message")))


def _csv(lines: Iterable[str]) -> Iterator[_Line]:
    for row in csvlog.rows(lines, _WORD_ON_A_LOGIN):
        yield _Line(row.at, row.process, row.host.rpartition(":")[0] or row.host, row.message)


def _stderr(lines: Iterable[str]) -> Iterator[_Line]:
    latest = ""
    for line in lines:
        if line.startswith("\t"):
            continue  # the server puts a tab before each further line of a message: what clients wrote
        text = line.rstrip("\n")
        match = _STDERR.match(text)
        prefix = match["prefix"] if match else text
        at, process = _ANY_TIME.search(prefix), _PROCESS.search(prefix)
        said = at[0] if at else ""
        latest = said if _is_certain(said) else latest
        if match:
            for message in (match["message"], *_behind_a_name(text, match["message"])):
                yield _Line(latest or said, process[1] if process else "", "", message)


def _behind_a_name(text: str, message: str) -> Iterator[str]:
    """Yield the login in a line whose prefix has the name of a database that looks like the end of a prefix."""
    while match := _STDERR.match(message):
        message = match["message"]
        database = _DATABASE.match(message)
        if database and database[1] in text[: -len(message)]:
            yield message


def _is_certain(at: str) -> bool:
    try:
        _time(at)
    except (ConnectorError, ValueError):
        return False
    return True


_Form = Callable[[Iterable[str]], Iterator[_Line]]
_SUFFIXES: dict[str, _Form] = {".csv": _csv, ".json": _json}
"""What stands in a file's name, to how it is read."""


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
