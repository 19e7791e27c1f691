# SPDX-License-Identifier: Apache-2.0
"""What other terminals know of a set, and what strangers say they know: who may end whose debts, and what stays dead.

One target, three terminals in memory, the program's own use cases (``tests/properties/three_terminals.py``).
"""

import base64
from collections.abc import Callable, Iterator

import msgspec
import pytest

from breakglass_shamir.crypto import keys, sshsig
from breakglass_shamir.custody.life import lineage, retire_rules, standing
from breakglass_shamir.custody.life.chain import chain_of
from breakglass_shamir.custody.life.gates import GATES
from breakglass_shamir.custody.life.lineage import SuccessionProof
from breakglass_shamir.custody.life.state import EpochStatus, LedgerState, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Officer
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.openings import Overridden, Refused
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    InvalidRecord,
    UnprovenSuccession,
    UnsupportedVersion,
)
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.lineage import links, showing
from breakglass_shamir.operations.monitoring import status
from tests.properties.three_terminals import NAME, NAMES, OFFICERS, World, living_in

EVERY_GATE = frozenset(GATES)
BUT_SUPERSEDED = EVERY_GATE - {"superseded"}
ONE_NIGHT = frozenset({"debt", "under-way"})
"""What any second opening passes in one night."""

ALL_PINNED = {(one, other) for one in NAMES for other in NAMES if one != other}
STRANGER = Secret(b"the key of a stranger's terminal"[:32])


@pytest.fixture
def world() -> Iterator[World]:
    """Three terminals that pin each other, and epoch 1 in force."""
    made = World()
    made.begin(ALL_PINNED)
    with living_in(made):
        yield made


@pytest.fixture
def strange() -> Iterator[World]:
    """Three terminals that do not know each other."""
    made = World()
    made.begin(set())
    with living_in(made):
        yield made


def of(world: World, name: str) -> SetState:
    return world.terminals[name].set


def number(world: World, name: str) -> int:
    return of(world, name).current_epoch.number


def owed(world: World, name: str) -> list[str]:
    """Return the epochs that owe a rotation on a terminal."""
    s = of(world, name)
    return [debt.epoch_id for debt in s.rotation_debts]


def due(world: World, name: str) -> str:
    terminal = world.terminals[name]
    return "\n".join(status.status_of(terminal.set, terminal.now()).due)


def stale(world: World) -> tuple[str, str]:
    """South rotates; north opens the epoch that is dead by then. Returns both epochs."""
    old = world.alive
    assert world.rotate("south", (old,)) == ""
    new = world.alive
    assert world.emergency("north", (old,), frozenset()).startswith("rotation-due")
    assert owed(world, "north") == [old]
    return old, new


# --- a debt that another terminal paid ------------------------------------------------------------------------


def test_an_opening_of_what_another_terminal_rotated_is_settled_by_its_proof(world: World) -> None:
    old, new = stale(world)
    assert world.carry("south", "north") == ""
    s = of(world, "north")
    assert (owed(world, "north"), s.current, s.opening) == ([], new, None)
    assert (s.epochs[old].status, s.epochs[new].pinned) == (EpochStatus.VOID, True)
    (link,) = standing.links_from(s, old)
    assert (link.level, link.terminal) == ("proven", world.terminals["south"].log.log_id.hex())


def test_so_it_is_when_this_terminal_went_on_from_the_newer_sheets_meanwhile(world: World) -> None:
    """The debt that nothing could ever settle: opened, refused, learned the next one, rotated it twice."""
    old, new = stale(world)
    assert world.emergency("north", (new,), ONE_NIGHT | {"epoch"}) == ""
    assert world.rotate("north", (world.alive,)) == ""
    assert owed(world, "north") == [old]
    assert "lineage import" in due(world, "north")
    assert not chain_of(of(world, "north")).whole
    assert world.carry("south", "north") == ""
    assert owed(world, "north") == []
    assert number(world, "north") == 4
    assert chain_of(of(world, "north")).whole


def test_a_chain_of_terminals_settles_it_in_whatever_order_the_links_come(world: World) -> None:
    old, new = stale(world)
    assert world.carry("south", "west") == ""
    assert world.rotate("west", (new,)) == ""
    assert world.rotate("west", (world.alive,)) == ""
    proofs = world.proofs_of("west")
    assert len(proofs) == 3
    assert world.take("north", tuple(reversed(proofs))) == ""
    assert (owed(world, "north"), number(world, "north")) == ([], 4)
    assert old != new


