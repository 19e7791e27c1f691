# SPDX-License-Identifier: Apache-2.0
"""Which records about alerts may follow, and what they change; part of ``lifecycle.py``'s table.

Rules:

1. An escalation is one level higher than the last of its subject, and begins at 1.
2. Only what was escalated is eased, and is then forgotten.
3. That alerts were delivered changes nothing: their state is kept beside the records.
"""

from msgspec.structs import replace

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import Escalation, SetState
from breakglass_shamir.custody.records.monitoring import AlertsDelivered, Eased, Escalated
from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.errors import IllegalState, InvalidRecord


def alerts_delivered(s: SetState, body: AlertsDelivered, _r: Record, _d: bytes) -> SetState:
    """Take a sink's acknowledgement."""
    if body.count < 1 or not body.sink:
        raise InvalidRecord("expected a sink and at least one event that it acknowledged")
    return s


def escalated(s: SetState, body: Escalated, record: Record, _d: bytes) -> SetState:
    """Take a repetition, louder than the one before."""
    before = s.escalations.get(body.subject)
    expected = before.level + 1 if before else 1
    if body.level != expected:
        raise IllegalState(f"expected level {expected} of {body.subject}, got {body.level}")
    now = Escalation(body.level, Moment.of(record), body.what)
    return replace(s, escalations={**s.escalations, body.subject: now})


def eased(s: SetState, body: Eased, _r: Record, _d: bytes) -> SetState:
    """Forget what is settled."""
    if body.subject not in s.escalations:
        raise IllegalState(f"{body.subject} was not escalated")
    return replace(s, escalations={key: one for key, one in s.escalations.items() if key != body.subject})
