# SPDX-License-Identifier: Apache-2.0
"""Policy as code: one TOML file per set, typed.

Rules:

1. Unknown keys are errors; every error names the key's path and what was expected.
2. The digest of the file's exact bytes stands in every record that follows from it; a salted digest is in the
   envelope, so that paper and policy can be matched without printing the policy.
3. The tables are in ``tables.py``, what must hold between them in ``rules.py``.

Reading the file is the caller's work; here it is text.
"""

import functools
import hashlib
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from breakglass_shamir.custody.policy.duration import Duration
from breakglass_shamir.custody.policy.problem import PolicyProblem, invalid
from breakglass_shamir.custody.policy.rules import new_name, problems
from breakglass_shamir.custody.policy.tables import CustodianGroup, Declaration, Policy, Quorum, Target
from breakglass_shamir.custody.records.words import is_clean
from breakglass_shamir.errors import InvalidInput, InvalidPolicy, LooksLikeShare
from breakglass_shamir.formats.structure import Structure

BY_PEOPLE = "manual:target-on-the-sheets"
"""Target of a set without a policy as long as nobody named one."""

BUILT_IN_CLASS = "unlisted"
"""Incident class under the built-in policy, which knows no list."""

MAX_DOTS = 200
"""Full stops in a line: the parser's cost grows with the square of the parts of a key, which a line holds whole."""

MOST_KEPT = 2048
"""Policies that are kept once they were read: one for each set of a ledger, a few KiB each."""

_KEEPER = "keeper of sheet "
"""What stands in a record for a custodian whom nobody named, before the seat; people never see it."""

_NOBODY = re.compile(rf"{_KEEPER}[0-9]{{1,3}}\.[0-9]{{1,3}}")

_PLACEHOLDERS = {
    "name": "x",
    "target": {"uri": "manual:"},
    "quorum": {"groups": [{"threshold": 2, "custodians": ["a", "b"]}]},
    "declaration": {"classes": ["x"]},
}
"""What stands in for a required table that is wrong in itself, while the others are looked at."""


@functools.lru_cache(maxsize=MOST_KEPT)
def parse(source: str) -> Policy:
    """Read the text of a policy that a ledger has; every rule asks for it, so what was read is kept.

    Raises:
        InvalidPolicy: with every problem: the key's path, what was expected, what was found.
    """
    return _read(tree_of(source), new=False)


@functools.lru_cache(maxsize=64)
def adopted(source: str) -> Policy | None:
    """Return a policy that was adopted; None where there is none, or none that this release can read."""
    try:
        return parse(source) if source else None
    except InvalidPolicy:
        return None


def parse_new(source: str, *, new_set: bool = False) -> Policy:
    """Read the text of a policy that is to be adopted: what :func:`parse` asks for, and what came later.

    Args:
        source: the text.
        new_set: whether the set is to be made, so that its name must be of the narrow alphabet.

    Raises:
        InvalidPolicy: with every problem: the key's path, what was expected, what was found.
        LooksLikeShare: a share may stand in it, as it is written or as it is read; nothing of it is repeated.
    """
    refuse_share_lines(source, "the policy")
    tree = tree_of(source)
    refuse_share_values(tree, "the policy")
    return _read(tree, new=True, new_set=new_set)


def refuse_share_lines(source: str, what: str) -> None:
    """Refuse a text with a line that may be a share.

    Args:
        source: the text.
        what: the policy, or which file of it.

    Raises:
        LooksLikeShare: there is one; nothing of it is repeated.
    """
    from breakglass_shamir.formats.likeness import looks_like_share

    for number, line in enumerate(source.split("\n"), 1):
        if looks_like_share(line):
            raise LooksLikeShare(f"line {number} of {what} looks like a share, and is not taken")


def refuse_share_values(tree: Any, what: str) -> None:
    """Refuse a tree in which a key or a text may be a share; arguments as with :func:`refuse_share_lines`.

    Raises:
        LooksLikeShare: there is one; nothing of it is repeated.
    """
    from breakglass_shamir.formats.likeness import looks_like_share

    if any(map(looks_like_share, _texts(tree))):
        raise LooksLikeShare(f"a value of {what} looks like a share, and is not taken")


def _read(tree: Any, *, new: bool, new_set: bool = False) -> Policy:
    try:
        policy = _typed(tree)
    except msgspec.ValidationError as error:
        raise invalid(_every_problem(tree, str(error), new=new, new_set=new_set)) from None
    if found := [*problems(policy, new=new, new_set=new_set)]:
        raise invalid(found)
    if found := [*unclean(tree)]:
        raise invalid(found)
    return policy


