# SPDX-License-Identifier: Apache-2.0
"""The plaintext of a credential has one spelling; a generated credential is strong enough."""

import re
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto.totp import TotpScheme
from breakglass_shamir.custody.credential import LAST_KNOWN_TAG, Credential, CredentialKind, Passkey
from breakglass_shamir.custody.policy.generator import entropy_bits, generate
from breakglass_shamir.errors import DecryptionFailed, InvalidInput, UnsupportedVersion
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.standalone import recover

FULL = Credential(
    Secret(b"tin\x00beans\n"),
    CredentialKind.OPAQUE,
    "breakglass",
    "postgresql://db.example:5432/postgres",
    "ab" * 32,
    "Zürich safe",
    Secret(b"seed"),
    TotpScheme(2, 8, 60),
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


def test_another_version_is_refused() -> None:
    for other in (plaintext(KIND, SECRET, version=2), Secret(b"")):
        with pytest.raises(UnsupportedVersion):
            Credential.from_bytes(other)


@given(
    kind=st.integers(0, 255),
    secret=st.binary(min_size=1, max_size=300),
    later=st.dictionaries(st.integers(LAST_KNOWN_TAG + 1, 255), st.binary(min_size=1, max_size=600), max_size=6),
)
def test_whatever_a_later_release_adds_is_kept_and_never_refused(
    kind: int, secret: bytes, later: dict[int, bytes]
) -> None:
    sealed = plaintext((1, bytes([kind])), (2, secret), *sorted(later.items()))
    read = Credential.from_bytes(sealed)
    assert (read.kind, read.secret.reveal()) == (kind, secret)
    assert {tag: value.reveal() for tag, value in read.others} == later
    assert read.to_bytes() == sealed
    assert recover.read_credential(sealed.reveal()).others == later


def test_a_credential_that_is_not_understood_does_not_leak_in_its_repr() -> None:
    read = Credential.from_bytes(plaintext((1, b"\x63"), (2, b"swordfish"), (20, b"marmalade")))
    assert "KIND_99" in repr(read)
    assert not {"swordfish", "marmalade"} & set(re.findall("[a-z]+", repr(read)))


def test_wiping_leaves_nothing_of_a_later_release_behind() -> None:
    read = Credential.from_bytes(plaintext(KIND, SECRET, (7, b"seed"), (20, b"marmalade")))
    read.wipe()
    assert not any(value.reveal().strip(b"\0") for _, value in read.others)


def test_a_new_secret_leaves_the_old_ones_certificate_behind() -> None:
    old = replace(FULL, certificate=b"of the old key", passkey=Passkey("a.example"), others=((20, Secret(b"x")),))
    assert old.renewed(Secret(b"new")) == replace(FULL, secret=Secret(b"new"))


def test_a_kind_is_spelled_as_documents_spell_it() -> None:
    words = ["password", "key-pair", "token", "opaque", "file", "passkey", "key-certificate", "list", "kind-9"]
    assert [CredentialKind(number).word for number in range(1, 10)] == words
    assert [recover.CREDENTIAL_KINDS[number].replace(" ", "-") for number in range(1, 9)] == words[:-1]
    for number in (256, -1):
        with pytest.raises(ValueError, match="not a valid"):
            CredentialKind(number)


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
