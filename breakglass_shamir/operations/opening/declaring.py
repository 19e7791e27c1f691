# SPDX-License-Identifier: Apache-2.0
"""From a request to a declaration on record: what is asked for, who signs, which gates stop it or are passed.

Rules:

1. A gate that fails is refused by name and recorded, or passed by its override, recorded and owed.
2. A next try that says the same goes on under the declaration there is, as long as that holds.
3. A refusal stands, even when it could not be recorded.

It scans nothing; ``opening.py`` does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from breakglass_shamir.custody.life import gates
from breakglass_shamir.custody.life.gates import Problem, Request
from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Opening, Phase
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records.openings import Declared, Overridden, Refused
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, GateClosed, InvalidInput
from breakglass_shamir.formats.plain import escaped
from breakglass_shamir.ledger import clock
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.operations.opening import signing
from breakglass_shamir.operations.opening.measured import Measure, unmeasured
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.recorder import GIVE_IT_BACK, Recorder
from breakglass_shamir.shell import breakglass, word
from breakglass_shamir.structs import replace as with_fields

DEFAULT_VALID_FOR_S = 1800
"""How long a declaration holds where no policy says otherwise."""


DEFAULT_USE_FOR_S = 3600
"""How long a use may take where no policy says otherwise."""


NOBODY = Signers()
"""Nobody signs on this terminal."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Which gates an emergency passes, and why (docs/guide-officer.md).

    Attributes:
        gates: names of the checks to pass.
        reason: why, in words.
        reasons: why, for single gates, where that is another reason.
    """

    gates: frozenset[str] = frozenset()
    reason: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def why(self, gate: str) -> str:
        """Return why a gate is passed, in words. Never raises."""
        return self.reasons.get(gate, self.reason)

    def with_gate(self, gate: str, reason: str) -> "Overrides":
        """Return these and one more. Never raises."""
        return Overrides(self.gates | {gate}, self.reason, {**self.reasons, gate: reason})


def check_request(request: Request) -> Request:
    """Return a request with its texts trimmed, or refuse empty words.

    Raises:
        InvalidInput: an empty reason, ticket, class or officer.
    """
    clean = check_human_text
    return with_fields(
        request,
        incident_class=clean("incident class", request.incident_class),
        ticket=clean("ticket", request.ticket),
        reason=clean("reason", request.reason),
        officers=tuple(clean("officer", name) for name in request.officers),
    )


def check_overrides(request: Request, overrides: Overrides) -> Overrides:
    """Return the overrides with their reason trimmed.

    Raises:
        InvalidInput: an unknown gate, no reason in words, or no emergency.
    """
    unknown = sorted(overrides.gates - set(gates.GATES))
    if unknown:
        raise InvalidInput(
            f"expected gates of {', '.join(gates.GATES)}, got {', '.join(unknown)}",
            hint=" ".join(filter(None, (did_you_mean(one, gates.GATES) for one in unknown))),
        )
    if overrides.gates and request.purpose != "emergency":
        raise InvalidInput(f"only an emergency may override a check, this is a {request.purpose}")
    if overrides.gates <= overrides.reasons.keys():
        return overrides
    return replace(overrides, reason=check_human_text("reason in --override-reason", overrides.reason))


def declare(
    recorder: Recorder, request: Request, overrides: Overrides, last: Moment | None, measure: Measure = unmeasured
) -> Overrides:
    """Record the declaration, or go on under the one that says the same and still holds.

    Args:
        recorder: at the set.
        request: what is asked for.
        overrides: gates to pass.
        last: when this ledger last recorded anything but a refusal, before this attempt.
        measure: asks what the policy wants to be asked at an emergency.

    Returns:
        The overrides, with those that people gave when they were asked.

    Raises:
        GateClosed: a check failed and was not overridden.
    """
    state = recorder.refresh()
    under_way = state.opening
    policy = policies.parse(state.policy_source) if state.policy_source else None
    if not request.use_for_s:
        longest = gates.longest_use(policy, request.incident_class)[0].seconds if policy else DEFAULT_USE_FOR_S
        request = with_fields(request, use_for_s=longest)
    goes_on = under_way is not None and _still_holds(under_way, request, state.policy_digest)
    if under_way is not None and goes_on:
        was = under_way.declared
        request = with_fields(request, probes=was.probes, ticket_answer=was.ticket_answer)
    else:
        request = _measured(recorder, policy, request, measure)
    problems = gates.before_declaring(
        policy, state, request, clock.now(), last=last, goes_on=goes_on, others=recorder.guard().problems
    )
    if under_way is not None and goes_on:
        overridden = {debt.kind for debt in state.debts if debt.opening == under_way.id}
        problems = [problem for problem in problems if problem.gate not in overridden]
    overrides = stop_at(recorder, problems, overrides, emergency=request.purpose == "emergency")
    if under_way is not None and goes_on:
        recorder.opening = under_way.id
        record_overrides(recorder, problems, overrides)
        return overrides
    declared = Declared(
        purpose=request.purpose,
        incident_class=request.incident_class,
        ticket=request.ticket,
        reason=request.reason,
        officers=request.officers,
        valid_for_s=policy.declaration.valid_for.seconds if policy else DEFAULT_VALID_FOR_S,
        use_for_s=request.use_for_s,
        debts=request.debts,
        supersedes=under_way.id if under_way else "",
        policy_digest=state.policy_digest,
        probes=request.probes,
        ticket_answer=request.ticket_answer,
    )
    recorder.opening = ""
    recorder.opening = recorder.append(declared).digest
    record_overrides(recorder, problems, overrides)
    if under_way is not None and (under_way.declared.purpose, request.purpose) == ("drill", "emergency"):
        recorder.desk.warn(f"the drill that was under way ({under_way.short_id}) is over: this is an emergency")
    recorder.desk.say(f"declared: opening {recorder.opening[:12]} of {recorder.set_name}")
    if recorder.alerted_sinks():
        recorder.desk.say(f"told: {', '.join(recorder.alerted_sinks())}, as soon as each can be reached")
    return overrides


def _measured(recorder: Recorder, policy: Policy | None, request: Request, measure: Measure) -> Request:
    """Ask the probes and the system of tickets that the policy names, within its budget, and say what they found."""
    if policy is None or request.purpose != "emergency" or not (policy.outage or policy.ticket):
        return with_fields(request, probes={}, ticket_answer="")
    recorder.desk.say(f"asking what is out, for up to {policy.budget_s} s")
    found = measure(policy, request.incident_class, request.ticket)
    standby = {one.name for one in policy.outage.probes if one.standby} if policy.outage else set()
    for name, answer in found.probes.items():
        recorder.desk.say(f"{'standby' if name in standby else 'probe'} {name}: {escaped(answer)}")
    if found.ticket:
        recorder.desk.say(f"ticket {request.ticket}: {escaped(found.ticket)}")
    return with_fields(request, probes=dict(found.probes), ticket_answer=found.ticket)


def have_signed(recorder: Recorder, request: Request, overrides: Overrides, signers: Signers) -> Overrides:
    """Have the officers sign before the first scan; what is missing stops here, or is passed by name.

    Raises:
        GateClosed: fewer officers have signed than the policy asks for.
    """
    passed = any(debt.kind == "signatures" and debt.opening == recorder.opening for debt in recorder.set_state.debts)
    missing = signing.collect(recorder, signers, passes=passed or "signatures" in overrides.gates)
    problems = [] if passed else missing
    overrides = stop_at(recorder, problems, overrides, emergency=request.purpose == "emergency")
    record_overrides(recorder, problems, overrides)
    return overrides


def stop_at(recorder: Recorder, problems: Sequence[Problem], overrides: Overrides, *, emergency: bool) -> Overrides:
    """Refuse at the first problem that is not overridden, recording the refusal; in an emergency people are asked.

    Returns:
        The overrides, with those that people gave when they were asked.

    Raises:
        GateClosed: naming the gate.
    """
    for problem in problems:
        reason = None
        if problem.gate not in overrides.gates and emergency:
            reason = recorder.desk.pass_gate(problem.gate, problem.text, gates.GATES[problem.gate])
        if reason is not None:
            overrides = overrides.with_gate(problem.gate, check_human_text("reason", reason))
        elif problem.gate not in overrides.gates:
            error = GateClosed(problem.gate, problem.text, hint=_way_out(recorder, problem.gate, emergency=emergency))
            record_refusal(recorder, problem.gate, error)
            raise error
    return overrides


def record_overrides(recorder: Recorder, problems: Sequence[Problem], overrides: Overrides) -> None:
    """Record each gate that is passed, with what failed and why it is passed; each is owed."""
    for problem in problems:
        recorder.append(Overridden(gate=problem.gate, problem=problem.text, reason=overrides.why(problem.gate)))
        recorder.desk.warn(f"overridden: {problem.gate}: {problem.text}")


def record_refusal(recorder: Recorder, stage: str, error: BreakglassError) -> None:
    """Record a refused attempt once; when even that cannot be written, the refusal itself still stands."""
    if error is recorder.refusal:
        return
    recorder.refusal = error
    try:
        recorder.append(Refused(stage=stage, error=error.id, message=str(error)))
    except BreakglassError as failure:
        recorder.desk.warn(f"this refusal could not be recorded: {failure}")


def _way_out(recorder: Recorder, gate: str, *, emergency: bool) -> str:
    """Say how an opening that stands in the way is ended; empty: the override is the only way."""
    under_way = recorder.set_state.opening
    override = f"an emergency may pass with --override {word(gate)} --override-reason R"
    if gate == "signatures":
        command = breakglass("sign", recorder.set_name, options="--key KEYFILE")
        way = f"sign with: {command}, and repeat this command"
        return f"{way}; {override}" if emergency else way
    if gate == gates.SUPERSEDED:
        living = recorder.set_state.current_epoch
        way = f"bring the sheets of epoch {living.number} ({living.short_id}), which is in force here"
        return f"{way}; {override}" if emergency else f"{way}; {override}: breakglass recombine"
    if gate == "home":
        way = f"{GIVE_IT_BACK}, or use a home that is yours alone"
        return f"{way}; {override}" if emergency else way
    if gate != "under-way" or under_way is None:
        return override if emergency else f"a drill or rotation overrides nothing; {override}: breakglass recombine"
    ended_as = "emergency" if under_way.declared.purpose == "emergency" else "drill"
    verb, options = ("close", f"--as {word(ended_as)}") if under_way.was_opened else ("cancel", "--reason R")
    way = f"if nobody works on it any more: {breakglass(verb, recorder.set_name, options=options)}"
    return f"{way}; {override}" if emergency else way


def _still_holds(under_way: Opening, request: Request, policy_digest: str) -> bool:
    """Tell whether the declaration under way says the same and is not stale, so that a next try goes on under it."""
    declared = under_way.declared
    if declared.policy_digest != policy_digest:
        return False
    if under_way.phase is not Phase.DECLARED or under_way.at.seconds_until(clock.now()) > declared.valid_for_s:
        return False
    names = ("purpose", "incident_class", "ticket", "reason", "officers", "use_for_s", "debts")
    return all(getattr(declared, name) == getattr(request, name) for name in names)
