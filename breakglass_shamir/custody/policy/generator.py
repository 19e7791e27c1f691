# SPDX-License-Identifier: Apache-2.0
"""New passwords: how they are drawn, and how many there are.

Rules:

1. A password is uniform over all texts of its length that keep to the rules: whole texts are drawn, and those
   that do not keep to them are thrown away. Putting a digit into a fixed place would be guessable.
2. The stated entropy is exact: the logarithm of the number of texts that keep to the rules, counted by inclusion
   and exclusion over the sets of which one character must be there.
3. Rules that leave less than 80 bits, or that nearly no text keeps to, are refused.
"""

import math
from functools import lru_cache
from itertools import combinations

import msgspec

from breakglass_shamir.crypto.keys import random_bytes
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.hygiene import Secret

UNAMBIGUOUS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
"""Default alphabet of generated credentials: letters and digits that are not mistaken for each other."""

MIN_ENTROPY_BITS = 80
"""A generated credential must not be weaker than this."""

MOST_SETS = 8
"""Sets of characters that must be there, at most: counting goes over all their combinations."""

MOST_DRAWS_PER_PASSWORD = 1024
"""Rules that fewer texts than one in this many keep to are refused."""

_MOST_KEPT = 256
"""Generators of which the entropy is kept."""

_KINDS = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789")


class Generator(msgspec.Struct, frozen=True):
    """What a generated password looks like.

    Attributes:
        length: characters.
        alphabet: what they are drawn from: different printable ASCII characters.
        must_contain: sets of characters, of each of which one or more is there; ``A-Z`` is a range, a hyphen that
            does not stand between two letters or two digits is itself.
        must_avoid: characters that are never there.
    """

    length: int
    alphabet: str = UNAMBIGUOUS
    must_contain: tuple[str, ...] = ()
    must_avoid: str = ""

    def bits(self) -> float:
        """Return the entropy of a password, in bits.

        Raises:
            InvalidInput: the rules contradict each other, or nearly no text keeps to them.
        """
        return _bits(self)

    def draw(self) -> Secret:
        """Draw a password.

        Raises:
            InvalidInput: fewer than 80 bits of entropy, or rules that contradict each other.
        """
        bits = self.bits()
        if bits < MIN_ENTROPY_BITS:
            raise InvalidInput(f"expected a generator with {MIN_ENTROPY_BITS} bits or more, got {bits:.0f}")
        allowed, sets = self._allowed(), self._sets()
        while True:
            text = _draw(allowed, self.length)
            if all(one.intersection(text) for one in sets):
                return Secret(text.encode("ascii"))

    def _allowed(self) -> str:
        check_alphabet(self.alphabet)
        allowed = "".join(character for character in self.alphabet if character not in self.must_avoid)
        if len(allowed) < 2:
            raise InvalidInput("expected two or more characters of the alphabet that need not be avoided")
        return allowed

    def _sets(self) -> list[frozenset[str]]:
        allowed = frozenset(self._allowed())
        different = dict.fromkeys(frozenset(expand(text)) & allowed for text in self.must_contain)
        if frozenset() in different:
            raise InvalidInput("must_contain: the alphabet has no character of one of the sets")
        if len(different) > MOST_SETS:
            raise InvalidInput(f"must_contain: expected at most {MOST_SETS} sets, got {len(different)}")
        return list(different)


def expand(text: str) -> str:
    """Write out the ranges of a set of characters.

    Raises:
        InvalidInput: a range that runs backwards, or from one kind of character to another.
    """
    characters, position = "", 0
    while position < len(text):
        first, last = text[position], text[position + 2 : position + 3]
        if text[position + 1 : position + 2] == "-" and last and (first + last).isalnum():
            if first > last or not any(first in kind and last in kind for kind in _KINDS):
                raise InvalidInput(f"must_contain: expected a range like A-Z, a-z or 0-9, got {first}-{last}")
            characters += "".join(map(chr, range(ord(first), ord(last) + 1)))
            position += 3
        else:
            characters += first
            position += 1
    return characters


def check_alphabet(alphabet: str) -> None:
    """Refuse an alphabet that would lie about the entropy.

    Raises:
        InvalidInput: fewer than 2, repeated, or non-printable-ASCII characters.
    """
    printable = alphabet.isascii() and alphabet.isprintable()
    if len(set(alphabet)) != len(alphabet) or len(alphabet) < 2 or not printable:
        raise InvalidInput("expected an alphabet of two or more different printable ASCII characters")


def generate(length: int, alphabet: str = UNAMBIGUOUS) -> Secret:
    """Draw a password of ``length`` characters, each uniform over the alphabet.

    Raises:
        InvalidInput: fewer than 80 bits of entropy, or an alphabet with repeated or non-ASCII characters.
    """
    return Generator(length, alphabet).draw()


def entropy_bits(length: int, alphabet: str) -> float:
    """Return the entropy of a generated password without further rules.

    Raises:
        InvalidInput: an alphabet with fewer than 2, repeated, or non-printable-ASCII characters.
    """
    check_alphabet(alphabet)
    return length * math.log2(len(alphabet))


def _draw(alphabet: str, length: int) -> str:
    """Draw a text, each character uniform: bytes that would favour some characters are thrown away."""
    limit = 256 - 256 % len(alphabet)
    characters: list[str] = []
    while len(characters) < length:
        characters += [alphabet[byte % len(alphabet)] for byte in random_bytes(length) if byte < limit]
    return "".join(characters[:length])


@lru_cache(maxsize=_MOST_KEPT)
def _bits(generator: Generator) -> float:
    """Count the texts that keep to the rules; most policies of a terminal have the same ones."""
    allowed, sets = generator._allowed(), generator._sets()
    count = 0
    for size in range(len(sets) + 1):
        for missing in combinations(sets, size):
            left = len(set(allowed).difference(*missing))
            count += (-1) ** size * left**generator.length
    if count * MOST_DRAWS_PER_PASSWORD < len(allowed) ** generator.length:
        raise InvalidInput("nearly no text of this length holds a character of each set that must be there")
    return math.log2(count)
