# SPDX-License-Identifier: Apache-2.0
"""Attacks with sheets that must not count: drill cards as live, a voided sheet as its neighbour."""

from dataclasses import replace

import pytest
from msgspec import structs

from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import MixedShares, ShareMismatch, UnconfirmedMaster
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

TWO_OF_THREE = Structure(1, (Group(2, 3),))


def deal(kind: Kind, structure: Structure = TWO_OF_THREE) -> Sealed:
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    return seal(Facts(kind, "prod-db", 1, structure, bytes(32), checkpoint), Secret(b"tinned beans"))


@pytest.fixture(scope="module")
def live() -> Sealed:
    return deal(Kind.LIVE)


@pytest.fixture(scope="module")
def drill() -> Sealed:
    return deal(Kind.DRILL)


def test_a_drill_share_passed_as_live(live: Sealed, drill: Sealed) -> None:
    with pytest.raises(MixedShares, match="drill"):
        live.envelope.check_share(drill.shares[0])
    with pytest.raises(MixedShares, match="drill"):
        unseal(live.envelope.core, [live.shares[0], drill.shares[1]])


def test_a_drill_share_relabelled_as_live(live: Sealed, drill: Sealed) -> None:
    relabelled = [replace(share, kind=Kind.LIVE) for share in drill.shares]
    with pytest.raises(MixedShares):
        live.envelope.check_share(relabelled[0])
    with pytest.raises(MixedShares):
        unseal(live.envelope.core, relabelled)
    posing = [replace(share, epoch_id=live.envelope.core.epoch_id) for share in relabelled]
    with pytest.raises(ShareMismatch):
        live.envelope.check_share(posing[0])
    with pytest.raises(UnconfirmedMaster):
        unseal(live.envelope.core, posing)


def test_a_live_share_passed_as_drill(live: Sealed, drill: Sealed) -> None:
    with pytest.raises(MixedShares):
        unseal(drill.envelope.core, live.shares)


def test_a_whole_drill_epoch_relabelled_as_live(drill: Sealed) -> None:
    core = structs.replace(drill.envelope.core, kind=Kind.LIVE)
    with pytest.raises(UnconfirmedMaster):
        unseal(core, [replace(share, kind=Kind.LIVE) for share in drill.shares])


def test_one_master_would_still_give_other_keys_for_live_and_drill() -> None:
    master = Secret(bytes(range(32)))
    derived = [(keys.set_key_seed(master, kind).reveal(), *keys.credential_key(master, kind)) for kind in Kind]
    assert all(live != drill for live, drill in zip(*derived, strict=True))
    place = bytes(8), 1, 1
    assert keys.group_mask(master, Kind.LIVE, *place) != keys.group_mask(master, Kind.DRILL, *place)


def test_a_voided_sheet_relabelled_as_its_neighbour() -> None:
    made = deal(Kind.LIVE, Structure(2, (Group(2, 2), Group(1, 2))))
    *group_one, voided, neighbour = made.shares
    relabelled = replace(voided, member=neighbour.member)
    assert voided.value != neighbour.value
    with pytest.raises(ShareMismatch):
        made.envelope.check_share(relabelled)
    with pytest.raises(UnconfirmedMaster):
        unseal(made.envelope.core, [*group_one, relabelled])


def test_the_mask_binds_epoch_group_and_member() -> None:
    value = Secret(bytes(32))
    places = [(bytes(8), 1, 1), (bytes(7) + b"\x01", 1, 1), (bytes(8), 2, 1), (bytes(8), 1, 2)]
    assert len({keys.group_mask(value, Kind.LIVE, *place) for place in places}) == len(places)
