# SPDX-License-Identifier: Apache-2.0
"""Keys that unseal an OpenBao or Vault server, or its recovery keys, given to it one by one.

Sources: OpenBao's API documentation, "/sys/rotate" and "/sys/generate-root-token" (2.4 and 2.6, with a token),
"/sys/rekey" and "/sys/generate-root" (before that, and Vault, without one). Both pairs take the same questions.

A change of the keys is begun (``init``), takes keys in force (``update``) until enough were given, and then waits:
new keys are made and returned, and come into force when enough of them are given back (``verify``). A server knows one
change at a time, and forgets it when it is sealed, restarted, or no longer the active node.

Rules:

1. Every change here asks for ``require_verification``: nothing is in force that did not come back.
2. A change, or an attempt at a root token, is cancelled only by who began it: the server has to name it still.

What it does not do: it unseals nothing.
"""

import base64
import binascii
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from breakglass_shamir.connectors.openbao import api
from breakglass_shamir.connectors.openbao.api import NoAnswer, Reply, Site
from breakglass_shamir.connectors.openbao.logins import OnLogin, noting
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import words

WRONG_KEYS = ("message authentication failed", "does not match submitted values")
"""In the server's words for keys that are whole and are not its own."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What a server says of its seal to anybody.

    Attributes:
        sealed: whether it is sealed.
        recovery: whether it unseals itself; then the keys that people keep are recovery keys.
        needed: how many keys are asked for.
        kept: how many there are.
    """

    sealed: bool
    recovery: bool
    needed: int
    kept: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the keys that is under way.

    Attributes:
        nonce: that names it.
        is_waiting: whether its new keys are made and have to be given back.
    """

    nonce: str
    is_waiting: bool


class NotTaken(Exception):
    """The server did not do what was asked.

    Attributes:
        are_wrong: whether it says that the keys are not its own.
        is_open: whether it may have done it all the same.
    """

    def __init__(self, said: Reply, *keys: Secret) -> None:
        """Take the server's words, unless they hold a key that was given: the credential is several of these."""
        given = [key.reveal().decode("ascii") for key in keys]
        super().__init__(words.WITHHELD if words.holds(said.why, given) else said.why)
        self.is_open = said.is_open
        self.are_wrong = any(wrong in one for one in said.errors for wrong in WRONG_KEYS)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where keys are given.

    Attributes:
        site: the server.
        seal: what it says of its seal.
        token: of who may ask; None where nobody has to be.
        on_login: gets the marks of each question that a key is in.
    """

    site: Site
    seal: Seal
    token: Secret | None = field(repr=False)
    on_login: OnLogin

    @property
    def _changes(self) -> str:
        kind = "recovery" if self.seal.recovery else "root"
        if self.token is not None:
            return f"sys/rotate/{kind}"
        return "sys/rekey-recovery-key" if self.seal.recovery else "sys/rekey"

    @property
    def _tokens(self) -> str:
        return "sys/generate-root-token" if self.token is not None else "sys/generate-root"

    def under_way(self) -> Change | None:
        """Return the change that is under way; None without one.

        Raises:
            NotTaken: the server does not say.
            NoAnswer: there is no answer.
        """
        facts = self._facts("GET", f"{self._changes}/init")
        if not facts.get("started"):
            return None
        return Change(_text(facts, "nonce"), bool(_text(facts, "verification_nonce")))

    def try_keys(self, keys: Sequence[str]) -> None:
        """Begin a change with keys and cancel it: the server took them for its own.

        Args:
            keys: as many as are needed.

        Raises:
            NotTaken: it begins none, or does not take them.
            NoAnswer: there is no answer.
        """
        nonce = self._begin_change()
        try:
            self.give(nonce, keys)
        finally:
            self._cancel(f"{self._changes}/init", nonce)

    def new_keys(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Let the server make new keys, which are not in force until they are given back; the change stays open.

        Args:
            keys: in force, as many as are needed.

        Raises:
            NotTaken: the server takes none of that; the change is cancelled.
            NoAnswer: there is no answer; the change is cancelled where that can be done.
        """
        nonce = self._begin_change()
        try:
            return self.give(nonce, keys)
        except BaseException:
            self._cancel(f"{self._changes}/init", nonce)
            raise

    def give(self, nonce: str, keys: Sequence[str]) -> tuple[str, ...]:
        """Give keys in force to a change; returns the new ones, which are not in force.

        Raises:
            NotTaken: the server does not take them.
            NoAnswer: there is no answer.
        """
        found = self._fed(f"{self._changes}/update", nonce, keys).get("keys_base64")
        if (
            not isinstance(found, list)
            or len(found) != self.seal.kept
            or not all(isinstance(one, str) for one in found)
        ):
            raise NoAnswer("what came holds no new keys")
        return tuple(found)

    def give_back(self, keys: Sequence[str]) -> None:
        """Give new keys back to the change that waits for them: they are in force then.

        Where an interrupted run gave some of them, the giving begins anew; the change goes on to wait.

        Raises:
            NotTaken: they are not the ones it made, or it does not tell.
            NoAnswer: there is no answer; they may be in force.
        """
        facts = self._facts("GET", f"{self._changes}/verify")
        if facts.get("progress"):
            facts = self._facts("DELETE", f"{self._changes}/verify")
        self._fed(f"{self._changes}/verify", _text(facts, "nonce"), keys)

    def root_token(self, keys: Sequence[str]) -> str:
        """Let the server make a root token by the keys in force, which tells whether they are.

        Raises:
            NotTaken: the server does not take them.
            NoAnswer: there is no answer.
        """
        path = f"{self._tokens}/attempt"
        facts = self._facts("POST", path, {})
        mask, nonce = _text(facts, "otp"), _text(facts, "nonce")
        try:
            encoded = _text(self._fed(f"{self._tokens}/update", nonce, keys), "encoded_token")
        except BaseException:
            self._cancel(path, nonce)
            raise
        try:
            found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
            return bytes(one ^ other for one, other in zip(found, mask.encode(), strict=True)).decode("ascii")
        except (binascii.Error, ValueError) as error:
            raise NoAnswer(
                "a root token was made, and what came of it is none: see what tokens the server has"
            ) from error

    def _fed(self, path: str, nonce: str, keys: Sequence[str]) -> Mapping[str, Any]:
        """Give keys, one after the other; returns what the server says once it has enough.

        Raises:
            NotTaken: it does not take one, or wants more.
        """
        facts: Mapping[str, Any] = {}
        for key in keys:
            facts = self._facts("POST", path, {"key": key, "nonce": nonce}, Secret(key.encode()))
        if not facts.get("complete"):
            raise NotTaken(Reply(0, {"errors": ["the server wants more keys"]}))
        return facts

    def _begin_change(self) -> str:
        """Begin a change; returns what names it.

        Raises:
            NotTaken: the server begins none, as where one is under way.
            NoAnswer: there is no answer.
        """
        body = {"secret_shares": self.seal.kept, "secret_threshold": self.seal.needed, "require_verification": True}
        nonce = _text(self._facts("POST", f"{self._changes}/init", body), "nonce")
        if not nonce:
            raise NoAnswer("what came does not name the change that was begun")
        return nonce

    def _cancel(self, path: str, nonce: str) -> None:
        """Cancel what was begun here, if the server still names it."""
        with contextlib.suppress(NotTaken, NoAnswer):
            if nonce and _text(self._facts("GET", path), "nonce") == nonce:
                self._facts("DELETE", path, {"nonce": nonce})

    def _facts(
        self, method: str, path: str, body: Mapping[str, object] | None = None, key: Secret | None = None
    ) -> Mapping[str, Any]:
        """Ask one thing; returns what the server says, wherever in the answer it stands."""
        token = self.token.reveal().decode("ascii") if self.token else ""
        said = api.ask(
            self.site, method, path, body, token=token, secrets=[key] if key else [],
            connected=noting(self.on_login) if key else None,
        )  # fmt: skip
        if not said.is_yes:
            raise NotTaken(said, *([key] if key else []))
        return said.part("data") or said.body


def seal_of(site: Site) -> Seal:
    """Ask a server about its seal, which it tells anybody.

    Raises:
        NotTaken: it does not say.
        NoAnswer: there is no answer.
    """
    said = api.ask(replace(site, namespace=""), "GET", "sys/seal-status")
    sealed, needed, kept = (said.body.get(name) for name in ("sealed", "t", "n"))
    if not said.is_yes:
        raise NotTaken(said)
    if not isinstance(sealed, bool) or not isinstance(needed, int) or not isinstance(kept, int) or needed < 1:
        raise NoAnswer("what came says nothing of a seal that has keys")
    return Seal(sealed, said.body.get("recovery_seal") is True, needed, kept)


def _text(facts: Mapping[str, Any], name: str) -> str:
    found = facts.get(name)
    return found if isinstance(found, str) else ""
