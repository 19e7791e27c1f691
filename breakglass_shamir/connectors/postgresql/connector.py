# SPDX-License-Identifier: Apache-2.0
"""The password of a PostgreSQL role as a break-glass credential.

Rules:

1. Only the server decides whether a password is right: *accepted* needs that it asked for it and let the role in,
   *refused* needs SQLSTATE 28P01. Everything else, 28000 above all, is *unknown*.
2. The server gets a SCRAM verifier, never the new password: it stands in no statement, log or view there.
3. The steps of a rotation, in one transaction: log in with the old password; take the lock that every terminal takes;
   log in with the old password once more, since another terminal may have changed it while this one waited; change;
   commit, with the commit on the server's disk.

What it does not do: it changes no role but the one it logs in as, and needs no superuser. To arm the role is
another's: an operator, who moves ``VALID UNTIL`` and nothing else.
"""

import hashlib
import re
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
from breakglass_shamir.connectors.port.answers import (
    Access,
    Allowance,
    Armed,
    Check,
    CheckResult,
    Lifetime,
    Login,
    Operator,
    Preflight,
)
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.connectors.postgresql import access, log, rules, verifier
from breakglass_shamir.connectors.postgresql.session import Session, answers, nobody, session
from breakglass_shamir.errors import ConnectorError
from breakglass_shamir.hygiene import Secret

ACCOUNT_MAX_BYTES = 63
"""Longest name of a role (NAMEDATALEN - 1)."""

REFUSED_STATE = "28P01"
"""SQLSTATE invalid_password."""

NOT_ALLOWED_IN = "28000"
"""SQLSTATE invalid_authorization_specification: pg_hba.conf, NOLOGIN, a certificate; never the password."""

RULES_REFUSE = "22023"
"""SQLSTATE invalid_parameter_value: what a password checking module says to a password that breaks its rules."""

_LET_IN = "the server asked for the password and let the role in"
_NOT_ASKED = "the server lets the role in without asking for a password"
_VERIFIER = re.compile(r"SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")


