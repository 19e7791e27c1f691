# SPDX-License-Identifier: Apache-2.0
"""A secret in rows: nothing is lost or added, marks stand below what they mark, and every character has a name."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen import sequences, spelling

TEXTS = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200),
    st.text(st.sampled_from("ab1lIO0 é漢e\u0301|-"), min_size=1, max_size=60).filter(str.isprintable),
    st.lists(st.text("abcdefgh", min_size=1, max_size=14), min_size=2, max_size=8).map(" ".join),
)


@given(TEXTS, st.integers(2, 120))
def test_the_rows_hold_every_character_once_and_fit(text: str, room: int) -> None:
    rows = spelling.rows(text, room, "\u2423")
    assert "".join("".join(row.text.split(" ")) for row in rows).replace("\u2423", " ") == text
    # One group with what combines may not be narrower than it is.
    assert all(sequences.cells(row.text) <= max(room, 2) for row in rows)
    counted = [len(row.text.replace(" ", "")) for row in rows]
    assert [row.first for row in rows] == [1 + sum(counted[:at]) for at in range(len(rows))]


@given(st.text(st.sampled_from("ab1lIO0 zZ-|é漢"), min_size=1, max_size=80))
def test_each_mark_stands_below_its_character(text: str) -> None:
    for row in spelling.rows(text, 60, "\u2423"):
        column = 0
        for character in row.text:
            below = row.marks[column : column + 1] or " "
            shown = " " if character == "\u2423" else character
            assert below == (" " if character == " " else spelling.mark_of(shown)) or text.islower()
            column += sequences.cells(character)


def test_what_looks_alike_is_told_apart_by_more_than_its_shape() -> None:
    for pair in ("O0", "1l", "1I", "lI", "I|", "Z2", "S5", "B8", "G6", "b6", "g9", "cC", "xX"):
        one, other = pair
        assert spelling.mark_of(one).strip()
        assert spelling.mark_of(other).strip()
        assert (spelling.mark_of(one), one) != (spelling.mark_of(other), other)
    assert len({spelling.mark_of(one) for one in "0Oo|"}) == 4
    assert (
        spelling.legend("O0o| é") == "A capital,  a small letter,  9 digit,  * sign,  ^ space,  + not ASCII, spell it"
    )
    assert spelling.legend("kkk") == ""


def test_every_character_has_a_name_of_its_own() -> None:
    printable = string.digits + string.ascii_letters + string.punctuation + " "
    names = [spelling.name_of(one) for one in printable]
    assert len(set(names)) == len(printable)
    assert spelling.name_of("O") == "capital Oscar"
    assert spelling.name_of("o") == "oscar"
    assert spelling.name_of("0") == "digit zero"
    assert spelling.name_of("é") == "latin small letter e with acute (U+00E9)"
    assert spelling.name_of("\u0430") == "cyrillic small letter a (U+0430)"
    assert spelling.name_of("\u00b2") == "superscript two (U+00B2)"


@pytest.mark.parametrize("room", [1, 2, 3, 7, 20])
def test_pages_hold_every_row_in_order_and_cut_no_block_that_fits(room: int) -> None:
    blocks = [["a"], ["b", "b2"], ["c", "c2", "c3"], [], ["d"] * 9]
    pages = spelling.pages(blocks, room)
    assert [row for page in pages for row in page] == [row for block in blocks for row in block]
    assert all(len(page) <= room for page in pages)
    if room >= 2:
        assert any("b" in page and "b2" in page for page in pages)
