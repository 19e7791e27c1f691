# SPDX-License-Identifier: Apache-2.0
"""A file of JSON lines, for a collector that reads files; appended to, flushed to disk, mode 0600.

``fsync`` is the acknowledgement, and that the path still leads to the file that was written: one that was removed or
replaced meanwhile has no reader. A line that a crash cut is ended before the next one begins, so that one line is lost
to a reader at most, and that one comes again. A pipe or a device is refused: whoever does not read from it would keep
us waiting, and nothing is durable there.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from breakglass_shamir.alerts.event import Event
from breakglass_shamir.alerts.sinks.base import Deliverer, open_plain
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import FileSink
from breakglass_shamir.ledger import durable


class File(Deliverer):
    """One file."""

    batch = 500

    def __init__(self, sink: FileSink) -> None:
        super().__init__(sink.name, sink)
        self._path = Path(sink.path)

    def lacking(self) -> Iterator[str]:
        """Yield why nothing could be appended there; makes no file."""
        folder = self._path.parent
        if not folder.is_dir():
            yield f"path: there is no folder {folder}"
        elif self._path.exists() and not self._path.is_file():
            yield f"path: {self._path} is no plain file"
        elif not os.access(self._path if self._path.exists() else folder, os.W_OK):
            yield f"path: {self._path} cannot be written"

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        lines = b"".join(event.json + b"\n" for event in events)
        with open_plain(str(self._path), os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
            size = file.seek(0, os.SEEK_END)
            cut = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
            remaining = memoryview(b"\n" + lines if cut else lines)
            while remaining:
                deadline.require_s()
                remaining = remaining[file.write(remaining) :]
            os.fsync(file.fileno())
            if not size:
                durable.sync_folder(self._path.parent)
            durable.require_same(self._path, durable.identity(os.fstat(file.fileno())))
