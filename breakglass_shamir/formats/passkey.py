# SPDX-License-Identifier: Apache-2.0
"""A passkey as programs exchange it: the JSON that browsers, connectors and password managers speak.

Shapes that are read, wherever they stand in a document:

1. ``WebAuthn.Credential`` of the Chrome DevTools Protocol, and WebDriver's (W3C, WebAuthn Level 3, section 11):
   ``credentialId``, ``isResidentCredential``, ``rpId``, ``privateKey``, ``userHandle``, ``signCount``.
2. ``passkey`` of the Credential Exchange Format (FIDO Alliance, CXF 1.0): ``credentialId``, ``rpId``, ``userHandle``,
   ``key``.
3. What KeePassXC exports: ``credentialId``, ``relyingParty``, ``userHandle``, ``privateKey`` in PEM.
4. What Bitwarden exports without encryption: ``fido2Credentials`` with ``credentialId`` (a UUID, or ``b64.`` and
   base64url), ``rpId``, ``userHandle``, ``keyValue``.

Written is the first, in base64 with padding, as the browser takes it. A document was written by somebody else: it is
read in linear time, nothing of it is repeated in an error, and a passkey with any part that makes no sense is refused.
"""

import base64
import binascii
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from breakglass_shamir.crypto.private_key import algorithm_of
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

MAX_DOCUMENT_BYTES = 4 << 20
"""Longest document that is read: a whole vault may be in it."""

MOST_COUNTER = 2**32 - 1
MAX_USER_HANDLE_BYTES = 64
MAX_CREDENTIAL_ID_BYTES = 1023

PUBLIC_ID_CHARS = 12
"""Characters of a credential id that are shown: 72 bits of it."""

ELIGIBLE, BACKED_UP = 1, 2
"""Bits of ``flags``: the passkey may be copied by its maker, and it was (WebAuthn, section 6.1.3: BE and BS)."""

_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_PEM = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class PasskeyText:
    """One passkey, with its private key.

    Raises:
        InvalidInput: a part of it makes no sense.
    """

    rp_id: str
    """The relying party's id, a domain name in lower case."""

    credential_id: bytes
    """1 to 1023 bytes; public."""

    private_key: Secret = field(repr=False)
    """PKCS #8 in DER."""

    user_handle: bytes = b""
    """1 to 64 bytes; empty: the page names the passkey, and it is not found without that."""

    counter: int = 0
    """The signature counter, as it stood; 0: it has none."""

    flags: int = 0
    """:data:`ELIGIBLE`, and :data:`BACKED_UP` with it."""

    username: str = ""
    """What the manager calls the account; not kept."""

    def __post_init__(self) -> None:
        """Hold that every part can be one."""
        if not self.rp_id or len(self.rp_id) > 253 or not _HOST.issuperset(self.rp_id):
            raise InvalidInput("expected the RP id of a passkey as a domain name in lower case")
        if not 1 <= len(self.credential_id) <= MAX_CREDENTIAL_ID_BYTES:
            raise InvalidInput(f"expected a credential id of 1 to {MAX_CREDENTIAL_ID_BYTES} bytes")
        if len(self.user_handle) > MAX_USER_HANDLE_BYTES:
            raise InvalidInput(f"expected a user handle of at most {MAX_USER_HANDLE_BYTES} bytes")
        if not 0 <= self.counter <= MOST_COUNTER:
            raise InvalidInput(f"expected a signature counter from 0 to {MOST_COUNTER}")
        if self.flags not in (0, ELIGIBLE, ELIGIBLE | BACKED_UP):
            raise InvalidInput("a passkey that is backed up has to be one that may be")
        algorithm_of(self.private_key.reveal())

    @property
    def public_id(self) -> str:
        """The beginning of the credential id, as records show it."""
        return public_id(self.credential_id)

    def fits(self, host: str) -> bool:
        """Tell whether a page of a host may ask for it (WebAuthn: equal, or a suffix at a dot)."""
        return host == self.rp_id or host.endswith(f".{self.rp_id}")

    def fields(self) -> dict[str, Any]:
        """Return it as ``WebAuthn.Credential``."""
        made: dict[str, Any] = {
            "credentialId": _b64(self.credential_id),
            "isResidentCredential": bool(self.user_handle),
            "rpId": self.rp_id,
            "privateKey": _b64(self.private_key.reveal()),
            "signCount": self.counter,
            "backupEligibility": bool(self.flags & ELIGIBLE),
            "backupState": bool(self.flags & BACKED_UP),
        }
        return made | ({"userHandle": _b64(self.user_handle)} if self.user_handle else {})

    def write(self) -> Secret:
        """Return its one text: JSON with sorted names."""
        return Secret(json.dumps(self.fields(), sort_keys=True, separators=(",", ":")).encode())


def public_id(credential_id: bytes) -> str:
    """Return the first characters of a credential id in base64url, by which people and records know it. Never raises.

    A whole one could look like a share, and be withheld from a record.
    """
    return base64.urlsafe_b64encode(credential_id).decode()[:PUBLIC_ID_CHARS].rstrip("=")


