# SPDX-License-Identifier: Apache-2.0
"""Splunk's HTTP Event Collector; with ``ack`` an event counts only when the indexer has acknowledged it.

Events go as JSON objects one after the other to ``/services/collector/event``. With acknowledgement the answer holds
an ``ackId``, which is asked for at ``/services/collector/ack`` until it is true. Splunk does not drop doubles:
search with ``dedup metadata.uid``.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import http
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import SplunkSink
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.web.words import line

ACK_WAIT_S = 30.0
"""How long an indexer may take to acknowledge."""

ACK_POLL_S = 0.5
"""How often it is asked."""

ANSWER_MAX_BYTES = 64 * 1024
"""A collector's answer is shorter."""

SOURCE_TYPE = "ocsf:breakglass"


class Splunk(Deliverer):
    """One collector."""

    batch = 100

    def __init__(self, sink: SplunkSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink
        if sink.ack:
            self.limit_s += ACK_WAIT_S
        self._base = sink.url.rstrip("/").removesuffix("/event").removesuffix("/services/collector")

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        body = b"".join(self._wrapped(event) for event in events)
        answer = self._ask("event", body, deadline)
        if answer.get("code") != 0:
            raise SinkFailure(f"{self.name}: the collector answered {line(str(answer.get('text', 'something else')))}")
        if self._sink.ack:
            self._wait_for(answer.get("ackId"), deadline)

    def _wrapped(self, event: Event) -> bytes:
        tree: dict[str, Any] = {
            "time": event.time_ms / 1000, "source": "breakglass", "sourcetype": SOURCE_TYPE, "event": event.document,
        }  # fmt: skip
        if self._sink.index:
            tree["index"] = self._sink.index
        return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()

    def _wait_for(self, ack_id: Any, deadline: Deadline) -> None:
        if not isinstance(ack_id, int):
            raise SinkFailure(
                f"{self.name}: the collector gave no ackId",
                hint="allow indexer acknowledgement for this token, or set ack = false",
            )
        waits = deadline.sooner(ACK_WAIT_S)
        while not waits.over:
            acks = self._ask("ack", json.dumps({"acks": [ack_id]}).encode(), deadline).get("acks")
            if isinstance(acks, dict) and acks.get(str(ack_id)) is True:
                return
            time.sleep(ACK_POLL_S)
        raise SinkFailure(f"{self.name}: the indexer acknowledged nothing within {waits.limit_s:.0f} s")

    def _ask(self, what: str, body: bytes, deadline: Deadline) -> dict[str, Any]:
        token = read_secret(self._sink.token_file, "the token")
        headers = {"Authorization": f"Splunk {token}"}
        if self._sink.channel:
            headers["X-Splunk-Request-Channel"] = self._sink.channel
        url = f"{self._base}/services/collector/{what}"
        content = http.post(
            self.name, url, body, headers, self._sink.ca, deadline, secrets=(token,), answer_max=ANSWER_MAX_BYTES
        )
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise SinkFailure(f"{self.name}: the collector's answer is not JSON")
        return found
