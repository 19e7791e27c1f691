# SPDX-License-Identifier: Apache-2.0
"""The password of an ACL user of Redis or Valkey as a break-glass credential.

Rules:

1. *Accepted* needs that the server let the account in, asks it for a password, keeps this one, and has none that is
   older. *Refused* needs the server's own ``WRONGPASS``. A server that loads, one that is full, an account that may not
   ask about itself: *unknown*.
2. The server gets the SHA-256 of the new password, which is what it keeps.
3. The steps of a rotation: the new password beside the old one; a login with it; the old one removed. Each change asks
   the server to do it only if it still keeps the old password, and is sent with the command that saves the accounts,
   as one transaction. The server keeps passwords in the order in which they came, so that a change which is not
   finished is seen: as long as an older password is there, the newer one is *unknown*.
4. Where the accounts could not be saved, the change is taken back: after a restart the old password would live. Where
   that cannot be saved either, nobody knows what a restart brings, and it is said.

What it does not do: it changes no account but the one it logs in as, and no other server.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import ClassVar

from breakglass_shamir.connectors.database_target import (
    DATABASE_OPTIONS,
    Denied,
    Lost,
    Unreachable,
    database_target,
    password_problems,
    require_account,
    require_different,
    stop_at,
)
from breakglass_shamir.connectors.port import options as port_options
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import ADMIN_OPTIONS, NO_OPTIONS
from breakglass_shamir.connectors.redis import logins, rules
from breakglass_shamir.connectors.redis.rules import hash_of
from breakglass_shamir.connectors.redis.session import Session, connection, session
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

ACCOUNT_MAX_BYTES = 128
"""Longest name of an account that is taken; the server itself has no limit."""

EVERYBODY = "default"
"""Account of every client that names none."""

WRONG_PASSWORD = "WRONGPASS"  # noqa: S105 - the server's word for a refusal
ASKS_FOR_LOGIN = "NOAUTH"
NO_SUCH_PASSWORD = "ERR"  # noqa: S105 - the server's word for a change that names a password which is not there

_BESIDE = "the old credential is in force, and the new one may be in force beside it"
_LET_IN = "the server took the password and let the account in"


class RedisConnector(Connector):
    """Password of an ACL user; target ``redis://HOST[:6379]``, or ``redis:///`` for a Unix socket. Valkey is the same.

    What it changes: the passwords of ``target.account``, by ``ACL SETUSER``, as that account. Afterwards it has one.
    Commands, keys and channels that it may use stay.

    What it needs: Redis 7.0 or Valkey 7.2 or later. An account of its own, not ``default``, that may run
    ``ACL GETUSER``, ``ACL SETUSER``, ``ACL SAVE`` or ``CONFIG REWRITE``, ``CONFIG GET``, ``INFO``, ``MULTI``, ``EXEC``;
    to end connections ``CLIENT ID``, ``CLIENT LIST`` and ``CLIENT KILL``; ``ACL DRYRUN`` to be told beforehand that
    one of these is missing. Whoever may run ``ACL SETUSER`` may do everything. A server whose accounts outlive a
    restart: in an ``aclfile`` or in its configuration file. TLS with a certificate of the host's name; ``tls = "off"``
    is a connection in the clear. Over a Unix socket (option ``socket``: its file, default /run/redis/redis-server.sock)
    there is no TLS.

    What it does not reach: replicas and the other nodes of a cluster, each of which keeps accounts of its own; an
    ``aclfile`` or a configuration that somebody lays down again from elsewhere; other accounts.

    What it cannot tell: a wrong password, a disabled account and one that does not exist have one answer. That is why
    a rotation is proven by the new credential being accepted before and after the old one is refused. The server does
    not keep when a password was changed.

    Logins are read with ``admin_account``, which may run ``ACL LOG``, ``CLIENT LIST``, ``TIME``, ``MULTI`` and
    ``EXEC``: refused ones, and connections that are open when it looks. Of a login whose connection ended before that,
    the server keeps nothing.

    Ending sessions: every other connection of the account is ended by ``CLIENT KILL``, and seen to be gone.
    """

    scheme: ClassVar[str] = "redis"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this account on this server alone"
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "open_sessions", "end_sessions"})
    option_names: ClassVar[frozenset[str]] = (DATABASE_OPTIONS - {"log"}) | ADMIN_OPTIONS
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=2, sessions=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._target = database_target(target, options, port=6379, socket="/run/redis/redis-server.sock")
        if self._target.database:
            raise InvalidInput("redis target names a database: expected redis://HOST[:PORT], an account is not of one")
        port_options.check_admin(options)
        require_account(self.scheme, account, ACCOUNT_MAX_BYTES)
        if any(one.isspace() for one in account):
            raise InvalidInput("redis account: expected a name without blanks")
        if account == EVERYBODY:
            raise InvalidInput(
                f"redis account: expected one of its own, got {EVERYBODY}, which is everybody's who names none",
                hint="make one with ACL SETUSER, and name it in the policy as target.account",
            )

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems, notes = password_problems(new) if new else [], rules.fixed_notes(self._target)
        login = None
        if current is None:
            problems += self._no_server()
        else:
            found, more, login = self._asked_as_account(current)
            problems += found
            notes += more
        return Preflight(tuple(problems), tuple(notes), None, self.scope, (), login)

    def _no_server(self) -> list[str]:
        """Say that no server answers, without logging in."""
        try:
            with connection(self._target, self.time_limit_s) as (one, _marks):
                one.ask("PING")
        except Denied as error:
            return [] if error.code == ASKS_FOR_LOGIN else [f"the server lets nobody in: {error.code} {error}"]
        except (Lost, Unreachable) as error:
            return [f"no Redis or Valkey server that can be believed answers at {self._target.in_words}: {error}"]
        return []

    def _asked_as_account(self, current: Secret) -> tuple[list[str], list[str], Check]:
        """Ask the server about the account, as the account: problems, notes, and what it said to the login."""
        login = None
        try:
            with self._session(current) as one:
                login = self._let_in(one, current)
                problems, notes = rules.found(one, self.account, current)
                return problems, notes, login
        except (Denied, Lost, Unreachable) as error:
            judged = login or _judged(error)
            return [f"the account could not be asked about: {_in_words(error)}"], [], judged

    def _check(self, credential: Secret) -> Check:
        try:
            with self._session(credential) as one:
                return self._let_in(one, credential)
        except (Denied, Lost, Unreachable) as error:
            return _judged(error)

    def _let_in(self, one: Session, credential: Secret) -> Check:
        """Say what a login proves that the server let in."""
        try:
            doubts = rules.account_of(one, self.account).doubts(credential)
        except Denied as error:
            doubts = f"the account may not ask what the server keeps of it (ACL GETUSER): {error}"
        if doubts:
            return Check(CheckResult.UNKNOWN, doubts)
        return Check(CheckResult.ACCEPTED, _LET_IN)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at(password_problems(new))
        try:
            with self._session(old) as one:
                save = self._begin(one, old)
                self._put_beside(one, old, new, save)
                self._prove(one, old, new, save)
                self._remove(one, old, new, save)
        except (Denied, Lost, Unreachable) as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {_in_words(error)}") from error

    def _begin(self, one: Session, old: Secret) -> tuple[str, ...]:
        """Make sure that the old password is in force; returns the command that saves the accounts."""
        try:
            doubts = rules.account_of(one, self.account).doubts(old)
            save = rules.saving(one, one.about())
        except (Denied, Lost) as error:
            raise ConnectorError(f"unchanged: the account could not be asked about: {_in_words(error)}") from error
        stop_at([doubts] if doubts else [] if save else [rules.NOT_KEPT])
        return save

    def _put_beside(self, one: Session, old: Secret, new: Secret, save: tuple[str, ...]) -> None:
        """Give the account the new password beside the old one, and no other; only if it has the old one."""
        try:
            done, saved = self._set(one, save, _without(old), "resetpass", _with(old), _with(new))
        except Lost as error:
            raise ConnectorError(f"{_BESIDE}: {error}") from error
        except Denied as error:
            raise ConnectorError(f"unchanged: the server refused: {_in_words(error)}") from error
        if isinstance(done, Denied):
            raise ConnectorError(f"unchanged: the server no longer takes the old password: {done}")
        if isinstance(saved, Denied):
            left = self._take_back(one, old, new, save)
            raise ConnectorError(f"{left}: the server could not save its accounts: {saved}")

    def _prove(self, one: Session, old: Secret, new: Secret, save: tuple[str, ...]) -> None:
        """Log in with the new password, before the old one goes; without that it is taken back."""
        try:
            with self._session(new) as two:
                keeps = rules.account_of(two, self.account).hashes
        except (Denied, Lost, Unreachable) as error:
            left = self._take_back(one, old, new, save)
            raise ConnectorError(f"{left}: the new password did not log in: {_in_words(error)}") from error
        if keeps != (hash_of(old), hash_of(new)):
            left = self._take_back(one, old, new, save)
            raise ConnectorError(f"{left}: another change of this account is under way")

    def _remove(self, one: Session, old: Secret, new: Secret, save: tuple[str, ...]) -> None:
        """Leave the account the new password alone; only if it has both."""
        try:
            done, saved = self._set(one, save, _without(old), _without(new), "resetpass", _with(new))
        except Lost as error:
            raise ConnectorError(f"the change was sent and may be in place; its answer is missing: {error}") from error
        except Denied as error:
            raise ConnectorError(
                f"the old credential is in force, and the new one beside it: the server refused: {_in_words(error)}"
            ) from error
        if isinstance(done, Denied):
            raise ConnectorError("unchanged: another change of this account was faster")
        if isinstance(saved, Denied):
            left = "the old credential is in force, and the new one beside it"
            try:
                one.ask("ACL", "SETUSER", self.account, _without(new), "resetpass", _with(old), _with(new))
            except (Denied, Lost):
                left = "the change may be in place and does not last"
            words = "the server could not save its accounts, so that a restart would bring the old one back"
            raise ConnectorError(f"{left}: {words}: {saved}")

    def _set(self, one: Session, save: tuple[str, ...], *words: str) -> list[object]:
        return one.together(("ACL", "SETUSER", self.account, *words), save)

    def _take_back(self, one: Session, old: Secret, new: Secret, save: tuple[str, ...]) -> str:
        """Take the new password from the account again, only if it has both; returns what holds then, in words."""
        try:
            done, saved = self._set(one, save, _without(old), _with(old), _without(new))
        except (Denied, Lost):
            return _BESIDE
        if isinstance(done, Denied):
            # One of both is gone: whoever was faster left the account no password but its own.
            return "unchanged" if done.code == NO_SUCH_PASSWORD else _BESIDE
        if isinstance(saved, Denied):
            return (
                "the old credential is in force; that the new one was taken back could not be saved, so that after a "
                "restart of the server it may be in force beside the old one"
            )
        return "unchanged"

    def _open_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return len(rules.others(one, self.account))

    def _end_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return rules.end_others(one, self.account, self.time_limit_s)

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        secret = port_options.admin_secret(self.options)
        if secret is None:
            raise ConnectorError(
                "logins cannot be told: no option admin_account",
                hint="name an account that may run ACL LOG and CLIENT LIST, and in admin what prints its secret",
            )
        try:
            with session(self._target, self.options["admin_account"], secret, self.time_limit_s, _unmarked) as one:
                return logins.logins(one, self.account, since)
        except (Denied, Lost, Unreachable) as error:
            raise ConnectorError(f"the account of option admin_account could not ask: {_in_words(error)}") from None

    def _session(self, password: Secret) -> AbstractContextManager[Session]:
        return session(self._target, self.account, password, self.time_limit_s, self.on_login)


def _unmarked(_marks: tuple[str, ...]) -> None:
    """Take the marks of a login that is none of the account's."""


def _with(secret: Secret) -> str:
    return f"#{hash_of(secret)}"


def _without(secret: Secret) -> str:
    return f"!{hash_of(secret)}"


def _in_words(error: Denied | Lost | Unreachable) -> str:
    return f"{error.code}: {error}" if isinstance(error, Denied) else str(error)


def _judged(error: Denied | Lost | Unreachable) -> Check:
    """Say what it means that there is no session."""
    if not isinstance(error, Denied):
        return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")
    if error.code == WRONG_PASSWORD:
        return Check(CheckResult.REFUSED, f"the server refused the password ({error.code})")
    return Check(CheckResult.UNKNOWN, f"no verdict about the password: {_in_words(error)}")
