# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of a policy file (draft 2020-12), for editors and for checks in a repository.

Rules:

1. It is made from the types of ``tables.py``: what the schema refuses, ``parse`` refuses too.
2. Each key has its meaning and its default. TOML has no null, so no key takes one.

What holds between keys no schema says; ``policy check`` does.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from breakglass_shamir.custody.policy.duration import DURATION_PATTERN, Duration
from breakglass_shamir.custody.policy.keys import MEANINGS
from breakglass_shamir.custody.policy.resolving import MAX_INCLUDED
from breakglass_shamir.custody.policy.shared import OF_ONE_SET, Shared
from breakglass_shamir.custody.policy.table import INCLUDE, Table
from breakglass_shamir.custody.policy.tables import Policy

_PATHS = {
    "Target": "target",
    "Quorum": "quorum",
    "CustodianGroup": "quorum.groups",
    "Custodian": "custodians",
    "Site": "sites",
    "Officer": "officers",
    "Declaration": "declaration",
    "SharedDeclaration": "declaration",
    "UseRule": "declaration.rules",
    "Reveal": "reveal",
    "UseRules": "use",
    "Rotation": "rotation",
    "Drills": "drills",
    "LoadDrill": "drills.load",
    "LoadLimit": "drills.load.limits",
    "Alerts": "alerts",
    "Review": "review",
    "Reviewer": "review.reviewers",
    "Settlement": "review.settlement",
    "Audit": "audit",
    "Outage": "outage",
    "Probe": "outage.probes",
    "TicketSystem": "ticket",
    "Arming": "arming",
}
"""Where each table stands in the file; what is not here is a sink."""

_WHOLE = frozenset({Policy.__name__, Shared.__name__})

_INCLUDED: dict[str, Any] = {
    "description": "files in this one's folder or below whose parts the set shares; policy resolve writes the whole",
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": MAX_INCLUDED},
    ],
}

DRAFT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect."""


def schema() -> dict[str, Any]:
    """Return the schema of a policy that stands alone, as builtins that JSON can hold."""
    return _schema(Policy, "breakglass policy")


def shared_schema() -> dict[str, Any]:
    """Return the schema of a file whose parts several sets share."""
    return _schema(Shared, "breakglass policy, shared parts")


def including_schema() -> dict[str, Any]:
    """Return the schema of a set's file that includes others: what those may have is not required here."""
    made = _schema(Policy, "breakglass policy, including others")
    tables = made["$defs"]
    whole = tables[Policy.__name__]
    whole["properties"] = {INCLUDE: _INCLUDED, **whole["properties"]}
    whole["required"] = [INCLUDE, *(key for key in whole["required"] if key in OF_ONE_SET)]
    tables["Declaration"]["required"] = []
    sinks = tables["Alerts"]["properties"]["sinks"]
    sinks["items"] = {"anyOf": [{"$ref": "#/$defs/Chosen"}, sinks["items"]]}
    tables["Chosen"] = {
        "title": "Chosen",
        "description": "A sink of a shared file, by its name.",
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 60}},
        "required": ["name"],
        "additionalProperties": False,
    }
    return made


def _schema(kind: type[Table], heading: str) -> dict[str, Any]:
    made = msgspec.json.schema(kind, schema_hook=_duration)
    for title, definition in made["$defs"].items():
        definition["description"] = definition["description"].replace("``", "")
        for key, value in definition["properties"].items():
            definition["properties"][key] = _described(_path_of(title, key), value)
    _add_defaults(made["$defs"])
    return {"$schema": DRAFT, "title": heading, **made}


def _duration(kind: type) -> dict[str, Any]:
    if kind is not Duration:
        raise NotImplementedError
    return {"type": "string", "pattern": DURATION_PATTERN}


def _described(path: str, value: dict[str, Any]) -> dict[str, Any]:
    """Give a key its meaning and take the null out."""
    kinds = [one for one in value.get("anyOf", []) if one != {"type": "null"}]
    if len(kinds) == 1:
        value = kinds[0]
    return {**value, "description": MEANINGS[path]} if path in MEANINGS else value


def _path_of(title: str, key: str) -> str:
    return f"{_PATHS.get(title, 'alerts.sinks')}.{key}" if title not in _WHOLE else key


def _add_defaults(definitions: dict[str, Any]) -> None:
    """Write the defaults that are durations, which the library cannot."""
    for table in _tables(Table):
        for field in msgspec.structs.fields(table):
            made = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            if isinstance(made, Duration) and table.__name__ in definitions:
                definitions[table.__name__]["properties"][field.encode_name]["default"] = str(made)


def _tables(kind: type[Table]) -> Iterator[type[Table]]:
    for below in kind.__subclasses__():
        yield below
        yield from _tables(below)
