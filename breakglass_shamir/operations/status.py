# SPDX-License-Identifier: Apache-2.0
"""Status: every set, what it owes, and whether anything is due. Reads; records nothing."""

from dataclasses import dataclass

from breakglass_shamir.custody.state import Debt, LedgerState, Moment, Phase, SetState
from breakglass_shamir.ledger import clock


@dataclass(frozen=True, slots=True)
class DebtStatus:
    """One debt, as of now."""

    id: str
    kind: str
    what: str
    age_s: int
    overdue: bool


@dataclass(frozen=True, slots=True)
class SetStatus:
    """One set, as of now."""

    name: str
    phase: str
    epoch: int
    epoch_id: str
    sheets: int
    read_back: int
    acknowledged: int
    voided: int
    losses_left: int
    """How many more sheets may be lost before no quorum is left; negative: none is left."""

    prepared: str
    """The next epoch, printed but not yet in force, and how far it is; empty where there is none."""

    opening: str
    due: tuple[str, ...]
    """What somebody should do, one sentence each."""

    debts: tuple[DebtStatus, ...]


def status(state: LedgerState, name: str = "") -> list[SetStatus]:
    """Return the status of one set or of all that have an epoch.

    Raises:
        UnknownSet: no set of this name.
    """
    sets = [state.of(name)] if name else [state.sets[key] for key in sorted(state.sets)]
    now = clock.now()
    return [_status(one, now) for one in sets if one.current]


def _status(s: SetState, now: Moment) -> SetStatus:
    epoch = s.current_epoch
    left = epoch.envelope.core.structure.most_losses - len(epoch.voided)
    return SetStatus(
        name=s.name,
        phase=s.phase,
        epoch=epoch.number,
        epoch_id=epoch.short_id,
        sheets=len(epoch.seats),
        read_back=len(epoch.read_back),
        acknowledged=len(epoch.acknowledged),
        voided=len(epoch.voided),
        losses_left=left,
        prepared=_prepared(s),
        opening=s.opening.id if s.opening else "",
        due=tuple(_due(s, left, now)),
        debts=tuple(_debt(debt, now) for debt in s.debts),
    )


def _prepared(s: SetState) -> str:
    if not s.prepared:
        return ""
    epoch = s.epochs[s.prepared]
    progress = f"{len(epoch.read_back)} of {len(epoch.seats)} sheets read back, {len(epoch.acknowledged)} held"
    return f"epoch {epoch.number} ({epoch.short_id}): {progress}"


def _debt(debt: Debt, now: Moment) -> DebtStatus:
    age = debt.since.seconds_until(now)
    return DebtStatus(debt.id, debt.kind, debt.what, age, age >= debt.deadline_s)


def _due(s: SetState, left: int, now: Moment) -> list[str]:
    epoch = s.current_epoch
    due = list(dict.fromkeys(debt.what for debt in s.debts))
    if s.prepared:
        due.append(f"rotate: {_prepared(s)}")
    if left < 0:
        due.insert(0, "too many sheets are void: perhaps no quorum is left; rotate now while one is")
    elif epoch.voided:
        due.append(f"rotate: {len(epoch.voided)} sheets of epoch {epoch.number} are void")
    if not epoch.sealed and not epoch.recovered:
        due.append(f"confirm: {len(epoch.read_back)} of {len(epoch.seats)} sheets were read back")
    if not (epoch.proven or epoch.recovered):
        due.append(f"prove: the target never accepted the credential of epoch {epoch.number}; rotate, or split again")
    if s.opening and s.opening.opened_at and s.opening.phase in (Phase.OPEN, Phase.IN_USE):
        used_s = s.opening.opened_at.seconds_until(now)
        if used_s > s.opening.declared.use_for_s:
            due.append(f"close: opening {s.opening.short_id} is in use for {used_s} s, past its time")
    return due
