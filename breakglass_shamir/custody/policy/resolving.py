# SPDX-License-Identifier: Apache-2.0
"""The text that is digested, recorded and carried, of a policy file that shares parts with others.

Rules (spec: docs/spec/11-policy.md):

1. A file that includes nothing is its own text, every byte: its digest stays what it is.
2. The text of one that does stands alone. It is a function of what the files say, not of their names, their order or
   their comments, and changes only where what this set takes of them does.
3. What a set's file relaxes of what its shared files ask for is said.

Reading files is the caller's work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from breakglass_shamir.custody.policy.merging import CHOSEN, NEEDED, Instead, Merged, merged
from breakglass_shamir.custody.policy.problem import PolicyProblem, invalid
from breakglass_shamir.custody.policy.shared import Document
from breakglass_shamir.custody.policy.source import decode_duration, unclean
from breakglass_shamir.custody.policy.table import INCLUDE
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.text import to_text, value_text
from breakglass_shamir.custody.policy.walk import shape_problems
from breakglass_shamir.custody.policy.weakening import weakenings
from breakglass_shamir.errors import InvalidPolicy

MAX_INCLUDED = 8
"""Files that a set's file may include."""

MAX_TEXT_BYTES = 64 * 1024
"""Longest text of a policy."""

_SHOWN_CHARACTERS = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """What a policy has from one shared file."""

    file: str
    parts: tuple[str, ...]
    """In words: a table or key, or a list with how many of it."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One policy's text, and what is known of the files it came from."""

    file: str
    text: str
    """What is digested and recorded."""

    taken: tuple[Taken, ...] = ()
    """Empty: the file includes nothing."""

    instead: tuple[str, ...] = ()
    """What the set's file says otherwise than a shared file, or leaves out, a sentence each."""

    weaker: tuple[str, ...] = ()
    """What of that weakens, a sentence each."""

    doubts: tuple[str, ...] = ()
    merged: Merged | None = None

    def placed(self, error: InvalidPolicy) -> InvalidPolicy:
        """Return what is wrong with the text as what is wrong in a file, with the line; unchanged for one file."""
        if self.merged is None:
            return error
        return _placed(self.merged, error)


def includes(document: Document) -> tuple[str, ...]:
    """Return the paths of the files that a set's file includes, as it has them.

    Raises:
        InvalidPolicy: they are no paths of files in its folder or below it.
    """
    found = document.tree.get(INCLUDE, [])
    paths = [found] if isinstance(found, str) else found
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise _wrong(document, "expected a path or a list of paths")
    if len(paths) > MAX_INCLUDED:
        raise _wrong(document, f"expected up to {MAX_INCLUDED} files, got {len(paths)}")
    for path in paths:
        if not path or path.startswith(("/", "~")) or "\\" in path or set(path.split("/")) & {"", ".", ".."}:
            words = f"expected a path such as organisation.toml, in this file's folder or below it, got {path[:80]!r}"
            raise _wrong(document, words)
    if len(set(paths)) < len(paths):
        raise _wrong(document, "the same file twice")
    return tuple(paths)


def resolve(own: Document, shared: Sequence[Document]) -> Resolved:
    """Return a policy's text.

    Args:
        own: the set's file.
        shared: what it includes, each checked by itself.

    Raises:
        InvalidPolicy: the files do not fit together, or what comes of them has not the shape of a policy.
    """
    if INCLUDE not in own.tree:
        return Resolved(own.file, own.text)
    made = merged(own, shared)
    if made.problems:
        raise invalid(made.problems)
    if found := [*shape_problems(made.tree), *unclean(made.tree)]:
        raise invalid([made.placed(one) for one in found])
    text = to_text(made.tree)
    if (size := len(text.encode())) > MAX_TEXT_BYTES:
        words = f"expected at most {MAX_TEXT_BYTES} bytes with all that is taken from shared files, got {size}"
        raise invalid([PolicyProblem("", words, file=own.file)])
    said = tuple(map(_in_words, made.instead))
    return Resolved(
        own.file, text, tuple(_taken(made, shared)), said, _weaker(own, shared, made), tuple(made.doubts), made
    )


def _weaker(own: Document, shared: Sequence[Document], made: Merged) -> tuple[str, ...]:
    """Compare with what the shared files alone would ask for."""
    if not made.instead:
        return ()
    asked = merged(own, shared, shared_first=True).tree
    if any(shape_problems(asked)):
        return ()
    old, new = (msgspec.convert(tree, Policy, dec_hook=decode_duration) for tree in (asked, made.tree))
    try:
        return weakenings(old, new)
    except InvalidPolicy:
        return ()


def _in_words(one: Instead) -> str:
    if one.own is None:
        return f"{one.key}: without {one.shared} ({one.place})"
    return f"{one.key}: {_shown(one.own)} instead of {_shown(one.shared)} ({one.place})"


def _shown(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _taken(made: Merged, shared: Sequence[Document]) -> list[Taken]:
    """Say per shared file what the policy has from it."""
    found: dict[str, dict[str, int]] = {document.file: {} for document in shared}
    for key, place in made.places.items():
        part = next((path for path in (*NEEDED, *CHOSEN) if key.startswith(f"{path}[")), "")
        counts = found[place.document.file]
        counts[part or key] = counts.get(part or key, 0) + bool(part)
    return [
        Taken(file, tuple(f"{part} ({count})" if count else part for part, count in parts.items()))
        for file, parts in found.items()
    ]


def _placed(made: Merged, error: InvalidPolicy) -> InvalidPolicy:
    found = [PolicyProblem(str(one["key"]), str(one["message"]), str(one["nearest"])) for one in error.problems]
    placed = invalid([made.placed(one) for one in found])
    placed.hint = error.hint
    return placed


def _wrong(document: Document, words: str) -> InvalidPolicy:
    return invalid([PolicyProblem(INCLUDE, words, file=document.file, line=document.line(INCLUDE))])
