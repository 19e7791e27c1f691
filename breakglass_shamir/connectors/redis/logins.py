# SPDX-License-Identifier: Apache-2.0
"""Logins of an account, as a Redis or Valkey server remembers them.

Sources: ``ACL LOG`` and ``CLIENT LIST`` in the documentation of Redis and of Valkey. The server keeps the last
refused logins and its open connections. Of a login that was let in, it keeps nothing once its connection ended.

Rules:

1. Refused logins that the server put into one entry are one login with the mark of the last of them, and one without a
   mark for the others.
2. A connection counts as a login at the instant it began. When it was logged in the server does not tell, so that one
   that began before the time asked about is told as something that could not be seen.
3. Times are whole seconds, so that two looks at one login see the same.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from breakglass_shamir.connectors.database_target import Denied
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.connectors.port.answers import Login, Logins, since_when
from breakglass_shamir.connectors.redis.rules import connections
from breakglass_shamir.connectors.redis.session import Session, pairs, text
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.plural import counted

REFUSED_LOGIN = "auth"
"""What the server gives as the reason of an entry that is a refused login."""

ENTRIES_ASKED, ENTRIES_KEPT = 1000, 128
"""Entries that are asked for, and that a server keeps unless it is told otherwise (``acllog-max-len``)."""

UNREAD_MAX = 20
"""Things that could not be seen, at most as many as are told."""


def logins(one: Session, account: str, since: datetime) -> Logins:
    """Return the logins of an account that the server remembers, and what it cannot show.

    Args:
        one: a session of whoever may ask.
        account: whose logins count.
        since: the first instant that counts, with a time zone.

    Raises:
        Denied: it may not ask.
        Lost: no answer came.
        ConnectorError: what came cannot be read.
    """
    clock, log, listed = one.together(("TIME",), ("ACL", "LOG", str(ENTRIES_ASKED)), ("CLIENT", "LIST"))
    now = _now(clock)
    unread: list[str] = []
    refused = [login for entry in _entries(log) for login in _refused(entry, account, now)]
    accepted = list(_accepted(connections(listed), account, now, since, unread))
    unread += _lost(one, log, now, since)
    return Logins(since_when([*refused, *accepted], since), unread[:UNREAD_MAX])


def _now(clock: Any) -> datetime:
    words = [text(word) for word in clock] if isinstance(clock, list) else []
    if not words or not words[0].isdecimal() or len(words[0]) > 12:
        raise ConnectorError("the server does not say what time it is")
    return datetime.fromtimestamp(int(words[0]), UTC)


def _entries(log: Any) -> list[Mapping[str, Any]]:
    if not isinstance(log, list):
        raise ConnectorError("the server's log of refusals cannot be read")
    return [pairs(entry) for entry in log]


def _at(entry: Mapping[str, Any], now: datetime) -> datetime:
    """Return when the last refusal of an entry was: Redis 7.2 and Valkey tell it, older ones how long it is ago."""
    told = entry.get("timestamp-last-updated")
    if isinstance(told, int) and 0 < told < 1 << 53:
        return datetime.fromtimestamp(told // 1000, UTC)
    try:
        age = timedelta(seconds=float(text(entry.get("age-seconds"))))
        return (now - age).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise ConnectorError("an entry of the server's log of refusals has no time") from None


def _refused(entry: Mapping[str, Any], account: str, now: datetime) -> Iterator[Login]:
    if text(entry.get("reason")) != REFUSED_LOGIN or text(entry.get("username")) != account:
        return
    at, count = _at(entry, now), entry.get("count")
    client = dict(word.partition("=")[::2] for word in text(entry.get("client-info")).split(" "))
    source, mark = _place(client.get("addr", ""))
    yield Login(at, account, source, accepted=False, mark=mark)
    if isinstance(count, int) and count > 1:
        words = f"{counted(count - 1, 'more refused login')} within a minute, of which the server keeps no address"
        yield Login(at, account, "", accepted=False, detail=words)


def _accepted(
    open_now: list[Mapping[str, str]], account: str, now: datetime, since: datetime, unread: list[str]
) -> Iterator[Login]:
    for each in open_now:
        if each["user"] != account:
            continue
        age = each.get("age", "")
        if not age.isdecimal() or len(age) > 10:
            raise ConnectorError("the server's list of connections cannot be read")
        at, (source, mark) = now - timedelta(seconds=int(age)), _place(each.get("addr", ""))
        if at <= since - timedelta(seconds=1):
            unread.append(
                f"a connection of the account from {each.get('addr', 'an unknown place')[:60]} is open since "
                f"{at:%Y-%m-%d %H:%M:%S} UTC, and the server does not tell when it was logged in"
            )
            continue
        yield Login(at, account, source, accepted=True, detail="open when the server was asked", mark=mark)


def _place(address: str) -> tuple[str, str]:
    """Return host and mark of ``HOST:PORT``; a connection over a Unix socket has neither."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or port == "0":
        return address[:100], ""
    return host[:100], marks.of_port(host, port)


def _lost(one: Session, log: Any, now: datetime, since: datetime) -> list[str]:
    """Say that refusals since then may have left the log, since it is full and all of it is newer."""
    try:
        told = one.setting("acllog-max-len")
    except Denied:
        told = ""
    most = min(int(told) if told.isdecimal() and len(told) < 10 else ENTRIES_KEPT, ENTRIES_ASKED)
    entries = _entries(log)
    if len(entries) < most or (entries and _at(entries[-1], now) < since):
        return []
    return [f"the server keeps {counted(most, 'refusal')} (acllog-max-len), all of them newer: older ones are not seen"]
