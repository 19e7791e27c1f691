# SPDX-License-Identifier: Apache-2.0
"""A private key and its certificate: read, held against each other, and the next ones made.

Sources: RFC 5280 (certificates), RFC 2986 (requests), RFC 7468 (PEM), RFC 5958 (PKCS #8).

Rules:

1. ``cryptography`` reads and makes everything here; nothing of X.509 is parsed by hand.
2. Only the key types below are taken: what else there is, servers refuse or paper cannot hold.
3. The next request asks for what the certificate in force has: its subject, its other names, its uses.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

KEY_TYPES = ("p256", "p384", "ed25519", "rsa2048", "rsa3072")
"""What ``key`` may ask for; an RSA key of 4096 bits and its certificate make a sheet of codes that nobody scans."""

CHAIN_MAX = 4
"""Certificates behind a key: its own, and those of authorities between."""

PUBLIC_ID = "x509"

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_CURVES = {"secp256r1": "p256", "secp384r1": "p384"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A private key with its certificate."""

    key: "CertificateIssuerPrivateKeyTypes" = field(repr=False)
    chain: tuple["x509.Certificate", ...]
    """Its certificate first."""

    @property
    def certificate(self) -> "x509.Certificate":
        """The certificate of the key."""
        return self.chain[0]

    @property
    def public_id(self) -> str:
        """What names it in records: serial number and fingerprint."""
        return public_id(self.certificate)


def public_id(certificate: "x509.Certificate") -> str:
    """Return what names a certificate: serial number, issuer, and the SHA-256 of its DER, all hexadecimal."""
    from cryptography.hazmat.primitives import hashes

    return (
        f"{PUBLIC_ID} serial {certificate.serial_number:x} issuer {issuer_mark(certificate)} "
        f"sha256 {certificate.fingerprint(hashes.SHA256()).hex()}"
    )


def issuer_mark(certificate: "x509.Certificate") -> str:
    """Return the start of the SHA-256 of the issuer's name, 16 digits; serial numbers are unique below it."""
    return hashlib.sha256(certificate.issuer.public_bytes()).hexdigest()[:16]


def serial_of(named: str, issuer: str) -> int | None:
    """Return the serial number in a public id; None where it is none of a certificate of this issuer.

    Args:
        named: the public id.
        issuer: as :func:`issuer_mark` has it.
    """
    words = named.split(" ")
    if len(words) != 7 or words[0] != PUBLIC_ID or words[4] != issuer:
        return None
    try:
        return int(words[2], 16)
    except ValueError:
        return None


def pair_of(secret: Secret) -> Pair:
    """Read a key with its certificate behind it.

    Raises:
        ConnectorError: it is none, in words that say what is wrong; ``rejected``, since no server could take it.
    """
    try:
        return _read(secret)
    except InvalidInput as error:
        raise ConnectorError(f"no key with its certificate: {error}", hint=error.hint, rejected=True) from None


def check_readable(secret: Secret) -> None:
    """Hold that bytes are a key with its certificate.

    Raises:
        InvalidInput: they are not, or the library that reads them is not here.
    """
    require_library()
    _read(secret)


def require_library() -> None:
    """Make sure that certificates can be read.

    Raises:
        InvalidInput: the library is not here.
    """
    try:
        import cryptography.x509  # noqa: F401 - asked for, not used
    except ImportError:
        raise InvalidInput(
            "certificates cannot be read here: the package cryptography is missing",
            hint="install it with: pip install 'breakglass-shamir[x509]'",
        ) from None


def _read(secret: Secret) -> Pair:
    """Read both.

    Raises:
        InvalidInput: with what is wrong, in words without the bytes.
    """
    from cryptography.hazmat.primitives import serialization

    key_text, behind = key_and_certificate.parted(secret)
    if not behind.strip():
        where = "the certificate stands in front of the key" if _CERTIFICATE in key_text.reveal() else "it is missing"
        raise InvalidInput(
            f"expected a private key in PEM with its certificate behind it: {where}", hint="write it: cat KEY CERT"
        )
    try:
        key: Any = serialization.load_pem_private_key(key_text.reveal(), None)
    except TypeError:
        raise InvalidInput(
            "the private key is under a passphrase, which would not be on the paper",
            hint="take it off a copy: openssl pkey -in KEY -out COPY",
        ) from None
    except Exception:
        raise InvalidInput("the private key cannot be read", hint="try it: openssl pkey -in FILE -noout") from None
    if not key_type(key):
        raise InvalidInput("expected a key of P-256, P-384 or Ed25519, or of RSA with 2048 to 4096 bits")
    chain = read_certificates(behind)
    if _public_bytes(key.public_key()) != _public_bytes(chain[0].public_key()):
        raise InvalidInput(
            "the first certificate behind the key is not of this key", hint="those of authorities come behind it"
        )
    return Pair(key, chain)


