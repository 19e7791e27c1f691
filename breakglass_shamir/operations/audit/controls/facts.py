# SPDX-License-Identifier: Apache-2.0
"""What controls are assessed on: the records of a log that say something of one, as they were read.

Rules:

1. A fact is one record. Nothing is derived here that would outlive the record it came from.
2. Types of which no evidence is made are not kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from breakglass_shamir.alerts import identity
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.epochs import Issued, RecoveryImported
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import AlertsDelivered, ChangedOutside, Heartbeat, LoginSeen, Watched
from breakglass_shamir.custody.records.openings import (
    ASK,
    Closed,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Revealing,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested
from breakglass_shamir.custody.records.reviews import Reviewed
from breakglass_shamir.custody.records.rotations import Abandoned, OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, CustodianSigned, Reassigned, SheetVoided
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.audit.listing import summary
from breakglass_shamir.operations.audit.period import Period

_OF_A_USE = (Opened, InUse, Revealing, UseRecorded, UseEnded, Closed)
"""Record types that there are only after a credential was put together."""

_KEPT = (
    *_OF_A_USE, Declared, OfficerSigned, Reviewed, OldDead, Retired, RetiredAttested, Succession, AttestedDead,
    Issued, Abandoned, Acknowledged, Reassigned, CustodianSigned, SheetVoided, RollCall,
    Rehearsed, DrillEnded, RecoveryImported, AlertsDelivered, LoginSeen, ChangedOutside, Watched, Heartbeat,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """One record as a history keeps it: plain data."""

    text: str
    """The record, its exact text."""

    words: str
    """What it says, for people."""

    opening: str
    """As of a fact."""

    policy: str
    """As of a fact."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One record, read."""

    record: Record
    words: str
    """What it says, for people."""

    opening: str = ""
    """The opening that it belongs to; of a ``declared`` record, its own id; of a review, the one that was looked at."""

    policy: str = ""
    """The policy that holds from this record on, where that is another one than before; else empty."""

    @classmethod
    def of(cls, kept: Kept) -> "Fact":
        """Read a record that a history kept."""
        return cls(records.parse(kept.text.encode()), kept.words, kept.opening, kept.policy)

    @property
    def key(self) -> tuple[str, int]:
        """Log id and number."""
        return self.record.log, self.record.seq

    @property
    def time(self) -> str:
        """When it was recorded."""
        return self.record.time

    @property
    def body(self) -> AnyBody:
        """What the record says."""
        return self.record.body


@dataclass(slots=True)
class Facts:
    """Keeps the records of one set, or of what belongs to none, up to one of them."""

    found: list[Kept] = field(default_factory=list)

    def take(self, entry: Entry, *, policy: str = "", settles: bool = False) -> None:
        """Take one more record.

        Args:
            entry: the record as stored.
            policy: the policy that holds from it on, if it changed.
            settles: whether it settled a debt.
        """
        record, body = entry.record, entry.record.body
        if not (policy or settles or isinstance(body, _KEPT)):
            return
        opening = entry.digest if isinstance(body, Declared) else record.opening
        if isinstance(body, Reviewed):
            opening = body.subject
        self.found.append(Kept(entry.data.decode(), summary(entry), opening, policy))


@dataclass(frozen=True, slots=True)
class Debt:
    """What was owed beside rotations and reviews."""

    made: tuple[str, int]
    """Log id and number of the record that made it."""

    what: str
    settled: tuple[str, int] | None
    """Those of the record that settled it; None: it is owed."""


@dataclass(frozen=True)
class Subject:
    """All that is known of one set, in one log or several."""

    facts: tuple[Fact, ...]
    """By time; what was recorded after the period's end is not among them."""

    period: Period
    debts: tuple[Debt, ...] = ()
    silences: tuple[str, ...] = ()
    """Times in the period in which a terminal was silent for longer than it had promised, in words."""

    officers: int = 1
    """How many different officers must sign a declaration, and one at least."""

    reviewers: int = 1
    """How many different people must review."""

    told: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """Epochs that no log here issued, as of a terminal that was told of them: epoch id to number and sheets."""

    def of(self, *types: type) -> list[Fact]:
        """Return the facts of some types, in their order."""
        found = [fact for one in types for fact in self._by_type.get(one, ())]
        return found if len(types) == 1 else sorted(found, key=self.place)

    def now(self, *types: type) -> list[Fact]:
        """Return those recorded in the period."""
        return [fact for fact in self.of(*types) if self.period.holds(fact.time)]

    def get(self, key: tuple[str, int]) -> Fact | None:
        """Return the fact of a record."""
        place = self._places.get(key)
        return None if place is None else self.facts[place]

    def place(self, fact: Fact) -> int:
        """Return which of the facts it is, from 0."""
        return self._places[fact.key]

    @cached_property
    def _places(self) -> dict[tuple[str, int], int]:
        return {fact.key: place for place, fact in enumerate(self.facts)}

    @cached_property
    def _by_type(self) -> dict[type, list[Fact]]:
        found: dict[type, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(type(fact.body), []).append(fact)
        return found

    @cached_property
    def uses(self) -> "tuple[Use, ...]":
        """Every use: a quorum put the credential together, and not to ask the target something alone."""
        by_opening: dict[str, list[Fact]] = {}
        for fact in self.facts:
            if fact.opening:
                by_opening.setdefault(fact.opening, []).append(fact)
        return tuple(
            Use(opening, tuple(facts), any(self.period.holds(fact.time) for fact in facts))
            for opening, facts in by_opening.items()
            if _is_use(facts)
        )

    @cached_property
    def rounds(self) -> tuple[tuple[str, int, int, Fact], ...]:
        """Each round of alerts that a sink acknowledged: log id, number of its first record and of its last one."""
        found: list[tuple[str, int, int, Fact]] = []
        for fact in self.of(AlertsDelivered):
            if isinstance(body := fact.body, AlertsDelivered):
                ends = [one for text in (body.first, body.last) for one in identity.find(text.encode())]
                if len({one.log for one in ends}) == 1:
                    found.append((ends[0].log.hex(), ends[0].seq, ends[-1].seq, fact))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a credential, from its declaration to its review."""

    opening: str
    facts: tuple[Fact, ...]
    touches: bool
    """Whether something of it was recorded in the period."""

    @property
    def name(self) -> str:
        """The opening as people see it."""
        return f"opening {self.opening[:12]}"

    def of(self, *types: type) -> list[Fact]:
        """Return its facts of some types."""
        return [fact for fact in self.facts if isinstance(fact.body, types)]

    def last(self, *types: type) -> Fact | None:
        """Return its last fact of some types."""
        found = self.of(*types)
        return found[-1] if found else None


def _is_use(facts: Iterable[Fact]) -> bool:
    bodies = [fact.body for fact in facts]
    asks = any(isinstance(body, Opened) and body.mode == ASK for body in bodies)
    return not asks and any(isinstance(body, _OF_A_USE) for body in bodies)
