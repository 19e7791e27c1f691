# SPDX-License-Identifier: Apache-2.0
"""A key and its certificate in one text come apart where the key ends, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto.key_and_certificate import joined, parted
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.hygiene import Secret

KEY = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n"
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjO\n-----END EC PARAMETERS-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_what_stands_in_front_of_the_key_s_end_belongs_to_it() -> None:
    for key in (KEY, PARAMETERS + KEY, KEY.replace(b"\n", b"\r\n"), KEY.replace(b"PRIVATE", b"EC PRIVATE")):
        assert parted(Secret(key + CERTIFICATE)) == (Secret(key), CERTIFICATE)


def test_a_key_whose_last_line_does_not_end_gets_a_line_of_its_own() -> None:
    assert joined(Secret(KEY[:-1]), CERTIFICATE) == Secret(KEY + CERTIFICATE)
    assert joined(Secret(KEY[:-1]), b"") == Secret(KEY[:-1])


@given(st.binary(max_size=300), st.sampled_from([b"", KEY, CERTIFICATE, b"-----END ", b"PRIVATE KEY-----\n"]))
def test_nothing_is_lost_and_what_ends_no_key_is_all_key(front: bytes, middle: bytes) -> None:
    data = front + middle + CERTIFICATE
    key, behind = parted(Secret(data))
    assert key.reveal() + behind == data
    if behind:
        assert key.reveal().rstrip().endswith(b"PRIVATE KEY-----")
    elif middle == KEY:
        raise AssertionError("the key's end was passed over")


def test_a_credential_presents_both_and_is_renewed_by_both() -> None:
    old = Credential(Secret(KEY), CredentialKind.KEY_CERTIFICATE, certificate=CERTIFICATE)
    assert old.presented == Secret(KEY + CERTIFICATE)
    other = KEY.replace(b"MC4CAQAw", b"MC4CAQAx")
    new = old.renewed(Secret(other + CERTIFICATE + CERTIFICATE))
    assert (new.secret, new.certificate) == (Secret(other), CERTIFICATE + CERTIFICATE)
    assert Credential.from_bytes(new.to_bytes()).presented == new.presented
    pair = Credential(Secret(KEY), CredentialKind.KEY_PAIR, certificate=CERTIFICATE)
    assert pair.presented == Secret(KEY), "of any other kind the secret alone is given"
