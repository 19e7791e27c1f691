# SPDX-License-Identifier: Apache-2.0
"""Build the history of a log from its records, for whoever renders it: pure, one pass, nothing asked of a store.

Rules:

1. What was legal and what is owed is not decided here: the same state is built that the ledger builds
   (``lifecycle.apply``), and what changed in it is written down.
2. Nothing of the log is verified; ``audit verify`` does that before. A custodian's signature is, so that a page of
   a log that does not hold says of each whether it does.
3. Every record of an opening is among its steps, so a record type that this module does not know is still told.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.custody.life import (
    custodian_signatures,
    enrol_rules,
    known,
    lifecycle,
    recovery,
    standing,
    statement,
)
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.review_rules import subject_of
from breakglass_shamir.custody.life.state import Debt, EpochState, LedgerState, SetState
from breakglass_shamir.custody.policy.duration import in_words
from breakglass_shamir.custody.records.drills import DrillEnded, LoadDrilled, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import Issued, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.openings import (
    Actions,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Overridden,
    Settled,
    Snapshot,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import (
    Applied,
    Applying,
    OldDead,
    SessionsAwaited,
    SessionsEnded,
    Waited,
)
from breakglass_shamir.custody.records.sheets import (
    Acknowledged,
    CustodianSigned,
    Destroyed,
    ReadBack,
    Reassigned,
    SheetVoided,
)
from breakglass_shamir.errors import InvalidInput, InvalidSignature
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.stored import KnownLog
from breakglass_shamir.operations.audit import looks
from breakglass_shamir.operations.audit.controls.facts import Facts
from breakglass_shamir.operations.audit.happenings import Happenings
from breakglass_shamir.operations.audit.listing import summary
from breakglass_shamir.operations.audit.story import (
    DONE,
    DebtStory,
    DrillStory,
    EpochStory,
    Held,
    Link,
    LoadStory,
    LogHistory,
    OpeningStory,
    Passed,
    PolicyStory,
    RecoveryStory,
    ReviewStory,
    RollCallStory,
    RotationStory,
    SetHistory,
    SheetStory,
    SignedBy,
    SignedFor,
    Signer,
    Step,
)

Apply = Callable[[LedgerState, bytes, Record], LedgerState]
"""Returns the state after one more record."""


def of(log: KnownLog) -> LogHistory:
    """Return the history of a log, of this home or from bundles that hold all that it takes.

    Raises:
        InvalidInput: too much of it is withheld.
        IllegalState, InvalidRecord: a record may not follow; verify the log first.
    """
    if not log.replayable:
        raise InvalidInput(
            "what happened before the first record of the bundle is withheld: epochs, openings, debts and holders are "
            "not known from it",
            hint="add the bundles before it, or ask for one from the start: breakglass audit bundle --until TIME",
        )
    return build(log.replayed(), known.apply)


def build(entries: Iterable[Entry], apply: Apply = lifecycle.apply) -> LogHistory:
    """Return the history of a log, given from its first record on.

    Raises:
        IllegalState, InvalidRecord: a record may not follow; verify the log first.
    """
    state, sets, others, facts = LedgerState(), dict[str, _Set](), Happenings(), Facts()
    loads: list[LoadStory] = []
    first = last = log = ""
    count = 0
    for entry in entries:
        record = entry.record
        before, state = state, apply(state, entry.data, record)
        first, last, log, count = first or record.time, record.time, record.log, count + 1
        if record.set in state.sets:
            story = sets.setdefault(record.set, _Set())
            story.take(entry, before.sets.get(record.set, SetState(record.set)), state.sets[record.set])
        else:
            others.take(record)
            facts.take(entry)
            if isinstance(record.body, LoadDrilled):
                loads.append(_loaded(record, record.body))
    key = ssh_key.from_line(state.public_key).fingerprint if state.public_key else ""
    found = tuple(sets[name].finished(state.sets[name]) for name in sorted(sets))
    return LogHistory(
        log, state.terminal, key, count, first, last, found, tuple(others.events), tuple(facts.found), tuple(loads)
    )


def _loaded(record: Record, body: LoadDrilled) -> LoadStory:
    return LoadStory(record.seq, record.time, **{name: getattr(body, name) for name in body.__struct_fields__})


@dataclass(slots=True)
class _Set:
    """The history of one set, up to a record."""

    policies: list[PolicyStory] = field(default_factory=list)
    epochs: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Epoch id to number and time of the record that brought it."""

    sheets: dict[tuple[str, str], SheetStory] = field(default_factory=dict)
    openings: dict[str, OpeningStory] = field(default_factory=dict)
    moments: dict[str, Moment] = field(default_factory=dict)
    debts: dict[str, tuple[DebtStory, Moment]] = field(default_factory=dict)
    settled: list[DebtStory] = field(default_factory=list)
    drills: list[DrillStory] = field(default_factory=list)
    recoveries: list[RecoveryStory] = field(default_factory=list)
    reviews: list[ReviewStory] = field(default_factory=list)
    happenings: Happenings = field(default_factory=Happenings)
    facts: Facts = field(default_factory=Facts)

    def take(self, entry: Entry, before: SetState, after: SetState) -> None:
        """Take one more record, with the set's state before and after it."""
        record, body = entry.record, entry.record.body
        if isinstance(body, Declared):
            self.openings[entry.digest] = _declared(entry.digest, record, body)
        of_sheets = _SHEETS.get(type(body))
        if of_sheets is not None:
            of_sheets(self, body, record)
        if isinstance(body, CustodianSigned):
            self._signed_for(body, record, after.epochs[body.epoch_id])
        self._of_set(record)
        self.happenings.take(record)
        opening = entry.digest if isinstance(body, Declared) else record.opening
        if opening in self.openings:
            self._of_opening(opening, entry)
        self._outcomes(record, before, after)
        self._debts(record, before, after)
        policy = after.policy_source if after.policy_source != before.policy_source else ""
        settles = bool(self.settled) and self.settled[-1].settled_seq == record.seq
        self.facts.take(entry, policy=policy, settles=settles)

    def finished(self, state: SetState) -> SetHistory:
        """Return the history, with what is true now."""
        epochs = tuple(self._epoch(state, epoch) for epoch in state.epochs.values())
        owed = looks.owed([debt for debt, _ in self.debts.values()], state)
        debts = sorted([*self.settled, *owed], key=lambda debt: debt.seq)
        phase, more = str(state.phase) if state.current else "", self.happenings
        return SetHistory(
            state.name, phase, tuple(self.policies), epochs, tuple(self.openings.values()), tuple(debts),
            tuple(self.drills), tuple(self.recoveries), tuple(more.events), tuple(more.logins),
            tuple(more.delivered.values()), more.watched_until, tuple(self.reviews),
            chain_of(state).beside if state.current else (),
            tuple(self.facts.found),
        )  # fmt: skip

    # --- the set itself --------------------------------------------------------------------------------------

    def _of_set(self, record: Record) -> None:
        seq, time = record.seq, record.time
        match record.body:
            case PolicyAdopted() as body:
                self.policies.append(PolicyStory(seq, time, body.digest, ()))
            case PolicyWeakened() as body:
                self.policies.append(PolicyStory(seq, time, body.digest, body.weakens, record.opening))
            case Issued() | Recovered() | RecoveredCore() as body:
                self.epochs[body.epoch_id] = (seq, time)
            case Succession() as body:
                self.epochs.setdefault(body.successor, (seq, time))
            case Enrolled() as body:
                self._enrolled(body, seq, time)
            case Rehearsed() as body:
                self._drill(record, "rehearsal", body.epoch_id, body.sheets, "", body.result, body.reasons)
            case DrillEnded() as body:
                opened = self.openings[record.opening].sheets if record.opening in self.openings else ()
                self._drill(record, body.drill, body.epoch_id, opened, body.login, body.result, body.reasons)
            case Reviewed() as body:
                self.reviews.append(looks.review(body, record))
            case RecoveryImported() as body:
                said = recovery.parse(body.source.encode())
                self.recoveries.append(
                    RecoveryStory(
                        seq, time, body.sha256, body.epoch_id, body.status, said.officers, said.ticket, said.reason,
                        said.time, said.in_browser,
                    )
                )  # fmt: skip

    def _enrolled(self, body: Enrolled, seq: int, time: str) -> None:
        """Write down what another terminal told that was news here."""
        said = statement.parse(body.statement)
        for epoch in said.epochs:
            self.epochs.setdefault(epoch.epoch_id, (seq, time))
        adopting = enrol_rules.adopting(said)
        if body.policy == enrol_rules.TAKEN and adopting is not None:
            self.policies.append(PolicyStory(seq, time, adopting.digest, ()))

    def _drill(
        self, record: Record, drill: str, epoch_id: str, sheets: tuple[str, ...], login: str, result: str,
        reasons: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.drills.append(
            DrillStory(record.seq, record.time, drill, record.opening, epoch_id, sheets, login, result, reasons)
        )

    def _epoch(self, state: SetState, epoch: EpochState) -> EpochStory:
        seq, since = self.epochs[epoch.epoch_id]
        sheets = tuple(
            replace(self.sheet(epoch.epoch_id, seat), custodian=epoch.custodians.get(seat, "")) for seat in epoch.seats
        )
        return EpochStory(
            epoch.number, epoch.epoch_id, epoch.short_id, seq, since, _link(epoch), _predecessor(epoch),
            epoch.envelope.set_public_key.hex(), epoch.envelope_sha256, str(epoch.status), epoch.since, epoch.proven,
            epoch.epoch_id == state.current, sheets, tuple(_followed(state, epoch)),
        )  # fmt: skip

    # --- sheets ----------------------------------------------------------------------------------------------

    def sheet(self, epoch_id: str, seat: str) -> SheetStory:
        """Return what is known of a sheet so far."""
        return self.sheets.get((epoch_id, seat), SheetStory(seat, ""))

    def change_sheet(self, epoch_id: str, seat: str, **changes: Any) -> None:
        """Write down more of a sheet."""
        self.sheets[epoch_id, seat] = replace(self.sheet(epoch_id, seat), **changes)

    def _signed_for(self, body: CustodianSigned, record: Record, epoch: EpochState) -> None:
        """Write down a custodian's signature beside the acknowledgement, the last one of its sheet."""
        *before, last = self.sheet(body.epoch_id, body.sheet).held
        try:
            custodian_signatures.verify(body, epoch)
            verifies = True
        except InvalidSignature:
            verifies = False
        fingerprint = ssh_key.from_line(body.key).fingerprint
        signed = replace(last, signed=SignedFor(record.seq, record.time, fingerprint, verifies))
        self.change_sheet(body.epoch_id, body.sheet, held=(*before, signed))

    # --- openings --------------------------------------------------------------------------------------------

    def _of_opening(self, opening: str, entry: Entry) -> None:
        record = entry.record
        step = Step(record.seq, record.time, str(record.body.__struct_config__.tag), summary(entry))
        story = self.openings[opening]
        change = _OPENINGS.get(type(record.body))
        changes = change(story, record.body, record) if change else {}
        if isinstance(record.body, Opened):
            self.moments[opening] = Moment.of(record)
        if isinstance(record.body, UseEnded) and opening in self.moments:
            changes["use_s"] = self.moments[opening].seconds_until(Moment.of(record))
        self.openings[opening] = replace(story, steps=(*story.steps, step), **changes)

    def _outcomes(self, record: Record, before: SetState, after: SetState) -> None:
        """Write down how an opening ended, whatever record ended it."""
        was = before.opening
        if was is None or (after.opening is not None and after.opening.id == was.id):
            return
        ended = next((past for past in reversed(after.past) if past.id == was.id), None)
        if ended is not None and was.id in self.openings:
            self.openings[was.id] = replace(
                self.openings[was.id], outcome=ended.outcome, over=record.time,
                classification=ended.classification or self.openings[was.id].classification,
            )  # fmt: skip

    # --- debts -----------------------------------------------------------------------------------------------

    def _debts(self, record: Record, before: SetState, after: SetState) -> None:
        for debt_id, signer in looks.signers(record, before):
            story, since = self.debts[debt_id]
            self.debts[debt_id] = (replace(story, signers=(*story.signers, signer)), since)
        if before.debts is after.debts:
            return
        now = {debt.id: debt for debt in after.debts}
        for debt in after.debts:
            if debt.id not in self.debts:
                self.debts[debt.id] = (_debt(debt, record), Moment.of(record))
                continue
            story, since = self.debts[debt.id]
            if (story.what, story.deadline_s) != (debt.what, debt.deadline_s):
                self.debts[debt.id] = (replace(story, what=debt.what, deadline_s=debt.deadline_s), since)
        for gone in [identifier for identifier in self.debts if identifier not in now]:
            story, since = self.debts.pop(gone)
            reviewed = any(signer.verdict for signer in story.signers)
            self.settled.append(
                replace(
                    story, settled=record.time, settled_seq=record.seq, by=_settled_by(record, story.signers),
                    after_s=since.seconds_until(Moment.of(record)), review=DONE if reviewed else "",
                )
            )  # fmt: skip


def _declared(identifier: str, record: Record, body: Declared) -> OpeningStory:
    return OpeningStory(
        identifier, record.seq, body.purpose, body.incident_class, body.ticket, body.reason, body.officers, body.debts,
        body.use_for_s, record.time,
    )  # fmt: skip


def _followed(state: SetState, epoch: EpochState) -> Iterable[str]:
    for link in standing.links_from(state, epoch.epoch_id):
        who = f"the terminal of log {link.terminal}" if link.terminal else "this terminal"
        by = f" by {', '.join(link.attested_by)}" if link.attested_by else ""
        yield f"{standing.named(state, link.successor)} followed: {link.level}{by}, as {who} saw, {link.at}"
    if epoch.attested_by and not standing.links_from(state, epoch.epoch_id):
        yield f"its death is attested by {', '.join(epoch.attested_by)}, not proven"


def _link(epoch: EpochState) -> Link:
    if epoch.countersigned:
        return "countersigned"
    if epoch.recovered:
        return "pinned" if epoch.pinned else "unpinned"
    if epoch.told_by:
        return "told"
    if not _predecessor(epoch):
        return "first"
    return "not countersigned"


def _predecessor(epoch: EpochState) -> str:
    """Return the predecessor's epoch id; an envelope writes that there is none as zeros."""
    return epoch.predecessor if epoch.predecessor.strip("0") else ""


def _debt(debt: Debt, record: Record) -> DebtStory:
    return DebtStory(
        debt.id, debt.kind, debt.what, debt.opening, record.seq, record.time, debt.deadline_s,
        subject=subject_of(debt),
    )  # fmt: skip


def _settled_by(record: Record, signers: Sequence[Signer]) -> str:
    match record.body:
        case Settled() as body:
            return f"{', '.join(body.officers)}: {body.reason}"
        case DebtsSettled() | Reviewed():
            return looks.in_words(signers)
        case OldDead(attested_by=()):
            return "the proven death of the old credential"
        case OldDead() as body:
            return f"the death of the old credential, attested by {', '.join(body.attested_by)}, not proven"
        case Succession() as body:
            who = f"the terminal of log {body.terminal}" if body.terminal else "this terminal"
            return f"a {body.level} successor, as {who} saw"
        case AttestedDead() as body:
            return f"the death of the credential, attested by {', '.join(body.officers)}, not proven: {body.reason}"
    return str(record.body.__struct_config__.tag)


_Changes = dict[str, Any]


def _signed(story: OpeningStory, body: OfficerSigned, record: Record) -> _Changes:
    fingerprint = ssh_key.from_line(body.key).fingerprint
    return {"signed_by": (*story.signed_by, SignedBy(record.seq, record.time, body.officer, fingerprint))}


def _reviewed(story: OpeningStory, body: Reviewed, record: Record) -> _Changes:
    return {"reviews": (*story.reviews, looks.review(body, record))}


def _recorded(story: OpeningStory, body: UseRecorded | Actions | Snapshot, record: Record) -> _Changes:
    return {"recordings": (*story.recordings, looks.recording(body, record))}


def _overridden(story: OpeningStory, body: Overridden, record: Record) -> _Changes:
    return {"passed": (*story.passed, Passed(record.seq, body.gate, body.problem, body.reason))}


def _opened(_s: OpeningStory, body: Opened, record: Record) -> _Changes:
    names = ("epoch_id", "sheets", "mode", "program", "witnessed", "pinned")
    return {"opened": record.time, **{name: getattr(body, name) for name in names}}


def _use_ended(_s: OpeningStory, body: UseEnded, record: Record) -> _Changes:
    return {"ended": record.time, "how": body.outcome, "classification": body.classification}


def _applying(story: OpeningStory, body: Applying, record: Record) -> _Changes:
    return {"rotation": story.rotation or RotationStory(body.old_epoch_id, body.new_epoch_id, record.time)}


def _rotation(story: OpeningStory, **changes: Any) -> _Changes:
    return {"rotation": replace(story.rotation, **changes)} if story.rotation else {}


def _old_dead(story: OpeningStory, body: OldDead, record: Record) -> _Changes:
    return _rotation(story, proven=record.time, proofs=body.proofs, scope=body.scope, attested_by=body.attested_by)


def _sessions_awaited(story: OpeningStory, body: SessionsAwaited, _r: Record) -> _Changes:
    limit = f", waited for up to {in_words(body.for_s)}" if body.for_s else " when the change went on"
    return {"sessions_awaited": (*story.sessions_awaited, f"{body.count}{limit}")}


def _waited(story: OpeningStory, body: Waited, _r: Record) -> _Changes:
    before = story.rotation.waited if story.rotation else ()
    return _rotation(story, waited=(*before, f"{in_words(body.seconds)} for {body.what}"))


_OPENINGS: dict[type, Callable[[OpeningStory, Any, Record], _Changes]] = {
    OfficerSigned: _signed,
    Overridden: _overridden,
    Reviewed: _reviewed,
    UseRecorded: _recorded,
    Actions: _recorded,
    Snapshot: _recorded,
    Opened: _opened,
    InUse: lambda _s, _b, record: {"in_use": record.time},
    UseEnded: _use_ended,
    Applying: _applying,
    Applied: lambda story, _b, record: _rotation(story, applied=record.time),
    OldDead: _old_dead,
    SessionsAwaited: _sessions_awaited,
    SessionsEnded: lambda story, body, _r: _rotation(story, sessions_ended=body.count, sessions=body.detail),
    Waited: _waited,
}
"""What a record of an opening changes in its story."""


def _read_back(of: _Set, body: ReadBack, record: Record) -> None:
    for seat in body.sheets:
        of.change_sheet(body.epoch_id, seat, read_back=record.time)


def _acknowledged(of: _Set, body: Acknowledged, record: Record) -> None:
    held = of.sheet(body.epoch_id, body.sheet).held
    of.change_sheet(body.epoch_id, body.sheet, held=(*held, Held(record.seq, record.time, body.custodian, body.bag)))


def _reassigned(of: _Set, body: Reassigned, record: Record) -> None:
    held = of.sheet(body.epoch_id, body.sheet).held
    of.change_sheet(body.epoch_id, body.sheet, held=(*held, Held(record.seq, record.time, body.custodian, "")))


def _sheet_voided(of: _Set, body: SheetVoided, record: Record) -> None:
    of.change_sheet(body.epoch_id, body.sheet, voided=record.time, void_reason=body.reason)


def _roll_call(of: _Set, body: RollCall, record: Record) -> None:
    found = RollCallStory(
        record.seq, record.time, body.custodian, body.level, body.bag, body.health, body.used_percent, body.result,
        body.reasons,
    )  # fmt: skip
    calls = of.sheet(body.epoch_id, body.sheet).roll_calls
    of.change_sheet(body.epoch_id, body.sheet, roll_calls=(*calls, found))


def _destroyed(of: _Set, body: Destroyed, record: Record) -> None:
    for seat in body.sheets:
        of.change_sheet(body.epoch_id, seat, destroyed=record.time)


_SHEETS: dict[type, Callable[[_Set, Any, Record], None]] = {
    ReadBack: _read_back,
    Acknowledged: _acknowledged,
    Reassigned: _reassigned,
    SheetVoided: _sheet_voided,
    RollCall: _roll_call,
    Destroyed: _destroyed,
}
"""What a record changes in the stories of sheets."""
