# SPDX-License-Identifier: Apache-2.0
"""What a change of policy weakens. Such a change takes the set's quorum; every other one only a record.

Rules (spec: docs/spec/7-records.md):

1. A change weakens if fewer people, or other ones, could open, for longer, more often, at other hours, by more ways,
   told to fewer, drilled more rarely, reviewed by fewer or later, held against fewer standards, measured by other
   probes or another system of tickets, or with a weaker or older credential, or
   with an account that is open for longer or at somebody else's word; or if the credential would be used or
   proven
   elsewhere, or its sheets lead to another telephone or another kit.
2. What cannot be compared, as two patterns, counts as weaker when it changed at all.
3. Each weakening is one sentence that begins with the key.

What a change does to the quorum is the next epoch's: sheets that are printed stay what they are.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

from msgspec.structs import replace

from breakglass_shamir.crypto import ssh_key
from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.officer_keys import revoked
from breakglass_shamir.custody.policy.source import BUILT_IN_CLASS
from breakglass_shamir.custody.policy.tables import PERCENTS, CustodianGroup, LoadDrill, Officer, Policy, Review
from breakglass_shamir.custody.policy.weak_points import fewest_people
from breakglass_shamir.custody.policy.when import TicketSystem, UseRule

_RECORDS = ("always", "offered", "never")
"""From what records most to what records least."""


def weakenings(old: Policy, new: Policy) -> tuple[str, ...]:
    """Return what the new policy allows that the old one does not, a sentence each."""
    return tuple(sentence for rule in _RULES for sentence in rule(old, new))


def changes_quorum(old: Policy, new: Policy) -> bool:
    """Tell whether the change is about who keeps the sheets or how many are needed."""
    return old.quorum != new.quorum


def _target(old: Policy, new: Policy) -> Iterator[str]:
    for key, before, after in (
        ("uri", old.target.uri, new.target.uri),
        ("account", old.target.account, new.target.account),
        ("kind", old.target.kind, new.target.kind),
    ):
        if before != after:
            yield f"target.{key}: {after!r} instead of {before!r}"
    if old.target.options != new.target.options:
        yield "target.options: others than before"


def _sheets(old: Policy, new: Policy) -> Iterator[str]:
    """What the next sheets tell people to do: whom to warn, and where to fetch the program that gets the shares."""
    for key, before, after in (("report_to", old.report_to, new.report_to), ("kit", old.kit, new.kit)):
        if before not in ("", after):
            yield f"{key}: {after!r} instead of {before!r}"


def _quorum(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.structure, new.structure
    if after.smallest_coalition < before.smallest_coalition:
        yield f"quorum: {after.smallest_coalition} sheets open it instead of {before.smallest_coalition}"
    people_before, people_after = fewest_people(old), fewest_people(new)
    if people_before and people_after and people_after < people_before:
        yield f"quorum: {people_after} people open it instead of {people_before}"
    if not (people_before and people_after) and changes_quorum(old, new):
        yield "quorum: too many people keep several sheets to tell how few could open it"
    if after.group_threshold < before.group_threshold:
        yield f"quorum.group_threshold: {after.group_threshold} groups instead of {before.group_threshold}"
    for number, (mine, other) in enumerate(zip_longest(old.quorum.groups, new.quorum.groups)):
        yield from _group(number, mine, other, optional=after.group_threshold < len(new.quorum.groups))


def _group(
    number: int, before: CustodianGroup | None, after: CustodianGroup | None, *, optional: bool
) -> Iterator[str]:
    if before is None or after is None:
        if after is not None and optional:
            yield f"quorum.groups[{number}]: another group that may take part"
        return
    path = f"quorum.groups[{number}]"
    if after.threshold < before.threshold:
        yield f"{path}.threshold: {after.threshold} instead of {before.threshold}"
    elif after.threshold == before.threshold and len(after.custodians) > len(before.custodians):
        yield f"{path}: {after.threshold} of {len(after.custodians)} instead of {len(before.custodians)}"


def _declaration(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.declaration, new.declaration
    added = [one for one in after.classes if one not in before.classes]
    if added and before.classes != (BUILT_IN_CLASS,):
        yield f"declaration.classes: also {', '.join(added)}"
    if before.ticket not in (after.ticket, r"\S+"):
        yield f"declaration.ticket: {after.ticket!r} instead of {before.ticket!r}"
    if after.officers < before.officers:
        yield f"declaration.officers: {after.officers} instead of {before.officers}"
    if after.signatures < before.signatures:
        yield f"declaration.signatures: {after.signatures} instead of {before.signatures}"
    yield from _longer("declaration.valid_for", before.valid_for, after.valid_for)
    yield from _longer("declaration.use_for", before.use_for, after.use_for)


def _officers(old: Policy, new: Policy) -> Iterator[str]:
    """Where officers sign, more keys, or keys that count for longer, are more ways to sign."""
    if old.declaration.signatures:
        yield from _signers("officers", old.officers, new.officers)


def _signers(path: str, old: Sequence[Officer], new: Sequence[Officer]) -> Iterator[str]:
    known = {one.name: one for one in old}
    for one in new:
        before = known.get(one.name, Officer(name=one.name))
        if set(one.keys) - set(before.keys):
            yield f"{path}: another key of {one.name} counts"
        if _from(one) < _from(before) or _until(one) > _until(before):
            yield f"{path}: keys of {one.name} count for longer"


def _revoked(old: Policy, new: Policy) -> Iterator[str]:
    """Keys that signed for nobody, custodians' keys among them, and may sign again; who leaves takes nothing along."""
    gone = revoked(new)
    reviewers = old.review.reviewers if old.review else ()
    for path, people in (("officers", old.officers), ("review.reviewers", reviewers)):
        for one in people:
            if not gone.issuperset(one.revoked):
                yield f"{path}: a revoked key of {one.name} counts again"


