# SPDX-License-Identifier: Apache-2.0
"""A root token of OpenBao or Vault as a break-glass credential.

Sources: OpenBao's API documentation, "Token auth method": ``auth/token/create`` takes the ``id`` of the new token from
a root token; ``no_parent`` makes it an orphan, which does not die with the one that made it.

Rules:

1. The new token's id is drawn here, printed first, and only then made at the server: nothing is live before its
   sheets are.
2. The new token names in its metadata, by accessor, the one it takes the place of. As long as that one lives, the
   change is not finished, and the new one is *unknown*: it counts as in force only when the old one is gone. So an
   interrupted rotation finds the old one in force and does the rest.
3. The old token is revoked by itself, after the new one was let in. Other tokens that name the old one as the one they
   take the place of belong to rotations that never came to their end: they are revoked, and proven gone, before it.
4. *Refused* needs HTTP 403 in the server's own words for a token that it does not know.

What it does not do: it makes no first root token (``bao operator generate-root`` does), and touches no other token.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from breakglass_shamir.connectors.database_target import require_different, stop_at
from breakglass_shamir.connectors.openbao import api, audit_file
from breakglass_shamir.connectors.openbao.api import NoAnswer, Reply, site_of
from breakglass_shamir.connectors.openbao.logins import noting
from breakglass_shamir.connectors.port import stamps
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Lifetime, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

REPLACES = "breakglass_replaces"
"""Name in a token's metadata: the accessor of the token that it takes the place of."""

TOKEN_MAX_BYTES = 4096
"""No token is longer."""

ID_MIN_BYTES = 16
"""Shortest id that is given to a new token: the server keeps a chosen one under a plain SHA-1."""

ACCESSORS_MAX = 2000
"""Tokens among which those of interrupted rotations are looked for; each is a question."""

_ROOT = "root"
_FORBIDDEN = 403
_UNKNOWN_TOKEN = ("permission denied", "invalid token", "bad token")
_UNKNOWN_ACCESSOR = "invalid accessor"
_DUPLICATE = "duplicate ID"


