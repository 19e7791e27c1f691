# SPDX-License-Identifier: Apache-2.0
"""The password of a MySQL or MariaDB account as a break-glass credential.

Rules:

1. *Accepted* needs that the server asked for the password and that the account can log in by nothing else; *refused*
   needs error 1045. A lock, an expiry, a limit or another login method is *unknown*.
2. The server gets what it keeps of a password, never the new password: it stands in no log of the server.
3. The steps of a rotation: log in with the old password; take the lock that every terminal takes; log in with the old
   password once more, since another terminal may have changed it while this one waited; change, in one statement.
   That statement also discards a second password of MySQL's: before it, that could be the one on paper; after it, a
   crash would leave it alive.

What it does not do: it changes no account but the one it logs in as.
"""

import hashlib
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
    driver_problems,
    password_problems,
    require_account,
    require_different,
    stop_at,
)
from breakglass_shamir.connectors.mysql import log, password_hash, rules
from breakglass_shamir.connectors.mysql.session import EXPIRED, Identity, Session, session
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS, log_zone
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

ACCOUNT_MAX_BYTES = 128
"""Longest user name of MariaDB; MySQL takes 32 characters."""

REFUSED_CODE = "1045"
"""ER_ACCESS_DENIED_ERROR."""

RULES_REFUSE = frozenset({"1819"})
"""ER_NOT_VALID_PASSWORD: a password validation plugin."""

BLOCKED = {
    "1524": "the server does not have the account's login method: give it another, caching_sha2_password on MySQL 9",
    "1129": "the server blocks this host after too many failed connections",
    "1820": "the password is expired, or the server wants it kept in another form: it opens nothing but its own change",
    "1862": "the password is expired; an administrator has to set it",
    "3118": "the account is locked; an administrator has to unlock it",
    "3955": "the account is locked after failed logins",
    "4150": "the account is blocked after failed logins",
    "4151": "the account is locked; an administrator has to unlock it",
}
"""Answers that no further attempt makes better."""


EXPIRED_NOTE = (
    "the password is expired: it opens nothing but its own change, which this rotation makes; the server tells nothing "
    "else of the account until then, so that its limits and other rules are not known"
)
"""What an expired password means on MariaDB."""

TWO_ROWS = "1242"
"""ER_SUBQUERY_NO_1_ROW."""

_LOCK_OR_FAIL = (
    "SET @breakglass = IF(GET_LOCK(CONCAT('breakglass.', LEFT(SHA2(CURRENT_USER(), 256), 32)), %s) = 1, 1, "
    "(SELECT 1 UNION SELECT 2))"
)
"""Takes the lock of :func:`_lock_name`, or fails, where no answer can be read."""

LIMIT_REACHED, AN_HOUR = "1226", "_per_hour"
"""ER_USER_LIMIT_REACHED, for a limit on connections at one time as well; its text has the limit's name."""

_USED_UP = "a limit of the account for an hour is used up, and an hour later it is not: wait, then go on"

_AND_NO_OTHER = ", CURRENT_USER() DISCARD OLD PASSWORD"
"""Ends a second password that MySQL kept, in the same statement: the old credential may be either of the two."""


