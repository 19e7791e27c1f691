# SPDX-License-Identifier: Apache-2.0
"""From a record to its events, ready to be stored beside it.

Rules:

1. The id of an event is its log, its record's number and digest, and its place: the same whenever it is made again, and
   another one in a copy of the log that went on separately.
2. An incident that a record began under its number bears the record's mark, so that copies do not share it, and what
   resolves it bears the same. What is a state of the set itself, such as a blind watch, copies share.
3. Translating never keeps a record from being made: what cannot be told well is told plainly.
"""

from collections.abc import Iterator
from typing import Any

from breakglass_shamir.alerts import identity, ocsf
from breakglass_shamir.alerts.context import Context, Telling
from breakglass_shamir.alerts.event import Action, Event, Severity
from breakglass_shamir.alerts.tellings import tell
from breakglass_shamir.custody.life.state import MARK_DIGITS, LedgerState
from breakglass_shamir.ledger.entry import Entry

MAX_MESSAGE_CHARACTERS = 500
"""Longer lines are cut: a subject is read at a glance, and the record has the rest."""

_SHOWN = (
    "incident_class",
    "ticket",
    "purpose",
    "officers",
    "gate",
    "debt",
    "classification",
    "mode",
    "program",
    "sheet",
)
"""Fields of a record that go along as they are."""


def events(entry: Entry, state: LedgerState) -> list[Event]:
    """Return the events of a record; none where it is not told.

    Args:
        entry: the record.
        state: what the log adds up to with it.
    """
    context = Context(entry.record, state, entry.digest)
    try:
        return list(_events(context))
    except Exception as error:
        return [_plainly(context, type(error).__name__)]


def _events(context: Context) -> Iterator[Event]:
    for place, telling in enumerate(tell(context)):
        yield _event(context, place, telling)


def _event(context: Context, place: int, telling: Telling) -> Event:
    record = context.record
    subject = f"{record.set}: {telling.subject}" if record.set else telling.subject
    subject = subject.replace("\n", " ").replace("\t", " ")[:MAX_MESSAGE_CHARACTERS]
    identifier = identity.write(record.log, record.seq, context.digest, place)
    incident = "/".join(filter(None, (record.log, record.set, _subject(context, telling) or context.opening_id[:12])))
    document = ocsf.base(
        telling.class_uid, telling.activity_id, time_ms=context.time_ms, severity=telling.severity, message=subject,
        metadata=_metadata(context, identifier),
    )  # fmt: skip
    document |= dict(telling.attributes)
    if telling.class_uid in (ocsf.DETECTION_FINDING, ocsf.COMPLIANCE_FINDING):
        document["finding_info"] = ocsf.finding(incident, subject, telling.subject)
        document["resources"] = [{"name": record.set or "terminal"}]
    else:
        document["actor"] = ocsf.actor(context.officer)
    document["unmapped"] = {"breakglass": _own(context)}
    return Event(identifier, record.set, subject, telling.severity, telling.action, incident, context.time_ms, document)


def _subject(context: Context, telling: Telling) -> str:
    """Return what a telling belongs to within its set, with the mark of the record that began it."""
    subject, known = telling.incident, context.set_state
    mark = known.marks.get(subject, "") if known else ""
    if not mark and subject.endswith(f"-{context.record.seq}"):
        mark = context.digest[:MARK_DIGITS]
    return f"{subject}-{mark}" if mark else subject


def _metadata(context: Context, identifier: str) -> dict[str, Any]:
    found = {
        "uid": identifier,
        "sequence": context.record.seq,
        "log_name": f"breakglass-shamir.log/{context.record.log}",
        "log_provider": context.state.terminal or "unknown",
        "correlation_uid": context.opening_id,
    }
    return {name: value for name, value in found.items() if value != ""}


def _own(context: Context) -> dict[str, Any]:
    """Return what of the record goes along: what identifies it, and its fields for machines."""
    body = context.record.body
    declared = context.opening.declared if context.opening else None
    found: dict[str, Any] = {
        "record": str(body.__struct_config__.tag), "record_sha256": context.digest, "set": context.record.set,
        "opening": context.opening_id,
    }  # fmt: skip
    for name in _SHOWN:
        value = getattr(body, name, "") or getattr(declared, name, "")
        if value:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _plainly(context: Context, problem: str) -> Event:
    kind = str(context.record.body.__struct_config__.tag)
    telling = Telling(
        ocsf.APPLICATION_LIFECYCLE, ocsf.OTHER, f"a record of type {kind} that could not be told well ({problem})",
        Severity.MEDIUM, {"app": ocsf.product(), "activity_name": "Record"}, Action.NOTE,
    )  # fmt: skip
    bare = Context(context.record, LedgerState(), context.digest)
    return _event(bare, 0, telling)
