# SPDX-License-Identifier: Apache-2.0
"""A terminal gives its new records to the collection, and keeps the collector's word as a witness.

Rules:

1. The collector's key is pinned in the home at the first time; another one is refused afterwards. It is exchanged by
   name and reason, which is on record before the file is written; what the one before cosigned last is kept.
2. The cosigned checkpoint lies beside the ledger, and ``audit verify --against`` reads it.
3. A ledger that does not have what was cosigned says so; what it has instead is pushed first, as evidence.
4. Where the collection takes no more of this login, what is left stays here and is sent the next time.
5. Nothing that happens at the collection keeps a record from being made here.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass_shamir.collection import address, door
from breakglass_shamir.crypto.cosignature import Cosigner, cosigned_at
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody import names
from breakglass_shamir.custody.records.ledger import CollectorReplaced
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import (
    BreakglassError,
    Forked,
    InvalidInput,
    InvalidProof,
    KeyMismatch,
    LedgerUnwritable,
    RecordMissing,
)
from breakglass_shamir.ledger import durable
from breakglass_shamir.ledger.entry import origin
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.collection.door import Cosigned
    from breakglass_shamir.ledger.store import Ledger
    from breakglass_shamir.operations.recorder import Recorder

COLLECTOR_FILE, COSIGNED_FILE = "collector.pub", "cosigned.checkpoint"
"""Beside the ledger: the pinned collector's key, and the newest checkpoint that it cosigned."""

_DAMAGED = "take it from a backup of the home; moved away, nobody here knows any more what was cosigned before"

MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Synced:
    """What a terminal gave (docs/json.md).

    Attributes:
        pushed: records that were sent.
        records: in the ledger.
        cosigned: of them, how many the collector has cosigned so far.
        witness: file with the cosigned checkpoint; None: there is none yet.
        set_back: whether the collection has less than it cosigned before.
        full: why the collection takes no more of this login now; empty: it took all.
    """

    pushed: int
    records: int
    cosigned: int
    witness: Path | None
    set_back: bool
    full: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another collector that is pinned from now on (docs/json.md): the public keys, before and now."""

    old: str
    new: str


def sync(ledger: "Ledger", place: str, collector: Path | None) -> Synced:
    """Push what the collection lacks, and keep its newest cosignature.

    Args:
        ledger: this terminal's.
        place: address of the collection.
        collector: file with the collector's public key; needed the first time.

    Raises:
        InvalidInput: the address or the key cannot be used.
        KeyMismatch: another collector is pinned.
        ConnectorError: the collection does not answer.
        InvalidSignature, InvalidProof: what the database says is not signed.
        RecordMissing, Forked: this ledger does not have what was cosigned.
    """
    cosigner, size = _pinned(ledger, collector), ledger.size
    kept = _kept(ledger, cosigner)
    with address.connected(place) as connection:
        head = door.head(connection, ledger.public_key, cosigner)
        start = max(0, min(head.checkpoint.size if head else 0, size) - 1)
        pushed = door.push(connection, ledger.public_key, islice(ledger.rows(start), size - start))
    if head is None:
        return Synced(pushed.count, size, 0, None, kept is not None, pushed.full)
    _hold(ledger, head.checkpoint)
    set_back = kept is not None and kept.size > head.checkpoint.size
    witness = ledger.path.parent / COSIGNED_FILE
    if not set_back:
        _write(witness, head)
    return Synced(pushed.count, size, head.checkpoint.size, witness, set_back, pushed.full)


def replace_collector(recorder: "Recorder", given: Path, reason: str) -> Replaced:
    """Pin another collector in the place of the one that is pinned, and have it on record.

    Args:
        recorder: at no set.
        given: file with the new collector's public key.
        reason: why, as people say it.

    Raises:
        InvalidInput: none is pinned yet, this one is already, the key cannot be read, or the reason says nothing.
        InvalidProof: it is no collector's key.
        LedgerUnwritable: the record or the files could not be written.
        GateClosed: somebody else could change the home.
    """
    recorder.require_guarded()
    said, new, folder = check_human_text("reason", reason), read_key(given), recorder.ledger.path.parent
    check_human_text("name of the collector's key", new.name)
    place, cosigned = folder / COLLECTOR_FILE, folder / COSIGNED_FILE
    if not place.exists():
        raise InvalidInput("no collector is pinned yet", hint="pin this one with --collector FILE alone")
    old = read_key(place)
    if old == new:
        raise InvalidInput(f"{given} is the collector's key that is pinned already")
    recorder.append(CollectorReplaced(old=old.to_text(), new=new.to_text(), reason=said))
    try:
        if cosigned.exists():
            cosigned.replace(names.inside(folder, names.former_checkpoint(old.key_id.hex())))
        durable.write_over(place, f"{new.to_text()}\n".encode(), 0o644)
    except OSError as error:
        raise LedgerUnwritable(f"{place} could not be written: {error.strerror}") from error
    return Replaced(old.to_text(), new.to_text())


def pinned(ledger: "Ledger") -> Cosigner:
    """Return the collector that is pinned.

    Raises:
        InvalidInput: none is, or its file cannot be read.
        InvalidProof: the file holds no key.
    """
    return _pinned(ledger, None)


def read_key(path: Path) -> Cosigner:
    """Read a collector's public key.

    Raises:
        InvalidInput: it cannot be read.
        InvalidProof: it is none.
    """
    try:
        text = durable.read_plain(path, MAX_KEY_BYTES).decode()
    except OSError as error:
        raise unreadable(path, error, hint="name the public key that the collector's people gave you") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is no collector's key: it is no text") from None
    return Cosigner.from_text(text.removesuffix("\n"))


def _pinned(ledger: "Ledger", given: Path | None) -> Cosigner:
    place = ledger.path.parent / COLLECTOR_FILE
    if not place.exists():
        if given is None:
            raise InvalidInput(
                "no collector's key is pinned yet", hint="give it once with --collector FILE, as the collector wrote it"
            )
        cosigner = read_key(given)
        try:
            durable.write_new(place, f"{cosigner.to_text()}\n".encode(), 0o644)
        except OSError as error:
            raise LedgerUnwritable(f"{place} could not be written: {error.strerror}") from error
        return cosigner
    pinned = read_key(place)
    if given is not None and read_key(given) != pinned:
        raise KeyMismatch(
            f"{given} is another collector's key than the one that is pinned in {place}",
            hint="ask the collector's people; a key that was lost is exchanged with --replace-collector REASON",
        )
    return pinned


def _kept(ledger: "Ledger", cosigner: Cosigner) -> Checkpoint | None:
    """Return what was cosigned before, and is kept here.

    Raises:
        Forked, RecordMissing: this ledger does not have it.
    """
    path = ledger.path.parent / COSIGNED_FILE
    try:
        note = durable.read_plain(path, door.MAX_NOTE_CHARACTERS).decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError:
        raise InvalidProof(f"{path} is no cosigned checkpoint: it is no text", hint=_DAMAGED) from None
    try:
        cosigned_at(note, cosigner)
        return Checkpoint.from_text(open_note(note, origin(ledger.public_key), ledger.public_key))
    except BreakglassError as error:
        raise InvalidProof(f"{path} does not hold: {error}", hint=_DAMAGED) from error


def _hold(ledger: "Ledger", checkpoint: Checkpoint) -> None:
    cosigned = counted(checkpoint.size, "record")
    if checkpoint.size > ledger.size:
        raise RecordMissing(f"the collector cosigned {cosigned} of this log, and the ledger here has {ledger.size}")
    if ledger.root_at(checkpoint.size) != checkpoint.root:
        raise Forked(f"the collector cosigned another history of the first {cosigned} of this log")


def _write(path: Path, head: "Cosigned") -> None:
    try:
        durable.write_over(path, head.note.encode())
    except OSError as error:
        raise LedgerUnwritable(f"{path} could not be written: {error.strerror}") from error
