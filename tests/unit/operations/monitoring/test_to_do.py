# SPDX-License-Identifier: Apache-2.0
"""What is to be done about a set: each thing with a command that the program understands; a void sheet is not held."""

import shlex

import click
import pytest
from msgspec import structs

from breakglass_shamir.cli.program import breakglass
from breakglass_shamir.custody.life import review_rules, under_way
from breakglass_shamir.custody.records.openings import InUse, UseEnded
from breakglass_shamir.custody.records.sheets import Acknowledged, SheetVoided
from breakglass_shamir.errors import IllegalState
from breakglass_shamir.operations.monitoring.status import SetStatus, status_of
from breakglass_shamir.operations.monitoring.to_do import Undelivered
from tests.unit.custody.life.test_due import READ_BACK, days_later
from tests.unit.custody.life.test_lifecycle import ONE, Book, at_issued, declared, opened


def at(book: Book, days: float = 0) -> SetStatus:
    return status_of(book.set, days_later(book, days), {"prod-db": Undelivered(1, 60)})


def held(book: Book, *sheets: str) -> Book:
    for sheet in sheets:
        book.add(Acknowledged(epoch_id=ONE, sheet=sheet, custodian="", bag=""))
    return book


def resolve(command: str) -> list[str]:
    """Return the words after the command itself, which must exist; a command that does not ends the test."""
    program, *words = shlex.split(command)
    assert program == "breakglass"
    found: click.Command = breakglass
    while isinstance(found, click.Group):
        name = words.pop(0)
        below = found.get_command(click.Context(found), name)
        assert below is not None, command
        found = below
    known = {option for parameter in found.params for option in parameter.opts}
    assert all(word in known for word in words if word.startswith("--")), command
    return words


STAGES = {
    "issued": (at_issued, 0),
    "sealed": (lambda: at_issued().add(READ_BACK), 0),
    "declared": (lambda: at_issued().add(READ_BACK).add(declared()), 0),
    "opened": (lambda: at_issued().add(READ_BACK).add(declared()).add(opened(ONE)), 0),
    "past its time": (lambda: at_issued().add(READ_BACK).add(declared()).add(opened(ONE)).add(InUse()), 1),
    "all drills": (lambda: at_issued().add(READ_BACK), 400),
    "no quorum": (
        lambda: (
            at_issued()
            .add(READ_BACK)
            .add(SheetVoided(epoch_id=ONE, sheet="1.1", reason="lost"))
            .add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="lost"))
        ),
        0,
    ),
}


@pytest.mark.parametrize("stage", STAGES)
def test_each_thing_to_do_has_a_command_of_this_program_about_this_set(stage: str) -> None:
    make, days = STAGES[stage]
    one = at(make(), days)
    assert one.to_do
    assert [what.what for what in one.to_do] == list(one.due)
    assert [what.what for what in one.to_do if what.urgent] == list(one.urgent)
    for what in (*one.to_do, *one.next):
        assert what.commands, what.what
        for command in what.commands:
            words = resolve(command)
            assert words[:1] == ["prod-db"] or command.startswith(("breakglass alerts", "breakglass lineage import"))


def test_a_name_with_spaces_is_one_word_of_each_command() -> None:
    book = at_issued().add(READ_BACK)
    structs.force_setattr(book.set, "name", "the $(touch x) set")
    for what in at(book, 400).to_do:
        for command in what.commands:
            if not command.startswith("breakglass alerts"):
                assert resolve(command)[0] == "the $(touch x) set"


def test_sheets_that_nobody_acknowledged_are_due_once_they_may_be_handed_out() -> None:
    assert not [what for what in at(at_issued()).due if what.startswith("acknowledge")]
    book = held(at_issued().add(READ_BACK), "1.2")
    (what,) = [one for one in at(book).to_do if one.what.startswith("acknowledge")]
    assert what.what == "acknowledge: no custodian has said to hold sheet 1.1 (North), 1.3 (East)"
    assert what.commands == ("breakglass ack prod-db 1.1", "breakglass ack prod-db 1.3")
    book.add(SheetVoided(epoch_id=ONE, sheet="1.3", reason="lost"))
    assert not [one for one in at(held(book, "1.1")).due if one.startswith("acknowledge")]


def test_a_void_sheet_is_not_held() -> None:
    book = held(at_issued().add(READ_BACK), "1.1", "1.2", "1.3")
    assert at(book).acknowledged == 3
    book.add(SheetVoided(epoch_id=ONE, sheet="1.2", reason="left on a train"))
    assert at(book).acknowledged == 2


def test_an_opening_under_way_says_what_comes_next_and_is_not_due() -> None:
    book = held(at_issued().add(READ_BACK), "1.1", "1.2", "1.3").add(declared())
    (said,) = at(book, 1 / 1440).next
    assert "was declared 1 min ago (INC-1, idp-outage) by Duty, Second" in said.what
    assert said.commands == ("breakglass recombine prod-db", "breakglass cancel prod-db")
    assert not [one for one in at(book).due if "declared" in one]
    book.add(opened(ONE)).add(InUse())
    (said,) = at(book).next
    assert said.what.endswith("is in use, for another 59 min; close it when the use is over, then rotate")
    assert said.commands[0] == "breakglass close prod-db"
    book.add(UseEnded(outcome="done", classification="emergency"))
    assert at(book).next == ()


def test_a_drill_that_was_declared_goes_on_as_a_drill() -> None:
    (said,) = at(at_issued().add(READ_BACK).add(declared("drill"))).next
    assert said.commands[0] == "breakglass drill rehearsal prod-db"
    assert not [command for command in said.commands if "recombine" in command]


def test_sheets_to_be_destroyed_come_with_the_command_that_records_it() -> None:
    book = at_issued().add(READ_BACK).add(SheetVoided(epoch_id=ONE, sheet="1.1", reason="lost"))
    status = at(book)
    (what,) = status.destroying
    assert (status.to_destroy, what.what) == (("epoch 1: 1.1",), "epoch 1: 1.1")
    (command,) = what.commands
    assert resolve(command)[:2] == ["prod-db", "1.1"]
    assert command.endswith("--epoch 1 --witness WITNESS --witness WITNESS")


def test_what_holds_an_opening_up_comes_with_the_command_that_ends_it() -> None:
    book = at_issued().add(READ_BACK).add(declared())
    assert book.set.opening is not None
    assert "breakglass cancel prod-db --reason R" in under_way.ends_with(book.set, book.set.opening)
    book.add(opened(ONE))
    assert book.set.opening is not None
    assert "breakglass close prod-db" in under_way.ends_with(book.set, book.set.opening)
    book.add(UseEnded(outcome="done", classification="emergency"))
    assert book.set.opening is not None
    assert "breakglass rotate prod-db" in under_way.ends_with(book.set, book.set.opening)
    with pytest.raises(IllegalState, match="is still rotation due") as refused:
        review_rules.case_of(book.set, book.set.opening.id)
    assert "breakglass rotate prod-db" in refused.value.hint
