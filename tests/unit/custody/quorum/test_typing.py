# SPDX-License-Identifier: Apache-2.0
"""Typed entry answers every line at once, asks where it is in doubt, and changes nothing silently."""

import functools
import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from Crypto.Protocol import SecretSharing
from msgspec import structs

from breakglass_shamir.crypto import keys
from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.quorum import typed_line
from breakglass_shamir.custody.quorum.answer import Answer, Verdict
from breakglass_shamir.custody.quorum.known import Known
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.quorum.typing import TypedEntry
from breakglass_shamir.formats import text
from breakglass_shamir.formats.envelope import Checkpoint
from breakglass_shamir.formats.seal import Facts, Sealed, seal
from breakglass_shamir.formats.share import Share
from breakglass_shamir.formats.structure import Group, Structure
from breakglass_shamir.hygiene import Secret

SECRET = Secret(b"tinned beans")


@functools.cache
def deal(number: int = 1, kind: Kind = Kind.LIVE) -> Sealed:
    structure = Structure(1, (Group(2, 3),))
    return seal(Facts(kind, "prod-db", number, structure, bytes(32), Checkpoint(bytes(8), 0, bytes(32))), SECRET)


FIRST = deal()
SHARES = [one.to_lines() for one in FIRST.shares]
CORE = FIRST.envelope.core.to_lines()
ENVELOPE = FIRST.envelope.core.epoch_id
RIGHT = tuple(f"line {number} of the share: right" for number in range(1, 5))


def known(made: Sealed = FIRST) -> dict[bytes, Known]:
    entry = Known("prod-db", 1, made.envelope, openable=True, good=True, state="", voided={})
    return {made.envelope.core.epoch_id: entry}


def begin(*, asks: bool = True, knows: bool = True) -> tuple[Pool, TypedEntry]:
    pool = Pool(known() if knows else {})
    return pool, TypedEntry(pool, asks=asks)


def type_all(entry: TypedEntry, lines: Iterable[str]) -> list[Answer]:
    return [answer for line in lines for answer in entry.take(line)]


def messages(answers: Sequence[Answer]) -> list[str]:
    return [answer.message for answer in answers]


def slip(line: str, place: int, other: str = "") -> str:
    """Change the character at a place from 1: to another one, or to any that is not there."""
    symbols = list(text.normalise(line))
    symbols[place - 1] = other or text.ALPHABET[text.ALPHABET.index(symbols[place - 1]) ^ 16]
    return "".join(symbols)


def wrong_line(line: str, number: int, *, asked: bool = False) -> str:
    """Return a line with one slip that makes up no number that could be meant: it just does not check.

    Unless it may be asked about, it is no usual confusion either; then the line is one in the middle of a share.
    """
    numbers = [0] if asked else [0, *range(13, 32)]
    for place in range(1, 25):
        for other in text.ALPHABET:
            typed = slip(line, place, other)
            found = typed_line.read(typed)
            if typed != text.normalise(line) and found.proven in numbers and (asked or not found.slip(number)):
                return typed
    raise AssertionError("one slip in thirty makes each number")


def looks_like(line: str, number: int, numbers: Iterable[int]) -> str:
    """Return a line with one slip whose check character makes up one of these numbers."""
    for place in range(1, 25):
        for other in text.ALPHABET:
            typed = slip(line, place, other)
            if typed_line.read(typed).proven in set(numbers) - {number}:
                return typed
    raise AssertionError("one slip in thirty makes each number")


# --- right lines -----------------------------------------------------------------------------------------


