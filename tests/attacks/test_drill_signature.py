# SPDX-License-Identifier: Apache-2.0
"""Attacks with a rehearsal's key: a quorum of drill cards signs for rehearsals, and for nothing that is alive."""

import base64
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.drills import Rehearsed
from breakglass_shamir.custody.records.ledger import PolicyAdopted
from breakglass_shamir.custody.records.openings import Declared
from breakglass_shamir.errors import IllegalState, InvalidSignature
from breakglass_shamir.formats.seal import Sealed
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.home import create
from breakglass_shamir.ledger.verify import verify
from tests.attacks.test_ledger_quorum_signature import SOURCE, Desk, Forger, deal, id_of, issued, key_of, opened


class DrillDesk(Desk):
    """A forger's ledger in which a drill is declared."""

    def declare(self, purpose: str = "drill") -> None:
        before, self.opening = self.opening, ""
        body = Declared(
            purpose=purpose, incident_class="idp-outage", ticket="INC-1", reason="quarterly", officers=("Duty", "IT"),
            valid_for_s=1800, use_for_s=3600, debts=(), supersedes=before,
            policy_digest=policies.digest(SOURCE).hex(),
        )  # fmt: skip
        self.opening = self.append(body).digest


LIVE, CARDS = deal(), deal(kind=Kind.DRILL)


def rehearsed(made: Sealed = LIVE) -> Rehearsed:
    return Rehearsed(epoch_id=id_of(made), sheets=("1.1", "1.2"), live=(), steps_ms={}, result="pass", reasons=())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DrillDesk]:
    with create(tmp_path / "home", "north") as honest:
        ledger = Forger.open(honest.path, Secret(honest._key.reveal()))
        assert isinstance(ledger, Forger)
        with ledger:
            found = DrillDesk(ledger, LIVE)
            found.append(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
            cards = base64.b64encode(CARDS.envelope.to_bytes()).decode()
            found.append(msgspec.structs.replace(issued(LIVE), drill_envelope=cards))
            found.declare()
            yield found


def test_a_rehearsal_is_signed_by_the_cards_in_their_own_namespace(desk: DrillDesk) -> None:
    entry = desk.append(rehearsed(), key_of(CARDS))
    public = CARDS.envelope.set_public_key
    sshsig.verify(entry.quorum_signature, entry.data, sshsig.DRILL_NAMESPACE, public)
    with pytest.raises(InvalidSignature):
        sshsig.verify(entry.quorum_signature, entry.data, sshsig.QUORUM_NAMESPACE, public)
    verify(desk.ledger)


def test_without_cards_there_is_no_rehearsal(desk: DrillDesk) -> None:
    with pytest.raises(IllegalState, match="this record needs a quorum's signature"):
        desk.append(rehearsed())
    desk.ledger.forged_signature = ""
    desk.append(rehearsed())
    with pytest.raises(InvalidSignature, match="record 4: "):
        verify(desk.ledger)


def test_a_live_quorum_does_not_sign_a_rehearsal(desk: DrillDesk) -> None:
    with pytest.raises(InvalidSignature, match="not the one of the epoch"):
        desk.append(rehearsed(), key_of(LIVE))
    desk.ledger.forged_namespace = sshsig.DRILL_NAMESPACE
    desk.append(rehearsed(), key_of(LIVE))
    with pytest.raises(InvalidSignature, match="record 4: "):
        verify(desk.ledger)


def test_cards_of_another_epoch_do_not_sign(desk: DrillDesk) -> None:
    with pytest.raises(InvalidSignature, match="not the one of the epoch"):
        desk.append(rehearsed(), key_of(deal(kind=Kind.DRILL)))


def test_cards_that_sign_in_the_quorums_namespace_are_found(desk: DrillDesk) -> None:
    desk.ledger.forged_namespace = sshsig.QUORUM_NAMESPACE
    desk.append(rehearsed(), key_of(CARDS))
    with pytest.raises(InvalidSignature, match="record 4: "):
        verify(desk.ledger)


@pytest.mark.parametrize("namespace", [sshsig.DRILL_NAMESPACE, sshsig.QUORUM_NAMESPACE])
def test_drill_cards_open_nothing_that_is_alive(desk: DrillDesk, namespace: str) -> None:
    with pytest.raises(InvalidSignature, match="not the one of the epoch"):
        desk.append(opened(LIVE), key_of(CARDS))
    desk.ledger.forged_namespace = namespace
    desk.append(opened(LIVE), key_of(CARDS))
    with pytest.raises(InvalidSignature, match="record 4: "):
        verify(desk.ledger)


def test_a_rehearsals_signature_moved_into_another_drill_is_found(desk: DrillDesk) -> None:
    first = desk.append(rehearsed(), key_of(CARDS))
    desk.opening = ""
    desk.declare()
    desk.ledger.forged_signature = first.quorum_signature
    desk.append(rehearsed())
    with pytest.raises(InvalidSignature, match="record 6: "):
        verify(desk.ledger)
