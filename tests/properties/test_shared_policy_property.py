# SPDX-License-Identifier: Apache-2.0
"""However a policy is spread over files, its text is one policy, stands alone, and is resolved by nothing further."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import differences, resolving, shared
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.shared import Document
from breakglass_shamir.custody.policy.text import to_text
from breakglass_shamir.errors import InvalidPolicy, LooksLikeShare
from breakglass_shamir.operations.policy import examples

ROOT = Path(__file__).parents[2]
WHOLE = [
    *(examples.example(connector) for connector in examples.connectors_with_example()),
    *((ROOT / "examples" / "enterprise" / name).read_text() for name in ("prod-root.toml", "prod-root-second.toml")),
    (ROOT / "examples" / "small-team" / "small-team.toml").read_text(),
]
TREES = [policies.tree_of(text) for text in WHOLE]
OWN = {"name", "target", "quorum"}


def _document(file: str, tree: dict[str, Any], include: str = "") -> Document:
    text = f"{include}\n{to_text(tree)}"
    return Document(file, text, policies.tree_of(text))


@st.composite
def spread(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """A whole tree, what of it stays in the set's file, and what is in each of up to three shared ones."""
    whole = draw(st.sampled_from(TREES))
    own: dict[str, Any] = {key: value for key, value in whole.items() if key in OWN}
    several: list[dict[str, Any]] = [{} for _ in range(draw(st.integers(1, 3)))]
    for key, value in whole.items():
        if key in OWN:
            continue
        if isinstance(value, dict):
            for inner, item in value.items():
                place = draw(st.sampled_from([own, *several]))
                place.setdefault(key, {})[inner] = item
        else:
            draw(st.sampled_from([own, *several]))[key] = value
    return whole, own, several


@settings(max_examples=150, deadline=None)
@given(spread())
def test_a_policy_that_is_spread_means_what_the_whole_means(
    made: tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]],
) -> None:
    whole, own, several = made
    names = [f"shared-{n}.toml" for n in range(len(several))]
    documents = [_document(name, tree) for name, tree in zip(names, several, strict=True)]
    for one in documents:
        shared.check(one)
    own_document = _document("set.toml", own, f"include = {names!r}")
    assert resolving.includes(own_document) == tuple(names)
    found = resolving.resolve(own_document, documents)
    assert differences.differences(policies.parse_new(to_text(whole)), policies.parse_new(found.text)) == ()
    assert found.weaker == ()
    again = resolving.resolve(Document("x", found.text, policies.tree_of(found.text)), [])
    assert again.text == found.text
    assert policies.digest(again.text) == policies.digest(found.text)
    assert to_text(policies.tree_of(found.text)) == found.text


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_fuzzed_files_are_a_policy_or_a_list_of_problems_with_places(data: st.DataObject) -> None:
    texts = [examples.example("set"), examples.example("organisation")]
    which = data.draw(st.integers(0, 1))
    lines = texts[which].splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[place])))
        lines[place] = (
            lines[place][:cut] + data.draw(st.text(max_size=6)) + lines[place][cut:][data.draw(st.integers(0, 3)) :]
        )
    texts[which] = "\n".join(lines)
    try:
        own = Document("set.toml", texts[0], policies.tree_of(texts[0]))
        documents = [shared.decoded("organisation.toml", texts[1])] if resolving.includes(own) else []
        for one in documents:
            shared.check(one)
        found = resolving.resolve(own, documents)
    except LooksLikeShare:
        return
    except InvalidPolicy as refused:
        assert refused.details["problems"]
        return
    try:
        policies.parse_new(found.text)
    except InvalidPolicy as refused:
        placed = found.placed(refused)
        assert len(placed.problems) == len(refused.problems)
        if documents:
            assert all(one["file"] in ("set.toml", "organisation.toml") for one in placed.problems)
    except LooksLikeShare:
        return