def test_four_lines_are_a_share_and_every_line_is_answered() -> None:
    pool, entry = begin()
    prompts = []
    answers = []
    for line in SHARES[0]:
        prompts.append(entry.prompt)
        answers += entry.take(line)
    assert prompts == [f"share 1, line {number}" for number in range(1, 5)]
    assert entry.place == "share 2"
    assert messages(answers) == [*RIGHT, "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2)"]
    assert [answer.verdict for answer in answers] == [*[Verdict.LINE] * 4, Verdict.ACCEPTED]
    assert entry.prompt == "share 2, line 1"
    type_all(entry, SHARES[2])
    assert pool.quorum().sheets == ("1.1", "1.3")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_lines_in_any_order_are_told_by_their_check_characters(order: tuple[int, ...]) -> None:
    pool, entry = begin()
    type_all(entry, [SHARES[0][i] for i in order])
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_what_comes_out_of_turn_is_said() -> None:
    _, entry = begin()
    message = "line 3 of the share: read; line 1 was expected: if you typed that one, type it again"
    assert messages(entry.take(SHARES[0][2])) == [message]
    assert entry.prompt == "share 1, line 1"
    assert messages(entry.take(SHARES[0][3])) == [RIGHT[3]]


def test_case_spaces_hyphens_look_alikes_and_numbers_are_forgiven() -> None:
    pool, entry = begin()
    one, two, three, four = SHARES[0]
    typed = [f"1  {one}", two.lower().replace(" ", "-"), f"3: {three}", four.replace("0", "o").replace("1", "l")]
    assert messages(type_all(entry, typed))[:4] == list(RIGHT)
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_whole_codes_are_taken_at_any_time() -> None:
    pool, entry = begin(knows=False)
    entry.take(SHARES[0][0])
    (envelope,) = FIRST.envelope.to_codes()
    assert [answer.verdict for answer in entry.take(envelope)] == [Verdict.ENVELOPE]
    assert [answer.verdict for answer in entry.take(FIRST.shares[1].to_text().lower())] == [Verdict.UNKNOWN]
    assert entry.prompt == "share 1, line 2"
    type_all(entry, SHARES[0][1:])
    assert pool.quorum().sheets == ("1.1", "1.2")


# --- lines that do not check -----------------------------------------------------------------------------


def test_a_line_that_does_not_check_is_said_at_once_and_replaced_when_typed_again() -> None:
    pool, entry = begin()
    entry.take(SHARES[0][0])
    (answer,) = entry.take(wrong_line(SHARES[0][1], 2))
    assert (answer.verdict, answer.message) == (
        Verdict.UNSURE, "line 2 of the share does not check; type it again, or go on",
    )  # fmt: skip
    assert messages(entry.take(SHARES[0][1])) == [RIGHT[1]]
    assert messages(type_all(entry, SHARES[0][2:]))[2:] == ["sheet 1.1 of prod-db, epoch 1: accepted (1 of 2)"]
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_a_line_that_is_left_as_it_is_is_repaired_and_the_repair_is_shown() -> None:
    pool, entry = begin()
    typed = wrong_line(SHARES[0][1], 2)
    answers = type_all(entry, [SHARES[0][0], typed, *SHARES[0][2:]])
    place = next(i for i, (a, b) in enumerate(zip(typed, text.normalise(SHARES[0][1]), strict=True), 1) if a != b)
    was, means = typed[place - 1], text.normalise(SHARES[0][1])[place - 1]
    assert messages(answers)[-2:] == [
        "sheet 1.1 of prod-db, epoch 1: accepted, 1 character repaired (1 of 2)",
        f"character {place} of line 2: read {was}, means {means}",
    ]
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_the_same_slip_twice_is_kept_as_it_was_read() -> None:
    _, entry = begin()
    entry.take(SHARES[0][0])
    typed = wrong_line(SHARES[0][1], 2)
    entry.take(typed)
    message = "line 2 of the share does not check, as before; it is kept as it was read, go on"
    assert messages(entry.take(typed)) == [message]
    assert entry.prompt == "share 1, line 3 (or 2 again)"


def test_a_line_typed_right_later_takes_the_place_of_the_doubtful_one() -> None:
    _, entry = begin()
    type_all(entry, [SHARES[0][0], wrong_line(SHARES[0][1], 2), SHARES[0][2]])
    assert messages(entry.take(SHARES[0][1])) == [RIGHT[1]]
    assert messages(entry.take(SHARES[0][3]))[1:] == ["sheet 1.1 of prod-db, epoch 1: accepted (1 of 2)"]


