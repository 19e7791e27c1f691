# SPDX-License-Identifier: Apache-2.0
"""Which record is told as what: one function for each type, and the list of those that are not told.

Rules:

1. Every record type is in one of the two tables; a test holds that.
2. An emergency is loud, a drill and a planned rotation are not: severity follows the opening's purpose.
3. What somebody must look at is a finding that stays open under its incident until a record settles it.

Pure; nothing here reads a clock or a file.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from breakglass_shamir.alerts import ocsf
from breakglass_shamir.alerts.context import Context, Telling
from breakglass_shamir.alerts.event import Action, Severity
from breakglass_shamir.custody.life import arming_rules, holders, standing
from breakglass_shamir.custody.life.gates import TICKET_OPEN
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.watching import NEAR, OWN_LOGIN, WHILE_CLOSED
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.arming import ArmedOutside, Arming, Disarmed
from breakglass_shamir.custody.records.drills import DrillEnded, LoadDrilled, Rehearsed, RollCall
from breakglass_shamir.custody.records.enrolment import Enrolled, EnrolmentExported
from breakglass_shamir.custody.records.epochs import Issued, Pinned, Proven, Recovered, RecoveredCore, RecoveryImported
from breakglass_shamir.custody.records.ledger import (
    CollectorReplaced,
    LedgerMoved,
    LedgerStarted,
    PolicyAdopted,
    PolicyWeakened,
)
from breakglass_shamir.custody.records.lineage import AttestedDead, Succession
from breakglass_shamir.custody.records.monitoring import (
    AlertsDelivered,
    Asked,
    ChangedOutside,
    Eased,
    Escalated,
    Heartbeat,
    LoginSeen,
    Probed,
    Watched,
)
from breakglass_shamir.custody.records.openings import (
    Actions,
    Cancelled,
    Closed,
    Declared,
    InUse,
    OfficerSigned,
    Opened,
    Overridden,
    Refused,
    Revealing,
    Settled,
    Snapshot,
    TicketAnswered,
    UseEnded,
    UseRecorded,
)
from breakglass_shamir.custody.records.retirement import Retired, RetiredAttested, TerminalRetired
from breakglass_shamir.custody.records.reviews import MISUSE, WITH_FINDINGS, DebtsSettled, Reviewed
from breakglass_shamir.custody.records.rotations import (
    Abandoned,
    Applied,
    Applying,
    Countersigned,
    Deferred,
    Made,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    RunsOut,
    SessionsAwaited,
    SessionsEnded,
    TargetNamed,
    Waited,
)
from breakglass_shamir.custody.records.sheets import (
    Acknowledged,
    CustodianSigned,
    Destroyed,
    Noted,
    ReadBack,
    Reassigned,
    SheetVoided,
)
from breakglass_shamir.plural import counted

_LOUD = {"emergency": Severity.HIGH}
"""Quieter than a login that no opening accounts for."""

_ENABLE, _DISABLE = 2, 5
"""Activities of an account change."""

_FINDING_ACTIVITY = {Action.NOTE: 1, Action.TRIGGER: 1, Action.RESOLVE: 3}
_EMERGENCY_ACTIONS = {2: Action.TRIGGER, 10: Action.TRIGGER, 11: Action.RESOLVE}
"""Read and activate; deactivate."""

_LEVELS = (Severity.HIGH, Severity.CRITICAL, Severity.FATAL)
_CHECK_RESULT = {"accepted": ocsf.SUCCESS, "refused": ocsf.FAILURE}


def tell(context: Context) -> Iterator[Telling]:
    """Yield how a record is told; nothing where it is not."""
    body = context.record.body
    told = TOLD.get(type(body))
    if told is not None:
        yield from told(context, body)


def finding(
    subject: str, *, incident: str, severity: Severity = Severity.HIGH, action: Action = Action.TRIGGER
) -> Telling:
    """Return a detection finding: somebody must look at this, or looked."""
    attributes = {
        "is_alert": action is Action.TRIGGER,
        "status_id": ocsf.RESOLVED if action is Action.RESOLVE else ocsf.NEW,
    }
    activity = _FINDING_ACTIVITY[action]
    return Telling(ocsf.DETECTION_FINDING, activity, subject, severity, attributes, action, incident)


def compliance(subject: str, status_id: int, control: str, details: tuple[str, ...] = ()) -> Telling:
    """Return a compliance finding: the result of a drill or of a policy's adoption."""
    severity = {ocsf.PASS: Severity.INFORMATIONAL, ocsf.WARNING: Severity.MEDIUM, ocsf.FAIL: Severity.HIGH}[status_id]
    attributes = {"compliance": ocsf.compliance(status_id, control, list(details))}
    return Telling(ocsf.COMPLIANCE_FINDING, 1, subject, severity, attributes)


