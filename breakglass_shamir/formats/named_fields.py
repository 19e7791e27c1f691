# SPDX-License-Identifier: Apache-2.0
"""The fields of a value whose class names them, be it a data class or a struct, for whoever writes values out."""

from dataclasses import fields, is_dataclass
from typing import Any


def names_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields of a class, in order; none where it names no fields."""
    named: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
    if named or not is_dataclass(kind):
        return named
    return tuple(one.name for one in fields(kind))
