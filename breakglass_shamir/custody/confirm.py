# SPDX-License-Identifier: Apache-2.0
"""A quorum by its core alone: no commitment names the wrong sheet, so combinations are tried.

Rules:

1. Only the key that a combination derives confirms it: its hash must be the epoch id. One wrong share among
   enough is found by leaving it out, within :data:`MAX_TRIES` combinations.
2. A core is confirmed together with its shares: header and ciphertext must hold under the confirmed key.
3. What is confirmed here is consistent, not authentic: whoever once knew the master could have made it.

This module does not know which epochs a ledger has; ``quorum/pool.py`` does.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from breakglass_shamir.crypto import keys
from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.errors import InvalidStructure, SharesError, UnconfirmedMaster
from breakglass_shamir.formats import seal
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Seat

MAX_TRIES = 2_000
"""Combinations that are tried for one core, at 2 to 15 ms each."""

_Placed = TypeVar("_Placed")

Options = Mapping[Seat, Sequence[Share]]
"""What may stand at each seat; a share that can be read in several ways gives several."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A core with exactly the shares that confirmed it."""

    public: ConfirmedCore
    shares: tuple[Share, ...] = field(repr=False)


def fits(core: Core, share: Share) -> bool:
    """Tell whether a share says it is of this epoch, and has a seat there."""
    try:
        core.structure.index((share.group, share.member))
    except InvalidStructure:
        return False
    return share.kind is core.kind and share.epoch_id == core.epoch_id


def confirm(core: Core, options: Options, tries: int = MAX_TRIES, set_public_key: bytes = b"") -> Confirmed | None:
    """Find shares that combine to this epoch's key; None when no combination that was tried does.

    Args:
        core: of the epoch.
        options: what may stand at each seat, the likeliest first.
        tries: combinations at most.
        set_public_key: 32 bytes, as a ledger has it; empty where only the epoch id is known.

    Raises:
        DecryptionFailed: shares do combine, but this core is not the one that was printed.
    """
    for shares in itertools.islice(_quorums(core, options), tries):
        public = _public_key(core, shares, set_public_key)
        if public is not None:
            return Confirmed(ConfirmedCore(core, public), shares)
    return None


def belongs(confirmed: Confirmed, share: Share) -> bool:
    """Tell whether one more share is right, by putting it in the place of one that is.

    A share of a group that the confirmed quorum does not use cannot be told, and is not taken.
    """
    same = [other for other in confirmed.shares if other.group == share.group]
    if not same or not fits(confirmed.public.core, share):
        return False
    gone = next((other for other in same if other.member == share.member), same[0])
    swapped = [share if other is gone else other for other in confirmed.shares]
    return _public_key(confirmed.public.core, swapped) is not None


def opens(core: Core, shares: Iterable[Share]) -> bool:
    """Tell whether a core, such as a second one under the same epoch id, opens with these shares too."""
    try:
        seal.unseal(core, shares).wipe()
    except SharesError:
        return False
    return True


def _public_key(core: Core, shares: Iterable[Share], expected: bytes = b"") -> bytes | None:
    """Return the confirmed set public key, or None where the shares do not combine to it."""
    try:
        unsealed = seal.unseal(core, shares, expected)
    except UnconfirmedMaster:
        return None
    public = keys.ed25519_public(unsealed.set_key)
    unsealed.wipe()
    return public


def _quorums(core: Core, options: Options) -> Iterator[tuple[Share, ...]]:
    """Yield smallest quorums of every set of seats, by the sum of the places at which their shares stand."""
    groups = [_ways(core, number, options) for number in core.structure.complete_groups(options)]
    chosen = [*itertools.combinations(groups, core.structure.group_threshold)]
    sets = [tuple(itertools.chain(*parts)) for parts in itertools.islice(_by_sum(chosen), MAX_TRIES)]
    yield from _by_sum([[options[seat] for seat in seats] for seats in sets])


def _ways(core: Core, number: int, options: Options) -> list[tuple[Seat, ...]]:
    """Return the sets of seats that satisfy one group, neighbours first: each sheet is left out soon."""
    threshold = core.structure.groups[number - 1].threshold
    seats = sorted(seat for seat in options if seat[0] == number)
    rounds = [tuple(sorted((seats * 2)[i : i + threshold])) for i in range(len(seats))]
    others = itertools.islice(itertools.combinations(seats, threshold), MAX_TRIES)
    return list(dict.fromkeys([*rounds, *others]))


def _by_sum(every: Sequence[Sequence[Sequence[_Placed]]]) -> Iterator[tuple[_Placed, ...]]:
    """Yield, of each sequence of lists, one of each list; all sequences together by the sum of the places."""
    most = max((sum(len(one) - 1 for one in lists) for lists in every), default=-1)
    for total in range(most + 1):
        for lists in every:
            yield from _with_sum(lists, total)


def _with_sum(lists: Sequence[Sequence[_Placed]], total: int) -> Iterator[tuple[_Placed, ...]]:
    """Yield one of each list, so that the places at which they stand add up to a total."""
    if len(lists) == 1:
        yield from ((one,) for one in lists[0][total : total + 1])
        return
    for place in range(min(total, len(lists[0]) - 1) + 1):
        for rest in _with_sum(lists[1:], total - place):
            yield (lists[0][place], *rest)
