# SPDX-License-Identifier: Apache-2.0
"""Which records about the end of a set and of a terminal may follow, and what they change.

Rules:

1. A set is retired by its quorum, or without one on the word of those whose word counts (``attesting.py``).
2. What is known of the credential is said: ``dead`` where the target refused it or people vouch, ``gone`` where
   people vouch that the account is, ``lives`` where the target took it, ``unknown`` where nobody asked.
3. Where a rotation is owed, only a credential that is dead or gone ends it. The target's refusal speaks for the
   epoch that was opened alone; people's word, for all of them.
4. People's word where something was owed is a debt of its own: it is looked at.
5. While the target is being changed either credential may live: only people's word that it is dead or gone counts.
6. An emergency that opens a retired set takes it back into service; it owes a rotation, or is retired again.
7. A terminal that is retired records nothing more. Each of its sets is known to another terminal that is pinned
   here, or retired, or passed by name. What still owes something, or has sheets to destroy, is passed by name only.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from breakglass_shamir.custody.life import attesting, opening_rules, standing, under_way
from breakglass_shamir.custody.life.lineage_rules import UNPROVEN
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import (
    REVIEW_DEADLINE_S,
    abandoning,
    epoch_of,
    is_living_here,
    opening_of,
    owes_rotation,
)
from breakglass_shamir.custody.life.state import (
    ROTATION,
    Debt,
    EpochState,
    EpochStatus,
    LedgerState,
    Retirement,
    SetState,
)
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.errors import IllegalState, InvalidRecord

DEAD, GONE, LIVES, UNKNOWN = CREDENTIALS = ("dead", "gone", "lives", "unknown")
"""What may be known of a credential at its target."""

ATTESTED = "end-unproven"
"""Kind of the debt that people's word leaves where something was owed."""

DESTROY_DEADLINE_S = 7 * 86_400
"""How long a retired set's sheets may still be there before that is overdue."""

Left = tuple[tuple[EpochState, tuple[str, ...]], ...]
"""Sheets of epochs."""

_OVER = (DEAD, GONE)
_BY_QUORUM = {True: (DEAD, GONE), False: (DEAD, LIVES, UNKNOWN)}
"""Whether somebody attests to what the record may then say."""


def retired(s: SetState, body: Retired, record: Record, _d: bytes) -> SetState:
    """Let a quorum take the set out of service."""
    opening = opening_of(s, record)
    if opening.declared.purpose != "rotation" or not opening.use_ended:
        raise IllegalState("a set is retired by the quorum that opened it for that, after the use has ended")
    if s.epochs[opening.epoch_id].recovered and any(is_living_here(epoch) for epoch in s.epochs.values()):
        raise IllegalState(
            "a set that this terminal issued is not retired by sheets it knows from themselves alone",
            hint="bring the sheets of the epoch in force",
        )
    if body.credential not in _BY_QUORUM[bool(body.attested_by)]:
        raise InvalidRecord(f"the record does not say how the credential is known to be {body.credential[:20]!r}")
    _check_word(s, body.attested_by)
    proven = () if body.attested_by else (opening.epoch_id,)
    owed = _check_debts(s, body.credential, proven, but=opening.id)
    s = _out_of_service(s, _retirement(body, record, by_quorum=True), record, owed=owed)
    return replace(s, opening=replace(opening, rotated=True))


def retired_attested(s: SetState, body: RetiredAttested, record: Record, _d: bytes) -> SetState:
    """Let people take the set out of service without a quorum."""
    if not s.current:
        raise IllegalState(f"set {s.name} has no epoch to retire")
    if s.retired and not s.rotation_debts:
        raise IllegalState(f"set {s.name} is retired since {s.retired.at.time}")
    if s.opening and not (s.opening.use_ended or s.opening.rotated):
        raise IllegalState(
            f"opening {s.opening.short_id} of set {s.name} is {s.opening.phase}: it ends first",
            hint=under_way.ends_with(s, s.opening),
        )
    if body.credential not in (*_OVER, UNKNOWN):
        raise InvalidRecord(f"expected a credential that is dead, gone or unknown, got {body.credential[:20]!r}")
    if not body.attested_by:
        raise IllegalState("a set is retired by its quorum, or by people who attest")
    _check_word(s, body.attested_by)
    owed = _check_debts(s, body.credential, ())
    s = _out_of_service(s, _retirement(body, record, by_quorum=False), record, owed=owed)
    return opening_rules.ended(s, "retired") if s.opening else s


def terminal_retired(state: LedgerState, body: TerminalRetired, record: Record) -> LedgerState:
    """End the log."""
    kept = {name: s for name, s in state.sets.items() if s.current}
    named = [*body.handed_on, *body.retired, *body.passed]
    if sorted(named) != sorted(kept):
        raise InvalidRecord("the record does not say of each set, once, what becomes of it")
    for name in (*body.handed_on, *body.retired):
        if why := unfinished(kept[name]):
            raise IllegalState(f"set {name}: {why}")
    for name in body.retired:
        if not kept[name].retired:
            raise IllegalState(f"set {name} is not retired")
    for name, log in body.handed_on.items():
        if log not in keepers(state, kept[name]):
            raise IllegalState(f"no terminal that is pinned here is known to keep the epoch in force of set {name}")
    return replace(state, ended=Moment.of(record), beat_every_s=0)


