# SPDX-License-Identifier: Apache-2.0
"""Which records about policy and custodians may follow, and what they change.

Rules:

1. A set without an epoch takes any policy of its name. Once there is one, a policy that weakens the set is only
   taken with the signature of a quorum, in an opening of its own that was declared as a rotation. Beside a living
   epoch that this terminal issued, one that it learned from its sheets is no such quorum: anybody can print one.
2. The record of such a change lists what weakens; the list must be the one that follows from the two policies.
3. A custodian whom a new policy does not name any more has left: the roll-call of that sheet is due at once.
4. A sheet that changes hands is acknowledged anew. Who would come to know too much is refused, unless the record
   says that it has happened and names what stands against it.
"""

from msgspec.structs import replace

from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import good_epoch, is_living_here
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.sheets import Reassigned
from breakglass_shamir.errors import HeldTooMuch, IllegalState, InvalidPolicy, InvalidRecord, PolicyWeakens


def policy_adopted(s: SetState, body: PolicyAdopted, record: Record, _d: bytes) -> SetState:
    """Take a policy that weakens nothing."""
    new = _policy_in(s, body)
    weaker = weakened_by(s, new)
    if weaker:
        raise PolicyWeakens(weaker)
    return _under(s, body.source, record)


def policy_weakened(s: SetState, body: PolicyWeakened, record: Record, _d: bytes) -> SetState:
    """Take a policy that weakens the set, by its quorum."""
    new = _policy_in(s, body)
    opening = s.opening
    if opening is None or record.opening != opening.id or not opening.was_opened:
        raise IllegalState("a policy that weakens a set is adopted by the quorum that opened it")
    if opening.declared.purpose != "rotation" or not s.openable(opening.epoch_id):
        raise IllegalState("a policy that weakens a set is adopted in a rotation, by a quorum that still counts")
    if s.epochs[opening.epoch_id].recovered and any(is_living_here(epoch) for epoch in s.epochs.values()):
        raise IllegalState(
            "a policy that weakens a set this terminal issued is not adopted by sheets it knows from themselves alone",
            hint="rotate first; the epoch that is printed here may",
        )
    if not body.weakens or body.weakens != weakened_by(s, new):
        raise InvalidRecord("the record does not list what its policy weakens")
    return _under(s, body.source, record)


def weakened_by(s: SetState, new: Policy) -> tuple[str, ...]:
    """Return what a policy weakens in a set as it is; nothing where no sheet exists yet."""
    if not s.current:
        return ()
    from breakglass_shamir.custody.policy.weakening import weakenings

    return weakenings(policy_in_force(s, new.target.uri), new)


def policy_in_force(s: SetState, target: str = policies.BY_PEOPLE) -> Policy:
    """Return the set's policy, or the built-in one of a set that is known from its sheets alone.

    Args:
        s: the set.
        target: what the built-in one names; by default one that people change.
    """
    if s.policy_source:
        return policies.parse(s.policy_source)
    return policies.built_in(s.name, s.current_epoch.envelope.core.structure, target)


def reassigned(s: SetState, body: Reassigned, _r: Record, _d: bytes) -> SetState:
    """Let a sheet change hands."""
    epoch = good_epoch(s, body.epoch_id, (body.sheet,))
    holder = epoch.custodians.get(body.sheet, "")
    if holders.same_person(holder, body.custodian):
        raise IllegalState(f"{holder} keeps sheet {body.sheet} of epoch {epoch.number} already")
    against = holders.too_much(epoch, body.sheet, body.custodian)
    if against and not body.despite:
        raise HeldTooMuch(against)
    if body.despite != against:
        raise InvalidRecord("the record does not list what stands against handing this sheet on")
    former = {**epoch.former, body.sheet: (*epoch.former.get(body.sheet, ()), *filter(None, [holder]))}
    held = {seat: name for seat, name in epoch.acknowledged.items() if seat != body.sheet}
    custodians = {**epoch.custodians, body.sheet: body.custodian}
    said = {seat: data for seat, data in epoch.acknowledgements.items() if seat != body.sheet}
    epoch = replace(epoch, former=former, acknowledged=held, acknowledgements=said, custodians=custodians)
    return replace(s, epochs={**s.epochs, epoch.epoch_id: epoch})


def _under(s: SetState, source: str, record: Record) -> SetState:
    """Put a policy in force; who keeps a sheet and is not in it has left."""
    gone_before = holders.departed(s) if s.current else ()
    s = replace(s, policy_source=source)
    left = [name for name in (holders.departed(s) if s.current else ()) if name not in gone_before]
    if not left:
        return s
    at, epoch = Moment.of(record), s.current_epoch
    seats = [seat for seat in epoch.seats if epoch.custodians.get(seat) in left and seat not in epoch.voided]
    moved = {(s.current, seat): replace(s.history.sheet(s.current, seat), moved=at) for seat in seats}
    return replace(s, history=replace(s.history, sheets={**s.history.sheets, **moved}, people_changed=at))


def _policy_in(s: SetState, body: PolicyAdopted | PolicyWeakened) -> Policy:
    try:
        policy = policies.parse(body.source)
    except InvalidPolicy as error:
        raise InvalidRecord(f"the adopted policy does not parse: {error}") from None
    if policies.digest(body.source).hex() != body.digest or policy.name != s.name:
        raise InvalidRecord("the adopted policy is of another set or has another digest")
    return policy
