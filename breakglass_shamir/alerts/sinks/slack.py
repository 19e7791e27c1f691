# SPDX-License-Identifier: Apache-2.0
"""Slack's incoming webhooks, and what speaks their format: one line of text for each event.

The webhook's address is itself the secret and is read from a file. An answer 2xx is the acknowledgement.
"""

import json
from collections.abc import Iterator, Sequence

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import http
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import SlackSink
from breakglass_shamir.errors import SinkFailure


class Slack(Deliverer):
    """One channel."""

    def __init__(self, sink: SlackSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        url = self._address()
        for number, event in enumerate(events):
            try:
                body = json.dumps({"text": text(event)}).encode()
                http.post(self.name, url, body, {}, self._sink.ca, deadline, secrets=_parts(url))
            except SinkFailure as failure:
                failure.delivered = number
                raise

    def _address(self) -> str:
        url = read_secret(self._sink.url_file, "the webhook's address")
        if not url.startswith(("https://", "http://")):
            raise SinkFailure(f"expected an address that begins with https:// in {self._sink.url_file}")
        return url

    def lacking(self) -> Iterator[str]:
        """Yield what is wrong with the address's file and the authorities."""
        yield from super().lacking()
        try:
            self._address()
        except SinkFailure as failure:
            yield f"url_file: {failure}"


def _parts(url: str) -> tuple[str, ...]:
    """Return what is secret in an address: its path, and each part of it."""
    path = url.partition("//")[2].partition("/")[2]
    return (path, *path.split("/"))


def text(event: Event) -> str:
    """Return the line, with what Slack takes for markup made plain."""
    escaped = event.subject.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"*{event.severity.caption}* {escaped} ({event.id})"
