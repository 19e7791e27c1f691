# SPDX-License-Identifier: Apache-2.0
"""The rotation engine: prepare on paper, apply to the target, prove the old credential dead.

Rules:

1. Nothing is printed that the target is known to refuse: ``preflight`` first.
2. The new sheets are written, read back and in the hands of a quorum before the target is touched: the paper
   is the write-ahead log.
3. ``applying`` is durable before the change, ``old-dead`` only after new accepted, old refused for its
   credential, new accepted again.
4. After an ambiguous failure the new credential is probed first, then the old one; each once.
5. Old sheets stay good until ``old-dead`` is recorded. A prepared epoch whose process is gone is abandoned and
   made anew; one that may have been applied never is.

The credential's text is in memory only, and in the sheets.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from breakglass_shamir.connectors.base import Check, CheckResult, Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.credential import Credential, generate
from breakglass_shamir.custody.policy import Policy
from breakglass_shamir.custody.record import (
    Abandoned,
    Applied,
    Applying,
    Closed,
    Countersigned,
    OldDead,
    Refused,
)
from breakglass_shamir.errors import BreakglassError, ConnectorError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.readback import read_back_folder, wait_for_custodians
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.sheets import (
    DEFAULT_TIMEOUT_S,
    Printing,
    print_epoch,
    seal_epoch,
)
from breakglass_shamir.paper.scan import Scanner


@dataclass(slots=True)
class Rotation:
    """One rotation, with the old credential in memory."""

    recorder: Recorder
    policy: Policy
    source: str
    old: Credential = field(repr=False)
    set_key: Secret = field(repr=False)
    """The old epoch's; it countersigns the new envelope."""

    def prepare(self, printing: Printing, scanner: Scanner) -> Credential:
        """Print the next epoch and have it read back; returns its credential.

        Raises:
            ConnectorError: the target says beforehand that it will refuse.
            PaperError: the sheets could not be made, or were not read back in time.
        """
        state = self.recorder.refresh()
        if state.prepared:
            self.recorder.append(Abandoned(epoch_id=state.prepared, reason="prepared by a run that ended"))
        new = self._new_credential()
        self._preflight(new.secret)
        files = self._print(new, printing, scanner)
        read_back_folder(self.recorder, self.recorder.set_state.prepared, printing, scanner, files)
        return new

    def attest(self, officers: tuple[str, ...], reason: str) -> None:
        """Close an interrupted rotation whose old credential nobody can ask about; ``old`` is the new credential.

        Raises:
            ConnectorError: the target does not accept the new credential.
        """
        state = self.recorder.refresh()
        check = _ask(self._connector(), self.old.secret)
        if check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(
                f"expected the target to accept the new credential, got {check.result}: {check.detail}",
                hint="an old credential can be attested dead only while the new one is accepted",
            )
        self.recorder.append(Applying(old_epoch_id=state.current, new_epoch_id=state.prepared))
        proofs = (f"new: {check.result}: {check.detail}", f"old: attested dead, not proven: {reason}")
        scope = self._connector().scope
        dead = OldDead(
            old_epoch_id=state.current, new_epoch_id=state.prepared, proofs=proofs, scope=scope, attested_by=officers
        )
        self.recorder.append(dead)
        self.recorder.append(Closed(classification=self.recorder.set_state.active_opening.classification))
        self.recorder.desk.warn("the death of the old credential is attested, not proven; that stays a debt")

    def finish(self, new: Credential, printing: Printing | None) -> None:
        """Apply the prepared epoch, prove it, close the opening.

        Raises:
            PaperError: no quorum of the new sheets was acknowledged in time.
            ConnectorError: the target was not changed, or the proof does not hold; the debt stays.
        """
        self._countersign()
        state = self.recorder.set_state
        known, timeout_s = (printing.acknowledged, printing.timeout_s) if printing else ((), DEFAULT_TIMEOUT_S)
        wait_for_custodians(self.recorder, state.prepared, known, timeout_s)
        self.apply(new)

    def apply(self, new: Credential) -> None:
        """Change the target and prove the change; resumes one that was interrupted.

        Raises:
            ConnectorError: the target was not changed, or the proof does not hold; the debt stays.
        """
        state = self.recorder.refresh()
        old_id, new_id = state.current, state.prepared
        connector = self._connector()
        self.recorder.append(Applying(old_epoch_id=old_id, new_epoch_id=new_id))
        self._change(connector, new, resumed=state.applying)
        self.recorder.append(Applied(new_epoch_id=new_id))
        proofs = self._prove(connector, new)
        self.recorder.append(OldDead(old_epoch_id=old_id, new_epoch_id=new_id, proofs=proofs, scope=connector.scope))
        opening = self.recorder.set_state.active_opening
        self.recorder.append(Closed(classification=opening.classification))
        self.recorder.desk.say(f"rotated: the old credential is dead, epoch {self._number(new_id)} is in force")

    def _new_credential(self) -> Credential:
        rules = self.policy.rotation
        return replace(self.old, secret=generate(rules.length, rules.alphabet))

    def _preflight(self, new: Secret) -> None:
        found = self._connector().preflight(new, self.old.secret)
        for note in found.notes:
            self.recorder.desk.say(note)
        if not found.ready:
            until = f"no change before {found.min_age_until}" if found.min_age_until else ""
            raise ConnectorError(
                "the target will refuse a rotation: " + "; ".join(filter(None, (*found.problems, until)))
            )

    def _print(self, new: Credential, printing: Printing, scanner: Scanner) -> tuple[Path, ...]:
        state, ledger = self.recorder.set_state, self.recorder.ledger
        number = max(epoch.number for epoch in state.epochs.values()) + 1
        predecessor = bytes.fromhex(state.current)
        epoch = seal_epoch(self.policy, self.source, new, ledger.checkpoint(), number, predecessor)
        printed = print_epoch(epoch, printing, scanner, self.recorder.desk)
        try:
            self.recorder.append(epoch.record("unproven"))
            self._countersign()
        except BreakglassError:
            printed.withdraw(self.recorder.desk)
            raise
        self.recorder.desk.say(f"epoch {number}: {printed.where}")
        self.recorder.desk.say("keep the old and the new sheets together until the rotation is closed")
        return printed.files

    def _countersign(self) -> None:
        """Let the old epoch's quorum vouch for the prepared envelope, unless an interrupted run did."""
        state = self.recorder.set_state
        new = state.epochs[state.prepared]
        if not (new.countersigned or state.applying):
            countersigned = Countersigned(epoch_id=new.epoch_id, envelope_sha256=new.envelope_sha256)
            self.recorder.append(countersigned, set_key=self.set_key)

    def _change(self, connector: Connector, new: Credential, *, resumed: bool) -> None:
        """Change the target, unless an interrupted run did."""
        if resumed and _ask(connector, new.secret).result is CheckResult.ACCEPTED:
            return
        try:
            connector.rotate(self.old.secret, new.secret)
        except ConnectorError as error:
            self._after_failure(connector, new, error)

    def _after_failure(self, connector: Connector, new: Credential, error: ConnectorError) -> None:
        """Find out which credential lives: the new one first, then the old one."""
        self.recorder.append(Refused(stage="apply", error=error.id, message=str(error)))
        if _ask(connector, new.secret).result is CheckResult.ACCEPTED:
            return
        if _ask(connector, self.old.secret).result is CheckResult.ACCEPTED:
            raise ConnectorError(
                f"the target was not changed: {error}",
                hint="the old sheets still open it; keep both sets together and run: breakglass rotate",
            ) from error
        raise self._neither(error) from error

    def _neither(self, error: BaseException) -> ConnectorError:
        second = self.policy.target.second_account or "the second account your policy should name"
        return ConnectorError(
            f"neither the old nor the new credential could be proven to work: {error}",
            hint=f"keep both sets of sheets; get in with: {second}",
        )

    def _prove(self, connector: Connector, new: Credential) -> tuple[str, ...]:
        """New accepted, old refused for its credential, new accepted again.

        Raises:
            ConnectorError: any of the three is not so.
        """
        steps = (
            ("new", new.secret, CheckResult.ACCEPTED),
            ("old", self.old.secret, CheckResult.REFUSED),
            ("new again", new.secret, CheckResult.ACCEPTED),
        )
        proofs = []
        for name, secret, wanted in steps:
            check = _ask(connector, secret)
            proofs.append(f"{name}: {check.result}: {check.detail}")
            if check.result is not wanted:
                self.recorder.append(Refused(stage="prove", error="connector", message=proofs[-1]))
                raise ConnectorError(
                    f"the rotation is not proven: expected {name} {wanted}, got {check.result} ({check.detail})",
                    hint="keep both sets of sheets together and run: breakglass rotate",
                )
        return tuple(proofs)

    def _connector(self) -> Connector:
        target = self.policy.target.uri or self.old.target
        return connector_for(target, self.policy.target.account or self.old.account)

    def _number(self, epoch_id: str) -> int:
        return self.recorder.set_state.epochs[epoch_id].number


def _ask(connector: Connector, secret: Secret) -> Check:
    """Check, with an error taken for *unknown*."""
    try:
        return connector.check(secret)
    except BreakglassError as error:
        return Check(CheckResult.UNKNOWN, str(error))
