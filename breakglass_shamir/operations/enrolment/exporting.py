# SPDX-License-Identifier: Apache-2.0
"""Export: write down what this terminal knows of some sets, for another one to take.

Rules:

1. Only what this terminal vouches for is written: an epoch that it issued, that a receipt pins, or that a pinned
   terminal told of. An epoch known from its sheets alone vouches for nothing. Beside those that may be alive it is the
   one, or the few, with which the proofs of what followed what begin.
2. Every statement, proof and receipt in a file is of one and the same tree of the log.
3. What was exported before is proven to be the beginning of that tree, so that whoever saw it can tell a fork.
4. The file is written and synced before the record of it; where the record cannot be made, the file is removed.
5. Nothing secret is read for it but the terminal key, which signs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from breakglass_shamir.custody.life import enrolment_file, statement
from breakglass_shamir.custody.life.enrolment_file import Part
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState
from breakglass_shamir.custody.life.statement import (
    Carried,
    CarriedEpoch,
    CarriedPolicy,
    CarriedRetirement,
    Statement,
)
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Issued, Recovered, RecoveredCore
from breakglass_shamir.custody.records.ledger import PolicyAdopted, PolicyWeakened
from breakglass_shamir.custody.records.lineage import Succession
from breakglass_shamir.errors import BreakglassError, FileExists, IllegalState, InvalidInput, LedgerUnwritable
from breakglass_shamir.ledger import clock, durable, receipt, statements
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.enrolment import package
from breakglass_shamir.operations.enrolment.package import Package
from breakglass_shamir.operations.lineage.links import Collected
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass


@dataclass(frozen=True, slots=True)
class ExportedSet:
    """One set in a file."""

    set_name: str
    epochs: tuple[int, ...]
    """Numbers of the epochs that may be alive."""

    policy: str
    """Digest of the policy, hexadecimal; empty: there is none."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file for another terminal."""

    out: Path
    fingerprint: str
    """To be typed at the other terminal."""

    sha256: str
    records: int
    """Records in this log when it was made."""

    log_id: bytes
    sets: tuple[ExportedSet, ...]


@dataclass(slots=True)
class _Found:
    """Where in the log stands what is told of a set."""

    links: Collected
    epochs: dict[str, int | Carried] = field(default_factory=dict)
    """Epoch id to the number of the record that brought it, or to what another terminal carried."""

    policy: int | CarriedPolicy | None = None
    last: int = -1
    """Number of the set's last record that is not itself a statement; of one, where there is no other."""

    def take(self, entry: Entry) -> None:
        """Take one more record of the set."""
        self.links.take(entry)
        seq, body = entry.record.seq, entry.record.body
        if self.last < 0 or not isinstance(body, Enrolled):
            self.last = seq
        if isinstance(body, PolicyAdopted | PolicyWeakened):
            self.policy = seq
        elif isinstance(body, Issued | Recovered | RecoveredCore):
            self.epochs.setdefault(body.epoch_id, seq)
        elif isinstance(body, Succession):
            self.epochs.setdefault(body.successor, seq)
        elif isinstance(body, Enrolled):
            said = statement.parse(body.statement)
            for epoch in said.epochs:
                self.epochs.setdefault(epoch.epoch_id, epoch.brought_by)
            if body.policy == "taken":
                self.policy = said.policy


def export(recorder: Recorder, names: Sequence[str], out: Path, since: Sequence[int] = ()) -> Exported:
    """Write a file for another terminal, and record that it was written.

    Args:
        recorder: at no set.
        names: of the sets.
        out: a new file.
        since: further sizes of this log that another terminal has seen.

    Raises:
        UnknownSet: no set of this name.
        IllegalState: a set has nothing that this terminal vouches for.
        InvalidInput: no set, a size that this log never had, or more than one file holds.
        FileExists: the file is there.
        LedgerUnwritable, LedgerBusy: the file or the record could not be written.
    """
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        raise InvalidInput("expected the sets to be exported, got none", hint="breakglass status shows them")
    ledger = recorder.ledger
    if len(set(since)) > statement.MAX_EARLIER:
        raise InvalidInput(f"expected at most {statement.MAX_EARLIER} sizes with --since, got {len(set(since))}")
    with ledger.snapshot() as size:
        ledger.catch_up()
        for one in since:
            if not 0 < one <= size:
                raise InvalidInput(f"expected a size of 1 to {size} with --since, got {one}")
        sets = [_exportable(recorder, name) for name in wanted]
        made = _make(ledger, sets, size, since)
    _write(out, made.data)
    try:
        recorder.append(EnrolmentExported(sets=wanted, size=size, sha256=made.sha256))
    except BreakglassError:
        out.unlink(missing_ok=True)
        raise
    listed = tuple(ExportedSet(s.name, tuple(epoch.number for epoch in vouched(s)), s.policy_digest) for s in sets)
    return Exported(out, made.fingerprint, made.sha256, size, ledger.log_id, listed)


def fingerprint(recorder: Recorder, path: Path) -> Package:
    """Read a file that this terminal wrote, to show its fingerprint once more.

    Raises:
        InvalidInput: it is something else, or another terminal wrote it.
    """
    found = package.read(path)
    if found.first.key != recorder.ledger.public_key:
        raise InvalidInput(
            f"{path} was written by the terminal {found.first.terminal!r}, not by this one",
            hint="its fingerprint is on that terminal's screen: breakglass enrol fingerprint FILE, there",
        )
    return found


def vouched(s: SetState) -> tuple[EpochState, ...]:
    """Return the epochs of a set that may be alive and that something else than their sheets vouches for."""
    epochs = [epoch for epoch in s.epochs.values() if s.openable(epoch.epoch_id)]
    known = [epoch for epoch in epochs if epoch.pinned or not epoch.recovered]
    return tuple(sorted(known, key=lambda epoch: epoch.number))


