# SPDX-License-Identifier: Apache-2.0
"""What people do about an account that is kept closed: ask for an approval, arm it, close it, look.

Rules:

1. By hand an account is armed within the opening under way, or before one; what arms it is recorded as always.
2. An operator's credential that comes from another set counts only while an opening of that set is in use on this
   terminal: its quorum was there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from breakglass_shamir.connectors.port.answers import Armed, Operator
from breakglass_shamir.custody.life import arming_rules
from breakglass_shamir.custody.policy import source as policies
from breakglass_shamir.custody.policy.tables import Policy
from breakglass_shamir.errors import ConnectorError, IllegalState, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations.arming import keeping
from breakglass_shamir.operations.arming.authorities import Authority
from breakglass_shamir.operations.recorder import Recorder
from breakglass_shamir.shell import breakglass

BY_HAND = "people, by hand"
"""What an account is armed for that people arm before or beside an opening."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How an account stands that is kept closed (docs/json.md).

    Attributes:
        set_name: of the set.
        account: at the target.
        on_record: whether it is closed or until when it is armed, by this log.
    """

    set_name: str
    target: str
    account: str
    authority: str
    """Who arms it, in words."""

    on_record: str
    at_target: str
    """What the target said: ``closed``, ``open until``, ``open without end``; empty: it was not asked."""

    until: str
    """Until when it is armed on record, UTC; empty: it is not."""


def policy_of(recorder: Recorder) -> Policy:
    """Return the policy in force of the set, which keeps its account closed.

    Raises:
        UnknownSet: there is no such set.
        IllegalState: it has no such policy.
    """
    state = recorder.state.of(recorder.set_name)
    policy = policies.parse(state.policy_source) if state.policy_source else None
    if policy is None or policy.arming is None:
        raise IllegalState(
            f"the policy of {state.name} keeps no account closed", hint="see docs/arming.md for the table [arming]"
        )
    return policy


def arm(recorder: Recorder, for_s: int, secret: Secret | None) -> AccountStatus:
    """Arm the account; it ends by itself.

    Args:
        recorder: at the set.
        for_s: in seconds; 0: as long as the policy's window.
        secret: of the operator, where another set's quorum brought it.

    Raises:
        InvalidInput: longer than the policy's window.
        IllegalState: the credential is not wanted here, or no opening of the other set is in use.
        ConnectorError: it could not be armed.
    """
    policy = policy_of(recorder)
    assert policy.arming is not None  # noqa: S101 - the line before
    window_s = policy.arming.window.seconds
    if for_s > window_s:
        raise InvalidInput(f"expected at most arming.window, {policy.arming.window}, got {for_s} s")
    account = keeping.account_of(recorder, policy, _brought(recorder, policy, secret))
    assert account is not None  # noqa: S101 - it is kept closed
    with _of_the_opening(recorder):
        account.ensure(BY_HAND, for_s or window_s, at_least_s=for_s or window_s)
    # Who armed it by hand closes it by hand, or lets it end.
    recorder.closings.pop(policy.name, None)
    return _status(recorder, policy, account.authority, None)


def close(recorder: Recorder, secret: Secret | None) -> AccountStatus:
    """Close the account; sessions that are open at the target go on.

    Raises:
        IllegalState: as :func:`arm`.
        ConnectorError: it could not be closed; it ends by itself.
    """
    policy = policy_of(recorder)
    account = keeping.account_of(recorder, policy, _brought(recorder, policy, secret))
    assert account is not None  # noqa: S101 - it is kept closed
    with _of_the_opening(recorder):
        account.close()
    return _status(recorder, policy, account.authority, None)


def show(recorder: Recorder) -> AccountStatus:
    """Return how the account stands, by this log, and by the target where that can be asked without anybody."""
    policy = policy_of(recorder)
    account = keeping.account_of(recorder, policy)
    assert account is not None  # noqa: S101 - it is kept closed
    told = None
    if account.authority.quiet:
        try:
            told = account.authority.standing()
        except ConnectorError as error:
            recorder.desk.warn(f"the target was not asked: {error}")
    return _status(recorder, policy, account.authority, told)


def _brought(recorder: Recorder, policy: Policy, secret: Secret | None) -> Authority | None:
    """Return the authority of an operator's credential that was brought here."""
    arming = policy.arming
    assert arming is not None  # noqa: S101 - the caller looked
    if arming.authority != "set":
        if secret is not None:
            raise IllegalState(f"the account of {policy.name} is armed by the authority {arming.authority}")
        return None
    other = recorder.state.sets.get(arming.set)
    opening = other.opening if other else None
    if secret is None or opening is None or not opening.was_opened or opening.use_ended:
        raise IllegalState(
            f"expected the operator's credential from a use of {arming.set} that is under way on this terminal",
            hint=f"let its quorum open it: {breakglass('recombine', arming.set)} "
            f"--exec {breakglass('arming arm', policy.name, options='--operator -')}",
        )
    who = f"the quorum of {arming.set}, opening {opening.short_id}"
    return keeping.by_operator(policy, who, Operator(arming.operator, secret))


@contextmanager
def _of_the_opening(recorder: Recorder) -> Iterator[None]:
    """Let records belong to the opening under way, where there is one."""
    opening, before = recorder.set_state.opening, recorder.opening
    recorder.opening = opening.id if opening else ""
    try:
        yield
    finally:
        recorder.opening = before


def _status(recorder: Recorder, policy: Policy, authority: Authority, told: Armed | None) -> AccountStatus:
    state, now = recorder.refresh(), datetime.now(UTC)
    written = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    at_target = ""
    if told is not None:
        until = f"open until {told.until:%Y-%m-%dT%H:%M:%SZ}" if told.until else "open without end"
        at_target = "closed" if told.is_closed(now) else until
    armed = state.armed is not None and arming_rules.left_s(state, written) > 0
    return AccountStatus(
        policy.name, policy.target.uri, policy.target.account, authority.in_words,
        arming_rules.in_words(state, written), at_target, state.armed.until if armed and state.armed else "",
    )  # fmt: skip
