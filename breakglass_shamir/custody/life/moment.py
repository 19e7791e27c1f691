# SPDX-License-Identifier: Apache-2.0
"""When a record was made, by the wall clock and by the time since the machine started.

Wall-clock time only warns; what expires is measured by elapsed time (docs/spec/7-records.md). No clock is read here.
"""

from datetime import datetime

import msgspec

from breakglass_shamir.custody.records.record import Record


class Moment(msgspec.Struct, frozen=True):
    """When a record was made, by both clocks."""

    time: str
    boot: str
    uptime_ms: int

    @classmethod
    def of(cls, record: Record) -> "Moment":
        """Take the moment of a record."""
        return cls(record.time, record.boot, record.uptime_ms)

    def seconds_until(self, later: "Moment") -> int:
        """Return elapsed seconds: by uptime within one boot, else by wall clock, never negative."""
        if self.boot == later.boot:
            return max(0, (later.uptime_ms - self.uptime_ms) // 1000)
        difference = datetime.fromisoformat(later.time) - datetime.fromisoformat(self.time)
        return max(0, int(difference.total_seconds()))
