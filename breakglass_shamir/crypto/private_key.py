# SPDX-License-Identifier: Apache-2.0
"""Which signature a private key makes, as PKCS #8 in DER (RFC 5958) has it.

What it does not do: it signs nothing, and keeps no key.
"""

from breakglass_shamir.errors import InvalidInput

MAX_BYTES = 4096
"""Longest key that is looked at."""


def algorithm_of(der: bytes) -> str:
    """Return the name of the signature that a passkey with this key makes (IANA, COSE algorithms).

    Args:
        der: an unencrypted PKCS #8 key in DER.

    Returns:
        ``ES256`` (P-256), ``EdDSA`` (Ed25519) or ``RS256`` (RSA of 2048 bits or more).

    Raises:
        InvalidInput: it is no such key; nothing of it is repeated.
    """
    from Crypto.PublicKey import ECC, RSA

    if len(der) > MAX_BYTES or not der.startswith(b"\x30"):
        raise _none()
    try:
        key = ECC.import_key(der)
    except (ValueError, IndexError, TypeError):
        pass
    else:
        name = {"NIST P-256": "ES256", "Ed25519": "EdDSA"}.get(key.curve)
        if name is None or not key.has_private():
            raise _none()
        return name
    try:
        pair = RSA.import_key(der)
    except (ValueError, IndexError, TypeError):
        raise _none() from None
    if not pair.has_private() or pair.size_in_bits() < 2048:
        raise _none()
    return "RS256"


def _none() -> InvalidInput:
    return InvalidInput("expected a private key of P-256, Ed25519 or RSA with 2048 bits or more, PKCS #8 in DER")
