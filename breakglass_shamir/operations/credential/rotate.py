# SPDX-License-Identifier: Apache-2.0
"""Rotate: start a planned rotation, or resume one that was interrupted; settles the rotation debt.

Rules:

1. A rotation is an opening with the purpose ``rotation``: declared, recorded, never revealed. Its checks are
   hard; it overrides nothing.
2. Sheets of a prepared epoch that are scanned together with the old ones are used; without them the prepared
   epoch is abandoned, which is said, and another is printed.
3. When the target may already have been changed, the new sheets *and* the old ones are needed: the new
   credential is probed first, and the old one must be proven dead.
4. That holds on a terminal, too, that does not know the set or the new epoch: with quorums of an epoch and of its
   successor it takes up the rotation that another terminal began.
5. Where the old sheets are gone or the target cannot be asked about the old credential, two officers may
   attest that it is dead, if the new one is accepted. That is recorded as attested and stays a debt.
6. What can be known to be missing is refused before anything is opened (``readiness.py``).
"""

from dataclasses import replace

from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life import attesting
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.records.openings import Cancelled, Settled, UseEnded
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import IllegalState, InsufficientShares, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.credential.readiness import Readiness
from breakglass_shamir.operations.credential.recombine import OpeningResult, result
from breakglass_shamir.operations.opening import interrupted, opening
from breakglass_shamir.operations.opening.declaring import Overrides, check_request
from breakglass_shamir.operations.opening.opening import OpenedSet, Wanted
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED, Way
from breakglass_shamir.operations.rotation.rotation import Rival, Rotation
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner

PLANNED_USE_S = 3600
"""How long a planned rotation may take."""

ATTESTING_OFFICERS = 2
"""Officers who must attest that an old credential is dead."""


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
) -> OpeningResult:
    """Rotate a set's credential.

    Args:
        recorder: at the set.
        sources: the sheets; old, or old and new.
        printing: where new sheets go; may be absent when none are needed.
        scanner: reads them.
        reason: why, in words.
        officers: who takes part.
        attest: the officers vouch that the old credential is dead, where the target cannot be asked.
        brought: the new secret, where nobody here can make one.
        named: the target, where no policy names it.

    Raises:
        InsufficientShares: no quorum, or one of the two quorums that a resumed rotation needs is missing.
        InvalidInput: a rotation that prints needs a folder; or nobody says where the credential of a set goes that
            has no policy.
        IllegalState: there is nothing to attest.
        ConnectorError, PaperError: a step failed; the debt stays.
    """
    state = recorder.state.sets.get(recorder.set_name) or SetState(recorder.set_name)
    request = check_request(_request(state, reason, officers))
    _check(state, request.officers, attest=attest)
    readiness = Readiness(recorder, printing, scanner, named, brought, attest, typed=sources.only_typed)
    if not state.current:
        readiness.check(None)
    also = (state.prepared,) if state.prepared else ()
    sources = replace(sources, also=also, whole=True)
    wanted = (Wanted.NEW if attest else Wanted.BOTH) if state.applying else Wanted.LIVING
    opened = opening.open_set(
        recorder, request, Overrides(), sources, scanner, "", wanted=wanted, ready=readiness.check
    )
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
            _start(recorder, rotation, opened, printing, scanner)
    finally:
        opened.wipe()
        for one in others:
            one.credential.secret.wipe()
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


def settle(recorder: Recorder, debt: str, reason: str, officers: tuple[str, ...]) -> None:
    """Settle the debt of an overridden check, by people who looked at it.

    Raises:
        IllegalState: no such debt, or one that only a rotation settles.
        InvalidInput: no officer, or a reason of empty words.
    """
    if not officers:
        raise InvalidInput("expected at least one officer who looked at it", hint="name them with --officer")
    said = check_human_text("reason", reason)
    names = tuple(check_human_text("officer", name) for name in officers)
    recorder.append(Settled(debt=debt, reason=said, officers=names))


def _request(state: SetState, reason: str, officers: tuple[str, ...]) -> Request:
    debts = tuple(debt.id for debt in state.debts)
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


def _start(
    recorder: Recorder, rotation: Rotation, opened: OpenedSet, printing: Printing | None, scanner: Scanner
) -> None:
    """Go on with the prepared epoch if its sheets were scanned too, else print another."""
    state = recorder.set_state
    if state.prepared:
        try:
            new = _prepared(recorder, opened)
        except InsufficientShares:
            number = state.epochs[state.prepared].number
            if printing is None:
                raise InvalidInput(
                    f"expected a place for new sheets, or a quorum of epoch {number} scanned as well",
                    hint="name it with --out DIR or --printer NAME",
                ) from None
            recorder.desk.warn(f"epoch {number} was prepared and is abandoned: collect its sheets and destroy them")
        else:
            rotation.finish(new, printing, scanner)
            return
    if printing is None:
        raise InvalidInput("expected a folder for the new sheets", hint="name it with --out DIR")
    rotation.finish(rotation.prepare(printing, scanner), printing, scanner)


def _rivals(recorder: Recorder, opened: OpenedSet) -> tuple[Rival, ...]:
    """Return the other epochs that follow the one to be rotated, of which quorums were scanned too."""
    found = interrupted.rivals(recorder.set_state, opened.pool)
    return tuple(Rival(one, _unsealed(one)) for one in found)


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
    return _unsealed(opened.pool.quorum(bytes.fromhex(recorder.set_state.prepared)))


def _unsealed(found: Quorum) -> Credential:
    """Return the credential of a quorum that is there beside the one that was opened."""
    new = found.unseal()
    credential = Credential.from_bytes(new.plaintext)
    new.wipe()
    return credential
