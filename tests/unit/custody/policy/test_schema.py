# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema is one, takes every example, and refuses what the program refuses."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from breakglass_shamir.custody.policy.schema import schema
from breakglass_shamir.operations.policy import examples

ROOT = Path(__file__).parents[4]
NO_POLICIES = {"pyproject.toml", "ruff.toml"}
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.toml") if path.name not in NO_POLICIES)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    made = json.loads(json.dumps(schema()))
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made, format_checker=jsonschema.FormatChecker())


def tree() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.toml.decode(examples.example("ssh-key"))
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_file_fits(validator: jsonschema.Draft202012Validator, example: Path) -> None:
    validator.validate(msgspec.toml.decode(example.read_text()))


@pytest.mark.parametrize("connector", examples.connectors_with_example())
def test_every_printed_example_fits(validator: jsonschema.Draft202012Validator, connector: str) -> None:
    validator.validate(msgspec.toml.decode(examples.example(connector)))


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("", "colour", 1),
        ("declaration", "use_for", "an hour"),
        ("declaration", "officers", 0),
        ("declaration", "classes", []),
        ("rotation", "length", "24"),
        ("reveal", "modes", ["shout"]),
        ("alerts", "sinks", [{"type": "syslog", "name": "x"}]),
        ("alerts", "sinks", [{"type": "slack", "name": "x", "url_file": "not/absolute"}]),
        ("alerts", "sinks", [{"type": "pigeon", "name": "x"}]),
        ("target", "uri", None),
    ],
)
def test_what_the_program_refuses_the_schema_refuses(
    validator: jsonschema.Draft202012Validator, table: str, key: str, value: Any
) -> None:
    wrong = tree()
    (wrong[table] if table else wrong)[key] = value
    assert [*validator.iter_errors(wrong)]


def test_every_key_has_a_meaning_and_every_duration_its_default() -> None:
    definitions = schema()["$defs"]
    plain = [
        f"{name}.{key}"
        for name, definition in definitions.items()
        for key, value in definition["properties"].items()
        if not {"description", "$ref"} & set(value)
    ]
    assert plain == []
    assert definitions["Rotation"]["properties"]["deadline"]["default"] == "1d"
    assert definitions["ExecSink"]["properties"]["timeout"] == {
        "type": "string",
        "pattern": "^[1-9][0-9]{0,5}[smhd]$",
        "default": "10s",
        "description": "how long the program may take",
    }
