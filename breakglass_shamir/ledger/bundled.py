# SPDX-License-Identifier: Apache-2.0
"""Read bundles: what they hold of one log, proven to be of its checkpoint, in a database that is gone afterwards.

Rules (spec: docs/spec/14-bundle.md):

1. A bundle is read line by line, each bounded, into a temporary database: memory does not grow with it. It is nothing
   compressed, so what is read is what lies on the disk.
2. Nothing of it is shown before its last line was met, counted, hashed, and signed by the key of its first line, and
   before all its hashes gave the root of the checkpoint that this key signed.
3. That this key is the one of the terminal that people mean is not shown by any of it.
4. A record in the range is withheld only where the bundle is of one set; outside the range any may be.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from breakglass_shamir.crypto import merkle, sshsig
from breakglass_shamir.crypto.note import Checkpoint, open_note
from breakglass_shamir.custody.life import bundle_file, known
from breakglass_shamir.custody.life.bundle_file import End, Given, Head, Held, Withheld
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.errors import (
    BreakglassError,
    Forked,
    IntegrityError,
    InvalidInput,
    InvalidProof,
    InvalidRecord,
    InvalidSignature,
    LedgerUnwritable,
    RecordMissing,
    UnsupportedVersion,
)
from breakglass_shamir.ledger import durable, receipt
from breakglass_shamir.ledger.bundle import Range
from breakglass_shamir.ledger.connection import durably
from breakglass_shamir.ledger.entry import Entry, StoredRow, log_id, origin
from breakglass_shamir.ledger.receipt import HeldReceipt
from breakglass_shamir.ledger.stored import KnownLog
from breakglass_shamir.ledger.unreadable import unreadable
from breakglass_shamir.plural import counted

MAX_RECEIPTS = 4096
"""Most receipts in one bundle."""

TABLES = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;
CREATE TABLE records (
  seq INTEGER PRIMARY KEY, data BLOB, terminal_signature TEXT, quorum_signature TEXT, checkpoint TEXT
);
CREATE TABLE nodes (level INTEGER, position INTEGER, hash BLOB, PRIMARY KEY (level, position)) WITHOUT ROWID;
"""
"""Of the temporary database."""

