# SPDX-License-Identifier: Apache-2.0
"""People vouch that an opened credential is dead, where no proof of its rotation can be had.

Rules:

1. It settles the rotation that an epoch owes that is not in force here. What is in force is rotated, or replaced by the
   newest sheets first.
2. The target is asked when it can be: with a quorum of the old sheets. That is an opening of its own, with the mode
   ``ask``: nobody sees the credential and nothing is put in force. Without them the target's answer is ``unknown``, or
   the refusal that this ledger has on record since the epoch was opened; that is said.
3. While the target accepts the old credential nobody's word settles it.
4. It is recorded as attested, never as proven, and stays a debt until people looked at it or a proof comes.
"""

from dataclasses import dataclass, replace

from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.connectors.port.cost import question
from breakglass_shamir.custody.life import lineage_rules
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.gates import Request
from breakglass_shamir.custody.life.rules import epoch_of
from breakglass_shamir.custody.life.state import ROTATION, EpochState
from breakglass_shamir.custody.records.lineage import AttestedDead
from breakglass_shamir.custody.records.openings import ASK, Closed, UseEnded
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import BreakglassError, IllegalState
from breakglass_shamir.nearest import did_you_mean
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.arming import keeping
from breakglass_shamir.operations.opening import opening
from breakglass_shamir.operations.opening.declaring import Overrides, check_request, record_refusal
from breakglass_shamir.operations.opening.opening import OpenedSet
from breakglass_shamir.operations.reading.sources import Sources
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import elsewhere
from breakglass_shamir.operations.rotation.probing import Prober
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass

ASKING_S = 3600
"""How long the opening that asks the target may take."""

_NOT_ASKED = "not asked: no quorum of its sheets was brought"


@dataclass(frozen=True, slots=True)
class Attested:
    """What people vouched for."""

    set_name: str
    debt: str
    epoch: int
    asked: str
    """What the target said: ``refused`` or ``unknown``."""

    detail: str
    owed: tuple[str, ...]
    """What the set still owes."""


def attest(
    recorder: Recorder,
    debt: str,
    officers: tuple[str, ...],
    reason: str,
    sources: Sources | None,
    scanner: Scanner,
) -> Attested:
    """Settle the rotation of an epoch that is not in force on people's word.

    Args:
        recorder: at the set.
        debt: the rotation's id.
        officers: who vouch.
        reason: how they know.
        sources: the old sheets, so that the target can be asked; None: they are not there.
        scanner: reads them.

    Raises:
        IllegalState: no such debt, the epoch is in force, these people may not, or the target accepts the credential.
        InsufficientShares: no quorum of the old sheets.
    """
    names = tuple(check_human_text("officer", name) for name in officers)
    said = check_human_text("reason", reason)
    epoch = _owing(recorder, debt)
    _refuse(recorder, epoch, names, asks=sources is not None)
    if sources is None:
        check = _on_record(recorder, epoch)
    else:
        check = _ask(recorder, epoch, names, said, replace(sources, only=epoch.epoch_id), scanner)
        _refuse(recorder, epoch, names)
    recorder.append(
        AttestedDead(
            epoch_id=epoch.epoch_id, in_force=recorder.set_state.current, asked=check.result, detail=check.detail,
            officers=names, reason=said,
        )
    )  # fmt: skip
    _close(recorder)
    recorder.desk.warn(
        f"the death of the credential of epoch {epoch.number} is attested, not proven; the target's answer: "
        f"{check.result} ({check.detail})"
    )
    owed = tuple(one.id for one in recorder.set_state.debts)
    return Attested(recorder.set_name, debt, epoch.number, check.result, check.detail, owed)


def _owing(recorder: Recorder, debt: str) -> EpochState:
    state = recorder.refresh()
    found = next((one for one in state.debts if one.id == debt), None)
    if found is None:
        owed = [one.id for one in state.debts]
        raise IllegalState(
            f"set {state.name} has no debt {debt}: it owes {', '.join(owed) or 'nothing'}",
            hint=did_you_mean(debt, owed, f"see them with: {breakglass('status', state.name)}"),
        )
    if found.kind != ROTATION:
        raise IllegalState(
            f"expected the debt of a rotation, got {debt}", hint="settle it without --attest-old-dead and --scan"
        )
    return state.epochs[epoch_of(state, found)]


def _refuse(recorder: Recorder, epoch: EpochState, names: tuple[str, ...], *, asks: bool = False) -> None:
    """Refuse what the rules of the record refuse, before and after the target was asked."""
    against = lineage_rules.against_attesting(recorder.refresh(), epoch.epoch_id, names, asks=asks)
    if against:
        error = IllegalState(against)
        record_refusal(recorder, "attest", error)
        raise error


def _on_record(recorder: Recorder, epoch: EpochState) -> Check:
    """Return what the target said since the epoch was opened, as far as this ledger knows."""
    if epoch.answered == CheckResult.REFUSED:
        return Check(CheckResult.REFUSED, f"on record, {epoch.refused_at}")
    recorder.desk.warn(
        f"the target is not asked about the credential of epoch {epoch.number}: bring a quorum of its sheets with "
        "--scan where they are still there"
    )
    return Check(CheckResult.UNKNOWN, _NOT_ASKED)


def _ask(
    recorder: Recorder, epoch: EpochState, names: tuple[str, ...], reason: str, sources: Sources, scanner: Scanner
) -> Check:  # fmt: skip
    """Open the old epoch to ask the target about its credential, and for nothing else."""
    debts = tuple(one.id for one in recorder.set_state.rotation_debts)
    request = check_request(Request("rotation", "rotation", "none", reason, names, ASK, ASKING_S, debts))
    opened = opening.open_set(recorder, request, Overrides(), sources, scanner, "", arm=keeping.gate)
    try:
        check = _answer(recorder, opened)
    finally:
        opened.wipe()
        recorder.close_accounts()
    elsewhere.note(recorder, epoch.epoch_id, check)
    recorder.append(UseEnded(outcome=f"the target was asked: {check.result}", classification="rotation"))
    recorder.desk.say(f"the target was asked about epoch {epoch.number}: {check.result} ({check.detail})")
    return check


def _answer(recorder: Recorder, opened: OpenedSet) -> Check:
    """Ask at every endpoint that the policy names."""
    policy = policy_in_force(recorder.set_state)
    try:
        endpoints = targets.endpoints_of(policy, recorder)
    except BreakglassError as error:
        return Check(CheckResult.UNKNOWN, str(error))
    if words := question(one.costs for one in endpoints):
        recorder.desk.say(words)
    return Prober().ask_everywhere(endpoints, opened.credential.presented)


def _close(recorder: Recorder) -> None:
    """End the opening under way where nothing but this rotation was owed for it."""
    under_way = recorder.set_state.opening
    if under_way is not None and under_way.rotated and under_way.use_ended:
        recorder.opening = under_way.id
        recorder.append(Closed(classification=under_way.classification))