def _entity(
    context: Context, activity_id: int, subject: str, severity: Severity, epoch_id: str = "", **more: Any
) -> Telling:
    """Return a change of the set; in an emergency its beginning and use open an incident, its end resolves it."""
    attributes = {"entity": ocsf.entity(context.record.set, epoch_id), "status_id": ocsf.SUCCESS, **more}
    action = _EMERGENCY_ACTIONS.get(activity_id, Action.NOTE) if context.purpose == "emergency" else Action.NOTE
    return Telling(ocsf.ENTITY_MANAGEMENT, activity_id, subject, severity, attributes, action)


def _account(
    context: Context, subject: str, severity: Severity, status_id: int = ocsf.SUCCESS, activity_id: int = 3
) -> Telling:
    attributes = {"user": ocsf.user(context.account), "status_id": status_id}
    return Telling(ocsf.ACCOUNT_CHANGE, activity_id, subject, severity, attributes)


def _login(context: Context, activity_id: int, subject: str, status_id: int) -> Telling:
    attributes = {"user": ocsf.user(context.account), "service": context.service, "status_id": status_id}
    return Telling(ocsf.AUTHENTICATION, activity_id, subject, Severity.LOW, attributes)


def _terminal(activity_id: int, subject: str, severity: Severity, **more: Any) -> Telling:
    return Telling(ocsf.APPLICATION_LIFECYCLE, activity_id, subject, severity, {"app": ocsf.product(), **more})


def _loud(context: Context, otherwise: Severity = Severity.LOW) -> Severity:
    return _LOUD.get(context.purpose, otherwise)


def _ledger_started(_c: Context, body: LedgerStarted) -> Iterator[Telling]:
    yield _terminal(3, f"a ledger begins on the terminal {body.terminal}", Severity.LOW)


def _ledger_moved(_c: Context, body: LedgerMoved) -> Iterator[Telling]:
    subject = f"the ledger goes on in another place: {body.reason}"
    yield _terminal(ocsf.OTHER, subject, Severity.HIGH, activity_name="Ledger moved")


def _collector_replaced(_c: Context, body: CollectorReplaced) -> Iterator[Telling]:
    subject = f"another collector is pinned, {body.new}, instead of {body.old}: {body.reason}"
    yield _terminal(ocsf.OTHER, subject, Severity.HIGH, activity_name="Collector replaced")


def _policy_adopted(_c: Context, body: PolicyAdopted) -> Iterator[Telling]:
    yield compliance(f"a policy was adopted, digest {body.digest[:12]}", ocsf.PASS, "policy adoption")


def _policy_weakened(_c: Context, body: PolicyWeakened) -> Iterator[Telling]:
    subject = f"a weaker policy was adopted, digest {body.digest[:12]}"
    yield compliance(subject, ocsf.WARNING, "policy adoption", body.weakens)
    yield finding(f"{subject}: {'; '.join(body.weakens)}", incident=f"policy-{body.digest[:12]}", action=Action.NOTE)


def _reassigned(c: Context, body: Reassigned) -> Iterator[Telling]:
    who = f" to {body.custodian}" if c.custodians_named else ""
    subject = f"sheet {body.sheet} of epoch {c.number(body.epoch_id)} changed hands{who}: {body.reason}"
    yield _entity(c, 5, subject, Severity.LOW, body.epoch_id)
    if body.despite:
        yield finding(f"{subject}, despite: {'; '.join(body.despite)}", incident=f"custody-{body.epoch_id}")


def _issued(c: Context, body: Issued) -> Iterator[Telling]:
    subject = f"{len(body.custodians)} sheets of epoch {body.epoch} were issued, credential {body.proven}"
    names = [name for name in map(policies.named, body.custodians.values()) if name]
    more = {"comment": ", ".join(names)} if c.custodians_named and names else {}
    yield _entity(c, 1, subject, Severity.LOW, body.epoch_id, **more)


