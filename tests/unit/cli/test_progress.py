# SPDX-License-Identifier: Apache-2.0
"""Progress: silent where work is short, else one line that changes or a line now and then, with what is left."""

import pytest

from breakglass_shamir.cli.screen.progress import Progress


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(draws: bool, steps: list[tuple[float, int]], capsys: pytest.CaptureFixture[str]) -> str:
    clock = Clock()
    progress = Progress("verifying", draws=draws, clock=clock)
    for at, done in steps:
        clock.now = 100 + at
        progress.tell(done, 100)
    progress.clear()
    return capsys.readouterr().err


def test_work_that_is_done_in_a_moment_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(True, [(0.1, 10), (0.9, 100)], capsys) == ""
    assert told(False, [(2, 10), (9, 100)], capsys) == ""


def test_the_line_says_what_is_left_at_this_pace_and_is_gone_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    seen = told(True, [(0.5, 5), (2.0, 20), (2.05, 21), (4.0, 40)], capsys)
    assert "  verifying: 20 of 100 (20 %), about 8 s left" in seen
    assert "21 of" not in seen, "it does not change at every step"
    assert "40 of 100 (40 %), about 6 s left" in seen
    assert seen.endswith("\r"), "the row is erased; a pipe gets no more of that than this"
    assert "\n" not in seen


def test_plain_mode_says_whole_lines_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    seen = told(False, [(second, second) for second in range(1, 35)], capsys)
    assert seen.splitlines() == [
        "  verifying: 10 of 100 (10 %), about 1 min left",
        "  verifying: 20 of 100 (20 %), about 1 min left",
        "  verifying: 30 of 100 (30 %), about 1 min left",
    ]
    assert "\x1b" not in seen
    assert "\r" not in seen


def test_no_pace_is_no_estimate_and_nothing_of_nothing_is_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("reading", draws=False)
    assert progress.line(0, 5, 3.0) == "  reading: 0 of 5 (0 %)"
    assert progress.line(5, 5, 3.0) == "  reading: 5 of 5 (100 %)"
    clock = Clock()
    silent = Progress("reading", draws=False, clock=clock)
    clock.now += 60
    silent.tell(0, 0)
    assert capsys.readouterr().err == ""
