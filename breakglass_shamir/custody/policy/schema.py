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
from breakglass_shamir.custody.policy.table import Table
from breakglass_shamir.custody.policy.tables import Policy

_PATHS = {
    "Target": "target",
    "Quorum": "quorum",
    "CustodianGroup": "quorum.groups",
    "Custodian": "custodians",
    "Site": "sites",
    "Officer": "officers",
    "Declaration": "declaration",
    "Reveal": "reveal",
    "Rotation": "rotation",
    "Drills": "drills",
    "Alerts": "alerts",
}
"""Where each table stands in the file; what is not here is a sink."""

DRAFT = "https://json-schema.org/draft/2020-12/schema"
"""The dialect."""


def schema() -> dict[str, Any]:
    """Return the schema, as builtins that JSON can hold."""
    made = msgspec.json.schema(Policy, schema_hook=_duration)
    for title, definition in made["$defs"].items():
        definition["description"] = definition["description"].replace("``", "")
        for key, value in definition["properties"].items():
            definition["properties"][key] = _described(_path_of(title, key), value)
    _add_defaults(made["$defs"])
    return {"$schema": DRAFT, "title": "breakglass policy", **made}


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
    return f"{_PATHS.get(title, 'alerts.sinks')}.{key}" if title != Policy.__name__ else key


def _add_defaults(definitions: dict[str, Any]) -> None:
    """Write the defaults that are durations, which the library cannot."""
    for table in _tables(Table):
        for field in msgspec.structs.fields(table):
            made = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            if isinstance(made, Duration):
                definitions[table.__name__]["properties"][field.encode_name]["default"] = str(made)


def _tables(kind: type[Table]) -> Iterator[type[Table]]:
    for below in kind.__subclasses__():
        yield below
        yield from _tables(below)