def read(document: Secret, host: str = "", account: str = "") -> PasskeyText:
    """Read the one passkey that is meant in a document.

    Args:
        document: JSON in one of the shapes above, alone or with others.
        host: of the page that it is for; empty: any.
        account: what the manager calls the account; looked at only where several are left.

    Raises:
        InvalidInput: there is none, several are left, or the one has a part that makes no sense.
    """
    found = [shape for shape in _shapes(_parsed(document)) if not host or _fits(shape, host)]
    if len(found) > 1 and account:
        found = [shape for shape in found if _name_of(shape) == account] or found
    if len(found) > 1:
        raise InvalidInput(
            f"expected one passkey{f' for {host}' if host else ''}, found {counted(len(found), 'of them', 'of them')}",
            hint="name the account in target.account as the manager does, or bring a file with this one alone",
        )
    if not found:
        raise InvalidInput(
            f"expected a passkey{f' for {host}' if host else ''}, found none in this document",
            hint="shapes that are read stand in docs/passkeys.md",
        )
    return _made(found[0])


def of_browser(fields: dict[str, Any]) -> PasskeyText:
    """Read what the browser says of a passkey that it made.

    Raises:
        InvalidInput: a part makes no sense.
    """
    return _made(fields)


def _parsed(document: Secret) -> Any:
    if len(document) > MAX_DOCUMENT_BYTES:
        raise InvalidInput(f"expected a document of at most {MAX_DOCUMENT_BYTES >> 20} MiB with a passkey")
    try:
        return json.loads(document.reveal())
    except (ValueError, RecursionError):
        raise InvalidInput(
            "expected a passkey as JSON, got something else", hint="shapes that are read stand in docs/passkeys.md"
        ) from None


def _shapes(top: Any) -> Iterator[dict[str, Any]]:
    """Yield whatever looks like a passkey, in its order."""
    pending = [top]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += reversed(one)
        elif isinstance(one, dict):
            if _looks_like_one(one):
                yield one
            else:
                pending += reversed(one.values())


def _looks_like_one(one: dict[str, Any]) -> bool:
    has_key = any(name in one for name in ("privateKey", "keyValue")) or (one.get("type") == "passkey" and "key" in one)
    return has_key and "credentialId" in one and any(name in one for name in ("rpId", "relyingParty"))


def _rp_of(shape: dict[str, Any]) -> str:
    named = shape.get("rpId", shape.get("relyingParty"))
    return named if isinstance(named, str) else ""


def _name_of(shape: dict[str, Any]) -> Any:
    return shape.get("username", shape.get("userName"))


def _fits(shape: dict[str, Any], host: str) -> bool:
    rp_id = _rp_of(shape)
    return bool(rp_id) and (host == rp_id or host.endswith(f".{rp_id}"))


def _made(shape: dict[str, Any]) -> PasskeyText:
    handle, name = shape.get("userHandle"), _name_of(shape)
    return PasskeyText(
        rp_id=_rp_of(shape),
        credential_id=_id_of(shape["credentialId"]),
        private_key=Secret(_key_of(shape)),
        user_handle=_bytes_of("userHandle", handle) if handle else b"",
        counter=_counter_of(shape),
        flags=_flags_of(shape),
        username=name if isinstance(name, str) else "",
    )


def _key_of(shape: dict[str, Any]) -> bytes:
    name = next(name for name in ("privateKey", "keyValue", "key") if name in shape)
    text = shape[name]
    if isinstance(text, str) and text.strip().startswith(_PEM[0]):
        text = "".join(text.strip().removeprefix(_PEM[0]).removesuffix(_PEM[1]).split())
    return _bytes_of(name, text)


def _id_of(text: Any) -> bytes:
    if isinstance(text, str) and text.startswith("b64."):
        return _bytes_of("credentialId", text.removeprefix("b64."))
    if isinstance(text, str) and len(text) == len(str(uuid.NAMESPACE_DNS)) and text.count("-") == 4:
        try:
            return uuid.UUID(text).bytes
        except ValueError:
            pass
    return _bytes_of("credentialId", text)


def _counter_of(shape: dict[str, Any]) -> int:
    counted_as = shape.get("signCount", shape.get("counter", 0))
    if isinstance(counted_as, str) and counted_as.isascii() and counted_as.isdecimal() and len(counted_as) <= 10:
        counted_as = int(counted_as)
    if type(counted_as) is not int:
        raise InvalidInput("expected the signature counter of a passkey as a number")
    return counted_as


def _flags_of(shape: dict[str, Any]) -> int:
    if shape.get("type") == "passkey" or "keyValue" in shape:
        return ELIGIBLE | BACKED_UP
    eligible, backed_up = (shape.get(name) is True for name in ("backupEligibility", "backupState"))
    return (ELIGIBLE if eligible else 0) | (BACKED_UP if backed_up else 0)


def _bytes_of(name: str, text: Any) -> bytes:
    """Read base64 of either alphabet, with its padding or without."""
    try:
        plain = text.translate({ord("-"): "+", ord("_"): "/"}).rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (AttributeError, ValueError, binascii.Error):
        raise InvalidInput(f"expected {name} of a passkey in base64") from None


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
