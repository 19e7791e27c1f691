# SPDX-License-Identifier: Apache-2.0
"""The plaintext of a credential has one spelling; a generated credential is strong enough."""

import struct

import pytest

from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.policy.generator import entropy_bits, generate
from breakglass_shamir.errors import DecryptionFailed, InvalidInput, UnsupportedVersion
from breakglass_shamir.hygiene import Secret

FULL = Credential(
    Secret(b"tin\x00beans\n"),
    CredentialKind.OPAQUE,
    "breakglass",
    "postgresql://db.example:5432/postgres",
    "ab" * 32,
    "Zürich safe",
    Secret(b"seed"),
)


def plaintext(*fields: tuple[int, bytes], version: int = 1) -> Secret:
    body = b"".join(struct.pack(">BH", tag, len(value)) + value for tag, value in fields)
    return Secret(bytes([version]) + body)


KIND, SECRET = (1, b"\x01"), (2, b"x")


def test_bytes_are_laid_out_as_specified() -> None:
    made = Credential(Secret(b"hunter2"), account="root")
    assert made.to_bytes().reveal() == b"\x01" + b"\x01\x00\x01\x01" + b"\x02\x00\x07hunter2" + b"\x03\x00\x04root"


def test_every_field_survives() -> None:
    assert Credential.from_bytes(FULL.to_bytes()) == FULL


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (KIND,),
        (SECRET,),
        (SECRET, KIND),
        (KIND, KIND, SECRET),
        ((1, b""), SECRET),
        ((1, b"\x01\x02"), SECRET),
        ((1, b"\x00\x01"), SECRET),
        ((1, b"\x09"), SECRET),
        (KIND, (2, b"")),
        (KIND, (2, bytes(4097))),
        (KIND, SECRET, (3, b"\xff")),
        (KIND, SECRET, (4, bytes(513))),
        (KIND, SECRET, (7, bytes(513))),
        ((0, b"x"), KIND, SECRET),
    ],
)
def test_what_is_no_plaintext_is_refused(fields: tuple[tuple[int, bytes], ...]) -> None:
    with pytest.raises(DecryptionFailed):
        Credential.from_bytes(plaintext(*fields))


def test_another_version_or_tag_is_refused_not_half_understood() -> None:
    for other in (plaintext(KIND, SECRET, version=2), plaintext(KIND, SECRET, (8, b"x")), Secret(b"")):
        with pytest.raises(UnsupportedVersion):
            Credential.from_bytes(other)


def test_a_later_field_that_a_reader_may_do_without_is_left_out() -> None:
    known = Credential.from_bytes(plaintext(KIND, SECRET))
    assert Credential.from_bytes(plaintext(KIND, SECRET, (128, b"x"), (255, bytes(600)))) == known
    with pytest.raises(UnsupportedVersion):
        Credential.from_bytes(plaintext(KIND, SECRET, (127, b"x")))


def test_every_truncation_is_refused() -> None:
    whole = plaintext(KIND, (2, b"hunter2")).reveal()
    for length in range(1, len(whole)):
        with pytest.raises(DecryptionFailed):
            Credential.from_bytes(Secret(whole[:length]))


@pytest.mark.parametrize("length", [0, 4097])
def test_a_credential_of_no_possible_size_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput):
        Credential(Secret(bytes(length)))


def test_fields_that_cannot_be_kept_are_refused() -> None:
    for field in ("account", "target", "ca_fingerprint", "hint"):
        for value in ("x" * 513, "\udcff"):
            with pytest.raises(InvalidInput, match=field):
                Credential(Secret(b"x"), **{field: value})  # type: ignore[arg-type]
    for seed in (b"", bytes(513)):
        with pytest.raises(InvalidInput, match="TOTP"):
            Credential(Secret(b"x"), totp_seed=Secret(seed))


@pytest.mark.parametrize(("length", "alphabet"), [(13, "abc"), (0, "ab"), (-1, "ab"), (79, "01")])
def test_a_weak_generator_is_refused(length: int, alphabet: str) -> None:
    with pytest.raises(InvalidInput, match="bits"):
        generate(length, alphabet)


@pytest.mark.parametrize("alphabet", ["", "a", "aa", "aé", "a\n"])
def test_an_alphabet_that_lies_about_its_entropy_is_refused(alphabet: str) -> None:
    with pytest.raises(InvalidInput, match="alphabet"):
        entropy_bits(100, alphabet)
