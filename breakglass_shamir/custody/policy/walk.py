# SPDX-License-Identifier: Apache-2.0
"""Every mistake in the shape of a policy at once, where a decoder stops at the first.

Rules:

1. What is allowed is read off the types of ``tables.py``: one place says it, for the decoder, the JSON
   Schema and these messages.
2. Each problem names the key's path, what is allowed and what was found, and the nearest valid spelling.
3. A text that should have been a file's path is not repeated: it may be the secret itself.

What holds between keys is not looked at here.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any, cast

from msgspec import inspect

from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.problem import PolicyProblem
from breakglass_shamir.custody.policy.table import INCLUDE, PATH_WORDS, Table
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.nearest import nearest
from breakglass_shamir.plural import counted

MAX_SHOWN_CHARACTERS = 40
"""How much of a wrong value is repeated."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")


def shape_problems(tree: Any, kind: type[Table] = Policy) -> Iterator[PolicyProblem]:
    """Yield what is wrong with the shape of a decoded policy file, in the order of the tables.

    Args:
        tree: what the file decodes to.
        kind: the tables that it should have.
    """
    return _walk(tree, _type_of(kind), "")


def shown(value: Any) -> str:
    """Say what was found, short enough for one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**MAX_SHOWN_CHARACTERS else "a number far too large"
        case str():
            return repr(value if len(value) <= MAX_SHOWN_CHARACTERS else f"{value[: MAX_SHOWN_CHARACTERS - 1]}…")
        case list():
            return "a list"
        case dict():
            return "a table"
        case datetime() | date() | time():
            return f"the date or time {value.isoformat()}"
        case _:
            return str(value)


@cache
def _type_of(kind: type[Table]) -> inspect.StructType:
    return cast(inspect.StructType, inspect.type_info(kind))


def _walk(value: Any, kind: inspect.Type, path: str) -> Iterator[PolicyProblem]:
    words = ""
    if isinstance(kind, inspect.Metadata):
        words = (kind.extra_json_schema or {}).get("description", "")
        kind = kind.type
    match kind:
        case inspect.UnionType():
            yield from _walk_union(value, kind, path)
        case inspect.StructType():
            yield from _walk_table(value, kind, path)
        case inspect.VarTupleType():
            yield from _walk_list(value, kind, path)
        case inspect.DictType():
            yield from _walk_dict(value, kind, path)
        case _:
            yield from _walk_value(value, kind, path, words)


def _walk_table(value: Any, kind: inspect.StructType, path: str) -> Iterator[PolicyProblem]:
    if not isinstance(value, dict):
        yield PolicyProblem(path, f"expected a table, got {shown(value)}")
        return
    fields = {field.encode_name: field for field in kind.fields}
    for key in value:
        if key not in fields and key != kind.tag_field:
            yield _unknown_key(_below(path, key), key, list(fields))
    for key, field in fields.items():
        if key in value:
            yield from _walk(value[key], field.type, _below(path, key))
        elif field.required:
            yield PolicyProblem(_below(path, key), f"expected {_allowed(field.type)}, got nothing")


def _walk_union(value: Any, kind: inspect.UnionType, path: str) -> Iterator[PolicyProblem]:
    """Walk a value that may be left out, or a table that ``type`` tells apart from others."""
    kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    if len(kinds) == 1:
        yield from _walk(value, kinds[0], path)
        return
    tagged = {str(one.tag): one for one in kinds if isinstance(one, inspect.StructType)}
    if not isinstance(value, dict):
        yield PolicyProblem(path, f"expected a table, got {shown(value)}")
        return
    tag = value.get("type")
    if isinstance(tag, str) and tag in tagged:
        yield from _walk_table(value, tagged[tag], path)
        return
    near = nearest(tag, list(tagged)) if isinstance(tag, str) else ""
    yield PolicyProblem(f"{path}.type", f"expected one of {', '.join(tagged)}, got {shown(tag)}", near)


def _walk_list(value: Any, kind: inspect.VarTupleType, path: str) -> Iterator[PolicyProblem]:
    if not isinstance(value, list):
        yield PolicyProblem(path, f"expected {_allowed(kind)}, got {shown(value)}")
        return
    if not _within(len(value), kind.min_length, kind.max_length):
        yield PolicyProblem(path, f"expected {_allowed(kind)}, got {len(value)}")
    for number, item in enumerate(value):
        yield from _walk(item, kind.item_type, f"{path}[{number}]")


def _walk_dict(value: Any, kind: inspect.DictType, path: str) -> Iterator[PolicyProblem]:
    if not isinstance(value, dict):
        yield PolicyProblem(path, f"expected a table of texts, got {shown(value)}")
        return
    for key, item in value.items():
        yield from _walk(item, kind.value_type, _below(path, key))


def _walk_value(value: Any, kind: inspect.Type, path: str, words: str) -> Iterator[PolicyProblem]:
    if _fits(value, kind):
        return
    found = "some other text" if words == PATH_WORDS and isinstance(value, str) else shown(value)
    choices = list(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else []
    near = nearest(value, choices) if isinstance(value, str) else ""
    if isinstance(kind, inspect.StrType) and isinstance(value, str) and _too_long(value, kind):
        found = counted(len(value), "character")
    yield PolicyProblem(path, f"expected {words or _allowed(kind)}, got {found}", near)


def _fits(value: Any, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StrType():
            return (
                isinstance(value, str)
                and _within(len(value), kind.min_length, kind.max_length)
                and (kind.pattern is None or re.search(kind.pattern, value) is not None)
            )
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool) and _within(value, kind.ge, kind.le)
        case inspect.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool) and _within(value, kind.ge, kind.le)
        case inspect.LiteralType():
            return value in kind.values
        case inspect.DateType():
            return _is_day(value)
        case _:
            return _is_duration(value)


def _allowed(kind: inspect.Type) -> str:
    """Say in words what a key takes."""
    match kind:
        case inspect.Metadata():
            return str((kind.extra_json_schema or {}).get("description", "")) or _allowed(kind.type)
        case inspect.StrType():
            count = _count(kind.min_length, kind.max_length)
            return f"text{count} characters" if count else "text"
        case inspect.IntType():
            return f"a whole number from {kind.ge} to {kind.le}"
        case inspect.FloatType():
            return f"a number from {kind.ge} to {kind.le}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, kind.values))}"
        case inspect.DateType():
            return "a day such as 2026-01-31"
        case inspect.VarTupleType():
            return f"a list{_count(kind.min_length, kind.max_length)}"
        case inspect.StructType():
            return "a table"
        case _:
            return "a duration such as 45s, 30m, 1h or 90d"


def _count(low: int | None, high: int | None) -> str:
    """Say how many a list or a text holds."""
    if high is None:
        return f" of {low} or more" if low else ""
    return f" of {low} to {high}" if low else f" of up to {high}"


def _unknown_key(path: str, key: str, known: Sequence[str]) -> PolicyProblem:
    if path == INCLUDE:
        return PolicyProblem(path, "a text that is digested and recorded stands alone: policy resolve writes it")
    near = nearest(key, known) or _elsewhere(key)
    return PolicyProblem(path, f"unknown key, expected one of {', '.join(known)}", near)


def _elsewhere(key: str) -> str:
    """Find a key of this very name in another table: a line that stands under the wrong heading."""
    for field in _type_of(Policy).fields:
        inner = field.type
        if field.encode_name == key:
            return f"[{key}], a table of its own" if isinstance(inner, inspect.StructType) else ""
        if isinstance(inner, inspect.StructType) and key in {one.encode_name for one in inner.fields}:
            return f"{field.encode_name}.{key}"
    return ""


def _below(path: str, key: str) -> str:
    name = key if _BARE_KEY.fullmatch(key) else shown(key)
    return f"{path}.{name}" if path else name


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _too_long(value: str, kind: inspect.StrType) -> bool:
    return kind.max_length is not None and len(value) > kind.max_length


def _is_day(value: Any) -> bool:
    if isinstance(value, str):
        try:
            return re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None and bool(date.fromisoformat(value))
        except ValueError:
            return False
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(Duration.parse(value))
    except InvalidInput:
        return False