ADD_RECORD = "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?)"
ADD_NODE = "INSERT OR IGNORE INTO nodes VALUES (?, ?, ?)"
_NODES = "SELECT level, position, hash FROM nodes ORDER BY level, position"
_NUMBERS = "SELECT seq FROM records ORDER BY seq"


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle that was read; what it says of itself holds."""

    source: str
    """The file it was read from."""

    head: Head
    records: int
    withheld: int
    sha256: str
    """Of every byte in front of its last line; of a log that somebody else keeps the root of its tree."""

    receipts: tuple[HeldReceipt, ...]
    cosigned: str = ""
    """Who cosigned its checkpoint, and when, in words, where somebody else keeps the log; empty: it is a file."""

    @property
    def range(self) -> Range:
        """Which records it is of."""
        head = self.head
        return Range(head.size, head.first, head.last, head.set, head.since, head.until)


@dataclass(slots=True)
class _Read:
    """What was read of a bundle so far."""

    source: str
    connection: sqlite3.Connection
    head: Head
    log: str
    tree: merkle.PartialTree = field(default_factory=merkle.PartialTree)
    records: int = 0
    number: int = 1
    """Lines."""

    receipts: list[HeldReceipt] = field(default_factory=list)
    withheld_inside: int = -1
    """The last number in the range at which something is withheld; -1: nothing is."""


class BundledLog(KnownLog):
    """What one bundle, or several, hold of one log."""

    def __init__(self, connection: sqlite3.Connection, public_key: bytes, bundle: Bundle) -> None:
        """Take a connection with what a bundle holds; use :func:`read`."""
        super().__init__(connection, public_key)
        self.bundles = [bundle]
        self.unproven: list[str] = []
        """What of the bundles could not be held against each other, a sentence each."""

        self._state: LedgerState | None = None

    @property
    def terminal(self) -> str:
        """The terminal's name, by its own word."""
        return self.bundles[0].head.terminal

    @property
    def newest(self) -> Bundle:
        """The bundle that saw most of the log."""
        return max(self.bundles, key=lambda one: one.head.size)

    @property
    def size(self) -> int:
        """Records in the log when the newest bundle was made."""
        return self.newest.head.size

    def in_range(self, seq: int) -> bool:
        """Tell whether a record that is there was asked for, and did not just come along."""
        return any(one.range.covers(seq) for one in self.bundles)

    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield the first and the last of each run of records that is in no bundle."""
        expected = 0
        with durably():
            for (seq,) in self._connection.execute(_NUMBERS):
                if seq > expected:
                    yield expected, seq - 1
                expected = seq + 1
        if expected < self.size:
            yield expected, self.size - 1

    @property
    def reach(self) -> int:
        """How many records are there from the first one on without a gap."""
        return next((first for first, _ in self.missing()), self.size)

    @property
    def replayable(self) -> bool:
        """Whether all that the rules ask for is there: everything from record 0 on, or all of the sets at hand."""
        return all(one.head.first == 0 for one in self.bundles) or self.replays_whole

    @property
    def replays_whole(self) -> bool:
        """Whether no record is missing up to the last one of the range."""
        return self.reach > max(one.head.last for one in self.bundles)

    @property
    def state(self) -> LedgerState:
        """What the records add up to; where too much is withheld, what they say by themselves.

        Raises:
            InvalidRecord: one may not follow.
        """
        if self._state is None:
            pairs = ((entry.data, entry.record) for entry in self.replayed())
            self._state = known.replayed(pairs) if self.replayable else known.named(pairs)
        return self._state

    def replayed(self) -> Iterator[Entry]:
        """Yield the records that add up to the state: of a log without a gap not what came along from behind it."""
        return islice(self.entries(), self.reach) if self.replays_whole else self.entries()

    def row(self, seq: int) -> StoredRow:
        """Return one stored row.

        Raises:
            InvalidRecord: it is withheld.
        """
        with durably():
            found = self._connection.execute("SELECT * FROM records WHERE seq = ?", (seq,)).fetchone()
        if found is None:
            raise InvalidRecord(f"record {seq} is not in the bundle: there is its hash alone")
        row: StoredRow = found
        return row

    def close(self) -> None:
        """Forget what was read."""
        self._connection.close()

    def unite(self, other: "BundledLog") -> None:
        """Take what another bundle of the same log holds.

        Raises:
            Forked: the two are of two histories; the first place that shows it is named.
        """
        for (level, position, mine), theirs in _shared(self, other):
            if mine != theirs:
                raise Forked(_fork(self, other, level, position))
        small, large = sorted((self.newest, other.newest), key=lambda one: one.head.size)
        log = other if large is other.newest else self
        for level, position in merkle.subtrees(0, small.head.size):
            if not log.node(level, position) and small.head.size < large.head.size:
                first, after = position << level, (position + 1) << level
                self.unproven.append(
                    f"{large.source} does not show that its log has records {first} to {after - 1} of {small.source}"
                )
                break
        with durably():
            self._connection.executemany(ADD_RECORD, other.rows())
            self._connection.executemany(ADD_NODE, other._connection.execute(_NODES))
        self.bundles += [one for one in other.bundles if one.sha256 not in {mine.sha256 for mine in self.bundles}]
        self._state = None


def read(path: Path) -> BundledLog:
    """Read a bundle and prove it to be of its checkpoint; close what is returned.

    Raises:
        InvalidInput: it is no bundle, or could not be read.
        UnsupportedVersion: of another version.
        IntegrityError: it was cut, altered, thinned, put in another order, or is not of its checkpoint.
    """
    connection = sqlite3.connect("", isolation_level=None)
    try:
        connection.executescript(TABLES)
        with durable.open_plain(path) as file:
            connection.execute("BEGIN")
            log = _read(str(path), file, connection)
            connection.execute("COMMIT")
            return log
    except OSError as error:
        connection.close()
        raise unreadable(path, error) from None
    except sqlite3.Error as error:
        connection.close()
        raise LedgerUnwritable(
            f"{path} could not be read into a temporary file ({error})", hint="make room, or name a folder with TMPDIR"
        ) from error
    except (IntegrityError, InvalidInput, UnsupportedVersion) as error:
        connection.close()
        raise type(error)(f"{path}: {error}", hint=error.hint) from error
    except BaseException:
        connection.close()
        raise


def _read(source: str, file: BinaryIO, connection: sqlite3.Connection) -> BundledLog:
    digest, line = hashlib.sha256(), file.readline(bundle_file.MAX_LINE_BYTES + 1)
    head = bundle_file.head_of(line)
    key = _key(head)
    work = _Read(source, connection, head, log_id(key).hex())
    end: End | None = None
    while end is None:
        digest.update(line)
        work.number += 1
        line = file.readline(bundle_file.MAX_LINE_BYTES + 1)
        if not line:
            raise InvalidRecord("the bundle is cut off: its last line is missing", hint="ask for the whole file again")
        found = bundle_file.from_bytes(line, work.number)
        if isinstance(found, End):
            end = found
        else:
            _take(work, found)
    if file.read(1):
        raise InvalidRecord("the bundle goes on behind its last line")
    _check_end(work, end, digest.hexdigest(), key)
    bundle = Bundle(source, head, work.records, end.withheld, end.sha256, tuple(work.receipts))
    return BundledLog(connection, key, bundle)


def _key(head: Head) -> bytes:
    """Return the terminal's key, and hold the checkpoint against it."""
    key = sshsig.public_of_line(head.public_key)
    if sshsig.public_line(key, "") != head.public_key:
        raise InvalidRecord("expected the terminal's key without a comment, in its one spelling")
    name = origin(key)
    if Checkpoint.from_text(open_note(head.checkpoint, name, key)) != Checkpoint(
        name, head.size, bytes.fromhex(head.root)
    ):
        raise InvalidProof("the bundle and its checkpoint do not say the same tree")
    return key


