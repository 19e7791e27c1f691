# SPDX-License-Identifier: Apache-2.0
"""Which epochs of a set have sheets on the way to people, and which of those sheets nobody has read back."""

from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState


def good_epochs(state: SetState) -> list[EpochState]:
    """Return the epochs whose sheets may be confirmed or acknowledged, oldest first."""
    good = [epoch for epoch in state.epochs.values() if epoch.status is EpochStatus.GOOD]
    return sorted(good, key=lambda epoch: epoch.number)


def epoch_in_hand(state: SetState) -> EpochState:
    """Return the epoch that custodians are being handed: the prepared one, else the current one."""
    return state.epochs[state.prepared] if state.prepared else state.current_epoch


def unread(epoch: EpochState) -> list[str]:
    """Return the sheets that were not read back."""
    return [seat for seat in epoch.seats if seat not in epoch.read_back]
