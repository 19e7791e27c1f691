# SPDX-License-Identifier: Apache-2.0
"""Policy as code: one TOML file per set, typed.

Rules:

1. Unknown keys are errors; every error names the key's path and what was expected.
2. The digest of the file's exact bytes stands in every record that follows from it; a salted digest is in the
   envelope, so that paper and policy can be matched without printing the policy.
3. The tables are in ``policy_tables.py``, what must hold between them in ``policy_rules.py``.

Reading the file is the caller's work; here it is text.
"""

import hashlib
from datetime import date
from typing import Any

import msgspec

from breakglass_shamir.custody.duration import Duration
from breakglass_shamir.custody.policy_rules import problems
from breakglass_shamir.custody.policy_tables import (
    Alerts,
    Custodian,
    CustodianGroup,
    Declaration,
    Drills,
    Officer,
    Policy,
    Quorum,
    Reveal,
    RevealMode,
    Rotation,
    Site,
    Target,
)
from breakglass_shamir.errors import InvalidInput, InvalidPolicy
from breakglass_shamir.formats.structure import Structure

__all__ = [
    "BUILT_IN_CLASS", "Alerts", "Custodian", "CustodianGroup", "Declaration", "Drills", "Duration", "Officer",
    "Policy", "Quorum", "Reveal", "RevealMode", "Rotation", "Site", "Target", "built_in", "digest", "parse",
    "salted_digest",
]  # fmt: skip

BUILT_IN_CLASS = "unlisted"
"""Incident class under the built-in policy, which knows no list."""


def parse(source: str) -> Policy:
    """Read a policy file's text.

    Raises:
        InvalidPolicy: with the key's path and what was expected.
    """
    try:
        policy = msgspec.convert(_dates_as_text(msgspec.toml.decode(source)), Policy, dec_hook=_decode_duration)
    except msgspec.DecodeError as error:
        raise InvalidPolicy(_in_words(str(error))) from None
    except UnicodeError:
        raise InvalidPolicy("expected UTF-8 text") from None
    for path, words in problems(policy):
        raise InvalidPolicy(f"{path}: {words}")
    return policy


def built_in(name: str, structure: Structure, target: str) -> Policy:
    """Return the policy of a set that is known from its sheets alone.

    Any incident class, two named officers, the structure of the envelope, the target the credential names.
    """
    groups = tuple(
        CustodianGroup(
            threshold=group.threshold,
            custodians=tuple(f"keeper of sheet {n}.{m}" for m in range(1, group.members + 1)),
        )
        for n, group in enumerate(structure.groups, 1)
    )
    return Policy(
        name=name,
        target=Target(uri=target),
        quorum=Quorum(groups=groups, group_threshold=structure.group_threshold),
        declaration=Declaration(classes=(BUILT_IN_CLASS,)),
    )


def digest(source: str) -> bytes:
    """Return the 32-byte digest of a policy file."""
    return hashlib.sha256(source.encode()).digest()


def salted_digest(salt: bytes, source: str) -> bytes:
    """Return the 32 bytes an envelope carries: SHA-256 over the salt (16) and the digest (32)."""
    return hashlib.sha256(salt + digest(source)).digest()


def _dates_as_text(value: Any) -> Any:
    """Let a day be written as TOML's own date or as text."""
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _decode_duration(kind: type, value: Any) -> Duration:
    if kind is not Duration or not isinstance(value, str):
        raise NotImplementedError
    try:
        return Duration.parse(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from None


def _in_words(message: str) -> str:
    """Put msgspec's ``... - at `$.a.b` `` in front, as a key's path."""
    what, at, where = message.partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    text = what[:1].lower() + what[1:]
    return f"{path}: {text}" if at and path else text
