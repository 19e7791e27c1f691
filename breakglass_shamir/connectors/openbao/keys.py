# SPDX-License-Identifier: Apache-2.0
"""The keys that unseal an OpenBao or Vault server, or its recovery keys, as a break-glass credential.

Rules:

1. The server makes its keys, so that the next ones are there before their sheets are. They are not in force: the server
   waits until they are given back, and forgets them when it is sealed or restarted. They are given back when their
   sheets are in custody. What was forgotten is *rejected*, and others are made.
2. Whether keys are its own, an unsealed server tells by beginning a change with them, which is cancelled at once.
   While a change waits, it cannot begin another: then it tells by making a root token with them, which is revoked at
   once.
3. *Refused* needs the server's own words for keys that are whole and not its own. A sealed server is not asked: the
   right keys would unseal it.
4. A change that somebody else began, or that a run left which nobody can tell from somebody else's, is never cancelled
   and never gone on with: it is named, and nothing is printed. Only new keys that are on the sheets are given back.

What it does not do: it seals and unseals nothing, and changes neither the number of keys nor how many are needed.
"""

import contextlib
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from breakglass_shamir.connectors.database_target import require_different, stop_at
from breakglass_shamir.connectors.openbao import api, audit_file
from breakglass_shamir.connectors.openbao.api import NoAnswer, site_of
from breakglass_shamir.connectors.openbao.rekeying import Change, Keyring, NotTaken, Seal, seal_of
from breakglass_shamir.connectors.port import options as port_options
from breakglass_shamir.connectors.port.answers import Check, CheckResult, Login, Preflight
from breakglass_shamir.connectors.port.base import Connector
from breakglass_shamir.connectors.port.cost import NOTHING, Costs
from breakglass_shamir.connectors.port.options import NO_OPTIONS
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.plural import counted

KEY_MIN_BYTES, KEY_MAX_BYTES = 16, 64
"""Lengths of a key, as bytes."""

_GIVEN = ("rotate/root", "rotate/recovery", "rekey", "rekey-recovery-key", "generate-root-token", "generate-root")
PATHS = frozenset(f"sys/{one}/{what}" for one in _GIVEN for what in ("update", "verify"))
"""Paths that keys are given to."""

_OPENS = "the keys are in force"
_CANCEL = "cancel it with: bao operator rotate-keys -cancel"
_CANCEL_RECOVERY = "cancel it with: bao operator rotate-keys -cancel -target=recovery"
_SEALED = "the server is sealed, and cannot be asked about keys without being unsealed by them"


