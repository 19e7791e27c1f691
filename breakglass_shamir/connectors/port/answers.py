# SPDX-License-Identifier: Apache-2.0
"""What a target answers: to a check, to a preflight, and when asked who logged in.

Plain values for people, records and the engine. None of them ever holds a secret.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from breakglass_shamir.hygiene import Secret


class CheckResult(enum.StrEnum):
    """What a target says to a credential (docs/targets.md)."""

    ACCEPTED = "accepted"
    """The target asked for it and let it in."""

    REFUSED = "refused"
    """The target asked for it and rejected it for what it is."""

    UNKNOWN = "unknown"
    """Anything else; never a proof that the credential is dead."""


@dataclass(frozen=True, slots=True)
class Check:
    """The answer of one check (docs/targets.md).

    Attributes:
        result: accepted, refused or unknown.
        detail: one sentence for people and records; holds no secret.
        blocked: the account is locked out, expired or throttled there; goes with *unknown*. Whoever sees it
            asks nothing more in this run, because each further attempt makes it worse.
    """

    result: CheckResult
    detail: str
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many logins a target still takes before it shuts the account, as far as it tells (docs/targets.md).

    Attributes:
        wrong: refused logins in a row that do not shut the account; None: any number, or nobody knows.
        right: logins that are let in, such as grace logins or connections an hour; None: any number, or nobody knows.
        pause_s: how long after a refused login the target refuses the right credential too, in seconds.
        why: what counts them, in words for people.
    """

    wrong: int | None = None
    right: int | None = None
    pause_s: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a target says before anything is printed (docs/targets.md).

    Attributes:
        problems: what would make ``rotate`` fail, one sentence each; empty when nothing is known to.
        notes: what an operator should know, one sentence each.
        min_age_until: the target takes no change before this instant (with a time zone); None if it does.
        scope: what a rotation reaches, for the record.
        unfit: what the target's own rules (length, classes of characters, history) say against this very
            credential, one sentence each; another one may do. Empty when nothing was asked or nothing is.
        login: what the target said to the credential in force; None where it was not logged in with.
        allowance: how many more logins it takes after this question; None where it was not asked.
        runs_out: what ends by itself there and outlives this credential, such as the account.
        lives_s: how long a credential that is made now is good for, in seconds; None: without an end, or nobody knows.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    min_age_until: datetime | None
    scope: str
    unfit: tuple[str, ...] = ()
    login: Check | None = None
    allowance: Allowance | None = None
    runs_out: "tuple[Lifetime, ...]" = ()
    lives_s: int | None = None

    @property
    def ready(self) -> bool:
        """Tell whether nothing known stands against a rotation now."""
        return not self.problems and not self.unfit and self.min_age_until is None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Something at a target that a credential needs and that runs out by itself (docs/targets.md).

    Attributes:
        what: in a word or two: ``certificate``, ``token``, ``account``, ``password``, ``revocation list``.
        ends: when, with a time zone, by the target's clock.
        public_id: what names the credential that it is the end of; empty where nothing does, or it is none.
    """

    what: str
    ends: datetime
    public_id: str = ""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who may open and close an account at its target, and is not that account (docs/arming.md).

    Attributes:
        account: its name there.
        secret: its credential.
    """

    account: str
    secret: Secret = field(repr=False)


@dataclass(frozen=True, slots=True)
class Armed:
    """Until when a target lets an account in (docs/arming.md).

    Attributes:
        until: by the target's clock, with a time zone; None: it has no end.
        now: what the target's clock says; None where it does not tell.
    """

    until: datetime | None
    now: datetime | None = None

    def is_closed(self, own_clock: datetime) -> bool:
        """Tell whether the time is over, by the target's clock, or by our own where it tells none. Never raises."""
        return self.until is not None and self.until <= (self.now or own_clock)


@dataclass(frozen=True, slots=True)
class Login:
    """One login, or attempt at one, that the target itself remembers (docs/targets.md).

    Attributes:
        at: when, with a time zone, by the target's clock.
        account: the account that was named.
        source: where it came from, as the target says it: an address, a host, a terminal; empty if unknown.
        accepted: whether it was let in.
        detail: what else the target says, one sentence; holds no secret.
        mark: what tells it from every other login in this log, as a connector's ``on_login`` says it of its own: the
            server's number of the connection, the port it came from; empty where nothing does.
    """

    at: datetime
    account: str
    source: str
    accepted: bool
    detail: str = ""
    mark: str = ""


class Logins(tuple[Login, ...]):
    """Logins, oldest first, and what may hide some: what could not be read is not nothing.

    Attributes:
        unread: what could not be read, one sentence each; empty where all was.
    """

    unread: tuple[str, ...]

    def __new__(cls, logins: Iterable[Login] = (), unread: Iterable[str] = ()) -> Self:
        """Put logins into their order."""
        made = super().__new__(cls, sorted(logins, key=lambda login: login.at))
        made.unread = tuple(unread)
        return made


def since_when(logins: Iterable[Login], since: datetime) -> tuple[Login, ...]:
    """Return the logins that count, oldest first, of a server that tells times in whole seconds.

    One in the second of ``since`` may be older or newer, and counts.
    """
    counted = [replace(login, at=max(login.at, since)) for login in logins if login.at > since - timedelta(seconds=1)]
    return tuple(sorted(counted, key=lambda login: login.at))


@dataclass(frozen=True, slots=True)
class Access:
    """What gives access at a target (docs/targets.md).

    Attributes:
        entries: one line each, such as ``role app: login``, in any order; no secret is in them.
        left_out: how many more there are.
        untold: what the target does not tell, a sentence each.
    """

    entries: tuple[str, ...]
    left_out: int = 0
    untold: tuple[str, ...] = ()
