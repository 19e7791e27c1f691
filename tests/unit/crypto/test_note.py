# SPDX-License-Identifier: Apache-2.0
"""Checkpoints have one spelling, and a note's text comes out only under a verified signature."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto import note
from breakglass_shamir.crypto.keys import ed25519_public
from breakglass_shamir.errors import BreakglassError, InvalidProof, InvalidSignature
from breakglass_shamir.hygiene import Secret

NAME = "terminal-7.example/log"
SEED = Secret(bytes(range(32)))
PUBLIC = ed25519_public(SEED)
STRANGER = Secret(bytes(range(1, 33)))
TEXT = note.Checkpoint(NAME, 5, bytes(32)).to_text()
NOTE = note.sign_note(TEXT, NAME, SEED)
SIGNATURE_LINE = NOTE.removeprefix(TEXT + "\n")

roots = st.binary(min_size=32, max_size=32)


@given(st.integers(0, note.MAX_TREE_SIZE), roots)
def test_a_checkpoint_survives_its_text(size: int, root: bytes) -> None:
    checkpoint = note.Checkpoint(NAME, size, root)
    assert note.Checkpoint.from_text(checkpoint.to_text()) == checkpoint


@given(st.text(st.sampled_from("ab1 0=+\n\r\t\u2003/-"), max_size=20) | st.text(max_size=20), st.integers(0, 60))
def test_whatever_is_accepted_writes_itself_the_same(inserted: str, at: int) -> None:
    text = TEXT[:at] + inserted + TEXT[at:]
    try:
        checkpoint = note.Checkpoint.from_text(text)
    except InvalidProof:
        return
    assert checkpoint.to_text() == text


ROOT_LINE = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{NAME}\n5\n{ROOT_LINE}",
        f"{NAME}\n05\n{ROOT_LINE}\n",
        f"{NAME}\n-5\n{ROOT_LINE}\n",
        f"{NAME}\n+5\n{ROOT_LINE}\n",
        f"{NAME}\n\u0665\n{ROOT_LINE}\n",
        f"{NAME}\n{2**63}\n{ROOT_LINE}\n",
        f"{NAME}\n{'9' * 5000}\n{ROOT_LINE}\n",
        f"{NAME}\n5 \n{ROOT_LINE}\n",
        f"{NAME}\r\n5\r\n{ROOT_LINE}\r\n",
        f"\n5\n{ROOT_LINE}\n",
        f"with space\n5\n{ROOT_LINE}\n",
        f"with+plus\n5\n{ROOT_LINE}\n",
        f"{NAME}\n5\n{ROOT_LINE[:-1]}\n",
        f"{NAME}\n5\n{ROOT_LINE[:-2]}B=\n",
        f"{NAME}\n5\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{NAME}\n5\n{ROOT_LINE}\nextension\n",
        f"{NAME}\n5\n{ROOT_LINE}\n\n",
        f"{NAME}\n5\n{ROOT_LINE}\nx",
    ],
)
def test_any_other_spelling_of_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidProof):
        note.Checkpoint.from_text(text)


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), (2**63, bytes(32)), (1, bytes(31)), (1, b"")])
def test_an_impossible_checkpoint_is_not_built(size: int, root: bytes) -> None:
    with pytest.raises(InvalidProof):
        note.Checkpoint(NAME, size, root)


def test_the_key_that_signed_opens_the_note() -> None:
    assert note.open_note(NOTE, NAME, PUBLIC) == TEXT


def test_a_text_may_hold_empty_lines() -> None:
    text = "first\n\nsecond\n\n"
    assert note.open_note(note.sign_note(text, NAME, SEED), NAME, PUBLIC) == text


def test_another_key_or_name_opens_nothing() -> None:
    with pytest.raises(InvalidSignature, match="got none"):
        note.open_note(NOTE, NAME, ed25519_public(STRANGER))
    with pytest.raises(InvalidSignature, match="got none"):
        note.open_note(NOTE, "terminal-8.example/log", PUBLIC)


def test_signatures_of_strangers_are_ignored() -> None:
    witness = note.sign_note(TEXT, "witness.example/w1", STRANGER).removeprefix(TEXT + "\n")
    same_name = note.sign_note(TEXT, NAME, STRANGER).removeprefix(TEXT + "\n")
    unknown_type = "\u2014 other.example/pq " + base64.b64encode(bytes(2500)).decode() + "\n"
    crowd = TEXT + "\n" + witness * 13 + same_name + unknown_type + SIGNATURE_LINE
    assert note.open_note(crowd, NAME, PUBLIC) == TEXT


def test_a_false_signature_by_a_known_key_spoils_the_note() -> None:
    other_line = note.sign_note("another text\n", NAME, SEED).removeprefix("another text\n\n")
    for lines in (SIGNATURE_LINE + other_line, other_line + SIGNATURE_LINE, other_line):
        with pytest.raises(InvalidSignature):
            note.open_note(TEXT + "\n" + lines, NAME, PUBLIC)


def test_too_many_signatures_are_refused() -> None:
    with pytest.raises(InvalidProof, match="at most 64"):
        note.open_note(TEXT + "\n" + SIGNATURE_LINE * 65, NAME, PUBLIC)


@pytest.mark.parametrize(
    "spoiled",
    [
        "",
        TEXT,
        TEXT + "\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "trailing\n",
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("\u2014 ", "- "),
        NOTE.replace("\u2014 ", ""),
        NOTE.replace("\u2014 ", "\u2014  "),
        NOTE.replace("\n\n", "\n"),
        NOTE[:-2] + "A\n",
        TEXT + "\n\u2014 name AAAA\n" + SIGNATURE_LINE,
        TEXT + "\n\u2014 na+me AAAAAAAA\n" + SIGNATURE_LINE,
        TEXT + "\n\u2014 name !!!!\n" + SIGNATURE_LINE,
        TEXT + "\n\u2014 name\n" + SIGNATURE_LINE,
        "\x00" + NOTE,
        "\ud800" + NOTE,
    ],
)
def test_a_malformed_note_is_refused(spoiled: str) -> None:
    with pytest.raises((InvalidProof, InvalidSignature)):
        note.open_note(spoiled, NAME, PUBLIC)


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_no_single_changed_character_passes(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed == NOTE:
        return
    with pytest.raises(BreakglassError):
        note.open_note(changed, NAME, PUBLIC)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "bell\x07\n", "\ud800\n"])
def test_a_text_that_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidProof):
        note.sign_note(text, NAME, SEED)


@pytest.mark.parametrize("name", ["", "a b", "a\u00a0b", "a\u2028b", "a+b", "a\nb", "\u202eabc"])
def test_a_name_that_cannot_be_a_key_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidProof):
        note.sign_note(TEXT, name, SEED)
    with pytest.raises(InvalidProof):
        note.verifier_key(name, PUBLIC)


def test_the_key_id_is_the_one_other_software_computes() -> None:
    """The published key of the Go checksum database, whose middle field is its key id."""
    published = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    public = base64.b64decode(published.split("+", 2)[2])[1:]
    assert note.verifier_key("sum.golang.org", public) == published
