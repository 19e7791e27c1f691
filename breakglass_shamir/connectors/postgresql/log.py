# SPDX-License-Identifier: Apache-2.0
"""Logins out of a PostgreSQL server's own log: csvlog, jsonlog or stderr.

Source: PostgreSQL manual, section 20.8 (error reporting and logging). ``log_connections = on`` writes
``connection authorized: user=...`` for each login; a refused one has SQLSTATE 28P01 or 28000.

Rules:

1. The format of a file is told by its name (``.csv``, ``.json``), else by the first line that tells one: JSON begins
   with ``{``, CSV with a time and a comma, stderr with a ``log_line_prefix`` that has the time (``%m`` or ``%t``), as
   Debian's does. A line of another format in it is text that a client wrote.
2. A line without its line feed is still being written: it is read the next time.
3. Times are read where their zone is certain: UTC, GMT, an offset, or seconds since 1970 (``%n``). With another zone
   nothing is guessed.
4. In stderr the names of role and database stand in the prefix as a client wrote them, line breaks included, before
   anybody's password is asked for. A line that such a name made has the time of the one in front if its own is none,
   so that it blinds nobody; and a login is looked for behind a name that looks like the end of the prefix.
5. Each line is read in time that grows with its length alone: names, prefixes and messages have a longest length.

6. Messages are understood in English (``lc_messages``). In csvlog and jsonlog a refusal is told by its SQLSTATE in any
   language. A message in another language that may be about a login of the account is told, each by itself: one of
   the phase in which the server lets in, or one that names the account as the first value or in quotation marks.

What it does not do: it translates nothing.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from breakglass_shamir.connectors.port import log_files, marks, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins
from breakglass_shamir.connectors.port.log_files import Reading
from breakglass_shamir.connectors.postgresql import csvlog
from breakglass_shamir.errors import ConnectorError

WORDS = ("connection authorized: ", "authentication failed for ", "is not permitted to log in")
"""What the server tells a login with; in English a line without any of these is about none."""

PHASE = "authentication"
"""What a process does, in csvlog and jsonlog, when it tells a login."""

REFUSALS = "28"
"""Class of the SQLSTATE with which a login is refused."""

KIND = "a PostgreSQL server's csvlog, jsonlog or stderr with a time in front"

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
_REFUSED = re.compile(
    r'[A-Za-z0-9-]{1,40} authentication failed for user "([^"]*)"|role "([^"]*)" is not permitted to log in'
    r'|pg_hba\.conf (?:entry|rejects connection|rejects replication connection) for [^"]{0,60}"[^"]{0,300}", '
    r'user "([^"]*)"'
)
_WORD_ON_A_LOGIN = re.compile(
    r"(?:replication )?connection authorized: |[A-Za-z0-9-]{1,40} authentication failed for |role "
)
_NO_LOGIN = re.compile(
    r"connection (?:received|authenticated): |disconnection: |statement: |duration: |execute |parse |bind |fastpath "
    r"|AUDIT: |automatic |temporary file: |process \d"
)
"""What an English message begins with that tells no login."""
_ANY_LEVEL = re.compile(
    r"(?!ERROR|WARNING|NOTICE|INFO|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION|PANIC)\b[^\W\d_]{2,20}:  "
)
"""The end of a prefix in any language."""
_RECEIVED = re.compile(r"connection received: host=(\S+)(?: port=(\d{1,5}))?")
_OWN_NAME = re.compile(rf" application_name=({marks.NAME.pattern})(?: SSL | GSS |$)")
_SECONDS = re.compile(r"(?<![\d.])(\d{10}\.\d{3})(?=\s|$)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?) (UTC|GMT|[+-]\d\d(?::?\d\d)?)(?=\s|$)")
_FIRST_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? [A-Z0-9+:-]{1,9}")
_ANY_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S+|(?<![\d.])\d{10}\.\d{3}(?=\s|$)")
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
    user: str = ""
    phase: str = ""
    state: str = ""
    port: str = ""
    """Where the client's connection comes from, beside ``source``; empty where the line does not say."""

    level: str = ""
    """In stderr: ``LOG``, ``FATAL``, or the word for one of them in a language that is not known here."""


def logins(pattern: str, account: str, since: datetime) -> Logins:
    """Return the logins of an account, oldest first, and what could not be read.

    Raises:
        ConnectorError: there is no log, it cannot be read, or its times are in a zone that is not certain.
    """
    files = log_files.require_files(pattern, "logins")
    # A statement that is too long is none on a login; a message in another language names the account first.
    reading = Reading(since, (*WORDS, f"={account} "), lambda head: _concerns(head, since), KIND)
    found = []
    try:
        for path, lines in reading.each(files):
            found += list(_logins(_parsed(path, lines, account, reading), account, reading))
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
    sources: dict[str, tuple[str, str]] = {}
    for line in messages:
        received = _RECEIVED.search(line.message)
        if received:
            if len(sources) >= PROCESSES_MAX:
                del sources[next(iter(sources))]
            sources[line.process] = received[1], received[2] or ""
            continue
        accepted, name, detail = _told(line.message)
        if name != account and _may_be_a_login(line, account):
            if not line.state.startswith(REFUSALS):
                at = _time(line.at) if _is_certain(line.at) else None
                reading.miss("it is in no language that is known here: set lc_messages = 'C'", at)
                continue
            accepted, name, detail = False, account, line.message.strip()
        if name == account:
            source, port = (line.source, line.port) if line.source else sources.get(line.process, ("", ""))
            try:
                yield Login(_time(line.at), account, source, accepted, detail, _mark(detail, source, port))
            except ConnectorError as doubt:
                reading.miss("its time cannot be read with certainty")
                yield doubt


