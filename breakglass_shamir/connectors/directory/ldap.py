# SPDX-License-Identifier: Apache-2.0
"""The connectors ``ldap`` and ``ldaps``: an account's password in an LDAP directory such as OpenLDAP.

What it does not do: Active Directory keeps passwords in another way; see ``active_directory``.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import ClassVar

import ldap.dn
import ldap.filter

from breakglass_shamir.connectors.directory import ldap_policy
from breakglass_shamir.connectors.directory import session as ldap_session
from breakglass_shamir.connectors.directory.session import Answer, Attributes, LdapSession, connect
from breakglass_shamir.connectors.port import marks, options
from breakglass_shamir.connectors.port.answers import (
    Allowance,
    Armed,
    Check,
    CheckResult,
    Login,
    Logins,
    Operator,
    Preflight,
    since_when,
)
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.log_files import UNREAD_MAX
from breakglass_shamir.connectors.port.options import ADMIN_OPTIONS, NO_OPTIONS, TLS_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - the object identifier of RFC 3062
ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
"""Capability by which Active Directory is told from other servers."""

EXPIRED, LOCKED, MUST_CHANGE, NOT_ALLOWED, SUPPLY_OLD, QUALITY, SHORT, YOUNG, IN_HISTORY = range(9)
"""Errors of the password policy control, section 6.2 of the draft."""

MUST_BE_CHANGED = "the password is right, but was reset by an administrator, and opens nothing but its own change"
"""What a reset password means; it can be rotated all the same."""

COUNTED = "pwdMaxFailure"
"""What limits refused logins."""

_UNFIT = frozenset({QUALITY, SHORT, IN_HISTORY})
_BLOCKED = frozenset({ldap_session.CONSTRAINT_VIOLATION, ldap_session.UNWILLING})
"""Result codes by which servers (389 Directory among them) answer the login of a locked account."""


_TRACKED = re.compile(rb'\{1\.3\.6\.1\.4\.1\.21008\.108\.63\.1 [^{}"]{0,40}controlValue "((?:[0-9A-Fa-f]{2}){1,500})"')
"""A request's control as slapo-accesslog keeps it."""


