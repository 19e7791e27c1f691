# SPDX-License-Identifier: Apache-2.0
"""What the keys of an HTTP sink ask of each other, and what a template can never do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakglass_shamir.custody.policy import alert_ways, body_template, http_rules
from breakglass_shamir.custody.policy.body_template import BodyTemplate
from breakglass_shamir.custody.policy.sinks import HttpSink
from breakglass_shamir.errors import InvalidInput

URL = "https://h/in"


def refused(**keys: Any) -> list[str]:
    return [str(one) for one in http_rules.problems(HttpSink(name="s", **{"url": URL, **keys}), "s")]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"secret_file": "/s", "secret_argv": ("/p",)}, "one of secret_file and secret_argv"),
        ({"secret_argv": ("p",)}, "a program by absolute path, got 'p'"),
        ({"key": "/k"}, "both cert and key"),
        ({"url": "http://h", "secret_file": "/s"}, "https:// where a secret is sent"),
        ({"url": "http://h", "ca": "/c"}, "https:// with ca or cert"),
        ({"token_url": "http://t", "client_id": "c", "secret_file": "/s"}, "token_url: expected https://"),
        ({"token_url": "https://t"}, "client_id and a secret with token_url"),
        ({"client_id": "c"}, "a token_url with client_id"),
        ({"scope": "x"}, "a token_url with scope"),
        ({"preset": "sentinel", "secret_file": "/s"}, "expected with sentinel: token_url, client_id"),
        ({"preset": "datadog"}, "expected with datadog: secret_file or secret_argv"),
        ({"headers": ("X-API-Key: k",)}, "X-API-Key is a secret"),
        ({"headers": ("Ocp-Apim-Subscription-Key: k",)}, "Ocp-Apim-Subscription-Key is a secret"),
        ({"headers": ("x-functions-key: k",)}, "x-functions-key is a secret"),
        ({"headers": ("content-type: text/plain",)}, "the program sets content-type by itself"),
        ({"headers": ("A: 1", "a: 2")}, "a is there already"),
        ({"secret_header": "Host", "secret_file": "/s"}, "the program sets Host by itself"),
        ({"preset": "loki", "framing": "lines"}, "loki has its own"),
        ({"preset": "loki", "method": "PUT"}, "expected POST with loki"),
        ({"preset": "secops", "secret_file": "/s", "template": "{}"}, "secops has its own shape"),
        ({"template": "{"}, "expected a template in JSON: "),
        ({"template": '{"a": NaN}'}, "expected a template in JSON"),
        ({"template": '{"a": -1e999}'}, "expected a template in JSON"),
        ({"template": "[" * 4000}, "expected a template"),
        ({"template": '{"a":' * 11 + "1" + "}" * 11}, "10 levels"),
        ({"template": '{"a": "costs $5"}'}, "$$ for a dollar sign"),
        ({"template": '{"a": "${a.b()}"}'}, "expected ${PATH}"),
        ({"template": '{"a": "${a..b}"}'}, "expected ${PATH}"),
        ({"template": json.dumps({"a": "${a}" * 201})}, "200 values at most"),
    ],
)
def test_what_does_not_fit_is_named(keys: dict[str, Any], words: str) -> None:
    (found,) = refused(**keys)
    assert words in found


@pytest.mark.parametrize(
    "keys",
    [
        {}, {"url": "http://h/in", "preset": "loki"}, {"secret_argv": ("/p", "x"), "secret_prefix": ""},
        {"preset": "sentinel", "token_url": "https://t", "client_id": "c", "secret_file": "/s", "scope": "x"},
        {"preset": "secops", "secret_file": "/s", "token_url": "https://t", "scope": "x"},
        {"template": '{"a": ["${a.0.b-c_d@e}", "$$", {"b": null}]}', "framing": "lines", "shape": "flat"},
    ],
)  # fmt: skip
def test_what_fits_is_taken(keys: dict[str, Any]) -> None:
    assert refused(**keys) == []


def test_a_way_is_called_by_its_preset() -> None:
    assert alert_ways.way(HttpSink(name="s", url=URL, preset="loki")) == f"loki {URL}"
    assert alert_ways.way(HttpSink(name="s", url=URL)) == f"http {URL}"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3))
def test_a_value_is_a_value_and_nothing_else(document: dict[str, Any]) -> None:
    """Whatever an event holds, the template's own keys and texts are there, and no others."""
    made = BodyTemplate('{"k": {"whole": "${a}", "in": "<${a}|${a}>", "$": "$$"}, "l": ["${b.0}", 5]}').fill(document)
    written = document.get("a")
    text = "" if written is None else written if isinstance(written, str) else None
    again = json.loads(json.dumps(made))
    assert list(again) == ["k", "l"]
    assert again["k"]["whole"] == written
    assert again["k"]["$"] == "$"
    assert again["l"][1] == 5
    if text is not None:
        assert again["k"]["in"] == f"<{text}|{text}>"


def test_a_value_that_looks_like_a_placeholder_is_none() -> None:
    assert BodyTemplate('{"x": "${a} "}').fill({"a": "${b}", "b": "no"}) == {"x": "${b} "}


def test_what_comes_out_is_bounded() -> None:
    template = BodyTemplate(json.dumps({"a": ["${a}"] * 200}))
    with pytest.raises(InvalidInput, match="more than"):
        template.fill({"a": "x" * (body_template.FILLED_MAX_BYTES // 100)})
