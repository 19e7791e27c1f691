# SPDX-License-Identifier: Apache-2.0
"""Logins from the log of an MIT KDC: its ``AS_REQ`` lines.

A line without the year is of the last twelve months, in the time zone of this machine.

What it does not do: it keeps no place in the file; what was rotated away is not read.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass_shamir.connectors.port.answers import Login

_LINE = re.compile(r"(\w{3} [ \d]\d \d\d:\d\d:\d\d) \S+ krb5kdc\[\d+\]\(\w+\): AS_REQ \(.*?\) (\S+): ([A-Z_]+): (.*)")
_AUTHTIME = re.compile(r"authtime (\d+),")
_QUESTIONS = frozenset({"NEEDED_PREAUTH", "PREAUTH_REQUIRED"})
"""The first half of an ordinary login: the KDC asks for the password."""

ISSUED = "ISSUE"


def logins(log: Path, principal: str, account: str, now: datetime) -> Iterator[Login]:
    """Return the logins of a principal, in the order of the log.

    Args:
        log: the file.
        principal: whose, with its realm.
        account: how the login calls it.
        now: for the year, which the log leaves out.

    Raises:
        OSError: the file cannot be read.
    """
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line)
            if found and found[3] not in _QUESTIONS and f" {principal} for " in f" {found[4]}":
                at = _authtime(found[4]) if found[3] == ISSUED else None
                service = found[4].rpartition(" for ")[2].strip()
                detail = "".join(filter(str.isprintable, f"{found[3]} for {service}"))
                yield Login(at or _stamp(found[1], now), account, found[2], found[3] == ISSUED, detail)


def _authtime(rest: str) -> datetime | None:
    found = _AUTHTIME.search(rest)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _stamp(text: str, now: datetime) -> datetime:
    """Read ``Nov 25 08:39:14`` as a time of the last twelve months."""
    local = now.astimezone()
    for year in (local.year, local.year - 1):
        try:
            at = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").astimezone(local.tzinfo)
        except ValueError:
            continue
        if at <= local + timedelta(days=1):
            return at.astimezone(UTC)
    return now
