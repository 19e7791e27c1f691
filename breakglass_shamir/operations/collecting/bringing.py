# SPDX-License-Identifier: Apache-2.0
"""A terminal tells others through the collection what it proved of sets, and takes what they told.

Rules:

1. Nothing counts because the database or the collector says so. A telling counts by the signature of a terminal that
   is pinned here, and each proof in it is judged as ``lineage import`` judges one from a file.
2. Only epochs that are known here are asked about, by addresses that follow from their public keys, and only terminals
   that are pinned here.
3. What does not hold is named, changes nothing and is not recorded: a database could make any number of it.
4. A terminal whose key signed two histories is named, and nothing is taken that rests on its word. The checkpoints show
   it, whoever brought them, and are kept in the home: a database that hides them afterwards changes nothing. People
   decide what is true, and may still bring that terminal's files.
5. The newest checkpoint that was seen of each terminal's log is kept in the home: the next one must not contradict it.
6. A sheet that is void at a pinned terminal is void here; the record names that terminal, its log and its record.
7. Bounded: epochs, rows, rounds. What was recorded before a failure stays.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from breakglass_shamir.collection import address, door
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody import names
from breakglass_shamir.custody.life import statement, telling
from breakglass_shamir.custody.life.state import EpochStatus
from breakglass_shamir.custody.life.telling import Telling
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.sheets import SheetVoided
from breakglass_shamir.errors import (
    BreakglassError,
    Forked,
    IllegalState,
    InvalidInput,
    InvalidProof,
    InvalidRecord,
    LedgerUnwritable,
    LooksLikeShare,
)
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.operations.collecting import own, syncing
from breakglass_shamir.operations.lineage import links
from breakglass_shamir.operations.lineage.links import Refusal, Taken
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.collection.door import Session, ToldRow
    from breakglass_shamir.crypto.cosignature import Cosigner
    from breakglass_shamir.custody.life.lineage import SuccessionProof
    from breakglass_shamir.custody.life.state import PinnedTerminal
    from breakglass_shamir.operations.recorder import Recorder

FOLDER_NAME = "terminals"
"""In the home folder: the newest checkpoint of each other terminal's log."""

ROUNDS = 64
"""Most times that newly learned epochs are asked about in one go."""


@dataclass(frozen=True, slots=True)
class Voided:
    """A sheet that counts no more here since another terminal said so (docs/json.md)."""

    set: str
    epoch: int
    sheet: str
    terminal: str
    """Log id of the terminal that says so."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not taken, and why."""

    terminal: str
    """Log id of the terminal that it is of, or is said to be of."""

    error: BreakglassError


@dataclass(frozen=True, slots=True)
class Brought:
    """What a terminal told and took.

    Attributes:
        told: tellings that were sent.
        full: why the collection takes no more of this login now; empty: it took all.
        too_long: what of this terminal's own could not be told, a sentence each.
        taken: what became of proofs.
        voided: sheets that are void here now.
        problems: what was not taken.
        forked: log ids of pinned terminals whose keys signed two histories.
        ended: whether this terminal is retired, and takes nothing any more.
    """

    told: int
    full: str
    too_long: tuple[str, ...]
    taken: Taken
    voided: tuple[Voided, ...]
    problems: tuple[Problem, ...]
    forked: tuple[str, ...]
    ended: bool = False


@dataclass(slots=True)
class _Taking:
    """What was taken so far."""

    recorded: list[Any] = field(default_factory=list)
    known: int = 0
    refused: dict[tuple[str, str, str], Refusal] = field(default_factory=dict)
    voided: list[Voided] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    forked: list[str] = field(default_factory=list)


def bring(recorder: "Recorder", place: str) -> Brought:
    """Tell what this terminal proved, and take what pinned terminals told of sets that are known here.

    Args:
        recorder: at no set.
        place: address of the collection.

    Raises:
        InvalidInput: the address cannot be used, or no collector is pinned.
        ConnectorError: the collection does not answer; what was recorded before stays.
        LedgerUnwritable, LedgerBusy: something could not be recorded.
    """
    cosigner = syncing.pinned(recorder.ledger)
    recorder.ledger.catch_up()
    taking, ended = _Taking(), recorder.state.ended is not None
    with address.connected(place) as connection:
        told, too_long = _tell(recorder, connection)
        if not ended:
            _look_for_forks(recorder, connection, cosigner, taking)
            _take(recorder, connection, taking)
    taken = Taken(tuple(taking.recorded), taking.known, tuple(taking.refused.values()))
    return Brought(
        told.count, told.full, tuple(too_long), taken, tuple(taking.voided), tuple(taking.problems),
        tuple(taking.forked), ended,
    )  # fmt: skip