@pytest.mark.parametrize(("means", "read"), ["S5", "5S", "B8", "8B", "Z2", "2Z", "D0", "0D", "71", "17"])
def test_a_usual_confusion_is_asked_about_and_not_corrected(means: str, read: str) -> None:
    row = "AAAAAA" + means + "A" * 17
    typed = row.replace(means, read) + text.check_character(row, 2)
    _, entry = begin()
    entry.take(SHARES[0][0])
    (answer,) = entry.take(typed)
    article = "an" if means in "8S" else "a"
    assert answer.message == (
        f"line 2 of the share does not check: is character 7 {article} {means}? read: {read}; type it again, or go on"
    )
    assert typed_line.read(typed).proven != 2


def test_a_confused_check_character_is_asked_about_too() -> None:
    for number in range(1, 5):
        for row in ("A" * i + "C" * (24 - i) for i in range(24)):
            if text.check_character(row, number) == "S":
                assert typed_line.read(f"{row}5").slip(number) == "is the check character an S? read: 5"
                return
    raise AssertionError("some row has S as its check character")


def test_no_position_is_named_when_two_confusions_would_do() -> None:
    named = 0
    for five, eight in itertools.permutations(range(24), 2):
        typed = ["A"] * 24
        typed[five], typed[eight] = "5", "8"
        meant, other = list(typed), list(typed)
        meant[five], other[eight] = "S", "B"
        check = text.check_character("".join(meant), 2)
        if check == text.check_character("".join(other), 2):
            assert typed_line.read("".join(typed) + check).slip(2) == ""
            named += 1
    assert named


def test_a_slip_that_makes_up_another_number_is_undone_by_typing_it_again() -> None:
    for numbers in (range(2, 5), range(6, 32)):
        pool, entry = begin()
        (answer,) = entry.take(looks_like(SHARES[0][0], 1, numbers))
        assert "line 1 was expected: if you typed that one, type it again" in answer.message
        assert messages(type_all(entry, SHARES[0])) == [*RIGHT, "sheet 1.1 of prod-db, epoch 1: accepted (1 of 2)"]
        assert not entry.finish()
        assert pool.have(ENVELOPE) == ((1, 1),)


def test_a_slip_that_is_not_typed_again_costs_one_line_at_most() -> None:
    for place, numbers in itertools.product(range(4), (range(2, 5), range(5, 32))):
        pool, entry = begin(asks=False)
        lines = list(SHARES[0])
        lines[place] = looks_like(lines[place], place + 1, numbers)
        type_all(entry, lines)
        entry.finish()
        assert pool.have(ENVELOPE) == ((1, 1),), (place, numbers)


def test_a_slip_that_makes_up_the_first_number_ends_three_lines_and_is_asked_about_before() -> None:
    pool, entry = begin(asks=False)
    type_all(entry, [*SHARES[0][:3], looks_like(SHARES[0][3], 4, [1])])
    assert pool.have(ENVELOPE) == ((1, 1),)
    _, entry = begin()
    (answer,) = type_all(entry, [*SHARES[0][:2], looks_like(SHARES[0][2], 3, [1])])[2:]
    assert answer.verdict is Verdict.ASKED


def test_a_number_that_is_filled_by_another_line_is_made_up() -> None:
    pool, entry = begin()
    type_all(entry, SHARES[0][:2])
    (answer,) = entry.take(looks_like(SHARES[0][2], 3, [2]))
    assert answer.message.startswith("line 3 of the share does not check")
    type_all(entry, SHARES[0][3:])
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_the_right_line_after_a_question_takes_the_question_back() -> None:
    pool, entry = begin()
    type_all(entry, SHARES[0][:2])
    entry.take(looks_like(SHARES[0][2], 3, [1]))
    assert messages(entry.take(SHARES[0][2])) == ["line 1 of the share: the one before stays", RIGHT[2]]
    type_all(entry, SHARES[0][3:])
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_a_core_line_that_does_not_check_is_tried_where_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """At how many places depends on what was drawn, so that it is drawn from a seed."""
    drawn = random.Random(4).randbytes
    monkeypatch.setattr(keys, "random_bytes", drawn)
    monkeypatch.setattr(SecretSharing, "rng", drawn)
    made = deal.__wrapped__()
    core, shares = made.envelope.core.to_lines(), [one.to_lines() for one in made.shares]
    opened = 0
    for place in range(1, 25):
        pool, entry = begin(knows=False)
        type_all(entry, [*core[:3], slip(core[4], place), *core[5:], "", *shares[0], *shares[1]])
        opened += pool.complete()
    assert opened > 12


