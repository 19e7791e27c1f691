# SPDX-License-Identifier: Apache-2.0
"""Rotate: start a planned rotation, or resume one that was interrupted; settles the rotation debt.

Rules:

1. A rotation is an opening with the purpose ``rotation``: declared, recorded, never revealed. Its checks are
   hard; it overrides nothing.
2. A prepared epoch is gone on with: its sheets are asked for by name beside the old ones, and those that come are read
   back. It is abandoned only by the word for it, which says what to destroy; then another is printed.
3. When the target may already have been changed, the new sheets *and* the old ones are needed: the new
   credential is probed first, and the old one must be proven dead.
4. That holds on a terminal, too, that does not know the set or the new epoch: with quorums of an epoch and of its
   successor it takes up the rotation that another terminal began.
5. Where the old sheets are gone or the target cannot be asked about the old credential, two officers may
   attest that it is dead, if the new one is accepted. That is recorded as attested and stays a debt.
6. What can be known to be missing is refused before anything is opened (``readiness.py``).
7. A run that was killed between the opening and the end of its use has revealed nothing: the next one ends that use.
   One that was killed after the proof only lacks the end of its opening, which is recorded without a sheet.
"""

from dataclasses import replace

from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.life import attesting, under_way
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import Phase, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.openings import Cancelled, Closed, UseEnded
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import IllegalState, InsufficientShares, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.arming import keeping
from breakglass_shamir.operations.credential.readiness import Readiness
from breakglass_shamir.operations.credential.recombine import OpeningResult, result
from breakglass_shamir.operations.opening import interrupted, opening
from breakglass_shamir.operations.opening.declaring import Overrides, check_request
from breakglass_shamir.operations.opening.opening import OpenedSet, Wanted
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.recording import use as recording
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED, Way
from breakglass_shamir.operations.rotation.resuming import Place, Resuming, nowhere, telling_what_stands
from breakglass_shamir.operations.rotation.rotation import Rival, Rotation, credential_of
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner

PLANNED_USE_S = 3600
"""How long a planned rotation may take."""

ATTESTING_OFFICERS = 2
"""Officers who must attest that an old credential is dead."""


def kind_in_force(known: SetState | None) -> CredentialKind:
    """Return what a set's secret bytes are, as far as its policy says before the sheets are read."""
    return targets.kind_of(policies.parse(known.policy_source) if known and known.policy_source else None)


def rotate(
    recorder: Recorder,
    sources: Sources,
    printing: Printing | None,
    scanner: Scanner,
    *,
    reason: str,
    officers: tuple[str, ...] = (),
    attest: bool = False,
    brought: Secret | None = None,
    named: Named = NOBODY_NAMED,
    abandon: bool = False,
    place: Place = nowhere,
    prints_only: bool = False,
) -> OpeningResult:
    """Rotate a set's credential.

    Args:
        recorder: at the set.
        sources: the sheets; old, or old and new.
        printing: where new sheets go and scans of them come back; absent, or without a place, where none are needed.
        scanner: reads them.
        reason: why, in words.
        officers: who takes part.
        attest: the officers vouch that the old credential is dead, where the target cannot be asked.
        brought: the new secret, where nobody here can make one.
        named: the target, where no policy names it.
        abandon: the epoch that is printed and not in force is given up.
        place: asks for a place, where people give that epoch up only when they are asked for its sheets.
        prints_only: leave it when the new sheets are printed and on record; another run goes on when they are read
            back and handed out.

    Raises:
        InsufficientShares: no quorum, or one of the two quorums that a resumed rotation needs is missing.
        InvalidInput: a rotation that prints needs a folder; or nobody says where the credential of a set goes that
            has no policy.
        IllegalState: there is nothing to attest, or nothing to abandon.
        ConnectorError, PaperError: a step failed; the debt stays.
    """
    known = recorder.state.sets.get(recorder.set_name)
    if known is not None:
        recording.settle_cut_off(recorder)
    if known is not None and not attest and under_way.is_only_unclosed(known):
        return _close(recorder)
    with telling_what_stands(recorder):
        resuming = Resuming(recorder, scanner, printing, abandon, place)
        return _rotate(
            recorder, sources, resuming, reason, officers, brought, named, attest=attest, prints_only=prints_only
        )


