# SPDX-License-Identifier: Apache-2.0
"""The core's bytes and its typed lines."""

import itertools

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import InvalidEnvelope, MalformedText, UnsupportedVersion
from breakglass_shamir.formats import core, text
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.structure import Group, Structure

PLAIN = Core(Kind.LIVE, bytes(range(8)), 7, Structure(1, (Group(2, 3),)), (), bytes(range(80)))
TWO_LEVELS = Core(
    Kind.DRILL,
    bytes(range(8)),
    7,
    Structure(2, (Group(2, 3), Group(1, 2))),
    (b"a" * 32, b"b" * 32),
    bytes(range(208)),
)


def rows_of(made: Core) -> dict[int, str]:
    return {number: text.read_line(line)[0] for number, line in enumerate(made.to_lines(), core.FIRST_LINE)}


def test_bytes_are_laid_out_as_specified() -> None:
    head = "010101" + "0001020304050607" + "00000007" + "0101" + "0203" + "0050"
    assert PLAIN.to_bytes() == bytes.fromhex(head) + bytes(range(80))
    head = "010102" + "0001020304050607" + "00000007" + "0202" + "0203" + "0102"
    assert TWO_LEVELS.header() == bytes.fromhex(head) + b"a" * 32 + b"b" * 32
    assert Core.from_bytes(TWO_LEVELS.to_bytes()) == TWO_LEVELS


@pytest.mark.parametrize("made", [PLAIN, TWO_LEVELS])
def test_any_one_line_may_be_lost_the_first_and_the_last_too(made: Core) -> None:
    rows = rows_of(made)
    for lost in (None, *rows):
        assert core.from_lines({n: row for n, row in rows.items() if n != lost}) == made


def test_two_lines_of_one_block_are_too_many() -> None:
    rows = rows_of(PLAIN)
    for lost in itertools.combinations(rows, 2):
        with pytest.raises(MalformedText):
            core.from_lines({n: row for n, row in rows.items() if n not in lost})


def test_each_of_two_blocks_may_lose_a_line() -> None:
    rows = rows_of(TWO_LEVELS)
    assert len(rows) > 17
    del rows[core.FIRST_LINE + 1], rows[max(rows) - 1]
    assert core.from_lines(rows) == TWO_LEVELS


@pytest.mark.parametrize("length", range(80, 353, 16))
def test_every_length_that_fits_is_typed_and_read(length: int) -> None:
    made = Core(Kind.LIVE, bytes(8), 1, Structure(1, (Group(2, 3),)), (), bytes([7]) * length)
    rows = rows_of(made)
    assert (core.from_lines(rows) == made) if rows else length > 347


def test_no_line_or_a_misshapen_one_is_refused() -> None:
    rows = rows_of(PLAIN)
    for bad in ({}, {1: rows[5]}, {5: rows[5]}, {**rows, 6: rows[6][:-1]}, {**rows, 6: rows[6] + "0"}):
        with pytest.raises(MalformedText):
            core.from_lines(bad)


def test_a_line_too_many_is_refused() -> None:
    rows = rows_of(PLAIN)
    with pytest.raises(MalformedText):
        core.from_lines({**rows, max(rows) + 1: "0" * 24})


@pytest.mark.parametrize("position", [0, 1, 2])
def test_another_version_suite_or_kind_is_refused(position: int) -> None:
    data = bytearray(PLAIN.to_bytes())
    data[position] = 9
    with pytest.raises(UnsupportedVersion):
        Core.from_bytes(bytes(data))


@pytest.mark.parametrize("structure", ["0101" + "0103", "0101" + "0403", "0201" + "0203", "0100", "0111" + "0203" * 17])
def test_an_impossible_structure_is_refused(structure: str) -> None:
    data = PLAIN.to_bytes()
    with pytest.raises(InvalidEnvelope, match="structure"):
        Core.from_bytes(data[:15] + bytes.fromhex(structure) + data[19:])


def test_epoch_zero_is_refused() -> None:
    data = PLAIN.to_bytes()
    with pytest.raises(InvalidEnvelope, match="epoch"):
        Core.from_bytes(data[:11] + bytes(4) + data[15:])


def test_every_truncation_and_anything_trailing_is_refused() -> None:
    data = TWO_LEVELS.to_bytes()
    for length in range(len(data)):
        with pytest.raises(InvalidEnvelope):
            Core.from_bytes(data[:length])
    with pytest.raises(InvalidEnvelope, match="too many"):
        Core.from_bytes(data + b"\x00")