class MysqlConnector(Connector):
    """Password of an account; target ``mysql://HOST[:3306]/[DATABASE]``, or ``mysql:///`` for a socket.

    What it changes: the password of the account that ``target.account`` logs in as from here, as that account. Its
    login method stays: ``mysql_native_password`` or ``ed25519`` on MariaDB, ``caching_sha2_password`` or, before
    MySQL 9, ``mysql_native_password`` on MySQL. On MySQL a second password that was kept with ``RETAIN CURRENT
    PASSWORD`` is discarded in the same statement. Expiry, limits and everything else stay.

    What it needs: the extra ``breakglass-shamir[mysql]``. MariaDB 10.4 or MySQL 8.0.17 or later. Two free
    connections, also under the account's ``MAX_USER_CONNECTIONS``. TLS with a certificate of the host's name, from
    an authority of the system or in option ``ca``; ``tls = "off"`` is a connection in the clear. Over a Unix socket
    (option ``socket``: its file, default /run/mysqld/mysqld.sock) there is no TLS. On MySQL the privilege CREATE
    USER, since MySQL takes a hash from nobody else, TLS or the socket, and a password of at most 256 bytes. On
    MariaDB with a password validation plugin: ``strict_password_validation = OFF``, since a plugin cannot look into
    a hash.

    What it does not reach: accounts of the same name for other hosts (``'bg'@'%'`` and ``'bg'@'10.%'`` are two
    accounts with two passwords); passwords that applications keep; other accounts that may become this one. An
    account with a second login method, such as ``unix_socket``, cannot be proven and is not taken. A replica
    follows as replication does: list it under ``rotation.endpoints``.

    What it cannot tell: the server uses the same words for a wrong password, for an account that does not exist,
    for one that needs a client's certificate and got none (options ``certificate`` and ``key``), and on MySQL for
    one whose second factor lets nobody in (``mysql_no_login``). That is why a rotation is proven by the new
    credential being accepted before and after the old one is refused.

    What the server's logs show: the general log and the binary log hold the statement with the hash. It is not the
    password. ``mysql_native_password`` is a hash without salt: a short password could be guessed from it, and
    whoever also reads along at a login without TLS can log in. Leave ``rotation.length`` at 20 or more.

    Logins come from the server's log (option ``log``): on MariaDB from that of the plugin ``server_audit``, in a file
    or over syslog, or from the general query log; on MySQL from the general query log, since it has no other log of
    accepted logins, or from an audit log in JSON. Times without a zone are of option ``log_zone`` (default UTC). When
    the password changed is told to accounts that may read ``mysql.global_priv`` (MariaDB) or ``mysql.user`` (MySQL).

    Ending sessions: every other connection under the account's user name is ended by ``KILL CONNECTION``, where the
    server lets the account do that: always for its own, on MySQL also for those of accounts of the same name for
    other hosts.

    What its questions cost: each is a connection, of which two may be open at one time. Limits an hour are held
    against a whole rotation. Where one wrong password locks the account (``max_password_errors``,
    ``FAILED_LOGIN_ATTEMPTS``), the old one is not tried: what the server keeps is compared.

    Tested on MariaDB 10.11 and MySQL 9.7. What MySQL 8 has besides is tested against its documents only.
    """

    scheme: ClassVar[str] = "mysql"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this account, as it is matched from here, on this server and its replicas"
    abilities: ClassVar[frozenset[str]] = frozenset(
        {"logins_since", "password_changed_at", "open_sessions", "end_sessions"}
    )
    option_names: ClassVar[frozenset[str]] = DATABASE_OPTIONS | {"log_zone"}
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=2, sessions=1, allowance=1, compare=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._target = database_target(target, options, port=3306, socket="/run/mysqld/mysqld.sock")
        self._log_zone = log_zone(options)
        require_account(self.scheme, account, ACCOUNT_MAX_BYTES)
        if "'" in account or "\\" in account:
            raise InvalidInput("mysql account: expected a name without quotes and backslashes")

    def missing(self) -> tuple[str, ...]:
        """Return whether the driver is not there."""
        return driver_problems("pymysql", "mysql")

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems, notes = password_problems(new) if new else [], rules.fixed_notes(self._target)
        # Who knocks and leaves counts as a connection error, and too many of those block this host.
        if current is None:
            if not rules.answers(self._target, self.time_limit_s):
                problems.append(f"no MySQL or MariaDB server answers at {self._target.in_words}")
            return Preflight(tuple(problems), tuple(notes), None, self.scope)
        found, login = self._asked_as_account(current, new)
        problems, notes = problems + found.problems, notes + found.notes
        return Preflight(tuple(problems), tuple(notes), None, self.scope, tuple(found.unfit), login, found.allowance)

    def _asked_as_account(self, current: Secret, new: Secret | None) -> tuple[rules.Found, Check]:
        """Ask the server about the account, as the account; returns what it said to the login, too."""
        try:
            with self._session(current, expired_too=True) as one:
                if one.expired:
                    return _expired(one), Check(CheckResult.UNKNOWN, BLOCKED[EXPIRED], blocked=True)
                who = one.identity()
                return rules.found(one, who, self.account, new, self.costs), self._let_in(who)
        except Denied as error:
            return rules.Found([f"the account could not log in to be asked: {_in_words(error)}"]), _judged(error)
        except Unreachable as error:
            answers = f"no MySQL or MariaDB server answers at {self._target.in_words}: {error}"
            return rules.Found([answers]), Check(CheckResult.UNKNOWN, _no_answer(error))
        except Lost as error:
            lost = f"the account could not log in to be asked: {error}"
            return rules.Found([lost]), Check(CheckResult.UNKNOWN, _no_answer(error))

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None:
            return Allowance()
        with self._session(credential) as one:
            return rules.allowed(one, one.identity())

    def _compare(self, new: Secret, old: Secret) -> Check:
        with self._session(new) as one:
            who, kept = one.identity(), one.kept()
        if doubts := self._doubts(who):
            return Check(CheckResult.UNKNOWN, doubts)
        (method,) = who.methods
        of_new, of_old = (password_hash.made_of(kept, method, secret) for secret in (new, old))
        if of_old:
            return Check(CheckResult.ACCEPTED, "the server keeps what the old password makes")
        if of_old is None or not of_new:
            return Check(CheckResult.UNKNOWN, "what the server keeps of the password is in no form known here")
        return Check(CheckResult.REFUSED, "the server keeps what the new password makes, and not what the old one does")

    def _check(self, credential: Secret) -> Check:
        try:
            with self._session(credential) as one:
                return self._let_in(one.identity())
        except Denied as error:
            return _judged(error)
        except (Unreachable, Lost) as error:
            return Check(CheckResult.UNKNOWN, _no_answer(error))

    def _let_in(self, who: Identity) -> Check:
        """Say what a login proves that the server let in."""
        if doubts := self._doubts(who):
            return Check(CheckResult.UNKNOWN, f"the login says nothing about the password: {doubts}")
        return Check(CheckResult.ACCEPTED, "the server asked for the password and let the account in")

    def _doubts(self, who: Identity) -> str:
        """Return why a login does not prove the password; empty if it does."""
        if who.name != self.account:
            return f"the server logged in the account {who.name!r}, expected {self.account!r}"
        if len(who.methods) != 1 or who.methods[0] not in rules.METHODS:
            known = ", ".join(sorted(rules.METHODS))
            return f"the account's login methods are {', '.join(who.methods) or 'unknown'}: expected one of {known}"
        return ""

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at(password_problems(new))
        try:
            with self._session(old, expired_too=True) as one:
                if one.expired:
                    self._change_expired(one, old, new)
                else:
                    self._change(one, old, new)
        except (Denied, Unreachable) as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {_in_words(error)}") from error

    def _change(self, one: Session, old: Secret, new: Secret) -> None:
        """Change the password in a session that the old one began."""
        try:
            who = self._begin(one, old)
            statement = _statement(one, who, new)
        except (Lost, Denied) as error:
            raise ConnectorError(f"unchanged: {error}") from error
        self._send(one, *statement)

    def _send(self, one: Session, statement: str, values: list[str | int | bytes]) -> None:
        """Send the statement of the change.

        Raises:
            ConnectorError: it is not in force, or nobody knows.
        """
        try:
            one.rows(statement, values)
        except Denied as error:
            raise ConnectorError(
                f"unchanged: the server refused: {error} (error {error.code})", rejected=error.code in RULES_REFUSE
            ) from error
        except Lost as error:
            raise ConnectorError(f"the change was sent and may be in place; its answer is missing: {error}") from error

    def _change_expired(self, one: Session, old: Secret, new: Secret) -> None:
        """Change an expired password: the server takes that statement, and ``SET`` of what nobody sees.

        The lock is taken in an expression that fails where it is not free; the second login is let in as the first.
        """
        if problems := _expired(one).problems:
            raise ConnectorError(f"unchanged: {problems[0]}")
        method, wait_s = one.method, max(1, int(self.time_limit_s / 2))
        try:
            one.rows(_LOCK_OR_FAIL, [wait_s])
        except (Denied, Lost) as error:
            busy = isinstance(error, Denied) and error.code == TWO_ROWS
            why = "another rotation of this account is under way" if busy else f"no lock: {error}"
            raise ConnectorError(f"unchanged: {why}") from error
        try:
            with self._session(old, expired_too=True) as again:
                stands = again.expired
        except (Denied, Lost, Unreachable) as error:
            words = f"the old credential was not accepted a second time: {_in_words(error)}"
            raise ConnectorError(f"unchanged: {words}") from error
        if not stands:
            raise ConnectorError("unchanged: the password was changed meanwhile")
        self._send(one, "SET PASSWORD = %s", [password_hash.HASHES[method](new)])

    def _begin(self, one: Session, old: Secret) -> Identity:
        """Take the lock, and make sure that the old password still holds."""
        who = one.identity()
        doubts = self._doubts(who)
        if doubts:
            raise ConnectorError(f"unchanged: {doubts}")
        wait_s = max(1, int(self.time_limit_s / 2))
        ((taken,),) = one.rows("SELECT GET_LOCK(%s, %s)", [_lock_name(who), wait_s])
        if taken != 1:
            raise ConnectorError("unchanged: another rotation of this account is under way")
        again = self._check(old)
        if again.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"unchanged: the old credential was not accepted a second time: {again.detail}")
        return who

    def _open_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return rules.others(one)

    def _end_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return rules.end_others(one, self.account, self.time_limit_s)

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        if credential is None:
            raise ConnectorError("the server tells when the password changed only to who logs in")
        with self._session(credential) as one:
            return rules.changed_at(one, one.identity())

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        return log.logins(self._target.log, self.account, since, self._log_zone)

    def _session(self, password: Secret, *, expired_too: bool = False) -> AbstractContextManager[Session]:
        return session(
            self._target, self.account, password, self.time_limit_s, self.on_login, expired_too=expired_too
        )  # fmt: skip


