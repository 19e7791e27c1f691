# SPDX-License-Identifier: Apache-2.0
"""``recover.py`` and ``recover.html`` answer the same: a few of the cases that ``make differences`` makes."""

from tests.browsers.asked import Asked
from tests.browsers.differences import case, differences
from tests.lengths import some

COUNT = 800


def test_no_case_is_answered_differently(asked: Asked) -> None:
    assert list(differences(asked, (f"test-{number}" for number in some(range(COUNT))))) == []


def test_a_page_that_answers_differently_is_found(asked: Asked) -> None:
    before = asked.browser.value("(() => { window.kept = progress; progress = () => 'none'; return 1; })()")
    assert before == 1
    try:
        assert list(differences(asked, (f"test-{number}" for number in range(200))))
    finally:
        asked.browser.value("progress = window.kept; 0")


def test_every_kind_of_case_is_made() -> None:
    assert {case(f"test-{number}")[0] for number in range(COUNT)} == {
        "session", "looks-like-share", "human-text", "screen", "read-envelope", "read-core-lines", "repair",
        "read-share-text", "read-line", "read-envelopes", "combine", "decrypt",
    }  # fmt: skip
