# SPDX-License-Identifier: Apache-2.0
"""Arguments of public calls are held against their annotations before anything is done.

Rules:

1. What is not of its type is an :class:`~breakglass_shamir.errors.InvalidInput` that names the argument, and the
   field or place within it, by words and types. No value is ever in it: it may be a secret.
2. A text is no sequence of texts, and a truth value is no number.
3. It looks at types. What a value must be beyond its type is for the call itself to say.

A call with an argument too many or too few is Python's own ``TypeError``, as everywhere.
"""

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.formats.named_fields import names_of

_P = ParamSpec("_P")
_T = TypeVar("_T")

_WORDS = {str: "a text", bytes: "bytes", int: "a whole number", bool: "True or False", float: "a number"}


def checked(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function that refuses arguments which are not of their annotated types."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        hints = _hints(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in hints:
                _check(name, value, hints[name])
        return function(*args, **kwargs)

    return call


@functools.lru_cache(maxsize=256)
def _hints(of: Any) -> dict[str, Any]:
    return get_type_hints(of)


def _check(name: str, value: Any, hint: Any) -> None:
    """Refuse a value that is not of a type, and look into it where it holds others."""
    if not _is(value, hint):
        raise InvalidInput(f"expected {_words(hint)} as {name}, got {type(value).__name__}")
    if get_origin(hint) in {tuple, Sequence, frozenset}:
        for number, item in enumerate(value):
            _check(f"{name}[{number}]", item, get_args(hint)[0])
    elif fields := names_of(type(value)):
        kind: Any = type(value)
        inner = _hints(kind)
        for field in fields:
            _check(f"{name}.{field}", getattr(value, field), inner[field])
    elif get_origin(hint) in {Union, types.UnionType}:
        _check(name, value, next(one for one in get_args(hint) if _is(value, one)))


def _is(value: Any, hint: Any) -> bool:
    """Tell whether a value is of a type, without looking into it."""
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return any(_is(value, one) for one in get_args(hint))
    if origin is Literal:
        return isinstance(value, str) and value in get_args(hint)
    if origin is not None:
        return isinstance(value, origin) and not isinstance(value, str | bytes)
    if hint in {int, float}:
        return isinstance(value, int if hint is int else int | float) and not isinstance(value, bool)
    if getattr(hint, "_is_protocol", False):
        return all(callable(getattr(value, name, None)) for name in vars(hint) if not name.startswith("_"))
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    """Say in words what was expected."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(_words(one) for one in inner))
    if origin is Literal:
        return "one of " + ", ".join(inner)
    if origin is not None:
        return f"a {'set' if origin is frozenset else 'tuple or list' if origin is Sequence else 'tuple'}"
    return "nothing" if hint is type(None) else _WORDS.get(hint, f"a {getattr(hint, '__name__', hint)}")
