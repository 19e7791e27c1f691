# SPDX-License-Identifier: Apache-2.0
"""The codewords of a printed code as seen, and its blocks repaired from several prints of it.

Rules:

1. A codeword under a blot is told by the flatness of its modules. It counts as missing, not as wrong: twice as many
   are repaired.
2. Of every other codeword it is noted how sure it is: how far the least plain of its modules is from the middle between
   dark and light around it. Where a block cannot be repaired, the least sure of its codewords count as missing, more
   and more of them (generalised minimum distance decoding, Forney 1966).
3. Where prints differ, what the surest of them have together counts; where that is even, it is missing.
4. A block is repaired from the first print that allows it alone, else from all of them together.

It finds no code in a picture and reads no text. What it repairs from is untrusted: the caller says how many spare
parity bytes prove a block, or what else proves it.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from breakglass_shamir.paper.reading.health import (
    block_of_each_codeword,
    corners_of,
    data_modules,
    format_modules,
    straightened,
)

if TYPE_CHECKING:
    from PIL import Image

_FLAT_SIDE: Final = 4
"""Modules, each way, that are never all alike in a masked code."""

_FLAT_RANGE: Final = 0.25
"""Part of the code's contrast within which modules are alike."""

_AROUND: Final = 7
"""Modules, each way, among which a masked code has plain black and plain white."""

_DOUBTED_STEP: Final = 2
"""By how many more codewords of a block count as missing from one try to the next."""

SPARE_OF_DOUBTED: Final = 4
"""Parity bytes that prove a block of which the least sure codewords counted as missing: there are a few tries."""

_LEVELS: Final = {"L": 1, "M": 0, "Q": 3, "H": 2}
"""Error correction levels as ISO/IEC 18004 table 12 has them, and the ``qrcode`` package."""

_BITS: Final = 8
"""That a parity byte proves."""

Erased = frozenset[int]

Told = Callable[[int, Mapping[int, bytes], bytes], int]
"""Says how many bits a block's data prove, by its number and the blocks that are known: less than none refuses it."""


