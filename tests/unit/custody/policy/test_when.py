# SPDX-License-Identifier: Apache-2.0
"""Hours of a week, held against a clock that is counted minute by minute."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import when

MONDAY = datetime(2026, 1, 5)
DAY = st.sampled_from(when.DAYS)
CLOCK = st.integers(0, when.DAY_MIN - 1)


def written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(
    st.sampled_from(when.DAYS), st.none() | st.sampled_from(when.DAYS), CLOCK, st.integers(0, when.DAY_MIN), st.data()
)
def test_hours_are_those_of_a_clock(first: str, last: str | None, begin: int, end: int, data: st.DataObject) -> None:
    if begin == end:
        return
    days = first if last is None else f"{first}-{last}"
    hours = f"{days} {written(begin)}-{written(end)}"
    assert when.wrong_hours(hours) == ""
    minute = data.draw(st.integers(0, when.WEEK_MIN - 1))
    at = MONDAY + timedelta(minutes=minute)
    named = [when.DAYS.index(first)]
    while when.DAYS[named[-1]] != (last or first):
        named.append((named[-1] + 1) % 7)
    today, yesterday, clock = at.weekday(), (at.weekday() - 1) % 7, minute % when.DAY_MIN
    if end > begin:
        expected = today in named and begin <= clock < end
    else:
        expected = (today in named and clock >= begin) or (yesterday in named and clock < end)
    assert when.is_within([hours], at) is expected


@given(st.text(max_size=60) | st.from_regex(when._ADDRESS, fullmatch=True))
def test_any_text_is_an_address_or_is_told_why_not(text: str) -> None:
    parts = when.parts_of(text)
    if not when.wrong_address(text):
        assert parts.scheme in when.PROBE_OPTIONS
        assert text.isascii()
        assert text.isprintable()
        assert not {" ", "#"} & set(text)


def test_a_zone_that_nobody_knows_is_none() -> None:
    assert when.zone_of("Europe/Zurich") is not None
    assert when.zone_of("../../etc/passwd") is None
    assert when.zone_of("Mars/Olympus") is None
