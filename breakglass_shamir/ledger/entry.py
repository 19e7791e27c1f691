# SPDX-License-Identifier: Apache-2.0
"""One stored record with its signatures and checkpoint, and the names a log goes by."""

import hashlib

from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import InvalidRecord
from breakglass_shamir.ledger.connection import DAMAGED_HINT
from breakglass_shamir.structs import Struct

LOG_ID_BYTES = 8
"""Length of a log id."""

ORIGIN_PREFIX = "breakglass-shamir.log/"
"""A checkpoint's origin is this and the log id in hexadecimal."""

StoredRow = tuple[int, bytes, str, str, str]
"""Number, record, terminal's signature, quorum's signature, checkpoint, as they lie in the database."""


class Entry(Struct, frozen=True):
    """A record as stored; ``record`` is parsed from exactly ``data``."""

    data: bytes
    record: Record
    terminal_signature: str
    """Armored SSHSIG by the terminal key."""

    quorum_signature: str
    """Armored SSHSIG by the set key; empty where no quorum was needed."""

    checkpoint: str
    """C2SP signed note of the tree that ends with this record."""

    @property
    def digest(self) -> str:
        """SHA-256 of the record, hexadecimal."""
        return records.digest(self.data)


def entry_of(row: StoredRow) -> Entry:
    """Read a stored row, without asking whether it holds.

    Raises:
        InvalidRecord: its bytes are not a record; with its number.
    """
    seq, data, terminal_signature, quorum_signature, checkpoint = row
    if not isinstance(data, bytes):
        raise InvalidRecord(f"record {seq}: expected bytes, got {type(data).__name__}", hint=DAMAGED_HINT)
    try:
        record = records.parse(data)
    except InvalidRecord as error:
        raise InvalidRecord(f"record {seq}: {error}", hint=DAMAGED_HINT) from error
    return Entry(data, record, terminal_signature, quorum_signature, checkpoint)


def log_id(public_key: bytes) -> bytes:
    """Return the 8-byte id of the log that a terminal key signs."""
    return hashlib.sha256(public_key).digest()[:LOG_ID_BYTES]


def origin(public_key: bytes) -> str:
    """Return the origin line of a log's checkpoints."""
    return ORIGIN_PREFIX + log_id(public_key).hex()
