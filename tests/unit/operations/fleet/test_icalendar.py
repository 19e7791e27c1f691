# SPDX-License-Identifier: Apache-2.0
"""The calendar, read back by another program: names can end no line, ids stay, rows are folded between characters."""

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from breakglass_shamir.operations.fleet.icalendar import LINE_OCTETS, calendar, folded
from breakglass_shamir.operations.fleet.upcoming import Appointment

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)


def appointment(
    what: str = "prod-db: rehearsal", people: tuple[str, ...] = ("Anna Berg",), why: str = ""
) -> Appointment:
    return Appointment(
        "0" * 32, "prod-db", "rehearsal", date(2026, 12, 24), overdue=False, what=what, why=why, command="breakglass x",
        people=people,
    )  # fmt: skip


def test_an_event_is_a_whole_day_for_people() -> None:
    read = Calendar.from_ical(calendar([appointment()], NOW, "break-glass"))
    (event,) = read.events
    assert event["UID"] == f"{'0' * 32}@breakglass-shamir.invalid"
    assert event.start == date(2026, 12, 24)
    assert event.end == date(2026, 12, 25)
    assert [str(word) for word in event.categories] == ["rehearsal", "Anna Berg"]
    assert (str(read["METHOD"]), str(event["CLASS"]), str(event["TRANSP"])) == (
        "PUBLISH",
        "CONFIDENTIAL",
        "TRANSPARENT",
    )


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=90), min_size=1, max_size=4))
def test_no_name_ends_a_value_or_a_line(names: list[str]) -> None:
    said = "BEGIN:VEVENT\r\nATTACH:file;" + names[0]
    data = calendar([appointment(said, tuple(names), names[-1])], NOW, names[0])
    (event,) = Calendar.from_ical(data).events
    assert "ATTACH" not in event
    assert len(event.categories) == 1 + len(names)
    assert all(len(row) <= LINE_OCTETS for row in data.split(b"\r\n"))
    assert data.count(b"\nBEGIN:VEVENT") == 1


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=300))
def test_a_folded_line_is_the_same_line_again(line: str) -> None:
    rows = list(folded(line))
    assert all(row.decode().endswith("\r\n") for row in rows)
    assert b"".join(rows).replace(b"\r\n ", b"").removesuffix(b"\r\n").decode() == line
