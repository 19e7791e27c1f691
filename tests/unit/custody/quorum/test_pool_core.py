# SPDX-License-Identifier: Apache-2.0
"""A set whose envelope was only typed: the shares confirm its core, one wrong share is named, a wrong core opens
nothing."""

import base64
import functools
import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from breakglass_shamir.crypto import cipher, keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody import confirm
from breakglass_shamir.custody.confirm import MAX_TRIES
from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.life import lifecycle
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records import record
from breakglass_shamir.custody.records.epochs import RecoveredCore
from breakglass_shamir.errors import (
    DecryptionFailed,
    EnvelopeConflict,
    IllegalState,
    InsufficientShares,
    InvalidRecord,
    MissingEnvelope,
    UnconfirmedMaster,
)
from breakglass_shamir.formats import seal as seals
from breakglass_shamir.formats import share, text
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import ReadShare, Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

SECRET = Secret(b"tinned beans")
TWO_OF_THREE = Structure(1, (Group(2, 3),))
THREE_OF_FIVE = Structure(1, (Group(3, 5),))
TWO_LEVELS = Structure(2, (Group(2, 3), Group(1, 2), Group(2, 2)))


@functools.cache
def deal(structure: Structure = TWO_OF_THREE, number: int = 1, kind: Kind = Kind.LIVE) -> Sealed:
    return seal(Facts(kind, "prod-db", number, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32))), SECRET)


FIRST = deal()
CORE = FIRST.envelope.core
SHORT = text.short_id(CORE.epoch_id)


def read(dealt: Share) -> ReadShare:
    return share.from_text(dealt.to_text())


def wrong(dealt: Share) -> Share:
    return replace(dealt, value=Secret(bytes(32)))


def pool_of(core: Core, shares: Iterable[Share], pool: Pool | None = None) -> tuple[Pool, list[Answer]]:
    pool = pool or Pool({})
    return pool, [pool.add_core(core), *(pool.add_share(read(one)) for one in shares)]


def pinned(made: Sealed = FIRST, **changes: Any) -> dict[bytes, Known]:
    envelope = made.envelope
    core = ConfirmedCore(envelope.core, envelope.set_public_key)
    known = Known("prod-db", 1, core, openable=True, good=True, state="", voided={})
    return {envelope.core.epoch_id: replace(known, **changes)}


def with_envelope(made: Sealed = FIRST) -> dict[bytes, Known]:
    return pinned(made, envelope=made.envelope)


def altered(core: Core) -> Core:
    return structs.replace(core, ciphertext=bytes(len(core.ciphertext)))


def second_sealing() -> Core:
    """Return a second core under one master: what a quorum holder can make, and nobody else."""
    master_key = seals._combine(CORE, {(s.group, s.member): s for s in FIRST.shares})
    other = structs.replace(CORE, epoch=7, ciphertext=b"")
    key, nonce = keys.credential_key(master_key, Kind.LIVE)
    return structs.replace(other, ciphertext=cipher.encrypt(key, nonce, other.header(), Secret(b"mine")))


# --- enough right shares ---------------------------------------------------------------------------------


def test_a_core_and_a_quorum_open_without_an_envelope() -> None:
    pool, answers = pool_of(CORE, FIRST.shares[:2])
    assert [answer.verdict for answer in answers] == [Verdict.ENVELOPE, Verdict.UNVERIFIED, Verdict.UNKNOWN]
    assert answers[0].message == (
        f"the envelope's lines, epoch 1 of set {SHORT}: read; without the envelope code only a quorum can verify them"
    )
    assert answers[1].message == f"sheet 1.1 of set {SHORT}, epoch 1: read, verified when a quorum is there (1 of 2)"
    assert answers[2].message == (
        f"sheet 1.2 of set {SHORT}, epoch 1: read; sheets 1.1, 1.2 open it; this terminal does not know the set"
    )
    found = pool.quorum()
    assert (found.set_name, found.envelope, found.known, found.sheets) == ("", None, False, ("1.1", "1.2"))
    assert (found.core, found.set_public_key) == (CORE, FIRST.envelope.set_public_key)
    assert found.unseal().plaintext == SECRET


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_core_and_shares_come_in_any_order(order: tuple[int, ...]) -> None:
    pool = Pool({})
    for item in order:
        if item == 0:
            pool.add_core(CORE)
        else:
            pool.add_share(read(FIRST.shares[item]))
    assert pool.complete()
    assert pool.quorum().sheets == ("1.2", "1.3")


