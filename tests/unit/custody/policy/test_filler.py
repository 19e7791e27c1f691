# SPDX-License-Identifier: Apache-2.0
"""A reason says something; what says nothing is a short list, and any word beside it is enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.custody.policy.filler import FILLERS, is_filler


@pytest.mark.parametrize(
    "text",
    ["test", "Test!", "TEST test", "n/a", "N/A.", "asdf", "none", "no reason", "xxxx", "aaa bbb", "1234", "...", "a",
     "kein Grund", "rien", "nessuno", "geen", "teste"],
)  # fmt: skip
def test_what_says_nothing_is_told(text: str) -> None:
    assert is_filler(text)


@pytest.mark.parametrize(
    "text",
    ["identity provider is down", "Netz weg", "test of the new sheets", "fire", "no login anywhere", "停電", "DNS",
     "it is down", "planned rotation", "another policy", "nobody can log in"],
)  # fmt: skip
def test_what_says_something_is_not(text: str) -> None:
    assert not is_filler(text)


@given(st.lists(st.sampled_from(sorted(FILLERS)), max_size=5))
def test_one_real_word_is_enough(words: list[str]) -> None:
    assert not is_filler(" ".join([*words, "outage"]))