def test_halves_of_a_proof_that_two_terminals_hold_are_put_together(world: World) -> None:
    """South printed and countersigned, and was lost in the middle; west took it over, and never saw that signature."""
    old = world.alive
    world.stop = "change"
    assert world.rotate("south", (old,)) == "crashed"
    assert of(world, "south").applying
    new = of(world, "south").prepared
    assert world.rotate("west", (old, new)) == ""
    assert world.take("north", world.proofs_of("west")) != ""
    (half,) = world.proofs_of("west")
    assert not half.countersigned
    assert world.emergency("north", (old,), frozenset()).startswith("rotation-due")
    given = world.terminals["south"].log
    vouched = next(entry for entry in given.entries() if entry.record.body.__struct_config__.tag == "countersigned")
    other = msgspec.structs.replace(
        half, countersigned=vouched.data, countersignature=vouched.quorum_signature, old_dead=b"",
        terminal_signature="", terminal_key="",
    )  # fmt: skip
    assert world.take("north", (half, other)) == ""
    assert (owed(world, "north"), of(world, "north").current) == ([], new)


def test_a_countersignature_that_comes_late_mends_the_chain_of_who_took_the_rotation_over(world: World) -> None:
    old = world.alive
    world.stop = "change"
    assert world.rotate("north", (old,)) == "crashed"
    new = of(world, "north").prepared
    assert world.rotate("west", (old, new)) == ""
    assert "not countersigned" in chain_of(of(world, "west")).in_words()
    assert world.rotate("north", (old, new)) == ""
    assert world.carry("north", "west") == ""
    assert "not countersigned" not in chain_of(of(world, "west")).in_words()


def test_what_a_terminal_prepared_beside_a_proven_successor_is_let_go_of(world: World) -> None:
    old = world.alive
    world.stop = "applying"
    assert world.rotate("north", (old,)) == "crashed"
    mine = of(world, "north").prepared
    assert mine
    assert not of(world, "north").applying
    assert world.rotate("south", (old,)) == ""
    assert world.carry("south", "north") == ""
    s = of(world, "north")
    assert (s.prepared, s.epochs[mine].status, s.current) == ("", EpochStatus.ABANDONED, world.alive)


def test_what_it_may_have_applied_stays_openable(world: World) -> None:
    old = world.alive
    world.stop = "change"
    assert world.rotate("north", (old,)) == "crashed"
    mine = of(world, "north").prepared
    assert of(world, "north").applying
    assert world.rotate("south", (old,)) == ""
    assert world.carry("south", "north") == ""
    s = of(world, "north")
    assert (s.applying, s.prepared, s.current) == (False, "", world.alive)
    assert s.openable(mine)


# --- who may say so -------------------------------------------------------------------------------------------


def test_sheets_that_call_themselves_successors_supersede_nothing(world: World) -> None:
    old = world.alive
    forged = world.forge(old, 2)
    assert world.emergency("north", (forged,), EVERY_GATE).startswith("rotation-due")
    assert not standing.is_past(of(world, "north"), old)
    assert world.rotate("north", (old,)) == "", "a stranger's sheets kept the set from being rotated"
    assert owed(world, "north") == [forged]


def test_newer_sheets_alone_do_not_put_a_set_into_the_middle_of_a_rotation(world: World) -> None:
    old = world.alive
    forged = world.forge(old, 2)
    assert world.rotate("north", (forged,)).startswith("gate-closed")
    s = of(world, "north")
    assert (s.current, s.prepared, s.applying) == (old, "", False)


def test_a_terminal_that_is_not_pinned_settles_nothing(strange: World) -> None:
    old, _new = stale(strange)
    before = of(strange, "north")
    said = strange.carry("south", "north")
    assert "is not pinned here" in said
    s = of(strange, "north")
    assert (s.debts, s.epochs, s.links) == (before.debts, before.epochs, ())
    assert owed(strange, "north") == [old]
    last = strange.terminals["north"].log.stored[-1].record.body
    assert isinstance(last, Refused)
    assert last.stage == "lineage"


