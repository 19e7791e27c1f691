# SPDX-License-Identifier: Apache-2.0
"""What is told is cut between words, and what people paste or compare is not cut."""

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.screen.wrapping import NARROWEST, rows

WORDS = st.lists(st.text(alphabet="abc-/.:", min_size=1, max_size=30), min_size=1, max_size=20)


@given(WORDS, st.integers(NARROWEST, 100), st.integers(0, 4))
def test_no_word_is_cut_and_none_is_lost(words: list[str], width: int, indent: int) -> None:
    found = rows(" ".join(words), indent, width)
    assert [word for row in found for word in row.split()] == words
    assert all(len(row) <= width or len(row.split()) == 1 for row in found)


def test_a_command_stays_in_one_piece() -> None:
    command = "breakglass destroyed recovery-key 1.1 1.2 1.3 --epoch 2 --witness 'Olga; the first' --witness W2"
    found = rows(f"  before two witnesses, and record it: {command}; then go home, all of you, and sleep", 2, 60)
    assert found == ["  before two witnesses, and record it:", f"  {command};", "  then go home, all of you, and sleep"]


def test_where_nothing_tells_a_width_nothing_is_cut() -> None:
    assert rows("word " * 80, 2, 0) == ["word " * 80]
