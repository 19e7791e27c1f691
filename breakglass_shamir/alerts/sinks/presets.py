# SPDX-License-Identifier: Apache-2.0
"""What each collector documents of its requests and its answers.

Sources, each as the vendor documents it: Azure Monitor, Logs Ingestion API 2023-01-01; Elasticsearch, Bulk API;
Datadog, Logs API v2; Google SecOps, Chronicle API ``events:import``; Grafana Loki, ``POST /loki/api/v1/push``.

Rules:

1. A body is made of whole events; how many stand in one is decided elsewhere.
2. An answer 2xx takes all of them, where the vendor documents no other. Elasticsearch answers 200 with an error for
   each event that it did not take: those count as refused, each with its reason. 409 there means that the event's id is
   there already, since an event is created under its own id: it was taken before.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from breakglass_shamir.alerts import shapes
from breakglass_shamir.alerts.event import Event, Severity
from breakglass_shamir.structs import Struct
from breakglass_shamir.web.words import line

Shaped = tuple[Event, dict[str, Any]]
"""An event, and what it looks like there."""

Refused = dict[int, str]
"""Place of an event in a body to why it was not taken."""

JSON, LINES = "application/json", "application/x-ndjson"


class AnswerUnreadable(ValueError):
    """An answer 2xx that does not say what it should."""


def as_json(tree: Any) -> bytes:
    """Return a tree as JSON on one line, in UTF-8."""
    return json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")


def one(events: Sequence[Shaped]) -> bytes:
    """Return the one event there is."""
    return as_json(events[0][1])


def array(events: Sequence[Shaped]) -> bytes:
    """Return a JSON array."""
    return as_json([shaped for _, shaped in events])


def lines(events: Sequence[Shaped]) -> bytes:
    """Return a line of JSON for each."""
    return b"".join(as_json(shaped) + b"\n" for _, shaped in events)


def _bulk(events: Sequence[Shaped]) -> bytes:
    """Return Elasticsearch's pairs of lines: create it under its own id, and the event."""
    pairs = (as_json({"create": {"_id": event.id}}) + b"\n" + as_json(shaped) + b"\n" for event, shaped in events)
    return b"".join(pairs)


_DATADOG_STATUS = {
    Severity.FATAL: "emergency", Severity.CRITICAL: "critical", Severity.HIGH: "error", Severity.MEDIUM: "warning",
    Severity.LOW: "notice", Severity.INFORMATIONAL: "info",
}  # fmt: skip


def _datadog(events: Sequence[Shaped]) -> bytes:
    """Return Datadog's array of logs, each with its reserved attributes in front of the event."""
    logs = []
    for event, shaped in events:
        tags = f"set:{event.set_name}" if event.set_name else "set:none"
        logs.append({
            "ddsource": "breakglass", "service": "breakglass", "ddtags": tags, "message": event.subject,
            "hostname": str(event.document["metadata"].get("log_provider", "")), "timestamp": event.time_ms,
            "status": _DATADOG_STATUS[event.severity], "breakglass": shaped,
        })  # fmt: skip
    return as_json(logs)


def _secops(events: Sequence[Shaped]) -> bytes:
    """Return Google's inline source of UDM events."""
    return as_json({"inlineSource": {"events": [{"udm": shaped} for _, shaped in events]}})


def _loki(events: Sequence[Shaped]) -> bytes:
    """Return Loki's streams: few labels, and lines by time of nanoseconds within each."""
    streams: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for event, shaped in events:
        streams.setdefault((event.set_name, event.severity.caption.lower()), []).append(
            (event.time_ms * 1_000_000, as_json(shaped).decode())
        )
    found = []
    for (name, level), values in sorted(streams.items()):
        labels = {"service_name": "breakglass", "level": level, **({"set": name} if name else {})}
        ordered = [[str(at), text] for at, text in sorted(values, key=lambda value: value[0])]
        found.append({"stream": labels, "values": ordered})
    return as_json({"streams": found})


def all_taken(_body: bytes, _count: int) -> Refused:
    """Return that nothing was refused: the status was the answer."""
    return {}


def _bulk_answer(body: bytes, count: int) -> Refused:
    """Return which events Elasticsearch did not take.

    Raises:
        AnswerUnreadable: it does not say of each of them what became of it.
    """
    try:
        items = json.loads(body)["items"]
        results = [item["create"] for item in items]
        found = {place: _why(one) for place, one in enumerate(results) if not _is_there(one)}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AnswerUnreadable("the answer does not say what became of each event") from None
    if len(results) != count:
        raise AnswerUnreadable(f"the answer says what became of {len(results)} events, not of {count}")
    return found


def _is_there(result: dict[str, Any]) -> bool:
    status = result["status"]
    if isinstance(status, bool) or not isinstance(status, int):
        raise TypeError
    return 200 <= status < 300 or status == 409


def _why(result: dict[str, Any]) -> str:
    error = result.get("error")
    said = [str(error.get(name, "")) for name in ("type", "reason")] if isinstance(error, dict) else [str(error or "")]
    return line(": ".join([str(result["status"]), *filter(None, said)]))


class Preset(Struct, frozen=True):
    """What a collector documents.

    Attributes:
        shape: what an event looks like: ``ocsf``, ``ecs``, ``flat`` or ``udm``.
        body: makes a request's body.
        kind: its media type.
        header: where the secret stands, and ``prefix`` the word in front of it.
        prefix: see ``header``.
        token_url: where a token is asked for; empty: the policy says, or nowhere.
        scope: of the token.
        is_account: whether the secret is the key of a service account.
        answer: reads an answer 2xx.
        answer_bytes: how long that is for one event at most; 0: the status is the answer.
    """

    shape: str = "ocsf"
    body: Callable[[Sequence[Shaped]], bytes] = one
    kind: str = JSON
    header: str = "Authorization"
    prefix: str = "Bearer"
    token_url: str = ""
    scope: str = ""
    is_account: bool = False
    answer: Callable[[bytes, int], Refused] = all_taken
    answer_bytes: int = 0


PRESETS = {
    "none": Preset(),
    "sentinel": Preset("flat", array, scope="https://monitor.azure.com//.default"),
    "elastic": Preset("ecs", _bulk, LINES, prefix="ApiKey", answer=_bulk_answer, answer_bytes=8192),
    "datadog": Preset("ocsf", _datadog, header="DD-API-KEY", prefix=""),
    "secops": Preset(
        "udm", _secops, token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        scope="https://www.googleapis.com/auth/cloud-platform", is_account=True,
    ),
    "loki": Preset("ocsf", _loki),
}  # fmt: skip
"""By ``preset`` of the policy."""

FRAMINGS = {"one": (one, JSON), "array": (array, JSON), "lines": (lines, LINES)}
"""By ``framing`` of the policy."""

SHAPES: dict[str, Callable[[Event], dict[str, Any]]] = {
    "ocsf": lambda event: event.document, "ecs": shapes.ecs, "flat": shapes.flat, "udm": shapes.udm,
}  # fmt: skip
"""By ``shape`` of the policy, and Google's."""
