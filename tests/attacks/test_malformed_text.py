# SPDX-License-Identifier: Apache-2.0
"""Attacks with text: cut, too long, foreign, with something behind it; and a second text for one meaning."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import BreakglassError, InvalidEnvelope, MalformedText
from breakglass_shamir.formats import parity, share, text
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import PREFIX as ENVELOPE_PREFIX
from breakglass_shamir.formats.envelope import Checkpoint, Envelope, EnvelopeReader
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.share import PREFIX as SHARE_PREFIX
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

SEALED = seal(
    Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(2, 3),)), bytes(32), Checkpoint(bytes(8), 0, bytes(32))),
    Secret(b"tinned beans"),
)
SHARE = SEALED.shares[0]
SHARE_TEXT = SHARE.to_text()
LINE = SHARE.to_lines()[0]
(ENVELOPE_TEXT,) = SEALED.envelope.to_codes()

Read = Callable[[str], object]


def read_envelope(code: str) -> object:
    return EnvelopeReader().add(code)


READERS = [
    pytest.param(share.from_text, SHARE_TEXT, id="share"),
    pytest.param(text.read_line, LINE, id="line"),
    pytest.param(read_envelope, ENVELOPE_TEXT, id="envelope"),
]
PREFIXED = [READERS[0], READERS[2]]


@pytest.mark.parametrize(("read", "good"), READERS)
def test_every_truncation(read: Read, good: str) -> None:
    read(good)
    for length in range(len(good)):
        with pytest.raises((MalformedText, InvalidEnvelope)):
            read(good[:length])


@pytest.mark.parametrize(("read", "good"), READERS)
@pytest.mark.parametrize("garbage", ["0", "00000000", "A" * 5000, ":", "=", "\x00", "\x1c", "é", "\u200b", "?"])
def test_trailing_garbage(read: Read, good: str, garbage: str) -> None:
    with pytest.raises((MalformedText, InvalidEnvelope)):
        read(good + garbage)


@pytest.mark.parametrize(("read", "good"), READERS)
@pytest.mark.parametrize("foreign", ["é", "\uff10", "\u0660", "\u0131", "\u017f", "\ud800", "\x00", "U", "*"])
def test_a_foreign_character_anywhere(read: Read, good: str, foreign: str) -> None:
    for position in range(0, len(good) + 1, 7):
        with pytest.raises(MalformedText):
            read(good[:position] + foreign + good[position:])
        with pytest.raises(MalformedText):
            read(good[:position] + foreign + good[position + 1 :])


@pytest.mark.parametrize(("read", "good"), PREFIXED)
@pytest.mark.parametrize(
    "prefix", ["", "BGS1", "BGE1", "BGS2:", "BGE2:", "BGX1:", "BG S1:", "BG\u017f1:", "HTTPS://", "?GS1:"]
)
def test_another_prefix(read: Read, good: str, prefix: str) -> None:
    with pytest.raises(MalformedText):
        read(prefix + good[len(SHARE_PREFIX) :])


def test_a_share_read_as_an_envelope_and_the_reverse() -> None:
    with pytest.raises(MalformedText):
        read_envelope(SHARE_TEXT)
    with pytest.raises(MalformedText):
        share.from_text(ENVELOPE_TEXT)
    with pytest.raises(InvalidEnvelope):
        read_envelope(ENVELOPE_PREFIX + text.encode(SEALED.envelope.core.to_bytes()))


def test_every_truncation_of_an_envelope_and_anything_behind_it() -> None:
    data = SEALED.envelope.to_bytes()
    for length in range(len(data)):
        with pytest.raises(InvalidEnvelope):
            Envelope.from_bytes(data[:length])
    for garbage in (b"\x00", b"\xff", data):
        with pytest.raises(InvalidEnvelope, match="too many"):
            Envelope.from_bytes(data + garbage)


def test_a_share_has_one_text_apart_from_what_typing_forgives() -> None:
    bits = int.from_bytes(parity.protect(SHARE.to_bytes()), "big")
    assert text.decode(SHARE_TEXT.removeprefix(SHARE_PREFIX)) == bits.to_bytes(60, "big")
    assert share.from_text(SHARE_TEXT.lower()).share.to_text() == SHARE_TEXT


@given(st.integers(0, len(ENVELOPE_TEXT) - 1), st.sampled_from([*text.ALPHABET, ":", "/", " ", "-", "o", "l"]))
def test_an_accepted_envelope_text_reads_back_as_itself(position: int, symbol: str) -> None:
    typed = ENVELOPE_TEXT[:position] + symbol + ENVELOPE_TEXT[position + 1 :]
    try:
        envelope = EnvelopeReader().add(typed)
    except BreakglassError:
        return
    assert envelope == SEALED.envelope
    assert text.normalise(typed) == text.normalise(ENVELOPE_TEXT)


@given(st.binary(min_size=30, max_size=45), st.data())
def test_accepted_share_bytes_are_written_again(tail: bytes, data: st.DataObject) -> None:
    candidate = data.draw(st.sampled_from([tail, b"\x11" + tail, b"\x12" + tail]))
    try:
        read = Share.from_bytes(candidate)
    except BreakglassError:
        return
    assert read.to_bytes() == candidate


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255)), min_size=1, max_size=4), st.integers(-3, 3))
def test_accepted_core_bytes_are_written_again(changes: list[tuple[int, int]], resize: int) -> None:
    changed = bytearray(SEALED.envelope.core.to_bytes())
    for position, value in changes:
        changed[position % len(changed)] = value
    candidate = bytes(changed[:resize]) if resize < 0 else bytes(changed) + bytes(resize)
    try:
        read = Core.from_bytes(candidate)
    except BreakglassError:
        return
    assert read.to_bytes() == candidate


@given(st.text(max_size=130))
def test_no_text_escapes_the_error_tree(typed: str) -> None:
    for read in (share.from_text, text.read_line, read_envelope):
        for attempt in (typed, SHARE_PREFIX + typed, ENVELOPE_PREFIX + typed, ENVELOPE_PREFIX + "1/2:0000:" + typed):
            try:
                read(attempt)
            except BreakglassError as error:
                assert error.id in {"malformed-text", "unsupported-version", "invalid-envelope"}