def _tell(recorder: "Recorder", connection: "Session") -> tuple[door.Pushed, list[str]]:
    """Push what this terminal tells, unless the collection shows that it has it."""
    ledger = recorder.ledger
    mine, too_long = own.tellings(ledger)
    known = {row.data for row in door.told(connection, [one.address for one in mine], [ledger.log_id])}
    news = [(one, one.to_bytes()) for one in mine]
    rows = [(one.address, one.size, data, ledger.sign_telling(data)) for one, data in news if data not in known]
    return door.tell(connection, ledger.public_key, rows), too_long


def _pinned(recorder: "Recorder") -> "dict[str, PinnedTerminal]":
    """Return the pinned terminals but this one, by log id."""
    return {log: one for log, one in recorder.state.terminals.items() if log != recorder.ledger.log_id.hex()}


def _look_for_forks(recorder: "Recorder", connection: "Session", cosigner: "Cosigner", taking: _Taking) -> None:
    """Hold what the collection shows of each pinned terminal's log against itself, and against what was seen here."""
    for log, terminal in _pinned(recorder).items():
        try:
            _check_log(recorder, connection, cosigner, log, terminal)
        except Forked as error:
            taking.forked.append(log)
            taking.problems.append(Problem(log, error))
        except LedgerUnwritable:
            raise
        except BreakglassError as error:
            taking.problems.append(Problem(log, error))


def _check_log(
    recorder: "Recorder", connection: "Session", cosigner: "Cosigner", log: str, terminal: "PinnedTerminal"
) -> None:
    """Hold the log of one terminal against what was seen of it.

    Raises:
        Forked: its key signed two histories.
        InvalidProof, InvalidSignature: what the collection shows does not hold, or it was set back.
        InvalidInput: what was kept here cannot be read.
        LedgerUnwritable: what was seen could not be kept.
    """
    key, whose = sshsig.public_of_line(terminal.public_key), f"the log {log} of the terminal {terminal.name}"
    folder = recorder.ledger.path.parent / FOLDER_NAME
    file, proof = (names.inside(folder, name) for name in (names.log_checkpoint(log), names.log_forked(log)))
    pairs = [_notes(proof), *door.forks(connection, key)]
    for notes in pairs:
        _require_one(notes, key, whose, proof)
    kept = _notes(file)
    size, root = terminal.size, terminal.root
    if kept:
        try:
            seen = door.opened(kept[0], key)
        except BreakglassError as error:
            raise InvalidProof(f"{file} does not hold: {error}", hint=_DAMAGED) from error
        size, root = seen.size, seen.root.hex()
    head = door.head(connection, key, cosigner)
    if head is None or head.checkpoint.size < size:
        if not kept:
            return  # that terminal gave the collection less than it told here
        has = counted(head.checkpoint.size if head else 0, "record")
        raise InvalidProof(
            f"the collection shows {has} of {whose} with the pinned collector's cosignature, and showed {size} before: "
            "it was set back, or the collector has not worked yet"
        )
    if size and root:
        shown = head.note if head.checkpoint.size == size else door.checkpoint(connection, key, size)
        if door.opened(shown, key).root.hex() != root:
            _keep(proof, [*(kept or [_told_checkpoint(recorder, log)]), shown])
            raise Forked(
                f"{whose} is forked: its key signed another history of its first {counted(size, 'record')}", hint=_FORK
            )
    if not kept or head.checkpoint.size > size:
        _keep(file, [head.note])


_FORK = "ask who put an old copy of that terminal's ledger back; what it says is not taken from the collection any more"
_DAMAGED = "take it from a backup of the home"


def _told_checkpoint(recorder: "Recorder", log: str) -> str:
    """Return the checkpoint of a terminal's last statement that was taken here."""
    found = ""
    for entry in recorder.ledger.entries():
        if isinstance(entry.record.body, Enrolled) and entry.record.body.log == log:
            found = statement.parse(entry.record.body.statement).checkpoint
    return found


def _require_one(notes: Sequence[str], key: bytes, whose: str, proof: Path) -> None:
    """Refuse two checkpoints of one size and two roots, both signed by a terminal's key; keeps them.

    Raises:
        Forked: these are.
        LedgerUnwritable: they could not be kept.
    """
    found = [door.opened(note, key) for note in notes if _is_signed(note, key)]
    if len(found) == 2 and found[0].size == found[1].size and found[0].root != found[1].root:
        _keep(proof, notes)
        said = f"{whose} is forked: its key signed two histories of its first {counted(found[0].size, 'record')}"
        raise Forked(said, hint=_FORK)


def _is_signed(note: str, key: bytes) -> bool:
    try:
        door.opened(note, key)
    except BreakglassError:
        return False
    return True


