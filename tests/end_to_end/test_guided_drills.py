# SPDX-License-Identifier: Apache-2.0
"""``breakglass drill`` with no other word: chosen, asked for, said what to do now."""

from collections.abc import Callable, Iterator

import pytest

from breakglass_shamir.ledger import home
from tests.end_to_end.life import NAME, Life
from tests.end_to_end.room import Room


@pytest.fixture
def room(life: Life) -> Iterator[Callable[[], Room]]:
    """Opens a terminal, as often as asked."""
    opened: list[Room] = []

    def make() -> Room:
        opened.append(Room(life))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def bag(life: Life, seat: str) -> str:
    """Return the bag that a sheet is in, as it is on record."""
    with home.open_home(life.home) as ledger:
        state = ledger.state.of(NAME)
        return state.history.sheet(state.current, seat).bag


def test_a_custodian_looks_at_a_bag_in_a_minute_and_is_told_what_to_do(life: Life, room: Callable[[], Room]) -> None:
    life.ok("ack", NAME, "2", "--bag", "LOU-2")  # no id has these letters
    people = room()
    people.begin("drill")
    people.answer({
        "Number or word [bag]": "", "Number or word": "roll-call", "Serial, as it stands on the bag": "lou-2",
        "What is wrong with the bag": "",
    }, once={"Number or word": ["rol", "sou"]})  # fmt: skip
    assert people.end() == 0, people.text
    assert f"roll-call pass: sheet 1.2 of {NAME} with South, bag lou-2" in people.text
    assert "now: put the bag back where it was" in people.text
    assert "LOU-2" not in people.text


def test_the_wrong_sheet_on_the_scanner_gets_a_new_bag_too(life: Life, room: Callable[[], Room]) -> None:
    people = room()
    people.begin("drill", "roll-call", NAME, "2")
    scan = "scans-1/recovery-key-e1-g1-m{}.jpg"
    people.answer({
        "Number or word [bag]": "2", "Picture or PDF of this one sheet": scan.format(2),
        "What is wrong with the bag": "", "Number or word [again]": "", "which was on the scanner": "B-11",
        "Serial of the new bag that it goes into": "B-22",
    }, once={"Picture or PDF of this one sheet": ["scans-1/nothing.jpg", scan.format(1)]})  # fmt: skip
    assert people.end() == 0, people.text
    assert "there is nothing at" in people.text
    assert "sheet 1.1 (North) was out of its bag: put it into a new one" in people.text
    assert "now: put the sheet into bag B-22" in people.text
    assert (bag(life, "1.1"), bag(life, "1.2")) == ("B-11", "B-22")


def test_a_rehearsal_is_declared_by_answers_and_a_wrong_one_is_asked_again(
    life: Life, room: Callable[[], Room]
) -> None:
    people = room()
    people.begin("drill", "rehearsal", "--scan", *sorted(life.sheets(1).glob("*-m1-drill.pdf")), "--scan",
                 *sorted(life.sheets(1).glob("*-m2-drill.pdf")))  # fmt: skip
    people.answer({
        "Number or word": "1", "Ticket": "INC-1234", "Reason, in words": "quarterly rehearsal of the night",
        "with commas between": "Olga, Oskar", "Declare it?": "",
    }, once={"Ticket": ["4711"]})  # fmt: skip
    assert people.end() == 0, people.text
    assert f"rehearsal pass: {NAME}, epoch 1" in people.text or f"rehearsal warning: {NAME}" in people.text


def test_without_a_terminal_every_missing_word_is_named(life: Life) -> None:
    for words, named in (
        (("drill",), "roll-call, rehearsal or access"), (("drill", "roll-call"), "NAME"),
        (("drill", "roll-call", NAME), "SHEET"), (("drill", "rehearsal"), "NAME"), (("drill", "access"), "NAME"),
        (("rotate",), "NAME"),
    ):  # fmt: skip
        done = life.run(*words)
        assert done.exit == 2, done.err
        assert named in done.err
