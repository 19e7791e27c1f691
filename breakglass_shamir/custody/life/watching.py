# SPDX-License-Identifier: Apache-2.0
"""Which logins at the target an opening accounts for, and which it does not: pure.

Rules:

1. A login is accounted for from ``opened`` until the use ended, or until the time it was opened for is over.
2. What this program itself asks of the target is accounted for by the record it makes just before or after it.
   While it waits for sessions to end it asks again and again: from the record of the wait on, for as long as that says,
   or until the next record of the opening.
3. Clocks differ: each of these spans is wider by a skew on both sides. Everything else is unmatched.
4. The same holds for a change of the password: only a rotation's own records account for one.

A span ends with the calendar at the latest, whatever a record says.

Logins are told by the target's clock, records by the terminal's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from breakglass_shamir.custody.records.drills import DrillEnded
from breakglass_shamir.custody.records.epochs import Issued, Proven, Recovered
from breakglass_shamir.custody.records.openings import Closed, Declared, Opened, Refused, UseEnded
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import (
    Applied,
    Applying,
    NotBefore,
    OldDead,
    Rejected,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)

DEFAULT_SKEW_S = 120
"""How far the clocks of terminal and target may differ."""

OWN = (
    Issued, Recovered, Proven, Opened, TargetNamed, UseEnded, Applying,
    Applied, Waited, SessionsAwaited, SessionsEnded, Rejected,
    NotBefore, OldDead, Closed,
)  # fmt: skip
"""Records near which this program asks the target itself."""

OWN_ONCE_OPENED = (Refused, DrillEnded)
"""Records that anybody at the terminal can have made; they count only in an opening that a quorum opened."""

CHANGING = (Applying, Applied, Waited, OldDead, Rejected)
"""Records near which this program changes the password."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time that accounts for logins.

    Attributes:
        begin: first instant, with a time zone.
        end: last instant.
        opening: the opening it belongs to, hexadecimal; empty where it is outside one.
    """

    begin: datetime
    end: datetime
    opening: str


@dataclass(slots=True)
class Accounts:
    """The spans of a set, added up from its records."""

    skew_s: int = DEFAULT_SKEW_S
    _own: list[Span] = field(default_factory=list)
    _changes: list[Span] = field(default_factory=list)
    _uses: dict[str, Span] = field(default_factory=dict)
    _waits: dict[str, Span] = field(default_factory=dict)
    _allowed_s: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record, digest: str) -> None:
        """Take one more record of the set.

        Args:
            record: in the order of the log.
            digest: its SHA-256, hexadecimal; the opening id of a ``declared`` record.
        """
        at, body, opening = datetime.fromisoformat(record.time), record.body, record.opening
        if isinstance(body, Declared):
            self._allowed_s[digest] = body.use_for_s
        if isinstance(body, Opened):
            until = _later(at, self._allowed_s.get(opening, 0))
            self._uses[opening] = Span(at, until, opening)
        if isinstance(body, UseEnded) and opening in self._uses:
            use = self._uses[opening]
            self._uses[opening] = Span(use.begin, min(use.end, at), opening)
        if opening in self._waits:
            wait = self._waits[opening]
            self._waits[opening] = Span(wait.begin, min(wait.end, at), opening)
        if isinstance(body, SessionsAwaited) and body.for_s and opening in self._uses:
            self._waits[opening] = Span(at, _later(at, body.for_s), opening)
        if isinstance(body, OWN) or (isinstance(body, OWN_ONCE_OPENED) and opening in self._uses):
            self._own.append(Span(at, at, opening))
        if isinstance(body, CHANGING):
            self._changes.append(Span(at, at, opening))

    def of_login(self, at: datetime) -> Span | None:
        """Return the span that accounts for a login; None: nothing does."""
        return self._covering(at, [*self._uses.values(), *self._waits.values(), *self._own])

    def of_change(self, at: datetime) -> Span | None:
        """Return the span that accounts for a change of the password; None: nothing does."""
        return self._covering(at, self._changes)

    def _covering(self, at: datetime, spans: Iterable[Span]) -> Span | None:
        skew = timedelta(seconds=self.skew_s)
        return next((span for span in spans if span.begin - skew <= at <= span.end + skew), None)


def _later(at: datetime, seconds: int) -> datetime:
    latest = datetime.max.replace(tzinfo=at.tzinfo) - timedelta(days=366)
    return at + timedelta(seconds=seconds) if seconds < (latest - at).total_seconds() else latest
