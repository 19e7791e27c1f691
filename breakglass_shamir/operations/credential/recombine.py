# SPDX-License-Identifier: Apache-2.0
"""Recombine: one opening, from declaration to the proven death of the old credential.

Rules:

1. :func:`~breakglass_shamir.operations.opening.opening.open_set` returns only with its record durable; the reveal
   comes after it, here and nowhere else.
2. The use ends with the command, when the people say so, by ``close`` from elsewhere, or at its deadline.
3. Then the rotation applies. Whatever keeps it from finishing leaves a debt, said loudly.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.connectors.port.answers import CheckResult
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.drill_rules import CONTRARY
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import EpochStatus, Phase
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.openings import Closed, InUse, Refused, UseEnded
from breakglass_shamir.custody.records.rotations import Deferred
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    InvalidInput,
    LedgerBusy,
    LedgerUnwritable,
    RotationDue,
)
from breakglass_shamir.ledger import clock
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.credential.readiness import NO_TARGET, Readiness
from breakglass_shamir.operations.opening import described, opening, reveal
from breakglass_shamir.operations.opening.declaring import NOBODY, Overrides, check_request
from breakglass_shamir.operations.opening.opening import OpenedSet
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import elsewhere, naming
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED, Way
from breakglass_shamir.operations.rotation.rotation import Rotation
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass, word

CLASSIFICATIONS = ("emergency", "drill", "misuse")
"""What a closed opening was."""

LOGIN = "login by the connector: "
"""What the outcome of a use begins with where nobody saw the credential."""


@dataclass(frozen=True, slots=True)
class Use:
    """How the credential is used (docs/guide-officer.md).

    Attributes:
        command: what gets the credential, on standard input and on the descriptor numbered by ``BREAKGLASS_FD``.
        defer_s: seconds for which the rotation is put off; 0: not.
        defer_reason: why, in words.
    """

    command: tuple[str, ...] = ()
    command_output: int | None = None
    """Descriptor for the command's standard output; None: ours."""

    classification: str = ""
    """How the opening is classified when its use ends; empty: by its purpose."""

    defer_s: int = 0
    defer_reason: str = ""


@dataclass(frozen=True, slots=True)
class OpeningResult:
    """What became of an opening (docs/json.md).

    Attributes:
        set_name: the set.
        opening: id of the opening, hexadecimal.
        rotated: whether the old credential is proven dead.
        debts: ids of what the set owes.
    """

    set_name: str
    opening: str
    outcome: str
    """How the use ended."""

    rotated: bool
    epoch: int
    """The epoch in force now."""

    debts: tuple[str, ...]
    receipts: tuple[Path, ...] = ()
    """Files that were written for the officers."""

    may_live: tuple[int, ...] = ()
    """Other epochs whose sheets may still open something: nothing proves that they are dead."""

    @property
    def in_force(self) -> str:
        """Say which epoch is in force, and what is known of the sheets of the others."""
        if not self.may_live:
            return f"epoch {self.epoch} of {self.set_name} is in force, every earlier sheet is void"
        others = ", ".join(map(str, self.may_live))
        return f"epoch {self.epoch} of {self.set_name} is in force; nothing proves that epoch {others} is dead"


def recombine(
    recorder: Recorder,
    request: Request,
    overrides: Overrides,
    sources: Sources,
    use: Use,
    printing: Printing | None,
    scanner: Scanner,
    *,
    signers: Signers = NOBODY,
    named: Named = NOBODY_NAMED,
) -> OpeningResult:
    """Open, reveal, rotate.

    Args:
        recorder: at the set; without a name the sheets say which set.
        request: who asks, why, and how the credential is to be used.
        overrides: gates to pass.
        sources: the sheets.
        use: how the credential is used.
        printing: where new sheets go; None: the rotation stays owed.
        scanner: reads them.
        signers: officers who sign the declaration on this terminal.
        named: the target, where no policy names it.

    Raises:
        InvalidInput: the use would be closed as something else than it was declared for; or a login is asked for
            at a target that nobody names.
        RotationDue: the credential was used and its rotation is still owed.
        BreakglassError: see :func:`opening.open_set`; nothing was revealed.
    """
    request = check_request(request)
    _check_classification(request, use)
    program = reveal.find_program(use.command) if request.mode == "exec" else ""
    readiness = Readiness(recorder, printing, scanner, named, typed=sources.only_typed)
    ready = functools.partial(_ready, readiness, request)
    opened = opening.open_set(recorder, request, overrides, sources, scanner, program, signers=signers, ready=ready)
    try:
        way = Way(recorder, opened.credential, named)
        outcome = _use(recorder, request, use, opened, way)
        _defer(recorder, use, opened)
        _rotate(recorder, opened, way, printing, scanner, deferred=bool(use.defer_s))
    finally:
        opened.wipe()
    return result(recorder, outcome)