def _reveal(old: Policy, new: Policy) -> Iterator[str]:
    added = [mode for mode in new.reveal.modes if mode not in old.reveal.modes]
    if added:
        yield f"reveal.modes: also {', '.join(added)}"
    yield from _longer("reveal.show_for", old.reveal.show_for, new.reveal.show_for)


def _use(old: Policy, new: Policy) -> Iterator[str]:
    """Less that is recorded, and other people who can read it."""
    before, after = old.use, new.use
    if _RECORDS.index(after.record) > _RECORDS.index(before.record):
        yield f"use.record: {after.record!r} instead of {before.record!r}"
    mine, others = ({ssh_key.from_line(line).line for line in one.auditors} for one in (before, after))
    if mine and not others:
        yield "use.auditors: recordings lie in the clear"
    elif mine - others:
        yield "use.auditors: a key reads no further recording"
    if mine and others - mine:
        yield "use.auditors: another key reads recordings"
    if before.snapshots and not after.snapshots:
        yield "use.snapshots: what was made in a use is not told"


def _rotation(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.rotation, new.rotation
    yield from _longer("rotation.deadline", before.deadline, after.deadline)
    yield from _longer("rotation.max_age", before.max_age, after.max_age)
    yield from _longer("rotation.wait_for_sessions", before.wait_for_sessions, after.wait_for_sessions)
    if after.may_defer and not before.may_defer:
        yield "rotation.may_defer: a rotation may be put off"
    if round(after.generator.bits()) < round(before.generator.bits()):
        yield f"rotation: credentials of {after.generator.bits():.0f} bits instead of {before.generator.bits():.0f}"
    for uri in old.endpoints:
        if uri not in new.endpoints and uri != old.target.uri:
            yield f"rotation.endpoints: no proof at {uri}"
    for uri in new.endpoints:
        if uri not in (*old.endpoints, old.target.uri, new.target.uri):
            yield f"rotation.endpoints: both credentials are also tried at {uri}"
    if before.end_sessions and not after.end_sessions:
        yield "rotation.end_sessions: sessions go on after a rotation"


def _drills(old: Policy, new: Policy) -> Iterator[str]:
    yield from _longer("drills.roll_call", old.drills.roll_call, new.drills.roll_call)
    yield from _longer("drills.rehearsal", old.drills.rehearsal, new.drills.rehearsal)
    yield from _longer("drills.access", old.drills.access, new.drills.access)
    yield from _load_drill(old.drills.load, new.drills.load)


def _load_drill(old: LoadDrill | None, new: LoadDrill | None) -> Iterator[str]:
    """Limits that hold less, and sinks in which a real alert may now be lost among those of drills."""
    if old is not None and new is None:
        yield "drills.load: no load drill is held against limits"
        return
    before, after = old or LoadDrill(), new or LoadDrill()
    for limit in before.limits:
        for percent in PERCENTS:
            allowed, now = limit.at(percent), after.limit(limit.step, percent)
            if allowed is not None and now is None:
                yield f"drills.load.limits: no p{percent} of {limit.step}"
            elif allowed is not None and now is not None and now.seconds > allowed.seconds:
                yield f"drills.load.limits: p{percent} of {limit.step} is {now} instead of {allowed}"
    if added := [name for name in after.sinks if name not in before.sinks]:
        yield f"drills.load.sinks: also {', '.join(added)}"


def _alerts(old: Policy, new: Policy) -> Iterator[str]:
    for sink in old.alerts.sinks:
        if sink not in new.alerts.sinks:
            gone = sink.name not in {other.name for other in new.alerts.sinks}
            yield f"alerts.sinks: {sink.name} {'is gone' if gone else 'is another one'}"
    if old.alerts.require_ack and not new.alerts.require_ack:
        yield "alerts.require_ack: nobody need have been told"
    yield from _longer("alerts.repeat", old.alerts.repeat, new.alerts.repeat)


def _review(old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.review, new.review
    if before is None:
        return
    if after is None:
        yield "review: no use owes a review"
        return
    gone = [event for event in before.on if event not in after.on]
    if gone:
        yield f"review.on: no review of {', '.join(gone)}"
    if after.needed < before.needed:
        yield f"review.needed: {after.needed} instead of {before.needed}"
    yield from _longer("review.deadline", before.deadline, after.deadline)
    if before.reviewers and not after.reviewers:
        yield "review.reviewers: officers review instead of reviewers"
    if before.reviewers:
        yield from _signers("review.reviewers", before.reviewers, after.reviewers)
    yield from _review_of_officers(old, new, before, after)
    yield from _settlement(before, after)


def _review_of_officers(old: Policy, new: Policy, before: Review, after: Review) -> Iterator[str]:
    """Where officers review or settle, more of their keys are more ways to; where they sign, that is said before."""
    officers_did = not before.reviewers or before.settlement.by == "officers"
    officers_do = not after.reviewers or after.settlement.by == "officers"
    if officers_did and officers_do and not old.declaration.signatures:
        yield from _signers("officers", old.officers, new.officers)


def _settlement(before: Review, after: Review) -> Iterator[str]:
    if (
        before.reviewers
        and after.reviewers
        and (before.settlement.by, after.settlement.by) == ("reviewers", "officers")
    ):
        yield "review.settlement.by: officers settle instead of reviewers"
    if after.settlement.people < before.settlement.people:
        yield f"review.settlement.people: {after.settlement.people} instead of {before.settlement.people}"
    if before.settlement.signed and not after.settlement.signed:
        yield "review.settlement.signed: names are enough"


def _audit(old: Policy, new: Policy) -> Iterator[str]:
    """Controls that nobody assesses any more."""
    for name in old.audit.standards:
        if name not in new.audit.standards:
            yield f"audit.standards: no longer {name}"


def _use_rules(old: Policy, new: Policy) -> Iterator[str]:
    """Rules of use that are gone, are for something else, or allow more."""
    known = {one.name: one for one in new.declaration.rules}
    for rule in old.declaration.rules:
        after = known.get(rule.name)
        if after is None:
            yield f"declaration.rules: {rule.name} is gone"
            continue
        if _bare(after) != _bare(rule):
            yield f"declaration.rules: {rule.name} is another one"
        if rule.use_for and (after.use_for is None or after.use_for.seconds > rule.use_for.seconds):
            yield f"declaration.rules: {rule.name} allows a longer use"
        if rule.most and rule.per and not _as_rarely(rule, after):
            yield f"declaration.rules: {rule.name} allows more openings"


def _bare(rule: UseRule) -> UseRule:
    """Return a rule without what can be compared by its size."""
    return replace(rule, use_for=None, most=None, per=None)


def _as_rarely(before: UseRule, after: UseRule) -> bool:
    if after.most is None or after.per is None or before.most is None or before.per is None:
        return False
    return after.most <= before.most and after.per.seconds >= before.per.seconds


def _outage(old: Policy, new: Policy) -> Iterator[str]:
    """Probes that are gone or ask something else; one more, which may always fail and so keep the gate open."""
    if old.outage is None:
        return
    if new.outage is None:
        yield "outage: nothing is measured at a declaration"
        return
    known = {one.name: one for one in new.outage.probes}
    for probe in old.outage.probes:
        if known.get(probe.name) != probe:
            yield f"outage.probes: {probe.name} {'is another one' if probe.name in known else 'is gone'}"
    before = {one.name for one in old.outage.probes}
    added = [one.name for one in new.outage.probes if one.name not in before and not one.standby]
    if added and any(not one.standby for one in old.outage.probes):
        yield f"outage.probes: also {', '.join(added)}"
    # For longer it keeps an emergency; for less, who would have answered is silent, and the gate stays open.
    if old.outage.budget != new.outage.budget:
        yield f"outage.budget: {new.outage.budget} instead of {old.outage.budget}"


def _ticket_system(old: Policy, new: Policy) -> Iterator[str]:
    """Tickets that nobody asks about, or another word that counts for them."""
    before, after = old.ticket, new.ticket
    if before is None:
        return
    if after is None:
        yield "ticket: no system is asked about tickets"
        return
    if _system(before) != _system(after):
        yield "ticket: another system, kind or state counts"
    if after.settles and not before.settles:
        yield "ticket.settles: a later answer settles a debt"
    if before.writes_back and not after.writes_back:
        yield "ticket.writes_back: nothing is written to tickets"


def _system(ticket: TicketSystem) -> TicketSystem:
    """Return what says whose answer counts, and which."""
    return replace(ticket, within=Duration(1), settles=False, writes_back=False)


def _arming(old: Policy, new: Policy) -> Iterator[str]:
    """An account that is no longer kept closed, is armed by somebody else, or for longer."""
    before, after = old.arming, new.arming
    if before is None:
        return
    if after is None:
        yield "arming: the account is no longer kept closed"
        return
    for key in ("authority", "second_set", "program", "set", "operator", "operator_secret"):
        was, now = getattr(before, key), getattr(after, key)
        if was != now:
            yield f"arming.{key}: {now!r} instead of {was!r}"
    mine, others = ({ssh_key.from_line(line).line for line in one.approvers} for one in (before, after))
    if mine and others - mine:
        yield "arming.approvers: another key approves"
    yield from _longer("arming.window", before.window, after.window)


def _longer(key: str, before: Duration, after: Duration) -> Iterator[str]:
    if after.seconds > before.seconds:
        yield f"{key}: {after} instead of {before}"


def _from(officer: Officer) -> str:
    return officer.valid_from.isoformat() if officer.valid_from else ""


def _until(officer: Officer) -> str:
    return officer.valid_until.isoformat() if officer.valid_until else "9999-12-31"


_RULES: tuple[Callable[[Policy, Policy], Iterator[str]], ...] = (
    _target, _sheets, _quorum, _declaration, _officers, _revoked, _reveal, _use, _rotation, _drills, _alerts, _review,
    _audit, _use_rules, _outage, _ticket_system, _arming,
)  # fmt: skip
