# SPDX-License-Identifier: Apache-2.0
"""What an Active Directory domain says about a password: the domain's rules, a fine-grained policy, the account.

Sources: [MS-ADTS] 3.1.1.3.1.5 (password changes), [MS-SAMR] 3.1.1.7 and 3.1.1.8 (rules for passwords), [MS-ADA2]
and [MS-ADA3] (attributes).

What it does not do: it asks nothing; ``active_directory`` reads the entries.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from breakglass_shamir.connectors.directory.session import Attributes
from breakglass_shamir.connectors.port.answers import Lifetime
from breakglass_shamir.hygiene import Secret

DOMAIN_ATTRIBUTES = (
    "minPwdAge", "maxPwdAge", "minPwdLength", "pwdProperties", "pwdHistoryLength", "lockoutThreshold",
)  # fmt: skip
"""What is read of the domain's root."""

FINE_ATTRIBUTES = (
    "msDS-MinimumPasswordAge", "msDS-MaximumPasswordAge", "msDS-MinimumPasswordLength",
    "msDS-PasswordComplexityEnabled", "msDS-PasswordHistoryLength", "msDS-LockoutThreshold",
)  # fmt: skip
"""What is read of a fine-grained policy, in the same order."""

ACCOUNT_ATTRIBUTES = (
    "sAMAccountName", "displayName", "userAccountControl", "msDS-User-Account-Control-Computed", "pwdLastSet",
    "accountExpires", "msDS-ResultantPSO", "lastLogon", "lastLogonTimestamp", "badPasswordTime",
    "msDS-UserPasswordExpiryTimeComputed", "badPwdCount",
)  # fmt: skip
"""What is read of an account."""

_DISABLED, _LOCKED, _SMARTCARD, _EXPIRED = 0x2, 0x10, 0x40000, 0x800000
"""Bits of userAccountControl and its computed sibling."""

_COMPLEX = 0x1
"""Bit of pwdProperties."""

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_TOKEN_SEPARATORS = re.compile(r"[,.\-_ #\t]+")
_CLASSES = 3
"""Classes of characters that complexity wants."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold for an account.

    Attributes:
        min_age, max_age: of a password; zero for none.
        min_length: in UTF-16 units, which is how the domain counts.
        complex: whether three classes of characters are wanted.
        history: how many passwords cannot be used again.
        lockout_threshold: refused logins that lock the account; 0 for none.
        known: whether they could be read.
    """

    min_age: timedelta = timedelta()
    max_age: timedelta = timedelta()
    min_length: int = 0
    complex: bool = False
    history: int = 0
    lockout_threshold: int = 0
    known: bool = False


def rules_of(domain: Attributes | None, fine: Attributes | None) -> Rules:
    """Read the rules: a fine-grained policy that applies replaces the domain's."""
    if fine:
        names, is_complex = FINE_ATTRIBUTES, _text(fine, "msDS-PasswordComplexityEnabled").upper() == "TRUE"
    else:
        names, is_complex = DOMAIN_ATTRIBUTES, bool(number(domain or {}, "pwdProperties") & _COMPLEX)
    entry = fine or domain or {}
    return Rules(
        _interval(number(entry, names[0])),
        _interval(number(entry, names[1])),
        number(entry, names[2]),
        is_complex,
        number(entry, names[4]),
        number(entry, names[5]),
        bool(entry),
    )


def problems(account: Attributes, now: datetime) -> Iterator[str]:
    """Say what would make any rotation of the account fail."""
    computed = number(account, "msDS-User-Account-Control-Computed")
    if number(account, "userAccountControl") & _DISABLED:
        yield "the account is disabled"
    if number(account, "userAccountControl") & _SMARTCARD:
        yield "the account must log in by smart card, so that its password opens nothing"
    if computed & _LOCKED:
        yield "the account is locked"
    expires = number(account, "accountExpires")
    if expires not in _NEVER and filetime(expires) <= now:
        yield f"the account has expired, at {filetime(expires)}"
    if _text(account, "pwdLastSet") == "0":
        yield "the password must be changed at the next login, which LDAP cannot do: use kpasswd, or clear the flag"
    elif computed & _EXPIRED:
        yield "the password has expired, and LDAP lets nobody in to change it: use kpasswd"