def _recovered(c: Context, body: Recovered | RecoveredCore) -> Iterator[Telling]:
    pinned = isinstance(body, Recovered) and body.pinned
    subject = f"this terminal learned epoch {body.epoch} from its sheets" + ("" if pinned else ", UNPINNED")
    yield _entity(c, 6, subject, Severity.LOW if pinned else Severity.MEDIUM, body.epoch_id)


def _proven(c: Context, body: Proven) -> Iterator[Telling]:
    status, number = _CHECK_RESULT.get(body.result, 0), c.number(body.epoch_id)
    yield _login(c, 1, f"the credential of epoch {number} was tried: {body.result}", status)
    incident = f"refused-{body.epoch_id}"
    if body.result == "refused":
        yield finding(f"the target refuses the credential of epoch {number}: rotated elsewhere?", incident=incident)
    elif body.result == "accepted" and c.opening_id:
        subject = f"the target takes the credential of epoch {number}"
        yield finding(subject, incident=incident, severity=Severity.INFORMATIONAL, action=Action.RESOLVE)


def _read_back(c: Context, body: ReadBack) -> Iterator[Telling]:
    subject = f"sheets {', '.join(body.sheets)} of epoch {c.number(body.epoch_id)} were read back"
    yield _entity(c, 3, subject, Severity.INFORMATIONAL, body.epoch_id)


def _acknowledged(c: Context, body: Acknowledged) -> Iterator[Telling]:
    who = body.custodian if c.custodians_named and body.custodian else "its custodian"
    subject = f"sheet {body.sheet} of epoch {c.number(body.epoch_id)} is held by {who}"
    yield _entity(c, 3, subject, Severity.INFORMATIONAL, body.epoch_id)


def _custodian_signed(c: Context, body: CustodianSigned) -> Iterator[Telling]:
    who = body.custodian if c.custodians_named else "its custodian"
    subject = f"sheet {body.sheet} of epoch {c.number(body.epoch_id)} is signed for by {who} with an own key"
    yield _entity(c, 3, subject, Severity.INFORMATIONAL, body.epoch_id)


def _sheet_voided(c: Context, body: SheetVoided) -> Iterator[Telling]:
    subject = f"sheet {body.sheet} of epoch {c.number(body.epoch_id)} is void: {body.reason}"
    yield _entity(c, 4, subject, Severity.HIGH, body.epoch_id)
    epoch = c.epoch(body.epoch_id)
    if epoch is None:
        return
    if risk := holders.quorum_at_risk(epoch):
        yield finding(risk, incident=f"quorum-{body.epoch_id}", severity=Severity.FATAL)


def _declared(c: Context, body: Declared) -> Iterator[Telling]:
    more = {"comment": body.reason}
    subject = f"{body.purpose} declared: {body.incident_class}, {body.ticket}, by {', '.join(body.officers)}"
    subject += "".join(f"; {name} {answer}" for name, answer in body.probes.items())
    subject += f"; ticket {body.ticket_answer}" if body.ticket_answer else ""
    yield _entity(c, 10, subject, _loud(c, Severity.INFORMATIONAL), **more)


def _refused(c: Context, body: Refused) -> Iterator[Telling]:
    subject = f"refused at {body.stage}: {body.message}"
    if body.stage == "neither-works":
        yield finding(f"LOCKED OUT: {body.message}", incident=f"neither-{c.opening_id[:12]}", severity=Severity.FATAL)
    elif body.stage in ("apply", "prove", "rotate"):
        yield _account(c, subject, Severity.HIGH, ocsf.FAILURE)
    elif c.record.set:
        yield _entity(c, 2, subject, Severity.MEDIUM, status_id=ocsf.FAILURE)
    else:
        yield finding(subject, incident="", severity=Severity.MEDIUM, action=Action.NOTE)


def _overridden(c: Context, body: Overridden) -> Iterator[Telling]:
    subject = f"the check {body.gate} was overridden ({body.problem}): {body.reason}"
    yield finding(f"{subject}{_owed(c)}", incident=f"{body.gate}-{c.record.seq}")


def _officer_signed(c: Context, body: OfficerSigned) -> Iterator[Telling]:
    yield _entity(c, 3, f"{body.officer} signed the declaration with an own key", Severity.INFORMATIONAL)


def _recovery_imported(c: Context, body: RecoveryImported) -> Iterator[Telling]:
    subject = f"epoch {c.number(body.epoch_id)}, {body.status}, was opened without the toolkit; the record was imported"
    yield _entity(c, 2, subject, Severity.CRITICAL, body.epoch_id)
    yield finding(subject, incident=f"recovery-{body.sha256[:12]}", severity=Severity.CRITICAL)


