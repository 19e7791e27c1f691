# SPDX-License-Identifier: Apache-2.0
"""A cosignature holds for one note, one time and one key, and its message is the one of the specification."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto import cosignature, note
from breakglass_shamir.crypto.cosignature import Cosigner
from breakglass_shamir.crypto.keys import ed25519_public, ed25519_verify
from breakglass_shamir.errors import BreakglassError, InvalidProof, InvalidSignature
from breakglass_shamir.hygiene import Secret

LOG, NAME = "terminal-7.example/log", "collector.example/one"
SEED, OTHER = Secret(bytes(range(32))), Secret(bytes(range(1, 33)))
TEXT = note.Checkpoint(LOG, 5, bytes(32)).to_text()
NOTE = note.sign_note(TEXT, LOG, SEED)
COSIGNER = Cosigner(NAME, ed25519_public(OTHER))
TIME = 1679315147
COSIGNED = cosignature.cosign(NOTE, NAME, OTHER, TIME)


def test_the_signed_message_is_the_one_of_the_specification() -> None:
    line = COSIGNED.removeprefix(NOTE)
    data = base64.b64decode(line.split(" ")[2])
    assert data[:4] == COSIGNER.key_id and int.from_bytes(data[4:12]) == TIME
    ed25519_verify(COSIGNER.public, f"cosignature/v1\ntime {TIME}\n{TEXT}".encode(), data[12:])


def test_a_cosigned_note_still_is_the_logs_own() -> None:
    assert note.open_note(COSIGNED, LOG, ed25519_public(SEED)) == TEXT
    assert cosignature.cosigned_at(COSIGNED, COSIGNER) == TIME


def test_the_latest_cosignature_counts() -> None:
    assert cosignature.cosigned_at(cosignature.cosign(COSIGNED, NAME, OTHER, TIME + 9), COSIGNER) == TIME + 9


@given(st.integers(0, len(COSIGNED) - 1), st.sampled_from("Aa0+/\n \u2014"))
def test_no_altered_note_has_another_meaning(at: int, letter: str) -> None:
    altered = COSIGNED[:at] + letter + COSIGNED[at + 1 :]
    try:
        time = cosignature.cosigned_at(altered, COSIGNER)
    except BreakglassError:
        return
    assert time == TIME and altered.startswith(TEXT)


def test_a_stranger_did_not_cosign() -> None:
    for stranger in (Cosigner(NAME, ed25519_public(SEED)), Cosigner("other.example/one", COSIGNER.public)):
        with pytest.raises(InvalidSignature, match="got none"):
            cosignature.cosigned_at(COSIGNED, stranger)


@pytest.mark.parametrize("time", [-1, 2**63])
def test_a_time_out_of_range_is_refused(time: int) -> None:
    with pytest.raises(InvalidProof, match="time"):
        cosignature.cosign(NOTE, NAME, OTHER, time)


def test_a_key_has_one_spelling() -> None:
    assert Cosigner.from_text(COSIGNER.to_text()) == COSIGNER
    text = COSIGNER.to_text()
    for wrong in ("", text[:-1], f"{text} ", f" {text}", text.upper(), note.verifier_key(NAME, COSIGNER.public)):
        with pytest.raises(InvalidProof):
            Cosigner.from_text(wrong)