class OpenBaoTokenConnector(Connector):
    """A root token; target ``openbao-token://HOST[:8200]``. ``target.kind`` is ``token``; the account is ``root``.

    What it changes: an orphan token of policy ``root`` without an end is made under the new id, and the old one revokes
    itself. What was made by the old one and is no orphan goes with it: child tokens, and their leases.

    What it needs: a root token, which alone may choose the id of another one. TLS with a certificate of the host's
    name; ``tls = "off"`` is a connection in the clear. The address of the active node, or of one that asks it itself.

    What it does not reach: other root tokens, orphans that the old one made, unseal and recovery keys, from which
    people can make root tokens.

    What it cannot tell: a token that was revoked, one that ended, and one that never was have one answer.

    What may lie about: a rotation that was interrupted can leave the new token beside the old one; its sheets exist
    then. The next run of ``rotate`` goes on with it. One that is never gone on with is revoked by the next rotation.

    Logins come from the server's audit file (option ``audit_log``): every request with any root token.
    """

    scheme: ClassVar[str] = "openbao-token"
    grace_window_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    scope: ClassVar[str] = "this token and what it made"
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "lifetime"})
    option_names: ClassVar[frozenset[str]] = api.OPTIONS
    costs: ClassVar[Costs] = NOTHING

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._site = site_of(target, options, self.time_limit_s)
        if self._site.path:
            raise InvalidInput(f"{self.scheme} target has a path: expected {self.scheme}://HOST[:PORT]")
        if account not in ("", _ROOT):
            raise InvalidInput(
                f"{self.scheme} account: expected {_ROOT}, got {account}",
                hint="only a root token may choose the id of the next one; for people there is openbao-userpass",
            )

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems = []
        notes = ["other root tokens, orphans that this one made, unseal and recovery keys are not reached"]
        login = None
        if not self._site.tls.verify:
            notes.append("the connection is in the clear: whoever is on the way sees the token")
        if current is None:
            if stands := api.problem(self._site):
                problems.append(stands)
        else:
            login, facts = self._looked_up(current)
            if login.result is not CheckResult.ACCEPTED and not facts:
                problems.append(f"the token could not be asked about: {login.detail}")
            else:
                problems += _stands(facts)
            notes += _notes(facts)
        return Preflight(tuple(problems), tuple(notes), None, self.scope, _unfit(new) if new else (), login)

    def _check(self, credential: Secret) -> Check:
        check, facts = self._looked_up(credential)
        if check.result is not CheckResult.ACCEPTED:
            return check
        before = _replaces(facts)
        if before and self._lives(credential, before) is not False:
            return Check(
                CheckResult.UNKNOWN,
                f"the server knows this token, but the one it takes the place of (accessor {before}) is not gone: "
                "the change is not finished",
            )
        return check

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        stop_at([*_header_problems(old), *_unfit(new)])
        check, facts = self._looked_up(old)
        accessor = facts.get("accessor")
        if check.result is not CheckResult.ACCEPTED or not isinstance(accessor, str):
            raise ConnectorError(f"unchanged: the old credential was not accepted: {check.detail}")
        stop_at(_stands(facts))
        made = self._made(old, new, accessor)
        self._end_leftovers(new, accessor, made)
        self._revoke(old)

    def _made(self, old: Secret, new: Secret, accessor: str) -> str:
        """Make the new token, unless an interrupted run did; returns its accessor."""
        body = {
            "id": _text(new), "no_parent": True, "policies": [_ROOT], "meta": {REPLACES: accessor},
            "display_name": "breakglass",
        }  # fmt: skip
        said = self._ask("POST", "auth/token/create", old, body, new)
        if not said.is_yes and not any(_DUPLICATE in one for one in said.errors):
            if said.is_open:
                raise ConnectorError(
                    f"the old token is in force, and the new one may be in force beside it: {said.why}"
                )
            raise ConnectorError(f"unchanged: the server made no token: {said.why}")
        check, facts = self._looked_up(new)
        made = facts.get("accessor")
        if check.result is not CheckResult.ACCEPTED or not isinstance(made, str):
            raise ConnectorError(f"the old token is in force; the new one was made and not accepted: {check.detail}")
        if _replaces(facts) != accessor or _ROOT not in _policies(facts) or facts.get("expire_time"):
            raise ConnectorError(
                "unchanged: the server has a token of this id already that was not made to take the old one's place",
                rejected=True,
            )
        return made

    def _end_leftovers(self, new: Secret, accessor: str, made: str) -> None:
        """Revoke what other rotations of the old token made and left.

        Raises:
            ConnectorError: one could not be ended; the old token is in force.
        """
        listed = self._ask("LIST", "auth/token/accessors", new).part("data").get("keys")
        known = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        if not known or len(known) > ACCESSORS_MAX:
            return
        for one in known:
            if one in (accessor, made):
                continue
            facts = self._ask("POST", "auth/token/lookup-accessor", new, {"accessor": one}).part("data")
            if _replaces(facts) != accessor:
                continue
            self._ask("POST", "auth/token/revoke-accessor", new, {"accessor": one})
            if self._lives(new, one) is not False:
                raise ConnectorError(
                    f"the old token is in force: one that another rotation left could not be revoked (accessor {one})"
                )

    def _revoke(self, old: Secret) -> None:
        try:
            said = self._ask("POST", "auth/token/revoke-self", old)
        except NoAnswer as error:
            raise ConnectorError(
                f"the end of the old token was asked for and may be in place; its answer is missing: {error}"
            ) from error
        if not said.is_yes:
            raise ConnectorError(f"the new token is made, and the old one could not be revoked: {said.why}")

    def _lives(self, asking: Secret, accessor: str) -> bool | None:
        """Tell whether a token lives, by its accessor; None where the server does not say."""
        try:
            said = self._ask("POST", "auth/token/lookup-accessor", asking, {"accessor": accessor})
        except NoAnswer:
            return None
        if said.is_yes:
            return True
        return False if any(_UNKNOWN_ACCESSOR in one for one in said.errors) else None

    def _looked_up(self, token: Secret) -> tuple[Check, Mapping[str, Any]]:
        """Ask the server about a token, as that token; returns what it keeps of it, too."""
        if stands := _header_problems(token):
            return Check(CheckResult.UNKNOWN, stands[0]), {}
        try:
            said = self._ask("GET", "auth/token/lookup-self", token)
        except NoAnswer as error:
            return Check(CheckResult.UNKNOWN, f"no answer that can be believed: {error}"), {}
        facts = said.part("data")
        if said.is_yes and facts.get("accessor"):
            return Check(CheckResult.ACCEPTED, "the server knows this token"), facts
        if said.status == _FORBIDDEN and any(words in one for one in said.errors for words in _UNKNOWN_TOKEN):
            return Check(CheckResult.REFUSED, f"the server does not know this token ({said.why})"), {}
        throttled = said.status == api.THROTTLED
        return Check(CheckResult.UNKNOWN, f"no verdict about the token: {said.why}", blocked=throttled), {}

    def _ask(
        self, method: str, path: str, token: Secret, body: Mapping[str, object] | None = None, *secrets: Secret
    ) -> Reply:
        return api.ask(
            self._site, method, path, body, token=_text(token), secrets=secrets, connected=noting(self.on_login)
        )

    def _lifetime(self, credential: Secret | None) -> tuple[Lifetime, ...]:
        if credential is None:
            return ()
        check, facts = self._looked_up(credential)
        if check.result is not CheckResult.ACCEPTED:
            raise ConnectorError(f"when this token ends is not known: {check.detail}")
        ends = stamps.instant(str(facts.get("expire_time") or ""))
        return () if ends is None else (Lifetime("token", ends),)

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        return audit_file.logins(
            self._site.audit_log, self.account, since, f'"{_ROOT}"', lambda auth, _request: _ROOT in _policies(auth)
        )