def _cancelled(c: Context, body: Cancelled) -> Iterator[Telling]:
    yield _entity(c, 11, f"declaration withdrawn: {body.reason}", Severity.INFORMATIONAL)


def _opened(c: Context, body: Opened) -> Iterator[Telling]:
    how = f"to {body.program}" if body.program else body.mode
    subject = f"opened by a quorum, sheets {', '.join(body.sheets)} of epoch {c.number(body.epoch_id)} ({how})"
    yield _entity(c, 2, f"{subject}{_owed(c)}", _loud(c), body.epoch_id)
    if body.witnessed == "inconsistent":
        subject = "the sheets remember another history of this ledger"
        yield finding(subject, incident=f"witness-{c.opening_id[:12]}", severity=Severity.CRITICAL)


def _in_use(c: Context, _b: InUse) -> Iterator[Telling]:
    yield _entity(c, 2, "the credential is being revealed", _loud(c))


def _revealing(c: Context, body: Revealing) -> Iterator[Telling]:
    how = f"to {body.program}" if body.program else body.mode
    against = f"; warned of before: {'; '.join(body.warned)}" if body.warned else ""
    yield _entity(c, 2, f"the credential leaves in the use under way ({how}){against}", _loud(c))


def _use_recorded(c: Context, body: UseRecorded) -> Iterator[Telling]:
    parts, size = counted(body.segments, "segment"), counted(body.size, "byte")
    said = f"{parts}, {size}, {body.duration_ms // 1000} s, head {body.head}"
    why = f": {body.problem}" if body.problem else ""
    whole = body.ended == "whole"
    severity = Severity.INFORMATIONAL if whole else Severity.HIGH
    yield _entity(c, 2, f"the use of {body.program} was recorded ({said}), {body.ended}{why}", severity)
    if not whole:
        yield finding(f"a recording is not whole: {body.ended}{why}", incident=f"recording-{c.opening_id[:12]}")


def _use_ended(c: Context, body: UseEnded) -> Iterator[Telling]:
    severity = Severity.CRITICAL if body.classification == "misuse" else Severity.LOW
    yield _entity(c, 3, f"the use ended, classified {body.classification}: {body.outcome}", severity)


def _deferred(c: Context, body: Deferred) -> Iterator[Telling]:
    subject = f"the rotation was put off for {body.for_s} s: {body.reason}"
    yield finding(subject, incident=f"deferred-{c.opening_id[:12]}")


def _abandoned(c: Context, body: Abandoned) -> Iterator[Telling]:
    subject = f"the sheets of epoch {c.number(body.epoch_id)} are void, it was never applied: {body.reason}"
    yield _entity(c, 4, subject, Severity.LOW, body.epoch_id)


def _applied(c: Context, body: Applied) -> Iterator[Telling]:
    yield _account(c, f"the target took the credential of epoch {c.number(body.new_epoch_id)}", Severity.LOW)


def _old_dead(c: Context, body: OldDead) -> Iterator[Telling]:
    how = "attested" if body.attested_by else "proven"
    subject = f"the credential of epoch {c.number(body.old_epoch_id)} is {how} dead, scope {body.scope}"
    yield _account(c, subject, Severity.MEDIUM if body.attested_by else Severity.LOW)
    yield _entity(c, 4, f"the sheets of epoch {c.number(body.old_epoch_id)} are void", Severity.LOW, body.old_epoch_id)
    yield finding(
        "the rotation settles the risk to the old quorum", incident=f"quorum-{body.old_epoch_id}",
        severity=Severity.INFORMATIONAL, action=Action.RESOLVE,
    )  # fmt: skip
    yield from _fork(c, body.old_epoch_id)


def _succession(c: Context, body: Succession) -> Iterator[Telling]:
    old, new = c.number(body.predecessor), c.number(body.successor)
    who = f"the terminal of log {body.terminal}" if body.terminal else "this terminal"
    by = f", by the word of {', '.join(body.attested_by)}" if body.attested_by else ""
    subject = f"epoch {new} followed epoch {old}: {body.level}, as {who} saw{by}; its other records were not seen here"
    yield _entity(c, 3, subject, Severity.MEDIUM if body.attested_by else Severity.LOW, body.successor)
    yield _no_longer_refused(body.predecessor)
    yield from _fork(c, body.predecessor)


