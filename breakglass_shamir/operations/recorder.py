# SPDX-License-Identifier: Apache-2.0
"""Appends the records of one use case, lets their alerts go out, and moves the ledger when it cannot be written.

Rule: no record, no way on. With ``--record-to`` the ledger is copied there once and goes on there, whatever keeps
it from being written where it is: a full disk, or another program that holds it. Without it the error reaches
the officer. Alerts never keep a record waiting: a courier beside this program delivers them.
"""

import time
from pathlib import Path

from breakglass_shamir.alerts import outbox as alert_outbox
from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.errors import LedgerBusy, LedgerUnwritable
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import home
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.outbox import Outbox
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.courier import Courier
from breakglass_shamir.operations.desk import Desk
from breakglass_shamir.operations.folders import on_memory
from breakglass_shamir.shell import breakglass

_ACK_POLL_S = 0.05


class Recorder:
    """Appends records about one set."""

    def __init__(self, ledger: Ledger, desk: Desk, *, record_to: Path | None = None) -> None:
        self.ledger = ledger
        self.desk = desk
        self.set_name = ""
        self.opening = ""
        self._record_to = record_to
        self._courier = Courier(ledger.path.parent)

    def close(self) -> None:
        """Close the ledger and let the courier end by itself."""
        self._courier.close()
        self.ledger.close()

    @property
    def state(self) -> LedgerState:
        """What the ledger adds up to."""
        return self.ledger.state

    @property
    def set_state(self) -> SetState:
        """The state of the set at hand."""
        return self.ledger.state.of(self.set_name)

    def refresh(self) -> SetState:
        """Catch up with what other processes recorded."""
        self.ledger.catch_up()
        return self.set_state

    def append(self, body: AnyBody, *, set_key: Secret | None = None) -> Entry:
        """Make a record durable, here or where ``--record-to`` says.

        Raises:
            LedgerUnwritable, LedgerBusy: neither place could be written.
            IllegalState: the record may not follow.
        """
        try:
            return self._append(body, set_key)
        except (LedgerUnwritable, LedgerBusy) as error:
            if self._record_to is None:
                raise
            self._move(str(error))
            return self._append(body, set_key)

    def _append(self, body: AnyBody, set_key: Secret | None) -> Entry:
        entry = self.ledger.append(body, set_name=self.set_name, opening=self.opening, set_key=set_key)
        if self.alerted_sinks():
            self._courier.wake()
        return entry

    def alerted_sinks(self) -> tuple[str, ...]:
        """Return the sinks that are told of this set's records."""
        if self.ledger.beside is None:
            return ()
        return tuple(one.sink for one in alert_outbox.destinations(self.set_name, self.ledger.state))

    def alert_taken(self, seq: int, within_s: float) -> str:
        """Wait until a sink has acknowledged the alerts of a record.

        Args:
            seq: the record's number.
            within_s: how long to wait.

        Returns:
            The sink; empty when the time is over.
        """
        end = time.monotonic() + within_s
        with Outbox(self.ledger.path) as outbox:
            while True:
                taken = outbox.acknowledged(seq)
                if taken or time.monotonic() > end:
                    return taken[0] if taken else ""
                time.sleep(_ACK_POLL_S)

    def alert_took_ms(self, seq: int) -> int | None:
        """Return how long the alerts of a record took to be acknowledged by the quickest sink; None: not yet."""
        with Outbox(self.ledger.path) as outbox:
            return outbox.took_ms(seq)

    def _move(self, reason: str) -> None:
        assert self._record_to is not None  # noqa: S101 - the caller looked
        target, self._record_to = self._record_to, None
        self.ledger = home.move(self.ledger, target, reason)
        self._courier.close()
        self._courier = Courier(target)
        self.desk.warn(
            f"the ledger could not be written and goes on in {target}; "
            f"from now on use: {breakglass('...', home=target)}, and write to the old one no more"
        )
        warn_of_memory(self.desk, target)


def warn_of_memory(desk: Desk, home: Path) -> None:
    """Say when a ledger is where it does not outlive this machine."""
    if on_memory(home):
        desk.warn(f"{home} is in memory only: copy the whole folder to a disk or a stick before this machine stops")
