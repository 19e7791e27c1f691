# SPDX-License-Identifier: Apache-2.0
"""OCSF 1.8.0 documents: the few classes that are used, with the attributes they require.

Source: the OCSF schema, version 1.8.0. ``type_uid`` is class x 100 + activity; ``category_uid`` is the class's first
digit. What OCSF has no attribute for stands under ``unmapped``, in one object named ``breakglass``.

Pure: a document is a plain tree of dictionaries, lists, text and whole numbers.
"""

from typing import Any

from breakglass_shamir.alerts.event import Severity
from breakglass_shamir.version import __version__

SCHEMA_VERSION = "1.8.0"
"""Of OCSF."""

VENDOR = "breakglass_shamir"
"""Product and vendor name in every event."""

ACCOUNT_CHANGE = 3001
AUTHENTICATION = 3002
ENTITY_MANAGEMENT = 3004
COMPLIANCE_FINDING = 2003
DETECTION_FINDING = 2004
APPLICATION_LIFECYCLE = 6002

OTHER = 99
"""``activity_id`` of what a class has no number for; ``activity_name`` then says it."""

PASS, WARNING, FAIL = 1, 2, 3
"""``compliance.status_id``."""

SUCCESS, FAILURE = 1, 2
"""``status_id`` of everything but findings."""

NEW, RESOLVED = 1, 4
"""``status_id`` of findings."""

_CLASS_NAMES = {
    ACCOUNT_CHANGE: "Account Change",
    AUTHENTICATION: "Authentication",
    ENTITY_MANAGEMENT: "Entity Management",
    COMPLIANCE_FINDING: "Compliance Finding",
    DETECTION_FINDING: "Detection Finding",
    APPLICATION_LIFECYCLE: "Application Lifecycle",
}


def product() -> dict[str, Any]:
    """Return what sends the events."""
    return {"name": VENDOR, "vendor_name": VENDOR, "version": __version__}


def base(
    class_uid: int, activity_id: int, *, time_ms: int, severity: Severity, message: str, metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return what every event has.

    Args:
        class_uid: one of the classes above.
        activity_id: of that class, or :data:`OTHER`.
        time_ms: when it happened, milliseconds since 1970.
        severity: how urgent it is.
        message: one readable line.
        metadata: ``uid``, ``sequence`` and so on; schema version and product are added.
    """
    return {
        "activity_id": activity_id,
        "category_uid": class_uid // 1000,
        "class_name": _CLASS_NAMES[class_uid],
        "class_uid": class_uid,
        "message": message,
        "metadata": {**metadata, "version": SCHEMA_VERSION, "product": product()},
        "severity": severity.caption,
        "severity_id": int(severity),
        "time": time_ms,
        "type_uid": class_uid * 100 + activity_id,
    }


def entity(set_name: str, epoch_id: str) -> dict[str, Any]:
    """Return the set as OCSF's managed entity."""
    found: dict[str, Any] = {"name": set_name, "type": "Break-glass set", "type_id": OTHER}
    return {**found, "uid": f"{set_name}/{epoch_id}"} if epoch_id else found


def user(name: str) -> dict[str, Any]:
    """Return the break-glass account as OCSF's user."""
    return {"name": name, "type": "Break-glass account", "type_id": OTHER}


def actor(name: str) -> dict[str, Any]:
    """Return who acted: this program, for a named officer where there is one."""
    found: dict[str, Any] = {"app_name": VENDOR}
    return {**found, "user": {"name": name}} if name else found


def finding(uid: str, title: str, desc: str) -> dict[str, Any]:
    """Return what a finding is about."""
    return {"uid": uid, "title": title, "desc": desc}


def compliance(status_id: int, control: str, details: list[str]) -> dict[str, Any]:
    """Return a compliance result.

    Args:
        status_id: :data:`PASS`, :data:`WARNING` or :data:`FAIL`.
        control: what was looked at, in a few words.
        details: why it is not a pass.
    """
    words = {PASS: "Pass", WARNING: "Warning", FAIL: "Fail"}
    found: dict[str, Any] = {"status_id": status_id, "status": words[status_id], "control": control}
    return {**found, "status_details": details} if details else found
