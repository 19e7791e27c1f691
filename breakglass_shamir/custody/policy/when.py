# SPDX-License-Identifier: Apache-2.0
"""When a credential may be used: what is measured at a declaration, rules of use, and the system of tickets.

Rules:

1. A probe's address chooses what is asked, as a target's does; nothing that a server answers chooses another one.
2. A secret is never in the policy: it is the path of a file that only the terminal's user can read.
3. Hours are of a wall clock in a named time zone. They say when people expect a use; an emergency passes them.

It asks nobody; ``operations`` and ``connectors`` do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.table import Path, Table, WebUrl, lasting

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Finding = Literal["silent", "wrong"]
"""What a probe may find that can count as failed."""

TicketSystemName = Literal["servicenow", "jira", "github", "gitlab", "exec"]
"""A system that keeps tickets."""

Option = Annotated[str, msgspec.Meta(max_length=2000)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]

_HOURS = r"^(?:daily|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:-(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))?) [0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"  # noqa: E501

Hours = Annotated[
    str, msgspec.Meta(max_length=40, pattern=_HOURS, description="days and hours such as Mon-Fri 08:00-18:00")
]
"""Days and hours: ``daily`` or one day or a range of days, a blank, and from when to when."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MIN = 24 * 60
WEEK_MIN = 7 * DAY_MIN

LONGEST_BUDGET_S = 30
"""The longest that a declaration may wait for what is measured."""

MOST_USES = 15
"""The most that ``most`` may be: the state remembers one more."""

PROBE_OPTIONS: Mapping[str, frozenset[str]] = {
    "ldap": frozenset({"tls", "ca"}),
    "ldaps": frozenset({"tls", "ca"}),
    "oidc+https": frozenset({"ca", "token", "scope"}),
    "oidc+http": frozenset({"token", "scope"}),
    "https": frozenset({"ca", "status", "contains"}),
    "http": frozenset({"status", "contains"}),
    "tcp": frozenset(),
    "kerberos": frozenset({"realm"}),
    "dns": frozenset({"expect"}),
    "exec": frozenset(),
}
"""Scheme of a probe's address to the options it takes."""

WITH_A_SECRET = frozenset({"ldap", "ldaps", "oidc+https", "oidc+http", "kerberos"})
"""Schemes of probes that may log in."""


MOST_PORT = 65_535

_ADDRESS = re.compile(
    r"([a-z]{1,8}(?:\+[a-z]{1,8})?):(?://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,60}\])(?::([0-9]{1,5}))?(?=[/?]|$))?([!-\"$-~]*)"
)
"""Scheme, host, port and what follows; printable ASCII without blanks and number signs."""


class Address(msgspec.Struct, frozen=True):
    """A probe's address, taken apart."""

    scheme: str
    host: str
    """IPv6 without brackets; empty where there is none."""

    port: int
    """0 where there is none."""

    path: str
    """What follows."""


class UseRule(Table, frozen=True):
    """A rule of use: when, by whom, for how long and how often something may be declared."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    classes: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=50)] = ()
    """Incident classes that it is for; none: every class."""

    hours: Annotated[tuple[Hours, ...], msgspec.Meta(max_length=20)] = ()
    """When something may be declared; none: at any time."""

    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "UTC"
    """The time zone of the hours, by its name in the IANA database."""

    declarers: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=100)] = ()
    """Who may declare; as many of them take part as officers are needed. None: anybody."""

    use_for: Duration | None = None
    """The longest use."""

    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_USES)] | None = None
    """How often the set may be opened in ``per``."""

    per: Duration | None = None

    def is_for(self, incident_class: str) -> bool:
        """Tell whether it is for a class."""
        return not self.classes or incident_class in self.classes


class Probe(Table, frozen=True):
    """Something that is asked at a declaration."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    uri: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    """What is asked; the scheme chooses how."""

    classes: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=50)] = ()
    """Incident classes that it speaks for; none: every class."""

    account: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Who logs in; empty: nobody does."""

    secret_file: Path | None = None
    options: dict[str, Option] = msgspec.field(default_factory=dict)
    within: Duration = lasting(2)
    """How long its answer is waited for."""

    failed_on: Annotated[tuple[Finding, ...], msgspec.Meta(min_length=1, max_length=2)] = ("silent", "wrong")
    """What counts as failed."""

    standby: bool = False
    """Whether it asks the way round, and not what may be out."""

    def is_for(self, incident_class: str) -> bool:
        """Tell whether it speaks for a class."""
        return not self.classes or incident_class in self.classes


