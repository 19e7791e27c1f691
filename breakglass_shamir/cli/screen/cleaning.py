# SPDX-License-Identifier: Apache-2.0
r"""Text from outside, made fit for a terminal and for JSON: file names, set names, what a target answered.

Rules:

1. What drives a terminal, and what reads differently to different people, is escaped; nothing is put in its place.
   A byte that is no UTF-8 is shown as the byte that it is: ``\xff``.
2. A message never repeats what looks like a share, wherever it came from.
3. JSON is valid whatever is in it, and on whatever stream: an escape there stands for the character itself, but a
   byte that is no UTF-8 is no character, and stands there as it does for people.
"""

import re
from contextlib import suppress
from typing import Any

from breakglass_shamir.formats.plain import escaped, without_bytes

_PLAIN = re.compile(r"[\n -~]+")
_LARGEST_SHORT = 0xFFFF


def clean(text: str) -> str:
    """Return a text that drives no terminal."""
    return escaped(text)


def message(text: str) -> str:
    """Return a message that drives no terminal and repeats nothing that looks like a share."""
    from breakglass_shamir.formats.likeness import masked

    return escaped(masked(text))


def json_text(document: Any, encoding: str | None, *, indent: int | None = None) -> str:
    """Write a document as JSON, for a stream of this encoding."""
    text = _written(document, indent)
    if _PLAIN.fullmatch(text):
        return text
    everything = (encoding or "").lower().replace("-", "") not in ("utf8", "utf8sig")
    return "".join(_in_json(one, everything=everything) for one in text)


def _written(document: Any, indent: int | None) -> str:
    """Write a document as :mod:`json` does, but in compiled code where that writes the same."""
    if indent is not None:
        import msgspec

        with suppress(ValueError, TypeError):  # a byte that is no UTF-8, or a number beyond 64 bits
            return msgspec.json.format(msgspec.json.encode(document), indent=indent).decode()
    import json

    return json.dumps(document, ensure_ascii=False, indent=indent)


def _in_json(one: str, *, everything: bool) -> str:
    import json

    if "\ud800" <= one <= "\udfff":
        return json.dumps(without_bytes(one))[1:-1]
    shown = one.isprintable() if one.isascii() else not everything and escaped(one) == one
    if one == "\n" or shown:
        return one
    return json.dumps(one)[1:-1] if ord(one) > 0x7F or ord(one) < 0x20 else f"\\u{ord(one):04x}"