def _text(token: Secret) -> str:
    return token.reveal().decode("ascii")


def _header_problems(token: Secret) -> list[str]:
    """Say that something is no token at all, and goes into no header."""
    value = token.reveal()
    if 0 < len(value) <= TOKEN_MAX_BYTES and all(0x21 <= byte <= 0x7E for byte in value):
        return []
    return ["no token: expected printable ASCII without blanks"]


def _unfit(new: Secret) -> tuple[str, ...]:
    """Return why the server would not take this id for a new token, one sentence each."""
    problems = _header_problems(new)
    if not problems and b"." in new.reveal():
        problems.append("the id of a token that is chosen has no full stop in it")
    if len(new) < ID_MIN_BYTES:
        problems.append(f"the id of a token that is chosen has {ID_MIN_BYTES} characters or more")
    return tuple(problems)


def _policies(facts: Mapping[str, Any]) -> tuple[str, ...]:
    found = facts.get("policies")
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def _replaces(facts: Mapping[str, Any]) -> str:
    meta = facts.get("meta")
    found = meta.get(REPLACES) if isinstance(meta, dict) else None
    return found if isinstance(found, str) else ""


def _stands(facts: Mapping[str, Any]) -> list[str]:
    """Return what about a token stands against a rotation."""
    problems = []
    end = stamps.instant(str(facts.get("expire_time") or ""))
    if end is not None:
        problems.append(
            f"this token ends at {end:%Y-%m-%d %H:%M:%S} UTC, and one with an end can make none without: keep a root "
            "token that was made without ttl"
        )
    if facts.get("num_uses"):
        problems.append(f"this token ends after {facts['num_uses']} more uses, and a rotation has several")
    if _ROOT not in _policies(facts):
        problems.append("this is no root token, and may not choose the id of the next one")
    return problems


def _notes(facts: Mapping[str, Any]) -> list[str]:
    """Return what an operator should know about a token, though it stands against nothing."""
    if facts.get("orphan") is False:
        return ["this token dies with the one that made it; the next one is an orphan"]
    return []
