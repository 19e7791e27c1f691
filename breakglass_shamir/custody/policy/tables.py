# SPDX-License-Identifier: Apache-2.0
"""The tables of a policy file, typed. Every key, its bounds and its default stand here and nowhere else.

What holds between keys is not here; ``rules.py`` has that.
"""

from datetime import date
from typing import Annotated, Literal, get_args

import msgspec

from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.generator import UNAMBIGUOUS, Generator
from breakglass_shamir.custody.policy.sinks import AnySink
from breakglass_shamir.custody.policy.table import Probability, Table, lasting
from breakglass_shamir.custody.policy.when import Outage, TicketSystem, UseRule
from breakglass_shamir.formats.envelope import MAX_NAME_BYTES
from breakglass_shamir.formats.structure import Group, Seat, Structure

RevealMode = Literal["exec", "show", "no-reveal"]
"""How a credential may leave the program."""

Recording = Literal["always", "offered", "never"]
"""Whether the use of a credential is recorded."""

CredentialKindName = Literal["password", "key-pair", "key-certificate", "token", "opaque", "file", "list", "passkey"]
"""What the secret bytes are."""

ReviewedEvent = Literal["opening", "override", "unmatched-login", "fork"]
"""What may owe a review."""

StandardName = Literal[
    "nist-800-53", "pci-dss-4.0.1", "iso-27001-2022", "dora-rts", "nis2-2024-2690", "ism", "hipaa", "soc-2", "cis-8.1",
]  # fmt: skip
"""A standard whose controls the auditor's report can assess."""

ArmingAuthority = Literal["program", "set", "key"]
"""Who arms an account that is kept closed, besides its set's own quorum."""

LoadStep = Literal["declared", "signed", "first-scan", "quorum", "revealed", "alert-acknowledged", "login"]
"""A step of a rehearsal in a load drill."""

LOAD_STEPS: tuple[str, ...] = get_args(LoadStep)
"""All of them, in the order in which a rehearsal comes to them."""

PERCENTS = (50, 95, 99)
"""Percentiles that a step is held against."""

Fingerprint = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^SHA256:[A-Za-z0-9+/]{43}$", description="a fingerprint such as SHA256:..., of 43 characters"
    ),
]
"""A key's fingerprint as ``ssh-keygen -l`` prints it."""

_PathOrNone = Annotated[str, msgspec.Meta(max_length=4096)]

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]


class Target(Table, frozen=True):
    """Where the credential opens."""

    uri: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    account: Annotated[str, msgspec.Meta(max_length=120)] = ""
    second_account: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Where another way in is kept, should this credential fail; printed for the officers when it does."""

    kind: CredentialKindName = "password"
    options: dict[str, Annotated[str, msgspec.Meta(max_length=2000)]] = msgspec.field(default_factory=dict)
    """What this connector needs beyond the URI; its page says which names it takes."""


class CustodianGroup(Table, frozen=True):
    """A group of custodians, one sheet each, of whom ``threshold`` are needed."""

    threshold: Annotated[int, msgspec.Meta(ge=1, le=255)]
    custodians: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=255)]
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""


class Quorum(Table, frozen=True):
    """Groups, and how many of them are needed."""

    groups: Annotated[tuple[CustodianGroup, ...], msgspec.Meta(min_length=1, max_length=16)]
    group_threshold: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    """Default: all groups."""


class Custodian(Table, frozen=True):
    """What is known of one custodian beyond the place in a group."""

    name: _Name
    site: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """Where the sheet is kept; one of the sites."""

    availability: Probability | None = None
    """How likely this custodian comes when called, given that the site can be reached."""

    keys: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    """SSH public keys, one line each, with which this custodian signs for a sheet."""


class Site(Table, frozen=True):
    """A place where sheets are kept."""

    name: _Name
    availability: Probability | None = None
    """How likely the place can be reached."""


class Officer(Table, frozen=True):
    """Somebody who takes part in openings and signs with a key of their own."""

    name: _Name
    keys: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    """SSH public keys, one line each."""

    valid_from: date | None = None
    valid_until: date | None = None
    """The last day."""

    revoked: Annotated[tuple[Fingerprint, ...], msgspec.Meta(max_length=100)] = ()
    """Fingerprints of keys that count no more, as ``ssh-keygen -l`` prints them."""


class Declaration(Table, frozen=True):
    """When and how an emergency may be declared."""

    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """The closed list of incident classes."""

    ticket: str = r"\S+"
    """Regular expression that the whole ticket must match."""

    officers: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2
    """Officers who must be named."""

    signatures: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    """Different officers' keys that must sign the declaration."""

    valid_for: Duration = lasting(1800)
    """How long after the declaration the sheets may be combined."""

    use_for: Duration = lasting(3600)
    """Longest use; an opening may ask for less."""

    rules: Annotated[tuple[UseRule, ...], msgspec.Meta(max_length=20)] = ()
    """When, by whom, for how long and how often; each rule that is for the class holds."""