def read_certificates(data: bytes) -> tuple["x509.Certificate", ...]:
    """Read the certificates of a text.

    Raises:
        InvalidInput: none is there, one cannot be read, or there are too many.
    """
    from cryptography import x509

    try:
        found = tuple(x509.load_pem_x509_certificates(data))
    except Exception as error:
        raise InvalidInput(f"the certificate cannot be read: {type(error).__name__}") from None
    if len(found) > CHAIN_MAX:
        raise InvalidInput(f"expected at most {CHAIN_MAX} certificates, got {len(found)}")
    return found


def key_type(key: object) -> str:
    """Return the type of a key that is taken, such as ``p256``; empty for any other."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVES.get(key.curve.name, "")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size in (2048, 3072, 4096):
        return f"rsa{key.key_size}"
    return ""


def new_key(kind: str) -> Any:
    """Make a private key of one of :data:`KEY_TYPES`."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key(ec.SECP256R1() if kind == "p256" else ec.SECP384R1())


def key_text(key: "CertificateIssuerPrivateKeyTypes") -> Secret:
    """Return a private key as PKCS #8 in PEM."""
    from cryptography.hazmat.primitives import serialization

    return Secret(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip


def key_from(text: Secret) -> Any:
    """Read a private key that :func:`key_text` wrote."""
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(text.reveal(), None)


def in_one(key: Secret, chain: tuple["x509.Certificate", ...]) -> Secret:
    """Return a key with its certificates behind it."""
    from cryptography.hazmat.primitives import serialization

    return key_and_certificate.joined(key, b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))


def request_for(key: Any, like: "x509.Certificate") -> bytes:
    """Return a request, in PEM, for a certificate of this key with the names and uses of another one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    made = x509.CertificateSigningRequestBuilder().subject_name(like.subject)
    for one in carried(like):
        made = made.add_extension(one.value, one.critical)
    return made.sign(key, digest_for(key)).public_bytes(serialization.Encoding.PEM)


def carried(like: "x509.Certificate") -> Iterator["x509.Extension[Any]"]:
    """Yield the extensions of a certificate that the next one has, too: its other names and its uses."""
    from cryptography import x509

    for kind in (x509.SubjectAlternativeName, x509.ExtendedKeyUsage, x509.KeyUsage):
        try:
            yield like.extensions.get_extension_for_class(kind)
        except x509.ExtensionNotFound:
            continue


def digest_for(key: object) -> Any:
    """Return the hash that a signature of this key is made with; None for Ed25519, which has its own."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def unfit_for(chain: tuple["x509.Certificate", ...], key: Any, like: "x509.Certificate") -> str:
    """Say why certificates that an authority gave are not those that were asked for; empty where they are."""
    mine = chain[0]
    now = datetime.now(UTC)
    if _public_bytes(mine.public_key()) != _public_bytes(key.public_key()):
        return "it is not of the key in the request"
    if mine.subject != like.subject:
        return "its subject is not that of the certificate in force"
    if mine.serial_number == like.serial_number:
        return "its serial number is that of the certificate in force"
    if mine.not_valid_after_utc <= now:
        return f"it ended at {in_words(mine.not_valid_after_utc)}"
    if mine.not_valid_before_utc > now + timedelta(minutes=1):
        return f"it begins at {in_words(mine.not_valid_before_utc)} only"
    return ""


def in_words(at: datetime) -> str:
    """Return an instant as people read it."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


@contextmanager
def in_memory(pair: Pair) -> Iterator[tuple[str, str]]:
    """Yield the paths of key and certificate, in files without a name and in memory."""
    from cryptography.hazmat.primitives import serialization

    key = os.memfd_create("breakglass-key", os.MFD_CLOEXEC)
    certificate = os.memfd_create("breakglass-certificate", os.MFD_CLOEXEC)
    try:
        os.fchmod(key, 0o600)
        os.write(key, key_text(pair.key).reveal())
        os.write(certificate, b"".join(one.public_bytes(serialization.Encoding.PEM) for one in pair.chain))
        yield f"/proc/self/fd/{key}", f"/proc/self/fd/{certificate}"
    finally:
        os.pwrite(key, bytes(os.fstat(key).st_size), 0)
        os.close(key)
        os.close(certificate)


def _public_bytes(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    made: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return made
