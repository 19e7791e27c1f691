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

from breakglass_shamir.crypto import keys
from breakglass_shamir.errors import InvalidStructure, SharesError, UnconfirmedMaster
from breakglass_shamir.formats import seal
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Seat

MAX_TRIES = 2_000
"""Combinations that are tried for one core, at 2 to 15 ms each."""

_MAX_PLACES = 200_000

Options = Mapping[Seat, Sequence[Share]]
"""What may stand at each seat; a share that can be read in several ways gives several."""


@dataclass(frozen=True, slots=True)
class ConfirmedCore:
    """A core without proofs that a quorum confirmed; what a ledger knows of a set that was only typed."""

    core: Core
    set_public_key: bytes
    """Derived from the combined master; its hash is the epoch id."""


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


def confirm(core: Core, options: Options, tries: int = MAX_TRIES) -> Confirmed | None:
    """Find shares that combine to this epoch's key; None when no combination that was tried does.

    Args:
        core: of the epoch.
        options: what may stand at each seat, the likeliest first.
        tries: combinations at most.

    Raises:
        DecryptionFailed: shares do combine, but this core is not the one that was printed.
    """
    for shares in itertools.islice(_quorums(core, options), tries):
        public = _public_key(core, shares)
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


def _public_key(core: Core, shares: Iterable[Share]) -> bytes | None:
    """Return the confirmed set public key, or None where the shares do not combine to it."""
    try:
        unsealed = seal.unseal(core, shares)
    except UnconfirmedMaster:
        return None
    public = keys.ed25519_public(unsealed.set_key)
    unsealed.wipe()
    return public


def _quorums(core: Core, options: Options) -> Iterator[tuple[Share, ...]]:
    """Yield smallest quorums, those that leave out different sheets early, MAX_TRIES at most."""
    complete = core.structure.complete_groups(options)
    choices = list(itertools.combinations(complete, core.structure.group_threshold))
    for chosen in choices:
        yield from itertools.islice(_over_groups(core, chosen, options), MAX_TRIES // len(choices))


def _over_groups(core: Core, chosen: Sequence[int], options: Options) -> Iterator[tuple[Share, ...]]:
    """Yield quorums of these groups, varying every group early."""
    most = min(MAX_TRIES, round(_MAX_PLACES ** (1 / len(chosen))))
    picks = [list(itertools.islice(_picks(core, number, options), most)) for number in chosen]
    places = itertools.product(*(range(len(pick)) for pick in picks))
    for place in sorted(places, key=sum):
        yield tuple(itertools.chain.from_iterable(pick[i] for pick, i in zip(picks, place, strict=True)))


def _picks(core: Core, number: int, options: Options) -> Iterator[tuple[Share, ...]]:
    """Yield the ways to satisfy one group: likely shares, then neighbours first: each sheet is left out soon."""
    threshold = core.structure.groups[number - 1].threshold
    seats = sorted(seat for seat in options if seat[0] == number)
    rounds = dict.fromkeys(tuple(sorted((seats * 2)[i : i + threshold])) for i in range(len(seats)))
    for total in range(sum(len(options[seat]) - 1 for seat in seats) + 1):
        others = (chosen for chosen in itertools.combinations(seats, threshold) if chosen not in rounds)
        for chosen in itertools.chain(rounds, others):
            yield from _with_sum([options[seat] for seat in chosen], total)


def _with_sum(lists: Sequence[Sequence[Share]], total: int) -> Iterator[tuple[Share, ...]]:
    """Yield one of each list, so that the places at which they stand add up to a total."""
    if len(lists) == 1:
        yield from ((one,) for one in lists[0][total : total + 1])
        return
    for place in range(min(total, len(lists[0]) - 1) + 1):
        for rest in _with_sum(lists[1:], total - place):
            yield (lists[0][place], *rest)
