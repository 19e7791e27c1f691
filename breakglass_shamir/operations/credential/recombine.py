# SPDX-License-Identifier: Apache-2.0
"""Recombine: one opening, from declaration to the proven death of the old credential.

Rules:

1. :func:`~breakglass_shamir.operations.opening.opening.open_set` returns only with its record durable; the reveal
   comes after it, here and nowhere else.
2. The use ends as ``using`` says.
3. Then the rotation applies. Whatever keeps it from finishing leaves a debt, said loudly. Where nothing was done with
   the credential, since its command could not be started and nobody was there, it does not apply: they come again.
"""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.drill_rules import CONTRARY
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import EpochStatus, Phase
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.custody.records.openings import Closed, Refused, UseEnded
from breakglass_shamir.custody.records.rotations import Deferred
from breakglass_shamir.errors import (
    BreakglassError,
    IllegalState,
    InvalidInput,
    LedgerBusy,
    LedgerUnwritable,
    RotationDue,
)
from breakglass_shamir.operations.arming import keeping
from breakglass_shamir.operations.credential.readiness import NO_TARGET, Readiness
from breakglass_shamir.operations.credential.using import CLASSIFICATIONS, Use, Using, heed
from breakglass_shamir.operations.measuring.asking import measure
from breakglass_shamir.operations.monitoring.to_do import ToDo, to_destroy
from breakglass_shamir.operations.opening import opening, reveal
from breakglass_shamir.operations.opening.declaring import NOBODY, Overrides, check_request
from breakglass_shamir.operations.opening.opening import OpenedSet
from breakglass_shamir.operations.opening.signing import Signers
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources, read_sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.recording import use as recording
from breakglass_shamir.operations.rotation import naming
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED, Way
from breakglass_shamir.operations.rotation.resuming import Place, Resuming, nowhere, telling_what_stands
from breakglass_shamir.operations.rotation.rotation import Rotation, credential_of
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass, word


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

    to_destroy: tuple[ToDo, ...] = ()
    """Sheets that open nothing any more, and what records that they were destroyed; only after a rotation."""

    @property
    def left_to_do(self) -> tuple[str, ...]:
        """Say, a line each, what becomes of sheets that open nothing any more, and what to type then."""
        return tuple(
            line
            for one in self.to_destroy
            for line in (f"destroy now: {one.what}", *(f"then type: {command}" for command in one.commands))
        )

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
    place: Place = nowhere,
) -> OpeningResult:
    """Open, reveal, rotate.

    Args:
        recorder: at the set; without a name the sheets say which set.
        request: who asks, why, and how the credential is to be used.
        overrides: gates to pass.
        sources: the sheets.
        use: how the credential is used.
        printing: where new sheets go; None: ``place`` says it after the use, or the rotation stays owed.
        scanner: reads them.
        signers: officers who sign the declaration on this terminal.
        named: the target, where no policy names it.
        place: asked for a place for the new sheets when the use is over and a rotation could follow.

    Raises:
        InvalidInput: the use would be closed as something else than it was declared for; or a login is asked for
            at a target that nobody names.
        RotationDue: the credential was used and its rotation is still owed.
        BreakglassError: see :func:`opening.open_set`; nothing was revealed.
    """
    request = check_request(request)
    _check_classification(request, use)
    program = reveal.find_program(use.command) if request.mode == "exec" else ""
    warned = heed(recorder.desk, use.command, tty=use.tty) if request.mode == "exec" else ()
    readiness = Readiness(recorder, printing, scanner, named, typed=sources.only_typed)
    ready = functools.partial(_ready, readiness, request)
    opened = opening.open_set(
        recorder, request, overrides, sources, scanner, program, signers=signers, ready=ready, measure=measure,
        arm=keeping.gate,
    )  # fmt: skip
    try:
        way = Way(recorder, opened.credential, named)
        using = Using(recorder, request, use, opened, way, program, warned)
        outcome = using.until_over()
        _defer(recorder, use, opened)
        if using.came_to_nothing:
            raise _not_used(recorder.set_name, outcome)
        with telling_what_stands(recorder):
            resuming = Resuming(recorder, scanner, printing, place=place, opened=True)
            _rotate(recorder, opened, way, resuming, sources, deferred=bool(use.defer_s))
    finally:
        opened.wipe()
        recorder.close_accounts()
    return result(recorder, outcome)


