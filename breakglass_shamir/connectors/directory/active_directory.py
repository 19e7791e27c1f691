# SPDX-License-Identifier: Apache-2.0
"""The connector ``ad``: a user's password in an Active Directory domain, of Windows or Samba, over LDAP.

Sources: [MS-ADTS] 3.1.1.3.1.5 (``unicodePwd``) and 5.1.1.1.1 (simple bind); the numbers in a refused login are
Windows error codes, as in winerror.h.

What it does not do: it speaks neither NTLM nor Kerberos; for a principal's password over Kerberos see ``kerberos``.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import ldap.dn
import ldap.filter

from breakglass_shamir.connectors.directory import ad_audit, ad_rules
from breakglass_shamir.connectors.directory import session as ldap_session
from breakglass_shamir.connectors.directory.ad_rules import Rules
from breakglass_shamir.connectors.directory.ldap_policy import time_of
from breakglass_shamir.connectors.directory.session import Answer, Attributes, LdapSession, connect
from breakglass_shamir.connectors.port import options
from breakglass_shamir.connectors.port.answers import (
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
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import ADMIN_OPTIONS, NO_OPTIONS, TLS_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

ACTIVE_DIRECTORY = b"1.2.840.113556.1.4.800"
"""Capability by which Active Directory is told from other servers."""

WRONG_PASSWORD = 0x52E
"""ERROR_LOGON_FAILURE: the only number that is about the credential."""

STATES = {
    0x525: "there is no such account",
    0x52F: "the account may not log in this way",
    0x530: "the account may not log in at this time of day",
    0x531: "the account may not log in from here",
    0x532: "the password has expired",
    0x533: "the account is disabled",
    0x568: "the account's token is too large",
    0x701: "the account has expired",
    0x773: "the password must be changed before it opens anything",
    0x775: "the account is locked",
}
"""What the other numbers mean."""

_NOT_BLOCKED = frozenset({0x525})
_LOGIN_NUMBER = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
_CHANGE_NUMBER = re.compile(r"\b([0-9A-F]{8}):")
_AGAINST_RULES, _OLD_IS_WRONG = "0000052D", "00000056"
"""ERROR_PASSWORD_RESTRICTION and ERROR_INVALID_PASSWORD, as a refused modification begins."""


class ActiveDirectoryConnector(Connector):
    r"""A user's password in an Active Directory domain; target ``ad://domain-controller[:636]``.

    The account is ``name@realm``, ``DOMAIN\name`` or a DN; a plain ``name`` is taken to be of this domain.

    What it changes: the password of this one user, as the user and on condition of the old password: one
    modification that deletes the old ``unicodePwd`` and adds the new one. The rules of the domain apply.

    What it does not reach: sessions that are open, and Kerberos tickets that were issued (10 hours in most
    domains), live on until they end. An ordinary user cannot end them, so this connector does not try. Machines
    on which the account has logged in may keep a cached login for when no domain controller is there.

    The grace window: for 60 minutes after a change a domain controller still takes the *previous* password by
    NTLM (``OldPasswordAllowedPeriod`` in Windows, ``old password allowed period`` in Samba), and answers a simple
    bind alike: the check sees what NTLM sees. Where the domain has another period, say so with ``ntlm_minutes``.

    What it needs: libldap and python-ldap (the extra ``ldap``); LDAPS on the domain controller, with a
    certificate in whose name the target is written. ``ca`` names its authority. No administrator. For the watch,
    ``admin_account`` may be any user, and ``admin`` the program that prints its password.

    What it reads: the domain's rules, or the fine-grained policy that applies if the account may read it, and
    the account's own state. Logins: ``lastLogon`` of this domain controller (of interactive and Kerberos logins)
    and ``badPasswordTime``, the last of each; with ``audit_log`` every login in the JSON log of a Samba domain
    controller on this machine. Name every domain controller in ``rotation.endpoints``: a change takes a moment
    to reach the others, and the old credential is dead only when all of them refuse it.

    Arming: the operator is a user who may write ``accountExpires`` of this one. Sessions, Kerberos tickets and cached
    logins live until they end. Other domain controllers follow as the domain copies.

    What it cannot do: a password that has expired or must be changed lets nobody in over LDAP, not even to
    change it. Where one refused login locks the account, the old password is not tried: ``pwdLastSet`` shows its end,
    after the grace window. What it cannot tell: whether an account is there; some servers call a missing one a wrong
    password.
    """

    scheme: ClassVar[str] = "ad"
    grace_window_s: ClassVar[int] = 3600
    scope: ClassVar[str] = "this user's password in the domain; open sessions and Kerberos tickets live until they end"
    arms: ClassVar[bool] = True
    costs: ClassVar[Costs] = Costs(preflight=1, allowance=1, lifetime=1)
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "password_changed_at", "lifetime"})
    option_names: ClassVar[frozenset[str]] = TLS_OPTIONS | ADMIN_OPTIONS | {"ntlm_minutes", "audit_log"}

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._endpoint = ldap_session.endpoint_of(target, "ldaps", _tls(self.options), self.time_limit_s)
        if not account or not account.isprintable():
            raise InvalidInput(
                "account is missing: expected something like breakglass@example.com", hint="set target.account"
            )
        # What the class declares is the default of Windows and Samba; this domain may have another.
        vars(self)["grace_window_s"] = _ntlm_minutes(self.options) * 60
        log = self.options.get("audit_log", "")
        if log and not log.startswith("/"):
            raise InvalidInput("option audit_log: expected an absolute path")

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        now = datetime.now(UTC)
        with connect(self._endpoint) as session:
            root = _root(session)
            login = self._logged_in(session, root, current)
            problems = [*_server_problems(root), *_login_problems(login, is_own=current is not None)]
            _, account = self._entry(session, root)
            rules = _rules(session, root, account)
        told = {**account, "accountexpires": []} if self.ends_on_purpose else account
        notes = ["open sessions and Kerberos tickets live until they end", *ad_rules.notes(told, rules, now)]
        problems += ad_rules.problems(told, now)
        wait = ad_rules.min_age_until(account, rules, now)
        against = tuple(ad_rules.unfit(account, rules, new)) if new else ()
        own = login if current is not None else None
        allowance = _allowed(account, rules) if own and own.result is CheckResult.ACCEPTED else None
        return Preflight(
            tuple(problems), tuple(notes), wait, self.scope, against, own, allowance, ad_rules.runs_out(account)
        )

    def _lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        if credential is None and "admin" not in self.options:
            return ()
        with connect(self._endpoint) as session:
            return ad_rules.runs_out(self._seen(session, credential))

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None and "admin" not in self.options:
            return Allowance()
        with connect(self._endpoint) as session:
            account = self._seen(session, credential)
            rules = _rules(session, _root(session), account)
        return _allowed(account, rules)

    def _check(self, credential: Secret) -> Check:
        ldap_session.require_password(credential)
        try:
            with connect(self._endpoint) as session:
                return judge(session.bind(self._login_name(session), credential, self.on_login))
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))

    def _rotate(self, old: Secret, new: Secret) -> None:
        before, after = _unicode(old), _unicode(new)
        if old == new:
            raise ConnectorError("unchanged: expected another password, got the old one")
        with connect(self._endpoint) as session:
            root = _root(session)
            login = judge(session.bind(self._login_name(session), old, self.on_login))
            if login.result is not CheckResult.ACCEPTED:
                raise ConnectorError(f"unchanged: the old credential did not log in: {login.detail}")
            name, account = self._entry(session, root)
            if not name:
                raise ConnectorError(f"unchanged: {self.account} was let in but cannot be found in the domain")
            wait = ad_rules.min_age_until(account, _rules(session, root, account), datetime.now(UTC))
            changed = session.replace_values(name, "unicodePwd", before, after)
        if changed.code != ldap_session.SUCCESS:
            raise _not_changed(changed, wait)

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        with connect(self._endpoint) as session:
            return ad_rules.changed_at(self._seen(session, credential))

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        log = self.options.get("audit_log")
        if log:
            return ad_audit.logins(Path(log), frozenset({self._plain_name().lower()}), self.account, since)
        with connect(self._endpoint) as session:
            unread: list[str] = []
            found = list(_remembered(self._seen(session, None), self.account, unread))
        return Logins((login for login in found if login.at >= since), unread)

    def _arm(self, until: datetime, operator: Operator) -> datetime | None:
        with connect(self._endpoint) as session:
            name, _ = self._found(session, operator)
            answer = session.set_value(name, "accountExpires", str(ad_rules.to_filetime(until)).encode())
            if answer.code != ldap_session.SUCCESS:
                raise ConnectorError(f"the end of the account (accountExpires) could not be set: {answer.words}")
            return _clock(session)

    def _armed_until(self, operator: Operator | None) -> Armed:
        with connect(self._endpoint) as session:
            account = self._found(session, operator)[1] if operator else self._seen(session, None)
            return Armed(ad_rules.ends_at(account), _clock(session))

    def _found(self, session: LdapSession, operator: Operator) -> tuple[str, Attributes]:
        """Log in as the operator, and read the account."""
        answer = judge(session.bind(operator.account, operator.secret, ldap_session.nobody))
        if answer.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"the operator {operator.account} was not let in: {answer.detail}")
        name, account = self._entry(session, _root(session))
        if not name:
            raise ConnectorError(f"{self.account} cannot be found in the domain")
        return name, account

    def _seen(self, session: LdapSession, credential: Secret | None) -> Attributes:
        """Log in and read the account.

        Raises:
            ConnectorError: nobody was let in, or the account may not be read.
        """
        secret = credential or options.admin_secret(self.options)
        if secret is None:
            raise ConnectorError(
                "a domain tells nothing to nobody",
                hint="name a user that may read: options.admin_account, and options.admin prints its password",
            )
        name = self._login_name(session) if credential else self.options["admin_account"]
        answer = judge(session.bind(name, secret, self.on_login if credential else ldap_session.nobody))
        if answer.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"{name} was not let in: {answer.detail}")
        found, account = self._entry(session, _root(session))
        if not found:
            raise ConnectorError(f"{self.account} cannot be found in the domain")
        return account

    def _logged_in(self, session: LdapSession, root: Attributes, current: Secret | None) -> Check | None:
        """Log in if there is something to log in with; returns what was said to it."""
        secret = current or options.admin_secret(self.options)
        if secret is None:
            return None
        name = self._full_name(root) if current else self.options["admin_account"]
        return judge(session.bind(name, secret, self.on_login if current else ldap_session.nobody))

    def _login_name(self, session: LdapSession) -> str:
        """Return the name to log in with."""
        return self.account if _is_qualified(self.account) else self._full_name(_root(session))

    def _full_name(self, root: Attributes) -> str:
        if _is_qualified(self.account):
            return self.account
        context = root.get("defaultnamingcontext", [b""])[0].decode()
        parts = [value for rdn in ldap.dn.str2dn(context) for key, value, _ in rdn if key.lower() == "dc"]
        return f"{self.account}@{'.'.join(parts)}"

    def _plain_name(self) -> str:
        """Return the account's name without a domain."""
        if ldap.dn.is_dn(self.account):
            return str(ldap.dn.str2dn(self.account)[0][0][1])
        return self.account.rpartition("\\")[2].partition("@")[0]

    def _entry(self, session: LdapSession, root: Attributes) -> tuple[str, Attributes]:
        """Return the account's DN and what may be read of it; empty if it cannot be found."""
        if ldap.dn.is_dn(self.account):
            held = session.read(self.account, *ad_rules.ACCOUNT_ATTRIBUTES)
            return (self.account, held) if held is not None else ("", {})
        name, whole = (ldap.filter.escape_filter_chars(text) for text in (self._plain_name(), self.account))
        condition = f"(&(objectClass=user)(|(sAMAccountName={name})(userPrincipalName={whole})))"
        base = root.get("defaultnamingcontext", [b""])[0].decode()
        found = session.search(base, condition, ad_rules.ACCOUNT_ATTRIBUTES)
        return found[0] if len(found) == 1 else ("", {})


