# SPDX-License-Identifier: Apache-2.0
"""Everything that is derived from a master, and Ed25519 itself (spec: docs/spec/1-cryptography.md).

Rules:

1. One master per epoch and kind, 32 random bytes from :func:`random_bytes`; every key comes from it by
   HKDF-SHA256 (RFC 5869) with a salt that binds suite and kind and an info that names the use.
2. Live and drill never share a salt, so no drill key is ever a live key.
3. The epoch id is derived, never chosen: the first 8 bytes of SHA-256 over the set public key.

This module does not know what is encrypted or signed.
"""

import base64
import enum
import hashlib

from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.hygiene import Secret

SUITE = 1
"""Cryptographic suite: Shamir GF(2^128) twice, HKDF-SHA256, AES-256-GCM, Ed25519, SHA-256."""

MASTER_BYTES = 32
"""Length of a master, a group secret and a share value."""

EPOCH_ID_BYTES = 8
"""Length of an epoch id."""

COMMITMENT_BYTES = 16
"""Length of a share's commitment."""

CREDENTIAL_KEY_BYTES = 32
"""AES-256 key."""

CREDENTIAL_NONCE_BYTES = 12
"""GCM nonce; derived, since a master encrypts exactly once."""

PUBLIC_KEY_BYTES = 32
"""Raw Ed25519 public key (RFC 8032)."""

_SEED_BYTES = 32
"""Seed of an Ed25519 key (RFC 8032)."""

SIGNATURE_BYTES = 64
"""Raw Ed25519 signature (RFC 8032)."""

_PKCS8_HEAD = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the seed in a PKCS #8 key of Ed25519 that holds nothing else (RFC 8410 section 7)."""

_PEM_BEGIN, _PEM_END = b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----\n"
_PEM_LINE_CHARACTERS = 64


class Kind(enum.IntEnum):
    """What a share, envelope or set key is for (docs/spec/1-cryptography.md)."""

    LIVE = 1
    """The credential's own."""

    DRILL = 2
    """Of a rehearsal: under another master, with other labels; it opens nothing."""

    @property
    def word(self) -> str:
        """The kind in one lower-case word, as records and labels write it."""
        return self.name.lower()


def random_bytes(length: int) -> bytes:
    """Draw ``length`` bytes from the operating system's generator."""
    from Crypto.Random import get_random_bytes

    return get_random_bytes(length)


def derive(master: Secret, kind: Kind, purpose: str, length: int) -> bytes:
    """Derive ``length`` bytes from a master by HKDF-SHA256.

    The salt is ``breakglass-shamir suite 1 live`` (or ``drill``), the info is the purpose, both ASCII.
    """
    return _hkdf(master.reveal(), length, f"breakglass-shamir suite {SUITE} {kind.word}", purpose.encode())


def group_mask(value: Secret, kind: Kind, epoch_id: bytes, group: int, member: int) -> bytes:
    """Derive the 32-byte mask of one member of a threshold-1 group.

    The info is ``group mask`` followed by epoch id (8), group (1) and member (1).
    """
    info = b"group mask" + epoch_id + bytes([group, member])
    return _hkdf(value.reveal(), MASTER_BYTES, f"breakglass-shamir suite {SUITE} {kind.word}", info)


def _hkdf(material: bytes, length: int, salt: str, info: bytes) -> bytes:
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    derived = HKDF(material, length, salt.encode(), SHA256, 1, info)
    assert isinstance(derived, bytes)  # noqa: S101 - one key was asked for
    return derived


def set_key_seed(master: Secret, kind: Kind) -> Secret:
    """Return the seed of the epoch's Ed25519 set key."""
    return Secret(derive(master, kind, "set key", 32))


def credential_key(master: Secret, kind: Kind) -> tuple[bytes, bytes]:
    """Return the AES-256-GCM key and nonce for the epoch's one plaintext."""
    key = derive(master, kind, "credential key", CREDENTIAL_KEY_BYTES)
    return key, derive(master, kind, "credential nonce", CREDENTIAL_NONCE_BYTES)


def epoch_id_of(set_public_key: bytes) -> bytes:
    """Return the 8-byte epoch id of a 32-byte set public key."""
    return hashlib.sha256(set_public_key).digest()[:EPOCH_ID_BYTES]


def ed25519_public(seed: Secret) -> bytes:
    """Return the raw 32-byte public key of a 32-byte seed."""
    from Crypto.PublicKey import ECC

    key = ECC.construct(curve="Ed25519", seed=seed.reveal()).public_key().export_key(format="raw")
    return bytes(key)


def ed25519_sign(seed: Secret, message: bytes) -> bytes:
    """Sign a message (pure Ed25519, RFC 8032); 64 bytes."""
    from Crypto.PublicKey import ECC
    from Crypto.Signature import eddsa

    return eddsa.new(ECC.construct(curve="Ed25519", seed=seed.reveal()), "rfc8032").sign(message)


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Verify a signature.

    Raises:
        InvalidSignature: wrong length, not a point, or it does not verify.
    """
    from Crypto.Signature import eddsa

    if len(public) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        raise InvalidSignature(f"expected a 32-byte key and 64-byte signature, got {len(public)} and {len(signature)}")
    try:
        eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(message, signature)
    except ValueError:
        raise InvalidSignature("the Ed25519 signature does not verify") from None


def seed_to_pem(seed: Secret) -> bytes:
    """Write an Ed25519 seed as an unencrypted PKCS #8 PEM file, which OpenSSL reads too."""
    from Crypto.PublicKey import ECC

    return ECC.construct(curve="Ed25519", seed=seed.reveal()).export_key(format="PEM").encode() + b"\n"


def seed_from_pem(pem: bytes) -> Secret:
    """Read what :func:`seed_to_pem` wrote.

    Raises:
        InvalidSignature: not an Ed25519 private key.
    """
    if (seed := _seed_alone(pem)) is not None:
        return seed
    from Crypto.PublicKey import ECC

    try:
        key = ECC.import_key(pem)
        if key.curve != "Ed25519" or not key.has_private():
            raise InvalidSignature(f"expected an Ed25519 private key, got one of {key.curve}")
        return Secret(key.seed)
    except (ValueError, TypeError, IndexError):
        raise InvalidSignature("expected an Ed25519 private key in PEM form") from None


def _seed_alone(pem: bytes) -> Secret | None:
    """Return the seed where a file is what :func:`seed_to_pem` writes, to the byte; None: the library reads it."""
    begin, _, rest = pem.partition(b"\n")
    line, _, end = rest.partition(b"\n")
    if begin != _PEM_BEGIN or end != _PEM_END or len(line) != _PEM_LINE_CHARACTERS:
        return None
    try:
        key = base64.b64decode(line, validate=True)
    except ValueError:
        return None
    # Padding makes a shorter key a line of the same length.
    if not key.startswith(_PKCS8_HEAD) or len(key) != len(_PKCS8_HEAD) + _SEED_BYTES:
        return None
    return Secret(key[len(_PKCS8_HEAD) :])
