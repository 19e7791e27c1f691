# SPDX-License-Identifier: Apache-2.0
"""What happened in an opening, or what left a debt, in the order in which it was recorded: what a reviewer looks at.

Rules:

1. It is made of records alone, those of a ledger or of a file that was handed over, by one function. What a file lacks
   is missing here, too, and is said.
2. Each record type has one row in ``_FACTS``: what it is called, and what it says. One without a row is not shown.
3. A use that has no recording on record says so. One that has names the command that shows it, at the home where it is.

Nothing is verified here; whoever reads the records does that.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from breakglass_shamir.custody.life.review_rules import is_opening
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.records.arming import Arming, Disarmed
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.ledger import LedgerMoved, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.monitoring import LoginSeen
from breakglass_shamir.custody.records.openings import (
    Actions,
    Cancelled,
    Closed,
    Declared,
    OfficerSigned,
    Opened,
    Overridden,
    Refused,
    Revealing,
    Snapshot,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.reviews import Reviewed
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Deferred,
    Made,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.audit import happenings, meanwhile
from breakglass_shamir.plural import counted
from breakglass_shamir.shell import breakglass

RECORDING, LOGIN = "recording", "login"
"""What a recording of the use, and a login at the target, are called here."""

_BESIDE = (Reviewed, Refused, LedgerMoved)
"""Record types that are not what a review looks at last: reviews themselves, and what changes nothing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened (docs/json.md).

    Attributes:
        seq: number of its record.
        time: of its record; empty where there is none.
        what: ``declared``, ``signed``, ``gate passed`` and so on.
        text: in words.
    """

    seq: int
    time: str
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Reviewable:
    """What can be reviewed, as its records say (docs/json.md).

    Attributes:
        set_name: the set.
        log: id of the log, hexadecimal.
        subject: opening id, 64 digits; or the id of a debt.
        facts: what happened, in order.
    """

    set_name: str
    log: str
    subject: str
    last: str
    """SHA-256 of the last record that is looked at, hexadecimal: what a review is signed over."""

    last_seq: int
    facts: tuple[Fact, ...]
    policy_source: str = ""
    """The policy of the set, the last one that is among the records; empty: none is."""

    @property
    def short(self) -> str:
        """The subject as people see it."""
        return self.subject[:12] if is_opening(self.subject) else self.subject


def of_entries(entries: Iterable[Entry], subject: str) -> Reviewable:
    """Return what happened, from the records that there are.

    Args:
        entries: oldest first; others among them are passed over.
        subject: an opening id, or the id of a debt that ends in the number of its record.

    Raises:
        InvalidInput: none of them is about it.
    """
    found: list[Fact] = []
    name = log = last = ""
    last_seq, used, recorded = -1, False, False
    sources: dict[str, str] = {}
    snapshots: list[Snapshot] = []
    for entry in entries:
        body, record = entry.record.body, entry.record
        if isinstance(body, PolicyAdopted | PolicyWeakened):
            sources[record.set] = body.source
        own = _is_own(entry, subject)
        if own and not isinstance(body, _BESIDE):
            name, log, last, last_seq = record.set, record.log, entry.digest, record.seq
        if own or _is_about(entry, subject):
            words = _FACTS.get(type(body))
            told = [Fact(record.seq, record.time, what, text) for what, text in (words(body) if words else ())]
            found += [_with_command(one) if one.what == RECORDING else one for one in told]
        if own and isinstance(body, Snapshot):
            snapshots.append(body)
        used = used or (own and isinstance(body, Opened) and body.mode in ("exec", "show"))
        recorded = recorded or (bool(found) and found[-1].what == RECORDING)
    if not last:
        raise InvalidInput(f"there are no records of {subject[:24]} here")
    if used and not recorded:
        found.append(Fact(-1, "", RECORDING, "none of this use is on record"))
    if is_opening(subject) and not any(fact.what == LOGIN for fact in found):
        found.append(Fact(-1, "", LOGIN, "none that the target's log accounts for by this opening is among these"))
    found += [Fact(-1, "", one.what, one.text) for one in meanwhile.changes(snapshots)]
    return Reviewable(name, log, subject, last, last_seq, tuple(found), sources.get(name, ""))


def _with_command(told: Fact) -> Fact:
    """Say how a recording is looked at."""
    return replace(told, text=f"{told.text}; shown at its home by: {breakglass('audit', 'show', str(told.seq))}")


def _is_own(entry: Entry, subject: str) -> bool:
    """Tell whether a record is what a review of the subject is signed over."""
    if is_opening(subject):
        return subject in (entry.digest, entry.record.opening)
    number = subject.rpartition("-")[2]
    return number.isdecimal() and len(number) < 16 and entry.record.seq == int(number)


def _is_about(entry: Entry, subject: str) -> bool:
    """Tell whether a record says something of the subject besides."""
    body = entry.record.body
    if isinstance(body, LoginSeen):
        return body.matched == subject
    return isinstance(body, Reviewed) and body.subject == subject


_Said = Iterable[tuple[str, str]]


def _declared(body: Declared) -> _Said:
    people = ", ".join(body.officers) or "nobody named"
    told = f"{body.purpose}, {body.incident_class}, ticket {body.ticket or 'none'}: {body.reason}"
    yield "declared", f"{told}; officers, as typed: {people}; for {in_words(body.use_for_s)}"


def _opened(body: Opened) -> _Said:
    how = f"to {body.program}" if body.program else body.mode
    pinned = "" if body.pinned else ", UNPINNED"
    yield "opened", f"sheets {', '.join(body.sheets)}; {how}; checkpoint {body.witnessed}{pinned}"


def _revealing(body: Revealing) -> _Said:
    warned = "".join(f"; warned of before: {words}" for words in body.warned)
    yield "revealed again", (f"to {body.program}" if body.program else body.mode) + warned


def _login(body: LoginSeen) -> _Said:
    how = "accepted" if body.accepted else f"refused, {counted(body.count, 'time')}"
    known = "accounted for by an opening" if body.matched else "NOTHING ACCOUNTS FOR IT"
    yield LOGIN, f"{body.account} from {body.source or 'an unknown place'} at {body.at}, {how}: {known}; {body.detail}"


def _old_dead(body: OldDead) -> _Said:
    how = f"attested dead by {', '.join(body.attested_by)}, not proven" if body.attested_by else "proven dead"
    yield "rotation", f"the old credential is {how}: {'; '.join(body.proofs)}; scope {body.scope}"


def _reviewed(body: Reviewed) -> _Said:
    yield "review", f"{body.verdict}, by {body.reviewer}: {body.reason}"


def _sessions(body: SessionsEnded) -> _Said:
    yield "sessions", f"{body.detail}{'; NOT ENDED' if body.failed else ''}"


_FACTS: Mapping[type, Callable[[Any], _Said]] = {
    Declared: _declared,
    OfficerSigned: lambda body: [("signed", f"the declaration, by {body.officer} with an own key")],
    Refused: lambda body: [("refused", f"{body.stage}: {body.message}")],
    Overridden: lambda body: [("gate passed", f"{body.gate}: {body.problem}; why: {body.reason}")],
    Cancelled: lambda body: [("withdrawn", body.reason)],
    Opened: _opened,
    Revealing: _revealing,
    UseRecorded: lambda body: [(RECORDING, happenings.use_recorded(body))],
    Actions: lambda body: [("actions", happenings.actions(body))],
    Snapshot: lambda body: [("snapshot", happenings.snapshot(body))],
    UseEnded: lambda body: [("use ended", f"{body.outcome}; classified {body.classification}")],
    LoginSeen: _login,
    Deferred: lambda body: [("deferred", f"the rotation, for {in_words(body.for_s)}: {body.reason}")],
    PolicyWeakened: lambda body: [("policy", f"weakened: {'; '.join(body.weakens)}")],
    TargetNamed: lambda body: [("target", f"named by people: {body.target} {body.account}".rstrip())],
    RotationFound: lambda _body: [("rotation", "one that another terminal began was taken up")],
    Applying: lambda _body: [("rotation", "the target is about to be changed")],
    Applied: lambda _body: [("rotation", "the target reported the change")],
    Waited: lambda body: [("rotation", f"waited {in_words(body.seconds)}: {body.what}")],
    Rejected: lambda body: [("rotation", f"the target did not take the new credential: {body.detail}")],
    NotBefore: lambda body: [("rotation", f"not before {body.until}: {body.detail}")],
    RunsOut: lambda body: [("runs out", happenings.runs_out(body))],
    Abandoned: lambda body: [("rotation", f"a printed epoch was given up: {body.reason}")],
    SessionsEnded: _sessions,
    Made: lambda body: [
        (
            "rotation",
            f"{body.public_id}, made at the target, {'is on its sheets' if body.epoch_id else 'is on no paper'}",
        )
    ],
    OldDead: _old_dead,
    Succession: lambda body: [("lineage", f"another epoch followed: {body.level}")],
    RecoveryImported: lambda body: [("recovery", f"opened without this program, {body.sha256[:12]}")],
    Rehearsed: lambda body: [("rehearsed", f"{body.result}{''.join(f'; {one}' for one in body.reasons)}")],
    DrillEnded: lambda body: [("drill", f"{body.drill}: {body.result}{''.join(f'; {one}' for one in body.reasons)}")],
    Arming: lambda body: [("armed", f"until {body.until} for {body.why}, by {body.authority}")],
    Disarmed: lambda body: [("account closed", body.detail)],
    Closed: lambda body: [("closed", f"classified {body.classification}")],
    Reviewed: _reviewed,
}
"""Record type to what it says of an opening."""
