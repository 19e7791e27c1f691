# SPDX-License-Identifier: Apache-2.0
"""One walk through a log: everything recomputed, nothing taken from the store.

Where a record is not looked at, its signature is only held against the form of this key's signatures, and its
checkpoint is held against the root that the next record names; both are covered by the last checkpoint.
"""

import binascii
from dataclasses import dataclass
from hashlib import sha256

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note, outline
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.passed import LOOKED_AT, Passed
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import BreakglassError, InvalidProof, InvalidRecord, InvalidSignature, RefusedError
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin
from breakglass_shamir.ledger.people import SIGNED_INSIDE, verify_inside
from breakglass_shamir.ledger.sample import Look
from breakglass_shamir.ledger.signatures import check_first, signature_due
from breakglass_shamir.ledger.times import Times

_SIGNED = frozenset((*records.QUORUM_SIGNED, *records.DRILL_SIGNED, *SIGNED_INSIDE))
"""Record types that carry another signature, which is verified whether they are looked at or not."""

_PLACES = ("number", "log id", "hash of the record before", "tree root")


@dataclass(frozen=True, slots=True)
class Checked:
    """How much of a log was computed."""

    full: bool = True
    terminal_signatures: int = 0
    """Signatures of the terminal on records, and as many on checkpoints."""

    quorum_signatures: int = 0


