# SPDX-License-Identifier: Apache-2.0
"""Sheets that were read earlier in this run of the program: its next try has them, and nobody shows one twice.

Rules:

1. In memory only, and gone with the process. What was read is judged anew by each pool: what counts may have changed.
2. Where sheets are in from before, people are told which.
"""

from dataclasses import dataclass, field

from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.operations.desk import Desk


@dataclass(slots=True)
class Held:
    """What the tries of one command read; one after the other they add to it (docs/library.md)."""

    _pool: Pool | None = field(default=None, init=False, repr=False)

    def __bool__(self) -> bool:
        """Tell whether a sheet was read before."""
        return self._pool is not None and bool(self._pool.taken)

    def forget(self) -> None:
        """Keep nothing any more. Never raises."""
        self._pool = None


def hand_on(held: Held, pool: Pool, desk: Desk) -> None:
    """Give a pool what was read before, and keep what it is given from now on."""
    before, held._pool = held._pool, pool
    if before is None or before is pool or not before.taken:
        return
    pool.take_over(before)
    for tally in pool.tallies():
        seats = [seat for group in tally.groups for seat in group.present]
        if seats:
            noun = pool.noun if len(seats) == 1 else f"{pool.noun}s"
            desk.say(f"in memory from before: {noun} {', '.join(seats)} of {tally.set_name}, epoch {tally.epoch}")