def notes(account: Attributes, rules: Rules, now: datetime) -> Iterator[str]:
    """Say what an operator should know."""
    if not rules.known:
        yield "the domain's password rules could not be read"
    if "msds-resultantpso" in account:
        yield f"a fine-grained policy applies: {_text(account, 'msDS-ResultantPSO')}"
    if rules.lockout_threshold == 1:
        yield (
            "one refused login locks the account (lockoutThreshold 1): the old password will not be tried, and its end "
            "is shown by the time of the change (pwdLastSet), once the domain takes no old one any more"
        )
    elif rules.lockout_threshold:
        yield f"the account locks after {rules.lockout_threshold} refused logins; proving the old one dead takes one"
    if rules.history:
        yield f"the last {rules.history} passwords cannot be used again"
    expires = number(account, "msDS-UserPasswordExpiryTimeComputed")
    if expires not in _NEVER:
        yield (
            f"the present password expires at {filetime(expires):%Y-%m-%d}: keep rotation.max_age below that, since "
            "an expired one cannot be changed over LDAP"
        )
    ends = number(account, "accountExpires")
    if ends not in _NEVER and filetime(ends) > now:
        yield f"the account ends at {filetime(ends):%Y-%m-%d}: then nothing on paper opens it, whatever is rotated"


def runs_out(account: Attributes) -> tuple[Lifetime, ...]:
    """Return when the account ends; nothing where it does not."""
    ends = number(account, "accountExpires")
    return () if ends in _NEVER else (Lifetime("account", filetime(ends)),)


def wrong_left(account: Attributes, rules: Rules) -> int | None:
    """Return how many refused logins in a row do not lock the account; None: any number, or nobody knows."""
    if not rules.lockout_threshold:
        return None
    return max(0, rules.lockout_threshold - 1 - number(account, "badPwdCount"))


def min_age_until(account: Attributes, rules: Rules, now: datetime) -> datetime | None:
    """Return when the domain takes the next change by the account itself; None if it does now."""
    changed = changed_at(account)
    if changed is None or not rules.min_age:
        return None
    until = changed + rules.min_age
    return until if until > now else None


def unfit(account: Attributes, rules: Rules, new: Secret) -> Iterator[str]:
    """Say what the rules have against this very password."""
    try:
        text = new.reveal().decode()
    except UnicodeDecodeError:
        yield "the new password is not UTF-8, and the domain keeps text"
        return
    length = len(text.encode("utf-16-le")) // 2
    if length < rules.min_length:
        yield f"the new password is too short: expected at least {rules.min_length} characters, got {length}"
    if rules.complex and _classes(text) < _CLASSES:
        yield f"the new password is not complex: expected {_CLASSES} of capitals, small letters, digits, other signs"
    if rules.complex and any(part in text.lower() for part in _own_names(account)):
        yield "the new password holds the account's name or a part of its display name"


def changed_at(account: Attributes) -> datetime | None:
    """Return when the password was last set; None if it is not known or must be changed."""
    value = number(account, "pwdLastSet")
    return None if value in _NEVER else filetime(value)


def filetime(value: int) -> datetime:
    """Turn 100-nanosecond steps since 1601 into a time."""
    return _EPOCH + timedelta(microseconds=value // 10)


def to_filetime(at: datetime) -> int:
    """Turn a time into 100-nanosecond steps since 1601."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 10


def ends_at(account: Attributes) -> datetime | None:
    """Return when the account ends (accountExpires); None where it does not."""
    value = number(account, "accountExpires")
    return None if value in _NEVER else filetime(value)


def number(entry: Attributes, name: str) -> int:
    """Return an attribute as a number; 0 if it is not there."""
    text = _text(entry, name)
    return int(text) if re.fullmatch(r"-?\d+", text) else 0


def _text(entry: Attributes, name: str) -> str:
    values = entry.get(name.lower())
    return values[0].decode(errors="backslashreplace") if values else ""


def _interval(value: int) -> timedelta:
    """Turn a negative count of 100-nanosecond steps into a span; the smallest number means for ever."""
    return timedelta(microseconds=-value // 10) if -_NEVER[1] < value < 0 else timedelta()


def _classes(text: str) -> int:
    other = any(not char.isalnum() for char in text)
    letters = any(char.isalpha() and not (char.isupper() or char.islower()) for char in text)
    return sum((any(map(str.isupper, text)), any(map(str.islower, text)), any(map(str.isdigit, text)), other, letters))


def _own_names(account: Attributes) -> Iterator[str]:
    """Return the names a complex password must not hold, in small letters."""
    name = _text(account, "sAMAccountName").lower()
    if len(name) > 2:
        yield name
    yield from (part for part in _TOKEN_SEPARATORS.split(_text(account, "displayName").lower()) if len(part) > 2)
