# SPDX-License-Identifier: Apache-2.0
"""MariaDB's variant of Ed25519, in which the password itself is the seed (plugin ``ed25519``).

Source: RFC 8032, section 5.1, with the password of any length in the place of the 32-byte seed; MariaDB server,
plugin/auth_ed25519. The server keeps the public key in base64 without padding; the client signs a 32-byte challenge.

What it does not do: it takes no care of the time it needs. It runs at the terminal, once per login.
"""

import base64
import hashlib
from typing import TYPE_CHECKING

from breakglass_shamir.hygiene import Secret

if TYPE_CHECKING:
    from Crypto.PublicKey._point import EccPoint

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the group that the base point generates (RFC 8032, L)."""

BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
"""Base point (RFC 8032, B)."""

BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
"""Base point (RFC 8032, B)."""


def public_key(password: Secret) -> str:
    """Return what the server keeps of a password: 43 characters of base64."""
    scalar, _ = _expand(password)
    return base64.b64encode(_encode(_base() * scalar)).decode().rstrip("=")


def sign(password: Secret, challenge: bytes) -> bytes:
    """Return the 64-byte answer to a challenge."""
    scalar, prefix = _expand(password)
    nonce = _number(hashlib.sha512(prefix + challenge).digest()) % ORDER
    point = _encode(_base() * nonce)
    public = _encode(_base() * scalar)
    binding = _number(hashlib.sha512(point + public + challenge).digest()) % ORDER
    return point + ((nonce + binding * scalar) % ORDER).to_bytes(32, "little")


def _expand(password: Secret) -> tuple[int, bytes]:
    """Return the secret scalar and the prefix of nonces (RFC 8032, section 5.1.5)."""
    digest = hashlib.sha512(password.reveal()).digest()
    scalar = _number(digest[:32]) & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def _base() -> "EccPoint":
    from Crypto.PublicKey import ECC

    return ECC.construct(curve="Ed25519", point_x=BASE_X, point_y=BASE_Y).pointQ


def _encode(point: "EccPoint") -> bytes:
    """Return the 32 bytes of a point (RFC 8032, section 5.1.2)."""
    return (int(point.y) | (int(point.x) & 1) << 255).to_bytes(32, "little")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
