# SPDX-License-Identifier: Apache-2.0
"""Slack's incoming webhooks, and what speaks their format: one line of text for each event.

The webhook's address is itself the secret and is read from a file. An answer 2xx is the acknowledgement.
"""

import json
from collections.abc import Sequence

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import http
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.custody.policy.sinks import SlackSink
from breakglass_shamir.errors import SinkFailure


class Slack(Deliverer):
    """One channel."""

    def __init__(self, sink: SlackSink) -> None:
        super().__init__(sink.name)
        self._sink = sink

    def _deliver(self, events: Sequence[Event]) -> None:
        url = read_secret(self._sink.url_file, "the webhook's address")
        if not url.startswith(("https://", "http://")):
            raise SinkFailure(f"expected an address that begins with https:// in {self._sink.url_file}")
        for number, event in enumerate(events):
            try:
                http.post(self.name, url, json.dumps({"text": text(event)}).encode(), {}, self._sink.ca)
            except SinkFailure as failure:
                failure.delivered = number
                raise


def text(event: Event) -> str:
    """Return the line, with what Slack takes for markup made plain."""
    escaped = event.subject.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"*{event.severity.caption}* {escaped} ({event.id})"
