# SPDX-License-Identifier: Apache-2.0
"""A share's bytes, its text, its lines, and what a repair reports."""

import pytest

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.errors import MalformedText, UnsupportedVersion
from breakglass_shamir.formats import share, text
from breakglass_shamir.formats.share import Share
from breakglass_shamir.hygiene import Secret

SHARE = Share(Kind.LIVE, bytes(range(8)), 2, 3, Secret(bytes(range(100, 132))))
ROWS = {number: text.read_line(line)[0] for number, line in enumerate(SHARE.to_lines(), 1)}


def test_bytes_are_laid_out_as_specified() -> None:
    assert SHARE.to_bytes() == b"\x11" + bytes(range(8)) + b"\x02\x03" + bytes(range(100, 132))
    assert Share.from_bytes(SHARE.to_bytes()) == SHARE


def test_one_text_for_the_code_and_the_lines() -> None:
    assert SHARE.to_text() == share.PREFIX + "".join(ROWS.values())
    assert len(SHARE.to_text()) == 101


def test_an_undamaged_share_reports_no_repair() -> None:
    for read in (share.from_text(SHARE.to_text()), share.from_lines(ROWS)):
        assert (read.share, read.repaired, read.spare_parity, read.provisional) == (SHARE, (), 17, False)


def test_a_repair_is_reported_by_character() -> None:
    code = SHARE.to_text()
    wrong = code[:14] + ("0" if code[14] != "0" else "1") + code[15:]
    assert share.from_text(wrong).repaired == (10,)
    assert share.from_text(code[:14] + "?" + code[15:]).repaired == (10,)


def test_a_lost_line_is_confident_and_a_character_more_is_provisional() -> None:
    rows = {number: row for number, row in ROWS.items() if number != 2}
    assert not share.from_lines(rows).provisional
    rows[1] = "?" + rows[1][1:]
    read = share.from_lines(rows)
    assert read.share == SHARE
    assert read.provisional


@pytest.mark.parametrize("length", [0, 42, 44])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(MalformedText):
        Share.from_bytes(SHARE.to_bytes().ljust(44)[:length])


@pytest.mark.parametrize("first", [0x01, 0x10, 0x13, 0x1F, 0x21])
def test_another_version_or_kind_is_refused(first: int) -> None:
    with pytest.raises(UnsupportedVersion):
        Share.from_bytes(bytes([first]) + SHARE.to_bytes()[1:])


@pytest.mark.parametrize("rows", [{}, {1: ROWS[1], 2: ROWS[2]}, {**ROWS, 1: ROWS[1][:16]}, {**ROWS, 4: ROWS[4] * 2}])
def test_too_few_or_misshapen_lines_are_refused(rows: dict[int, str]) -> None:
    with pytest.raises(MalformedText):
        share.from_lines(rows)


def test_a_drill_share_says_so() -> None:
    drill = Share(Kind.DRILL, SHARE.epoch_id, 2, 3, SHARE.value)
    assert drill.public_id == "drill " + SHARE.public_id == "drill 000G-40R4-0M30 2.3"
