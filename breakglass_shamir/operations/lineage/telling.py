# SPDX-License-Identifier: Apache-2.0
"""What became of proofs that were brought, in words and for ``--json``. Reads; records nothing."""

from dataclasses import dataclass

from breakglass_shamir.custody.life.link import Link
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.formats import text
from breakglass_shamir.operations.lineage.links import Refusal, Taken
from breakglass_shamir.operations.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Learned:
    """A link that was recorded."""

    set: str
    predecessor: int
    successor: int
    level: str
    terminal: str
    """Log id of the terminal that says so; empty: this one, and only the countersignature was news."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A link that was not."""

    set: str
    error: str
    words: str
    hint: str


@dataclass(frozen=True, slots=True)
class Now:
    """Where a set stands after it."""

    set: str
    epoch: int
    epoch_id: str
    owed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of proofs."""

    recorded: tuple[Learned, ...]
    known: int
    refused: tuple[NotTaken, ...]
    sets: tuple[Now, ...]


def tell(recorder: Recorder, taken: Taken) -> Told:
    """Put what became of proofs in words."""
    sets = recorder.state.sets
    names = dict.fromkeys(name for name, _ in taken.recorded)
    return Told(
        tuple(_learned(sets[name], link) for name, link in taken.recorded),
        taken.known,
        tuple(map(_not_taken, taken.refused)),
        tuple(_now(sets[name]) for name in names),
    )


def lines(told: Told) -> list[str]:
    """Write it for people."""
    rows = [
        f"{one.set}: epoch {one.successor} followed epoch {one.predecessor}: {one.level}"
        + (f", as the terminal of log {one.terminal} says" if one.terminal else "")
        for one in told.recorded
    ]
    rows += [f"{one.set}: epoch {one.epoch} ({one.epoch_id}) is in force" for one in told.sets]
    rows += [f"owed: {debt} of {one.set}" for one in told.sets for debt in one.owed]
    return rows or [f"nothing was taken; {told.known} known before"]


def _learned(s: SetState, link: Link) -> Learned:
    numbers = (s.epochs[link.predecessor].number, s.epochs[link.successor].number)
    return Learned(s.name, *numbers, link.level, link.terminal)


def _not_taken(one: Refusal) -> NotTaken:
    names = [text.short_id(bytes.fromhex(epoch_id)) for epoch_id in (one.proof.predecessor, one.proof.successor)]
    words = f"{one.proof.set}: {names[1]} after {names[0]}: {one.error}"
    return NotTaken(one.proof.set, one.error.id, words, one.error.hint)


def _now(s: SetState) -> Now:
    return Now(s.name, s.current_epoch.number, s.current_epoch.short_id, tuple(debt.id for debt in s.debts))
