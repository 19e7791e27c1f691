# SPDX-License-Identifier: Apache-2.0
"""The rotation engine: prepare on paper, apply to the target, prove the old credential dead.

Rules:

1. Nothing is printed that the target is known to refuse: ``preflight`` first (``fitting.py``). Nor is anything
   printed to follow a credential that the target refuses: another terminal has rotated it (``elsewhere.py``).
2. The new sheets are written, read back and in the hands of a quorum before the target is touched: the paper
   is the write-ahead log.
3. The change waits for the officers' own sessions at the target (``sessions.py``).
4. ``applying`` is durable before the change, ``old-dead`` only after the proof at every endpoint (``proof.py``),
   and after the account's sessions were ended.
5. After an ambiguous failure the new credential is probed first, then the old one; each once (``probing.py``).
6. A definitive rejection by the target's rules, with the old credential still accepted, abandons the prepared
   epoch, and another that is more likely to fit is prepared. An ambiguous failure never does.
7. An epoch that another terminal printed is put in force only where the target takes its credential already, or
   where this terminal knows the old epoch, too, from its sheets alone: paper does not say who made it.
8. Where neither of the two works and sheets of other successors are there, they are asked about: if the target takes
   one, another terminal rotated first, and that rotation is gone on with.
9. Old sheets stay good until ``old-dead`` is recorded. A prepared epoch whose process is gone is gone on with, from
   its sheets, or abandoned by a word of the people (``resuming.py``); one that may have been applied never is.

The credential's text is in memory only, and in the sheets.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from breakglass_shamir.connectors.port.answers import Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import bill
from breakglass_shamir.custody.credential import Credential
from breakglass_shamir.custody.life import under_way
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.quorum.quorum import Quorum
from breakglass_shamir.custody.records.openings import Closed, Refused
from breakglass_shamir.custody.records.record import AnyBody
from breakglass_shamir.custody.records.rotations import (
    Applied,
    Applying,
    Countersigned,
    NotBefore,
    OldDead,
    Rejected,
    RotationFound,
    Waited,
)
from breakglass_shamir.custody.records.sheets import ReadBack
from breakglass_shamir.errors import BreakglassError, ConnectorError, IllegalState
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import targets
from breakglass_shamir.operations.opening import interrupted
from breakglass_shamir.operations.printing.outlet import Printed
from breakglass_shamir.operations.printing.readback import read_back_by_people, read_back_folder, wait_for_custodians
from breakglass_shamir.operations.printing.sheets import (
    DEFAULT_TIMEOUT_S,
    Printing,
    handed_over,
    print_epoch,
    seal_epoch,
)
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.operations.rotation import elsewhere
from breakglass_shamir.operations.rotation.fitting import STRENGTHS, Source, next_credential
from breakglass_shamir.operations.rotation.making import making, note_endings, note_found
from breakglass_shamir.operations.rotation.probing import Found, Living, Prober, find_living
from breakglass_shamir.operations.rotation.proof import CLOCKS_DIFFER, Proof
from breakglass_shamir.operations.rotation.resuming import tell_to_destroy
from breakglass_shamir.operations.rotation.sessions import OwnSessions
from breakglass_shamir.paper.reading.scan import Scanner
from breakglass_shamir.shell import breakglass, word

_ATTESTS = "--scan BOTH_SETS --attest-old-dead --officer O --officer O2"

NEITHER_WORKS = "neither-works"
"""Stage of the ``refused`` record that says that no printed credential is known to work; alerts look for it."""


@dataclass(frozen=True, slots=True)
class Rival:
    """An epoch that another terminal printed to follow the old one, with its credential in memory."""

    quorum: Quorum
    credential: Credential = field(repr=False)


def credential_of(found: Quorum) -> Credential:
    """Return the credential of a quorum that is there beside the one that was opened."""
    new = found.unseal()
    credential = Credential.from_bytes(new.plaintext)
    new.wipe()
    return credential


@dataclass(slots=True)
class Rotation:
    """One rotation, with the old credential in memory."""

    recorder: Recorder
    policy: Policy
    source: str
    old: Credential = field(repr=False)
    set_key: Secret = field(repr=False)
    """The old epoch's; it countersigns the new envelope."""

    brought: Secret | None = field(default=None, repr=False)
    """The new secret, where people bring it."""

    rivals: tuple[Rival, ...] = field(default=(), repr=False)
    """Other epochs that follow the old one, of which quorums are there."""

    prober: Prober = field(default_factory=Prober)

    def prepare(self, printing: Printing, scanner: Scanner, strength: int = 0) -> Credential:
        """Print the next epoch and have it read back; returns its credential.

        Args:
            printing: where the sheets go.
            scanner: reads them back.
            strength: how much more than the policy asks for the credential shall be; see ``fitting.py``.

        Raises:
            IllegalState: another epoch is prepared; it is applied, or given up by a word (``resuming.py``).
            ConnectorError: the target says beforehand that it will refuse, or refuses the old credential.
            PaperError: the sheets could not be made, or were not read back in time.
        """
        desk = self.recorder.desk
        if self._connector().by_people:
            desk.require_screen()
        under = under_way.standing(self.recorder.refresh())
        if self.recorder.set_state.prepared and under is not None:
            raise IllegalState(under.stands, hint=under.hint)
        connector = self._connector()
        connector.making = making(self.recorder, self.set_key)
        if not connector.costs.preflight:
            self._ask_about_old(strength)
        connector.on_made = partial(self.recorder.made, connector.target)
        source = Source(connector, self.policy.rotation.generator, desk.say, self._too_early, self._heard, self.brought,
                        max_age_s=self.policy.rotation.max_age.seconds)  # fmt: skip
        if not strength:
            self._say_the_bill()
        new = targets.carried(self.policy, next_credential(source, self.old, strength))
        printed = self._print(new, printing, scanner)
        self._note_endings(connector, new, self.recorder.set_state.prepared)
        read_back_folder(self.recorder, self.recorder.set_state.prepared, printing, scanner, printed)
        return new

    def attest(self, new: Credential, officers: tuple[str, ...], reason: str, *, brings_old: bool) -> None:
        """Close a rotation whose old credential nobody can ask about, on the word of officers.

        Args:
            new: the prepared one.
            officers: who vouch.
            reason: how they know.
            brings_old: whether the quorum that was opened is the old one: then the target is asked about it, too.

        Raises:
            ConnectorError: the target does not accept the new credential, or still accepts the old one.
        """
        state = self.recorder.refresh()
        check = self._attested(officers) or self.prober.ask(self._connector(), new.presented)
        if check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(
                f"expected the target to accept the new credential, got {check.result}: {check.detail}",
                hint="an old credential can be attested dead only while the new one is accepted",
            )
        if brings_old:
            self._require_not_accepted(new)
        self._on_sheets(new)
        self.recorder.append(Applying(old_epoch_id=state.source, new_epoch_id=state.prepared))
        proofs = (f"new: {check.result}: {check.detail}", f"old: attested dead, not proven: {reason}")
        scope = self._connector().scope
        dead = OldDead(
            old_epoch_id=state.source, new_epoch_id=state.prepared, proofs=proofs, scope=scope, attested_by=officers
        )
        self.recorder.append(dead)
        self.recorder.append(Closed(classification=self.recorder.set_state.active_opening.classification))
        self.recorder.desk.warn("the death of the old credential is attested, not proven; that stays a debt")

    def finish(self, new: Credential, printing: Printing | None, scanner: Scanner) -> None:
        """Wait for custodians, apply the prepared epoch, prove it, close the opening.

        An epoch that the target's rules reject is abandoned and made anew, where there is a place for its sheets.

        Raises:
            PaperError: no quorum of the new sheets was acknowledged in time.
            Stopped: people leave while the new sheets are read back.
            ConnectorError: the target was not changed, or the proof does not hold; the debt stays.
        """
        known, timeout_s = (printing.acknowledged, printing.timeout_s) if printing else ((), DEFAULT_TIMEOUT_S)
        for strength in range(1, STRENGTHS + 1):
            self._countersign()
            read_back_by_people(self.recorder, self.recorder.set_state.prepared, scanner)
            wait_for_custodians(self.recorder, self.recorder.set_state.prepared, known, timeout_s)
            try:
                self.apply(new)
            except ConnectorError as error:
                again = printing is not None and printing.has_place and strength < STRENGTHS
                if printing is None or not (error.rejected and again) or self.brought is not None:
                    raise
                self.recorder.desk.warn(f"{error}: another is made")
                new = self.prepare(printing, scanner, strength)
            else:
                return

    def apply(self, new: Credential | None) -> None:
        """Change the target and prove the change; resumes one that was interrupted.

        Args:
            new: the prepared credential; None: its sheets are not there, only those of others that follow the old one.

        Raises:
            ConnectorError: the target was not changed, or the proof does not hold; the debt stays. ``rejected``
                if its rules do not take the new credential; then the prepared epoch is abandoned.
        """
        state = self.recorder.refresh()
        old_id, new_id = state.source, state.prepared
        endpoints = targets.endpoints_of(self.policy, self.recorder)
        sessions = OwnSessions(self.recorder, endpoints)
        if not state.applying:
            sessions.wait(
                self.old.presented, self.policy.rotation.wait_for_sessions.seconds, self._questions(endpoints)
            )
        if new is not None:
            self._on_sheets(new)
        self.recorder.append(Applying(old_epoch_id=old_id, new_epoch_id=new_id))
        rival = self._change(endpoints[0], new, resumed=state.applying)
        if rival is not None:
            new, new_id = rival.credential, self._go_on_with(rival)
        assert new is not None  # noqa: S101 - without a rival that lives there is no way on from _change
        self.recorder.append(Applied(new_epoch_id=new_id))
        proofs = self._prove(endpoints, new, new_id)
        if self.policy.rotation.end_sessions:
            sessions.end(new.presented)
        scope = endpoints[0].scope
        self.recorder.append(OldDead(old_epoch_id=old_id, new_epoch_id=new_id, proofs=proofs, scope=scope))
        self._note_endings(endpoints[0], new, new_id)
        opening = self.recorder.set_state.active_opening
        self.recorder.append(Closed(classification=opening.classification))
        self.recorder.desk.say(f"rotated: the old credential is dead, epoch {self._number(new_id)} is in force")

    def _on_sheets(self, new: Credential) -> None:
        """Record that what the target made is on sheets that are about to count."""
        if new.public_id:
            target = self._connector().target
            self.recorder.on_sheets(target, new.public_id, self.recorder.set_state.prepared)

    def _questions(self, endpoints: tuple[Connector, ...]) -> int | None:
        """Return how often the target may be asked about open sessions, so that the rest has enough logins left."""
        first = endpoints[0]
        allowed = self.prober.knows(first) or self.prober.learn(first, self.old.presented)
        if allowed.right is None or not first.costs.sessions:
            return None
        needed = bill(first.costs).all - first.costs.preflight - first.costs.sessions
        return max(0, allowed.right - needed) // first.costs.sessions

    def _print(self, new: Credential, printing: Printing, scanner: Scanner) -> Printed:
        state, ledger = self.recorder.set_state, self.recorder.ledger
        number = max(epoch.number for epoch in state.epochs.values()) + 1
        predecessor = bytes.fromhex(state.source)
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
        return handed_over(printing, printed)

    def _countersign(self) -> None:
        """Let the old epoch's quorum vouch for the prepared envelope, unless an interrupted run did."""
        state = self.recorder.set_state
        new = state.epochs[state.prepared]
        if not (new.countersigned or state.applying):
            countersigned = Countersigned(epoch_id=new.epoch_id, envelope_sha256=new.envelope_sha256)
            self.recorder.append(countersigned, set_key=self.set_key)

    def _ask_about_old(self, strength: int) -> None:
        """Stop before anything is printed to follow a credential that the target refuses.

        Raises:
            ConnectorError: it does.
        """
        connector = self._connector()
        if connector.by_people or strength:
            return
        self._judge_old(Prober(self.prober.pace).ask(connector, self.old.presented))

    def _heard(self, found: Preflight) -> None:
        """Take what the target said beforehand: to the old credential, and of the logins that it still takes.

        Raises:
            ConnectorError: it refuses the old credential.
        """
        if found.allowance is not None:
            self.prober.told(self._connector(), found.allowance)
        if found.login is not None and found.login.result is CheckResult.ACCEPTED:
            note_found(self.recorder, found.runs_out)
        if found.login is not None:
            self._judge_old(found.login)

    def _note_endings(self, connector: Connector, new: Credential, epoch_id: str) -> None:
        """Record what runs out, where asking costs no login; where it does, it came with the preflight."""
        if not connector.costs.lifetime:
            note_endings(self.recorder, connector, new.presented, epoch_id)

    def _changed_since(self, connector: Connector) -> bool | None:
        """Ask, without a login of the account, whether its credential changed since the new one was made.

        A time near that of the new one is that of the change only where the old one is older than the clocks differ.

        Returns:
            Whether it did; None where that is not clear.
        """
        try:
            at = connector.password_changed_at(None)
        except ConnectorError:
            return None
        state = self.recorder.set_state
        old, new = (datetime.fromisoformat(state.epochs[one].since) for one in (state.source, state.prepared))
        if at is None or (at >= new - CLOCKS_DIFFER and new - old < 2 * CLOCKS_DIFFER):
            return None
        return at >= new - CLOCKS_DIFFER

    def _say_the_bill(self, *, resumed: bool = False) -> None:
        first, *others = (endpoint.costs for endpoint in targets.endpoints_of(self.policy))
        costs = bill(first, others, resumed=resumed)
        if costs.all:
            self.recorder.desk.say(costs.in_words)

    def _judge_old(self, check: Check) -> None:
        """Stop where the target refuses the old credential; note what it says where that was in doubt.

        Raises:
            ConnectorError: it does.
        """
        epoch_id = self.recorder.set_state.source
        if check.result is CheckResult.REFUSED:
            raise elsewhere.refused(self.recorder, epoch_id, check)
        if self.recorder.set_state.forking or self.recorder.set_state.epochs[epoch_id].refused_at:
            elsewhere.note(self.recorder, epoch_id, check)

    def _change(self, connector: Connector, new: Credential | None, *, resumed: bool) -> Rival | None:
        """Change the target, unless an interrupted run did; returns another successor that the target takes already."""
        if connector.by_people:
            if self._is_only_on_paper():
                self.recorder.desk.warn(
                    "only their own sheets vouch for this epoch: set its credential only if you know who printed it"
                )
            raise self._left_to_people(connector, new or self.rivals[0].credential)
        if new is None:
            return self._living_rival(connector, "the sheets of the prepared epoch are not there")
        if resumed:
            self._say_the_bill(resumed=True)
            self.prober.foresee(connector)
            changed = None if self.prober.affords(connector) else self._changed_since(connector)
            found = find_living(self.prober, connector, new.presented, self.old.presented, changed=changed)
            if found.living is Living.NEW and not self._old_lives_too(connector):
                return None
            if found.living is Living.OLD and self._is_only_on_paper():
                raise self._not_put_in_force()
            if found.living not in (Living.OLD, Living.NEW):
                return self._neither(connector, found, "an earlier run was interrupted")
        elif self.rivals and self.prober.ask(connector, self.old.presented).result is CheckResult.REFUSED:
            return self._living_rival(connector, "the target refuses the old credential")
        try:
            connector.rotate(self.old.presented, new.presented)
        except ConnectorError as error:
            return self._after_failure(connector, new, error)
        return None

    def _old_lives_too(self, connector: Connector) -> bool:
        """Tell whether the old credential is in force beside the new one, so that the change is to be done still."""
        if not connector.side_by_side:
            return False
        return self.prober.ask(connector, self.old.presented).result is CheckResult.ACCEPTED

    def _living_rival(self, connector: Connector, why: str) -> Rival:
        """Return the first of the other successors whose credential the target takes.

        Raises:
            ConnectorError: it takes none.
        """
        for rival in self.rivals:
            if self.prober.ask(connector, rival.credential.presented).result is CheckResult.ACCEPTED:
                return rival
        numbers = ", ".join(str(rival.quorum.core.epoch) for rival in self.rivals)
        raise ConnectorError(
            f"{why}, and the target takes no credential of epoch {numbers} on the other sheets",
            hint="scan the old sheets and those of every epoch that follows them in one go",
        )

    def _go_on_with(self, rival: Rival) -> str:
        """Go on with the rotation of another terminal, which the target has taken; returns its new epoch's id."""
        found, state = rival.quorum, self.recorder.set_state
        if found.epoch_id not in state.epochs:
            interrupted.learn(self.recorder, found)
        self.recorder.append(RotationFound(old_epoch_id=state.source, new_epoch_id=found.epoch_id))
        self.recorder.append(ReadBack(epoch_id=found.epoch_id, sheets=found.sheets))
        self.recorder.append(Applying(old_epoch_id=state.source, new_epoch_id=found.epoch_id))
        self.recorder.desk.warn(
            f"another terminal rotated first: the target takes epoch {found.core.epoch} of these sheets, "
            "and that rotation is gone on with"
        )
        return found.epoch_id

    def _after_failure(self, connector: Connector, new: Credential, error: ConnectorError) -> Rival | None:
        """Find out which credential lives: the new one first, then the old one, then other successors."""
        self.recorder.append(Refused(stage="apply", error=error.id, message=str(error)))
        found = find_living(self.prober, connector, new.presented, self.old.presented)
        if found.living is Living.NEW:
            return None
        if found.living is not Living.OLD:
            return self._neither(connector, found, str(error))
        if error.rejected and found.new_refused:
            raise self._rejected(error) from error
        raise ConnectorError(
            f"the target was not changed: {error}",
            hint="the old sheets still open it; keep both sets together and run: breakglass rotate",
        ) from error

    def _is_only_on_paper(self) -> bool:
        """Tell whether only its own sheets say that the new epoch follows one this terminal vouches for."""
        state = self.recorder.set_state
        old, new = state.epochs[state.source], state.epochs[state.prepared]
        if state.prepared == state.current:
            return False
        return new.recovered and (old.pinned or not old.recovered)

    def _not_put_in_force(self) -> ConnectorError:
        """Let go of an epoch that anybody could have printed: who made it would know the target's next credential."""
        state = self.recorder.set_state
        number = state.epochs[state.prepared].number
        detail = "printed elsewhere, and the target still takes the old credential: not put in force"
        self.recorder.append(Rejected(epoch_id=state.prepared, detail=detail))
        return ConnectorError(
            f"the target does not take the credential of epoch {number}, which only its own sheets vouch for, and "
            "still takes the old one: nothing was changed",
            hint="leave those sheets out, find out who brought them, and rotate with the old sheets and --out DIR",
        )

    def _rejected(self, error: ConnectorError) -> ConnectorError:
        """Let go of the prepared epoch: the target's rules do not take it, and the old credential lives."""
        epoch_id = self.recorder.set_state.prepared
        self.recorder.append(Rejected(epoch_id=epoch_id, detail=str(error)))
        again = breakglass("rotate", self.recorder.set_name, options="--scan OLD --out DIR")
        if epoch_id == self.recorder.set_state.current:
            todo = f"the old sheets still open it; leave those of epoch {self._number(epoch_id)} out, then: {again}"
        else:
            tell_to_destroy(self.recorder, epoch_id)
            todo = f"the old sheets still open it; destroy the new ones, then: {again}"
        return ConnectorError(f"the target's rules do not take the new credential: {error}", hint=todo, rejected=True)

    def _left_to_people(self, connector: Connector, new: Credential) -> ConnectorError:
        """Show people the checklist and the new credential; the rotation stays open until they attest it."""
        desk = self.recorder.desk
        desk.require_screen()
        desk.say("people change this target; do this together, two officers:")
        for number, step in enumerate(connector.checklist(), 1):
            desk.say(f"{number}. {step}")
        desk.show(new, self.policy.reveal.show_for.seconds)
        name = self.recorder.set_name
        return ConnectorError(
            f"the change is left to people: {name} stays open until two officers attest it",
            hint=f"then: {breakglass('rotate', name, options=_ATTESTS)}",
        )

    def _require_not_accepted(self, new: Credential) -> None:
        """Take nobody's word that the old credential is dead while the target takes it.

        A target that a refused login would shut is not asked.
        """
        if self._connector().by_people:
            return
        endpoints = targets.endpoints_of(self.policy, self.recorder)
        for endpoint in endpoints:
            self.prober.learn(endpoint, new.presented)
        check = self.prober.ask_everywhere(endpoints, self.old.presented)
        if check.result is CheckResult.ACCEPTED:
            raise ConnectorError(
                f"the target still accepts the old credential, whoever attests that it is dead: {check.detail}",
                hint="take it away at the target, or rotate again with both sets of sheets: the connector does it",
            )

    def _attested(self, officers: tuple[str, ...]) -> Check | None:
        """Take the officers' word that the new credential works where nobody but people can ask."""
        if not self._connector().by_people:
            return None
        return Check(CheckResult.ACCEPTED, f"attested to work, not proven, by {', '.join(officers)}")

    def _neither(self, connector: Connector, found: Found, why: str) -> Rival:
        """Return another successor that the target takes, where neither the old nor the new credential works.

        Raises:
            ConnectorError: it takes none, or none is there.
        """
        if self.rivals and found.living is Living.NEITHER:
            try:
                return self._living_rival(connector, why)
            except ConnectorError as error:
                raise self._locked_out(found, str(error)) from error
        raise self._locked_out(found, why)

    def _locked_out(self, found: Found, why: str) -> ConnectorError:
        second = self.policy.target.second_account or "the second account your policy should name"
        if self.old.hint and not self.policy.target.second_account:
            second = f"what the sheets call the second account: {word(self.old.hint)}"
        message = f"neither the old nor the new credential could be proven to work: {why} ({found.detail})"
        self.recorder.append(Refused(stage=NEITHER_WORKS, error=ConnectorError.id, message=message))
        hint = f"keep both sets of sheets; get in with: {second}"
        if found.living is Living.NEITHER:
            elsewhere.note(self.recorder, self.recorder.set_state.source, Check(CheckResult.REFUSED, found.detail))
            hint += f"; {elsewhere.QUESTION}"
        return ConnectorError(message, hint=hint)

    def _prove(self, endpoints: tuple[Connector, ...], new: Credential, new_id: str) -> tuple[str, ...]:
        """Prove the change at every endpoint.

        Raises:
            ConnectorError: it does not hold at one.
        """
        made = datetime.fromisoformat(self.recorder.set_state.epochs[new_id].since)
        proof = Proof(self.prober, new.presented, self.old.presented, self.recorder.desk.say, self._waited, made)
        try:
            return proof.at(endpoints)
        except ConnectorError as error:
            self.recorder.append(Refused(stage="prove", error=error.id, message=str(error)))
            raise

    def _waited(self, what: str, seconds: int) -> None:
        self._note(Waited(what=what, seconds=seconds))

    def _too_early(self, until: datetime, detail: str) -> None:
        self._note(NotBefore(until=f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", detail=detail))

    def _note(self, body: AnyBody) -> None:
        self.recorder.append(body)

    def _connector(self) -> Connector:
        return targets.connector_of(self.policy, self.recorder)

    def _number(self, epoch_id: str) -> int:
        return self.recorder.set_state.epochs[epoch_id].number