@pytest.mark.parametrize("structure", [THREE_OF_FIVE, TWO_LEVELS])
def test_every_minimal_quorum_opens_by_its_core(structure: Structure) -> None:
    made = deal(structure)
    by_seat = {(one.group, one.member): one for one in made.shares}
    for seats in structure.minimal_quorums():
        pool, _ = pool_of(made.envelope.core, [by_seat[seat] for seat in seats])
        assert pool.quorum().unseal().plaintext == SECRET


def test_too_few_shares_say_what_is_needed() -> None:
    pool, _ = pool_of(CORE, FIRST.shares[:1])
    assert not pool.complete()
    assert pool.have(CORE.epoch_id) == ()
    with pytest.raises(InsufficientShares, match="expected any 2 of these 3 sheets, got 1 of 2"):
        pool.quorum()
    with pytest.raises(InsufficientShares):
        pool_of(CORE, [])[0].quorum()


def test_shares_without_a_core_still_ask_for_an_envelope() -> None:
    pool = Pool({})
    assert not pool.lacks_envelope()
    pool.add_share(read(FIRST.shares[0]))
    assert pool.lacks_envelope()
    with pytest.raises(MissingEnvelope):
        pool.quorum()
    pool.add_core(CORE)
    assert not pool.lacks_envelope()


def test_the_same_core_and_the_same_share_again() -> None:
    pool, _ = pool_of(CORE, FIRST.shares[:1])
    assert pool.add_core(CORE).verdict is Verdict.SEEN
    assert pool.add_share(read(FIRST.shares[0])).verdict is Verdict.SEEN
    pool.add_share(read(FIRST.shares[1]))
    assert pool.add_share(read(FIRST.shares[1])).verdict is Verdict.SEEN
    assert pool.add_core(CORE).verdict is Verdict.SEEN


def test_a_further_share_is_held_against_the_quorum() -> None:
    pool, _ = pool_of(CORE, FIRST.shares[:2])
    assert pool.add_share(read(FIRST.shares[2])).verdict is Verdict.UNKNOWN
    assert pool.quorum().sheets == ("1.1", "1.2", "1.3")
    pool, _ = pool_of(CORE, FIRST.shares[:2])
    answer = pool.add_share(read(wrong(FIRST.shares[2])))
    message = f"share {SHORT} 1.3 does not combine with the sheets that open: it was altered or misread; it is left out"
    assert (answer.verdict, answer.message) == (Verdict.WRONG, message)
    assert pool.quorum().sheets == ("1.1", "1.2")


def test_a_share_of_a_group_that_is_not_needed_cannot_be_told() -> None:
    made = deal(Structure(1, (Group(2, 2), Group(2, 2))))
    pool, _ = pool_of(made.envelope.core, made.shares[:2])
    answer = pool.add_share(read(made.shares[2]))
    assert "is not needed, and nothing can verify it" in answer.message
    assert pool.quorum().sheets == ("1.1", "1.2")


# --- wrong shares ----------------------------------------------------------------------------------------


def test_one_wrong_share_among_enough_is_left_out_and_named() -> None:
    for bad in range(3):
        shares = [wrong(one) if i == bad else one for i, one in enumerate(FIRST.shares)]
        pool, answers = pool_of(CORE, shares)
        name = f"share {SHORT} 1.{bad + 1}"
        named = f"{name} does not combine with the sheets that open" if bad == 2 else f"{name} is wrong and left out"
        assert named in answers[-1].message
        assert pool.quorum().sheets == tuple(f"1.{i + 1}" for i in range(3) if i != bad)
        assert pool.quorum().unseal().plaintext == SECRET


def test_two_wrong_shares_of_five() -> None:
    made = deal(THREE_OF_FIVE)
    for bad in itertools.combinations(range(5), 2):
        shares = [wrong(one) if i in bad else one for i, one in enumerate(made.shares)]
        assert pool_of(made.envelope.core, shares)[0].quorum().unseal().plaintext == SECRET


