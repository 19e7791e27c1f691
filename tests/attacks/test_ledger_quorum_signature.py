# SPDX-License-Identifier: Apache-2.0
"""Attacks on what a quorum's signature stands for, by somebody who holds the terminal's key but no quorum.

Such a person can append what the rules allow and sign it for the terminal. The quorum's signature counts for
one record, at one place, of one opening, by one epoch's live key.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.epochs import Issued
from breakglass_shamir.custody.records.ledger import LedgerMoved, LedgerStarted, PolicyAdopted
from breakglass_shamir.custody.records.openings import Closed, Declared, Opened, UseEnded
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.rotations import Applying, Countersigned, Deferred, OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, ReadBack
from breakglass_shamir.errors import BreakglassError, IllegalState, InvalidRecord, InvalidSignature
from breakglass_shamir.formats.envelope import NO_PREDECESSOR, Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.home import create
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.ledger.verify import verify

SOURCE = """
name = "prod-db"
target = {uri = "ssh-key:///srv/key"}
quorum = {groups = [{threshold = 2, custodians = ["North", "South", "East"]}]}
declaration = {classes = ["idp-outage"]}
"""


def deal(number: int = 1, predecessor: bytes = NO_PREDECESSOR, kind: Kind = Kind.LIVE) -> Sealed:
    digest = policies.salted_digest(bytes(16), SOURCE)
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    facts = Facts(kind, "prod-db", number, Structure(1, (Group(2, 3),)), digest, checkpoint, predecessor)
    return seal(facts, Secret(b"tinned beans"))


def key_of(made: Sealed) -> Secret:
    return unseal(made.envelope.core, made.shares).set_key


def id_of(made: Sealed) -> str:
    return made.envelope.core.epoch_id.hex()


def issued(made: Sealed) -> Issued:
    envelope = made.envelope
    before = envelope.predecessor
    return Issued(
        epoch=envelope.core.epoch, epoch_id=id_of(made), predecessor="" if before == NO_PREDECESSOR else before.hex(),
        set_public_key=envelope.set_public_key.hex(), envelope=base64.b64encode(envelope.to_bytes()).decode(),
        envelope_sha256=envelope.digest.hex(), drill_envelope="", drill_set_public_key="",
        custodians={"1.1": "North", "1.2": "South", "1.3": "East"}, policy_digest=policies.digest(SOURCE).hex(),
        policy_salt=bytes(16).hex(), proven="accepted",
    )  # fmt: skip


def declared(supersedes: str = "") -> Declared:
    return Declared(
        purpose="emergency", incident_class="idp-outage", ticket="INC-1", reason="it is down", officers=("Duty", "IT"),
        valid_for_s=1800, use_for_s=3600, debts=(), supersedes=supersedes,
        policy_digest=policies.digest(SOURCE).hex(),
    )  # fmt: skip


def opened(made: Sealed) -> Opened:
    return Opened(
        epoch_id=id_of(made), sheets=("1.1", "1.2"), mode="show", program="", witnessed="consistent", pinned=True
    )


class Forger(Ledger):
    """A ledger in the hands of somebody with the terminal's key, who signs whatever is wanted."""

    forged_signature: str | None = None
    forged_namespace = ""
    again: Entry | None = None
    lawless = False

    def _sign_as_quorum(
        self, body: AnyBody, data: bytes, state: LedgerState, set_name: str, set_key: Secret | None
    ) -> str:
        if self.forged_signature is not None:
            return self.forged_signature
        if self.forged_namespace:
            assert set_key is not None
            return sshsig.sign(set_key, data, self.forged_namespace)
        return super()._sign_as_quorum(body, data, state, set_name, set_key)

    def _make(self, body: AnyBody, set_name: str, opening: str, set_key: Secret | None) -> tuple[Entry, LedgerState]:
        if self.again is not None:
            return replace(self.again, checkpoint=self._sign_checkpoint(self.again.data)), self.state
        if not self.lawless:
            return super()._make(body, set_name, opening, set_key)
        honest, self._state = self._state, LedgerState()
        entry, _ = super()._make(LedgerMoved(reason="as good as any"), set_name, opening, None)
        self._state = honest
        record = replace_body(entry, body)
        data = record.to_bytes()
        signature = sshsig.sign(self._key, data, sshsig.RECORD_NAMESPACE)
        return Entry(data, record, signature, self.forged_signature or "", self._sign_checkpoint(data)), honest


