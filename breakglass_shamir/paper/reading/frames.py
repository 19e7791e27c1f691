# SPDX-License-Identifier: Apache-2.0
"""What the scanner and its worker say to each other.

A frame is a length of 4 bytes, big-endian, and that many bytes. A request is two frames, a JSON task and the
file's bytes. Its answer is a count of the file's pages, a result per page asked for, and the end; during a thorough
look it says how far it is:

    {"pages": 3}
    {"looking": 4, "of": 16}
    ...
    {"page": 1, "codes": [[text, variant, used], ...], "prints": [[version, level, words, missing, sure], ...],
     "problem": "", "note": "", "signs": 0, "spent": 0.02}
    ...
    {"end": true}

where ``used`` is the part of a code's error correction that its damage used, or null, and a print is of an envelope
or share code that is damaged beyond it: its codewords in hexadecimal, the numbers of those that are missing, and how
sure each is. A note says what is wrong with a file that was read in part, ``signs`` how many finder patterns of unread
codes there seem to be, and ``spent`` the processor time in seconds;
or ``{"refused": sentence}`` when the file cannot be opened. Both sides bound what they read; the parent treats
every answer as untrusted, since a decoder that was taken over writes it.

It imports nothing but the standard library's light parts: the worker's start-up is on the path at 3 a.m.
"""

import json
import struct
from collections.abc import Callable
from typing import Any, Final

LARGEST_FILE_BYTES: Final = 256 << 20
"""A file of more bytes is refused unread; two hundred scanned pages have a hundred million."""

LARGEST_ANSWER_BYTES: Final = 1 << 20
"""An answer of more bytes is not from our worker."""

MOST_PAGES: Final = 200
"""Pages read of one file; further ones are refused."""

MOST_CODES: Final = 64
"""Codes taken from one page."""

MOST_PRINTS: Final = 8
"""Damaged codes taken from one page."""

MOST_SIGNS: Final = 99
"""Signs that are counted; more than a page of codes has is noise."""

MOST_SECONDS: Final = 3600.0
"""Processor time that a page can have taken."""

MOST_CODEWORDS: Final = 3706
"""Bytes of the largest QR code."""

LONGEST_TEXT: Final = 7089
"""Characters; what the largest QR code holds, digits only."""

SHARE_PREFIX: Final = "BGS1:"
ENVELOPE_PREFIX: Final = "BGE1:"
"""What our codes begin with, in capitals."""

_LENGTH: Final = struct.Struct(">I")

Receive = Callable[[int], bytes]


def frame(payload: bytes) -> bytes:
    """Prefix a payload with its length."""
    return _LENGTH.pack(len(payload)) + payload


def message(**fields: Any) -> bytes:
    """Serialise one JSON message as a frame."""
    return frame(json.dumps(fields, separators=(",", ":")).encode())


def read_frame(receive: Receive, limit: int) -> bytes:
    """Read one frame.

    Args:
        receive: returns at most that many bytes, and none when the other side is gone.
        limit: largest payload accepted, bytes.

    Raises:
        EOFError: the other side closed, at a boundary or within a frame.
        ValueError: the frame is larger than the limit.
    """
    (length,) = _LENGTH.unpack(_exactly(receive, _LENGTH.size))
    if length > limit:
        raise ValueError("frame too large")
    return _exactly(receive, length)


def read_message(receive: Receive) -> dict[str, Any]:
    """Read one JSON object.

    Raises:
        EOFError: the other side closed.
        ValueError: the frame is too large or not JSON.
        TypeError: it is not a JSON object.
    """
    value = json.loads(read_frame(receive, LARGEST_ANSWER_BYTES))
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _exactly(receive: Receive, count: int) -> bytes:
    """Read exactly ``count`` bytes."""
    buffer = bytearray()
    while len(buffer) < count:
        piece = receive(min(count - len(buffer), 1 << 20))
        if not piece:
            raise EOFError
        buffer += piece
    return bytes(buffer)
