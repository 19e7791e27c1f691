# SPDX-License-Identifier: Apache-2.0
"""Splunk's HTTP Event Collector; with ``ack`` an event counts only when the indexer has acknowledged it.

Events go as JSON objects one after the other to ``/services/collector/event``. With acknowledgement the answer holds
an ``ackId``, which is asked for at ``/services/collector/ack`` until it is true. Splunk does not drop doubles:
search with ``dedup metadata.uid``.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks import http
from breakglass_shamir.alerts.sinks.base import Deliverer, read_secret
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import SplunkSink
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.web.words import WITHHELD, holds, line

ACK_WAIT_S = 30.0
"""How long an indexer may take to acknowledge."""

ACK_POLL_S = 0.5
"""How often it is asked."""

ANSWER_MAX_BYTES = 64 * 1024
"""A collector's answer is shorter."""

SOURCE_TYPE = "ocsf:breakglass"

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


_ENDING = re.compile(r"/services(?:/collector(?:/(?:event|raw|ack|health|validate|mint|s2s))?(?:/1\.0)?)?\Z")
"""How a collector's path ends in the forms of its documentation, behind whatever a proxy put in front."""


def collector(sink: SplunkSink) -> tuple[str, str]:
    """Return a collector's address in front of ``/services/collector``, and its channel.

    Splunk documents ``https://HOST:8088``, ``/services/collector``, its endpoints ``event``, ``raw``, ``ack`` and
    ``health``, each with ``/1.0`` behind it or not, and the channel as a parameter of the query.

    Raises:
        SinkFailure: the address holds a token, a second channel, or parameters that mean something else.
    """
    try:
        parts = urlsplit(sink.url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise SinkFailure(f"{sink.name}: expected an address, got none that can be read") from None
    channels = {value.lower() for key, value in query if key == "channel"} | {(sink.channel or "").lower()} - {""}
    if any(key == "token" for key, _ in query):
        raise SinkFailure(
            f"{sink.name}: the address holds a token", hint="take it out of the address, and put it into token_file"
        )
    if others := sorted({key for key, _ in query} - {"channel"}):
        raise SinkFailure(
            f"{sink.name}: the address has parameters that are not known here: {line(', '.join(others))}",
            hint="only channel is; index, source and sourcetype go with each event",
        )
    if len(channels) > 1 or not all(_GUID.fullmatch(one) for one in channels):
        raise SinkFailure(f"{sink.name}: expected one channel, a GUID", hint="name it once, as channel")
    front = _ENDING.sub("", parts.path.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{front}", next(iter(channels), "")


class Splunk(Deliverer):
    """One collector."""

    batch = 100

    def __init__(self, sink: SplunkSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink
        if sink.ack:
            self.limit_s += ACK_WAIT_S

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        body = b"".join(self._wrapped(event) for event in events)
        answer = self._ask("event", body, deadline)
        if answer.get("code") != 0:
            raise SinkFailure(f"{self.name}: the collector answered {self._reason(answer)}")
        if self._sink.ack:
            self._wait_for(answer.get("ackId"), deadline)

    def _reason(self, answer: dict[str, Any]) -> str:
        """Return what the collector says for itself: its text and code, without our token."""
        text, code = answer.get("text"), answer.get("code")
        said = line(text) if isinstance(text, str) and text.strip() else "something else"
        said = WITHHELD if holds(said, (read_secret(self._sink.token_file, "the token"),)) else said
        return f"{said} (code {code})" if isinstance(code, int) else said

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

    def lacking(self) -> Iterator[str]:
        """Yield what is wrong with the address, the token's file and the authorities."""
        yield from super().lacking()
        try:
            _, channel = collector(self._sink)
        except SinkFailure as failure:
            yield f"url: {failure}; {failure.hint}"
        else:
            if self._sink.ack and not channel:
                yield "ack: expected a channel, without which the collector acknowledges nothing"

    def _ask(self, what: str, body: bytes, deadline: Deadline) -> dict[str, Any]:
        token = read_secret(self._sink.token_file, "the token")
        headers = {"Authorization": f"Splunk {token}"}
        base, channel = collector(self._sink)
        if channel:
            headers["X-Splunk-Request-Channel"] = channel
        url = f"{base}/services/collector/{what}"
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
