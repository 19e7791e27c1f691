# SPDX-License-Identifier: Apache-2.0
"""One set as several terminals' logs have it: its epochs in the order of their lineage, and where the logs part. Pure.

Rules:

1. Lineage orders epochs: the predecessor that each envelope names. Numbers and clocks of different terminals decide
   nothing.
2. Two successors of one epoch that are more than a claim are a fork, whichever logs have them: a link that a log holds
   as proven or attested, or an epoch that was in force and that its predecessor's quorum countersigned.
3. Epochs of one name that no lineage joins are two sets that are called the same.
4. A terminal that takes an older epoch for the living one is told: it lacks what the others know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState
from breakglass_shamir.formats import text


@dataclass(frozen=True, slots=True)
class EpochAcross:
    """One epoch, by whichever logs know it.

    Attributes:
        number: by its envelope.
        predecessor: its epoch id; empty for a first one.
    """

    number: int
    epoch_id: str
    short_id: str
    predecessor: str
    vouched: str
    """``first``, ``countersigned``, ``claimed``; ``UNPINNED``: from its sheets, and nothing vouches for it."""

    known_at: tuple[str, ...]
    """Terminals."""

    in_force_at: tuple[str, ...]
    void_at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Across:
    """A set across terminals (docs/json.md).

    Attributes:
        name: of the set.
        terminals: that know it.
    """

    name: str
    terminals: tuple[str, ...]
    epochs: tuple[EpochAcross, ...]
    """In the order of their lineage."""

    open: tuple[str, ...]
    """Forks, sets of one name, terminals that lag behind, epochs that nothing vouches for: a sentence each."""


def across(name: str, states: Mapping[str, tuple[SetState, bool]]) -> Across:
    """Put together what several logs say of a set.

    Args:
        name: of the set.
        states: terminal to the set as its log has it, and whether it is known which epoch is in force there.
    """
    known = _known(states)
    order = list(_ordered(known))
    epochs = tuple(_epoch(one, states) for one in order)
    said = [*_forks(name, states, known), *_apart(name, known), *_behind(name, states, known)]
    said += [f"{name}: epoch {one.number} ({one.short_id}) is UNPINNED, learned from its sheets; nothing vouches for it"
             for one in epochs if one.vouched == "UNPINNED"]  # fmt: skip
    return Across(name, tuple(states), epochs, tuple(said))


def _known(states: Mapping[str, tuple[SetState, bool]]) -> dict[str, EpochState]:
    """Return each epoch once, by the log that knows more than its sheets where there is one."""
    found: dict[str, EpochState] = {}
    for s, _ in states.values():
        for epoch_id, epoch in s.epochs.items():
            before = found.get(epoch_id)
            if before is None or (before.recovered and not epoch.recovered):
                found[epoch_id] = epoch
    return found


def _before(epoch: EpochState) -> str:
    return epoch.predecessor if epoch.predecessor.strip("0") else ""


def _ordered(known: Mapping[str, EpochState]) -> Iterator[EpochState]:
    """Yield each epoch behind its predecessor; of several the one with the smaller number first."""
    after: dict[str, list[EpochState]] = {}
    for epoch in known.values():
        before = _before(epoch)
        after.setdefault(before if before in known else "", []).append(epoch)
    waiting = sorted(after.pop("", []), key=_place, reverse=True)
    seen = set[str]()
    while waiting:
        epoch = waiting.pop()
        if epoch.epoch_id in seen:
            continue
        seen.add(epoch.epoch_id)
        yield epoch
        waiting += sorted(after.pop(epoch.epoch_id, []), key=_place, reverse=True)


def _place(epoch: EpochState) -> tuple[int, str]:
    return epoch.number, epoch.epoch_id


def _epoch(epoch: EpochState, states: Mapping[str, tuple[SetState, bool]]) -> EpochAcross:
    at = {terminal: s.epochs[epoch.epoch_id] for terminal, (s, _) in states.items() if epoch.epoch_id in s.epochs}
    in_force = [one for one, (s, certain) in states.items() if certain and s.current == epoch.epoch_id]
    void = [terminal for terminal, one in at.items() if one.status is EpochStatus.VOID]
    return EpochAcross(
        epoch.number, epoch.epoch_id, epoch.short_id, _before(epoch), _vouched(list(at.values())), tuple(at),
        tuple(in_force), tuple(void),
    )  # fmt: skip


def _vouched(at: list[EpochState]) -> str:
    if any(one.countersigned for one in at):
        return "countersigned"
    if all(one.recovered and not one.pinned for one in at):
        return "UNPINNED"
    return "claimed" if _before(at[0]) else "first"


def _successors(states: Mapping[str, tuple[SetState, bool]]) -> dict[str, dict[str, list[str]]]:
    """Return for each epoch what followed it as more than a claim, and the terminals that say so."""
    found: dict[str, dict[str, list[str]]] = {}
    for terminal, (s, _) in states.items():
        pairs = {(link.predecessor, link.successor) for link in s.links}
        pairs |= {
            (_before(one), one.epoch_id) for one in s.epochs.values()
            if one.was_in_force and one.countersigned and _before(one)
        }  # fmt: skip
        for before, after in sorted(pairs):
            found.setdefault(before, {}).setdefault(after, []).append(terminal)
    return found


def _forks(name: str, states: Mapping[str, tuple[SetState, bool]], known: Mapping[str, EpochState]) -> Iterator[str]:
    for before, followed in _successors(states).items():
        if len(followed) > 1:
            words = " and ".join(f"{_named(known, one)} by {', '.join(who)}" for one, who in followed.items())
            yield f"{name}: a fork: {_named(known, before)} was followed by {words}"


def _apart(name: str, known: Mapping[str, EpochState]) -> Iterator[str]:
    """Say which beginnings no lineage joins."""
    roots: dict[str, EpochState] = {}
    for epoch in known.values():
        root = epoch
        for older in _line(known, epoch.epoch_id):
            root = older
        roots[root.epoch_id] = root
    if len(roots) > 1:
        words = ", ".join(_named(known, one.epoch_id) for one in sorted(roots.values(), key=_place))
        yield (
            f"{name}: no lineage joins what begins with {words}: two sets of one name, or what joins them is not here"
        )


def _line(known: Mapping[str, EpochState], epoch_id: str) -> Iterator[EpochState]:
    """Yield an epoch and those before it, the latest first."""
    seen = set[str]()
    while epoch_id in known and epoch_id not in seen:
        seen.add(epoch_id)
        yield known[epoch_id]
        epoch_id = _before(known[epoch_id])


def _behind(name: str, states: Mapping[str, tuple[SetState, bool]], known: Mapping[str, EpochState]) -> Iterator[str]:
    current = {one: s.current for one, (s, certain) in states.items() if certain and s.current}
    for terminal, epoch_id in current.items():
        newer = [
            other for other, later in current.items()
            if later != epoch_id and any(one.epoch_id == epoch_id for one in _line(known, later))
        ]  # fmt: skip
        if newer:
            later = _named(known, current[newer[0]])
            yield (f"{name}: {terminal} takes {_named(known, epoch_id)} for the living one, {', '.join(newer)} {later}")


def _named(known: Mapping[str, EpochState], epoch_id: str) -> str:
    short = text.short_id(bytes.fromhex(epoch_id))
    return f"epoch {known[epoch_id].number} ({short})" if epoch_id in known else f"an epoch not known here ({short})"