def test_a_core_that_a_lost_line_and_two_slips_made_wrong_is_mended_by_typing_the_lost_line() -> None:
    for first, second in itertools.combinations(range(1, 25), 2):
        pool, entry = begin(knows=False)
        bad = slip(slip(CORE[4], first), second)
        type_all(entry, [*CORE[:3], "?", f"9: {bad}", *CORE[5:], ""])
        if pool.add_core(FIRST.envelope.core).message.find("differ from those typed before") > 0:
            break
    else:
        raise AssertionError("with the parity used up, one guess in twenty or so is wrong")
    pool, entry = begin(knows=False)
    type_all(entry, [*CORE[:3], "?", f"9: {bad}", *CORE[5:], ""])
    type_all(entry, [*SHARES[0], *SHARES[1]])
    assert not pool.complete()
    type_all(entry, [CORE[3]])
    assert pool.quorum().core == FIRST.envelope.core


def test_a_core_line_that_was_lost_is_typed_after_all() -> None:
    _, entry = begin(knows=False)
    type_all(entry, [*CORE[:3], "?", *CORE[4:]])
    assert messages(entry.take(CORE[3])) == ["line 8 of the envelope: known already"]


def test_too_many_slips_are_told_and_the_lines_stay_to_be_typed_again() -> None:
    pool, entry = begin()
    bad = slip(slip(slip(slip(slip(SHARES[0][1], 1), 5), 9), 13), 17)
    worse = slip(slip(slip(slip(slip(SHARES[0][2], 1), 5), 9), 13), 17)
    answers = type_all(entry, [SHARES[0][0], f"2: {bad}", f"3: {worse}", SHARES[0][3]])
    assert answers[-1].message == "lines 1, 2, 3, 4 do not make a share; in doubt: 2, 3; type any of them again"
    assert entry.prompt == "share 1, line 2"
    answers = entry.take(SHARES[0][1])
    assert messages(answers)[:2] == [
        RIGHT[1],
        "sheet 1.1 of prod-db, epoch 1: accepted, 5 characters repaired (1 of 2)",
    ]
    assert pool.have(ENVELOPE) == ((1, 1),)


@pytest.mark.parametrize("words", ["hello", "0123 4567", "x" * 26, "日本", "b", "new", "99: " + "A" * 25])
def test_what_is_no_line_is_said(words: str) -> None:
    _, entry = begin()
    (answer,) = entry.take(words)
    assert answer.verdict is Verdict.UNSURE
    assert entry.prompt == "share 1, line 1"


# --- lost and unreadable ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", range(4))
def test_any_one_line_may_be_lost(lost: int) -> None:
    for said in (["?"], [f"{lost + 1}: ?"]):
        pool, entry = begin()
        lines = [*SHARES[0][:lost], *said, *SHARES[0][lost + 1 :]]
        answers = messages(type_all(entry, lines))
        assert f"line {lost + 1} of the share: taken for lost" in answers
        assert answers[-1] == f"line {lost + 1} was completed from the others"
        assert pool.have(ENVELOPE) == ((1, 1),)
    pool, entry = begin()
    type_all(entry, [*SHARES[0][:lost], *SHARES[0][lost + 1 :], ""])
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_unreadable_characters_are_named_and_completed() -> None:
    pool, entry = begin()
    typed = slip(slip(SHARES[0][2], 3, "?"), 25, "?")
    answers = messages(type_all(entry, [*SHARES[0][:2], typed, SHARES[0][3]]))
    assert answers[2] == "line 3 of the share: read, unreadable: character 3, 25; the other lines complete it"
    assert answers[-1] == f"character 3 of line 3: unreadable, means {text.normalise(SHARES[0][2])[2]}"
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_a_character_that_is_never_used_is_unreadable() -> None:
    assert typed_line.read("U" + "A" * 24).unreadable() == [1]


