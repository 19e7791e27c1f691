# SPDX-License-Identifier: Apache-2.0
"""The newest checkpoint goes to every witness, and what they cosign is kept.

Rules:

1. Each witness is asked by itself, within its own deadline, however it answers: none keeps another from being asked.
2. What is proven from is the size that this witness cosigned last, as it is kept here. Where the witness names another
   one it is proven from that, ``TRIES`` times in all.
3. A witness that cosigned more than there is, or takes no proof from what it cosigned, accuses this log. Before that is
   said the ledger is read again, since another program may have written, and the proof is verified here.
4. What is kept is written before anybody is accused, and whole. A cosigned checkpoint that this ledger does not have is
   not written over: a witness that forgot it would take the proof away. A later run takes up where this one ended: the
   newest checkpoint covers every record before it, so a machine that was offline has nothing to catch up with.
5. Nothing that happens at a witness keeps a record from being made here: this reads the ledger only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.crypto import merkle
from breakglass_shamir.crypto.cosignature import Cosignature
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.trust_policy import TrustPolicy, Witness
from breakglass_shamir.errors import (
    BreakglassError,
    Forked,
    IntegrityError,
    InvalidProof,
    LedgerUnwritable,
    RecordMissing,
    WebError,
)
from breakglass_shamir.ledger import clock
from breakglass_shamir.ledger.cosigned import Cosigned, Finding, WitnessFiles, when
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.operations.witnessing.add_checkpoint import Conflict, Refusal, Submission, Unprovable, submit
from breakglass_shamir.operations.witnessing.pinning import pinned
from breakglass_shamir.operations.witnessing.standing import hold
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.ledger.store import Ledger

TRIES = 3
"""How often one witness is asked in one run: once, once more from the size that it names, and once for a race."""

UNSIGNED_HINT = (
    "its word is not signed: ask its people for the checkpoint that it cosigned, and hold this ledger against it with: "
    "breakglass audit verify --against FILE; where it holds, this ledger was set back or copied"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What one witness said (docs/json.md).

    Attributes:
        name: in the policy.
        key: its verifier key.
        outcome: ``cosigned``, ``unreachable``, ``unknown-log``, ``refused``, ``bad-answer``, ``accuses`` or
            ``damaged``: what is kept of it does not hold.
        size: records that it cosigned, the newest that is kept; 0: none.
        time: when it did; empty: it did not.
        problem: why it did not cosign now, in words; empty: it did.
        set_back: whether it says that it cosigned less than it did.
    """

    name: str
    key: str
    outcome: str
    size: int = 0
    time: str = ""
    problem: str = ""
    set_back: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the witnesses said (docs/json.md).

    Attributes:
        records: of the checkpoint that was submitted.
        quorum: whether enough of them cosigned it.
        file: the newest checkpoint that enough of them cosigned; None: there is none yet.
        witnesses: in the order of the policy.
    """

    records: int
    quorum: bool
    file: Path | None
    witnesses: tuple[Told, ...]


@dataclass(slots=True)
class _Run:
    """One run at one ledger."""

    ledger: "Ledger"
    files: WitnessFiles
    policy: TrustPolicy
    ca: str | None
    limit_s: float
    exposed: list[IntegrityError] = field(default_factory=list)
    """What shows that this is not the log that was cosigned."""


def submit_newest(ledger: "Ledger", *, limit_s: float, ca: Path | None = None) -> Submitted:
    """Submit the newest checkpoint to every pinned witness, and keep what they cosign.

    Args:
        ledger: this terminal's.
        limit_s: how long each witness may take, in seconds.
        ca: file of certificates to trust; None: the system's.

    Raises:
        InvalidInput: no witness is pinned, or the policy cannot be read.
        RecordMissing, Forked: a witness cosigned what this ledger does not have; what others cosigned is kept.
        InvalidProof: what is kept here does not hold.
        WebError: too few cosigned; what those did is kept.
        LedgerBusy, LedgerUnwritable: another program is at it, or it could not be kept.
    """
    files, policy = pinned(ledger)
    run = _Run(ledger, files, policy, str(ca) if ca else None, limit_s)
    with files.alone():
        ledger.catch_up()
        size = ledger.size
        told = tuple(_ask(run, witness) for witness in policy.witnesses)
        witnessed = _keep_witnessed(run)
    if run.exposed:
        first = run.exposed[0]
        raise type(first)("; ".join(str(one) for one in run.exposed), hint=first.hint) from first
    enough = witnessed is not None and witnessed.checkpoint.size >= size and witnessed.time_for(policy) is not None
    cosigned = {one.name for one in told if one.outcome == "cosigned"}
    if not policy.satisfied_by(cosigned):
        raise WebError(_too_few(policy, told), hint=_what_to_do(ledger, told))
    return Submitted(size, enough, files.witnessed if witnessed else None, told)


def _ask(run: _Run, witness: Witness) -> Told:
    """Ask one witness, and say what came of it."""
    key = witness.cosigner.to_text()
    try:
        last = run.files.last_of(witness)
    except BreakglassError as error:
        run.exposed.append(error if isinstance(error, IntegrityError) else InvalidProof(str(error), hint=error.hint))
        return Told(witness.name, key, "damaged", problem=str(error))
    size, time = (last.checkpoint.size, when(last.times[witness.name])) if last else (0, "")
    lacking = ""
    if last is not None:
        try:
            hold(run.ledger, last.checkpoint, f"{witness.name} cosigned")
        except IntegrityError as error:
            run.exposed.append(error)
            lacking = str(error)
    if not witness.url:
        return Told(witness.name, key, "unreachable", size, time, "the policy names no address of it")
    try:
        found, set_back = _cosigned(run, witness, last)
    except WebError as error:
        return Told(witness.name, key, "unreachable", size, time, str(error))
    if isinstance(found, Refusal):
        return Told(witness.name, key, found.outcome, size, time, found.words, set_back)
    if isinstance(found, Finding):
        kind = RecordMissing if found.error == RecordMissing.id else Forked
        run.exposed.append(kind(found.in_words(witness.name), hint=UNSIGNED_HINT))
        try:
            run.files.accuse(witness, found)
        except LedgerUnwritable as error:
            run.exposed.append(error)
        return Told(witness.name, key, "accuses", size, time, found.in_words(witness.name), set_back)
    if lacking:
        return Told(witness.name, key, "accuses", size, time, lacking, set_back)
    run.files.keep(witness, found.note)
    return Told(
        witness.name, key, "cosigned", found.checkpoint.size, when(found.times[witness.name]), set_back=set_back
    )


def _cosigned(
    run: _Run, witness: Witness, last: Cosigned | None
) -> tuple[Cosigned | Refusal | Finding, bool]:  # fmt: skip
    """Ask until it cosigned, or will not; tells whether it says that it cosigned less than it did."""
    ledger, deadline = run.ledger, Deadline(run.limit_s)
    known, set_back = last.checkpoint.size if last else 0, False
    old = min(known, ledger.size)
    for _ in range(TRIES):
        asked = _submission(ledger, old)
        now = _now()
        answer = submit(witness, asked, deadline, ca=run.ca, now=now)
        if isinstance(answer, Cosignature):
            return _kept(run, witness, asked, answer, last), set_back
        if isinstance(answer, Refusal):
            return answer, set_back
        size = answer.size if isinstance(answer, Conflict) else old
        if isinstance(answer, Unprovable) or size is None or size == old == ledger.size:
            if old == 0:
                return Refusal("bad-answer", "it takes no proof from nothing"), set_back
            if isinstance(answer, Conflict) and old != ledger.size:
                return Refusal("bad-answer", "it says that it cosigned another size, and gives none"), set_back
            return Finding(Forked.id, old, ledger.size, now), set_back
        if size > ledger.size:
            ledger.catch_up()
        if size > ledger.size:
            return Finding(RecordMissing.id, size, ledger.size, now), set_back
        if size == old:
            return Refusal("bad-answer", f"it asks for a proof from {size}, and got one"), set_back
        set_back, old = size < known, size
    return Refusal("bad-answer", f"it named another size {counted(TRIES, 'time')}, one after the other"), set_back


def _kept(
    run: _Run, witness: Witness, asked: Submission, answer: Cosignature, last: Cosigned | None
) -> Cosigned | Refusal:  # fmt: skip
    """Return the checkpoint with a new cosignature, unless its time is before that of the one before."""
    before = last.times[witness.name] if last else 0
    if answer.time < before:
        words = f"its cosignature is of {when(answer.time)}, and it gave one of {when(before)}: its clock was set back"
        return Refusal("bad-answer", words)
    return run.files.opened(asked.note + answer.line, (witness,))


def _submission(ledger: "Ledger", old: int) -> Submission:
    """Make what is sent, and verify it here, so that a damaged tree accuses no witness.

    Raises:
        InvalidProof, InvalidSignature: the newest checkpoint does not hold, or the tree is damaged.
    """
    note = ledger.row(ledger.size - 1)[4]
    head = Checkpoint.from_text(open_note(note, origin(ledger.public_key), ledger.public_key))
    if head.size != ledger.size:
        raise InvalidProof(f"expected a checkpoint of {counted(ledger.size, 'record')}, got one of {head.size}")
    if not old:
        return Submission(0, (), note)
    proof = merkle.consistency_proof(old, head.size, ledger.node)
    merkle.verify_consistency(old, head.size, proof, ledger.root_at(old), head.root)
    return Submission(old, proof, note)


def _keep_witnessed(run: _Run) -> Cosigned | None:
    """Put together what a quorum cosigned, and keep it where it is newer; returns what is kept then.

    A kept one that does not hold, or of which another policy's witnesses were enough, is replaced once there is one.
    """
    try:
        before = run.files.witnessed_by(run.policy)
        if before is not None and before.time_for(run.policy) is None:
            before = None
    except BreakglassError as error:
        run.exposed.append(InvalidProof(str(error), hint=error.hint))
        return None
    best = before
    for one in _together(run):
        time = one.time_for(run.policy)
        if time is not None and (best is None or _rank(one, run.policy) > _rank(best, run.policy)):
            best = one
    if best is not None and best is not before:
        run.files.keep_witnessed(best.note)
    return best


def _rank(one: Cosigned, policy: TrustPolicy) -> tuple[int, int, int]:
    return one.checkpoint.size, one.time_for(policy) or 0, len(one.times)


def _together(run: _Run) -> list[Cosigned]:
    """Return every checkpoint that some witness cosigned last, with the cosignatures of all who did."""
    lines: dict[int, list[str]] = {}
    notes: dict[int, str] = {}
    for witness in run.policy.witnesses:
        try:
            last = run.files.last_of(witness)
        except BreakglassError:
            continue
        if last is not None and last.checkpoint.size <= run.ledger.size:
            size = last.checkpoint.size
            note = run.ledger.row(size - 1)[4]
            if last.note.startswith(note):
                notes[size] = note
                lines.setdefault(size, []).append(last.note.removeprefix(note))
    return [run.files.opened(notes[size] + "".join(of_size), run.policy.witnesses) for size, of_size in lines.items()]


def _too_few(policy: TrustPolicy, told: Sequence[Told]) -> str:
    said = "; ".join(f"{one.name}: {one.problem}" for one in told if one.problem)
    did = sum(one.outcome == "cosigned" for one in told)
    return f"{did} of {counted(len(told), 'witness')} cosigned, and {policy.in_words()}: {said}"


def _what_to_do(ledger: "Ledger", told: Sequence[Told]) -> str:
    if any(one.outcome == "unknown-log" for one in told):
        return "give its people the log's key, which is shown by: breakglass witness list"
    return "nothing is lost: the next run submits whatever is newest then"


def _now() -> int:
    return int(datetime.fromisoformat(clock.now().time).timestamp())
