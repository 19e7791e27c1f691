# SPDX-License-Identifier: Apache-2.0
"""One recording while it is made: events become segments, one each second, up to a bound.

Rules:

1. A segment closes when its first event is ``SEGMENT_S`` old, or with ``SEGMENT_BYTES``. So a crash loses no more than
   the last second.
2. Behind ``MAX_BYTES`` nothing is recorded but that; what runs goes on.
3. What cannot be kept ends the recording and nothing else. It is told once.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from breakglass_shamir.operations.recording.cast import Lines
from breakglass_shamir.operations.recording.keeping import Keeper

SEGMENT_S = 1.0
"""Seconds after which a segment closes."""

SEGMENT_BYTES = 1 << 20
"""Bytes at which it closes earlier."""

MAX_BYTES = 64 << 20
"""Bytes of a recording, before they are encrypted."""

WHOLE, BOUND, FAILED, CUT_OFF = "whole", "bound", "failed", "cut-off"
"""How a recording ended."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a recording (docs/spec/7-records.md).

    Attributes:
        number: of the opening's recordings; 0: none could be begun.
        segments: how many are kept.
        size: bytes of them.
        duration_ms: how long what was recorded took.
        head: digest of the last segment, hexadecimal.
        ended: ``whole``, ``bound``, ``failed`` or ``cut-off``.
        problem: why it failed; empty where it did not.
    """

    number: int
    segments: int
    size: int
    duration_ms: int
    head: str
    ended: str
    problem: str


class Tape:
    """Takes the events of one recording."""

    def __init__(self, keeper: Keeper | None, columns: int, rows: int, title: str, term: str) -> None:
        """Begin it.

        Args:
            keeper: keeps it; None: nothing is recorded.
            columns: of the window.
            rows: of the window.
            title: what runs.
            term: kind of the terminal.
        """
        self._keeper = keeper
        self._lines = Lines()
        self._begun = time.monotonic()
        self._segment = bytearray(Lines.header(columns, rows, int(datetime.now(UTC).timestamp()), title, term))
        self._since = self._begun
        self._size = len(self._segment)
        self._bound = False
        self._told = False

    def output(self, data: bytes, stream: int = 1) -> None:
        """Record what was shown, and by which of the command's streams."""
        if self._takes and (line := self._lines.output(self._at_s, data, stream)):
            self._add(line)

    def resize(self, columns: int, rows: int) -> None:
        """Record another size of the window."""
        if self._takes:
            self._add(Lines.resize(self._at_s, columns, rows))

    def tick(self) -> str:
        """Close a segment that is due; returns, once, why nothing is recorded any more."""
        if self._segment and time.monotonic() - self._since >= SEGMENT_S:
            self._close()
        if self._told or self._keeper is None or not (self._keeper.problem or self._bound):
            return ""
        self._told = True
        return self._keeper.problem or f"it has {MAX_BYTES >> 20} MiB, the most of one recording"

    def finish(self) -> Recorded | None:
        """End it, and wait for the disk; None where nothing was recorded."""
        if self._keeper is None:
            return None
        duration_ms = int(self._at_s * 1000)
        self._close()
        kept = self._keeper.finish()
        problem = self._keeper.problem
        ended = FAILED if problem else BOUND if self._bound else WHOLE
        return Recorded(self._keeper.number, kept.segments, kept.size, duration_ms, kept.head, ended, problem)

    @property
    def _takes(self) -> bool:
        return self._keeper is not None and not self._keeper.problem and not self._bound

    @property
    def _at_s(self) -> float:
        return time.monotonic() - self._begun

    def _add(self, line: bytes) -> None:
        if self._size + len(line) > MAX_BYTES:
            self._bound = True
            line = self._lines.output(self._at_s, b"\r\n[the recording ends here: it is as long as one may be]\r\n")
        if not self._segment:
            self._since = time.monotonic()
        self._segment += line
        self._size += len(line)
        if self._bound or len(self._segment) >= SEGMENT_BYTES:
            self._close()

    def _close(self) -> None:
        if self._segment and self._keeper is not None:
            self._keeper.keep(bytes(self._segment))
        self._segment.clear()
