# SPDX-License-Identifier: Apache-2.0
"""The credential: exact secret bytes and all that a blank machine needs to use them.

Rules:

1. The plaintext is a version byte and fields of tag (1), length (2) and value, tags strictly ascending
   (spec: docs/spec/5-plaintext.md); strict both ways, so one credential has one plaintext.
2. Every field but kind and secret may be absent. What has its common value is absent.
3. A reader in a safe is older than what it reads. A kind or a field that this release does not know is never
   refused: it is kept, written again as the same bytes, and shown as exact bytes with a warning.
4. ``repr`` shows neither the secret nor the second factor's seed, nor what this release does not know.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from breakglass_shamir.crypto import key_and_certificate
from breakglass_shamir.crypto.totp import COMMON, TotpScheme
from breakglass_shamir.errors import DecryptionFailed, InvalidInput, UnsupportedVersion
from breakglass_shamir.formats import fields
from breakglass_shamir.formats.passkey import PasskeyText, public_id
from breakglass_shamir.formats.passkey import read as read_passkey
from breakglass_shamir.hygiene import Secret

VERSION = 1
"""Format version of the plaintext."""

MAX_SECRET_BYTES = 4096
"""Largest secret that is kept on paper, and largest certificate."""

MAX_FIELD_BYTES = 512
"""Largest descriptive field in UTF-8, and largest TOTP seed."""

MAX_USER_HANDLE_BYTES = 64
"""Largest user handle of a passkey (WebAuthn, section 5.4.3)."""

MAX_CREDENTIAL_ID_BYTES = 1023
"""Largest credential id of a passkey (WebAuthn, section 4)."""

MAX_COUNTER = 2**32 - 1
"""The signature counter of a passkey has 4 bytes."""

LAST_KNOWN_TAG = 15
"""Tags above this belong to a later release."""


BACKUP_TAG = 128
"""Field with the flags BE and BS of a passkey; older readers show it as a field of a later release."""


class CredentialKind(enum.IntEnum):
    """What the secret bytes are (docs/spec/5-plaintext.md).

    One of a later release is a member of its own for as long as this process runs, see ``is_known``.
    """

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

    PASSKEY = 6
    """The private key of a passkey, PKCS #8 in DER."""

    KEY_CERTIFICATE = 7
    """A private key whose certificate stands beside it."""

    LIST = 8
    """Several secrets, one a line, such as recovery codes or the keys that unseal a store."""

    @classmethod
    def _missing_(cls, value: object) -> "CredentialKind | None":
        if type(value) is not int or not 0 <= value <= 255:
            return None
        later = int.__new__(cls, value)
        later._name_, later._value_ = f"KIND_{value}", value
        return later

    @property
    def is_known(self) -> bool:
        """Whether this release knows the kind. Never raises."""
        return self.value in range(1, CredentialKind.LIST + 1)

    @property
    def word(self) -> str:
        """The kind as documents, options and policies spell it: ``key-pair``; of a later release ``kind-9``."""
        return self.name.lower().replace("_", "-")


def _fits(text: str) -> bool:
    try:
        return isinstance(text, str) and len(text.encode()) <= MAX_FIELD_BYTES
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True, slots=True)
class Passkey:
    """What a passkey needs besides its private key (docs/spec/5-plaintext.md).

    Raises:
        InvalidInput: too large, or of another type.
    """

    rp_id: str = ""
    """The relying party's id, a domain name."""

    user_handle: bytes = b""
    """1 to 64 bytes by which the relying party knows the account; empty: none."""

    credential_id: bytes = b""
    """1 to 1023 bytes; empty: none."""

    counter: int = 0
    """The signature counter as it stood when the paper was made."""

    def __post_init__(self) -> None:
        """Refuse what the plaintext cannot hold."""
        if not _fits(self.rp_id):
            raise InvalidInput(f"expected rp_id of at most {MAX_FIELD_BYTES} bytes of UTF-8")
        for name, most in (("user_handle", MAX_USER_HANDLE_BYTES), ("credential_id", MAX_CREDENTIAL_ID_BYTES)):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) > most:
                raise InvalidInput(f"expected {name} of at most {most} bytes")
        if type(self.counter) is not int or not 0 <= self.counter <= MAX_COUNTER:
            raise InvalidInput(f"expected a signature counter from 0 to {MAX_COUNTER}")


NO_PASSKEY = Passkey()
"""What every other kind has."""