def genuine(world: World) -> SuccessionProof:
    stale(world)
    (proof,) = world.proofs_of("south")
    return proof


def _resigned(proof: SuccessionProof) -> SuccessionProof:
    signed = sshsig.sign(STRANGER, proof.old_dead, sshsig.RECORD_NAMESPACE)
    key = sshsig.public_line(keys.ed25519_public(STRANGER), "")
    return msgspec.structs.replace(proof, terminal_signature=signed, terminal_key=key)


def _countersigned_by_a_stranger(proof: SuccessionProof) -> SuccessionProof:
    signed = sshsig.sign(STRANGER, proof.countersigned, sshsig.QUORUM_NAMESPACE)
    return msgspec.structs.replace(proof, countersignature=signed)


def _signed_as_something_else(proof: SuccessionProof) -> SuccessionProof:
    return msgspec.structs.replace(proof, terminal_signature=proof.countersignature)


ALTERED: dict[str, Callable[[SuccessionProof], SuccessionProof]] = {
    "the old-dead record signed by a stranger's terminal": _resigned,
    "the countersignature of a stranger": _countersigned_by_a_stranger,
    "a signature made for another purpose": _signed_as_something_else,
    "no countersignature": lambda p: msgspec.structs.replace(p, countersigned=b"", countersignature=""),
    "no old-dead record": lambda p: msgspec.structs.replace(p, old_dead=b"", terminal_signature="", terminal_key=""),
    "an old-dead record with another byte": lambda p: msgspec.structs.replace(
        p, old_dead=p.old_dead.replace(b"accepted", b"accepteD")
    ),
    "a record of another type": lambda p: msgspec.structs.replace(p, old_dead=p.countersigned),
    "an envelope with another byte": lambda p: msgspec.structs.replace(
        p, envelope=p.envelope[:-1] + bytes([p.envelope[-1] ^ 1])
    ),
    "the epochs the other way round": lambda p: msgspec.structs.replace(
        p, predecessor=p.successor, successor=p.predecessor
    ),
    "a key with a comment": lambda p: msgspec.structs.replace(p, terminal_key=f"{p.terminal_key} south"),
    "a set that is not this one": lambda p: msgspec.structs.replace(p, set="prod-web"),
}


@pytest.mark.parametrize("alteration", ALTERED)
def test_no_altered_proof_counts(alteration: str, world: World) -> None:
    proof = ALTERED[alteration](genuine(world))
    before = of(world, "north")
    assert world.take("north", (proof,)) != ""
    s = of(world, "north")
    assert (s.epochs, s.debts, s.links, s.current) == (before.epochs, before.debts, before.links, before.current)


def test_one_bad_link_keeps_no_good_one_out(world: World) -> None:
    proof = genuine(world)
    bad = msgspec.structs.replace(proof, predecessor="00" * 8)
    assert world.take("north", (_resigned(proof), bad, proof)) != ""
    assert owed(world, "north") == []


def test_a_record_that_calls_an_attested_link_proven_is_no_record(world: World) -> None:
    old = world.alive
    world.stop = "change"
    assert world.rotate("south", (old,)) == "crashed"
    world.become(world.secrets[of(world, "south").prepared])
    assert world.rotate("south", (of(world, "south").prepared,), attests=True) == ""
    assert world.emergency("north", (old,), frozenset()).startswith("rotation-due")
    (proof,) = world.proofs_of("south")
    hand = world.terminals["north"].hand()
    _, judged = links.judge(hand, proof)
    said = lineage.record_of(proof, judged)
    assert (said.level, said.attested_by) == ("attested", OFFICERS)
    for lie in ({"level": "proven"}, {"attested_by": ()}, {"level": "proven", "attested_by": ()}):
        with pytest.raises(InvalidRecord):
            hand.append(msgspec.structs.replace(said, **lie))
    hand.append(said)
    s = of(world, "north")
    assert (s.current, owed(world, "north")) == (proof.successor, [old]), "somebody's word elsewhere settled it"
    assert not standing.is_past(s, old)
    assert "attested" in chain_of(s).in_words()


def test_a_copied_ledger_proves_nothing_to_the_one_it_was_copied_from(world: World) -> None:
    old = world.alive
    twin = world.copy()
    with living_in(twin):
        assert twin.rotate("north", (old,)) == ""
    assert "copied" in world.take("north", twin.proofs_of("north"))
    assert of(world, "north").current == old


