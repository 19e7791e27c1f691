# SPDX-License-Identifier: Apache-2.0
"""Elapsed time by two clocks, and the seats of sheets."""

import pytest

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import SetState, read_seat, write_seat
from breakglass_shamir.errors import IllegalState


def at(clock: str, uptime_s: int, boot: str = "one") -> Moment:
    return Moment(f"2026-01-01T{clock}Z", boot, uptime_s * 1000)


def test_within_one_boot_only_uptime_counts() -> None:
    assert at("10:00:00", 100).seconds_until(at("10:00:00", 160)) == 60
    assert at("10:00:00", 100).seconds_until(at("23:00:00", 160)) == 60
    assert at("10:00:00", 100).seconds_until(at("01:00:00", 160)) == 60


def test_it_counts_whole_seconds() -> None:
    assert Moment("2026-01-01T10:00:00Z", "one", 0).seconds_until(Moment("2026-01-01T10:00:00Z", "one", 1999)) == 1


def test_across_a_reboot_the_wall_clock_counts() -> None:
    assert at("10:00:00", 100).seconds_until(at("10:01:30", 5, "two")) == 90


def test_a_clock_set_back_counts_as_no_time() -> None:
    assert at("10:00:00", 100).seconds_until(at("09:00:00", 5, "two")) == 0
    assert at("10:00:00", 100).seconds_until(at("10:00:00", 40)) == 0


@pytest.mark.parametrize("seat", [(1, 1), (2, 3), (16, 255)])
def test_a_seat_is_written_as_group_and_member(seat: tuple[int, int]) -> None:
    assert read_seat(write_seat(seat)) == seat
    assert write_seat((2, 3)) == "2.3"


def test_a_set_without_epoch_or_opening_says_so() -> None:
    with pytest.raises(IllegalState, match="set prod-db has no epoch yet"):
        _ = SetState("prod-db").current_epoch
    with pytest.raises(IllegalState, match="set prod-db has no opening under way"):
        _ = SetState("prod-db").active_opening
    assert not SetState("prod-db").openable("")
