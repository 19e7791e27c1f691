# SPDX-License-Identifier: Apache-2.0
"""Receipts of a log: made, read from a file, and held against a log (spec: docs/spec/9-receipts.md).

Rules:

1. A file is a C2SP ``tlog-proof``. Its extra data is the statement, its signature and the record's exact bytes: the
   signature and the leaf hash authenticate them.
2. A file is read whole or not at all: statement, checkpoint and path of the proof must say the same tree.
3. Held against a log, everything is recomputed from the records' bytes; stored tree nodes are no evidence.
4. A receipt of another log says nothing of this one, and is no error.
5. What does not agree is named: which records are missing and since when, or which record is another one.
"""

from datetime import UTC, datetime

from breakglass_shamir.crypto import merkle
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.crypto.proof import LogProof
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import InvalidProof, RecordMissing
from breakglass_shamir.formats.envelope import Checkpoint as PrintedCheckpoint
from breakglass_shamir.formats.receipt import NO_ENVELOPE, Pin, Receipt
from breakglass_shamir.ledger.entry import log_id, origin
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.stored import KnownLog, StoredLog
from breakglass_shamir.plural import counted
from breakglass_shamir.structs import Struct

FOLDER_NAME = "receipts"
"""In the home folder; where receipts go unless somebody says otherwise."""

MAX_FILE_BYTES = 1024 * 1024
"""Largest receipt file that is read; a record is a quarter of it at most."""

TWO_HISTORIES = (
    "this terminal's key signed both: a copy of this ledger went on elsewhere, or records here were replaced; "
    "hold the copy against this one with: breakglass audit verify --against PATH"
)
"""What to do where a receipt saw another history."""


class HeldReceipt(Struct, frozen=True):
    """A receipt as somebody holds it; verified in itself."""

    receipt: Receipt
    record: bytes = b""
    """Exact bytes of the record it is about; empty where only the code was there."""

    proof: LogProof | None = None

    @property
    def log_id(self) -> bytes:
        """8-byte id of the log it is of."""
        return log_id(self.receipt.terminal_key)

    @property
    def time(self) -> str:
        """When it was given, UTC, RFC 3339."""
        moment = datetime.fromtimestamp(self.receipt.time, UTC)
        return moment.isoformat().replace("+00:00", "Z")

    def parsed(self) -> Record | None:
        """Return the record it is about, where it was there."""
        return records.parse(self.record) if self.record else None

    def to_text(self) -> str:
        """Write the file.

        Raises:
            InvalidProof: only the code is there.
        """
        if self.proof is None:
            raise InvalidProof("expected a whole receipt, got only its code")
        return self.proof.to_text()


def make(ledger: Ledger, index: int) -> HeldReceipt:
    """Make a receipt for a record, of the log as it stands; one that would not hold is not given.

    Raises:
        InvalidProof: there is no such record, or the stored tree is damaged.
    """
    ledger.catch_up()
    size = ledger.size
    path = merkle.inclusion_proof(index, size, ledger.node)
    data, last = ledger.row(index)[1], ledger.row(size - 1)
    record = records.parse(data)
    unsigned = Receipt(
        ledger.public_key, size, ledger.root_at(size), _seconds(records.parse(last[1]).time), index,
        merkle.leaf_hash(data), record.set, _pins(ledger.state, record.set),
    )  # fmt: skip
    receipt = ledger.sign_receipt(unsigned)
    held = HeldReceipt(receipt, data, LogProof(index, tuple(path), last[4], receipt.to_bytes() + data))
    read_text(held.to_text())
    return held


def read_text(text: str) -> HeldReceipt:
    """Read a receipt's file and verify it in itself.

    Raises:
        InvalidProof, InvalidSignature, InvalidRecord: it is not whole, or was altered.
    """
    proof = LogProof.from_text(text)
    receipt, data = Receipt.from_bytes(proof.extra)
    name = origin(receipt.terminal_key)
    head = Checkpoint.from_text(open_note(proof.checkpoint, name, receipt.terminal_key))
    if (proof.index, head.origin, head.size, head.root) != (receipt.index, name, receipt.size, receipt.root):
        raise InvalidProof("the receipt's statement and its checkpoint do not say the same tree")
    if merkle.leaf_hash(data) != receipt.leaf:
        raise InvalidProof("the record in the receipt is not the one it is about")
    merkle.verify_inclusion(receipt.index, receipt.size, receipt.leaf, proof.hashes, receipt.root)
    records.parse(data)
    return HeldReceipt(receipt, data, proof)


def check(ledger: Ledger, held: HeldReceipt) -> None:
    """Hold a receipt of this log against it.

    Raises:
        RecordMissing: the log is shorter than it was, or lost what the receipt is about.
        InvalidProof: another record stands where one was, or another epoch is pinned.
    """
    receipt = held.receipt
    given = f"the receipt of {held.time}"
    if receipt.size > ledger.size:
        raise RecordMissing(
            f"{given} saw {counted(receipt.size, 'record')}; {missing(ledger, ledger.size, receipt.size)}"
        )
    tree = recompute(ledger, receipt.size, receipt.index)
    if tree.leaf != receipt.leaf:
        said = f"{given} is about record {receipt.index}, and another record stands in its place"
        raise RecordMissing(said, hint=TWO_HISTORIES)
    if tree.root != receipt.root:
        raise InvalidProof(f"{given} saw another history: {_where(ledger, held)}", hint=TWO_HISTORIES)
    _check_pins(ledger.state, held)