def _attested_dead(c: Context, body: AttestedDead) -> Iterator[Telling]:
    subject = (
        f"the credential of epoch {c.number(body.epoch_id)} is attested dead, not proven, by "
        f"{', '.join(body.officers)} (the target: {body.asked}): {body.reason}"
    )
    yield finding(subject, incident=f"old-unproven-{c.record.seq}")
    yield _no_longer_refused(body.epoch_id)


def _no_longer_refused(epoch_id: str) -> Telling:
    """Return the end of the finding that a target refuses a credential: it is known why."""
    subject = "the refused credential is accounted for"
    severity, incident = Severity.INFORMATIONAL, f"refused-{epoch_id}"
    return finding(subject, incident=incident, severity=severity, action=Action.RESOLVE)


def _fork(c: Context, epoch_id: str) -> Iterator[Telling]:
    """Yield a finding where an epoch has more than one successor that is more than a claim."""
    state = c.set_state
    links = standing.links_from(state, epoch_id) if state else ()
    if state is None or len({link.successor for link in links}) < 2:
        return
    names = " and ".join(dict.fromkeys(standing.named(state, link.successor) for link in links))
    subject = f"A FORK: {names} both followed {standing.named(state, epoch_id)}"
    yield finding(subject, incident=f"fork-{epoch_id}", severity=Severity.CRITICAL)


_LOOKED_AT = {
    "login": "a login that no opening accounts for",
    "password-change": "a change of the password without a rotation",
    arming_rules.OUTSIDE: "an account that somebody else armed",
    "sessions": "that sessions of the old credential went on",
    "old-unproven": "that the death of an old credential was attested, not proven",
    "end-unproven": "that the end of the set's credential was attested, not proven",
    "fork": "that more than one epoch followed another",
}
"""What a debt is about, by the beginning of its id; any other is an overridden check's."""


def _closed(c: Context, body: Closed) -> Iterator[Telling]:
    yield _entity(c, 11, f"opening closed, classified {body.classification}: {_came_of(c)}", Severity.LOW)
    yield finding(
        "the rotation is done", incident=f"deferred-{c.opening_id[:12]}", severity=Severity.INFORMATIONAL,
        action=Action.RESOLVE,
    )  # fmt: skip


def _came_of(c: Context) -> str:
    """Say what came of the credential that an opening opened, and what is still owed."""
    epoch = c.epoch(c.opening.epoch_id) if c.opening else None
    if epoch is None:
        return "its rotation is done"
    known = f"attested dead by {', '.join(epoch.attested_by)}, not proven" if epoch.attested_by else "proven dead"
    owed = [debt.id for debt in c.set_state.debts if debt.opening == c.opening_id] if c.set_state else []
    left = f"; still owed: {', '.join(owed)}" if owed else ""
    return f"the credential of epoch {epoch.number} is {known}{left}"


def _owed(c: Context) -> str:
    """Say which debts a record left, by their ids; empty where it left none."""
    debts = c.set_state.debts if c.set_state else ()
    ids = [debt.id for debt in debts if debt.since == Moment.of(c.record)]
    return f"; owed: {', '.join(ids)}" if ids else ""


_VERDICTS = {WITH_FINDINGS: Severity.MEDIUM, MISUSE: Severity.CRITICAL}
"""How loud a review is told; any other verdict is only told."""


def _reviewed(c: Context, body: Reviewed) -> Iterator[Telling]:
    short = body.subject[:12] if len(body.subject) == 64 else body.subject
    subject = f"review of {short} by {body.reviewer}: {body.verdict}: {body.reason}"
    severity = _VERDICTS.get(body.verdict, Severity.INFORMATIONAL)
    loud = body.verdict == MISUSE
    yield finding(
        subject, incident=f"misuse-{short}" if loud else "", severity=severity,
        action=Action.TRIGGER if loud else Action.NOTE,
    )  # fmt: skip
    case = c.set_state.cases.get(body.subject) if c.set_state else None
    if case is None or not case.reviews or case.reviews[-1].seq != c.record.seq:
        return
    for debt_id in case.closed:
        words = f"{debt_id} is closed: {short} was reviewed"
        yield finding(words, incident=debt_id, severity=Severity.INFORMATIONAL, action=Action.RESOLVE)


