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
5. An epoch is void from ``old-dead`` on; until then its sheets open. A prepared epoch opens only while the
   target is being changed.
6. An epoch that is void or abandoned stays in the state, so that nothing brings it back.
7. ``refused`` may be recorded at any time and changes nothing.

What policy demands of people is not here; ``gates.py`` has that. What is beside a set's main line is in files of its
own: ``drill_rules.py``, ``custody_rules.py`` (policies and custodians), ``rotation_rules.py``, ``alert_rules.py``,
``watch_rules.py``, ``officers.py`` and ``custodian_signatures.py`` (their signatures), and ``recovery.py`` (what a
recovery must agree with).
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from breakglass_shamir.crypto.keys import Kind, epoch_id_of
from breakglass_shamir.custody.confirm import ConfirmedCore
from breakglass_shamir.custody.life import (
    alert_rules,
    custodian_signatures,
    custody_rules,
    drill_rules,
    history,
    officers,
    recovery,
    rotation_rules,
    watch_rules,
)
from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import (
    ROTATION,
    Debt,
    EpochState,
    EpochStatus,
    LedgerState,
    Opening,
    Phase,
    SetState,
    read_seat,
    write_seat,
)
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.epochs import Issued, Pinned, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted, PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    ChangedOutside,
    Eased,
    Escalated,
    Heartbeat,
    LoginSeen,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Cancelled,
    Closed,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Overridden,
    Refused,
    Settled,
    UseEnded,
)
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Countersigned,
    Deferred,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    SessionsAwaited,
    SessionsEnded,
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
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    InvalidEnvelope,
    InvalidRecord,
    InvalidStructure,
    UnsupportedVersion,
)
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Envelope

DEFAULT_DEADLINE_S = 86_400
"""Rotation deadline where no policy says otherwise."""

REVIEW_DEADLINE_S = 7 * 86_400
"""How long people have to look at an overridden check."""

PAST_KEPT = 16
"""Openings that are over and stay in the state, so that it does not grow with the log."""


_CHANGE_NOTHING = (Refused, LedgerMoved)


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


def changes_nothing(state: LedgerState, body: records.AnyBody) -> bool:
    """Tell of a record that it may always follow and changes nothing but the last moment."""
    if isinstance(body, Heartbeat):
        return state.last is not None and body.every_s == state.beat_every_s
    return isinstance(body, _CHANGE_NOTHING) and state.last is not None


def apply(state: LedgerState, data: bytes, record: Record) -> LedgerState:
    """Return the state after one more record.

    Raises:
        IllegalState: the record may not follow.
        InvalidRecord: the record contradicts itself.
    """
    first = state.last is None
    state = state.at(record)
    body = record.body
    if isinstance(body, LedgerStarted):
        if not first:
            raise IllegalState("a ledger starts once, with its first record")
        return replace(state, terminal=body.terminal, public_key=body.public_key)
    if isinstance(body, _CHANGE_NOTHING):
        return state
    if isinstance(body, Heartbeat):
        return _heartbeat(state, body)
    current = state.sets.get(record.set)
    if current is None:
        if not isinstance(body, PolicyAdopted | Recovered | RecoveredCore):
            raise IllegalState(f"set {record.set} is not in this ledger")
        current = SetState(record.set)
    changed = _RULES[type(body)](current, body, record, data)
    changed = replace(changed, history=history.follow(changed.history, body, Moment.of(record)))
    return replace(state, sets={**state.sets, record.set: changed})


def _heartbeat(state: LedgerState, body: Heartbeat) -> LedgerState:
    if body.every_s < 0:
        raise InvalidRecord(f"expected a heartbeat's interval of 0 or more seconds, got {body.every_s}")
    return replace(state, beat_every_s=body.every_s)


