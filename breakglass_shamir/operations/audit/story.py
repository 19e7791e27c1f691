# SPDX-License-Identifier: Apache-2.0
"""What a log tells of its sets, as a report shows it: typed, frozen, without a word about how it looks.

Times are RFC 3339 in UTC as the records hold them, and empty where something did not happen; ``seq`` is the number of
the record that says so. ``history.py`` builds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from breakglass_shamir.operations.audit.controls.facts import Kept

Link = Literal["first", "countersigned", "not countersigned", "pinned", "unpinned", "told"]
"""How an epoch follows: the first one; vouched for by its predecessor's quorum; printed by a rotation that broke off;
learned from its sheets with a receipt, or with nothing to vouch for it; told by a terminal that is pinned."""

OWED, DONE = "owed", "done"
"""What can be with a review."""


@dataclass(frozen=True, slots=True)
class Step:
    """One record of an opening."""

    seq: int
    time: str
    type: str
    words: str


@dataclass(frozen=True, slots=True)
class SignedBy:
    """An officer's signature of a declaration."""

    seq: int
    time: str
    officer: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A check that failed and was passed by name."""

    seq: int
    gate: str
    problem: str
    reason: str


@dataclass(frozen=True, slots=True)
class RotationStory:
    """A rotation in an opening, up to the proof that the old credential is dead."""

    old_epoch_id: str
    new_epoch_id: str
    applying: str
    applied: str = ""
    proven: str = ""
    proofs: tuple[str, ...] = ()
    scope: str = ""
    attested_by: tuple[str, ...] = ()
    """Officers who attested what could not be proven."""

    sessions_ended: int = -1
    """-1: nobody tried."""

    sessions: str = ""
    """What the target said of it."""

    waited: tuple[str, ...] = ()
    """What the target was given time for, and how long, in words."""


@dataclass(frozen=True, slots=True)
class OpeningStory:
    """One use of a set, from its declaration on."""

    id: str
    seq: int
    purpose: str
    incident_class: str
    ticket: str
    reason: str
    officers: tuple[str, ...]
    """As they were typed."""

    debts_named: tuple[str, ...]
    allowed_s: int
    """How long the use may take."""

    declared: str
    signed_by: tuple[SignedBy, ...] = ()
    passed: tuple[Passed, ...] = ()
    epoch_id: str = ""
    sheets: tuple[str, ...] = ()
    mode: str = ""
    program: str = ""
    witnessed: str = ""
    pinned: bool = False
    opened: str = ""
    in_use: str = ""
    ended: str = ""
    use_s: int = -1
    """Seconds from the opening to the end of the use, elapsed; -1: it was not opened, or has not ended."""

    how: str = ""
    """How the use ended, in words."""

    classification: str = ""
    sessions_awaited: tuple[str, ...] = ()
    """How many sessions of the account were open before the change, and how many when it waited no longer."""

    rotation: RotationStory | None = None
    recordings: tuple["RecordingStory", ...] = ()
    reviews: tuple["ReviewStory", ...] = ()
    outcome: str = ""
    """``closed``, ``cancelled``, ``superseded``, ``rehearsed``, ``ended``; empty while it is under way."""

    over: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def short_id(self) -> str:
        """The opening id as people see it."""
        return self.id[:12]

    @property
    def overlong(self) -> bool:
        """Whether the use took longer than was declared."""
        return self.use_s > self.allowed_s


@dataclass(frozen=True, slots=True)
class ReviewStory:
    """Somebody who took no part signed what they found of an opening, or of what left a debt."""

    seq: int
    time: str
    reviewer: str
    fingerprint: str
    verdict: str
    reason: str
    subject: str
    """Opening id, or id of a debt."""


@dataclass(frozen=True, slots=True)
class RecordingStory:
    """What was recorded of a use: here, or in the target's own trail."""

    seq: int
    time: str
    kind: str
    """``recording``, ``actions`` or ``snapshot``."""

    words: str
    lacking: bool
    """Whether a part of it is not there."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody looked at a debt, and signed or was named."""

    seq: int
    time: str
    person: str
    fingerprint: str
    """Of the key that signed; empty: a name in a record, and no more."""

    verdict: str
    """Of a review; empty: they settled it."""

    reason: str


