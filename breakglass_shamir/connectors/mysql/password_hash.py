# SPDX-License-Identifier: Apache-2.0
"""What MySQL and MariaDB servers keep of a password, made here so that no server sees or logs the password itself.

Sources: MySQL and MariaDB ``mysql_native_password`` (SHA-1 of SHA-1); MySQL ``caching_sha2_password`` (SHA-crypt by
U. Drepper, version 0.6, with SHA-256 and a salt of 20 bytes, or PBKDF2 with HMAC-SHA-512; MySQL reference manual,
``caching_sha2_password_storage_format`` and ``caching_sha2_password_digest_rounds``); MariaDB ``ed25519``.

What it does not do: none of these hides a short password. Whoever reads a hash can try passwords against it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from breakglass_shamir.crypto import mariadb
from breakglass_shamir.crypto.keys import random_bytes
from breakglass_shamir.hygiene import Secret

ROUNDS = 5000
"""Of servers that do not say theirs: the default before MySQL 9."""

MOST_ROUNDS = 0xFFF * 1000
"""What a server can ask for."""

LONGEST_BYTES = 256
"""Longest password that ``caching_sha2_password`` lets in."""

SALT_BYTES = 20
"""MySQL's; SHA-crypt elsewhere stops at 16."""

_CACHING = re.compile(rb"\$([AB])\$([0-9A-Fa-f]{3})\$(.{20})([A-Za-z0-9./]{43}|[A-Za-z0-9+/=]{88})", re.DOTALL)
"""Form, thousands of rounds, salt and digest, as :func:`caching_sha2` writes them."""

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Of crypt(3); index is value."""


def native(password: Secret) -> str:
    """Return what ``mysql_native_password`` keeps: an asterisk and 40 hexadecimal digits."""
    once = hashlib.sha1(password.reveal(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


@dataclass(frozen=True, slots=True)
class Form:
    """In what form ``caching_sha2_password`` keeps a password.

    Attributes:
        name: as the server's variable says it: ``CRYPT5`` or ``PBKDF2_SHA512``.
        rounds: of the key derivation, in whole thousands.
    """

    name: str = "CRYPT5"
    rounds: int = ROUNDS


FORMS = {"CRYPT5": "A", "PBKDF2_SHA512": "B"}
"""Forms that can be made here, and how MySQL marks them."""


def caching_sha2(password: Secret, form: Form) -> bytes:
    """Return what ``caching_sha2_password`` keeps, under a fresh salt.

    That is ``$``, the form's mark, ``$``, thousands of rounds (3 hexadecimal digits), ``$``, salt (20), digest (43
    characters of crypt(3), or 88 of base64).
    """
    salt = "".join(_ALPHABET[byte % 64] for byte in random_bytes(SALT_BYTES))
    if form.name == "CRYPT5":
        digest = sha_crypt(password.reveal(), salt.encode(), form.rounds)
    else:
        derived = hashlib.pbkdf2_hmac("sha512", password.reveal(), salt.encode(), form.rounds)
        digest = base64.b64encode(derived).decode()
    return f"${FORMS[form.name]}${form.rounds // 1000:03X}${salt}{digest}".encode()


def made_of(kept: bytes, method: str, password: Secret) -> bool | None:
    """Tell whether what a server keeps was made of a password; None where it is in no form known here.

    Args:
        kept: as the server says it.
        method: the account's login method.
        password: to compare with.
    """
    if method in HASHES:
        return hmac.compare_digest(kept, HASHES[method](password).encode()) if kept else None
    found = _CACHING.fullmatch(kept) if method == "caching_sha2_password" else None
    if found is None:
        return None
    salt, rounds = found[3], int(found[2], 16) * 1000
    if found[1] == b"A":
        digest = sha_crypt(password.reveal(), salt, rounds)
    else:
        digest = base64.b64encode(hashlib.pbkdf2_hmac("sha512", password.reveal(), salt, rounds)).decode()
    return hmac.compare_digest(found[4], digest.encode())


HASHES: dict[str, Callable[[Secret], str]] = {"mysql_native_password": native, "ed25519": mariadb.public_key}
"""What MariaDB's ``SET PASSWORD`` takes, by the account's plugin."""


def sha_crypt(password: bytes, salt: bytes, rounds: int = ROUNDS) -> str:
    """Return the 43 characters of SHA-crypt with SHA-256; numbers in comments are its steps."""
    # 4-8: digest B
    inner = hashlib.sha256(password + salt + password).digest()
    # 1-3 and 9-12: digest A
    outer = hashlib.sha256(password + salt + _repeated(inner, len(password)))
    size = len(password)
    while size:
        outer.update(inner if size & 1 else password)
        size >>= 1
    digest = outer.digest()
    # 13-16: sequence P
    spread = _repeated(hashlib.sha256(password * len(password)).digest(), len(password))
    # 17-20: sequence S
    salted = _repeated(hashlib.sha256(salt * (16 + digest[0])).digest(), len(salt))
    # 21: the rounds
    for number in range(rounds):
        parts = [spread if number & 1 else digest]
        parts += [salted] if number % 3 else []
        parts += [spread] if number % 7 else []
        parts += [digest if number & 1 else spread]
        digest = hashlib.sha256(b"".join(parts)).digest()
    return "".join(_encoded(digest))


def _repeated(block: bytes, length: int) -> bytes:
    """Return a block over and over, up to a length."""
    return (block * (length // len(block) + 1))[:length]


def _encoded(digest: bytes) -> Iterator[str]:
    """Yield the characters of a digest in the order of step 22."""
    first, second, third = 0, 10, 20
    for _ in range(10):
        yield _characters(digest[first] << 16 | digest[second] << 8 | digest[third], 4)
        first, second, third = third + 1, first + 1, second + 1
    yield _characters(digest[31] << 8 | digest[30], 3)


def _characters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(count))