def judge(answer: Answer) -> Check:
    """Say what a domain controller's answer to a login means."""
    if answer.code == ldap_session.SUCCESS:
        return Check(CheckResult.ACCEPTED, "the domain controller let it in by a simple bind")
    told = _LOGIN_NUMBER.search(answer.words)
    number = int(told[1], 16) if told else 0
    if answer.code == ldap_session.INVALID_CREDENTIALS and number == WRONG_PASSWORD:
        return Check(CheckResult.REFUSED, "the domain controller called the password wrong (52e)")
    if answer.code == ldap_session.INVALID_CREDENTIALS and number in STATES:
        return Check(CheckResult.UNKNOWN, f"{STATES[number]} ({number:x})", blocked=number not in _NOT_BLOCKED)
    return Check(CheckResult.UNKNOWN, f"the domain controller gave no verdict: {answer.words}")


def _not_changed(answer: Answer, wait: datetime | None) -> ConnectorError:
    """Make the error for a change that the domain controller has refused."""
    told = _CHANGE_NUMBER.search(answer.words)
    number = told[1] if told else ""
    if number == _OLD_IS_WRONG:
        return ConnectorError("unchanged: the domain controller called the old password wrong")
    if number == _AGAINST_RULES and wait:
        return ConnectorError(
            f"unchanged: the domain takes no change before {wait}", hint="rotate after that (minPwdAge)"
        )
    rejected = number == _AGAINST_RULES
    hint = "the domain's rules: length, complexity, history; or a filter of its own" if rejected else ""
    return ConnectorError(
        f"unchanged: the domain controller refused the change: {answer.words}", hint=hint, rejected=rejected
    )


