# SPDX-License-Identifier: Apache-2.0
"""How the watch looks at an account that is kept closed: without anybody's answer, and without changing anything."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass_shamir.connectors.port.answers import Armed
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.operations.arming.authorities import ByProgram


def question(policy: Policy) -> Callable[[], Armed] | None:
    """Return what asks until when the target lets the account in; None where it is not kept closed, or nobody tells.

    The program tells it; else whoever the target's options let read there, which not every target has.
    """
    if policy.arming is None:
        return None
    if policy.arming.authority == "program":
        return ByProgram(Path(policy.arming.program), policy).standing
    target = policy.target
    if "admin" not in target.options:
        return None
    return connector_for(target.uri, target.account, target.options).armed_until


def by_others(s: SetState, told: Armed, now: datetime, skew_s: int) -> bool:
    """Tell whether an account is open and nothing on record here accounts for it.

    Args:
        s: the set, caught up after the target was asked.
        told: what the target said.
        now: by this terminal's clock.
        skew_s: how far the clocks may differ.
    """
    if told.is_closed(now):
        return False
    if s.armed is None:
        # Before the first closing nobody keeps it closed; just after one, the answer may be older than the record.
        closed = s.closed_at
        return closed is not None and (now - datetime.fromisoformat(closed.time)).total_seconds() > skew_s
    until = datetime.fromisoformat(s.armed.until).astimezone(UTC)
    return told.until is None or told.until > until + timedelta(seconds=skew_s)
