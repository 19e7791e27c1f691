# SPDX-License-Identifier: Apache-2.0
"""Split: the first epoch of a set, from policy and credential to sheets.

Rules:

1. The credential is proven by the connector first; one the target refuses is not printed. A target that
   cannot be asked leaves the epoch ``unproven``.
2. The record comes after the files were read back; when it cannot be made durable, the files are removed.
3. Without a readback the epoch stays *issued* until ``confirm``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from breakglass_shamir.connectors.base import CheckResult
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody import policy as policies
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.policy import Policy
from breakglass_shamir.custody.record import PolicyAdopted
from breakglass_shamir.errors import (
    BreakglassError,
    ConnectorError,
    FileExists,
    InvalidInput,
    UnknownSet,
)
from breakglass_shamir.formats.envelope import NO_PREDECESSOR
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.readback import read_back_folder
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.sheets import (
    Epoch,
    Printing,
    folder_warning,
    print_epoch,
    remove,
    seal_epoch,
)
from breakglass_shamir.paper.scan import Scanner


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What a split made."""

    set_name: str
    epoch: int
    epoch_id: str
    files: tuple[Path, ...]
    proven: str
    sealed: bool


def split(recorder: Recorder, source: str, secret: Secret, printing: Printing, scanner: Scanner) -> SplitResult:
    """Put a credential on paper.

    Raises:
        InvalidPolicy: the policy file does not describe a set.
        FileExists: the set, or one of the files, is there already.
        ConnectorError: the target refuses this credential.
        PaperError: a file could not be written or does not read back.
        LedgerUnwritable: the record could not be made durable; the files were removed.
    """
    policy = policies.parse(source)
    recorder.set_name = policy.name
    _refuse_existing(recorder)
    credential = describe(policy, secret)
    proven = prove(recorder, policy, secret)
    warning = folder_warning(printing.out)
    if warning:
        recorder.desk.warn(warning)
    epoch = seal_epoch(policy, source, credential, recorder.ledger.checkpoint(), 1, NO_PREDECESSOR)
    files = print_epoch(epoch, printing, scanner)
    _record(recorder, epoch, proven, files)
    recorder.desk.say(f"{len(files)} files written to {printing.out} and read back")
    if printing.readback is not None:
        read_back_folder(recorder, _id(epoch), printing.readback, scanner, printing.timeout_s)
    state = recorder.set_state.current_epoch
    return SplitResult(policy.name, 1, state.short_id, tuple(files), proven, state.sealed)


def describe(policy: Policy, secret: Secret) -> Credential:
    """Put the secret together with all that a blank machine needs."""
    target = policy.target
    return Credential(secret, account=target.account, target=target.uri, hint=target.second_account)


def prove(recorder: Recorder, policy: Policy, secret: Secret) -> str:
    """Ask the target; returns ``accepted`` or ``unproven``.

    Raises:
        ConnectorError: the target refuses this credential.
    """
    try:
        check = connector_for(policy.target.uri, policy.target.account).check(secret)
    except ConnectorError as error:
        recorder.desk.warn(f"the credential could not be proven: {error}")
        return "unproven"
    if check.result is CheckResult.REFUSED:
        raise ConnectorError(
            f"the target refuses this credential: {check.detail}",
            hint="nothing was printed; give the right one",
        )
    if check.result is CheckResult.UNKNOWN:
        recorder.desk.warn(f"the credential could not be proven: {check.detail}")
        return "unproven"
    return "accepted"


def clean_secret(data: bytes, *, raw: bool) -> Secret:
    """Take a credential as read from a file or standard input.

    Raises:
        InvalidInput: empty, or it ends with a newline that is probably not part of it.
    """
    if not data:
        raise InvalidInput("expected a credential, got nothing")
    if data.endswith((b"\n", b"\r")) and not raw:
        raise InvalidInput(
            "the credential ends with a newline, which is probably not part of it",
            hint="write it without one (printf %s), or say --raw if the newline belongs to it",
        )
    return Secret(data)


def _refuse_existing(recorder: Recorder) -> None:
    try:
        exists = bool(recorder.set_state.current)
    except UnknownSet:
        return
    if exists:
        raise FileExists(
            f"set {recorder.set_name} is in this ledger already",
            hint="a new epoch of it is made by: breakglass rotate",
        )


def _record(recorder: Recorder, epoch: Epoch, proven: str, files: Sequence[Path]) -> None:
    try:
        digest = policies.digest(epoch.source).hex()
        recorder.append(PolicyAdopted(source=epoch.source, digest=digest))
        recorder.append(epoch.record(proven))
    except BreakglassError:
        remove(files)
        raise


def _id(epoch: Epoch) -> str:
    return epoch.live.envelope.core.epoch_id.hex()
