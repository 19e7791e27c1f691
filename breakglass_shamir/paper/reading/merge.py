# SPDX-License-Identifier: Apache-2.0
"""Envelope codes that are damaged beyond their error correction on each of several sheets, read from all of them.

The envelope code is the same on every sheet of an epoch, and is damaged somewhere else on each. Here:

1. Prints of one code are told by their likeness. Those of another epoch of the set have its name, its structure and
   the padding in common with it, up to a quarter of the code; more than that is asked for.
2. Blocks are repaired as in ``prints``. A block counts only where its repair left ``SPARE`` parity bytes unused, so
   that chance makes a wrong one no more often than once in billions.
3. A text counts only where all its blocks do, and it is one of our envelope codes. The envelope's hash and signature
   then decide, as over every text.

It sees no picture. What it keeps is bounded, and is gone with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from breakglass_shamir.paper.reading.prints import Print, blocks_of, sizes_of

LEVEL: Final = "M"
"""Error correction of every envelope code (spec: docs/spec/6-sheet.md)."""

SPARE: Final = 4
"""Parity bytes of a block that prove it."""

LIKE: Final = 0.3
"""Part of the codewords seen in both that two prints of one code have in common, at the least."""

MOST_PRINTS: Final = 8
"""Prints kept of one code, the last ones."""

MOST_CODES: Final = 32
"""Codes of which prints are kept, the last ones."""

_PREFIX: Final = "BGE1:"
_OURS: Final = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ:/")
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_ALPHANUMERIC: Final = 0b0010
_PAIR_BITS, _LAST_BITS = 11, 6


@dataclass(slots=True)
class _Code:
    """What is known of one code."""

    prints: list[Print] = field(repr=False)
    blocks: dict[int, bytes] = field(default_factory=dict, repr=False)


class DamagedEnvelopes:
    """The prints of damaged envelope codes, over any number of pages."""

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


def _is_possible(one: Print) -> bool:
    """Tell whether a print has as many codewords as its version has; it comes from a process that is not trusted."""
    return one.level == LEVEL and len(one.words) == sum(total for _, total in sizes_of(one.version, one.level))


def _text(code: _Code) -> str | None:
    """Return what the code says, once every block of it is known."""
    version = code.prints[0].version
    code.blocks |= blocks_of(code.prints, SPARE, known=code.blocks)
    count = len(sizes_of(version, LEVEL))
    if len(code.blocks) < count:
        return None
    text = characters(b"".join(code.blocks[number] for number in range(count)), version)
    return text if text and text.startswith(_PREFIX) and set(text) <= _OURS else None


def characters(data: bytes, version: int) -> str | None:
    """Return the text of a code of one alphanumeric segment, or None: it is another (ISO/IEC 18004 section 7.4.4)."""
    bits = "".join(f"{byte:08b}" for byte in data)
    head = 4 + (9 if version < 10 else 11 if version < 27 else 13)
    length, body = int(bits[4:head], 2), bits[head:]
    pairs, last = divmod(length, 2)
    if int(bits[:4], 2) != _ALPHANUMERIC or pairs * _PAIR_BITS + last * _LAST_BITS > len(body):
        return None
    values = [int(body[start : start + _PAIR_BITS], 2) for start in range(0, pairs * _PAIR_BITS, _PAIR_BITS)]
    symbols = [symbol for value in values for symbol in divmod(value, len(_ALPHABET))]
    if last:
        symbols.append(int(body[pairs * _PAIR_BITS :][:_LAST_BITS], 2))
    return "".join(map(_ALPHABET.__getitem__, symbols)) if max(symbols, default=0) < len(_ALPHABET) else None
