# SPDX-License-Identifier: Apache-2.0
"""What is left of a share code that is damaged beyond its error correction; runs in the worker only.

A share code is four blocks, each with its own parity, and it is printed twice. A decoder gives up when one block of
one print is lost. Here:

1. Modules under a blot are told by their flatness, and count as missing, not as wrong: twice as many are repaired.
2. What is missing in one print is taken from another print on the same page.
3. What then still lacks is given as ``?``: the share's own parity, or typed lines, may complete it.

It proves nothing: blocks of two different shares may meet here, and the share's parity and commitment decide. It
reads no envelope codes.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from breakglass_shamir.paper.reading.frames import SHARE_PREFIX
from breakglass_shamir.paper.reading.merge import kind_of
from breakglass_shamir.paper.reading.prints import blocks_of, printed

if TYPE_CHECKING:
    from PIL import Image

TEXT_LENGTH: Final = 101
"""Characters of a share code."""

LOST: Final = "?"
"""Stands for a character that no block told."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PREFIX: Final = "BGS1:"
_OURS: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_BLOCKS: Final = 4
_DATA: Final = 19
"""Bytes of data of a block, ISO/IEC 18004 table 9."""

_HEAD_BITS: Final = 13
"""Mode and count."""

_PAIR_BITS: Final = 11
_Known = dict[int, bytes]
"""Data of blocks, by number."""


def salvaged(errors: Sequence[Any], picture: "Image.Image") -> str | None:
    """Return the text of the share code on a page as far as any of its prints tells, or None.

    Args:
        errors: zxing-cpp's barcodes whose error correction failed.
        picture: the grey picture in which they were found.
    """
    told = [found for found in errors if kind_of(found.extra or {}) == SHARE_PREFIX]
    prints = [one for one in (printed(found, picture) for found in told) if one]
    known = blocks_of(prints, spare=0) if prints else {}
    return _text(known) if known else None


def _text(known: _Known) -> str | None:
    """Return the characters that the blocks tell, or None where they are not of a share code."""
    bits = "".join(
        "".join(f"{byte:08b}" for byte in known[number]) if number in known else LOST * 8 * _DATA
        for number in range(_BLOCKS)
    )
    if 0 in known and bits[:_HEAD_BITS] != f"0010{TEXT_LENGTH:09b}":
        return None
    text = "".join(_pairs(bits))[:TEXT_LENGTH]
    head, body = text[: len(_PREFIX)], text[len(_PREFIX) :]
    is_ours = all(symbol in {LOST, wanted} for symbol, wanted in zip(head, _PREFIX, strict=True))
    if not is_ours or not set(body) <= _OURS | {LOST} or not set(body) & _OURS:
        return None
    return _PREFIX + body


def _pairs(bits: str) -> Iterator[str]:
    """Yield the characters two by two, the last one alone, ISO/IEC 18004 section 7.4.4."""
    for index in range(TEXT_LENGTH // 2):
        start = _HEAD_BITS + index * _PAIR_BITS
        value = _number(bits[start : start + _PAIR_BITS])
        yield LOST * 2 if value is None else _character(value // 45) + _character(value % 45)
    value = _number(bits[_HEAD_BITS + TEXT_LENGTH // 2 * _PAIR_BITS :][:6])
    yield LOST if value is None else _character(value)


def _number(bits: str) -> int | None:
    return None if LOST in bits else int(bits, 2)


def _character(value: int) -> str:
    return _ALPHABET[value] if value < len(_ALPHABET) else " "
