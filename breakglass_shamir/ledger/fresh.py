# SPDX-License-Identifier: Apache-2.0
"""A fresh look at a log: what anybody finds who opens its path now.

Written is not yet found: a connection that has been open for a while shows its own file, whatever the path leads to by
now. The look has a connection of its own, which it opens through the path and closes again.

It decides nothing about the files themselves: see :mod:`.standing`.
"""

import sqlite3
from contextlib import closing
from hashlib import sha256
from itertools import islice
from pathlib import Path

from breakglass_shamir.crypto import merkle
from breakglass_shamir.errors import InvalidRecord, LedgerBusy, LedgerUnwritable
from breakglass_shamir.ledger.connection import BUSY, connect, is_busy
from breakglass_shamir.ledger.stored import StoredLog

_AT_ONCE = 4096
"""Leaves that are hashed together."""


def require_record(path: Path, size: int, digest: str, root: bytes, *, whole: StoredLog | None = None) -> None:
    """Look for the last record of a log, and for the tree that ends with it.

    Args:
        path: of the database.
        size: number of records there must be at least.
        digest: SHA-256 of record ``size - 1``, hexadecimal.
        root: of the tree over them.
        whole: the open log, to hash every record and not only the tree's own nodes. Where its own records give
            another root than its tree, as those of a log that was altered, the same records must be found: whether
            they hold is for verification to say, and no reason to keep an emergency from its record.

    Raises:
        LedgerUnwritable: they are not found.
        LedgerBusy: another program keeps everybody from looking.
    """
    try:
        with closing(connect(path, "ro")) as connection:
            log = StoredLog(connection)
            found = sha256(log.row(size - 1)[1]).hexdigest() == digest
            found = found and log.root_at(size) == root
            found = found and (whole is None or _same_records(log, whole, size, root))
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.Error) and is_busy(error):
            raise LedgerBusy(BUSY) from error
        raise LedgerUnwritable(f"record {size - 1} is not found at {path} ({error})") from error
    except (InvalidRecord, LedgerUnwritable) as error:
        raise LedgerUnwritable(f"record {size - 1} is not found at {path}: {error}") from error
    if not found:
        raise LedgerUnwritable(f"record {size - 1} is not found at {path}: another log lies there")


def _same_records(log: StoredLog, ours: StoredLog, size: int, root: bytes) -> bool:
    hashed = _hashed(log, size)
    return hashed == root or hashed == _hashed(ours, size)


def _hashed(log: StoredLog, size: int) -> bytes:
    tree = merkle.RootBuilder()
    leaves = (merkle.leaf_hash(data) for _, data in log.first_records(size))
    while some := list(islice(leaves, _AT_ONCE)):
        tree.extend(some)
    return tree.root()