@dataclass(frozen=True, slots=True)
class Print:
    """One print of a code.

    Attributes:
        version: from 1 to 40.
        level: error correction, one of ``LMQH``.
        words: codewords in the order in which they are placed, unmasked.
        missing: which of them a blot touches.
        sure: how plain each is, from 0 to 255; empty where that is not known.
    """

    version: int
    level: str
    words: bytes = field(repr=False)
    missing: Erased = frozenset()
    sure: bytes = field(default=b"", repr=False)

    @property
    def worth(self) -> int:
        """How much it tells, against another print of the same code."""
        return sum(map(self.sureness, range(len(self.words)))) // max(1, len(self.words))

    def sureness(self, place: int) -> int:
        """Return how plain a codeword is; one that is missing is not at all."""
        if place in self.missing:
            return 0
        return self.sure[place] + 1 if self.sure else 1

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
        picture: the grey picture in which it was found, or another of the same page and size.

    Returns:
        The print, or None: the decoder could not tell its version, level and mask.
    """
    told = found.extra or {}
    version, level = str(told.get("Version", "")), str(told.get("ECLevel", ""))
    if not (version.isdigit() and 1 <= int(version) <= 40 and level in _LEVELS and "DataMask" in told):
        return None
    grey = straightened(picture, corners_of(found.position), 17 + 4 * int(version))
    return _sampled(grey, int(version), level, int(told["DataMask"]))


def in_place(grey: "Image.Image", level: str) -> Print:
    """Look at the modules of a code of which is known where it is and how large.

    Args:
        grey: the code alone, one pixel a module.
        level: its error correction.
    """
    return _sampled(grey, (grey.width - 17) // 4, level, None)


def blocks_of(
    prints: Sequence[Print], spare: int, known: Mapping[int, bytes] | None = None, told: Told | None = None
) -> dict[int, bytes]:
    """Repair what can be repaired of a code.

    Args:
        prints: of one code, at least one.
        spare: parity bytes of each block that its repair must not have needed.
        known: blocks that are known already.
        told: what a block's data prove themselves, which stands for parity bytes.

    Returns:
        Data of the other blocks, by number from 0.
    """
    sizes = sizes_of(prints[0].version, prints[0].level)
    owners = block_of_each_codeword([data for data, _ in sizes], [total for _, total in sizes])
    tried = [*prints, *_together(prints)] if len(prints) > 1 else prints
    before, found = known or {}, dict[int, bytes]()
    for number, (data, total) in enumerate(sizes):
        if number in before:
            continue
        places = [place for place, owner in enumerate(owners) if owner == number]
        own = partial(told, number, {**before, **found}) if told else None
        if (repaired := _block(tried, places, total - data, _Proof(spare, own))) is not None:
            found[number] = repaired
    return found


@dataclass(frozen=True, slots=True)
class _Proof:
    """What proves a block: parity bytes that its repair did not need, or what its data prove themselves."""

    spare: int
    told: Callable[[bytes], int] | None = None

    def holds(self, data: bytes, left: int, spare: int) -> bool:
        """Tell whether a repair that left so many parity bytes is proven, where so many are asked for."""
        if left >= spare:
            return True
        return self.told is not None and _BITS * left + self.told(data) >= _BITS * spare


def _block(tried: Sequence[Print], places: Sequence[int], parity_bytes: int, proof: _Proof) -> bytes | None:
    """Repair one block from the first print that allows it, and then from what is surest in each."""
    words = [bytes(one.words[place] for place in places) for one in tried]
    erased = [[index for index, place in enumerate(places) if place in one.missing] for one in tried]
    for word, missing in zip(words, erased, strict=True):
        if (repaired := _repaired(word, (missing, ()), parity_bytes, proof, proof.spare)) is not None:
            return repaired
    for one, word in zip(tried, words, strict=True):
        if not one.sure:
            continue
        doubtful = sorted(range(len(places)), key=lambda index: one.sureness(places[index]))
        most = parity_bytes if proof.told else parity_bytes - SPARE_OF_DOUBTED
        tries = [doubtful[:count] for count in range(_DOUBTED_STEP, most + 1, _DOUBTED_STEP)]
        wanted = max(proof.spare, SPARE_OF_DOUBTED)
        if (repaired := _repaired(word, tries, parity_bytes, proof, wanted)) is not None:
            return repaired
    return None


@lru_cache(maxsize=8)
def sizes_of(version: int, level: str) -> list[tuple[int, int]]:
    """Return the bytes of data, and of data with parity, of each block, ISO/IEC 18004 table 9."""
    from qrcode.base import rs_blocks

    return [(block.data_count, block.total_count) for block in rs_blocks(version, _LEVELS[level])]


def _together(prints: Sequence[Print]) -> Iterator[Print]:
    """Yield the codewords as those prints have them which are surest together.

    Where as much speaks for another, they count as missing at first, and then as right.
    """
    words, missing, unsure = bytearray(prints[0].words), set[int](), set[int]()
    sure = bytearray(len(words))
    for place in range(len(words)):
        seen: Counter[int] = Counter()
        for one in prints:
            if place not in one.missing:
                seen[one.words[place]] += one.sureness(place)
        if not seen:
            missing.add(place)
            continue
        ((words[place], most),) = seen.most_common(1)
        if 2 * most <= seen.total():
            unsure.add(place)
        sure[place] = min(255, max(0, 2 * most - seen.total()))
    told = bytes(sure) if any(one.sure for one in prints) else b""
    for erased in (missing | unsure, missing):
        yield Print(prints[0].version, prints[0].level, bytes(words), frozenset(erased), told)


def _repaired(
    word: bytes, tries: Iterable[Sequence[int]], parity_bytes: int, proof: _Proof, spare: int
) -> bytes | None:
    """Return the data of a block, taking now these and now those of its codewords for missing."""
    from breakglass_shamir.errors import MalformedText
    from breakglass_shamir.formats import parity

    for erasures in tries:
        try:
            repaired = parity.repair(word, erasures, parity_bytes=parity_bytes)
        except MalformedText:
            continue
        data = repaired.codeword[: len(word) - parity_bytes]
        if proof.holds(data, repaired.spare_parity, spare):
            return data
    return None


def _sampled(grey: "Image.Image", version: int, level: str, mask: int | None) -> Print:
    """Return the codewords of a straightened code, which of them a blot touches, and how sure the others are.

    Where the mask is not known, it is the one whose mark on the code is most like what is seen of it.
    """
    from PIL import ImageFilter

    levels, size = grey.tobytes(), grey.width
    dark = grey.filter(ImageFilter.MinFilter(_AROUND)).filter(ImageFilter.BoxBlur(_AROUND // 2)).tobytes()
    light = grey.filter(ImageFilter.MaxFilter(_AROUND)).filter(ImageFilter.BoxBlur(_AROUND // 2)).tobytes()
    ink, paper = _range(levels)
    alike = (paper - ink) * _FLAT_RANGE
    flat = _flat(levels, size, alike)
    if mask is None:
        above = [2 * own - low - high for own, low, high in zip(levels, dark, light, strict=True)]
        mask = _likeliest_mask(version, level, above, flat)
    bits, covered, plain = [], [], []
    for row, column in data_modules(version):
        place = row * size + column
        off = 2 * levels[place] - dark[place] - light[place]
        bits.append((off < 0) ^ _masked(mask, row, column))
        covered.append((row, column) in flat)
        plain.append(min(255, 255 * abs(off) // max(1, light[place] - dark[place], round(alike))))
    count = len(bits) // 8
    words = bytes(sum(bit << (7 - i) for i, bit in enumerate(bits[8 * n : 8 * n + 8])) for n in range(count))
    missing = frozenset(n for n in range(count) if any(covered[8 * n : 8 * n + 8]))
    return Print(version, level, words, missing, bytes(min(plain[8 * n : 8 * n + 8]) for n in range(count)))


def _likeliest_mask(version: int, level: str, light: Sequence[int], flat: Container[tuple[int, int]]) -> int:
    """Return the mask whose mark is most like what is seen, given how light each module is against those around."""
    size = 17 + 4 * version

    def likeness(mask: int) -> int:
        marks = (mark for mark in format_modules(version, level, mask) if mark[:2] not in flat)
        return sum(light[row * size + column] * (-1 if dark else 1) for row, column, dark in marks)

    return max(range(8), key=likeness)


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
