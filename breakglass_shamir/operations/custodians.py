# SPDX-License-Identifier: Apache-2.0
"""What happens to single sheets: acknowledged by their custodian, lost, seen."""

import re

from breakglass_shamir.custody.record import Acknowledged, SheetVoided, check_human_text
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.operations.readback import epoch_in_hand
from breakglass_shamir.operations.recorder import Recorder

_SEAT = re.compile(r"(?:([1-9][0-9]{0,2})\.)?([1-9][0-9]{0,2})")


def seat(written: str) -> str:
    """Read a sheet as people write it: ``3`` (group 1) or ``2.3``.

    Raises:
        InvalidInput: neither.
    """
    match = _SEAT.fullmatch(written.strip())
    if match is None:
        raise InvalidInput(f"expected a sheet such as 3, or 2.3 for group 2, got {written[:20]!r}")
    return f"{match[1] or 1}.{match[2]}"


def acknowledge(recorder: Recorder, sheet: str, bag: str, *, epoch_id: str = "") -> str:
    """Record that a custodian holds a sheet; returns the custodian.

    Raises:
        IllegalState: no such sheet, or it is void.
    """
    state = recorder.set_state
    epoch = state.epochs[epoch_id] if epoch_id else epoch_in_hand(state)
    custodian = epoch.custodians.get(sheet, "")
    recorder.append(Acknowledged(epoch_id=epoch.epoch_id, sheet=sheet, custodian=custodian, bag=bag))
    return custodian


def void(recorder: Recorder, sheet: str, reason: str) -> int:
    """Record that a sheet is lost or was seen; returns how many more may be lost before no quorum is left.

    Raises:
        IllegalState: no such sheet, or it is void already.
        InvalidInput: the reason is empty words.
    """
    epoch = epoch_in_hand(recorder.set_state)
    said = check_human_text("reason", reason)
    recorder.append(SheetVoided(epoch_id=epoch.epoch_id, sheet=sheet, reason=said))
    epoch = recorder.set_state.epochs[epoch.epoch_id]
    return epoch.envelope.core.structure.most_losses - len(epoch.voided)
