# SPDX-License-Identifier: Apache-2.0
"""Logins from the log of an MIT KDC: its ``AS_REQ`` lines.

A line without the year is of the last twelve months, in the time zone of this machine. A line costs time that grows
with its length alone, and one about this principal that cannot be read is told.

What it does not do: it keeps no place in the file; what was rotated away is not read.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass_shamir.connectors.port.answers import Login, Logins, since_when
from breakglass_shamir.connectors.port.log_files import Reading

WORDS = ("AS_REQ (",)
"""What a KDC tells a login with; a line without it is about none."""

_LINE = re.compile(
    r"(\w{3} [ \d]\d \d\d:\d\d:\d\d) \S+ krb5kdc\[\d+\]\(\w+\): AS_REQ \([^{}]*\{[^{}]*\}\) (\S+): ([A-Z_]+): (.*)"
)
_AUTHTIME = re.compile(r"authtime (\d{1,11}),")
_QUESTIONS = frozenset({"NEEDED_PREAUTH", "PREAUTH_REQUIRED"})
"""The first half of an ordinary login: the KDC asks for the password."""

ISSUED = "ISSUE"


def logins(log: Path, principal: str, account: str, since: datetime, now: datetime) -> Logins:
    """Return the logins of a principal since then, oldest first, and what could not be read.

    Args:
        log: the file.
        principal: whose, with its realm.
        account: how the login calls it.
        since: the first instant that counts.
        now: for the year, which the log leaves out.

    Raises:
        OSError: the file cannot be read.
    """
    reading = Reading(since, WORDS, lambda head: _concerns(head, since, now))
    found = _found(reading.lines([log]), principal, account, now, reading)
    return Logins(since_when(found, since), reading.unread)


def _found(
    lines: Iterable[str], principal: str, account: str, now: datetime, reading: Reading
) -> Iterator[Login]:  # fmt: skip
    for line in lines:
        if f"{principal} for " not in line or not line.endswith("\n"):
            continue
        found = _LINE.match(line)
        if not found:
            if "AS_REQ (" in line:
                reading.miss("it is not as a KDC writes it")
        elif found[3] not in _QUESTIONS and f" {principal} for " in f" {found[4]}":
            at = _authtime(found[4]) if found[3] == ISSUED else None
            at = at or _stamp(found[1], now)
            if at is None:
                reading.miss("its time is in no calendar")
                continue
            service = found[4].rpartition(" for ")[2].strip()
            detail = "".join(filter(str.isprintable, f"{found[3]} for {service}"))
            yield Login(at, account, found[2], found[3] == ISSUED, detail)


def _concerns(head: str, since: datetime, now: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then."""
    at = _stamp(head[:15], now)
    return at is None or at >= since - timedelta(seconds=1)


def _authtime(rest: str) -> datetime | None:
    found = _AUTHTIME.search(rest)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _stamp(text: str, now: datetime) -> datetime | None:
    """Read ``Nov 25 08:39:14`` as a time of the last twelve months; None where it is none."""
    local = now.astimezone()
    for year in (local.year, local.year - 1):
        try:
            at = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").astimezone(local.tzinfo)
        except ValueError:
            continue
        if at <= local + timedelta(days=1):
            return at.astimezone(UTC)
    return None
