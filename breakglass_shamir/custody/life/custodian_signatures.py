# SPDX-License-Identifier: Apache-2.0
"""Whose key signs that a custodian holds a sheet.

Rules:

1. What is signed is an ``acknowledged`` record, its exact bytes; the signature names it by its SHA-256. It must be
   the last one of that sheet, and the sheet still with that custodian.
2. A key signs for the one custodian for whom the policy in force lists it, unless anybody's ``revoked`` lists it.
   A key that leaves the policy later does not undo what it signed.
3. An acknowledgement without a signature counts as much as one with it.

It does not verify a signature over a log's bytes by itself; :func:`verify` is called by whoever has the bytes.
"""

from msgspec.structs import replace

from breakglass_shamir.crypto import ssh_key, sshsig
from breakglass_shamir.custody.life.state import EpochState, EpochStatus, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.officer_keys import recorded, revoked
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.sheets import CustodianSigned
from breakglass_shamir.errors import IllegalState


def check_key(policy: Policy | None, custodian: str, fingerprint: str) -> None:
    """Refuse a key that does not sign for a custodian.

    Args:
        policy: the set's.
        custodian: who keeps the sheet.
        fingerprint: of the key, as ``ssh-keygen -l`` prints it.

    Raises:
        IllegalState: it is listed for somebody else or for nobody, or it is revoked.
    """
    holder = next(iter(_holders(policy, fingerprint)), "")
    if policy is None or not custodian or holder != custodian:
        whose = f"is listed for {holder}" if holder else "is listed for nobody"
        raise IllegalState(
            f"the key {fingerprint} does not sign for {custodian or 'a custodian whom nobody knows'}: it {whose}",
            hint="custodians' keys stand under [[custodians]] in the set's policy",
        )
    if fingerprint in revoked(policy):
        raise IllegalState(f"the key {fingerprint} of {custodian} is revoked")


def custodian_signed(s: SetState, body: CustodianSigned, _r: Record, _d: bytes) -> SetState:
    """Take a signature of an acknowledgement; part of ``lifecycle.py``'s table. Over the bytes: :func:`verify`."""
    epoch = s.epochs.get(body.epoch_id)
    if epoch is None or epoch.status is not EpochStatus.GOOD or body.sheet in epoch.voided:
        raise IllegalState(f"sheet {body.sheet} counts no more, or its epoch is unknown")
    data = epoch.acknowledgements.get(body.sheet)
    if data is None or records.digest(data) != body.acknowledged:
        raise IllegalState(f"a custodian signs the last acknowledgement of a sheet; that of {body.sheet} is another")
    if epoch.acknowledged.get(body.sheet) != body.custodian:
        raise IllegalState(f"sheet {body.sheet} was not acknowledged by {body.custodian}")
    if epoch.acknowledgements_signed.get(body.sheet) == body.acknowledged:
        raise IllegalState(f"this acknowledgement of sheet {body.sheet} is signed already")
    key = recorded(body.key, "custodian")
    check_key(policies.parse(s.policy_source) if s.policy_source else None, body.custodian, key.fingerprint)
    signed = {**epoch.acknowledgements_signed, body.sheet: body.acknowledged}
    return replace(s, epochs={**s.epochs, body.epoch_id: replace(epoch, acknowledgements_signed=signed)})


def verify(body: CustodianSigned, epoch: EpochState) -> None:
    """Verify that the custodian's key signed the record that is named.

    Args:
        body: the signature, which :func:`custodian_signed` took.
        epoch: of the sheet, with the acknowledgement.

    Raises:
        InvalidSignature: it did not.
    """
    data = epoch.acknowledgements[body.sheet]
    sshsig.verify_by(ssh_key.from_line(body.key), body.signature, data, sshsig.CUSTODIAN_NAMESPACE)


def _holders(policy: Policy | None, fingerprint: str) -> list[str]:
    return [
        custodian.name
        for custodian in (policy.custodians if policy else ())
        for line in custodian.keys
        if ssh_key.from_line(line).fingerprint == fingerprint
    ]
