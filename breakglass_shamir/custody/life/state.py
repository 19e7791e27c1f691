# SPDX-License-Identifier: Apache-2.0
"""What the records add up to: sets, epochs, openings, debts. Frozen; ``lifecycle.py`` makes the next one.

Time here is a :class:`Moment` taken from a record. Expiry counts elapsed time of one boot; across a reboot
the wall clock is all there is, and a clock set back counts as no time at all.
"""

import enum
import functools
import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.life.history import History
from breakglass_shamir.custody.life.link import Link
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.records.ledger import LedgerMoved
from breakglass_shamir.custody.records.monitoring import Asked
from breakglass_shamir.custody.records.openings import Declared, Refused
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import IllegalState, UnknownSet
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.structure import Seat, Structure

MARK_DIGITS = 8
"""Hexadecimal digits of a record's SHA-256 that mark what it began."""

_MOST_KEPT = 256
"""Structures of which the seats are kept."""

ROTATION = "rotation"
"""Kind of the debt that only a proven rotation settles."""


class Phase(enum.StrEnum):
    """Where a set stands in its life."""

    ISSUED = "issued"
    SEALED = "sealed"
    RETIRED = "retired"
    DECLARED = "declared"
    OPEN = "open"
    IN_USE = "in use"
    ROTATION_DUE = "rotation due"
    PREPARED = "prepared"
    APPLYING = "applying"
    OLD_DEAD = "old dead"


class EpochStatus(enum.StrEnum):
    """Whether an epoch's sheets count."""

    GOOD = "good"
    VOID = "void"
    ABANDONED = "abandoned"


class EpochState(msgspec.Struct, frozen=True):
    """One generation of a set."""

    number: int
    envelope: Envelope | ConfirmedCore
    """What the ledger pins; a core where the sheets were only ever typed."""

    envelope_sha256: str
    """Empty for a core."""

    predecessor: str
    custodians: Mapping[str, str]
    status: EpochStatus
    since: str
    """Wall-clock time of the status."""

    proven: bool = False
    """Whether the target ever accepted its credential."""

    recovered: bool = False
    drill_envelope: str = ""
    """Of its drill cards, base64; unverified until it is used; empty: there are none."""

    pinned: bool = False
    """Whether a receipt from outside vouches for one that was recovered."""

    countersigned: bool = False
    """Whether the quorum of its predecessor vouched for it in this ledger."""

    read_back: frozenset[str] = frozenset()
    acknowledged: Mapping[str, str] = msgspec.field(default_factory=dict)
    acknowledgements: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    """Seat to the exact bytes of its last ``acknowledged`` record, which its custodian may sign."""

    acknowledgements_signed: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Seat to the SHA-256 of the last of them that was signed."""

    voided: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Seat to reason, for single sheets."""

    voided_on: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Seat to wall-clock time of that."""

    former: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Seat to those who held its sheet before, first one first."""

    was_in_force: bool = False
    """Whether this ledger ever took it for the living one."""

    accepted_at: str = ""
    """Wall-clock time at which the target last accepted its credential, as this terminal saw."""

    refused_at: str = ""
    """The same of its last refusal; empty where it was accepted since."""

    answered: str = ""
    """What the target said since it was last opened, ``accepted`` or ``refused``; empty: nothing definite, or it
    accepted another one since."""

    outlived_by: str = ""
    """Epoch id of one that descends from it and that the target accepted since; empty: none is known."""

    attested_by: tuple[str, ...] = ()
    """Who attested here that its credential is dead."""

    told_by: str = ""
    """Log id of the pinned terminal that told of it, where no record here brought it; empty: it is known otherwise."""

    @property
    def epoch_id(self) -> str:
        """The epoch id, 16 hexadecimal digits."""
        return self.envelope.core.epoch_id.hex()

    @property
    def short_id(self) -> str:
        """The epoch id as people see it."""
        return text.short_id(self.envelope.core.epoch_id)

    @property
    def seats(self) -> tuple[str, ...]:
        """Every sheet's seat, ``group.member``."""
        return _seats_of(self.envelope.core.structure)

    @property
    def sealed(self) -> bool:
        """Whether every sheet was read back."""
        return self.read_back >= set(self.seats)

    @property
    def quorum_acknowledged(self) -> bool:
        """Whether custodians enough to open hold their sheets."""
        return self.quorum_of(seat for seat in self.acknowledged if seat not in self.voided)

    def quorum_of(self, seats: Iterable[str]) -> bool:
        """Tell whether sheets are enough to open."""
        return self.envelope.core.structure.is_quorum([read_seat(seat) for seat in seats])


