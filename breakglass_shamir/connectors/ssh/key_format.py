# SPDX-License-Identifier: Apache-2.0
"""What a private key file tells about itself without its passphrase.

Sources: OpenSSH's PROTOCOL.key, RFC 1421 (``Proc-Type``), RFC 7468 (``ENCRYPTED PRIVATE KEY``).

Rules:

1. A new passphrase keeps the format, and for OpenSSH's own format the cipher and the number of KDF rounds:
   ``ssh-keygen -p`` alone would convert old files and silently lower a deliberately high number of rounds.
2. Everything here is untrusted until ssh-keygen has opened the file.

What it does not do: it decrypts nothing and reads no file.
"""

import base64
import binascii
import re
import struct
from dataclasses import dataclass

from breakglass_shamir.errors import ConnectorError

_MAGIC = b"openssh-key-v1\0"
_CIPHER = re.compile(r"[a-z0-9][a-z0-9@.-]*")
_OPENSSH = re.compile(rb"-----BEGIN OPENSSH PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----")
_PEM = re.compile(rb"-----BEGIN (?:RSA|EC|DSA) PRIVATE KEY-----\s+")
_PKCS8 = re.compile(rb"-----BEGIN (ENCRYPTED )?PRIVATE KEY-----\s+")


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """The format of a private key file.

    Attributes:
        name: ``OpenSSH``, ``PEM`` or ``PKCS8``.
        protected: whether it claims to be encrypted under a passphrase.
        cipher: name of the cipher; empty where it is left to ssh-keygen.
        rounds: KDF rounds; 0 where it is left to ssh-keygen.
    """

    name: str
    protected: bool
    cipher: str = ""
    rounds: int = 0

    def keeping_arguments(self) -> list[str]:
        """Return the options by which ``ssh-keygen -p`` keeps this format."""
        if self.name != "OpenSSH":
            return ["-m", self.name]
        return ["-a", str(self.rounds), "-Z", self.cipher]


def key_format(content: bytes) -> KeyFormat:
    """Read the format of a private key file from its content.

    Raises:
        ConnectorError: it is none that ssh-keygen writes.
    """
    if match := _OPENSSH.search(content):
        return _openssh_format(match[1])
    if _PEM.search(content):
        return KeyFormat("PEM", b"Proc-Type: 4,ENCRYPTED" in content)
    if match := _PKCS8.search(content):
        return KeyFormat("PKCS8", match[1] is not None)
    raise ConnectorError("not a private key file: expected OpenSSH, PEM or PKCS8 format")


def _openssh_format(body: bytes) -> KeyFormat:
    """Read the cleartext header of OpenSSH's own format (PROTOCOL.key, section 1)."""
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
        cipher, rest = _string(raw.removeprefix(_MAGIC))
        kdf, rest = _string(rest)
        options, _ = _string(rest)
        rounds = _bcrypt_rounds(options) if kdf == b"bcrypt" else 0
    except (binascii.Error, struct.error, ValueError) as error:
        raise ConnectorError("private key file is damaged: its header cannot be read") from error
    if kdf == b"none":
        return KeyFormat("OpenSSH", protected=False)
    name = cipher.decode("ascii", errors="backslashreplace")
    if kdf != b"bcrypt" or not _CIPHER.fullmatch(name):
        raise ConnectorError("private key file names an unknown KDF or cipher: expected bcrypt and a cipher's name")
    return KeyFormat("OpenSSH", protected=True, cipher=name, rounds=rounds)


def _bcrypt_rounds(options: bytes) -> int:
    """Read the number of rounds, which follows the salt (PROTOCOL.key, section 2)."""
    _, after_salt = _string(options)
    (rounds,) = struct.unpack(">I", after_salt)
    return int(rounds)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Split a length-prefixed string off (RFC 4251, section 5)."""
    (length,) = struct.unpack_from(">I", data)
    end = 4 + length
    if end > len(data):
        raise ValueError("length")
    return data[4:end], data[end:]