def test_a_lost_line_and_one_more_wrong_character_is_decided_by_the_commitment() -> None:
    for place in (1, 20):
        pool, entry = begin()
        type_all(entry, [SHARES[0][0], "?", f"3: {slip(SHARES[0][2], place)}", SHARES[0][3]])
        assert pool.have(ENVELOPE) == ((1, 1),)
        pool, entry = begin(knows=False)
        answers = type_all(entry, [SHARES[0][0], "?", f"3: {slip(SHARES[0][2], place)}", SHARES[0][3]])
        assert answers[-1].verdict is Verdict.WAITING
        pool.add(FIRST.envelope.to_codes()[0])
        assert pool.have(ENVELOPE) == ((1, 1),)


def test_as_many_wrong_characters_as_the_parity_can_bear_are_decided_by_the_commitment() -> None:
    pool, entry = begin()
    bad = [f"{n}: {slip(slip(line, 2), 15) if n < 3 else line}" for n, line in enumerate(SHARES[0], 1)]
    type_all(entry, [*bad, ""])
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_fewer_than_three_lines_are_not_enough() -> None:
    pool, entry = begin()
    type_all(entry, SHARES[0][:2])
    assert messages(entry.take("")) == ["only line 1, 2 of the share so far, and 3 of 4 are needed: go on"]
    answers = entry.finish()
    assert messages(answers) == ["lines 1, 2 do not make a share; in doubt: none; left out"]
    assert (answers[0].verdict, entry.done) == (Verdict.DAMAGED, True)
    assert pool.have(ENVELOPE) == ()


def test_empty_lines_between_shares_mean_nothing() -> None:
    _, entry = begin()
    assert entry.take("") == entry.take("  ") == []


# --- a line that is there already ------------------------------------------------------------------------


def test_a_new_share_or_another_try_is_asked() -> None:
    pool, entry = begin()
    type_all(entry, SHARES[0][:3])
    (asked,) = entry.take(SHARES[1][0])
    assert asked.verdict is Verdict.ASKED
    assert entry.prompt == "new, replace or keep (new)"
    answers = messages(entry.take(""))
    assert answers == [
        "sheet 1.1 of prod-db, epoch 1: accepted, 24 characters repaired (1 of 2)",
        "line 4 was completed from the others",
        RIGHT[0],
    ]
    type_all(entry, SHARES[1][1:])
    assert pool.quorum().sheets == ("1.1", "1.2")


def test_keep_and_replace() -> None:
    for word, sheet in (("keep", (1, 1)), ("k", (1, 1)), ("back", (1, 1)), ("replace", (1, 2)), ("R", (1, 2))):
        pool, entry = begin()
        entry.take(SHARES[0][0])
        entry.take(SHARES[1][0])
        entry.take(word)
        type_all(entry, SHARES[sheet[1] - 1][1:])
        assert pool.have(ENVELOPE) == (sheet,)


def test_going_on_typing_is_an_answer_too() -> None:
    pool, entry = begin()
    type_all(entry, [*SHARES[0][:3], *SHARES[1]])
    assert pool.quorum().sheets == ("1.1", "1.2")


def test_the_same_line_twice_is_no_question() -> None:
    _, entry = begin()
    entry.take(SHARES[0][0])
    assert messages(entry.take(SHARES[0][0])) == ["line 1 of the share: the same as before"]


def test_where_nobody_can_be_asked_the_answer_is_said() -> None:
    pool, entry = begin(asks=False)
    answers = type_all(entry, [*SHARES[0][:3], *SHARES[1]])
    (asked,) = [answer for answer in answers if answer.verdict is Verdict.ASKED]
    assert asked.message.endswith("taken for: new")
    assert pool.quorum().sheets == ("1.1", "1.2")


def test_a_share_whose_first_line_is_lost_does_not_swallow_the_next_shares_first_line() -> None:
    pool, entry = begin()
    type_all(entry, [*SHARES[0][1:], *SHARES[1]])
    assert pool.quorum().sheets == ("1.1", "1.2")


