# SPDX-License-Identifier: Apache-2.0
"""The terminal key as a file: the short way and the library read the same."""

import base64

import pytest
from Crypto.PublicKey import ECC

from breakglass_shamir.crypto import keys
from breakglass_shamir.errors import InvalidSignature
from breakglass_shamir.hygiene import Secret


@pytest.mark.parametrize("change", range(0, 119, 3))
def test_a_key_file_that_differs_in_one_byte_is_read_as_the_library_reads_it(change: int) -> None:
    pem = bytearray(keys.seed_to_pem(Secret(bytes(range(32)))))
    pem[change] ^= 1
    try:
        wanted = ECC.import_key(bytes(pem))
    except (ValueError, TypeError, IndexError):
        with pytest.raises(InvalidSignature):
            keys.seed_from_pem(bytes(pem))
    else:
        assert keys.seed_from_pem(bytes(pem)).reveal() == wanted.seed


def test_a_key_as_it_is_written_is_read_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = Secret(bytes(range(32)))
    pem = keys.seed_to_pem(seed)
    monkeypatch.setattr(ECC, "import_key", None)
    assert keys.seed_from_pem(pem) == seed


@pytest.mark.parametrize("length", [30, 31])
def test_a_key_that_is_too_short_is_none_though_its_line_is_as_long(length: int) -> None:
    """Padding takes the place of what is missing."""
    head = bytes.fromhex("302e020100300506032b657004220420")
    line = base64.b64encode(head + bytes(length))
    assert len(line) == 64
    with pytest.raises(InvalidSignature):
        keys.seed_from_pem(b"-----BEGIN PRIVATE KEY-----\n" + line + b"\n-----END PRIVATE KEY-----\n")
