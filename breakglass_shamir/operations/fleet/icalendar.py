# SPDX-License-Identifier: Apache-2.0
"""Appointments as an iCalendar file: the small part of RFC 5545 that whole days need.

Source: RFC 5545, sections 3.1 (lines of 75 octets, CRLF), 3.3.11 (text), 3.6.1 (events), 3.8.4.7 (UID).

Rules:

1. What a name holds cannot end a line or a value: it is escaped, and control characters are left out.
2. A line is folded between characters, never inside one.
3. Events are whole days and take no time of anybody's (``TRANSP``), and are marked as confidential (``CLASS``).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from breakglass_shamir.operations.fleet.upcoming import Appointment
from breakglass_shamir.version import __version__

LINE_OCTETS = 75
"""Longest line, without its end."""

HEAD = b"BEGIN:VCALENDAR\r\n"
"""How a file of ours begins."""

_DOMAIN = "breakglass-shamir.invalid"
"""Stands behind the ``@`` of every id; no machine has that name (RFC 2606)."""


def calendar(found: Iterable[Appointment], now: datetime, title: str) -> bytes:
    """Return the file.

    Args:
        found: what stands in it.
        now: when it is made, with its zone.
        title: of the calendar, as programs show it.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//breakglass_shamir//breakglass {__version__}//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(title)}",
    ]
    for one in found:
        lines += _event(one, now)
    lines.append("END:VCALENDAR")
    return b"".join(row for line in lines for row in folded(line))


def escaped(text: str) -> str:
    """Write a text as a value."""
    plain = "".join(character if character.isprintable() or character == "\n" else " " for character in text)
    for character in ("\\", ";", ","):
        plain = plain.replace(character, f"\\{character}")
    return plain.replace("\n", "\\n")


def folded(line: str) -> Iterator[bytes]:
    """Cut a line into rows of at most 75 octets, each with its end."""
    row = b""
    for character in line:
        octets = character.encode()
        if len(row) + len(octets) > LINE_OCTETS:
            yield row + b"\r\n"
            row = b" "
        row += octets
    yield row + b"\r\n"


def _event(one: Appointment, now: datetime) -> list[str]:
    overdue = "overdue: " if one.overdue else ""
    custodians = f"custodians: {', '.join(one.people)}" if one.people else ""
    said = "\n".join(filter(None, (one.why, custodians, one.command)))
    return [
        "BEGIN:VEVENT",
        f"UID:{one.id}@{_DOMAIN}",
        f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}",
        f"SEQUENCE:{int(now.timestamp()) // 60}",
        f"DTSTART;VALUE=DATE:{one.day:%Y%m%d}",
        f"DTEND;VALUE=DATE:{one.day + timedelta(days=1):%Y%m%d}",
        f"SUMMARY:{escaped(overdue + one.what)}",
        f"DESCRIPTION:{escaped(said)}",
        "CATEGORIES:" + ",".join(escaped(word) for word in (one.kind, *one.people)),
        f"PRIORITY:{1 if one.overdue else 5}",
        "CLASS:CONFIDENTIAL",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]
