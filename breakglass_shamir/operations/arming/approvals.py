# SPDX-License-Identifier: Apache-2.0
"""An approver's key over a request to arm, made on a control host: written here, taken back, and looked at again.

Rules:

1. The request is what ``custody/arming_request.py`` makes. It and its signature lie in the home, so that every command
   finds them; both are looked at again each time, against the policy of that time.
2. A signature counts by a key of ``arming.approvers``, in the namespace ``arming@breakglass-shamir``, and until the
   instant of the request, by this terminal's clock and the target's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.custody import arming_request, names
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import ConnectorError, InvalidInput, InvalidSignature
from breakglass_shamir.ledger import durable
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass, word

SIGNATURE_MAX_BYTES = 16 * 1024
"""Longest signature that is read."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A request that somebody signed.

    Attributes:
        not_after: until when it counts.
        fingerprint: of the key that signed.
    """

    not_after: datetime
    fingerprint: str


def place(recorder: Recorder) -> Path:
    """Return where the request of a set lies; its signature lies beside it, with ``.sig``."""
    return names.inside(recorder.ledger.path.parent, names.arming_request(recorder.set_name))


def request(recorder: Recorder, policy: Policy, for_s: int) -> Path:
    """Write a request that counts for some time from now on; an earlier one and its signature count no more.

    Args:
        recorder: at the set.
        policy: in force, with the authority ``key``.
        for_s: in seconds.

    Raises:
        InvalidInput: for longer than the policy's window.
        LedgerUnwritable: it could not be written.
    """
    arming = policy.arming
    if arming is None or arming.authority != "key":
        raise InvalidInput(f"the policy of {policy.name} asks no approver to arm the account")
    if not 0 < for_s <= arming.window.seconds:
        raise InvalidInput(f"expected at most arming.window, {arming.window}, got {for_s} s")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=for_s)
    file = place(recorder)
    durable.write_over(file, arming_request.written(policy, recorder.ledger.log_id.hex(), until))
    return file


def take(recorder: Recorder, policy: Policy, signature: Path) -> Approval:
    """Take the signature of a request into the home.

    Raises:
        InvalidInput: it cannot be read, or there is no request.
        ConnectorError: it does not count.
    """
    try:
        armored = durable.read_plain(signature, SIGNATURE_MAX_BYTES)
    except OSError as error:
        raise InvalidInput(f"{signature} cannot be read: {error.strerror or type(error).__name__}") from None
    found = _judged(recorder, policy, armored)
    durable.write_over(_beside(place(recorder)), armored)
    return found


def standing(recorder: Recorder, policy: Policy) -> Approval:
    """Return the approval that counts now.

    Raises:
        ConnectorError: there is none.
    """
    try:
        armored = durable.read_plain(_beside(place(recorder)), SIGNATURE_MAX_BYTES)
    except OSError:
        raise _missing(policy, "no approver has signed a request to arm it") from None
    return _judged(recorder, policy, armored)


def _judged(recorder: Recorder, policy: Policy, armored: bytes) -> Approval:
    assert policy.arming is not None  # noqa: S101 - the caller looked
    try:
        asked = durable.read_plain(place(recorder), arming_request.MAX_BYTES)
        until = arming_request.not_after(asked, policy, recorder.ledger.log_id.hex())
        fingerprint = _signer(policy.arming.approvers, armored.decode("ascii"), asked)
    except OSError:
        raise _missing(policy, "no request to arm it was made here") from None
    except (InvalidInput, UnicodeDecodeError) as error:
        raise _missing(policy, f"the approval does not count: {error}") from None
    if until <= datetime.now(UTC):
        raise _missing(policy, f"the approval counted until {until:%Y-%m-%d %H:%M:%S} UTC")
    return Approval(until, fingerprint)


def _signer(approvers: tuple[str, ...], armored: str, data: bytes) -> str:
    """Return the fingerprint of the approver who signed.

    Raises:
        InvalidInput: none of them did.
    """
    for line in approvers:
        key = ssh_key.from_line(line)
        try:
            sshsig.verify_by(key, armored, data, sshsig.ARMING_NAMESPACE)
        except InvalidSignature:
            continue
        return key.fingerprint
    raise InvalidInput("it is signed by no key of arming.approvers over this very request")


def _missing(policy: Policy, why: str) -> ConnectorError:
    asks = breakglass("arming request", policy.name)
    takes = breakglass("arming approve", policy.name, options="FILE.sig")
    return ConnectorError(f"the account of {policy.name} may not be armed: {why}", hint=f"{asks}; then: {takes}")


def signing_command(file: Path) -> str:
    """Return what an approver types."""
    return f"ssh-keygen -Y sign -f KEYFILE -n {word(sshsig.ARMING_NAMESPACE)} {word(file.name)}"


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.sig")
