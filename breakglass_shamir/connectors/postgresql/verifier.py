# SPDX-License-Identifier: Apache-2.0
"""Whether what a PostgreSQL server keeps of a password was made of a given one (RFC 5803; PostgreSQL, ``pg_authid``).

What it does not do: it prepares no text by SASLprep, so that it says nothing about passwords beyond ASCII.
"""

import base64
import hashlib
import hmac
import re

from breakglass_shamir.hygiene import Secret

_SCRAM = re.compile(r"SCRAM-SHA-256\$([0-9]{1,7}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):[A-Za-z0-9+/=]+")
_MD5 = re.compile(r"md5[0-9a-f]{32}")


def made_of(kept: str, account: str, password: Secret) -> bool | None:
    """Tell whether a verifier was made of a password; None where that cannot be told.

    Args:
        kept: as ``pg_authid`` has it.
        account: the role's name, which the older form is salted with.
        password: to compare with.
    """
    value = password.reveal()
    if not value.isascii():
        return None
    if _MD5.fullmatch(kept):
        made = hashlib.md5(value + account.encode(), usedforsecurity=False).hexdigest()
        return hmac.compare_digest(kept, f"md5{made}")
    found = _SCRAM.fullmatch(kept)
    if found is None:
        return None
    try:
        salt, stored = (base64.b64decode(text, validate=True) for text in (found[2], found[3]))
    except ValueError:
        return None
    salted = hashlib.pbkdf2_hmac("sha256", value, salt, int(found[1]))
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(stored, hashlib.sha256(client).digest())