def _rotate(
    recorder: Recorder, sources: Sources, resuming: Resuming, reason: str, officers: tuple[str, ...],
    brought: Secret | None, named: Named, *, attest: bool, prints_only: bool,
) -> OpeningResult:  # fmt: skip
    state = recorder.state.sets.get(recorder.set_name) or SetState(recorder.set_name)
    request = check_request(_request(state, reason, officers))
    _check(state, request.officers, attest=attest)
    resuming.check()
    readiness = Readiness(
        recorder, resuming.printing, resuming.scanner, named, brought, attest, resuming.abandon,
        typed=sources.only_typed,
    )  # fmt: skip
    if not state.current:
        readiness.check(None)
    _end_own_use(recorder, state)
    also = (state.prepared,) if state.prepared and not resuming.abandon else ()
    sources = replace(sources, also=also, whole=True)
    wanted = (Wanted.NEW if attest else Wanted.BOTH) if state.applying else Wanted.LIVING
    opened = opening.open_set(
        recorder, request, Overrides(), sources, resuming.scanner, "", wanted=wanted, ready=readiness.check,
        complete=opening.as_it_is if attest else resuming.complete, arm=keeping.gate,
    )  # fmt: skip
    others = _rivals(recorder, opened)
    try:
        recorder.append(UseEnded(outcome="not revealed", classification="rotation"))
        way = Way(recorder, opened.credential, named)
        rotation = Rotation(recorder, way.policy(), way.source, opened.credential, opened.set_key, brought, others)
        if attest:
            old = opened.quorum.epoch_id == recorder.set_state.source
            new = _prepared(recorder, opened) if old else opened.credential
            rotation.attest(new, request.officers, request.reason, brings_old=old)
        elif recorder.set_state.applying:
            rotation.apply(_prepared_or_other(recorder, opened, rotation))
        else:
            _start(recorder, rotation, opened, resuming, prints_only=prints_only)
    finally:
        opened.wipe()
        for one in others:
            one.credential.secret.wipe()
        recorder.close_accounts()
    return result(recorder, "not revealed")


def cancel(recorder: Recorder, reason: str) -> str:
    """Withdraw a declaration that was not opened; returns its id.

    Raises:
        IllegalState: there is none, or it was opened.
    """
    under_way = recorder.set_state.active_opening
    recorder.opening = under_way.id
    recorder.append(Cancelled(reason=check_human_text("reason", reason)))
    return under_way.id


def _request(state: SetState, reason: str, officers: tuple[str, ...]) -> Request:
    debts = tuple(debt.id for debt in state.rotation_debts)
    return Request("rotation", "rotation", "none", reason, officers, "no-reveal", PLANNED_USE_S, debts)


def _check(state: SetState, officers: tuple[str, ...], *, attest: bool) -> None:
    """Refuse an attestation that can be none, before anything is declared."""
    if attest and not state.applying:
        raise IllegalState("nothing is being applied, so there is no death to attest: rotate without --attest-old-dead")
    if attest and len({name.casefold() for name in officers}) < ATTESTING_OFFICERS:
        raise InvalidInput(
            f"expected {ATTESTING_OFFICERS} different officers who attest", hint="name each with --officer"
        )
    policy = policies.parse(state.policy_source) if state.policy_source else None
    if attest and (against := attesting.against(policy, officers)):
        raise IllegalState(against, hint="name each who attests with --officer")


def _start(recorder: Recorder, rotation: Rotation, opened: OpenedSet, resuming: Resuming, *, prints_only: bool) -> None:
    """Go on with the prepared epoch; where there is none, or people gave it up, print another."""
    printing, scanner = resuming.printing, resuming.scanner
    if recorder.set_state.prepared and not resuming.abandon:
        resuming.take(opened.pool)
        rotation.finish(_prepared(recorder, opened), printing, scanner)
        return
    if printing is None or not printing.has_place:
        raise InvalidInput("expected a folder for the new sheets", hint="name it with --out DIR")
    if recorder.set_state.prepared:
        resuming.give_up()
    new = rotation.prepare(printing, scanner)
    if not prints_only:
        rotation.finish(new, printing, scanner)


def _close(recorder: Recorder) -> OpeningResult:
    """Record the end of an opening whose rotation was proven by a run that ended before it could."""
    under = recorder.set_state.active_opening
    recorder.opening = under.id
    recorder.desk.say("the old credential was proven dead already; only the end of its opening was not on record")
    recorder.append(Closed(classification=under.classification))
    return result(recorder, "not revealed")


def _end_own_use(recorder: Recorder, state: SetState) -> None:
    """End the use that a rotation left behind when it was killed: nothing was revealed, and it blocks the next."""
    under = state.opening
    if under is None or under.declared.purpose != "rotation" or under.phase is not Phase.OPEN:
        return
    recorder.opening = under.id
    recorder.append(UseEnded(outcome="not revealed; the run was interrupted", classification="rotation"))
    recorder.opening = ""
    recorder.desk.say(f"the rotation of {under.at.time} was interrupted; it goes on")


def _rivals(recorder: Recorder, opened: OpenedSet) -> tuple[Rival, ...]:
    """Return the other epochs that follow the one to be rotated, of which quorums were scanned too."""
    found = interrupted.rivals(recorder.set_state, opened.pool)
    return tuple(Rival(one, credential_of(one)) for one in found)


def _prepared_or_other(recorder: Recorder, opened: OpenedSet, rotation: Rotation) -> Credential | None:
    """Return the prepared epoch's credential; None where only another terminal's successor was scanned."""
    try:
        return _prepared(recorder, opened)
    except InsufficientShares:
        if not rotation.rivals:
            raise
        return None


def _prepared(recorder: Recorder, opened: OpenedSet) -> Credential:
    """Return the prepared epoch's credential from its own sheets.

    Raises:
        InsufficientShares: no quorum of them was scanned.
    """
    return credential_of(opened.pool.quorum(bytes.fromhex(recorder.set_state.prepared)))
