# SPDX-License-Identifier: Apache-2.0
"""Attacks on the gathering of sheets: what somebody slips among them, and what opens nevertheless."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

import pytest
from msgspec import structs

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, SetState, write_seat
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known, known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import EnvelopeConflict, InsufficientShares, MissingEnvelope, VoidShare
from breakglass_shamir.formats.envelope import Checkpoint, Envelope
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

TWO_OF_THREE = Structure(1, (Group(2, 3),))
TWO_LEVELS = Structure(2, (Group(2, 3), Group(1, 2)))
SECRET = Secret(b"tinned beans")


def deal(kind: Kind = Kind.LIVE, structure: Structure = TWO_OF_THREE, number: int = 1) -> Sealed:
    checkpoint = Checkpoint(bytes(8), 0, bytes(32))
    return seal(Facts(kind, "prod-db", number, structure, bytes(32), checkpoint), SECRET)


@pytest.fixture(scope="module")
def made() -> Sealed:
    return deal()


def ledger_of(*epochs: tuple[Sealed, EpochStatus], voided: Mapping[str, str] | None = None) -> dict[bytes, Known]:
    """Return what a ledger with these epochs lets the pool know; the last good one is in force."""
    states = {
        sealed.envelope.core.epoch_id.hex(): EpochState(
            sealed.envelope.core.epoch, sealed.envelope, sealed.envelope.digest.hex(), "", {}, status, "2026-01-01",
            voided=voided or {},
        )
        for sealed, status in epochs
    }  # fmt: skip
    current = [epoch_id for epoch_id, epoch in states.items() if epoch.status is EpochStatus.GOOD]
    of_set = SetState("prod-db", epochs=states, current=current[-1] if current else "")
    return known_epochs(LedgerState(sets={"prod-db": of_set}))


def pinned(made: Sealed) -> dict[bytes, Known]:
    return ledger_of((made, EpochStatus.GOOD))


def add_shares(pool: Pool, shares: tuple[Share, ...] | list[Share]) -> list[Answer]:
    return [pool.add(share.to_text()) for share in shares]


def add_envelope(pool: Pool, envelope: Envelope) -> Answer:
    return [pool.add(code) for code in envelope.to_codes()][-1]


def second_envelope(made: Sealed, **changes: object) -> Envelope:
    """Sign another envelope of the same epoch: what whoever once held a quorum can do."""
    set_key = unseal(made.envelope.core, made.shares).set_key
    return structs.replace(made.envelope, **changes).signed_by(set_key)


def altered(share: Share) -> Share:
    value = share.value.reveal()
    return replace(share, value=Secret(bytes([value[0] ^ 1]) + value[1:]))


# --- two valid envelopes under one epoch id --------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"policy_digest": b"x" * 32}, {"set_name": "prod-dc"}, {"predecessor": b"x" * 8}])
def test_a_quorum_holder_who_signs_another_envelope_of_a_known_epoch_stops_nobody(
    made: Sealed, changes: dict[str, object]
) -> None:
    pool = Pool(pinned(made))
    assert add_envelope(pool, second_envelope(made, **changes)).verdict is Verdict.CONFLICT
    add_shares(pool, made.shares)
    assert pool.quorum().envelope == made.envelope
    assert len(pool.rivals) == 1


def test_what_a_ledger_only_learned_from_sheets_pins_nothing(made: Sealed) -> None:
    epoch_id = made.envelope.core.epoch_id
    learned = {epoch_id: replace(pinned(made)[epoch_id], pinned=False)}
    pool = Pool(learned)
    assert add_envelope(pool, second_envelope(made, policy_digest=b"x" * 32)).verdict is Verdict.CONFLICT
    add_shares(pool, made.shares)
    with pytest.raises(EnvelopeConflict):
        pool.quorum()


@pytest.mark.parametrize("shares_first", [True, False])
def test_two_envelopes_of_an_unknown_epoch(made: Sealed, shares_first: bool) -> None:
    pool = Pool({})
    if shares_first:
        add_shares(pool, made.shares)
    add_envelope(pool, made.envelope)
    assert add_envelope(pool, second_envelope(made, policy_digest=b"x" * 32)).verdict is Verdict.CONFLICT
    add_shares(pool, made.shares)
    with pytest.raises(EnvelopeConflict):
        pool.quorum()


def test_another_ciphertext_under_the_same_epoch_id_is_a_conflict_too(made: Sealed) -> None:
    core = structs.replace(made.envelope.core, ciphertext=deal().envelope.core.ciphertext)
    pool = Pool(pinned(made))
    assert add_envelope(pool, second_envelope(made, core=core)).verdict is Verdict.CONFLICT


def test_commitments_rewritten_to_fit_wrong_shares_do_not_replace_the_pinned_ones(made: Sealed) -> None:
    wrong = [altered(share) for share in made.shares]
    forged = second_envelope(made, commitments=tuple(share.commitment() for share in wrong))
    pool = Pool(pinned(made))
    add_envelope(pool, forged)
    assert {answer.verdict for answer in add_shares(pool, wrong)} == {Verdict.WRONG}
    with pytest.raises(InsufficientShares):
        pool.quorum()


# --- a forged set ----------------------------------------------------------------------------------------


def test_a_forged_set_presented_under_a_known_epoch_id(made: Sealed) -> None:
    theirs, known_id = deal(), made.envelope.core.epoch_id
    posing = structs.replace(theirs.envelope, core=structs.replace(theirs.envelope.core, epoch_id=known_id))
    forged = posing.signed_by(unseal(theirs.envelope.core, theirs.shares).set_key)
    for known in (pinned(made), {}):
        pool = Pool(known)
        assert add_envelope(pool, forged).verdict is Verdict.DAMAGED
        relabelled = [replace(share, epoch_id=known_id) for share in theirs.shares]
        wanted = Verdict.WRONG if known else Verdict.WAITING
        assert {answer.verdict for answer in add_shares(pool, relabelled)} == {wanted}
        with pytest.raises(InsufficientShares if known else MissingEnvelope):
            pool.quorum()


def test_a_forged_set_of_its_own_is_never_taken_for_the_known_one(made: Sealed) -> None:
    theirs = deal(number=2)
    pool = Pool(pinned(made))
    add_envelope(pool, theirs.envelope)
    assert {answer.verdict for answer in add_shares(pool, theirs.shares)} == {Verdict.UNKNOWN}
    assert not pool.quorum().known
    add_shares(pool, made.shares[:2])
    assert pool.quorum().known
    assert pool.quorum().envelope == made.envelope


# --- one wrong share among right ones --------------------------------------------------------------------


@pytest.mark.parametrize("envelope", ["pinned", "scanned first", "scanned last"])
def test_a_polluted_pool_names_the_wrong_share_and_goes_on(made: Sealed, envelope: str) -> None:
    wrong = altered(made.shares[1])
    for order in itertools.permutations([made.shares[0], wrong, made.shares[2]]):
        pool = Pool(pinned(made) if envelope == "pinned" else {})
        if envelope == "scanned first":
            add_envelope(pool, made.envelope)
        said = [answer.message for answer in add_shares(pool, list(order))]
        if envelope == "scanned last":
            said = [add_envelope(pool, made.envelope).message]
        assert any(f"{wrong.public_id} is not the one that was printed" in message for message in said)
        quorum = pool.quorum()
        assert quorum.sheets == ("1.1", "1.3")
        assert quorum.unseal().plaintext == SECRET


@pytest.mark.parametrize("envelope_last", [False, True])
def test_the_right_sheet_is_taken_after_a_wrong_one_of_its_number(made: Sealed, envelope_last: bool) -> None:
    pool = Pool({} if envelope_last else pinned(made))
    add_shares(pool, [altered(made.shares[0]), made.shares[0], made.shares[1]])
    if envelope_last:
        add_envelope(pool, made.envelope)
    assert pool.quorum().sheets == ("1.1", "1.2")
    assert pool.quorum().unseal().plaintext == SECRET


def test_a_wrong_share_does_not_displace_the_right_one(made: Sealed) -> None:
    pool = Pool(pinned(made))
    add_shares(pool, [made.shares[0], altered(made.shares[0]), made.shares[1]])
    assert pool.quorum().unseal().plaintext == SECRET


def test_surplus_and_repeated_sheets_do_no_harm(made: Sealed) -> None:
    pool = Pool(pinned(made))
    add_shares(pool, [*made.shares, *made.shares])
    assert pool.quorum().unseal().plaintext == SECRET


def test_sheets_of_two_epochs_never_add_up(made: Sealed) -> None:
    other = deal(number=2)
    pool = Pool(pinned(made))
    add_envelope(pool, other.envelope)
    add_shares(pool, [made.shares[0], other.shares[1]])
    with pytest.raises(InsufficientShares):
        pool.quorum()


# --- what must not count ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [EpochStatus.VOID, EpochStatus.ABANDONED])
def test_sheets_of_an_epoch_that_is_over(made: Sealed, status: EpochStatus) -> None:
    living = deal(number=2)
    known = ledger_of((made, status), (living, EpochStatus.GOOD))
    for in_custody in (False, True):
        pool = Pool(known, in_custody=in_custody)
        add_envelope(pool, made.envelope)
        answers = add_shares(pool, made.shares)
        assert {answer.verdict for answer in answers} == {Verdict.VOID}
        assert str(status) in answers[0].message
        with pytest.raises(VoidShare):
            pool.quorum()


def test_sheets_of_an_epoch_that_is_over_beside_a_quorum_of_the_living(made: Sealed) -> None:
    living = deal(number=2)
    pool = Pool(ledger_of((made, EpochStatus.VOID), (living, EpochStatus.GOOD)))
    add_shares(pool, [*made.shares, *living.shares[:2]])
    assert pool.quorum().envelope == living.envelope


def test_a_voided_sheet_does_not_make_up_a_quorum(made: Sealed) -> None:
    pool = Pool(ledger_of((made, EpochStatus.GOOD), voided={"1.2": "seen by a visitor"}))
    assert [answer.verdict for answer in add_shares(pool, made.shares[:2])] == [Verdict.ACCEPTED, Verdict.VOID]
    with pytest.raises(InsufficientShares):
        pool.quorum()


def test_a_voided_sheet_relabelled_as_its_neighbour() -> None:
    made = deal(structure=TWO_LEVELS)
    *group_one, voided, neighbour = made.shares
    seat = write_seat((voided.group, voided.member))
    pool = Pool(ledger_of((made, EpochStatus.GOOD), voided={seat: "lost"}))
    add_shares(pool, group_one)
    assert pool.add(voided.to_text()).verdict is Verdict.VOID
    relabelled = replace(voided, member=neighbour.member)
    assert pool.add(relabelled.to_text()).verdict is Verdict.WRONG
    for group in (1, 2, 3):
        for member in (1, 2, 3, 4):
            posing = replace(voided, group=group, member=member)
            assert pool.add(posing.to_text()).verdict in (Verdict.WRONG, Verdict.VOID)
    assert not pool.complete()
    pool.add(neighbour.to_text())
    assert pool.quorum().unseal().plaintext == SECRET


def test_drill_cards_and_their_envelope_among_live_sheets(made: Sealed) -> None:
    drill = deal(Kind.DRILL)
    pool = Pool(pinned(made))
    assert add_envelope(pool, drill.envelope).verdict is Verdict.DRILL
    assert {answer.verdict for answer in add_shares(pool, drill.shares)} == {Verdict.DRILL}
    assert not pool.complete()
    add_shares(pool, made.shares)
    assert pool.quorum().envelope == made.envelope


def test_drill_cards_relabelled_as_live(made: Sealed) -> None:
    drill = deal(Kind.DRILL)
    live = [replace(share, kind=Kind.LIVE) for share in drill.shares]
    pool = Pool({})
    add_envelope(pool, drill.envelope)
    assert {answer.verdict for answer in add_shares(pool, live)} == {Verdict.WAITING}
    with pytest.raises(MissingEnvelope):
        pool.quorum()
    posing = [replace(share, epoch_id=made.envelope.core.epoch_id) for share in live]
    assert {answer.verdict for answer in add_shares(Pool(pinned(made)), posing)} == {Verdict.WRONG}


def test_live_sheets_in_a_rehearsal_are_named_and_not_kept(made: Sealed) -> None:
    drill = deal(Kind.DRILL)
    pool = Pool({}, kind=Kind.DRILL)
    add_envelope(pool, drill.envelope)
    assert {answer.verdict for answer in add_shares(pool, made.shares)} == {Verdict.LIVE}
    assert pool.have(made.envelope.core.epoch_id) == ()
    assert not pool.complete()


def test_no_answer_and_no_repr_holds_a_share_value(made: Sealed) -> None:
    pool = Pool(pinned(made))
    answers = add_shares(pool, [*made.shares, altered(made.shares[0])])
    shown = repr(answers) + repr(pool.quorum()) + repr(pool.__dict__)
    for share in made.shares:
        assert share.to_text()[20:60] not in shown
        assert share.value.reveal().hex() not in shown
        assert repr(share.value.reveal()) not in shown
