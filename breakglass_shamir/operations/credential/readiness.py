# SPDX-License-Identifier: Apache-2.0
"""What a rotation will need, asked for before anything is opened.

Rules:

1. Whatever can be refused before the ``opened`` record is refused before it: a missing option, terminal, folder,
   printer, decoder or driver, a target that nobody names, a file that would be overwritten, a name that no sheet can
   print.
2. In a planned rotation and a drill it stops. In an emergency it is said, and stops nothing.
3. What only the sheets can tell is asked when they are there, before they are combined.

It leaves nothing behind, and asks no target.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from breakglass_shamir.custody.credential import MAX_SECRET_BYTES
from breakglass_shamir.custody.life.custody_rules import policy_in_force
from breakglass_shamir.custody.life.state import SetState, write_seat
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.quorum.pool import Pool
from breakglass_shamir.errors import BreakglassError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.printing import outlet, sheets
from breakglass_shamir.operations.printing.sheets import Printing
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import naming
from breakglass_shamir.operations.rotation.naming import NOBODY_NAMED
from breakglass_shamir.operations.targets import Named
from breakglass_shamir.paper.reading.scan import Scanner

NO_TARGET = "no policy of this set is in force here, and nobody says where its credential goes"

_MADE_ELSEWHERE = ("file", "key-certificate", "key-pair", "passkey")
"""Kinds of credentials that nobody here can make, unless the target issues them."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What one command brings for the rotation at its end."""

    recorder: Recorder
    printing: Printing | None
    scanner: Scanner
    named: Named = NOBODY_NAMED
    brought: Secret | None = field(default=None, repr=False)
    attest: bool = False
    """Whether officers vouch for the end of the old credential, so that no target need be reached."""

    abandon: bool = False
    """Whether a printed epoch is given up, so that another is printed whatever sheets are there."""

    policy: Policy | None = None
    """Another policy than the one in force, which this command adopts."""

    typed: bool = False
    """Whether the sheets are typed, so that nothing has shown yet that pictures can be read here."""

    def check(self, pool: Pool | None) -> None:
        """Stop at the first thing that is missing.

        Args:
            pool: the sheets; None before they are read.

        Raises:
            InvalidInput, FileExists, PaperError, ConnectorError, IllegalState: naming it.
        """
        for need in self._needs() if pool is None else (self._place,):
            need()

    def warn(self, pool: Pool | None) -> None:
        """Say what is missing for the rotation at the end of an emergency, which goes on."""
        for need in (self._target, self._reach, self._paper) if pool is None and self._has_place else ():
            try:
                need()
            except BreakglassError as error:
                self.recorder.desk.warn(f"the new sheets cannot be printed now: {error}; the opening goes on")

    @property
    def _has_place(self) -> bool:
        return self.printing is not None and self.printing.has_place

    def _needs(self) -> Iterator[Callable[[], None]]:
        yield self._any_place
        yield self._target
        yield self._reach
        yield self._secret
        if self.printing is not None:
            yield self._paper
            yield self._drawing

    def _state(self) -> SetState | None:
        state = self.recorder.state.sets.get(self.recorder.set_name)
        return state if state is not None and state.current else None

    def _policy(self) -> Policy | None:
        """Return the policy that the rotation will follow; None as long as the set is not known."""
        known = self.recorder.state.sets.get(self.recorder.set_name)
        if known is None or not (known.policy_source or known.current):
            return self.policy
        return self.policy or policy_in_force(known)

    def _target(self) -> None:
        connector = naming.check(self.recorder.state.sets.get(self.recorder.set_name), self.named)
        if connector is not None and connector.by_people and not self.attest:
            self.recorder.desk.require_screen()
        to_be_asked = self.policy is None and naming.is_open(self.recorder, self.named) and not self.attest
        if to_be_asked and not self.recorder.desk.can_ask():
            raise InvalidInput(NO_TARGET, hint="name it with --target URI, or use a terminal")

    def _reach(self) -> None:
        policy = self._policy()
        if policy is None or (self.policy is None and not self.recorder.set_state.policy_source):
            return
        targets.check_reach(policy)
        if targets.connector_of(policy).by_people and not self.attest:
            self.recorder.desk.require_screen()

    def _secret(self) -> None:
        if self.brought is not None and len(self.brought) > MAX_SECRET_BYTES:
            raise InvalidInput(
                f"expected a new credential of at most {MAX_SECRET_BYTES} bytes, got {len(self.brought)}"
            )
        policy, state = self._policy(), self._state()
        if policy is None or state is None or self.attest or state.prepared or self.brought is not None:
            return
        kind = policy.target.kind
        if kind in _MADE_ELSEWHERE and "issue" not in targets.connector_of(policy).abilities:
            raise InvalidInput(
                f"expected the new {kind.replace('-', ' ')}: nobody here can make one",
                hint="bring it with: breakglass rotate NAME --new-credential-from FILE",
            )

    def _paper(self) -> None:
        assert self.printing is not None  # noqa: S101 - the caller looked
        outlet.check_printer(self.printing.printer)
        policy, state = self._policy(), self._state()
        if policy is None or state is None:
            outlet.check_folders(self.printing.out, self.printing.readback, (), 0)
            return
        seats = {write_seat(seat) for seat in policy.structure.seats()}
        seats |= set(state.epochs[state.prepared].seats) if state.prepared else set()
        unknown = [seat for seat in self.printing.acknowledged if seat not in seats]
        if unknown:
            raise InvalidInput(f"expected --ack to name sheets of {policy.name}, got {', '.join(unknown)}")
        number = 1 + max(epoch.number for epoch in state.epochs.values())
        made = sheets.file_names(policy, number)
        outlet.check_folders(self.printing.out, self.printing.readback, made, 2 * policy.structure.sheets)

    def _drawing(self) -> None:
        policy, state = self._policy(), self._state()
        if self.printing is None or policy is None or self.attest or (state is not None and state.applying):
            return
        if not self._has_place:
            return
        checkpoint = self.recorder.ledger.checkpoint()
        sheets.check_drawing(policy, self.printing, checkpoint, self.scanner if self.typed else None)

    def _any_place(self) -> None:
        """Hold that there is a place for new sheets, where no printed ones could make it needless."""
        state = self._state()
        if not self._has_place and state is not None and (self.abandon or not (self.attest or state.prepared)):
            raise _no_place()

    def _place(self) -> None:
        """Hold that there is a place for new sheets, now that it is known whether a printed epoch is gone on with."""
        state = self.recorder.set_state
        if not (self._has_place or self.attest or state.applying or state.prepared):
            raise _no_place()


def _no_place() -> InvalidInput:
    return InvalidInput("expected a place for the new sheets", hint="name it with --out DIR or --printer NAME")
