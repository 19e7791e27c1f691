# SPDX-License-Identifier: Apache-2.0
"""The short commands ask for what they were not given, with the choices listed; without a terminal they say what."""

from pathlib import Path

import pytest

from tests.attacks.strangers import People
from tests.end_to_end.life import DECLARATION, NAME, Life


def at_a_terminal(life: Life, *args: str) -> People:
    """Begin a command at a pseudo-terminal that draws nothing."""
    return People([str(word) for word in life.command(*args)], life.environment(), Path(life.folder))


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (("close",), "NAME"), (("cancel",), "NAME"), (("cancel", NAME), "--reason"), (("ack",), "NAME"),
        (("ack", NAME), "SHEET"), (("void", NAME), "SHEET"), (("void", NAME, "1"), "--reason"),
        (("reassign", NAME, "1"), "--to"), (("settle", NAME), "DEBT"), (("settle", NAME, "x"), "--officer"),
        (("settle", NAME, "x", "--officer", "Olga"), "--reason"), (("close", NAME), "--as"),
    ],
)  # fmt: skip
def test_without_a_terminal_what_is_missing_is_named(life: Life, words: tuple[str, ...], missing: str) -> None:
    before = life.kinds()
    done = life.run(*words)
    assert done.exit == 2, done.err
    assert f"expected {missing}, got none" in done.err
    assert life.kinds() == before


def test_ack_asks_for_the_sheet_and_takes_the_custodians_name(life: Life) -> None:
    people = at_a_terminal(life, "ack")
    people.until("South; not acknowledged yet")
    people.answer("Number or word", "nobody of that name")
    people.until("expected a sheet of epoch 1")
    people.answer("Number or word", "sou")
    people.answer("Serial of the bag [none]", "B-7")
    people.until(f"acknowledged: South holds sheet 1.2 of {NAME}")
    assert people.end() == 0
    assert b'"bag":"B-7"' in life.entries()[-1].data


def test_void_asks_what_happened_and_stop_records_nothing(life: Life) -> None:
    before = life.kinds()
    people = at_a_terminal(life, "void", NAME, "south")
    people.answer("What happened to it?", "stop")
    people.until("nothing is recorded yet")
    assert people.end() == 130
    assert life.kinds() == before
    people = at_a_terminal(life, "void", NAME, "south")
    people.answer("What happened to it?", "left on a train")
    assert people.end() == 0
    assert life.kinds()[-1] == "sheet-voided"


def test_cancel_and_settle_ask_for_the_rest(life: Life) -> None:
    words = [word if word != "INC-1234" else "none" for word in DECLARATION]
    one = life.some_scans(1, 1)[0]
    passed = ("--override", "ticket", "--override-reason", "the ticket system is down too")
    assert life.run("recombine", NAME, *words, *passed, "--scan", one, "--no-reveal").exit == 4
    people = at_a_terminal(life, "cancel")
    people.answer("Why is it withdrawn?", "it works again")
    assert people.end() == 0, people.seen
    people = at_a_terminal(life, "settle")
    people.until("review the overridden check ticket")
    people.answer("Number or word", "1")
    people.answer("Who looked at it?", "Olga, Otto")
    people.answer("What was found?", "it was down")
    people.until("settled: ticket-")
    assert people.end() == 0
    assert life.kinds()[-2:] == ["cancelled", "settled"]
