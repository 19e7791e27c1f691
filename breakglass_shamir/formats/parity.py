# SPDX-License-Identifier: Apache-2.0
"""Reed-Solomon over GF(256): 17 parity bytes after the data (spec: docs/spec/2-text.md).

Field polynomial 0x11D, generator element 2, first consecutive root 2^0; data first, then parity. It repairs
any mix of errors and erasures with 2 x errors + erasures <= 17.

This module does not decide whether a repaired text is right; a commitment or a key does.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import reedsolo

from breakglass_shamir.errors import MalformedText
from breakglass_shamir.formats.text import PARITY_BYTES


@dataclass(frozen=True, slots=True)
class Repaired:
    """A codeword after repair."""

    codeword: bytes = field(repr=False)
    """Data and parity, consistent."""

    changed: tuple[int, ...]
    """Positions of the bytes that are others than those given, from 0; an unreadable one may be right."""

    spare_parity: int
    """Parity bytes that the repair did not need: 17, or as many as there are, - 2 x errors - erasures."""


def protect(data: bytes) -> bytes:
    """Return the data followed by its 17 parity bytes."""
    return bytes(_codec(PARITY_BYTES).encode(data))


def repair(codeword: bytes, erased: Sequence[int] = (), *, parity_bytes: int = PARITY_BYTES) -> Repaired:
    """Repair a codeword.

    Args:
        codeword: data and parity as read; at most 255 bytes.
        erased: positions that are known to be unreadable, from 0.
        parity_bytes: how many of them are parity; a block of a QR code has its own number.

    Raises:
        MalformedText: more damage than the parity can repair.
    """
    if len(set(erased)) > parity_bytes:
        raise MalformedText(f"too much is unreadable: {len(set(erased))} bytes, at most {parity_bytes} can be repaired")
    try:
        _, whole, _ = _codec(parity_bytes).decode(codeword, erase_pos=sorted(set(erased)))
    except (reedsolo.ReedSolomonError, ZeroDivisionError):
        raise MalformedText("too many wrong characters to repair") from None
    fixed = bytes(whole)
    changed = {i for i, (old, new) in enumerate(zip(codeword, fixed, strict=True)) if old != new}
    errors = len(changed - set(erased))
    spare = parity_bytes - 2 * errors - len(set(erased))
    if spare < 0 or bytes(_codec(parity_bytes).encode(fixed[:-parity_bytes])) != fixed:
        raise MalformedText("too many wrong characters to repair")
    return Repaired(fixed, tuple(sorted(changed)), spare)


@functools.cache
def _codec(parity_bytes: int) -> reedsolo.RSCodec:
    return reedsolo.RSCodec(parity_bytes, nsize=255, fcr=0, prim=0x11D, generator=2, c_exp=8)
