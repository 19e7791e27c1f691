# SPDX-License-Identifier: Apache-2.0
"""A mistyped name gets the nearest one: asked about at a terminal, in the hint elsewhere; nothing is taken unasked."""

from pathlib import Path

import pytest

from tests.attacks.strangers import People
from tests.end_to_end.life import NAME, Life

WRONG = NAME.replace("y", "i", 1)


def at_a_terminal(life: Life, *args: str) -> People:
    """Begin a command at a pseudo-terminal."""
    return People([str(word) for word in life.command(*args)], life.environment(TERM="xterm"), Path(life.folder))


def test_a_mistyped_command_and_set_are_asked_about_and_the_command_goes_on(life: Life) -> None:
    people = at_a_terminal(life, "vod", WRONG, "south", "--reason", WRONG)
    people.answer("Did you mean void? [Y/n]", "")
    people.answer(f"Did you mean {NAME}? [Y/n]", "y")
    people.until(f"void: sheet 1.2 of {NAME}")
    assert people.end() == 0
    assert f'"reason":"{WRONG}"'.encode() in life.entries()[-1].data, "what else was said is kept as it was"


def test_whoever_says_no_gets_the_error_and_nothing_happens(life: Life) -> None:
    before = life.kinds()
    people = at_a_terminal(life, "void", WRONG, "2", "--reason", "lost")
    people.answer(f"Did you mean {NAME}? [Y/n]", "n")
    people.until("expected one of the sets in this ledger")
    assert people.end() == 3
    assert life.kinds() == before


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (("stauts",), 2, "did you mean status? see: breakglass --help"),
        (("status", WRONG), 3, f"did you mean {NAME}?"),
        (("ack", NAME, "Sotuh"), 2, "did you mean South?"),
        (("close", NAME, "--as", "emergncy"), 2, "did you mean emergency?"),
        (("status", "--formt", "table"), 2, "Did you mean one of: '--format', '--from'?"),
        (("policy", "example", "postgresq"), 2, "did you mean postgresql?"),
    ],
)
def test_without_a_terminal_the_nearest_name_is_in_the_hint(
    life: Life, words: tuple[str, ...], code: int, hint: str
) -> None:
    done = life.run(*words)
    assert done.exit == code, done.err
    assert hint in done.err


def test_a_debt_gets_the_nearest_one(life: Life) -> None:
    assert life.recombine("--no-reveal").exit == 7
    debt = life.status()["debts"][0]["id"]
    done = life.run("settle", NAME, f"{debt[:-1]}x", "--officer", "Olga", "--reason", "looked")
    assert done.exit == 3
    assert f"did you mean {debt}?" in done.err
