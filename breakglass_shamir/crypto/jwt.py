# SPDX-License-Identifier: Apache-2.0
"""A JSON Web Token that says who asks for a token (RFC 7523), signed with RSA and SHA-256 (RS256 of RFC 7518).

It only signs. The key of a service account is a private RSA key of PKCS #8 in PEM, not encrypted.
"""

import base64
import json
from typing import Any

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

from breakglass_shamir.errors import InvalidInput

MIN_BITS = 2048
MAX_BITS = 8192


def signed(claims: dict[str, Any], pem: str, key_id: str) -> str:
    """Return a token.

    Args:
        claims: what it says.
        pem: the private key.
        key_id: by which the other side finds the public key; empty where it has one.

    Raises:
        InvalidInput: the key is no private RSA key of 2048 to 8192 bits; its text repeats nothing of it.
    """
    try:
        key = RSA.import_key(pem)
    except (ValueError, IndexError, TypeError):
        raise InvalidInput("expected a private RSA key in PEM that is not encrypted") from None
    if not key.has_private() or not MIN_BITS <= key.size_in_bits() <= MAX_BITS:
        raise InvalidInput(f"expected a private RSA key of {MIN_BITS} to {MAX_BITS} bits")
    header = {"alg": "RS256", "typ": "JWT", **({"kid": key_id} if key_id else {})}
    said = f"{_encoded(header)}.{_encoded(claims)}"
    signature = pkcs1_15.new(key).sign(SHA256.new(said.encode("ascii")))
    return f"{said}.{_base64url(signature)}"


def _encoded(tree: dict[str, Any]) -> str:
    return _base64url(json.dumps(tree, sort_keys=True, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
