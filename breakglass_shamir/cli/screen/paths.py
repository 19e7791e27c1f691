# SPDX-License-Identifier: Apache-2.0
r"""Paths as people give them: dragged into the window, pasted, typed.

Rules:

1. What is there under the very words is meant so, whatever is in them: blanks, quotes, backslashes.
2. Else quotes and backslashes are those of a shell, ``~`` is the home, and ``file://`` is what a desktop copies. What
   is not closed, or ends in a backslash, is taken as if it were.
3. Several paths may stand in one answer. A word belongs to the one before it where both together are there, or where it
   has not the look of a path's beginning and is not there by itself: people do not quote ``My Scans``.
4. What is not there is said with the name that is nearest to it.

It reads folders and changes nothing.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from breakglass_shamir.errors import InvalidInput

MOST_NAMES = 2000
"""Names of a folder that are compared with one that is not there."""

_MOST_JOINED = 12
"""Words that may be one path with blanks in it."""

_URI = re.compile(r"file:(?://([^/]*))?(/.*)", re.IGNORECASE | re.DOTALL)
_HERE = frozenset({"", "localhost", "127.0.0.1"})
_WORD = re.compile(r"""(?:'[^']*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)|\\.|\\\Z|[^\s'"\\])+""", re.DOTALL)
_PART = re.compile(
    r"""'(?P<single>[^']*)(?:'|\Z)|"(?P<double>(?:\\.|[^"\\])*)(?:"|\Z)|\\(?P<escaped>.)|\\\Z|(?P<plain>[^'"\\]+)""",
    re.DOTALL,
)
_BEGINNING = re.compile(r"""['"/~]|\.{1,2}/|file:/""", re.IGNORECASE)
_NEAR = 0.6
"""How alike two names must be (``difflib``)."""

Exists = Callable[[str], bool]
"""Tells whether something is at a path."""


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    value: str


def parse(answer: str, exists: Exists = os.path.lexists) -> tuple[Path, ...]:
    """Return the paths of one answer; none where it is blank.

    Args:
        answer: what was typed, pasted or dragged.
        exists: looks at the machine.

    Raises:
        InvalidInput: one can be no path here: a null character, or a ``file://`` of another machine.
    """
    said = answer.strip()
    if not said:
        return ()
    if "\0" in said:
        raise InvalidInput("expected a path, got one with a null character in it")
    if exists(said):
        return (Path(said),)
    return tuple(Path(one) for one in _joined(said, exists))


def one(answer: str) -> Path:
    """Return the one path of an answer.

    Raises:
        InvalidInput: it has none, or several.
    """
    found = parse(answer)
    if len(found) != 1:
        raise InvalidInput(f"expected one path, got {len(found) or 'none'}")
    return found[0]


def missing(path: Path) -> str:
    """Say that nothing is at a path, and what may be meant; an empty text where something is there."""
    if os.path.lexists(path):
        return "" if path.exists() else f"{path} is a link to something that is not there"
    near = nearest(path)
    return f"there is nothing at {path}" + (f"; did you mean {near}?" if near else "")


def nearest(path: Path) -> Path | None:
    """Return what is there and has the nearest name to a path that is not; None where nothing is near."""
    gone = list(itertools.takewhile(lambda one: not os.path.lexists(one), (path, *path.parents)))
    found = path.parents[len(gone) - 1] if len(gone) <= len(path.parents) else None
    for wanted in reversed(gone):
        name = _near_name(found, wanted.name) if found is not None else None
        if found is None or name is None:
            return None
        found /= name
    return found


def make_folder(path: Path) -> None:
    """Make a folder that only this account may read, with those above it.

    Raises:
        InvalidInput: it cannot be made there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        hint = "name another one" if not isinstance(error, FileExistsError) else "what is there is no folder"
        raise InvalidInput(f"the folder {path} could not be made: {error.strerror}", hint=hint) from None


def _joined(said: str, exists: Exists) -> Iterator[str]:
    """Yield the paths of an answer that is not one path as it stands."""
    words = [_Word(found.start(), found.end(), value) for found in _WORD.finditer(said) if (value := _value(found[0]))]
    place = 0
    while place < len(words):
        end = _longest(said, words, place, exists)
        yield _text(said, words, place, end)
        place = end


def _longest(said: str, words: list[_Word], place: int, exists: Exists) -> int:
    """Return the end of the path that begins with a word."""
    limit = min(len(words), place + _MOST_JOINED)
    for end in range(limit, place, -1):
        if exists(_text(said, words, place, end)):
            return end
    end = place + 1
    while end < limit and not _BEGINNING.match(said, words[end].start) and not exists(words[end].value):
        end += 1
    return end


def _text(said: str, words: list[_Word], place: int, end: int) -> str:
    """Return what some words are as one path: the blanks between them are part of it."""
    pieces = [words[place].value]
    for before, word in itertools.pairwise(words[place:end]):
        pieces += said[before.end : word.start], word.value
    return _resolved("".join(pieces))


def _value(word: str) -> str:
    """Take off the quotes and backslashes of a word."""
    return "".join(
        next((part for part in found.group("single", "escaped", "plain") if part is not None), None)
        or re.sub(r'\\([$`"\\\n])', r"\1", found["double"] or "")
        for found in _PART.finditer(word)
    )


def _resolved(text: str) -> str:
    """Return a path for a ``file:`` URI or one below ``~``; anything else as it is."""
    uri = _URI.fullmatch(text)
    if uri is None:
        return os.path.expanduser(text)  # noqa: PTH111 - it never raises
    host, path = uri[1] or "", os.fsdecode(unquote_to_bytes(uri[2]))
    if host.lower() not in _HERE:
        raise InvalidInput(f"expected a path of this machine, got a file on {host}", hint="copy it here first")
    if "\0" in path:
        raise InvalidInput("expected a path, got one with a null character in it")
    return path


def _near_name(folder: Path, wanted: str) -> str | None:
    """Return the name in a folder that is nearest to another; case alone makes no difference."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_NAMES)]
    except OSError:
        return None
    if wanted in names:
        return wanted
    lowered = {name.lower(): name for name in sorted(names, reverse=True)}
    from difflib import get_close_matches

    close = get_close_matches(wanted.lower(), lowered, n=1, cutoff=_NEAR)
    return lowered[close[0]] if close else None
