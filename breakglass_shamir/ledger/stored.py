# SPDX-License-Identifier: Apache-2.0
"""What lies in the database of a ledger, read as it is: nothing here asks whether it holds, and nothing writes."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import Any

from breakglass_shamir.crypto import merkle
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.errors import InvalidRecord
from breakglass_shamir.ledger.connection import DAMAGED_HINT, durably
from breakglass_shamir.ledger.entry import Entry, StoredRow, entry_of, log_id
from breakglass_shamir.ledger.schema import (
    COUNT_SAME_NODES,
    SELECT_FIRST,
    SELECT_FROM,
    SELECT_HOLDING,
    SELECT_LEVELS,
    SELECT_NEWEST_FIRST,
    SELECT_POSITIONS,
)

ROWS_AT_ONCE = 64
"""Rows that are taken from the database at a time: a record has 256 KiB at most."""


class StoredLog:
    """The stored rows and tree nodes of one log."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def entries(self, start: int = 0) -> Generator[Entry]:
        """Yield stored entries from number ``start`` on.

        Raises:
            InvalidRecord: stored bytes are not a record.
            LedgerUnwritable: the file is damaged.
        """
        for row in self.rows(start):
            yield entry_of(row)

    def rows(self, start: int = 0) -> Generator[StoredRow]:
        """Yield what is stored, unread: number, record, terminal's and quorum's signature, checkpoint.

        Raises:
            LedgerUnwritable: the file is damaged.
        """
        with durably():
            cursor = self._connection.execute(SELECT_FROM, (start,))
            while some := cursor.fetchmany(ROWS_AT_ONCE):
                yield from some

    def row(self, seq: int) -> StoredRow:
        """Return one stored row.

        Raises:
            InvalidRecord: there is none.
        """
        with closing(self.rows(seq)) as rows:
            found = next(rows, None)
        if found is None or found[0] != seq:
            raise InvalidRecord(f"record {seq}: it is not there", hint=DAMAGED_HINT)
        return found

    def digest_of(self, seq: int) -> str:
        """Return the SHA-256 of one record, hexadecimal.

        Raises:
            InvalidRecord: there is none.
        """
        return sha256(self.row(seq)[1]).hexdigest()

    def first_records(self, size: int) -> Generator[tuple[int, bytes]]:
        """Yield the numbers and exact bytes of the first ``size`` records."""
        with durably():
            yield from self._connection.execute(SELECT_FIRST, (size,))

    def holding(self, text: str) -> Generator[tuple[int, bytes]]:
        """Yield the numbers and exact bytes of the records in whose bytes a text stands; the database looks for it."""
        with durably():
            yield from self._connection.execute(SELECT_HOLDING, (text.encode(),))

    def newest_first(self) -> Generator[tuple[int, bytes]]:
        """Yield the numbers and exact bytes of all records, the newest first."""
        with durably():
            yield from self._connection.execute(SELECT_NEWEST_FIRST)

    def node(self, level: int, position: int) -> bytes:
        """Return a stored tree node."""
        row = self._connection.execute(
            "SELECT hash FROM nodes WHERE level = ? AND position = ?", (level, position)
        ).fetchone()
        return bytes(row[0]) if row else b""

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """Read one state of the file, whatever others append meanwhile; gives the number of records in it."""
        with durably():
            self._connection.execute("BEGIN")
        try:
            with durably():
                (count,) = self._connection.execute("SELECT count(*) FROM records").fetchone()
            yield count
        finally:
            self._connection.execute("ROLLBACK")

    def has_nodes(self, level: int, first: int, hashes: Sequence[bytes]) -> bool:
        """Tell whether exactly these hashes are stored at a level of the tree, from a position on.

        Args:
            level: of the nodes.
            first: position of the first one.
            hashes: 32 bytes each.
        """
        asked = {
            "level": level, "first": first, "last": first + len(hashes) - 1,
            "hashes": b"".join(hashes), "length": merkle.HASH_BYTES,
        }  # fmt: skip
        with durably():
            (same,) = self._connection.execute(COUNT_SAME_NODES, asked).fetchone()
        return bool(same == len(hashes))

    def node_levels(self) -> dict[int, tuple[int, int]]:
        """Return the lowest and the highest position at which nodes are stored, for each level."""
        with durably():
            levels = [self._one(query) for query in SELECT_LEVELS]
            if levels == [None, None]:
                return {}
            return {level: self._positions(level) for level in range(levels[0], levels[1] + 1)}

    def _positions(self, level: int) -> tuple[int, int]:
        ends = (self._one(query, level) for query in SELECT_POSITIONS)
        lowest, highest = (-1 if end is None else end for end in ends)
        return lowest, highest

    def _one(self, query: str, *values: int) -> Any:
        (value,) = self._connection.execute(query, values).fetchone()
        return value

    def root_at(self, size: int) -> bytes:
        """Return the tree's root over its first ``size`` records."""
        return merkle.root(size, self.node)


class SignedLog(StoredLog):
    """A stored log and the key that its records must be signed by."""

    def __init__(self, connection: sqlite3.Connection, public_key: bytes) -> None:
        """Take a connection, and the terminal's public key, 32 bytes."""
        super().__init__(connection)
        self.public_key = public_key

    @property
    def log_id(self) -> bytes:
        """This log's 8-byte id."""
        return log_id(self.public_key)


class KnownLog(SignedLog, ABC):
    """A signed log of which it is known what its records add up to: the ledger of a home, or what bundles hold."""

    @property
    @abstractmethod
    def state(self) -> LedgerState:
        """What the records add up to."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of records in the log, withheld ones included."""

    @property
    def replayable(self) -> bool:
        """Whether everything is there that the rules ask for, so that the records add up to a state."""
        return True

    def replayed(self) -> Iterator[Entry]:
        """Yield the records that add up to the state; not all that are there, where some come from bundles."""
        return self.entries()

    def in_range(self, seq: int) -> bool:
        """Tell whether a record that is there was asked for, and did not just come along with others."""
        return seq >= 0
