# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the log, and the signed notes they travel in.

Source: C2SP signed-note and C2SP tlog-checkpoint; Ed25519 signatures (type 0x01) only.

Rules:

1. A note is text, an empty line, and signature lines. Its text is not looked at before a signature by the
   given key verified.
2. A signature is by the given key if both name and key id match; then it must verify. All others are
   ignored, as the specification asks: that is how a collector's or a witness's cosignature is added.
3. Everything read has one spelling: canonical base64, no leading zeros, no control characters.
4. A checkpoint has exactly three lines. Extension lines are refused, since nothing here would check them,
   and the origin must be a valid key name, since the log signs under it.

It does not judge whether a checkpoint is newer than, or consistent with, another: see :mod:`.merkle`.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Self

from breakglass_shamir.crypto.keys import SIGNATURE_BYTES, ed25519_public, ed25519_sign, ed25519_verify
from breakglass_shamir.crypto.merkle import HASH_BYTES
from breakglass_shamir.errors import InvalidProof, InvalidSignature
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.structs import Struct

ED25519_TYPE = b"\x01"
"""Signature type identifier of the C2SP signed-note."""

KEY_ID_BYTES = 4
"""Length of the key id in front of each signature."""

MAX_SIGNATURES = 64
"""More lines than this are refused unread; the specification asks for at least 16."""

MAX_TREE_SIZE = 2**63 - 1
"""Largest tree size read: a signed 64-bit integer, as stores count."""

_LINE_START = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(Struct, frozen=True):
    """The head of a log at one size.

    Attributes:
        origin: identity of the log; a valid key name.
        size: number of leaves.
        root: 32-byte Merkle root at that size.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        _check_name(self.origin)
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise InvalidProof(f"expected a tree size of 0 to {MAX_TREE_SIZE}, got {self.size}")
        if len(self.root) != HASH_BYTES:
            raise InvalidProof(f"expected a root of {HASH_BYTES} bytes, got {len(self.root)}")

    def to_text(self) -> str:
        """Return the three lines, each with its newline: the text of a note."""
        return f"{self.origin}\n{self.size}\n{_encode64(self.root)}\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text of a note.

        Raises:
            InvalidProof: not exactly origin, tree size and root in their one spelling.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise InvalidProof("expected a checkpoint of exactly three lines")
        origin, size, encoded, _ = lines
        if not _SIZE.fullmatch(size):
            raise InvalidProof(f"expected a decimal tree size, got {size[:24]!a}")
        return cls(origin, int(size), _decode64(encoded))


def sign_note(text: str, name: str, seed: Secret) -> str:
    """Return the text as a note with one signature.

    Args:
        text: lines, each ended by a newline.
        name: key name; for a checkpoint, its origin.
        seed: 32-byte Ed25519 seed.

    Raises:
        InvalidProof: the text or the name cannot be in a note.
    """
    _check_name(name)
    _check_text(text)
    signature = _key_id(name, ed25519_public(seed)) + ed25519_sign(seed, text.encode())
    return f"{text}\n{signature_line(name, signature)}"


class Outline(Struct, frozen=True):
    """How every checkpoint by one name and key is written: what begins so and is as long is of this form.

    Whether its signature verifies is another question.
    """

    head: str
    """In front of the tree's size."""

    tail: str
    """Behind the root, as far as every signature by this key is the same."""

    rest: int
    """Characters behind that."""

    def fit(self, notes: Sequence[str], size: int, roots: Sequence[str]) -> bool:
        """Tell whether notes are of this form, with the tree sizes ``size``, one more, and so on, and roots, base64."""
        head, tail, rest = self.head, self.tail, -self.rest
        wanted = [f"{head}{number}\n{root}{tail}" for number, root in enumerate(roots, size)]
        return [note[:rest] for note in notes] == wanted


def outline(name: str, public: bytes) -> Outline:
    """Return how checkpoints by this name and key are written.

    Raises:
        InvalidProof: the name is not a key name.
    """
    _check_name(name)
    signature = _encode64(_key_id(name, public) + bytes(SIGNATURE_BYTES))
    fixed = KEY_ID_BYTES * 4 // 3
    tail = f"\n\n{_LINE_START}{name} {signature[:fixed]}"
    return Outline(f"{name}\n", tail, len(signature) - fixed + 1)


def open_note(note: str, name: str, public: bytes) -> str:
    """Return the text of a note that the raw 32-byte key of this name signed.

    Raises:
        InvalidProof: the note is malformed.
        InvalidSignature: no signature by this key, or one that does not verify.
    """
    text, lines = take_apart(note)
    key_id = _key_id(name, public)
    ours = signatures_by(lines, name, key_id)
    if not ours:
        raise InvalidSignature(f"expected a signature by {verifier_key(name, public)}, got none")
    for signature in ours:
        ed25519_verify(public, text.encode(), signature)
    return text


def verifier_key(name: str, public: bytes) -> str:
    """Return a raw 32-byte key as ``name+keyid+base64``, the text a verifier is configured with.

    Raises:
        InvalidProof: the name is not a key name.
    """
    _check_name(name)
    return f"{name}+{_key_id(name, public).hex()}+{_encode64(ED25519_TYPE + public)}"


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + ED25519_TYPE + public).digest()[:KEY_ID_BYTES]


def take_apart(note: str) -> tuple[str, list[str]]:
    """Split a note at its last empty line into text and signature lines, none of which is verified.

    Raises:
        InvalidProof: the note is malformed.
    """
    _check_text(note)
    text, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")[:-1]
    if not separator or not lines:
        raise InvalidProof("expected an empty line and a signature at the end of the note")
    if len(lines) > MAX_SIGNATURES:
        raise InvalidProof(f"expected at most {MAX_SIGNATURES} signatures, got {len(lines)}")
    return text + "\n", lines


def signature_line(name: str, signature: bytes) -> str:
    """Return one signature's line with its newline.

    Args:
        name: key name.
        signature: key id and signature.

    Raises:
        InvalidProof: the name is not a key name.
    """
    _check_name(name)
    return f"{_LINE_START}{name} {_encode64(signature)}\n"


def signatures_by(lines: list[str], name: str, key_id: bytes) -> list[bytes]:
    """Return the signatures of one name and key id, without the id, not verified.

    Raises:
        InvalidProof: a line is malformed, whoever it is by.
    """
    return [signature for signer, signer_id, signature in _signatures(lines) if (signer, signer_id) == (name, key_id)]


def _signatures(lines: list[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield key name, key id and signature of each line; a malformed line spoils the note."""
    for line in lines:
        name, separator, encoded = line.removeprefix(_LINE_START).partition(" ")
        if not (line.startswith(_LINE_START) and separator):
            raise InvalidProof("expected each signature line as dash, key name, signature")
        _check_name(name)
        signature = _decode64(encoded)
        if len(signature) <= KEY_ID_BYTES:
            raise InvalidProof(f"expected a key id and a signature, got {len(signature)} bytes")
        yield name, signature[:KEY_ID_BYTES], signature[KEY_ID_BYTES:]


def _check_name(name: str) -> None:
    if not name or "+" in name or not name.isprintable() or any(character.isspace() for character in name):
        raise InvalidProof(f"expected a key name without spaces, plus and control characters, got {name!a}")


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise InvalidProof("expected a newline at the end of the note")
    if any(character < " " and character != "\n" for character in text):
        raise InvalidProof("expected no control characters in the note")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidProof("the note is not valid Unicode") from None


def _encode64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode64(text: str) -> bytes:
    """Decode base64; what does not re-encode to the same text is refused."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or _encode64(data) != text:
        raise InvalidProof("expected canonical base64")
    return data
