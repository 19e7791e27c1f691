# SPDX-License-Identifier: Apache-2.0
"""Public keys of people, of every type that is good enough, and the signatures they make.

Source: RFC 8709 (ed25519), RFC 5656 section 3.1 (ECDSA), RFC 8332 (RSA with SHA-512), OpenSSH PROTOCOL.u2f (the
two ``sk`` types, whose private half is in a FIDO2 token).

Rules:

1. A key has one line: type and canonical base64. Distinct keys are told apart by their wire format.
2. RSA has 3072 bits or more and signs with SHA-512. Certificates, DSA and what a browser signs are refused.
3. A token's signature counts only if somebody touched the token: the flag *user present* must be set.

It reads no key files and does not know whose a key is.
"""

import base64
from typing import TYPE_CHECKING

from breakglass_shamir.crypto import ssh_wire as wire
from breakglass_shamir.crypto.keys import PUBLIC_KEY_BYTES, ed25519_verify
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.structs import Struct

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

ED25519 = "ssh-ed25519"
RSA = "ssh-rsa"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"

ECDSA_CURVES = {
    "ecdsa-sha2-nistp256": ("nistp256", "P-256", 32),
    "ecdsa-sha2-nistp384": ("nistp384", "P-384", 48),
    "ecdsa-sha2-nistp521": ("nistp521", "P-521", 66),
}
"""Key type to the curve's name in SSH, its name in FIPS 186, and the bytes of a coordinate."""

TYPES = (ED25519, *ECDSA_CURVES, RSA, SK_ED25519, SK_ECDSA)
"""Every key type whose signatures count."""

RSA_SIGNATURE = "rsa-sha2-512"
"""The one signature algorithm of an RSA key."""

RSA_MIN_BITS = 3072
RSA_MAX_BITS = 16384
"""The largest that OpenSSH takes."""

USER_PRESENT = 0x01
"""Flag of a FIDO2 token: somebody touched it."""

_UNCOMPRESSED = b"\x04"


class SshKey(Struct, frozen=True):
    """A public key that is well formed; nothing says whose it is.

    Attributes:
        type: one of ``TYPES``.
        blob: the key in SSH wire format.
    """

    type: str
    blob: bytes

    @property
    def line(self) -> str:
        """The key as a line of a ``.pub`` file, without comment."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` as ``ssh-keygen -l`` prints it."""
        return wire.fingerprint(self.blob)

    def verify(self, data: bytes, signature_blob: bytes) -> None:
        """Verify a signature in SSH wire format over these bytes.

        Raises:
            InvalidSignature: of another algorithm, not in its one spelling, or it does not verify.
        """
        fields = wire.split(self.blob)
        (algorithm, *values), rest = wire.take(signature_blob, 2)
        expected = RSA_SIGNATURE if self.type == RSA else self.type
        if algorithm != expected.encode():
            raise InvalidSignature(
                f"expected a signature of type {expected}, got {algorithm.decode(errors='replace')!a}"
            )
        if self.type in (SK_ED25519, SK_ECDSA):
            data, rest = _as_token_signs(fields[-1], data, rest), b""
        if rest:
            raise InvalidSignature("the SSH signature has bytes left over")
        if self.type in (ED25519, SK_ED25519):
            ed25519_verify(fields[1], data, values[0])
        elif self.type == RSA:
            _verify_rsa(fields, data, values[0])
        else:
            _verify_ecdsa("ecdsa-sha2-nistp256" if self.type == SK_ECDSA else self.type, fields[2], data, values[0])


def from_line(line: str) -> SshKey:
    """Read ``TYPE BASE64 [COMMENT]``, one line of a ``.pub`` file.

    Raises:
        InvalidSignature: not such a line, of a type that is not taken, or a key that is too weak.
    """
    fields = line.split(maxsplit=2)
    if len(fields) < 2 or fields[0] not in TYPES:
        got = fields[0] if fields else "nothing"
        raise InvalidSignature(
            f"expected a public key line that begins with one of {', '.join(TYPES)}, got {got[:60]!a}"
        )
    key = from_blob(wire.decode64(fields[1]))
    if key.type != fields[0]:
        raise InvalidSignature(f"expected a key of type {fields[0]}, got one of {key.type}")
    return key


