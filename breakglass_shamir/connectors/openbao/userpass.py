# SPDX-License-Identifier: Apache-2.0
"""The password of a userpass account of OpenBao or Vault as a break-glass credential.

Sources: OpenBao's API documentation, "Userpass auth method", ``/sys/leases``, ``/sys/mounts``.

Rules:

1. Only the server decides whether a password is right: *accepted* needs that it gave a token for it, *refused* needs
   HTTP 400 in its words for a wrong one. What else it says, a lock-out above all, is *unknown*.
2. The account changes its own password, with the token of a login by the old one made right before.
3. Every token of a login that is made here is revoked as soon as its question is answered.

What it does not do: it changes no policy and no other account, and needs no root token.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import ClassVar

from breakglass_shamir.connectors.database_target import password_problems, require_different, stop_at
from breakglass_shamir.connectors.openbao import api, audit_file
from breakglass_shamir.connectors.openbao.api import NoAnswer, site_of
from breakglass_shamir.connectors.openbao.logins import LET_IN, NotLetIn, Session, lockout, session
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

PASSWORD_MAX_BYTES = 72
"""What bcrypt takes, by which the server keeps passwords."""

REFUSALS = frozenset({"invalid username or password"})
"""What the server says to a wrong password, and to an account that does not exist."""

_BAD_REQUEST, _FORBIDDEN = 400, 403


class OpenBaoUserpassConnector(Connector):
    """Password of a userpass account; target ``openbao-userpass://HOST[:8200][/MOUNT]``, mount ``userpass`` by default.

    What it changes: the password of ``target.account``, by ``auth/MOUNT/users/ACCOUNT/password``, as that account.

    What it needs: a policy of the account that lets it do that (``update`` on that path). To see and end what is logged
    in: ``list`` and ``sudo`` on ``sys/leases/lookup/auth/MOUNT/login/ACCOUNT/``, ``update`` and ``sudo`` on
    ``sys/leases/revoke-prefix/auth/MOUNT/login/ACCOUNT``. To be told of its lock-out: ``read`` on
    ``sys/mounts/auth/MOUNT/tune``. TLS with a certificate of the host's name; ``tls = "off"`` is a connection in the
    clear. The address of the active node, or of one that asks it itself.

    What it does not reach: tokens that the account made and that outlive it (orphans), batch tokens, leases of secrets
    that the account read, other ways into the same policies.

    What it cannot tell: a wrong password and an account that does not exist have one answer; a locked account, a
    mount that is not there and an address that may not log in have another. The server does not keep when a password
    was changed, and has no change on condition: of two terminals that rotate within the same moment, the later one
    wins, and the other sees that its new password is refused.

    Logins come from the server's audit file (option ``audit_log``), which must be readable here.
    """

    scheme: ClassVar[str] = "openbao-userpass"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "the password of this account in this auth mount"
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "open_sessions", "end_sessions"})
    option_names: ClassVar[frozenset[str]] = api.OPTIONS
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=1, sessions=1, allowance=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._site = site_of(target, options, self.time_limit_s)
        self._mount = self._site.path or "userpass"
        if not api.is_word(account):
            raise InvalidInput(
                f"{self.scheme} account: expected letters, digits, hyphens, underscores, full stops and @",
                hint="name it in the policy as target.account",
            )

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems = _problems(new) if new else []
        notes = ["orphan tokens, batch tokens and secrets that were read with the old password are not reached"]
        login, allowance = None, None
        if not self._site.tls.verify:
            notes.append("the connection is in the clear: whoever is on the way sees the password")
        if current is None:
            if stands := api.problem(self._site):
                problems.append(stands)
            return Preflight(tuple(problems), tuple(notes), None, self.scope)
        try:
            with self._session(current) as one:
                login = Check(CheckResult.ACCEPTED, LET_IN)
                problems += self._lacks(one)
                notes += self._cannot_end(one)
                allowance = lockout(one, self._mount)
        except (NotLetIn, NoAnswer) as error:
            login = _check_of(error)
            problems.append(f"the account could not log in to be asked: {login.detail}")
        return Preflight(tuple(problems), tuple(notes), None, self.scope, (), login, allowance)

    def _check(self, credential: Secret) -> Check:
        try:
            with self._session(credential):
                return Check(CheckResult.ACCEPTED, LET_IN)
        except (NotLetIn, NoAnswer) as error:
            return _check_of(error)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at(_problems(new))
        try:
            with self._session(old) as one:
                self._change(one, new)
        except (NotLetIn, NoAnswer) as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {error}") from error

    def _change(self, one: Session, new: Secret) -> None:
        path = self._of_account("password")
        try:
            said = one.ask("POST", path, {"password": new.reveal().decode()}, new)
        except NoAnswer as error:
            raise ConnectorError(f"the change was sent and may be in place; its answer is missing: {error}") from error
        if said.is_yes:
            return
        if said.status == _FORBIDDEN:
            raise ConnectorError(f"unchanged: the account may not change its own password: it needs update on {path}")
        if said.status == _BAD_REQUEST:
            raise ConnectorError(f"unchanged: the server refused: {said.why}", rejected=True)
        raise ConnectorError(f"the change was sent and may be in place; the server says: {said.why}")

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None:
            return Allowance()
        with self._session(credential) as one:
            return lockout(one, self._mount)

    def _open_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            return self._others(one)

    def _end_sessions(self, credential: Secret) -> int:
        with self._session(credential) as one:
            count = self._others(one)
            said = one.ask("POST", f"sys/leases/revoke-prefix/{self._of_login()}", {"sync": True})
        if not said.is_yes:
            raise ConnectorError(
                f"tokens of the account could not be revoked: {said.why}",
                hint=f"give it sudo and update on sys/leases/revoke-prefix/{self._of_login()}",
            )
        return count

    def _others(self, one: Session) -> int:
        """Count the tokens of logins of the account, but not the one that asks."""
        if one.is_batch:
            raise ConnectorError("the account gets batch tokens, which the server cannot count or revoke")
        said = one.ask("LIST", f"sys/leases/lookup/{self._of_login()}")
        keys = said.part("data").get("keys")
        if not said.is_yes or not isinstance(keys, list):
            raise ConnectorError(
                f"tokens of the account could not be counted: {said.why}",
                hint=f"give it sudo and list on sys/leases/lookup/{self._of_login()}/",
            )
        return max(0, len(keys) - 1)

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        path = self._of_login().lower()
        return audit_file.logins(
            self._site.audit_log, self.account, since, f"{self._mount}/login/",
            lambda _auth, request: (
                path in audit_file.paths(request) and audit_file.in_namespace(request, self._site.namespace)
            ),
        )  # fmt: skip

    def _lacks(self, one: Session) -> list[str]:
        """Say that the account may not change its own password."""
        path = self._of_account("password")
        if one.may(path, "update") is False:
            return [f"the account may not change its own password: it needs update on {path}"]
        return []

    def _cannot_end(self, one: Session) -> list[str]:
        """Say what of its logins the account can neither count nor end."""
        if one.is_batch:
            return ["the account gets batch tokens: those that are out live until they end, and cannot be revoked"]
        lookup, revoke = f"sys/leases/lookup/{self._of_login()}/", f"sys/leases/revoke-prefix/{self._of_login()}"
        notes = []
        if one.may(lookup, "list") is False:
            notes.append(f"open logins cannot be counted: the account has no sudo and list on {lookup}")
        if one.may(revoke, "sudo") is False:
            notes.append(f"open logins cannot be ended: the account has no sudo and update on {revoke}")
        return notes

    def _session(self, password: Secret) -> AbstractContextManager[Session]:
        stop_at(password_problems(password))
        body = {"password": password.reveal().decode()}
        return session(self._site, self._of_login(), body, REFUSALS, self.on_login, password)

    def _of_account(self, what: str) -> str:
        return f"auth/{self._mount}/users/{self.account}/{what}"

    def _of_login(self) -> str:
        return f"auth/{self._mount}/login/{self.account}"


def _check_of(error: NotLetIn | NoAnswer) -> Check:
    if isinstance(error, NotLetIn):
        return error.check
    return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")


def _problems(new: Secret) -> list[str]:
    problems = password_problems(new)
    if len(new) > PASSWORD_MAX_BYTES:
        problems.append(f"a password of userpass has at most {PASSWORD_MAX_BYTES} bytes, this one has {len(new)}")
    return problems