def test_a_wrong_share_first_among_many_does_not_use_up_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    made = deal(Structure(1, (Group(10, 20),)))
    tried = 0
    unseal = seals.unseal

    def counted(*args: Any) -> seals.Unsealed:
        nonlocal tried
        tried += 1
        return unseal(*args)

    monkeypatch.setattr(seals, "unseal", counted)
    options = {(one.group, one.member): [one] for one in (wrong(made.shares[0]), *made.shares[1:])}
    assert confirm.confirm(made.envelope.core, options) is not None
    assert tried <= 20


def test_a_wrong_share_in_each_of_two_groups() -> None:
    made = deal(Structure(2, (Group(2, 4), Group(2, 4))))
    shares = [wrong(one) if one.member == 1 else one for one in made.shares]
    assert pool_of(made.envelope.core, shares)[0].quorum().unseal().plaintext == SECRET


def test_wrong_shares_in_two_large_groups_do_not_use_up_the_tries() -> None:
    made = deal(Structure(2, (Group(5, 12), Group(5, 12))))
    shares = [wrong(one) if one.member == 5 else one for one in made.shares]
    options = {(one.group, one.member): [one] for one in shares}
    assert confirm.confirm(made.envelope.core, options) is not None


def test_two_values_for_one_seat_are_both_tried() -> None:
    shares = [wrong(FIRST.shares[0]), FIRST.shares[0], FIRST.shares[1]]
    pool, answers = pool_of(CORE, shares)
    assert pool.quorum().unseal().plaintext == SECRET
    assert f"share {SHORT} 1.1 is wrong and left out" in answers[-1].message


