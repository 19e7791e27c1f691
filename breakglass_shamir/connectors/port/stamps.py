# SPDX-License-Identifier: Apache-2.0
"""Times as logs write them: with a zone, as a number since 1970, or in the local time of whoever wrote them.

Rules:

1. What is no time is None; nothing is guessed, and nothing raises.
2. A local hour that a clock went through twice is taken for the later one: a login that is told too late is looked at,
   one that is told too early is not.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo

SYSLOG = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
"""A time as the old syslog writes it: no year, no zone, no fraction."""

RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
"""A time with everything."""

EPOCH = r"\d{10}(?:\.\d{1,9}|\d{3}|\d{6})?"
"""Seconds since 1970, with a fraction or not, milliseconds or microseconds."""

_HEAD = re.compile(rf"(?:<\d{{1,3}}>(?:1 )?)?({SYSLOG}|{RFC_3339}|{EPOCH})(?=[\s:\]]|$)", re.ASCII)
_EPOCH = re.compile(r"(\d{10})(?:\.(\d{1,9})|(\d{3})|(\d{6}))?", re.ASCII)
_COMPACT = re.compile(
    r"(?:(\d{2})?(\d{2})(\d{2})(\d{2})|(\d{4})-(\d\d)-(\d\d))[ T]([ \d]\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?",
    re.ASCII,
)


def instant(text: str) -> datetime | None:
    """Read a time with its zone (RFC 3339); None where it is none."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def epoch(text: str) -> datetime | None:
    """Read a number since 1970: seconds, with a fraction or not, milliseconds or microseconds; None where it is none.

    Ten digits of seconds last until 2286 and begin in 2001, so that a length tells the unit.
    """
    found = _EPOCH.fullmatch(text)
    if not found:
        return None
    fraction = next((digits for digits in found.groups()[1:] if digits), "")
    return datetime.fromtimestamp(int(found[1]), UTC) + timedelta(microseconds=int(f"{fraction:0<6}"[:6]))


def local(text: str, zone: tzinfo) -> datetime | None:
    """Read ``20261129 17:00:56``, ``261129 17:00:56`` or ``2026-11-29 17:00:56``, with a fraction or not, of a zone."""
    found = _COMPACT.fullmatch(text)
    if not found:
        return None
    century, short, month, day, year, of_year, of_month, hour, minute, second, fraction = found.groups()
    year = year or (century or "20") + short
    try:
        at = datetime(
            int(year), int(month or of_year), int(day or of_month), int(hour), int(minute), int(second),
            int(f"{fraction or '':0<6}"[:6]), tzinfo=zone, fold=1,
        )  # fmt: skip
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def syslog(text: str, now: datetime) -> datetime | None:
    """Read ``Nov 25 08:39:14`` as a time of the last twelve months, in the zone of this machine; None where it is none.

    Args:
        text: the time.
        now: this moment, with a time zone.
    """
    here = now.astimezone()
    for year in (here.year, here.year - 1):
        try:
            at = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").replace(fold=1).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        if at <= here + timedelta(days=1):
            return at
    return None


def of_line(text: str, now: datetime) -> datetime | None:
    """Read the time at the beginning of a line that a log service wrote: RFC 3339, a number, or the old syslog's.

    Args:
        text: the line; what stands in front of the time is at most its priority (RFC 3164, RFC 5424).
        now: this moment, for the year that the old syslog leaves out.
    """
    found = _HEAD.match(text)
    if not found:
        return None
    return instant(found[1]) or epoch(found[1]) or syslog(found[1], now)
