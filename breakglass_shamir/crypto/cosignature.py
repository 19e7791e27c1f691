# SPDX-License-Identifier: Apache-2.0
"""Cosignatures of checkpoints: somebody else's word that a log only grew.

Source: C2SP tlog-cosignature, its Ed25519 type (0x04), version ``cosignature/v1``.

Rules:

1. What is signed is a header line, a line with the time, and the text of the note, whole.
2. A cosigner signs nothing else with its key, since the message does not name it.

That the log did only grow is for the cosigner to verify before it signs: see :mod:`.merkle`.
"""

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Self

from breakglass_shamir.crypto.keys import (
    PUBLIC_KEY_BYTES,
    SIGNATURE_BYTES,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
)
from breakglass_shamir.crypto.note import KEY_ID_BYTES, signature_line, signatures_by, take_apart, verifier_key
from breakglass_shamir.errors import InvalidProof, InvalidSignature
from breakglass_shamir.hygiene import Secret

COSIGNATURE_TYPE = b"\x04"
"""Signature type identifier of an Ed25519 cosignature."""

MAX_TIME = 2**63 - 1
"""Latest time, in seconds since 1970."""

_TIME = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Who cosigns.

    Attributes:
        name: key name; a URL without its scheme, by the specification.
        public: raw Ed25519 key, 32 bytes.
    """

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The 4 bytes in front of each of its cosignatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + COSIGNATURE_TYPE + self.public).digest()[:KEY_ID_BYTES]

    def to_text(self) -> str:
        """Return ``name+keyid+base64``, the text a verifier is configured with."""
        encoded = base64.b64encode(COSIGNATURE_TYPE + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text a verifier is configured with.

        Raises:
            InvalidProof: it is not the one spelling of an Ed25519 cosigner's key.
        """
        name, _, rest = text.partition("+")
        try:
            data = base64.b64decode(rest.partition("+")[2], validate=True)
            verifier_key(name, data[1:])
        except ValueError:
            data = b""
        found = cls(name, data[1:])
        if len(data) != 1 + PUBLIC_KEY_BYTES or found.to_text() != text:
            raise InvalidProof("expected a cosigner's key as name+keyid+base64, of the Ed25519 cosignature type")
        return found


def cosign(note: str, name: str, seed: Secret, time: int) -> str:
    """Return a note with one more line, a cosignature.

    Args:
        note: a signed checkpoint whose consistency was verified.
        name: the cosigner's key name.
        seed: its 32-byte Ed25519 seed.
        time: seconds since 1970.

    Raises:
        InvalidProof: the note is malformed, or the time is out of range.
    """
    if not 0 <= time <= MAX_TIME:
        raise InvalidProof(f"expected a time of 0 to {MAX_TIME}, got {time}")
    text, _ = take_apart(note)
    cosigner = Cosigner(name, ed25519_public(seed))
    signature = _TIME.pack(time) + ed25519_sign(seed, _message(text, time))
    return note + signature_line(name, cosigner.key_id + signature)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One cosignature that verifies.

    Attributes:
        line: in a note, with its newline.
        time: seconds since 1970.
    """

    line: str
    time: int


def cosigned_at(note: str, cosigner: Cosigner) -> int:
    """Return when a cosigner signed a note, in seconds since 1970; the latest, where it did so more than once.

    Raises:
        InvalidProof: the note is malformed.
        InvalidSignature: no cosignature by this key, or one that does not verify.
    """
    found = latest(note, cosigner)
    if found is None:
        raise InvalidSignature(f"expected a cosignature by {cosigner.to_text()}, got none")
    return found.time


def latest(note: str, cosigner: Cosigner) -> Cosignature | None:
    """Return a cosigner's latest cosignature of a note; None: it has none.

    Raises:
        InvalidProof: the note is malformed.
        InvalidSignature: a cosignature by this key does not verify.
    """
    text, lines = take_apart(note)
    found = [
        Cosignature(signature_line(cosigner.name, cosigner.key_id + one), _verified(text, one, cosigner))
        for one in signatures_by(lines, cosigner.name, cosigner.key_id)
    ]
    return max(found, key=lambda one: one.time, default=None)


def _verified(text: str, signature: bytes, cosigner: Cosigner) -> int:
    if len(signature) != _TIME.size + SIGNATURE_BYTES:
        raise InvalidSignature(f"expected a cosignature of {_TIME.size + SIGNATURE_BYTES} bytes, got {len(signature)}")
    time: int = _TIME.unpack_from(signature)[0]
    ed25519_verify(cosigner.public, _message(text, time), signature[_TIME.size :])
    if time > MAX_TIME:
        raise InvalidSignature(f"expected a time of at most {MAX_TIME} in the cosignature")
    return time


def _message(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()
