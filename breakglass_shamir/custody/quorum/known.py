# SPDX-License-Identifier: Apache-2.0
"""What a pool is told of the ledger's epochs before the first scan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.life import standing
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, SetState, read_seat
from breakglass_shamir.custody.policy.source import named
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.structure import Seat


@dataclass(frozen=True, slots=True)
class Known:
    """An epoch the ledger knows."""

    set_name: str
    number: int
    envelope: Envelope | ConfirmedCore
    """What the ledger pins; a core where the set was only ever typed."""

    openable: bool
    good: bool
    """Whether its sheets count at all: neither void nor abandoned."""

    state: str
    """In words, when it is not openable: ``void since 2026-01-01``."""

    voided: Mapping[Seat, str]
    """Single sheets that count no more, with the reason."""

    voided_on: Mapping[Seat, str] = field(default_factory=dict)
    """The day of each, ISO."""

    pinned: bool = True
    """Whether the ledger made it, or has a proof of it; not if it only learned it from its sheets."""

    past: bool = False
    """Whether another epoch has followed it: it is opened by an override of its own."""

    custodians: Mapping[Seat, str] = field(default_factory=dict)
    """Who holds each sheet, as far as people ever said."""


def known_epochs(state: LedgerState) -> dict[bytes, Known]:
    """Return every epoch of a ledger, by epoch id."""
    return {
        bytes.fromhex(epoch_id): _known(set_state, epoch_id)
        for set_state in state.sets.values()
        for epoch_id in set_state.epochs
    }


def _known(s: SetState, epoch_id: str) -> Known:
    epoch = s.epochs[epoch_id]
    good, past = epoch.status is EpochStatus.GOOD, standing.is_past(s, epoch_id)
    if past:
        words = f"superseded, epoch {_follower(s, epoch_id)} followed it" if not good else "outlived by a later epoch"
    elif good:
        words = "" if s.openable(epoch_id) else "printed but not yet in force"
    else:
        words = f"{epoch.status} since {epoch.since[:16].replace('T', ' ')}"
    voided = {read_seat(seat): reason for seat, reason in epoch.voided.items()}
    days = {read_seat(seat): time[:10] for seat, time in epoch.voided_on.items()}
    return Known(
        s.name, epoch.number, epoch.envelope, s.openable(epoch_id), good, words, voided, days,
        not epoch.recovered or epoch.countersigned, past, custodians_of(epoch),
    )  # fmt: skip


def custodians_of(epoch: EpochState) -> dict[Seat, str]:
    """Return who holds each sheet; a name that only fills a policy's place is left out."""
    return {read_seat(seat): name for seat, name in epoch.custodians.items() if named(name)}


def _follower(s: SetState, epoch_id: str) -> str:
    link = next(link for link in standing.links_from(s, epoch_id) if link.proven)
    return str(s.epochs[link.successor].number)