class Reveal(Table, frozen=True):
    """How the credential may leave the program."""

    modes: Annotated[tuple[RevealMode, ...], msgspec.Meta(min_length=1)] = ("exec", "show", "no-reveal")
    show_for: Duration = lasting(60)
    """How long ``--show`` keeps the credential on the screen."""


class UseRules(Table, frozen=True):
    """What is kept of a use."""

    record: Recording = "offered"
    """Whether what a command shows is recorded: always, where people ask for it, or never."""

    auditors: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    """SSH public keys, one line each, to which recordings are encrypted; none: they lie in the clear."""

    snapshots: bool = False
    """Whether the target is asked, at the opening and at the close, what gives access there."""


class Rotation(Table, frozen=True):
    """What follows a use."""

    deadline: Duration = lasting(86400)
    may_defer: bool = False
    """Whether a quorum may put the rotation off; otherwise a deferred one is overdue at once."""

    length: Annotated[int, msgspec.Meta(ge=8, le=512)] = 24
    alphabet: str = UNAMBIGUOUS
    must_contain: Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=200)], ...],
                            msgspec.Meta(max_length=20)] = ()  # fmt: skip
    """Sets of characters, of each of which a generated credential holds one or more; ``A-Z`` is a range."""

    must_avoid: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Characters a generated credential never holds."""

    max_age: Duration = lasting(365 * 86400)
    """When a credential that was never used is due for rotation all the same."""

    endpoints: Annotated[tuple[Annotated[str, msgspec.Meta(min_length=3, max_length=400)], ...],
                         msgspec.Meta(max_length=50)] = ()  # fmt: skip
    """Where a rotation is proven; default: the target's URI alone."""

    end_sessions: bool = True
    """Whether a rotation ends the sessions that are still logged in, where the connector can."""

    wait_for_sessions: Duration = lasting(600)
    """The longest time the change waits for the account's own sessions at the target to end."""

    @property
    def generator(self) -> Generator:
        """What a generated credential looks like."""
        return Generator(self.length, self.alphabet, self.must_contain, self.must_avoid)


class LoadLimit(Table, frozen=True):
    """How long one step of the rehearsals of a load drill may take, by percentiles."""

    step: LoadStep
    p50: Duration | None = None
    p95: Duration | None = None
    p99: Duration | None = None

    def at(self, percent: int) -> Duration | None:
        """Return the limit of a percentile, where there is one."""
        found: Duration | None = getattr(self, f"p{percent}")
        return found


class LoadDrill(Table, frozen=True):
    """What many rehearsals at once are held against, and whom they may tell."""

    sinks: Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=60)], ...],
                     msgspec.Meta(max_length=20)] = ()  # fmt: skip
    """Names of the sinks that load drills may send to."""

    limits: Annotated[tuple[LoadLimit, ...], msgspec.Meta(max_length=7)] = ()

    def limit(self, step: str, percent: int) -> Duration | None:
        """Return the limit of a step's percentile, where there is one."""
        found = next((one for one in self.limits if one.step == step), None)
        return found.at(percent) if found else None


class Drills(Table, frozen=True):
    """How often each drill is due."""

    roll_call: Duration = lasting(90 * 86400)
    rehearsal: Duration = lasting(90 * 86400)
    access: Duration = lasting(365 * 86400)
    load: LoadDrill | None = None
    """None: no load drill is made by this policy."""


class Alerts(Table, frozen=True):
    """Who is told."""

    sinks: Annotated[tuple[AnySink, ...], msgspec.Meta(max_length=20)] = ()
    budget: Duration = lasting(5)
    """How long an opening waits for its alerts to go out."""

    require_ack: bool = False
    """Whether an opening waits until one sink has taken the alert; a gate that an emergency may override."""

    name_people: bool = False
    """Whether an alert names custodians; officers it always names."""

    repeat: Duration = lasting(3600)
    """How often an alert about something overdue is repeated."""


class Reviewer(Officer, frozen=True):
    """Somebody who looks at what others did, and signs what was found with a key of their own."""


class Settlement(Table, frozen=True):
    """Who settles a debt that no review and no rotation does."""

    by: Literal["reviewers", "officers"] = "reviewers"
    people: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    """Different people who must settle it."""

    signed: bool = True
    """Whether each signs with an own key; else their names are enough."""


class Review(Table, frozen=True):
    """What owes a review, and who reviews."""

    reviewers: Annotated[tuple[Reviewer, ...], msgspec.Meta(max_length=100)] = ()
    """None: an officer reviews who took no part."""

    needed: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    """Different people who must review."""

    deadline: Duration = lasting(7 * 86400)
    on: Annotated[tuple[ReviewedEvent, ...], msgspec.Meta(min_length=1)] = (
        "opening", "override", "unmatched-login", "fork",
    )  # fmt: skip
    settlement: Settlement = msgspec.field(default_factory=Settlement)

    def owed_on(self, event: ReviewedEvent) -> bool:
        """Tell whether something of this kind owes a review."""
        return event in self.on


