# SPDX-License-Identifier: Apache-2.0
"""What the rules of several records ask of a set."""

from collections.abc import Iterable

from msgspec.structs import replace

from breakglass_shamir.custody.life.state import ROTATION, Debt, EpochState, EpochStatus, Opening, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import IllegalState

DEFAULT_DEADLINE_S = 86_400
"""Rotation deadline where no policy says otherwise."""


REVIEW_DEADLINE_S = 7 * 86_400
"""How long people have to look at an overridden check, or at an attestation."""


def epoch_of(s: SetState, debt: Debt) -> str:
    """Return the epoch whose opening, or whose use elsewhere, made a debt."""
    if debt.epoch_id:
        return debt.epoch_id
    openings = (*s.past, *filter(None, [s.opening]))
    return next((opening.epoch_id for opening in openings if opening.id == debt.opening), "")


def opening_of(s: SetState, record: Record) -> Opening:
    """Return the opening a record belongs to, which must be the one under way.

    Raises:
        IllegalState: it belongs to none, or to another one.
    """
    if s.opening is None or record.opening != s.opening.id:
        raise IllegalState(f"the record belongs to no opening of set {s.name} that is under way")
    return s.opening


def rotation_deadline_s(s: SetState) -> int:
    """Return how many seconds a rotation may be owed before it is overdue."""
    if not s.policy_source:
        return DEFAULT_DEADLINE_S
    return policies.parse(s.policy_source).rotation.deadline.seconds


def with_epoch(s: SetState, epoch: EpochState) -> SetState:
    """Return the set with one epoch put in, or in the place of what was known of it."""
    return replace(s, epochs={**s.epochs, epoch.epoch_id: epoch})


def put_in_force(s: SetState, epoch_id: str) -> SetState:
    """Return the set with an epoch taken for the living one."""
    epoch = replace(s.epochs[epoch_id], status=EpochStatus.GOOD, was_in_force=True, attested_by=())
    return replace(with_epoch(s, epoch), current=epoch_id)


def abandoning(s: SetState, record: Record) -> SetState:
    """Return the set without what was prepared, if anything was: it was never applied here, and owes nothing."""
    if not s.prepared:
        return s
    gone = replace(s.epochs[s.prepared], status=EpochStatus.ABANDONED, since=record.time)
    debts = tuple(debt for debt in s.debts if not rotation_of(s, debt, gone.epoch_id))
    return replace(with_epoch(s, gone), prepared="", debts=debts)


def rotation_of(s: SetState, debt: Debt, epoch_id: str) -> bool:
    """Tell whether a debt is the rotation of an epoch."""
    return debt.kind == ROTATION and epoch_of(s, debt) == epoch_id


def owes_rotation(s: SetState, epoch_id: str) -> bool:
    """Tell whether an epoch was opened and its rotation is still owed."""
    return any(rotation_of(s, debt, epoch_id) for debt in s.debts)


def good_epoch(s: SetState, epoch_id: str, sheets: Iterable[str]) -> EpochState:
    """Return an epoch that is good, with sheets that are its own and not void.

    Raises:
        IllegalState: the epoch or one of the sheets is not.
    """
    epoch = s.epochs.get(epoch_id)
    if epoch is None or epoch.status is not EpochStatus.GOOD:
        raise IllegalState("this epoch is void, abandoned or unknown")
    named = tuple(sheets)
    check_seats(epoch, named)
    for sheet in named:
        if sheet in epoch.voided:
            raise IllegalState(f"sheet {sheet} of epoch {epoch.number} is void")
    return epoch


def check_seats(epoch: EpochState, sheets: Iterable[str]) -> None:
    """Refuse sheets that an epoch does not have.

    Raises:
        IllegalState: naming the first.
    """
    for sheet in sheets:
        if sheet not in epoch.seats:
            raise IllegalState(f"expected a sheet of epoch {epoch.number} ({', '.join(epoch.seats)}), got {sheet}")


def is_living_here(epoch: EpochState) -> bool:
    """Tell whether an epoch counts and something else than its own sheets says so."""
    return epoch.status is EpochStatus.GOOD and not epoch.recovered
