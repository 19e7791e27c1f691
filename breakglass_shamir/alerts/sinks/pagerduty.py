# SPDX-License-Identifier: Apache-2.0
"""PagerDuty, Events API v2: what somebody must look at opens an incident, what settles it resolves it.

Events that only inform are not sent; they count as delivered. ``dedup_key`` is the event's incident, so that
repeated events stay one incident. An answer 202 is the acknowledgement.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from breakglass_shamir.alerts.event import Action, Event, Severity
from breakglass_shamir.alerts.sinks import http
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import PagerDutySink
from breakglass_shamir.errors import SinkFailure

MAX_SUMMARY_CHARACTERS = 1024
MAX_KEY_CHARACTERS = 255

_SEVERITIES = {
    Severity.FATAL: "critical", Severity.CRITICAL: "critical", Severity.HIGH: "error", Severity.MEDIUM: "warning",
    Severity.LOW: "info", Severity.INFORMATIONAL: "info",
}  # fmt: skip


class PagerDuty(Deliverer):
    """One integration."""

    def __init__(self, sink: PagerDutySink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink

    def is_for(self, event: Event) -> bool:
        """Tell whether an event opens or resolves an incident."""
        return event.action is not Action.NOTE

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        key = read_secret(self._sink.routing_key_file, "the routing key")
        for number, event in enumerate(events):
            try:
                body = json.dumps(_tree(event, key)).encode()
                http.post(self.name, self._sink.url, body, {}, self._sink.ca, deadline, secrets=(key,))
            except SinkFailure as failure:
                failure.delivered = number
                raise


def _tree(event: Event, key: str) -> dict[str, Any]:
    at = datetime.fromtimestamp(event.time_ms / 1000, UTC).isoformat()
    payload = {
        "summary": event.subject[:MAX_SUMMARY_CHARACTERS], "source": event.set_name or "breakglass",
        "severity": _SEVERITIES[event.severity], "timestamp": at, "component": "breakglass",
        "class": event.document["class_name"], "custom_details": event.document,
    }  # fmt: skip
    return {
        "routing_key": key, "event_action": str(event.action), "dedup_key": event.incident[-MAX_KEY_CHARACTERS:],
        "payload": payload,
    }  # fmt: skip
