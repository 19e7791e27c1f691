# SPDX-License-Identifier: Apache-2.0
"""What an LDAP directory's password policy says about an account: ``pwdPolicy`` entries as slapo-ppolicy keeps them.

Source: draft-behera-ldap-password-policy-10, sections 5.2 (the policy) and 5.3 (an account's state).

What it does not do: it asks nothing; ``ldap_directory`` reads the entries.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.directory.session import Attributes
from breakglass_shamir.hygiene import Secret

POLICY_ATTRIBUTES = (
    "objectClass", "pwdMinAge", "pwdMaxAge", "pwdMinLength", "pwdMaxLength", "pwdInHistory", "pwdCheckQuality",
    "pwdCheckModule", "pwdSafeModify", "pwdAllowUserChange", "pwdLockout", "pwdMaxFailure", "pwdMustChange",
)  # fmt: skip
"""What is read of a policy."""

ACCOUNT_ATTRIBUTES = (
    "pwdPolicySubentry", "pwdChangedTime", "pwdAccountLockedTime", "pwdReset", "pwdLastSuccess", "authTimestamp",
    "pwdFailureTime",
)  # fmt: skip
"""What is read of an account."""

PERMANENTLY = "000001010000Z"
"""``pwdAccountLockedTime`` of an account that only an administrator unlocks."""


def problems(policy: Attributes, account: Attributes) -> Iterator[str]:
    """Say what would make any rotation of the account fail."""
    if is_locked(account):
        yield "the account is locked"
    if _flag(policy, "pwdAllowUserChange") is False:
        yield "the password policy lets no account change its own password (pwdAllowUserChange)"
    if _flag(policy, "pwdLockout") and _number(policy, "pwdMaxFailure") == 1:
        yield "one refused login locks the account (pwdMaxFailure 1), and proving the old credential dead takes one"


def notes(policy: Attributes, account: Attributes) -> Iterator[str]:
    """Say what an operator should know."""
    failures = _number(policy, "pwdMaxFailure")
    if _flag(policy, "pwdLockout") and failures:
        yield f"the account locks after {failures} refused logins; proving the old credential dead takes one"
    max_age = _number(policy, "pwdMaxAge")
    if max_age:
        yield f"a password expires after {timedelta(seconds=max_age)}: keep rotation.max_age below that"
    history = _number(policy, "pwdInHistory")
    if history:
        yield f"the last {history} passwords cannot be used again"
    if _flag(account, "pwdReset"):
        yield "an administrator has reset the password: the account can do nothing until it is changed"
    if policy.get("pwdcheckmodule"):
        yield "a module of the server checks new passwords; what it wants cannot be read"


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


def _number(entry: Attributes, name: str) -> int:
    values = entry.get(name.lower())
    return int(values[0]) if values and values[0].isdigit() else 0


def _flag(entry: Attributes, name: str) -> bool | None:
    values = entry.get(name.lower())
    return values[0].upper() == b"TRUE" if values else None
