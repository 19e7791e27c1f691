# SPDX-License-Identifier: Apache-2.0
"""The signature counter of a passkey that is used from paper.

A relying party keeps the counter of the last assertion and may take a lower or equal one for a clone (WebAuthn, section
6.1.1). The paper has the counter of its printing, and nothing is written onto it when it is used.

Rules:

1. A passkey with a counter goes on from the clock: seconds since 1970, which are above every counter that counts
   assertions, fit into 4 bytes until 2106, and rise between two uses without anything having to be kept.
2. Where a visit made more assertions than it had seconds, its end waits until the clock is past them.
3. It never goes below one above the paper's: a clock that was set back before the printing makes no clone.
4. A passkey without one (0 on the paper), as password managers make them, stays without one: 0 in every assertion.

Chromium adds 1 before each assertion, to 4 bytes: from -1 it says 0.
"""

import time
from collections.abc import Iterable

from breakglass_shamir.formats.passkey import MOST_COUNTER

NONE = -1
"""What the browser is given so that it says 0."""

LONGEST_WAIT_S = 5.0
"""A counter that is farther ahead of the clock was so on the paper."""


def given(counter: int, now_s: float) -> int:
    """Return the counter that the browser is given before an assertion; it says one more.

    Args:
        counter: as it stood last, on the paper or in the last assertion; 0: there is none.
        now_s: seconds since 1970.
    """
    if not counter:
        return NONE
    return min(max(counter, int(now_s)), MOST_COUNTER - 1)


def pass_by(counters: Iterable[int]) -> None:
    """Wait until the clock has reached each counter that is a little ahead of it, so that the next one is above."""
    for counter in counters:
        ahead_s = counter - time.time()
        if 0 < ahead_s <= LONGEST_WAIT_S:
            time.sleep(ahead_s)
