# SPDX-License-Identifier: Apache-2.0
r"""What the Tab key makes of a line: paths of this machine, or the words of a question.

Rules:

1. As much is added as is certain; where several names go on differently they are told, and people go on typing.
2. A path stays as it was begun: in its quotes, below ``~``, or with a backslash before what a shell would take apart.
   What is added can be read again by ``paths.parse``.
3. Hidden files are left out until a dot is typed. A folder with more names than ``MOST_NAMES`` is looked at no further.

It changes nothing, and a folder that cannot be read completes nothing.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

MOST_NAMES = 2000
"""Names of a folder that are looked at."""

_TAKEN_APART = re.compile(r"""([\s'"\\])""")


@dataclass(frozen=True, slots=True)
class Offer:
    """What Tab makes of a line."""

    line: str
    """The line up to the cursor, with what is certain added."""

    names: tuple[str, ...] = ()
    """How it may go on, where that is not certain; in the words that people see."""


Completer = Callable[[str], Offer]
"""Takes the line up to the cursor."""


def words(known: Iterable[str]) -> Completer:
    """Return what completes the last word of a line to one of these; capitals make no difference."""
    listed = tuple(known)

    def complete(line: str) -> Offer:
        last = re.split(r"[\s,]", line)[-1]
        found = [word for word in listed if word.lower().startswith(last.lower())]
        return _offer(line[: len(line) - len(last)], last, found, ends=" " if len(listed) > 1 else "")

    return complete


def paths(line: str) -> Offer:
    """Complete the last path of a line."""
    place = _beginning(line)
    begun = line[place:]
    quote, text = _opened(begun)
    head, slash, stem = text.rpartition("/")
    folder = os.path.expanduser(f"{head}{slash}") or "."  # noqa: PTH111 - of half a word
    if not slash and stem.startswith("~"):
        return Offer(line)
    found = sorted(name for name in _names(folder, hidden=stem.startswith(".")) if name.startswith(stem))
    whole = [name + ("/" if os.path.isdir(os.path.join(folder, name)) else "") for name in found]  # noqa: PTH112, PTH118
    common = _common(whole)
    if not whole or (common == stem and len(whole) == 1):
        return Offer(line)
    added = _quoted(head + slash + common, quote)
    done = len(whole) == 1 and not common.endswith("/")
    ended = f"{added}{quote} " if done else added
    return Offer(line[:place] + ended if common != stem or done else line, () if len(whole) == 1 else tuple(whole))


def _offer(before: str, last: str, found: list[str], *, ends: str) -> Offer:
    if not found:
        return Offer(before + last)
    if len(found) == 1:
        return Offer(before + found[0] + ends)
    common = _common(found)
    return Offer(before + (common if len(common) >= len(last) else last), tuple(found))


def _common(names: list[str]) -> str:
    """Return what all of some names begin with."""
    first, last = min(names, default=""), max(names, default="")
    return "".join(
        one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    )


def _beginning(line: str) -> int:
    """Return where the last word begins; blanks in quotes, and behind a backslash, do not end one."""
    place, quote, escaped = 0, "", False
    for number, character in enumerate(line):
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            place = number + 1
    return place


def _opened(begun: str) -> tuple[str, str]:
    """Return the quote that is open, and the text of a word so far."""
    for quote in "'\"":
        if begun.startswith(quote):
            text = begun[1:]
            return quote, text if quote == "'" else re.sub(r'\\([$`"\\])', r"\1", text)
    return "", re.sub(r"\\(.)", r"\1", begun)


def _quoted(text: str, quote: str) -> str:
    if quote == "'":
        return quote + text.replace("'", "'\\''")
    if quote:
        return quote + re.sub(r'([$`"\\])', r"\\\1", text)
    return _TAKEN_APART.sub(r"\\\1", text)


def _names(folder: str, *, hidden: bool) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST_NAMES)]
    except (OSError, ValueError):
        return
    yield from (name for name in names if name.isprintable() and name.startswith(".") == hidden)