class Walk:
    """The state of a verification, after so many records."""

    def __init__(self, public_key: bytes, look: Look) -> None:
        self.public_key = public_key
        self.tree = merkle.RootBuilder()
        self.size = 0
        self.times = Times()
        self.passed = Passed()
        self._look, self._next_look = look, look.after(-1)
        self._state = LedgerState()
        self._unchanged: Record | None = None
        """The last record, where it changed nothing but the state's last moment."""

        self._promised_s = 0
        self._previous = ""
        self._before: StoredRow | None = None
        """The record in front, where it was not looked at."""

        self._log, self._origin = log_id(public_key).hex(), origin(public_key)
        self._signature_form = sshsig.outline(public_key, sshsig.RECORD_NAMESPACE)
        self._note_form = outline(self._origin, public_key)
        self._looked = self._quorum_signatures = 0
        self._leaves: list[bytes] = []
        """Leaf hashes that the tree has not taken yet."""

    @property
    def state(self) -> LedgerState:
        """What the records so far add up to."""
        if self._unchanged is not None:
            self._state, self._unchanged = self._state.at(self._unchanged), None
        return self._state

    def checked(self, *, full: bool) -> Checked:
        """Say how much was computed so far."""
        return Checked(full, self._looked, self._quorum_signatures)

    def step(self, row: StoredRow) -> None:
        """Verify one stored record against everything before it.

        Raises:
            InvalidRecord, InvalidSignature, InvalidProof: with the record's number.
        """
        look = self.size == self._next_look
        if look:
            self._next_look = self._look.after(self.size)
        elif self._passes(row):
            return
        self._step(row, look=look)

    def flush(self) -> None:
        """Let the tree take every leaf so far."""
        self.tree.extend(self._leaves)
        self._leaves.clear()

    def _passes(self, row: StoredRow) -> bool:
        """Verify a record that is not looked at and needs no quorum, if everything is as it must be.

        This is :meth:`_step` without any word about what is wrong: where it is False, that one says it.
        """
        _, data, signature, quorum_signature, _ = row
        record, before = records.from_plain_bytes(data), self._before
        if (
            record is None
            or record.previous != self._previous
            or record.seq != self.size
            or record.log != self._log
            or len(signature) != self._signature_form[1]
            or not signature.startswith(self._signature_form[0])
            or quorum_signature
            or type(record.body) in _SIGNED
            or (before is not None and not self._is_before(before[4], record.root))
        ):
            return False
        try:
            self.times.step(record, self._promised_s)
            if lifecycle.changes_nothing(self._state, record.body):
                self._unchanged = record
            else:
                self._apply(data, record)
        except (BreakglassError, ValueError):
            return False
        self._promised_s, self._before = self._state.beat_every_s, row
        self._leaves.append(sha256(b"\0" + data).digest())
        self._previous = sha256(data).hexdigest()
        self.size += 1
        return True

    def _apply(self, data: bytes, record: Record) -> None:
        before = self.state
        self._state, self._unchanged = lifecycle.apply(before, data, record), None
        if isinstance(record.body, LOOKED_AT):
            self.passed.step(before, sha256(data).hexdigest(), record)

    def _is_before(self, note: str, root: str) -> bool:
        """Tell whether a checkpoint is of the tree so far, whose root a record names."""
        try:
            encoded = binascii.b2a_base64(binascii.a2b_hex(root), newline=False).decode()
        except ValueError:
            return False
        beginning, length = self._note_form(self.size, encoded)
        return len(note) == length and note.startswith(beginning)

    def _step(self, row: StoredRow, *, look: bool) -> None:
        number = self.size
        try:
            record = records.from_bytes(row[1])
            if self._before is not None:
                self._check_before(self._before, record)
            self._check_place(record, look=look)
            self._check_signature(row, look=look)
            self.times.step(record, self._promised_s)
            self._apply(row[1], record)
            self._promised_s = self._state.beat_every_s
            if not number:
                self._check_start(record)
            self._check_quorum(row, record)
            verify_inside(self.state, record)
            self._advance(row)
            if look:
                self._check_checkpoint(row[4])
        except RefusedError as error:
            raise InvalidRecord(f"record {number}: an illegal step: {error}") from error
        except _Before as error:
            raise type(error.problem)(f"record {number - 1}: {error.problem}") from error
        except BreakglassError as error:
            raise type(error)(f"record {number}: {error}") from error
        self._before = None if look else row

    def _check_place(self, record: Record, *, look: bool) -> None:
        expected = (self.size, self._log, self._previous)
        if not look and expected == (record.seq, record.log, record.previous):
            return
        self.flush()
        wanted = (*map(str, expected), self.tree.root().hex())
        found = (str(record.seq), record.log, record.previous, record.root)
        for name, one, got in zip(_PLACES, wanted, found, strict=True):
            if one != got:
                raise InvalidRecord(f"expected {name} {one or 'none'}, got {got or 'none'}")

    def _check_before(self, row: StoredRow, record: Record) -> None:
        """Check what only the next record shows of one that was not looked at.

        Raises:
            _Before: that one does not hold.
        """
        try:
            if record.previous != self._previous:
                sshsig.verify(row[2], row[1], sshsig.RECORD_NAMESPACE, self.public_key)
            if not self._is_before(row[4], record.root):
                self._check_checkpoint(row[4])
        except BreakglassError as error:
            raise _Before(error) from error

    def _check_signature(self, row: StoredRow, *, look: bool) -> None:
        if look or not _has_form(row[2], self._signature_form):
            sshsig.verify(row[2], row[1], sshsig.RECORD_NAMESPACE, self.public_key)

    def _check_start(self, record: Record) -> None:
        if sshsig.public_of_line(check_first(record).public_key) != self.public_key:
            raise InvalidRecord("the ledger's start names another key than the one that signs it")

    def _check_quorum(self, row: StoredRow, record: Record) -> None:
        due = signature_due(self.state, record.set, record.body)
        if due is not None:
            sshsig.verify(row[3], row[1], due[1], due[0])
            self._quorum_signatures += 1
        elif row[3]:
            raise InvalidSignature("a quorum's signature on a record that needs none")

    def _advance(self, row: StoredRow) -> None:
        data = row[1]
        self._leaves.append(sha256(b"\0" + data).digest())
        self._previous = sha256(data).hexdigest()
        self.size += 1

    def _check_checkpoint(self, note: str) -> None:
        self._looked += 1
        self.flush()
        found = Checkpoint.from_text(open_note(note, self._origin, self.public_key))
        if found != Checkpoint(self._origin, self.size, self.tree.root()):
            raise InvalidProof("the checkpoint does not belong to the tree")


class _Before(Exception):
    """The record in front does not hold; carries what is wrong with it."""

    def __init__(self, problem: BreakglassError) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _has_form(text: str, form: tuple[str, int]) -> bool:
    beginning, length = form
    return len(text) == length and text.startswith(beginning)