def _login_problems(login: Check | None, *, is_own: bool) -> Iterator[str]:
    if login is not None and login.result is not CheckResult.ACCEPTED:
        yield f"{'the credential in force' if is_own else 'admin_account'} did not log in: {login.detail}"


def _allowed(account: Attributes, rules: Rules) -> Allowance:
    return Allowance(ad_rules.wrong_left(account, rules), why=f"lockoutThreshold is {rules.lockout_threshold}")


def _remembered(account: Attributes, name: str, unread: list[str]) -> Iterator[Login]:
    """Return the last login and the last failure, as this domain controller remembers them.

    Args:
        account: what was read of it.
        name: how the login calls it.
        unread: takes what could not be read, a sentence each.
    """
    seen: dict[datetime, Login] = {}
    for attribute, accepted in (("lastLogonTimestamp", True), ("lastLogon", True), ("badPasswordTime", False)):
        value = ad_rules.number(account, attribute)
        if value > 0:
            try:
                at = ad_rules.filetime(value)
            except (ValueError, OverflowError):
                unread.append(f"{attribute} of the account holds a time that is in no calendar")
                continue
            seen[at] = Login(at, name, "", accepted, attribute)
    yield from seen.values()


def _clock(session: LdapSession) -> datetime | None:
    """Return the domain controller's time ([MS-ADTS] 3.1.1.3.2.4); None where it does not tell."""
    try:
        return time_of(session.read("", "currentTime") or {}, "currentTime")
    except ValueError:
        return None


