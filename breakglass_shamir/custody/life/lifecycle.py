# SPDX-License-Identifier: Apache-2.0
"""The life of a set: which record may follow, and what it changes.

``ISSUED -> SEALED -> DECLARED -> OPEN -> IN USE -> PREPARED -> APPLYING -> OLD DEAD -> SEALED``

Rules:

1. The state is a pure function of the records; the ledger applies each before it stores it, so an illegal
   step is refused by name and never recorded.
2. One opening per set at a time. A new declaration names the one it supersedes.
3. ``opened`` names a quorum and creates the rotation debt; only the proven death of what was opened settles it.
4. ``applying`` needs the use ended, the new envelope countersigned by the old quorum, every new sheet read back
   and a quorum of them acknowledged.
5. An epoch is void from ``old-dead`` on, here or in a proof from elsewhere; until then its sheets open. A prepared
   epoch opens only while the target is being changed.
6. An epoch that is void or abandoned stays in the state, so that nothing brings it back. One with a proven successor
   is never in force again: an override opens it, and its rotation goes on from it to a new epoch.
7. ``refused`` and ``asked`` may be recorded at any time and change nothing.
8. Nothing follows ``terminal-retired``.

What policy demands of people is not here; ``gates.py`` has that. What is beside a set's main line is in files of its
own: ``drill_rules.py``, ``custody_rules.py`` (policies and custodians), ``rotation_rules.py``, ``alert_rules.py``,
``retire_rules.py``, ``watch_rules.py``, ``arming_rules.py`` (accounts that are kept closed), ``review_rules.py`` (which
sees every step), ``settlement_rules.py``, ``enrol_rules.py`` and ``lineage_rules.py`` (what other terminals know),
``officers.py`` and ``custodian_signatures.py`` (their signatures), and ``recovery.py`` (what a recovery must agree
with).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from breakglass_shamir.custody.life import (
    alert_rules,
    arming_rules,
    custodian_signatures,
    custody_rules,
    drill_rules,
    epoch_rules,
    history,
    lineage_rules,
    officers,
    opening_rules,
    retire_rules,
    review_rules,
    rotation_rules,
    settlement_rules,
    watch_rules,
)
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import MARK_DIGITS, LedgerState, SetState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.drills import DrillEnded, LoadDrilled, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Issued, Pinned, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import (
    CollectorReplaced,
    LedgerMoved,
    LedgerStarted,
    PolicyAdopted,
    PolicyWeakened,
)
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    Asked,
    ChangedOutside,
    Eased,
    Escalated,
    Heartbeat,
    LoginSeen,
    Probed,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Actions,
    Cancelled,
    Closed,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Overridden,
    Refused,
    Revealing,
    Settled,
    Snapshot,
    TicketAnswered,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Countersigned,
    Deferred,
    Made,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.custody.records.sheets import (
    Acknowledged,
    CustodianSigned,
    Destroyed,
    Noted,
    ReadBack,
    Reassigned,
    SheetVoided,
)
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidRecord

_CHANGE_NOTHING = (Refused, LedgerMoved, Asked)

_OVER_HINT = "use another terminal, or begin a home: breakglass --home DIR init; the sheets open there, too"


def replay(entries: Iterable[tuple[bytes, Record]]) -> LedgerState:
    """Add up records, given as exact bytes and parsed form, from the first one on.

    Raises:
        InvalidRecord: the first that contradicts itself or may not follow, with its number.
    """
    state = LedgerState()
    for number, (data, record) in enumerate(entries):
        try:
            state = apply(state, data, record)
        except BreakglassError as error:
            raise InvalidRecord(f"record {number}: {error}") from error
    return state


def change_nothing(state: LedgerState, bodies: Sequence[records.AnyBody]) -> bool:
    """Tell of records that they may always follow one another and change nothing but the last moment."""
    if state.ended or state.last is None:
        return False
    kinds = set(map(type, bodies)).difference(_CHANGE_NOTHING)
    if Heartbeat in kinds:
        promised = {body.every_s for body in bodies if isinstance(body, Heartbeat)}
        return kinds == {Heartbeat} and promised == {state.beat_every_s}
    return not kinds


def refuse_ended(state: LedgerState) -> None:
    """Refuse whatever would record something on a terminal that is retired.

    Raises:
        IllegalState: saying since when.
    """
    if state.ended:
        raise IllegalState(f"this terminal is retired since {state.ended.time}: its log has ended", hint=_OVER_HINT)


def apply(state: LedgerState, data: bytes, record: Record, *, vouched: bool = False) -> LedgerState:
    """Return the state after one more record.

    Args:
        state: before it.
        data: the record's bytes.
        record: what they say.
        vouched: whether a signature over these bytes, by whoever applied them before, was verified; the envelope of
            an epoch that was issued is then not verified once more.

    Raises:
        IllegalState: the record may not follow.
        InvalidRecord: the record contradicts itself.
    """
    first, body = state.last is None, record.body
    if change_nothing(state, (body,)):
        return state.at(record)
    refuse_ended(state)
    state = state.at(record)
    if isinstance(body, LedgerStarted):
        if not first:
            raise IllegalState("a ledger starts once, with its first record")
        return replace(state, terminal=body.terminal, public_key=body.public_key)
    if isinstance(body, _CHANGE_NOTHING):
        return state
    of_log = _OF_LOG.get(type(body))
    if of_log is not None:
        return of_log(state, body, record)
    current = state.sets.get(record.set)
    if current is None:
        if not isinstance(body, PolicyAdopted | Recovered | RecoveredCore):
            raise IllegalState(f"set {record.set} is not in this ledger")
        current = SetState(record.set)
    if isinstance(body, Succession):
        changed = lineage_rules.succession(current, body, record, state.terminals)
    elif vouched and isinstance(body, Issued):
        changed = epoch_rules.issued(current, body, record, data, vouched=True)
    else:
        changed = _RULES[type(body)](current, body, record, data)
    changed = review_rules.follow(current, changed, record, data)
    return _with_set(state, replace(changed, marks=_marks(current, changed, record, data)), record)


def _with_set(state: LedgerState, changed: SetState, record: Record) -> LedgerState:
    """Return the state with a set as a record left it."""
    known = history.follow(changed.history, record.body, Moment.of(record), in_force=changed.current)
    return replace(state, sets={**state.sets, record.set: replace(changed, history=known)})


def _marks(before: SetState, after: SetState, record: Record, data: bytes) -> Mapping[str, str]:
    """Mark what this record began, and forget what is neither owed nor escalated, since the record before."""
    began = [debt.id for debt in after.debts if debt.id.endswith(f"-{record.seq}")]
    if not began and not before.marks:
        return before.marks
    known = {debt.id for debt in (*before.debts, *after.debts)} | before.escalations.keys() | after.escalations.keys()
    kept = {subject: mark for subject, mark in before.marks.items() if subject in known}
    return {**kept, **dict.fromkeys(began, records.digest(data)[:MARK_DIGITS])}


def _enrolled(state: LedgerState, body: Enrolled, record: Record) -> LedgerState:
    from breakglass_shamir.custody.life import enrol_rules

    known, terminal = enrol_rules.enrolled(state, body, record)
    return _with_set(replace(state, terminals={**state.terminals, body.log: terminal}), known, record)


def _enrolment_exported(state: LedgerState, body: EnrolmentExported, record: Record) -> LedgerState:
    from breakglass_shamir.custody.life import enrol_rules

    return enrol_rules.exported(state, body, record)


def _heartbeat(state: LedgerState, body: Heartbeat, _r: Record) -> LedgerState:
    if body.every_s < 0:
        raise InvalidRecord(f"expected a heartbeat's interval of 0 or more seconds, got {body.every_s}")
    return replace(state, beat_every_s=body.every_s)


def _collector_replaced(state: LedgerState, _b: CollectorReplaced, _r: Record) -> LedgerState:
    return state


_OF_LOG: Mapping[type, Callable[[LedgerState, Any, Record], LedgerState]] = {
    Heartbeat: _heartbeat,
    TerminalRetired: retire_rules.terminal_retired,
    EnrolmentExported: _enrolment_exported,
    Enrolled: _enrolled,
    CollectorReplaced: _collector_replaced,
    LoadDrilled: drill_rules.load_drilled,
}
"""Record types that change more than one set's state."""

