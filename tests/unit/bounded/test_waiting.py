# SPDX-License-Identifier: Apache-2.0
"""Waiting has an end, and what hangs is left behind once."""

import threading

import pytest

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.waiting import within


def test_what_ends_in_time_returns_or_raises_as_it_does() -> None:
    assert within(Deadline(60), "x", lambda: 7) == 7
    with pytest.raises(KeyError):
        within(Deadline(60), "x", lambda: dict[str, int]()["none"])


@pytest.mark.timeout(60)
def test_what_hangs_is_left_behind_once_and_no_other_waits_for_it() -> None:
    release, began = threading.Event(), []

    def hangs() -> None:
        began.append(1)
        release.wait(3600)

    with pytest.raises(TimeoutError, match=r"no end within 0\.05 s"):
        within(Deadline(0.05), "hangs", hangs)
    for _ in range(20):
        with pytest.raises(TimeoutError, match="still hangs"):
            within(Deadline(3600), "hangs", hangs)
    assert len(began) == 1
    assert within(Deadline(60), "another", lambda: "well") == "well"
    release.set()
    while any(thread.name == "waits: hangs" for thread in threading.enumerate()):
        pass
    assert within(Deadline(60), "hangs", lambda: "well again") == "well again"


def test_a_deadline_that_is_over_waits_for_nothing() -> None:
    over = Deadline(0)
    assert over.over
    assert over.sooner(100).over
    with pytest.raises(TimeoutError):
        over.require_s()
    assert 0 < Deadline(100).sooner(5).left_s <= 5