def from_blob(blob: bytes) -> SshKey:
    """Read a key in SSH wire format.

    Raises:
        InvalidSignature: malformed, of a type that is not taken, or too weak.
    """
    fields = wire.split(blob)
    kind = fields[0].decode(errors="backslashreplace") if fields else ""
    if kind not in TYPES:
        raise InvalidSignature(f"expected a key of type {', '.join(TYPES)}, got {kind[:60]!a}")
    wanted = {ED25519: 2, RSA: 3, SK_ED25519: 3, SK_ECDSA: 4}.get(kind, 3)
    if len(fields) != wanted:
        raise InvalidSignature(f"expected {wanted} fields in a key of type {kind}, got {len(fields)}")
    if kind in (ED25519, SK_ED25519):
        if len(fields[1]) != PUBLIC_KEY_BYTES:
            raise InvalidSignature(f"expected a key of {PUBLIC_KEY_BYTES} bytes, got {len(fields[1])}")
    elif kind == RSA:
        _check_rsa(wire.number(fields[1]), wire.number(fields[2]))
    else:
        _check_point("ecdsa-sha2-nistp256" if kind == SK_ECDSA else kind, *fields[1:3])
    return SshKey(kind, blob)


def _check_rsa(exponent: int, modulus: int) -> None:
    bits = modulus.bit_length()
    if not RSA_MIN_BITS <= bits <= RSA_MAX_BITS:
        raise InvalidSignature(f"expected an RSA key of {RSA_MIN_BITS} to {RSA_MAX_BITS} bits, got {bits}")
    if exponent < 3 or not exponent % 2 or exponent.bit_length() > 64:
        raise InvalidSignature("expected an RSA key with an odd exponent of 3 or more")


def _check_point(kind: str, curve: bytes, point: bytes) -> None:
    name, fips, size = ECDSA_CURVES[kind]
    if curve != name.encode() or len(point) != 1 + 2 * size or not point.startswith(_UNCOMPRESSED):
        raise InvalidSignature(f"expected an uncompressed point of {name}")
    _import_point(fips, point)


def _import_point(fips: str, point: bytes) -> "EccKey":
    from Crypto.PublicKey import ECC

    try:
        return ECC.import_key(point, curve_name=fips)
    except ValueError:
        raise InvalidSignature(f"expected a point of {fips}") from None


def _as_token_signs(application: bytes, data: bytes, tail: bytes) -> bytes:
    """Return what a token signs: the application's hash, flags, counter, and the data's hash."""
    from Crypto.Hash import SHA256

    if len(tail) != 5:
        raise InvalidSignature("expected flags and counter of a token at the end of the signature")
    if not tail[0] & USER_PRESENT:
        raise InvalidSignature("expected a signature of a token that somebody touched, got one without")
    return SHA256.new(application).digest() + tail + SHA256.new(data).digest()


def _verify_rsa(fields: list[bytes], data: bytes, signature: bytes) -> None:
    from Crypto.Hash import SHA512
    from Crypto.PublicKey import RSA as RSA_KEYS
    from Crypto.Signature import pkcs1_15

    try:
        key = RSA_KEYS.construct((wire.number(fields[2]), wire.number(fields[1])))
        pkcs1_15.new(key).verify(SHA512.new(data), signature)
    except ValueError:
        raise InvalidSignature("the RSA signature does not verify") from None


def _verify_ecdsa(kind: str, point: bytes, data: bytes, signature: bytes) -> None:
    from Crypto.Hash import SHA256, SHA384, SHA512
    from Crypto.Signature import DSS

    _, fips, size = ECDSA_CURVES[kind]
    parts = wire.split(signature)
    if len(parts) != 2:
        raise InvalidSignature(f"expected two numbers in an ECDSA signature, got {len(parts)}")
    r, s = map(wire.number, parts)
    try:
        raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
        digest = {32: SHA256, 48: SHA384, 66: SHA512}[size].new(data)
        DSS.new(_import_point(fips, point), "fips-186-3").verify(digest, raw)
    except (ValueError, OverflowError):
        raise InvalidSignature("the ECDSA signature does not verify") from None
