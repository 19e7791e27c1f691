# SPDX-License-Identifier: Apache-2.0
"""One walk through a log: everything recomputed, nothing taken from the store.

Where a record is not looked at, its signature is only held against the form of this key's signatures, and its
checkpoint is held against the root that the next record names; both are covered by the last checkpoint.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.passed import LOOKED_AT, Passed
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import BreakglassError, InvalidProof, InvalidRecord, InvalidSignature, RefusedError
from breakglass_shamir.ledger.entry import StoredRow, log_id, origin
from breakglass_shamir.ledger.people import SIGNED_INSIDE, verify_inside
from breakglass_shamir.ledger.sample import Look
from breakglass_shamir.ledger.several import AT_ONCE, Forms
from breakglass_shamir.ledger.signatures import check_first, signature_due
from breakglass_shamir.ledger.times import Times
from breakglass_shamir.structs import Struct

_SIGNED = frozenset((*records.QUORUM_SIGNED, *records.DRILL_SIGNED, *SIGNED_INSIDE))
"""Record types that carry another signature, which is verified whether they are looked at or not."""

_PLACES = ("number", "log id", "hash of the record before", "tree root")


class Checked(Struct, frozen=True):
    """How much of a log was computed."""

    full: bool = True
    terminal_signatures: int = 0
    """Signatures of the terminal on records, and as many on checkpoints."""

    quorum_signatures: int = 0
    people_signatures: int = 0
    """Signatures inside records: by officers, custodians, reviewers, who settled, recoveries, other terminals."""


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
        self._forms, self._at_once = Forms(public_key), AT_ONCE
        self._looked = self._quorum_signatures = self._people_signatures = 0
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
        return Checked(full, self._looked, self._quorum_signatures, self._people_signatures)

    def steps(self, rows: Iterable[StoredRow]) -> None:
        """Verify stored records against everything before them, one after the other.

        Raises:
            InvalidRecord, InvalidSignature, InvalidProof: with the record's number.
        """
        rest = iter(rows)
        while some := list(islice(rest, AT_ONCE)):
            done = 0
            while done < len(some):
                done += self._steps(some[done : done + self._at_once])

    def _steps(self, rows: list[StoredRow]) -> int:
        """Verify some of these, from the first on; returns how many, 0 where it takes fewer at once.

        As many as went well at once are doubled the next time, and halved where they did not: a record that has to be
        looked at by itself costs no more than a few others, wherever it stands.
        """
        not_looked_at = rows[: max(0, self._next_look - self.size)]
        passed = self._pass_on(not_looked_at) if not_looked_at else 0
        if passed:
            self._at_once = min(AT_ONCE, 2 * self._at_once)
            return passed
        if len(not_looked_at) > 1:
            self._at_once = len(not_looked_at) // 2
            return 0
        look = self.size == self._next_look
        if look:
            self._next_look = self._look.after(self.size)
        self._step(rows[0], look=look)
        return 1

    def flush(self) -> None:
        """Let the tree take every leaf so far."""
        self.tree.extend(self._leaves)
        self._leaves.clear()

    def _pass_on(self, rows: Sequence[StoredRow]) -> int:
        """Pass records that are not looked at and need no quorum, as long as everything is as it must be.

        This is :meth:`_step` without any word about what is wrong. It returns how many it passed; the next one is for
        that to say.
        """
        held = self._forms.hold(rows, self.size, self._previous, self._before)
        if held is None:
            return 0
        found, digests = held
        if not _SIGNED.isdisjoint(map(type, [record.body for record in found])):
            return 0
        passed = self._follow(rows, found)
        if passed:
            self._leaves += [sha256(b"\0" + row[1]).digest() for row in rows[:passed]]
            self._previous, self._before = digests[passed - 1], rows[passed - 1]
            self.size += passed
        return passed

    def _follow(self, rows: Sequence[StoredRow], found: Sequence[Record]) -> int:
        """Apply records as long as each may follow; returns how many did."""
        done = 0
        try:
            if lifecycle.change_nothing(self._state, [record.body for record in found]):
                self.times.steps(found, self._promised_s)
                self._unchanged = found[-1]
                return len(found)
            for row, record in zip(rows, found, strict=True):
                self._follow_one(row[1], record)
                done += 1
        except (BreakglassError, ValueError):
            pass  # the next one is looked at by itself, and says it
        return done

    def _follow_one(self, data: bytes, record: Record) -> None:
        self.times.step(record, self._promised_s)
        if lifecycle.change_nothing(self._state, (record.body,)):
            self._unchanged = record
        else:
            self._apply(data, record)
            self._promised_s = self._state.beat_every_s

    def _apply(self, data: bytes, record: Record) -> None:
        before = self.state
        self._state, self._unchanged = lifecycle.apply(before, data, record), None
        if isinstance(record.body, LOOKED_AT):
            self.passed.step(before, sha256(data).hexdigest(), record)

    def _step(self, row: StoredRow, *, look: bool) -> None:
        number = self.size
        try:
            record = records.from_bytes(row[1])
            if self._before is not None:
                self._check_before(self._before, record)
            self._check_place(row[0], record, look=look)
            self._check_signature(row, look=look)
            self.times.step(record, self._promised_s)
            self._apply(row[1], record)
            self._promised_s = self._state.beat_every_s
            if not number:
                self._check_start(record)
            self._check_quorum(row, record)
            verify_inside(self.state, record)
            self._people_signatures += isinstance(record.body, SIGNED_INSIDE)
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

    def _check_place(self, stored_as: int, record: Record, *, look: bool) -> None:
        expected = (self.size, self._log, self._previous)
        if look or expected != (record.seq, record.log, record.previous):
            self.flush()
            wanted = (*map(str, expected), self.tree.root().hex())
            found = (str(record.seq), record.log, record.previous, record.root)
            for name, one, got in zip(_PLACES, wanted, found, strict=True):
                if one != got:
                    raise InvalidRecord(f"expected {name} {one or 'none'}, got {got or 'none'}")
        if stored_as != self.size:
            raise InvalidRecord(f"expected number {self.size}, it is stored as {stored_as}")

    def _check_before(self, row: StoredRow, record: Record) -> None:
        """Check what only the next record shows of one that was not looked at.

        Raises:
            _Before: that one does not hold.
        """
        try:
            if record.previous != self._previous:
                sshsig.verify(row[2], row[1], sshsig.RECORD_NAMESPACE, self.public_key)
            if not self._forms.notes_fit([row[4]], self.size, [record.root]):
                self._check_checkpoint(row[4])
        except BreakglassError as error:
            raise _Before(error) from error

    def _check_signature(self, row: StoredRow, *, look: bool) -> None:
        if look or not self._forms.signatures_fit([row[2]]):
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