def keepers(state: LedgerState, s: SetState) -> Mapping[str, str]:
    """Return the pinned terminals that keep a set with the epoch that is in force here: log id to name."""
    return {
        log: state.terminals[log].name
        for log, told in s.told.items()
        if told.current == s.current and log in state.terminals
    }


def unfinished(s: SetState) -> str:
    """Say what a set still has to do on this terminal; empty: nothing."""
    if s.opening:
        return f"opening {s.opening.short_id} is under way"
    if s.debts:
        return f"it owes {', '.join(debt.id for debt in s.debts)}"
    return f"not destroyed: {listed(left)}" if (left := due_to_destroy(s)) else ""


def to_destroy(s: SetState) -> Left:
    """Return the sheets that open nothing, or are out of service, and whose destruction is not on record.

    Not those of an epoch whose credential may live, whatever its status: what people vouched for and nobody looked at,
    what the target took last, and what owes a rotation, which needs these sheets.
    """
    found = []
    for epoch in sorted(s.epochs.values(), key=lambda one: one.number):
        gone = s.history.destroyed.get(epoch.epoch_id, frozenset())
        if left := tuple(seat for seat in _over(s, epoch) if seat not in gone):
            found.append((epoch, left))
    return tuple(found)


def due_to_destroy(s: SetState) -> Left:
    """Return the sheets of a retired set that are still to be destroyed.

    Those of epochs that were dead before are said by :func:`to_destroy`, as in any set. So is one that is missing,
    voided with a reason, where the credential is dead or gone; where it may live, the missing one stays due.
    """
    if s.retired is None:
        return ()
    over, found = s.retired.credential in _OVER, []
    for epoch, seats in to_destroy(s):
        left = tuple(seat for seat in seats if not (over and seat in epoch.voided))
        if epoch.status is EpochStatus.GOOD and left:
            found.append((epoch, left))
    return tuple(found)


def contradicted(s: SetState) -> str:
    """Say that the target's last word is that it takes a credential whose rotation is owed; empty: it is not."""
    owed = {epoch_of(s, debt) for debt in s.rotation_debts}
    taken = [epoch for epoch in s.epochs.values() if epoch.epoch_id in owed and epoch.answered == "accepted"]
    return "; ".join(
        f"the target accepted the credential of epoch {epoch.number}, {epoch.accepted_at}, and was not asked since"
        for epoch in taken
    )


def listed(left: Left) -> str:
    """Name sheets, epoch by epoch."""
    return "; ".join(f"sheets {', '.join(seats)} of epoch {epoch.number}" for epoch, seats in left)


def _over(s: SetState, epoch: EpochState) -> tuple[str, ...]:
    over = epoch.status is not EpochStatus.GOOD and not _may_be_needed(s, epoch)
    if over or (s.retired and not owes_rotation(s, epoch.epoch_id)):
        return epoch.seats
    return tuple(epoch.voided)


def _may_be_needed(s: SetState, epoch: EpochState) -> bool:
    links = standing.links_from(s, epoch.epoch_id)
    dead = epoch.attested_by or any(link.proven and epoch.accepted_at <= link.at for link in links)
    if (epoch.answered == "accepted" and not dead) or epoch.epoch_id == s.forking:
        return True
    owed = (debt for debt in s.debts if debt.kind in (ROTATION, UNPROVEN))
    return any(epoch_of(s, debt) == epoch.epoch_id for debt in owed)


def _check_word(s: SetState, names: tuple[str, ...]) -> None:
    policy = policies.parse(s.policy_source) if s.policy_source else None
    if names and (problem := attesting.against(policy, names)):
        raise IllegalState(problem)


def _check_debts(s: SetState, credential: str, proven: tuple[str, ...], but: str = "") -> bool:
    """Tell whether a rotation is owed, by anything but one opening; refuse what does not end it."""
    owed = [debt for debt in s.rotation_debts if not but or debt.opening != but]
    if not owed and not s.applying:
        return False
    if credential not in _OVER:
        raise IllegalState(
            f"set {s.name} owes a rotation: it is retired only when the credential is dead or the account is gone"
        )
    if proven and (s.applying or any(epoch_of(s, debt) not in proven for debt in owed)):
        raise IllegalState(
            f"set {s.name} owes the rotation of another epoch than the one whose credential the target refused"
        )
    return True


def _retirement(body: Retired | RetiredAttested, record: Record, *, by_quorum: bool) -> Retirement:
    return Retirement(Moment.of(record), body.reason, body.credential, body.attested_by, by_quorum)


def _out_of_service(s: SetState, how: Retirement, record: Record, *, owed: bool) -> SetState:
    """Let nothing be owed but a look at what people attested; what was prepared follows nothing."""
    if not s.applying:
        s = abandoning(s, record)
    debts = tuple(debt for debt in s.debts if debt.kind != ROTATION)
    if owed and how.attested_by:
        what = f"review the target: that the credential of {s.name} is {how.credential} was attested, not proven"
        what += f"; {against}" if (against := contradicted(s)) else ""
        opening = s.opening.id if s.opening else ""
        debts = (*debts, Debt(f"{ATTESTED}-{record.seq}", ATTESTED, opening, how.at, REVIEW_DEADLINE_S, what))
    return replace(s, prepared="", applying=False, forking="", debts=debts, retired=how)
