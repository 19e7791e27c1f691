# SPDX-License-Identifier: Apache-2.0
"""The chain of custody of a set: does each epoch's envelope have its predecessor's word, back to the first?

Rules:

1. It is walked from the epoch in force back, by the predecessor that each envelope names.
2. A link holds where the predecessor's quorum countersigned the envelope, in this ledger or in a proof that it holds.
3. It begins where an epoch has no predecessor and this ledger issued it, or a terminal that is pinned here told of it.
   An epoch that was learned from sheets is a beginning too, pinned by a receipt or by nothing.
4. It is whole only if nothing else follows or followed beside it: two successors of one epoch are a fork, and an epoch
   that was alive here and that nothing is known to have followed is a loose end. Either stays reported for good.
5. What rests on other terminals' records, or on people's word, is said: their other records were not seen here.
"""

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from breakglass_shamir.custody.life import standing
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState

UNPINNED = "UNPINNED"
"""Said of an epoch that nothing but its own sheets vouches for."""

_FORK = "a fork: "


class Chain(msgspec.Struct, frozen=True):
    """How far back a set's custody reaches (docs/spec/7-records.md).

    Attributes:
        set_name: the set.
    """

    set_name: str
    epochs: tuple[int, ...]
    """Numbers of the epochs in the chain, from its beginning to the one in force."""

    whole: bool
    """Whether it reaches a first epoch that was issued here, or told by a pinned terminal, with nothing beside it."""

    ends_at: str
    """Where it does not reach one: why, in words; else empty."""

    beside: tuple[str, ...] = ()
    """Forks and loose ends, a sentence each."""

    rests_on: tuple[str, ...] = ()
    """What of it this terminal did not see itself, a sentence each."""

    def in_words(self) -> str:
        """Say it in a line. Never raises."""
        first, last = self.epochs[0], self.epochs[-1]
        span = f"epoch {last}" if first == last else f"epochs {first} to {last}"
        head = f"whole, {span}" if self.whole else span
        return "; ".join([f"chain of custody of {self.set_name}: {head}", *self.reasons, *self.rests_on])

    @property
    def forked(self) -> bool:
        """Whether an epoch has two successors that are more than a claim."""
        return any(one.startswith(_FORK) for one in self.beside)

    @property
    def unpinned(self) -> bool:
        """Whether it begins with an epoch that was learned from its sheets and that nothing else vouches for."""
        return UNPINNED in self.ends_at

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not whole, a sentence each."""
        return (*filter(None, [self.ends_at]), *self.beside)


def chain_of(s: SetState) -> Chain:
    """Return the chain of custody of the epoch in force.

    Raises:
        IllegalState: nothing was issued yet.
    """
    line = _line(s)
    beginning = line[0]
    why = _beginning(beginning, s.epochs.get(beginning.predecessor))
    beside = (*_forks(s), *_loose_ends(s, line), *_other_links(s, line))
    rests_on = (*_told(line), *_elsewhere(s, line), *_attested(s, line))
    return Chain(s.name, tuple(epoch.number for epoch in line), not (why or beside), why, beside, rests_on)


def _line(s: SetState) -> list[EpochState]:
    """Return the epochs of the chain, the first one first."""
    line = [s.current_epoch]
    seen = {s.current}
    while line[0].countersigned:
        before = s.epochs.get(line[0].predecessor)
        if before is None or before.epoch_id in seen:
            break
        seen.add(before.epoch_id)
        line.insert(0, before)
    return line


def _beginning(epoch: EpochState, before: EpochState | None) -> str:
    """Say why a chain ends at an epoch; nothing where that is its rightful beginning."""
    named = epoch.predecessor.strip("0")
    if epoch.recovered:
        vouched = "a receipt pins it" if epoch.pinned else f"{UNPINNED}, nothing else vouches for it"
        broken = "broken: not countersigned by the one before; " if before is not None else ""
        return f"{broken}epoch {epoch.number} was learned from its sheets, {vouched}"
    if not named:
        return ""
    if epoch.told_by:
        return (
            f"epoch {epoch.number} was told by the terminal {epoch.told_by}, which is pinned here; what was before, not"
        )
    return f"broken: epoch {epoch.number} names a predecessor whose quorum did not countersign it"


def _forks(s: SetState) -> Iterator[str]:
    """Say which epochs have two successors that are more than a claim: linked, or in force here and vouched for."""
    for epoch_id in s.epochs:
        linked = dict.fromkeys(link.successor for link in standing.links_from(s, epoch_id))
        others = [one for one in standing.claimants(s, epoch_id) if one.was_in_force and one.epoch_id not in linked]
        vouched = [one.epoch_id for one in others if one.countersigned or one.proven]
        if len(linked) + len(vouched) > 1:
            names = " and ".join(standing.named(s, one) for one in (*linked, *vouched))
            word = (
                f"; nothing proves when {' and '.join(standing.named(s, one) for one in vouched)} did"
                if vouched
                else ""
            )
            yield f"{_FORK}{names} both follow {standing.named(s, epoch_id)}{word}"


def _loose_ends(s: SetState, line: list[EpochState]) -> Iterator[str]:
    """Say which epochs were alive here, are not in the chain, and are not known to have been followed by anything."""
    chained = {epoch.epoch_id for epoch in line}
    for epoch_id, epoch in s.epochs.items():
        alive = epoch.was_in_force and (epoch.proven or not epoch.recovered)
        if epoch_id in chained or not alive or epoch.status is EpochStatus.ABANDONED:
            continue
        if not standing.links_from(s, epoch_id):
            word = "its death is attested" if epoch.attested_by else "no proof says what followed it"
            yield f"{standing.named(s, epoch_id)} was in force here and is not in the chain; {word}"


def _other_links(s: SetState, line: list[EpochState]) -> Iterator[str]:
    """Say which epochs followed which beside the chain."""
    chained = {epoch.epoch_id for epoch in line}
    for link in s.links:
        if not {link.predecessor, link.successor} & chained:
            new, old = standing.named(s, link.successor), standing.named(s, link.predecessor)
            yield f"{new} followed {old}, which is not in the chain ({link.level})"


def _told(line: list[EpochState]) -> Iterator[str]:
    """Say which epochs this terminal knows by the word of another one that is pinned here."""
    found: dict[str, list[str]] = {}
    for epoch in line:
        if epoch.told_by:
            found.setdefault(epoch.told_by, []).append(str(epoch.number))
    for log, numbers in found.items():
        yield f"the terminal of log {log} told of epoch {', '.join(numbers)}; its other records were not seen here"


def _elsewhere(s: SetState, line: list[EpochState]) -> Iterator[str]:
    """Say which links were seen by other terminals only."""
    found: dict[str, list[str]] = {}
    for before, after in pairwise(line):
        links = [one for one in standing.links_from(s, before.epoch_id) if one.successor == after.epoch_id]
        if links and all(link.terminal for link in links):
            found.setdefault(links[0].terminal, []).append(str(after.number))
    for log, numbers in found.items():
        yield f"the terminal of log {log} put epoch {', '.join(numbers)} in force; its other records were not seen here"


def _attested(s: SetState, line: list[EpochState]) -> Iterator[str]:
    """Say of which epochs only people vouch that they are dead."""
    for before, after in pairwise(line):
        links = [one for one in standing.links_from(s, before.epoch_id) if one.successor == after.epoch_id]
        if links and not any(link.proven for link in links):
            who = ", ".join(dict.fromkeys(name for link in links for name in link.attested_by))
            yield f"the death of epoch {before.number} is attested by {who}, not proven"