class PostgresqlConnector(Connector):
    """Password of a role; target ``postgresql://HOST[:5432]/DATABASE``, or ``postgresql:///DATABASE`` for a socket.

    What it changes: the password of the role ``target.account``, by ``ALTER ROLE``, as that role. It is stored as a
    SCRAM-SHA-256 verifier that is made here, under a fresh salt. ``VALID UNTIL`` and everything else stay.

    What it needs: the extra ``breakglass-shamir[postgresql]``. PostgreSQL 10 or later. A line in ``pg_hba.conf`` that
    lets the role in with ``scram-sha-256`` (or ``md5``) from the terminal. Two free connections, also under the
    role's ``CONNECTION LIMIT``. TLS with a certificate of the host's name, from an authority of the system or in
    option ``ca``. ``tls = "off"`` is a connection in the clear: then anybody on the way can answer for the server.
    Over a Unix socket (option ``socket``: its folder, default /run/postgresql) there is no TLS.

    What it does not reach: passwords that clients keep (``.pgpass``, poolers, applications); other ways into the role
    in ``pg_hba.conf`` (``trust``, ``peer``, certificates, LDAP); other roles, and superusers who can become this one.
    A standby follows the primary as replication does: list it under ``rotation.endpoints`` and it is waited for. Name
    the server itself and not a pooler: PgBouncer keeps a list of passwords of its own.

    What it cannot tell: the server uses the same words and code for a wrong password, a role that does not exist, a
    role without a password and one whose ``VALID UNTIL`` is over. That is why a rotation is proven by the new
    credential being accepted before and after the old one is refused. PostgreSQL does not keep when a password was
    changed.

    What the server's log shows: with ``log_statement`` on, the verifier. It is salted and not the password, but a
    short password could be guessed from it: leave ``rotation.length`` at 20 or more. The module ``credcheck`` takes
    verifiers only with ``credcheck.encrypted_password_allowed = on``.

    Logins come from the server's own log (option ``log``), in its formats csvlog, jsonlog or stderr, with
    ``log_connections = on``, ``log_timezone = 'UTC'`` and English ``lc_messages``; the file must be readable here.

    What its questions cost: each is a connection, of which two may be open at one time. Where the module credcheck
    bans a role at the first wrong password, the old one is not tried: a role that may read ``pg_authid`` compares.

    Snapshots (``use.snapshots``) need PostgreSQL 11 or later: roles and members of the server, and of the database in
    the URI grants, default privileges, functions that run as their owner, and event triggers, from the catalogs.

    Arming: the operator is a role with ``CREATEROLE``, and from PostgreSQL 16 on with ``ADMIN OPTION`` on the role;
    it moves ``VALID UNTIL``. That ends passwords only: sessions go on, and so do certificates, ``trust`` and ``peer``.

    Ending sessions: every other connection of the role is ended by ``pg_terminate_backend``.
    """

    scheme: ClassVar[str] = "postgresql"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this role on this server and its standbys"
    abilities: ClassVar[frozenset[str]] = frozenset(
        {"logins_since", "open_sessions", "end_sessions", "lifetime", "snapshot"}
    )
    option_names: ClassVar[frozenset[str]] = DATABASE_OPTIONS
    arms: ClassVar[bool] = True
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=2, sessions=1, allowance=1, compare=1, lifetime=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._target = database_target(target, options, port=5432, socket="/run/postgresql")
        require_account(self.scheme, account, ACCOUNT_MAX_BYTES)

    def missing(self) -> tuple[str, ...]:
        """Return whether the driver is not there."""
        return driver_problems("psycopg", "postgresql")

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems, notes = password_problems(new) if new else [], rules.fixed_notes(self._target, new)
        login, allowance = None, None
        ends: tuple[Lifetime, ...] = ()
        if not answers(self._target, self.account, self.time_limit_s):
            problems.append(f"no PostgreSQL server that can be believed answers at {self._target.in_words}")
        elif current:
            found, login = self._asked_as_account(current)
            problems += found.problems
            notes += found.notes
            allowance, ends = found.allowance, found.runs_out
        return Preflight(tuple(problems), tuple(notes), None, self.scope, (), login, allowance, ends)

    def _asked_as_account(self, current: Secret) -> tuple[rules.Found, Check]:
        """Ask the server about the role, as the role; returns what it said to the login, too."""
        try:
            with self._session(current) as one:
                if not one.asked:
                    return rules.Found([_NOT_ASKED]), Check(CheckResult.UNKNOWN, _NOT_ASKED)
                return rules.found(one, self.account, ends_on_purpose=self.ends_on_purpose), Check(
                    CheckResult.ACCEPTED, _LET_IN
                )
        except Denied as error:
            judged = _judged(error)
            if judged.result is CheckResult.REFUSED:
                judged = Check(judged.result, f"{judged.detail}; a VALID UNTIL that is over looks the same")
            return rules.Found([f"the role could not log in to be asked: {judged.detail}"]), judged
        except (Unreachable, Lost) as error:
            unknown = Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")
            return rules.Found([f"the role could not log in to be asked: {error}"]), unknown

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None:
            return Allowance()
        with self._session(credential) as one:
            return rules.allowed(one)

    def _lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        if credential is None:
            return ()
        with self._session(credential) as one:
            return rules.runs_out(one)

    def _compare(self, new: Secret, old: Secret) -> Check:
        with self._session(new) as one:
            kept = rules.kept(one)
        of_new, of_old = (verifier.made_of(kept, self.account, secret) for secret in (new, old))
        if of_old:
            return Check(CheckResult.ACCEPTED, "the server keeps what the old password makes")
        if of_old is None or not of_new:
            return Check(CheckResult.UNKNOWN, "the role may not read the verifier that the server keeps")
        return Check(CheckResult.REFUSED, "the server keeps the verifier of the new password, and not of the old one")

    def _check(self, credential: Secret) -> Check:
        try:
            with self._session(credential) as one:
                if not one.asked:
                    return Check(CheckResult.UNKNOWN, _NOT_ASKED)
        except Denied as error:
            return _judged(error)
        except Unreachable as error:
            return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")
        return Check(CheckResult.ACCEPTED, _LET_IN)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at(password_problems(new))
        try:
            with self._session(old) as one:
                self._change(one, old, new)
        except (Denied, Unreachable) as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {error}") from error

    def _change(self, one: Session, old: Secret, new: Secret) -> None:
        """Change the password inside one transaction of a session that the old one began."""
        try:
            verifier = self._begin(one, old, new)
            one.rows(f"ALTER ROLE SESSION_USER PASSWORD '{verifier}'")
        except Lost as error:
            raise ConnectorError(f"unchanged: {error}") from error
        except Denied as error:
            raise ConnectorError(
                f"unchanged: the server refused: {error} (SQLSTATE {error.code})",
                rejected=error.code == RULES_REFUSE,
            ) from error
        try:
            one.rows("COMMIT")
        except (Lost, Denied) as error:
            raise ConnectorError(f"the change was sent and may be in place; its answer is missing: {error}") from error

    def _begin(self, one: Session, old: Secret, new: Secret) -> str:
        """Take the lock, and make sure that the old password still holds; return the verifier of the new one."""
        if not one.asked:
            raise ConnectorError("unchanged: the server lets the role in without asking for a password")
        one.rows("BEGIN")
        one.rows("SET LOCAL ROLE NONE")
        one.rows("SET LOCAL synchronous_commit = 'on'")
        one.rows("SELECT set_config('lock_timeout', $1, true)", [f"{int(self.time_limit_s * 500)}ms"])
        one.rows("SELECT pg_advisory_xact_lock($1::bigint)", [str(_lock_number(self.account))])
        ((role,),) = one.rows("SELECT session_user::text")
        if role != self.account:
            raise ConnectorError(f"unchanged: the server logged in the role {role}, expected {self.account}")
        again = self._check(old)
        if again.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"unchanged: the old credential was not accepted a second time: {again.detail}")
        verifier = one.verifier(new, self.account)
        if not _VERIFIER.fullmatch(verifier):
            raise ConnectorError("unchanged: libpq made no SCRAM verifier")
        return verifier

    def _open_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return rules.others(one)

    def _end_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return rules.end_others(one, self.time_limit_s)

    def _snapshot(self, credential: Secret) -> Access:
        with self._session(credential) as one:
            return access.listed(one)

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        return log.logins(self._target.log, self.account, since)

    def _arm(self, until: datetime, operator: Operator) -> datetime | None:
        with session(self._target, operator.account, operator.secret, self.time_limit_s, nobody) as one:
            try:
                return rules.set_until(one, self.account, until)
            except Denied as error:
                raise ConnectorError(f"the operator may not do that: {error} (SQLSTATE {error.code})") from error

    def _armed_until(self, operator: Operator | None) -> Armed:
        if operator is None:
            raise ConnectorError("PostgreSQL tells the end of a role to who logs in, and nobody is named to ask as")
        with session(self._target, operator.account, operator.secret, self.time_limit_s, nobody) as one:
            return rules.armed(one, self.account)

    def _session(self, password: Secret) -> AbstractContextManager[Session]:
        return session(self._target, self.account, password, self.time_limit_s, self.on_login)


def _judged(error: Denied) -> Check:
    """Say what an error during the login means."""
    if error.code == REFUSED_STATE:
        return Check(CheckResult.REFUSED, "the server asked for the password and refused it (SQLSTATE 28P01)")
    return Check(
        CheckResult.UNKNOWN,
        f"no verdict about the password: {error} (SQLSTATE {error.code})",
        blocked=error.code == NOT_ALLOWED_IN,
    )


def _lock_number(account: str) -> int:
    """Return the advisory lock of a role: the same number on every terminal."""
    digest = hashlib.sha256(f"breakglass rotation of {account}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