def _debts_settled(c: Context, body: DebtsSettled) -> Iterator[Telling]:
    left = {debt.id for debt in c.set_state.debts} if c.set_state else set()
    yield finding(
        f"{body.officer} signed for {', '.join(body.debts)}: {body.reason}", incident="",
        severity=Severity.INFORMATIONAL, action=Action.NOTE,
    )  # fmt: skip
    for debt_id in body.debts:
        if debt_id not in left:
            words = f"{debt_id} is settled: {body.reason}"
            yield finding(words, incident=debt_id, severity=Severity.INFORMATIONAL, action=Action.RESOLVE)


def _settled(_c: Context, body: Settled) -> Iterator[Telling]:
    kind = body.debt.rpartition("-")[0]
    what = _LOOKED_AT.get(kind, f"the overridden check {kind}")
    subject = f"{what} was looked at by {', '.join(body.officers)}, and {body.debt} is settled: {body.reason}"
    yield finding(subject, incident=body.debt, severity=Severity.INFORMATIONAL, action=Action.RESOLVE)


def _roll_call(c: Context, body: RollCall) -> Iterator[Telling]:
    who = f" with {body.custodian}" if c.custodians_named else ""
    health = f", print {body.health}, {body.used_percent} % used" if body.health else ""
    subject = f"roll-call of sheet {body.sheet}{who} ({body.level}): {body.result}{health}"
    yield compliance(subject, _result(body.result), f"roll-call, {body.level}", body.reasons)


def _rehearsed(_c: Context, body: Rehearsed) -> Iterator[Telling]:
    subject = f"rehearsal with drill cards {', '.join(body.sheets)}: {body.result}"
    yield compliance(subject, _result(body.result), "rehearsal", body.reasons)


def _drill_ended(_c: Context, body: DrillEnded) -> Iterator[Telling]:
    yield compliance(f"{body.drill} drill: {body.result}", _result(body.result), f"{body.drill} drill", body.reasons)


def _load_drilled(_c: Context, body: LoadDrilled) -> Iterator[Telling]:
    subject = f"load drill, {counted(body.at_once, 'rehearsal')} at once: {body.result}"
    yield compliance(subject, _result(body.result), "load drill", body.reasons)


def _destroyed(c: Context, body: Destroyed) -> Iterator[Telling]:
    subject = f"sheets {', '.join(body.sheets)} of epoch {c.number(body.epoch_id)} were destroyed before witnesses"
    yield _entity(c, 4, subject, Severity.INFORMATIONAL, body.epoch_id)


def _noted(c: Context, body: Noted) -> Iterator[Telling]:
    yield _entity(c, 3, f"noted: {body.text}", Severity.INFORMATIONAL)


def _heartbeat(_c: Context, body: Heartbeat) -> Iterator[Telling]:
    subject = f"the terminal is alive; the next sign is due in {body.every_s} s"
    yield _terminal(ocsf.OTHER, subject, Severity.INFORMATIONAL, activity_name="Heartbeat")


def _sessions_ended(c: Context, body: SessionsEnded) -> Iterator[Telling]:
    if body.failed:
        yield finding(f"sessions of the account were not ended: {body.detail}", incident=f"sessions-{c.record.seq}")
    else:
        yield _login(c, 2, f"{counted(body.count, 'session')} of the account ended: {body.detail}", ocsf.SUCCESS)


def _rejected(c: Context, body: Rejected) -> Iterator[Telling]:
    yield _account(
        c, "the target's rules did not take the new credential; another is made", Severity.MEDIUM, ocsf.FAILURE
    )


def _not_before(_c: Context, body: NotBefore) -> Iterator[Telling]:
    subject = f"the target takes no change before {body.until}; the rotation is owed after it"
    yield finding(subject, incident="not-before", severity=Severity.MEDIUM, action=Action.NOTE)


def _rotation_found(c: Context, body: RotationFound) -> Iterator[Telling]:
    subject = "quorums of two epochs were there: a rotation was interrupted elsewhere"
    yield _account(c, subject, Severity.HIGH, ocsf.FAILURE)


