# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema is one, takes every example, and refuses what the program refuses."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from breakglass_shamir.custody.policy.schema import including_schema, schema, shared_schema
from breakglass_shamir.operations.policy import examples

ROOT = Path(__file__).parents[4]
NO_POLICIES = {"pyproject.toml", "ruff.toml"}
EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.toml") if path.name not in NO_POLICIES)


def validator_of(made: dict[str, Any]) -> jsonschema.Draft202012Validator:
    made = json.loads(json.dumps(made))
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made, format_checker=jsonschema.FormatChecker())


def schema_for(document: dict[str, Any]) -> dict[str, Any]:
    """The schema of this kind of file."""
    return including_schema() if "include" in document else schema() if "name" in document else shared_schema()


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return validator_of(schema())


def tree() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.toml.decode(examples.example("ssh-key"))
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_file_fits(example: Path) -> None:
    document = msgspec.toml.decode(example.read_text())
    validator_of(schema_for(document)).validate(document)


@pytest.mark.parametrize("which", ["organisation", "set"])
def test_the_printed_examples_of_shared_parts_fit(which: str) -> None:
    document = msgspec.toml.decode(examples.example(which))
    validator_of(schema_for(document)).validate(document)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("name = 'x'", shared_schema()),
        ("include = 'x.toml'", shared_schema()),
        ("colour = 1", shared_schema()),
        ("[drills]\nroll_call = 1", shared_schema()),
        ("include = 5\nname = 'x'", including_schema()),
        ("include = 'x.toml'\nname = 'x'\n[target]\nuri = 'manual:x'", including_schema()),
        ("name = 'x'\n[target]\nuri = 'manual:x'\n[quorum]\ngroups = []", including_schema()),
        ("include = 'x.toml'", schema()),
    ],
)
def test_what_belongs_in_another_file_the_schema_refuses(text: str, made: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator_of(made).validate(msgspec.toml.decode(text))


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