class LdapConnector(Connector):
    """An account's password in an LDAP directory; target ``ldap://host[:389]``, account: its DN.

    What it changes: the password of this one entry, by the password modify operation (RFC 3062), as the account
    itself and with its old password. Where the account has a password policy, the policy applies.

    What it does not reach: sessions that are open stay logged in until they end; an ordinary account cannot end
    them, so this connector does not try. Other servers that copied the hash (caches, exports) keep it. Replicas
    follow in their own time: name each in ``rotation.endpoints``, and the old credential is dead only when all
    of them refuse it.

    What it needs: libldap and python-ldap (the extra ``ldap``); a server that offers RFC 3062; the right of the
    account to change its own password. The connection is made by StartTLS and its certificate verified; ``ca``
    names the authority. With ``tls`` off the password crosses the network in the clear. No administrator is
    needed. Where the account may not read its own policy, and for the watch, ``admin_account`` may be the DN of
    any entry that may read, and ``admin`` the program that prints its password.

    What it reads: the policy in ``pwdPolicySubentry``, or in the entry that ``password_policy`` names, since a
    server's default policy stands only in its configuration. Logins: ``pwdLastSuccess`` (or ``authTimestamp``)
    and ``pwdFailureTime``; the first is the last login only, and needs ``lastbind on``. With ``access_log`` (such
    as ``cn=accesslog``) every login in that log of slapo-accesslog, as long as it keeps them.

    What it cannot tell: an account that does not exist looks like a wrong password. So does a locked one on a
    server without the password policy control, or without ``ppolicy_use_lockout``, unless ``admin_account`` can
    read ``pwdAccountLockedTime``. That is why a rotation is proven by the new credential being accepted before
    and after the old one is refused.

    Arming: the operator is an entry that may write ``pwdEndTime`` of the account, which slapo-ppolicy of OpenLDAP 2.5
    and later honours; it must be loaded. Connections that are open stay logged in. The server tells its clock by the
    ``modifyTimestamp`` of that change.

    What its questions cost: each is a bind. With an expired password each is a grace login; they are counted, and
    where they can be read beforehand none is spent that the change needs. Where one refused login locks the account,
    the old credential is not tried: ``pwdChangedTime`` shows its end.
    """

    scheme: ClassVar[str] = "ldap"
    grace_window_s: ClassVar[int] = 0
    arms: ClassVar[bool] = True
    costs: ClassVar[Costs] = Costs(preflight=1, allowance=1)
    scope: ClassVar[str] = "this account's password in the directory; open connections stay"
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "password_changed_at"})
    option_names: ClassVar[frozenset[str]] = TLS_OPTIONS | ADMIN_OPTIONS | {"password_policy", "access_log"}

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        tls = _tls(self.options, self.scheme)
        self._endpoint = ldap_session.endpoint_of(target, self.scheme, tls, self.time_limit_s)
        if not account or not ldap.dn.is_dn(account):
            raise InvalidInput(
                "account is not a DN: expected something like uid=breakglass,ou=people,dc=example,dc=com",
                hint="set target.account",
            )

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        now = datetime.now(UTC)
        with connect(self._endpoint) as session:
            problems, login, left = [*_server_problems(session)], None, None
            if spent := self._grace_is_spent(session, now) if current else []:
                problems += spent
                policy, account = self._rules(session)
            else:
                login, left = self._log_in(session, current)
                problems += _login_problems(login, left, self.costs.rotate)
                policy, account = self._rules(session)
        notes = ["connections that are open stay logged in until they end", *self._own_notes(policy)]
        told = {**account, "pwdendtime": []} if self.ends_on_purpose else account
        problems += ldap_policy.problems(policy, told, now)
        notes += ldap_policy.notes(policy, told, now)
        wait = ldap_policy.min_age_until(policy, account, now)
        unfit = tuple(ldap_policy.unfit(policy, new)) if new else ()
        allowance = _allowed(policy, account, now, left, login)
        return Preflight(tuple(problems), tuple(notes), wait, self.scope, unfit, login, allowance)

    def _grace_is_spent(self, session: LdapSession, now: datetime) -> list[str]:
        """Say, before a grace login is spent on asking, that too few are left; empty where that cannot be read."""
        if "admin" in self.options:
            self._log_in(session, None)
        policy, account = self._rules(session)
        left, needed = ldap_policy.grace_left(policy, account, now), self.costs.preflight + self.costs.rotate
        if left is None or left >= needed:
            return []
        return [
            f"the password has expired and {left} grace logins are left, of which this rotation needs {needed}: none "
            "was spent; an administrator has to set the password, then split or rotate"
        ]

    def _allowance(self, credential: Secret | None) -> Allowance:
        now = datetime.now(UTC)
        with connect(self._endpoint) as session:
            login, left = self._log_in(session, credential)
            policy, account = self._rules(session)
        if credential is None:
            return Allowance(ldap_policy.wrong_left(policy, account, now, let_in=False), why=COUNTED)
        return _allowed(policy, account, now, left, login) or Allowance()

    def _check(self, credential: Secret) -> Check:
        ldap_session.require_password(credential)
        try:
            with connect(self._endpoint) as session:
                found = judge(session.bind(self.account, credential, self.on_login))
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))
        return self._unless_locked(found) if found.result is CheckResult.REFUSED else found

    def _rotate(self, old: Secret, new: Secret) -> None:
        if old == new or not len(new):
            raise ConnectorError("unchanged: expected another password, got the old one or none")
        with connect(self._endpoint) as session:
            answer = session.bind(self.account, old, self.on_login)
            if answer.code != ldap_session.SUCCESS:
                raise ConnectorError(f"unchanged: the old credential did not log in: {judge(answer).detail}")
            changed = session.change_password(self.account, old, new)
        if changed.code != ldap_session.SUCCESS:
            raise _not_changed(changed)

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        with connect(self._endpoint) as session:
            self._log_in(session, credential)
            return ldap_policy.changed_at(self._entry(session))

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        with connect(self._endpoint) as session:
            self._log_in(session, None)
            log = self.options.get("access_log")
            if session.read(log or self.account, "objectClass") is None:
                raise ConnectorError(
                    f"{log or 'the entry of the account'} may not be read",
                    hint="name an entry that may: options.admin_account, and options.admin prints its password",
                )
            unread: list[str] = []
            found = list(self._logged(session, log, unread) if log else self._remembered(session, unread))
        return Logins(since_when(found, since), unread[:UNREAD_MAX])

    def _arm(self, until: datetime, operator: Operator) -> datetime | None:
        with connect(self._endpoint) as session:
            self._let_in(session, operator)
            written = f"{until:%Y%m%d%H%M%SZ}".encode()
            answer = session.set_value(self.account, "pwdEndTime", written)
            if answer.code != ldap_session.SUCCESS:
                raise ConnectorError(f"the end of the account (pwdEndTime) could not be set: {answer.words}")
            return ldap_policy.time_of(session.read(self.account, "modifyTimestamp") or {}, "modifyTimestamp")

    def _armed_until(self, operator: Operator | None) -> Armed:
        with connect(self._endpoint) as session:
            if operator:
                self._let_in(session, operator)
            else:
                self._log_in(session, None)
            entry = session.read(self.account, "objectClass", "pwdEndTime")
        if not entry:
            raise ConnectorError("the entry of the account may not be read")
        return Armed(ldap_policy.time_of(entry, "pwdEndTime"))

    def _let_in(self, session: LdapSession, operator: Operator) -> None:
        answer = session.bind(operator.account, operator.secret, ldap_session.nobody)
        if answer.code != ldap_session.SUCCESS:
            raise ConnectorError(f"the operator {operator.account} was not let in: {answer.words}")

    def _log_in(self, session: LdapSession, credential: Secret | None) -> tuple[Check | None, int | None]:
        """Log in to read: as the account, else as the reader; returns what was said to the account, and grace logins.

        Raises:
            ConnectorError: the reader was not let in.
        """
        if credential is not None:
            told = session.bind(self.account, credential, self.on_login)
            return judge(told), told.grace_logins
        secret = options.admin_secret(self.options)
        if secret is None:
            return None, None
        answer = session.bind(self.options["admin_account"], secret, ldap_session.nobody)
        if answer.code != ldap_session.SUCCESS:
            raise ConnectorError(f"admin_account was not let in: {answer.words}")
        return None, None

    def _entry(self, session: LdapSession) -> Attributes:
        return session.read(self.account, *ldap_policy.ACCOUNT_ATTRIBUTES) or {}

    def _rules(self, session: LdapSession) -> tuple[Attributes, Attributes]:
        """Read the policy that holds for the account, and the account; empty where nobody may."""
        account = self._entry(session)
        named = account.get("pwdpolicysubentry")
        place = named[0].decode() if named else self.options.get("password_policy", "")
        policy = session.read(place, *ldap_policy.POLICY_ATTRIBUTES) if place else None
        return policy or {}, account

    def _own_notes(self, policy: Attributes) -> Iterator[str]:
        if not self._endpoint.tls.verify:
            yield "the connection is not encrypted: the password crosses the network in the clear (options.tls)"
        if not policy:
            yield "no password policy could be read; if there is one, name its entry: options.password_policy"

    def _unless_locked(self, refused: Check) -> Check:
        """Pass *refused* on unless a reader sees that the account is locked; without a reader nobody can see it."""
        locked = False
        if "admin" in self.options:
            with contextlib.suppress(ConnectorError), connect(self._endpoint) as session:
                self._log_in(session, None)
                locked = ldap_policy.is_locked(self._entry(session))
        if not locked:
            return refused
        return Check(CheckResult.UNKNOWN, "the account is locked, so that any password is refused", blocked=True)

    def _remembered(self, session: LdapSession, unread: list[str]) -> Iterator[Login]:
        """Return what the account's entry remembers: the last login, and the failures since.

        Args:
            session: logged in.
            unread: takes what could not be read, a sentence each.
        """
        entry = self._entry(session)
        for name, accepted in (("pwdLastSuccess", True), ("authTimestamp", True), ("pwdFailureTime", False)):
            for value in entry.get(name.lower(), ()):
                try:
                    at = ldap_policy.generalized_time(value.decode())
                except ValueError:
                    unread.append(f"{name} of the account holds a time that could not be read")
                    continue
                yield Login(at, self.account, "", accepted, name)

    def _logged(self, session: LdapSession, log: str, unread: list[str]) -> Iterator[Login]:
        """Return what the server's access log has of the account; arguments as :meth:`_remembered`."""
        name = ldap.filter.escape_filter_chars(self.account)
        found = session.search(
            log,
            f"(&(objectClass=auditBind)(reqDN={name}))",
            ("reqStart", "reqResult", "reqSession", "reqMethod", "reqControls"),
        )
        for name_of_entry, entry in found:
            try:
                accepted = entry["reqresult"][0] == b"0"
                method, number = (entry.get(key, [b""])[0].decode() for key in ("reqmethod", "reqsession"))
                # The fraction of reqStart is a counter of operations, not a part of the second.
                at = ldap_policy.generalized_time(entry["reqstart"][0].decode()).replace(microsecond=0)
            except (ValueError, LookupError):
                shown = "".join(filter(str.isprintable, name_of_entry))[:200]
                unread.append(f"the entry {shown} is of a login of the account and could not be read")
                continue
            mark = _mark(entry.get("reqcontrols", []), number)
            yield Login(at, self.account, f"connection {number}", accepted, f"{log}: {method} bind", mark)


