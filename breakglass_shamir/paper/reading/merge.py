# SPDX-License-Identifier: Apache-2.0
"""Codes that are damaged beyond their error correction in each of several pictures, read from all of them.

The envelope code is the same on every sheet of an epoch, and is damaged somewhere else on each. A share code is printed
twice, and one sheet may be photographed again and again, each time in another light. Here:

1. Prints of one code are told by their likeness. Envelopes of two epochs of a set have its name, its structure and
   the padding in common, up to a quarter of the code; two shares of an epoch have less. More than that is asked for.
2. Blocks are repaired as in ``prints``. A block counts only where its repair left ``SPARE`` parity bytes unused, so
   that chance makes a wrong one no more often than once in billions. What its data say may stand for parity bytes: by
   chance a pair of characters is of our alphabet in one case of two (``told``).
3. A text counts only where all its blocks do, and it is one of our codes. The envelope's hash and signature, or the
   share's parity and commitment, then decide, as over every text.

It sees no picture. What it keeps is bounded, and is gone with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from breakglass_shamir.paper.reading.frames import ENVELOPE_PREFIX, SHARE_PREFIX
from breakglass_shamir.paper.reading.prints import Print, blocks_of, sizes_of

LEVEL: Final = "M"
"""Error correction of every envelope code (spec: docs/spec/6-sheet.md)."""

SHARE_VERSION: Final = 6
SHARE_LEVEL: Final = "Q"
"""Version and error correction of every share code."""

SPARE: Final = 4
"""Parity bytes of a block that prove it."""

LIKE: Final = 0.3
"""Part of the codewords seen in both that two prints of one code have in common, at the least."""

MOST_PRINTS: Final = 8
"""Prints kept of one code, the last ones."""

MOST_CODES: Final = 32
"""Codes of which prints are kept, the last ones."""

_OURS: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ:/")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_CROCKFORD: Final = _OURS - set(":/")
_HEAD_CHARACTERS: Final = 24
"""Characters among which prefix, numbers and short digest of an envelope code end; the rest are Crockford base32."""

_ALPHANUMERIC: Final = 0b0010
_TERMINATOR_BITS: Final = 4
_PADDING: Final = b"\xec\x11"
_REFUSED: Final = -(1 << 30)
_PAIR_BITS, _LAST_BITS = 11, 6


@dataclass(slots=True)
class _Code:
    """What is known of one code."""

    prints: list[Print] = field(repr=False)
    blocks: dict[int, bytes] = field(default_factory=dict, repr=False)


class DamagedCodes:
    """The prints of damaged codes, over any number of pages."""

    def __init__(self) -> None:
        self._codes: list[_Code] = []

    def add(self, prints: Sequence[Print]) -> list[str]:
        """Take the damaged prints of one page; return the texts that are told by them and those before."""
        changed = [self._joined(one) for one in prints if _is_possible(one)]
        texts = [_text(code) for code in {id(code): code for code in changed}.values()]
        return [text for text in texts if text is not None]

    def _joined(self, one: Print) -> _Code:
        """Add a print to the code it is most like, or begin another."""
        code = max(self._codes, key=lambda code: code.prints[0].likeness(one), default=None)
        if code is None or code.prints[0].likeness(one) < LIKE:
            code = _Code([])
            self._codes = [*self._codes, code][-MOST_CODES:]
        code.prints = [*code.prints, one][-MOST_PRINTS:]
        return code


def kind_of(told: dict[str, Any]) -> str:
    """Return the prefix of what a code can be by what the decoder says of it; empty: none of ours."""
    if (told.get("ECLevel"), str(told.get("Version"))) == (SHARE_LEVEL, str(SHARE_VERSION)):
        return SHARE_PREFIX
    return ENVELOPE_PREFIX if told.get("ECLevel") == LEVEL else ""


def _is_possible(one: Print) -> bool:
    """Tell whether a print has as many codewords as its version has; it comes from a process that is not trusted."""
    ours = kind_of({"ECLevel": one.level, "Version": one.version})
    return ours != "" and len(one.words) == sum(total for _, total in sizes_of(one.version, one.level))


def _text(code: _Code) -> str | None:
    """Return what the code says, once every block of it is known."""
    version, level = code.prints[0].version, code.prints[0].level
    sizes = [data for data, _ in sizes_of(version, level)]
    code.blocks |= blocks_of(code.prints, SPARE, code.blocks, partial(told, version, sizes))
    count = len(sizes_of(version, level))
    if len(code.blocks) < count:
        return None
    text = characters(b"".join(code.blocks[number] for number in range(count)), version)
    prefix = kind_of({"ECLevel": level, "Version": version})
    return text if text and text.startswith(prefix) and set(text) <= _OURS else None


def told(version: int, sizes: Sequence[int], number: int, known: Mapping[int, bytes], data: bytes) -> int:
    """Return how many bits the data of a block prove by themselves: a character of ours is one of 32, and not of 45.

    Args:
        version: of the code.
        sizes: bytes of data of each block.
        number: of the block, from 0.
        known: other blocks; without the first nothing is proven of the rest, as it says how long the text is.
        data: of the block.

    Returns:
        A bit for each pair of characters and eight for each byte of padding; a large negative number: not of a code of
        ours.
    """
    first = data if number == 0 else known.get(0)
    if first is None:
        return 0
    head, length = _head(first, version)
    end = head + length // 2 * _PAIR_BITS + length % 2 * _LAST_BITS
    capacity = 8 * sum(sizes)
    if int(first[0] >> 4) != _ALPHANUMERIC or end > capacity:
        return _REFUSED
    start = 8 * sum(sizes[:number])
    bits, proven = "".join(f"{byte:08b}" for byte in data), 0
    for index in range(max(0, -(-(start - head) // _PAIR_BITS)), length // 2):
        at = head + index * _PAIR_BITS - start
        if at + _PAIR_BITS > len(bits):
            break
        pair = divmod(int(bits[at : at + _PAIR_BITS], 2), len(_ALPHABET))
        text = "".join(_ALPHABET[symbol] for symbol in pair if symbol < len(_ALPHABET))
        if (bits_of := _proven(text, 2 * index)) is None:
            return _REFUSED
        proven += bits_of
    return proven + _padding(data, start, end)


def _proven(text: str, place: int) -> int | None:
    """Return how many bits two characters of an envelope code prove where they are; None: they cannot be there."""
    wanted = ENVELOPE_PREFIX[place : place + 2]
    if len(wanted) == 2:
        return _PAIR_BITS if text == wanted else None
    if place < _HEAD_CHARACTERS:
        return 0 if len(text) == 2 and set(text) <= _OURS else None
    return 1 if len(text) == 2 and set(text) <= _CROCKFORD else None


def _padding(data: bytes, start: int, end: int) -> int:
    """Return eight bits for each byte of padding in a block, ISO/IEC 18004 section 7.4.10; see ``told``."""
    first = -(-(end + _TERMINATOR_BITS) // 8)
    proven = 0
    for place in range(max(first, start // 8), start // 8 + len(data)):
        if data[place - start // 8] != _PADDING[(place - first) % 2]:
            return _REFUSED
        proven += 8
    return proven


def _head(data: bytes, version: int) -> tuple[int, int]:
    """Return how many bits say mode and length of a text, and the length."""
    head = 4 + (9 if version < 10 else 11 if version < 27 else 13)
    return head, int.from_bytes(data[:3]) >> (24 - head) & ((1 << (head - 4)) - 1)


def characters(data: bytes, version: int) -> str | None:
    """Return the text of a code of one alphanumeric segment, or None: it is another (ISO/IEC 18004 section 7.4.4)."""
    bits = "".join(f"{byte:08b}" for byte in data)
    head, length = _head(data, version)
    body = bits[head:]
    pairs, last = divmod(length, 2)
    if int(bits[:4], 2) != _ALPHANUMERIC or pairs * _PAIR_BITS + last * _LAST_BITS > len(body):
        return None
    values = [int(body[start : start + _PAIR_BITS], 2) for start in range(0, pairs * _PAIR_BITS, _PAIR_BITS)]
    symbols = [symbol for value in values for symbol in divmod(value, len(_ALPHABET))]
    if last:
        symbols.append(int(body[pairs * _PAIR_BITS :][:_LAST_BITS], 2))
    return "".join(map(_ALPHABET.__getitem__, symbols)) if max(symbols, default=0) < len(_ALPHABET) else None
