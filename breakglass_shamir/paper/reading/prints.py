# SPDX-License-Identifier: Apache-2.0
"""The codewords of a printed code as seen, and its blocks repaired from several prints of it.

Rules:

1. A codeword under a blot is told by the flatness of its modules. It counts as missing, not as wrong: twice as many
   are repaired.
2. Where prints differ, what most of them have counts; where there is no majority, it is missing.
3. A block is repaired from the first print that allows it alone, else from all of them together.

It finds no code in a picture and reads no text. What it repairs from is untrusted: the caller says how many spare
parity bytes prove a block, or what else proves it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from breakglass_shamir.paper.reading.health import block_of_each_codeword, corners_of, data_modules, straightened

if TYPE_CHECKING:
    from PIL import Image

_FLAT_SIDE: Final = 4
"""Modules, each way, that are never all alike in a masked code."""

_FLAT_RANGE: Final = 0.25
"""Part of the code's contrast within which modules are alike."""

_LEVELS: Final = {"L": 1, "M": 0, "Q": 3, "H": 2}
"""Error correction levels as ISO/IEC 18004 table 12 has them, and the ``qrcode`` package."""

Erased = frozenset[int]


@dataclass(frozen=True, slots=True)
class Print:
    """One print of a code.

    Attributes:
        version: from 1 to 40.
        level: error correction, one of ``LMQH``.
        words: codewords in the order in which they are placed, unmasked.
        missing: which of them a blot touches.
    """

    version: int
    level: str
    words: bytes = field(repr=False)
    missing: Erased = frozenset()

    def likeness(self, other: "Print") -> float:
        """Return the part of the codewords seen in both that are the same: near 1, or near 0 for another text."""
        if (self.version, self.level, len(self.words)) != (other.version, other.level, len(other.words)):
            return 0.0
        seen = [index for index in range(len(self.words)) if index not in self.missing | other.missing]
        return sum(self.words[index] == other.words[index] for index in seen) / max(1, len(seen))


def printed(found: Any, picture: "Image.Image") -> Print | None:
    """Look at the modules of a code that the decoder found and could not correct.

    Args:
        found: zxing-cpp's barcode.
        picture: the grey picture in which it was found.

    Returns:
        The print, or None: the decoder could not tell its version, level and mask.
    """
    told = found.extra or {}
    version, level = str(told.get("Version", "")), str(told.get("ECLevel", ""))
    if not (version.isdigit() and 1 <= int(version) <= 40 and level in _LEVELS and "DataMask" in told):
        return None
    grey = straightened(picture, corners_of(found.position), 17 + 4 * int(version))
    return _sampled(grey, int(version), level, int(told["DataMask"]))


def blocks_of(prints: Sequence[Print], spare: int, known: Collection[int] = ()) -> dict[int, bytes]:
    """Repair what can be repaired of a code.

    Args:
        prints: of one code, at least one.
        spare: parity bytes of each block that its repair must not have needed.
        known: blocks that are known already.

    Returns:
        Data of the other blocks, by number from 0.
    """
    sizes = sizes_of(prints[0].version, prints[0].level)
    owners = block_of_each_codeword([data for data, _ in sizes], [total for _, total in sizes])
    tried = [*prints, *_together(prints)] if len(prints) > 1 else prints
    found: dict[int, bytes] = {}
    for number, (data, total) in enumerate(sizes):
        if number in known:
            continue
        places = [place for place, owner in enumerate(owners) if owner == number]
        for one in tried:
            erased = [index for index, place in enumerate(places) if place in one.missing]
            word = bytes(one.words[place] for place in places)
            if (repaired := _repaired(word, erased, total - data, spare)) is not None:
                found[number] = repaired
                break
    return found


@lru_cache(maxsize=8)
def sizes_of(version: int, level: str) -> list[tuple[int, int]]:
    """Return the bytes of data, and of data with parity, of each block, ISO/IEC 18004 table 9."""
    from qrcode.base import rs_blocks

    return [(block.data_count, block.total_count) for block in rs_blocks(version, _LEVELS[level])]


def _together(prints: Sequence[Print]) -> Iterator[Print]:
    """Yield the codewords as most of the prints have them in which no blot touches them.

    Where as many have another, they count as missing at first, and then as right.
    """
    words, missing, unsure = bytearray(prints[0].words), set[int](), set[int]()
    for place in range(len(words)):
        seen = Counter(one.words[place] for one in prints if place not in one.missing)
        if not seen:
            missing.add(place)
            continue
        ((words[place], count),) = seen.most_common(1)
        if 2 * count <= seen.total():
            unsure.add(place)
    for erased in (missing | unsure, missing):
        yield Print(prints[0].version, prints[0].level, bytes(words), frozenset(erased))


def _repaired(word: bytes, erased: Sequence[int], parity_bytes: int, spare: int) -> bytes | None:
    """Return the data of a block, taking what a blot touches for missing, or else for possibly right."""
    from breakglass_shamir.errors import MalformedText
    from breakglass_shamir.formats import parity

    for erasures in (erased, ()):
        try:
            repaired = parity.repair(word, erasures, parity_bytes=parity_bytes)
        except MalformedText:
            continue
        if repaired.spare_parity >= spare:
            return repaired.codeword[: len(word) - parity_bytes]
    return None


def _sampled(grey: "Image.Image", version: int, level: str, mask: int) -> Print:
    """Return the codewords of a straightened code, and which of them a blot touches."""
    levels, size = grey.tobytes(), grey.width
    low, high = _range(levels)
    threshold, alike = (low + high) / 2, (high - low) * _FLAT_RANGE
    flat = _flat(levels, size, alike)
    bits, covered = [], []
    for row, column in data_modules(version):
        dark = levels[row * size + column] < threshold
        bits.append(dark ^ _masked(mask, row, column))
        covered.append((row, column) in flat)
    count = len(bits) // 8
    words = bytes(sum(bit << (7 - i) for i, bit in enumerate(bits[8 * n : 8 * n + 8])) for n in range(count))
    return Print(version, level, words, frozenset(n for n in range(count) if any(covered[8 * n : 8 * n + 8])))


def _range(levels: bytes) -> tuple[int, int]:
    """Return the grey of print and of paper."""
    ordered = sorted(levels)
    return ordered[len(ordered) // 10], ordered[-len(ordered) // 10]


def _flat(levels: bytes, size: int, alike: float) -> set[tuple[int, int]]:
    """Return the modules that lie in a square of modules that are all alike."""
    flat: set[tuple[int, int]] = set()
    side = range(_FLAT_SIDE)
    for top in range(size - _FLAT_SIDE + 1):
        for left in range(size - _FLAT_SIDE + 1):
            rows = [levels[(top + y) * size + left :][:_FLAT_SIDE] for y in side]
            if max(map(max, rows)) - min(map(min, rows)) <= alike:
                flat.update((top + y, left + x) for y in side for x in side)
    return flat


def _masked(mask: int, row: int, column: int) -> bool:
    """Tell whether a data mask turns a module over, ISO/IEC 18004 table 10."""
    product = row * column
    value = (
        (row + column) % 2, row % 2, column % 3, (row + column) % 3, (row // 2 + column // 3) % 2,
        product % 2 + product % 3, (product % 2 + product % 3) % 2, ((row + column) % 2 + product % 3) % 2,
    )[mask]  # fmt: skip
    return value == 0
