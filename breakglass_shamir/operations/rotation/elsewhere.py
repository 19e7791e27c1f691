# SPDX-License-Identifier: Apache-2.0
"""What the target says to a credential that may have been rotated elsewhere: recorded, and said with the way on.

Rules:

1. A refusal is recorded: ``status`` says it until the target accepts that credential again.
2. An answer that is not definite is not recorded and means nothing.
3. What cannot be recorded is warned of; it stops nobody, since the opening is on record already.
"""

from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.custody.life import standing
from breakglass_shamir.custody.life.rules import rotation_of
from breakglass_shamir.custody.records.epochs import Proven
from breakglass_shamir.errors import BreakglassError, ConnectorError
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass

QUESTION = "rotated elsewhere? bring the newest sheets"
"""What a refusal most likely means, and what to do."""

_ATTESTED = "--attest-old-dead --officer O --officer O2 --reason R"

_DEFINITE = (CheckResult.ACCEPTED, CheckResult.REFUSED)


def note(recorder: Recorder, epoch_id: str, check: Check) -> None:
    """Record what the target said to an epoch's credential."""
    if check.result not in _DEFINITE:
        return
    try:
        recorder.append(Proven(epoch_id=epoch_id, result=check.result, detail=check.detail))
    except BreakglassError as error:
        recorder.desk.warn(f"the target's answer could not be recorded: {error}")


def refused(recorder: Recorder, epoch_id: str, check: Check) -> ConnectorError:
    """Record that the target refuses an epoch's credential; returns the error that says so and what to do."""
    note(recorder, epoch_id, check)
    number = recorder.set_state.epochs[epoch_id].number
    return ConnectorError(
        f"the target refuses the credential of epoch {number} of {recorder.set_name}: {check.detail}",
        hint=way_on(recorder, epoch_id),
    )


def way_on(recorder: Recorder, epoch_id: str) -> str:
    """Say what to do about a credential that the target refuses."""
    state = recorder.set_state
    debt = next((one.id for one in state.debts if rotation_of(state, one, epoch_id)), "")
    if standing.is_past(state, epoch_id):
        attest = breakglass("settle", state.name, debt, options=_ATTESTED)
        newest = state.current_epoch
        return f"epoch {newest.number} is in force here: bring its sheets; then this one is settled by: {attest}"
    return f"{QUESTION}, or import what the other terminal knows: breakglass lineage import FILE"