class LdapsConnector(LdapConnector):
    """An account's password in an LDAP directory over TLS from the first byte; target ``ldaps://host[:636]``.

    In everything else it is the connector ``ldap``.
    """

    scheme: ClassVar[str] = "ldaps"


def _mark(controls: list[bytes], number: str) -> str:
    """Return what tells a login in an access log: the name that this program sent with it, else its connection.

    Args:
        controls: of the request, each its OID and its value in hexadecimal.
        number: of the connection.
    """
    for control in controls:
        value = _TRACKED.search(control)
        name = marks.NAME.search(bytes.fromhex(value[1].decode()).decode("ascii", "replace")) if value else None
        if name:
            return marks.of_name(name[0])
    return marks.of_connection(number) if number else ""


def judge(answer: Answer) -> Check:
    """Say what the answer to a login means.

    Args:
        answer: of a simple bind with the password policy control.
    """
    if answer.code == ldap_session.SUCCESS:
        return _let_in(answer)
    if answer.policy_error == LOCKED:
        return Check(CheckResult.UNKNOWN, "the account is locked, so that any password is refused", blocked=True)
    if answer.policy_error == EXPIRED:
        return Check(CheckResult.UNKNOWN, "the password has expired and no grace login is left", blocked=True)
    if answer.code == ldap_session.INVALID_CREDENTIALS:
        return Check(CheckResult.REFUSED, "the server called the credentials invalid")
    blocked = answer.code in _BLOCKED
    return Check(CheckResult.UNKNOWN, f"the server gave no verdict: {answer.words}", blocked=blocked)


