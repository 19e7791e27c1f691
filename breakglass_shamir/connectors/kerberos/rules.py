# SPDX-License-Identifier: Apache-2.0
"""What kadmin says about a principal and its password policy (``getprinc``, ``getpol``), and what follows from it.

What it does not do: it asks nothing; ``kerberos`` runs kadmin.
"""

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from breakglass_shamir.hygiene import Secret

_LINE = re.compile(r"^([A-Z][A-Za-z ]+): (.*)$", re.MULTILINE)
NEVER = "[never]"
"""What kadmin says of what never was."""

_SPAN = re.compile(r"(\d+) days? (\d+):(\d\d):(\d\d)")

NO_TICKETS, MUST_CHANGE = "DISALLOW_ALL_TIX", "REQUIRES_PWCHANGE"
"""Attributes of a principal that shut it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Fields of ``getprinc`` and ``getpol`` by their names; empty where they could not be read."""

    principal: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, str] = field(default_factory=dict)


def fields(output: str) -> dict[str, str]:
    """Read kadmin's ``Name: value`` lines."""
    return {name: value.strip() for name, value in _LINE.findall(output)}


def policy_name(principal: Mapping[str, str]) -> str:
    """Return the name of a principal's policy; empty without one."""
    name = principal.get("Policy", "").removesuffix("[does not exist]").strip()
    return "" if name == "[none]" else name


def problems(facts: Facts, now: datetime) -> Iterator[str]:
    """Say what would make any rotation of the principal fail."""
    attributes = facts.principal.get("Attributes", "").split()
    if NO_TICKETS in attributes:
        yield f"the principal gets no tickets ({NO_TICKETS})"
    expires = when(facts.principal, "Expiration date")
    if expires and expires <= now:
        yield f"the principal has expired, at {expires}"
    most = number(facts.policy, "Maximum password failures before lockout")
    failed = number(facts.principal, "Failed password attempts")
    if most > 1 and failed >= most - 1:
        yield f"{failed} of {most} refused logins before the lock-out are used up; log in once, or have it unlocked"


def notes(facts: Facts, now: datetime) -> Iterator[str]:
    """Say what an operator should know."""
    if not facts.principal:
        yield "kadmin could not be asked: minimum age, length and lock-out are not known"
    life = span(facts.principal, "Maximum ticket life")
    lasting = f"for up to {life}" if life else "until they end"
    yield f"tickets that were issued before the change stay good {lasting}"
    if facts.principal and "REQUIRES_PRE_AUTH" not in facts.principal.get("Attributes", ""):
        yield "the principal needs no pre-authentication: anybody can get what a password may be guessed from"
    most = number(facts.policy, "Maximum password failures before lockout")
    if most == 1:
        yield (
            "one refused login locks the principal (maxfailure 1): the old password will not be tried, and its end is "
            "shown by the time of the change, as kadmin tells it"
        )
    elif most:
        yield f"the principal locks after {most} refused logins; proving the old credential dead takes one"
    history = number(facts.policy, "Number of old keys kept")
    if history > 1:
        yield f"the last {history} passwords cannot be used again"
    expires, life = when(facts.principal, "Password expiration date"), span(facts.policy, "Maximum password life")
    if expires and expires <= now:
        lasts = f"the next expires {life} later" if life else "the next does not expire"
        yield f"the present password has expired, at {expires:%Y-%m-%d}: it opens its own change alone; {lasts}"
    elif expires:
        yield f"the present password expires at {expires:%Y-%m-%d}: keep rotation.max_age below that"
    if MUST_CHANGE in facts.principal.get("Attributes", "").split():
        yield "an administrator wants the password changed: until then it opens nothing but its own change"
    ends = when(facts.principal, "Expiration date")
    if ends and ends > now:
        yield f"the principal ends at {ends:%Y-%m-%d}: then nothing on paper opens it, whatever is rotated"


def wrong_left(facts: Facts) -> int | None:
    """Return how many refused logins in a row do not lock the principal; None: any number, or nobody knows."""
    most = number(facts.policy, "Maximum password failures before lockout")
    return max(0, most - 1 - number(facts.principal, "Failed password attempts")) if most else None


def min_age_until(facts: Facts, now: datetime) -> datetime | None:
    """Return when the policy takes the next change; None if it does now."""
    life, changed = span(facts.policy, "Minimum password life"), when(facts.principal, "Last password change")
    if not life or changed is None or MUST_CHANGE in facts.principal.get("Attributes", ""):
        return None
    until = changed + life
    return until if until > now else None


def unfit(facts: Facts, new: Secret) -> Iterator[str]:
    """Say what the policy has against this very password."""
    shortest = number(facts.policy, "Minimum password length")
    if len(new) < shortest:
        yield f"the new password is too short: expected at least {shortest} bytes, got {len(new)}"
    classes, found = number(facts.policy, "Minimum number of password character classes"), _classes(new)
    if found < classes:
        yield (
            f"the new password is of too few classes: expected {classes} of capitals, small letters, digits, "
            f"punctuation and others, got {found}"
        )


def without_end(facts: Facts) -> Facts:
    """Return the same without the principal's own end, of one that is kept closed on purpose."""
    principal = {name: value for name, value in facts.principal.items() if name != "Expiration date"}
    return Facts(principal, facts.policy)


def when(facts: Mapping[str, str], name: str) -> datetime | None:
    """Return a field as a time, as kadmin prints it in English and UTC; None if there is none."""
    text = facts.get(name, "")
    try:
        return datetime.strptime(text, "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def span(facts: Mapping[str, str], name: str) -> timedelta:
    """Return a field as a span; zero if there is none."""
    found = _SPAN.match(facts.get(name, ""))
    if found is None:
        return timedelta()
    days, hours, minutes, seconds = map(int, found.groups())
    return timedelta(days, seconds, minutes=minutes, hours=hours)


def number(facts: Mapping[str, str], name: str) -> int:
    """Return a field as a number; 0 if there is none."""
    text = facts.get(name, "")
    return int(text) if text.isdecimal() else 0


def _classes(secret: Secret) -> int:
    """Count classes as kadm5 does: by C's ctype, byte by byte."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation)
    held = {next((at for at, kind in enumerate(kinds) if chr(byte) in kind), len(kinds)) for byte in secret.reveal()}
    return len(held)
