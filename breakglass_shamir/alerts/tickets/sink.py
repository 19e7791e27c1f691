# SPDX-License-Identifier: Apache-2.0
"""The ticket of an opening, where the policy has it written to: the opening's id and where it stands, in one note.

The system's answer 2xx, or a program's exit code 0, is the acknowledgement. After an answer that was lost the note is
written again: a ticket may have one twice.
"""

from collections.abc import Mapping, Sequence

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.tickets import asking
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import TicketSink
from breakglass_shamir.errors import SinkFailure

STATES: Mapping[str, str] = {
    "declared": "declared", "opened": "opened by a quorum", "cancelled": "withdrawn", "use-ended": "the use ended",
    "old-dead": "rotated, the credential that was used is dead", "closed": "closed",
}  # fmt: skip
"""Type of a record to what a note says of the opening."""

_SHORT_ID = 12


class Ticket(Deliverer):
    """One system of tickets."""

    def __init__(self, sink: TicketSink) -> None:
        super().__init__(sink.name, sink)
        self._system = sink.ticket

    def is_for(self, event: Event) -> bool:
        """Tell whether an event is the first of a record that says where an opening with a ticket stands."""
        own = event.document["unmapped"]["breakglass"]
        ticket = own.get("ticket", "")
        first = event.id.endswith("-0") and own["record"] in STATES
        return bool(first and own["opening"] and ticket and own.get("purpose") != "rotation") and asking.takes(
            self._system, ticket
        )

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        for number, event in enumerate(events):
            own = event.document["unmapped"]["breakglass"]
            try:
                asking.write(self._system, own["ticket"], note(own["opening"], own["record"]), deadline)
            except SinkFailure as failure:
                failure.delivered = number
                raise


def note(opening: str, record: str) -> str:
    """Return what is written to a ticket."""
    return f"break-glass opening {opening[:_SHORT_ID]}: {STATES[record]}"