def _issued(s: SetState, body: Issued, record: Record, _d: bytes) -> SetState:
    epoch = _epoch(s, body, record)
    if not s.current and body.predecessor:
        raise IllegalState("the first epoch of a set has no predecessor")
    if s.current and not _opening(s, record).was_opened:
        raise IllegalState(f"set {s.name} already has an epoch; a new one is made by a rotation")
    if s.prepared or s.applying:
        raise IllegalState(f"set {s.name} already has a prepared epoch; it is applied or abandoned first")
    highest = max((e.number for e in s.epochs.values()), default=0)
    if body.predecessor != s.current or epoch.number <= highest:
        raise IllegalState("a new epoch follows the current one and has a higher number than any before")
    known = _with_epoch(s, epoch)
    return replace(known, prepared=epoch.epoch_id) if s.current else replace(known, current=epoch.epoch_id)


def _recovered(s: SetState, body: Recovered, record: Record, _d: bytes) -> SetState:
    envelope = _envelope(body, s.name)
    sha256, predecessor, good = body.envelope_sha256, envelope.predecessor.hex(), EpochStatus.GOOD
    epoch = EpochState(body.epoch, envelope, sha256, predecessor, {}, good, record.time, recovered=True)
    return _learned(s, epoch)


def _recovered_core(s: SetState, body: RecoveredCore, record: Record, _d: bytes) -> SetState:
    found = _core(body)
    return _learned(s, EpochState(body.epoch, found, "", "", {}, EpochStatus.GOOD, record.time, recovered=True))


def _learned(s: SetState, epoch: EpochState) -> SetState:
    """Take an epoch that only its sheets vouch for."""
    if epoch.epoch_id in s.epochs:
        raise IllegalState("this epoch is in the ledger already")
    return replace(s, epochs={**s.epochs, epoch.epoch_id: epoch}, current=s.current or epoch.epoch_id)


def _pinned(s: SetState, body: Pinned, _r: Record, _d: bytes) -> SetState:
    epoch = s.epochs.get(body.epoch_id)
    if epoch is None or not epoch.recovered:
        raise IllegalState("only an epoch that was learned from its sheets is pinned by a receipt")
    found = (epoch.envelope.set_public_key.hex(), epoch.envelope_sha256)
    if found != (body.set_public_key, body.envelope_sha256):
        raise InvalidRecord("the receipt pins another key or envelope than this ledger holds")
    return _with_epoch(s, replace(epoch, pinned=True))


def _proven(s: SetState, body: Proven, _r: Record, _d: bytes) -> SetState:
    epoch = _good_epoch(s, body.epoch_id, ())
    return _with_epoch(s, replace(epoch, proven=epoch.proven or body.result == "accepted"))


def _read_back(s: SetState, body: ReadBack, _r: Record, _d: bytes) -> SetState:
    epoch = _good_epoch(s, body.epoch_id, body.sheets)
    return _with_epoch(s, replace(epoch, read_back=epoch.read_back | set(body.sheets)))


def _acknowledged(s: SetState, body: Acknowledged, _r: Record, data: bytes) -> SetState:
    epoch = _good_epoch(s, body.epoch_id, (body.sheet,))
    held = {**epoch.acknowledged, body.sheet: body.custodian}
    return _with_epoch(
        s, replace(epoch, acknowledged=held, acknowledgements={**epoch.acknowledgements, body.sheet: data})
    )


def _sheet_voided(s: SetState, body: SheetVoided, record: Record, _d: bytes) -> SetState:
    epoch = _good_epoch(s, body.epoch_id, (body.sheet,))
    voided, on = {**epoch.voided, body.sheet: body.reason}, {**epoch.voided_on, body.sheet: record.time}
    return _with_epoch(s, replace(epoch, voided=voided, voided_on=on))


def _recovery_imported(s: SetState, body: RecoveryImported, record: Record, _d: bytes) -> SetState:
    epoch = recovery.accept(s, body)
    s = replace(s, recoveries=s.recoveries | {body.sha256})
    if epoch.status is not EpochStatus.GOOD or any(_epoch_of(s, one) == body.epoch_id for one in s.rotation_debts):
        return s
    debt = Debt(
        f"{ROTATION}-{body.sha256[:8]}", ROTATION, "", Moment.of(record), _rotation_deadline_s(s),
        f"rotate: the credential of epoch {epoch.number} was recovered without this program", body.epoch_id,
    )  # fmt: skip
    return replace(s, debts=(*s.debts, debt))


