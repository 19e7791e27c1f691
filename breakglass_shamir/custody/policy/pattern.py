# SPDX-License-Identifier: Apache-2.0
"""The pattern that a ticket must match: the one text of a policy that is run as a program, so in linear time (RE2).

Rules:

1. A pattern is matched by RE2, whose cost grows with the text and with nothing else. Pattern, text and memory have a
   bound each. What RE2 cannot do - look-around, back-references - is no pattern here.
2. A pattern that cannot be matched matches nothing. Whoever makes a policy is told so, with what to write instead;
   whoever stands before a closed gate is told why, and passes it as any other.
3. What Python's ``re`` and RE2 read differently, and RE2 does not refuse by itself, is refused: ``{,3}``.

Syntax: https://github.com/google/re2/wiki/Syntax. The whole ticket is matched; classes such as digits are ASCII.
"""

import functools
from typing import Any

MAX_PATTERN_CHARACTERS = 500
"""Longest pattern."""

MAX_TEXT_CHARACTERS = 1000
"""Longest text that is looked at; a longer one matches nothing."""

MEMORY_BYTES = 1 << 20
"""What a compiled pattern may take."""

_SHOWN_CHARACTERS = 200

_INSTEAD = (
    (("(?=", "(?!", "(?<=", "(?<!"), "look-around", "write what may stand there, with | between the choices"),
    (("(?P", *(f"\\{digit}" for digit in range(1, 10))), "a back-reference", "write the text itself"),
    (("(?(",), "a condition", "write both cases, with | between them"),
    (("(?>",), "an atomic group", "write (?:...)"),
    (("(?#",), "a comment", "leave it out"),
    (("++", "*+", "?+", "}+"), "a possessive quantifier", "leave the last + out"),
    (("\\Z",), "\\Z", "leave it out: the whole ticket is matched"),
    (("\\u", "\\U", "\\N"), "a character by its number or name", "write \\x{E9}, or the character itself"),
    (("(?",), "a flag that is not known", "only i, m, s and U are"),
)  # fmt: skip
"""What RE2 says it cannot do, how people call it, and what they write instead."""


class _UnusableError(Exception):
    """Why a pattern cannot be matched."""


def unusable(pattern: str) -> str:
    """Return why a pattern cannot be matched, and what to write instead; empty where it can."""
    try:
        _compiled(pattern)
    except _UnusableError as error:
        return str(error)
    return ""


def mismatch(pattern: str, text: str, such_as: str = "") -> str:
    """Return why a text does not match a pattern; empty where it does.

    Args:
        pattern: of a policy.
        text: a ticket.
        such_as: a text that matches, to be shown to people; empty: none is.
    """
    try:
        compiled = _compiled(pattern)
    except _UnusableError as error:
        return f"the policy's pattern cannot be matched: {error}"
    if len(text) <= MAX_TEXT_CHARACTERS and _is_text(text) and compiled.fullmatch(text) is not None:
        return ""
    wanted = f"{such_as}, of the form {_shown(pattern)}" if such_as else _shown(pattern)
    return f"expected a ticket like {wanted}, got {_shown(repr(text))}"


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    """Compile a pattern.

    Raises:
        _UnusableError: it cannot be matched, or RE2 is not there.
    """
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise _UnusableError(f"expected {MAX_PATTERN_CHARACTERS} characters at most, got {len(pattern)}")
    if "{," in pattern:
        raise _UnusableError("expected a number in front of the comma, as in {0,3}, got {,")
    if not _is_text(pattern):
        raise _UnusableError("expected text, got half a character")
    try:
        # Imported here: most commands match nothing.
        import re2
    except ImportError as error:
        raise _UnusableError(f"the library google-re2 cannot be loaded: {error}") from None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise _UnusableError(_in_words(error)) from None


def _in_words(error: Exception) -> str:
    """Say what is wrong with a pattern, from RE2's words: what kind of mistake, and the place."""
    said = error.args[0] if error.args else ""
    text = said.decode(errors="backslashreplace") if isinstance(said, bytes) else str(said)
    kind, _, place = text.partition(": ")
    for signs, name, instead in _INSTEAD:
        if kind.startswith(("invalid perl operator", "invalid escape", "bad repetition")) and place.startswith(signs):
            return f"{name} ({_shown(place)}) cannot be matched in linear time; {instead}"
    if kind.startswith("pattern too large"):
        return "it is too large; repeat less often"
    if kind.startswith("invalid repetition size"):
        return f"expected 1000 repetitions at most, nested ones multiplied, got {_shown(place)}"
    return f"not a regular expression: {_shown(text)}"


def _is_text(text: str) -> bool:
    """Tell whether a text can be written in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
