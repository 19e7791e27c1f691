# SPDX-License-Identifier: Apache-2.0
"""Proofs of what followed what: collected from this log for other terminals, and taken from theirs.

Rules:

1. What is given away is public: envelopes, two records of each rotation, their signatures. A half that this log does
   not have is left empty; another terminal may have it.
2. What is taken is judged link by link, in whatever order it comes: a link whose predecessor another one brings waits
   for that. One that does not hold is named and keeps none of the others from being recorded.
3. Halves of one proof that came from several terminals are put together.
4. That some did not hold is recorded, once for all of them, where people brought them.
5. An opening that waited for nothing but this rotation is closed.

What proves a link is for ``custody/life/lineage.py``, what follows from one for ``lineage_rules.py``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life import lineage, lineage_rules, standing
from breakglass_shamir.custody.life.lineage import Judged, SuccessionProof
from breakglass_shamir.custody.life.link import Link
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.custody.records.openings import Closed, Refused
from breakglass_shamir.custody.records.rotations import Countersigned, OldDead
from breakglass_shamir.errors import BreakglassError, UnprovenSuccession
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Refusal:
    """A link that was not taken."""

    proof: SuccessionProof
    error: BreakglassError


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of proofs."""

    recorded: tuple[tuple[str, Link], ...]
    """Set and link of each that was recorded."""

    known: int
    """How many were known before."""

    refused: tuple[Refusal, ...]


@dataclass(slots=True)
class Collected:
    """What one log holds of the links of a set, record by record."""

    set_name: str
    log_key: str
    """The terminal's key, one line without comment."""

    countersigned: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Successor to the record that vouches for it and the signature by its predecessor's set key."""

    old_dead: dict[tuple[str, str, str], tuple[bytes, str, str]] = field(default_factory=dict)
    """Predecessor, successor and log id (empty: this one) to the record, its signature and the terminal's key."""

    def take(self, entry: Entry) -> None:
        """Take one more record of the log."""
        if entry.record.set != self.set_name:
            return
        match entry.record.body:
            case Countersigned() as body:
                self.countersigned[body.epoch_id] = (entry.data, entry.quorum_signature)
            case OldDead() as body:
                said = (entry.data, entry.terminal_signature, self.log_key)
                self.old_dead[body.old_epoch_id, body.new_epoch_id, ""] = said
            case Succession() as body:
                self._take_proof(body)

    def _take_proof(self, body: Succession) -> None:
        proof = lineage.proof_in(self.set_name, body)
        if proof.countersigned:
            self.countersigned.setdefault(proof.successor, (proof.countersigned, proof.countersignature))
        if proof.old_dead:
            said = (proof.old_dead, proof.terminal_signature, proof.terminal_key)
            self.old_dead[proof.predecessor, proof.successor, body.terminal] = said

    def proofs(self, s: SetState) -> Iterator[SuccessionProof]:
        """Yield a proof for each link that this ledger knows, in the order in which it learned them."""
        for link in s.links:
            envelope = s.epochs[link.successor].envelope
            if not isinstance(envelope, Envelope):
                continue  # it was only ever typed: nobody else could check that envelope
            vouched, vouched_by = self.countersigned.get(link.successor, (b"", ""))
            nothing = (b"", "", "")
            dead, seen_by, key = self.old_dead.get((link.predecessor, link.successor, link.terminal), nothing)
            yield SuccessionProof(
                set=s.name, predecessor=link.predecessor, successor=link.successor, envelope=envelope.to_bytes(),
                countersigned=vouched, countersignature=vouched_by, old_dead=dead, terminal_signature=seen_by,
                terminal_key=key,
            )  # fmt: skip


def collect(ledger: Ledger, s: SetState) -> tuple[SuccessionProof, ...]:
    """Return a proof for every link of a set that a log knows, its own and those that it was given."""
    return collected_from(ledger.entries(), ledger.public_key, s)


def collected_from(entries: Iterable[Entry], public_key: bytes, s: SetState) -> tuple[SuccessionProof, ...]:
    """Return the same of a log's records, given from the first one on."""
    found = Collected(s.name, sshsig.public_line(public_key, ""))
    for entry in entries:
        found.take(entry)
    return tuple(found.proofs(s))


