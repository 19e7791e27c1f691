# SPDX-License-Identifier: Apache-2.0
"""Two snapshots of a use against each other: what came, what went, and what nobody knows."""

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.connectors.port.answers import Access
from breakglass_shamir.custody.records.openings import Snapshot
from breakglass_shamir.operations.audit.meanwhile import CAME, UNKNOWN, WENT, Change, changes
from breakglass_shamir.operations.recording import snapshots
from breakglass_shamir.operations.recording.snapshots import ENTRY_MAX_BYTES, MOST_ENTRIES, snapshot

DB = "postgresql://db/postgres"


def listed(when: str, *entries: str, left_out: int = 0, **more: str) -> Snapshot:
    return snapshot(when, DB, Access(entries, left_out), more.get("problem", ""))


def said(*found: Snapshot) -> list[tuple[str, str]]:
    return [(one.what, one.text) for one in changes(found)]


def test_what_came_and_what_went_is_told() -> None:
    before = listed("opening", "role app: logs in", "role old: no login")
    after = listed("close", "role app: superuser, logs in", "role old: no login", "role mallory: logs in")
    assert said(before, after) == [
        (CAME, "role app: superuser, logs in"), (CAME, "role mallory: logs in"), (WENT, "role app: logs in"),
    ]  # fmt: skip


def test_nothing_is_told_where_nothing_was_wanted() -> None:
    assert said() == []
    assert said(listed("opening", "a"), listed("close", "a")) == []


def test_what_is_missing_is_not_nothing() -> None:
    (lacking,) = said(listed("opening", "a"))
    assert lacking == (UNKNOWN, f"{DB}: no snapshot at the close is among these records")
    (failed,) = said(listed("opening", "a"), listed("close", problem="no answer in time"))
    assert failed == (UNKNOWN, f"{DB}: no snapshot was taken at the close: no answer in time")
    both = said(listed("opening", problem="x"), listed("close", problem=snapshots.NOTHING_TO_COMPARE))
    assert [what for what, _ in both] == [UNKNOWN, UNKNOWN]


def test_what_is_not_told_is_said_with_every_comparison() -> None:
    before = snapshot("opening", DB, Access((), 0, ("keys are not told",)), "")
    assert said(before, listed("close")) == [(UNKNOWN, f"{DB}: keys are not told")]


@given(
    st.sets(st.text("abcé \n\x1b", min_size=1, max_size=4), max_size=30),
    st.sets(st.text("abc", max_size=4), max_size=9),
)
def test_a_list_that_was_cut_accuses_nobody(first: set[str], more: set[str]) -> None:
    """Whatever was left out, an entry that stood in both whole lists is never told as come or gone."""
    whole_before, whole_after = first, first | more
    cut = Snapshot(
        when="opening", target=DB, entries=listed("opening", *whole_before).entries[:5],
        left_out=max(0, len(listed("opening", *whole_before).entries) - 5), untold=(), problem="",
    )  # fmt: skip
    after = listed("close", *whole_after)
    both = set(listed("opening", *whole_before).entries) & set(after.entries)
    found = list(changes([cut, after]))
    assert not [one for one in found if one.what in (CAME, WENT) and one.text in both]
    assert not [one for one in found if one.what == WENT]


def test_a_record_of_the_largest_list_fits() -> None:
    wide = [f"grant {number:05d} " + "é" * 2000 + str(number) for number in range(5000)]
    made = snapshot("opening", DB, Access(tuple(wide), 7), "p" * 9000)
    assert len(made.entries) == MOST_ENTRIES
    assert made.left_out == 5007 - MOST_ENTRIES
    assert max(len(entry.encode()) for entry in made.entries) <= ENTRY_MAX_BYTES
    assert len({entry[-64:] for entry in made.entries}) == MOST_ENTRIES
    assert list(made.entries) == sorted(made.entries)


def test_a_change_says_no_control_character() -> None:
    made = listed("close", "role \x1b[31m\nx\u202e: logs in")
    assert all(one.isprintable() or one == " " for entry in made.entries for one in entry)
    assert isinstance(next(iter(changes([listed("opening"), made]))), Change)
