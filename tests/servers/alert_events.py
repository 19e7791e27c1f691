# SPDX-License-Identifier: Apache-2.0
"""Events to send: made by the program itself, from records."""

import hashlib

from breakglass_shamir.alerts import translate
from breakglass_shamir.alerts.event import Event
from breakglass_shamir.custody.life.state import MARK_DIGITS, LedgerState, SetState
from breakglass_shamir.custody.records.openings import Overridden, Settled
from breakglass_shamir.custody.records.record import AnyBody, Record
from breakglass_shamir.custody.records.sheets import SheetVoided
from breakglass_shamir.ledger.entry import Entry

LOG = "0123456789abcdef"
DATA = b"{}"
"""What stands for the bytes of every record."""


def event(body: AnyBody, seq: int = 7, name: str = "prod-db", state: LedgerState | None = None) -> Event:
    """Return the first event of a record, in a state of the log before it; None: an empty one."""
    record = Record(
        v=1, log=LOG, seq=seq, previous="ab" * 32, root="cd" * 32, time="2026-01-02T03:04:05Z", boot="efef",
        uptime_ms=12, set=name, opening="ee" * 32, body=body,
    )  # fmt: skip
    return translate.events(Entry(DATA, record, "", "", ""), state or LedgerState())[0]


def voided(seq: int, reason: str = "it was seen", name: str = "prod-db") -> Event:
    return event(SheetVoided(epoch_id="ab" * 8, sheet="1.2", reason=reason), seq, name)


def overridden(seq: int = 7) -> Event:
    return event(Overridden(gate="ticket", problem="no such ticket", reason="the ticket system is down"), seq)


def settled(debt: str, seq: int = 8) -> Event:
    """Return the end of a debt that a record of the same bytes began."""
    mark = hashlib.sha256(DATA).hexdigest()[:MARK_DIGITS]
    known = LedgerState(sets={"prod-db": SetState("prod-db", marks={debt: mark})})
    return event(Settled(debt=debt, reason="looked at", officers=("officer one",)), seq, state=known)