def _login_seen(c: Context, body: LoginSeen) -> Iterator[Telling]:
    how = "logged in" if body.accepted else f"was refused {counted(body.count, 'time')}"
    whence = f" from {body.source}" if body.source else ""
    why = _accounted(body)
    subject = f"{body.account} {how}{whence} at {body.at}: {why}"
    status = ocsf.SUCCESS if body.accepted else ocsf.FAILURE
    attributes = {"user": ocsf.user(body.account or c.account), "service": c.service, "status_id": status}
    severity = Severity.LOW if body.matched else Severity.MEDIUM
    yield Telling(ocsf.AUTHENTICATION, 1, subject, severity, attributes)
    if body.accepted and not body.matched:
        closed = body.detail.endswith(WHILE_CLOSED)
        words = f"UNMATCHED LOGIN{f' {WHILE_CLOSED.upper()}' if closed else ''}: {subject}{_owed(c)}"
        severity = Severity.FATAL if closed else Severity.CRITICAL
        yield finding(words, incident=f"login-{c.record.seq}", severity=severity)


def _accounted(body: LoginSeen) -> str:
    """Say what accounts for a login, and no more than is known."""
    if not body.matched:
        return "no opening accounts for it"
    if body.matched == NEAR:
        return body.detail.rpartition("; ")[2] or "near this program's own check, not told apart"
    return "this program's own check" if body.matched == OWN_LOGIN else "accounted for"


def _changed_outside(c: Context, body: ChangedOutside) -> Iterator[Telling]:
    subject = f"the password changed at {body.at} without a rotation"
    yield _account(c, subject, Severity.CRITICAL)
    yield finding(f"{subject}{_owed(c)}", incident=f"password-change-{c.record.seq}", severity=Severity.CRITICAL)


def _arming(c: Context, body: Arming) -> Iterator[Telling]:
    subject = f"the account is armed until {body.until} for {body.why}, by {body.authority}"
    yield _account(c, subject, _loud(c), activity_id=_ENABLE)


def _disarmed(c: Context, body: Disarmed) -> Iterator[Telling]:
    yield _account(c, f"the account is closed again: {body.detail}", Severity.LOW, activity_id=_DISABLE)


def _armed_outside(c: Context, body: ArmedOutside) -> Iterator[Telling]:
    until = arming_rules.until_words(body.until)
    subject = f"ARMED BY SOMEBODY ELSE: the target lets the account in {until}, and no arming accounts for it"
    yield _account(c, subject, Severity.CRITICAL, activity_id=_ENABLE)
    incident = f"{arming_rules.OUTSIDE}-{c.record.seq}"
    yield finding(f"{subject}{_owed(c)}", incident=incident, severity=Severity.FATAL)


def _watched(_c: Context, body: Watched) -> Iterator[Telling]:
    if body.problem:
        yield finding(f"the watch does not see every login: {body.problem}", incident="watch")
        return
    yield _terminal(ocsf.OTHER, "the watch is alive", Severity.INFORMATIONAL, activity_name="Watch")
    subject = "the watch sees every login"
    yield finding(subject, incident="watch", severity=Severity.INFORMATIONAL, action=Action.RESOLVE)


def _probed(_c: Context, body: Probed) -> Iterator[Telling]:
    subject = f"probes found: {', '.join(f'{name} {answer}' for name, answer in body.answers.items())}"
    yield _terminal(ocsf.OTHER, subject, Severity.INFORMATIONAL, activity_name="Probe")


def _ticket_answered(c: Context, body: TicketAnswered) -> Iterator[Telling]:
    owed = c.set_state is not None and any(
        debt.kind == TICKET_OPEN and debt.opening == c.opening_id for debt in c.set_state.debts
    )
    subject = (
        f"the system of tickets answers about {body.ticket}: {body.answer}{'' if owed else '; the debt is settled'}"
    )
    yield _entity(c, 3, subject, Severity.LOW)


def _escalated(_c: Context, body: Escalated) -> Iterator[Telling]:
    severity = _LEVELS[min(body.level, len(_LEVELS)) - 1]
    if body.subject.startswith("quorum-"):
        severity = Severity.FATAL
    yield finding(f"{body.what} (told {_times(body.level)})", incident=body.subject, severity=severity)


def _eased(_c: Context, body: Eased) -> Iterator[Telling]:
    subject = f"settled: {body.what}"
    yield finding(subject, incident=body.subject, severity=Severity.INFORMATIONAL, action=Action.RESOLVE)


def _retired(c: Context, body: Retired | RetiredAttested) -> Iterator[Telling]:
    how = f"attested by {', '.join(body.attested_by)}" if body.attested_by else "by its quorum"
    subject = f"the set is out of service, its credential {body.credential}, {how}: {body.reason}"
    yield _entity(c, 9, subject, Severity.MEDIUM)
    if body.attested_by:
        yield finding(subject, incident=f"end-unproven-{c.record.seq}", severity=Severity.MEDIUM)


