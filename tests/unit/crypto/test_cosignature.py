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


EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGk\
u9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nP\
Zqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
"""The example of C2SP tlog-cosignature, which gives no keys: its framing can be held against it, and its time."""

FOREIGN = """breakglass-shamir.log/c823d4c9936d8f50
2
eQ0ptye40zAA7uOHnq7cOg0mnniAcKl0zlN362dUC1s=

— breakglass-shamir.log/c823d4c9936d8f50 A7qjxzowkm2G7ztRRJQYBtH4cnbEiTm2tQni39/9cut7xXijqWqw9zzoG5o\
NrD0z2mzzcDMWdVFHWCA0z+TFdV0REgU=
— witness.example/w1 DX8cOAAAAABrDYc2hemFvzuqncdp4SARvqXC0rIuvxV1OOyO3Nx1pg6zye/1A9kvAjz/I6i+wE7TyYp\
OmQ/1SXDIbIbCHaNR3xpQAw==
"""
"""A checkpoint of a log of ours that aics-witness 0.1.0 cosigned: a program that others wrote."""

FOREIGN_KEY = "witness.example/w1+0d7f1c38+BPoXTEbuVOlq8oYdqeGJcMyW4cRh9TdfXe+Iq4QYNbHH"
FOREIGN_LOG = "c823d4c9936d8f50+03baa3c7+AU+OnSA05PV4W/XQLlUql7WVL2IXOqIgObf6gUxMVRqk"

GO_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
"""A witness's key in the tests of transparency-dev/formats."""


def test_the_example_of_the_specification_is_framed_as_it_says() -> None:
    _, lines = note.take_apart(EXAMPLE)
    (signature,) = note.signatures_by(lines, "witness.example.com/w1", bytes.fromhex("8d66cf3f"))
    assert (len(signature), int.from_bytes(signature[:8])) == (72, TIME)


def test_a_cosignature_by_a_program_of_others_verifies() -> None:
    cosigner = Cosigner.from_text(FOREIGN_KEY)
    assert cosignature.cosigned_at(FOREIGN, cosigner) == 1796048694
    key = base64.b64decode(FOREIGN_LOG.split("+", 2)[2])[1:]
    assert note.open_note(FOREIGN, "breakglass-shamir.log/c823d4c9936d8f50", key).startswith("breakglass-shamir.log/")
    with pytest.raises(InvalidSignature):
        cosignature.cosigned_at(FOREIGN.replace("\n2\n", "\n3\n"), cosigner)


def test_a_witnesss_key_as_others_write_it_is_read() -> None:
    assert Cosigner.from_text(GO_KEY).to_text() == GO_KEY


def test_the_latest_line_is_found_alone() -> None:
    later = cosignature.cosign(COSIGNED, NAME, OTHER, TIME + 9)
    found = cosignature.latest(later, COSIGNER)
    assert found is not None and later == COSIGNED + found.line and found.time == TIME + 9
    assert cosignature.latest(NOTE, COSIGNER) is None
