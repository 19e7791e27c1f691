# SPDX-License-Identifier: Apache-2.0
"""Accounts that are kept closed at their targets: armed for a while, closed again, found open.

Fields and their meaning: docs/spec/7-records.md.
"""

from breakglass_shamir.custody.records.body import Body

BY_TARGET, BY_TERMINAL = "target", "terminal"
"""Whose clock an instant was reckoned by."""


class Arming(Body, frozen=True, tag="arming"):
    """The target is about to be told to take the account's credential until an instant, and to end that by itself."""

    until: str
    """UTC, RFC 3339 with seconds, by the target's clock."""

    authority: str
    """Who arms it besides the set's quorum, in words."""

    why: str
    """What for: a use, a check, a rotation."""

    clock: str
    """``target``, where that tells its clock, else ``terminal``."""

    ahead_s: int
    """How far the target's clock was before this terminal's; negative: behind; 0 where it does not tell."""


class Disarmed(Body, frozen=True, tag="disarmed"):
    """The target was told to take no credential of the account any more, and says that it takes none."""

    authority: str
    detail: str


class ArmedOutside(Body, frozen=True, tag="armed-outside"):
    """The target lets the account in, and no arming of this log accounts for it."""

    until: str
    """Until when, by the target, UTC, RFC 3339 with seconds; empty: without an end."""

    detail: str
