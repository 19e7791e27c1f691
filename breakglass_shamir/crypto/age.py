# SPDX-License-Identifier: Apache-2.0
"""Encryption to people's SSH keys, in the format of age (C2SP, age.md), which ``age -d -i KEYFILE`` decrypts.

Source: pyrage, the binding of rage, which implements the recipient types ``ssh-ed25519`` and ``ssh-rsa``.

Rules:

1. Each call draws a new file key, and all recipients of it can read all of it.
2. Nothing here decrypts: whoever encrypts cannot read it again.
3. Keys of other types, such as those in a FIDO2 token, cannot be encrypted to.
"""

from collections.abc import Sequence

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.crypto.ssh_key import SshKey
from breakglass_shamir.errors import InvalidSignature

TYPES = (ssh_key.ED25519, ssh_key.RSA)
"""Key types that can be encrypted to."""


def recipient(line: str) -> SshKey:
    """Return a public key that can be encrypted to.

    Raises:
        InvalidSignature: it is no key that counts, or of another type.
    """
    key = ssh_key.from_line(line)
    if key.type not in TYPES:
        raise InvalidSignature(
            f"expected a key of type {' or '.join(TYPES)}, to which can be encrypted, got {key.type}"
        )
    return key


def encrypt(data: bytes, keys: Sequence[SshKey]) -> bytes:
    """Encrypt bytes to every one of these keys.

    Raises:
        InvalidSignature: a key cannot be encrypted to, none is given, or the library is not here.
    """
    if not keys:
        raise InvalidSignature("expected a key to encrypt to, got none")
    try:
        import pyrage
    except ImportError:
        raise InvalidSignature("nothing can be encrypted: the package pyrage is not installed") from None
    try:
        return bytes(pyrage.encrypt(data, [pyrage.ssh.Recipient.from_str(key.line) for key in keys]))
    except (pyrage.RecipientError, pyrage.EncryptError) as error:
        raise InvalidSignature(f"nothing can be encrypted to these keys: {error}") from None
