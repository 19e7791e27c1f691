# SPDX-License-Identifier: Apache-2.0
"""The pool answers every scan at once, in words, and gives out a quorum of verified shares only."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from breakglass_shamir.crypto import cipher, keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, LedgerState, SetState
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known, known_epochs
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import EnvelopeConflict, InsufficientShares, MissingEnvelope, VoidShare
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Checkpoint, Envelope
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Seat, Structure
from breakglass_shamir.hygiene import Secret

ENVELOPE_NEXT = (
    "read whole; now the envelope of its set: scan the large code of any sheet, or type lines 5, 6, 7 and on from the "
    "back of any sheet"
)

TWO_OF_THREE = Structure(1, (Group(2, 3),))
TWO_LEVELS = Structure(2, (Group(2, 3), Group(1, 2)))
SECRET = Secret(b"tinned beans")


@functools.cache
def deal(number: int = 1, kind: Kind = Kind.LIVE, structure: Structure = TWO_OF_THREE, name: str = "prod-db") -> Sealed:
    return seal(Facts(kind, name, number, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32))), SECRET)


def known(made: Sealed, *, openable: bool = True, good: bool = True, state: str = "",
          voided: Mapping[Seat, str] | None = None) -> dict[bytes, Known]:  # fmt: skip
    envelope = made.envelope
    entry = Known(envelope.set_name, envelope.core.epoch, envelope, openable, good, state, voided or {})
    return {envelope.core.epoch_id: entry}


def codes(made: Sealed) -> list[str]:
    return [share.to_text() for share in made.shares]


def envelope_code(made: Sealed) -> str:
    (code,) = made.envelope.to_codes()
    return code


def wrong(share: Share) -> Share:
    return replace(share, value=Secret(bytes(32)))


def says(answer: Answer, verdict: Verdict, message: str) -> bool:
    assert (answer.verdict, answer.message) == (verdict, message)
    return True


FIRST = deal()
SHORT = text.short_id(FIRST.envelope.core.epoch_id)


def test_accepted_and_how_many_are_still_needed() -> None:
    pool = Pool(known(FIRST))
    one, two, three = codes(FIRST)
    assert says(pool.add(one), Verdict.ACCEPTED, "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2)")
    assert not pool.complete()
    assert says(pool.add(three), Verdict.ACCEPTED, "sheet 1.3 of prod-db, epoch 1: accepted (2 of 2)")
    assert pool.complete()
    assert says(pool.add(two), Verdict.ACCEPTED, "sheet 1.2 of prod-db, epoch 1: accepted (2 of 2 and 1 more)")
    quorum = pool.quorum()
    assert (quorum.sheets, quorum.known) == (("1.1", "1.2", "1.3"), True)
    assert quorum.unseal().plaintext == SECRET


def test_progress_is_told_group_by_group() -> None:
    made = deal(structure=TWO_LEVELS)
    pool = Pool(known(made))
    message = "sheet 2.1 of prod-db, epoch 1: accepted (0 of 2 in group 1, 1 of 1 in group 2)"
    assert says(pool.add(made.shares[3].to_text()), Verdict.ACCEPTED, message)
    with pytest.raises(InsufficientShares, match=r"got 0 of 2 in group 1, 1 of 1 in group 2"):
        pool.quorum()


def test_seen_already() -> None:
    pool = Pool(known(FIRST))
    pool.add(codes(FIRST)[0])
    assert says(pool.add(codes(FIRST)[0]), Verdict.SEEN, "sheet 1.1: seen already")
    assert pool.have(FIRST.envelope.core.epoch_id) == ((1, 1),)
    assert says(pool.add(envelope_code(FIRST)), Verdict.SEEN, "the envelope of prod-db, epoch 1: known")


def test_waiting_for_an_envelope() -> None:
    pool = Pool({})
    name = f"share {SHORT} 1.1"
    message = f"{name}: {ENVELOPE_NEXT}"
    assert says(pool.add(codes(FIRST)[0]), Verdict.WAITING, message)
    assert says(pool.add(codes(FIRST)[0]), Verdict.SEEN, "seen already")
    with pytest.raises(MissingEnvelope, match="shares were read, but no envelope"):
        pool.quorum()


def test_an_unreliable_reading_names_no_set_while_it_waits() -> None:
    body = codes(FIRST)[0]
    damaged = body[:5] + "?" * 25 + body[30:]
    answer = Pool({}).add(damaged)
    assert says(
        answer,
        Verdict.WAITING,
        f"a share, {ENVELOPE_NEXT}",
    )
    repaired = Pool(known(FIRST)).add(damaged)
    assert says(repaired, Verdict.ACCEPTED, "sheet 1.1 of prod-db, epoch 1: accepted, 25 characters repaired (1 of 2)")


def test_an_unknown_set_is_collected_and_said() -> None:
    pool = Pool({})
    assert says(pool.add(envelope_code(FIRST)), Verdict.ENVELOPE, "the envelope of prod-db, epoch 1: read")
    message = "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2); this terminal does not know the set"
    assert says(pool.add(codes(FIRST)[0]), Verdict.UNKNOWN, message)
    pool.add(codes(FIRST)[1])
    assert not pool.quorum().known
    assert pool.quorum().unseal().plaintext == SECRET


def test_another_set() -> None:
    message = "sheet 1.1 of prod-db, epoch 1: another set, not mail"
    assert says(Pool(known(FIRST), set_name="mail").add(codes(FIRST)[0]), Verdict.OTHER_SET, message)
    pool = Pool({}, set_name="mail")
    pool.add(envelope_code(FIRST))
    assert says(pool.add(codes(FIRST)[0]), Verdict.OTHER_SET, "a sheet of prod-db: another set, not mail")
    assert not pool.complete()


def test_void_abandoned_and_not_yet_in_force() -> None:
    for words, good in (("void since 2026-01-01 10:00", False), ("printed but not yet in force", True)):
        pool = Pool(known(FIRST, openable=False, good=good, state=words))
        message = f"sheet 1.1 of prod-db, epoch 1: {words}; it opens nothing"
        assert says(pool.add(codes(FIRST)[0]), Verdict.VOID, message)
        with pytest.raises(VoidShare, match=f"these sheets open nothing: epoch 1 of prod-db is {words}"):
            pool.quorum()


def test_only_void_sheets_and_which_to_bring_instead() -> None:
    second = deal(2)
    pool = Pool({**known(FIRST, openable=False, good=False, state="void since x"), **known(second)})
    pool.add(codes(FIRST)[0])
    with pytest.raises(VoidShare) as refused:
        pool.quorum()
    assert refused.value.hint == "bring the sheets of epoch 2 of prod-db"


def test_a_single_voided_sheet() -> None:
    pool = Pool(known(FIRST, voided={(1, 2): "seen by a visitor"}))
    message = "sheet 1.2 of prod-db, epoch 1: this sheet was voided (seen by a visitor)"
    assert says(pool.add(codes(FIRST)[1]), Verdict.VOID, message)
    assert pool.have(FIRST.envelope.core.epoch_id) == ()


def test_drill_and_live_never_mix() -> None:
    drill = deal(kind=Kind.DRILL)
    pool = Pool(known(FIRST))
    message = "a drill code, not the live one: the live code is on the sheet in the bag"
    assert says(pool.add(codes(drill)[0]), Verdict.DRILL, message)
    message = "the envelope of prod-db, epoch 1, is drill: not what is needed here"
    assert says(pool.add(envelope_code(drill)), Verdict.DRILL, message)
    rehearsal = Pool({}, kind=Kind.DRILL)
    message = "a live code in a drill: put sheet 1.1 into a new bag, it was exposed"
    assert says(rehearsal.add(codes(FIRST)[0]), Verdict.LIVE, message)
    rehearsal.add(envelope_code(drill))
    for code in codes(drill)[:2]:
        rehearsal.add(code)
    assert rehearsal.complete()


def test_a_wrong_share_is_named_and_left_out() -> None:
    pool = Pool(known(FIRST))
    message = f"share {SHORT} 1.1 is not the one that was printed: it was altered or misread; it is left out"
    assert says(pool.add(wrong(FIRST.shares[0]).to_text()), Verdict.WRONG, message)
    nowhere = replace(FIRST.shares[0], member=9)
    message = f"share {SHORT} 1.9 does not exist in this epoch; it is left out"
    assert says(pool.add(nowhere.to_text()), Verdict.WRONG, message)
    assert pool.have(FIRST.envelope.core.epoch_id) == ()


def test_damaged() -> None:
    answer = Pool({}).add(codes(FIRST)[0][:-1])
    message = "a code of ours, but damaged: expected a share of 96 characters, got 95"
    assert says(answer, Verdict.DAMAGED, message)
    assert Pool({}).add(envelope_code(FIRST)[:-8]).verdict is Verdict.DAMAGED
    assert Pool({}).add("BGS1:").verdict is Verdict.DAMAGED


@pytest.mark.parametrize("code", ["", "BGS", "https://example.com", "BGX1:ABC", "\x00", "日本"])
def test_not_ours(code: str) -> None:
    assert says(Pool(known(FIRST)).add(code), Verdict.FOREIGN, "a code that is not one of ours")


def test_lower_case_and_spaces_are_forgiven() -> None:
    assert Pool(known(FIRST)).add(f"  {codes(FIRST)[0].lower()}\n").verdict is Verdict.ACCEPTED


def test_parts_of_a_long_envelope() -> None:
    made = deal(structure=Structure(1, (Group(2, 40),)))
    first, second = made.envelope.to_codes()
    pool = Pool({})
    message = "part of an envelope; still missing: envelope codes [1] of 2"
    assert says(pool.add(second), Verdict.ENVELOPE, message)
    assert says(pool.add(first), Verdict.ENVELOPE, "the envelope of prod-db, epoch 1: read")


def resealed(made: Sealed) -> Envelope:
    """Return a second valid envelope of the same epoch, as a quorum holder can sign one."""
    from breakglass_shamir.formats.seal import unseal

    key = unseal(made.envelope.core, made.shares).set_key
    return structs.replace(made.envelope, policy_digest=b"x" * 32).signed_by(key)


def test_a_second_envelope_stands_back_behind_the_pinned_one() -> None:
    pool = Pool(known(FIRST))
    (code,) = resealed(FIRST).to_codes()
    message = (
        "the envelope of prod-db, epoch 1, is valid but not the one that this ledger pins: somebody with a quorum "
        "signed a second one; it is left out, keep the page"
    )
    assert says(pool.add(code), Verdict.CONFLICT, message)
    for share in codes(FIRST):
        pool.add(share)
    assert pool.quorum().envelope == FIRST.envelope
    assert pool.rivals == [message]


@pytest.mark.parametrize("first", [True, False])
def test_without_a_pin_two_envelopes_conflict_whichever_came_first(first: bool) -> None:
    learned = {epoch_id: replace(one, pinned=False) for epoch_id, one in known(FIRST).items()}
    pool = Pool({} if first else learned)
    pool.add(envelope_code(FIRST))
    (code,) = resealed(FIRST).to_codes()
    message = "the envelope of prod-db, epoch 1, differs from the one already known"
    assert says(pool.add(code), Verdict.CONFLICT, message)
    for share in codes(FIRST):
        pool.add(share)
    with pytest.raises(EnvelopeConflict, match=f"two different valid envelopes carry the epoch id {SHORT}"):
        pool.quorum()


def test_an_unknown_epoch_of_a_known_set_is_told_from_an_unknown_set() -> None:
    pool, second = Pool(known(FIRST)), deal(number=2)
    pool.add(envelope_code(second))
    message = (
        "sheet 1.1 of prod-db, epoch 2: accepted (1 of 2); this terminal does not know the epoch, but others of prod-db"
    )
    assert says(pool.add(codes(second)[0]), Verdict.UNKNOWN, message)


def test_a_voided_sheet_says_when() -> None:
    entries = {
        epoch_id: replace(one, voided={(1, 2): "seen by a visitor"}, voided_on={(1, 2): "2026-01-02"})
        for epoch_id, one in known(FIRST).items()
    }
    message = "sheet 1.2 of prod-db, epoch 1: this sheet was voided on 2026-01-02 (seen by a visitor)"
    assert says(Pool(entries).add(codes(FIRST)[1]), Verdict.VOID, message)


def test_every_verdict_is_covered_here() -> None:
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [verdict.name for verdict in Verdict if f"Verdict.{verdict.name}" not in source] == []


def test_reading_sheets_back_counts_an_epoch_that_is_not_in_force_yet() -> None:
    prepared = known(FIRST, openable=False, state="printed but not yet in force")
    pool = Pool(prepared, in_custody=True)
    message = "sheet 1.1 of prod-db, epoch 1: verified (1 of 3 sheets)"
    assert says(pool.add(codes(FIRST)[0]), Verdict.ACCEPTED, message)
    void = Pool(known(FIRST, openable=False, good=False, state="void since x"), in_custody=True)
    assert void.add(codes(FIRST)[0]).verdict is Verdict.VOID


def test_a_known_epoch_comes_before_an_unknown_one() -> None:
    second = deal(2)
    pool = Pool(known(FIRST))
    pool.add(envelope_code(second))
    for code in [*codes(second)[:2], *codes(FIRST)[:2]]:
        pool.add(code)
    assert pool.quorum().envelope == FIRST.envelope
    assert pool.quorum(second.envelope.core.epoch_id).envelope == second.envelope
    with pytest.raises(InsufficientShares):
        pool.quorum(bytes(8))


def test_nothing_at_all() -> None:
    with pytest.raises(InsufficientShares, match="no quorum: no share that counts was read"):
        Pool(known(FIRST)).quorum()


def test_what_the_ledger_knows_becomes_what_the_pool_knows() -> None:
    second = deal(2)
    one, two = (made.envelope.core.epoch_id.hex() for made in (FIRST, second))
    epochs = {
        one: EpochState(1, FIRST.envelope, "", "", {}, EpochStatus.VOID, "2026-01-01T10:00:59Z"),
        two: EpochState(2, second.envelope, "", one, {}, EpochStatus.GOOD, "", voided={"1.2": "lost"}),
    }
    current = SetState("prod-db", epochs=epochs, current=two)
    found = known_epochs(LedgerState(sets={"prod-db": current}))
    old, new = found[bytes.fromhex(one)], found[bytes.fromhex(two)]
    assert (old.openable, old.good, old.state) == (False, False, "void since 2026-01-01 10:00")
    assert (new.openable, new.good, new.state, new.voided) == (True, True, "", {(1, 2): "lost"})
    waiting = known_epochs(LedgerState(sets={"prod-db": structs.replace(current, current="", prepared=two)}))
    assert waiting[bytes.fromhex(two)].state == "printed but not yet in force"


def test_the_cipher_is_not_asked_before_the_key_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(cipher, "decrypt", lambda key, *_: asked.append(key))
    monkeypatch.setattr(keys, "epoch_id_of", lambda _: bytes(8))
    pool = Pool(known(FIRST))
    for code in codes(FIRST):
        pool.add(code)
    with pytest.raises(Exception, match="do not combine"):
        pool.quorum().unseal()
    assert asked == []


def test_another_pool_takes_over_what_was_read_and_judges_it_anew() -> None:
    """A voided sheet, a damaged code and a stranger's share, too; what was seen already is taken once."""
    pool = Pool(known(FIRST, voided={(1, 1): "lost"}))
    one, two, three = codes(FIRST)
    stranger = deal(name="other")
    for code in (one, two, two, "https://example.com", codes(stranger)[0], envelope_code(stranger)):
        pool.add(code)
    assert not pool.complete()
    later = Pool(known(FIRST, voided={(1, 1): "lost"}), void_too=True)
    later.take_over(pool)
    assert later.quorum().sheets == ("1.1", "1.2")
    assert later.taken == pool.taken == 4
    third = Pool(known(FIRST))
    third.take_over(later)
    third.add(codes(stranger)[1])
    assert third.quorum(stranger.envelope.core.epoch_id).unseal().plaintext == SECRET
    assert third.add(three).verdict is Verdict.ACCEPTED


def test_of_a_printing_every_sheet_is_wanted() -> None:
    epoch_id = FIRST.envelope.core.epoch_id
    pool = Pool(known(FIRST), in_custody=True, set_name="prod-db", read_back={epoch_id: {(1, 2)}})
    (tally,) = pool.tallies()
    assert (tally.whole, tally.present, tally.more) == (True, 1, 2)
    assert tally.groups[0].missing == ("1.1", "1.3")
    pool.add(codes(FIRST)[0])
    (tally,) = pool.tallies()
    assert (tally.present, tally.more, tally.groups[0].missing) == (2, 1, ("1.3",))
    assert Pool(known(FIRST), in_custody=True, read_back={epoch_id: {(1, 1), (1, 2), (1, 3)}}).tallies() == ()
