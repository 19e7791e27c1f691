# SPDX-License-Identifier: Apache-2.0
"""What this ledger knows of a set's epochs and of what followed what, and no more. Reads; records nothing."""

from dataclasses import dataclass

from breakglass_shamir.custody.life import standing
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.link import Link
from breakglass_shamir.custody.life.rules import rotation_of
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, SetState


@dataclass(frozen=True, slots=True)
class Followed:
    """An epoch that came after another one."""

    epoch: int
    epoch_id: str
    level: str
    """``proven``, ``attested``, or ``claimed``: only its own envelope says so."""

    seen_by: str
    """The terminal that says so, by its name where it is pinned here; empty: this one."""

    at: str
    """When, by that terminal's clock; empty for a claim."""

    attested_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """One epoch, and what is known of it."""

    epoch: int
    epoch_id: str
    state: str
    """``in force``, ``prepared``, ``being applied``, ``superseded``, ``outlived``, ``may live``, ``attested dead``,
    ``void`` or ``abandoned``."""

    refused_at: str
    """When the target last refused its credential, unless it accepted it since; empty: it did not."""

    accepted_at: str
    """When the target last accepted it; empty: not as far as this terminal saw."""

    owes: tuple[str, ...]
    """Rotations that are owed for it, by id."""

    followed_by: tuple[Followed, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """A set's epochs and its chain of custody."""

    set_name: str
    chain: str
    whole: bool
    epochs: tuple[Standing, ...]


def show(state: LedgerState, name: str) -> Lineage:
    """Return what is known of a set's lineage.

    Raises:
        UnknownSet: no set of this name.
        IllegalState: it has no epoch yet.
    """
    s = state.of(name)
    chain = chain_of(s)
    ordered = sorted(s.epochs.values(), key=lambda epoch: epoch.number)
    epochs = tuple(_standing(state, s, epoch) for epoch in ordered)
    return Lineage(name, chain.in_words(), chain.whole, epochs)


def lines(found: Lineage) -> list[str]:
    """Write a lineage for people."""
    rows = [found.chain]
    for one in found.epochs:
        rows.append(f"epoch {one.epoch} ({one.epoch_id}): {one.state}")
        if one.refused_at:
            rows.append(f"  the target refused its credential, {one.refused_at}")
        rows += [f"  followed by epoch {next_.epoch} ({next_.epoch_id}): {_how(next_)}" for next_ in one.followed_by]
        rows += [f"  owes {debt}" for debt in one.owes]
    return rows


def _how(followed: Followed) -> str:
    if followed.level == "claimed":
        return "claimed by its own sheets only"
    who = f"by terminal {followed.seen_by}" if followed.seen_by else "here"
    by = f", attested by {', '.join(followed.attested_by)}" if followed.attested_by else ""
    return f"{followed.level} {who}, {followed.at}{by}"


def _standing(state: LedgerState, s: SetState, epoch: EpochState) -> Standing:
    links = standing.links_from(s, epoch.epoch_id)
    claimed = [one for one in standing.claimants(s, epoch.epoch_id) if not _is_linked(one, links)]
    claimed = [one for one in claimed if one.status is not EpochStatus.ABANDONED and one.epoch_id != s.prepared]
    followed = [_linked(state, s, link) for link in links]
    followed += [Followed(one.number, one.short_id, "claimed", "", "", ()) for one in claimed]
    owes = tuple(debt.id for debt in s.debts if rotation_of(s, debt, epoch.epoch_id))
    return Standing(
        epoch.number, epoch.short_id, _state(s, epoch), epoch.refused_at, epoch.accepted_at, owes, tuple(followed)
    )  # fmt: skip


def _is_linked(epoch: EpochState, links: tuple[Link, ...]) -> bool:
    return any(link.successor == epoch.epoch_id for link in links)


def _linked(state: LedgerState, s: SetState, link: Link) -> Followed:
    epoch = s.epochs[link.successor]
    pinned = state.terminals.get(link.terminal)
    seen_by = f"{pinned.name} ({link.terminal})" if pinned else link.terminal
    return Followed(epoch.number, epoch.short_id, link.level, seen_by, link.at, link.attested_by)


def _state(s: SetState, epoch: EpochState) -> str:
    if epoch.epoch_id == s.current:
        return "in force"
    if epoch.epoch_id == s.prepared:
        return "being applied" if s.applying else "prepared"
    if standing.is_past(s, epoch.epoch_id):
        return "superseded" if standing.is_superseded(s, epoch.epoch_id) else "outlived"
    if epoch.status is not EpochStatus.GOOD:
        return "attested dead" if epoch.attested_by else str(epoch.status)
    return "may live"
