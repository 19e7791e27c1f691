# SPDX-License-Identifier: Apache-2.0
"""What the times in a log show: a clock that was set, a terminal that was silent.

Rules:

1. Within one boot the uptime is the measure, and the wall clock is held against it; a clock may drift by
   ``DRIFT_S`` and a thousandth.
2. A clock set back or forward is reported by the number of the record that first shows it; it spoils nothing.
3. Any record is a sign of life. A heartbeat promises the next one; a silence longer than promised stands out.
4. What is kept does not grow with the log: everything is counted, the first ``KEPT`` are named.
5. A run of a machine that goes on after another one began, or before where it was, is reported: a home that was used on
   two machines in turn, a machine that was set back, or copies of a ledger that were put together.

It reads no clock.
"""

from collections.abc import Iterable
from datetime import datetime

from breakglass_shamir.custody.records.record import Record
from breakglass_shamir.structs import Struct

DRIFT_S = 5.0
"""How far the wall clock may leave the uptime between two records, and a thousandth of the time besides."""

SAME_MS = 1000
"""Records of one second, this close by uptime, show nothing: they are all held against the first of them."""

LATE = 1.1
"""A heartbeat may come by so much later than promised: timers are not exact."""

GRACE_S = 60
"""And so much later besides."""

KEPT = 1000
"""Records that are named, of each kind."""


class Silence(Struct, frozen=True):
    """A time without any record."""

    seconds: int
    before: int
    """Number of the record that ended it."""

    since: str
    """Wall-clock time of the record before it."""


NO_SILENCE = Silence(0, 0, "")
"""Of a log with one record."""


class Runs:
    """Looks at which run of a machine each record in turn was made in."""

    def __init__(self) -> None:
        self.boot = ""
        """The run that the last record was made in."""

        self.back: list[int] = []
        """Records that go on with an earlier run, or go back within one; the first ones."""

        self.returned = -1
        """The last of them in the run of the last record; -1: there is none."""

        self._begun = False
        self.uptime_ms = 0
        """Of the last record, in that run."""

        self._over: dict[str, None] = {}

    def step(self, record: Record) -> None:
        """Look at the next record."""
        if record.boot == self.boot:
            came_back = record.uptime_ms < self.uptime_ms
        else:
            came_back = record.boot in self._over
            self.returned = -1
            if self._begun:
                self._over[self.boot] = None
            if len(self._over) > KEPT:
                del self._over[next(iter(self._over))]
        self._begun, self.boot, self.uptime_ms = True, record.boot, record.uptime_ms
        if came_back:
            self.returned = record.seq
            self.back += [record.seq] if len(self.back) < KEPT else []


class Times:
    """Looks at the time of each record in turn."""

    def __init__(self) -> None:
        self.set_back: list[int] = []
        """Records before which the clock was set back; the first ones."""

        self.set_forward: list[int] = []
        """Records before which it was set forward; the first ones."""

        self.runs = Runs()
        self.longest = NO_SILENCE
        self.broken_promises: list[Silence] = []
        """Silences longer than the last heartbeat promised; the first ones."""

        self._time, self._boot, self._uptime_ms = "", "", 0
        self._wall: datetime | None = None

    def step(self, record: Record, promised_s: int) -> None:
        """Look at one record; see :meth:`steps`."""
        self.steps((record,), promised_s)

    def steps(self, found: Iterable[Record], promised_s: int) -> None:
        """Look at records, one after the other.

        Args:
            found: the next ones.
            promised_s: within how many seconds each was promised; 0: not at all.

        Raises:
            ValueError: the time of one is none.
        """
        since, boot, base_ms, before = self._time, self._boot, self._uptime_ms, self._wall
        runs = self.runs
        for record in found:
            time, uptime_ms, same_boot = record.time, record.uptime_ms, record.boot == boot
            if same_boot and uptime_ms >= runs.uptime_ms and before is not None:
                runs.uptime_ms = uptime_ms
            else:
                runs.step(record)
            passed_ms = uptime_ms - base_ms
            if same_boot and time == since and 0 <= passed_ms < SAME_MS:
                continue
            wall = datetime.fromisoformat(time)
            if before is not None:
                moved_s = (wall - before).total_seconds()
                passed_s = passed_ms / 1000 if same_boot else moved_s
                if not -DRIFT_S <= moved_s - passed_s <= DRIFT_S or moved_s < 0 or passed_s < 0:
                    self._clock(record.seq, moved_s, max(0.0, passed_s), same_boot=same_boot)
                if passed_s > self.longest.seconds or (promised_s and passed_s > promised_s):
                    self._silent(Silence(int(passed_s), record.seq, since), promised_s)
            since, boot, base_ms, before = time, record.boot, uptime_ms, wall
        self._time, self._boot, self._uptime_ms, self._wall = since, boot, base_ms, before

    def _clock(self, seq: int, moved_s: float, passed_s: float, *, same_boot: bool) -> None:
        allowed_s = DRIFT_S + passed_s / 1000
        if (moved_s < 0 or (same_boot and moved_s < passed_s - allowed_s)) and len(self.set_back) < KEPT:
            self.set_back.append(seq)
        if same_boot and moved_s > passed_s + allowed_s and len(self.set_forward) < KEPT:
            self.set_forward.append(seq)

    def _silent(self, silence: Silence, promised_s: int) -> None:
        if silence.seconds > self.longest.seconds:
            self.longest = silence
        if is_late(silence.seconds, promised_s) and len(self.broken_promises) < KEPT:
            self.broken_promises.append(silence)


def is_late(silent_s: int, promised_s: int) -> bool:
    """Tell whether a silence is longer than a heartbeat promised; 0: it promised nothing."""
    return promised_s > 0 and silent_s > promised_s * LATE + GRACE_S