def test_lines_of_two_sheets_never_make_a_share() -> None:
    for cut in (1, 2, 3):
        pool, entry = begin(asks=False)
        type_all(entry, [*SHARES[0][:cut], *SHARES[1][cut:]])
        entry.finish()
        assert set(pool.have(ENVELOPE)) <= {(1, 1), (1, 2)}
        if cut == 2:
            assert pool.have(ENVELOPE) == ()


# --- taking back, and going on later ---------------------------------------------------------------------


def test_back_takes_the_last_line_back() -> None:
    pool, entry = begin()
    assert messages(entry.take("back")) == ["nothing to take back: what was handed over stays"]
    type_all(entry, SHARES[1][:2])
    assert messages(entry.take("BACK")) == ["line 2 of the share: taken back"]
    assert entry.prompt == "share 1, line 2"
    entry.take("back")
    type_all(entry, SHARES[0])
    assert pool.have(ENVELOPE) == ((1, 1),)
    assert messages(entry.take("back")) == ["nothing to take back: what was handed over stays"]


def test_done_is_all() -> None:
    pool, entry = begin()
    type_all(entry, SHARES[0][:3])
    entry.take("done")
    assert entry.done
    assert pool.have(ENVELOPE) == ((1, 1),)


def test_no_line_is_in_a_repr_or_in_a_prompt() -> None:
    _, entry = begin()
    entry.take(SHARES[0][0])
    entry.take(SHARES[1][0])
    shown = f"{entry!r} {entry._share!r} {entry._question!r} {entry.prompt} {typed_line.read(SHARES[0][0])!r}"
    assert SHARES[0][0][:4] not in shown
    assert text.normalise(SHARES[0][0])[8:20] not in shown


# --- the envelope's lines --------------------------------------------------------------------------------


def test_the_core_is_taken_with_its_last_line() -> None:
    pool, entry = begin(knows=False)
    type_all(entry, SHARES[0])
    assert entry.prompt == "share 2, line 1 (or envelope, line 5)"
    answers = messages(type_all(entry, CORE))
    assert answers[: len(CORE)] == [f"line {n} of the envelope: right" for n in range(5, 5 + len(CORE))]
    assert answers[-1].endswith("without the envelope code only a quorum can verify them (1 of 2)")
    assert entry.prompt == "share 2, line 1"
    type_all(entry, SHARES[1])
    assert pool.quorum().unseal().plaintext == SECRET


def test_core_lines_in_any_order() -> None:
    for order in ([*range(7, -1, -1)], [3, 0, 7, 1, 6, 2, 5, 4], [1, 0, 3, 2, 5, 4, 7, 6]):
        pool, entry = begin(knows=False)
        type_all(entry, [CORE[i] for i in order])
        type_all(entry, [*SHARES[0], *SHARES[1]])
        assert pool.quorum().core == FIRST.envelope.core


@pytest.mark.parametrize("lost", range(8))
def test_one_lost_core_line_is_completed(lost: int) -> None:
    pool, entry = begin(knows=False)
    answers = type_all(entry, [*CORE[:lost], *CORE[lost + 1 :], "", *SHARES[0], *SHARES[1]])
    assert f"line {lost + 5} was completed from the others" in messages(answers)
    assert pool.quorum().core == FIRST.envelope.core


def test_a_wrong_core_line_is_repaired_and_shown() -> None:
    pool, entry = begin(knows=False)
    bad = wrong_line(CORE[4], 9, asked=True)
    answers = messages(type_all(entry, [*CORE[:4], bad, *CORE[5:]]))
    assert answers[4].startswith("line 9 of the envelope does not check")
    assert answers[-1].startswith("character ")
    assert " of line 9: read " in answers[-1]
    type_all(entry, [*SHARES[0], *SHARES[1]])
    assert pool.quorum().core == FIRST.envelope.core


def test_a_core_slip_that_makes_up_another_number_costs_nothing() -> None:
    for place in range(1, 8):
        pool, entry = begin(knows=False)
        lines = list(CORE)
        lines[place] = looks_like(CORE[place], place + 5, range(5, 32))
        type_all(entry, [*lines, "", *SHARES[0], *SHARES[1]])
        if not pool.complete():
            type_all(entry, [*CORE])
        assert pool.quorum().core == FIRST.envelope.core, place