def _let_in(answer: Answer) -> Check:
    if answer.policy_error == MUST_CHANGE:
        return Check(CheckResult.UNKNOWN, MUST_BE_CHANGED, blocked=True)
    if answer.grace_logins is not None:
        detail = f"the server let it in; the password has expired, and {answer.grace_logins} grace logins are left"
        return Check(CheckResult.ACCEPTED, detail)
    return Check(CheckResult.ACCEPTED, "the server let it in by a simple bind")


def _not_changed(answer: Answer) -> ConnectorError:
    """Make the error for a change that the server has refused."""
    rejected = answer.policy_error in _UNFIT
    hint = {
        YOUNG: "the policy wants the present password to grow older first (pwdMinAge); rotate after that",
        NOT_ALLOWED: "the policy or the access rules do not let the account change its own password",
    }.get(-1 if answer.policy_error is None else answer.policy_error, "")
    return ConnectorError(f"unchanged: the server refused the change: {answer.words}", hint=hint, rejected=rejected)


def _server_problems(session: LdapSession) -> Iterator[str]:
    root = session.read("", "supportedExtension", "supportedCapabilities") or {}
    if ACTIVE_DIRECTORY.encode() in root.get("supportedcapabilities", []):
        yield "this server is an Active Directory: expected a target like ad://host"
    elif root.get("supportedextension") and PASSWORD_MODIFY.encode() not in root["supportedextension"]:
        yield "the server does not offer the password modify operation (RFC 3062)"


def _login_problems(login: Check | None, left: int | None, needed: int) -> Iterator[str]:
    changeable = login is None or login.result is CheckResult.ACCEPTED or login.detail == MUST_BE_CHANGED
    if login is not None and not changeable:
        yield f"the credential in force did not log in: {login.detail}"
    if left is not None and left < needed:
        yield (
            f"the password has expired and {left} grace logins are left, of which the change needs {needed}: an "
            "administrator has to set the password"
        )


def _allowed(
    policy: Attributes, account: Attributes, now: datetime, left: int | None, login: Check | None
) -> Allowance | None:
    """Say how many more logins the server takes; None where the account was not let in."""
    if login is None or login.result is not CheckResult.ACCEPTED:
        return None
    wrong = ldap_policy.wrong_left(policy, account, now, let_in=True)
    return Allowance(wrong, left, ldap_policy.delay_s(policy), COUNTED)


def _tls(given: Mapping[str, str], scheme: str) -> options.Tls:
    options.check_admin(given)
    tls = options.tls(given)
    if scheme == "ldaps" and not tls.verify:
        raise InvalidInput("option tls: expected verify with ldaps, got off")
    return tls
