# SPDX-License-Identifier: Apache-2.0
"""An account that its target keeps closed is open while this program needs it, and closed again after that.

Rules:

1. The record is durable before the target is told; the target ends the arming by itself, whatever becomes of this
   program, of its terminal or of the network.
2. Before each question that logs in as the account it is looked whether enough of the arming is left; else it is armed
   again. What the target calls wrong while the account is closed is no word about the credential.
3. It is reckoned by the target's clock where that tells it, before or at the change; else the terminal's counts, with a
   margin. A target whose clock turns out to be another one is told again.
4. An arming is never made shorter by this: another terminal may be in the middle of a use. One that stands is taken
   over a second longer, so that the closing of whoever made it does not end both.
5. What this process armed it closes at the end of its command, after the rotation; where that fails the account ends
   by itself, and that is said.
6. A set whose policy does not keep an account closed, or is not on record yet, is let alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from breakglass_shamir.connectors.port.answers import Armed, Operator
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.registry import connector_for
from breakglass_shamir.custody.life import arming_rules
from breakglass_shamir.custody.life.gates import ARMING, Problem
from breakglass_shamir.custody.life.state import SetState
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.custody.records import arming as records
from breakglass_shamir.custody.records.openings import Refused
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.operations.arming import approvals
from breakglass_shamir.operations.arming.authorities import Authority, ByOperator, ByProgram, Elsewhere, operator_of
from breakglass_shamir.operations.recorder import Recorder

MARGIN_S = 60
"""Least time that must be left of an arming for a question; and what is added where the target tells no clock."""

LEAST_S = 1
"""What must be left however short the window is: clocks and ends are told to the second, and both are cut off."""

AGAIN_S = 900
"""For how long an account is armed outside a use: a check, a step of a rotation, a proof."""

CLOCKS_AGREE_S = 30
"""How far the target's clock may be off before it is told again."""

