# SPDX-License-Identifier: Apache-2.0
"""One question to an OpenBao or Vault server over its HTTP API, and its answer.

Sources: OpenBao's API documentation, "HTTP API"; Vault's, which OpenBao keeps to. Answers are JSON: ``data`` and
``auth`` of a yes, ``errors`` of a no.

A target is ``SCHEME://HOST[:8200]``, behind it a path where the connector says so. Options:

- ``tls`` and ``ca``: as everywhere. ``certificate`` and ``key``: absolute paths of PEM files, for listeners that ask
  for a client's certificate.
- ``namespace``: the namespace that account and mount are in, such as ``team/`` or ``team``.
- ``audit_log``: absolute path of the server's audit file, or a pattern; read by ``logins_since``.

Rules:

1. The server's words are believed only as the JSON it writes: a page of a proxy on the way is no answer.
2. A secret is in the body or in the header of the token, never in a path.
3. A standby that sends on to the active node is not followed: the address that answers stands in the policy.

What it does not do: it judges no answer.
"""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.database_target import absolute
from breakglass_shamir.connectors.port.options import TLS_OPTIONS, Tls, tls
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import InvalidInput, WebError
from breakglass_shamir.hygiene import Secret
from breakglass_shamir.web import client

PORT = 8200
"""Where the server listens, unless the target says otherwise."""

OPTIONS = TLS_OPTIONS | {"certificate", "key", "namespace", "audit_log"}
"""Options of every connector here."""

ANSWER_MAX_BYTES = 1 << 20
"""Longest answer that is read."""

WORD_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@")
"""What names of accounts, roles and mounts are made of."""

WORD_MAX_CHARS = 128
"""Longest such name."""

SEALED, THROTTLED = 503, 429
_SERVER_ERROR = 500


class NoAnswer(Exception):
    """The server did not answer, or not as a server that can be believed."""