def _ready(readiness: Readiness, request: Request, pool: Pool | None) -> None:
    """Ask for what the rotation needs: a drill stops there, an emergency is told of it and goes on.

    Raises:
        InvalidInput: a login is asked for at a target that nobody names.
    """
    recorder, named = readiness.recorder, readiness.named
    if request.purpose != "emergency":
        readiness.check(pool)
        return
    naming.check(recorder.state.sets.get(recorder.set_name), named)
    if request.mode == "no-reveal" and naming.is_open(recorder, named) and not recorder.desk.can_ask():
        raise InvalidInput(NO_TARGET, hint="name it with --target URI, or reveal the credential with --show or --exec")
    readiness.warn(pool)


def result(recorder: Recorder, outcome: str) -> OpeningResult:
    """Say what became of the opening that the recorder is at."""
    state = recorder.refresh()
    past = {one.id: one for one in (*state.past, *filter(None, [state.opening]))}
    return OpeningResult(
        state.name,
        recorder.opening,
        outcome,
        past[recorder.opening].rotated,
        state.current_epoch.number,
        tuple(debt.id for debt in state.debts),
        may_live=tuple(
            epoch.number
            for epoch in state.epochs.values()
            if epoch.status is EpochStatus.GOOD and epoch.epoch_id not in (state.current, state.prepared)
        ),
    )


def _use(recorder: Recorder, request: Request, use: Use, opened: OpenedSet, way: Way) -> str:
    """Reveal in the way that was asked for, and wait for the end of the use; returns how it ended."""
    if request.mode == "exec":
        recorder.desk.say(f"the credential goes to {use.command[0]}")
        for warning in described.warnings(opened.credential, whole=False):
            recorder.desk.warn(warning)
        _record_use(recorder, InUse())
        outcome = reveal.run_command(use.command, opened.credential, output=use.command_output)
        return _end_use(recorder, outcome, use.classification or request.purpose)
    if request.mode == "no-reveal":
        return _end_use(recorder, _log_in(opened, way), use.classification or request.purpose)
    return _show(recorder, request, use, opened)


def _show(recorder: Recorder, request: Request, use: Use, opened: OpenedSet) -> str:
    policy = policy_in_force(recorder.set_state)
    for warning in described.warnings(opened.credential, whole=True):
        recorder.desk.warn(warning)
    _record_use(recorder, InUse())
    recorder.desk.show(opened.credential, policy.reveal.show_for.seconds)
    said = recorder.desk.until_use_ends(_closed_elsewhere(recorder), _seconds_left(recorder))
    if _closed_elsewhere(recorder)():
        return "the use was closed from elsewhere"
    outcome = "shown on the screen; " + ("the officers ended the use" if said else "the time was over")
    return _end_use(recorder, outcome, said or use.classification or request.purpose)


def _closed_elsewhere(recorder: Recorder) -> Callable[[], bool]:
    def closed() -> bool:
        state = recorder.refresh()
        return state.opening is None or state.opening.id != recorder.opening or state.opening.use_ended

    return closed


def _seconds_left(recorder: Recorder) -> Callable[[], int]:
    started, allowed_s = clock.now(), recorder.set_state.active_opening.declared.use_for_s
    return lambda: allowed_s - started.seconds_until(clock.now())


def _log_in(opened: OpenedSet, way: Way) -> str:
    """Let the connector log in, so that nobody sees the credential."""
    try:
        check = targets.connector_of(way.policy()).check(opened.credential.secret)
    except BreakglassError as error:
        return f"no login: {error}"
    way.recorder.desk.say(f"{LOGIN}{check.result} ({check.detail})")
    elsewhere.note(way.recorder, opened.quorum.epoch_id, check)
    if check.result is CheckResult.REFUSED:
        way_on = elsewhere.way_on(way.recorder, opened.quorum.epoch_id)
        way.recorder.desk.warn(f"the target refuses this credential: {way_on}")
    return f"{LOGIN}{check.result}"


