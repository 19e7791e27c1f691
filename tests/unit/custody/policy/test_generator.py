# SPDX-License-Identifier: Apache-2.0
"""A generated password keeps to its rules, is uniform over all that do, and its entropy is exactly as stated."""

import itertools
import math
import string
from collections import Counter

import pytest

from breakglass_shamir.custody.policy.generator import MIN_ENTROPY_BITS, UNAMBIGUOUS, Generator, expand
from breakglass_shamir.errors import InvalidInput

RULES = Generator(20, string.ascii_letters + string.digits + "+-=", ("A-Z", "a-z", "0-9", "+-="), "O0Il")


def test_every_password_keeps_to_the_rules() -> None:
    for _ in range(500):
        text = RULES.draw().reveal().decode()
        assert len(text) == 20
        assert not set(text) & set("O0Il")
        for wanted in (string.ascii_uppercase, string.ascii_lowercase, string.digits, "+-="):
            assert set(text) & set(wanted)


@pytest.mark.parametrize(
    ("length", "alphabet", "sets", "avoid"),
    [
        (3, "abc", (), ""),
        (3, "abc", ("a",), ""),
        (4, "abcd", ("ab", "bc"), ""),
        (4, "abcd1", ("a-b", "1", "a-d"), "c"),
        (5, "ab", ("a", "b"), ""),
    ],
)
def test_the_entropy_is_the_number_of_texts_that_keep_to_the_rules(
    length: int, alphabet: str, sets: tuple[str, ...], avoid: str
) -> None:
    allowed = [one for one in alphabet if one not in avoid]
    good = [
        text for text in itertools.product(allowed, repeat=length) if all(set(expand(one)) & set(text) for one in sets)
    ]
    assert Generator(length, alphabet, sets, avoid).bits() == pytest.approx(math.log2(len(good)))


def test_without_rules_it_is_length_times_alphabet() -> None:
    assert Generator(24).bits() == pytest.approx(24 * math.log2(len(UNAMBIGUOUS)))


def test_no_place_is_favoured_for_a_character_that_must_be_there() -> None:
    generator = Generator(20, string.ascii_lowercase + "7", ("7",))
    counts = Counter(generator.draw().reveal().decode().index("7") for _ in range(3000))
    # The first 7 falls off towards the end; a character put into a fixed place would tower over the rest.
    assert max(counts.values()) < 3000 / 8
    assert len(counts) == 20


@pytest.mark.parametrize(
    "generator",
    [
        Generator(8),
        Generator(24, "a"),
        Generator(24, "aab"),
        Generator(24, "ab", must_avoid="b"),
        Generator(24, "abc", ("A-Z",)),
        Generator(24, UNAMBIGUOUS, ("z-a",)),
        Generator(24, UNAMBIGUOUS, ("A-z",)),
        Generator(24, UNAMBIGUOUS, tuple("ABCDEFGHJ")),
        Generator(10, string.ascii_letters + string.digits, tuple("ABCDEFGH")),
    ],
)
def test_rules_that_contradict_each_other_or_leave_little_are_refused(generator: Generator) -> None:
    with pytest.raises(InvalidInput):
        generator.draw()


def test_the_limit_counts_what_the_rules_take_away() -> None:
    loose, tight = Generator(14), Generator(14, UNAMBIGUOUS, ("2-3", "4-5", "6-7"))
    assert loose.bits() > MIN_ENTROPY_BITS > tight.bits()
    with pytest.raises(InvalidInput, match="80 bits"):
        tight.draw()


@pytest.mark.parametrize(
    ("text", "written_out"),
    [("A-C", "ABC"), ("a-c0-2", "abc012"), ("-a", "-a"), ("a-", "a-"), ("+-=", "+-="), ("a-+", "a-+")],
)
def test_ranges_are_written_out(text: str, written_out: str) -> None:
    assert expand(text) == written_out
