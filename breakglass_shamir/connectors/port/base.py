# SPDX-License-Identifier: Apache-2.0
"""The port to a target: ask whether a credential works there, and change it.

Rules:

1. A connector is chosen by the scheme of its target URI and holds no credential between two calls.
2. Public methods wrap private ones: whatever goes wrong inside, only :class:`ConnectorError` comes out, with
   its cause chained, and the whole chain is withheld if its text holds a secret of that call. What the target says
   comes out as one printable line, and not at all if it holds such a secret.
3. ``check`` says *refused* only when the target itself rejected this credential. A time-out, a lock-out, an
   expiry, a missing target: *unknown*. An epoch is called dead on the strength of a *refused*. One call is one
   attempt per method of login: nothing is repeated, so that asking locks nobody out. What is locked, expired or
   throttled already is *unknown* and ``blocked``.
4. ``rotate`` is conditional on the old credential and all or nothing: after an error the old one still works,
   unless the message says that the change is in place. Where the target rejected the new credential by its own
   rules, and so surely changed nothing, the error is ``rejected``; after a time-out or a lost connection never.
5. What a target cannot tell it does not pretend to: ``abilities`` names what there is beyond the three
   questions that every connector answers, and the rest raises.
6. No call waits longer than ``time_limit_s`` for one answer of the target.
7. Where the account is kept closed, ``before_login`` has it armed before each question that logs in as it, and a
   credential that was not let in is looked at again: where ``why_closed`` says that the account is closed there, the
   answer is *unknown*, never *refused*, and not ``blocked``: the next question has it armed again.

What it does not do: it makes no credential, reads no ledger or policy, prints nothing, and has no clock of
its own. Which endpoints are asked, in which order, and what follows is decided in ``operations``.
"""

import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

from breakglass_shamir.connectors.port.answers import (
    Access,
    Allowance,
    Armed,
    Check,
    CheckResult,
    Lifetime,
    Login,
    Logins,
    Operator,
    Preflight,
)
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.guard import plain, presentable
from breakglass_shamir.connectors.port.making import Making
from breakglass_shamir.connectors.port.options import COMMON_OPTIONS, LOG_OPTIONS, NO_OPTIONS, check_names, time_limit_s
from breakglass_shamir.connectors.port.words import check_account
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

ABILITIES = frozenset(
    {"logins_since", "password_changed_at", "open_sessions", "end_sessions", "issue", "lifetime", "snapshot"}
)
"""What a connector may offer beyond preflight, check and rotate."""

