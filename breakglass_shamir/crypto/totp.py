# SPDX-License-Identifier: Apache-2.0
"""One-time codes of a second factor (TOTP, RFC 6238) that rides along with a credential.

Rules:

1. What is kept is the seed and its scheme: hash, digits and period, which most issuers leave at SHA-1, 6 and 30
   seconds. A scheme that nobody here can compute is refused, instead of giving wrong codes in ten years.
2. Of a URI everything is understood or refused, in any case, percent-encoded or escaped for HTML: what is passed over
   may be what makes its codes others. What only names or pictures the account is known, and left out.
3. Time is passed in. A code that is about to end is shown with the seconds it has left.

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

MEANT = ("secret", "algorithm", "digits", "period")
"""Fields of a URI that make its codes."""

NAMING = frozenset({"issuer", "image", "icon", "logo", "color", "label", "group", "lock"})
"""Fields that name or picture an account, or lock an app."""

_NUMBERS = {name.upper(): number for number, name in ALGORITHMS.items()}
_URI = re.compile(r"otpauth://(?P<type>[^/?#]{1,40})/?(?P<label>[^?#]*)\?(?P<query>.*)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
"""A name that may be repeated: the shortest seed has 16 characters."""
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_HMAC = re.compile(r"HMAC-?|[-_ ]")


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
    encoded, scheme = (text, COMMON)
    if known := next((name for name in _OTHERS if text.lower().startswith(name)), ""):
        raise InvalidInput(f"expected otpauth://totp/..., got {known}", hint=_OTHERS[known])
    if text.lower().startswith("otpauth:"):
        encoded, scheme = _from_uri(text)
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
    """Return the seed's text in a URI, and its scheme; nothing of it is repeated in an error but names of fields.

    Raises:
        InvalidInput: it is no such URI, or holds what nobody here understands.
    """
    from html import unescape

    found = _URI.fullmatch(unescape(uri) if "&amp;" in uri or "&#" in uri else uri)
    kind = _decoded(found["type"]).lower() if found else ""
    if found is not None and kind != "totp":
        shown = kind if _NAME.fullmatch(kind) else "another"
        raise InvalidInput(
            f"expected one-time codes of the type totp, got {shown}",
            hint="counter-based codes (hotp) and codes of one vendor's own are not kept",
        )
    fields = _fields(found["query"]) if found else {}
    if found is None or not fields.get("secret"):
        raise InvalidInput("expected otpauth://totp/... with a secret", hint="counter-based codes (HOTP) are not kept")
    labelled = _decoded(found["label"]).strip("/ ").partition(":")[0]
    if "steam" in (fields.get("issuer", "").strip().lower(), labelled.strip().lower()):
        raise InvalidInput(_STEAM, hint=_STEAM_HINT)
    return fields["secret"], _scheme(fields)


def _fields(query: str) -> dict[str, str]:
    """Return the fields of a query by their names in small letters.

    Raises:
        InvalidInput: one that is not known, one that stands there twice, or one without a value.
    """
    fields: dict[str, str] = {}
    for piece in filter(None, query.split("&")):
        name, equals, value = piece.partition("=")
        key = _decoded(name).strip().lower()
        shown = key if _NAME.fullmatch(key) and key != _decoded(value).lower() else "one without a name"
        if key == "encoder" and _decoded(value).strip().lower() == "steam":
            raise InvalidInput(_STEAM, hint=_STEAM_HINT)
        if key in NAMING:
            fields.setdefault(key, _decoded(value))
        elif key not in MEANT or not equals:
            raise InvalidInput(
                f"the otpauth URI has a field that is not understood, and may change its codes: {shown}",
                hint=f"expected {', '.join(MEANT)}; take out what only describes the account",
            )
        elif key in fields:
            raise InvalidInput(
                f"the otpauth URI has the field {key} twice",
                hint="take out the one that your authenticator does not use",
            )
        else:
            fields[key] = _decoded(value).strip()
    return fields


def _scheme(fields: Mapping[str, str]) -> TotpScheme:
    algorithm = _NUMBERS.get(_HMAC.sub("", fields.get("algorithm", "SHA1").upper()), 0)
    digits, period = _number(fields.get("digits", "6")), _number(fields.get("period", "30"))
    if not algorithm or digits not in DIGITS or not 1 <= period <= MAX_PERIOD_S:
        raise InvalidInput(
            "expected one-time codes of a known scheme",
            hint=f"algorithm SHA1, SHA256 or SHA512, {DIGITS[0]} to {DIGITS[-1]} digits, period 1 to {MAX_PERIOD_S} s",
        )
    return TotpScheme(algorithm, digits, period)


_STEAM = "codes of Steam Guard are letters of its own alphabet, which nobody here can compute"
_STEAM_HINT = "keep Steam's recovery code instead, as a list"
_OTHERS = {
    "steam:": _STEAM_HINT,
    "otpauth-migration:": "that is an export of several accounts: export the one account, or take its seed in base32",
    "motp:": "codes of Mobile-OTP are not kept",
}
"""Beginnings of other URIs of second factors, and what to do with them."""


def _decoded(text: str) -> str:
    """Undo percent-encoding; what is no UTF-8 becomes a character that no field has."""
    return _PERCENT.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(errors="replace"), text)


def _number(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
