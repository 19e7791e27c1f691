# SPDX-License-Identifier: Apache-2.0
"""Attacks on the sharing itself: bad points, bad thresholds, mixed sheets, surplus sheets, leading zeros."""

import itertools
from dataclasses import replace

import pytest
from Crypto.Protocol import SecretSharing

from breakglass_shamir.crypto import cipher, keys, shamir
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import (
    DuplicateShare,
    InsufficientShares,
    InvalidStructure,
    MalformedText,
    MixedShares,
    ShareMismatch,
    UnconfirmedMaster,
)
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.share import Share, from_text
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

MASTER = Secret(bytes(range(32)))
PLAINTEXT = Secret(b"tinned beans")
TWO_OF_THREE = Structure(1, (Group(2, 3),))
TWO_LEVELS = Structure(2, (Group(2, 3), Group(1, 2)))


def deal(structure: Structure = TWO_OF_THREE, name: str = "prod-db", epoch: int = 1) -> Sealed:
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    return seal(Facts(Kind.LIVE, name, epoch, structure, bytes(32), checkpoint), PLAINTEXT)


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return deal()


@pytest.mark.parametrize("x", [0, -1, 256, 2**128])
def test_x_out_of_range_would_hand_the_secret_to_the_attacker(x: int) -> None:
    values = shamir.split(MASTER, 2, 3)
    with pytest.raises(MalformedText, match="share number"):
        shamir.combine([(x, MASTER), (2, values[1])], 2)


@pytest.mark.parametrize("same_value", [True, False])
def test_one_x_twice(same_value: bool) -> None:
    values = shamir.split(MASTER, 2, 3)
    with pytest.raises(DuplicateShare):
        shamir.combine([(1, values[0]), (1, values[0 if same_value else 1])], 2)


@pytest.mark.parametrize(("threshold", "members"), [(1, 1), (1, 3), (0, 3), (-1, 3), (4, 3), (2, 256), (256, 256)])
def test_thresholds_that_must_not_exist(threshold: int, members: int) -> None:
    with pytest.raises(InvalidStructure):
        shamir.split(MASTER, threshold, members)


@pytest.mark.parametrize("threshold", [1, 0, 256])
def test_combining_with_a_threshold_that_must_not_exist(threshold: int) -> None:
    points = list(enumerate(shamir.split(MASTER, 2, 3), 1))
    with pytest.raises(InvalidStructure):
        shamir.combine(points[:1], threshold)


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_another_number_of_points_than_the_threshold(count: int) -> None:
    points = list(enumerate(shamir.split(MASTER, 3, 5), 1))
    with pytest.raises(InsufficientShares):
        shamir.combine(points[:count], 3)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_values_and_secrets_of_another_length(length: int) -> None:
    values = shamir.split(MASTER, 2, 2)
    with pytest.raises(MalformedText, match="bytes"):
        shamir.combine([(1, values[0]), (2, Secret(bytes(length)))], 2)
    with pytest.raises(InvalidStructure, match="bytes"):
        shamir.split(Secret(bytes(length)), 2, 2)


