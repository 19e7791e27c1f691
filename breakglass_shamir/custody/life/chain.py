# SPDX-License-Identifier: Apache-2.0
"""The chain of custody of a set: does each epoch's envelope have its predecessor's word, back to the first?

Rules:

1. It is walked from the epoch in force back, by the predecessor that each envelope names.
2. A link holds where the predecessor's quorum countersigned the envelope in this ledger.
3. It begins where an epoch has no predecessor and this ledger issued it. An epoch that was learned from sheets is a
   beginning too, pinned by a receipt or by nothing.
"""

from dataclasses import dataclass

from breakglass_shamir.custody.life.state import EpochState, SetState


@dataclass(frozen=True, slots=True)
class Chain:
    """How far back a set's custody reaches (docs/spec/7-records.md).

    Attributes:
        set_name: the set.
    """

    set_name: str
    epochs: tuple[int, ...]
    """Numbers of the epochs in the chain, from its beginning to the one in force."""

    whole: bool
    """Whether it reaches a first epoch that this ledger issued."""

    ends_at: str
    """Where it does not: why, in words; else empty."""

    def in_words(self) -> str:
        """Say it in a line. Never raises."""
        first, last = self.epochs[0], self.epochs[-1]
        span = f"epoch {last}" if first == last else f"epochs {first} to {last}"
        if self.whole:
            return f"chain of custody of {self.set_name}: whole, {span}"
        return f"chain of custody of {self.set_name}: {span}; {self.ends_at}"


def chain_of(s: SetState) -> Chain:
    """Return the chain of custody of the epoch in force.

    Raises:
        IllegalState: nothing was issued yet.
    """
    epoch, numbers = s.current_epoch, list[int]()
    while True:
        numbers.insert(0, epoch.number)
        before = s.epochs.get(epoch.predecessor)
        if not epoch.countersigned or before is None:
            break
        epoch = before
    why = _beginning(epoch, before)
    return Chain(s.name, tuple(numbers), not why, why)


def _beginning(epoch: EpochState, before: EpochState | None) -> str:
    """Say why a chain ends at an epoch; nothing where that is its rightful beginning."""
    named = epoch.predecessor.strip("0")
    if epoch.recovered:
        vouched = "a receipt pins it" if epoch.pinned else "UNPINNED, nothing else vouches for it"
        broken = "broken: not countersigned by the one before; " if before is not None else ""
        return f"{broken}epoch {epoch.number} was learned from its sheets, {vouched}"
    if not named:
        return ""
    return f"broken: epoch {epoch.number} names a predecessor whose quorum did not countersign it"
