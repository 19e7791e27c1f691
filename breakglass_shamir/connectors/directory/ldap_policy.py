# SPDX-License-Identifier: Apache-2.0
"""What an LDAP directory's password policy says about an account: ``pwdPolicy`` entries as slapo-ppolicy keeps them.

Source: draft-behera-ldap-password-policy-10, sections 5.2 (the policy) and 5.3 (an account's state).

What it does not do: it asks nothing; ``ldap_directory`` reads the entries.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.directory.session import Attributes
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

POLICY_ATTRIBUTES = (
    "objectClass", "pwdMinAge", "pwdMaxAge", "pwdMinLength", "pwdMaxLength", "pwdInHistory", "pwdCheckQuality",
    "pwdCheckModule", "pwdSafeModify", "pwdAllowUserChange", "pwdLockout", "pwdMaxFailure", "pwdMustChange",
    "pwdGraceAuthnLimit", "pwdGraceExpiry", "pwdMinDelay", "pwdMaxDelay", "pwdMaxIdle", "pwdFailureCountInterval",
)  # fmt: skip
"""What is read of a policy."""

ACCOUNT_ATTRIBUTES = (
    "pwdPolicySubentry", "pwdChangedTime", "pwdAccountLockedTime", "pwdReset", "pwdLastSuccess", "authTimestamp",
    "pwdFailureTime", "pwdGraceUseTime", "pwdStartTime", "pwdEndTime", "nsAccountLock", "loginDisabled",
)  # fmt: skip
"""What is read of an account."""

PERMANENTLY = "000001010000Z"
"""``pwdAccountLockedTime`` of an account that only an administrator unlocks."""


def problems(policy: Attributes, account: Attributes, now: datetime) -> Iterator[str]:
    """Say what would make any rotation of the account fail."""
    if is_locked(account):
        yield "the account is locked"
    if _flag(account, "nsAccountLock") or _flag(account, "loginDisabled"):
        yield "the account is inactivated: an administrator has to activate it before anything can be changed"
    if _flag(policy, "pwdAllowUserChange") is False:
        yield "the password policy lets no account change its own password (pwdAllowUserChange)"
    begins, ends = time_of(account, "pwdStartTime"), time_of(account, "pwdEndTime")
    if begins and begins > now:
        yield f"the account opens nothing before {_written(begins)} (pwdStartTime)"
    if ends and ends <= now:
        yield f"the account is over since {_written(ends)} (pwdEndTime): an administrator has to prolong it"
    idle = idle_until(policy, account)
    if idle and idle <= now:
        yield f"the account is inactive since {_written(idle)} (pwdMaxIdle): an administrator has to activate it"


def notes(policy: Attributes, account: Attributes, now: datetime) -> Iterator[str]:
    """Say what an operator should know."""
    failures = _number(policy, "pwdMaxFailure")
    if _flag(policy, "pwdLockout") and failures == 1:
        yield (
            "one refused login locks the account (pwdMaxFailure 1): the old credential will not be tried, and its end "
            "is shown by the time of the change (pwdChangedTime); where the account may not read that, people attest it"
        )
    elif _flag(policy, "pwdLockout") and failures:
        yield f"the account locks after {failures} refused logins; proving the old credential dead takes one"
    if delay := delay_s(policy):
        shut = counted(delay, "second")
        yield f"after a refused login the server lets nobody in for {shut} (pwdMinDelay): the proof waits"
    max_age, grace = _number(policy, "pwdMaxAge"), _number(policy, "pwdGraceAuthnLimit")
    if max_age:
        yield f"a password expires after {timedelta(seconds=max_age)}: keep rotation.max_age below that"
        yield (
            f"an expired one opens {counted(grace, 'more time')} (pwdGraceAuthnLimit), and each question of this "
            "program is one"
            if grace
            else "an expired one opens nothing, not even its own change: then an administrator has to set it"
        )
    expires = expires_at(policy, account)
    if expires and expires > now:
        yield f"the present password expires at {_written(expires)}: a rotation has to be over before"
    elif expires:
        yield f"the present password has expired at {_written(expires)}; a rotation sets one that has not"
    history = _number(policy, "pwdInHistory")
    if history:
        yield f"the last {history} passwords cannot be used again"
    if _flag(account, "pwdReset"):
        yield "an administrator has reset the password: the account can do nothing until it is changed"
    ends, idle = time_of(account, "pwdEndTime"), idle_until(policy, account)
    if ends and ends > now:
        yield f"the account ends at {_written(ends)} (pwdEndTime): then nothing on paper opens it, whatever is rotated"
    if idle and idle > now:
        yield f"without a login the account becomes inactive at {_written(idle)} (pwdMaxIdle); a rotation logs in"
    if policy.get("pwdcheckmodule"):
        yield "a module of the server checks new passwords; what it wants cannot be read"


def expires_at(policy: Attributes, account: Attributes) -> datetime | None:
    """Return when the present password expires, or did; None where it does not, or nobody knows."""
    age, changed = _number(policy, "pwdMaxAge"), changed_at(account)
    return changed + timedelta(seconds=age) if age and changed else None


def grace_left(policy: Attributes, account: Attributes, now: datetime) -> int | None:
    """Return how often an expired password still opens; None where it has not expired, or nobody knows."""
    expires = expires_at(policy, account)
    if expires is None or expires > now:
        return None
    period = _number(policy, "pwdGraceExpiry")
    if period and expires + timedelta(seconds=period) <= now:
        return 0
    return max(0, _number(policy, "pwdGraceAuthnLimit") - len(account.get("pwdgraceusetime", ())))


def wrong_left(policy: Attributes, account: Attributes, now: datetime, *, let_in: bool) -> int | None:
    """Return how many refused logins in a row do not lock the account; None: any number, or nobody knows.

    Args:
        policy: that holds for the account.
        account: its own entry.
        now: by our clock.
        let_in: whether it was just let in, which the server takes for a new beginning.
    """
    most = _number(policy, "pwdMaxFailure")
    if not _flag(policy, "pwdLockout") or not most:
        return None
    times = [] if let_in else [generalized_time(one.decode()) for one in account.get("pwdfailuretime", ())]
    interval = _number(policy, "pwdFailureCountInterval")
    counted = [at for at in times if not interval or at + timedelta(seconds=interval) > now]
    return max(0, most - 1 - len(counted))


def delay_s(policy: Attributes) -> int:
    """Return for how long after a refused login the server lets nobody in (slapo-ppolicy(5), pwdMinDelay)."""
    return _number(policy, "pwdMinDelay")


def idle_until(policy: Attributes, account: Attributes) -> datetime | None:
    """Return when the account becomes inactive without a login (pwdMaxIdle); None where it does not."""
    idle, last = _number(policy, "pwdMaxIdle"), time_of(account, "pwdLastSuccess")
    return last + timedelta(seconds=idle) if idle and last else None


def min_age_until(policy: Attributes, account: Attributes, now: datetime) -> datetime | None:
    """Return when the policy takes the next change; None if it does now."""
    age, changed = _number(policy, "pwdMinAge"), changed_at(account)
    if not age or changed is None or _flag(account, "pwdReset"):
        return None
    until = changed + timedelta(seconds=age)
    return until if until > now else None


def unfit(policy: Attributes, new: Secret) -> Iterator[str]:
    """Say what the policy has against this very password."""
    if not _number(policy, "pwdCheckQuality"):
        return
    shortest, longest = _number(policy, "pwdMinLength"), _number(policy, "pwdMaxLength")
    if shortest and len(new) < shortest:
        yield f"the new password is too short: expected at least {shortest} bytes, got {len(new)}"
    if longest and len(new) > longest:
        yield f"the new password is too long: expected at most {longest} bytes, got {len(new)}"


def is_locked(account: Attributes) -> bool:
    """Tell whether the account's own entry says that it is locked."""
    return bool(account.get("pwdaccountlockedtime"))


def changed_at(account: Attributes) -> datetime | None:
    """Return when the password was last changed under a policy."""
    values = account.get("pwdchangedtime")
    return generalized_time(values[0].decode()) if values else None


def generalized_time(text: str) -> datetime:
    """Read a time such as ``20261125080636.347698Z`` (RFC 4517, 3.3.13, as servers write it: in UTC).

    Raises:
        ValueError: it is no such time.
    """
    whole, _, fraction = text.removesuffix("Z").partition(".")
    at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return at + timedelta(microseconds=int(fraction[:6].ljust(6, "0"))) if fraction else at


def time_of(entry: Attributes, name: str) -> datetime | None:
    """Return an attribute as a time; None where it is not there.

    Raises:
        ValueError: it is no time.
    """
    values = entry.get(name.lower())
    return generalized_time(values[0].decode()) if values else None


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _number(entry: Attributes, name: str) -> int:
    values = entry.get(name.lower())
    return int(values[0]) if values and values[0].isdigit() else 0


def _flag(entry: Attributes, name: str) -> bool | None:
    values = entry.get(name.lower())
    return values[0].upper() == b"TRUE" if values else None
