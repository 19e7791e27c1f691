# SPDX-License-Identifier: Apache-2.0
"""The port to a target: ask whether a credential works there, and change it.

Rules:

1. A connector is chosen by the scheme of its target URI and holds no credential between two calls.
2. Public methods wrap private ones: whatever goes wrong inside, only :class:`ConnectorError` comes out, with
   its cause chained, and the whole chain is withheld if its text holds a secret of that call.
3. ``check`` says *refused* only when the target itself rejected this credential. A time-out, a lock-out, an
   expiry, a missing target: *unknown*. An epoch is called dead on the strength of a *refused*.
4. ``rotate`` is conditional on the old credential and all or nothing: after an error the old one still works,
   unless the message says that the change is in place.

What it does not do: it makes no credential, reads no ledger or policy, prints nothing, and has no clock of
its own. Which endpoints are asked, in which order, and what follows is decided in ``operations``.
"""

import contextlib
import enum
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeVar
from urllib.parse import quote_from_bytes, urlsplit

from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

LEAK_MIN_BYTES = 4
"""Shorter secrets are not searched for in error texts: they would match any text."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_T = TypeVar("_T")


class CheckResult(enum.StrEnum):
    """What a target says to a credential."""

    ACCEPTED = "accepted"
    """The target asked for it and let it in."""

    REFUSED = "refused"
    """The target asked for it and rejected it for what it is."""

    UNKNOWN = "unknown"
    """Anything else; never a proof that the credential is dead."""


@dataclass(frozen=True, slots=True)
class Check:
    """The answer of one check.

    Attributes:
        result: accepted, refused or unknown.
        detail: one sentence for people and records; holds no secret.
    """

    result: CheckResult
    detail: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a target says before anything is printed.

    Attributes:
        problems: what would make ``rotate`` fail, one sentence each; empty when nothing is known to.
        notes: what an operator should know, one sentence each.
        min_age_until: the target takes no change before this instant (with a time zone); None if it does.
        scope: what a rotation reaches, for the record.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    min_age_until: datetime | None
    scope: str

    @property
    def ready(self) -> bool:
        """Tell whether nothing known stands against a rotation now."""
        return not self.problems and self.min_age_until is None


class Connector(ABC):
    """One kind of target.

    A subclass's docstring is the operator's page: what it changes, what it needs, what it cannot do.

    Attributes:
        scheme: scheme of its target URIs, lower case.
        grace_window_s: how long the target may still accept an old credential after a change, in seconds.
        scope: what a rotation reaches, as the record says it.
        target: the URI this one was made for.
        account: the account at the target; empty where a target has none.
    """

    scheme: ClassVar[str]
    grace_window_s: ClassVar[int]
    scope: ClassVar[str]

    def __init__(self, target: str, account: str = "") -> None:
        """Bind to a target without touching it.

        Raises:
            InvalidInput: the URI is malformed, of another scheme, or carries a password.
        """
        scheme = scheme_of(target)
        if scheme != self.scheme:
            raise InvalidInput(f"target has the wrong scheme: expected {self.scheme}, got {scheme}")
        _refuse_password(target)
        self.target = target
        self.account = account

    def preflight(self, new: Secret | None) -> Preflight:
        """Find out what stands against a rotation, changing nothing.

        Args:
            new: the credential to be, for the target's own rules; None asks about everything else.

        Raises:
            ConnectorError: even that could not be found out.
        """
        return self._guarded("preflight", [new] if new else [], lambda: self._preflight(new))

    def check(self, credential: Secret) -> Check:
        """Ask the target whether it accepts a credential.

        Raises:
            ConnectorError: the question makes no sense there, or cannot be asked from here.
        """
        return self._guarded("check", [credential], lambda: self._check(credential))

    def rotate(self, old: Secret, new: Secret) -> None:
        """Replace the old credential by the new one, on condition that the old one is accepted.

        Raises:
            ConnectorError: it was not replaced, unless the message says that the change is in place.
        """
        self._guarded("rotate", [old, new], lambda: self._rotate(old, new))

    @abstractmethod
    def _preflight(self, new: Secret | None) -> Preflight:
        """Do the work of :meth:`preflight`; may raise anything."""

    @abstractmethod
    def _check(self, credential: Secret) -> Check:
        """Do the work of :meth:`check`; may raise anything."""

    @abstractmethod
    def _rotate(self, old: Secret, new: Secret) -> None:
        """Do the work of :meth:`rotate`; may raise anything."""

    def _guarded(self, step: str, secrets: Sequence[Secret], call: Callable[[], _T]) -> _T:
        """Run one private method so that only a :class:`ConnectorError` without secrets comes out."""
        try:
            return call()
        except Exception as error:
            failure = _presentable(f"{self.scheme} {step}", error, secrets)
        # Raised here, not in the handler, so that a withheld error is not its context either.
        raise failure


def scheme_of(target: str) -> str:
    """Return the scheme of a target URI in lower case.

    Raises:
        InvalidInput: there is none, or the text holds characters no URI has.
    """
    match = _SCHEME.match(target)
    if match is None or not target.isprintable():
        raise InvalidInput(
            "target is not a URI: expected something like ssh-key:///absolute/path",
            hint="write SCHEME:REST, and percent-encode what is not printable",
        )
    return match[1].lower()


def _refuse_password(target: str) -> None:
    """Refuse a URI with a password in it, without repeating it; a malformed one might hold one too."""
    password: str | None = ""
    with contextlib.suppress(ValueError):
        password = urlsplit(target).password
    if password is not None:
        raise InvalidInput(
            "target is malformed or carries a password",
            hint="targets are printed and recorded; leave the password out",
        )


def _presentable(step: str, error: Exception, secrets: Sequence[Secret]) -> ConnectorError:
    """Make the error that may leave: the same, one that wraps it, or one that withholds it."""
    text = "\n".join(_chain_text(error))
    if any(form in text for secret in secrets for form in _printed_forms(secret)):
        kind = type(error).__name__
        return ConnectorError(f"{step} failed with {kind}, whose text is withheld: it held the credential")
    if isinstance(error, ConnectorError):
        return error
    failure = ConnectorError(f"{step} failed: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _chain_text(error: BaseException | None) -> list[str]:
    """Return what ``repr`` shows of an error and of everything chained to it, displayed or not."""
    texts: list[str] = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts.append(f"{one}\n{one!r}\n{vars(one)!r}")
        pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return texts


def _printed_forms(secret: Secret) -> set[str]:
    """Return how a secret could look inside a text."""
    if len(secret) < LEAK_MIN_BYTES:
        return set()
    value = secret.reveal()
    plain = value.decode("utf-8", errors="replace")
    return {plain, repr(plain)[1:-1], repr(value)[2:-1], quote_from_bytes(value), value.hex()}