@dataclass(frozen=True, slots=True)
class Site:
    """A server, and how it is spoken to.

    Attributes:
        url: ``https://HOST:PORT``, or ``http``.
        path: behind the host in the target, without slashes at its ends.
        namespace: with a slash at its end; empty for the root namespace.
        tls: how the connection is protected.
        certificate: PEM file that names this client; empty without one.
        key: PEM file of its key.
        audit_log: pattern of the server's audit files; empty without one.
        limit_s: longest time one question may take, in seconds.
    """

    url: str
    path: str
    namespace: str
    tls: Tls
    certificate: str
    key: str
    audit_log: str
    limit_s: float

    @property
    def in_words(self) -> str:
        """The server, as messages name it."""
        return self.url.partition("://")[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said.

    Attributes:
        status: of HTTP.
        body: the JSON object; empty where there was none.
    """

    status: int
    body: Mapping[str, Any] = field(repr=False)

    @property
    def is_yes(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300

    @property
    def is_open(self) -> bool:
        """Whether it does not tell what became of what was asked: the server, or a proxy on the way, broke off."""
        return self.status >= _SERVER_ERROR

    @property
    def errors(self) -> tuple[str, ...]:
        """The server's own words for a no; empty where the answer is none of this server's."""
        told = self.body.get("errors")
        return tuple(str(one) for one in told) if isinstance(told, list) else ()

    @property
    def why(self) -> str:
        """A no in one line, for people."""
        if self.status == SEALED:
            return "the server is sealed, or not ready"
        if 300 <= self.status < 400:
            return "the server sends on to another address; name the one that answers itself"
        said = "; ".join(" ".join(one.split()) for one in self.errors)
        return f"HTTP {self.status}: {said}" if said else f"HTTP {self.status}, in no words of an OpenBao server"

    def part(self, name: str) -> Mapping[str, Any]:
        """Return ``data`` or ``auth``; empty where there is none."""
        found = self.body.get(name)
        return found if isinstance(found, dict) else {}


def site_of(target: str, options: Mapping[str, str], limit_s: float) -> Site:
    """Read a target and the options that go with it.

    Args:
        target: of a scheme that was checked.
        options: of the policy.
        limit_s: longest time one question may take, in seconds.

    Raises:
        InvalidInput: it is no such target, or an option does not fit it.
    """
    scheme = target.partition(":")[0].lower()
    try:
        parts = urlsplit(target)
        host, port = parts.hostname or "", parts.port or PORT
    except ValueError:
        parts, host, port = urlsplit(""), "", PORT
    path = unquote(parts.path).strip("/")
    words = path.split("/") if path else []
    if not is_host(host) or "@" in parts.netloc or parts.query or parts.fragment or not all(map(is_word, words)):
        raise InvalidInput(
            f"{scheme} target is malformed: expected {scheme}://HOST[:PORT], and a path only where there is one",
            hint="the account is target.account, everything else is target.options",
        )
    if ("certificate" in options) != ("key" in options):
        raise InvalidInput("options certificate and key: expected both or neither")
    for name in ("certificate", "key", "audit_log"):
        if name in options:
            absolute(name, options[name])
    namespace = options.get("namespace", "").strip("/")
    if namespace and not all(map(is_word, namespace.split("/"))):
        raise InvalidInput("option namespace: expected names with a slash between them")
    protected = tls(options)
    shown = f"[{host}]" if ":" in host else host
    return Site(
        f"{'https' if protected.verify else 'http'}://{shown}:{port}", path, f"{namespace}/" if namespace else "",
        protected, options.get("certificate", ""), options.get("key", ""), options.get("audit_log", ""), limit_s,
    )  # fmt: skip


def is_word(text: str) -> bool:
    """Tell whether a text can be the name of an account, a role or a mount, and leads nowhere else in a path."""
    return 0 < len(text) <= WORD_MAX_CHARS and WORD_CHARACTERS.issuperset(text) and text.strip(".") != ""


def ask(
    site: Site,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    token: str = "",
    secrets: Sequence[Secret] = (),
    connected: Callable[[socket.socket], None] | None = None,
) -> Reply:
    """Ask one thing.

    Args:
        site: the server.
        method: such as ``POST``; ``LIST`` is the API's own.
        path: behind ``/v1/``, holds no secret.
        body: what is sent, as JSON.
        token: that speaks for us; empty for a login.
        secrets: that no message may hold, beside the token.
        connected: gets the connection before anything is sent.

    Raises:
        NoAnswer: there is none, or none in time.
    """
    headers = {"Content-Type": "application/json", "X-Vault-Request": "true"}
    if token:
        headers["X-Vault-Token"] = token
    if site.namespace:
        headers["X-Vault-Namespace"] = site.namespace
    request = client.Request(
        method, f"{site.url}/v1/{quote(path)}", json.dumps(body).encode() if body is not None else None, headers,
        ca=str(site.tls.ca) if site.tls.ca else None, cert=site.certificate or None, key=site.key or None,
        answer_max=ANSWER_MAX_BYTES, secrets=tuple(_shown(one) for one in secrets), connected=connected,
    )  # fmt: skip
    try:
        answer = client.send(request, Deadline(site.limit_s))
    except WebError as error:
        raise NoAnswer(f"{site.in_words}: {error}") from error
    return Reply(answer.status, _object(answer.body))


def problem(site: Site) -> str:
    """Say that no server answers, or one that cannot be used now; empty where one does."""
    try:
        said = ask(replace(site, namespace=""), "GET", "sys/seal-status")
    except NoAnswer as error:
        return f"no server that can be believed answers: {error}"
    if said.body.get("sealed") is False:
        return ""
    return f"the server at {site.in_words} is sealed" if said.is_yes else f"{site.in_words} cannot be used: {said.why}"


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _shown(secret: Secret) -> str:
    return secret.reveal().decode("utf-8", errors="backslashreplace")
