# SPDX-License-Identifier: Apache-2.0
r"""Text from outside, made fit to be read: what drives a terminal or reads differently to different people is escaped.

An escape tells what was there; a mark in its place would not, and two texts would look the same.

1. A character that is not to be shown becomes ``\x1b``, ``\u202e`` or ``\U000e0001``, by its number.
2. A byte of a file name or argument that is no UTF-8 becomes ``\xff``: the byte that it is.
3. White space stays, but tab and line end are escaped, too: one text is one line.

Nothing is dropped, and nothing is unescaped again.
"""

_BYTES = range(0xDC80, 0xDD00)
"""How Python holds bytes that are no UTF-8 (PEP 383)."""

_LARGEST_BYTE, _LARGEST_SHORT = 0xFF, 0xFFFF


def escaped(text: str) -> str:
    """Return a text in which every character that is not to be shown is escaped."""
    return text if text.isprintable() else "".join(map(_shown, text))


def without_bytes(text: str) -> str:
    """Return a text in which bytes that are no UTF-8, and halves of characters, are escaped; the rest as it is."""
    return "".join(_shown(one) if "\ud800" <= one <= "\udfff" else one for one in text)


def _shown(one: str) -> str:
    number = ord(one)
    if one.isprintable() or (one.isspace() and number > _LARGEST_BYTE and one not in "\u2028\u2029") or one == "\xa0":
        return one
    if number in _BYTES:
        return f"\\x{number - 0xDC00:02x}"
    if number <= _LARGEST_BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _LARGEST_SHORT else f"\\U{number:08x}"
