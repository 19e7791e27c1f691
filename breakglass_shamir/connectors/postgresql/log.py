# SPDX-License-Identifier: Apache-2.0
"""Logins out of a PostgreSQL server's own log: csvlog, jsonlog or stderr.

Source: PostgreSQL manual, section 20.8 (error reporting and logging). ``log_connections = on`` writes
``connection authorized: user=...`` for each login; a refused one has SQLSTATE 28P01 or 28000.

Rules:

1. The format of a file is told by its name (``.csv``, ``.json``), else by the first line that tells one: JSON begins
   with ``{``, CSV with a time and a comma, stderr with a ``log_line_prefix`` that has the time (``%m`` or ``%t``), as
   Debian's does. A line of another format in it is text that a client wrote.
2. A line without its line feed is still being written: it is read the next time.
3. Times are read where their zone is certain: UTC, GMT or an offset. With another zone nothing is guessed.
4. In stderr the names of role and database stand in the prefix as a client wrote them, line breaks included, before
   anybody's password is asked for. A line that such a name made has the time of the one in front if its own is none,
   so that it blinds nobody; and a login is looked for behind a name that looks like the end of the prefix.
5. Each line is read in time that grows with its length alone: names, prefixes and messages have a longest length.

What it does not do: it understands English messages only (``lc_messages``).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from breakglass_shamir.connectors.port import log_files
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.connectors.postgresql import csvlog
from breakglass_shamir.errors import ConnectorError

WORDS = ("connection authorized: ", "password authentication failed for ", "is not permitted to log in")
"""What the server tells a login with; a line without any of these is about none."""

PREFIX_MAX = 4096
"""Characters at the beginning of a line among which its prefix ends, names and all; Debian's takes a tenth of it."""

NAME_MAX = 255
"""Characters of the longest name that is looked for; a server has 63 bytes, and may be built for more."""

MESSAGE_MAX = 8192
"""Characters of a message that are looked at."""

PROCESSES_MAX = 65_536
"""Processes whose client is remembered, for the login that follows."""

_AUTHORIZED = re.compile(r"(?:replication )?connection authorized: user=")
_BEHIND_A_ROLE = re.compile(r" (?:database|application_name)=| SSL | GSS ")
_REFUSED = re.compile(r'password authentication failed for user "([^"]*)"|role "([^"]*)" is not permitted to log in')
_WORD_ON_A_LOGIN = re.compile(r"(?:replication )?connection authorized: |password authentication failed for |role ")
_RECEIVED = re.compile(r"connection received: host=(\S+)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) (UTC|GMT|[+-]\d\d(?::?\d\d)?)(?=\s|$)")
_FIRST_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? [A-Z0-9+:-]{1,9}")
_ANY_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S+")
_LEVEL = re.compile(r"\b(?:LOG|FATAL):\s+(?:[0-9A-Z]{5}: )?")
_NAME_LIKE_A_PREFIX = re.compile(r"(?:LOG|FATAL):")
_ENDS_OF_A_NAME = (" application_name=", " SSL ", " GSS ")
_PROCESS = re.compile(r"\[(\d{1,10})\]")
_FEW = 4
"""Places of words in a name that are tried."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One message of the log."""

    at: str
    process: str
    source: str
    message: str


def logins(pattern: str, account: str, since: datetime) -> Logins:
    """Return the logins of an account, oldest first, and what could not be read.

    Raises:
        ConnectorError: there is no log, it cannot be read, or its times are in a zone that is not certain.
    """
    files = log_files.require_files(pattern, "logins")
    reading = Reading(since, WORDS, lambda head: _concerns(head, since))
    found = []
    try:
        for path, lines in reading.each(files):
            found += list(_logins(_parsed(path, lines, reading), account, reading))
    except OSError as error:
        raise ConnectorError(f"the server's log cannot be read: {error.strerror or type(error).__name__}") from error
    # A zone that is not certain is a setting of the server; where no time at all can be read, that is the answer.
    certain = [login for login in found if isinstance(login, Login)]
    doubts = [doubt for doubt in found if isinstance(doubt, ConnectorError)]
    if doubts and not certain:
        raise doubts[0]
    return Logins((login for login in certain if login.at >= since), reading.unread)


def _logins(messages: Iterable[_Line], account: str, reading: Reading) -> Iterator[Login | ConnectorError]:
    """Yield the logins of an account; for one whose time is not certain, the doubt."""
    sources: dict[str, str] = {}
    for line in messages:
        received = _RECEIVED.search(line.message)
        if received:
            if len(sources) >= PROCESSES_MAX:
                del sources[next(iter(sources))]
            sources[line.process] = received[1]
            continue
        accepted, name, detail = _told(line.message)
        if name == account:
            source = line.source or sources.get(line.process, "")
            try:
                yield Login(_time(line.at), account, source, accepted, detail)
            except ConnectorError as doubt:
                reading.miss("its time cannot be read with certainty")
                yield doubt


