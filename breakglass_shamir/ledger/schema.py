# SPDX-License-Identifier: Apache-2.0
"""What the database of a ledger holds, and the triggers that stop mistakes in it.

The triggers do not stop a raw connection that drops them; against that stands the verification.
"""

from collections.abc import Callable, Iterable

from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.structs import Struct

SCHEMA_VERSION = 1
"""PRAGMA user_version."""

SCHEMA = """
CREATE TABLE records (
  seq INTEGER PRIMARY KEY,
  data BLOB NOT NULL,
  terminal_signature TEXT NOT NULL,
  quorum_signature TEXT NOT NULL,
  checkpoint TEXT NOT NULL
) STRICT;
CREATE TABLE nodes (
  level INTEGER NOT NULL,
  position INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER records_no_update BEFORE UPDATE ON records
  BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_no_delete BEFORE DELETE ON records
  BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER records_no_replace BEFORE INSERT ON records WHEN EXISTS (SELECT 1 FROM records WHERE seq = NEW.seq)
  BEGIN SELECT RAISE(ABORT, 'records are append-only'); END;
CREATE TRIGGER nodes_no_update BEFORE UPDATE ON nodes
  BEGIN SELECT RAISE(ABORT, 'nodes are append-only'); END;
CREATE TRIGGER nodes_no_delete BEFORE DELETE ON nodes
  BEGIN SELECT RAISE(ABORT, 'nodes are append-only'); END;
CREATE TRIGGER nodes_no_replace BEFORE INSERT ON nodes
  WHEN EXISTS (SELECT 1 FROM nodes WHERE level = NEW.level AND position = NEW.position)
  BEGIN SELECT RAISE(ABORT, 'nodes are append-only'); END;
"""

SELECT_FROM = """
SELECT seq, data, terminal_signature, quorum_signature, checkpoint FROM records WHERE seq >= ? ORDER BY seq
"""

SELECT_FIRST = "SELECT seq, data FROM records WHERE seq < ? ORDER BY seq"

SELECT_HOLDING = "SELECT seq, data FROM records WHERE instr(data, ?) ORDER BY seq"

SELECT_NEWEST_FIRST = "SELECT seq, data FROM records ORDER BY seq DESC"

COUNT_SAME_NODES = """
SELECT count(*) FROM nodes WHERE level = :level AND position BETWEEN :first AND :last
AND hash = substr(:hashes, (position - :first) * :length + 1, :length)
"""
"""Counted where they lie: to hand out each hash takes ten times as long as to compare it."""

SELECT_LEVELS = ("SELECT min(level) FROM nodes", "SELECT max(level) FROM nodes")

SELECT_POSITIONS = (
    "SELECT min(position) FROM nodes WHERE level = ?",
    "SELECT max(position) FROM nodes WHERE level = ?",
)
"""Each by itself: SQLite answers it from the index."""

Value = str | int | bytes | None
"""What a column of a row beside a record holds."""

Row = tuple[str, tuple[Value, ...]]
"""A statement that inserts one row, and its values."""


class Beside(Struct, frozen=True):
    """Tables that are kept beside the records and filled in the same transaction, such as an outbox.

    They are a cache of what follows from the records, never part of the log: neither signed nor verified.
    """

    schema: tuple[str, ...]
    """Statements that make the tables where they are missing: ``CREATE TABLE IF NOT EXISTS ...``."""

    rows: Callable[[Entry, LedgerState], Iterable[Row]]
    """Returns what to store with a record; gets the record and the state after it."""
