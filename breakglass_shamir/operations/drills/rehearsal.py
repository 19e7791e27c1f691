# SPDX-License-Identifier: Apache-2.0
"""Rehearsal: the whole way from declaration to quorum, on drill cards (spec section 9).

Rules:

1. It is declared as every opening is, and its checks are hard: a drill overrides nothing.
2. What is combined are drill cards, under their own master; nothing is revealed, and nothing of the live
   credential can follow from it.
3. Its alert goes out like every other, and how long it took to be acknowledged is measured. Where the policy wants
   that before a reveal, nobody taking it in time fails the drill; else it is a warning.
4. A live sheet among the scans is named at once, is not used, and makes the drill a warning at least.
5. It ends in a record that the cards' own key signs, in a namespace that never satisfies a quorum; one that found
   no quorum ends in a record of that.
6. An emergency that is declared meanwhile supersedes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from breakglass_shamir.crypto.keys import Kind
from breakglass_shamir.custody.life import gates
from breakglass_shamir.custody.life.drill_rules import drill_envelope
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.history import STATUS_IDS
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState, read_seat
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.quorum.answer import Answer
from breakglass_shamir.custody.quorum.known import Known, custodians_of
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.drills import DrillEnded, Rehearsed
from breakglass_shamir.errors import BreakglassError, Exposed, GateClosed, IllegalState
from breakglass_shamir.formats import text
from breakglass_shamir.formats.seal import Unsealed
from breakglass_shamir.formats.share import ReadShare
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations.opening import declaring
from breakglass_shamir.operations.opening.declaring import NOBODY, Overrides
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.reading.sources import Sources, read_sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass
from breakglass_shamir.structs import replace


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """What a drill showed (docs/json.md).

    Attributes:
        set_name: the set.
        opening: id of the drill's opening.
        drill: ``rehearsal`` or ``access``.
        epoch: number of the epoch in force.
        sheets: seats of the drill cards that were used.
        live: seats of live sheets that turned up.
        login: what the target said to the credential; empty in a rehearsal.
        steps_ms: milliseconds from the declaration to each step.
        result: ``pass``, ``warning`` or ``fail``.
        reasons: why it is no pass, a sentence each.
        compliance_status_id: the result as OCSF has it: 1, 2 or 3.
    """

    set_name: str
    opening: str
    drill: str
    epoch: int
    sheets: tuple[str, ...]
    live: tuple[str, ...]
    login: str
    steps_ms: Mapping[str, int]
    result: str
    reasons: tuple[str, ...]
    compliance_status_id: int


def rehearse(
    recorder: Recorder,
    request: Request,
    sources: Sources,
    scanner: Scanner,
    *,
    signers: Signers = NOBODY,
) -> DrillOutcome:
    """Play an opening on drill cards.

    Args:
        recorder: at the set.
        request: who takes part and why; its purpose is ``drill``.
        sources: the drill cards.
        scanner: reads them.
        signers: officers who sign the declaration on this terminal.

    Raises:
        GateClosed: a check failed; a drill overrides none.
        InsufficientShares: no quorum of drill cards; that is recorded as a failed drill.
        Exposed: a quorum of live sheets was among the scans; recorded as a failed drill.
        IllegalState: the set has no drill cards, or an emergency superseded the drill.
    """
    request = declaring.check_request(request)
    state = recorder.set_state
    epoch = state.current_epoch
    drill_envelope(epoch, state.name)
    declaring.declare(recorder, _in_an_allowed_mode(state, request), Overrides(), recorder.state.last_done)
    steps = _Steps(recorder.set_state.active_opening.at.uptime_ms)
    declaring.have_signed(recorder, request, Overrides(), signers)
    if recorder.set_state.active_opening.signatures:
        steps.mark("signed")
    pool = _TimedPool(_known_cards(state), state, steps)
    try:
        # Every file is read to its end, so that no live sheet among them stays unnamed.
        read_sources(pool, sources, scanner, recorder.desk, enough=pool.complete, enough_files=lambda: False)
        found = pool.quorum()
        _check_time(recorder)
        untold = _alert(recorder, steps)
        unsealed = pool.confirmed or found.unseal()
    except BreakglassError as error:
        _failed(recorder, epoch, pool, error)
        raise
    result, reasons = _judge(epoch, pool, untold)
    live = tuple(sorted(pool.live))
    body = Rehearsed(
        epoch_id=epoch.epoch_id, sheets=found.sheets, live=live, steps_ms=steps.taken, result=result, reasons=reasons
    )
    try:
        recorder.append(body, set_key=unsealed.set_key)
    finally:
        unsealed.wipe()
    if result == "fail":
        raise Exposed(
            f"the rehearsal of {state.name} failed: {reasons[0]}",
            hint=f"take the credential for known: {_rotate(state.name)}",
        )
    return DrillOutcome(
        state.name, recorder.opening, "rehearsal", epoch.number, found.sheets, live, "", steps.taken, result, reasons,
        STATUS_IDS[result],
    )  # fmt: skip


def _rotate(name: str) -> str:
    return breakglass("rotate", name, options="--scan PATH... --out DIR")


def _in_an_allowed_mode(state: SetState, request: Request) -> Request:
    """Return the request in a mode that the policy allows: nothing is revealed, so none of them is at stake."""
    modes = policies.parse(state.policy_source).reveal.modes if state.policy_source else (request.mode,)
    return request if request.mode in modes else replace(request, mode=modes[0])


def _check_time(recorder: Recorder) -> None:
    """Hold the declaration's age against the policy, as an opening does before it combines.

    Raises:
        GateClosed: it is stale.
    """
    for problem in gates.before_opening(recorder.refresh(), clock.now()):
        raise GateClosed(problem.gate, problem.text, hint="a drill overrides nothing: declare it again")


def _alert(recorder: Recorder, steps: "_Steps") -> tuple[str, ...]:
    """Take the time the alert of the declaration took to be acknowledged; returns what is wrong with that.

    Raises:
        GateClosed: nobody took it in time, and the policy wants that.
    """
    seq, source = recorder.set_state.active_opening.seq, recorder.set_state.policy_source
    if not source or not recorder.alerted_sinks():
        return ()
    rules = policies.parse(source).alerts
    if not recorder.alert_taken(seq, rules.budget.seconds):
        text = f"no sink took the alert of this declaration within {rules.budget}"
        if rules.require_ack:
            raise GateClosed("alert", text, hint="a drill overrides nothing: mend the sinks, and declare it again")
        return (text,)
    took_ms = recorder.alert_took_ms(seq)
    if took_ms is not None:
        steps.taken["alert-acknowledged"] = took_ms
    return ()


def _judge(epoch: EpochState, pool: "_TimedPool", untold: tuple[str, ...] = ()) -> tuple[str, tuple[str, ...]]:
    """Return result and reasons of a drill, as far as live sheets and alerts go."""
    live = ", ".join(sorted(pool.live))
    of_epoch = [read_seat(seat) for seat in pool.live if seat in epoch.seats]
    if epoch.envelope.core.structure.is_quorum(of_epoch):
        return "fail", (f"a quorum of live sheets was scanned in a drill: {live}", *untold)
    if live:
        return "warning", (f"live sheets were scanned in a drill: {live}; new bag and roll-call for each", *untold)
    return ("warning", untold) if untold else ("pass", ())


def _failed(recorder: Recorder, epoch: EpochState, pool: "_TimedPool", error: BreakglassError) -> None:
    """Record a rehearsal that came to no quorum; when even that cannot be written, the error itself still stands."""
    body = DrillEnded(
        drill="rehearsal", epoch_id=epoch.epoch_id, login="", steps_ms=pool.steps.taken, result="fail",
        reasons=(str(error), *_judge(epoch, pool)[1]),
    )  # fmt: skip
    try:
        recorder.append(body)
    except IllegalState:
        raise
    except BreakglassError as failure:
        recorder.desk.warn(f"this drill could not be recorded: {failure}")


def _known_cards(state: SetState) -> dict[bytes, Known]:
    """Return the drill cards that this ledger knows, by their own epoch id."""
    known = {}
    for epoch in state.epochs.values():
        if not epoch.drill_envelope:
            continue
        envelope, current = drill_envelope(epoch, state.name), epoch.epoch_id == state.current
        good = epoch.status is EpochStatus.GOOD
        words = "printed but not yet in force" if good else f"{epoch.status} since {epoch.since[:10]}"
        known[envelope.core.epoch_id] = Known(
            state.name, epoch.number, envelope, current, good, words, {}, custodians=custodians_of(epoch)
        )  # fmt: skip
    return known


@dataclass(slots=True)
class _Steps:
    """How long after the declaration each step was taken."""

    declared_ms: int
    taken: dict[str, int] = field(default_factory=dict)

    def mark(self, step: str) -> None:
        """Take the time of a step, the first time it comes."""
        self.taken.setdefault(step, max(0, clock.now().uptime_ms - self.declared_ms))


class _TimedPool(Pool):
    """Takes drill cards, remembers when, and which live sheets it was shown."""

    def __init__(self, cards: Mapping[bytes, Known], state: SetState, steps: _Steps) -> None:
        super().__init__(cards, set_name=state.name, kind=Kind.DRILL)
        self._state = state
        self.steps = steps
        self.live: set[str] = set()
        self.confirmed: Unsealed | None = None

    def add_share(self, read: ReadShare, *others: ReadShare) -> Answer:
        """Take one share; a live one is named and left."""
        self.steps.mark("first-scan")
        found = read.share
        if found.kind is Kind.LIVE:
            seat, mine = f"{found.group}.{found.member}", found.epoch_id.hex() == self._state.current
            self.live.add(seat if mine else f"{seat} of set {text.short_id(found.epoch_id)}")
        answer = super().add_share(read, *others)
        if self.confirmed is None and self.complete():
            self.steps.mark("quorum")
            self.confirmed = self.quorum().unseal()
            self.steps.mark("confirmed")
        return answer
