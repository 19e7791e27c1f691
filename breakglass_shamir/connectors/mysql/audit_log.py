# SPDX-License-Identifier: Apache-2.0
"""One line of an audit log of MariaDB or MySQL: is it about a login of an account, and which.

Sources: MariaDB documentation, "MariaDB Audit Plugin log format":
``TIME,SERVER,USER,HOST,CONNECTION,QUERY,OPERATION,DATABASE,OBJECT,RETURN CODE``, and over syslog the same without
``TIME`` behind what syslog writes. Amazon's plugin of that name writes microseconds since 1970. Percona documentation,
"Audit Log Plugin", JSON format: ``{"audit_record": {"name": "Connect", ...}}``. MySQL reference manual, "Audit Log File
Formats", JSON: ``{"class": "connection", "event": "connect", ...}``.

Rules:

1. The columns up to the operation hold no text of statements, so what they say is the server's word.
2. A line of a known layout with another operation is none on a login. Any other line that holds the account's name and
   a word on logins may be one, and is told.
3. A line costs time that grows with its length alone.

What it does not do: it reads no object that takes several lines, and no XML.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from breakglass_shamir.connectors.port import marks, stamps
from breakglass_shamir.connectors.port.answers import Login

COLUMNS = 10
"""Of a line about a login in a file of ``server_audit``; over syslog one less."""

DEPTH_MAX = 3
"""Objects of log shippers that may stand around a line."""

_LOGINS = {
    "CONNECT": True, "FAILED_CONNECT": False, "CHANGEUSER": True, "FAILED_CHANGEUSER": False, "PROXY_CONNECT": True,
}  # fmt: skip
_OTHERS = frozenset({
    "DISCONNECT", "QUERY", "READ", "WRITE", "CREATE", "ALTER", "RENAME", "DROP", "TABLE", "INSERT", "UPDATE", "DELETE",
    "QUERY_DDL", "QUERY_DML", "QUERY_DCL", "QUERY_DML_NO_SELECT", "NOAUDIT", "INFO", "ERROR",
})  # fmt: skip
_EVENTS = {"connect": True, "change user": True, "change_user": True, "login": True}
_TEXTS = ("message", "log", "msg", "MESSAGE", "line")
"""Where log shippers put a line."""

_WORD = re.compile(r"connect|login|change.?user|authenticat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for in a line.

    Attributes:
        account: whose logins.
        zone: of times without one.
        now: this moment, for times without a year.
    """

    account: str
    zone: tzinfo
    now: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What a line says.

    Attributes:
        known: whether it is of a layout that is known here.
        stamp: its time, where it has none with a zone.
        login: the account's login in it; None where it is about none.
        doubt: why a line that may be about a login of the account cannot be read; empty where it can.
        at: when, of a line that cannot be read; None where that is not known either.
    """

    known: bool
    stamp: datetime | None = None
    login: Login | None = None
    doubt: str = ""
    at: datetime | None = None


def said(text: str, asked: Asked) -> Said:
    """Read one line, with its line feed."""
    line = text.rstrip("\r\n")
    found = _object(line, asked) if line.lstrip().startswith(("{", "[{", ",{")) else _columns(line, asked)
    if found:
        return found
    if _names(line, asked.account) and _WORD.search(line):
        return Said(False, doubt="it is in no layout that is known here")
    return Said(False)


def when(text: str, asked: Asked) -> datetime | None:
    """Read the time at the beginning of a line in columns; None where there is none."""
    first = text.partition(",")[0].strip("'\" ")
    return (
        stamps.local(first, asked.zone)
        or stamps.instant(first)
        or stamps.epoch(first)
        or stamps.of_line(text, asked.now)
    )


def is_login(columns: list[str]) -> bool:
    """Tell whether the columns of a line's beginning name a login."""
    return any(operation in columns[5:7] for operation in _LOGINS)