def replace_body(entry: Entry, body: AnyBody) -> records.Record:
    import msgspec

    return msgspec.structs.replace(entry.record, body=body)


@dataclass
class Desk:
    """A forger's ledger with one epoch in custody."""

    ledger: Forger
    made: Sealed
    opening: str = ""

    def append(self, body: AnyBody, key: Secret | None = None) -> Entry:
        return self.ledger.append(body, set_name="prod-db", opening=self.opening, set_key=key)

    def declare(self) -> None:
        before, self.opening = self.opening, ""
        self.opening = self.append(declared(before)).digest

    def open(self) -> Entry:
        return self.append(opened(self.made), key_of(self.made))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with create(tmp_path / "home", "north") as honest:
        ledger = Forger.open(honest.path, Secret(honest._key.reveal()))
        assert isinstance(ledger, Forger)
    with ledger:
        found = Desk(ledger, deal())
        found.append(PolicyAdopted(source=SOURCE, digest=policies.digest(SOURCE).hex()))
        found.append(issued(found.made))
        found.declare()
        yield found


def refused_at(desk: Desk, number: int) -> BreakglassError:
    with pytest.raises((InvalidRecord, InvalidSignature)) as refused:
        verify(desk.ledger)
    assert str(refused.value).startswith(f"record {number}: ")
    return refused.value


def test_what_a_quorum_signed_holds(desk: Desk) -> None:
    entry = desk.open()
    verify(desk.ledger)
    public = desk.made.envelope.set_public_key
    sshsig.verify(entry.quorum_signature, entry.data, sshsig.QUORUM_NAMESPACE, public)


def test_the_signature_covers_opening_place_log_and_history(desk: Desk) -> None:
    entry = desk.open()
    record = entry.record
    assert (record.opening, record.seq, record.log) == (desk.opening, 4, desk.ledger.log_id.hex())
    assert record.root == desk.ledger.root_at(4).hex()
    before = list(desk.ledger.entries())[3]
    assert record.previous == before.digest


def test_no_signature_no_opening(desk: Desk) -> None:
    with pytest.raises(IllegalState, match="this record needs a quorum's signature"):
        desk.append(opened(desk.made))
    desk.ledger.forged_signature = ""
    desk.append(opened(desk.made))
    assert "expected an armored SSH signature" in str(refused_at(desk, 4))


def test_the_key_of_another_epoch(desk: Desk) -> None:
    with pytest.raises(InvalidSignature, match="the quorum's key is not the one of the epoch that was opened"):
        desk.append(opened(desk.made), key_of(deal()))
    desk.ledger.forged_namespace = sshsig.QUORUM_NAMESPACE
    desk.append(opened(desk.made), key_of(deal()))
    assert "expected a signature by" in str(refused_at(desk, 4))


def test_a_drill_key_never_satisfies_a_quorum(desk: Desk) -> None:
    drill = deal(kind=Kind.DRILL)
    with pytest.raises(InvalidSignature):
        desk.append(opened(desk.made), key_of(drill))
    desk.ledger.forged_namespace = sshsig.QUORUM_NAMESPACE
    desk.append(opened(desk.made), key_of(drill))
    refused_at(desk, 4)


def test_the_drill_key_of_the_same_master_never_satisfies_a_quorum() -> None:
    master = Secret(bytes(range(32)))
    live, drill = (keys.ed25519_public(keys.set_key_seed(master, kind)) for kind in Kind)
    assert live != drill


@pytest.mark.parametrize(
    "namespace", [sshsig.DRILL_NAMESPACE, sshsig.RECORD_NAMESPACE, sshsig.OFFICER_NAMESPACE, "file"]
)
def test_the_right_key_in_another_namespace(desk: Desk, namespace: str) -> None:
    desk.ledger.forged_namespace = namespace
    desk.open()
    assert f"expected namespace '{sshsig.QUORUM_NAMESPACE}'" in str(refused_at(desk, 4))