def _mark(detail: str, source: str, port: str) -> str:
    """Return what tells a login from every other one: the name of this program in it, else where it comes from."""
    name = _OWN_NAME.search(detail)
    if name:
        return marks.of_name(name[1])
    return marks.of_port(source, port) if port else ""


def _told(message: str) -> tuple[bool, str, str]:
    """Return whether a message lets in, whom, and what else it says; nobody where it is about no login."""
    authorized = _AUTHORIZED.match(message)
    if authorized:
        # A role has one character or more.
        behind = _BEHIND_A_ROLE.search(message, authorized.end() + 1)
        end = behind.start() if behind else len(message)
        return True, message[authorized.end() : end], message[end:].strip()
    refused = _REFUSED.search(message)
    return False, (refused[1] or refused[2] or refused[3]) if refused else "", message.strip()


def _may_be_a_login(line: _Line, account: str) -> bool:
    """Tell whether a message that is not understood may be about a login of the account."""
    if _NO_LOGIN.match(line.message):
        return False
    if line.phase or line.state:
        return line.user == account and (line.phase == PHASE or line.state.startswith(REFUSALS))
    first, _, value = line.message.partition("=")
    names_first = value.startswith(account) and value[len(account) : len(account) + 1] in ("", " ", ",")
    quoted = re.search(rf"[^\w\s]\s?{re.escape(account)}\s?[^\w\s]", line.message[:NAME_MAX])
    return (names_first and len(first) <= NAME_MAX) or (quoted is not None and line.level != "LOG")


def _concerns(head: str, since: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then."""
    said = _FIRST_TIME.search(head[:PREFIX_MAX])
    return not head.startswith("\t") and not (said and _is_certain(said[0]) and _time(said[0]) < since)


def _parsed(path: Path, lines: Iterator[str], account: str, reading: Reading) -> Iterator[_Line]:
    whole: Iterator[str] = (line for line in lines if line.endswith("\n"))
    form = next((form for suffix, form in _SUFFIXES.items() if suffix in path.name), None)
    while form is None:
        line = next(whole, None)
        if line is None:
            return
        form = _form_of(line)
        whole = chain([line], whole) if form else whole
    yield from form(whole, account, reading)


def _form_of(line: str) -> "_Form | None":
    """Return how a file is read in which a line is the first that tells."""
    if line.startswith("{"):
        return _json
    if csvlog.begins(line):
        return _csv
    prefix = line[:PREFIX_MAX]
    in_another_language = _ANY_TIME.match(prefix) and _ANY_LEVEL.search(prefix)
    return _stderr if _LEVEL.search(prefix) or in_another_language else None


def _json(lines: Iterable[str], account: str, reading: Reading) -> Iterator[_Line]:
    of_account = f'"{account}"'
    for line in lines:
        if line.startswith("{"):
            reading.known()
        if not any(word in line for word in WORDS) and not (f'"{PHASE}"' in line and of_account in line):
            continue
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            yield _Line(*(str(entry.get(key, "")) for key in _KEYS))
        else:
            reading.miss("it is not the JSON it should be")


def _csv(lines: Iterable[str], account: str, reading: Reading) -> Iterator[_Line]:
    def wanted(columns: Sequence[str], line: str, at: int) -> bool:
        reading.known()
        may_be = columns[csvlog.TAG] == PHASE or columns[csvlog.STATE].startswith(REFUSALS)
        return _WORD_ON_A_LOGIN.match(line, at) is not None or (columns[csvlog.USER] == account and may_be)

    def broken(columns: Sequence[str]) -> None:
        if columns[csvlog.USER : csvlog.USER + 1] == [account]:
            reading.miss("it is no row of a csvlog", _time(columns[0]) if _is_certain(columns[0]) else None)

    for row in csvlog.rows(lines, wanted, broken):
        host, _, port = row.host.rpartition(":")
        source = host or row.host
        yield _Line(row.at, row.process, source, row.message, row.user, row.tag, row.state, port if host else "")


def _stderr(lines: Iterable[str], _account: str, reading: Reading) -> Iterator[_Line]:
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
        if levels or at:
            reading.known()
        other = None if levels or not at or at.start() else _ANY_LEVEL.search(text, at.end(), PREFIX_MAX)
        if other:
            message = text[other.end() :][:MESSAGE_MAX]
            yield _Line(latest or said, process[1] if process else "", "", message, level=other[0])
        if levels:
            level = levels[0][0].partition(":")[0]
            for message in (text[levels[0].end() :][:MESSAGE_MAX], *_behind_a_name(text, levels[1:])):
                yield _Line(latest or said, process[1] if process else "", "", message, level=level)


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


_Form = Callable[[Iterable[str], str, Reading], Iterator[_Line]]
_KEYS = ("timestamp", "pid", "remote_host", "message", "user", "ps", "state_code", "remote_port")
"""What is read of an entry of jsonlog; in the order of :class:`_Line`."""
_SUFFIXES: dict[str, _Form] = {".csv": _csv, ".json": _json}
"""What stands in a file's name, to how it is read."""


def _time(text: str) -> datetime:
    """Read a time of the log.

    Raises:
        ConnectorError: its zone is not certain.
    """
    match = _TIME.match(text)
    if seconds := _SECONDS.fullmatch(text):
        at = stamps.epoch(seconds[1])
        assert at is not None  # noqa: S101 - ten digits and a fraction
        return at
    if match is not None:
        zone = "+00:00" if match[2] in ("UTC", "GMT") else match[2]
        with suppress(ValueError):  # a day that is in no calendar
            return datetime.fromisoformat(f"{match[1]}{zone}")
    raise ConnectorError(
        "the server's log has times that cannot be read with certainty",
        hint="set log_timezone = 'UTC', and log_line_prefix = '%m [%p] ' where the log is stderr",
    )