class OfficerSignature(msgspec.Struct, frozen=True):
    """A declaration was signed with an officer's own key."""

    officer: str
    key: str
    """Type and base64."""

    at: Moment


class Debt(msgspec.Struct, frozen=True):
    """What an opening still owes."""

    id: str
    kind: str
    """``rotation``, ``review``, what else is owed, or the name of the gate that was overridden."""

    opening: str
    since: Moment
    deadline_s: int
    what: str
    epoch_id: str = ""
    """The epoch it is about, where that does not follow from the opening."""

    despite: tuple[str, ...] = ()
    """Successors of that epoch that were known already when it was opened all the same: they do not settle it."""


class Look(msgspec.Struct, frozen=True):
    """Somebody looked at something, and signed what follows from it."""

    person: str
    """For whom the policy listed the key then."""

    key: str
    """Type and base64."""

    verdict: str
    """Of a review; empty where a debt was to be settled."""

    reason: str
    seq: int
    """Number of the record."""


class Case(msgspec.Struct, frozen=True):
    """What has to be known of an opening, or of a debt, by whoever looks at it."""

    last: str
    """SHA-256 of the last record of the opening that is no review, or of the record that made the debt, hexadecimal."""

    opening: str = ""
    """Of a debt: the opening that it belongs to; empty: none."""

    took_part: tuple[str, ...] = ()
    """Names of those who declared, signed, or held a sheet that was scanned."""

    keys: tuple[str, ...] = ()
    """Keys with which they signed, as type and base64."""

    reviews: tuple[Look, ...] = ()
    closed: tuple[str, ...] = ()
    """Ids of the debts that the last of these reviews closed."""

    settlements: tuple[Look, ...] = ()


class Ending(msgspec.Struct, frozen=True):
    """Something at a target that ends by itself."""

    what: str
    ends: str
    """UTC, RFC 3339."""

    public_id: str = ""
    """What names a credential that was made; empty: it is none."""

    epoch_id: str = ""
    """The epoch that has it on paper; empty: none."""


class ArmedState(msgspec.Struct, frozen=True):
    """An account that is kept closed was armed, and not closed since."""

    until: str
    """By the target's clock, UTC, RFC 3339 with seconds."""

    at: Moment
    authority: str
    ahead_s: int
    """How far the target's clock is before this terminal's."""


class WatchState(msgspec.Struct, frozen=True):
    """How far the watch on the target's logins is."""

    until: str = ""
    """Until when logins were looked at, UTC; empty: never."""

    at: Moment | None = None
    """When it last gave a sign."""

    every_s: int = 0
    """Within how many seconds it promised the next; 0: not."""

    problem: str = ""
    """Why the target cannot be asked now; empty where it can."""

    seen: tuple[str, ...] = ()
    """The newest logins that were recorded."""

    changed: str = ""
    """The newest change of the password outside a rotation that was recorded."""

    armed: str = ""
    """The last end of an account, armed by somebody else, that was recorded."""


class ProbedState(msgspec.Struct, frozen=True):
    """What the probes of the policy found when they were last recorded outside a declaration."""

    at: Moment
    answers: Mapping[str, str]
    """By the probe's name."""

    since: Mapping[str, Moment]
    """Since when each has the verdict that it has."""


class Escalation(msgspec.Struct, frozen=True):
    """Something past its deadline that was told."""

    level: int
    """How often it was."""

    at: Moment
    """When it last was."""

    what: str


