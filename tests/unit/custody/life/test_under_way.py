# SPDX-License-Identifier: Apache-2.0
"""What stands of a rotation, and which sheets it wants, in every state that an interruption can leave."""

import re
from collections.abc import Callable

import pytest

from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.life.state import SetState, read_seat
from breakglass_shamir.custody.records.rotations import Abandoned
from breakglass_shamir.custody.records.sheets import SheetVoided
from tests.unit.custody.life.test_lifecycle import (
    APPLYING,
    CLOSED,
    COUNTERSIGNED,
    OLD_DEAD,
    ONE,
    SEATS,
    SECOND,
    TWO,
    USE_ENDED,
    Book,
    ack,
    at_applying,
    at_issued,
    at_old_dead,
    at_open,
    at_prepared,
    at_ready,
    declared,
    issued,
    opened,
    read_back,
)


def stands(book: Book) -> str:
    found = under_way.standing(book.set)
    return found.stands if found is not None else ""


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (at_issued, ""),
        (at_open, "the credential of epoch 1 is in use; its rotation comes after it"),
        (lambda: at_open().add(USE_ENDED), "the credential of epoch 1 was opened and nothing is printed to follow it"),
        (at_prepared, "epoch 2 is printed, not confirmed (0 of 3 sheets read back); the target still has epoch 1"),
        (at_ready, "epoch 2 is printed, confirmed and in custody (2 of 3 sheets held); the target still has epoch 1"),
        (at_applying, "the target was being changed from epoch 1 to epoch 2: either credential may be the living one"),
        (at_old_dead, "the old credential is dead and epoch 2 is in force; only the end is not on record"),
        (lambda: at_old_dead().add(CLOSED), ""),
    ],
)
def test_what_stands_is_said_in_every_state(made: Callable[[], Book], words: str) -> None:
    assert stands(made()).startswith(words)
    assert bool(stands(made())) == bool(words)


def test_what_was_read_back_and_is_not_held_is_said_so() -> None:
    book = at_prepared().add(read_back(TWO))
    assert "confirmed, not in custody (0 of 3 sheets held)" in stands(book)
    assert "confirmed, not in custody (1 of 3 sheets held)" in stands(book.add(ack(TWO, "1.1")))


def wanted(state: SetState, *shown: str) -> str:
    return under_way.wanted(state, state.prepared, [read_seat(seat) for seat in shown])


def test_sheets_are_wanted_by_name_until_each_was_read_back_and_a_quorum_is_shown() -> None:
    state = at_prepared().set
    assert re.fullmatch(r"show 3 of the new sheets: 1\.1.*, 1\.2.*, 1\.3.*, epoch 2", wanted(state))
    assert re.fullmatch(r"show 1 of the new sheets: 1\.3.*, epoch 2", wanted(state, "1.1", "1.2"))
    assert wanted(state, *SEATS) == ""
    read = at_prepared().add(read_back(TWO, ("1.1", "1.2"))).set
    assert wanted(read).startswith("show 1 of the new sheets: 1.3")
    assert wanted(read, "1.3") == "show any 2 of the new 3 sheets (epoch 2; 1 shown)"
    assert wanted(at_prepared().add(read_back(TWO)).set, "1.1", "1.3") == ""


def test_a_void_sheet_is_not_asked_for() -> None:
    book = at_prepared().add(SheetVoided(epoch_id=TWO, sheet="1.2", reason="torn"))
    assert "1.2" not in wanted(book.set)


def test_both_epochs_are_wanted_and_a_quorum_of_each_is_enough_while_the_target_is_changed() -> None:
    state = at_applying().set
    have = {bytes.fromhex(ONE): [(1, 1), (1, 2)], bytes.fromhex(TWO): [(1, 3)]}
    lacks = under_way.lacking(state, have.__getitem__)
    assert lacks == ("show any 2 of the new 3 sheets (epoch 2; 1 shown)",)
    have[bytes.fromhex(TWO)].append((1, 1))
    assert under_way.lacking(state, have.__getitem__) == ()


def test_only_what_was_never_applied_may_be_given_up() -> None:
    for made, offered in ((at_prepared, True), (at_ready, True), (at_applying, False)):
        found = under_way.standing(made().set)
        assert found is not None
        assert (f"--{under_way.ABANDON}" in found.hint) is offered


def test_who_gives_up_is_told_what_to_destroy_and_how_to_record_it() -> None:
    book = at_prepared().add(Abandoned(epoch_id=TWO, reason="given up"))
    found = under_way.to_be_destroyed(book.set, TWO)
    assert found.stands.startswith("epoch 2 (")
    assert "is abandoned: destroy its sheets 1.1" in found.stands
    assert "breakglass destroyed prod-db 1.1 1.2 1.3 --epoch 2" in found.hint


def test_a_rotation_that_owes_another_one_is_not_only_unclosed() -> None:
    assert under_way.is_only_unclosed(at_old_dead().set)
    again = at_applying().add(declared(supersedes=at_applying().under_way.id)).add(opened(TWO)).add(USE_ENDED)
    assert not under_way.is_only_unclosed(again.add(APPLYING).add(OLD_DEAD).set)


def test_another_printing_is_not_taken_while_one_is_prepared() -> None:
    at_prepared().refuse(issued(SECOND), "set prod-db already has a prepared epoch; it is applied or abandoned first")
    assert COUNTERSIGNED.epoch_id == TWO