def _told(message: str) -> tuple[bool, str, str]:
    """Return whether a message lets in, whom, and what else it says; nobody where it is about no login."""
    authorized = _AUTHORIZED.match(message)
    if authorized:
        # A role has one character or more.
        behind = _BEHIND_A_ROLE.search(message, authorized.end() + 1)
        end = behind.start() if behind else len(message)
        return True, message[authorized.end() : end], message[end:].strip()
    refused = _REFUSED.search(message)
    return False, (refused[1] or refused[2]) if refused else "", message.strip()


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then."""
    said = _FIRST_TIME.search(head[:PREFIX_MAX])
    return not head.startswith("\t") and not (said and _is_certain(said[0]) and _time(said[0]) < since)


def _parsed(path: Path, lines: Iterator[str], reading: Reading) -> Iterator[_Line]:
    whole: Iterator[str] = (line for line in lines if line.endswith("\n"))
    form = next((form for suffix, form in _SUFFIXES.items() if suffix in path.name), None)
    while form is None:
        line = next(whole, None)
        if line is None:
            return
        form = _form_of(line)
        whole = chain([line], whole) if form else whole
    yield from form(whole, reading)


def _form_of(line: str) -> "_Form | None":
    """Return how a file is read in which a line is the first that tells."""
    if line.startswith("{"):
        return _json
    if csvlog.begins(line):
        return _csv
    return _stderr if _LEVEL.search(line[:PREFIX_MAX]) else None


def _json(lines: Iterable[str], reading: Reading) -> Iterator[_Line]:
    for line in lines:
        if not any(word in line for word in WORDS):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            yield _Line(*(str(entry.get(key, "")) for key in ("timestamp", "pid", "remote_host", "message")))
        else:
            reading.miss("it is not the JSON it should be")


def _csv(lines: Iterable[str], _reading: Reading) -> Iterator[_Line]:
    for row in csvlog.rows(lines, _WORD_ON_A_LOGIN):
        yield _Line(row.at, row.process, row.host.rpartition(":")[0] or row.host, row.message)


def _stderr(lines: Iterable[str], _reading: Reading) -> Iterator[_Line]:
    latest = ""
    for line in lines:
        if line.startswith("\t"):
            continue  # the server puts a tab before each further line of a message: what clients wrote
        text = line.rstrip("\n")
        levels = list(_LEVEL.finditer(text, 0, PREFIX_MAX))
        prefix = text[: levels[0].start() if levels else PREFIX_MAX]
        at, process = _ANY_TIME.search(prefix), _PROCESS.search(prefix)
        said = at[0] if at else ""
        latest = said if _is_certain(said) else latest
        if levels:
            for message in (text[levels[0].end() :][:MESSAGE_MAX], *_behind_a_name(text, levels[1:])):
                yield _Line(latest or said, process[1] if process else "", "", message)


def _behind_a_name(text: str, levels: Sequence[re.Match[str]]) -> Iterator[str]:
    """Yield the login in a line whose prefix has the name of a database that looks like the end of a prefix."""
    for level in levels:
        message = text[level.end() :][:MESSAGE_MAX]
        before = text[: level.end()]
        if message.startswith(("connection authorized: user=", "replication connection authorized: user=")) and any(
            _NAME_LIKE_A_PREFIX.search(name) and name in before for name in _databases(message)
        ):
            yield message


def _databases(message: str) -> Iterator[str]:
    """Yield what may be the database's name in a login: from each place where it may begin to each where it may end."""
    for begin in _places(message, " database=", 0, 2 * NAME_MAX):
        start = begin + len(" database=")
        ends = [end for words in _ENDS_OF_A_NAME for end in _places(message, words, start, start + NAME_MAX)]
        yield from (message[start:end] for end in (*ends, min(len(message), start + NAME_MAX)))


def _places(text: str, words: str, first: int, last: int) -> Iterator[int]:
    """Yield the first few places of words in a text."""
    at = text.find(words, first, last)
    for _ in range(_FEW):
        if at < 0:
            return
        yield at
        at = text.find(words, at + 1, last)


def _is_certain(at: str) -> bool:
    try:
        _time(at)
    except ConnectorError:
        return False
    return True


_Form = Callable[[Iterable[str], Reading], Iterator[_Line]]
_SUFFIXES: dict[str, _Form] = {".csv": _csv, ".json": _json}
"""What stands in a file's name, to how it is read."""


def _time(text: str) -> datetime:
    """Read a time of the log.

    Raises:
        ConnectorError: its zone is not certain.
    """
    match = _TIME.match(text)
    if match is not None:
        zone = "+00:00" if match[2] in ("UTC", "GMT") else match[2]
        with suppress(ValueError):  # a day that is in no calendar
            return datetime.fromisoformat(f"{match[1]}{zone}")
    raise ConnectorError(
        "the server's log has times that cannot be read with certainty",
        hint="set log_timezone = 'UTC', and log_line_prefix = '%m [%p] ' where the log is stderr",
    )