def _expired(one: Session) -> rules.Found:
    """Say what an expired password means for a rotation: MariaDB lets the account set another one, as a hash."""
    if not one.mariadb:
        return rules.Found([f"{BLOCKED[EXPIRED]}, and an administrator has to make it"])
    if one.method not in password_hash.HASHES:
        return rules.Found([f"the password is expired, and the account's login method {one.method} is not known here"])
    return rules.Found([], [EXPIRED_NOTE], allowance=Allowance())


def _statement(one: Session, who: Identity, new: Secret) -> tuple[str, list[str | int | bytes]]:
    """Return the statement that changes the password; it holds a hash and nothing else.

    Raises:
        ConnectorError: MySQL could not let in with this password, or keeps passwords in an unknown form.
    """
    (method,) = who.methods
    if one.mariadb:
        return "SET PASSWORD = %s", [password_hash.HASHES[method](new)]
    if long := rules.too_long(new):
        raise ConnectorError(f"unchanged: {long[0]}", rejected=True)
    if method != "caching_sha2_password":
        return f"ALTER USER CURRENT_USER() IDENTIFIED WITH '{method}' AS %s{_AND_NO_OTHER}", [password_hash.native(new)]
    form = rules.storage_form(one)
    stop_at(rules.form_problems(form))
    made = password_hash.caching_sha2(new, form).hex()
    return f"ALTER USER CURRENT_USER() IDENTIFIED WITH '{method}' AS 0x{made}{_AND_NO_OTHER}", []


def _no_answer(error: Unreachable | Lost) -> str:
    return f"no answer that can be believed: {error}"


def _in_words(error: Denied | Unreachable | Lost) -> str:
    """Say why there was no login."""
    if isinstance(error, Denied):
        return _USED_UP if _is_used_up(error) else BLOCKED.get(error.code, str(error))
    return str(error)


def _is_used_up(error: Denied) -> bool:
    """Tell whether a limit for an hour is reached, and no further attempt in it makes it better."""
    return error.code == LIMIT_REACHED and AN_HOUR in str(error)


def _judged(error: Denied) -> Check:
    """Say what an error during the login means."""
    if error.code == REFUSED_CODE:
        return Check(CheckResult.REFUSED, "the server asked for the password and refused it (error 1045)")
    is_known = error.code in BLOCKED or _is_used_up(error)
    words = _in_words(error) if is_known else f"no verdict about the password: {error}"
    return Check(CheckResult.UNKNOWN, f"{words} (error {error.code})", blocked=is_known)


def _lock_name(who: Identity) -> str:
    """Return the lock of an account, the same on every terminal; a name may have 64 characters."""
    return "breakglass." + hashlib.sha256(f"{who.name}@{who.host}".encode()).hexdigest()[:32]
