# SPDX-License-Identifier: Apache-2.0
"""One-time codes of a second factor (TOTP, RFC 6238) that rides along with a credential.

Rules:

1. What is kept is the seed alone. Codes are those of every common authenticator: SHA-1, 6 digits, 30 seconds. A
   seed that asks for anything else is refused, instead of giving wrong codes in ten years.
2. Time is passed in. A code that is about to end is shown with the seconds it has left.

What it does not do: it stores nothing, and checks no code.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

PERIOD_S = 30
"""How long one code holds, in seconds."""

DIGITS = 6
"""Length of a code."""

MIN_SEED_BYTES = 10
"""The shortest seed that is taken: 80 bits, which authenticators still issue."""

MAX_SEED_BYTES = 512
"""The longest seed that a credential keeps."""

_EXPECTED = {"algorithm": "SHA1", "digits": str(DIGITS), "period": str(PERIOD_S)}
_URI = re.compile(r"otpauth://totp/[^?]*\?(?P<query>.*)", re.IGNORECASE)
_FIELD = re.compile(r"(?:^|&)(\w+)=([^&]*)")


@dataclass(frozen=True, slots=True)
class Code:
    """One code.

    Attributes:
        text: six digits.
        seconds_left: how long it holds.
    """

    text: str = field(repr=False)
    seconds_left: int


def code_at(seed: Secret, time: float) -> Code:
    """Return the code of an instant.

    Args:
        seed: the shared secret.
        time: seconds since 1970, UTC.
    """
    # Imported here: start-up time counts, and few credentials have a second factor.
    import pyotp

    class Any80Bits(pyotp.TOTP):
        """Codes of the shorter seeds that are in use, too: what was kept must open in an emergency."""

        min_secret_length_bits = 0

    generator = Any80Bits(base64.b32encode(seed.reveal()).decode().rstrip("="), digits=DIGITS, interval=PERIOD_S)
    return Code(generator.at(datetime.fromtimestamp(int(time), UTC)), PERIOD_S - int(time) % PERIOD_S)


def seed_from_text(text: str) -> Secret:
    """Read a seed from an ``otpauth://totp/`` URI, as a QR code carries it, or from base32, as a page shows it.

    Raises:
        InvalidInput: neither, too short or too long, or codes that are not the common ones.
    """
    encoded = _from_uri(text) if text.lower().startswith("otpauth:") else text
    compact = "".join(encoded.split()).replace("-", "").rstrip("=").upper()
    try:
        seed = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError):
        raise InvalidInput(
            "expected a TOTP seed in base32 or as an otpauth:// URI", hint="it holds the letters A-Z and digits 2-7"
        ) from None
    if not MIN_SEED_BYTES <= len(seed) <= MAX_SEED_BYTES:
        raise InvalidInput(f"expected a TOTP seed of {MIN_SEED_BYTES} to {MAX_SEED_BYTES} bytes, got {len(seed)}")
    return Secret(seed)


def _from_uri(uri: str) -> str:
    """Return the seed's text in a URI; nothing of it is repeated in an error."""
    found = _URI.fullmatch(uri)
    fields = dict(_FIELD.findall(found["query"])) if found else {}
    if found is None or not fields.get("secret"):
        raise InvalidInput("expected otpauth://totp/... with a secret", hint="counter-based codes (HOTP) are not kept")
    for name, expected in _EXPECTED.items():
        if fields.get(name, expected).upper() != expected:
            raise InvalidInput(
                f"expected one-time codes with {name} {expected}",
                hint="nothing else is kept: recovery with recover.py computes these codes only",
            )
    return str(fields["secret"]).replace("%3D", "").replace("%3d", "")