def _columns(line: str, asked: Asked) -> Said | None:
    """Read a line of ``server_audit``; None where it is none."""
    columns = line.split(",", COLUMNS + 2)
    place = next((place for place in (6, 5) if _is_layout(columns, place)), 0)
    if not place:
        cut = len(columns) in range(3, 7) and _plain(columns[2]) == asked.account and when(columns[0], asked)
        return Said(True, doubt="it is cut off", at=cut) if cut else None
    user, host, operation = columns[place - 4], columns[place - 3], columns[place].strip("'\" ")
    if operation in _OTHERS or (operation not in _LOGINS and _plain(user) != asked.account):
        return Said(True, _zoneless(columns[0], asked) if place == 6 else None)
    at = when(line, asked)
    stamp = at if place == 6 and _zoneless(columns[0], asked) else None
    if operation not in _LOGINS:
        return Said(True, stamp, doubt=f"it tells an operation that is not known here: {_shown(operation)}", at=at)
    if _plain(user) != asked.account:
        proxied = operation == "PROXY_CONNECT" and _names(",".join(columns[place + 1 :]), asked.account)
        return Said(True, stamp, doubt="it tells that another account stands for this one" if proxied else "", at=at)
    if at is None:
        return Said(True, doubt="its time is in no form that is known here, or in no calendar")
    if len(columns) < place + 4:
        return Said(True, stamp, doubt="it is cut off", at=at)
    database, code = columns[place + 1], columns[place + 3]
    detail = f"database {database}" if database else f"return code {code}"
    source = host.strip("'\" ")
    mark = marks.of_connection(columns[place - 2].strip("'\" "), accepted=_LOGINS[operation])
    return Said(True, stamp, Login(at, asked.account, source, _LOGINS[operation], detail, mark))


def _is_layout(columns: list[str], place: int) -> bool:
    """Tell whether the operation stands at a place: a word in capitals behind two numbers."""
    if len(columns) <= place or not columns[place].strip("'\" ").replace("_", "").isupper():
        return False
    return all(number.strip("'\" ").isdecimal() for number in columns[place - 2 : place])


def _zoneless(first: str, asked: Asked) -> datetime | None:
    return stamps.local(first.strip("'\" "), asked.zone)


def _object(line: str, asked: Asked) -> Said | None:
    """Read a line that is an object, or one of a list of objects; None where it is none."""
    try:
        entry = json.loads(line.strip().lstrip("[,").rstrip("],"))
    except (ValueError, RecursionError):
        return None
    for _ in range(DEPTH_MAX):
        if not isinstance(entry, dict):
            return None
        inner = next((entry[name] for name in _TEXTS if isinstance(entry.get(name), str)), None)
        if inner is not None and "class" not in entry:
            found = said(inner, asked) if not inner.lstrip().startswith("{") else None
            if found:
                return found
            entry = _loaded(inner)
            continue
        return _event(entry, asked)
    return None


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _event(entry: Mapping[str, Any], asked: Asked) -> Said | None:
    """Read one event of an audit log in JSON; None where it is in no form that is known here."""
    inner = entry.get("audit_record")
    event = inner if isinstance(inner, dict) else entry
    name = event.get("name") or event.get("event")
    if not isinstance(name, str) or not isinstance(event.get("timestamp"), str | int | float):
        return None
    if asked.account not in map(_plain, _users(event)):
        return Said(True)
    if name.lower() not in _EVENTS:
        is_other = event.get("class", "") not in ("connection", "authentication") or name.lower() in ("disconnect",)
        return Said(True, doubt="" if is_other else f"it tells an event that is not known here: {_shown(name)}")
    at, status = _time(event["timestamp"]), _status(event)
    if at is None or status is None:
        return Said(True, doubt="it has no time or no status that can be read", at=at)
    number = event.get("connection_id")
    mark = (
        marks.of_connection(number, accepted=status == 0)
        if isinstance(number, str | int) and str(number).isdecimal()
        else ""
    )
    return Said(True, None, Login(at, asked.account, _source(event), status == 0, f"status {status}", mark))


def _users(event: Mapping[str, Any]) -> Iterator[str]:
    for place in (event, event.get("account"), event.get("login")):
        if isinstance(place, dict):
            yield from (place[key] for key in ("user", "priv_user") if isinstance(place.get(key), str))


def _source(event: Mapping[str, Any]) -> str:
    places = (event.get("login"), event.get("account"), event)
    told = (place.get(key) for place in places if isinstance(place, dict) for key in ("ip", "host"))
    return next((_shown(one) for one in told if isinstance(one, str) and one), "")


def _status(event: Mapping[str, Any]) -> int | None:
    data = event.get("connection_data")
    status = data.get("status") if isinstance(data, dict) else event.get("status")
    try:
        return int(str(status))
    except ValueError:
        return None


def _time(written: object) -> datetime | None:
    """Read a time of an audit log in JSON: these are in UTC."""
    text = str(written).removesuffix(" UTC")
    return stamps.instant(text) or stamps.local(text, UTC) or stamps.epoch(text)


def _plain(user: str) -> str:
    """Return a user's name without quotes, and without what ``user[other] @ host []`` says behind it."""
    return user.strip("'\" ").partition("[")[0].strip()


def _names(line: str, account: str) -> bool:
    """Tell whether a line holds the account's name as a word of its own."""
    at = line.find(account)
    while at >= 0:
        end = at + len(account)
        if not (line[at - 1 : at].isalnum() or line[end : end + 1].isalnum()):
            return True
        at = line.find(account, end)
    return False


def _shown(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:60]
