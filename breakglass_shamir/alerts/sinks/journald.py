# SPDX-License-Identifier: Apache-2.0
"""This machine's journal, through ``logger --journald`` of util-linux.

Its exit code 0 is the acknowledgement. The document stands in the field ``BREAKGLASS_OCSF``, the event's id in
``BREAKGLASS_EVENT``: ``journalctl -t breakglass -o json`` shows both.
"""

import json
import shutil
from collections.abc import Iterator, Sequence

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.alerts.sinks.program import ENVIRONMENT
from breakglass_shamir.alerts.sinks.syslog import severity_number
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.bounded.program import run
from breakglass_shamir.custody.policy.sinks import JournaldSink
from breakglass_shamir.errors import SinkFailure

PROGRAM = "logger"


class Journald(Deliverer):
    """The journal."""

    def __init__(self, sink: JournaldSink) -> None:
        super().__init__(sink.name, sink)
        self._identifier = sink.identifier

    def lacking(self) -> Iterator[str]:
        """Yield that the program is not there which writes to the journal."""
        if shutil.which(PROGRAM, path=ENVIRONMENT["PATH"]) is None:
            yield f"{PROGRAM} not found in {ENVIRONMENT['PATH']}"

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        found = shutil.which(PROGRAM, path=ENVIRONMENT["PATH"])
        if found is None:
            raise SinkFailure(f"{self.name}: {PROGRAM} not found in {ENVIRONMENT['PATH']}")
        for number, event in enumerate(events):
            given = entry(event, self._identifier)
            done = run([found, "--journald"], given=given, limit_s=deadline.left_s, env=ENVIRONMENT)
            if done.status != 0:
                raise SinkFailure(f"{self.name}: {PROGRAM} refused it: {done.complaint}", delivered=number)


def entry(event: Event, identifier: str) -> bytes:
    """Return the fields of an entry, a line each."""
    fields = {
        "MESSAGE": event.subject,
        "PRIORITY": str(severity_number(event.severity)),
        "SYSLOG_IDENTIFIER": identifier,
        "BREAKGLASS_EVENT": event.id,
        "BREAKGLASS_SET": event.set_name,
        "BREAKGLASS_OCSF": json.dumps(event.document, sort_keys=True, separators=(",", ":")),
    }
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode()
