# SPDX-License-Identifier: Apache-2.0
"""Attack: one bit of a share changed, with fresh parity by a forger, or by a blot on the paper."""

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import BreakglassError, UnsupportedVersion
from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.share import PREFIX, SHARE_BYTES, from_text
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

EXPECTED = {
    range(8): {"unsupported-version"},
    range(8, 72): {"mixed-shares"},
    range(72, 88): {"mixed-shares", "share-mismatch", "malformed-text"},
    range(88, 344): {"share-mismatch"},
}
"""Which errors name a changed bit of version and kind, epoch id, place, value."""


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    facts = Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(2, 3),)), bytes(32), checkpoint)
    return seal(facts, Secret(b"tinned beans"))


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << (len(data) * 8 - 1 - bit)).to_bytes(len(data), "big")


def forged(sealed: Sealed, bit: int) -> str:
    """The second share with one bit changed and parity that holds."""
    return PREFIX + text.encode(parity.protect(flipped(sealed.shares[1].to_bytes(), bit)))


@pytest.mark.parametrize("field", EXPECTED, ids=["version and kind", "epoch id", "place", "value"])
def test_every_bit_with_fresh_parity_is_named_by_the_commitment(sealed: Sealed, field: range) -> None:
    for bit in field:
        with pytest.raises(BreakglassError) as refused:
            sealed.envelope.check_share(from_text(forged(sealed, bit)).share)
        assert refused.value.id in EXPECTED[field], bit


def test_every_bit_with_fresh_parity_is_refused_without_an_envelope_too(sealed: Sealed) -> None:
    for bit in range(SHARE_BYTES * 8):
        with pytest.raises(BreakglassError):
            unseal(sealed.envelope.core, [sealed.shares[0], from_text(forged(sealed, bit)).share])


def test_no_single_bit_turns_live_into_drill(sealed: Sealed) -> None:
    for bit in range(8):
        with pytest.raises(UnsupportedVersion):
            from_text(forged(sealed, bit))


def test_every_bit_wrong_on_paper_is_repaired_and_reported(sealed: Sealed) -> None:
    symbols = sealed.shares[1].to_text().removeprefix(PREFIX)
    for position, symbol in enumerate(symbols):
        for bit in range(5):
            wrong = text.ALPHABET[text.ALPHABET.index(symbol) ^ 1 << bit]
            read = from_text(PREFIX + symbols[:position] + wrong + symbols[position + 1 :])
            assert read.share == sealed.shares[1]
            assert read.repaired == (position + 1,)
            assert read.spare_parity == 15