def test_what_a_terminal_gave_away_comes_back_as_nothing_new(world: World) -> None:
    assert world.rotate("north", (world.alive,)) == ""
    assert world.carry("north", "south") == ""
    size = len(world.terminals["north"].log.stored)
    assert world.carry("south", "north") == ""
    assert len(world.terminals["north"].log.stored) == size


def test_a_second_envelope_of_a_successor_is_an_integrity_error(world: World) -> None:
    proof = genuine(world)
    made = world.sealed[proof.successor]
    other = msgspec.structs.replace(proof, envelope=world.sealed[proof.predecessor].envelope.to_bytes())
    assert world.take("north", (other,)) != ""
    assert made.envelope.to_bytes() == proof.envelope
    assert world.take("north", (proof,)) == ""


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", InvalidRecord),
        (b"[" * 100_000, InvalidRecord),
        (b'{"proofs":' + b"[" * 100_000, InvalidRecord),
        (b'{"proofs":[],"type":"successions","v":99999999999999999999999}', UnsupportedVersion),
        (b'{"proofs":[],"type":"successions","v":2}', UnsupportedVersion),
        (b'{"proofs":[],"type":"enrolment","v":1}', InvalidRecord),
        (b'{"proofs": [],"type":"successions","v":1}', InvalidRecord),
        (b'{"proofs":[],"type":"successions","v":1}\n', InvalidRecord),
        (b'{"more":1,"proofs":[],"type":"successions","v":1}', InvalidRecord),
        (b"x" * (lineage.MAX_FILE_BYTES + 1), InvalidRecord),
        ("\ud800".encode("utf-8", "surrogatepass"), InvalidRecord),
    ],
)
def test_a_file_that_is_none_is_refused_by_name(data: bytes, error: type[BreakglassError]) -> None:
    with pytest.raises(error):
        lineage.from_bytes(data)


def test_a_file_reads_as_it_was_written(world: World) -> None:
    proof = genuine(world)
    data = lineage.to_bytes([proof])
    assert lineage.from_bytes(data) == (proof,)
    assert b"cred" not in base64.b64decode(base64.b64encode(data)).replace(b"credential", b"")


# --- superseded -----------------------------------------------------------------------------------------------


def rotated_here(world: World) -> tuple[str, str]:
    old = world.alive
    assert world.rotate("north", (old,)) == ""
    return old, world.alive


def test_a_superseded_epoch_is_refused_by_name_and_by_no_other_gate(world: World) -> None:
    old, new = rotated_here(world)
    for passed in (frozenset[str](), BUT_SUPERSEDED):
        said = world.emergency("north", (old,), passed)
        assert said.startswith("gate-closed")
        assert "is superseded" in said
    assert world.rotate("north", (old,)).startswith("gate-closed")
    assert of(world, "north").current == new
    assert owed(world, "north") == []


def test_so_is_one_that_only_another_terminal_saw_die(world: World) -> None:
    old = world.alive
    assert world.rotate("south", (old,)) == ""
    assert world.carry("south", "north") == ""
    assert world.emergency("north", (old,), BUT_SUPERSEDED).startswith("gate-closed")
    assert of(world, "north").current == world.alive


def test_a_living_quorum_among_the_scans_is_opened_instead(world: World) -> None:
    old, new = rotated_here(world)
    assert world.emergency("north", (old, new), frozenset()) == ""
    assert world.uses[-1] == ("north", new)


def test_by_override_it_opens_is_never_in_force_and_its_rotation_is_paid_as_a_fork(world: World) -> None:
    """A target that was put back from a backup takes the old credential again."""
    old, new = rotated_here(world)
    world.restore(old)
    assert world.emergency("north", (old,), frozenset({"superseded"}), prints=False).startswith("rotation-due")
    s = of(world, "north")
    assert (s.current, s.source, owed(world, "north")) == (new, old, [old])
    assert [e.record.body.gate for e in world.terminals["north"].log.entries() if isinstance(e.record.body, Overridden)]
    assert world.rotate("north", (old,)) == "", "the rotation that is owed needs no second override"
    s = of(world, "north")
    assert (owed(world, "north"), s.current_epoch.number, s.current_epoch.predecessor) == ([], 3, old)
    assert s.source == s.current == world.alive
    chain = chain_of(s)
    assert not chain.whole
    assert chain.forked
    assert "a fork: epoch 2" in chain.in_words()
    assert world.rotate("north", (world.alive,)) == ""
    assert not chain_of(of(world, "north")).whole, "a broken chain stays reported"


