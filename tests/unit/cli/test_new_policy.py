# SPDX-License-Identifier: Apache-2.0
"""A policy that is written by answering says what was answered, for every target and with every character."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.cli.guide import new_policy
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.formats.likeness import looks_like_share
from breakglass_shamir.operations.policy import examples


def answers(scheme: str = "ssh-key", **more: str) -> dict[str, str]:
    sample = examples.sample(scheme)
    return {
        "what": scheme, "address": sample.uri, "account": sample.account, "options": sample.options, "name": "prod-db",
        "belongs_to": "", "second_account": "", "custodians": "North\nSouth\nEast", "threshold": "2",
        "classes": "idp-outage\nmfa-outage", "ticket": "INC-[0-9]{4,}", "how-many-officers": "2", **more,
    }  # fmt: skip


@pytest.mark.parametrize("scheme", new_policy.WORDS)
def test_every_target_that_is_offered_gives_a_policy(scheme: str) -> None:
    policy = policies.parse_new(new_policy.text_of(answers(scheme)), new_set=True)
    assert policy.target.uri == examples.sample(scheme).uri
    assert policy.structure.sheets == 3
    assert policy.declaration.ticket == "INC-[0-9]{4,}"


TEXTS = st.text(min_size=1, max_size=60).map(str.strip).filter(
    lambda text: text.isprintable() and is_clean(text) and not looks_like_share(text) and any(map(str.isalnum, text))
)  # fmt: skip


@given(names=st.lists(TEXTS, min_size=2, max_size=6, unique_by=str.casefold), owner=TEXTS, second=TEXTS)
def test_what_was_answered_is_what_is_read(names: list[str], owner: str, second: str) -> None:
    """Quotation marks, backslashes, brackets and TOML's own signs among them."""
    source = new_policy.text_of(answers(custodians="\n".join(names), belongs_to=owner, second_account=second))
    policy = policies.parse(source)
    assert policy.quorum.groups[0].custodians == tuple(names)
    assert (policy.belongs_to, policy.target.second_account) == (owner, second)


def questions(found: dict[str, str]) -> dict[str, Any]:
    steps = new_policy._steps({}, Path("/nowhere"), told=lambda _: ())
    return {question.key: question for step in steps if (question := step(found)) is not None}


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("what", "oracle"), ("address", "telnet://x"), ("name", "prod db"), ("name", "../x"), ("name", "con"),
        ("custodians", "alone"), ("custodians", ""), ("threshold", "1"), ("threshold", "4"), ("threshold", "two"),
        ("threshold", "-2"), ("threshold", "²"), ("ticket", "(?=x)"), ("ticket", "["), ("how-many-officers", "0"),
        ("how-many-officers", "21"), ("how-many-officers", "many"), ("policy", "/nowhere/at/all.toml"), ("policy", "/"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_when_it_is_answered(key: str, wrong: str) -> None:
    with pytest.raises(BreakglassError):
        questions(answers())[key].read(wrong)


@pytest.mark.parametrize("count", [2, 3, 5, 9, 10, 255])
def test_numbers_are_explained_before_they_are_chosen(count: int) -> None:
    asked = questions(answers(custodians="\n".join(f"custodian {n}" for n in range(count))))["threshold"]
    assert 1 <= len(asked.notes) <= 8
    assert asked.read("") == str(max(2, count // 2 + 1))
    assert asked.notes[-1] == f"{count} of {count}: all of them: one lost sheet ends it"
