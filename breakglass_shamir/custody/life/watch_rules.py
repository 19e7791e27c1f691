# SPDX-License-Identifier: Apache-2.0
"""Which records of the watch may follow, and what they change; part of ``lifecycle.py``'s table.

Rules:

1. A login that nothing accounts for, and a password that changed outside, leave a debt: people look at it.
2. What was told once is not told again: the state remembers the newest logins and the newest change.
3. A watch promises its next sign; one that is later than promised is silent, and ``status`` says so.
4. What probes found outside a declaration is kept until it is found anew; a way round that is not well is overdue.
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from breakglass_shamir.custody.life import gates, opening_rules
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Debt, ProbedState, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.monitoring import ChangedOutside, LoginSeen, Probed, Watched
from breakglass_shamir.custody.records.openings import VERDICTS
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import InvalidRecord

LOGIN, CHANGE = "login", "password-change"
"""Kinds of the debts."""

DEADLINE_S = 86_400
"""How long people have to look at one."""

REMEMBERED = 500
"""Logins that the state remembers, so that it does not grow with the log."""

SILENCE_FACTOR = 2
"""A watch is silent when this many times the promised interval is over."""


def login_seen(s: SetState, body: LoginSeen, record: Record, _d: bytes) -> SetState:
    """Take a login that the target remembers."""
    _check_instant(body.at)
    key = login_key(body.at, body.account, body.source, body.mark, accepted=body.accepted)
    seen = (*s.watch.seen, key)[-REMEMBERED:]
    s = replace(s, watch=replace(s.watch, seen=seen))
    if not body.accepted or body.matched:
        return s
    return _owed(s, record, LOGIN, f"review the login of {body.account} at {body.at}: no opening accounts for it")


def changed_outside(s: SetState, body: ChangedOutside, record: Record, _d: bytes) -> SetState:
    """Take a change of the password that no rotation accounts for."""
    _check_instant(body.at)
    s = replace(s, watch=replace(s.watch, changed=body.at))
    return _owed(s, record, CHANGE, f"review the password: it changed at {body.at} without a rotation")


def watched(s: SetState, body: Watched, record: Record, _d: bytes) -> SetState:
    """Take a sign of the watch."""
    if body.every_s < 0:
        raise InvalidRecord(f"expected an interval of 0 or more seconds, got {body.every_s}")
    _check_instant(body.until)
    watch = replace(s.watch, until=body.until, at=Moment.of(record), every_s=body.every_s, problem=body.problem)
    return replace(s, watch=watch)


def probed(s: SetState, body: Probed, record: Record, _d: bytes) -> SetState:
    """Take what the probes of the policy found."""
    opening_rules.check_answers(body.answers, VERDICTS, good="well")
    if not body.answers:
        raise InvalidRecord("expected what at least one probe found")
    at, before = Moment.of(record), s.probed
    since = {
        name: before.since[name] if before and verdict(before.answers.get(name, "")) == verdict(answer) else at
        for name, answer in body.answers.items()
    }
    return replace(s, probed=ProbedState(at, body.answers, since))


def verdict(answer: str) -> str:
    """Return what a probe found, without its words. Never raises."""
    return answer.partition(":")[0]


def broken_ways(s: SetState) -> Iterator[tuple[str, str, Moment]]:
    """Yield which ways round are not well by the last look: the probe, its answer, and since when."""
    policy = policies.parse(s.policy_source) if s.policy_source else None
    if s.probed is None or policy is None or policy.outage is None:
        return
    for probe in policy.outage.probes:
        answer = s.probed.answers.get(probe.name)
        if probe.standby and answer is not None and not gates.is_well(probe, answer):
            yield probe.name, answer, s.probed.since[probe.name]


def login_key(at: str, account: str, source: str, mark: str = "", *, accepted: bool) -> str:
    """Return what tells one login from another: two of one second and one place differ by their marks."""
    return "|".join((at, account, source, "accepted" if accepted else "refused", *filter(None, [mark])))


def silent_s(s: SetState, now: Moment) -> int:
    """Return for how many seconds a watch has been silent beyond its promise; 0: it is not."""
    if s.watch.at is None or not s.watch.every_s:
        return 0
    age_s = s.watch.at.seconds_until(now)
    return age_s if age_s > SILENCE_FACTOR * s.watch.every_s else 0


def _owed(s: SetState, record: Record, kind: str, what: str) -> SetState:
    debt = Debt(f"{kind}-{record.seq}", kind, record.opening, Moment.of(record), DEADLINE_S, what)
    return replace(s, debts=(*s.debts, debt))


def _check_instant(written: str) -> None:
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidRecord(f"expected an instant with a time zone, got {written[:40]!r}")
