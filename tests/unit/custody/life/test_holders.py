# SPDX-License-Identifier: Apache-2.0
"""Somebody who has held enough sheets of one epoch over time is caught, whichever way the sheets went."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from breakglass_shamir.custody.confirmed import ConfirmedCore
from breakglass_shamir.custody.life import holders
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, read_seat
from breakglass_shamir.formats.structure import Group, Structure


@dataclass(frozen=True)
class _Core:
    structure: Structure
    epoch_id: bytes = bytes(8)


def epoch(
    structure: Structure, custodians: dict[str, str], former: dict[str, tuple[str, ...]] | None = None
) -> EpochState:
    core: Any = _Core(structure)
    made = ConfirmedCore(core, bytes(32))
    return EpochState(1, made, "", "", custodians, EpochStatus.GOOD, "", former=former or {})


TWO = Structure(2, (Group(2, 3), Group(1, 2)))
KEPT = {"1.1": "A", "1.2": "B", "1.3": "C", "2.1": "D", "2.2": "E"}


def test_a_second_sheet_of_another_group_is_caught_before_it_is_a_quorum() -> None:
    assert holders.too_much(epoch(TWO, KEPT), "2.1", "A") == (
        "A would have held sheets of two groups of epoch 1: 1.1, 2.1",
    )
    assert holders.too_much(epoch(TWO, KEPT), "1.2", "A") == ()


def test_a_quorum_of_both_groups_over_time_is_caught() -> None:
    found = holders.too_much(epoch(TWO, KEPT, {"1.1": ("X",), "1.2": ("Y", "x ")}), "2.2", "X")
    assert found == ("X would have held a quorum of epoch 1: sheets 1.1, 1.2, 2.2",)


def test_who_was_in_two_groups_from_the_start_may_take_another_sheet_that_opens_nothing() -> None:
    both = {**KEPT, "2.1": "A"}
    three = epoch(Structure(2, (Group(3, 3), Group(1, 2))), both)
    assert holders.too_much(three, "1.2", "A") == ()


@pytest.mark.parametrize(
    ("voided", "begins"),
    [
        (("1.1",), ""),
        (("1.1", "1.2"), "no quorum is left: 2 sheets of epoch 1 are void"),
        (("1.1", "2.1"), "quorum at risk: 2 sheets of epoch 1 are void"),
        (("2.1", "2.2"), "no quorum is left: 2 sheets of epoch 1 are void"),
    ],
)
def test_the_last_quorum_and_none_are_told_apart(voided: tuple[str, ...], begins: str) -> None:
    made = replace(epoch(TWO, KEPT), voided=dict.fromkeys(voided, "lost"))
    said = holders.quorum_at_risk(made)
    assert said.startswith(begins)
    assert bool(said) == bool(begins)


@given(st.lists(st.tuples(st.sampled_from(sorted(KEPT)), st.sampled_from("ABCDEFG")), max_size=12))
def test_no_chain_of_unrefused_changes_gives_anybody_a_quorum_or_two_groups(moves: list[tuple[str, str]]) -> None:
    now, former = dict(KEPT), dict.fromkeys(KEPT, ())
    past: dict[str, tuple[str, ...]] = dict(former)
    for seat, to in moves:
        if now[seat] != to and not holders.too_much(epoch(TWO, now, past), seat, to):
            past[seat] = (*past[seat], now[seat])
            now[seat] = to
    for name in "ABCDEFG":
        held = {read_seat(seat) for seat in KEPT if now[seat] == name or name in past[seat]}
        assert not TWO.is_quorum(held)
        assert len({group for group, _ in held}) <= 1


@pytest.mark.parametrize("name", ["A", "a", " A "])
def test_names_are_compared_without_case_and_outer_spaces(name: str) -> None:
    assert holders.too_much(epoch(TWO, KEPT), "2.1", name)