def _record_use(recorder: Recorder, record: InUse) -> None:
    """Record that the use begins; where only that fails and the opening is found on record, it only warns.

    Raises:
        LedgerUnwritable, LedgerBusy: the opening is not found on record any more; nothing was revealed.
    """
    try:
        recorder.append(record)
    except (LedgerUnwritable, LedgerBusy) as error:
        with opening.nothing_revealed():
            recorder.require_found()
        recorder.desk.warn(f"the beginning of the use could not be recorded: {error}")


def _check_classification(request: Request, use: Use) -> None:
    """Refuse, before anything is declared, to close an emergency as a drill or a drill as an emergency."""
    if (request.purpose, use.classification) in CONTRARY:
        raise InvalidInput(
            f"this opening is declared with the purpose {request.purpose}: it cannot be closed as {use.classification}",
            hint="a drill of the real thing is: breakglass drill access",
        )


def _end_use(recorder: Recorder, outcome: str, classification: str) -> str:
    word = classification if classification in CLASSIFICATIONS else "drill"
    if _closed_elsewhere(recorder)():
        recorder.desk.say("the use was closed from elsewhere")
        return outcome
    purpose = recorder.set_state.active_opening.declared.purpose
    if (purpose, word) in CONTRARY:
        recorder.desk.warn(f"what was declared with the purpose {purpose} is not closed as {word}: it stays {purpose}")
        word = purpose
    try:
        recorder.append(UseEnded(outcome=outcome, classification=word))
    except (LedgerUnwritable, LedgerBusy) as error:
        raise type(error)(
            f"{error}; the credential was opened and its rotation is owed, whatever the ledger says of it by now: keep "
            "the receipts",
            hint=error.hint,
        ) from error
    recorder.desk.say(f"the use has ended: {outcome}")
    return outcome


def _defer(recorder: Recorder, use: Use, opened: OpenedSet) -> None:
    """Put the rotation off, where the policy allows; where not, it is overdue at once."""
    if not use.defer_s:
        return
    policy = policy_in_force(recorder.set_state)
    for_s = use.defer_s if policy.rotation.may_defer else 0
    recorder.append(Deferred(for_s=for_s, reason=use.defer_reason), set_key=opened.set_key)
    if for_s:
        recorder.desk.warn(f"the rotation is put off for {use.defer_s} s; until then the old credential lives")
    else:
        recorder.desk.warn("the policy allows no deferral: the rotation is overdue now")


def _rotate(
    recorder: Recorder, opened: OpenedSet, way: Way, printing: Printing | None, scanner: Scanner, *, deferred: bool
) -> None:
    """Rotate in the same run, where there is a place for the new sheets.

    Raises:
        RotationDue: it was put off, there is no place, or a step failed; the debt stands in the ledger.
    """
    name, interrupted = recorder.set_name, recorder.set_state.applying
    nobody_named = naming.is_open(recorder, way.named) and not recorder.desk.can_ask()
    options = "--scan PATH... --out DIR" + ("" if way.source else f" --target {word(way.named.uri or 'URI')}")
    hint = f"settle it with: {breakglass('rotate', name, options=options)}"
    if interrupted:
        command = breakglass("rotate", name, options="--scan PATH...")
        hint = f"go on with the old and the new sheets together: {command}"
    if deferred or printing is None or interrupted or nobody_named:
        raise RotationDue(f"the credential of {name} was opened and its rotation is owed", hint=hint)
    try:
        rotation = Rotation(recorder, way.policy(), way.source, opened.credential, opened.set_key)
        new = rotation.prepare(printing, scanner)
        rotation.finish(new, printing, scanner)
    except (LedgerUnwritable, LedgerBusy, IllegalState):
        raise
    except BreakglassError as error:
        recorder.append(Refused(stage="rotate", error=error.id, message=str(error)))
        raise RotationDue(f"the rotation of {name} is owed: {error}", hint=error.hint or hint) from error


def close(recorder: Recorder, classification: str) -> str:
    """End the use of the opening under way, so that its rotation applies; returns its id.

    Raises:
        IllegalState: there is no use to close.
        InvalidInput: not a classification.
    """
    if classification not in CLASSIFICATIONS:
        raise InvalidInput(f"expected one of {', '.join(CLASSIFICATIONS)}, got {classification!r}")
    under_way = recorder.set_state.active_opening
    recorder.opening = under_way.id
    if under_way.rotated:
        recorder.append(Closed(classification=classification))
        return under_way.id
    if under_way.phase is Phase.DECLARED:
        raise IllegalState("nothing was opened yet", hint="withdraw the declaration with: breakglass cancel")
    recorder.append(UseEnded(outcome="closed by the officers", classification=classification))
    return under_way.id
