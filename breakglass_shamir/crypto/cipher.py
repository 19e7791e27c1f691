# SPDX-License-Identifier: Apache-2.0
"""AES-256-GCM with the padding that hides a credential's exact length (spec: docs/spec/1-cryptography.md).

Key and nonce are derived from one master and used once; this module neither draws nor keeps them.
"""

from breakglass_shamir.errors import DecryptionFailed
from breakglass_shamir.hygiene import Secret

TAG_BYTES = 16
"""GCM authentication tag, appended to the ciphertext."""

PAD_BLOCK_BYTES = 64
"""Plaintexts are padded to a multiple of this."""


def encrypt(key: bytes, nonce: bytes, header: bytes, plaintext: Secret) -> bytes:
    """Pad and encrypt; returns ciphertext followed by the 16-byte tag.

    Padding (ISO/IEC 7816-4): one byte 0x80, then zeros up to a multiple of 64.
    """
    from Crypto.Cipher import AES

    padded = plaintext.reveal() + b"\x80"
    padded += bytes(-len(padded) % PAD_BLOCK_BYTES)
    body, tag = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES).update(header).encrypt_and_digest(padded)
    return body + tag


def decrypt(key: bytes, nonce: bytes, header: bytes, ciphertext: bytes) -> Secret:
    """Verify, decrypt and unpad.

    Raises:
        DecryptionFailed: too short, the tag does not hold, or the padding is not the one specified.
    """
    from Crypto.Cipher import AES

    if len(ciphertext) < TAG_BYTES + PAD_BLOCK_BYTES or (len(ciphertext) - TAG_BYTES) % PAD_BLOCK_BYTES:
        raise DecryptionFailed(f"expected padded ciphertext and tag, got {len(ciphertext)} bytes")
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES).update(header)
    try:
        padded = cipher.decrypt_and_verify(ciphertext[:-TAG_BYTES], ciphertext[-TAG_BYTES:])
    except ValueError:
        raise DecryptionFailed("the credential's authentication tag does not hold") from None
    return _unpad(padded)


def _unpad(padded: bytes) -> Secret:
    content = padded.rstrip(b"\x00")
    if not content.endswith(b"\x80") or len(padded) - len(content) >= PAD_BLOCK_BYTES:
        raise DecryptionFailed("the credential's padding is not the one specified")
    return Secret(content[:-1])
