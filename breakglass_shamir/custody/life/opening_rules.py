# SPDX-License-Identifier: Apache-2.0
"""One opening: declared, opened, used, rotated, closed; what each record asks for and what it changes.

Which record has which rule stands in the table of ``lifecycle.py``.
"""

from dataclasses import replace

from breakglass_shamir.custody.life import drill_rules
from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import epoch_of, good_epoch, opening_of, rotation_deadline_s, with_epoch
from breakglass_shamir.custody.life.state import (
    ROTATION,
    Debt,
    EpochState,
    EpochStatus,
    Opening,
    Phase,
    SetState,
    read_seat,
)
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.openings import (
    Cancelled,
    Closed,
    Declared,
    InUse,
    Opened,
    Overridden,
    Settled,
    UseEnded,
)
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.rotations import Abandoned, Applied, Applying, Countersigned, Deferred, OldDead
from breakglass_shamir.errors import IllegalState, InvalidRecord

PAST_KEPT = 16
"""Openings that are over and stay in the state, so that it does not grow with the log."""


REVIEW_DEADLINE_S = 7 * 86_400
"""How long people have to look at an overridden check."""


def declared(s: SetState, body: Declared, record: Record, data: bytes) -> SetState:
    """Begin an opening, in the place of the one that it supersedes."""
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


def overridden(s: SetState, body: Overridden, record: Record, _d: bytes) -> SetState:
    """Pass a gate by name; it is owed."""
    opening = opening_of(s, record)
    if body.gate not in GATES:
        raise IllegalState(f"expected a gate of {', '.join(GATES)}, got {body.gate}")
    if opening.declared.purpose != "emergency":
        raise IllegalState("only an emergency may override a check")
    debt = Debt(
        f"{body.gate}-{record.seq}", body.gate, opening.id, Moment.of(record), REVIEW_DEADLINE_S,
        f"review the overridden check {body.gate}: {body.problem}",
    )  # fmt: skip
    return replace(s, debts=(*s.debts, debt))


def cancelled(s: SetState, _b: Cancelled, record: Record, _d: bytes) -> SetState:
    """End a declaration that nothing came of."""
    opening = opening_of(s, record)
    if opening.phase is not Phase.DECLARED:
        raise IllegalState("only a declaration that was not opened can be cancelled; close the use instead")
    return _ended(s, "cancelled")


def opened(s: SetState, body: Opened, record: Record, _d: bytes) -> SetState:
    """Let a quorum open its epoch; the rotation is owed from here on."""
    opening = opening_of(s, record)
    if opening.phase is not Phase.DECLARED:
        raise IllegalState("this opening was opened already; declare another")
    epoch = _opened_epoch(s, opening, body)
    if not epoch.envelope.core.structure.is_quorum([read_seat(sheet) for sheet in body.sheets]):
        raise IllegalState(f"the sheets named are no quorum of epoch {epoch.number}")
    moment = Moment.of(record)
    debt = Debt(
        f"{ROTATION}-{opening.id[:8]}", ROTATION, opening.id, moment, rotation_deadline_s(s),
        f"rotate: the credential of epoch {epoch.number} was opened",
    )  # fmt: skip
    opening = replace(opening, phase=Phase.OPEN, epoch_id=body.epoch_id, opened_at=moment)
    if not s.applying and body.epoch_id != s.current:
        s = _made_current(s, epoch, record)
    owed = any(epoch_of(s, other) == body.epoch_id for other in s.rotation_debts)
    return replace(s, opening=opening, debts=s.debts if owed else (*s.debts, debt))


def _made_current(s: SetState, epoch: EpochState, record: Record) -> SetState:
    """Take the epoch that opened for the living one; what was prepared to follow another follows nothing now."""
    if s.prepared:
        s = with_epoch(s, replace(s.epochs[s.prepared], status=EpochStatus.ABANDONED, since=record.time))
    s = replace(with_epoch(s, replace(epoch, status=EpochStatus.GOOD)), current=epoch.epoch_id, prepared="")
    return replace(s, debts=_still_owed(s))


