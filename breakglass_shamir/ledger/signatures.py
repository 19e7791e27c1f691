# SPDX-License-Identifier: Apache-2.0
"""Which signatures a record needs beside the terminal's, and by whom (spec: docs/spec/7-records.md, "Signatures").

It signs and verifies nothing.
"""

from breakglass_shamir.crypto import sshsig
from breakglass_shamir.custody.life.drill_rules import drill_envelope
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records import record as records
from breakglass_shamir.custody.records.ledger import LedgerStarted
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.errors import InvalidRecord
from breakglass_shamir.ledger.connection import DAMAGED_HINT


def check_first(record: Record) -> LedgerStarted:
    """Return what the first record of a log says.

    Raises:
        InvalidRecord: it is not the start of a log.
    """
    if not isinstance(record.body, LedgerStarted):
        raise InvalidRecord("expected the start of a ledger, got another record", hint=DAMAGED_HINT)
    return record.body


def signature_due(state: LedgerState, set_name: str, body: AnyBody) -> tuple[bytes, str] | None:
    """Return whose signature a record needs beside the terminal's, and in which namespace; None: nobody's.

    Args:
        state: with the record applied.
        set_name: the record's set.
        body: what it says.
    """
    if isinstance(body, records.QUORUM_SIGNED):
        return signing_epoch_key(state, set_name), sshsig.QUORUM_NAMESPACE
    if isinstance(body, records.DRILL_SIGNED):
        epoch = state.of(set_name).epochs[body.epoch_id]
        return drill_envelope(epoch, set_name).set_public_key, sshsig.DRILL_NAMESPACE
    return None


def signing_epoch_key(state: LedgerState, set_name: str) -> bytes:
    """Return the set public key that signs for the opening under way, 32 bytes."""
    opening = state.of(set_name).active_opening
    return state.of(set_name).epochs[opening.epoch_id].envelope.set_public_key
