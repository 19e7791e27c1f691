# SPDX-License-Identifier: Apache-2.0
"""A file of JSON lines, for a collector that reads files; appended to, flushed to disk, mode 0600.

``fsync`` is the acknowledgement, and that the path still leads to the file that was written: one that was removed or
replaced meanwhile has no reader. A line that a crash cut is ended before the next one begins, so that one line is lost
to a reader at most, and that one comes again.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.custody.policy.sinks import FileSink
from breakglass_shamir.ledger import durable


class File(Deliverer):
    """One file."""

    batch = 500

    def __init__(self, sink: FileSink) -> None:
        super().__init__(sink.name)
        self._path = Path(sink.path)

    def _deliver(self, events: Sequence[Event]) -> None:
        lines = b"".join(event.json + b"\n" for event in events)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "rb+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            remaining = memoryview(b"\n" + lines if cut else lines)
            while remaining:
                remaining = remaining[file.write(remaining) :]
            os.fsync(descriptor)
            if not size:
                durable.sync_folder(self._path.parent)
            durable.require_same(self._path, durable.identity(os.fstat(descriptor)))