_RULES: Mapping[type, Callable[[SetState, Any, Record, bytes], SetState]] = {
    PolicyAdopted: custody_rules.policy_adopted,
    PolicyWeakened: custody_rules.policy_weakened,
    Reassigned: custody_rules.reassigned,
    Issued: epoch_rules.issued,
    Recovered: epoch_rules.recovered,
    RecoveredCore: epoch_rules.recovered_core,
    Pinned: epoch_rules.pinned,
    Proven: epoch_rules.proven,
    ReadBack: epoch_rules.read_back,
    Acknowledged: epoch_rules.acknowledged,
    CustodianSigned: custodian_signatures.custodian_signed,
    SheetVoided: epoch_rules.sheet_voided,
    Declared: opening_rules.declared,
    OfficerSigned: officers.officer_signed,
    RecoveryImported: epoch_rules.recovery_imported,
    Overridden: opening_rules.overridden,
    Cancelled: opening_rules.cancelled,
    Opened: opening_rules.opened,
    InUse: opening_rules.in_use,
    Revealing: opening_rules.revealing,
    UseRecorded: opening_rules.use_recorded,
    Actions: opening_rules.actions,
    Snapshot: opening_rules.snapshot,
    UseEnded: opening_rules.use_ended,
    Deferred: opening_rules.deferred,
    Abandoned: opening_rules.abandoned,
    Countersigned: opening_rules.countersigned,
    Applying: opening_rules.applying,
    Applied: opening_rules.applied,
    Waited: rotation_rules.waited,
    SessionsAwaited: rotation_rules.sessions_awaited,
    SessionsEnded: rotation_rules.sessions_ended,
    Made: rotation_rules.made,
    Rejected: rotation_rules.rejected,
    NotBefore: rotation_rules.not_before,
    TargetNamed: rotation_rules.target_named,
    RotationFound: rotation_rules.rotation_found,
    RunsOut: rotation_rules.runs_out,
    OldDead: opening_rules.old_dead,
    Closed: opening_rules.closed,
    Settled: settlement_rules.settled,
    DebtsSettled: settlement_rules.debts_settled,
    Reviewed: review_rules.reviewed,
    RollCall: drill_rules.roll_call,
    Rehearsed: drill_rules.rehearsed,
    DrillEnded: drill_rules.drill_ended,
    Destroyed: drill_rules.destroyed,
    Noted: drill_rules.noted,
    AlertsDelivered: alert_rules.alerts_delivered,
    Escalated: alert_rules.escalated,
    Eased: alert_rules.eased,
    LoginSeen: watch_rules.login_seen,
    ChangedOutside: watch_rules.changed_outside,
    Watched: watch_rules.watched,
    Probed: watch_rules.probed,
    TicketAnswered: opening_rules.ticket_answered,
    AttestedDead: lineage_rules.attested_dead,
    Retired: retire_rules.retired,
    RetiredAttested: retire_rules.retired_attested,
    Arming: arming_rules.arming,
    Disarmed: arming_rules.disarmed,
    ArmedOutside: arming_rules.armed_outside,
}
