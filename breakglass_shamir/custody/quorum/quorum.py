# SPDX-License-Identifier: Apache-2.0
"""A quorum: only shares that match their commitments, or that combine to the key the epoch id names.

:meth:`breakglass_shamir.custody.quorum.pool.Pool.quorum` is the only way to one.
"""

from dataclasses import dataclass, field

from breakglass_shamir.formats import seal
from breakglass_shamir.formats.core import Core
from breakglass_shamir.formats.envelope import Envelope
from breakglass_shamir.formats.share import Share


@dataclass(frozen=True, slots=True)
class Quorum:
    """Verified shares that satisfy the structure, and what they open."""

    core: Core
    shares: tuple[Share, ...] = field(repr=False)
    known: bool
    set_name: str
    """Empty where only the core of an unknown set was there: no name stands in it."""

    set_public_key: bytes
    envelope: Envelope | None
    """None where only the core was there: nothing but the epoch id vouches for it."""

    @property
    def epoch_id(self) -> str:
        """The epoch id, hexadecimal."""
        return self.core.epoch_id.hex()

    @property
    def sheets(self) -> tuple[str, ...]:
        """The seats whose sheets were scanned, ``group.member``."""
        return tuple(sorted(f"{s.group}.{s.member}" for s in self.shares))

    def unseal(self) -> seal.Unsealed:
        """Combine, confirm and decrypt; see :func:`breakglass_shamir.formats.seal.unseal`."""
        return seal.unseal(self.core, self.shares, self.set_public_key)