def take(recorder: Recorder, proofs: Iterable[SuccessionProof], *, refusals: bool = True) -> Taken:
    """Record the links that hold and are news.

    Args:
        recorder: at no set.
        proofs: as they came.
        refusals: whether it is recorded, too, that some did not hold.

    Raises:
        LedgerUnwritable, LedgerBusy: one could not be recorded; those before it are.
    """
    waiting, recorded, known, refused = _with_joined(tuple(proofs)), list[tuple[str, Link]](), 0, list[Refusal]()
    while waiting:
        later = list[Refusal]()
        for proof in waiting:
            try:
                mine, judged = judge(recorder, proof)
            except UnprovenSuccession as error:
                later.append(Refusal(proof, error))
            except BreakglassError as error:
                refused.append(Refusal(proof, error))
            else:
                if lineage_rules.is_news(recorder.set_state, judged):
                    _record(recorder, mine, judged)
                    recorded.append((proof.set, judged.link))
                else:
                    known += 1
        if len(later) == len(waiting):
            refused += later
            break
        waiting = tuple(one.proof for one in later)
    lasting = _lasting(recorder, refused)
    if lasting and refusals:
        _record_refusal(recorder, lasting)
    return Taken(tuple(recorded), known, lasting)


def judge(recorder: Recorder, proof: SuccessionProof) -> tuple[SuccessionProof, Judged]:
    """Hold a proof against this ledger; returns it as it is to be recorded, and what it says.

    Raises:
        UnprovenSuccession: nothing that counts here proves it.
        InvalidRecord, InvalidSignature, EnvelopeConflict: it contradicts itself or this ledger.
    """
    recorder.set_name, state = proof.set, recorder.state
    s = state.sets.get(proof.set)
    if s is None:
        raise UnprovenSuccession(
            f"this ledger does not know the set {proof.set!r}", hint="enrol the set first, or open it here once"
        )
    log = recorder.ledger.log_id.hex()
    mine = lineage.without_own(s, proof, log)
    return mine, lineage.judge(s, mine, state.terminals, log)


def _record(recorder: Recorder, proof: SuccessionProof, judged: Judged) -> None:
    """Record a link, and end an opening that owed nothing but this."""
    recorder.opening = ""
    recorder.append(lineage.record_of(proof, judged))
    opening = recorder.set_state.opening
    if opening is not None and opening.rotated and opening.use_ended:
        recorder.opening = opening.id
        recorder.append(Closed(classification=opening.classification))


def _record_refusal(recorder: Recorder, refused: Sequence[Refusal]) -> None:
    """Record once that proofs were brought that do not hold, however many there were."""
    first, more = refused[0], f"; and {len(refused) - 1} more" if len(refused) > 1 else ""
    recorder.set_name = first.proof.set if first.proof.set in recorder.state.sets else ""
    recorder.opening = ""
    recorder.append(Refused(stage="lineage", error=first.error.id, message=f"{first.error}{more}"))


def _with_joined(proofs: Sequence[SuccessionProof]) -> tuple[SuccessionProof, ...]:
    """Add, for each link of which several halves came, one proof with the first of each."""
    by_link: dict[tuple[str, str, str], list[SuccessionProof]] = {}
    for proof in proofs:
        by_link.setdefault(_name(proof), []).append(proof)
    joined = []
    for same in by_link.values():
        vouched = next((one for one in same if one.countersigned), None)
        dead = next((one for one in same if one.old_dead), None)
        if vouched is not None and dead is not None and vouched is not dead:
            joined.append(lineage.joined(vouched, dead))
    return (*proofs, *joined)


def _lasting(recorder: Recorder, refused: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Leave out refusals of links that are known all the same, and name each of the others once."""
    found: dict[tuple[str, str, str], Refusal] = {}
    for one in refused:
        s = recorder.state.sets.get(one.proof.set)
        links = standing.links_from(s, one.proof.predecessor) if s else ()
        if not any(link.successor == one.proof.successor for link in links):
            found.setdefault(_name(one.proof), one)
    return tuple(found.values())


def _name(proof: SuccessionProof) -> tuple[str, str, str]:
    return proof.set, proof.predecessor, proof.successor
