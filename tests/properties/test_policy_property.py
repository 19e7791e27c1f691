# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a policy file, the answer is a policy or a list of problems, never a traceback.

The decoder and the walk that names every problem read the same types; here they are held against each other.
"""

import json
import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy import tables
from breakglass_shamir.custody.policy.walk import shape_problems
from breakglass_shamir.errors import InvalidPolicy, LooksLikeShare
from breakglass_shamir.operations.policy import checking as answers
from breakglass_shamir.operations.policy import examples
from tests import lengths

EXAMPLE = examples.example("ssh-key")
EXAMPLES = [examples.example(connector) for connector in examples.connectors_with_example()]

_KEYS = sorted({
    "name", "target", "uri", "kind", "options", "quorum", "groups", "threshold", "custodians", "declaration", "classes",
    "ticket", "officers", "keys", "valid_from", "revoked", "sites", "availability", "rotation", "length", "alphabet",
    "must_contain", "drills", "roll_call", "alerts", "sinks", "type", "host", "port", "argv", "url", "group_threshold",
})  # fmt: skip

_SCALARS = st.one_of(
    st.text(max_size=12), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes(), st.times(),
    st.sampled_from(["1h", "90d", "syslog", "exec", "password", "2026-01-01", "/srv/key", "a@b", "(", "A" * 500]),
)  # fmt: skip

_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List every path in a tree of dicts and lists."""
    found = [path]
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in below:
        found += _places(item, (*path, key))
    return found


def _changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = _changed(tree[path[0]], path[1:], value)
    return copy


TARGET = re.compile(r'^uri = "(.*)"$', re.M)
TREE = msgspec.toml.decode(EXAMPLE)
PLACES = [path for path in _places(TREE) if path]


def _accepts(tree: Any) -> bool:
    try:
        msgspec.convert(policies._dates_as_text(tree), tables.Policy, dec_hook=policies.decode_duration)
    except msgspec.ValidationError:
        return False
    return True


@settings(max_examples=lengths.examples(300), deadline=None)
@given(st.sampled_from(PLACES), _VALUES)
def test_the_walk_finds_a_problem_exactly_where_the_decoder_refuses(path: tuple[Any, ...], value: Any) -> None:
    tree = _changed(TREE, path, value)
    found = [*shape_problems(policies._dates_as_text(tree))]
    assert _accepts(tree) == (not found), found
    for problem in found:
        assert "\n" not in str(problem)
        json.dumps(str(problem))


@settings(max_examples=lengths.examples(300), deadline=None)
@given(st.data())
def test_a_fuzzed_policy_is_a_policy_or_a_list_of_problems(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(EXAMPLES)).splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[place])))
        lines[place] = (
            lines[place][:cut] + data.draw(st.text(max_size=6)) + lines[place][cut:][data.draw(st.integers(0, 3)) :]
        )
    _read("\n".join(lines))


@settings(max_examples=lengths.examples(200), deadline=None)
@given(st.text() | st.text(alphabet="[]{}=\"'.,#\n\t 0123456789abcxyz_-TZ:+\\"))
def test_any_text_is_a_policy_or_a_list_of_problems(text: str) -> None:
    _read(text)


@settings(max_examples=lengths.examples(300), deadline=None)
@given(
    st.sampled_from(EXAMPLES),
    st.text(alphabet="/:@[]%?#.0123456789abc -_=é\\", max_size=12),
    st.integers(0, 60),
    st.dictionaries(
        st.sampled_from(["ca", "tls", "socket", "port", "abilities", "grace_window", "x"]), st.text(max_size=4)
    ),
)
def test_any_address_and_options_are_taken_or_named(source: str, junk: str, at: int, options: dict[str, str]) -> None:
    uri = TARGET.search(source)
    assert uri is not None
    wrong = uri[1][:at] + junk + uri[1][at:]
    more = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    source = source.replace(uri[0], f"uri = {json.dumps(wrong)}").replace("options = {  }", f"options = {{ {more} }}")
    _read(source)


def _read(source: str) -> None:
    try:
        answers.check(source)
    except LooksLikeShare as refused:
        assert str(refused)
    except InvalidPolicy as refused:
        assert str(refused)
        assert refused.details["problems"]