class Outage(Table, frozen=True):
    """How an outage is measured."""

    budget: Duration = lasting(5)
    """How long a declaration waits for everything that is asked, in all."""

    probes: Annotated[tuple[Probe, ...], msgspec.Meta(max_length=20)] = ()


class TicketSystem(Table, frozen=True):
    """The system that is asked about the ticket of a declaration."""

    system: TicketSystemName
    url: WebUrl | None = None
    """Where its interface is; of GitHub and GitLab there is a default."""

    project: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Table of ServiceNow, project key of Jira, ``owner/repository`` of GitHub, project of GitLab."""

    argv: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()
    """The program that is asked, by absolute path, and its arguments."""

    user: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Who logs in with the secret as password; empty: the secret is a token."""

    secret_file: Path | None = None
    kinds: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=20)] = ()
    """Of which kind, or with which label, the ticket must be; none: any."""

    open: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=20)] = ()
    """States that count as open; none: what the system itself calls so."""

    within: Duration = lasting(3)
    ca: Path | None = None
    settles: bool = False
    """Whether its later answer settles the debt of a declaration that it could not be asked at."""

    writes_back: bool = False
    """Whether the opening's id and state are written to the ticket."""


def parts_of(uri: str) -> Address:
    """Take a probe's address apart; one that is none has no scheme. Never raises."""
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        return Address("", "", 0, "")
    scheme, host, port, path = found.groups()
    if port and not 1 <= int(port) <= MOST_PORT:
        return Address("", "", 0, "")
    return Address(scheme, (host or "").strip("[]"), int(port or 0), path)


def wrong_address(uri: str) -> str:
    """Say what is wrong with a probe's address; empty where nothing is. Never raises."""
    parts = parts_of(uri)
    if parts.scheme not in PROBE_OPTIONS:
        return f"expected an address with one of {', '.join(sorted(PROBE_OPTIONS))}, without spaces, user and password"
    if parts.scheme == "exec":
        is_path = parts.path.startswith("/") and not parts.path.startswith("//") and not parts.host
        return "" if is_path else "expected exec:/PATH/OF/PROGRAM"
    if parts.scheme == "dns":
        is_name = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}", parts.path) and not parts.host
        return "" if is_name else "expected dns:NAME"
    if not parts.host or (parts.scheme == "tcp" and not parts.port):
        return "expected a host" if parts.scheme != "tcp" else "expected tcp://HOST:PORT"
    web = parts.scheme.endswith(("http", "https"))
    return "" if web or parts.path in ("", "/") else "expected nothing after the host and port"


def spans(hours: str) -> Iterator[tuple[int, int]]:
    """Yield when hours begin and how long they last, in minutes, the beginning since Monday 00:00.

    Args:
        hours: as the policy has them. What ends before it begins ends on the next day.
    """
    days, _, clock = hours.partition(" ")
    begin, end = (int(one[:2]) * 60 + int(one[3:]) for one in clock.split("-"))
    lasts = end - begin if end > begin else end - begin + DAY_MIN
    for day in _days(days):
        yield day * DAY_MIN + begin, lasts


def wrong_hours(hours: str) -> str:
    """Say what is wrong with hours that have their form; empty where nothing is."""
    begin, end = (int(one[:2]) * 60 + int(one[3:]) for one in hours.partition(" ")[2].split("-"))
    if begin >= DAY_MIN or end > DAY_MIN or begin == end:
        return "expected two different times from 00:00 to 24:00, the first below 24:00"
    return ""


def is_within(hours: Iterable[str], at: datetime) -> bool:
    """Tell whether a moment, as the clock on the wall shows it, is in one of the hours."""
    minute = at.weekday() * DAY_MIN + at.hour * 60 + at.minute
    return any((minute - begin) % WEEK_MIN < lasts for one in hours for begin, lasts in spans(one))


@lru_cache(maxsize=32)
def zone_of(name: str) -> "ZoneInfo | None":
    """Return a time zone; None where this machine knows none of the name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _days(days: str) -> Iterator[int]:
    if days == "daily":
        yield from range(len(DAYS))
        return
    first, _, last = days.partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    for more in range((end - begin) % len(DAYS) + 1):
        yield (begin + more) % len(DAYS)