class OpenBaoKeysConnector(Connector):
    """Unseal keys, or recovery keys where the server unseals itself; target ``openbao-keys://HOST[:8200]``.

    The credential is as many keys as are needed or more, one a line, in base64 or hexadecimal; ``target.kind`` is
    ``list``. There is no account.

    What it changes: all unseal keys, or all recovery keys. Their number, and how many are needed, stay. The server
    makes the next ones, which come into force when they are given back from the new sheets.

    What it needs: an unsealed server, at the address of its active node. On OpenBao 2.4 or later a token that may
    ``sudo``, ``read``, ``update`` and ``delete`` below ``sys/rotate/root/`` (or ``sys/rotate/recovery/``) and
    ``sys/generate-root-token/``, printed by the program of option ``admin``; on Vault and older servers none, and no
    such option. TLS with a certificate of the host's name; ``tls = "off"`` is a connection in the clear.

    What it does not reach: snapshots and backups of the server's data from before, which the old keys open; root tokens
    and other tokens; the key of an automatic seal.

    What it cannot tell: anything of a sealed server. Which of two people began a change that is under way.

    What may lie about: a run that dies between the making of new keys and their printing leaves a change that waits. It
    is reported before the next printing, with the command that cancels it. A run that dies while it asks about keys
    during such a change may leave a root token that nobody has.

    Logins come from the server's audit file (option ``audit_log``): every request that gives a key. Unsealing is in no
    audit file.
    """

    scheme: ClassVar[str] = "openbao-keys"
    grace_window_s: ClassVar[int] = 0
    probe_pause_s: ClassVar[float] = 0
    scope: ClassVar[str] = "these keys; snapshots from before are opened by the old ones"
    abilities: ClassVar[frozenset[str]] = frozenset({"logins_since", "issue"})
    option_names: ClassVar[frozenset[str]] = (api.OPTIONS - {"namespace"}) | {"admin"}
    costs: ClassVar[Costs] = NOTHING

    def __init__(self, target: str, account: str = "", *, options: Mapping[str, str] = NO_OPTIONS) -> None:
        super().__init__(target, account, options=options)
        self._site = site_of(target, options, self.time_limit_s)
        if self._site.path:
            raise InvalidInput(f"{self.scheme} target has a path: expected {self.scheme}://HOST[:PORT]")
        if account:
            raise InvalidInput(f"{self.scheme} account: expected none, the keys are the server's")
        port_options.check_program(options)

    def _preflight(self, new: Secret | None) -> Preflight:
        return self._preflight_as(new, None)

    def _preflight_as(self, new: Secret | None, current: Secret | None) -> Preflight:
        problems: list[str] = []
        notes = ["snapshots and backups from before are opened by the old keys: make new ones, and destroy those"]
        login = None
        if not self._site.tls.verify:
            notes.append("the connection is in the clear: whoever is on the way sees the keys")
        try:
            seal = seal_of(self._site)
            if seal.sealed:
                problems.append(_SEALED)
            elif current is not None:
                ring = self._keyring(seal)
                change = ring.under_way()
                if change and not (change.is_waiting and new):
                    problems.append(_under_way(change, seal))
                else:
                    login = self._judged(ring, current)
                if login is not None and login.result is not CheckResult.ACCEPTED:
                    problems.append(f"the keys could not be asked about: {login.detail}")
            if seal.kept > 1:
                notes.append(f"the server has {seal.kept} keys and needs {seal.needed}: the new sheets have them all")
        except (NotTaken, NoAnswer) as error:
            problems.append(f"the server could not be asked: {error}")
        unfit = tuple(_key_problems(new)) if new is not None else ()
        return Preflight(tuple(problems), tuple(notes), None, self.scope, unfit, login)

    def _check(self, credential: Secret) -> Check:
        try:
            seal = seal_of(self._site)
            if seal.sealed:
                return Check(CheckResult.UNKNOWN, _SEALED)
            return self._judged(self._keyring(seal), credential)
        except (NotTaken, NoAnswer) as error:
            return Check(CheckResult.UNKNOWN, f"no verdict about the keys: {error}")

    def _judged(self, ring: Keyring, credential: Secret) -> Check:
        """Ask whether keys are in force, in the way that is free now."""
        try:
            keys = _enough(ring.seal, credential)
        except ConnectorError as error:
            return Check(CheckResult.UNKNOWN, str(error))
        try:
            change = ring.under_way()
            if change is None:
                ring.try_keys(keys)
                return Check(
                    CheckResult.ACCEPTED, f"{_OPENS}: the server began a change with them, which was cancelled"
                )
            if not change.is_waiting:
                return Check(CheckResult.UNKNOWN, _under_way(change, ring.seal))
            token = ring.root_token(keys)
        except NotTaken as error:
            if error.are_wrong:
                return Check(CheckResult.REFUSED, f"the server says that these are not its keys ({error})")
            return Check(CheckResult.UNKNOWN, f"no verdict about the keys: {error}")
        self._revoke(token)
        return Check(CheckResult.ACCEPTED, f"{_OPENS}: the server made a root token with them, which was revoked")

    def _revoke(self, token: str) -> None:
        """Revoke the root token that a question made.

        Raises:
            ConnectorError: it lives.
        """
        why = ""
        with contextlib.suppress(NoAnswer):
            said = api.ask(self._site, "POST", "auth/token/revoke-self", token=token)
            if said.is_yes:
                return
            why = f": {said.why}"
        raise ConnectorError(
            f"the server made a root token to tell about the keys, and it could not be revoked{why}",
            hint="look for it among the accessors of tokens, by its time, and revoke it",
        )

    def _issue(self, current: Secret) -> Secret:
        try:
            ring = self._open()
            if change := ring.under_way():
                raise ConnectorError(f"no new keys: {_under_way(change, ring.seal)}")
            made = ring.new_keys(_enough(ring.seal, current))
        except (NotTaken, NoAnswer) as error:
            raise ConnectorError(f"no new keys, and the old ones are in force: {error}") from error
        return Secret("\n".join(made).encode())

    def _rotate(self, old: Secret, new: Secret) -> None:
        require_different(old, new)
        try:
            ring = self._open()
            wanted, change = _enough(ring.seal, new), ring.under_way()
            check = self._judged(ring, old)
            if check.result is not CheckResult.ACCEPTED:
                raise ConnectorError(f"unchanged: the old keys were not accepted: {check.detail}")
            if change is None:
                raise ConnectorError(
                    "unchanged: the server does not know the new keys any more, as after a restart, a sealing or "
                    "another node that became the active one",
                    rejected=True,
                )
        except (NotTaken, NoAnswer) as error:
            raise ConnectorError(f"unchanged: {error}") from error
        try:
            ring.give_back(wanted)
        except NotTaken as error:
            if error.is_open:
                raise ConnectorError(
                    f"the new keys were given back and may be in force; the server says: {error}"
                ) from error
            raise ConnectorError(
                f"unchanged: the server waits for other new keys than these ({error}); {_under_way(change, ring.seal)}"
            ) from error
        except NoAnswer as error:
            raise ConnectorError(
                f"the new keys were given back and may be in force; an answer is missing: {error}"
            ) from error

    def _logins_since(self, since: datetime) -> tuple[Login, ...]:
        return audit_file.logins(
            self._site.audit_log, self.account, since, '"sys/',
            lambda _auth, request: (
                request.get("operation") == "update" and not PATHS.isdisjoint(audit_file.paths(request))
            ),
        )  # fmt: skip

    def _open(self) -> Keyring:
        """Return where keys are given, of a server that is not sealed.

        Raises:
            ConnectorError: it is sealed.
            NotTaken: it does not say.
            NoAnswer: there is no answer.
        """
        seal = seal_of(self._site)
        stop_at([_SEALED] if seal.sealed else [])
        return self._keyring(seal)

    def _keyring(self, seal: Seal) -> Keyring:
        return Keyring(self._site, seal, port_options.admin_secret(self.options), self.on_login)


