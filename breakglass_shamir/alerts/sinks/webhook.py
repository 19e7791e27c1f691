# SPDX-License-Identifier: Apache-2.0
"""A webhook signed as the Standard Webhooks specification says.

The headers are ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``; the signature is HMAC-SHA256 over
``id.timestamp.body``. A receiver verifies it with any of that specification's libraries, and drops what it has by
``webhook-id``. An answer 2xx is the acknowledgement.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import http
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import WebhookSink
from breakglass_shamir.errors import SinkFailure

PREFIX = "whsec_"
"""In front of a secret in base64."""

MIN_SECRET_BYTES = 24
"""By the specification."""


class Webhook(Deliverer):
    """One receiver."""

    def __init__(self, sink: WebhookSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        secret = _secret(self._sink.secret_file)
        for number, event in enumerate(events):
            body = payload(event)
            try:
                signed = headers(event.id, int(time.time()), body, secret)
                http.post(self.name, self._sink.url, body, signed, self._sink.ca, deadline, secrets=_told(secret))
            except SinkFailure as failure:
                failure.delivered = number
                raise

    def lacking(self) -> Iterator[str]:
        """Yield what is wrong with the secret's file and the authorities."""
        yield from super().lacking()
        try:
            _secret(self._sink.secret_file)
        except SinkFailure as failure:
            yield f"secret_file: {failure}"


def payload(event: Event) -> bytes:
    """Return the body: type, time, and the OCSF document as data."""
    kind = event.document["unmapped"]["breakglass"]["record"]
    at = datetime.fromtimestamp(event.time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tree = {"type": f"breakglass.{kind}", "timestamp": at, "data": event.document}
    return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()


def headers(identifier: str, at_s: int, body: bytes, secret: bytes) -> dict[str, str]:
    """Return the three headers that the specification names.

    Args:
        identifier: the event's id, the same in every delivery.
        at_s: when this delivery is made, seconds since 1970.
        body: what is sent.
        secret: the signing key's bytes.
    """
    signed = b"%s.%d.%s" % (identifier.encode(), at_s, body)
    signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return {"webhook-id": identifier, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{signature}"}


def _told(secret: bytes) -> tuple[str, ...]:
    """Return how a secret might be repeated by whoever has it too."""
    return (base64.b64encode(secret).decode(),)


def _secret(path: str) -> bytes:
    text = read_secret(path, "the signing secret")
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise SinkFailure(f"expected {PREFIX} and base64 in {path}") from None
    if len(found) < MIN_SECRET_BYTES:
        raise SinkFailure(f"expected a signing secret of {MIN_SECRET_BYTES} bytes or more in {path}")
    return found
