# SPDX-License-Identifier: Apache-2.0
"""A secret in rows that a person can type from: in groups, with what looks alike told apart, and spelled.

Rules:

1. Groups of four, or words where it is words. What is between groups is no part of it; how many characters it has is
   said. A space of the secret itself is drawn, and marked.
2. Characters that are easily taken for another have a mark below, which says what they are without any colour.
3. Spelled, each has a row of its own: its number, itself, and its name, letters as people spell them on a telephone.

Nothing here writes.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from breakglass_shamir.cli.screen import sequences

GROUP = 4
"""Characters of a group."""

GAP = 2
"""Columns between two groups."""

LOOK_ALIKE = frozenset("0OoQ1lI|i!2Zz5Ss8B6Gb9gqCcVvWwXx")
"""What is taken for another of them."""

SPACES = ("\u2423", "_")
"""How a space is drawn: where the terminal has that character, and where not."""

_CAPITAL, _SMALL, _DIGIT, _SIGN, _SPACE, _OTHER = "A", "a", "9", "*", "^", "+"
_LEGEND = {
    _CAPITAL: "A capital", _SMALL: "a small letter", _DIGIT: "9 digit", _SIGN: "* sign", _SPACE: "^ space",
    _OTHER: "+ not ASCII, spell it",
}  # fmt: skip
_LETTERS = {
    name[0]: name
    for name in (
        "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo", "lima",
        "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey",
        "x-ray", "yankee", "zulu",
    )
}  # fmt: skip
_DIGITS = dict(enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")))
_SIGNS = {
    " ": "space", "!": "exclamation mark", '"': "double quote", "#": "hash", "$": "dollar", "%": "percent",
    "&": "ampersand", "'": "single quote", "(": "left round bracket", ")": "right round bracket", "*": "asterisk",
    "+": "plus", ",": "comma", "-": "hyphen", ".": "full stop", "/": "slash", ":": "colon", ";": "semicolon",
    "<": "less than", "=": "equals", ">": "greater than", "?": "question mark", "@": "at sign",
    "[": "left square bracket", "\\": "backslash", "]": "right square bracket", "^": "caret", "_": "underscore",
    "`": "backtick", "{": "left curly bracket", "|": "vertical bar", "}": "right curly bracket", "~": "tilde",
}  # fmt: skip
_WORDS = re.compile(r"[a-z]{1,15}( [a-z]{1,15})+")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a secret.

    Attributes:
        text: its groups.
        marks: what stands below them; empty: nothing.
        first: number of its first character, from 1.
    """

    text: str
    marks: str
    first: int


def rows(text: str, room: int, space: str) -> list[Row]:
    """Put a secret into rows of so many columns."""
    made: list[Row] = []
    first, line, marks, taken, each = 1, "", "", 0, iter(marks_of(text))
    for group in _groups(text, room):
        shown, below = group.replace(" ", space), _below(group, each)
        if line and sequences.cells(line) + GAP + sequences.cells(shown) > room:
            made.append(Row(line, marks.rstrip(), first))
            first, line, marks, taken = first + taken, "", "", 0
        gap = " " * GAP if line else ""
        line, marks, taken = line + gap + shown, marks + gap + below, taken + len(group)
    return [*made, Row(line, marks.rstrip(), first)]


def told(text: str, count: int) -> str:
    """Say how many characters it has, in how many rows, and that the gaps are none."""
    words = ", small letters and spaces only" if _WORDS.fullmatch(text) else ""
    return f"{counted(text, count)}{words}; the gaps are no part of it"


def counted(text: str, count: int) -> str:
    """Say how many characters it has, in how many rows."""
    plural = "" if len(text) == 1 else "s"
    return f"{len(text)} character{plural}{f' in {count} rows' if count > 1 else ''}"


def legend(text: str) -> str:
    """Say what the marks mean that a secret has; empty: it has none."""
    there = set(marks_of(text)) - {" "}
    return ",  ".join(words for mark, words in _LEGEND.items() if mark in there)


def marks_of(text: str) -> list[str]:
    """Return the mark below each character; words of small letters need none but for their spaces."""
    if _WORDS.fullmatch(text):
        return [_SPACE if character == " " else " " for character in text]
    return [mark_of(character) for character in text]


def mark_of(character: str) -> str:
    """Return the mark below a character; a space where there is none."""
    if character == " ":
        return _SPACE
    if not character.isascii():
        return _OTHER
    if character not in LOOK_ALIKE:
        return " "
    return _DIGIT if character.isdigit() else _SIGN if not character.isalpha() else (
        _CAPITAL if character.isupper() else _SMALL
    )  # fmt: skip


def name_of(character: str) -> str:
    """Spell a character."""
    small = character.lower()
    if small in _LETTERS:
        return _LETTERS[small] if character == small else f"capital {_LETTERS[small].capitalize()}"
    if character in "0123456789":
        return f"digit {_DIGITS[int(character)]}"
    return _SIGNS.get(character) or f"{unicodedata.name(character, 'no name').lower()} (U+{ord(character):04X})"


def spelled(text: str, space: str) -> list[str]:
    """Return a row for each character."""
    wide = len(str(len(text)))
    return [
        f"{number:{wide}}  {space if character == ' ' else character}  {name_of(character)}"
        for number, character in enumerate(text, 1)
    ]


def _groups(text: str, room: int) -> Iterator[str]:
    """Cut a secret into its groups, each with what combines with its last character, none wider than the room."""
    if _WORDS.fullmatch(text) and room > GROUP * GROUP:
        yield from re.findall(r"[^ ]+ ?", text)
        return
    group, count = "", 0
    for character in text:
        combines = bool(unicodedata.combining(character))
        wider = sequences.cells(group + character) > max(2, room)
        if group and not combines and (count == GROUP or wider):
            yield group
            group, count = "", 0
        group, count = group + character, count + (not combines)
    yield group


def _below(group: str, marks: Iterator[str]) -> str:
    """Return what stands below a group, each mark below its character."""
    pairs = [(mark, sequences.cells(character)) for character, mark in zip(group, marks, strict=False)]
    return "".join(mark.ljust(wide) for mark, wide in pairs if wide)


def pages(blocks: Sequence[Sequence[str]], room: int) -> list[list[str]]:
    """Put blocks of rows on pages of so many rows; a block that fits a page is never cut."""
    made: list[list[str]] = [[]]
    for block in blocks:
        needed = len(block) if len(block) <= room else 1
        if made[-1] and len(made[-1]) + needed > room:
            made.append([])
        for row in block:
            if len(made[-1]) >= room:
                made.append([])
            made[-1].append(row)
    return made