def test_no_old_proof_settles_what_was_opened_although_it_was_known(world: World) -> None:
    old = world.alive
    assert world.rotate("south", (old,)) == ""
    assert world.carry("south", "north") == ""
    world.restore(old)
    assert world.emergency("north", (old,), frozenset({"superseded"}), prints=False).startswith("rotation-due")
    assert world.carry("south", "west") == ""
    assert world.carry("west", "north") == ""
    assert owed(world, "north") == [old]


def test_no_proof_settles_what_the_target_took_here_after_it(strange: World) -> None:
    """South rotated, the target was put back, north logged in; then south's proof comes."""
    old = strange.alive
    assert strange.rotate("south", (old,)) == ""
    strange.restore(old)
    assert strange.emergency("north", (old,), frozenset(), prints=False).startswith("rotation-due")
    pinned = World()
    pinned.begin(ALL_PINNED)
    strange.terminals["north"].log.state = LedgerState(
        **{
            name: getattr(strange.terminals["north"].log.state, name)
            for name in LedgerState.__struct_fields__
            if name != "terminals"
        },
        terminals=pinned.terminals["north"].log.state.terminals,
    )
    assert strange.carry("south", "north") == ""
    assert standing.is_superseded(of(strange, "north"), old)
    assert owed(strange, "north") == [old]


def test_an_epoch_whose_descendant_the_target_took_is_not_put_in_force_either(strange: World) -> None:
    """Nothing proves when it died: it is opened by the same override, and owes what it owed."""
    old, new = stale(strange)
    assert strange.emergency("north", (new,), ONE_NIGHT | {"epoch"}) == ""
    assert strange.rotate("north", (strange.alive,)) == ""
    living = strange.alive
    assert "is outlived" in strange.emergency("north", (old,), BUT_SUPERSEDED)
    s = of(strange, "north")
    assert (s.current, owed(strange, "north")) == (living, [old])
    assert not chain_of(s).whole
    assert strange.emergency("north", (old,), EVERY_GATE).startswith("rotation-due")
    s = of(strange, "north")
    assert (s.current, s.forking) == (living, old)


def test_a_fork_of_two_honest_terminals_is_reported_on_both(world: World) -> None:
    old = world.alive
    assert world.rotate("south", (old,)) == ""
    world.restore(old)
    assert world.rotate("north", (old,)) == ""
    mine = world.alive
    assert world.carry("south", "north") == ""
    assert world.carry("north", "south") == ""
    for name in ("north", "south"):
        assert chain_of(of(world, name)).forked
        assert "a fork" in status.status_of(of(world, name), world.terminals[name].now()).chain
    assert of(world, "north").current == mine, "a proof from elsewhere put this terminal's own out of force"


# --- people's word --------------------------------------------------------------------------------------------


def beyond_proof(strange: World) -> tuple[str, str]:
    """North opened what south had rotated, went on from the newer sheets, and south's ledger is lost."""
    old, new = stale(strange)
    assert strange.emergency("north", (new,), ONE_NIGHT | {"epoch"}) == ""
    return old, strange.alive


@pytest.mark.parametrize("brings", [False, True])
def test_where_no_proof_can_be_had_people_attest_and_it_is_shown_as_attested(strange: World, brings: bool) -> None:
    old, living = beyond_proof(strange)
    assert strange.attest("north", old, brings=brings) == ""
    s = of(strange, "north")
    assert (owed(strange, "north"), s.current, s.epochs[old].status) == ([], living, EpochStatus.VOID)
    assert [debt.kind for debt in s.debts if debt.kind == "old-unproven"] == ["old-unproven"]
    (said,) = (
        e.record.body for e in strange.terminals["north"].log.entries() if isinstance(e.record.body, AttestedDead)
    )
    assert (said.asked, said.officers) == ("refused", OFFICERS)
    shown = showing.show(strange.terminals["north"].log.state, NAME)
    assert "attested dead" in [one.state for one in shown.epochs]
    assert "proven" not in " ".join(chain_of(s).reasons).replace("no proof", "").replace("nothing proves", "")