class Opening(msgspec.Struct, frozen=True):
    """One use, from declaration to closure."""

    id: str
    declared: Declared
    at: Moment
    phase: Phase = Phase.DECLARED
    epoch_id: str = ""
    opened_at: Moment | None = None
    classification: str = ""
    asks: bool = False
    """Whether it was opened only to ask the target about its credential: that puts nothing in force."""

    rotated: bool = False
    signatures: tuple[OfficerSignature, ...] = ()
    data: bytes = b""
    """Exact bytes of the declaration, which officers sign; empty when the opening is over."""

    outcome: str = ""
    """Empty while it lasts; then ``closed``, ``cancelled`` or ``superseded``."""

    seq: int = 0
    """Number of its ``declared`` record."""

    @property
    def short_id(self) -> str:
        """The opening id as people see it: 12 hexadecimal digits."""
        return self.id[:12]

    @property
    def was_opened(self) -> bool:
        """Whether the credential was reconstructed in this opening."""
        return self.opened_at is not None

    @property
    def use_ended(self) -> bool:
        """Whether rotation may apply."""
        return self.phase is Phase.ROTATION_DUE


class Retirement(msgspec.Struct, frozen=True):
    """A set is out of service: nothing is due but the end of its sheets."""

    at: Moment
    reason: str
    credential: str
    """``dead``, ``gone``, ``lives`` or ``unknown``: what is known of it at the target."""

    attested_by: tuple[str, ...] = ()
    """Who vouches for that; empty where the target said it, or where it is not known."""

    by_quorum: bool = True
    """Whether the set's own quorum took it out of service; else people did, on their word."""


class Told(msgspec.Struct, frozen=True):
    """What another terminal last told of a set."""

    size: int
    """Records in its log then."""

    current: str
    """The epoch in force there, by its id."""

    policy: str = ""
    """Digest of the policy that it offered, hexadecimal; empty: none."""

    retired: str = ""
    """Since when the set was retired there; empty: it was in service."""


class SetState(msgspec.Struct, frozen=True):
    """One break-glass credential under custody."""

    name: str
    policy_source: str = ""
    epochs: Mapping[str, EpochState] = msgspec.field(default_factory=dict)
    current: str = ""
    prepared: str = ""
    applying: bool = False
    opening: Opening | None = None
    past: tuple[Opening, ...] = ()
    """The last few openings that are over, and any older one that still owes something; the log has them all."""

    debts: tuple[Debt, ...] = ()
    recoveries: frozenset[str] = frozenset()
    """SHA-256 of every recovery record that was imported."""

    history: History = msgspec.field(default_factory=History)
    """What drills and custody have shown."""

    watch: WatchState = WatchState()
    """The watch on the target's logins."""

    escalations: Mapping[str, Escalation] = msgspec.field(default_factory=dict)
    """What is past its deadline and was told so, by its subject, until it is settled."""

    links: tuple[Link, ...] = ()
    """Which epoch is known to have followed which, in the order in which this ledger learned it."""

    forking: str = ""
    """A superseded epoch that an override opened, and from which the rotation that it owes goes on."""

    retired: Retirement | None = None
    """Since when, and how, it is out of service; None: it is in service."""

    told: Mapping[str, Told] = msgspec.field(default_factory=dict)
    """Log id of another terminal to what it last told of this set."""

    marks: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Of what is owed or was escalated under the number of a record: the first ``MARK_DIGITS`` digits of its SHA-256,
    so that two copies of a log that went on separately do not tell of two things under one name."""

    endings: Mapping[str, Ending] = msgspec.field(default_factory=dict)
    """What ends by itself at the target, by its public id, or by what it is where it has none."""

    uses: tuple[Moment, ...] = ()
    """When emergencies last opened the set, the newest ones."""

    probed: ProbedState | None = None
    """What probes last found; None: none was recorded."""

    ticket_answers: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Opening id to what the system of tickets said later, while a look at the ticket is owed."""

    cases: Mapping[str, Case] = msgspec.field(default_factory=dict)
    """By opening id or the id of a debt: those under way, remembered or owed."""

    armed: ArmedState | None = None
    """Where the policy keeps the account closed: the last arming, unless it was closed since."""

    closed_at: Moment | None = None
    """When the account was last closed; None: never by this terminal."""

    @property
    def policy_digest(self) -> str:
        """SHA-256 of the policy in force, hexadecimal; empty where the built-in one holds."""
        return hashlib.sha256(self.policy_source.encode()).hexdigest() if self.policy_source else ""

    @property
    def current_epoch(self) -> EpochState:
        """The epoch believed to be alive.

        Raises:
            IllegalState: nothing was issued yet.
        """
        if not self.current:
            raise IllegalState(f"set {self.name} has no epoch yet", hint="make one with: breakglass split POLICY")
        return self.epochs[self.current]

    @property
    def source(self) -> str:
        """The epoch that the next one follows: the one in force, unless an override opened a superseded one."""
        return self.forking or self.current

    @property
    def active_opening(self) -> Opening:
        """The opening under way.

        Raises:
            IllegalState: there is none.
        """
        if self.opening is None:
            raise IllegalState(f"set {self.name} has no opening under way")
        return self.opening

    @property
    def phase(self) -> Phase:
        """Where the set stands."""
        if self.retired:
            return Phase.RETIRED
        if self.applying:
            return Phase.APPLYING
        if self.opening and self.opening.rotated and self.opening.use_ended:
            return Phase.OLD_DEAD
        if self.opening and self.opening.phase is not Phase.ROTATION_DUE:
            return self.opening.phase
        if self.prepared:
            return Phase.PREPARED
        if self.rotation_debts:
            return Phase.ROTATION_DUE
        return Phase.SEALED if self.current_epoch.sealed else Phase.ISSUED

    @property
    def left_over(self) -> tuple[Ending, ...]:
        """Credentials that were made for this set and that no sheet opens: none was printed, or it was given up."""
        return tuple(
            one
            for one in self.endings.values()
            if one.public_id
            and (not one.epoch_id or self.epochs[one.epoch_id].status is EpochStatus.ABANDONED)
        )  # fmt: skip

    @property
    def rotation_debts(self) -> tuple[Debt, ...]:
        """Debts that only a proven rotation settles."""
        return tuple(debt for debt in self.debts if debt.kind == ROTATION)

    def openable(self, epoch_id: str) -> bool:
        """Whether a quorum of this epoch may open: everything that may be alive; not what was never applied.

        Nor one that the target accepted a descendant of, unless it is the one in force.
        """
        epoch = self.epochs.get(epoch_id)
        if epoch is None or epoch.status is not EpochStatus.GOOD:
            return False
        if epoch_id == self.prepared:
            return self.applying
        return epoch_id == self.current or not epoch.outlived_by