class Audit(Table, frozen=True):
    """What auditors hold the set against."""

    standards: Annotated[tuple[StandardName, ...], msgspec.Meta(max_length=20)] = ()
    """Standards that the organisation answers to."""


class Arming(Table, frozen=True):
    """How an account is opened that is kept closed at its target (docs/arming.md)."""

    authority: ArmingAuthority
    """Who arms it besides the set's own quorum."""

    second_set: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_BYTES)]
    """Another set for the same target, of another account, that is never closed."""

    window: Duration = lasting(7200)
    """The longest time for which it is armed at once."""

    program: _PathOrNone = ""
    """Of the authority ``program``: what arms and closes the account."""

    set: Annotated[str, msgspec.Meta(max_length=MAX_NAME_BYTES)] = ""
    """Of the authority ``set``: the set that keeps the operator's credential."""

    operator: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """Of the authorities ``set`` and ``key``: the account that may move the end of this one."""

    operator_secret: _PathOrNone = ""
    """Of the authority ``key``: the program that prints the operator's credential, or asks for it."""

    approvers: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    """Of the authority ``key``: SSH public keys, one line each, one of which must have approved."""


class Policy(Table, frozen=True):
    """The whole file."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_BYTES)]
    target: Target
    quorum: Quorum
    declaration: Declaration
    belongs_to: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """Whom a found sheet belongs to, as printed on it."""

    report_to: Annotated[str, msgspec.Meta(max_length=60)] = ""
    """The telephone to which a lost or seen sheet is reported, as printed on it."""

    kit: Annotated[str, msgspec.Meta(max_length=80)] = ""
    """Where the recovery kit lies, as printed on every sheet; names no custodian and no site."""

    custodians: Annotated[tuple[Custodian, ...], msgspec.Meta(max_length=255)] = ()
    sites: Annotated[tuple[Site, ...], msgspec.Meta(max_length=255)] = ()
    officers: Annotated[tuple[Officer, ...], msgspec.Meta(max_length=100)] = ()
    reveal: Reveal = msgspec.field(default_factory=Reveal)
    use: UseRules = msgspec.field(default_factory=UseRules)
    rotation: Rotation = msgspec.field(default_factory=Rotation)
    drills: Drills = msgspec.field(default_factory=Drills)
    alerts: Alerts = msgspec.field(default_factory=Alerts)
    review: Review | None = None
    """None: no use owes a review."""

    audit: Audit = msgspec.field(default_factory=Audit)
    outage: Outage | None = None
    """None: nothing is measured at a declaration."""

    ticket: TicketSystem | None = None
    """None: nobody is asked about a ticket."""
    arming: Arming | None = None
    """None: the account is open at its target all the time."""

    @property
    def reviewers(self) -> tuple[Officer, ...]:
        """Who may review, if they took no part: the reviewers, or the officers where none are named."""
        return (self.review.reviewers if self.review else ()) or self.officers

    @property
    def settlers(self) -> tuple[Officer, ...]:
        """Who may settle debts under rules of their own, if they took no part."""
        by_officers = self.review is not None and self.review.settlement.by == "officers"
        return self.officers if by_officers else self.reviewers

    @property
    def budget_s(self) -> int:
        """How long a declaration waits at most for what it asks, in seconds."""
        return (self.outage or Outage()).budget.seconds

    @property
    def structure(self) -> Structure:
        """The quorum structure that is sealed."""
        groups = tuple(Group(group.threshold, len(group.custodians)) for group in self.quorum.groups)
        return Structure(self.quorum.group_threshold or len(groups), groups)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where a rotation is proven, as URIs."""
        return self.rotation.endpoints or (self.target.uri,)

    def aimed_at(self, uri: str, account: str) -> "Policy":
        """Return the same rules for a target that people named, without options."""
        target = msgspec.structs.replace(self.target, uri=uri, account=account, options={})
        return msgspec.structs.replace(self, target=target)

    def custodian(self, seat: Seat) -> str:
        """Return who keeps the sheet of a seat."""
        return self.quorum.groups[seat[0] - 1].custodians[seat[1] - 1]

    @property
    def everyone(self) -> tuple[str, ...]:
        """Every custodian once, in the order of the groups."""
        return tuple(dict.fromkeys(name for group in self.quorum.groups for name in group.custodians))

    def seats_of(self, custodian: str) -> tuple[Seat, ...]:
        """Return the seats whose sheets a custodian keeps."""
        return tuple(seat for seat in self.structure.seats() if self.custodian(seat) == custodian)

    def details(self, custodian: str) -> Custodian:
        """Return what the policy says of a custodian; where it says nothing, nothing but the name."""
        return next((one for one in self.custodians if one.name == custodian), Custodian(name=custodian))
