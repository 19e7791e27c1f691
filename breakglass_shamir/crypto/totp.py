# SPDX-License-Identifier: Apache-2.0
"""One-time codes of a second factor (TOTP, RFC 6238) that rides along with a credential.

Rules:

1. What is kept is the seed and its scheme: hash, digits and period, which most issuers leave at SHA-1, 6 and 30
   seconds. A scheme that nobody here can compute is refused, instead of giving wrong codes in ten years.
2. Time is passed in. A code that is about to end is shown with the seconds it has left.

What it does not do: it stores nothing, and checks no code.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

ALGORITHMS = {1: "sha1", 2: "sha256", 3: "sha512"}
"""Hashes of RFC 6238 by their numbers in a plaintext (docs/spec/5-plaintext.md)."""

DIGITS = range(6, 11)
"""Lengths of a code that RFC 4226 can give: the number has 31 bits."""

MAX_PERIOD_S = 0xFFFF
"""The longest period that a plaintext keeps, in seconds."""

MIN_SEED_BYTES = 10
"""The shortest seed that is taken: 80 bits, which authenticators still issue."""

MAX_SEED_BYTES = 512
"""The longest seed that a credential keeps."""

_NUMBERS = {name.upper(): number for number, name in ALGORITHMS.items()}
_URI = re.compile(r"otpauth://totp/[^?]*\?(?P<query>.*)", re.IGNORECASE)
_FIELD = re.compile(r"(?:^|&)(\w+)=([^&]*)")


@dataclass(frozen=True, slots=True)
class TotpScheme:
    """How codes are made from a seed (docs/spec/5-plaintext.md).

    Raises:
        InvalidInput: a number that a plaintext cannot hold.
    """

    algorithm: int = 1
    """Number of the hash: 1 SHA-1, 2 SHA-256, 3 SHA-512; another one is kept and gives no codes."""

    digits: int = 6
    """Characters of a code."""

    period: int = 30
    """How long one code holds, in seconds."""

    def __post_init__(self) -> None:
        """Refuse what the plaintext's bytes cannot hold."""
        limits = ((self.algorithm, 0xFF), (self.digits, 0xFF), (self.period, MAX_PERIOD_S))
        if not all(type(number) is int and 1 <= number <= limit for number, limit in limits):
            raise InvalidInput("expected algorithm, digits and period of one-time codes as whole numbers from 1")

    @property
    def is_known(self) -> bool:
        """Whether codes can be computed here."""
        return self.algorithm in ALGORITHMS and self.digits in DIGITS


COMMON = TotpScheme()
"""What every authenticator does where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code.

    Attributes:
        text: its digits.
        seconds_left: how long it holds.
    """

    text: str = field(repr=False)
    seconds_left: int


def code_at(seed: Secret, time: float, scheme: TotpScheme = COMMON) -> Code:
    """Return the code of an instant.

    Args:
        seed: the shared secret.
        time: seconds since 1970, UTC.
        scheme: how codes are made from it.

    Raises:
        InvalidInput: nobody here knows the scheme.
    """
    if not scheme.is_known:
        raise InvalidInput(f"expected one-time codes of a known scheme, got {scheme}")
    # Imported here: start-up time counts, and few credentials have a second factor.
    import pyotp

    class AnySeed(pyotp.HOTP):
        """Codes of the shorter seeds that are in use, too, and of any period: what was kept must open."""

        min_secret_length_bits = 0

    digest = getattr(hashlib, ALGORITHMS[scheme.algorithm])
    encoded = base64.b32encode(seed.reveal()).decode().rstrip("=")
    generator = AnySeed(encoded, digits=scheme.digits, digest=digest)
    periods, gone = divmod(int(time), scheme.period)
    return Code(generator.at(periods), scheme.period - gone)


def seed_from_text(text: str) -> tuple[Secret, TotpScheme]:
    """Read a seed from an ``otpauth://totp/`` URI, as a QR code carries it, or from base32, as a page shows it.

    Raises:
        InvalidInput: neither, too short or too long, or codes that nobody here can compute.
    """
    encoded, scheme = _from_uri(text) if text.lower().startswith("otpauth:") else (text, COMMON)
    compact = "".join(encoded.split()).replace("-", "").rstrip("=").upper()
    try:
        seed = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError):
        raise InvalidInput(
            "expected a TOTP seed in base32 or as an otpauth:// URI", hint="it holds the letters A-Z and digits 2-7"
        ) from None
    if not MIN_SEED_BYTES <= len(seed) <= MAX_SEED_BYTES:
        raise InvalidInput(f"expected a TOTP seed of {MIN_SEED_BYTES} to {MAX_SEED_BYTES} bytes, got {len(seed)}")
    return Secret(seed), scheme


def _from_uri(uri: str) -> tuple[str, TotpScheme]:
    """Return the seed's text in a URI, and its scheme; nothing of it is repeated in an error."""
    found = _URI.fullmatch(uri)
    fields = dict(_FIELD.findall(found["query"])) if found else {}
    if found is None or not fields.get("secret"):
        raise InvalidInput("expected otpauth://totp/... with a secret", hint="counter-based codes (HOTP) are not kept")
    return str(fields["secret"]).replace("%3D", "").replace("%3d", ""), _scheme(fields)


def _scheme(fields: Mapping[str, str]) -> TotpScheme:
    algorithm = _NUMBERS.get(fields.get("algorithm", "SHA1").upper(), 0)
    digits, period = _number(fields.get("digits", "6")), _number(fields.get("period", "30"))
    if not algorithm or digits not in DIGITS or not 1 <= period <= MAX_PERIOD_S:
        raise InvalidInput(
            "expected one-time codes of a known scheme",
            hint=f"algorithm SHA1, SHA256 or SHA512, {DIGITS[0]} to {DIGITS[-1]} digits, period 1 to {MAX_PERIOD_S} s",
        )
    return TotpScheme(algorithm, digits, period)


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
