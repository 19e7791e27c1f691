# SPDX-License-Identifier: Apache-2.0
"""One text alphabet for everything on paper (spec: docs/spec/2-text.md).

Crockford base32, upper case, so that a QR scanner in keyboard mode, a phone and a person typing give the same
string. Input forgives case, white space, hyphens and the look-alikes I, L and O; it forgives nothing else.

Rules:

1. Decoding is strict: unused bits at the end are zero, so one byte string has one text.
2. A typed line is 24 characters and one check character. The check character lies outside the Reed-Solomon
   code, answers the typist at once, and binds the line's number: lines 1 to 4 are the share's, 5 and up the
   envelope core's.
3. ``?`` stands for a character that cannot be read.

This module does not know what the bytes mean.
"""

from breakglass_shamir.errors import MalformedText
from breakglass_shamir.plural import counted

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's 32 symbols; the index is the value."""

UNREADABLE = "?"
"""What a person types for a character that cannot be read."""

LINE_CHARACTERS = 24
"""Characters of a typed line, without its check character: 15 bytes."""

LINE_BYTES = 15
"""Bytes that one typed line carries."""

GROUP_CHARACTERS = 4
"""Characters between two spaces on paper."""

TEXT_LINES = 4
"""Typed lines of a share, numbered 1 to 4."""

PARITY_BYTES = 17
"""One typed line (15 bytes) may be lost, with two to spare; or 8 wrong bytes, so any 4 wrong characters."""

MAX_LINE_NUMBER = 31
"""The check character can bind line numbers 0 to 31; 0 is not used."""

WHITE_SPACE = " \t\r\n\v\f"
"""What is dropped wherever it stands; other control characters are refused."""

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0"})
_IGNORED = str.maketrans("", "", WHITE_SPACE + "-")


def encode(data: bytes) -> str:
    """Encode bytes, most significant bit first; the last symbol is filled with zero bits."""
    symbols = []
    pending = bits = 0
    for byte in data:
        pending, bits = pending << 8 | byte, bits + 8
        while bits >= 5:
            bits -= 5
            symbols.append(ALPHABET[pending >> bits])
            pending &= (1 << bits) - 1
    if bits:
        symbols.append(ALPHABET[pending << 5 - bits])
    return "".join(symbols)


def decode(symbols: str) -> bytes:
    """Decode what :func:`encode` made.

    Args:
        symbols: normalised text, see :func:`normalise`.

    Raises:
        MalformedText: a symbol outside the alphabet, an impossible length, or unused bits that are not zero.
    """
    length = len(symbols) * 5 // 8
    spare = len(symbols) * 5 - length * 8
    if spare >= 5:
        raise MalformedText(f"expected a possible base32 length, got {counted(len(symbols), 'character')}")
    decoded = bytearray()
    pending = bits = 0
    for position, symbol in enumerate(symbols, 1):
        pending, bits = pending << 5 | _value(symbol, position), bits + 5
        if bits >= 8:
            bits -= 8
            decoded.append(pending >> bits)
            pending &= (1 << bits) - 1
    if pending:
        raise MalformedText("expected zero bits at the end of the text, got others")
    return bytes(decoded)


def normalise(text: str) -> str:
    """Drop white space and hyphens, raise to upper case, and read I and L as 1 and O as 0.

    Raises:
        MalformedText: a character that is not ASCII.
    """
    if not text.isascii():
        raise MalformedText("expected ASCII characters only, got others")
    return text.translate(_IGNORED).upper().translate(_LOOK_ALIKES)


def strip_prefix(text: str, prefix: str) -> str:
    """Remove a prefix such as ``BGS1:`` in any case, then normalise.

    Raises:
        MalformedText: the text does not begin with the prefix, or is not ASCII.
    """
    if not text.isascii():
        raise MalformedText("expected ASCII characters only, got others")
    bare = text.strip(WHITE_SPACE)
    if bare[: len(prefix)].upper() != prefix:
        raise MalformedText(f"expected a text that begins with {prefix}")
    return normalise(bare[len(prefix) :])


def group(symbols: str) -> str:
    """Write symbols in groups of four, as they stand on paper."""
    return " ".join(symbols[i : i + GROUP_CHARACTERS] for i in range(0, len(symbols), GROUP_CHARACTERS))


def short_id(identifier: bytes) -> str:
    """Show an 8-byte id to people: its first 12 symbols, ``ABCD-EFGH-JKMN``."""
    return group(encode(identifier)[:12]).replace(" ", "-")


def to_lines(data: bytes, first_number: int) -> tuple[str, ...]:
    """Write bytes as typed lines numbered from ``first_number``; length must be a multiple of 15.

    Each line is six groups of four, two spaces, and the check character.
    """
    symbols = encode(data)
    rows = [symbols[i : i + LINE_CHARACTERS] for i in range(0, len(symbols), LINE_CHARACTERS)]
    return tuple(f"{group(row)}  {check_character(row, number)}" for number, row in enumerate(rows, first_number))


def read_line(text: str) -> tuple[str, int | None]:
    """Read one typed line, without knowing which it is.

    Returns:
        The 24 symbols (``?`` where unreadable) and the line number that its check character proves;
        None instead of the number where a symbol is unreadable.

    Raises:
        MalformedText: not 25 characters, or one outside the alphabet.
    """
    symbols = normalise(text)
    if len(symbols) != LINE_CHARACTERS + 1:
        raise MalformedText(f"expected {LINE_CHARACTERS} characters and a check character, got {len(symbols)} in all")
    for position, symbol in enumerate(symbols, 1):
        if symbol != UNREADABLE:
            _value(symbol, position)
    if UNREADABLE in symbols:
        return symbols[:-1], None
    row, check = symbols[:-1], symbols[-1]
    return row, _weighted_sum(row) ^ _VALUES[check]


def check_character(row: str, number: int) -> str:
    """Return the check character of 24 symbols that stand in line ``number``.

    It is the sum over GF(32) of symbol i times a^i (i from 1, a = 2, modulus x^5 + x^2 + 1), plus the line's
    number. The weights differ from each other and from the check character's own, which is 1: any single
    wrong character and any two that changed places are noticed, among all 25.
    """
    return ALPHABET[_weighted_sum(row) ^ number]


def _weighted_sum(row: str) -> int:
    total, weight = 0, 2
    for symbol in row:
        total ^= _multiply(_VALUES[symbol], weight)
        weight = _multiply(weight, 2)
    return total


def _multiply(left: int, right: int) -> int:
    """Multiply in GF(32) with the modulus x^5 + x^2 + 1."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left <<= 1
        if left & 32:
            left ^= 0b100101
        right >>= 1
    return product


def _value(symbol: str, position: int) -> int:
    value = _VALUES.get(symbol)
    if value is None:
        raise MalformedText(f"expected one of {ALPHABET} at character {position}, got another")
    return value