def _terminal_retired(_c: Context, body: TerminalRetired) -> Iterator[Telling]:
    left = f"; passed: {', '.join(body.passed)}" if body.passed else ""
    subject = f"the terminal is retired, its log has ended: {body.reason}{left}"
    yield _terminal(4, subject, Severity.HIGH if body.passed else Severity.MEDIUM)


def _exported(_c: Context, body: EnrolmentExported) -> Iterator[Telling]:
    subject = f"what this terminal knows of {', '.join(body.sets)} was written for another one"
    yield _terminal(ocsf.OTHER, subject, Severity.LOW, activity_name="Enrolment export")


def _enrolled(c: Context, body: Enrolled) -> Iterator[Telling]:
    subject = f"this terminal learned the set from the terminal {body.terminal}, its policy {body.policy}"
    declined = f", without the sinks {', '.join(body.sinks_declined)}" if body.sinks_declined else ""
    yield _entity(c, 6, f"{subject}{declined}", Severity.MEDIUM if declined else Severity.LOW)


def _result(word: str) -> int:
    return {"pass": ocsf.PASS, "warning": ocsf.WARNING}.get(word, ocsf.FAIL)


def _times(level: int) -> str:
    return "once" if level == 1 else f"{level} times"


TOLD: Mapping[type, Callable[[Context, Any], Iterator[Telling]]] = {
    LedgerStarted: _ledger_started,
    LedgerMoved: _ledger_moved,
    CollectorReplaced: _collector_replaced,
    PolicyAdopted: _policy_adopted,
    PolicyWeakened: _policy_weakened,
    Reassigned: _reassigned,
    Issued: _issued,
    Recovered: _recovered,
    RecoveredCore: _recovered,
    Proven: _proven,
    ReadBack: _read_back,
    Acknowledged: _acknowledged,
    CustodianSigned: _custodian_signed,
    SheetVoided: _sheet_voided,
    Declared: _declared,
    Refused: _refused,
    Overridden: _overridden,
    OfficerSigned: _officer_signed,
    RecoveryImported: _recovery_imported,
    Cancelled: _cancelled,
    Opened: _opened,
    InUse: _in_use,
    Revealing: _revealing,
    UseRecorded: _use_recorded,
    UseEnded: _use_ended,
    Deferred: _deferred,
    Abandoned: _abandoned,
    Applied: _applied,
    OldDead: _old_dead,
    Closed: _closed,
    Settled: _settled,
    DebtsSettled: _debts_settled,
    Reviewed: _reviewed,
    RollCall: _roll_call,
    Rehearsed: _rehearsed,
    DrillEnded: _drill_ended,
    LoadDrilled: _load_drilled,
    Destroyed: _destroyed,
    Noted: _noted,
    Heartbeat: _heartbeat,
    SessionsEnded: _sessions_ended,
    Rejected: _rejected,
    NotBefore: _not_before,
    RotationFound: _rotation_found,
    LoginSeen: _login_seen,
    ChangedOutside: _changed_outside,
    Watched: _watched,
    Probed: _probed,
    TicketAnswered: _ticket_answered,
    Arming: _arming,
    Disarmed: _disarmed,
    ArmedOutside: _armed_outside,
    Escalated: _escalated,
    Eased: _eased,
    Succession: _succession,
    AttestedDead: _attested_dead,
    Retired: _retired,
    RetiredAttested: _retired,
    TerminalRetired: _terminal_retired,
    EnrolmentExported: _exported,
    Enrolled: _enrolled,
}
"""Record type to what it is told as."""

SILENT: Mapping[type, str] = {
    Actions: "the watch tells of logins",
    Snapshot: "a review compares the two of a use",
    Countersigned: "a step of a rotation that is told when it is done",
    Pinned: "it follows the record of what it pins",
    TargetNamed: "a set whose target people name has no policy, and so nobody who is told",
    SessionsAwaited: "a step of a rotation that is told when it is done",
    RunsOut: "when something ends is no event; that a rotation is due before it is told when it is",
    Waited: "a step of a rotation that is told when it is done",
    Applying: "a step of a rotation that is told when it is done",
    Made: "a step of a rotation that is told when it is done; what is left of it is told when it is overdue",
    Asked: "a login of this program, for the watch to know it by",
    AlertsDelivered: "telling of it would never end",
}
"""Record types that are not told, and why."""
