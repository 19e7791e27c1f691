# SPDX-License-Identifier: Apache-2.0
"""Gates: the checks an emergency may override by name, everything but quorum and record.

Rules:

1. Each gate is a pure function of policy, state and request; it returns the problem in words, or nothing.
2. In an emergency a problem stops with the gate's name, and ``--override GATE`` passes it, recorded, alerted
   and owed as debt. In a drill or a planned rotation it is final.
3. Wall-clock time only warns; expiry counts elapsed time. Hours of the day are the wall clock's own, and only a policy
   that has them asks for them.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from breakglass_shamir.custody.life import officers
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.rules import owes_rotation
from breakglass_shamir.custody.life.state import Opening, Phase, SetState
from breakglass_shamir.custody.policy import pattern, when
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.filler import is_filler
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.policy.when import Probe, UseRule
from breakglass_shamir.nearest import nearest
from breakglass_shamir.plural import counted

SUPERSEDED = "superseded"
"""The gate that an epoch closes which another one has followed; see ``standing.py``."""

RECORDING = "recording"
"""The gate that stops a drill whose use cannot be recorded; an emergency goes on at once, and owes it."""

TICKET_OPEN = "ticket-open"
"""The gate of a ticket that its system does not call open; a later answer may settle what passing it leaves."""

ARMING = "arming"
"""The gate of an account that its target lets in for a while only; passed, the target's own lock stays."""

GATES = {
    "class": "the incident class is not in the policy's list",
    "ticket": "the ticket does not match the policy's pattern",
    "reason": "the reason says nothing",
    "officers": "fewer officers than the policy asks for, or one named twice",
    "duration": "a longer use than the policy allows",
    "hours": "a rule of the policy has other days or hours",
    "declarer": "a rule of the policy names others who may declare this class",
    "often": "the set was opened as often as a rule of the policy allows",
    TICKET_OPEN: "the system of tickets does not say that the ticket is open",
    "outage": "every probe of the policy is well",
    "debt": "a rotation is owed and was not named",
    "under-way": "another opening of this set is under way",
    "mode": "the policy does not allow this way of revealing",
    "signatures": "fewer officers have signed the declaration than the policy asks for",
    "declaration": "the declaration is stale",
    "clock": "this machine's clock is behind the last record",
    "witness": "a sheet or a receipt remembers another history of this ledger",
    "epoch": "the sheets are of an epoch this ledger does not know",
    "void": "the sheets, or their epoch, were voided",
    SUPERSEDED: "another epoch has followed the one of the sheets",
    "home": "somebody else owns, or may write to, the home, its key or a folder above it",
    RECORDING: "the use could not be recorded",
    ARMING: "the account is kept closed at its target and could not be armed",
    "alert": "no sink took the alert of the declaration in time",
    "retired": "the set is out of service",
}
"""Every gate and what it stands for."""


BUILT_IN_OFFICERS = 2
"""Officers to be named where no policy says otherwise."""


