# SPDX-License-Identifier: Apache-2.0
"""Records of drills and ceremonies: what each changes where it may follow, and the words that refuse it."""

import base64
from typing import Any

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life.state import Phase
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed, RollCall
from breakglass_shamir.custody.records.openings import UseEnded
from breakglass_shamir.custody.records.rotations import Applying, Countersigned, OldDead
from breakglass_shamir.custody.records.sheets import Acknowledged, Destroyed, Noted, ReadBack, SheetVoided
from breakglass_shamir.errors import BreakglassError, InvalidRecord
from tests.unit.custody.life.test_lifecycle import (
    FIRST,
    ONE,
    SECOND,
    TWO,
    USE_ENDED,
    Book,
    at_issued,
    deal,
    declared,
    issued,
    opened,
    started,
)


def roll_call(sheet: str = "1.1", result: str = "pass", **changes: Any) -> RollCall:
    fields: dict[str, Any] = {
        "epoch_id": ONE, "sheet": sheet, "custodian": "North", "level": "seal", "bag": "B-1", "health": "",
        "used_percent": 0, "result": result, "reasons": () if result == "pass" else ("torn",),
    }  # fmt: skip
    return RollCall(**{**fields, **changes})


def rehearsed(**changes: Any) -> Rehearsed:
    fields: dict[str, Any] = {
        "epoch_id": ONE, "sheets": ("1.1", "1.3"), "live": (), "steps_ms": {"quorum": 5}, "result": "pass",
        "reasons": (),
    }  # fmt: skip
    return Rehearsed(**{**fields, **changes})


def drill_ended(**changes: Any) -> DrillEnded:
    fields: dict[str, Any] = {
        "drill": "access", "epoch_id": ONE, "login": "", "steps_ms": {}, "result": "fail", "reasons": ("no quorum",),
    }  # fmt: skip
    return DrillEnded(**{**fields, **changes})


def at_drill() -> Book:
    return at_issued().add(declared("drill"))


def test_a_roll_call_verifies_a_sheet_and_remembers_its_bag() -> None:
    book = at_issued().add(roll_call())
    sheet = book.set.history.sheet(ONE, "1.1")
    assert (sheet.bag, sheet.failed) == ("B-1", False)
    assert sheet.verified == book.state.last


def test_a_bag_with_another_serial_does_not_replace_the_one_on_record() -> None:
    book = at_issued().add(roll_call()).add(roll_call(result="fail", bag="B-9"))
    assert book.set.history.sheet(ONE, "1.1").bag == "B-1"
    assert book.set.history.sheet(ONE, "1.1").failed


def test_what_a_roll_call_may_not_say() -> None:
    book = at_issued()
    book.refuse(roll_call("1.9"), "expected a sheet of epoch 1 (1.1, 1.2, 1.3), got 1.9")
    book.refuse(roll_call(epoch_id=TWO), "this epoch is void, abandoned or unknown")
    for wrong in ({"level": "deep"}, {"health": "fine"}, {"used_percent": 101}, {"used_percent": -1}):
        words = "the roll-call's level, health or percentage is none there is"
        book.refuse(roll_call(**wrong), words, InvalidRecord)
    words = "a drill that passed has no reasons, any other has"
    book.refuse(roll_call(reasons=("r",)), words, InvalidRecord)
    book.refuse(roll_call(result="fail", reasons=()), words, InvalidRecord)
    words = "expected a result of pass, warning, fail, got 'fine'"
    book.refuse(roll_call(result="fine", reasons=("r",)), words, InvalidRecord)


def test_the_roll_call_of_a_void_sheet_can_only_fail() -> None:
    book = at_issued().add(SheetVoided(epoch_id=ONE, sheet="1.1", reason="lost"))
    book.refuse(roll_call(), "sheet 1.1 of epoch 1 is void")
    book.add(roll_call(result="fail"))


def test_a_rehearsal_ends_its_declaration_and_opens_nothing() -> None:
    book = at_drill().add(rehearsed())
    assert book.set.opening is None
    assert (book.set.past[-1].outcome, book.set.past[-1].classification) == ("rehearsed", "drill")
    assert not book.set.past[-1].was_opened
    assert (book.set.debts, book.set.phase) == ((), Phase.ISSUED)


def test_an_emergency_is_never_a_rehearsal() -> None:
    for purpose in ("emergency", "rotation"):
        at_issued().add(declared(purpose)).refuse(rehearsed(), "the record belongs to no drill of set prod-db")


def test_what_was_opened_is_never_a_rehearsal() -> None:
    book = at_drill().add(opened(ONE))
    book.refuse(rehearsed(), "a rehearsal is declared, and opens nothing")
    words = "a rehearsal opens nothing, and this drill opened the set"
    book.refuse(drill_ended(drill="rehearsal"), words)


def test_a_rehearsal_superseded_by_an_emergency_is_over() -> None:
    book = at_drill()
    drill = book.opening
    book.add(declared(supersedes=drill), opening="")
    book.refuse(rehearsed(), "a rehearsal is declared, and opens nothing", opening=drill)