def check_new(policy: Policy) -> None:
    """Refuse a policy whose set must not be made under its name.

    Raises:
        InvalidPolicy: the name is not of the narrow alphabet.
    """
    if found := [*new_name(policy)]:
        raise invalid(found)


def built_in(name: str, structure: Structure, target: str = BY_PEOPLE) -> Policy:
    """Return the policy of a set that is known from its sheets alone.

    Any incident class, two named officers, the structure of the envelope. Nothing that the sheets say is in it but
    the set's name and that structure: the target is one that people change, unless people named one.
    """
    groups = tuple(
        CustodianGroup(
            threshold=group.threshold,
            custodians=tuple(f"{_KEEPER}{n}.{m}" for m in range(1, group.members + 1)),
        )
        for n, group in enumerate(structure.groups, 1)
    )
    return Policy(
        name=name,
        target=Target(uri=target),
        quorum=Quorum(groups=groups, group_threshold=structure.group_threshold),
        declaration=Declaration(classes=(BUILT_IN_CLASS,)),
    )


def named(custodian: str) -> str:
    """Return a custodian as people see one; empty where nobody was named and a record says so in its own words."""
    return "" if _NOBODY.fullmatch(custodian) else custodian


def digest(source: str) -> bytes:
    """Return the 32-byte digest of a policy file."""
    return hashlib.sha256(source.encode()).digest()


def salted_digest(salt: bytes, source: str) -> bytes:
    """Return the 32 bytes an envelope carries: SHA-256 over the salt (16) and the digest (32)."""
    return hashlib.sha256(salt + digest(source)).digest()


def tree_of(source: str) -> Any:
    """Decode TOML, days as text.

    Raises:
        InvalidPolicy: it is no TOML, or lines of it may not stand in a policy.
    """
    if source.startswith("\ufeff"):
        raise invalid([PolicyProblem("", "line 1: expected no byte order mark")])
    for number, line in enumerate(source.split("\n"), 1):
        if line.endswith("\r"):
            raise invalid([PolicyProblem("", f"line {number}: expected lines that end in LF, got CRLF")])
        if not is_clean(line.replace("\t", " ")):
            raise invalid([PolicyProblem("", f"line {number}: control or text-direction characters")])
        if line.count(".") > MAX_DOTS:
            message = f"line {number}: expected at most {MAX_DOTS} full stops, got more; write a list in several lines"
            raise invalid([PolicyProblem("", message)])
    try:
        return _dates_as_text(msgspec.toml.decode(source))
    except RecursionError:
        raise invalid([PolicyProblem("", "expected lists and tables a few levels deep, got many")]) from None
    except msgspec.DecodeError as error:
        text = str(error)
        raise invalid([PolicyProblem("", f"not TOML: {text[:1].lower()}{text[1:]}")]) from None
    except ValueError:
        raise invalid([PolicyProblem("", "not TOML: a number far too large")]) from None


def _typed(tree: Any) -> Policy:
    return msgspec.convert(tree, Policy, dec_hook=decode_duration)


def _every_problem(tree: Any, otherwise: str, *, new: bool, new_set: bool) -> list[PolicyProblem]:
    """Find what is wrong with the shape, and what does not hold between the tables that are right in themselves."""
    # Imported here: needed after a mistake only.
    from breakglass_shamir.custody.policy.walk import shape_problems

    found = [*shape_problems(tree)] or [PolicyProblem("", otherwise)]
    wrong = {re.split(r"[.\[]", problem.key)[0] for problem in found}
    right = {key: value for key, value in tree.items() if key in Policy.__struct_fields__ and key not in wrong}
    return [*found, *problems(_typed({**_PLACEHOLDERS, **right}), wrong, new=new, new_set=new_set)]


def _texts(value: Any) -> Iterator[str]:
    """Yield every key and every text of a tree."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def unclean(value: Any, path: str = "") -> Iterator[PolicyProblem]:
    """Find text that an escape made unfit for a record."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from unclean(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unclean(item, f"{path}[{number}]")
    elif isinstance(value, str) and not is_clean(value):
        yield PolicyProblem(path, "control or text-direction characters")


def _dates_as_text(value: Any) -> Any:
    """Let a day be written as TOML's own date or as text."""
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    return value.isoformat() if type(value) is date else value


def decode_duration(kind: type, value: Any) -> Duration:
    """Read the only type that the decoder does not know."""
    if kind is not Duration or not isinstance(value, str):
        raise ValueError("expected a duration")
    try:
        return Duration.parse(value)
    except InvalidInput as error:
        raise ValueError(str(error)) from None
