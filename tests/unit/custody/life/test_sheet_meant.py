# SPDX-License-Identifier: Apache-2.0
"""A sheet is meant by its custodian's name, by its number, or by the beginning of a name; never by a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.state import EpochState
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats.structure import Group, Structure
from tests.unit.custody.life.test_holders import epoch

THREE = Structure(1, (Group(2, 3),))
KEPT = {"1.1": "Finance", "1.2": "head of IT", "1.3": "head of security"}


def of(custodians: dict[str, str], voided: tuple[str, ...] = ()) -> EpochState:
    made = epoch(THREE, custodians)
    structs.force_setattr(made, "voided", dict.fromkeys(voided, "lost"))
    return made


@pytest.mark.parametrize(
    ("written", "seat"),
    [
        ("finance", "1.1"), ("FINANCE ", "1.1"), ("fin", "1.1"), ("head of it", "1.2"), ("head of s", "1.3"),
        ("2", "1.2"), ("1.3", "1.3"), ("2.3", "2.3"),
    ],
)  # fmt: skip
def test_a_name_a_number_and_an_unambiguous_beginning_name_a_sheet(written: str, seat: str) -> None:
    assert holders.sheet_of(of(KEPT), written) == seat


def test_a_recorded_name_wins_over_a_sheet_number() -> None:
    assert holders.sheet_of(of({"1.1": "North", "1.2": "South", "1.3": "2"}), "2") == "1.3"


def test_a_whole_name_wins_over_a_longer_one_that_begins_with_it() -> None:
    assert holders.sheet_of(of({"1.1": "North", "1.2": "North East", "1.3": "South"}), "north") == "1.1"


def test_an_ambiguous_beginning_names_the_candidates() -> None:
    with pytest.raises(
        InvalidInput, match=r"may mean more than one sheet.*1\.2 \(head of IT\), 1\.3 \(head of sec"
    ) as said:
        holders.sheet_of(of(KEPT), "head")
    assert "such as 1.2" in said.value.hint


def test_somebody_with_two_sheets_is_asked_which_unless_one_is_void() -> None:
    two = {"1.1": "North", "1.2": "North", "1.3": "South"}
    with pytest.raises(InvalidInput, match=r"1\.1 \(North\), 1\.2 \(North\)"):
        holders.sheet_of(of(two), "north")
    assert holders.sheet_of(of(two, ("1.1",)), "north") == "1.2"
    assert holders.sheet_of(of({"1.1": "North", "1.2": "East", "1.3": "South"}, ("1.1",)), "north") == "1.1"


@pytest.mark.parametrize("written", ["", "  ", "0", "1.2.3", "finanse", "x" * 10_000])
def test_what_names_no_sheet_is_refused_with_the_sheets_there_are(written: str) -> None:
    with pytest.raises(InvalidInput, match=r"1\.1 \(Finance\), 1\.2 \(head of IT\)") as said:
        holders.sheet_of(of(KEPT), written)
    assert len(str(said.value)) < 400
    assert ("did you mean Finance?" in said.value.hint) == (written == "finanse")


@given(st.text(max_size=8))
def test_whatever_is_written_a_sheet_is_named_or_refused(written: str) -> None:
    try:
        seat = holders.sheet_of(of({"1.1": "A", "1.2": "", "1.3": "AB"}), written)
    except InvalidInput:
        return
    assert seat in ("1.1", "1.3") or seat.replace(".", "").isdecimal()
