# SPDX-License-Identifier: Apache-2.0
"""What the public API is, read from the package itself: its names, their signatures, attributes and words.

A line of the surface is one thing that another program may hold on to. ``python -m tests.public_api`` writes them to
``surface.txt``.
"""

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct

import breakglass_shamir
from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.formats.named_fields import names_of

PACKAGE = breakglass_shamir.__name__

MADE_BY_HOME = frozenset({"Audit", "Drills", "Sheets"})
"""Classes whose constructor nobody else calls."""

ASKED_OF_CALLERS = frozenset({"Desk"})
"""Classes whose methods other programs write; what they raise is theirs to say."""

HOOK = "Do the work of "
"""How the docstring of a method begins that a subclass in another package writes."""

_PATHS = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z_])")
_QUOTED = re.compile(r"'([A-Z][A-Za-z]+)'")
_REFERENCE = re.compile(r"docs/[A-Za-z0-9/-]+\.md")


@dataclass(frozen=True, slots=True)
class Item:
    """One public thing."""

    path: str
    """``Pool.add``."""

    line: str
    """As it stands in the snapshot."""

    words: str
    """Its documentation; of an attribute what is said of it where it is defined."""

    kind: str
    """``module``, ``class``, ``function``, ``property``, ``attribute``, ``value`` or ``hook``."""

    types: frozenset[type]
    """This package's classes that its annotations name."""

    @property
    def references(self) -> list[str]:
        """The documents that its words name."""
        return _REFERENCE.findall(self.words)


@cache
def surface() -> tuple[Item, ...]:
    """Return everything public."""
    found = []
    for name in sorted(breakglass_shamir.__all__):
        found += list(_items(name, getattr(breakglass_shamir, name)))
    return tuple(found)


def text() -> str:
    """Return the surface as it is committed."""
    return "".join(f"{item.line}\n" for item in surface())


def _items(path: str, thing: Any) -> Iterator[Item]:
    if isinstance(thing, ModuleType):
        yield Item(path, f"module {path}", inspect.getdoc(thing) or "", "module", frozenset())
        for name, member in sorted(vars(thing).items()):
            if not name.startswith("_") and getattr(member, "__module__", "") == thing.__name__:
                yield from _items(f"{path}.{name}", member)
    elif inspect.isclass(thing):
        yield from _class_items(path, thing)
    elif callable(thing):
        yield _function(path, thing, "function")
    else:
        yield Item(path, f"value {path}: {type(thing).__name__}", "", "value", frozenset())


def _class_items(path: str, kind: type) -> Iterator[Item]:
    bases = ", ".join(base.__name__ for base in kind.__bases__ if base not in {object, Struct})
    line = f"class {path}({bases})" if bases else f"class {path}"
    if issubclass(kind, BreakglassError):
        line += f": id {kind.id}, exit code {kind.exit_code}"
    yield Item(path, line, _own_doc(kind), "class", frozenset())
    constructor = _constructor(path, kind)
    if constructor is not None:
        yield constructor
    yield from _attributes(path, kind)
    for name, member in sorted(_members(kind).items()):
        yield from _member_items(f"{path}.{name}", name, member)


def _constructor(path: str, kind: type) -> Item | None:
    ours = [kind] if issubclass(kind, BreakglassError) else kind.__mro__
    own = issubclass(kind, Struct) or any("__init__" in vars(one) for one in ours if one.__module__.startswith(PACKAGE))
    if issubclass(kind, enum.Enum) or path in MADE_BY_HOME | ASKED_OF_CALLERS or not own:
        return None
    returned = " -> None" if issubclass(kind, Struct) else ""  # which every class of Python's own says of itself
    return Item(path, f"  {path}{_signature(kind)}{returned}", _own_doc(kind), "constructor", _types(kind.__init__))