def test_a_rehearsal_needs_a_quorum_of_cards_of_a_good_epoch() -> None:
    book = at_drill()
    book.refuse(rehearsed(sheets=("1.1",)), "the drill cards named are no quorum of epoch 1")
    book.refuse(rehearsed(sheets=("1.1", "1.1")), "the drill cards named are no quorum of epoch 1")
    book.refuse(rehearsed(sheets=("1.1", "1.4")), "expected a sheet of epoch 1 (1.1, 1.2, 1.3), got 1.4")
    book.refuse(rehearsed(epoch_id=TWO), "this epoch is void, abandoned or unknown")
    words = "a step of the drill took less than no time"
    book.refuse(rehearsed(steps_ms={"quorum": -1}), words, InvalidRecord)


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        ("", "epoch 1 has no drill cards that this ledger knows"),
        (
            base64.b64encode(FIRST.envelope.to_bytes()).decode(),
            "the drill envelope of epoch 1 is not of its drill cards",
        ),
        (
            base64.b64encode(deal(2, kind=Kind.DRILL).envelope.to_bytes()).decode(),
            "the drill envelope of epoch 1 is not of its drill cards",
        ),
        ("AAAA", "the drill envelope of epoch 1 does not hold: "),
    ],
)
def test_a_drill_envelope_that_is_none_of_the_epoch(envelope: str, words: str) -> None:
    book = started().add(issued(FIRST, drill_envelope=envelope)).add(declared("drill"))
    with pytest.raises(BreakglassError, match=words):
        book.add(rehearsed())
    assert book.set.opening is not None


def test_an_access_drill_that_opened_nothing_failed_and_is_over() -> None:
    book = at_drill()
    words = "an access drill that opened nothing failed"
    book.refuse(drill_ended(result="pass", reasons=()), words)
    book.add(drill_ended())
    assert book.set.opening is None
    book.refuse(drill_ended(drill="fire"), "expected a drill of rehearsal, access, got 'fire'", InvalidRecord)


def test_an_access_drill_stays_an_opening_that_owes_its_rotation() -> None:
    book = at_drill().add(opened(ONE)).add(drill_ended(login="refused"))
    assert book.under_way.was_opened
    assert len(book.set.rotation_debts) == 1
    assert book.set.history.access is not None
    assert book.set.history.access.passed is None


def test_a_login_in_an_access_drill_proves_the_credential() -> None:
    book = at_drill().add(opened(ONE))
    before = book.set.history.login
    book.add(drill_ended(login="accepted", result="pass", reasons=()))
    assert book.set.history.login == book.state.last != before


@pytest.mark.parametrize(
    ("purpose", "classification", "words"),
    [
        ("emergency", "drill", "declared as an emergency and is not closed as a drill"),
        ("drill", "emergency", "declared as a drill and is not closed as an emergency"),
    ],
)
def test_a_drill_never_counts_as_an_emergency_nor_the_reverse(purpose: str, classification: str, words: str) -> None:
    book = at_issued().add(declared(purpose)).add(opened(ONE))
    body = UseEnded(outcome="done", classification=classification)
    book.refuse(body, f"opening {book.opening[:12]} was {words}")
    book.add(UseEnded(outcome="done", classification="misuse"))


def over() -> Book:
    """Return a book in which epoch 1 is void and epoch 2 in force."""
    book = at_issued().add(declared()).add(opened(ONE)).add(issued(SECOND))
    book.add(ReadBack(epoch_id=TWO, sheets=("1.1", "1.2", "1.3")))
    for sheet in ("1.1", "1.2"):
        book.add(Acknowledged(epoch_id=TWO, sheet=sheet, custodian="North", bag=""))
    sha256 = SECOND.envelope.digest.hex()
    book.add(Countersigned(epoch_id=TWO, envelope_sha256=sha256)).add(USE_ENDED)
    book.add(Applying(old_epoch_id=ONE, new_epoch_id=TWO))
    return book.add(OldDead(old_epoch_id=ONE, new_epoch_id=TWO, proofs=("a",), scope="s"))


def destroyed(*sheets: str, epoch_id: str = ONE, witnesses: tuple[str, ...] = ("Duty", "Second")) -> Destroyed:
    return Destroyed(epoch_id=epoch_id, sheets=sheets, witnesses=witnesses)


def test_only_sheets_that_open_nothing_are_destroyed_and_each_once() -> None:
    book = over()
    words = "sheets 1.1 of epoch 2 still open: they are not destroyed"
    book.refuse(destroyed("1.1", epoch_id=TWO), words, opening="")
    book.add(destroyed("1.1", "1.2"), opening="")
    book.refuse(destroyed("1.2", "1.3"), "sheets 1.2 of epoch 1 are destroyed already", opening="")
    book.add(destroyed("1.3"), opening="")
    assert book.set.history.destroyed[ONE] == {"1.1", "1.2", "1.3"}


def test_destruction_needs_two_different_witnesses() -> None:
    book = over()
    for witnesses in ((), ("Duty",), ("Duty", "duty"), ("Duty", " ")):
        words = "expected 2 different witnesses of the destruction"
        book.refuse(destroyed("1.1", witnesses=witnesses), words, opening="")


def test_a_single_voided_sheet_may_be_destroyed() -> None:
    book = at_issued().add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="lost"))
    book.add(destroyed("1.2"))
    book.refuse(destroyed("1.1"), "sheets 1.1 of epoch 1 still open: they are not destroyed")


def test_a_note_changes_nothing() -> None:
    book = at_issued()
    before = book.set
    book.add(Noted(text="the printer jammed", by="Duty"))
    assert book.set == before
