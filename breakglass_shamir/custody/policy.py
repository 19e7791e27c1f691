# SPDX-License-Identifier: Apache-2.0
"""Policy as code: one TOML file per set, typed.

Rules:

1. Unknown keys are errors; every error names the key's path and what was expected.
2. The digest of the file's exact bytes stands in every record that follows from it; a salted digest is in the
   envelope, so that paper and policy can be matched without printing the policy.
3. A policy whose smallest opening coalition is one person is refused.

Reading the file is the caller's work; here it is text.
"""

import hashlib
import re
from typing import Annotated, Any, Literal

import msgspec

from breakglass_shamir.custody.credential import MIN_ENTROPY_BITS, UNAMBIGUOUS, entropy_bits
from breakglass_shamir.errors import InvalidInput, InvalidPolicy, InvalidStructure
from breakglass_shamir.formats.envelope import MAX_NAME_BYTES
from breakglass_shamir.formats.structure import Group, Seat, Structure

RevealMode = Literal["exec", "show", "no-reveal"]
"""How a credential may leave the program."""

BUILT_IN_CLASS = "unlisted"
"""Incident class under the built-in policy, which knows no list."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


class Duration:
    """A length of time, written ``90d``, ``1h``, ``30m`` or ``45s``."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    @classmethod
    def parse(cls, written: str) -> "Duration":
        """Read a duration.

        Raises:
            InvalidInput: not a whole number followed by s, m, h or d.
        """
        match = _DURATION.fullmatch(written)
        if match is None:
            raise InvalidInput(f"expected a duration such as 45s, 30m, 1h or 90d, got {written[:20]!r}")
        return cls(int(match[1]) * _UNITS_S[match[2]])

    def __str__(self) -> str:
        for unit, size in reversed(_UNITS_S.items()):
            if self.seconds % size == 0:
                return f"{self.seconds // size}{unit}"
        raise AssertionError("a second divides every duration")

    def __repr__(self) -> str:
        return f"Duration({self})"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML table."""


class Target(_Table, frozen=True):
    """Where the credential opens."""

    uri: Annotated[str, msgspec.Meta(min_length=3, max_length=400)]
    account: Annotated[str, msgspec.Meta(max_length=120)] = ""
    second_account: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Where another way in is kept, should this credential fail; printed for the officers when it does."""


class CustodianGroup(_Table, frozen=True):
    """A group of custodians, one sheet each, of whom ``threshold`` are needed."""

    threshold: Annotated[int, msgspec.Meta(ge=1, le=255)]
    custodians: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=255)]
    name: Annotated[str, msgspec.Meta(max_length=60)] = ""


class Quorum(_Table, frozen=True):
    """Groups, and how many of them are needed."""

    groups: Annotated[tuple[CustodianGroup, ...], msgspec.Meta(min_length=1, max_length=16)]
    group_threshold: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    """Default: all groups."""


class Declaration(_Table, frozen=True):
    """When and how an emergency may be declared."""

    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """The closed list of incident classes."""

    ticket: str = r"\S+"
    """Regular expression that the whole ticket must match."""

    officers: Annotated[int, msgspec.Meta(ge=1, le=20)] = 2
    """Officers who must be named."""

    valid_for: Duration = Duration(1800)
    """How long after the declaration the sheets may be combined."""

    use_for: Duration = Duration(3600)
    """Longest use; an opening may ask for less."""


class Reveal(_Table, frozen=True):
    """How the credential may leave the program."""

    modes: Annotated[tuple[RevealMode, ...], msgspec.Meta(min_length=1)] = ("exec", "show", "no-reveal")
    show_for: Duration = Duration(60)
    """How long ``--show`` keeps the credential on the screen."""


class Rotation(_Table, frozen=True):
    """What follows a use."""

    deadline: Duration = Duration(86400)
    may_defer: bool = False
    """Whether a quorum may put the rotation off; otherwise a deferred one is overdue at once."""

    length: Annotated[int, msgspec.Meta(ge=8, le=512)] = 24
    alphabet: str = UNAMBIGUOUS


class Policy(_Table, frozen=True):
    """The whole file."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_BYTES)]
    target: Target
    quorum: Quorum
    declaration: Declaration
    belongs_to: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """Whom a found sheet belongs to, as printed on it."""

    reveal: Reveal = Reveal()
    rotation: Rotation = Rotation()

    @property
    def structure(self) -> Structure:
        """The quorum structure that is sealed."""
        groups = tuple(Group(group.threshold, len(group.custodians)) for group in self.quorum.groups)
        return Structure(self.quorum.group_threshold or len(groups), groups)

    def custodian(self, seat: Seat) -> str:
        """Return who keeps the sheet of a seat."""
        return self.quorum.groups[seat[0] - 1].custodians[seat[1] - 1]


def parse(source: str) -> Policy:
    """Read a policy file's text.

    Raises:
        InvalidPolicy: with the key's path and what was expected.
    """
    try:
        policy = msgspec.toml.decode(source, type=Policy, dec_hook=_decode_duration)
    except msgspec.DecodeError as error:
        raise InvalidPolicy(_in_words(str(error))) from None
    except UnicodeError:
        raise InvalidPolicy("expected UTF-8 text") from None
    _check_name(policy)
    _check_people(policy)
    _check_declaration(policy)
    _check_generator(policy)
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


def _check_name(policy: Policy) -> None:
    name = policy.name
    if not name.isprintable() or re.search(r"[\s/\\]", name) or name[0] in ".-" or len(name.encode()) > 64:
        raise InvalidPolicy(
            "name: expected up to 64 bytes of printable text without spaces and slashes, and no dot or hyphen in front"
        )


def _check_people(policy: Policy) -> None:
    """Refuse an impossible structure, a person twice in a group, and a coalition of one person."""
    try:
        structure = policy.structure
    except InvalidStructure as error:
        raise InvalidPolicy(f"quorum: {error}") from None
    for number, group in enumerate(policy.quorum.groups):
        if len(set(group.custodians)) != len(group.custodians):
            raise InvalidPolicy(f"quorum.groups[{number}].custodians: the same custodian twice in one group")
        if not all(name.strip() and name.isprintable() for name in group.custodians):
            raise InvalidPolicy(f"quorum.groups[{number}].custodians: expected printable names")
    everyone = {name for group in policy.quorum.groups for name in group.custodians}
    for person in everyone:
        seats = [seat for seat in structure.seats() if policy.custodian(seat) == person]
        if structure.is_quorum(seats):
            raise InvalidPolicy(f"quorum: {person!r} alone could open this set, by holding a sheet in each group")


def _check_declaration(policy: Policy) -> None:
    if not all(name.strip() for name in policy.declaration.classes):
        raise InvalidPolicy("declaration.classes: expected names that are not empty")
    try:
        re.compile(policy.declaration.ticket)
    except re.error as error:
        raise InvalidPolicy(f"declaration.ticket: not a regular expression: {error}") from None


def _check_generator(policy: Policy) -> None:
    rotation = policy.rotation
    try:
        bits = entropy_bits(rotation.length, rotation.alphabet)
    except InvalidInput as error:
        raise InvalidPolicy(f"rotation.alphabet: {error}") from None
    if bits < MIN_ENTROPY_BITS:
        raise InvalidPolicy(f"rotation.length: expected {MIN_ENTROPY_BITS} bits of entropy or more, got {bits:.0f}")
