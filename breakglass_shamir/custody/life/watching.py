# SPDX-License-Identifier: Apache-2.0
"""Which logins at the target an opening accounts for, and which it does not: pure.

Rules:

1. A login is accounted for from ``opened`` until the use ended, or until the time it was opened for is over.
2. What this program itself asks of the target lies near the record it makes just before or after it. A login there is
   its own only where the target's log tells it by a mark that an ``asked`` record near it holds, and each such record
   stands for one login. Where another mark tells it, and each of the program's logins near it was found, or the machine
   itself gave the mark, it is none of them, and unmatched. Else it is *near* and not told apart: anybody may have
   logged in at that time. It is no alert, and it is not called accounted for.
   While it waits for sessions to end it asks again and again: from the record of the wait on, for as long as that says,
   or until the next record of the opening.
3. Clocks differ: each of these spans is wider by a skew on both sides. Everything else is unmatched.
4. Where the policy keeps the account closed, a login that was let in is accounted for only while it was armed, too.
5. The same holds for a change of the password: only a rotation's own records account for one.

A span ends with the calendar at the latest, whatever a record says.

Logins are told by the target's clock, records by the terminal's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from breakglass_shamir.custody.records.arming import Arming, Disarmed
from breakglass_shamir.custody.records.drills import DrillEnded
from breakglass_shamir.custody.records.epochs import Issued, Proven, Recovered
from breakglass_shamir.custody.records.monitoring import Asked, LoginSeen
from breakglass_shamir.custody.records.openings import Closed, Declared, Opened, Refused, UseEnded
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import (
    Applied,
    Applying,
    Made,
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
    Applied, Waited, SessionsAwaited, SessionsEnded, Made, Rejected,
    NotBefore, OldDead, Closed, Asked,
)  # fmt: skip
"""Records near which this program asks the target itself."""

NEAR, OWN_LOGIN = "near", "own"
"""What a ``login-seen`` record says of a login near this program's own questions: not told apart, or told apart."""

CERTAIN = ("process ", "terminal ")
"""How marks begin that the machine itself gives to whoever logs in there: a login with another one is not ours."""

WHILE_CLOSED = "while the account was closed"
"""How the words of a login end that was let in at a time at which nothing here had armed the account."""

AGAIN = " #"
"""Stands between a mark and a number, where a log gives one mark to several logins: of one second, in their order."""

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
        own: whether it is only near what this program itself asked, and not a use by people.
    """

    begin: datetime
    end: datetime
    opening: str
    own: bool = False

    @property
    def near(self) -> str:
        """What a login in it is, where it is no use by people."""
        return f"{self._near}, not told apart"

    @property
    def not_ours(self) -> str:
        """What a login in it is that is told apart from the program's own."""
        return f"{self._near}, and none of its logins"

    @property
    def _near(self) -> str:
        return f"near this program's check at {self.begin:%H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Own:
    """One login of this program, as it recorded it.

    Attributes:
        at: when it was recorded.
        target: where, its URI.
        marks: any of which tells it.
    """

    at: datetime
    target: str
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """A login that a target's log tells by a mark.

    Attributes:
        at: when, by the target's clock.
        target: where, its URI.
        mark: what tells it; empty where nothing does.
    """

    at: datetime
    target: str
    mark: str


