# SPDX-License-Identifier: Apache-2.0
"""The evidence of a collection: what its rows show by their signatures, beside what the collector took them for.

Rules:

1. A fork accuses a terminal, so it is said only where two things that its key signed show it: two records of one
   number, two records of which one does not name the other, or two trees of one size.
2. What the key signed, as record and checkpoint or as a telling, and contradicts nothing that is there is *mixed*,
   what it did not sign an *impersonation*, and what is of no enrolled terminal a *stranger*. Who pushed it, when, and
   why it was refused is the database's word. So is that a quorum's signature does not hold, which is *mixed* here: it
   takes the log to tell.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from breakglass_shamir.collection import reading
from breakglass_shamir.collection.keeper import FORK, IMPERSONATION, MIXED, STRANGER
from breakglass_shamir.collection.reading import Evidence
from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin
from breakglass_shamir.operations.audit import collected
from breakglass_shamir.plural import counted

if TYPE_CHECKING:
    from breakglass_shamir.collection.address import Login


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One row that is kept apart (docs/json.md).

    Attributes:
        number: of the evidence.
        shown: ``fork``, ``mixed``, ``impersonation`` or ``stranger``, by its signatures.
        shows: what shows a fork, in words; empty: it is none.
        kind: what the collector took it for.
        reason: why the collector refused it.
        log: id of the log that it was pushed for.
        record: number that it was pushed as.
        pushed: when it came.
        pusher: the login that pushed it.
        at: when it was kept apart.
        data: its bytes, base64.
        terminal_signature: as it was pushed.
        quorum_signature: as it was pushed.
        checkpoint: as it was pushed.
        held_checkpoint: of the log as it was kept then.
    """

    number: int
    shown: str
    shows: str
    kind: str
    reason: str
    log: str
    record: int
    pushed: str
    pusher: str
    at: str
    data: str
    terminal_signature: str
    quorum_signature: str
    checkpoint: str
    held_checkpoint: str


def evidence(place: str) -> Iterator[EvidenceLine]:
    """Yield what is kept apart, the oldest first.

    Raises:
        InvalidInput: it is no collection.
        ConnectorError: the server does not answer.
        InvalidProof: a key is not that of its log.
    """
    with collected.connected(place) as connection:
        known = dict(reading.terminals(connection))
        for one in reading.evidence(connection):
            key = known.get(one.log)
            shown, shows = _shown(connection, one, key) if key else (STRANGER, "")
            yield _line(one, shown, shows)


def _line(one: Evidence, shown: str, shows: str) -> EvidenceLine:
    seq, data, terminal_signature, quorum_signature, checkpoint = one.row
    return EvidenceLine(
        one.number, shown, shows, one.kind, one.reason, one.log.hex(), seq, one.pushed_at, one.pusher, one.at,
        base64.b64encode(data).decode(), terminal_signature, quorum_signature, checkpoint, one.held_checkpoint,
    )  # fmt: skip


def _shown(connection: "Login", one: Evidence, key: bytes) -> tuple[str, str]:
    """Return what a row shows, and in words what shows a fork."""
    record, checkpoint = _record(one.row, key), _checkpoint(one.row[4], key)
    shows = ""
    if record is not None:
        shows = _other_record(connection, record, one.row[1], key)
    if checkpoint is not None and not shows:
        shows = _other_tree(connection, checkpoint, one.held_checkpoint, key)
    if shows:
        return FORK, shows
    return (MIXED if (record and checkpoint) or _is_told(one.row, key) else IMPERSONATION), ""


def _record(row: StoredRow, key: bytes) -> Record | None:
    """Return what the terminal signed as a record of its log; None: nothing."""
    try:
        sshsig.verify(row[2], row[1], sshsig.RECORD_NAMESPACE, key)
        record = records.parse(row[1])
    except BreakglassError:
        return None
    return record if record.log == log_id(key).hex() else None


def _is_told(row: StoredRow, key: bytes) -> bool:
    """Say whether the terminal signed it to tell others."""
    try:
        sshsig.verify(row[2], row[1], sshsig.TELLING_NAMESPACE, key)
    except BreakglassError:
        return False
    return True


def _checkpoint(note: str, key: bytes) -> Checkpoint | None:
    """Return what the terminal signed as a checkpoint; None: nothing."""
    try:
        return Checkpoint.from_text(open_note(note, origin(key), key))
    except BreakglassError:
        return None


def _other_record(connection: "Login", record: Record, data: bytes, key: bytes) -> str:
    """Say which signed record of the log cannot be of one log with this one; empty: none that is there."""
    kept = _kept(connection, key, record.seq)
    if kept is not None:
        return f"the terminal signed two records {record.seq}" if kept[1] != data else ""
    before = _kept(connection, key, record.seq - 1) if record.seq else None
    if before is not None and sha256(before[1]).hexdigest() != record.previous:
        return f"the terminal signed record {record.seq}, which does not follow the record {record.seq - 1} it signed"
    return ""


def _other_tree(connection: "Login", checkpoint: Checkpoint, held: str, key: bytes) -> str:
    """Say that the terminal signed another tree of the same size; empty: none that is there."""
    known = [_checkpoint(held, key)]
    row = reading.row(connection, log_id(key), checkpoint.size - 1) if checkpoint.size else None
    if row is not None:
        known.append(_checkpoint(row[4], key))
    if any(one is not None and one.size == checkpoint.size and one.root != checkpoint.root for one in known):
        return f"the terminal signed two trees of {counted(checkpoint.size, 'record')}"
    return ""


def _kept(connection: "Login", key: bytes, seq: int) -> StoredRow | None:
    """Return a row of the log that the terminal signed; None: there is none."""
    row = reading.row(connection, log_id(key), seq)
    record = _record(row, key) if row else None
    return row if record is not None and record.seq == seq else None