@dataclass(frozen=True, slots=True)
class SignedFor:
    """A custodian's own key signed that they hold a sheet."""

    seq: int
    time: str
    fingerprint: str
    verifies: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody kept a sheet."""

    seq: int
    since: str
    custodian: str
    bag: str
    signed: SignedFor | None = None


@dataclass(frozen=True, slots=True)
class RollCallStory:
    """One look at a sheet."""

    seq: int
    time: str
    custodian: str
    level: str
    bag: str
    health: str
    used_percent: int
    result: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetStory:
    """One sheet of an epoch."""

    sheet: str
    custodian: str
    """Who should have it now."""

    read_back: str = ""
    held: tuple[Held, ...] = ()
    """Each acknowledgement and each change of hands."""

    roll_calls: tuple[RollCallStory, ...] = ()

    voided: str = ""
    void_reason: str = ""
    destroyed: str = ""

    @property
    def signed(self) -> SignedFor | None:
        """The signature of whoever holds it now."""
        return self.held[-1].signed if self.held else None


@dataclass(frozen=True, slots=True)
class EpochStory:
    """One generation of a set."""

    number: int
    epoch_id: str
    short_id: str
    seq: int
    since: str
    """When this ledger learned of it."""

    link: Link
    predecessor: str
    """Epoch id; empty for a first one."""

    set_public_key: str
    envelope_sha256: str
    status: str
    """``good``, ``void`` or ``abandoned``."""

    status_since: str
    proven: bool
    current: bool
    sheets: tuple[SheetStory, ...]
    followed: tuple[str, ...] = ()
    """What is known to have followed it, who says so and how sure that is, a sentence each."""


@dataclass(frozen=True, slots=True)
class DebtStory:
    """What an opening, or a recovery, owed, and how it ended."""

    id: str
    kind: str
    what: str
    opening: str
    seq: int
    since: str
    deadline_s: int
    settled: str = ""
    settled_seq: int = -1
    by: str = ""
    """What settled it, in words; empty while it is owed."""

    after_s: int = -1
    """Seconds it was owed, elapsed; -1: it still is."""

    subject: str = ""
    """What a review of it is of: its opening, or itself."""

    review: str = ""
    """``owed`` or ``done``; empty: no review closes it, or closed it."""

    needed: int = 0
    """How many people must review it, or settle it, while it is owed; 0: something else closes it."""

    signers: tuple[Signer, ...] = ()
    """Who reviewed it, or settled it, so far."""

    @property
    def late(self) -> bool:
        """Whether it was settled after its deadline."""
        return self.after_s > self.deadline_s


@dataclass(frozen=True, slots=True)
class DrillStory:
    """One rehearsal or access drill."""

    seq: int
    time: str
    drill: str
    opening: str
    epoch_id: str
    sheets: tuple[str, ...]
    login: str
    result: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadStory:
    """One load drill, as its record says."""

    seq: int
    time: str
    policy_digest: str
    target: str
    terminals: int
    at_once: int
    rounds: int
    done: int
    failed: int
    elapsed_ms: int
    steps_ms: Mapping[str, tuple[int, ...]]
    limits_ms: Mapping[str, tuple[int, ...]]
    alerts: Mapping[str, tuple[int, ...]]
    records: int
    collected: int
    result: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecoveryStory:
    """An opening without the toolkit, as its record says."""

    seq: int
    imported: str
    sha256: str
    epoch_id: str
    status: str
    """Of the epoch when the record was imported."""

    officers: tuple[str, ...]
    ticket: str
    reason: str
    claimed: str
    """Time by the clock of the machine it was made on."""

    in_browser: bool = False
    """Whether a page made it: nothing shows that it was on a disk before the reveal."""


@dataclass(frozen=True, slots=True)
class PolicyStory:
    """A policy that came into force."""

    seq: int
    time: str
    digest: str
    weakens: tuple[str, ...]
    """What it allows that the one before did not; then a quorum signed it."""

    opening: str = ""
    """The opening in which a quorum signed it; empty where none had to."""


@dataclass(frozen=True, slots=True)
class LoginStory:
    """A login of the break-glass account that the target remembers, or attempts at one from one place."""

    seq: int
    time: str
    """Of the record."""

    at: str
    """By the target's clock."""

    account: str
    source: str
    accepted: bool
    count: int
    matched: str
    """The opening that accounts for it; ``own`` where this program asked; empty: nothing does."""

    detail: str


@dataclass(frozen=True, slots=True)
class DeliveredStory:
    """What one sink acknowledged of a set's alerts."""

    sink: str
    count: int
    rounds: int
    first: str
    """Time of the first acknowledgement."""

    last: str


@dataclass(frozen=True, slots=True)
class SetHistory:
    """Everything that happened to one set, oldest first."""

    name: str
    phase: str
    policies: tuple[PolicyStory, ...]
    epochs: tuple[EpochStory, ...]
    openings: tuple[OpeningStory, ...]
    debts: tuple[DebtStory, ...]
    drills: tuple[DrillStory, ...]
    recoveries: tuple[RecoveryStory, ...]
    events: tuple[Step, ...] = ()
    """What else was recorded: refusals, notes, delays, escalations."""

    logins: tuple[LoginStory, ...] = ()
    delivered: tuple[DeliveredStory, ...] = ()
    watched_until: str = ""
    """Until when the target's logins were looked at; empty: nobody did."""

    reviews: tuple[ReviewStory, ...] = ()
    """Of openings and of debts."""

    beside: tuple[str, ...] = ()
    """Forks and loose ends of the chain of custody, a sentence each."""

    facts: tuple[Kept, ...] = ()
    """What controls are assessed on."""

    @property
    def unbroken(self) -> bool:
        """Whether each epoch that came into force is the first or was vouched for by the one before, and none forks."""
        if self.beside:
            return False
        in_force = [epoch for epoch in self.epochs if epoch.status != "abandoned" and (epoch.proven or epoch.current)]
        return all(epoch.link in ("first", "countersigned", "pinned", "told") for epoch in in_force)

    @property
    def owed(self) -> tuple[DebtStory, ...]:
        """Debts that are not settled."""
        return tuple(debt for debt in self.debts if not debt.by)


@dataclass(frozen=True, slots=True)
class LogHistory:
    """One terminal's log."""

    log: str
    terminal: str
    terminal_fingerprint: str
    records: int
    first: str
    last: str
    sets: tuple[SetHistory, ...]
    events: tuple[Step, ...] = ()
    """What belongs to no set: refusals, moves of the ledger."""

    facts: tuple[Kept, ...] = ()
    """What controls are assessed on, and belongs to no set."""

    loads: tuple[LoadStory, ...] = ()
    """Load drills, which are of no set."""