def _declared(s: SetState, body: Declared, record: Record, data: bytes) -> SetState:
    if not s.current:
        raise IllegalState(f"set {s.name} has no epoch to open")
    under_way = s.opening.id if s.opening else ""
    if body.supersedes != under_way:
        raise IllegalState("another opening of this set is under way")
    if body.policy_digest != s.policy_digest:
        raise InvalidRecord("the declaration was made under another policy than the one in force")
    if s.opening:
        s = _ended(s, "superseded")
    opening = Opening(records.digest(data), body, Moment.of(record), seq=record.seq, data=data)
    return replace(s, opening=opening)


def _overridden(s: SetState, body: Overridden, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if body.gate not in GATES:
        raise IllegalState(f"expected a gate of {', '.join(GATES)}, got {body.gate}")
    if opening.declared.purpose != "emergency":
        raise IllegalState("only an emergency may override a check")
    debt = Debt(
        f"{body.gate}-{record.seq}", body.gate, opening.id, Moment.of(record), REVIEW_DEADLINE_S,
        f"review the overridden check {body.gate}: {body.problem}",
    )  # fmt: skip
    return replace(s, debts=(*s.debts, debt))


def _cancelled(s: SetState, _b: Cancelled, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if opening.phase is not Phase.DECLARED:
        raise IllegalState("only a declaration that was not opened can be cancelled; close the use instead")
    return _ended(s, "cancelled")


def _opened(s: SetState, body: Opened, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if opening.phase is not Phase.DECLARED:
        raise IllegalState("this opening was opened already; declare another")
    epoch = _opened_epoch(s, opening, body)
    if not epoch.envelope.core.structure.is_quorum([read_seat(sheet) for sheet in body.sheets]):
        raise IllegalState(f"the sheets named are no quorum of epoch {epoch.number}")
    moment = Moment.of(record)
    debt = Debt(
        f"{ROTATION}-{opening.id[:8]}", ROTATION, opening.id, moment, _rotation_deadline_s(s),
        f"rotate: the credential of epoch {epoch.number} was opened",
    )  # fmt: skip
    opening = replace(opening, phase=Phase.OPEN, epoch_id=body.epoch_id, opened_at=moment)
    if not s.applying and body.epoch_id != s.current:
        s = _made_current(s, epoch, record)
    owed = any(_epoch_of(s, other) == body.epoch_id for other in s.rotation_debts)
    return replace(s, opening=opening, debts=s.debts if owed else (*s.debts, debt))


def _made_current(s: SetState, epoch: EpochState, record: Record) -> SetState:
    """Take the epoch that opened for the living one; what was prepared to follow another follows nothing now."""
    if s.prepared:
        s = _with_epoch(s, replace(s.epochs[s.prepared], status=EpochStatus.ABANDONED, since=record.time))
    s = replace(_with_epoch(s, replace(epoch, status=EpochStatus.GOOD)), current=epoch.epoch_id, prepared="")
    return replace(s, debts=_still_owed(s))


def _opened_epoch(s: SetState, opening: Opening, body: Opened) -> EpochState:
    """Return the epoch that a quorum opened; one that is void only where an emergency overrode that by name."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is not None and any(debt.kind == "void" and debt.opening == opening.id for debt in s.debts):
        return epoch
    if not s.openable(body.epoch_id):
        raise IllegalState("this epoch is not the living one")
    return _good_epoch(s, body.epoch_id, body.sheets)


def _epoch_of(s: SetState, debt: Debt) -> str:
    """Return the epoch whose opening, or whose use elsewhere, made a debt."""
    if debt.epoch_id:
        return debt.epoch_id
    openings = (*s.past, *filter(None, [s.opening]))
    return next((opening.epoch_id for opening in openings if opening.id == debt.opening), "")


def _in_use(s: SetState, _b: InUse, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if opening.phase is not Phase.OPEN:
        raise IllegalState("a use begins when the opening is open, once")
    return replace(s, opening=replace(opening, phase=Phase.IN_USE))


def _use_ended(s: SetState, body: UseEnded, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if opening.phase not in (Phase.OPEN, Phase.IN_USE):
        raise IllegalState("there is no use to close")
    drill_rules.check_classification(opening, body.classification)
    opening = replace(opening, phase=Phase.ROTATION_DUE, classification=body.classification)
    return replace(s, opening=opening)


def _deferred(s: SetState, body: Deferred, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if not opening.was_opened or opening.rotated:
        raise IllegalState("there is no rotation to defer")
    debts = tuple(
        replace(debt, deadline_s=body.for_s, since=Moment.of(record), what=f"{debt.what}; deferred: {body.reason}")
        if debt.kind == ROTATION and _epoch_of(s, debt) == opening.epoch_id
        else debt
        for debt in s.debts
    )
    return replace(s, debts=debts)


def _abandoned(s: SetState, body: Abandoned, record: Record, _d: bytes) -> SetState:
    epoch = s.epochs.get(body.epoch_id)
    never_in_force = body.epoch_id == s.current and not (s.opening or s.past or s.recoveries)
    if epoch is None or s.applying or not (body.epoch_id == s.prepared or never_in_force):
        raise IllegalState("only a prepared epoch that was never applied can be abandoned")
    if never_in_force and (epoch.proven or epoch.recovered):
        raise IllegalState("only a prepared epoch that was never applied can be abandoned")
    gone = replace(epoch, status=EpochStatus.ABANDONED, since=record.time)
    s = replace(_with_epoch(s, gone), prepared="", current="" if never_in_force else s.current)
    return replace(s, debts=_still_owed(s))


def _countersigned(s: SetState, body: Countersigned, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if not (opening.was_opened and s.prepared) or body.epoch_id != s.prepared:
        raise IllegalState("only a quorum of the old epoch countersigns the prepared one")
    if s.epochs[body.epoch_id].envelope_sha256 != body.envelope_sha256:
        raise InvalidRecord("the countersigned envelope is not the prepared one")
    return _with_epoch(s, replace(s.epochs[body.epoch_id], countersigned=True))


def _applying(s: SetState, body: Applying, record: Record, _d: bytes) -> SetState:
    if not _opening(s, record).use_ended:
        raise IllegalState("the use has not ended: the target is changed after it")
    if not s.prepared or (body.old_epoch_id, body.new_epoch_id) != (s.current, s.prepared):
        raise IllegalState("only the prepared epoch can follow the current one")
    new = s.epochs[s.prepared]
    if not s.applying and not new.countersigned:
        raise IllegalState("the old epoch's quorum did not countersign the new envelope")
    if not s.applying and not (new.sealed and new.quorum_acknowledged):
        raise IllegalState("the new sheets are not all read back, or no quorum of them is acknowledged")
    return replace(s, applying=True)


def _applied(s: SetState, body: Applied, _r: Record, _d: bytes) -> SetState:
    if not s.applying or body.new_epoch_id != s.prepared:
        raise IllegalState("nothing is being applied")
    return s


def _old_dead(s: SetState, body: OldDead, record: Record, _d: bytes) -> SetState:
    if not s.applying or (body.old_epoch_id, body.new_epoch_id) != (s.current, s.prepared):
        raise IllegalState("nothing is being applied")
    opening = _opening(s, record)
    if not opening.use_ended:
        raise IllegalState("the use has not ended: the old credential is proven dead after it")
    new = replace(s.epochs[s.prepared], proven=True)
    for epoch_id in {s.current, opening.epoch_id} - {s.prepared}:
        s = _with_epoch(s, replace(s.epochs[epoch_id], status=EpochStatus.VOID, since=record.time))
    s = replace(_with_epoch(s, new), current=s.prepared, prepared="", applying=False)
    owed = _still_owed(s)
    if body.attested_by:
        what = "review: the death of the old credential was attested, not proven"
        debt = Debt(
            f"old-unproven-{record.seq}", "old-unproven", opening.id, Moment.of(record), REVIEW_DEADLINE_S, what
        )
        owed = (*owed, debt)
    return replace(s, debts=owed, opening=replace(opening, rotated=True))


def _still_owed(s: SetState) -> tuple[Debt, ...]:
    """Leave out the rotations of epochs that are dead; what was opened and may still be alive stays owed."""
    alive = {epoch_id for epoch_id, epoch in s.epochs.items() if epoch.status is EpochStatus.GOOD}
    return tuple(debt for debt in s.debts if debt.kind != ROTATION or _epoch_of(s, debt) in alive)


def _closed(s: SetState, body: Closed, record: Record, _d: bytes) -> SetState:
    opening = _opening(s, record)
    if not opening.rotated:
        raise IllegalState("an opening closes when its rotation is proven, not before")
    drill_rules.check_classification(opening, body.classification)
    return _ended(replace(s, opening=replace(opening, classification=body.classification)), "closed")


def _settled(s: SetState, body: Settled, _r: Record, _d: bytes) -> SetState:
    debt = next((debt for debt in s.debts if debt.id == body.debt), None)
    if debt is None:
        raise IllegalState(f"set {s.name} has no debt {body.debt}")
    if debt.kind == ROTATION:
        raise IllegalState("a rotation debt is settled by a proven rotation only")
    return replace(s, debts=tuple(other for other in s.debts if other is not debt))


def _ended(s: SetState, outcome: str) -> SetState:
    past = (*s.past, replace(s.active_opening, outcome=outcome, data=b""))
    owing = {debt.opening for debt in s.debts}
    kept = (*(one for one in past[:-PAST_KEPT] if one.id in owing), *past[-PAST_KEPT:])
    return replace(s, opening=None, past=kept)


def _opening(s: SetState, record: Record) -> Opening:
    """Return the opening a record belongs to, which must be the one under way."""
    if s.opening is None or record.opening != s.opening.id:
        raise IllegalState(f"the record belongs to no opening of set {s.name} that is under way")
    return s.opening


def _good_epoch(s: SetState, epoch_id: str, sheets: Iterable[str]) -> EpochState:
    epoch = s.epochs.get(epoch_id)
    if epoch is None or epoch.status is not EpochStatus.GOOD:
        raise IllegalState("this epoch is void, abandoned or unknown")
    for sheet in sheets:
        if sheet not in epoch.seats:
            raise IllegalState(f"expected a sheet of epoch {epoch.number} ({', '.join(epoch.seats)}), got {sheet}")
        if sheet in epoch.voided:
            raise IllegalState(f"sheet {sheet} of epoch {epoch.number} is void")
    return epoch


def _with_epoch(s: SetState, epoch: EpochState) -> SetState:
    return replace(s, epochs={**s.epochs, epoch.epoch_id: epoch})


def _epoch(s: SetState, body: Issued, record: Record) -> EpochState:
    envelope = _envelope(body, s.name)
    if envelope.predecessor.hex() != (body.predecessor or bytes(8).hex()):
        raise InvalidRecord("the envelope names another predecessor than its record")
    if set(body.custodians) != set(map(write_seat, envelope.core.structure.seats())):
        raise InvalidRecord("custodians and sheets do not match")
    if _salted_digest(body) != envelope.policy_digest:
        raise InvalidRecord("the policy's digest is not the one in the envelope")
    return EpochState(
        body.epoch,
        envelope,
        body.envelope_sha256,
        body.predecessor,
        body.custodians,
        EpochStatus.GOOD,
        record.time,
        proven=body.proven == "accepted",
        drill_envelope=body.drill_envelope,
    )


def _salted_digest(body: Issued) -> bytes:
    try:
        salt, digest = bytes.fromhex(body.policy_salt), bytes.fromhex(body.policy_digest)
    except ValueError:
        return b""
    return hashlib.sha256(salt + digest).digest()


def _envelope(body: Issued | Recovered, name: str) -> Envelope:
    """Parse a record's envelope and hold it against what the record says of it."""
    try:
        data = base64.b64decode(body.envelope, validate=True)
    except ValueError:
        raise InvalidRecord("the record's envelope is not base64") from None
    try:
        envelope = Envelope.from_bytes(data)
    except (InvalidEnvelope, UnsupportedVersion, InvalidStructure) as error:
        raise InvalidRecord(f"the record's envelope does not hold: {error}") from None
    if envelope.core.kind is not Kind.LIVE:
        raise InvalidRecord(f"expected a live envelope, got one of a {envelope.core.kind.word}")
    core, public = envelope.core, envelope.set_public_key.hex()
    claimed = (body.epoch, body.epoch_id, body.set_public_key, body.envelope_sha256, name)
    found = (core.epoch, core.epoch_id.hex(), public, envelope.digest.hex(), envelope.set_name)
    if claimed != found:
        raise InvalidRecord("the record and its envelope do not agree")
    return envelope


def _core(body: RecoveredCore) -> ConfirmedCore:
    """Parse a record's core and hold it against what the record says of it."""
    try:
        core = Core.from_bytes(base64.b64decode(body.core, validate=True))
        public = bytes.fromhex(body.set_public_key)
    except ValueError:
        raise InvalidRecord("the record's core or key is not text of its encoding") from None
    except (InvalidEnvelope, UnsupportedVersion) as error:
        raise InvalidRecord(f"the record's core does not hold: {error}") from None
    if core.kind is not Kind.LIVE:
        raise InvalidRecord(f"expected a live core, got one of a {core.kind.word}")
    claimed = (body.epoch, body.epoch_id, body.set_public_key)
    if claimed != (core.epoch, epoch_id_of(public).hex(), public.hex()) or epoch_id_of(public) != core.epoch_id:
        raise InvalidRecord("the record and its core do not agree")
    return ConfirmedCore(core, public)


def _rotation_deadline_s(s: SetState) -> int:
    if not s.policy_source:
        return DEFAULT_DEADLINE_S
    return policies.parse(s.policy_source).rotation.deadline.seconds


_RULES: Mapping[type, Callable[[SetState, Any, Record, bytes], SetState]] = {
    PolicyAdopted: custody_rules.policy_adopted,
    PolicyWeakened: custody_rules.policy_weakened,
    Reassigned: custody_rules.reassigned,
    Issued: _issued,
    Recovered: _recovered,
    RecoveredCore: _recovered_core,
    Pinned: _pinned,
    Proven: _proven,
    ReadBack: _read_back,
    Acknowledged: _acknowledged,
    CustodianSigned: custodian_signatures.custodian_signed,
    SheetVoided: _sheet_voided,
    Declared: _declared,
    OfficerSigned: officers.officer_signed,
    RecoveryImported: _recovery_imported,
    Overridden: _overridden,
    Cancelled: _cancelled,
    Opened: _opened,
    InUse: _in_use,
    UseEnded: _use_ended,
    Deferred: _deferred,
    Abandoned: _abandoned,
    Countersigned: _countersigned,
    Applying: _applying,
    Applied: _applied,
    Waited: rotation_rules.waited,
    SessionsAwaited: rotation_rules.sessions_awaited,
    SessionsEnded: rotation_rules.sessions_ended,
    Rejected: rotation_rules.rejected,
    NotBefore: rotation_rules.not_before,
    RotationFound: rotation_rules.rotation_found,
    OldDead: _old_dead,
    Closed: _closed,
    Settled: _settled,
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
}
