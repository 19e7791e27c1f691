# SPDX-License-Identifier: Apache-2.0
"""The next credential: of the old one's kind, and one that the target is not known to refuse.

Rules:

1. A password or a token is drawn by the policy's generator, opaque bytes from the system's; what only the target
   can make (an access key, a key pair) its connector is asked for; a file is brought by people.
2. The target's rules are asked for before anything is printed. One that does not fit is thrown away and drawn again,
   since a rule may ask for a character that is there by chance; when several did not fit, the next ones are longer
   and of more kinds of characters, up to three times.
3. Asking costs logins. Where the target counts them (grace logins with an expired password, connections an hour), it
   is asked about no further credential than leaves enough for the change.
4. What rides along, like the seed of a second factor, goes over unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from breakglass_shamir.connectors.port.answers import Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.crypto.keys import random_bytes
from breakglass_shamir.custody.credential import Credential, CredentialKind
from breakglass_shamir.custody.policy.generator import Generator
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.operations import exact
from breakglass_shamir.plural import counted

STRENGTHS = 3
"""The policy's own generator, and two that are more demanding."""

DRAWS = 8
"""How many each of them may draw: a rule that half the draws of two of them meet fails once in 2^16 rotations."""

SAFE_SYMBOLS = "+-=._:@"
"""Symbols that need no quoting in a shell, a connection string or a configuration file."""

_CLASSES = ("A-Z", "a-z", "0-9")
_MOST_LENGTH = 128
_OPAQUE_BYTES = 32


@dataclass(slots=True)
class Source:
    """Where the next credential comes from, and what the target said of it so far."""

    connector: Connector
    generator: Generator
    say: Callable[[str], None]
    too_early: Callable[[datetime, str], None]
    """Records that the target takes no change before an instant, and why."""

    heard: Callable[[Preflight], None] = lambda _: None
    """Gets what the target said to each question; may raise."""

    brought: Secret | None = None
    """What people brought, where nobody can make one."""

    said: set[str] = field(default_factory=set)
    """Notes of the target that were passed on; each is said once, however many credentials it is asked about."""

    left: int | None = None
    """Logins that the target said it still takes; None: any number, or nobody knows."""


def next_credential(source: Source, old: Credential, strength: int = 0) -> Credential:
    """Make the next credential, and ask the target's rules about it.

    Args:
        source: where it comes from.
        old: the one in force.
        strength: 0 for the policy's generator; each more is longer and of more kinds of characters.

    Raises:
        ConnectorError: the target will refuse a rotation, takes none before some instant, or takes nothing that
            can be drawn.
        InvalidInput: a file is rotated and nobody brought the new one; or a key pair was that cannot be read.
    """
    if "issue" in source.connector.abilities and source.brought is None:
        _ready(source, None, old)
        return old.renewed(source.connector.issue(old.presented))
    if source.brought is not None:
        exact.require_readable(source.brought, old.kind)
    unfit: tuple[str, ...] = ()
    for tried in range(strength, STRENGTHS):
        for _draw in range(DRAWS if source.brought is None else 1):
            new = source.brought or _made(old, _stronger(source.generator, tried))
            _afford(source)
            unfit = _ready(source, new, old)
            if not unfit:
                return old.renewed(new)
        if source.brought is not None:
            break
        source.say(f"the target would not take this credential, another is made: {'; '.join(unfit)}")
    raise ConnectorError(
        "the target will refuse a rotation: " + ("; ".join(unfit) or "its rules take none that can be generated"),
        hint="set rotation.length, alphabet and must_contain in the policy to what the target takes",
    )


def _ready(source: Source, new: Secret | None, old: Credential) -> tuple[str, ...]:
    """Ask what stands against a rotation; returns what stands against this credential alone."""
    found = source.connector.preflight(new, old.presented)
    source.heard(found)
    source.left = found.allowance.right if found.allowance else None
    for note in found.notes:
        if note not in source.said:
            source.said.add(note)
            source.say(note)
    if found.problems:
        raise ConnectorError("the target will refuse a rotation: " + "; ".join(found.problems))
    if found.min_age_until is not None:
        source.too_early(found.min_age_until, "; ".join(found.notes) or "minimum age")
        raise ConnectorError(
            f"the target takes no change before {found.min_age_until:%Y-%m-%d %H:%M %Z}",
            hint="rotate after that; the debt stands and is dated",
        )
    return found.unfit


def _afford(source: Source) -> None:
    """Ask about no further credential where that takes a login that the change needs.

    Raises:
        ConnectorError: it does.
    """
    costs = source.connector.costs
    if source.left is not None and costs.preflight and source.left - costs.preflight < costs.rotate:
        raise ConnectorError(
            f"the target takes {counted(source.left, 'more login')}: too few to ask about another credential",
            hint="set rotation.length, alphabet and must_contain in the policy to what the target takes",
        )


def _made(old: Credential, generator: Generator) -> Secret:
    match old.kind:
        case CredentialKind.PASSWORD | CredentialKind.TOKEN:
            return generator.draw()
        case CredentialKind.OPAQUE:
            return Secret(random_bytes(max(_OPAQUE_BYTES, len(old.secret))))
        case _:
            word = old.kind.word.replace("-", " ")
            raise InvalidInput(
                f"expected the new {word}: nobody here can make one",
                hint="bring it with: breakglass rotate NAME --new-credential-from FILE",
            )


def _stronger(rules: Generator, strength: int) -> Generator:
    """Return rules that more targets take: longer, and with every class of characters."""
    if not strength:
        return rules
    symbols = "".join(one for one in SAFE_SYMBOLS if one not in rules.must_avoid)
    wanted = (*_CLASSES, symbols) if symbols else _CLASSES
    alphabet = "".join(dict.fromkeys(rules.alphabet + "ABCDEFGHabcdefgh23456789" + symbols))
    length = min(_MOST_LENGTH, max(rules.length, rules.length + 8 * strength))
    return Generator(length, alphabet, tuple(dict.fromkeys((*rules.must_contain, *wanted))), rules.must_avoid)
