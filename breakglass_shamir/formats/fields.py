# SPDX-License-Identifier: Apache-2.0
"""Fields of tag, length and value, as the extension block and the plaintext have them (spec: docs/spec/paper.md).

Rules:

1. A field is a tag (1), the length of its value (2) and the value. Tags ascend strictly, so none is there twice and
   none is 0. An empty value does not exist.
2. One list of fields has one text, and one text has one list.

This module does not know what a tag means, nor which lengths a value may have.
"""

import struct
from collections.abc import Iterable

Field = tuple[int, bytes]
"""A tag from 1 to 255, and its value of 1 to 65535 bytes."""

FIRST_OPTIONAL_TAG = 128
"""Who does not know a tag from here on may do without it, and need not say so."""

_HEAD = struct.Struct(">BH")


def write(fields: Iterable[Field]) -> bytes:
    """Return the bytes of fields, which are in order already."""
    return b"".join(_HEAD.pack(tag, len(value)) + value for tag, value in fields)


def read(data: bytes) -> dict[int, bytes] | None:
    """Return the values by tag, in order; None where the bytes are not whole fields in strict order."""
    found: dict[int, bytes] = {}
    position, last = 0, 0
    while position < len(data):
        if position + _HEAD.size > len(data):
            return None
        tag, length = _HEAD.unpack_from(data, position)
        start = position + _HEAD.size
        position = start + length
        if tag <= last or not length or position > len(data):
            return None
        found[tag], last = data[start:position], tag
    return found
