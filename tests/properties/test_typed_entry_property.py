# SPDX-License-Identifier: Apache-2.0
"""Promise: whatever fingers do to typed lines, the pool gets the shares that were printed or none."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum import typed_line
from breakglass_shamir.custody.quorum.answer import Verdict
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret
from tests.lengths import examples

SECRET = Secret(b"tinned beans")
FACTS = Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(2, 3),)), bytes(32), Checkpoint(bytes(8), 0, bytes(32)))
MADE = seal(FACTS, SECRET)
EPOCH = MADE.envelope.core.epoch_id
SHARES = [one.to_lines() for one in MADE.shares]
CORE = MADE.envelope.core.to_lines()
KNOWN = {EPOCH: Known("prod-db", 1, MADE.envelope, openable=True, good=True, state="", voided={})}
EVERY_LINE = [*(line for lines in SHARES for line in lines), *CORE]
WORDS = ["", "?", "back", "done", "new", "replace", "keep", "3: ?", "9: ?", MADE.shares[2].to_text()]

orders = st.permutations(range(4))
sheets = st.integers(0, 2)


@st.composite
def slips(draw: st.DrawFn, lines: Sequence[str], most: int) -> list[str]:
    """Change at most so many characters of the lines, check characters included, each to any other or to ``?``."""
    typed = [list(text.normalise(line)) for line in lines]
    places = st.tuples(st.integers(0, len(lines) - 1), st.integers(0, 24))
    for line, place in draw(st.sets(places, max_size=most)):
        typed[line][place] = draw(st.sampled_from(text.ALPHABET + "?"))
    return ["".join(line) for line in typed]


def enter(lines: Sequence[str], *, asks: bool = False, knows: bool = True) -> Pool:
    pool = Pool(KNOWN if knows else {})
    entry = TypedEntry(pool, asks=asks)
    for line in lines:
        entry.take(line)
    entry.finish()
    return pool


def assert_only_what_was_dealt(pool: Pool) -> None:
    if pool.complete():
        assert pool.quorum().unseal().plaintext == SECRET
    for seat in pool.have(EPOCH):
        assert pool._buckets[EPOCH].shares[seat] in MADE.shares


@given(sheets, orders)
def test_the_lines_of_a_share_come_in_any_order(sheet: int, order: list[int]) -> None:
    assert enter([SHARES[sheet][i] for i in order]).have(EPOCH) == ((1, sheet + 1),)


@given(sheets, st.data())
@settings(max_examples=examples(200))
def test_up_to_four_wrong_characters_in_order_are_repaired(sheet: int, data: st.DataObject) -> None:
    """Without a number in front, what a check character makes up cannot be told from the truth; with one it can."""
    typed = data.draw(slips(SHARES[sheet], 4))
    numbered = [f"{number}: {line}" for number, line in enumerate(typed, 1)]
    assert enter([*numbered, ""]).have(EPOCH) == ((1, sheet + 1),)


@given(sheets, st.integers(0, 3), st.integers(0, 24), st.sampled_from(text.ALPHABET + "?"))
@settings(max_examples=examples(300))
def test_one_wrong_character_costs_nothing_when_the_line_is_typed_again(
    sheet: int, line: int, place: int, symbol: str
) -> None:
    bad = list(text.normalise(SHARES[sheet][line]))
    bad[place] = symbol
    pool = enter([*SHARES[sheet][:line], "".join(bad), *SHARES[sheet][line:]], asks=True)
    assert pool.have(EPOCH) == ((1, sheet + 1),)


@given(st.data())
@settings(max_examples=examples(200))
def test_any_damage_gives_a_share_that_was_dealt_or_none(data: st.DataObject) -> None:
    typed = data.draw(slips(SHARES[data.draw(sheets)], 40))
    assert_only_what_was_dealt(enter([*typed, *SHARES[data.draw(sheets)]]))


@given(st.lists(st.one_of(st.sampled_from(EVERY_LINE), st.sampled_from(WORDS), st.text(max_size=30)), max_size=30),
       st.booleans(), st.booleans())  # fmt: skip
@settings(max_examples=examples(200))
@example(["9: ?"], True, True)
def test_any_sequence_of_lines_and_words_is_answered_and_gives_nothing_else(
    lines: list[str], asks: bool, knows: bool
) -> None:
    assert_only_what_was_dealt(enter(lines, asks=asks, knows=knows))


@given(st.data())
@settings(max_examples=examples(100))
def test_a_core_with_slips_is_the_one_that_was_printed_or_opens_nothing(data: st.DataObject) -> None:
    typed = data.draw(slips(CORE, 6))
    assert_only_what_was_dealt(enter([*typed, "", *SHARES[0], *SHARES[1]], knows=False))


@given(st.permutations(CORE), st.integers(0, 8))
@settings(max_examples=examples(60))
def test_core_lines_come_in_any_order_and_one_may_be_lost(order: list[str], lost: int) -> None:
    pool = enter([*order[:lost], *order[lost + 1 :], "", *SHARES[0], *SHARES[1]], knows=False)
    assert pool.quorum().core == MADE.envelope.core


@given(st.integers(0, 11), st.integers(0, 24), st.sampled_from(text.ALPHABET))
def test_a_line_is_never_changed_by_its_check_character(line: int, place: int, symbol: str) -> None:
    typed = list(text.normalise(EVERY_LINE[line]))
    typed[place] = symbol
    assert typed_line.read("".join(typed)).symbols == "".join(typed)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_answered(words: str) -> None:
    answers = TypedEntry(Pool({})).take(words)
    assert all(answer.message and answer.verdict in Verdict for answer in answers)
