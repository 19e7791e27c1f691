# SPDX-License-Identifier: Apache-2.0
"""A sign of life: one record, from a timer, that promises the next one, so that silence can be seen.

It tells no one that is away; whoever verifies the ledger later, or asks for its status now, sees it.
"""

from breakglass_shamir.custody.life.moment import Moment
from breakglass_shamir.custody.life.state import LedgerState
from breakglass_shamir.custody.records.monitoring import Heartbeat
from breakglass_shamir.errors import InvalidInput
from breakglass_shamir.ledger import clock, times
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.structs import Struct

LONGEST_S = 366 * 86_400
"""A promise for longer than a year is none."""


class Beat(Struct, frozen=True):
    """A heartbeat that was recorded (docs/guide-operator.md).

    Attributes:
        record: its number.
        every_s: within how many seconds the next one is promised; 0: no longer.
    """

    record: int
    every_s: int
    silent_s: int
    """How long no record was made before it."""

    late: bool
    """Whether that was longer than the heartbeat before promised."""


class Silence(Struct, frozen=True):
    """How long a ledger has been silent."""

    seconds: int
    every_s: int
    """Within how many seconds a sign of life was promised; 0: none was."""

    late: bool


def beat(recorder: Recorder, every_s: int) -> Beat:
    """Record that the terminal is alive.

    Args:
        recorder: at no set.
        every_s: within how many seconds the next record is promised; 0: no longer.

    Raises:
        InvalidInput: a longer promise than a year.
        LedgerUnwritable, LedgerBusy: the record could not be made durable.
    """
    if not 0 <= every_s <= LONGEST_S:
        raise InvalidInput(f"expected an interval of at most {LONGEST_S // 86_400} days, got {every_s} s")
    before = silence(recorder.state, clock.now())
    entry = recorder.append(Heartbeat(every_s=every_s))
    return Beat(entry.record.seq, every_s, before.seconds, before.late)


def silence(state: LedgerState, now: Moment) -> Silence:
    """Say how long a ledger has been silent, and whether a heartbeat promised otherwise."""
    seconds = state.last.seconds_until(now) if state.last else 0
    return Silence(seconds, state.beat_every_s, times.is_late(seconds, state.beat_every_s))
