# SPDX-License-Identifier: Apache-2.0
"""The statement of a receipt: what a log was at one moment, to be carried away (spec: docs/spec/9-receipts.md).

Rules:

1. The terminal signs the whole statement, so a receipt that was altered is told from a log that was.
2. It holds public data only, and fits a code on a screen.
3. ``from_bytes`` returns only what verifies against the key inside. That proves that it is whole, not whose it is:
   the log it is held against, or the hand it came from, says that.
4. Parsing is strict: nothing missing, nothing trailing; what is accepted re-encodes to the same bytes.
"""

import struct
from typing import Self

from breakglass_shamir.crypto.keys import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, ed25519_sign, ed25519_verify, epoch_id_of
from breakglass_shamir.crypto.merkle import HASH_BYTES
from breakglass_shamir.errors import InvalidProof, MalformedText
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import is_set_name
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.structs import Struct, replace

PREFIX = "BGR1:"
"""What a receipt's QR code begins with."""

VERSION = 1
"""First byte of a statement."""

DIGEST_BYTES = 32
"""SHA-256 of an envelope."""

NO_ENVELOPE = bytes(DIGEST_BYTES)
"""In place of a digest: the log knew the epoch by its key only."""

MAX_PINS = 8
"""Epochs that one receipt pins; more are never alive at once."""

_LABEL = b"breakglass-shamir receipt\x00"
_NUMBERS = struct.Struct(">QQQ")


class Pin(Struct, frozen=True):
    """An epoch that a log vouches for."""

    set_public_key: bytes
    envelope_sha256: bytes

    @property
    def epoch_id(self) -> bytes:
        """The epoch's 8-byte id."""
        return epoch_id_of(self.set_public_key)


class Receipt(Struct, frozen=True):
    """What a log was, by its own signature.

    Attributes:
        terminal_key: 32-byte key that signs the log.
        size: records in the log.
        root: 32-byte root of its tree.
        time: when, by the terminal's wall clock; seconds since 1970, UTC.
        index: number of the record that the receipt is about.
        leaf: 32-byte leaf hash of that record.
        set_name: the set it is about, or empty.
        pins: the epochs of that set that may be alive.
        signature: by the terminal key.
    """

    terminal_key: bytes
    size: int
    root: bytes
    time: int
    index: int
    leaf: bytes
    set_name: str
    pins: tuple[Pin, ...]
    signature: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the statement and its signature."""
        return self._statement() + self.signature

    def _statement(self) -> bytes:
        name = self.set_name.encode()
        pins = b"".join(pin.set_public_key + pin.envelope_sha256 for pin in self.pins)
        return b"".join((
            bytes([VERSION]), self.terminal_key, _NUMBERS.pack(self.size, self.index, self.time), self.root, self.leaf,
            bytes([len(name)]), name, bytes([len(self.pins)]), pins,
        ))  # fmt: skip

    def signed_by(self, terminal_key: Secret) -> "Receipt":
        """Return the receipt with its signature."""
        return replace(self, signature=ed25519_sign(terminal_key, _LABEL + self._statement()))

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[Self, bytes]:
        """Read and verify a statement; returns it and the bytes that follow it.

        Raises:
            InvalidProof: it is cut off, of another version, or not as the form wants it.
            InvalidSignature: it was altered.
        """
        reader = _Reader(data)
        version = reader.take(1)[0]
        if version != VERSION:
            raise InvalidProof(f"expected a receipt of version {VERSION}, got {version}")
        key = reader.take(PUBLIC_KEY_BYTES)
        size, index, time = _NUMBERS.unpack(reader.take(_NUMBERS.size))
        root, leaf = reader.take(HASH_BYTES), reader.take(HASH_BYTES)
        name = _name(reader.take(reader.take(1)[0]))
        count = reader.take(1)[0]
        if index >= size or count > MAX_PINS or (count and not name):
            raise InvalidProof("the numbers in the receipt do not fit together")
        pins = tuple(Pin(reader.take(PUBLIC_KEY_BYTES), reader.take(DIGEST_BYTES)) for _ in range(count))
        receipt = cls(key, size, root, time, index, leaf, name, pins, reader.take(SIGNATURE_BYTES))
        ed25519_verify(key, _LABEL + receipt._statement(), receipt.signature)
        return receipt, reader.rest()

    def to_code(self) -> str:
        """Return the text of the receipt's QR code."""
        return PREFIX + text.encode(self.to_bytes())

    @classmethod
    def from_code(cls, code: str) -> Self:
        """Read and verify a code.

        Raises:
            MalformedText: it is not a receipt's code.
            InvalidProof, InvalidSignature: see :meth:`from_bytes`.
        """
        receipt, rest = cls.from_bytes(text.decode(text.strip_prefix(code, PREFIX)))
        if rest:
            raise MalformedText("expected nothing after the receipt's signature")
        return receipt

    def pin(self, epoch_id: bytes) -> Pin | None:
        """Return what is pinned of an epoch."""
        return next((pin for pin in self.pins if pin.epoch_id == epoch_id), None)


class _Reader:
    """Takes bytes from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        """Take exactly so many bytes."""
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise InvalidProof("the receipt is cut off")
        self._at += count
        return taken

    def rest(self) -> bytes:
        """Return what was not taken."""
        return self._data[self._at :]


def _name(raw: bytes) -> str:
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise InvalidProof("the set name in the receipt is not UTF-8") from None
    if name and not is_set_name(name):
        raise InvalidProof("the set name in the receipt is not text of 1 to 64 bytes on one line")
    return name
