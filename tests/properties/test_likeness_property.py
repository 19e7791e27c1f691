# SPDX-License-Identifier: Apache-2.0
"""Every real share is told from what people write, on every keyboard and with errors in it; both programs agree.

A value is drawn from a seed, as a master is: shares of which somebody chose the bits are none.
"""

import random
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.formats import parity, text
from breakglass_shamir.formats.likeness import WITHHELD, looks_like_share, masked
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.standalone import recover

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "vectors"))

from keyboards import CHANGES_SHAPE, LAYOUTS, on
from plain_texts import PLAIN

SEEDS = st.integers(0, 2**64 - 1)
LEAKED = 12
"""So many characters of a share in a masked message count as a leak."""

MOST_ERRORS = 4
"""A repair takes as many wrong characters."""

FORGIVEN = str.maketrans("01", "OI")
ERRORS = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(text.ALPHABET + "?")), max_size=MOST_ERRORS)
SEPARATORS = st.sampled_from([" ", "-", ".", "_", "/", "  ", "\t", "", "\u2009", ":"])


def share_of(seed: int) -> Share:
    draw = random.Random(seed)
    return Share(Kind(draw.randint(1, 2)), draw.randbytes(8), draw.randint(1, 16), draw.randint(1, 255), value(draw))


def value(draw: random.Random) -> Secret:
    return Secret(draw.randbytes(32))


def core_line(seed: int) -> str:
    """A line of a core's ciphertext: what a sheet's back has most of."""
    draw = random.Random(seed)
    return text.to_lines(draw.randbytes(15), draw.randint(5, 31))[0]


def spoiled(said: str, errors: list[tuple[int, str]]) -> str:
    """Put other characters where some of a share stand; blanks and prefix stay."""
    letters = list(said)
    places = [i for i, letter in enumerate(letters) if letter in text.ALPHABET and i > len("BGS1:")]
    for place, letter in errors:
        letters[places[place % len(places)]] = letter
    return "".join(letters)


FORMS = st.builds(
    lambda seed, which: [share_of(seed).to_text(), *share_of(seed).to_lines(), core_line(seed)][which],
    SEEDS,
    st.integers(0, 5),
)
"""A code or a line, as printed."""


@given(FORMS, ERRORS, SEPARATORS, st.booleans(), st.booleans(), st.sampled_from(["{}", "it is {} here", "INC-7 {}"]))
def test_a_share_is_told_however_it_is_typed(
    form: str, errors: list[tuple[int, str]], separator: str, small: bool, alike: bool, around: str
) -> None:
    said = separator.join(spoiled(form, errors).split())
    said = said.translate(FORGIVEN) if alike else said
    assert looks_like_share(around.format(said.lower() if small else said))


@given(FORMS, ERRORS, st.sampled_from(sorted(set(LAYOUTS) - CHANGES_SHAPE)), st.booleans())
def test_a_share_is_told_on_a_keyboard_that_moves_its_letters(
    form: str, errors: list[tuple[int, str]], layout: str, bare: bool
) -> None:
    said = on(layout, spoiled(form, errors))
    assert looks_like_share(said.replace(" ", "") if bare else said)


@given(SEEDS, ERRORS, st.sampled_from(sorted(CHANGES_SHAPE)))
def test_a_scanned_code_is_told_on_a_keyboard_that_gives_symbols(
    seed: int, errors: list[tuple[int, str]], layout: str
) -> None:
    assert looks_like_share(on(layout, spoiled(share_of(seed).to_text(), errors)))


@pytest.mark.parametrize("layout", sorted(CHANGES_SHAPE))
def test_a_line_with_its_blanks_is_told_on_a_keyboard_that_gives_symbols(layout: str) -> None:
    """Some of their lines are words by chance: most are told, and how many is measured."""
    draw = random.Random(layout)
    lines = [on(layout, core_line(draw.randrange(2**64))) for _ in range(1500)]
    assert sum(map(looks_like_share, lines)) >= 0.99 * len(lines)


def test_a_part_of_a_line_is_told() -> None:
    draw = random.Random("parts")
    parts = [core_line(draw.randrange(2**64))[:24] for _ in range(4000)]
    assert sum(map(looks_like_share, parts)) >= 0.999 * len(parts)


def test_groups_that_run_together_and_lost_characters_are_told() -> None:
    draw = random.Random("slips")
    told = 0
    for _ in range(2000):
        letters = list(core_line(draw.randrange(2**64)))
        for _ in range(2):
            place = draw.randrange(len(letters))
            letters[place : place + draw.randint(0, 1)] = draw.choice([[], ["7"]])
        told += looks_like_share("".join(letters))
    assert told >= 1980


WORDS = st.sampled_from(" ".join(PLAIN[:7]).split())


@given(st.lists(WORDS, min_size=1, max_size=30))
def test_sentences_of_plain_words_are_no_share(words: list[str]) -> None:
    plain = [word for word in words if not any(c.isdecimal() for c in word)]
    assert not looks_like_share(" ".join(plain))


@given(st.binary(min_size=4, max_size=64), st.uuids(), st.integers(0, 10**12))
def test_digests_ids_and_numbers_are_no_share(data: bytes, uid: object, number: int) -> None:
    for said in (data.hex(), data.hex().upper(), f"commit {data.hex()}", str(uid), f"INC{number:012}", str(number)):
        assert not looks_like_share(said)


@given(SEEDS)
def test_epoch_ids_as_they_are_shown_are_no_share(seed: int) -> None:
    draw = random.Random(seed)
    shown = [text.short_id(draw.randbytes(8)) for _ in range(3)]
    for said in (shown[0], f"epoch {shown[0]} of prod-db", ", ".join(shown), f"share {shown[0]} 1.2", "; ".join(shown)):
        assert not looks_like_share(said), said


@given(
    st.one_of(st.text(), FORMS, st.text(text.ALPHABET + "? -,.:;\"'éèçà(_&<>"), st.sampled_from(PLAIN)), st.booleans()
)
@example("\ud800 24AB", False)
@example("?" * 24, False)
def test_both_programs_say_the_same(said: str, small: bool) -> None:
    said = said.lower() if small else said
    assert looks_like_share(said) == recover.looks_like_share(said)


@given(FORMS, st.sampled_from(["{}", "no set {}", "/srv/{}/x", "expected one of a, b, got '{}'"]))
def test_a_masked_message_holds_no_part_of_it(form: str, around: str) -> None:
    shown = masked(around.format(form))
    bare, kept = "".join(form.split()), "".join(shown.split())
    assert WITHHELD in shown
    assert not any(bare[i : i + LEAKED] in kept for i in range(len(bare) - LEAKED + 1))
    assert not looks_like_share(shown)


@given(st.text(max_size=200))
def test_a_message_without_a_share_stays_as_it_is(said: str) -> None:
    if not looks_like_share(said):
        assert masked(said) == said


def test_parity_alone_makes_no_difference() -> None:
    """A share whose value is all zeros is no real one, and is told by its prefix all the same."""
    code = "BGS1:" + text.encode(parity.protect(bytes(43)))
    assert looks_like_share(code)