_TEXTS = {3: "account", 4: "target", 5: "ca_fingerprint", 6: "hint"}
_FORMS = {1: (1, 1), 2: (1, MAX_SECRET_BYTES), 8: (1, 1), 9: (1, 1), 10: (2, 2), 12: (1, MAX_USER_HANDLE_BYTES),
          13: (1, MAX_CREDENTIAL_ID_BYTES), 14: (4, 4), 15: (1, MAX_SECRET_BYTES)}  # fmt: skip
_NUMBERS = {8: COMMON.algorithm, 9: COMMON.digits, 10: COMMON.period, 14: NO_PASSKEY.counter}
_RP_ID = 11


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

    totp_scheme: TotpScheme = COMMON
    """How codes are made from the seed."""

    passkey: Passkey = NO_PASSKEY
    """What a passkey needs besides its private key."""

    certificate: bytes = b""
    """The certificate of the key, or several, as their file has them; at most 4096 bytes, empty where there is none."""

    others: tuple[tuple[int, Secret], ...] = field(default=(), repr=False)
    """Fields of a later release: tag from 16 to 255, and exact bytes; tags ascend."""

    def __post_init__(self) -> None:
        """Refuse a secret that cannot be kept.

        Raises:
            InvalidInput: empty or too large, or a text that UTF-8 cannot hold.
        """
        if not isinstance(self.secret, Secret) or not isinstance(self.totp_seed, Secret | None):
            raise InvalidInput("expected the credential's bytes as a Secret", hint="wrap them: Secret(data)")
        if not isinstance(self.kind, CredentialKind):
            raise InvalidInput("expected a kind of credential, got something else", hint="name a CredentialKind")
        if not isinstance(self.totp_scheme, TotpScheme) or not isinstance(self.passkey, Passkey):
            raise InvalidInput("expected the scheme of one-time codes as a TotpScheme, and a passkey as a Passkey")
        if not 1 <= len(self.secret) <= MAX_SECRET_BYTES:
            raise InvalidInput(f"expected a credential of 1 to {MAX_SECRET_BYTES} bytes, got {len(self.secret)}")
        for name in _TEXTS.values():
            if not _fits(getattr(self, name)):
                raise InvalidInput(f"expected {name} of at most {MAX_FIELD_BYTES} bytes of UTF-8")
        if self.totp_seed is not None and not 1 <= len(self.totp_seed) <= MAX_FIELD_BYTES:
            raise InvalidInput(f"expected a TOTP seed of 1 to {MAX_FIELD_BYTES} bytes")
        if not isinstance(self.certificate, bytes) or len(self.certificate) > MAX_SECRET_BYTES:
            raise InvalidInput(f"expected a certificate of at most {MAX_SECRET_BYTES} bytes")
        tags = [tag for tag, _ in self.others]
        if tags != sorted(set(tags)) or not set(tags) <= set(range(LAST_KNOWN_TAG + 1, 256)):
            raise InvalidInput(f"expected other fields with tags from {LAST_KNOWN_TAG + 1} to 255, ascending")

    def to_bytes(self) -> Secret:
        """Return the plaintext that is sealed: version and fields. Never raises."""
        return Secret(bytes([VERSION]) + fields.write(pair for pair in self._fields() if pair[1]))

    def _fields(self) -> Iterator[fields.Field]:
        yield 1, bytes([self.kind])
        yield 2, self.secret.reveal()
        for tag, name in _TEXTS.items():
            yield tag, getattr(self, name).encode()
        if self.totp_seed:
            scheme = self.totp_scheme
            yield 7, self.totp_seed.reveal()
            yield 8, _number(8, scheme.algorithm)
            yield 9, _number(9, scheme.digits)
            yield 10, _number(10, scheme.period)
        yield _RP_ID, self.passkey.rp_id.encode()
        yield 12, self.passkey.user_handle
        yield 13, self.passkey.credential_id
        yield 14, _number(14, self.passkey.counter)
        yield 15, self.certificate
        for tag, value in self.others:
            yield tag, value.reveal()

    @classmethod
    def from_bytes(cls, plaintext: Secret) -> "Credential":
        """Read a plaintext. What this release does not know is kept.

        Raises:
            InvalidInput: it is no Secret.
            UnsupportedVersion: another version.
            DecryptionFailed: it is not a plaintext.
        """
        if not isinstance(plaintext, Secret):
            raise InvalidInput("expected a plaintext as a Secret", hint="wrap it: Secret(data)")
        data = plaintext.reveal()
        if not data or data[0] != VERSION:
            raise UnsupportedVersion(f"expected a credential of version {VERSION}")
        found = fields.read(data[1:])
        if found is None or not _are_known_fields_right(found):
            raise DecryptionFailed("the decrypted bytes are not a credential")
        try:
            return cls._of(found)
        except (KeyError, ValueError, InvalidInput):
            raise DecryptionFailed("the decrypted bytes are not a credential") from None

    @classmethod
    def _of(cls, found: dict[int, bytes]) -> "Credential":
        numbers = {tag: int.from_bytes(found[tag], "big") if tag in found else usual for tag, usual in _NUMBERS.items()}
        texts = {name: found.get(tag, b"").decode() for tag, name in _TEXTS.items()}
        return cls(
            Secret(found[2]),
            CredentialKind(found[1][0]),
            account=texts["account"],
            target=texts["target"],
            ca_fingerprint=texts["ca_fingerprint"],
            hint=texts["hint"],
            totp_seed=Secret(found[7]) if 7 in found else None,
            totp_scheme=TotpScheme(numbers[8], numbers[9], numbers[10]),
            passkey=Passkey(found.get(_RP_ID, b"").decode(), found.get(12, b""), found.get(13, b""), numbers[14]),
            certificate=found.get(15, b""),
            others=tuple((tag, Secret(value)) for tag, value in found.items() if tag > LAST_KNOWN_TAG),
        )

    @property
    def presented(self) -> Secret:
        """What a target and a recipe are given; never raises.

        The secret; behind a key its certificate, where it has one; of a passkey its JSON, with all that belongs to it.
        A passkey whose ids are not on its sheets is its secret alone.
        """
        if self.kind is CredentialKind.KEY_CERTIFICATE:
            return key_and_certificate.joined(self.secret, self.certificate)
        passkey = self.passkey
        if self.kind is not CredentialKind.PASSKEY or not passkey.credential_id:
            return self.secret
        flags = dict(self.others).get(BACKUP_TAG)
        try:
            return PasskeyText(
                passkey.rp_id, passkey.credential_id, self.secret, passkey.user_handle, passkey.counter,
                int.from_bytes(flags.reveal(), "big") if flags else 0,
            ).write()  # fmt: skip
        except InvalidInput:
            return self.secret

    @property
    def public_id(self) -> str:
        """What the target calls it, where it made it; empty: nothing. It is no secret."""
        return public_id(self.passkey.credential_id) if self.kind is CredentialKind.PASSKEY else ""

    def renewed(self, secret: Secret) -> "Credential":
        """Return the credential with another secret, without what belonged to the old one alone.

        A certificate, a passkey's ids and the fields of a later release may fit the old secret only. Of a key with its
        certificate, what is given is both, as :attr:`presented` has them.

        Args:
            secret: exact bytes; of a passkey its JSON, as :attr:`presented` has it.

        Raises:
            InvalidInput: empty or too large, or no passkey where it has to be one.
        """
        certificate = b""
        if self.kind is CredentialKind.PASSKEY:
            found = read_passkey(secret)
            passkey = Passkey(found.rp_id, found.user_handle, found.credential_id, found.counter)
            flags = ((BACKUP_TAG, Secret(bytes([found.flags]))),) if found.flags else ()
            return replace(self, secret=found.private_key, passkey=passkey, certificate=b"", others=flags)
        if self.kind is CredentialKind.KEY_CERTIFICATE:
            secret, certificate = key_and_certificate.parted(secret)
        return replace(self, secret=secret, passkey=NO_PASSKEY, certificate=certificate, others=())

    def wipe(self) -> None:
        """Wipe every secret in it. Never raises."""
        for one in (self.secret, self.totp_seed, *(value for _, value in self.others)):
            if one is not None:
                one.wipe()


def of_a_drill() -> Credential:
    """Return what a drill seals in place of the credential; it opens nothing."""
    return Credential(Secret(b"this is a drill"), target="drill:")


def _number(tag: int, number: int) -> bytes:
    """Return a number's bytes; none where it has its common value, which is left out."""
    return b"" if number == _NUMBERS[tag] else number.to_bytes(_FORMS[tag][0], "big")


def _are_known_fields_right(found: dict[int, bytes]) -> bool:
    """Tell whether the fields that this release knows have a length they may have, and none its common value."""
    for tag, value in found.items():
        least, most = _FORMS.get(tag, (1, MAX_FIELD_BYTES))
        if tag <= LAST_KNOWN_TAG and not least <= len(value) <= most:
            return False
        if tag in _NUMBERS and int.from_bytes(value, "big") == _NUMBERS[tag]:
            return False
    return 7 in found or not {8, 9, 10} & set(found)
