# SPDX-License-Identifier: Apache-2.0
"""A secret id of an AppRole role of OpenBao or Vault as a break-glass credential.

Sources: OpenBao's API documentation, "AppRole auth method": ``custom-secret-id`` takes the secret id from who asks;
``secret-id-accessor`` looks one up and destroys it without knowing it.

Rules:

1. The new secret id is drawn here, printed first, and only then made at the server: nothing is live before its sheets
   are.
2. The new one names in its metadata, by accessor, the one it takes the place of. The server says a secret id's metadata
   at its login. As long as the other one lives, the change is not finished, and the new one is *unknown*.
3. The old one is destroyed by its accessor, with the token of a login by the new one, and is asked for again: the
   server has to say that it does not know it. Others that name it were left by rotations that never came to their end,
   and go first. Every other secret id of the role is somebody's, and stays.
4. *Refused* needs HTTP 400 in the server's own words for a role id or secret id that it does not know.

What it does not do: it changes no role and no policy.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from breakglass_shamir.connectors.database_target import require_different, stop_at
from breakglass_shamir.connectors.openbao import api, audit_file, logins
from breakglass_shamir.connectors.openbao.api import NoAnswer, Reply, site_of
from breakglass_shamir.connectors.openbao.logins import LET_IN, NotLetIn, Session
from breakglass_shamir.connectors.port import stamps
from breakglass_shamir.connectors.port.answers import Allowance, Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

REPLACES = "breakglass_replaces"
"""Name in a secret id's metadata: the accessor of the one that it takes the place of."""

REFUSALS = frozenset({"invalid role or secret ID", "invalid secret id", "invalid role ID", "invalid role_id"})
"""What the server says to a role id or a secret id that it does not know."""

SECRET_ID_MIN_BYTES, SECRET_ID_MAX_BYTES = 16, 512
"""Lengths of a secret id that is chosen here."""

ACCESSORS_MAX = 500
"""Secret ids of the role among which those of interrupted rotations are looked for; each is a question."""

_UNKNOWN_ACCESSOR = "failed to find accessor entry"
_DUPLICATE = "already registered"


