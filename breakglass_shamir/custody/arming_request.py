# SPDX-License-Identifier: Apache-2.0
"""What an approver signs: one terminal may arm one account, no longer than until an instant.

Rules:

1. It is a text of a few lines, so that whoever signs it on another machine can read what it is.
2. It is made again from what this terminal knows and compared byte for byte; only the instant is taken from it.
3. It names the log of the terminal, so that it counts on no other one. It may be used more than once until its
   instant: an arming that ended in the middle of a rotation is renewed under it.
"""

import re
from datetime import datetime

from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import InvalidInput

MAX_BYTES = 4096
"""Longest request that is read."""

_UNTIL = re.compile(r"\nnot after: ([0-9T:Z-]{20})\n\Z")


def written(policy: Policy, log: str, not_after: datetime) -> bytes:
    """Return the request.

    Args:
        policy: of the set.
        log: id of the log of the terminal that will arm, hexadecimal.
        not_after: with a time zone, UTC, whole seconds.
    """
    return (
        "breakglass arming request 1\n"
        f"set: {policy.name}\n"
        f"target: {policy.target.uri}\n"
        f"account: {policy.target.account}\n"
        f"terminal: {log}\n"
        f"not after: {not_after:%Y-%m-%dT%H:%M:%SZ}\n"
    ).encode()


def not_after(data: bytes, policy: Policy, log: str) -> datetime:
    """Return the instant of a request for this set on this terminal.

    Raises:
        InvalidInput: it is none, or is for another set, target, account or terminal.
    """
    found = _UNTIL.search(data[:MAX_BYTES].decode("utf-8", errors="replace"))
    try:
        until = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        until = None
    if until is None or until.tzinfo is None or written(policy, log, until) != data:
        raise InvalidInput(
            f"expected a request to arm {policy.name} on this terminal, with its target and account of now, got another"
        )
    return until
