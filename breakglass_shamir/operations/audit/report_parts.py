# SPDX-License-Identifier: Apache-2.0
"""What the report's page is made of: typed, frozen, without a word about how it looks."""

from dataclasses import dataclass

from breakglass_shamir.custody.life.across import Across
from breakglass_shamir.custody.life.chain import UNPINNED, Chain
from breakglass_shamir.operations.audit import looks
from breakglass_shamir.operations.audit.controls.result import NOTHING_ASSESSED, Assessment
from breakglass_shamir.operations.audit.period import Period
from breakglass_shamir.operations.audit.story import (
    OWED,
    DebtStory,
    DrillStory,
    EpochStory,
    LogHistory,
    LoginStory,
    OpeningStory,
    PolicyStory,
    RecoveryStory,
    ReviewStory,
    SetHistory,
    Step,
)
from breakglass_shamir.operations.audit.verification import Verified
from breakglass_shamir.operations.monitoring.status import SetStatus


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the log holds."""

    problem: str
    """What does not, in words; empty where it holds."""

    verified: Verified | None
    """None where it does not."""

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.verified is not None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the summary."""

    words: str
    href: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    time: str
    seq: int
    kind: str
    words: str
    href: str = ""
    alarming: bool = False


@dataclass(frozen=True, slots=True)
class Proven:
    """A rotation's proof at one endpoint."""

    where: str
    new: str
    old: str
    again: str


@dataclass(frozen=True, slots=True)
class SetPage:
    """One set's part of the page."""

    anchor: str
    story: SetHistory
    status: SetStatus | None
    """None where the log does not hold."""

    chain: Chain | None
    timeline: tuple[Moment, ...]
    openings: tuple[OpeningStory, ...]
    drills: tuple[DrillStory, ...]
    policies: tuple[PolicyStory, ...]
    debts: tuple[DebtStory, ...]
    recoveries: tuple[RecoveryStory, ...]
    logins: tuple[LoginStory, ...]
    events: tuple[Step, ...]
    reviews: tuple[ReviewStory, ...] = ()
    terminal: str = ""
    """Whose log it is of, where there are several."""

    mark: str = ""
    """In front of the anchors of its records."""

    @property
    def title(self) -> str:
        """What its part is headed with."""
        return f"{self.name} at {self.terminal}" if self.terminal else self.name

    @property
    def custody(self) -> str:
        """Say in one word how far the chain of custody reaches."""
        if self.chain is None:
            return "not proven"
        if self.chain.whole:
            return "whole"
        if self.chain.forked:
            return "fork"
        if self.chain.unpinned:
            return UNPINNED
        if not self.story.unbroken or self.chain.beside or self.chain.ends_at.startswith("broken"):
            return "broken"
        return "told" if self.epoch and self.epoch.link == "told" else "pinned"

    @property
    def name(self) -> str:
        """The set's name."""
        return self.story.name

    @property
    def epoch(self) -> EpochStory | None:
        """The epoch in force."""
        return next((epoch for epoch in self.story.epochs if epoch.current), None)

    @property
    def unmatched(self) -> tuple[LoginStory, ...]:
        """Logins that no opening accounts for."""
        return tuple(login for login in self.logins if login.accepted and not login.matched)

    @property
    def reviews_owed(self) -> tuple[DebtStory, ...]:
        """Debts that a review closes, and that are owed."""
        return tuple(debt for debt in self.story.owed if debt.review == OWED)

    def review_of(self, opening: OpeningStory) -> str:
        """Return whether the review of an opening is owed or done; empty where neither."""
        return looks.reviewing(self.story, opening)[0]

    def number_of(self, epoch_id: str) -> str:
        """Return an epoch's number for people."""
        return next((str(one.number) for one in self.story.epochs if one.epoch_id == epoch_id), "?")

    def opening(self, identifier: str) -> OpeningStory | None:
        """Return an opening of this set, whether it is shown or not."""
        return next((one for one in self.story.openings if one.id == identifier), None)

    def anchor_of(self, identifier: str) -> str:
        """Return an opening's anchor; empty where it is not shown."""
        seq = next((one.seq for one in self.openings if one.id == identifier), None)
        return "" if seq is None else f"{self.mark}r{seq}"


@dataclass(frozen=True, slots=True)
class Part:
    """One terminal's log."""

    log: LogHistory
    verdict: Verdict
    statuses: dict[str, SetStatus]
    """Of each set, by name, as of now."""

    name: str = ""
    """The terminal's, where there are several, or where its log comes from bundles."""

    trust: str = ""
    """How sure it is whose log it is, in words; empty: it is this home's."""

    scope: str = ""
    """How much of the log there is, in words; empty: all of it, in a home."""

    unpinned: bool = False
    gaps: tuple[str, ...] = ()
    """What of the log is not there, a sentence each."""


@dataclass(frozen=True, slots=True)
class AcrossPage:
    """One set as several terminals have it."""

    anchor: str
    set: Across
    timeline: tuple[tuple[str, Moment], ...]
    """Terminal and what it recorded, by time."""


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page."""

    log: LogHistory
    """Of the first terminal."""

    verdict: Verdict
    """Of all terminals: the first problem, or that they hold."""

    made: str
    software: str
    only: str
    """The set it is limited to; empty: all."""

    since: str
    sets: tuple[SetPage, ...]
    holds: tuple[Finding, ...]
    open: tuple[Finding, ...]
    due: tuple[Finding, ...]
    until: str = ""
    parts: tuple[Part, ...] = ()
    across: tuple[AcrossPage, ...] = ()
    """Of sets that several terminals know, or of which something is open between them."""

    controls: Assessment = NOTHING_ASSESSED
    """Of the standards that policies name."""

    def holds_time(self, time: str) -> bool:
        """Tell whether the page is about a time."""
        return Period(self.since, self.until).holds(time)