class OpenBaoAppRoleConnector(Connector):
    """A secret id of a role; target ``openbao-approle://HOST[:8200][/MOUNT]``, mount ``approle`` by default.

    The account is the role id, with which one logs in. ``target.kind`` is ``token``.

    What it changes: a secret id of the role is made under the new value, and the old one is destroyed, by the role
    itself.

    What it needs: a role whose secret ids have no end (``secret_id_ttl`` and ``secret_id_num_uses`` 0), and of whose
    policies one allows ``update`` on ``custom-secret-id``, ``secret-id/lookup``, ``secret-id-accessor/lookup`` and
    ``secret-id-accessor/destroy`` below ``auth/MOUNT/role/ROLE/``, and ``list`` on ``auth/MOUNT/role/ROLE/secret-id``.
    TLS with a certificate of the host's name; ``tls = "off"`` is a connection in the clear. The address of the active
    node, or of one that asks it itself.

    What it does not reach: tokens of logins with the old one, which live until they end (``token_ttl``); other secret
    ids of the role; the role id, which stays.

    What it cannot tell: a wrong secret id, a wrong role id and one that has ended have one answer.

    Logins come from the server's audit file (option ``audit_log``): those that were let in. The file keeps the role id
    of the others as a keyed hash. The option ``role`` is the role's name, where it is not the role id.
    """

    scheme: ClassVar[str] = "openbao-approle"
    grace_window_s: ClassVar[int] = 0
    scope: ClassVar[str] = "this secret id of this role; tokens of logins with it live until they end"
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since"})
    option_names: ClassVar[frozenset[str]] = api.OPTIONS | {"role"}
    costs: ClassVar[Costs] = Costs(preflight=1, rotate=2, allowance=1)

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._site = site_of(target, options, self.time_limit_s)
        self._mount = self._site.path or "approle"
        self._role = options.get("role", account)
        if not api.is_word(account):
            raise InvalidInput(
                f"{self.scheme} account: expected the role id, of letters, digits, hyphens, underscores and full stops",
                hint="name it in the policy as target.account",
            )
        if not api.is_word(self._role):
            raise InvalidInput("option role: expected the name of the role")

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems: list[str] = []
        notes = ["tokens of logins with the old secret id live until they end (token_ttl of the role)"]
        login, allowance = None, None
        if not self._site.tls.verify:
            notes.append("the connection is in the clear: whoever is on the way sees the secret id")
        if current is None:
            if stands := api.problem(self._site):
                problems.append(stands)
        else:
            try:
                with self._session(current) as one:
                    login = self._judged(one)
                    problems += self._stands(one, current)
                    notes += self._others(one)
                    allowance = logins.lockout(one, self._mount)
            except (NotLetIn, NoAnswer) as error:
                login = _check_of(error)
                problems.append(f"the role could not log in to be asked: {login.detail}")
        unfit = tuple(_problems(new)) if new else ()
        return Preflight(tuple(problems), tuple(notes), None, self.scope, unfit, login, allowance)

    def _check(self, credential: Secret) -> Check:
        try:
            with self._session(credential) as one:
                return self._judged(one)
        except (NotLetIn, NoAnswer) as error:
            return _check_of(error)

    def _judged(self, one: Session) -> Check:
        """Say what a login proves that the server let in."""
        before = one.metadata.get(REPLACES, "")
        if before and self._lives(one, before) is not False:
            return Check(
                CheckResult.UNKNOWN,
                f"the server takes this secret id, but the one it takes the place of (accessor {before}) is not gone: "
                "the change is not finished",
            )
        return Check(CheckResult.ACCEPTED, LET_IN)

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at(_problems(new))
        try:
            with self._session(old) as one:
                kept = self._kept(one, old)
                stop_at(_ends(kept))
                made = self._make(one, new, _accessor(kept))
        except (NotLetIn, NoAnswer) as error:
            raise ConnectorError(f"unchanged: the old credential did not log in: {error}") from error
        try:
            with self._session(new) as two:
                self._end_leftovers(two, _accessor(kept), made)
                self._end(two, _accessor(kept))
        except (NotLetIn, NoAnswer) as error:
            raise ConnectorError(
                f"the old secret id is in force; the new one was made, and did not log in: {error}"
            ) from error

    def _make(self, one: Session, new: Secret, accessor: str) -> str:
        """Make the new secret id, unless an interrupted run did; returns its accessor.

        Raises:
            ConnectorError: it is not there, has an end, or is another's.
        """
        body = {"secret_id": _text(new), "metadata": json.dumps({REPLACES: accessor})}
        try:
            said = one.ask("POST", self._of(one, "custom-secret-id"), body, new)
            if not said.is_yes and not any(_DUPLICATE in words for words in said.errors):
                if said.is_open:
                    raise ConnectorError(
                        f"the old secret id is in force, and the new one may be in force beside it: {said.why}"
                    )
                raise ConnectorError(f"unchanged: the server made no secret id: {said.why}")
            kept = self._kept(one, new)
        except NoAnswer as error:
            raise ConnectorError(
                f"the old secret id is in force, and the new one may be in force beside it: {error}"
            ) from error
        if _replaces(kept) != accessor:
            raise ConnectorError(
                "unchanged: the role has a secret id of this value already that was not made to take the old one's "
                "place",
                rejected=True,
            )
        if stands := _ends(kept):
            raise ConnectorError(f"the old secret id is in force, and the new one beside it: {stands[0]}")
        return _accessor(kept)

    def _end_leftovers(self, two: Session, accessor: str, made: str) -> None:
        """Destroy what other rotations of the old secret id made and left.

        Raises:
            ConnectorError: one could not be ended; the old one is in force.
        """
        known = self._accessors(two)
        for one in known if len(known) <= ACCESSORS_MAX else ():
            if one in (accessor, made) or _replaces(self._by_accessor(two, "lookup", one).part("data")) != accessor:
                continue
            self._by_accessor(two, "destroy", one)
            if self._lives(two, one) is not False:
                raise ConnectorError(
                    "the old secret id is in force: one that another rotation left could not be destroyed (accessor "
                    f"{one})"
                )

    def _end(self, two: Session, accessor: str) -> None:
        """Destroy the old secret id, and see that the server does not know it any more.

        Raises:
            ConnectorError: it does, or does not say.
        """
        try:
            said = self._by_accessor(two, "destroy", accessor)
        except NoAnswer as error:
            raise ConnectorError(
                f"the end of the old secret id was asked for and may be in place; its answer is missing: {error}"
            ) from error
        if self._lives(two, accessor) is not False:
            raise ConnectorError(f"the new secret id is made, and the old one is not gone: {said.why}")

    def _allowance(self, credential: Secret | None) -> Allowance:
        if credential is None:
            return Allowance()
        with self._session(credential) as one:
            return logins.lockout(one, self._mount)

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        path, role = f"auth/{self._mount}/login".lower(), self._role.lower()
        return audit_file.logins(
            self._site.audit_log, self.account, since, f"auth/{self._mount}/login",
            lambda auth, request: (
                path in audit_file.paths(request)
                and audit_file.in_namespace(request, self._site.namespace)
                and _role_of(auth) == role
            ),
        )  # fmt: skip

    def _stands(self, one: Session, current: Secret) -> list[str]:
        """Return what about the role, its policies or the secret id stands against a rotation."""
        name = one.metadata.get("role_name", "")
        problems = []
        if not api.is_word(name):
            return ["the server does not say which role this secret id is of"]
        if "audit_log" in self.options and name.lower() != self._role.lower():
            problems.append(f"the role is called {name}: set the option role to that, or the watch sees no login")
        for what in ("custom-secret-id", "secret-id/lookup", "secret-id-accessor/lookup", "secret-id-accessor/destroy"):
            if one.may(self._of(one, what), "update") is False:
                problems.append(f"the role may not change its own secret ids: it needs update on {self._of(one, what)}")
        if problems:
            return problems
        facts = self._kept(one, current)
        return _ends(facts)

    def _others(self, one: Session) -> list[str]:
        """Say how many more secret ids the role has, and what of them is not looked at."""
        if one.may(self._of(one, "secret-id"), "list") is False:
            return [
                f"what an abandoned rotation left cannot be found: the role needs list on {self._of(one, 'secret-id')}"
            ]
        known = self._accessors(one)
        if len(known) > ACCESSORS_MAX:
            return [f"what an abandoned rotation left is not looked for: the role has {len(known)} secret ids"]
        more = len(known) - 1
        return [f"the role has {counted(more, 'more secret id')}, which no rotation reaches"] if more > 0 else []

    def _accessors(self, one: Session) -> list[str]:
        found = one.ask("LIST", self._of(one, "secret-id")).part("data").get("keys")
        return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []

    def _kept(self, one: Session, secret: Secret) -> Mapping[str, Any]:
        """Return what the server keeps of a secret id; empty where it knows none or does not say."""
        said = one.ask("POST", self._of(one, "secret-id/lookup"), {"secret_id": _text(secret)}, secret)
        return said.part("data") if said.is_yes else {}

    def _lives(self, one: Session, accessor: str) -> bool | None:
        """Tell whether a secret id lives, by its accessor; None where the server does not say."""
        try:
            said = self._by_accessor(one, "lookup", accessor)
        except NoAnswer:
            return None
        if said.is_yes and _accessor(said.part("data")):
            return True
        told = (*said.errors, str(said.part("data").get("error", "")))
        return False if any(_UNKNOWN_ACCESSOR in each for each in told) else None

    def _by_accessor(self, one: Session, what: str, accessor: str) -> Reply:
        return one.ask("POST", self._of(one, f"secret-id-accessor/{what}"), {"secret_id_accessor": accessor})

    def _session(self, secret: Secret) -> AbstractContextManager[Session]:
        stop_at(_text_problems(secret))
        body = {"role_id": self.account, "secret_id": _text(secret)}
        return logins.session(self._site, f"auth/{self._mount}/login", body, REFUSALS, self.on_login, secret)

    def _of(self, one: Session, what: str) -> str:
        """Return a path of the role that logged in."""
        return f"auth/{self._mount}/role/{one.metadata.get('role_name') or self._role}/{what}"