def test_core_lines_that_do_not_hold_together_stay_to_be_typed_again() -> None:
    pool, entry = begin(knows=False)
    type_all(entry, CORE[:5])
    (answer,) = entry.take("")
    assert answer.message == (
        "the lines of the envelope do not hold together; missing: none; in doubt: none; type any of them again"
    )
    type_all(entry, [*CORE[5:], *SHARES[0], *SHARES[1]])
    assert pool.complete()
    pool, entry = begin(knows=False)
    type_all(entry, [CORE[0], CORE[2]])
    assert messages(entry.finish()) == [
        "the lines of the envelope do not hold together; missing: 6; in doubt: none; left out"
    ]


def test_the_core_again_from_the_next_sheet_is_known_already() -> None:
    _, entry = begin(knows=False)
    type_all(entry, CORE)
    assert messages(type_all(entry, CORE)) == [f"line {n} of the envelope: known already" for n in range(5, 13)]
    type_all(entry, SHARES[0][:2])
    assert messages(entry.take(CORE[3])) == ["line 8 of the envelope: known already"]
    assert entry.prompt == "share 1, line 3"


def test_a_core_of_another_epoch_is_another_core() -> None:
    pool, entry = begin(knows=False)
    other = deal(2)
    type_all(entry, [*CORE, *other.envelope.core.to_lines()])
    for made in (FIRST, other):
        type_all(entry, [line for one in made.shares[:2] for line in one.to_lines()])
    assert pool.quorum(ENVELOPE).core == FIRST.envelope.core
    assert pool.quorum(other.envelope.core.epoch_id).core == other.envelope.core


def test_a_core_line_that_was_wrong_can_be_typed_again_after_the_core_was_taken() -> None:
    pool, entry = begin(knows=False)
    type_all(entry, [*CORE[:4], wrong_line(CORE[4], 9, asked=True), *CORE[5:]])
    assert messages(entry.take(CORE[4])) == ["line 9 of the envelope: known already"]
    other = structs.replace(FIRST.envelope.core, ciphertext=bytes(len(FIRST.envelope.core.ciphertext)))
    pool, entry = begin(knows=False)
    polluted = other.to_lines()
    type_all(entry, polluted)
    type_all(entry, [*SHARES[0], *SHARES[1]])
    assert not pool.complete()
    type_all(entry, CORE)
    assert pool.quorum().core == FIRST.envelope.core


def test_a_share_of_three_lines_ends_where_the_core_begins() -> None:
    pool, entry = begin(knows=False)
    answers = messages(type_all(entry, [*SHARES[0][:3], *CORE, *SHARES[1]]))
    assert "line 4 was completed from the others" in answers
    assert pool.complete()


def test_a_core_line_in_the_middle_of_a_share_is_a_slip_of_the_share() -> None:
    _, entry = begin(knows=False)
    type_all(entry, SHARES[0][:1])
    (answer,) = entry.take(CORE[3])
    assert answer.message.startswith("line 2 of the share does not check")


def test_codes_and_typed_lines_fill_one_pool() -> None:
    pool, entry = begin(knows=False)
    pool.add(FIRST.shares[0].to_text())
    type_all(entry, [*CORE, SHARES[1][0], "?", SHARES[1][2], slip(SHARES[1][3], 7, "?"), ""])
    assert pool.quorum().sheets == ("1.1", "1.2")


def test_a_share_that_does_not_hold_is_left_out_and_named() -> None:
    forged = replace(FIRST.shares[0], value=Secret(bytes(32)))
    pool, entry = begin()
    answers = type_all(entry, forged.to_lines())
    assert answers[-1].verdict is Verdict.WRONG
    assert answers[-1].message.endswith("it was altered or misread; it is left out")
    assert entry.prompt == "share 2, line 1"
    assert pool.have(ENVELOPE) == ()


def test_a_drill_share_is_named() -> None:
    drill: Share = deal(kind=Kind.DRILL).shares[0]
    _, entry = begin()
    assert type_all(entry, drill.to_lines())[-1].verdict is Verdict.DRILL
