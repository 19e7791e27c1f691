# SPDX-License-Identifier: Apache-2.0
"""A code that is too damaged and a few typed lines of the same sheet make its share together, or nothing at all."""

import itertools
from random import Random

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum.answer import Verdict
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.errors import MalformedText, UnsupportedVersion
from breakglass_shamir.formats import parity, share, text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, seal
from breakglass_shamir.formats.share import MOST_UNREADABLE, PREFIX, Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

MADE = seal(
    Facts(Kind.LIVE, "prod-db", 1, Structure(1, (Group(2, 3),)), bytes(32), Checkpoint(bytes(8), 0, bytes(32))),
    Secret(b"tinned beans"),
)
ONE, TWO, _ = MADE.shares


def damaged(one: Share, *lost: range) -> str:
    """Return a share's code with these of its 96 characters unreadable."""
    gone = {place for places in lost for place in places}
    return PREFIX + "".join("?" if at in gone else symbol for at, symbol in enumerate(one.to_text()[len(PREFIX) :]))


def pool() -> Pool:
    filled = Pool({})
    filled.add(MADE.envelope.to_codes()[0])
    return filled


def seats(filled: Pool) -> tuple[tuple[int, int], ...]:
    return filled.have(MADE.envelope.core.epoch_id)


def test_neither_alone_is_enough_and_what_to_do_is_said() -> None:
    filled = pool()
    answer = filled.add(damaged(ONE, range(20, 60)))
    assert answer.verdict is Verdict.DAMAGED
    assert answer.message == (
        "a share code, but too damaged by itself: too much is unreadable: 26 bytes, at most 17 can be repaired; type "
        "the lines of this sheet that can still be read, one may be enough: together they count"
    )
    assert seats(filled) == ()
    entry = TypedEntry(Pool({}))
    entry.take(ONE.to_lines()[1])
    assert "2" in entry.finish()[-1].message


@pytest.mark.parametrize(("lost", "lines"), [(range(20, 60), (2,)), (range(66), (2, 1)), (range(30, 96), (4, 3))])
def test_together_they_are_enough_in_either_order(lost: range, lines: tuple[int, ...]) -> None:
    typed = [ONE.to_lines()[number - 1] for number in lines]
    filled = pool()
    filled.add(damaged(ONE, lost))
    entry = TypedEntry(filled)
    (*_, last) = [answer for line in typed for answer in entry.take(line)]
    assert last.verdict is Verdict.UNKNOWN
    assert "completed from the damaged code and line" in last.message
    assert seats(filled) == ((1, 1),)

    filled = pool()
    entry = TypedEntry(filled)
    for line in typed:
        entry.take(line)
    entry.finish()
    assert seats(filled) == ()
    assert filled.add(damaged(ONE, lost)).verdict is Verdict.UNKNOWN
    assert seats(filled) == ((1, 1),)


def test_a_code_of_another_sheet_completes_nothing() -> None:
    filled = pool()
    filled.add(damaged(TWO, range(20, 60)))
    entry = TypedEntry(filled)
    for line in ONE.to_lines()[1:3]:
        assert {answer.verdict for answer in entry.take(line)} == {Verdict.LINE}
    assert seats(filled) == ()


def test_a_code_that_is_wrong_besides_or_contradicts_a_line_completes_nothing() -> None:
    for place in (80, 30):
        code = damaged(ONE, range(36, 66))
        at = len(PREFIX) + place
        other = "0" if code[at] != "0" else "1"
        filled = pool()
        filled.add(code[:at] + other + code[at + 1 :])
        assert len(filled.fragments) == 1
        entry = TypedEntry(filled)
        entry.take(ONE.to_lines()[1])
        assert seats(filled) == ()


def test_whatever_is_left_of_a_code_gives_its_share_or_none() -> None:
    chance = Random(11)
    accepted = 0
    for _ in range(60):
        start, width = chance.randrange(0, 70), chance.randrange(28, 60)
        filled = pool()
        filled.add(damaged(ONE, range(start, min(96, start + width))))
        entry = TypedEntry(filled)
        for number in chance.sample(range(4), 2):
            owner = ONE if chance.random() < 0.7 else TWO
            entry.take(owner.to_lines()[number])
        accepted += seats(filled) == ((1, 1),)
        assert seats(filled) in {(), ((1, 1),)}
    assert accepted > 10


def test_too_little_of_a_code_or_a_text_of_another_shape_is_not_kept() -> None:
    for code in (damaged(ONE, range(MOST_UNREADABLE + 1)), PREFIX + "A" * 95, PREFIX + "?" * 96, "BGE1:" + "A" * 96):
        assert share.fragment(code) is None
    assert share.fragment(damaged(ONE, range(MOST_UNREADABLE))) is not None


def test_nothing_of_a_fragment_is_in_a_message() -> None:
    filled = pool()
    answer = filled.add(damaged(ONE, range(20, 60)))
    whole = ONE.to_text()[len(PREFIX) :]
    assert not any(whole[at : at + 6] in answer.message + repr(answer) for at in range(90))


def slipped(one: Share, *places: int) -> str:
    """Return a share's code with other characters at these places of its 96."""
    symbols = list(one.to_text())
    for at in places:
        symbols[len(PREFIX) + at] = "7" if symbols[len(PREFIX) + at] != "7" else "8"
    return "".join(symbols)


def test_a_code_beyond_repair_is_the_share_that_matches_its_commitment() -> None:
    code = slipped(ONE, 24, 27, 30, 33, 36, 39, 42, 45)
    with pytest.raises(MalformedText):
        share.from_text(code)
    filled = pool()
    assert filled.add(code).verdict is Verdict.UNKNOWN
    assert seats(filled) == ((1, 1),)


def test_a_code_beyond_repair_that_came_before_its_envelope_counts_when_it_comes() -> None:
    filled = Pool({})
    assert filled.add(slipped(ONE, 24, 27, 30, 33, 36, 39, 42, 45)).verdict is Verdict.WAITING
    assert filled.add(TWO.to_text()).verdict is Verdict.WAITING
    filled.add(MADE.envelope.to_codes()[0])
    assert seats(filled) == ((1, 1), (1, 2))


def test_a_code_that_repair_makes_one_of_another_version_is_still_a_share() -> None:
    found = 0
    for at, symbol in itertools.product(range(24, 96), text.ALPHABET):
        code = damaged(ONE, range(24))
        code = code[: len(PREFIX) + at] + symbol + code[len(PREFIX) + at + 1 :]
        try:
            share.from_text(code)
        except UnsupportedVersion:
            filled, found = pool(), found + 1
            assert filled.add(code).verdict is Verdict.UNKNOWN
            assert seats(filled) == ((1, 1),)
        except MalformedText:
            continue
        if found == 5:
            return
    raise AssertionError("too few repairs err so")


def test_a_code_of_a_version_to_come_is_refused_in_words() -> None:
    code = PREFIX + text.encode(parity.protect(b"\x21" + ONE.to_bytes()[1:]))
    answer = pool().add(code)
    assert answer.verdict is Verdict.DAMAGED
    assert "expected a share of version 1, got version 2" in answer.message