def _ready(readiness: Readiness, request: Request, pool: Pool | None) -> None:
    """Ask for what the rotation needs: a drill stops there, an emergency is told of it and goes on.

    Raises:
        InvalidInput: a login is asked for at a target that nobody names.
    """
    recorder, named = readiness.recorder, readiness.named
    recording.check(recorder, hard=request.purpose != "emergency")
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
    rotated = past[recorder.opening].rotated
    return OpeningResult(
        state.name,
        recorder.opening,
        outcome,
        rotated,
        state.current_epoch.number,
        tuple(debt.id for debt in state.debts),
        may_live=tuple(
            epoch.number
            for epoch in state.epochs.values()
            if epoch.status is EpochStatus.GOOD and epoch.epoch_id not in (state.current, state.prepared)
        ),
        to_destroy=to_destroy(state) if rotated else (),
    )


def _check_classification(request: Request, use: Use) -> None:
    """Refuse, before anything is declared, to close an emergency as a drill or a drill as an emergency."""
    if (request.purpose, use.classification) in CONTRARY:
        raise InvalidInput(
            f"this opening is declared with the purpose {request.purpose}: it cannot be closed as {use.classification}",
            hint="a drill of the real thing is: breakglass drill access",
        )


def _not_used(name: str, outcome: str) -> RotationDue:
    """Say what is next where the command could not be started, and nobody was there to name another one."""
    return RotationDue(
        f"nothing was done with the credential of {name} ({outcome}); it was opened, and its rotation is owed",
        hint=f"correct the command and open the set again, with --debt ID for it: {breakglass('recombine', name)}",
    )


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
    recorder: Recorder, opened: OpenedSet, way: Way, resuming: Resuming, sources: Sources, *, deferred: bool
) -> None:
    """Rotate in the same run, where there is a place for the new sheets, or an earlier one has printed them.

    Raises:
        RotationDue: it was put off, there is no place, or a step failed; the debt stands in the ledger.
    """
    name, interrupted = recorder.set_name, recorder.set_state.applying
    nobody_named = naming.is_open(recorder, way.named) and not recorder.desk.can_ask()
    options = "--scan PATH... --out DIR" + ("" if way.source else f" --target {word(way.named.uri or 'URI')}")
    asks = recorder.desk.can_ask()
    hint = f"settle it with: {breakglass('rotate', name, options='' if asks else options)}"
    if interrupted:
        command = breakglass("rotate", name, options="" if asks else "--scan PATH...")
        hint = f"go on with the old and the new sheets together: {command}"
    prepared = recorder.set_state.prepared
    if deferred or interrupted or nobody_named or not (prepared or resuming.find_place()):
        raise RotationDue(f"the credential of {name} was opened and its rotation is owed", hint=hint)
    try:
        rotation = Rotation(recorder, way.policy(), way.source, opened.credential, opened.set_key)
        new = _gone_on_with(recorder, resuming, sources) if prepared else None
        if new is None:
            assert resuming.printing is not None  # noqa: S101 - a place is held above, and where people give one up
            new = rotation.prepare(resuming.printing, resuming.scanner)
        rotation.finish(new, resuming.printing, resuming.scanner)
    except (LedgerUnwritable, LedgerBusy, IllegalState):
        raise
    except BreakglassError as error:
        recorder.append(Refused(stage="rotate", error=error.id, message=str(error)))
        raise RotationDue(f"the rotation of {name} is owed: {error}", hint=error.hint or hint) from error


def _gone_on_with(recorder: Recorder, resuming: Resuming, sources: Sources) -> Credential | None:
    """Return the credential of the epoch that an earlier run printed, from its sheets; None: people gave it up.

    Raises:
        InsufficientShares: no quorum of them is there; nothing is given up by that.
    """
    resuming.say()
    pool = resuming.new_pool()
    read_sources(pool, replace(sources, asks=False, camera=None, watched=None), resuming.scanner, recorder.desk,
                 enough=lambda: False)  # fmt: skip
    resuming.complete(pool)
    if resuming.abandon:
        resuming.give_up()
        return None
    resuming.take(pool)
    return credential_of(pool.quorum(bytes.fromhex(recorder.set_state.prepared)))


def close(recorder: Recorder, classification: str) -> str:
    """End the use of the opening under way, so that its rotation applies; returns its id.

    Raises:
        IllegalState: there is no use to close.
        InvalidInput: not a classification.
    """
    if classification not in CLASSIFICATIONS:
        raise InvalidInput(f"expected one of {', '.join(CLASSIFICATIONS)}, got {classification!r}")
    under_way = recorder.set_state.active_opening
    recording.settle_cut_off(recorder)
    recorder.opening = under_way.id
    if under_way.rotated:
        recorder.append(Closed(classification=classification))
        return under_way.id
    if under_way.phase is Phase.DECLARED:
        raise IllegalState("nothing was opened yet", hint="withdraw the declaration with: breakglass cancel")
    recorder.append(UseEnded(outcome="closed by the officers", classification=classification))
    return under_way.id
