# SPDX-License-Identifier: Apache-2.0
"""Envelopes in one code and in several, and the name they carry."""

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import InvalidEnvelope, InvalidInput, MalformedText, MixedShares
from breakglass_shamir.formats.envelope import Checkpoint, Envelope, EnvelopeReader, is_set_name
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

CHECKPOINT = Checkpoint(b"log-id-8", 41, bytes(range(32)))


def facts(name: str = "prod-db", epoch: int = 1, digest: bytes = bytes(32), log_id: bytes = b"log-id-8") -> Facts:
    checkpoint = Checkpoint(log_id, 41, bytes(32))
    return Facts(Kind.LIVE, name, epoch, Structure(1, (Group(2, 3),)), digest, checkpoint)


@pytest.fixture(scope="module")
def small() -> Sealed:
    return seal(facts(), Secret(b"tinned beans"))


@pytest.fixture(scope="module")
def codes() -> tuple[str, ...]:
    return seal(facts(), Secret(b"a private key " * 100)).envelope.to_codes()


def test_a_small_envelope_is_one_code(small: Sealed) -> None:
    (code,) = small.envelope.to_codes()
    assert EnvelopeReader().add(code) == small.envelope
    assert EnvelopeReader().add(f"\n{code.lower()}\n") == small.envelope


def test_a_large_envelope_is_read_in_any_order_with_repeats(codes: tuple[str, ...]) -> None:
    assert len(codes) == 3
    reader = EnvelopeReader()
    assert reader.add(codes[2]) is None
    assert reader.add(codes[0]) is None
    assert reader.add(codes[0]) is None
    assert reader.missing() == "envelope codes [2] of 3"
    envelope = reader.add(codes[1])
    assert envelope is not None
    assert envelope.to_codes() == codes
    assert reader.missing() == ""


@pytest.mark.parametrize(
    "numbers",
    ["0/3", "4/3", "01/3", "1/03", "1/1", "1/100", "00010/3", "1", "1/2/3", "a/3", "-1/3", "1/ 3", "²/3"],
)
def test_code_numbers_have_one_spelling(codes: tuple[str, ...], numbers: str) -> None:
    with pytest.raises(MalformedText):
        EnvelopeReader().add(codes[0].replace("1/3", numbers))


@pytest.mark.parametrize("code", ["BGE1:1/2:ABC:00", "BGE1:1/2:ABCDE:00", "BGE1:1/2::00", "BGE1:1/2:ABCD:00:00"])
def test_a_code_has_a_hash_of_four_characters_and_nothing_else(code: str) -> None:
    with pytest.raises(MalformedText):
        EnvelopeReader().add(code)


def test_codes_of_two_envelopes_do_not_mix(codes: tuple[str, ...]) -> None:
    others = seal(facts(), Secret(b"a private key " * 100)).envelope.to_codes()
    tag = codes[0].split(":")[2]
    reader = EnvelopeReader()
    reader.add(codes[0])
    reader.add(codes[1])
    with pytest.raises(InvalidEnvelope, match="belong together"):
        reader.add(others[2].replace(others[2].split(":")[2], tag))


def test_a_share_that_does_not_exist_here_is_named(small: Sealed) -> None:
    share = small.shares[0]
    with pytest.raises(MixedShares, match="does not exist"):
        small.envelope.check_share(Share(share.kind, share.epoch_id, 1, 4, share.value))


@pytest.mark.parametrize("name", ["a", "prod-db", "Zürich Süd", "x" * 64, "名前"])
def test_names_that_an_envelope_carries(name: str) -> None:
    assert is_set_name(name)
    envelope = seal(facts(name=name), Secret(b"x")).envelope
    assert Envelope.from_bytes(envelope.to_bytes()).set_name == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "a\x00", "a\x7f", "a\u0085", "a\u2028", "a\u202eb", "\ud800"])
def test_names_that_no_envelope_carries(name: str) -> None:
    with pytest.raises(InvalidInput, match="set name"):
        facts(name=name)


def test_facts_that_do_not_fit_their_fields_are_refused() -> None:
    for wrong in ({"epoch": 0}, {"epoch": 2**32}):
        with pytest.raises(InvalidInput, match="epoch"):
            facts(**wrong)  # type: ignore[arg-type]
    for misfit in ({"digest": bytes(31)}, {"log_id": bytes(7)}):
        with pytest.raises(InvalidInput, match="length"):
            facts(**misfit)  # type: ignore[arg-type]