def _exportable(recorder: Recorder, name: str) -> SetState:
    s = recorder.state.of(name)
    epoch = s.current_epoch
    if epoch.status is not EpochStatus.GOOD or epoch not in vouched(s):
        opens = breakglass("recombine", name, options="--receipt FILE")
        raise IllegalState(
            f"epoch {epoch.number} of {name} is known from its sheets alone: this terminal vouches for none of it",
            hint=f"rotate it here first, or open it with its receipt: {opens}",
        )
    if s.prepared:
        recorder.desk.warn(f"a rotation of {name} is under way: export again when it is done")
    elif s.rotation_debts:
        recorder.desk.warn(f"{name} owes a rotation: export again when it is done")
    return s


def _make(ledger: Ledger, sets: Sequence[SetState], size: int, since: Iterable[int]) -> Package:
    """Put the file together, of one tree, and read it as the other terminal will."""
    found = {s.name: _Found(Collected(s.name, statements.key_line(ledger.public_key))) for s in sets}
    exported = set[int]()
    for entry in ledger.entries():
        if entry.record.set in found:
            found[entry.record.set].take(entry)
        elif isinstance(entry.record.body, EnrolmentExported):
            exported.add(entry.record.body.size)
    asked = sorted(set(since))
    room = statement.MAX_EARLIER - len(asked)
    earlier = {*asked, *(sorted(exported)[-room:] if room else ())}
    proofs = {s.name: tuple(found[s.name].links.proofs(s)) for s in sets}
    parts = [
        _part(ledger, s, found[s.name], size, earlier, [*_beginnings(s, proofs[s.name]), *vouched(s)]) for s in sets
    ]
    every = tuple(one for s in sets for one in proofs[s.name])
    return package.parse(enrolment_file.to_bytes(tuple(parts), every))


def _beginnings(s: SetState, proofs: Iterable[SuccessionProof]) -> list[EpochState]:
    """Return the epochs that are not alive and that no proof leads to, but proofs lead on from."""
    listed = tuple(proofs)
    led_to = {proof.successor for proof in listed}
    ids = dict.fromkeys(proof.predecessor for proof in listed if proof.predecessor not in led_to)
    epochs = [s.epochs[epoch_id] for epoch_id in ids if epoch_id not in {one.epoch_id for one in vouched(s)}]
    return [epoch for epoch in epochs if epoch.pinned or not epoch.recovered]


def _part(
    ledger: Ledger, s: SetState, found: _Found, size: int, earlier: Iterable[int], epochs: Sequence[EpochState]
) -> Part:
    note = ledger.row(size - 1)[4]
    said = Statement(
        v=records.VERSION, type=statement.TYPE, terminal=ledger.state.terminal,
        public_key=statements.key_line(ledger.public_key), checkpoint=note, size=size,
        root=ledger.root_at(size).hex(), time=clock.now().time, earlier=statements.earlier(ledger, earlier, size),
        set=s.name, lineage=tuple(s.epochs), current=s.current,
        epochs=tuple(_epoch(ledger, s, epoch, found, size) for epoch in epochs),
        policy=_policy(ledger, found, size), retired=_retired(s),
    )  # fmt: skip
    text = said.to_text()
    held = receipt.make(ledger, found.last)
    return Part(statement=text, signature=ledger.sign_statement(text), receipt=held.to_text())


def _epoch(ledger: Ledger, s: SetState, epoch: EpochState, found: _Found, size: int) -> CarriedEpoch:
    place = found.epochs[epoch.epoch_id]
    sheets = {seat: s.history.sheet(epoch.epoch_id, seat) for seat in epoch.seats}
    began = s.history.began.get(epoch.epoch_id)
    return CarriedEpoch(
        epoch_id=epoch.epoch_id, status="good" if s.openable(epoch.epoch_id) else "void",
        brought_by=statements.carry(ledger, place, size) if isinstance(place, int) else place,
        began=began.time if began else epoch.since, proven=epoch.proven, custodians=dict(epoch.custodians),
        former={seat: tuple(names) for seat, names in epoch.former.items()},
        read_back=tuple(seat for seat in epoch.seats if seat in epoch.read_back),
        acknowledged=dict(epoch.acknowledged), bags={seat: one.bag for seat, one in sheets.items() if one.bag},
        verified={seat: one.verified.time for seat, one in sheets.items() if one.verified and not one.failed},
        voided=dict(epoch.voided), voided_on=dict(epoch.voided_on),
    )  # fmt: skip


def _policy(ledger: Ledger, found: _Found, size: int) -> CarriedPolicy | None:
    if not isinstance(found.policy, int):
        return found.policy
    signature = ledger.row(found.policy)[3]
    return CarriedPolicy(adopted_by=statements.carry(ledger, found.policy, size), signature=signature)


def _retired(s: SetState) -> CarriedRetirement | None:
    how = s.retired
    if how is None:
        return None
    return CarriedRetirement(
        since=how.at.time, reason=how.reason, credential=how.credential, attested_by=how.attested_by,
        by_quorum=how.by_quorum,
    )  # fmt: skip


def _write(out: Path, data: bytes) -> None:
    """Write a new file, all of it, durably and found again, or none."""
    try:
        durable.write_new(out, data, 0o644)
    except FileExistsError:
        raise FileExists(f"{out} is there already", hint="name a new file with --out") from None
    except OSError as error:
        raise LedgerUnwritable(f"{out} could not be written: {error.strerror}", hint="name another place") from error
