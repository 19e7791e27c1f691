# SPDX-License-Identifier: Apache-2.0
"""This machine's journal, through ``logger --journald`` of util-linux.

Its exit code 0 is the acknowledgement. The document stands in the field ``BREAKGLASS_OCSF``, the event's id in
``BREAKGLASS_EVENT``: ``journalctl -t breakglass -o json`` shows both.
"""

import json
import subprocess
from collections.abc import Sequence

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import TIMEOUT_S, Deliverer
from breakglass_shamir.alerts.sinks.syslog import severity_number
from breakglass_shamir.custody.policy.sinks import JournaldSink
from breakglass_shamir.errors import SinkFailure

PROGRAM = "logger"


class Journald(Deliverer):
    """The journal."""

    def __init__(self, sink: JournaldSink) -> None:
        super().__init__(sink.name)
        self._identifier = sink.identifier

    def _deliver(self, events: Sequence[Event]) -> None:
        for number, event in enumerate(events):
            try:
                done = subprocess.run(
                    [PROGRAM, "--journald"], input=entry(event, self._identifier), capture_output=True,
                    timeout=TIMEOUT_S, check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                raise SinkFailure(f"{self.name}: {PROGRAM} did not run: {error}", delivered=number) from None
            if done.returncode != 0:
                said = done.stderr.decode("utf-8", "replace").strip()
                raise SinkFailure(f"{self.name}: {PROGRAM} refused it: {said}", delivered=number)


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