def check_known(log: KnownLog, held: HeldReceipt) -> bool:
    """Hold a receipt against what bundles hold of its log; returns whether they know the tree that it saw.

    Raises:
        RecordMissing: the log is shorter than it was, or another record stands in its place.
        InvalidProof: the receipt saw another history, or pins another epoch.
    """
    given = held.receipt
    leaf = log.node(0, given.index)
    if leaf and leaf != given.leaf:
        said = f"the receipt of {held.time} is about record {given.index}, and another record stands in its place"
        raise RecordMissing(said, hint=TWO_HISTORIES)
    knows = check_tree_known(log, given.size, given.root, f"the receipt of {held.time}")
    if given.set_name in log.state.sets:
        _check_pins(log.state, held)
    return knows


def check_tree_known(log: KnownLog, size: int, root: bytes, what: str) -> bool:
    """Hold a tree that somebody saw against what bundles hold of the log; returns whether they know that tree.

    Raises:
        RecordMissing: the log is shorter than it was.
        InvalidProof: it was another tree.
    """
    if size > log.size:
        raise RecordMissing(f"{what} saw {counted(size, 'record')}, and the log that the bundle is of has {log.size}")
    if not all(log.node(*node) for node in merkle.subtrees(0, size)):
        return False
    if log.root_at(size) != root:
        raise InvalidProof(f"{what} saw another history", hint=TWO_HISTORIES)
    return True


def check_sheet(ledger: Ledger, printed: PrintedCheckpoint, sheet: str) -> None:
    """Hold the checkpoint in a sheet's envelope against the log it is of.

    Raises:
        RecordMissing: the log is shorter than it was when the sheet was printed.
        InvalidProof: another record stands where one was.
    """
    if printed.size > ledger.size:
        raise RecordMissing(
            f"{sheet} saw {counted(printed.size, 'record')}; {missing(ledger, ledger.size, printed.size)}"
        )
    if recompute(ledger, printed.size).root != printed.root:
        raise InvalidProof(f"{sheet} saw another history: a record among the first {printed.size} is another one")


def missing(log: StoredLog, size: int, expected: int) -> str:
    """Say which records are missing at the end of a log of ``size`` records, and since when."""
    first, last = size, expected - 1
    numbers = f"record {first} is" if first == last else f"records {first} to {last} are"
    since = records.parse(log.row(first - 1)[1]).time
    return f"{numbers} missing: this ledger ends with record {first - 1} of {since}"


class Recomputed(Struct, frozen=True):
    """What the first records of a log hash to."""

    root: bytes
    leaf: bytes
    """Of the record that was asked for."""


def recompute(ledger: Ledger, size: int, index: int = -1) -> Recomputed:
    """Hash the first records of a log, from their bytes."""
    tree, wanted = merkle.RootBuilder(), b""
    for number, data in ledger.first_records(size):
        leaf = merkle.leaf_hash(data)
        wanted = leaf if number == index else wanted
        tree.append(leaf)
    return Recomputed(tree.root(), wanted)


def _where(ledger: Ledger, held: HeldReceipt) -> str:
    """Narrow down which record is another one, with the hashes of the receipt's path."""
    receipt = held.receipt
    if held.proof is None:
        return f"a record among the first {receipt.size} is another one"
    start, end, spans = 0, receipt.size, list[tuple[int, int]]()
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        inside_left = receipt.index < middle
        spans.append((middle, end) if inside_left else (start, middle))
        start, end = (start, middle) if inside_left else (middle, end)
    for (first, after), known in zip(reversed(spans), held.proof.hashes, strict=True):
        leaves = (merkle.leaf_hash(data) for number, data in ledger.first_records(after) if number >= first)
        if merkle.root_of(leaves) != known:
            return (
                f"record {first} is another one"
                if after - first == 1
                else (f"a record of {first} to {after - 1} is another one")
            )
    return "the receipt's path does not belong to it"


def _pins(state: LedgerState, set_name: str) -> tuple[Pin, ...]:
    """Return the epochs of a set that may be alive: the current one, and the prepared one."""
    s = state.sets.get(set_name)
    if s is None:
        return ()
    epochs = [s.epochs[epoch_id] for epoch_id in (s.current, s.prepared) if epoch_id]
    return tuple(
        Pin(epoch.envelope.set_public_key, bytes.fromhex(epoch.envelope_sha256) or NO_ENVELOPE) for epoch in epochs
    )


def _check_pins(state: LedgerState, held: HeldReceipt) -> None:
    s = state.sets.get(held.receipt.set_name)
    for pin in held.receipt.pins:
        epoch = s.epochs.get(pin.epoch_id.hex()) if s else None
        known = epoch and (epoch.envelope.set_public_key, bytes.fromhex(epoch.envelope_sha256) or NO_ENVELOPE)
        if known != (pin.set_public_key, pin.envelope_sha256):
            raise InvalidProof(
                f"the receipt of {held.time} pins another epoch of {held.receipt.set_name} than this ledger holds"
            )


def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())
