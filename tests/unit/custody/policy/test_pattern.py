# SPDX-License-Identifier: Apache-2.0
"""Patterns: what can be matched is matched as people expect, what cannot is refused with what to write instead."""

import re
import string
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import pattern
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.pattern import mismatch, unusable
from breakglass_shamir.errors import InvalidPolicy

TEXTS = st.text(alphabet="abAB01-_. #\t", max_size=12)

PIECES = st.sampled_from(
    ["a", "B", "0", "-", r"\.", ".", r"\d", r"\w", r"\s", r"\S", "[a-b0-9]", "[^a]", "(?:ab|A)", "(0|1)", "(?i:aB)"]
)  # fmt: skip
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """A pattern that both engines read."""
    made = "".join(draw(PIECES) + draw(REPEATS) for _ in range(draw(st.integers(0, 5))))
    shape = draw(st.sampled_from(["{}", "({})", "(?:{})+", "^{}$", "x|{}"]))
    return shape.format(made)


@given(patterns(), TEXTS)
def test_what_both_read_they_read_alike(written: str, text: str) -> None:
    assert (mismatch(written, text) == "") == (re.fullmatch(written, text) is not None)


@given(st.text(max_size=80), st.text(max_size=40))
def test_no_pattern_and_no_text_raises(written: str, text: str) -> None:
    why = unusable(written)
    said = mismatch(written, text)
    assert said.isprintable() or not written.isprintable()
    if why:
        assert said == f"the policy's pattern cannot be matched: {why}"


@pytest.mark.parametrize(
    ("written", "name", "instead"),
    [
        ("(?=INC)INC-[0-9]+", "look-around", "|"), ("(?!CHG).*", "look-around", "|"), ("(?<=x)1", "look-around", "|"),
        ("(?<!x)1", "look-around", "|"), (r"(A|B)-\1", "a back-reference", "itself"),
        ("(?P<x>A)(?P=x)", "a back-reference", "itself"), ("(A)?(?(1)B|C)", "a condition", "|"),
        ("(?>INC)-1", "an atomic group", "(?:...)"), ("INC(?#the old ones)-1", "a comment", "leave it out"),
        ("INC-[0-9]++", "a possessive quantifier", "last +"), (r"INC-[0-9]+\Z", r"\Z", "leave it out"),
        ("\\u0049NC", "a character by its number", r"\x{E9}"), ("(?x) INC", "a flag", "i, m, s"),
        ("INC-[0-9]{,6}", "in front of the comma", "{0,3}"), ("[0-9]{1,1001}", "1000 repetitions", "1001"),
        ("((?:[0-9]{30}){30}){30}", "repetitions", "multiplied"), (r"(?:\pL{1,9}\d?)+" * 20, "too large", "less often"),
        ("a" * 501, "500 characters", "501"), ("INC-[0-9", "not a regular expression", "missing ]"),
    ],
)  # fmt: skip
def test_what_cannot_be_matched_is_refused_by_name_with_what_to_write_instead(
    written: str, name: str, instead: str
) -> None:
    why = unusable(written)
    assert name in why
    assert instead in why
    assert len(why) < 400


def test_a_pattern_of_a_new_policy_is_refused_at_its_key_and_one_in_force_is_read() -> None:
    source = """
name = "prod-db"
target = {uri = "manual:"}
quorum = {groups = [{threshold = 2, custodians = ["North", "South", "East"]}]}
[declaration]
classes = ["idp-outage"]
ticket = '(?=INC)INC-[0-9]+'
"""
    with pytest.raises(InvalidPolicy, match="look-around") as caught:
        policies.parse_new(source)
    assert [one["key"] for one in caught.value.problems] == ["declaration.ticket"]
    assert policies.parse(source).declaration.ticket == "(?=INC)INC-[0-9]+"
    several = source.replace("manual:", "").replace("threshold = 2", "threshold = 1")
    with pytest.raises(InvalidPolicy) as caught:
        policies.parse_new(several)
    assert "declaration.ticket" in [one["key"] for one in caught.value.problems]


def test_a_library_that_is_not_there_closes_the_gate_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern._compiled.cache_clear()
    monkeypatch.setitem(sys.modules, "re2", None)
    assert "google-re2 cannot be loaded" in mismatch("INC-[0-9]+", "INC-1")
    pattern._compiled.cache_clear()
    monkeypatch.undo()
    assert mismatch("INC-[0-9]+", "INC-1") == ""


@given(st.sampled_from(string.printable + "\u00e9\u0661\udc80"), st.integers(1, 3000))
def test_a_text_has_a_bound(letter: str, count: int) -> None:
    said = mismatch(".*", letter * count)
    assert (said == "") == (count <= pattern.MAX_TEXT_CHARACTERS and letter not in "\n\udc80")
    assert len(said) < 600