STAGE = "arm"
"""Stage of a ``refused`` record of what could not be armed or closed."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is kept closed, of the set that a recorder is at.

    Attributes:
        recorder: at the set.
        policy: in force.
        authority: who arms it.
    """

    recorder: Recorder
    policy: Policy
    authority: Authority

    def ensure(self, why: str, for_s: int = AGAIN_S, *, at_least_s: int | None = None) -> None:
        """Arm the account unless enough of an arming is left.

        Args:
            why: what for, as the record says it.
            for_s: for how long, in seconds; the policy's window bounds it.
            at_least_s: what must be left; None: enough for one question.

        Raises:
            ConnectorError: it could not be armed.
            LedgerUnwritable, LedgerBusy: that could not be recorded.
        """
        window_s = self._window_s
        least_s = max(LEAST_S, min(MARGIN_S, window_s // 4)) if at_least_s is None else min(at_least_s, window_s)
        if self._left_s() > least_s and self._is_believed():
            return
        try:
            self._arm(why, min(for_s, window_s))
        except ConnectorError as error:
            self.recorder.append(Refused(stage=STAGE, error=error.id, message=str(error)))
            raise

    def why_closed(self) -> str:
        """Say why nothing opens the account now; empty where it is open, or nobody can tell."""
        now = datetime.now(UTC)
        if self.authority.quiet:
            try:
                told = self.authority.standing()
            except ConnectorError as error:
                return f"nobody can tell whether the account is open: {error}"
            return f"the account is closed at its target, since {_written(told.until)}" if told.is_closed(now) else ""
        if not arming_rules.is_kept_closed(self._state()):
            return ""
        if not self._left_s():
            return "no arming of the account is in force"
        if isinstance(self.authority, Elsewhere):
            return ""
        return "nobody here can ask whether the account is open: an arming is on record, which may not have been done"

    def close(self) -> None:
        """Close the account, and see that it is closed.

        Raises:
            ConnectorError: it is not, or nobody knows.
            LedgerUnwritable, LedgerBusy: that could not be recorded.
        """
        self.authority.close()
        told = self.authority.standing()
        if not told.is_closed(datetime.now(UTC)):
            raise ConnectorError(f"the target says that the account is open {_until(told)}, after it was closed")
        target = self.policy.target
        self.recorder.append(
            records.Disarmed(authority=self.authority.in_words, detail=f"{target.account} at {target.uri}")
        )

    def _arm(self, why: str, for_s: int) -> None:
        latest = self.authority.allow()
        told = self.authority.standing()
        clock = told.now
        for _ in range(2):
            until, ahead_s = self._until(clock, for_s, told, latest), _ahead_s(clock)
            self.recorder.append(
                records.Arming(
                    until=f"{until:%Y-%m-%dT%H:%M:%SZ}", authority=self.authority.in_words, why=why,
                    clock=records.BY_TARGET if clock else records.BY_TERMINAL, ahead_s=ahead_s,
                )
            )  # fmt: skip
            said = self.authority.arm(until)
            if said is None or abs(_ahead_s(said) - ahead_s) <= CLOCKS_AGREE_S:
                break
            clock = said
        after = self.authority.standing()
        if after.until is not None and after.until < until:
            raise ConnectorError(f"the target says that the account is open {_until(after)}, after it was armed")
        self.recorder.closings[self.policy.name] = partial(_closing, self, self.recorder.opening, until)
        self.recorder.desk.say(f"armed until {until:%Y-%m-%d %H:%M:%S} UTC by {self.authority.in_words}: {why}")

    def _until(self, clock: datetime | None, for_s: int, told: Armed, latest: datetime | None) -> datetime:
        """Return until when to arm, by the target's clock.

        Not before an arming that stands within the window, nor after ``latest``.

        Raises:
            ConnectorError: too little is left until then.
        """
        now = clock or datetime.now(UTC)
        margin_s = 0 if clock else min(MARGIN_S, for_s)
        until = now.replace(microsecond=0) + timedelta(seconds=for_s + margin_s)
        if told.until and until <= told.until <= now + timedelta(seconds=self._window_s + MARGIN_S):
            # A second longer: whoever armed it before sees that, and does not close it under this one.
            until = told.until.replace(microsecond=0) + timedelta(seconds=1)
        if latest is not None:
            until = min(until, latest + timedelta(seconds=_ahead_s(clock)))
        if until <= now:
            raise ConnectorError(f"the permission to arm the account ended at {_written(latest)}")
        return until

    def _is_believed(self) -> bool:
        """Tell whether what is on record of the arming holds: this process made it, or the target is asked."""
        if self.policy.name in self.recorder.closings or isinstance(self.authority, Elsewhere):
            return True
        if not self.authority.quiet:
            try:
                self.authority.allow()
            except ConnectorError:
                # Who would be asked may not be; it may be open, and what the target then says is no word about it.
                return True
        told = self.authority.standing()
        return not told.is_closed(datetime.now(UTC))

    def _left_s(self) -> int:
        return arming_rules.left_s(self._state(), _written(datetime.now(UTC)))

    def _state(self) -> SetState:
        return self.recorder.refresh()

    @property
    def _window_s(self) -> int:
        assert self.policy.arming is not None  # noqa: S101 - it is kept closed
        return self.policy.arming.window.seconds


def account_of(recorder: Recorder, policy: Policy, authority: Authority | None = None) -> Account | None:
    """Return the account of a policy that keeps it closed; None where it does not.

    Args:
        recorder: at the set; it remembers the authority, so that nobody is asked twice in one command.
        policy: in force.
        authority: who arms it, where that is not by the policy alone.
    """
    if policy.arming is None:
        return None
    known = authority or recorder.authorities.get(policy.name)
    if not isinstance(known, ByProgram | ByOperator | Elsewhere):
        known = _authority(recorder, policy)
    recorder.authorities[policy.name] = known
    return Account(recorder, policy, known)


def attach(recorder: Recorder, policy: Policy, connector: Connector) -> None:
    """Let a connector have the account armed before it logs in there, and tell a closed one from a dead credential."""
    account = account_of(recorder, policy)
    if account is None:
        return
    connector.ends_on_purpose = True
    connector.why_closed = account.why_closed

    def before_login() -> None:
        known = recorder.state.sets.get(recorder.set_name)
        if known is not None and arming_rules.is_kept_closed(known):
            account.ensure(_what_for(recorder))

    connector.before_login = before_login


def gate(recorder: Recorder) -> list[Problem]:
    """Arm the account for the opening under way; returns what stands against it.

    Raises:
        LedgerUnwritable, LedgerBusy: the arming could not be recorded.
    """
    state = recorder.set_state
    if not arming_rules.is_kept_closed(state):
        return []
    policy = policies.parse(state.policy_source)
    use_s = state.active_opening.declared.use_for_s
    assert policy.arming is not None  # noqa: S101 - it is kept closed
    try:
        account = account_of(recorder, policy)
        assert account is not None  # noqa: S101 - it is kept closed
        account.ensure(_what_for(recorder), use_s, at_least_s=use_s)
    except (ConnectorError, InvalidInput) as error:
        hint = f"; {error.hint}" if error.hint else ""
        other = f"no override passes the target's own lock: the set {policy.arming.second_set} is never closed"
        return [Problem(ARMING, f"{error}{hint}; {other}")]
    return []


def close_first(recorder: Recorder, policy: Policy) -> None:
    """Close the account of a new set, once its sheets are on record; where that fails, it is said."""
    account = account_of(recorder, policy)
    if account is None or recorder.set_name in recorder.closings:
        return
    try:
        account.close()
        recorder.desk.say("the account is closed at its target from now on")
    except ConnectorError as error:
        recorder.desk.warn(f"the account is open at its target until somebody closes it: {error}")


def by_operator(policy: Policy, who: str, operator: Operator) -> ByOperator:
    """Return the authority of whoever brings an operator's credential.

    Args:
        policy: of the set.
        who: that is, in words.
        operator: of the target.
    """
    return ByOperator(_connector(policy), lambda: (who, None), lambda: operator)


def _closing(account: Account, opening: str, until: datetime) -> None:
    """Close what this process armed, unless somebody armed it for longer since."""
    recorder = account.recorder
    before = recorder.set_name, recorder.opening
    recorder.set_name, recorder.opening = account.policy.name, opening
    try:
        if not arming_rules.is_kept_closed(recorder.refresh()):
            recorder.desk.warn(
                f"the policy keeps this account closed no more, and it ends at {_written(until)}: "
                "have its administrator take that end away before"
            )
            return
        told = account.authority.standing()
        if told.until is not None and told.until > until:
            recorder.desk.warn(f"the account was not closed: somebody else armed it {_until(told)}")
            return
        account.close()
        recorder.desk.say("the account is closed again at its target")
    except ConnectorError as error:
        recorder.desk.warn(f"the account was not closed, and ends by itself at {_written(until)}: {error}")
        recorder.append(Refused(stage=STAGE, error=error.id, message=f"not closed: {error}"))
    finally:
        recorder.set_name, recorder.opening = before


def _authority(recorder: Recorder, policy: Policy) -> Authority:
    assert policy.arming is not None  # noqa: S101 - the caller looked
    if policy.arming.authority == "program":
        return ByProgram(Path(policy.arming.program), policy)
    if policy.arming.authority == "set":
        return Elsewhere(policy)

    def permission() -> tuple[str, datetime | None]:
        found = approvals.standing(recorder, policy)
        return f"the key {found.fingerprint}", found.not_after

    return ByOperator(_connector(policy), permission, lambda: operator_of(policy))


def _connector(policy: Policy) -> Connector:
    target = policy.target
    return connector_for(target.uri, target.account, target.options)


def _what_for(recorder: Recorder) -> str:
    """Say what the account is armed for."""
    known = recorder.state.sets.get(recorder.set_name)
    opening = known.opening if known else None
    if opening is None or opening.id != recorder.opening:
        return "a check"
    if opening.declared.purpose == "rotation" or opening.use_ended:
        return "a rotation"
    return "a drill" if opening.declared.purpose == "drill" else "a use"


def _ahead_s(clock: datetime | None) -> int:
    return round((clock - datetime.now(UTC)).total_seconds()) if clock else 0


def _written(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "never"


def _until(told: Armed) -> str:
    return f"until {_written(told.until)}" if told.until else "without end"