def test_what_the_target_was_not_asked_is_unknown(strange: World) -> None:
    old = strange.alive
    assert strange.rotate("south", (old,)) == ""
    strange.deaf = True
    assert strange.emergency("north", (old,), frozenset(), prints=False).startswith("rotation-due")
    strange.deaf = False
    assert strange.emergency("north", (strange.alive,), ONE_NIGHT | {"epoch"}) == ""
    assert strange.attest("north", old, brings=False) == ""
    (said,) = (
        e.record.body for e in strange.terminals["north"].log.entries() if isinstance(e.record.body, AttestedDead)
    )
    assert (said.asked, said.detail) == ("unknown", "not asked: no quorum of its sheets was brought")


def test_nobodys_word_counts_while_the_target_takes_the_credential(strange: World) -> None:
    old, _living = beyond_proof(strange)
    strange.restore(old)
    said = strange.attest("north", old, brings=True)
    assert "the target accepts the credential of epoch 1" in said
    assert owed(strange, "north") == [old]
    assert strange.attest("north", old, brings=False) != ""
    assert strange.rotate("north", (old,)) == "", "it lives, and is rotated"


@pytest.mark.parametrize("officers", [(), ("Duty",), ("Duty", "duty "), ("Duty", "")])
def test_one_person_attests_nothing(officers: tuple[str, ...], strange: World) -> None:
    old, living = beyond_proof(strange)
    body = AttestedDead(epoch_id=old, in_force=living, asked="unknown", detail="", officers=officers, reason="r")
    with pytest.raises(IllegalState, match="expected 2 different people"):
        strange.terminals["north"].hand().append(body)


def test_what_is_in_force_is_never_attested_away(strange: World) -> None:
    old, _new = stale(strange)
    assert "bring the newest sheets first" in strange.attest("north", old, brings=False)
    assert owed(strange, "north") == [old]


def test_a_proof_that_comes_later_ends_what_people_attested(world: World) -> None:
    old, new = stale(world)
    assert world.emergency("north", (new,), ONE_NIGHT | {"epoch"}) == ""
    assert world.attest("north", old, brings=False) == ""
    assert "old-unproven" in {debt.kind for debt in of(world, "north").debts}
    assert world.carry("south", "north") == ""
    assert "old-unproven" not in {debt.kind for debt in of(world, "north").debts}


def test_asking_opens_nothing_else_and_prints_nothing(strange: World) -> None:
    old, living = beyond_proof(strange)
    printed = set(strange.sealed)
    strange.restore(old)
    strange.attest("north", old, brings=True)
    s = of(strange, "north")
    assert (s.current, s.forking, set(strange.sealed)) == (living, "", printed)


@pytest.mark.parametrize("lives_on", [True, False])
def test_nobodys_word_ends_a_rotation_while_the_target_takes_both_credentials(world: World, lives_on: bool) -> None:
    """The old sheets are on the table, so the target can be asked."""
    old = world.alive
    world.stop = "change"
    assert world.rotate("south", (old,)) == "crashed"
    new = of(world, "south").prepared
    world.become(world.secrets[new])
    world.also = world.secrets[old] if lives_on else None
    said = world.rotate("south", (old, new), attests=True)
    if lives_on:
        assert "the target still accepts the old credential" in said
        assert (of(world, "south").applying, of(world, "south").epochs[old].status) == (True, EpochStatus.GOOD)
    else:
        assert said == ""


def test_a_rotation_is_not_ended_on_the_word_of_those_who_are_no_officers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = world.alive
    world.stop = "change"
    assert world.rotate("south", (old,)) == "crashed"
    new = of(world, "south").prepared
    world.become(world.secrets[new])
    one = policies.parse(of(world, "south").policy_source)
    with_officers = msgspec.structs.replace(one, officers=tuple(Officer(name=name) for name in ("Olga", "Oskar")))
    monkeypatch.setattr(policies, "parse", lambda _source: with_officers)
    assert "expected officers of the policy (Olga, Oskar)" in world.rotate("south", (new,), attests=True)
    assert of(world, "south").applying


