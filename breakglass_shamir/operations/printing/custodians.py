# SPDX-License-Identifier: Apache-2.0
"""What happens to single sheets: acknowledged by their custodian, handed on, lost, seen."""

import re
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.custody.life import custodian_signatures, holders
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.records.sheets import Acknowledged, CustodianSigned, Reassigned, SheetVoided
from breakglass_shamir.custody.records.words import check_human_text
from breakglass_shamir.errors import IllegalState, InvalidInput, InvalidSignature
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.operations.opening import ssh_sign
from breakglass_shamir.operations.printing.epochs import epoch_in_hand
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


def sheet_of(recorder: Recorder, written: str) -> str:
    """Return the sheet that people mean of the epoch that is being handed out, by number or custodian's name.

    Raises:
        InvalidInput: none is meant by it, or more than one.
    """
    return holders.sheet_of(epoch_in_hand(recorder.set_state), written)


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


def acknowledge_signed(recorder: Recorder, sheet: str, bag: str, key_file: Path, *, asks: bool) -> tuple[str, str]:
    """Record that a custodian holds a sheet, signed with the custodian's own key.

    Args:
        recorder: at the set.
        sheet: its seat.
        bag: serial of the bag.
        key_file: as for :func:`ssh_sign.sign`.
        asks: whether the custodian is at the terminal and can be asked.

    Returns:
        The custodian, and the fingerprint of the key.

    Raises:
        IllegalState: no such sheet, it is void, or the policy does not list the key for its custodian.
        InvalidInput: no such key, or ssh-keygen made no signature.
        InvalidSignature: it made another one than was asked for.
    """
    epoch = epoch_in_hand(recorder.set_state)
    _check_key(recorder, epoch.custodians.get(sheet, ""), sheet, ssh_sign.fingerprint(key_file))
    body = Acknowledged(epoch_id=epoch.epoch_id, sheet=sheet, custodian=epoch.custodians[sheet], bag=bag)
    said = recorder.append(body)
    try:
        signed = _sign(recorder, body, said, key_file, asks=asks)
    except (IllegalState, InvalidInput, InvalidSignature) as error:
        raise type(error)(
            f"sheet {sheet} is acknowledged, but not signed for: {error}", hint=error.hint or "repeat the command"
        ) from error
    return signed.custodian, ssh_key.from_line(signed.key).fingerprint


def _sign(recorder: Recorder, body: Acknowledged, said: Entry, key_file: Path, *, asks: bool) -> CustodianSigned:
    armored = ssh_sign.sign(key_file, said.data, sshsig.CUSTODIAN_NAMESPACE, asks=asks)
    key = ssh_key.from_blob(sshsig.parse(armored).key_blob)
    signed = CustodianSigned(
        epoch_id=body.epoch_id, sheet=body.sheet, custodian=body.custodian, acknowledged=said.digest, key=key.line,
        signature=armored,
    )  # fmt: skip
    sshsig.verify_by(key, armored, said.data, sshsig.CUSTODIAN_NAMESPACE)
    recorder.append(signed)
    return signed


def _check_key(recorder: Recorder, custodian: str, sheet: str, fingerprint: str) -> None:
    state = recorder.set_state
    epoch = epoch_in_hand(state)
    if sheet not in epoch.seats:
        raise IllegalState(f"expected a sheet of epoch {epoch.number} ({', '.join(epoch.seats)}), got {sheet}")
    policy = policies.parse(state.policy_source) if state.policy_source else None
    custodian_signatures.check_key(policy, custodian, fingerprint)


@dataclass(frozen=True, slots=True)
class Reassignment:
    """A sheet that changed hands (docs/guide-operator.md).

    Attributes:
        sheet: the seat.
        before: who kept it; empty: nobody known.
        after: who keeps it now.
    """

    sheet: str
    before: str
    after: str
    despite: tuple[str, ...]
    """What stood against it; empty: nothing."""

    due: tuple[str, ...]
    """What the change makes due."""


def reassign(
    recorder: Recorder, sheet: str, custodian: str, reason: str, *, has_happened: bool = False
) -> Reassignment:
    """Record that a sheet changes hands, or has changed hands.

    Args:
        recorder: at the set.
        sheet: its seat.
        custodian: who keeps it from now on.
        reason: why.
        has_happened: the paper is with that custodian already, so that a refusal would only hide it.

    Raises:
        IllegalState: no such sheet, it is void, or that custodian keeps it already.
        HeldTooMuch: that custodian would have held a quorum, or sheets of two groups, and it has not happened yet.
        InvalidInput: custodian or reason are empty words.
        GateClosed: somebody else could change the home, and it has not happened yet.
    """
    if not has_happened:
        recorder.require_guarded()
    epoch = epoch_in_hand(recorder.set_state)
    name = check_human_text("custodian", custodian)
    said = check_human_text("reason", reason)
    against = holders.too_much(epoch, sheet, name) if has_happened and sheet in epoch.seats else ()
    before = epoch.custodians.get(sheet, "")
    body = Reassigned(epoch_id=epoch.epoch_id, sheet=sheet, custodian=name, reason=said, despite=against)
    recorder.append(body)
    state = recorder.set_state
    due = tuple(holders.rotation_reasons(state)) if epoch.epoch_id == state.current else ()
    return Reassignment(sheet, before, name, against, due)


def void(recorder: Recorder, sheet: str, reason: str) -> tuple[int, str]:
    """Record that a sheet is lost or was seen.

    Returns:
        How many more may be lost before no quorum is left, and what that puts at risk; empty: nothing.

    Raises:
        IllegalState: no such sheet, or it is void already.
        InvalidInput: the reason is empty words.
    """
    epoch = epoch_in_hand(recorder.set_state)
    said = check_human_text("reason", reason)
    recorder.append(SheetVoided(epoch_id=epoch.epoch_id, sheet=sheet, reason=said))
    epoch = recorder.set_state.epochs[epoch.epoch_id]
    return epoch.envelope.core.structure.most_losses - len(epoch.voided), holders.quorum_at_risk(epoch)
