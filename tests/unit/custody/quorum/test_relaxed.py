# SPDX-License-Identifier: Apache-2.0
"""A line that checks and is wrong blocks nothing, proves nothing, and is named once something else has proven it."""

import functools
from collections.abc import Iterable, Sequence

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.errors import UnconfirmedMaster
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.scanner_keyboards import PAIRS
from breakglass_shamir.formats.seal import Facts, Sealed, seal, unseal
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

SECRET = Secret(b"tinned beans")
GERMAN = PAIRS["German, Austrian, Swiss French"]


@functools.cache
def dealt() -> Sealed:
    structure = Structure(1, (Group(2, 3),))
    return seal(Facts(Kind.LIVE, "prod-db", 1, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32))), SECRET)


def wrong_but_checks(line: str, number: int) -> str:
    """Return a line with some sixteen characters wrong, and the check character that was printed."""
    row = text.normalise(line)[:24]
    front = "".join(text.ALPHABET[text.ALPHABET.index(symbol) ^ 16] for symbol in row[:16])
    changed = next(each for each in (front + s + row[17:] for s in text.ALPHABET) if checks(each, number, line[-1]))
    return changed + line[-1]


def checks(row: str, number: int, check: str) -> bool:
    return text.check_character(row, number) == check


def share_lines(place: int, wrong: int = 0) -> list[str]:
    lines = list(dealt().shares[place].to_lines())
    return [wrong_but_checks(line, n) if n == wrong else line for n, line in enumerate(lines, 1)]


def core_lines(*wrong: int) -> list[str]:
    lines = list(dealt().envelope.core.to_lines())
    return [wrong_but_checks(line, n) if n in wrong else line for n, line in enumerate(lines, 5)]


def typed(pool: Pool, *blocks: Iterable[str]) -> list[Answer]:
    entry = TypedEntry(pool, asks=False)
    answers = [answer for block in blocks for line in (*block, "") for answer in entry.take(line)]
    return answers + entry.finish()


def opens(pool: Pool) -> bool:
    quorum = pool.quorum()
    return unseal(quorum.core, quorum.shares, quorum.set_public_key).plaintext == SECRET


def said(answers: Sequence[Answer]) -> str:
    return "\n".join(answer.message for answer in answers)


@pytest.mark.parametrize("wrong", [1, 2, 3, 4])
def test_a_share_with_any_line_wrong_is_found_by_its_commitment(wrong: int) -> None:
    epoch = {dealt().envelope.core.epoch_id: Known("prod-db", 1, dealt().envelope, True, True, "", {})}
    pool = Pool(epoch)
    answers = typed(pool, share_lines(0, wrong), share_lines(1))
    assert opens(pool)
    assert f"line {wrong} was completed from the others" in said(answers)


def test_a_share_that_was_not_confirmed_names_no_set() -> None:
    pool = Pool({})
    answers = typed(pool, share_lines(0, 2))
    assert [answer.epoch_id for answer in answers if answer.verdict is Verdict.WAITING] == [b""]
    assert text.short_id(dealt().envelope.core.epoch_id) not in said(answers)


def test_a_core_with_a_wrong_line_opens_and_the_line_is_named() -> None:
    pool = Pool({})
    answers = typed(pool, share_lines(0), share_lines(1), core_lines(8))
    assert opens(pool)
    assert "the envelope's line 8 was completed from the others" in said(answers)


def test_the_shares_may_come_after_the_core_with_a_wrong_line() -> None:
    pool = Pool({})
    typed(pool, core_lines(8))
    typed(pool, share_lines(2), share_lines(1))
    assert opens(pool)


def test_a_core_is_nothing_before_a_quorum_opens_it() -> None:
    pool = Pool({})
    answers = typed(pool, core_lines(8), share_lines(1))
    assert Verdict.ACCEPTED not in {answer.verdict for answer in answers}
    assert not pool.complete()


def test_a_line_of_the_core_typed_again_ends_the_guessing() -> None:
    pool = Pool({})
    entry = TypedEntry(pool, asks=False)
    for line in (*core_lines(8), ""):
        answers = entry.take(line)
    assert "type any of them again" in said(answers)
    answers = entry.take(f"8: {dealt().envelope.core.to_lines()[3]}")
    assert "the envelope's lines" in said(answers)
    typed(pool, share_lines(0), share_lines(1))
    assert opens(pool)


def test_two_wrong_lines_of_one_block_open_nothing() -> None:
    pool = Pool({})
    typed(pool, share_lines(0), share_lines(1), core_lines(8, 9))
    with pytest.raises(Exception) as refused:
        pool.quorum()
    assert refused.value.id in {"missing-envelope", "decryption-failed", "unconfirmed-master"}  # type: ignore[attr-defined]


def test_a_wrong_share_is_not_made_right_by_trying() -> None:
    pool = Pool({})
    lines = share_lines(0, 2)
    lines[2] = wrong_but_checks(lines[2], 3)
    typed(pool, lines, share_lines(1), core_lines())
    with pytest.raises(UnconfirmedMaster):
        pool.quorum()


def on(pairs: str, code: str) -> str:
    keys = {pair[0]: pair[1] for pair in reversed(pairs.split())}
    return "".join(keys.get(one, one) for one in code)


@pytest.mark.parametrize("name", PAIRS)
def test_codes_of_a_scanner_on_another_keyboard_open_and_it_is_said(name: str) -> None:
    pool = Pool({})
    codes = [dealt().shares[0].to_text(), dealt().shares[2].to_text(), *dealt().envelope.to_codes()]
    answers = [pool.add(on(PAIRS[name], code)) for code in codes]
    assert opens(pool)
    assert all("this machine's keyboard has another layout than the scanner" in one.message for one in answers)
    assert name in answers[-1].message


def test_what_is_not_certain_is_named_and_left_out() -> None:
    code = dealt().shares[0].to_text()
    damaged = code[:50] + text.ALPHABET[text.ALPHABET.index(code[50]) ^ 16] + code[51:]
    answer = Pool({}).add(on(GERMAN, damaged))
    assert answer.verdict is Verdict.DAMAGED
    assert "German, Austrian, Swiss French or Swedish, Finnish, Estonian" in answer.message
    assert damaged[60:70] not in answer.message


def test_a_keyboard_that_composes_is_told_from_a_strange_code() -> None:
    answer = Pool({}).add("БГС1Ч" + "2788Ь7ВЙ" * 12)  # noqa: RUF001 - what a keyboard gives
    assert answer.verdict is Verdict.DAMAGED
    assert "set scanner and machine to the US layout" in answer.message


def test_a_scanner_may_be_used_where_lines_are_typed() -> None:
    pool = Pool({})
    typed(pool, [on(GERMAN, share.to_text()) for share in dealt().shares[:2]], core_lines())
    assert opens(pool)
