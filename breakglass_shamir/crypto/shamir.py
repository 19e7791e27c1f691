# SPDX-License-Identifier: Apache-2.0
"""Shamir's secret sharing of 32 bytes over GF(2^128), and the only importer of pycryptodome's.

The library's call is unsafe by itself: it accepts k = 1, k > n, x = 0, too few or too many points and mixed
sets, and answers with garbage or with the attacker's value. So, in this order:

1. ``split`` refuses k < 2, k > n and n > 255, and proves the polynomial before it returns: by arithmetic of our own
   (``dual_code``), in one test over all shares.
2. ``combine`` refuses x outside 1..255, a repeated x, values of another length, and any number of points
   other than exactly k.
3. Each 16-byte half is shared by itself in the ``ssss`` field and convention, so that Debian's
   ``ssss-combine -D -x`` recombines each half.

Whether k points belong together is not known here; the caller confirms the result by the epoch id.
"""

import secrets
from collections.abc import Sequence

from Crypto.Protocol.SecretSharing import Shamir

from breakglass_shamir.crypto import dual_code
from breakglass_shamir.errors import DuplicateShare, InsufficientShares, InvalidStructure, MalformedText
from breakglass_shamir.hygiene import Secret

HALF_BYTES = 16
"""Size of one field element of GF(2^128)."""

SECRET_BYTES = 2 * HALF_BYTES
"""Size of what is shared: two field elements."""

MAX_MEMBERS = 255
"""x is one byte and never 0."""


def split(secret: Secret, threshold: int, members: int) -> list[Secret]:
    """Split 32 bytes into ``members`` values of 32 bytes; value i belongs to x = i + 1.

    Raises:
        InvalidStructure: threshold below 2 or above members, or members above 255.
    """
    check_structure(threshold, members)
    if len(secret) != SECRET_BYTES:
        raise InvalidStructure(f"expected a secret of {SECRET_BYTES} bytes, got {len(secret)}")
    whole = secret.reveal()
    halves = [Shamir.split(threshold, members, half, ssss=True) for half in (whole[:HALF_BYTES], whole[HALF_BYTES:])]
    values = [Secret(low + high) for (_, low), (_, high) in zip(*halves, strict=True)]
    _prove(secret, threshold, values)
    return values


def combine(points: Sequence[tuple[int, Secret]], threshold: int) -> Secret:
    """Recombine exactly ``threshold`` points (x, 32-byte value) into the 32-byte secret.

    Raises:
        InvalidStructure: threshold below 2.
        InsufficientShares: fewer or more points than the threshold.
        DuplicateShare: one x twice.
        MalformedText: x outside 1..255, or a value that is not 32 bytes.
    """
    _check_points(points, threshold)
    halves = [
        Shamir.combine([(x, value.reveal()[start : start + HALF_BYTES]) for x, value in points], ssss=True)
        for start in (0, HALF_BYTES)
    ]
    return Secret(halves[0] + halves[1])


def check_structure(threshold: int, members: int) -> None:
    """Refuse a threshold scheme that must not exist.

    Raises:
        InvalidStructure: with the number that is wrong.
    """
    if threshold < 2:
        raise InvalidStructure(f"expected a threshold of 2 or more, got {threshold}")
    if threshold > members:
        raise InvalidStructure(f"expected a threshold of at most {members} (the members), got {threshold}")
    if members > MAX_MEMBERS:
        raise InvalidStructure(f"expected at most {MAX_MEMBERS} members, got {members}")


def _check_points(points: Sequence[tuple[int, Secret]], threshold: int) -> None:
    check_structure(threshold, MAX_MEMBERS)
    for x, value in points:
        if not 1 <= x <= MAX_MEMBERS:
            raise MalformedText(f"expected a share number from 1 to {MAX_MEMBERS}, got {x}")
        if len(value) != SECRET_BYTES:
            raise MalformedText(f"expected a share value of {SECRET_BYTES} bytes, got {len(value)}")
    if len({x for x, _ in points}) != len(points):
        raise DuplicateShare("the same share number occurs twice")
    if len(points) != threshold:
        raise InsufficientShares(f"expected exactly {threshold} shares, got {len(points)}")


def _prove(secret: Secret, threshold: int, values: Sequence[Secret]) -> None:
    """See that any quorum of the values gives the secret: a fault in any one of them shows, and a degree too high."""
    beyond = [secrets.randbits(dual_code.FIELD_BITS) for _ in range(len(values) + 1 - threshold)]
    for start in (0, HALF_BYTES):
        points = [int.from_bytes(value.reveal()[start : start + HALF_BYTES]) for value in (secret, *values)]
        # The ssss convention adds x^k, which is above the degree that is proven.
        lowered = [point ^ dual_code.power(x, threshold) for x, point in enumerate(points)]
        if not dual_code.lie_on_one(lowered, threshold, beyond):
            raise InvalidStructure("the shares just made do not recombine; do not print them")
