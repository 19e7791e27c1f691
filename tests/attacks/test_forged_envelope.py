# SPDX-License-Identifier: Apache-2.0
"""Attacks on the envelope: another signer, a changed byte, a whole set forged under a known epoch id."""

from dataclasses import replace

import pytest
from msgspec import structs

from breakglass_shamir.crypto.keys import Kind, ed25519_public
from breakglass_shamir.errors import BreakglassError, InvalidEnvelope, ShareMismatch, UnconfirmedMaster
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Checkpoint, Envelope
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

STRANGER = Secret(b"s" * 32)


def deal() -> Sealed:
    structure = Structure(2, (Group(2, 2), Group(1, 2)))
    checkpoint = Checkpoint(bytes(8), 3, bytes(32))
    return seal(Facts(Kind.LIVE, "prod-db", 1, structure, bytes(32), checkpoint), Secret(b"tinned beans"))


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return deal()


def test_signed_again_by_another_key(sealed: Sealed) -> None:
    with pytest.raises(InvalidEnvelope, match="signature"):
        Envelope.from_bytes(sealed.envelope.signed_by(STRANGER).to_bytes())


def test_signed_again_by_another_key_that_it_names(sealed: Sealed) -> None:
    posing = structs.replace(sealed.envelope, set_public_key=ed25519_public(STRANGER)).signed_by(STRANGER)
    with pytest.raises(InvalidEnvelope, match="epoch id"):
        Envelope.from_bytes(posing.to_bytes())


def test_every_byte_counts(sealed: Sealed) -> None:
    data = sealed.envelope.to_bytes()
    for position in range(len(data)):
        for difference in (1, 128):
            changed = data[:position] + bytes([data[position] ^ difference]) + data[position + 1 :]
            with pytest.raises(BreakglassError) as refused:
                Envelope.from_bytes(changed)
            assert refused.value.id in {"invalid-envelope", "unsupported-version"}


def test_every_byte_of_a_bare_core_counts_at_the_opening(sealed: Sealed) -> None:
    data = sealed.envelope.core.to_bytes()
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(BreakglassError):
            unseal(Core.from_bytes(changed), sealed.shares[:3])


@pytest.mark.parametrize(
    "altered",
    [
        {"epoch": 2},
        {"structure": Structure(2, (Group(2, 3), Group(1, 2)))},
        {"structure": Structure(1, (Group(2, 2), Group(2, 2))), "masked": ()},
    ],
)
def test_a_weaker_or_renamed_core_does_not_open(sealed: Sealed, altered: dict[str, object]) -> None:
    with pytest.raises(BreakglassError) as refused:
        unseal(structs.replace(sealed.envelope.core, **altered), sealed.shares)
    assert refused.value.id in {"decryption-failed", "unconfirmed-master"}


def test_a_whole_set_forged_under_a_known_epoch_id(sealed: Sealed) -> None:
    theirs, known = deal(), sealed.envelope.core.epoch_id
    core = structs.replace(theirs.envelope.core, epoch_id=known)
    shares = [replace(share, epoch_id=known) for share in theirs.shares]
    with pytest.raises(InvalidEnvelope, match="epoch id"):
        Envelope.from_bytes(structs.replace(theirs.envelope, core=core).signed_by(STRANGER).to_bytes())
    for share in shares:
        with pytest.raises(ShareMismatch):
            sealed.envelope.check_share(share)
    with pytest.raises(UnconfirmedMaster):
        unseal(core, shares)


def test_their_ciphertext_in_our_core(sealed: Sealed) -> None:
    spliced = structs.replace(sealed.envelope.core, ciphertext=deal().envelope.core.ciphertext)
    with pytest.raises(BreakglassError) as refused:
        unseal(spliced, sealed.shares)
    assert refused.value.id == "decryption-failed"


def test_their_proofs_under_our_core(sealed: Sealed) -> None:
    theirs = deal().envelope
    with pytest.raises(InvalidEnvelope):
        Envelope.from_bytes(structs.replace(theirs, core=sealed.envelope.core).to_bytes())
