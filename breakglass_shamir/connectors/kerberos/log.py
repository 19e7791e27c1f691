# SPDX-License-Identifier: Apache-2.0
"""Logins from the log of an MIT KDC: its ``AS_REQ`` lines, in its own file or as a log service passes them on.

A line without the year is of the last twelve months, in the time zone of this machine. A line costs time that grows
with its length alone, and one that may be about this principal and cannot be read is told.

What it does not do: it keeps no place in the file; what was rotated away is not read. It reads no log of a Heimdal KDC,
and tells the lines of one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from breakglass_shamir.connectors.port import marks, stamps
from breakglass_shamir.connectors.port.answers import Login, Logins, since_when
from breakglass_shamir.connectors.port.log_files import Reading

REQUEST = "AS_REQ ("
WORDS = (REQUEST, "AS-REQ ")
"""What a KDC tells a login with, MIT's and Heimdal's; a line without any of these is about none."""

KIND = "an MIT KDC"

HEAD_MAX = 400
"""Characters in front of a request: the time, the host, the program."""

_REST = re.compile(r"[^{}]*\{[^{}]*\}\) (\S+): ([A-Z][A-Z_ ]{0,40}): (.*)")
_PROGRAM = re.compile(r"\b(?:krb5kdc|kadmind|krb5_kdc)\b")
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
    first = since.replace(microsecond=0)
    reading = Reading(first, WORDS, lambda head: _concerns(head, first, now), KIND)
    found = _found(reading.lines([log]), principal, account, now, reading)
    return Logins(since_when(found, since), reading.unread)


def _found(
    lines: Iterable[str], principal: str, account: str, now: datetime, reading: Reading
) -> Iterator[Login]:  # fmt: skip
    told: Counter[tuple[datetime, str]] = Counter()
    for line in lines:
        head, is_request, _rest = line[:HEAD_MAX].partition(REQUEST)
        at = stamps.of_line(head, now)
        if at and _PROGRAM.search(head):
            reading.known()
        if not line.endswith("\n") or not _is_of(line, principal):
            continue
        if not is_request or at is None:
            if any(word in line for word in WORDS):
                reading.miss("it is not as an MIT KDC writes it" if at else "its time cannot be read", at)
            continue
        found = _REST.match(line, len(head) + len(REQUEST))
        if not found:
            reading.miss("it is not as an MIT KDC writes it", at)
        elif found[2] not in _QUESTIONS and f" {principal} for " in f" {found[3]}":
            at = (_authtime(found[3]) if found[2] == ISSUED else None) or at
            service = found[3].rpartition(" for ")[2].strip()
            detail = "".join(filter(str.isprintable, f"{found[2]} for {service}"))
            mark = _mark(found[2], found[3], service, at)
            told[at, mark] += 1
            # Of those that have one mark, each later one of a second gets its number.
            number = f" #{told[at, mark]}" if told[at, mark] > 1 else ""
            yield Login(at, account, found[1], found[2] == ISSUED, detail, f"{mark}{number}")


def _mark(how: str, rest: str, service: str, at: datetime) -> str:
    """Return what tells a login, as the connector tells its own."""
    if how != ISSUED:
        return marks.REFUSED_TICKET
    if service.startswith("kadmin/"):
        return marks.of_service(service)
    return marks.of_ticket(int((_authtime(rest) or at).timestamp()))


def _is_of(line: str, principal: str) -> bool:
    """Tell whether a line may be about a principal: MIT writes what for behind its name, Heimdal from where."""
    return any(f"{principal}{behind}" in line for behind in (" for ", " from ", ","))


def _concerns(head: str, since: datetime, now: datetime) -> bool:
    """Tell whether a line that is too long may be about a login since then."""
    at = stamps.of_line(head[:HEAD_MAX], now)
    return at is None or at >= since


def _authtime(rest: str) -> datetime | None:
    found = _AUTHTIME.search(rest)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None
