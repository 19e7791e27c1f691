# SPDX-License-Identifier: Apache-2.0
"""The public, signed part of an epoch: core and proofs (spec: docs/spec/4-envelope.md).

Rules:

1. The core alone can be opened: structure, threshold-1 values, ciphertext. The proofs make it verifiable:
   commitments, set key, predecessor, policy digest, checkpoint at printing time, set name, extensions, signature.
2. ``Envelope.from_bytes`` returns only what verifies against its own set public key, whose hash is the
   epoch id. That proves consistency, not origin: who pins the key is the ledger, a receipt, or the shares.
   ``read_vouched`` is for bytes that somebody signed who had verified them.
3. Parsing is strict: nothing missing, nothing trailing; what is accepted re-encodes to the same bytes.
4. An extension that this release does not know stops nothing; at most the proofs are unknown.

This module does not decrypt; ``seal.py`` does.
"""

import hashlib
import re
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from breakglass_shamir.crypto.keys import (
    COMMITMENT_BYTES,
    EPOCH_ID_BYTES,
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    ed25519_sign,
    ed25519_verify,
    epoch_id_of,
)
from breakglass_shamir.errors import (
    InvalidEnvelope,
    InvalidInput,
    InvalidSignature,
    InvalidStructure,
    MalformedText,
    MixedShares,
    ShareMismatch,
)
from breakglass_shamir.formats import text
from breakglass_shamir.formats.core import Core, Reader, read_core
from breakglass_shamir.formats.extensions import NO_EXTENSIONS, Extensions
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.structs import Struct, replace

if TYPE_CHECKING:
    from breakglass_shamir.formats.share import Share

PREFIX = "BGE1:"
"""What an envelope's QR code begins with."""

MAX_CODE_BYTES = 750
"""Envelope bytes in one QR code; a longer envelope is printed as several."""

MAX_NAME_BYTES = 64
"""Longest set name in UTF-8."""

CHECKPOINT_BYTES = 48
"""Log id (8), size (8) and root (32)."""

NO_PREDECESSOR = bytes(EPOCH_ID_BYTES)
"""The predecessor of a first epoch."""

_SIGNED_LABEL = b"breakglass-shamir envelope\x00"
_HASH_CHARACTERS = 4
_PART_NUMBERS = re.compile(r"([1-9][0-9]?)/([1-9][0-9]?)", re.ASCII)
_REFUSED_IN_NAME = frozenset(
    chr(code)
    for first, last in (
        (0x00, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069)
    )
    for code in range(first, last + 1)
)  # fmt: skip


class Checkpoint(Struct, frozen=True):
    """The ledger's tree at printing time, as a sheet witnesses it (docs/spec/4-envelope.md)."""

    log_id: bytes
    """First 8 bytes of SHA-256 over the terminal's public key."""

    size: int
    """Records in the log, below 2^64."""

    root: bytes
    """Root of its Merkle tree, 32 bytes (RFC 6962)."""

    def to_bytes(self) -> bytes:
        """Return log id (8), size (8) and root (32).

        Raises:
            InvalidInput: a field has another type or length.
        """
        if not isinstance(self.log_id, bytes) or not isinstance(self.root, bytes):
            raise InvalidInput("expected the log id and the root of a checkpoint as bytes")
        if len(self.log_id) != 8 or len(self.root) != 32:
            raise InvalidInput("expected a checkpoint of fixed lengths: log id of 8, root of 32 bytes")
        if type(self.size) is not int or not 0 <= self.size < 1 << 64:
            raise InvalidInput("expected the size of a log, a whole number below 2^64")
        return self.log_id + struct.pack(">Q", self.size) + self.root


