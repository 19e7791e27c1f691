# SPDX-License-Identifier: Apache-2.0
"""Signatures that stand inside a record: those of people, of a recovery, and of another terminal.

They are not over the bytes of the record that holds them; the terminal's signature is.
"""

from breakglass_shamir.custody.life import custodian_signatures, officers, recovery, review_rules, settlement_rules
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records.enrolment import Enrolled
from breakglass_shamir.custody.records.epochs import RecoveryImported
from breakglass_shamir.custody.records.openings import OfficerSigned
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.custody.records.reviews import DebtsSettled, Reviewed
from breakglass_shamir.custody.records.sheets import CustodianSigned
from breakglass_shamir.ledger import statements

SIGNED_INSIDE = (OfficerSigned, CustodianSigned, RecoveryImported, Enrolled, Reviewed, DebtsSettled)
"""Record types that hold such a signature."""


def verify_inside(state: LedgerState, record: Record) -> None:
    """Verify the signature inside a record; most have none.

    Args:
        state: with the record applied.
        record: what holds it.

    Raises:
        InvalidSignature: it does not verify.
        InvalidProof, InvalidRecord: what another terminal told is not in its log.
    """
    match record.body:
        case OfficerSigned() as body:
            officers.verify(body, state.of(record.set).active_opening.data)
        case CustodianSigned() as body:
            custodian_signatures.verify(body, state.of(record.set).epochs[body.epoch_id])
        case RecoveryImported() as body:
            recovery.verify(body.source.encode(), body.signature, state.of(record.set).epochs[body.epoch_id])
        case Enrolled() as body:
            statements.verify(body.statement, body.signature)
        case Reviewed() as body:
            review_rules.verify(body, record)
        case DebtsSettled() as body:
            settlement_rules.verify(body, record)
