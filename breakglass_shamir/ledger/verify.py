# SPDX-License-Identifier: Apache-2.0
"""Does a log hold? Every record, from the first on, named where it does not.

What is checked, in this order, for each record: canonical bytes, number, log id, hash of the one before, tree
root, terminal signature, that the step was legal, that the first and no other is a start, that it names the key
that signs, quorum signature where one is due, checkpoint. At the end: the stored tree nodes.

What it cannot see by itself: a tail that was cut off together with its checkpoints. Receipts and printed
sheets remember that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody import lifecycle
from breakglass_shamir.custody import record as records
from breakglass_shamir.custody.record import Record
from breakglass_shamir.custody.state import LedgerState
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    InvalidProof,
    InvalidRecord,
    InvalidSignature,
)
from breakglass_shamir.ledger.entry import Entry, log_id, origin
from breakglass_shamir.ledger.store import Ledger, check_first, signature_due


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified."""

    records: int
    root: bytes
    state: LedgerState
    clock_steps_back: tuple[int, ...]
    """Numbers of records whose wall-clock time is before the record in front."""


def verify(ledger: Ledger) -> Report:
    """Verify a whole ledger.

    Raises:
        InvalidRecord, InvalidSignature, InvalidProof: the first thing that does not hold, with the record's
            number.
    """
    walk = _Walk(ledger.public_key)
    for entry in ledger.entries():
        walk.step(entry)
    if not walk.size:
        raise InvalidRecord("expected the start of a ledger, got an empty one")
    _check_nodes(ledger, walk.size)
    return Report(walk.size, walk.tree.root(), walk.state, tuple(walk.back))


class _Walk:
    """The state of a verification: everything recomputed, nothing taken from the store."""

    def __init__(self, public_key: bytes) -> None:
        self.public_key = public_key
        self.tree = merkle.RootBuilder()
        self.state = LedgerState()
        self.previous = ""
        self.size = 0
        self.back: list[int] = []

    def step(self, entry: Entry) -> None:
        """Verify one entry against everything before it."""
        number = self.size
        try:
            record = records.from_bytes(entry.data)
            self._check_place(record)
            sshsig.verify(entry.terminal_signature, entry.data, sshsig.RECORD_NAMESPACE, self.public_key)
            if self.state.last is not None and record.time < self.state.last.time:
                self.back.append(self.size)
            self.state = lifecycle.apply(self.state, entry.data, record)
            self._check_start(record)
            self._check_quorum(entry, record)
            self._check_checkpoint(entry)
        except IllegalState as error:
            raise InvalidRecord(f"record {number}: an illegal step: {error}") from error
        except BreakglassError as error:
            raise type(error)(f"record {number}: {error}") from error

    def _check_place(self, record: Record) -> None:
        expected = (str(self.size), log_id(self.public_key).hex(), self.previous, self.tree.root().hex())
        found = (str(record.seq), record.log, record.previous, record.root)
        names = ("number", "log id", "hash of the record before", "tree root")
        for name, wanted, got in zip(names, expected, found, strict=True):
            if wanted != got:
                raise InvalidRecord(f"expected {name} {wanted or 'none'}, got {got or 'none'}")

    def _check_start(self, record: Record) -> None:
        if self.size:
            return
        if sshsig.public_of_line(check_first(record).public_key) != self.public_key:
            raise InvalidRecord("the ledger's start names another key than the one that signs it")

    def _check_quorum(self, entry: Entry, record: Record) -> None:
        due = signature_due(self.state, record.set, record.body)
        if due is None:
            if entry.quorum_signature:
                raise InvalidSignature("a quorum's signature on a record that needs none")
            return
        public, namespace = due
        sshsig.verify(entry.quorum_signature, entry.data, namespace, public)

    def _check_checkpoint(self, entry: Entry) -> None:
        self.tree.append(merkle.leaf_hash(entry.data))
        self.previous = entry.digest
        self.size += 1
        name = origin(self.public_key)
        found = Checkpoint.from_text(open_note(entry.checkpoint, name, self.public_key))
        if (found.origin, found.size, found.root) != (name, self.size, self.tree.root()):
            raise InvalidProof("the checkpoint does not belong to the tree")


def _check_nodes(ledger: Ledger, size: int) -> None:
    """Recompute every stored node."""
    expected = dict(_all_nodes(ledger))
    found = {(level, position): bytes(value) for level, position, value in ledger.nodes()}
    if expected != found:
        raise InvalidProof(f"the stored tree nodes do not belong to the {size} records")


def _all_nodes(ledger: Ledger) -> Iterator[tuple[tuple[int, int], bytes]]:
    seen: dict[tuple[int, int], bytes] = {}
    for size, entry in enumerate(ledger.entries()):
        leaf = merkle.leaf_hash(entry.data)
        for level, position, value in merkle.new_nodes(size, leaf, lambda at, index: seen[at, index]):
            seen[level, position] = value
            yield (level, position), value
