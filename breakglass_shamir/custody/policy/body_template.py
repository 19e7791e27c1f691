# SPDX-License-Identifier: Apache-2.0
"""The template of an HTTP sink's body: JSON in whose texts ``${PATH}`` stands for a value of the event.

Rules:

1. A template is parsed as JSON first and filled in as a tree; what comes out is written as JSON again. No value can
   end a text, begin a key or be anything but a value.
2. ``PATH`` is names with dots between, and places in lists as numbers. Nothing is computed, called or looked up
   elsewhere. A text that is nothing but one ``${PATH}`` becomes the value itself, whatever its type; in a longer text
   a value stands as text, anything but a text as JSON. What is not there is null, or nothing in a longer text.
3. ``$$`` is a dollar sign. Keys of objects are as they are written.
4. Size and depth have a bound, before and after.
"""

import json
import math
import re
from typing import Any

from breakglass_shamir.errors import InvalidInput

DEPTH_MAX = 10
"""Levels of a template."""

PLACEHOLDERS_MAX = 200
"""Values that one template asks for."""

FILLED_MAX_BYTES = 256 * 1024
"""Longest that comes out, as JSON."""

_NAME = r"[A-Za-z0-9_@-]{1,100}"
_PLACEHOLDER = re.compile(rf"\$(?:\$|\{{({_NAME}(?:\.{_NAME}){{0,9}})\}}|)")
_MISSING = object()


class BodyTemplate:
    """A template that can be filled in."""

    def __init__(self, text: str) -> None:
        """Read a template.

        Raises:
            InvalidInput: it is not JSON, too deep, or has a dollar sign that begins nothing.
        """
        try:
            self._tree = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        except RecursionError:
            raise InvalidInput(f"expected a template of {DEPTH_MAX} levels at most") from None
        except ValueError as error:
            where = f": {error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise InvalidInput(f"expected a template in JSON{where}") from None
        if not isinstance(self._tree, dict):
            raise InvalidInput("expected a template that is a JSON object, with { around it")
        if _looked_through(self._tree, 1) > PLACEHOLDERS_MAX:
            raise InvalidInput(f"expected a template that asks for {PLACEHOLDERS_MAX} values at most")

    def fill(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the template with the values of a document.

        Raises:
            InvalidInput: what comes out is longer than ``FILLED_MAX_BYTES``.
        """
        budget = [FILLED_MAX_BYTES]
        found: dict[str, Any] = _filled(self._tree, document, budget)
        return found


def _no_number(word: str) -> float:
    raise ValueError(word)


def _finite(word: str) -> float:
    """Return a number that can be written as JSON again, as 1e999 cannot."""
    found = float(word)
    if math.isinf(found):
        raise ValueError(word)
    return found


def _looked_through(tree: Any, depth: int) -> int:
    """Return how many values a part of a template asks for.

    Raises:
        InvalidInput: it is too deep, or a dollar sign begins nothing.
    """
    if depth > DEPTH_MAX:
        raise InvalidInput(f"expected a template of {DEPTH_MAX} levels at most")
    if isinstance(tree, dict):
        return sum(_looked_through(one, depth + 1) for one in tree.values())
    if isinstance(tree, list):
        return sum(_looked_through(one, depth + 1) for one in tree)
    if not isinstance(tree, str):
        return 0
    found = list(_PLACEHOLDER.finditer(tree))
    if any(one[0] == "$" for one in found):
        raise InvalidInput("expected ${PATH}, with names and dots, or $$ for a dollar sign, in the template")
    return sum(one[1] is not None for one in found)


def _filled(tree: Any, document: dict[str, Any], budget: list[int]) -> Any:
    if isinstance(tree, dict):
        return {key: _filled(one, document, budget) for key, one in tree.items()}
    if isinstance(tree, list):
        return [_filled(one, document, budget) for one in tree]
    if not isinstance(tree, str):
        return tree
    whole = _PLACEHOLDER.fullmatch(tree)
    if whole and whole[1] is not None:
        found = _at(document, whole[1])
        value = None if found is _MISSING else found
        _spend(json.dumps(value, ensure_ascii=False), budget)
        return value
    return _PLACEHOLDER.sub(lambda one: _written(document, one[1], budget), tree)


def _written(document: dict[str, Any], path: str | None, budget: list[int]) -> str:
    if path is None:
        return "$"
    found = _at(document, path)
    if found is _MISSING or found is None:
        return ""
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, sort_keys=True)
    _spend(text, budget)
    return text


def _at(document: dict[str, Any], path: str) -> Any:
    found: Any = document
    for name in path.split("."):
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isascii() and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return _MISSING
    return found


def _spend(text: str, budget: list[int]) -> None:
    budget[0] -= len(text.encode("utf-8", "surrogatepass"))
    if budget[0] < 0:
        raise InvalidInput(f"the template makes more than {FILLED_MAX_BYTES} bytes of this event")