class PinnedTerminal(msgspec.Struct, frozen=True):
    """Another terminal whose key people pinned here: its signature counts for what it says of sets."""

    name: str
    public_key: str
    """In OpenSSH's one-line form."""

    size: int = 0
    """Records in its log when it was last heard of."""

    root: str = ""
    """Root of the tree over them, hexadecimal; empty: no checkpoint of it was seen."""


class LedgerState(msgspec.Struct, frozen=True):
    """Everything one log adds up to."""

    terminal: str = ""
    public_key: str = ""
    sets: Mapping[str, SetState] = msgspec.field(default_factory=dict)
    last: Moment | None = None
    last_done: Moment | None = None
    """When anything but a refusal or a move was last recorded."""

    beat_every_s: int = 0
    """Within how many seconds the last heartbeat promised the next one; 0: nothing was promised."""

    terminals: Mapping[str, PinnedTerminal] = msgspec.field(default_factory=dict)
    """Other terminals that are pinned here, by log id, hexadecimal."""

    ended: Moment | None = None
    """When this terminal was retired; its log takes no further record."""

    def at(self, record: Record) -> "LedgerState":
        """Return the same state at the moment of a record; every field is named, since ``replace`` is slow."""
        moment = Moment.of(record)
        done = self.last_done if isinstance(record.body, Refused | LedgerMoved | Asked) else moment
        return LedgerState(
            self.terminal, self.public_key, self.sets, moment, done, self.beat_every_s, self.terminals, self.ended
        )  # fmt: skip

    def of(self, name: str) -> SetState:
        """Return a set.

        Raises:
            UnknownSet: with the names there are, and the nearest of them.
        """
        if name not in self.sets:
            raise UnknownSet.among(name, self.sets)
        return self.sets[name]


@functools.lru_cache(maxsize=_MOST_KEPT)
def _seats_of(structure: Structure) -> tuple[str, ...]:
    """Return the seats of a structure as records write them: it is asked many times, and few structures are in use."""
    return tuple(map(write_seat, structure.seats()))


def write_seat(seat: Seat) -> str:
    """Write a seat as records do: ``group.member``."""
    return f"{seat[0]}.{seat[1]}"


def read_seat(written: str) -> Seat:
    """Read what :func:`write_seat` wrote."""
    group, _, member = written.partition(".")
    return int(group), int(member)
