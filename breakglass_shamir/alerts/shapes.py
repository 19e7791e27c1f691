# SPDX-License-Identifier: Apache-2.0
"""An event as other systems want it: Elastic's Common Schema, one level of columns, Google's Unified Data Model.

Sources: ECS 8.17 (elastic.co/guide/en/ecs), the columns of Azure Monitor's tables (letters, digits and ``_``, a letter
first, 45 characters at most), the UDM field list of Google SecOps. What a schema has no field for stands as it is in
OCSF: in ECS under ``breakglass``, in UDM under ``additional``.

Pure: each takes an event and returns a new tree of dictionaries, lists, text and whole numbers.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from breakglass_shamir.alerts import ocsf
from breakglass_shamir.alerts.event import Event, Severity

ECS_VERSION = "8.17.0"

COLUMN_MAX_CHARS = 45
"""Longest name of a column."""

_ECS_KINDS: dict[int, tuple[str, list[str], list[str]]] = {
    ocsf.AUTHENTICATION: ("event", ["authentication"], ["start"]),
    ocsf.ENTITY_MANAGEMENT: ("event", ["iam"], ["change"]),
    ocsf.ACCOUNT_CHANGE: ("event", ["iam"], ["user", "change"]),
    ocsf.DETECTION_FINDING: ("alert", ["intrusion_detection"], ["info"]),
    ocsf.COMPLIANCE_FINDING: ("state", ["configuration"], ["info"]),
    ocsf.APPLICATION_LIFECYCLE: ("event", ["process"], ["change"]),
}
"""Class of OCSF to ``event.kind``, ``event.category`` and ``event.type``."""

_ECS_OUTCOMES = {ocsf.SUCCESS: "success", ocsf.FAILURE: "failure"}
_FINDINGS = (ocsf.DETECTION_FINDING, ocsf.COMPLIANCE_FINDING)

_UDM_SEVERITIES = {
    Severity.FATAL: "CRITICAL", Severity.CRITICAL: "CRITICAL", Severity.HIGH: "HIGH", Severity.MEDIUM: "MEDIUM",
    Severity.LOW: "LOW", Severity.INFORMATIONAL: "INFORMATIONAL",
}  # fmt: skip

_NOT_OF_COLUMNS = re.compile(r"[^A-Za-z0-9_]")


def at(event: Event) -> str:
    """Return when an event was recorded, as RFC 3339 with milliseconds, UTC."""
    return datetime.fromtimestamp(event.time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ecs(event: Event) -> dict[str, Any]:
    """Return an event in Elastic's Common Schema."""
    document = event.document
    kind, category, types = _ECS_KINDS.get(document["class_uid"], ("event", [], []))
    about: dict[str, Any] = {
        "id": event.id, "kind": kind, "category": category, "type": types, "action": _record(event),
        "severity": int(event.severity), "provider": ocsf.VENDOR, "module": "breakglass", "dataset": "breakglass.ocsf",
        "sequence": document["metadata"]["sequence"],
    }  # fmt: skip
    if document["class_uid"] not in _FINDINGS and document.get("status_id") in _ECS_OUTCOMES:
        about["outcome"] = _ECS_OUTCOMES[document["status_id"]]
    found: dict[str, Any] = {
        "@timestamp": at(event), "ecs": {"version": ECS_VERSION}, "message": event.subject, "event": about,
        "log": {"level": event.severity.caption.lower()},
        "observer": {"vendor": ocsf.VENDOR, "product": ocsf.VENDOR, "version": ocsf.product()["version"]},
        "breakglass": document,
    }  # fmt: skip
    return {**found, "user": {"name": name}} if (name := _account(event)) else found


def flat(event: Event) -> dict[str, Any]:
    """Return an event in one level: the OCSF document's paths as columns, with ``_`` between, and ``TimeGenerated``."""
    found: dict[str, Any] = {"TimeGenerated": at(event)}
    for path, value in _leaves(event.document, ()):
        name = _column(path)
        if name not in found:
            found[name] = value
    return found


def udm(event: Event) -> dict[str, Any]:
    """Return an event in Google's Unified Data Model, as a generic event with a security result."""
    about = {
        "eventTimestamp": at(event), "eventType": "GENERIC_EVENT", "vendorName": ocsf.VENDOR,
        "productName": ocsf.VENDOR, "productVersion": ocsf.product()["version"], "productEventType": _record(event),
        "productLogId": event.id, "description": event.subject,
    }  # fmt: skip
    result = {"severity": _UDM_SEVERITIES[event.severity], "summary": event.subject, "ruleName": _record(event)}
    target: dict[str, Any] = {"application": event.set_name or ocsf.VENDOR}
    if name := _account(event):
        target["user"] = {"userid": name}
    return {
        "metadata": about, "principal": {"application": ocsf.VENDOR}, "target": target, "securityResult": [result],
        "additional": event.document,
    }  # fmt: skip


def _record(event: Event) -> str:
    """Return the type of the record that an event tells of."""
    ours = event.document.get("unmapped", {}).get("breakglass", {})
    return str(ours.get("record", "")) or "event"


def _account(event: Event) -> str:
    """Return the account that an event names; empty where it names none."""
    user = event.document.get("user")
    return str(user.get("name", "")) if isinstance(user, dict) else ""


def _leaves(tree: dict[str, Any], before: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each value that is no object, by its path; a list as JSON."""
    for name in sorted(tree):
        value = tree[name]
        if isinstance(value, dict):
            yield from _leaves(value, (*before, name))
        else:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, list) else value
            yield (*before, name), text


def _column(path: tuple[str, ...]) -> str:
    """Return the name of a column; what is of this program alone without ``unmapped_`` in front."""
    names = path[1:] if path[0] == "unmapped" and len(path) > 1 else path
    return _NOT_OF_COLUMNS.sub("_", "_".join(names))[:COLUMN_MAX_CHARS]
