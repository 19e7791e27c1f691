# SPDX-License-Identifier: Apache-2.0
"""A long ledger, made quickly: byte for byte what appending would have stored, some thirty times as fast.

A record is made and inserted by the ledger's own functions. What differs: OpenSSL signs, which is twenty times as fast,
and an Ed25519 signature of one key and one text has one value; thousands of records share a transaction; and nothing
is written through to the disk or looked for afterwards.
"""

import ctypes
import ctypes.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from unittest.mock import patch

from breakglass_shamir.crypto import keys, note, sshsig
from breakglass_shamir.crypto.keys import SIGNATURE_BYTES
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.store import Ledger

AT_ONCE = 10_000
"""Records in one transaction."""

_ED25519 = 1087
"""Of OpenSSL's ``EVP_PKEY_ED25519``."""


def extend(ledger: Ledger, size: int, body: Callable[[int], AnyBody]) -> None:
    """Append records until there are so many.

    Args:
        ledger: as it is; nobody else writes to it meanwhile.
        size: records that it has then.
        body: what the record of a number says; no quorum signs it.
    """
    with _unsafely(ledger):
        while ledger.size < size:
            with ledger.transaction():
                for _ in range(min(AT_ONCE, size - ledger.size)):
                    _add(ledger, body(ledger.size))


def _add(ledger: Ledger, body: AnyBody) -> None:
    entry, state = ledger._make(body, "", "", None)
    ledger._insert(entry)
    ledger._state, ledger._size, ledger._last_digest = state, ledger._size + 1, entry.digest


@contextmanager
def _unsafely(ledger: Ledger) -> Iterator[None]:
    """Let OpenSSL sign, keys be computed once, and nothing wait for the disk."""
    with ExitStack() as stack:
        for module in (note, sshsig):
            stack.enter_context(patch.object(module, "ed25519_sign", _sign))
            stack.enter_context(patch.object(module, "ed25519_public", _public))
        ledger._connection.execute("PRAGMA synchronous=OFF")
        stack.callback(ledger._connection.execute, "PRAGMA synchronous=FULL")
        stack.callback(ledger.settle)
        yield


def _public(seed: Secret) -> bytes:
    return _public_of(seed.reveal())


@cache
def _public_of(seed: bytes) -> bytes:
    return keys.ed25519_public(Secret(seed))


def _sign(seed: Secret, message: bytes) -> bytes:
    """Sign as :func:`breakglass_shamir.crypto.keys.ed25519_sign` does."""
    crypto, key = _openssl(seed.reveal())
    signature, length = ctypes.create_string_buffer(SIGNATURE_BYTES), ctypes.c_size_t(SIGNATURE_BYTES)
    context = ctypes.c_void_p(crypto.EVP_MD_CTX_new())
    began = crypto.EVP_DigestSignInit(context, None, None, None, key)
    done = crypto.EVP_DigestSign(context, signature, ctypes.byref(length), message, ctypes.c_size_t(len(message)))
    crypto.EVP_MD_CTX_free(context)
    if (began, done) != (1, 1):
        raise RuntimeError("OpenSSL did not sign")
    return signature.raw


@cache
def _openssl(seed: bytes) -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    crypto.EVP_MD_CTX_new.restype = crypto.EVP_PKEY_new_raw_private_key.restype = ctypes.c_void_p
    return crypto, ctypes.c_void_p(crypto.EVP_PKEY_new_raw_private_key(_ED25519, None, seed, ctypes.c_size_t(32)))
