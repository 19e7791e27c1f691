# SPDX-License-Identifier: Apache-2.0
"""What waits in the outbox, for ``status`` and ``alerts list``. Nothing is delivered here, and no sink is loaded."""

import time
from pathlib import Path

from breakglass_shamir.errors import BreakglassError
from breakglass_shamir.ledger import home as homes
from breakglass_shamir.ledger.outbox import Outbox, Queue
from breakglass_shamir.ledger.store import FILE_NAME
from breakglass_shamir.operations.monitoring.to_do import Undelivered
from breakglass_shamir.structs import Struct


class QueueStatus(Struct, frozen=True):
    """One queue, as of now."""

    set_name: str
    sink: str
    waiting: int
    delivered: int
    waiting_since_s: int
    """Age of the oldest event that waits, in seconds."""

    failures: int
    """Attempts in a row that failed."""

    problem: str


def queues(home: Path) -> list[QueueStatus]:
    """Return what waits for which sink.

    Raises:
        NoHome: there is no ledger.
        LedgerUnwritable, LedgerBusy: the outbox cannot be read.
    """
    with Outbox(database(home)) as outbox:
        return [_status(queue) for queue in outbox.queues()]


def undelivered(home: Path) -> dict[str, Undelivered] | None:
    """Return what waits by set, for ``status``; None where no sink was ever named or the outbox cannot be read."""
    try:
        every = queues(home)
    except BreakglassError:
        return None
    if not every:
        return None
    found = [queue for queue in every if queue.waiting]
    return {
        name: Undelivered(
            sum(queue.waiting for queue in found if queue.set_name == name),
            max(queue.waiting_since_s for queue in found if queue.set_name == name),
        )
        for name in {queue.set_name for queue in found}
    }


def database(home: Path) -> Path:
    """Return the ledger's database.

    Raises:
        NoHome: there is none.
        LedgerElsewhere: it was moved.
    """
    homes.require(home)
    return home / FILE_NAME


def _status(queue: Queue) -> QueueStatus:
    age_s = max(0, time.time_ns() // 1_000_000 - queue.since_ms) // 1000 if queue.since_ms else 0
    return QueueStatus(queue.owner, queue.sink, queue.waiting, queue.delivered, age_s, queue.attempts, queue.problem)
