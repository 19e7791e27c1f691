# SPDX-License-Identifier: Apache-2.0
"""The password of an account of a management controller (BMC), by Redfish, as a break-glass credential.

Rules:

1. *Accepted* needs a session that the service made for this password, and that may do more than change it. *Refused*
   needs HTTP 401 to the login. All else is *unknown*.
2. The account changes its own password, in a session by the old one, and only if the account is as it was when it was
   looked at (``If-Match``), where the service tells that.
3. The new password has to log in, before the session of the old one ends. Where it does not, the old one is set back in
   that session.

What it does not do: it makes no account, and changes no role and no other account.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from breakglass_shamir.connectors.bmc import service
from breakglass_shamir.connectors.bmc.service import NoAnswer, NotLetIn, Reply, Session
from breakglass_shamir.connectors.database_target import (
    password_problems,
    require_account,
    require_different,
    stop_at,
)
from breakglass_shamir.connectors.port import stamps
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS, TLS_OPTIONS, tls
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

USER_MAX_BYTES = 64
"""Longest name of an account that is taken."""

_LET_IN = "the service made a session for the password"
_BAD_REQUEST = 400


class RedfishConnector(Connector):
    """Password of an account of a BMC; target ``redfish://HOST[:443]``.

    What it changes: the password of ``target.account``, as that account (``PATCH`` of its ManagerAccount).

    What it needs: an account of its own in the controller's AccountService, with the privileges *Login* and
    *ConfigureSelf*; to see and end sessions, *ConfigureManager*. TLS with a certificate of the host's name, mostly of
    an authority of your own (option ``ca``); ``tls = "off"`` is a connection in the clear.

    What it does not reach: accounts of a directory that the controller asks, the same account by IPMI where the
    controller keeps another one for that, SSH keys, sessions of the web pages that the service does not list.

    What it cannot tell: a wrong password, an account that is locked, disabled or not there have one answer. That is why
    a rotation is proven by the new credential being accepted before and after the old one is refused.

    Ending sessions: every other session of the account that the SessionService lists is deleted.
    """

    scheme: ClassVar[str] = "redfish"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this account of this controller"
    abilities: ClassVar[frozenset[str]] = frozenset({"open_sessions", "end_sessions"})
    option_names: ClassVar[frozenset[str]] = TLS_OPTIONS
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=2, sessions=1, allowance=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        protected = tls(options)
        try:
            parts = urlsplit(target)
            host, port = parts.hostname or "", parts.port or (443 if protected.verify else 80)
        except ValueError:
            parts, host, port = urlsplit(""), "", 0
        if not is_host(host) or "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise InvalidInput("redfish target is malformed: expected redfish://HOST[:PORT]")
        require_account(self.scheme, account, USER_MAX_BYTES)
        self._is_clear = not protected.verify
        shown = f"[{host}]" if ":" in host else host
        url = f"{'http' if self._is_clear else 'https'}://{shown}:{port}"
        self._place = service.Place(url, str(protected.ca) if protected.ca else "", self.time_limit_s)

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems = password_problems(new) if new is not None else []
        notes = ["the same account by IPMI, by SSH keys or of a directory is not reached"]
        login, allowance, unfit = None, None, []
        if self._is_clear:
            notes.append("the connection is in the clear: whoever is on the way sees the password")
        try:
            if current is None:
                service.service(self._place)
            else:
                with self._session(current) as one:
                    login = _judged(one)
                    rules = self._rules(one)
                    mine = self._account(one, rules)
                    problems += _stands(mine, one)
                    notes += _notes(mine)
                    unfit = _unfit(new, rules.body) if new is not None else []
                    allowance = _allowed(rules.body)
        except NotLetIn as error:
            login = _check_of(error)
            problems.append(f"the account could not log in to be asked: {login.detail}")
        except (NoAnswer, ConnectorError) as error:
            problems.append(f"the service could not be asked: {error}")
        return Preflight(tuple(problems), tuple(notes), None, self.scope, tuple(unfit), login, allowance)

    def _check(self, credential: Secret) -> Check:
        try:
            with self._session(credential) as one:
                return _judged(one)
        except (NotLetIn, NoAnswer) as error:
            return _check_of(error)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at(password_problems(new))
        try:
            with self._session(old) as one:
                mine = self._account(one, self._rules(one))
                stop_at(_stands(mine, one))
                self._change(one, mine, new)
                self._prove(one, mine.link(), old, new)
        except (NotLetIn, NoAnswer) as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {error}") from error

    def _change(self, one: Session, mine: Reply, new: Secret) -> None:
        """Set the new password, if the account is as it was."""
        try:
            said = one.ask("PATCH", mine.link(), {"Password": new.reveal().decode()}, new, mine.etag)
        except NoAnswer as error:
            raise ConnectorError(f"the change was sent and may be in place; its answer is missing: {error}") from error
        if said.is_yes:
            return
        if said.status == service.PRECONDITION:
            raise ConnectorError("unchanged: another change of this account was faster")
        if said.status == _BAD_REQUEST:
            raise ConnectorError(f"unchanged: the service refused: {said.why}", rejected=True)
        if said.status in (service.UNAUTHORIZED, service.FORBIDDEN):
            raise ConnectorError(f"unchanged: the account may not change its own password (ConfigureSelf): {said.why}")
        raise ConnectorError(f"the change was sent and may be in place; the service says: {said.why}")

    def _prove(self, one: Session, link: str, old: Secret, new: Secret) -> None:
        """Log in with the new password; set the old one back where it is not let in."""
        check = self._check(new)
        if check.result is CheckResult.ACCEPTED:
            return
        if check.result is not CheckResult.REFUSED:
            raise ConnectorError(f"the change was sent and may be in place: {check.detail}")
        taken = "the service took the new password and does not let it in"
        try:
            etag = one.ask("GET", link).etag
            said = one.ask("PATCH", link, {"Password": old.reveal().decode()}, old, etag)
        except NoAnswer as error:
            raise ConnectorError(f"the change may be in place: {taken}; it could not be taken back: {error}") from error
        if not said.is_yes:
            raise ConnectorError(f"the change may be in place: {taken}; it could not be taken back: {said.why}")
        raise ConnectorError(f"unchanged: {taken}; the old one was set back", rejected=True)

    def _open_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return len(self._others(one))

    def _end_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            others = self._others(one)
            for link in others:
                said = one.ask("DELETE", link)
                if not said.is_yes and said.status != 404:
                    raise ConnectorError(f"a session of the account could not be ended: {said.why}")
            return len(others)

    def _others(self, one: Session) -> list[str]:
        """Return the sessions of the account, but not the one that asks."""
        collection = one.root.link("Links", "Sessions") or f"{service.ROOT}SessionService/Sessions"
        found = []
        for link in one.members(collection):
            if link == one.link:
                continue
            said = one.ask("GET", link)
            if said.status == 404:
                continue
            if not said.is_yes or not isinstance(said.body.get("UserName"), str):
                raise ConnectorError(f"the account may not look at sessions: {said.why}")
            if said.body["UserName"] == self.account:
                found.append(link)
        return found

    def _rules(self, one: Session) -> Reply:
        """Return what the service says of accounts; a no where it does not tell the account."""
        return one.ask("GET", one.root.link("AccountService") or f"{service.ROOT}AccountService")

    def _account(self, one: Session, rules: Reply) -> Reply:
        """Return the account, as the service keeps it.

        Raises:
            NoAnswer: the service does not list accounts.
            ConnectorError: there is none of this name, or more than one.
        """
        collection = rules.link("Accounts") or f"{service.ROOT}AccountService/Accounts"
        found = [one.ask("GET", link) for link in one.members(collection)]
        mine = [each for each in found if each.is_yes and each.body.get("UserName") == self.account]
        if len(mine) != 1 or not mine[0].link():
            raise ConnectorError(f"unchanged: the service shows {len(mine)} accounts of this name, expected one")
        return mine[0]

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None:
            return Allowance()
        with self._session(credential) as one:
            return _allowed(self._rules(one).body)

    def _session(self, password: Secret) -> AbstractContextManager[Session]:
        stop_at(password_problems(password))
        return service.session(self._place, self.account, password)


def _judged(one: Session) -> Check:
    if one.must_change:
        why = "the password was taken and opens nothing but its own change, which the controller asks for"
        return Check(CheckResult.UNKNOWN, why, blocked=True)
    return Check(CheckResult.ACCEPTED, _LET_IN)


def _check_of(error: NotLetIn | NoAnswer) -> Check:
    if isinstance(error, NoAnswer):
        return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")
    if error.status == service.UNAUTHORIZED:
        return Check(CheckResult.REFUSED, f"the service refused the login ({error})")
    return Check(CheckResult.UNKNOWN, f"no verdict about the password: {error}", blocked=error.status == 429)


def _stands(mine: Reply, one: Session) -> list[str]:
    """Return what about an account stands against a rotation."""
    problems = []
    if one.must_change:
        problems.append("the controller asks for a change of the password at the next login: make it by hand first")
    if mine.body.get("AccountTypes") and "Redfish" not in mine.body["AccountTypes"]:
        problems.append("the account is none of Redfish")
    return problems


def _notes(mine: Reply) -> list[str]:
    notes = [] if mine.etag else ["the service tells no ETag: of two terminals that change at once, the later one wins"]
    end = stamps.instant(str(mine.body.get("PasswordExpiration") or ""))
    if end is not None:
        over = "ended" if end < datetime.now(UTC) else "ends"
        notes.append(f"the password {over} at {end:%Y-%m-%d %H:%M} UTC")
    return notes


def _unfit(new: Secret, rules: Mapping[str, Any]) -> list[str]:
    """Return what the service's rules say against a password."""
    least, most = rules.get("MinPasswordLength"), rules.get("MaxPasswordLength")
    problems = []
    if isinstance(least, int) and len(new) < least:
        problems.append(f"the service takes passwords of {least} characters or more, this one has {len(new)}")
    if isinstance(most, int) and 0 < most < len(new):
        problems.append(f"the service takes passwords of {most} characters at most, this one has {len(new)}")
    return problems


def _allowed(rules: Mapping[str, Any]) -> Allowance:
    most = rules.get("AccountLockoutThreshold")
    if not isinstance(most, int) or most < 1:
        return Allowance()
    return Allowance(wrong=most - 1, why=f"the service is set to lock an account after {most} refused logins")