CLOSED = "closed"
"""How the answer about a credential begins whose account lets nobody in now, whatever is right."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""Until when a closed account was open."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
ACCOUNT = "account"
"""What :class:`~breakglass_shamir.connectors.port.answers.Lifetime` calls the account itself."""

_T = TypeVar("_T")


class Connector(ABC):
    """One kind of target (docs/targets.md).

    A subclass's docstring is the operator's page: what it changes, what it needs, what it cannot do.

    Attributes:
        scheme: scheme of its target URIs, lower case.
        grace_window_s: how long the target may still accept an old credential after a change, in seconds.
        scope: what a rotation reaches, as the record says it.
        settle_s: how long after a change a target may still answer inconsistently, in seconds.
        probe_pause_s: least time between an attempt that was not let in and the next one, in seconds.
        by_people: whether people change the target and attest it; then ``checklist`` says what they do.
        costs: logins that each step costs.
        overlaps: whether a new credential is let in before the old one ends, so that only the old one's end says that
            a change is finished.
        side_by_side: whether old and new may be in force together and the target does not tell: both are asked about.
        policy_only: whether its targets name a program that is run; then only an adopted policy may name one.
        abilities: which of :data:`ABILITIES` it has.
        arms: whether the target itself ends an account at a time of day, and an operator may move that time.
        option_names: options it takes beside :data:`~breakglass_shamir.connectors.port.options.COMMON_OPTIONS`.
        target: the URI this one was made for.
        account: the account at the target; empty where a target has none.
        options: what the policy says beside the target, by name; holds no secret.
        time_limit_s: longest time one question to the target may take, in seconds.
        on_login: is called at each login with what will tell it from every other one in the target's log, before the
            login where that is known then; any one of the marks does. Whoever records them sets it.
        making: where what is issued goes on record; None outside a rotation. Whoever has one done sets it.
        on_made: is called with the public name of a credential that the target made, as soon as it is there and before
            it is on paper. Whoever records it sets it, and it may raise.
        before_login: is called before each question that logs in as the account; what it raises comes out as it is.
        why_closed: says why nothing opens the account now, in words; empty where it is open, or nobody knows.
        ends_on_purpose: whether the account is kept closed, so that its end is no news.
    """

    scheme: ClassVar[str]
    grace_window_s: ClassVar[int]
    scope: ClassVar[str]
    settle_s: ClassVar[int] = 10
    probe_pause_s: ClassVar[float] = 0.5
    by_people: ClassVar[bool] = False
    costs: ClassVar[Costs] = Costs()
    overlaps: ClassVar[bool] = False
    side_by_side: ClassVar[bool] = False
    policy_only: ClassVar[bool] = False
    arms: ClassVar[bool] = False
    abilities: ClassVar[frozenset[str]] = frozenset()
    option_names: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        """Bind to a target without touching it.

        Raises:
            InvalidInput: the URI is malformed, of another scheme, or carries a password; an account that is no
                word; an unknown option, or one with a value that makes no sense.
        """
        scheme = scheme_of(target)
        if scheme != self.scheme:
            raise InvalidInput(f"target has the wrong scheme: expected {self.scheme}, got {scheme}")
        _refuse_password(target)
        check_account(account)
        check_names(self.scheme, options, COMMON_OPTIONS | self.option_names)
        self.target = target
        self.account = account
        self.options = dict(options)
        self.time_limit_s = time_limit_s(options)
        self.on_login: Callable[[tuple[str, ...]], None] = _nobody
        self.making: Making | None = None
        self.on_made: Callable[[str], None] = _nobody
        self.before_login: Callable[[], None] = _nothing
        self.why_closed: Callable[[], str] = _open
        self.ends_on_purpose = False

    def checklist(self) -> tuple[str, ...]:
        """Return what people do to change the target, step by step; empty where the connector does it.

        Never raises.
        """
        return ()

    def missing(self) -> tuple[str, ...]:
        """Return what this machine lacks for it, a driver or a program, one sentence each.

        Never raises, and does not ask the target.
        """
        return ()

    def preflight(self, new: Secret | None, current: Secret | None = None) -> Preflight:
        """Find out what stands against a rotation, changing nothing.

        Args:
            new: the credential to be, for the target's own rules; None asks about everything else.
            current: the one in force, for targets that tell their rules only who logs in; None where it is not at
                hand, and then the answer covers less.

        Raises:
            ConnectorError: even that could not be found out.
        """
        given = [secret for secret in (new, current) if secret]
        if current:
            self.before_login()
        found = self._guarded("preflight", given, lambda: self._preflight_as(new, current))
        return replace(found, notes=(*found.notes, *self._unread_logs()), runs_out=self._news(found.runs_out))

    def enrol(self) -> Secret:
        """Let people make the first credential at the target; it is in force when this returns.

        Raises:
            ConnectorError: this target makes none that way, or none was made.
        """
        raise ConnectorError(
            f"{self.scheme} enrol: not supported by this connector", hint="bring the credential with --credential-from"
        )

    def check(self, credential: Secret) -> Check:
        """Ask the target whether it accepts a credential.

        Raises:
            ConnectorError: the question makes no sense there, or cannot be asked from here.
        """
        self.before_login()
        found = self._guarded("check", [credential], lambda: self._check(credential))
        if found.result is CheckResult.ACCEPTED or not (why := self.why_closed()):
            return found
        return Check(CheckResult.UNKNOWN, f"{CLOSED}: {why}")

    def rotate(self, old: Secret, new: Secret) -> None:
        """Replace the old credential by the new one, on condition that the old one is accepted.

        Raises:
            ConnectorError: it was not replaced, unless the message says that the change is in place; ``rejected``
                when the target's rules do not take this new credential and nothing was changed.
        """
        self.before_login()
        self._guarded("rotate", [old, new], lambda: self._rotate(old, new))

    def logins_since(self, since: datetime) -> tuple[Login, ...]:
        """Return the account's logins and attempts that the target remembers, oldest first.

        What it could not read is said in ``unread``, where the answer is a
        :class:`~breakglass_shamir.connectors.port.answers.Logins`: reading went on, and something may be missing.

        Args:
            since: the first instant that counts, with a time zone.

        Raises:
            ConnectorError: the target cannot tell, or could not be asked.
        """
        return self._able("logins_since", [], lambda: self._logins_since(since))

    def password_changed_at(self, credential: Secret | None = None) -> datetime | None:
        """Return when the account's credential was last changed, by the target's clock; None if it does not know.

        Args:
            credential: the one in force, for targets that tell only who logs in; None where it is not at hand.

        Raises:
            ConnectorError: the target cannot tell, tells only who logs in, or could not be asked.
        """
        given = [credential] if credential else []
        if credential:
            self.before_login()
        return self._able("password_changed_at", given, lambda: self._password_changed_at(credential))

    def open_sessions(self, credential: Secret) -> int:
        """Count the account's sessions that are open now, but not the one that asks.

        Args:
            credential: the one in force.

        Raises:
            ConnectorError: the target cannot tell, or could not be asked.
        """
        self.before_login()
        return self._able("open_sessions", [credential], lambda: self._open_sessions(credential))

    def end_sessions(self, credential: Secret) -> int:
        """End every session of the account, whatever credential began it, but not those of other accounts.

        Args:
            credential: the one in force.

        Returns:
            How many were ended.

        Raises:
            ConnectorError: the target cannot do it, or could not be asked.
        """
        self.before_login()
        return self._able("end_sessions", [credential], lambda: self._end_sessions(credential))

    def allowance(self, credential: Secret | None) -> Allowance:
        """Ask how many more logins, right and wrong, the target takes before it shuts the account.

        Args:
            credential: one that the target accepts; None where none is known to be: then it is as far as the target
                tells that to others, and costs no login of the account.

        Raises:
            ConnectorError: the target could not be asked.
        """
        given = [credential] if credential else []
        if credential:
            self.before_login()
        return self._guarded("allowance", given, lambda: self._allowance(credential))

    def compare(self, new: Secret, old: Secret) -> Check:
        """Ask by what the target keeps whether an old credential is dead, without a login by it.

        *Refused*: the target keeps what the new one makes, and nothing that the old one makes. *Accepted*: it keeps
        what the old one makes. *Unknown*: it cannot tell.

        Args:
            new: the one in force.
            old: the one that was.

        Raises:
            ConnectorError: the target could not be asked.
        """
        self.before_login()
        return self._guarded("compare", [new, old], lambda: self._compare(new, old))

    def issue(self, current: Secret) -> Secret:
        """Let the target, or its kind, make the next credential, where nobody else can: an access key, a key pair.

        The current one stays good. What an earlier call made and nobody put in force is taken back. ``rotate`` is
        then asked to put the new one in force, if it is not, and to end the old one.

        Args:
            current: the one in force.

        Raises:
            ConnectorError: the target issues none, or could not be asked.
        """
        self.before_login()
        return self._able("issue", [current], lambda: self._issue(current))

    def lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        """Return what runs out by itself at the target; nothing where all of it is without an end.

        Args:
            credential: the one in force; None where it is not at hand: then what its own end is is not said.

        Raises:
            ConnectorError: the target cannot tell, or could not be asked.
        """
        given = [credential] if credential else []
        if credential:
            self.before_login()
        return self._news(self._able("lifetime", given, lambda: self._lifetime(credential)))

    def _news(self, found: tuple[Lifetime, ...]) -> tuple[Lifetime, ...]:
        """Leave out the end of an account that is kept closed."""
        return tuple(one for one in found if not (self.ends_on_purpose and one.what == ACCOUNT))

    def snapshot(self, credential: Secret) -> Access:
        """List what gives access at the target, as far as the account may see it: roles, members, grants, keys.

        It changes nothing, is bounded, and holds a digest in the place of key material.

        Args:
            credential: the one in force.

        Raises:
            ConnectorError: the target cannot tell, or could not be asked.
        """
        self.before_login()
        return self._able("snapshot", [credential], lambda: self._snapshot(credential))

    def arm(self, until: datetime, operator: Operator) -> datetime | None:
        """Let the target take the account's credential until an instant, and end that by itself.

        Args:
            until: by the target's clock, with a time zone, in whole seconds.
            operator: who may do that there.

        Returns:
            What the target's clock said at the change; None where it does not tell.

        Raises:
            ConnectorError: the target ends no account by itself, or it was not done, or nobody knows.
        """
        if until.tzinfo is None:
            raise ConnectorError("expected an instant with a time zone to arm until, got one without")
        return self._arming("arm", operator, lambda: self._arm(until.astimezone(UTC), operator))

    def close(self, operator: Operator) -> None:
        """Let the target take no credential of the account any more; sessions that are open go on.

        Raises:
            ConnectorError: as :meth:`arm`.
        """
        self._arming("close", operator, lambda: self._arm(LONG_AGO, operator))

    def armed_until(self, operator: Operator | None = None) -> Armed:
        """Ask the target until when it lets the account in.

        Args:
            operator: who asks; None: whoever the policy lets read there, where the target tells it to somebody else.

        Raises:
            ConnectorError: it could not be asked, or there is nobody to ask as.
        """
        return self._arming("armed until", operator, lambda: self._armed_until(operator))

    @abstractmethod
    def _preflight(self, new: Secret | None) -> Preflight:
        """Do the work of :meth:`preflight`; may raise anything."""

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        """Do the work of :meth:`preflight` where the target tells more who logs in; may raise anything."""
        return self._preflight(new)

    @abstractmethod
    def _check(self, credential: Secret) -> Check:
        """Do the work of :meth:`check`; may raise anything."""

    @abstractmethod
    def _rotate(self, old: Secret, new: Secret) -> None:
        """Do the work of :meth:`rotate`; may raise anything."""

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        """Do the work of :meth:`logins_since`; may raise anything."""
        raise NotImplementedError

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        """Do the work of :meth:`password_changed_at`; may raise anything."""
        raise NotImplementedError

    def _open_sessions(self, credential: Secret) -> int:
        """Do the work of :meth:`open_sessions`; may raise anything."""
        raise NotImplementedError

    def _end_sessions(self, credential: Secret) -> int:
        """Do the work of :meth:`end_sessions`; may raise anything."""
        raise NotImplementedError

    def _allowance(self, credential: Secret | None) -> Allowance:
        """Do the work of :meth:`allowance`; may raise anything. Without it, nothing is counted or nobody knows."""
        return Allowance()

    def _compare(self, new: Secret, old: Secret) -> Check:
        """Do the work of :meth:`compare`; may raise anything."""
        return Check(CheckResult.UNKNOWN, "the target does not tell what it keeps")

    def _issue(self, current: Secret) -> Secret:
        """Do the work of :meth:`issue`; may raise anything."""
        raise NotImplementedError

    def _lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        """Do the work of :meth:`lifetime`; may raise anything."""
        raise NotImplementedError

    def _snapshot(self, credential: Secret) -> Access:
        """Do the work of :meth:`snapshot`; may raise anything."""
        raise NotImplementedError

    def _arm(self, until: datetime, operator: Operator) -> datetime | None:
        """Do the work of :meth:`arm`; may raise anything. An instant that is over closes the account."""
        raise NotImplementedError

    def _armed_until(self, operator: Operator | None) -> Armed:
        """Do the work of :meth:`armed_until`; may raise anything."""
        raise NotImplementedError

    def _arming(self, step: str, operator: Operator | None, call: Callable[[], _T]) -> _T:
        """Run what only a target has that ends an account by itself."""
        if not self.arms:
            raise ConnectorError(f"{self.scheme} {step}: this target ends no account by itself")
        return self._guarded(step, [operator.secret] if operator else [], call)

    def _unread_logs(self) -> tuple[str, ...]:
        """Say what the watch could not read of the last day in the logs that the policy names; asked once."""
        known: tuple[str, ...] | None = vars(self).get("_unread")
        if known is not None:
            return known
        said: tuple[str, ...] = ()
        if "logins_since" in self.abilities and LOG_OPTIONS & set(self.options):
            try:
                seen = self.logins_since(datetime.now(UTC) - timedelta(days=1))
                said = seen.unread if isinstance(seen, Logins) else ()
            except ConnectorError as error:
                said = (str(error),)
        vars(self)["_unread"] = tuple(f"the watch will not see every login: {one}" for one in said)
        return self._unread_logs()

    def _able(self, ability: str, secrets: Sequence[Secret], call: Callable[[], _T]) -> _T:
        """Run what not every connector has."""
        if ability not in self.abilities:
            raise ConnectorError(f"{self.scheme} {ability.replace('_', ' ')}: not supported by this connector")
        return self._guarded(ability.replace("_", " "), secrets, call)

    def _guarded(self, step: str, secrets: Sequence[Secret], call: Callable[[], _T]) -> _T:
        """Run one private method so that only a :class:`ConnectorError` and words without secrets come out."""
        try:
            return plain(call(), secrets)
        except Exception as error:
            failure = presentable(f"{self.scheme} {step}", error, secrets)
        # Raised here, not in the handler, so that a withheld error is not its context either.
        raise failure


def _nothing() -> None:
    """Let a question be asked as it is."""


def _open() -> str:
    """Say of an account that nothing keeps it closed."""
    return ""


def _nobody(_told: object) -> None:
    """Take what nobody records."""


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