def _opened_epoch(s: SetState, opening: Opening, body: Opened) -> EpochState:
    """Return the epoch that a quorum opened; one that is void only where an emergency overrode that by name."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is not None and any(debt.kind == "void" and debt.opening == opening.id for debt in s.debts):
        return epoch
    if not s.openable(body.epoch_id):
        raise IllegalState("this epoch is not the living one")
    return good_epoch(s, body.epoch_id, body.sheets)


def in_use(s: SetState, _b: InUse, record: Record, _d: bytes) -> SetState:
    """Begin the use."""
    opening = opening_of(s, record)
    if opening.phase is not Phase.OPEN:
        raise IllegalState("a use begins when the opening is open, once")
    return replace(s, opening=replace(opening, phase=Phase.IN_USE))


def use_ended(s: SetState, body: UseEnded, record: Record, _d: bytes) -> SetState:
    """End the use; the rotation may apply."""
    opening = opening_of(s, record)
    if opening.phase not in (Phase.OPEN, Phase.IN_USE):
        raise IllegalState("there is no use to close")
    drill_rules.check_classification(opening, body.classification)
    opening = replace(opening, phase=Phase.ROTATION_DUE, classification=body.classification)
    return replace(s, opening=opening)


def deferred(s: SetState, body: Deferred, record: Record, _d: bytes) -> SetState:
    """Put the rotation off, by the quorum."""
    opening = opening_of(s, record)
    if not opening.was_opened or opening.rotated:
        raise IllegalState("there is no rotation to defer")
    debts = tuple(
        replace(debt, deadline_s=body.for_s, since=Moment.of(record), what=f"{debt.what}; deferred: {body.reason}")
        if debt.kind == ROTATION and epoch_of(s, debt) == opening.epoch_id
        else debt
        for debt in s.debts
    )
    return replace(s, debts=debts)


def abandoned(s: SetState, body: Abandoned, record: Record, _d: bytes) -> SetState:
    """Let a prepared epoch go; its sheets are void."""
    epoch = s.epochs.get(body.epoch_id)
    never_in_force = body.epoch_id == s.current and not (s.opening or s.past or s.recoveries)
    if epoch is None or s.applying or not (body.epoch_id == s.prepared or never_in_force):
        raise IllegalState("only a prepared epoch that was never applied can be abandoned")
    if never_in_force and (epoch.proven or epoch.recovered):
        raise IllegalState("only a prepared epoch that was never applied can be abandoned")
    gone = replace(epoch, status=EpochStatus.ABANDONED, since=record.time)
    s = replace(with_epoch(s, gone), prepared="", current="" if never_in_force else s.current)
    return replace(s, debts=_still_owed(s))


def countersigned(s: SetState, body: Countersigned, record: Record, _d: bytes) -> SetState:
    """Let the old quorum vouch for the new envelope."""
    opening = opening_of(s, record)
    if not (opening.was_opened and s.prepared) or body.epoch_id != s.prepared:
        raise IllegalState("only a quorum of the old epoch countersigns the prepared one")
    if s.epochs[body.epoch_id].envelope_sha256 != body.envelope_sha256:
        raise InvalidRecord("the countersigned envelope is not the prepared one")
    return with_epoch(s, replace(s.epochs[body.epoch_id], countersigned=True))


def applying(s: SetState, body: Applying, record: Record, _d: bytes) -> SetState:
    """Let the change begin: printed, held, countersigned, and the use over."""
    if not opening_of(s, record).use_ended:
        raise IllegalState("the use has not ended: the target is changed after it")
    if not s.prepared or (body.old_epoch_id, body.new_epoch_id) != (s.current, s.prepared):
        raise IllegalState("only the prepared epoch can follow the current one")
    new = s.epochs[s.prepared]
    if not s.applying and not new.countersigned:
        raise IllegalState("the old epoch's quorum did not countersign the new envelope")
    if not s.applying and not (new.sealed and new.quorum_acknowledged):
        raise IllegalState("the new sheets are not all read back, or no quorum of them is acknowledged")
    return replace(s, applying=True)


def applied(s: SetState, body: Applied, _r: Record, _d: bytes) -> SetState:
    """Keep that the connector reported the change."""
    if not s.applying or body.new_epoch_id != s.prepared:
        raise IllegalState("nothing is being applied")
    return s


def old_dead(s: SetState, body: OldDead, record: Record, _d: bytes) -> SetState:
    """Put the new epoch in force and void the old one."""
    if not s.applying or (body.old_epoch_id, body.new_epoch_id) != (s.current, s.prepared):
        raise IllegalState("nothing is being applied")
    opening = opening_of(s, record)
    if not opening.use_ended:
        raise IllegalState("the use has not ended: the old credential is proven dead after it")
    new = replace(s.epochs[s.prepared], proven=True)
    for epoch_id in {s.current, opening.epoch_id} - {s.prepared}:
        s = with_epoch(s, replace(s.epochs[epoch_id], status=EpochStatus.VOID, since=record.time))
    s = replace(with_epoch(s, new), current=s.prepared, prepared="", applying=False)
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
    return tuple(debt for debt in s.debts if debt.kind != ROTATION or epoch_of(s, debt) in alive)


def closed(s: SetState, body: Closed, record: Record, _d: bytes) -> SetState:
    """End an opening whose rotation is done."""
    opening = opening_of(s, record)
    if not opening.rotated:
        raise IllegalState("an opening closes when its rotation is proven, not before")
    drill_rules.check_classification(opening, body.classification)
    return _ended(replace(s, opening=replace(opening, classification=body.classification)), "closed")


def settled(s: SetState, body: Settled, _r: Record, _d: bytes) -> SetState:
    """Pay a debt that people looked at."""
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
