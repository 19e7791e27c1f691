# SPDX-License-Identifier: Apache-2.0
"""A set across terminals: epochs by lineage, forks, terminals that lag behind, sets of one name."""

from msgspec.structs import replace

from breakglass_shamir.custody.life.across import across
from breakglass_shamir.custody.life.link import PROVEN, Link
from breakglass_shamir.custody.life.state import SetState
from tests.unit.operations.audit.test_history import begun, lived

NAME = "prod-db"
OLD: SetState = begun().state.sets[NAME]
NEW: SetState = lived().state.sets[NAME]
FIRST = OLD.current
SECOND = NEW.current


def test_one_terminal_with_a_whole_chain_has_nothing_open() -> None:
    found = across(NAME, {"north": (NEW, True)})
    assert [one.epoch_id for one in found.epochs] == [FIRST, SECOND]
    assert [one.vouched for one in found.epochs] == ["first", "countersigned"]
    assert (found.epochs[0].void_at, found.epochs[1].in_force_at) == (("north",), ("north",))
    assert found.open == ()


def test_a_terminal_that_lags_behind_is_named() -> None:
    found = across(NAME, {"north": (NEW, True), "south": (OLD, True)})
    (said,) = found.open
    assert said.startswith(f"{NAME}: south takes epoch 1 (")
    assert said.endswith(f"for the living one, north epoch 2 ({NEW.epochs[SECOND].short_id})")
    assert found.epochs[0].known_at == ("north", "south")


def test_nothing_is_said_of_what_is_in_force_where_that_is_not_known() -> None:
    found = across(NAME, {"north": (NEW, True), "south": (OLD, False)})
    assert found.open == ()
    assert found.epochs[0].in_force_at == ()


def test_two_successors_in_two_logs_are_a_fork() -> None:
    other = replace(OLD, links=(Link(FIRST, "ab" * 8, PROVEN, "", "2026-01-01T00:00:00Z"),))
    found = across(NAME, {"north": (NEW, True), "south": (other, False)})
    (said,) = [words for words in found.open if "a fork" in words]
    assert "by north" in said
    assert "an epoch not known here" in said and "by south" in said


def test_epochs_that_nothing_joins_are_two_sets_of_one_name() -> None:
    alone = replace(NEW.epochs[SECOND], predecessor="")
    strange = replace(NEW, epochs={SECOND: alone}, links=())
    found = across(NAME, {"north": (OLD, True), "south": (strange, True)})
    assert any("two sets of one name" in words for words in found.open)


def test_what_only_its_sheets_vouch_for_is_unpinned_until_one_log_knows_better() -> None:
    learned = replace(OLD.epochs[FIRST], recovered=True, pinned=False)
    sheets = replace(OLD, epochs={FIRST: learned})
    found = across(NAME, {"south": (sheets, True)})
    assert found.epochs[0].vouched == "UNPINNED"
    assert any("UNPINNED" in words for words in found.open)
    assert across(NAME, {"south": (sheets, True), "north": (OLD, True)}).open == ()


def test_predecessors_that_go_round_end() -> None:
    round_ = replace(OLD, epochs={FIRST: replace(OLD.epochs[FIRST], predecessor=FIRST)})
    assert across(NAME, {"north": (round_, True)}).epochs == ()
