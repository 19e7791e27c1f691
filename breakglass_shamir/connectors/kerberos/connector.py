# SPDX-License-Identifier: Apache-2.0
"""The connector ``kerberos``: a principal's password in a Kerberos realm, by the MIT programs.

Source: RFC 4120 (the answers of a KDC), RFC 3244 (changing a password).

What it does not do: it judges the programs' words, so it needs MIT's; Heimdal's speak otherwise.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from breakglass_shamir.connectors.kerberos import log as kerberos_log
from breakglass_shamir.connectors.kerberos import rules, ticket, tools
from breakglass_shamir.connectors.kerberos.rules import Facts
from breakglass_shamir.connectors.kerberos.tools import Run, Site
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
from breakglass_shamir.connectors.port.options import ADMIN_OPTIONS, NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

REFUSALS = ("Password incorrect while", "Preauthentication failed while")
"""What kinit says when the KDC, or the ticket it sent, rejects the password itself."""

EXPIRED = "the password has expired, and opens nothing but its own change"
"""What an expired password means; it can be rotated all the same."""

STATES = {
    "credentials have been revoked": "the principal is locked",
    "entry in database has expired": "the principal has expired",
    "Password has expired": EXPIRED,
    "Password expired": EXPIRED,
}
"""What kinit says of a principal that is shut, whatever the password."""

CHANGING = "kadmin/changepw"
"""The service that changes passwords."""

TICKET_MAX_BYTES = 256 << 10
"""As much of a file of tickets as is read."""

_NO_TICKET = ("Password incorrect", "Incorrect password", "Cannot contact any KDC", "getting initial ticket")
"""What kpasswd and kadmin say where the KDC let nobody in."""

_PRINCIPAL = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*(@[A-Za-z0-9._-]+)?")
_REALM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SERVER = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_TOO_SOON = "changed too recently"
_EXCHANGES = 3
"""Answers that kpasswd and kadmin wait for in one run."""


class KerberosConnector(Connector):
    """A principal's password in a Kerberos realm; target ``kerberos://kdc[:88]/REALM``, or ``kerberos:///REALM``.

    The account is the principal, such as ``breakglass/admin``, of this realm and no other. With a KDC in the target
    that one is asked, and the system's krb5.conf is not read. Without one the system's settings hold, or those that
    ``krb5_conf`` names.

    What it changes: the principal's password, as the principal and with the old password, by kpasswd (RFC 3244).
    ``kpasswd_server`` names that service where it is not the KDC's host, port 464.

    What it does not reach: tickets that were issued before stay good until they end; nobody can end them, so this
    connector does not try. Keytabs made from the old password stop working. Services to which somebody is logged
    in by a ticket do not ask again.

    What it needs: the MIT programs kinit, kpasswd and, for the policy, kadmin (the package krb5-user), and a
    kadmin service (``admin_server``, by default the KDC's host, port 749). No administrator: a principal may read
    its own entry and policy. ``admin_account`` and ``admin`` name a principal with the right ``i``, for the watch.

    What it reads: the policy's minimum life, length, classes, history and lock-out. Logins: with ``kdc_log`` every
    one in the log of a KDC on this machine; with an ``admin_account`` the last login and the last failure, as the
    asked kadmin's database has them. Every KDC keeps its own: name each in ``rotation.endpoints``.

    What it cannot tell: answers that a KDC gives before it knows the password are not authenticated, so somebody
    on the way can forge a *refused*; nobody can forge an *accepted*. A rotation is proven by the new credential
    being accepted before and after. With settings that name a ``primary_kdc``, libkrb5 asks that one as well when
    a password is refused, so that one check may count as two refused logins.

    Arming: the operator is a principal with the rights ``i`` and ``m`` on this one; it moves the principal's
    expiration. Tickets that were issued live until they end: give the principal a maximum ticket life. The KDC tells
    its clock by the time of that change.

    What its questions cost: each is a ticket that is asked for with the password. Where one refused login locks the
    principal, the old password is not tried: the time of the change, which kadmin tells, shows its end.
    """

    scheme: ClassVar[str] = "kerberos"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this principal's password; tickets that were issued live until they end"
    arms: ClassVar[bool] = True
    costs: ClassVar[Costs] = Costs(preflight=3, allowance=2)
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "password_changed_at"})
    option_names: ClassVar[frozenset[str]] = ADMIN_OPTIONS | {"kpasswd_server", "admin_server", "krb5_conf", "kdc_log"}

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._site = _site(target, self.options)
        if not _PRINCIPAL.fullmatch(account):
            raise InvalidInput(
                "account is no principal: expected something like breakglass/admin", hint="set target.account"
            )
        name, _, realm = account.partition("@")
        if realm not in ("", self._site.realm):
            raise InvalidInput(
                f"account is of the realm {realm}: expected one of {self._site.realm}, which the target names",
                hint="libkrb5 looks for the servers of the account's realm: name it in the target",
            )
        self._principal = f"{name}@{self._site.realm}"

    def missing(self) -> tuple[str, ...]:
        """Return which of the MIT programs is not there."""
        return tools.missing("kinit", "kpasswd")

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        if new is not None:
            tools.check_password(new)
        now, (login, problems) = datetime.now(UTC), self._logged_in(current)
        facts = self._facts(current)
        if self.ends_on_purpose:
            facts = rules.without_end(facts)
        problems += rules.problems(facts, now)
        wait = rules.min_age_until(facts, now)
        against = tuple(rules.unfit(facts, new)) if new else ()
        allowance = _allowed(facts) if login and login.result is CheckResult.ACCEPTED else None
        return Preflight(tuple(problems), tuple(rules.notes(facts, now)), wait, self.scope, against, login, allowance)

    def _allowance(self, credential: Secret | None) -> Allowance:
        return _allowed(self._facts(credential))

    def _check(self, credential: Secret) -> Check:
        return judge(self._kinit(credential))

    def _rotate(self, old: Secret, new: Secret) -> None:
        if old == new:
            raise ConnectorError("unchanged: expected another password, got the old one")
        done = self._run(["kpasswd", self._principal], old, new, new, service=CHANGING)
        if done.status != 0:
            raise _not_changed(done)

    def _password_changed_at(self, credential: Secret | None) -> datetime | None:
        return rules.when(self._told(credential), "Last password change")

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        log = self.options.get("kdc_log")
        if log:
            return kerberos_log.logins(Path(log), self._principal, self.account, since, datetime.now(UTC))
        told = self._told(None)
        names = (("Last successful authentication", True), ("Last failed authentication", False))
        times = [(rules.when(told, name), accepted, name) for name, accepted in names]
        unread = [
            f"kadmin's field {name!r} holds a time that could not be read"
            for at, _, name in times
            if at is None and told.get(name, rules.NEVER) != rules.NEVER
        ]
        found = (Login(at, self.account, "", accepted, name) for at, accepted, name in times if at)
        return Logins(since_when(found, since), unread)

    def _arm(self, until: datetime, operator: Operator) -> datetime | None:
        written = f"{until:%Y-%m-%d %H:%M:%S} UTC"
        told = self._administer(f'modprinc -expire "{written}" {self._principal}', operator)
        if told.status != 0 or f'"{self._principal}" modified' not in told.output:
            raise ConnectorError(f"the end of the principal could not be set: {told.complaint}")
        found = rules.fields(self._administer(f"getprinc {self._principal}", operator).output)
        return rules.when({"at": found.get("Last modified", "").partition(" (")[0]}, "at")

    def _armed_until(self, operator: Operator | None) -> Armed:
        question = f"getprinc {self._principal}"
        found = rules.fields(self._administer(question, operator).output) if operator else self._told(None)
        if "Expiration date" not in found:
            raise ConnectorError("kadmin did not tell the end of the principal")
        until = rules.when(found, "Expiration date")
        if until is None and found["Expiration date"] != rules.NEVER:
            raise ConnectorError("kadmin told an end of the principal that is no time")
        return Armed(until)

    def _administer(self, question: str, operator: Operator) -> Run:
        """Ask kadmin one question as the operator."""
        name = operator.account
        if not _PRINCIPAL.fullmatch(name):
            raise ConnectorError("the operator is no principal: expected something like operator/admin")
        return self._run(self._kadmin_command(name, question), operator.secret, service="", as_account=False)

    def _kadmin_command(self, name: str, question: str) -> list[str]:
        server = ["-s", self._site.admin] if self._site.admin else []
        return ["kadmin", "-p", name, "-r", self._site.realm, *server, "-q", question]

    def _kinit(self, credential: Secret | None) -> Run:
        """Ask for a ticket; without a credential only as far as the KDC's question for the password."""
        if credential is None:
            return tools.run(self._site, ["kinit", "-c", "MEMORY:", self._principal], [], self.time_limit_s)
        with tools.place_for_a_ticket() as place:
            cache = f"FILE:{place}" if place else "MEMORY:"
            command = ["kinit", "-c", cache, "-l", "5m", self._principal]
            ran = tools.run(self._site, command, [credential], self.time_limit_s)
            self._tell_login(ran, place)
        return ran

    def _tell_login(self, ran: Run, place: Path | None) -> None:
        """Tell what the KDC's log will know a login by, once kinit has ended."""
        check = judge(ran)
        if check.result is CheckResult.REFUSED:
            self.on_login((marks.REFUSED_TICKET,))
        if check.detail == EXPIRED:
            self.on_login((marks.of_service(CHANGING),))
        if check.result is CheckResult.ACCEPTED and place and place.is_file():
            told = ticket.authtime(place.read_bytes()[:TICKET_MAX_BYTES])
            if told is not None:
                self.on_login((marks.of_ticket(told),))

    def _run(self, command: list[str], *lines: Secret, service: str, as_account: bool = True) -> Run:
        """Run a program that gets a ticket for a service and shows it to nobody."""
        ran = tools.run(self._site, command, lines, self.time_limit_s * _EXCHANGES)
        if as_account and not any(words in ran.complaint for words in _NO_TICKET):
            self.on_login((marks.of_service(service),))
        return ran

    def _logged_in(self, current: Secret | None) -> tuple[Check | None, list[str]]:
        """Log in, or knock; returns what was said to the credential in force, and why it failed.

        Raises:
            ConnectorError: there is no KDC.
        """
        ran = self._kinit(current)
        check = judge(ran)
        if current is not None:
            found = check.result
            if found is CheckResult.UNKNOWN and not check.blocked:
                raise ConnectorError(f"no answer from the KDC: {check.detail}")
            changeable = found is CheckResult.ACCEPTED or check.detail == EXPIRED
            return check, [] if changeable else [f"the credential in force did not log in: {check.detail}"]
        if ran.status == 0 or check.detail == EXPIRED or "Cannot read password" in ran.complaint:
            return None, []
        if check.blocked or "not found in Kerberos database" in ran.complaint:
            return None, [check.detail]
        raise ConnectorError(f"no answer from the KDC: {ran.complaint}")

    def _facts(self, current: Secret | None) -> Facts:
        """Ask kadmin about principal and policy; empty where it cannot be asked."""
        try:
            principal = self._told(current)
            name = rules.policy_name(principal)
            quoted = name if re.fullmatch(r"[\w.@-]+", name) else ""
            policy = self._kadmin(f"getpol {quoted}", current) if quoted else {}
        except ConnectorError:
            return Facts()
        return Facts(principal, policy)

    def _told(self, credential: Secret | None) -> dict[str, str]:
        return self._kadmin(f"getprinc {self._principal}", credential)

    def _kadmin(self, question: str, credential: Secret | None) -> dict[str, str]:
        """Ask kadmin one question, as the principal or as the administrator.

        Raises:
            ConnectorError: there is neither, or no answer.
        """
        secret, name = credential, self._principal
        if secret is None:
            secret, name = options.admin_secret(self.options), self.options.get("admin_account", "")
        if secret is None:
            raise ConnectorError(
                "kadmin tells nothing to nobody",
                hint="name a principal that may inquire: options.admin_account, and options.admin prints its password",
            )
        told = self._run(
            self._kadmin_command(name, question), secret, service="kadmin/admin", as_account=credential is not None
        )
        found = rules.fields(told.output)
        if told.status != 0 or not found:
            raise ConnectorError(f"kadmin did not answer: {told.complaint}")
        return found


def judge(ran: Run) -> Check:
    """Say what the end of kinit means."""
    if ran.status == 0:
        return Check(CheckResult.ACCEPTED, "the KDC gave a ticket, and the password opened it")
    if ran.status is not None and any(words in ran.complaint for words in REFUSALS):
        return Check(CheckResult.REFUSED, "the KDC called the password incorrect")
    for words, meaning in STATES.items():
        if words in ran.complaint or words in ran.output:
            return Check(CheckResult.UNKNOWN, meaning, blocked=True)
    return Check(CheckResult.UNKNOWN, f"the KDC gave no verdict: {ran.complaint}")


def _allowed(facts: Facts) -> Allowance:
    return Allowance(rules.wrong_left(facts), why="the policy's maxfailure")


def _not_changed(ran: Run) -> ConnectorError:
    """Make the error for a change that did not happen, or of which nobody knows."""
    said = f"{ran.output} {ran.complaint}"
    if ran.status is not None and "Password change rejected" in said:
        words = " ".join(said.partition("Password change rejected:")[2].split())
        too_soon = _TOO_SOON in words
        hint = "rotate after that (the policy's minimum life)" if too_soon else ""
        return ConnectorError(f"unchanged: the realm rejected it: {words}", hint=hint, rejected=not too_soon)
    if ran.status is not None and "getting initial ticket" in ran.complaint:
        return ConnectorError(f"unchanged: the old credential did not log in: {ran.complaint}")
    return ConnectorError(f"no answer to the change, so it may be in place: {ran.complaint}")


def _site(target: str, given: Mapping[str, str]) -> Site:
    """Read where the realm's servers are.

    Raises:
        InvalidInput: there is no realm, or a server or file that is none.
    """
    options.check_admin(given)
    parts = urlsplit(target)
    realm = unquote(parts.path).strip("/")
    is_server = not parts.netloc or _SERVER.fullmatch(parts.netloc)
    if not _REALM.fullmatch(realm) or not is_server or parts.query or parts.fragment:
        raise InvalidInput(
            "target names no realm: expected kerberos://kdc.example.com/EXAMPLE.COM or kerberos:///EXAMPLE.COM"
        )
    for name in ("kpasswd_server", "admin_server"):
        if name in given and not _SERVER.fullmatch(given[name]):
            raise InvalidInput(f"option {name}: expected host or host:port")
    for name in ("krb5_conf", "kdc_log"):
        if name in given and not given[name].startswith("/"):
            raise InvalidInput(f"option {name}: expected an absolute path")
    if parts.netloc and "krb5_conf" in given:
        raise InvalidInput("option krb5_conf: expected none with a KDC in the target")
    host = re.sub(r":\d+$", "", parts.netloc)
    settings = Path(given["krb5_conf"]) if "krb5_conf" in given else None
    return Site(realm, parts.netloc, given.get("kpasswd_server", host), given.get("admin_server", host), settings)
