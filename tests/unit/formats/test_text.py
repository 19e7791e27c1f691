# SPDX-License-Identifier: Apache-2.0
"""The alphabet, the typed line and its check character."""

import itertools

import pytest

from breakglass_shamir.errors import MalformedText
from breakglass_shamir.formats import text

ROW = "0123456789ABCDEFGHJKMNPQ"


def accepted(typed: str, number: int) -> bool:
    return text.read_line(typed) == (text.normalise(typed)[:-1], number)


def test_bits_run_from_the_most_significant() -> None:
    assert text.encode(b"\xf8\x00") == "Z000"
    assert text.encode(bytes.fromhex("00443214c74254b635cf84653a56d7")) == ROW


def test_unused_bits_must_be_zero() -> None:
    assert text.decode("Z000") == b"\xf8\x00"
    with pytest.raises(MalformedText, match="zero bits"):
        text.decode("Z001")


@pytest.mark.parametrize("length", [1, 3, 6, 9, 11])
def test_lengths_that_no_bytes_have_are_refused(length: int) -> None:
    with pytest.raises(MalformedText, match="length"):
        text.decode("0" * length)


def test_case_spaces_hyphens_and_look_alikes_are_forgiven() -> None:
    assert text.normalise(" iI-lL\toO\r\nab ") == "111100AB"


@pytest.mark.parametrize("bad", ["U", "u", "!", "\x00", "_"])
def test_nothing_else_is_forgiven(bad: str) -> None:
    with pytest.raises(MalformedText, match="at character 2"):
        text.decode(text.normalise("0" + bad))


@pytest.mark.parametrize("bad", ["é", "\uff10", "\u200b", "\ufeff"])
def test_only_ascii_is_read(bad: str) -> None:
    with pytest.raises(MalformedText, match="ASCII"):
        text.normalise("00" + bad)


def test_a_line_proves_its_number() -> None:
    for number in range(1, text.MAX_LINE_NUMBER + 1):
        assert accepted(ROW + text.check_character(ROW, number), number)


def test_one_wrong_character_anywhere_is_noticed() -> None:
    line = ROW + text.check_character(ROW, 7)
    for position, symbol in itertools.product(range(len(line)), text.ALPHABET):
        if symbol != line[position]:
            assert not accepted(line[:position] + symbol + line[position + 1 :], 7)


def test_two_characters_that_changed_places_are_noticed_the_check_character_too() -> None:
    line = ROW + text.check_character(ROW, 7)
    for i, j in itertools.combinations(range(len(line)), 2):
        swapped = list(line)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        if line[i] != line[j]:
            assert not accepted("".join(swapped), 7), (i, j)


def test_an_unreadable_character_leaves_the_number_unproven() -> None:
    assert text.read_line(ROW[:-1] + "?0") == (ROW[:-1] + "?", None)


@pytest.mark.parametrize("typed", ["", ROW, ROW + "00", ROW + "U", "é" * 25])
def test_what_is_no_line_is_refused(typed: str) -> None:
    with pytest.raises(MalformedText):
        text.read_line(typed)


def test_an_id_is_shown_in_three_groups() -> None:
    assert text.short_id(bytes.fromhex("0123456789abcdef")) == "04HM-ASW9-NF6Y"