@pytest.mark.parametrize("structure", [Structure(1, (Group(10, 20),)), Structure(2, (Group(5, 12), Group(5, 12)))])
def test_the_search_is_bounded(structure: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    made = deal(structure)
    tried = 0

    def refuse(*_: Any) -> None:
        nonlocal tried
        tried += 1
        raise UnconfirmedMaster("no")

    monkeypatch.setattr(seals, "unseal", refuse)
    options = {(one.group, one.member): [one] for one in made.shares}
    assert confirm.confirm(made.envelope.core, options) is None
    assert tried == MAX_TRIES


def test_enough_shares_of_which_too_many_are_wrong() -> None:
    pool, answers = pool_of(CORE, [FIRST.shares[0], wrong(FIRST.shares[1])])
    assert answers[-1].verdict is Verdict.UNVERIFIED
    assert "enough sheets, but they do not combine" in answers[-1].message
    assert not pool.complete()
    with pytest.raises(UnconfirmedMaster, match="one of them, or a typed line of the envelope, is wrong"):
        pool.quorum()


def test_a_share_that_reads_in_several_ways_is_decided_by_the_quorum() -> None:
    rows = {number: line for number, line in enumerate(rows_of(FIRST.shares[0]), 1) if number != 3}
    rows[2] = ("A" if rows[2][0] != "A" else "B") + rows[2][1:]
    several = share.relaxed_from_lines(rows)
    assert len(several) > 1
    pool, _ = pool_of(CORE, FIRST.shares[1:2])
    answer = pool.add_share(*several)
    assert answer.verdict is Verdict.UNKNOWN
    assert pool.quorum().unseal().plaintext == SECRET
    waiting = Pool({})
    assert waiting.add_share(*several).verdict is Verdict.WAITING
    assert waiting.add_share(*several).verdict is Verdict.SEEN
    waiting.add_share(read(FIRST.shares[1]))
    assert "sheets 1.1, 1.2 open it" in waiting.add_core(CORE).message


def rows_of(dealt: Share) -> list[str]:
    return [text.read_line(line)[0] for line in dealt.to_lines()]


# --- wrong cores -----------------------------------------------------------------------------------------


def test_a_polluted_core_opens_nothing_and_is_named_once_the_shares_combine() -> None:
    pool, answers = pool_of(altered(CORE), FIRST.shares)
    assert "the sheets combine, but the typed envelope is not the one that was printed" in answers[2].message
    with pytest.raises(DecryptionFailed, match="a line of it is wrong"):
        pool.quorum()
    assert pool.add_core(CORE).verdict is Verdict.UNKNOWN
    assert pool.quorum().core == CORE
    assert pool.quorum().unseal().plaintext == SECRET


def test_a_core_with_another_structure_opens_nothing() -> None:
    for structure in (Structure(1, (Group(3, 3),)), Structure(1, (Group(2, 9),)), Structure(2, (Group(2, 3),) * 2)):
        pool, _ = pool_of(structs.replace(CORE, structure=structure), FIRST.shares)
        assert not pool.complete()


def test_of_two_cores_typed_for_one_epoch_the_shares_tell_which_is_right() -> None:
    for first, second in ((CORE, altered(CORE)), (altered(CORE), CORE)):
        pool = Pool({})
        pool.add_core(first)
        assert "differ from those typed before" in pool.add_core(second).message
        for one in FIRST.shares[:2]:
            pool.add_share(read(one))
        assert pool.quorum().core == CORE


def test_a_core_of_another_epoch_confirms_no_share_of_this_one() -> None:
    other = deal(number=2)
    pool, answers = pool_of(other.envelope.core, FIRST.shares)
    assert [answer.verdict for answer in answers[1:]] == [Verdict.WAITING] * 3
    with pytest.raises(MissingEnvelope):
        pool.quorum()


def test_a_core_that_claims_another_epochs_id_opens_nothing() -> None:
    forged = structs.replace(deal(number=2).envelope.core, epoch_id=CORE.epoch_id)
    pool, _ = pool_of(forged, FIRST.shares)
    with pytest.raises(DecryptionFailed):
        pool.quorum()


def test_a_forged_core_under_a_known_epoch_id_is_a_conflict_and_left_out() -> None:
    for known in (with_envelope(), pinned()):
        pool, answers = pool_of(altered(CORE), FIRST.shares, Pool(known))
        assert answers[0].verdict is Verdict.CONFLICT
        assert "differ from the envelope already known; they are left out" in answers[0].message
        assert pool.quorum().core == CORE
        assert pool.quorum().unseal().plaintext == SECRET


def test_a_second_core_that_opens_too_is_an_integrity_error() -> None:
    second = second_sealing()
    assert seals.unseal(second, FIRST.shares).plaintext == Secret(b"mine")
    for known in (with_envelope(), pinned(), {}):
        pool = Pool(known)
        pool.add_core(CORE)
        pool.add_core(second)
        for one in FIRST.shares:
            pool.add_share(read(one))
        with pytest.raises(EnvelopeConflict, match=f"two different valid envelopes carry the epoch id {SHORT}"):
            pool.quorum()


def test_a_drill_core_is_not_what_is_needed() -> None:
    drill = deal(kind=Kind.DRILL).envelope.core
    assert Pool({}).add_core(drill).verdict is Verdict.DRILL
    assert Pool({}, kind=Kind.DRILL).add_core(drill).verdict is Verdict.ENVELOPE


# --- with what else is known -----------------------------------------------------------------------------


def test_the_ledgers_envelope_is_used_anyway() -> None:
    pool, answers = pool_of(CORE, FIRST.shares[:2], Pool(with_envelope()))
    assert [answer.verdict for answer in answers] == [Verdict.SEEN, Verdict.ACCEPTED, Verdict.ACCEPTED]
    assert pool.quorum().envelope == FIRST.envelope
    assert pool.quorum().set_name == "prod-db"


def test_a_set_that_was_only_typed_before_is_opened_by_its_pinned_core() -> None:
    pool = Pool(pinned(), set_name="prod-db")
    answers = [pool.add_share(read(one)) for one in FIRST.shares[:2]]
    assert [answer.verdict for answer in answers] == [Verdict.UNVERIFIED, Verdict.ACCEPTED]
    found = pool.quorum()
    assert (found.set_name, found.known, found.envelope) == ("prod-db", True, None)
    assert pool.have(CORE.epoch_id) == ((1, 1), (1, 2))


def test_a_key_that_is_not_the_pinned_one_confirms_nothing() -> None:
    other = ConfirmedCore(CORE, bytes(32))
    pool = Pool(pinned(envelope=other))
    for one in FIRST.shares:
        pool.add_share(read(one))
    assert not pool.complete()


def test_void_sheets_stay_void_whatever_is_typed() -> None:
    pool, answers = pool_of(CORE, FIRST.shares[:2], Pool(pinned(voided={(1, 2): "lost"})))
    assert answers[-1].verdict is Verdict.VOID
    assert not pool.complete()


def test_an_envelope_code_takes_the_place_of_the_lines() -> None:
    (code,) = FIRST.envelope.to_codes()
    for known in ({}, pinned()):
        pool, _ = pool_of(CORE, FIRST.shares, Pool(known))
        answer = pool.add(code)
        assert answer.verdict is Verdict.ENVELOPE
        assert "seen already" not in answer.message
        assert pool.quorum().envelope == FIRST.envelope
        assert pool.quorum().sheets == ("1.1", "1.2", "1.3")
    pool, _ = pool_of(altered(CORE), FIRST.shares)
    assert "the lines typed before differ from it and are left out" in pool.add(code).message
    assert pool.quorum().envelope == FIRST.envelope


def test_an_envelope_whose_core_is_not_the_pinned_one_is_a_conflict() -> None:
    key = seals.unseal(CORE, FIRST.shares).set_key
    (code,) = structs.replace(FIRST.envelope, core=second_sealing()).signed_by(key).to_codes()
    pool, _ = pool_of(CORE, FIRST.shares, Pool(pinned()))
    assert pool.add(code).verdict is Verdict.CONFLICT
    with pytest.raises(EnvelopeConflict):
        pool.quorum()


def test_a_known_epoch_and_a_verified_envelope_come_first() -> None:
    second, third = deal(number=2), deal(number=3)
    pool = Pool(with_envelope(third))
    for made in (FIRST, second, third):
        for one in made.shares:
            pool.add_share(read(one))
    pool.add_core(CORE)
    assert pool.quorum().core == third.envelope.core
    (code,) = second.envelope.to_codes()
    pool = Pool({})
    pool_of(CORE, FIRST.shares, pool)
    pool.add(code)
    for one in second.shares:
        pool.add_share(read(one))
    assert pool.quorum().core == second.envelope.core


# --- its record ------------------------------------------------------------------------------------------


def recovered(**changes: Any) -> RecoveredCore:
    fields: dict[str, Any] = {
        "epoch": 1,
        "epoch_id": CORE.epoch_id.hex(),
        "set_public_key": FIRST.envelope.set_public_key.hex(),
        "core": base64.b64encode(CORE.to_bytes()).decode(),
    }
    return RecoveredCore(**{**fields, **changes})


def applied(body: record.AnyBody, state: LedgerState | None = None) -> LedgerState:
    entry = record.Record(
        v=1, log="00" * 8, seq=0, previous="", root="", time="2026-01-01T00:00:00Z", boot="b", uptime_ms=0,
        set="prod-db", opening="", body=body,
    )  # fmt: skip
    return lifecycle.apply(state or LedgerState(), entry.to_bytes(), entry)


def test_a_recovered_core_begins_a_set_that_can_be_opened() -> None:
    state = applied(recovered()).of("prod-db")
    epoch = state.current_epoch
    assert (epoch.recovered, epoch.number, epoch.envelope_sha256) == (True, 1, "")
    assert (epoch.envelope.core, epoch.envelope.set_public_key) == (CORE, FIRST.envelope.set_public_key)
    assert state.openable(epoch.epoch_id)
    with pytest.raises(IllegalState, match="this epoch is in the ledger already"):
        applied(recovered(), applied(recovered()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 2}, "the record and its core do not agree"),
        ({"epoch_id": "00" * 8}, "the record and its core do not agree"),
        ({"set_public_key": "00" * 32}, "the record and its core do not agree"),
        ({"set_public_key": FIRST.envelope.set_public_key.hex().upper()}, "the record and its core do not agree"),
        (
            {
                "epoch_id": deal(number=2).envelope.core.epoch_id.hex(),
                "set_public_key": deal(number=2).envelope.set_public_key.hex(),
            },
            "the record and its core do not agree",
        ),
        ({"set_public_key": "no"}, "the record's key is not hexadecimal"),
        ({"core": "é"}, "the record's core is not base64"),
        ({"core": ""}, "the record's core does not hold"),
        ({"core": base64.b64encode(CORE.to_bytes() + b"x").decode()}, "the record's core does not hold"),
        (
            {"core": base64.b64encode(deal(kind=Kind.DRILL).envelope.core.to_bytes()).decode()},
            "expected a live core, got one of a drill",
        ),
    ],
)
def test_a_recovered_core_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRecord, match=message):
        applied(recovered(**changes))