def test_the_terminals_own_key_for_a_quorum(desk: Desk) -> None:
    desk.ledger.forged_namespace = sshsig.QUORUM_NAMESPACE
    desk.append(opened(desk.made), desk.ledger._key)
    refused_at(desk, 4)


def test_a_signature_replayed_in_another_opening(desk: Desk) -> None:
    first = desk.open()
    desk.declare()
    desk.ledger.forged_signature = first.quorum_signature
    desk.append(opened(desk.made))
    assert str(refused_at(desk, 6)) == "record 6: the Ed25519 signature does not verify"


def test_a_signature_replayed_for_another_action(desk: Desk) -> None:
    first = desk.open()
    desk.ledger.forged_signature = first.quorum_signature
    desk.append(Deferred(for_s=600, reason="later"))
    refused_at(desk, 5)


def test_the_same_record_again_at_another_number(desk: Desk) -> None:
    desk.ledger.again = desk.open()
    desk.append(opened(desk.made))
    assert str(refused_at(desk, 5)) == "record 5: expected number 5, got 4"


def test_a_countersignature_for_another_envelope(desk: Desk) -> None:
    desk.open()
    predecessor = desk.made.envelope.core.epoch_id
    ours, theirs = deal(2, predecessor), deal(2, predecessor)
    desk.append(issued(ours))
    swapped = Countersigned(epoch_id=id_of(ours), envelope_sha256=theirs.envelope.digest.hex())
    with pytest.raises(InvalidRecord, match="the countersigned envelope is not the prepared one"):
        desk.append(swapped, key_of(desk.made))


def test_the_new_epochs_key_does_not_vouch_for_itself(desk: Desk) -> None:
    desk.open()
    new = deal(2, desk.made.envelope.core.epoch_id)
    desk.append(issued(new))
    body = Countersigned(epoch_id=id_of(new), envelope_sha256=new.envelope.digest.hex())
    with pytest.raises(InvalidSignature):
        desk.append(body, key_of(new))
    desk.ledger.forged_namespace = sshsig.QUORUM_NAMESPACE
    desk.append(body, key_of(new))
    refused_at(desk, 6)


def test_a_quorum_of_a_void_epoch_signs_nothing_any_more(desk: Desk) -> None:
    desk.open()
    new = deal(2, desk.made.envelope.core.epoch_id)
    old_id, new_id = id_of(desk.made), id_of(new)
    desk.append(issued(new))
    vouched = Countersigned(epoch_id=new_id, envelope_sha256=new.envelope.digest.hex())
    desk.append(vouched, key_of(desk.made))
    desk.append(ReadBack(epoch_id=new_id, sheets=("1.1", "1.2", "1.3")))
    for sheet in ("1.1", "1.2"):
        desk.append(Acknowledged(epoch_id=new_id, sheet=sheet, custodian="North", bag=""))
    desk.append(UseEnded(outcome="done", classification="emergency"))
    desk.append(Applying(old_epoch_id=old_id, new_epoch_id=new_id))
    desk.append(OldDead(old_epoch_id=old_id, new_epoch_id=new_id, proofs=(), scope=""))
    with pytest.raises(IllegalState, match="there is no rotation to defer"):
        desk.append(Deferred(for_s=1, reason="r"), key_of(desk.made))
    desk.append(Closed(classification="emergency"))
    desk.opening = ""
    desk.declare()
    with pytest.raises(IllegalState, match=r"is superseded: epoch 2 .* followed it"):
        desk.open()
    verify(desk.ledger)


def test_an_illegal_step_signed_by_the_terminal_is_named(desk: Desk) -> None:
    desk.ledger.lawless = True
    desk.append(Closed(classification="drill"))
    message = "record 4: an illegal step: an opening closes when its rotation is proven, not before"
    assert str(refused_at(desk, 4)) == message


def test_a_start_that_names_another_key(tmp_path: Path) -> None:
    stranger = sshsig.public_line(b"k" * 32, "north")
    with Forger.create(tmp_path / "ledger.sqlite", Secret(b"t" * 32)) as forger:
        forger.append(LedgerStarted(terminal="north", public_key=stranger, software="x"))
        with pytest.raises(InvalidRecord, match="record 0: the ledger's start names another key"):
            verify(forger)
