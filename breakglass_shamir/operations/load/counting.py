# SPDX-License-Identifier: Apache-2.0
"""Was anything lost? Every ledger of a load drill verified, every alert accounted for, every record collected.

Rules:

1. Each ledger is verified as ``audit verify`` does it. What it says was rehearsed is held against what the processes
   said they did.
2. Each record that was made while alerts were on has left its events in the outbox, for each sink of its set. An event
   is acknowledged, or waits; what is neither is not for its sink.
3. A record is collected when the collector's pinned key cosigned a checkpoint that covers it.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from breakglass_shamir.alerts import outbox as alert_outbox
from breakglass_shamir.collection import address, door, keeper
from breakglass_shamir.custody.records.drills import Rehearsed
from breakglass_shamir.custody.records.openings import Declared
from breakglass_shamir.errors import BreakglassError, IllegalState
from breakglass_shamir.ledger import home, verify
from breakglass_shamir.ledger.outbox import Delivery, Outbox
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.collecting import syncing
from breakglass_shamir.operations.load.terminals import LoadTerminal
from breakglass_shamir.operations.load.wanted import Collection
from breakglass_shamir.plural import counted

_KNOWN = b"SELECT 1 FROM breakglass_log.terminals WHERE log_id = %s"

COLLECT_S = 60.0
"""How long the collector may take for what was pushed last."""

_POLL_S = 0.5


@dataclass(slots=True)
class Counted:
    """What was found."""

    records: int = 0
    rehearsed: int = 0
    alerts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    """Sink to events that were made, acknowledged and waiting."""

    acknowledged_ms: dict[str, int] = field(default_factory=dict)
    """Opening id to how long its declaration's alert took at the quickest sink."""

    collected: int = -1
    lost: list[str] = field(default_factory=list)
    """What is lost or does not hold, a sentence each."""


def count(terminals: Sequence[LoadTerminal]) -> Counted:
    """Look at every ledger and every outbox."""
    found = Counted()
    for number, one in enumerate(terminals, 1):
        try:
            with home.open_home(one.home, alert_outbox.BESIDE) as ledger:
                report = verify.verify(ledger)
                found.records += report.records
                _alerts(ledger, one, number, found)
        except BreakglassError as error:
            found.lost.append(f"the ledger of terminal {number} does not hold: {error}")
    return found


def _alerts(ledger: Ledger, terminal: LoadTerminal, number: int, found: Counted) -> None:
    by_record: dict[int, list[Delivery]] = defaultdict(list)
    with Outbox(ledger.path) as outbox:
        for one in outbox.deliveries():
            by_record[one.seq].append(one)
            for place, many in enumerate((one.made, one.acknowledged, one.waiting)):
                found.alerts[one.sink][place] += many
        untold = [seq for seq in outbox.missing() if seq >= terminal.begins]
    if untold and any(alert_outbox.destinations("", ledger.state)):
        found.lost.append(
            f"{counted(len(untold), 'record')} of terminal {number} left no alert, the first is {untold[0]}"
        )
    for entry in ledger.entries(terminal.begins):
        body, seq = entry.record.body, entry.record.seq
        found.rehearsed += isinstance(body, Rehearsed)
        if not isinstance(body, Declared | Rehearsed):
            continue
        told = {one.sink for one in by_record[seq]}
        silent = [one.sink for one in alert_outbox.destinations(entry.record.set, ledger.state) if one.sink not in told]
        if silent:
            found.lost.append(f"record {seq} of terminal {number} made no alert for {', '.join(silent)}")
        taken = [one.took_ms for one in by_record[seq] if one.acknowledged and not one.waiting]
        if taken and isinstance(body, Declared):
            found.acknowledged_ms[entry.digest] = min(taken)


def enrol(terminals: Sequence[LoadTerminal], own: Ledger, where: Collection) -> None:
    """Let the terminals' records into a collection, which must not be the one of this terminal's own.

    Raises:
        InvalidInput: an address or the key cannot be used.
        IllegalState: it is this terminal's own collection.
        ConnectorError: it does not answer.
    """
    collector, pinned = syncing.read_key(where.collector), own.path.parent / syncing.COLLECTOR_FILE
    with address.connected(where.place) as connection:
        if door.head(connection, own.public_key, collector) is not None:
            raise _its_own()
    if pinned.exists() and syncing.read_key(pinned) == collector:
        raise _its_own()
    with address.connected(where.enrol_at) as connection:
        if connection.execute(_KNOWN, (own.log_id,)).fetchone() is not None:
            raise _its_own()
        for one in terminals:
            keeper.enrol(connection, one.public_key)


def _its_own() -> IllegalState:
    return IllegalState(
        "this collection is the one of this terminal: what a load drill leaves there could never be removed",
        hint="make another database for drills on the same server, and a collector with a key of its own",
    )


def collect(terminals: Sequence[LoadTerminal], where: Collection, found: Counted) -> None:
    """Push what is left, and wait until the collector has cosigned all of it or its time is over."""
    end, said = time.monotonic() + COLLECT_S, dict[int, tuple[int, int, str]]()
    while True:
        for number, one in enumerate(terminals, 1):
            cosigned, size, _ = said.get(number, (0, 1, ""))
            if cosigned < size:
                said[number] = _pushed(one, where, cosigned)
        if all(cosigned >= size for cosigned, size, _ in said.values()) or time.monotonic() > end:
            break
        time.sleep(_POLL_S)
    found.collected = sum(min(cosigned, size) for cosigned, size, _ in said.values())
    for number, (cosigned, size, problem) in said.items():
        if cosigned < size:
            words = f"the collector has cosigned {cosigned} of {counted(size, 'record')} of terminal {number}"
            found.lost.append(words + (f": {problem}" if problem else ""))


def _pushed(terminal: LoadTerminal, where: Collection, before: int) -> tuple[int, int, str]:
    """Push once; returns how many records are cosigned, how many there are, and what went wrong."""
    with home.open_home(terminal.home) as ledger:
        try:
            return syncing.sync(ledger, where.place, where.collector).cosigned, ledger.size, ""
        except BreakglassError as error:
            return before, ledger.size, str(error)