class Envelope(Struct, frozen=True):
    """Core and proofs of one epoch; public (docs/spec/4-envelope.md).

    One that was read or dealt is verified against its own set public key. That proves consistency, not origin.
    """

    core: Core
    """What opens: structure and ciphertext."""

    commitments: tuple[bytes, ...]
    """16 bytes for each sheet, by group and member."""

    set_public_key: bytes
    """Raw Ed25519 key of 32 bytes, derived from the master; the epoch id is its hash."""

    predecessor: bytes
    """Epoch id of the epoch before, 8 bytes; zeros for a first one."""

    policy_digest: bytes
    """SHA-256 over a 16-byte salt, kept in the ledger, and the policy's digest."""

    checkpoint: Checkpoint
    """The log's head when it was printed; zeros where there was no log."""

    set_name: str
    """Name of the set, 1 to 64 bytes of UTF-8."""

    extensions: Extensions = NO_EXTENSIONS
    """What else its release says; what this one does not know is kept."""

    signature: bytes = b""
    """64 bytes by the set key over everything before it."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the envelope's bytes: what ledger and receipts pin."""
        return hashlib.sha256(self.to_bytes()).digest()

    def to_bytes(self) -> bytes:
        """Return core, proofs and signature: about 400 bytes for 5 sheets. Never raises for one that was read."""
        return self._signed_part() + self.signature

    def _signed_part(self) -> bytes:
        name = self.set_name.encode()
        return b"".join(
            (
                self.core.to_bytes(),
                *self.commitments,
                self.set_public_key,
                self.predecessor,
                self.policy_digest,
                self.checkpoint.to_bytes(),
                bytes([len(name)]),
                name,
                self.extensions.to_bytes(),
            )
        )

    def signed_by(self, set_key: Secret) -> "Envelope":
        """Return the envelope with its signature by the epoch's set key, an Ed25519 seed of 32 bytes.

        Raises:
            InvalidSignature: the seed has another length.
        """
        return replace(self, signature=ed25519_sign(set_key, _SIGNED_LABEL + self._signed_part()))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Envelope":
        """Read and verify an envelope.

        Raises:
            InvalidInput: it is no bytes.
            InvalidEnvelope: structure, epoch id or signature do not hold.
            UnsupportedVersion: version, suite or kind of another release.
        """
        envelope = cls._read(data)
        envelope._verify()
        return envelope

    @classmethod
    def _read(cls, data: bytes) -> "Envelope":
        if not isinstance(data, bytes):
            raise InvalidInput(f"expected the bytes of an envelope, got {type(data).__name__}")
        reader = Reader(data)
        core = read_core(reader)
        commitments = tuple(reader.take(COMMITMENT_BYTES) for _ in core.structure.seats())
        public = reader.take(PUBLIC_KEY_BYTES)
        predecessor, policy_digest = reader.take(EPOCH_ID_BYTES), reader.take(32)
        checkpoint = Checkpoint(reader.take(8), reader.number(8), reader.take(32))
        name = _read_name(reader)
        extensions = Extensions.from_bytes(reader.take(reader.number(2)))
        signature = reader.take(SIGNATURE_BYTES)
        reader.end()
        return cls(core, commitments, public, predecessor, policy_digest, checkpoint, name, extensions, signature)

    def _check_key(self) -> None:
        if epoch_id_of(self.set_public_key) != self.core.epoch_id:
            raise InvalidEnvelope("the envelope's set key does not belong to its epoch id")

    def _verify(self) -> None:
        self._check_key()
        try:
            ed25519_verify(self.set_public_key, _SIGNED_LABEL + self._signed_part(), self.signature)
        except InvalidSignature:
            raise InvalidEnvelope("the envelope's signature does not hold: it was damaged or forged") from None

    def check_share(self, share: "Share") -> None:
        """Verify one share alone against its commitment.

        Raises:
            MixedShares: the share is of another epoch or kind, or its number does not exist here.
            ShareMismatch: its value is not the one that was dealt.
        """
        if share.kind is not self.core.kind or share.epoch_id != self.core.epoch_id:
            raise MixedShares(f"share {share.public_id} is not of epoch {text.short_id(self.core.epoch_id)}")
        try:
            index = self.core.structure.index((share.group, share.member))
        except InvalidStructure:
            raise MixedShares(f"share {share.public_id} does not exist in this epoch") from None
        if not share.matches(self.commitments[index]):
            raise ShareMismatch(f"share {share.public_id} is not the one that was printed: it was altered or misread")

    def to_codes(self) -> tuple[str, ...]:
        """Return the texts of the envelope's QR codes: one, or several ``BGE1:i/n:hash4:``. Never raises."""
        data = self.to_bytes()
        if len(data) <= MAX_CODE_BYTES:
            return (PREFIX + text.encode(data),)
        count = -(-len(data) // MAX_CODE_BYTES)
        size = -(-len(data) // count)
        tag = text.encode(hashlib.sha256(data).digest())[:_HASH_CHARACTERS]
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        return tuple(f"{PREFIX}{i}/{count}:{tag}:{text.encode(piece)}" for i, piece in enumerate(pieces, 1))


def read_vouched(data: bytes) -> Envelope:
    """Read an envelope of which a signature over its very bytes says that it was verified.

    Its own signature is not verified once more; everything else is.

    Raises:
        InvalidInput: it is no bytes.
        InvalidEnvelope: structure or epoch id do not hold.
        UnsupportedVersion: version, suite or kind of another release.
    """
    envelope = Envelope._read(data)
    envelope._check_key()
    return envelope


def is_set_name(name: str) -> bool:
    """Tell whether an envelope may carry this name: 1 to 64 bytes, no control or bidirectional characters.

    The refused characters are a fixed list, so that no later Unicode table changes what can be read.
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    return 1 <= length <= MAX_NAME_BYTES and _REFUSED_IN_NAME.isdisjoint(name)


class EnvelopeReader:
    """Collect the codes of envelopes, in any order and over any number of sheets."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, int], dict[int, bytes]] = {}

    def add(self, code: str) -> Envelope | None:
        """Take one ``BGE1:`` text; returns the envelope once it is complete, else None.

        Raises:
            MalformedText: not an envelope's text.
            InvalidEnvelope, UnsupportedVersion: complete, but it does not hold.
        """
        body = code.strip(text.WHITE_SPACE)
        if not body.isascii() or body[: len(PREFIX)].upper() != PREFIX:
            raise MalformedText(f"expected an ASCII text that begins with {PREFIX}")
        fields = body[len(PREFIX) :].split(":")
        if len(fields) == 1:
            return Envelope.from_bytes(text.decode(text.normalise(fields[0])))
        return self._add_part(fields)

    def missing(self) -> str:
        """Say which codes are still missing, empty when none is."""
        rows = [
            f"{sorted(set(range(1, count + 1)) - set(parts))} of {count}"
            for (_, count), parts in self._parts.items()
            if len(parts) < count
        ]
        return "; ".join(f"envelope codes {row}" for row in rows)

    def _add_part(self, fields: Sequence[str]) -> Envelope | None:
        number, count = _part_numbers(fields)
        tag = text.normalise(fields[1])
        if len(tag) != _HASH_CHARACTERS or not set(tag) <= set(text.ALPHABET):
            raise MalformedText(f"expected {_HASH_CHARACTERS} base32 characters of hash, got {tag[:8]!r}")
        parts = self._parts.setdefault((tag, count), {})
        parts[number] = text.decode(text.normalise(fields[2]))
        if len(parts) < count:
            return None
        data = b"".join(parts[i] for i in range(1, count + 1))
        del self._parts[(tag, count)]
        if text.encode(hashlib.sha256(data).digest())[:_HASH_CHARACTERS] != tag:
            raise InvalidEnvelope("the envelope's codes do not belong together")
        return Envelope.from_bytes(data)


def _part_numbers(fields: Sequence[str]) -> tuple[int, int]:
    numbers = _PART_NUMBERS.fullmatch(fields[0])
    if len(fields) != 3 or numbers is None:
        raise MalformedText(f"expected {PREFIX}i/n:hash:data")
    number, count = int(numbers[1]), int(numbers[2])
    if number > count or count < 2:
        raise MalformedText(f"expected a code number of at most {count}, and 2 codes or more, got {number}")
    return number, count


def _read_name(reader: Reader) -> str:
    raw = reader.take(reader.number(1))
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise InvalidEnvelope("the set name in the envelope is not UTF-8") from None
    if not is_set_name(name):
        raise InvalidEnvelope("the set name in the envelope is not text of 1 to 64 bytes on one line")
    return name
