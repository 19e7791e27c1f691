# SPDX-License-Identifier: Apache-2.0
"""The events of a load drill, each marked as one in its first words, its severity and its document."""

import time
from collections.abc import Iterable

from breakglass_shamir.alerts import outbox as alert_outbox
from breakglass_shamir.alerts import translate
from breakglass_shamir.alerts.event import Event, Severity
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.ledger import outbox
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.schema import Beside, Row
from breakglass_shamir.structs import replace

MARK = "LOAD DRILL, nothing happened: "
"""In front of every subject."""


def beside(drill: str) -> Beside:
    """Return what is stored with each record of a terminal of a load drill.

    Args:
        drill: id of the load drill.
    """

    def rows(entry: Entry, state: LedgerState) -> Iterable[Row]:
        destinations = list(alert_outbox.destinations(entry.record.set, state))
        events = [marked(event, drill) for event in translate.events(entry, state)] if destinations else []
        # By this clock and not by the record's, which has whole seconds: how long an acknowledgement takes is measured.
        made_ms = time.time_ns() // 1_000_000
        return outbox.rows(entry.record.seq, [(one.id, made_ms, one.to_bytes()) for one in events], destinations)

    return Beside(outbox.SCHEMA, rows)


def marked(event: Event, drill: str) -> Event:
    """Return an event that says in every form that nothing happened."""
    said, informational = f"{MARK}{event.subject}", Severity.INFORMATIONAL
    document = {
        **event.document, "message": said, "severity_id": int(informational), "severity": informational.caption,
    }  # fmt: skip
    own = event.document.get("unmapped", {})
    document["unmapped"] = {**own, "breakglass": {**own.get("breakglass", {}), "load_drill": drill}}
    if "finding_info" in document:
        document["finding_info"] = {**document["finding_info"], "title": said}
    return replace(event, subject=said, severity=informational, document=document)
