# SPDX-License-Identifier: Apache-2.0
"""Proofs of what followed what: collected from this log, and taken from another's.

What proves a link, and what follows from one, is for ``custody/life/lineage.py`` and ``lineage_rules.py``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from breakglass_shamir.custody.life import lineage, lineage_rules
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.rotations import Countersigned, OldDead
from breakglass_shamir.errors import BreakglassError, UnprovenSuccession
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.statements import key_line
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.recorder import Recorder


@dataclass(slots=True)
class Collected:
    """What one log proves of the links of a set, record by record."""

    set_name: str
    countersigned: dict[str, Entry] = field(default_factory=dict)
    """Epoch id to the record that vouches for it."""

    old_dead: list[Entry] = field(default_factory=list)
    elsewhere: list[SuccessionProof] = field(default_factory=list)
    """Proofs that this log was given."""

    def take(self, entry: Entry) -> None:
        """Take one more record of the log."""
        match entry.record.body:
            case Countersigned() as body if entry.record.set == self.set_name:
                self.countersigned[body.epoch_id] = entry
            case OldDead() if entry.record.set == self.set_name:
                self.old_dead.append(entry)
            case Succession() as body if entry.record.set == self.set_name:
                self.elsewhere.append(lineage.proof_in(self.set_name, body))

    def proofs(self, s: SetState, key: bytes) -> Iterator[SuccessionProof]:
        """Yield the proofs, oldest first, of what this log saw itself and of what it was given."""
        yield from self.elsewhere
        for entry in self.old_dead:
            body = entry.record.body
            assert isinstance(body, OldDead)  # noqa: S101 - only such are kept
            found = self.countersigned.get(body.new_epoch_id)
            new = s.epochs[body.new_epoch_id].envelope
            if found is None or not isinstance(new, Envelope):
                continue  # a rotation that was taken over from paper: this log holds one half of the proof only
            yield SuccessionProof(
                set=s.name, predecessor=body.old_epoch_id, successor=body.new_epoch_id, envelope=new.to_bytes(),
                countersigned=found.data, countersignature=found.quorum_signature, old_dead=entry.data,
                terminal_signature=entry.terminal_signature, terminal_key=key_line(key),
            )  # fmt: skip


def collect(ledger: Ledger, s: SetState) -> tuple[SuccessionProof, ...]:
    """Return every proof of a set's links that a log holds."""
    collected = Collected(s.name)
    for entry in ledger.entries():
        collected.take(entry)
    return tuple(collected.proofs(s, ledger.public_key))


def take(recorder: Recorder, proofs: Iterable[SuccessionProof]) -> tuple[int, list[str]]:
    """Record the links that hold and are news, in whatever order they come.

    Returns:
        How many were recorded, and why the others were not, a sentence each.

    Raises:
        InvalidRecord, InvalidSignature, EnvelopeConflict: one contradicts itself or this ledger.
    """
    left, recorded = list(proofs), 0
    while True:
        waiting, problems = list[SuccessionProof](), list[str]()
        for proof in left:
            try:
                recorded += _take(recorder, proof)
            except UnprovenSuccession as error:
                waiting.append(proof)
                problems.append(str(error))
        if len(waiting) == len(left):
            return recorded, list(dict.fromkeys(problems))
        left = waiting


def _take(recorder: Recorder, proof: SuccessionProof) -> int:
    """Record a link where it is news; returns how many records that made."""
    recorder.set_name, state = proof.set, recorder.state
    s = state.sets.get(proof.set)
    if s is None:
        raise UnprovenSuccession(f"the set {proof.set} is not known here yet")
    try:
        own = recorder.ledger.log_id.hex()
        mine = lineage.without_own(s, proof, own)
        judged = lineage.judge(s, mine, state.terminals, own)
    except UnprovenSuccession:
        raise
    except BreakglassError as error:
        raise type(error)(f"set {proof.set}: {error}", hint=error.hint) from error
    if not lineage_rules.is_news(s, judged):
        return 0
    recorder.append(lineage.record_of(mine, judged))
    return 1