def test_a_fault_in_one_dealt_share_stops_the_dealing(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = SecretSharing.Shamir.split

    def faulty(k: int, n: int, secret: bytes, ssss: bool = False) -> list[tuple[int, bytes]]:
        dealt = honest(k, n, secret, ssss=ssss)
        dealt[-1] = (n, bytes(16))
        return dealt

    monkeypatch.setattr(SecretSharing.Shamir, "split", staticmethod(faulty))
    for threshold, members in ((2, 3), (5, 9)):
        with pytest.raises(InvalidStructure, match="do not print"):
            shamir.split(MASTER, threshold, members)


@pytest.mark.parametrize("structure", [TWO_OF_THREE, TWO_LEVELS])
def test_an_epoch_that_would_not_open_again_is_not_handed_out(
    structure: Structure, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = cipher.encrypt

    def faulty(key: bytes, nonce: bytes, header: bytes, plaintext: Secret) -> bytes:
        return honest(key, nonce, header, Secret(plaintext.reveal()[:-1]))

    monkeypatch.setattr(cipher, "encrypt", faulty)
    with pytest.raises(InvalidStructure, match="do not print"):
        deal(structure)


def test_a_faulty_mask_stops_the_dealing(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = keys.group_mask
    masks = itertools.count()

    def faulty(value: Secret, kind: Kind, epoch_id: bytes, group: int, member: int) -> bytes:
        mask = honest(value, kind, epoch_id, group, member)
        return mask if next(masks) else bytes(32)

    monkeypatch.setattr(keys, "group_mask", faulty)
    with pytest.raises(UnconfirmedMaster):
        deal(TWO_LEVELS)


def test_too_few_sheets(sealed: Sealed) -> None:
    for few in ([], sealed.shares[:1], [sealed.shares[0], sealed.shares[0]]):
        with pytest.raises(InsufficientShares):
            unseal(sealed.envelope.core, few)


def test_every_sheet_of_one_group_is_not_two_groups() -> None:
    made = deal(TWO_LEVELS)
    for number in (1, 2):
        with pytest.raises(InsufficientShares):
            unseal(made.envelope.core, [share for share in made.shares if share.group == number])


@pytest.mark.parametrize("other", [deal(epoch=2), deal(name="mail")])
def test_sheets_of_another_epoch_or_set(sealed: Sealed, other: Sealed) -> None:
    with pytest.raises(MixedShares):
        unseal(sealed.envelope.core, [sealed.shares[0], other.shares[1]])
    with pytest.raises(MixedShares):
        sealed.envelope.check_share(other.shares[1])


def test_a_sheet_of_another_epoch_relabelled_as_this_one(sealed: Sealed) -> None:
    posing = replace(deal(epoch=2).shares[1], epoch_id=sealed.envelope.core.epoch_id)
    with pytest.raises(ShareMismatch):
        sealed.envelope.check_share(posing)
    with pytest.raises(UnconfirmedMaster):
        unseal(sealed.envelope.core, [sealed.shares[0], posing])


def test_two_sheets_with_swapped_headers(sealed: Sealed) -> None:
    first, second, _ = sealed.shares
    swapped = [replace(first, value=second.value), replace(second, value=first.value)]
    for share in swapped:
        with pytest.raises(ShareMismatch):
            sealed.envelope.check_share(share)
    with pytest.raises(UnconfirmedMaster):
        unseal(sealed.envelope.core, swapped)


def test_a_second_value_for_a_sheet(sealed: Sealed) -> None:
    first, second, _ = sealed.shares
    with pytest.raises(DuplicateShare):
        unseal(sealed.envelope.core, [first, second, replace(second, value=first.value)])


def test_a_sheet_that_was_never_dealt(sealed: Sealed) -> None:
    first, second, _ = sealed.shares
    for group, member in ((1, 4), (2, 1), (255, 255)):
        with pytest.raises(MixedShares, match="does not exist"):
            unseal(sealed.envelope.core, [first, replace(second, group=group, member=member)])


@pytest.mark.parametrize(
    "structure", [Structure(1, (Group(2, 3),)), TWO_LEVELS, Structure(1, (Group(2, 2), Group(2, 3)))]
)
def test_surplus_sheets_help_in_any_order(structure: Structure) -> None:
    made = deal(structure)
    for order in itertools.islice(itertools.permutations(made.shares), 24):
        assert unseal(made.envelope.core, order).plaintext == PLAINTEXT
        assert unseal(made.envelope.core, [*order, *order]).plaintext == PLAINTEXT


@pytest.mark.parametrize("structure", [Structure(1, (Group(2, 3),)), TWO_LEVELS])
def test_leading_zeros_survive(structure: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    masters: list[bytes] = []

    def zeros_first(length: int) -> bytes:
        masters.append(b"".join(bytes(3) + bytes([len(masters) + 1]) * 13 for _ in range(length // 16)))
        return masters[-1]

    monkeypatch.setattr(keys, "random_bytes", zeros_first)
    monkeypatch.setattr(SecretSharing, "rng", zeros_first)
    made = deal(structure)
    assert masters[0][:3] == masters[0][16:19] == bytes(3)
    assert any(share.value.reveal()[:2] == bytes(2) for share in made.shares)
    for share in made.shares:
        assert len(share.value) == 32
        assert from_text(share.to_text()).share == share
    for quorum in structure.minimal_quorums():
        chosen = [share for share in made.shares if (share.group, share.member) in quorum]
        assert unseal(made.envelope.core, chosen).plaintext == PLAINTEXT


def test_a_share_is_not_sequence_numbered_from_zero(sealed: Sealed) -> None:
    data = sealed.shares[0].to_bytes()
    for position in (9, 10):
        with pytest.raises(MalformedText, match="from 1"):
            Share.from_bytes(data[:position] + b"\x00" + data[position + 1 :])
