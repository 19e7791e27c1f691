# SPDX-License-Identifier: Apache-2.0
"""On which line of a TOML file a key stands, for messages: a decoder does not say.

Rules:

1. The text has been decoded before: what is not TOML is not this module's matter.
2. A key inside an inline table or a list has the line of the key that holds it.
3. One way through the text, whatever is in it.
"""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r'"""|\'\'\'|["\'\[\]{}#\n]')
"""What may end a value, or hides what would."""

_OPENING, _CLOSING = frozenset("[{"), frozenset("]}")


def lines_of(text: str) -> Mapping[str, int]:
    """Return the lines, from 1, by key path such as ``officers[0].name``."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, at, line = "", 0, 1
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        bare, key = text[at:end].strip(), ""
        if bare.startswith("["):
            table = key = _opened(bare, counts)
        elif bare and not bare.startswith("#"):
            names, after = _names(text, at, "=")
            key = _joined(table, names)
            end = _end_of_value(text, after)
        for path in (key, *holders(key)) if key else ():
            found.setdefault(path, line)
        line += text.count("\n", at, end) + 1
        at = end + 1
    return found


def line_of(lines: Mapping[str, int], key: str) -> int:
    """Return the line of a key, or of what holds it; 0 where neither is known."""
    for path in (key, *holders(key)):
        if path in lines:
            return lines[path]
    return 0


def holders(key: str) -> Iterator[str]:
    """Yield the paths of what holds a key, from the inside out."""
    while key:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
        if key:
            yield key


def _opened(header: str, counts: dict[str, int]) -> str:
    """Return the path of the table that a header opens; one of a list gets the next number."""
    is_list = header.startswith("[[")
    names, _ = _names(header, 2 if is_list else 1, "]")
    path = ""
    for place, name in enumerate(names, 1):
        path = _joined(path, [name])
        if is_list and place == len(names):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = f"{path}[{counts[path] - 1}]"
    return path


def _joined(path: str, names: list[str]) -> str:
    return ".".join(filter(None, [path, *names]))


def _names(text: str, at: int, stop: str) -> tuple[list[str], int]:
    """Read a dotted key; returns its names, and where the text goes on behind the stop."""
    names, name = [], ""
    while at < len(text) and text[at] != stop:
        letter = text[at]
        if letter in "\"'":
            end = _end_of_string(text, at + 1, letter)
            name, at = text[at + 1 : end - 1], end
            continue
        if letter == ".":
            names.append(name)
            name = ""
        elif not letter.isspace():
            name += letter
        at += 1
    return [*names, name], at + 1


def _end_of_value(text: str, at: int) -> int:
    """Return where the line ends on which a value does."""
    depth = 0
    while token := _TOKEN.search(text, at):
        mark, at = token[0], token.end()
        if mark == "\n" and depth == 0:
            return token.start()
        if mark == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif mark[0] in "\"'":
            at = _end_of_string(text, at, mark)
        else:
            depth += (mark in _OPENING) - (mark in _CLOSING)
    return len(text)


def _end_of_string(text: str, at: int, mark: str) -> int:
    """Return where the text goes on behind a string that was opened by a mark."""
    while (end := text.find(mark, at)) >= 0:
        backslashes = end - len(text[at:end].rstrip("\\")) - at
        if mark[0] == "'" or backslashes % 2 == 0:
            return end + len(mark)
        at = end + 1
    return len(text)
