# SPDX-License-Identifier: Apache-2.0
"""Tokens of OAuth 2.0 for a sink: the client credentials grant (RFC 6749, 4.4), or a service account's JWT (RFC 7523).

Rules:

1. A token is kept in this process's memory alone, until shortly before it ends, and for nobody but who would be given
   the same: address, client, scope, secret and authorities are what it is kept under.
2. A secret goes to the address that the policy names, in the body, as Microsoft Entra and Google document; a redirect
   is not followed. Nothing that an answer says is an address.
3. What the answer says is bounded: length of the token, characters, how long it is believed to last.
"""

import hashlib
import json
import threading
import time
from typing import Any
from urllib.parse import urlencode

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.crypto import jwt
from breakglass_shamir.errors import InvalidInput, SinkFailure, WebError
from breakglass_shamir.structs import Struct
from breakglass_shamir.web import client

ANSWER_MAX_BYTES = 64 * 1024
"""An answer with a token is shorter."""

TOKEN_MAX_CHARS = 32 * 1024
"""Longest token."""

LASTS_MAX_S = 24 * 3600.0
"""No token is believed to last longer."""

EARLY_S = 60.0
"""How long before its end a token is used no more; half of what it lasts where that is shorter."""

ASSERTION_LASTS_S = 600
"""How long the JWT of a service account counts."""

_ACCOUNT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Client(Struct, frozen=True):
    """Who asks for a token, where.

    Attributes:
        name: the sink's, for messages.
        url: of the token's endpoint.
        client_id: who asks; empty for a service account.
        scope: what for.
        secret: the client's, or the service account's key file.
        is_account: whether it is a service account.
        ca: file of certificates to trust; None for the system's.
        cert: file of this client's certificate, and ``key`` of its key.
        key: see ``cert``.
    """

    name: str
    url: str
    client_id: str
    scope: str
    secret: str
    is_account: bool
    ca: str | None
    cert: str | None
    key: str | None

    def __repr__(self) -> str:
        """Say who, and no secret."""
        return f"Client({self.name!r})"

    def place(self) -> bytes:
        """Return under what its token is kept."""
        parts = (self.url, self.client_id, self.scope, self.secret, self.ca or "", self.cert or "")
        return hashlib.sha256(json.dumps(parts).encode()).digest()


class _Kept(Struct, frozen=True):
    token: str
    until_s: float

    def __repr__(self) -> str:
        """Say until when, and no token."""
        return f"_Kept(until_s={self.until_s!r})"


_kept: dict[bytes, _Kept] = {}
_lock = threading.Lock()


def token(who: Client, deadline: Deadline, *, refused: str = "") -> str:
    """Return a token: the kept one, or a new one.

    Args:
        who: asks.
        deadline: until when.
        refused: a token that the collector refused, which is forgotten.

    Raises:
        SinkFailure: there is none in time.
    """
    place = who.place()
    with _lock:
        found = _kept.get(place)
        if found and (found.token == refused or found.until_s <= time.monotonic()):
            del _kept[place]
            found = None
    if found:
        return found.token
    made = _asked(who, deadline)
    if made.until_s > time.monotonic():
        with _lock:
            _kept[place] = made
    return made.token


def forget() -> None:
    """Forget every token."""
    with _lock:
        _kept.clear()


def account(text: str) -> tuple[str, str, str]:
    """Return e-mail address, private key and key id of a service account's key file.

    Raises:
        InvalidInput: it is no such file.
    """
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = None
    names = ("client_email", "private_key", "private_key_id")
    found = [tree.get(name) for name in names] if isinstance(tree, dict) else []
    if len(found) != len(names) or not all(isinstance(one, str) and one for one in found):
        raise InvalidInput(f"expected a service account's key in JSON, with {', '.join(names)}")
    return str(found[0]), str(found[1]), str(found[2])


def _asked(who: Client, deadline: Deadline) -> _Kept:
    form, secrets = _form(who)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    request = client.Request(
        "POST", who.url, urlencode(form).encode(), headers, who.ca, who.cert, who.key, answer_max=ANSWER_MAX_BYTES,
        secrets=secrets,
    )  # fmt: skip
    asked_s = time.monotonic()
    try:
        answer = client.ask(request, deadline)
    except WebError as error:
        raise SinkFailure(
            f"{who.name}: no token: {error}", retry_after_s=error.retry_after_s, hint=error.hint
        ) from None
    try:
        tree = json.loads(answer.body)
    except (ValueError, RecursionError):
        tree = None
    return _read(who, tree, asked_s)


def _read(who: Client, tree: Any, asked_s: float) -> _Kept:
    found = tree.get("access_token") if isinstance(tree, dict) else None
    kind = str(tree.get("token_type", "")) if isinstance(tree, dict) else ""
    if not isinstance(found, str) or not 0 < len(found) <= TOKEN_MAX_CHARS or kind.lower() != "bearer":
        raise SinkFailure(f"{who.name}: no token: the answer holds no access_token of the type Bearer")
    if not found.isascii() or not found.isprintable() or " " in found:
        raise SinkFailure(f"{who.name}: no token: the access_token has characters that no token has")
    lasts_s = _seconds(tree.get("expires_in"))
    return _Kept(found, asked_s + lasts_s - min(EARLY_S, lasts_s / 2))


def _seconds(said: Any) -> float:
    """Return how long a token lasts, from a number or, as some write it, a text; 0 where it is not said."""
    if isinstance(said, str) and said.isascii() and said.isdecimal():
        said = int(said[:9])
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > 0:
        return 0.0
    return float(min(said, LASTS_MAX_S))


def _form(who: Client) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what is asked, and what of it no message may hold."""
    if not who.is_account:
        form = {"grant_type": "client_credentials", "client_id": who.client_id, "client_secret": who.secret}
        return {**form, "scope": who.scope} if who.scope else form, (who.secret,)
    try:
        mail, pem, key_id = account(who.secret)
        now = int(time.time())
        claims = {"iss": mail, "scope": who.scope, "aud": who.url, "iat": now, "exp": now + ASSERTION_LASTS_S}
        made = jwt.signed(claims, pem, key_id)
    except InvalidInput as error:
        raise SinkFailure(f"{who.name}: {error}") from None
    return {"grant_type": _ACCOUNT_BEARER, "assertion": made}, (made,)