def _enough(seal: Seal, credential: Secret) -> tuple[str, ...]:
    """Return as many keys as the server needs.

    Raises:
        ConnectorError: these are fewer, or no keys.
    """
    keys, problems = _keys(credential), _key_problems(credential)
    if not problems and len(keys) < seal.needed:
        problems.append(f"the server needs {counted(seal.needed, 'key')}, and these are {len(keys)}")
    stop_at(problems)
    return keys[: seal.needed]


def _keys(credential: Secret) -> tuple[str, ...]:
    """Return the lines of a credential, without blanks around them and without empty ones."""
    lines = credential.reveal().decode("ascii", errors="replace").split("\n")
    return tuple(line.strip() for line in lines if line.strip())


def _key_problems(credential: Secret) -> list[str]:
    """Return why a credential can be no keys; the words repeat nothing of it."""
    keys = _keys(credential)
    problems = [
        f"line {number} is no key: expected base64 or hexadecimal of {KEY_MIN_BYTES} to {KEY_MAX_BYTES} bytes"
        for number, key in enumerate(keys, 1)
        if not _is_key(key)
    ]
    if len(set(keys)) != len(keys):
        problems.append("one key stands there twice")
    return problems or ([] if keys else ["expected keys, one a line, got none"])


def _is_key(text: str) -> bool:
    for read in (bytes.fromhex, lambda each: b64decode(each, validate=True)):
        with contextlib.suppress(ValueError):
            return KEY_MIN_BYTES <= len(read(text)) <= KEY_MAX_BYTES
    return False


def _under_way(change: Change, seal: Seal) -> str:
    """Name a change that somebody began, or that a run left."""
    state = "waits for its new keys" if change.is_waiting else "is begun"
    said = f"a change of the keys {state} at the server (nonce {change.nonce}): if nobody is making it, "
    return said + (_CANCEL_RECOVERY if seal.recovery else _CANCEL)
