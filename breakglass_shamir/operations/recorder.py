# SPDX-License-Identifier: Apache-2.0
"""Appends the records of one use case, lets their alerts go out, and moves the ledger when it cannot be written.

Rule: no record, no way on. With ``--record-to`` the ledger is copied there once and goes on there, whatever keeps
it from being written where it is: a full disk, another program that holds it, or that its files were removed or
replaced and a record that was stored is not found again. Without it the error reaches the officer. Alerts never keep a
record waiting: a courier beside this program delivers them.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from breakglass_shamir.alerts import outbox as alert_outbox
from breakglass_shamir.custody.life import rotation_rules
from breakglass_shamir.custody.life.state import LedgerState, SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.sinks import TICKET
from breakglass_shamir.custody.records.monitoring import Asked
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.rotations import Made
from breakglass_shamir.custody.records.words import printable
from breakglass_shamir.errors import BreakglassError, GateClosed, LedgerBusy, LedgerUnwritable
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.ledger import guarded, home
from breakglass_shamir.ledger.entry import Entry
from breakglass_shamir.ledger.guarded import Guard
from breakglass_shamir.ledger.outbox import Outbox
from breakglass_shamir.ledger.store import Ledger
from breakglass_shamir.operations.courier import Courier
from breakglass_shamir.operations.folders import home_warning
from breakglass_shamir.shell import breakglass

if TYPE_CHECKING:
    from breakglass_shamir.operations.desk import Desk

GIVE_IT_BACK = (
    "let the home, its key and every folder above it belong to you or root and be written by nobody else, "
    "and remove a MOVED that is not obeyed"
)
"""What to do about a home that somebody else could change."""

_ACK_POLL_S = 0.05


class Recorder:
    """Appends records about one set."""

    def __init__(
        self, ledger: Ledger, desk: "Desk", *, record_to: Path | None = None, courier: "Courier | None" = None
    ) -> None:
        self.ledger = ledger
        self.desk = desk
        self.set_name = ""
        self.opening = ""
        self.refusal: BreakglassError | None = None
        """What was refused last, and is on record."""
        self.authorities: dict[str, object] = {}
        """Who arms the account of a set that is kept closed, by set, as ``operations/arming`` remembers it."""
        self.closings: dict[str, Callable[[], None]] = {}
        """What closes an account that was armed here, by set."""
        self._record_to = record_to
        self._courier = courier or Courier(ledger.path.parent)

    def close_accounts(self) -> None:
        """Close every account that was armed here; each ends by itself where that fails. Never raises."""
        while self.closings:
            name, closing = self.closings.popitem()
            try:
                closing()
            except BreakglassError as error:
                self.desk.warn(f"the account of {name} was not closed, and ends by itself: {error}")

    def close(self) -> None:
        """Close what was armed, and the ledger, and let the courier end by itself."""
        self.close_accounts()
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
            stored = self.ledger.unfound
            self._move(str(error))
            return self._told(stored) if stored else self._append(body, set_key)

    def own_login(self, target: str, marks: tuple[str, ...]) -> None:
        """Record what will tell a login of this program in its target's log; what could not be recorded is near only.

        Args:
            target: where, its URI.
            marks: as the connector's ``on_login`` gives them.
        """
        with suppress(BreakglassError):
            self.append(Asked(target=target, marks=marks))

    def made(self, target: str, public_id: str) -> None:
        """Record a credential that a target made and no sheets have: it is owed.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be.
        """
        self.append(Made(target=target, public_id=public_id, epoch_id=""))

    def on_sheets(self, target: str, public_id: str, epoch_id: str) -> None:
        """Record that the sheets of what a target made are about to count, where that is owed.

        Raises:
            LedgerUnwritable, LedgerBusy: it could not be.
        """
        if rotation_rules.unprinted(self.refresh(), target, public_id):
            self.append(Made(target=target, public_id=public_id, epoch_id=epoch_id))

    def _append(self, body: AnyBody, set_key: Secret | None) -> Entry:
        return self._told(self.ledger.append(body, set_name=self.set_name, opening=self.opening, set_key=set_key))

    def _told(self, entry: Entry) -> Entry:
        """Let the alerts of a record go out; returns the record."""
        if self.alerted_sinks() or self._is_written_back():
            self._courier.wake()
        return entry

    def alerted_sinks(self) -> tuple[str, ...]:
        """Return the sinks that are told of this set's records."""
        if self.ledger.beside is None:
            return ()
        return tuple(one.sink for one in alert_outbox.destinations(self.set_name, self.ledger.state))

    def _is_written_back(self) -> bool:
        """Tell whether openings of the set at hand are written to their tickets."""
        known = self.ledger.state.sets.get(self.set_name)
        policy = policies.parse(known.policy_source) if known and known.policy_source else None
        return policy is not None and policy.ticket is not None and policy.ticket.writes_back

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
                taken = [one for one in outbox.acknowledged(seq) if one != TICKET]
                if taken or time.monotonic() > end:
                    self.require_found()
                    return taken[0] if taken else ""
                time.sleep(_ACK_POLL_S)

    def guard(self) -> Guard:
        """Look who else could change the home, or the place where the ledger may have to go on."""
        looks = [guarded.look(self.ledger.path.parent, self.ledger.public_key)]
        looks += [guarded.look(self._record_to)] if self._record_to else []
        # They name paths, which hold anything, and must not keep an override from being recorded.
        problems = dict.fromkeys(printable(one) for look in looks for one in look.problems)
        return Guard(tuple(problems), tuple(dict.fromkeys(printable(one) for look in looks for one in look.remarks)))

    def require_guarded(self) -> None:
        """Refuse to begin or change custody in a home that somebody else could change.

        Raises:
            GateClosed: saying who.
        """
        require_guarded(self.guard())

    def require_found(self) -> None:
        """Refuse to go on where the last record is not found again; ``--record-to`` copies the open log then, too.

        Raises:
            LedgerUnwritable, LedgerBusy: it is not found, and there is no other place.
            LedgerElsewhere: the ledger was moved meanwhile.
        """
        try:
            self.ledger.require_found()
        except (LedgerUnwritable, LedgerBusy) as error:
            if self._record_to is None:
                raise
            self._move(str(error))

    def alert_took_ms(self, seq: int) -> int | None:
        """Return how long the alerts of a record took to be acknowledged by the quickest sink; None: not yet."""
        with Outbox(self.ledger.path) as outbox:
            return outbox.took_ms(seq)

    def _move(self, reason: str) -> None:
        assert self._record_to is not None  # noqa: S101 - the caller looked
        (target, self._record_to), old = (self._record_to, None), self.ledger
        self.ledger = home.move(old, target, reason)
        old.close()
        self._courier.close()
        self._courier = Courier(target)
        self.desk.warn(
            f"the ledger could not be written where it was ({reason}) and goes on in {target}; "
            f"from now on use: {breakglass('...', home=target)}, and write to the old one no more"
        )
        warn_of_memory(self.desk, target)
        warn_of_others(self.desk, self.guard())


def require_guarded(guard: Guard) -> None:
    """Refuse a home that somebody else could change, where no emergency is at hand that could pass it.

    Raises:
        GateClosed: saying who.
    """
    if guard.problems:
        raise GateClosed("home", "; ".join(guard.problems), hint=f"{GIVE_IT_BACK}, or use a home that is yours alone")


def warn_of_others(desk: "Desk", guard: Guard) -> None:
    """Say who else could change a home; what follows from it is for the use case to say."""
    for line in (*guard.problems, *guard.remarks):
        desk.warn(line)


def warn_of_memory(desk: "Desk", home: Path) -> None:
    """Say when a ledger is where it does not outlive this machine."""
    if warning := home_warning(home):
        desk.warn(warning)
