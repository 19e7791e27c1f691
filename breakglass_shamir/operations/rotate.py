# SPDX-License-Identifier: Apache-2.0
"""Rotate: start a planned rotation, or resume one that was interrupted; settles the rotation debt.

Rules:

1. A rotation is an opening with the purpose ``rotation``: declared, recorded, never revealed. Its checks are
   hard; it overrides nothing.
2. When the target may already have been changed, the new sheets *and* the old ones are needed: the new
   credential is probed first, and the old one must be proven dead.
"""

from breakglass_shamir.custody.gates import Request
from breakglass_shamir.custody.record import UseEnded
from breakglass_shamir.custody.state import SetState
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations import opening
from breakglass_shamir.operations.opening import OpenedSet, Overrides, Sources
from breakglass_shamir.operations.recombine import OpeningResult, result
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import Rotation
from breakglass_shamir.operations.sheets import Printing
from breakglass_shamir.paper.scan import Scanner

PLANNED_USE_S = 3600
"""How long a planned rotation may take."""


def rotate(
    recorder: Recorder, sources: Sources, printing: Printing | None, scanner: Scanner, *, reason: str,
    officers: tuple[str, ...] = (),
) -> OpeningResult:  # fmt: skip
    """Rotate a set's credential.

    Raises:
        InsufficientShares: no quorum, or one of the two quorums that a resumed rotation needs is missing.
        InvalidInput: a rotation that prints needs a folder.
        ConnectorError, PaperError: a step failed; the debt stays.
    """
    state = recorder.set_state
    resumed = state.applying
    if printing is None and not resumed:
        raise InvalidInput("expected a folder for the new sheets", hint="name it with --out DIR")
    request = opening.check_request(_request(state, reason, officers))
    opened = opening.open_set(recorder, request, Overrides(), sources, scanner, "", both=resumed)
    try:
        recorder.append(UseEnded(outcome="not revealed", classification="rotation"))
        policy, source = opening.policy_of(recorder.set_state, opened.credential)
        rotation = Rotation(recorder, policy, source, opened.credential, opened.set_key)
        if resumed:
            _resume(recorder, rotation, opened)
        else:
            assert printing is not None  # noqa: S101 - refused above
            new = rotation.prepare(printing, scanner)
            rotation.finish(new, printing)
    finally:
        opened.wipe()
    return result(recorder, "not revealed")


def cancel(recorder: Recorder, reason: str) -> str:
    """Withdraw a declaration that was not opened; returns its short id.

    Raises:
        IllegalState: there is none, or it was opened.
    """
    from breakglass_shamir.custody.record import Cancelled, check_human_text

    under_way = recorder.set_state.active_opening
    recorder.opening = under_way.id
    recorder.append(Cancelled(reason=check_human_text("reason", reason)))
    return under_way.short_id


def settle(recorder: Recorder, debt: str, reason: str, officers: tuple[str, ...]) -> None:
    """Settle the debt of an overridden check, by people who looked at it.

    Raises:
        IllegalState: no such debt, or one that only a rotation settles.
        InvalidInput: no officer, or a reason of empty words.
    """
    from breakglass_shamir.custody.record import Settled, check_human_text

    if not officers:
        raise InvalidInput("expected at least one officer who looked at it", hint="name them with --officer")
    said = check_human_text("reason", reason)
    names = tuple(check_human_text("officer", name) for name in officers)
    recorder.append(Settled(debt=debt, reason=said, officers=names))


def _request(state: SetState, reason: str, officers: tuple[str, ...]) -> Request:
    debts = tuple(debt.id for debt in state.debts)
    return Request("rotation", "rotation", "none", reason, officers, "no-reveal", PLANNED_USE_S, debts)


def _resume(recorder: Recorder, rotation: Rotation, opened: OpenedSet) -> None:
    """Go on with a change that may or may not have reached the target."""
    from breakglass_shamir.custody.credential import Credential

    state = recorder.set_state
    new = opened.pool.quorum(bytes.fromhex(state.prepared)).unseal()
    rotation.apply(Credential.from_bytes(new.plaintext))
    new.wipe()