def _notes(file: Path) -> tuple[str, ...]:
    """Return the notes that a file in the home holds; none where there is no such file.

    Raises:
        InvalidInput: it cannot be read.
        InvalidProof: it was damaged.
    """
    try:
        found = json.loads(durable.read_plain(file, 4 * door.MAX_NOTE_CHARACTERS))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise unreadable(file, error) from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidProof(f"{file} does not hold: it is no list of notes", hint=_DAMAGED)
    return tuple(found)


def _keep(file: Path, notes: Sequence[str]) -> None:
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        durable.write_over(file, json.dumps(list(notes)).encode())
    except OSError as error:
        raise LedgerUnwritable(f"{file} could not be written: {error.strerror}") from error


def _take(recorder: "Recorder", connection: "Session", taking: _Taking) -> None:
    """Take what was told of every epoch that is known here, and of those that this makes known."""
    terminals = {log: one for log, one in _pinned(recorder).items() if log not in taking.forked}
    asked = set[bytes]()
    for _ in range(ROUNDS if terminals else 0):
        places = {telling.address_of(epoch.envelope.set_public_key): (s.name, epoch.epoch_id)
                  for s, epoch in own.epochs(recorder.state)}  # fmt: skip
        new = [one for one in places if one not in asked]
        if not new:
            return
        asked.update(new)
        found = list[tuple[str, Telling]]()
        for row in door.told(connection, new, [bytes.fromhex(log) for log in terminals]):
            try:
                found.append((row.log_id.hex(), _verified(row, terminals, places)))
            except BreakglassError as error:
                taking.problems.append(Problem(row.log_id.hex(), error))
        _take_proofs(recorder, taking, [proof for _, one in found for proof in one.successions])
        for log, one in found:
            for sheet, since in one.voided.items():
                _void(recorder, taking, (log, terminals[log].name), one, sheet, since)


def _verified(row: "ToldRow", terminals: "dict[str, PinnedTerminal]", places: dict[bytes, tuple[str, str]]) -> Telling:
    """Return what a pinned terminal told of an epoch that was asked about.

    Raises:
        InvalidRecord, InvalidSignature, UnsupportedVersion: it does not hold, or nobody asked for it.
    """
    terminal = terminals.get(row.log_id.hex())
    if terminal is None:
        raise InvalidRecord(f"the collection gives what the log {row.log_id.hex()[:16]} told, which nobody asked for")
    found = telling.verify(row.data, row.signature, sshsig.public_of_line(terminal.public_key))
    if places.get(found.address, ("", ""))[0] != found.set:
        raise InvalidRecord(f"the collection gives what {terminal.name} told of another epoch or set")
    return found


def _take_proofs(recorder: "Recorder", taking: _Taking, proofs: "list[SuccessionProof]") -> None:
    """Record the links that hold, but those whose death a terminal saw that signed two histories."""
    trusted = [one for one in proofs if _log_of(one) not in taking.forked]
    taken = links.take(recorder, trusted, refusals=False)
    taking.recorded += taken.recorded
    taking.known += taken.known
    for one in taken.refused:
        taking.refused[one.proof.set, one.proof.predecessor, one.proof.successor] = one


def _log_of(proof: "SuccessionProof") -> str:
    """Return the log that a proof's death is of; empty: it has none, or is malformed, which is for others to say."""
    try:
        return records.parse(proof.old_dead).log if proof.old_dead else ""
    except BreakglassError:
        return ""


def _void(recorder: "Recorder", taking: _Taking, who: tuple[str, str], told: Telling, sheet: str, since: str) -> None:
    """Let a sheet count no more that is void at a pinned terminal, where it counts here."""
    log, name = who
    s = recorder.state.sets[told.set]
    epoch = s.epochs[told.epoch_id]
    if epoch.status is not EpochStatus.GOOD or sheet in epoch.voided:
        return
    if sheet not in epoch.seats:
        said = f"the terminal {name} tells of a sheet {sheet} that epoch {epoch.number} does not have"
        taking.problems.append(Problem(log, InvalidRecord(said)))
        return
    recorder.set_name, recorder.opening = s.name, ""
    reason = (
        f"void at the terminal {name}, log {log}, since {since}; told among its first {counted(told.size, 'record')}"
    )
    try:
        recorder.append(SheetVoided(epoch_id=epoch.epoch_id, sheet=sheet, reason=reason))
    except (IllegalState, InvalidInput, LooksLikeShare) as error:
        taking.problems.append(Problem(log, error))
    else:
        taking.voided.append(Voided(s.name, epoch.number, sheet, log))


def notes(found: Brought) -> Iterator[str]:
    """Say what people must see of what was brought, a sentence each."""
    yield from (f"not told, since it is too long: {one}" for one in found.too_long)
    said = [
        f"not taken (log {one.terminal}): {one.error}" + (f"; {one.error.hint}" if one.error.hint else "")
        for one in found.problems
    ]
    yield from dict.fromkeys(said)
