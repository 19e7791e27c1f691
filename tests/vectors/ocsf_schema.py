# SPDX-License-Identifier: Apache-2.0
"""A strict reader of the OCSF schema's source, and what it says against an event.

Everything is checked that the schema states: required attributes, unknown ones, types, arrays, enumerations,
``at_least_one`` and ``just_one``, down through the objects. Profiles that an event does not name do not count.
"""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

WHOLE = {"integer_t", "long_t", "timestamp_t", "port_t"}
FREE = {"json_t"}
TREE = "object"
COMPUTED = {"category_uid", "class_uid", "type_uid"}
"""Filled in from the folder and the numbers by whoever compiles the schema; checked as numbers here."""


class Schema:
    """The schema's files, read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = self._read(folder / "version.json")["version"]
        dictionary = self._read(folder / "dictionary.json")
        self.dictionary = dictionary["attributes"]
        self.types = dictionary["types"]["attributes"]

    @cached_property
    def classes(self) -> dict[str, dict[str, Any]]:
        found = {}
        for path in self.folder.glob("events/**/*.json"):
            found[path.stem] = self._read(path)
        return found

    @cached_property
    def categories(self) -> dict[str, int]:
        read = self._read(self.folder / "categories.json")["attributes"]
        return {name: category["uid"] for name, category in read.items()}

    def class_of(self, event: dict[str, Any]) -> str:
        """Return the name of the class an event says it is of."""
        for name, read in self.classes.items():
            chain = list(self._chain(name))
            category = next(
                (self.classes[one]["category"] for one in chain if "category" in self.classes[one]), "other"
            )
            if "uid" in read and self.categories.get(category, 0) * 1000 + read["uid"] == event["class_uid"]:
                assert event["category_uid"] == self.categories[category]
                return name
        raise AssertionError(f"no class {event['class_uid']}")

    def problems(self, event: dict[str, Any]) -> list[str]:
        """Return everything the schema has against an event."""
        name = self.class_of(event)
        attributes: dict[str, Any] = {}
        constraints: dict[str, Any] = {}
        for one in reversed(list(self._chain(name))):
            _merge(attributes, self._attributes(self.classes[one]))
            constraints |= self.classes[one].get("constraints", {})
        found = list(self._object(event, attributes, constraints, name))
        if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
            found.append("type_uid is not class_uid x 100 + activity_id")
        return found

    def _chain(self, name: str) -> Iterator[str]:
        while name:
            yield name
            name = self.classes[name].get("extends", "")

    def _object(
        self, value: dict[str, Any], attributes: dict[str, Any], constraints: dict[str, Any], where: str
    ) -> Iterator[str]:
        for name, rule in attributes.items():
            if rule.get("requirement") == "required" and name not in value and not rule.get("profile"):
                yield f"{where}.{name} is required"
        for name, item in value.items():
            if name not in attributes:
                yield f"{where}.{name} is not in the schema"
            else:
                yield from self._value(item, self._rule(name, attributes[name]), f"{where}.{name}")
        for needed in constraints.get("at_least_one", ()) and [constraints["at_least_one"]]:
            if not any(name in value for name in needed):
                yield f"{where} needs one of {needed}"
        for only in constraints.get("just_one", ()) and [constraints["just_one"]]:
            if sum(name in value for name in only) != 1:
                yield f"{where} needs exactly one of {only}"

    def _rule(self, name: str, attribute: dict[str, Any]) -> dict[str, Any]:
        """Return what the dictionary and the class say of an attribute, together."""
        rule = {name: self.dictionary[name]}
        _merge(rule, {name: attribute})
        found: dict[str, Any] = rule[name]
        return {**found, "enum": {}} if name in COMPUTED else found

    def _value(self, value: Any, rule: dict[str, Any], where: str) -> Iterator[str]:
        if rule.get("is_array"):
            if not isinstance(value, list):
                yield f"{where} is no list"
                return
            for item in value:
                yield from self._value(item, {**rule, "is_array": False}, where)
            return
        kind = rule["type"]
        if kind in FREE or kind == TREE:
            return
        if kind not in self.types:
            yield from self._tree(value, kind, where)
            return
        yield from self._plain(value, kind, where)
        enum = rule.get("enum")
        if enum and str(value) not in enum:
            yield f"{where} is {value!r}, not one of {sorted(enum)}"

    def _tree(self, value: Any, kind: str, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where} is no object"
            return
        attributes: dict[str, Any] = {}
        constraints: dict[str, Any] = {}
        chain = []
        name = kind
        while name:
            read = self._read(self._object_path(name))
            chain.append(read)
            name = read.get("extends", "")
        for read in reversed(chain):
            _merge(attributes, self._attributes(read))
            constraints |= read.get("constraints", {})
        yield from self._object(value, attributes, constraints, where)

    def _object_path(self, name: str) -> Path:
        plain = self.folder / "objects" / f"{name}.json"
        return plain if plain.exists() else self.folder / "objects" / f"_{name}.json"

    def _plain(self, value: Any, kind: str, where: str) -> Iterator[str]:
        base = self.types[kind].get("type", kind)
        if kind == "boolean_t":
            good = isinstance(value, bool)
        elif kind in WHOLE or base in WHOLE:
            good = isinstance(value, int) and not isinstance(value, bool)
        elif kind == "float_t":
            good = isinstance(value, int | float)
        else:
            good = isinstance(value, str)
        if not good:
            yield f"{where} is {value!r}, expected {kind}"

    def _attributes(self, read: dict[str, Any]) -> dict[str, Any]:
        """Return a file's attributes; what a profile includes is optional."""
        found = {name: rule for name, rule in read["attributes"].items() if name != "$include"}
        for included in read["attributes"].get("$include", ()):
            for name, rule in self._read(self.folder / included)["attributes"].items():
                found.setdefault(name, {**rule, "profile": included})
        return found

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return read


def _merge(into: dict[str, Any], attributes: dict[str, Any]) -> None:
    """Lay a file's rules over those of what it extends, enumerations added up."""
    for name, rule in attributes.items():
        before = into.get(name, {})
        merged = {**before, **rule}
        if "enum" in before and "enum" in rule:
            merged["enum"] = {**before["enum"], **rule["enum"]}
        into[name] = merged