def _take(work: _Read, line: Held | Withheld | Given | Head) -> None:
    match line:
        case Held() if not work.receipts:
            _take_record(work, line)
        case Withheld() if not work.receipts:
            start = work.tree.size
            for level, value in line.nodes:
                _add(work, level, bytes.fromhex(value))
                if start <= work.head.last and work.tree.size > work.head.first:
                    work.withheld_inside = max(work.withheld_inside, start)
                    if level and work.head.set:
                        raise InvalidRecord(f"record {start} is withheld without a hash of its own")
                start = work.tree.size
        case Given() if len(work.receipts) < MAX_RECEIPTS:
            held = receipt.read_text(line.receipt)
            if held.log_id.hex() != work.log:
                raise InvalidRecord(f"the receipt in line {work.number} is of another log")
            work.receipts.append(held)
        case _:
            raise InvalidRecord(f"line {work.number} of the bundle stands in the wrong place")


def _take_record(work: _Read, line: Held) -> None:
    data = line.record.encode()
    seq = work.tree.size
    try:
        record = records.parse(data)
    except InvalidRecord as error:
        raise InvalidRecord(f"record {seq}: {error}") from error
    if (record.seq, record.log) != (seq, work.log):
        raise InvalidRecord(
            f"expected record {seq} of log {work.log} in line {work.number}, got {record.seq} of {record.log}"
        )
    row = (seq, data, line.signature, line.quorum_signature, line.checkpoint)
    work.connection.execute(ADD_RECORD, row)
    work.records += 1
    _add(work, 0, merkle.leaf_hash(data))


def _add(work: _Read, level: int, value: bytes) -> None:
    work.connection.executemany(ADD_NODE, work.tree.append(level, value))


def _check_end(work: _Read, end: End, sha256: str, key: bytes) -> None:
    head = work.head
    if end.sha256 != sha256:
        raise InvalidProof("the bundle was altered: its bytes are not those that were hashed at its end")
    try:
        sshsig.verify(end.signature, sha256.encode(), sshsig.BUNDLE_NAMESPACE, key)
    except InvalidSignature as error:
        raise InvalidSignature(f"the terminal's signature of the bundle: {error}") from error
    if work.tree.size != head.size or work.tree.root().hex() != head.root:
        raise InvalidProof(
            f"the bundle was thinned, extended or put in another order: its "
            f"{counted(work.records, 'record')} and its hashes do not have "
            f"the root of the checkpoint of {counted(head.size, 'record')}"
        )
    if (end.records, end.withheld) != (work.records, head.size - work.records):
        raise RecordMissing(f"the bundle says that it has {counted(end.records, 'record')}, and has {work.records}")
    if work.withheld_inside >= 0 and not head.set:
        raise RecordMissing(
            f"record {work.withheld_inside} is withheld, and the bundle says that it has all from {head.first} to "
            f"{head.last}"
        )


def _shared(one: BundledLog, other: BundledLog) -> Iterator[tuple[tuple[int, int, bytes], bytes]]:
    """Yield the nodes of the tree that two bundles know, with both hashes, leaves first."""
    with durably():
        for level, position, value in other._connection.execute(_NODES):
            mine = one.node(level, position)
            if mine:
                yield (level, position, mine), bytes(value)


def _fork(one: BundledLog, other: BundledLog, level: int, position: int) -> str:
    names = f"{one.newest.source} and {other.bundles[0].source}"
    first, last = position << level, ((position + 1) << level) - 1
    where = f"record {first}" if first == last else f"a record of {first} to {last}"
    said = []
    for log in (one, other):
        try:
            entry: Entry = next(log.entries(first))
        except (StopIteration, BreakglassError):
            continue
        if entry.record.seq == first == last:
            said.append(f"{entry.record.body.__struct_config__.tag} at {entry.record.time}")
    words = f" ({' and '.join(said)})" if len(said) == 2 else ""
    return f"a fork: {names} have another {where}{words}; one terminal key signed both"
