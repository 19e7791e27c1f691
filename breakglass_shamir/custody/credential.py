# SPDX-License-Identifier: Apache-2.0
"""The credential: exact secret bytes and all that a blank machine needs to use them.

Rules:

1. The plaintext is a version byte and fields of tag (1), length (2) and value, tags strictly ascending
   (spec: docs/spec/5-plaintext.md); strict both ways, so one credential has one plaintext.
2. Every field but kind and secret may be absent. A plaintext with a tag below 128 that this release does not
   know is refused, not half understood; tags from 128 on are left out by a reader that does not know them.
3. ``repr`` shows neither the secret nor the second factor's seed.
"""

import enum
import struct
from dataclasses import dataclass, field

from breakglass_shamir.errors import DecryptionFailed, InvalidInput, UnsupportedVersion
from breakglass_shamir.hygiene import Secret

VERSION = 1
"""Format version of the plaintext."""

MAX_SECRET_BYTES = 4096
"""Largest secret that is kept on paper."""

MAX_FIELD_BYTES = 512
"""Largest descriptive field in UTF-8, and largest TOTP seed."""

LAST_KNOWN_TAG = 7
"""Tags above this, below 128, belong to a later release and are refused."""

FIRST_OPTIONAL_TAG = 128
"""Tags from here on may be ignored by a reader that does not know them."""


class CredentialKind(enum.IntEnum):
    """What the secret bytes are (docs/spec/5-plaintext.md)."""

    PASSWORD = 1
    """What an account logs in with, or the passphrase of a key file."""

    KEY_PAIR = 2
    """A private key with all that its file says."""

    TOKEN = 3
    """An access key or token that a service issued."""

    OPAQUE = 4
    """Anything else."""

    FILE = 5
    """The content of a file."""


@dataclass(frozen=True, slots=True)
class Credential:
    """The secret that opens the target, with all that a blank machine needs to use it (docs/spec/5-plaintext.md).

    Raises:
        InvalidInput: empty or too large, or a text that UTF-8 cannot hold.
    """

    secret: Secret = field(repr=False)
    """Exactly these bytes, 1 to 4096 of them; a newline at the end belongs to them."""

    kind: CredentialKind = CredentialKind.PASSWORD
    """What the secret bytes are."""

    account: str = ""
    """The account at the target, at most 512 bytes of UTF-8; empty where a target has none."""

    target: str = ""
    """The target's URI, at most 512 bytes of UTF-8."""

    ca_fingerprint: str = ""
    """SHA-256 of the certificate authority that the target's TLS certificate comes from, hexadecimal."""

    hint: str = ""
    """Where the second account is kept, should this one fail."""

    totp_seed: Secret | None = field(default=None, repr=False)
    """Seed of the account's second factor (RFC 6238)."""

    def __post_init__(self) -> None:
        """Refuse a secret that cannot be kept.

        Raises:
            InvalidInput: empty or too large, or a text that UTF-8 cannot hold.
        """
        if not isinstance(self.secret, Secret) or not isinstance(self.totp_seed, Secret | None):
            raise InvalidInput("expected the credential's bytes as a Secret", hint="wrap them: Secret(data)")
        if not isinstance(self.kind, CredentialKind):
            raise InvalidInput("expected a kind of credential, got something else", hint="name a CredentialKind")
        if not 1 <= len(self.secret) <= MAX_SECRET_BYTES:
            raise InvalidInput(f"expected a credential of 1 to {MAX_SECRET_BYTES} bytes, got {len(self.secret)}")
        for name in ("account", "target", "ca_fingerprint", "hint"):
            if not _fits(getattr(self, name)):
                raise InvalidInput(f"expected {name} of at most {MAX_FIELD_BYTES} bytes of UTF-8")
        if self.totp_seed is not None and not 1 <= len(self.totp_seed) <= MAX_FIELD_BYTES:
            raise InvalidInput(f"expected a TOTP seed of 1 to {MAX_FIELD_BYTES} bytes")

    def to_bytes(self) -> Secret:
        """Return the plaintext that is sealed: version and fields, at most 6.7 KiB. Never raises."""
        fields: list[tuple[int, bytes]] = [(1, bytes([self.kind])), (2, self.secret.reveal())]
        fields += [(tag, text.encode()) for tag, text in self._texts()]
        fields.append((7, self.totp_seed.reveal() if self.totp_seed else b""))
        body = b"".join(struct.pack(">BH", tag, len(value)) + value for tag, value in fields if value)
        return Secret(bytes([VERSION]) + body)

    def _texts(self) -> tuple[tuple[int, str], ...]:
        return (3, self.account), (4, self.target), (5, self.ca_fingerprint), (6, self.hint)

    @classmethod
    def from_bytes(cls, plaintext: Secret) -> "Credential":
        """Read a plaintext.

        Raises:
            InvalidInput: it is no Secret.
            UnsupportedVersion: another version or an unknown tag.
            DecryptionFailed: it is not a plaintext.
        """
        if not isinstance(plaintext, Secret):
            raise InvalidInput("expected a plaintext as a Secret", hint="wrap it: Secret(data)")
        fields = _read_fields(plaintext.reveal())
        if any(LAST_KNOWN_TAG < tag < FIRST_OPTIONAL_TAG for tag in fields):
            raise UnsupportedVersion("the credential has fields that this release does not know")
        try:
            account, target, ca_fingerprint, hint = (fields.get(tag, b"").decode() for tag in (3, 4, 5, 6))
            (kind,) = fields[1]
            seed = Secret(fields[7]) if 7 in fields else None
            return cls(Secret(fields[2]), CredentialKind(kind), account, target, ca_fingerprint, hint, seed)
        except (KeyError, ValueError, InvalidInput):
            raise DecryptionFailed("the decrypted bytes are not a credential") from None


def of_a_drill() -> Credential:
    """Return what a drill seals in place of the credential; it opens nothing."""
    return Credential(Secret(b"this is a drill"), target="drill:")


def _fits(text: str) -> bool:
    try:
        return isinstance(text, str) and len(text.encode()) <= MAX_FIELD_BYTES
    except UnicodeEncodeError:
        return False


def _read_fields(data: bytes) -> dict[int, bytes]:
    """Parse tag-length-value fields, strictly ascending and none empty."""
    if not data or data[0] != VERSION:
        raise UnsupportedVersion(f"expected a credential of version {VERSION}")
    fields: dict[int, bytes] = {}
    position, last = 1, 0
    while position < len(data):
        head = data[position : position + 3]
        tag, length = struct.unpack(">BH", head) if len(head) == 3 else (0, 0)
        value = data[position + 3 : position + 3 + length]
        if tag <= last or not length or len(value) != length:
            raise DecryptionFailed("the decrypted bytes are not a credential")
        fields[tag] = value
        position, last = position + 3 + length, tag
    return fields