@dataclass(slots=True)
class Accounts:
    """The spans of a set, added up from its records."""

    skew_s: int = DEFAULT_SKEW_S
    _own: list[Span] = field(default_factory=list)
    _changes: list[Span] = field(default_factory=list)
    _uses: dict[str, Span] = field(default_factory=dict)
    _waits: dict[str, Span] = field(default_factory=dict)
    _allowed_s: dict[str, int] = field(default_factory=dict)
    _asked: list[Own] = field(default_factory=list)
    """The program's own logins that the watch has not found yet."""

    _found: list[tuple[Own, str]] = field(default_factory=list)
    """Those that it has, each with the mark."""

    _armed: list[Span] = field(default_factory=list)
    """From each arming until its end, by the target's clock, or until it was closed."""

    _closed_from: datetime | None = None
    """The first arming or closing; before it nobody kept the account closed."""

    _by_program: set[str] = field(default_factory=set)
    """Openings in which nobody but this program uses the credential."""

    def add(self, record: Record, digest: str) -> None:
        """Take one more record of the set.

        Args:
            record: in the order of the log.
            digest: its SHA-256, hexadecimal; the opening id of a ``declared`` record.
        """
        at, body, opening = datetime.fromisoformat(record.time), record.body, record.opening
        if isinstance(body, Declared):
            self._allowed_s[digest] = body.use_for_s
            self._by_program.update([digest] if body.purpose == "rotation" else [])
        if isinstance(body, Opened):
            until = _later(at, self._allowed_s.get(opening, 0))
            self._uses[opening] = Span(at, until, opening, own=opening in self._by_program)
        if isinstance(body, UseEnded) and opening in self._uses:
            use = self._uses[opening]
            self._uses[opening] = replace(use, end=min(use.end, at))
        if opening in self._waits:
            wait = self._waits[opening]
            self._waits[opening] = replace(wait, end=min(wait.end, at))
        if isinstance(body, SessionsAwaited) and body.for_s and opening in self._uses:
            self._waits[opening] = Span(at, _later(at, body.for_s), opening, own=True)
        if isinstance(body, OWN) or (isinstance(body, OWN_ONCE_OPENED) and opening in self._uses):
            self._own.append(Span(at, at, opening, own=True))
        if isinstance(body, Asked):
            self._asked.append(Own(at, body.target, body.marks))
        if isinstance(body, LoginSeen) and body.matched == OWN_LOGIN and body.mark:
            self._take(datetime.fromisoformat(body.at), body.mark)
        if isinstance(body, Disarmed) and self._armed:
            self._armed[-1] = replace(self._armed[-1], end=min(self._armed[-1].end, at))
        if isinstance(body, Arming):
            self._armed.append(Span(at, datetime.fromisoformat(body.until), opening))
        if isinstance(body, Disarmed | Arming) and self._closed_from is None:
            self._closed_from = at
        if isinstance(body, CHANGING):
            self._changes.append(Span(at, at, opening))

    def of_login(self, at: datetime) -> Span | None:
        """Return the span that a login lies in: a use by people first, else the nearest of the program's own questions.

        None: nothing accounts for it.
        """
        nearest = sorted(self._own, key=lambda span: abs(span.begin - at))[:1]
        spans = [*nearest, *self._uses.values(), *self._waits.values()]
        return self._covering(at, sorted(spans, key=lambda span: span.own))

    def was_closed(self, at: datetime) -> bool:
        """Tell of an account that is kept closed whether nothing here had armed it then."""
        if self._closed_from is None or at < self._closed_from - timedelta(seconds=self.skew_s):
            return False
        return self._covering(at, self._armed) is None

    def own(self, seen: Iterable[Seen]) -> frozenset[Seen]:
        """Return which of these logins are this program's: each record of one stands for one, the first of them.

        What is returned still counts, until a ``login-seen`` record says that it was found.

        Args:
            seen: in the order of their times.
        """
        left, found = list(self._asked), set[Seen]()
        for login in seen:
            one = self._first(left, login.at, login.mark, login.target)
            if one is not None:
                left.remove(one)
                found.add(login)
        return frozenset(found)

    def is_strange(self, login: Seen, own: Iterable[Seen]) -> bool:
        """Tell of a login that is not this program's whether that is sure: its mark is none of all that are known.

        Args:
            login: the login.
            own: what this program's logins are, of those that are looked at with it.
        """
        if not login.mark:
            return False
        if login.mark.startswith(CERTAIN):
            return True
        near = [one for one in self._asked if one.target == login.target and self._is_near(one, login.at)]
        for seen in own:
            one = self._first(near, seen.at, seen.mark, seen.target)
            if one is not None:
                near.remove(one)
        known = [one for one, _ in self._found if one.target == login.target and self._is_near(one, login.at)]
        return not near and bool(known or any(self._is_near(seen, login.at) for seen in own))

    def of_change(self, at: datetime) -> Span | None:
        """Return the span that accounts for a change of the password; None: nothing does."""
        return self._covering(at, self._changes)

    def _take(self, at: datetime, mark: str) -> None:
        """Count a login of this program as found, once."""
        one = self._first(self._asked, at, mark)
        if one is not None:
            self._asked.remove(one)
            self._found.append((one, mark))

    def _first(self, among: Iterable[Own], at: datetime, mark: str, target: str = "") -> Own | None:
        """Return the first of the program's logins that a mark tells, near a time; where no target is named, of any."""
        bare = mark.partition(AGAIN)[0]
        return next(
            (one for one in among if bare in one.marks and target in ("", one.target) and self._is_near(one, at)), None
        )

    def _is_near(self, one: Own | Seen, at: datetime) -> bool:
        return abs(one.at - at) <= timedelta(seconds=self.skew_s)

    def _covering(self, at: datetime, spans: Iterable[Span]) -> Span | None:
        skew = timedelta(seconds=self.skew_s)
        return next((span for span in spans if span.begin - skew <= at <= span.end + skew), None)


def _later(at: datetime, seconds: int) -> datetime:
    latest = datetime.max.replace(tzinfo=at.tzinfo) - timedelta(days=366)
    return at + timedelta(seconds=seconds) if seconds < (latest - at).total_seconds() else latest