def _attributes(path: str, kind: type) -> Iterator[Item]:
    """Yield fields, annotated class variables and members of an enumeration."""
    said = _attribute_words(kind)
    if issubclass(kind, BreakglassError) and kind is not BreakglassError:
        said = {name: words for name, words in said.items() if name not in _attribute_words(BreakglassError)}
    if issubclass(kind, enum.Enum):
        for member in kind:
            words = said.get(member.name, "")
            yield Item(
                f"{path}.{member.name}", f"  {path}.{member.name} = {member.value!r}", words, "attribute", frozenset()
            )
        return
    for name, hint in _annotations(kind).items():
        yield Item(f"{path}.{name}", f"  {path}.{name}: {_plain(hint)}", said.get(name, ""), "attribute", _within(hint))
    for name in sorted(said.keys() - _annotations(kind).keys() - _members(kind).keys()):
        yield Item(f"{path}.{name}", f"  {path}.{name}", said[name], "attribute", frozenset())


def _annotations(kind: type) -> dict[str, Any]:
    if names := names_of(kind):
        hints = get_type_hints(kind)
        return {name: hints[name] for name in names if not name.startswith("_")}
    found: dict[str, Any] = {}
    own = issubclass(kind, BreakglassError) and kind is not BreakglassError
    for one in [] if own else reversed([each for each in kind.__mro__ if each.__module__.startswith(PACKAGE)]):
        hints = get_type_hints(one)
        found |= {name: hints[name] for name in inspect.get_annotations(one) if not name.startswith("_")}
    return found


def _members(kind: type) -> dict[str, Any]:
    """Return methods and properties that this package defines."""
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith(PACKAGE):
            found |= {
                name: member
                for name, member in vars(one).items()
                if isinstance(member, classmethod | staticmethod | property) or inspect.isfunction(member)
            }
    return {name: member for name, member in found.items() if not name.startswith("_") or _is_hook(member)}


def _is_hook(member: Any) -> bool:
    return inspect.isfunction(member) and (member.__doc__ or "").startswith(HOOK)


def _member_items(path: str, name: str, member: Any) -> Iterator[Item]:
    if isinstance(member, property):
        hint = get_type_hints(member.fget).get("return")
        yield Item(path, f"  {path} -> {_plain(hint)}", inspect.getdoc(member) or "", "property", _within(hint))
    elif name.startswith("_"):
        yield _function(path, member, "hook")
    else:
        yield _function(path, member.__func__ if isinstance(member, classmethod | staticmethod) else member, "method")


def _function(path: str, function: Any, kind: str) -> Item:
    indent = "  " if kind in {"method", "hook"} else ""
    words = inspect.getdoc(function) or ""
    return Item(path, f"{indent}{path}{_signature(function)}", words, kind, _types(function))


def _signature(of: Any) -> str:
    return _plain(str(inspect.signature(of)))


def _types(function: Any) -> frozenset[type]:
    return frozenset().union(*(_within(hint) for hint in get_type_hints(function, localns=_public()).values()))


@cache
def _public() -> dict[str, Any]:
    """Return what the package hands out, by which a hint may name what its module loads when it is used."""
    return {name: getattr(breakglass_shamir, name) for name in breakglass_shamir.__all__}


def _within(hint: Any) -> frozenset[type]:
    """Return this package's classes in an annotation."""
    if get_origin(hint) is None:
        ours = inspect.isclass(hint) and hint.__module__.startswith(PACKAGE)
        return frozenset({hint}) if ours else frozenset()
    return frozenset().union(*(_within(one) for one in get_args(hint)))


def _plain(written: Any) -> str:
    """Write annotations without the modules that things are in."""
    words = written if isinstance(written, str) else inspect.formatannotation(written)
    return _QUOTED.sub(r"\1", _PATHS.sub("", words))


def _own_doc(kind: type) -> str:
    return inspect.cleandoc(kind.__dict__.get("__doc__") or "")


def _attribute_words(kind: type) -> dict[str, str]:
    """Return what is said of each attribute: in the section ``Attributes`` of the class, or under the attribute."""
    said: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith(PACKAGE):
            section = _own_doc(one).partition("Attributes:\n")[2].partition("\n\n")[0]
            said |= dict(re.findall(r"^    ([a-z0-9_]+): (.+)$", section, re.M))
            said |= _words_under(one)
    return said


def _words_under(kind: type) -> dict[str, str]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for node, after in zip(tree.body, tree.body[1:], strict=False):
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[target.id] = str(after.value.value)
    return found
