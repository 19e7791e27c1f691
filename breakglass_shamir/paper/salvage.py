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

from breakglass_shamir.paper.health import block_of_each_codeword, corners_of, data_modules, straightened

if TYPE_CHECKING:
    from PIL import Image

VERSION: Final = 6
LEVEL: Final = "Q"
"""Version and level of every share code (spec: docs/spec/6-sheet.md)."""

TEXT_LENGTH: Final = 101
"""Characters of a share code."""

LOST: Final = "?"
"""Stands for a character that no block told."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PREFIX: Final = "BGS1:"
_OURS: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_SIZE: Final = 17 + 4 * VERSION
_BLOCKS: Final = 4
_DATA, _TOTAL = 19, 43
"""Bytes of a block: data, and data with parity, ISO/IEC 18004 table 9."""

_HEAD_BITS: Final = 13
"""Mode and count."""

_PAIR_BITS: Final = 11
_FLAT_SIDE: Final = 4
"""Modules, each way, that are never all alike in a masked code."""

_FLAT_RANGE: Final = 0.25
"""Part of the code's contrast within which modules are alike."""

_Known = dict[int, bytes]
"""Data of blocks, by number."""

_Print = tuple[bytes, set[int]]
"""Codewords of one print as placed, and which of them a blot touches."""


def salvaged(errors: Sequence[Any], picture: "Image.Image") -> str | None:
    """Return the text of the share code on a page as far as any of its prints tells, or None.

    Args:
        errors: zxing-cpp's barcodes whose error correction failed.
        picture: the grey picture in which they were found.
    """
    prints = []
    for found in errors:
        told = found.extra or {}
        if str(told.get("Version")) == str(VERSION) and told.get("ECLevel") == LEVEL and "DataMask" in told:
            grey = straightened(picture, corners_of(found.position), _SIZE)
            prints.append(_codewords(grey, int(told["DataMask"])))
    known = _blocks([*prints, _merged(prints)] if len(prints) > 1 else prints)
    return _text(known) if known else None


def _merged(prints: Sequence[_Print]) -> _Print:
    """Take each codeword from a print in which no blot touches it."""
    words, missing = bytearray(prints[0][0]), set(prints[0][1])
    for other, also in prints[1:]:
        for place in missing - also:
            words[place] = other[place]
        missing &= also
    return bytes(words), missing


def _blocks(prints: Sequence[_Print]) -> _Known:
    """Repair each block from the first print that allows it."""
    owners = block_of_each_codeword([_DATA] * _BLOCKS, [_TOTAL] * _BLOCKS)
    known: _Known = {}
    for number in range(_BLOCKS):
        places = [place for place, owner in enumerate(owners) if owner == number]
        for words, missing in prints:
            erased = [index for index, place in enumerate(places) if place in missing]
            data = _repaired(bytes(words[place] for place in places), erased)
            if data is not None:
                known[number] = data
                break
    return known


def _repaired(word: bytes, erased: Sequence[int]) -> bytes | None:
    """Return the data of a block, taking what a blot touches for missing, or else for possibly right."""
    from breakglass_shamir.errors import MalformedText
    from breakglass_shamir.formats import parity

    for erasures in (erased, ()):
        try:
            return parity.repair(word, erasures, parity_bytes=_TOTAL - _DATA).codeword[:_DATA]
        except MalformedText:
            continue
    return None


def _codewords(grey: "Image.Image", mask: int) -> _Print:
    """Return the codewords of a straightened code, and which of them a blot touches."""
    levels = grey.tobytes()
    low, high = _range(levels)
    threshold, alike = (low + high) / 2, (high - low) * _FLAT_RANGE
    flat = _flat(levels, alike)
    bits, covered = [], []
    for row, column in data_modules(VERSION):
        dark = levels[row * _SIZE + column] < threshold
        bits.append(dark ^ _masked(mask, row, column))
        covered.append((row, column) in flat)
    count = len(bits) // 8
    words = bytes(sum(bit << (7 - i) for i, bit in enumerate(bits[8 * n : 8 * n + 8])) for n in range(count))
    return words, {n for n in range(count) if any(covered[8 * n : 8 * n + 8])}


def _range(levels: bytes) -> tuple[int, int]:
    """Return the grey of print and of paper."""
    ordered = sorted(levels)
    return ordered[len(ordered) // 10], ordered[-len(ordered) // 10]


def _flat(levels: bytes, alike: float) -> set[tuple[int, int]]:
    """Return the modules that lie in a square of modules that are all alike."""
    flat: set[tuple[int, int]] = set()
    side = range(_FLAT_SIDE)
    for top in range(_SIZE - _FLAT_SIDE + 1):
        for left in range(_SIZE - _FLAT_SIDE + 1):
            square = [(top + y, left + x) for y in side for x in side]
            values = [levels[row * _SIZE + column] for row, column in square]
            if max(values) - min(values) <= alike:
                flat.update(square)
    return flat


def _masked(mask: int, row: int, column: int) -> bool:
    """Tell whether a data mask turns a module over, ISO/IEC 18004 table 10."""
    product = row * column
    value = (
        (row + column) % 2, row % 2, column % 3, (row + column) % 3, (row // 2 + column // 3) % 2,
        product % 2 + product % 3, (product % 2 + product % 3) % 2, ((row + column) % 2 + product % 3) % 2,
    )[mask]  # fmt: skip
    return value == 0


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