class Request(msgspec.Struct, frozen=True):
    """What the officers ask for (docs/guide-officer.md).

    Attributes:
        purpose: ``emergency``, ``drill`` or ``rotation``.
        incident_class: of the policy's list.
        ticket: of the incident.
        reason: in words.
        officers: who take part.
        mode: ``exec``, ``show`` or ``no-reveal``.
        use_for_s: how long the use may take, in seconds; 0: as long as the policy allows.
        debts: ids of open debts that this opening knows of.
        probes: what each probe found, by its name; whoever asks leaves it out, it is measured.
        ticket_answer: what the system of tickets said; empty: it was not asked. Left out likewise.
    """

    purpose: str
    incident_class: str
    ticket: str
    reason: str
    officers: tuple[str, ...]
    mode: str
    use_for_s: int
    debts: tuple[str, ...] = ()
    probes: dict[str, str] = msgspec.field(default_factory=dict)
    ticket_answer: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A gate that is closed."""

    gate: str
    text: str


def before_declaring(
    policy: Policy | None,
    state: SetState,
    request: Request,
    now: Moment,
    *,
    last: Moment | None = None,
    goes_on: bool = False,
    others: Sequence[str] = (),
) -> list[Problem]:
    """Return what stands against a declaration; without a policy the built-in rules hold.

    Args:
        policy: the set's, or None.
        state: of the set.
        request: what is asked for.
        now: this moment.
        last: when this ledger last recorded anything but a refusal; None: never.
        others: who else could change the home, a sentence each.
        goes_on: the declaration under way says the same and is gone on under; what it owes by itself is its own.
    """
    found = [
        retired(state, request),
        *_by_policy(policy, request),
        *rules_of_use(policy, state, request, now),
        _ticket_open(policy, request),
        _outage(policy, request),
        _reason(request),
        _officers(policy, request),
        _debts(state, request.debts, state.opening.id if goes_on and state.opening else None),
        None if goes_on else _under_way(state, request, now),
        _clock(now, last),
        Problem("home", "; ".join(others)) if others else None,
    ]
    return [problem for problem in found if problem is not None]


def before_scanning(policy: Policy | None, opening: Opening) -> list[Problem]:
    """Return what stands against reading sheets under a declaration; a rotation, which reveals nothing, needs none."""
    needed = policy.declaration.signatures if policy else 0
    if policy is None or not needed or opening.declared.purpose == "rotation":
        return []
    signed = officers.count(policy, opening)
    text = f"expected signatures of {counted(needed, 'officer')} under the declaration, got {signed}"
    return [Problem("signatures", text)] if signed < needed else []


def before_opening(state: SetState, now: Moment) -> list[Problem]:
    """Return what stands against combining under the declaration that is under way."""
    opening = state.active_opening
    age = opening.at.seconds_until(now)
    if age <= opening.declared.valid_for_s:
        return []
    return [Problem("declaration", f"the declaration is {age} s old, it held {opening.declared.valid_for_s} s")]


def rules_of_use(policy: Policy | None, state: SetState, request: Request, now: Moment) -> list[Problem]:
    """Return what the policy's rules of use say against a declaration: its hours, who makes it, how often."""
    if policy is None or request.purpose == "rotation":
        return []
    rules = [one for one in policy.declaration.rules if one.is_for(request.incident_class)]
    needed = policy.declaration.officers
    said = {
        "hours": [_hours(one, now.time) for one in rules],
        "declarer": [_declarer(one, request, needed) for one in rules],
        "often": [_often(one, state, request, now) for one in rules],
    }
    return [Problem(gate, "; ".join(filter(None, found))) for gate, found in said.items() if any(found)]


def hours_known(policy: Policy) -> bool:
    """Tell whether this machine knows the time zone of every rule of use."""
    return all(when.zone_of(rule.zone) is not None for rule in policy.declaration.rules if rule.hours)


def longest_use(policy: Policy, incident_class: str) -> tuple[Duration, str]:
    """Return the longest use of a class, and, in words that follow it, whose limit that is."""
    longest, by = policy.declaration.use_for, ""
    for rule in policy.declaration.rules:
        if rule.use_for and rule.is_for(incident_class) and rule.use_for.seconds < longest.seconds:
            longest, by = rule.use_for, f" by the rule {rule.name}"
    return longest, by


def is_well(probe: Probe, answer: str) -> bool:
    """Tell whether a probe found nothing that counts as failed; what is not known is not well."""
    verdict = answer.partition(":")[0]
    return verdict == "well" or (verdict in ("silent", "wrong") and verdict not in probe.failed_on)


def retired(state: SetState, request: Request) -> Problem | None:
    """Stop what is not an emergency's business with a set that is out of service; a rotation that it owes may come."""
    how = state.retired
    if how is None or (request.purpose == "rotation" and state.rotation_debts):
        return None
    return Problem("retired", f"set {state.name} is retired since {how.at.time}: {how.reason}")


def goes_on(state: SetState, epoch_id: str, purpose: str) -> bool:
    """Tell whether a rotation only pays what an opening of the epoch owes, whatever its sheets remember.

    What they remember does not change any more: where the home was copied or put back from a backup, that gate would
    keep the rotation for ever from being paid.
    """
    return purpose == "rotation" and owes_rotation(state, epoch_id)


def _clock(now: Moment, last: Moment | None) -> Problem | None:
    """A refusal is stamped by the same wrong clock: it is not what the next attempt is held against."""
    if last is None or now.time >= last.time:
        return None
    return Problem("clock", f"this machine's clock says {now.time}, the last record {last.time}")


def _by_policy(policy: Policy | None, request: Request) -> list[Problem | None]:
    if policy is None or request.purpose == "rotation":
        return []
    rules = policy.declaration
    found: list[Problem | None] = []
    if request.incident_class not in rules.classes:
        listed = ", ".join(rules.classes)
        near = nearest(request.incident_class, rules.classes)
        meant = f"; did you mean {near}?" if near else ""
        found.append(Problem("class", f"expected a class of {listed}, got {request.incident_class!r}{meant}"))
    if mismatch := pattern.mismatch(rules.ticket, request.ticket):
        found.append(Problem("ticket", mismatch))
    longest, by = longest_use(policy, request.incident_class)
    if request.use_for_s > longest.seconds:
        found.append(Problem("duration", f"expected a use of at most {longest}{by}, got {request.use_for_s} s"))
    if request.mode not in policy.reveal.modes:
        found.append(Problem("mode", f"expected one of {', '.join(policy.reveal.modes)}, got {request.mode}"))
    return found


