# SPDX-License-Identifier: Apache-2.0
"""Promise: a credential comes back to the byte, and a generated one is as random as it says."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.policy.generator import UNAMBIGUOUS, entropy_bits, generate
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.hygiene import Secret

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
credentials = st.builds(
    Credential,
    st.binary(min_size=1, max_size=4096).map(Secret),
    st.sampled_from(CredentialKind),
    texts,
    texts,
    texts,
    texts,
    st.none() | st.binary(min_size=1, max_size=512).map(Secret),
)


@given(credentials)
def test_a_credential_survives_its_plaintext(credential: Credential) -> None:
    assert Credential.from_bytes(credential.to_bytes()) == credential


@given(credentials, st.data())
def test_an_accepted_plaintext_is_written_again(credential: Credential, data: st.DataObject) -> None:
    changed = bytearray(credential.to_bytes().reveal())
    position = data.draw(st.integers(0, min(len(changed) - 1, 20)))
    changed[position] = data.draw(st.integers(0, 255))
    try:
        read = Credential.from_bytes(Secret(changed))
    except BreakglassError:
        return
    assert read.to_bytes().reveal() == bytes(changed)


@given(st.binary(max_size=60))
def test_no_plaintext_escapes_the_error_tree(data: bytes) -> None:
    for candidate in (data, b"\x01" + data, b"\x01\x01\x00\x01\x01" + data):
        try:
            read = Credential.from_bytes(Secret(candidate))
        except BreakglassError:
            continue
        assert read.to_bytes().reveal() == candidate


@given(st.sets(st.characters(min_codepoint=32, max_codepoint=126), min_size=2), st.integers(0, 200))
def test_a_generated_credential_has_its_length_and_alphabet(symbols: set[str], extra: int) -> None:
    alphabet = "".join(sorted(symbols))
    length = math.ceil(80 / math.log2(len(alphabet))) + extra
    assert entropy_bits(length, alphabet) >= 80
    made = generate(length, alphabet).reveal().decode("ascii")
    assert len(made) == length
    assert set(made) <= symbols


def test_each_character_is_equally_likely() -> None:
    """Chi-squared with 56 degrees of freedom: above 127 in one of ten million runs.

    Taking bytes modulo 57 without rejection would make 28 characters a quarter more frequent than the others
    and give about 1,000.
    """
    drawn = generate(100_000).reveal().decode("ascii")
    expected = len(drawn) / len(UNAMBIGUOUS)
    chi_squared = sum((count - expected) ** 2 / expected for count in Counter(drawn).values())
    assert len(UNAMBIGUOUS) == 57
    assert set(drawn) == set(UNAMBIGUOUS)
    assert chi_squared < 127


def test_no_credential_is_generated_twice() -> None:
    assert len({generate(20).reveal() for _ in range(1000)}) == 1000