def _root(session: LdapSession) -> Attributes:
    return session.read("", "defaultNamingContext", "supportedCapabilities") or {}


def _server_problems(root: Attributes) -> Iterator[str]:
    if ACTIVE_DIRECTORY not in root.get("supportedcapabilities", []):
        yield "this server is no Active Directory: expected a target like ldap://host or ldaps://host"


def _rules(session: LdapSession, root: Attributes, account: Attributes) -> Rules:
    fine = account.get("msds-resultantpso")
    policy = session.read(fine[0].decode(), *ad_rules.FINE_ATTRIBUTES) if fine else None
    domain = session.read(root.get("defaultnamingcontext", [b""])[0].decode(), *ad_rules.DOMAIN_ATTRIBUTES)
    return ad_rules.rules_of(domain, policy)


def _is_qualified(account: str) -> bool:
    return "@" in account or "\\" in account or bool(ldap.dn.is_dn(account))


def _unicode(secret: Secret) -> bytes:
    """Write a password as ``unicodePwd`` wants it: in quotation marks, in UTF-16.

    Raises:
        ConnectorError: it is empty or no text.
    """
    try:
        text = secret.reveal().decode()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise ConnectorError("unchanged: expected a password that is text in UTF-8, got none")
    return f'"{text}"'.encode("utf-16-le")


def _ntlm_minutes(given: Mapping[str, str]) -> int:
    text = given.get("ntlm_minutes", str(ActiveDirectoryConnector.grace_window_s // 60))
    if not re.fullmatch(r"\d{1,5}", text):
        raise InvalidInput(f"option ntlm_minutes: expected whole minutes, got {text!r}")
    return int(text)


def _tls(given: Mapping[str, str]) -> options.Tls:
    options.check_admin(given)
    tls = options.tls(given)
    if not tls.verify:
        raise InvalidInput("option tls: expected verify, got off: a domain takes a password over TLS only")
    return tls
