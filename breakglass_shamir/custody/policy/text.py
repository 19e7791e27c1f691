# SPDX-License-Identifier: Apache-2.0
"""Writes a policy as TOML that people can read: the text that is digested and recorded where files share parts.

Rules (spec: docs/spec/11-policy.md):

1. One tree has one text: keys stand in the order of the operator's guide, texts have one spelling, and what is not
   written in the tree is not written here. Nothing of the files that it came from is in it, neither names nor comments.
2. What is read back is the tree again, days as text.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from breakglass_shamir.custody.policy.keys import MEANINGS

HEADING = "# A policy with shared parts, resolved: this text stands alone."
"""The first line."""

WIDTH = 120
"""A list that is longer has a line for each of its texts."""

MOST_DOTS = 100
"""Full stops in one text that are written as such; a reader takes a bounded number of them in a line."""

_ORDER: dict[str, int] = {}
"""Key path, and the path of each table that holds one, to its place."""
for _path in MEANINGS:
    _names = _path.split(".")
    for _depth in range(1, len(_names) + 1):
        _ORDER.setdefault(".".join(_names[:_depth]), len(_ORDER))

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t"}


def to_text(tree: Mapping[str, Any]) -> str:
    """Return the text of a policy's tree, of tables, lists, texts, numbers and booleans."""
    return "\n".join([HEADING, "", *_table(tree, "", "")]).rstrip("\n") + "\n"


def value_text(value: Any) -> str:
    """Return one value as it is written."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case list():
            return f"[{', '.join(map(value_text, value))}]"
        case dict():
            inner = ", ".join(f"{_name(key)} = {value_text(item)}" for key, item in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case _:
            return repr(value)


def _table(table: Mapping[str, Any], header: str, path: str) -> Iterator[str]:
    """Yield a table's lines: what it holds itself, then the tables in it, an empty line behind each."""
    keys = sorted(table, key=lambda key: (_ORDER.get(f"{path}{key}", len(_ORDER)), key))
    inner = [key for key in keys if _is_table(table[key]) or _is_tables(table[key])]
    own = [key for key in keys if key not in inner]
    if header and (own or not inner):
        yield f"[{header}]"
    for key in own:
        yield from _assigned(key, table[key])
    if own or (header and not inner):
        yield ""
    for key in inner:
        name = f"{header}.{_name(key)}" if header else _name(key)
        if _is_table(table[key]):
            yield from _table(table[key], name, f"{path}{key}.")
            continue
        for item in table[key]:
            yield from _listed(item, name, f"{path}{key}.")


def _listed(item: Mapping[str, Any], name: str, path: str) -> Iterator[str]:
    """Yield one table of a list of tables; what is in it stands in its lines."""
    yield f"[[{name}]]"
    for key in sorted(item, key=lambda key: (_ORDER.get(f"{path}{key}", len(_ORDER)), key)):
        yield from _assigned(key, item[key])
    yield ""


def _assigned(key: str, value: Any) -> Iterator[str]:
    line = f"{_name(key)} = {value_text(value)}"
    if isinstance(value, list) and value and (len(line) > WIDTH or line.count(".") > MOST_DOTS):
        yield f"{_name(key)} = ["
        for item in value:
            yield f"    {value_text(item)},"
        yield "]"
        return
    yield line


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _name(key: str) -> str:
    is_bare = bool(key) and key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare or key in {"-", "_"} else _text(key)


def _text(value: str) -> str:
    written = "".join(_ESCAPES.get(letter, letter) for letter in value)
    if value.count(".") > MOST_DOTS:
        written = written.replace(".", "\\u002E")
    return f'"{written}"'
