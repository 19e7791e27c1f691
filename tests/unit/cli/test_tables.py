# SPDX-License-Identifier: Apache-2.0
"""Tables on a narrow screen: whatever people compare stays in one piece, and commands stay pasteable."""

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen.tables import blocks, width_of, wrapped

HEAD = ("SET", "EPOCH", "NEXT DRILL")
WORD = st.text("abcdefghij0123456789-._", min_size=1, max_size=63)


@given(st.lists(st.tuples(WORD, WORD, WORD), min_size=1, max_size=4), st.integers(20, 120))
def test_no_word_of_a_cell_is_broken_at_any_width(rows: list[tuple[str, str, str]], width: int) -> None:
    shown = list(blocks(HEAD, rows, width))
    words = [word for line in shown for word in line.split()]
    assert [word for row in rows for word in row] == [
        word for word in words if word not in ("SET", "EPOCH", "NEXT", "DRILL")
    ]


def test_a_long_name_fits_80_columns_in_one_piece() -> None:
    name = "n" * 63
    shown = list(blocks(HEAD, [(name, "2 (5AQ3-P4MG-BJ68)", "rehearsal in 90 d")], 80))
    assert f"SET         {name}" in shown
    assert "EPOCH       2 (5AQ3-P4MG-BJ68)" in shown
    assert max(map(len, shown)) <= 80


def test_a_sentence_is_broken_at_spaces_below_its_beginning() -> None:
    line = "due      prod-db: rotate: " + "word " * 20 + "rotation-5f0f3735"
    shown = wrapped(line, 9, 80)
    assert max(map(len, shown)) <= 80
    assert all(row.startswith(" " * 9) for row in shown[1:])
    assert " ".join(" ".join(shown).split()) == " ".join(line.split())
    assert wrapped("short", 9, 80) == ["short"]


def test_the_width_counts_cells_and_not_characters() -> None:
    assert width_of(("A",), [("日本",)]) > width_of(("A",), [("ab",)])
