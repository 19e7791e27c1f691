# SPDX-License-Identifier: Apache-2.0
"""What this terminal tells others of the epochs that it knows: read from its ledger in one walk.

It is the same as long as nothing is recorded that it says something of, so what the collection has is not sent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from breakglass_shamir.custody.life import statement, telling
from breakglass_shamir.custody.life.state import EpochState, LedgerState, SetState
from breakglass_shamir.custody.life.telling import Telling
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.rotations import Countersigned, OldDead
from breakglass_shamir.custody.records.sheets import SheetVoided
from breakglass_shamir.ledger.statements import key_line
from breakglass_shamir.operations.lineage.links import Collected

if TYPE_CHECKING:
    from breakglass_shamir.custody.life.lineage import SuccessionProof
    from breakglass_shamir.custody.records.record import Record
    from breakglass_shamir.ledger.store import Ledger

MAX_EPOCHS = 256
"""Epochs of a set, the newest, that are told and asked about."""


@dataclass(slots=True)
class _Told:
    """What one walk through the ledger found of a set."""

    links: Collected
    last: dict[str, int] = field(default_factory=dict)
    """Epoch id to how many records the log had with the last one about it."""

    def take(self, s: SetState, record: "Record") -> None:
        """Note which epochs a record says something of."""
        match record.body:
            case Countersigned() as body:
                known = s.epochs.get(body.epoch_id)
                about = [known.predecessor] if known else []
            case OldDead() as body:
                about = [body.old_epoch_id]
            case Succession() as body:
                about = [body.predecessor]
            case SheetVoided() as body:
                about = [body.epoch_id]
            case Enrolled() as body:
                about = [one.epoch_id for one in statement.parse(body.statement).epochs if one.voided]
            case _:
                return
        self.last |= dict.fromkeys(about, record.seq + 1)


def tellings(ledger: "Ledger") -> tuple[list[Telling], list[str]]:
    """Return what this terminal tells, and what of it is too long to be told, a sentence each."""
    state, found = ledger.state, dict[str, _Told]()
    for entry in ledger.entries():
        s = state.sets.get(entry.record.set)
        if s is None or entry.record.seq >= ledger.size:
            continue
        one = found.setdefault(s.name, _Told(Collected(s.name, key_line(ledger.public_key))))
        one.links.take(entry)
        one.take(s, entry.record)
    made, too_long = list[Telling](), list[str]()
    for name, one in found.items():
        for each in _of_set(state.sets[name], one):
            if len(each.to_bytes()) > telling.MAX_BYTES:
                too_long.append(f"{name}: what followed epoch {state.sets[name].epochs[each.epoch_id].number}")
            else:
                made.append(each)
    return made, too_long


def epochs(state: LedgerState) -> Iterator[tuple[SetState, EpochState]]:
    """Yield the epochs that are told and asked about."""
    for s in state.sets.values():
        yield from ((s, epoch) for epoch in [*s.epochs.values()][-MAX_EPOCHS:])


def _of_set(s: SetState, found: _Told) -> Iterator[Telling]:
    by_epoch: dict[str, list[SuccessionProof]] = {}
    for proof in found.links.proofs(s):
        by_epoch.setdefault(proof.predecessor, []).append(proof)
    for epoch in [*s.epochs.values()][-MAX_EPOCHS:]:
        followed = tuple(by_epoch.get(epoch.epoch_id, ())[: telling.MAX_SUCCESSIONS])
        if epoch.epoch_id in found.last and (followed or epoch.voided_on):
            yield Telling(
                v=records.VERSION, type=telling.TYPE, set=s.name, set_public_key=epoch.envelope.set_public_key.hex(),
                size=found.last[epoch.epoch_id], successions=followed, voided=dict(epoch.voided_on),
            )  # fmt: skip