def _check_of(error: NotLetIn | NoAnswer) -> Check:
    if isinstance(error, NotLetIn):
        return error.check
    return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}")


def _text(secret: Secret) -> str:
    return secret.reveal().decode("ascii")


def _text_problems(secret: Secret) -> list[str]:
    """Say that something can be no secret id at all, and is sent nowhere."""
    value = secret.reveal()
    if 0 < len(value) <= SECRET_ID_MAX_BYTES and all(0x21 <= byte <= 0x7E for byte in value):
        return []
    return ["no secret id: expected printable ASCII without blanks"]


def _problems(new: Secret) -> list[str]:
    problems = _text_problems(new)
    if len(new) < SECRET_ID_MIN_BYTES:
        problems.append(f"a secret id that is chosen has {SECRET_ID_MIN_BYTES} characters or more")
    return problems


def _accessor(facts: Mapping[str, Any]) -> str:
    found = facts.get("secret_id_accessor")
    return found if isinstance(found, str) else ""


def _replaces(facts: Mapping[str, Any]) -> str:
    metadata = facts.get("metadata")
    found = metadata.get(REPLACES) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else ""


def _role_of(auth: Mapping[str, Any]) -> str:
    metadata = auth.get("metadata")
    return str(metadata.get("role_name", "")).lower() if isinstance(metadata, dict) else ""


def _ends(facts: Mapping[str, Any]) -> list[str]:
    """Return what about a secret id ends it, one sentence each."""
    problems = [] if _accessor(facts) else ["the server does not tell what it keeps of a secret id"]
    end = stamps.instant(str(facts.get("expiration_time") or ""))
    if end is not None and end.year > 1:
        problems.append(
            f"it ends at {end:%Y-%m-%d %H:%M:%S} UTC: set secret_id_ttl of the role to 0, and make one without an end"
        )
    uses = facts.get("secret_id_num_uses")
    if isinstance(uses, int) and uses:
        problems.append(
            f"it ends after {counted(uses, 'more login')}: set secret_id_num_uses of the role to 0, and "
            "make one without"
        )
    return problems