def to_destroy(world: World, name: str) -> set[str]:
    return {epoch.epoch_id for epoch, _ in retire_rules.to_destroy(of(world, name))}


def test_sheets_whose_credential_only_people_call_dead_are_not_to_be_destroyed(strange: World) -> None:
    """They were wrong: north took the older sheets for the newest ones again, and the newer credential lives."""
    old, new = stale(strange)
    strange.deaf = True
    assert strange.emergency("north", (new,), ONE_NIGHT | {"epoch"}, prints=False).startswith("rotation-due")
    assert strange.emergency("north", (old,), EVERY_GATE, prints=False).startswith("rotation-due")
    strange.deaf = False
    assert of(strange, "north").current == old
    assert strange.attest("north", new, brings=False) == ""
    assert (strange.alive, of(strange, "north").epochs[new].status) == (new, EpochStatus.VOID)
    assert new not in to_destroy(strange, "north"), "the sheets of what lives were to be destroyed"
    strange.destroy("north")
    assert strange.alive in strange.at_hand()


def test_they_are_once_somebody_looked_at_it(strange: World) -> None:
    old, _living = beyond_proof(strange)
    assert strange.attest("north", old, brings=False) == ""
    assert old not in to_destroy(strange, "north")
    strange.review("north")
    assert old in to_destroy(strange, "north")


def test_sheets_that_a_rotation_has_to_go_on_from_are_not_to_be_destroyed(world: World) -> None:
    """The target was put back from a backup: the superseded sheets are all that opens it."""
    old, _new = rotated_here(world)
    assert to_destroy(world, "north") == {old}
    world.restore(old)
    assert world.emergency("north", (old,), frozenset({"superseded"}), prints=False).startswith("rotation-due")
    assert to_destroy(world, "north") == set()
    assert world.rotate("north", (old,)) == ""
    assert old in to_destroy(world, "north")


# --- refused by the target ------------------------------------------------------------------------------------


def test_a_refused_credential_asks_whether_it_was_rotated_elsewhere(strange: World) -> None:
    old = strange.alive
    assert strange.rotate("south", (old,)) == ""
    printed = set(strange.sealed)
    assert "the target refuses the credential of epoch 1" in strange.rotate("north", (old,))
    assert set(strange.sealed) == printed, "sheets were printed that nothing can put in force"
    assert "rotated elsewhere?" in due(strange, "north")
    assert "bring the newest sheets" in due(strange, "north")
    assert strange.emergency("north", (strange.alive,), ONE_NIGHT | {"epoch"}) == ""
    assert "rotated elsewhere?" not in due(strange, "north")


def test_an_unclear_answer_is_no_refusal(strange: World) -> None:
    strange.deaf = True
    strange.emergency("north", (strange.alive,), frozenset(), prints=False)
    assert "rotated elsewhere?" not in due(strange, "north")


def test_a_change_that_neither_side_made_is_over_when_a_third_epoch_is_taken(strange: World) -> None:
    """North was cut off in the middle; south rotated twice. Neither of north's two credentials works ever again."""
    old = strange.alive
    strange.stop = "change"
    assert strange.rotate("north", (old,)) == "crashed"
    mine = of(strange, "north").prepared
    assert strange.rotate("south", (old,)) == ""
    assert strange.rotate("south", (strange.alive,)) == ""
    assert "neither the old nor the new" in strange.rotate("north", (old, mine))
    assert strange.emergency("north", (strange.alive,), ONE_NIGHT | {"epoch"}) == ""
    s = of(strange, "north")
    assert (s.applying, s.prepared, s.current) == (False, "", strange.alive)
    assert s.epochs[mine].status is EpochStatus.GOOD
    assert strange.attest("north", old, brings=True) == ""
    assert owed(strange, "north") == []


def test_a_succession_of_a_set_that_is_not_here_is_refused() -> None:
    world = World()
    world.begin(ALL_PINNED)
    with living_in(world):
        proof = genuine(world)
        body = lineage.record_of(proof, links.judge(world.terminals["north"].hand(), proof)[1])
        assert isinstance(body, Succession)
        with pytest.raises(IllegalState, match="is not in this ledger"):
            world.terminals["north"].log.append(body, set_name="prod-web")
        with pytest.raises(UnprovenSuccession):
            lineage.judge(SetState("prod-db"), proof, {}, "00" * 8)