def _hours(rule: UseRule, time: str) -> str:
    """Hold the clock on the wall against a rule's hours, in its own time zone."""
    if not rule.hours:
        return ""
    zone = when.zone_of(rule.zone)
    if zone is None:
        return f"the rule {rule.name} has hours in {rule.zone}, a time zone that this machine does not know"
    at = datetime.fromisoformat(time).astimezone(zone)
    if when.is_within(rule.hours, at):
        return ""
    shown = f"{when.DAYS[at.weekday()]} {at:%H:%M}"
    return f"the rule {rule.name} has {', '.join(rule.hours)} ({rule.zone}), it is {shown} there"


def _declarer(rule: UseRule, request: Request, needed: int) -> str:
    if not rule.declarers:
        return ""
    allowed = {name.casefold() for name in rule.declarers}
    there = {name.casefold() for name in request.officers} & allowed
    if len(there) >= needed:
        return ""
    listed, got = ", ".join(rule.declarers), ", ".join(request.officers) or "none"
    return f"by the rule {rule.name} {needed} of {listed} declare {request.incident_class}, got {got}"


def _often(rule: UseRule, state: SetState, request: Request, now: Moment) -> str:
    """Count emergencies that opened the set; a drill opens by a plan, and is held by no number."""
    if rule.most is None or rule.per is None or request.purpose != "emergency":
        return ""
    count = sum(at.seconds_until(now) < rule.per.seconds for at in state.uses)
    if count < rule.most:
        return ""
    return f"the rule {rule.name} allows {counted(rule.most, 'opening')} in {rule.per}, there were {count}"


def _ticket_open(policy: Policy | None, request: Request) -> Problem | None:
    """Hold an emergency's ticket against the word of its system; a drill's or a rotation's is nobody's incident."""
    if policy is None or policy.ticket is None or request.purpose != "emergency":
        return None
    word, _, why = request.ticket_answer.partition(": ")
    if word == "open":
        return None
    said = {
        "closed": "the ticket is not open",
        "kind": "the ticket is of another kind",
        "missing": "there is no such ticket",
    }.get(word, "the system of tickets could not be asked")
    return Problem(TICKET_OPEN, f"{said}: {why}" if why else said)


def _outage(policy: Policy | None, request: Request) -> Problem | None:
    """Stop an emergency in which nothing that was measured is out; people may know more than probes.

    A drill is made while all is well.
    """
    if policy is None or policy.outage is None or request.purpose != "emergency":
        return None
    asked = [one for one in policy.outage.probes if not one.standby and one.is_for(request.incident_class)]
    if not asked or not all(is_well(one, request.probes.get(one.name, "")) for one in asked):
        return None
    return Problem("outage", f"every probe of {request.incident_class} is well: {', '.join(one.name for one in asked)}")


def _reason(request: Request) -> Problem | None:
    if not is_filler(request.reason):
        return None
    return Problem("reason", f"expected a reason that says what happened, got {request.reason!r}")


def _officers(policy: Policy | None, request: Request) -> Problem | None:
    if request.purpose == "rotation":
        return None
    needed = BUILT_IN_OFFICERS if policy is None else policy.declaration.officers
    named = [name for name in request.officers if name.strip()]
    different = {name.casefold() for name in named}
    if len(different) < needed or len(different) != len(named):
        got = ", ".join(request.officers) or "none"
        return Problem("officers", f"expected {counted(needed, 'different officer')}, got {got}")
    return None


def _debts(state: SetState, named: Sequence[str], own: str | None) -> Problem | None:
    """Ask for rotations alone: whoever opens again must know that an old credential lives; reviews can wait."""
    unnamed = [debt.id for debt in state.rotation_debts if debt.id not in named and debt.opening != own]
    if unnamed:
        return Problem("debt", f"this set owes {', '.join(unnamed)}; name each with --debt ID")
    return None


def _under_way(state: SetState, request: Request, now: Moment) -> Problem | None:
    """A declaration still valid, or a use within its time, blocks; a stale one is superseded.

    A drill that has opened nothing stands in no emergency's way.
    """
    opening = state.opening
    if opening is None:
        return None
    if request.purpose == "emergency" and opening.declared.purpose == "drill" and not opening.was_opened:
        return None
    since = opening.opened_at or opening.at
    allowed = opening.declared.use_for_s if opening.was_opened else opening.declared.valid_for_s
    if opening.phase is Phase.ROTATION_DUE or since.seconds_until(now) > allowed:
        return None
    return Problem("under-way", f"opening {opening.short_id} is {opening.phase} since {since.time}")
