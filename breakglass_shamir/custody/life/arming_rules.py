# SPDX-License-Identifier: Apache-2.0
"""Which records of an account that is kept closed may follow, and what they change; part of ``lifecycle.py``'s table.

Rules:

1. An arming is on record before the target is told: from then on the account may be open, until the instant it names.
   A later one takes its place.
2. Closing ends it. So does its instant, without any record: nothing of this program has to live for that.
3. An account that the target lets in and that nothing here armed leaves a debt: people look at it. It is told once,
   and anew after the account was armed or closed from here.
"""

from datetime import UTC, datetime

from msgspec.structs import replace

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import ArmedState, Debt, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.arming import BY_TARGET, BY_TERMINAL, ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.record import Record, is_time
from breakglass_shamir.errors import IllegalState, InvalidRecord

OUTSIDE = "armed-outside"
"""Kind of the debt that an account leaves which somebody else armed."""

DEADLINE_S = 86_400
"""How long people have to look at one."""


def arming(s: SetState, body: Arming, record: Record, _d: bytes) -> SetState:
    """Take an arming that is about to be."""
    _kept_closed(s)
    if not is_time(body.until) or body.clock not in (BY_TARGET, BY_TERMINAL):
        raise InvalidRecord("expected an instant in UTC with seconds, by the target's or the terminal's clock")
    standing = ArmedState(body.until, Moment.of(record), body.authority, body.ahead_s)
    return replace(s, armed=standing, watch=replace(s.watch, armed=""))


def disarmed(s: SetState, _b: Disarmed, record: Record, _d: bytes) -> SetState:
    """Take the end of an arming, or the first closing of an account."""
    _kept_closed(s)
    return replace(s, armed=None, closed_at=Moment.of(record), watch=replace(s.watch, armed=""))


def armed_outside(s: SetState, body: ArmedOutside, record: Record, _d: bytes) -> SetState:
    """Take an account that the target lets in, and that nothing here armed."""
    _kept_closed(s)
    if body.until and not is_time(body.until):
        raise InvalidRecord(f"expected an instant in UTC with seconds, got {body.until[:40]!r}")
    what = f"review the account: the target lets it in {until_words(body.until)}, and no arming here accounts for it"
    debt = Debt(f"{OUTSIDE}-{record.seq}", OUTSIDE, record.opening, Moment.of(record), DEADLINE_S, what)
    watch = replace(s.watch, armed=body.until or NO_END)
    return replace(s, watch=watch, debts=(*s.debts, debt))


NO_END = "without end"
"""How the state remembers an account that nothing ends."""


def until_words(until: str) -> str:
    """Say until when a target lets an account in."""
    return f"until {until}" if until else NO_END


def is_kept_closed(s: SetState) -> bool:
    """Tell whether the policy in force keeps the account closed."""
    return bool(s.policy_source) and policies.parse(s.policy_source).arming is not None


def left_s(s: SetState, time: str) -> int:
    """Return for how many more seconds the account is armed, by the target's clock; 0: it is not.

    Args:
        s: the set.
        time: by this terminal's clock, UTC, as records have it.
    """
    if s.armed is None:
        return 0
    until, now = (datetime.fromisoformat(one).astimezone(UTC) for one in (s.armed.until, time))
    return max(0, int((until - now).total_seconds()) - s.armed.ahead_s)


def in_words(s: SetState, time: str) -> str:
    """Say whether an account is closed or until when it is armed; empty where the policy keeps none closed."""
    if not is_kept_closed(s):
        return ""
    if s.armed is not None and left_s(s, time):
        return f"armed until {s.armed.until}, by {s.armed.authority}"
    if s.armed is not None:
        return f"closed: it was armed until {s.armed.until}, and not closed before"
    if s.closed_at is None:
        return "never closed or armed by this terminal"
    return f"closed since {s.closed_at.time}"


def _kept_closed(s: SetState) -> None:
    if not is_kept_closed(s):
        raise IllegalState(f"the policy of {s.name} keeps no account closed")
