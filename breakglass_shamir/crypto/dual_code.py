# SPDX-License-Identifier: Apache-2.0
"""Whether points lie on one polynomial of a low degree over GF(2^128), told for all of them at once.

Shares of a secret, with the secret itself at x = 0, are a codeword of a Reed-Solomon code. Each word of its dual code
is orthogonal to it; what is no codeword is orthogonal to a random one of them with a chance of 2^-128 (SCRAPE, Cascudo
and David 2017, lemma 1). So one random word of the dual code proves that any k of the points give the others.

The field is that of ``ssss`` and pycryptodome: x^128 + x^7 + x^2 + x + 1, the lowest bit is the constant. Abscissas are
small, below 256, so most products are by eight bits; sums of products are reduced once, at the end.

It is not constant in time (docs/adr/0101): it runs where all points are at hand.
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import Final

FIELD_BITS: Final = 128

_POLYNOMIAL: Final = 1 << 128 | 0x87
_LOW: Final = (1 << FIELD_BITS) - 1
_WINDOW: Final = 4
"""Bits of a factor that are taken at once."""

_SIXTEEN: Final = range(1 << _WINDOW)


def lie_on_one(values: Sequence[int], threshold: int, coefficients: Sequence[int]) -> bool:
    """Tell whether values at 0, 1, 2 and so on are those of one polynomial of degree below the threshold.

    Args:
        values: field elements, one more than there are shares; the first is the secret.
        threshold: how many of them determine the others; less than there are.
        coefficients: random field elements that nobody could foresee, as many as there are values beyond the threshold.
    """
    weights = dual_weights(len(values))
    total = 0
    for x, (value, weight) in enumerate(zip(values, weights, strict=True)):
        total ^= product(value, reduced(product(weight, evaluated(coefficients, x))))
    return len(coefficients) == len(values) - threshold and reduced(total) == 0


def evaluated(coefficients: Sequence[int], x: int) -> int:
    """Return a polynomial's value at a small place, the highest coefficient first."""
    value = 0
    for coefficient in coefficients:
        value = reduced(_by_small(value, x)) ^ coefficient
    return value


def power(x: int, exponent: int) -> int:
    """Return a power of a field element."""
    result = 1
    for bit in f"{exponent:b}":
        result = reduced(product(result, result))
        result = reduced(product(result, x)) if bit == "1" else result
    return result


@lru_cache(maxsize=4)
def dual_weights(count: int) -> tuple[int, ...]:
    """Return the dual code's weights for the places 0 to ``count`` - 1: of each, one over its differences' product."""
    return tuple(
        inverse(reduced(reduce(_by_small, (x ^ other for other in range(count) if other != x), 1)))
        for x in range(count)
    )


def product(one: int, other: int) -> int:
    """Return the product of two polynomials over GF(2), not reduced."""
    multiples = [_by_small(one, nibble) for nibble in _SIXTEEN]
    result = 0
    for shift in range(other.bit_length() - other.bit_length() % _WINDOW, -1, -_WINDOW):
        result = result << _WINDOW ^ multiples[other >> shift & (len(multiples) - 1)]
    return result


def reduced(value: int) -> int:
    """Return the field element that a polynomial over GF(2) stands for."""
    while (high := value >> FIELD_BITS) != 0:
        value = value & _LOW ^ high ^ high << 1 ^ high << 2 ^ high << 7
    return value


def inverse(value: int) -> int:
    """Return one over a field element, by Euclid's algorithm.

    Raises:
        ZeroDivisionError: it is zero.
    """
    if value == 0:
        raise ZeroDivisionError
    rest, divisor, one, other = _POLYNOMIAL, value, 0, 1
    while divisor != 1:
        shift = rest.bit_length() - divisor.bit_length()
        if shift < 0:
            rest, divisor, one, other = divisor, rest, other, one
            shift = -shift
        rest ^= divisor << shift
        one ^= other << shift
        if rest == 1:
            return reduced(one)
    return reduced(other)


def _by_small(value: int, small: int) -> int:
    """Return the product with a polynomial of few terms, not reduced."""
    result = 0
    while small:
        lowest = small & -small
        result ^= value * lowest
        small ^= lowest
    return result
