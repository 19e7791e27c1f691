# SPDX-License-Identifier: Apache-2.0
"""One conversation with an LDAP server: connect, TLS, log in, read, change; over python-ldap (libldap).

Sources: RFC 4511 (LDAP), RFC 4513 (StartTLS and simple bind), RFC 3062 (password modify), the expired draft
draft-behera-ldap-password-policy-10 (the answer's password policy control), the expired draft-wahl-ldap-session-03 (a
name for a session, which servers log).

Rules:

1. TLS is made by ``ldap_relay``, at once or after StartTLS, before anything secret is sent.
2. An empty password is never sent: servers take it for a login as nobody, and say yes.
3. No referral is followed: it would carry the password to another server.
4. Every wait has a limit. After a request that was sent, silence means that its effect is not known.

What it does not do: it judges no answer; see ``ldap_directory`` and ``active_directory``.
"""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import ldap
from ldap.controls.ppolicy import PasswordPolicyControl
from ldap.controls.sessiontrack import SESSION_TRACKING_FORMAT_OID_USERNAME, SessionTrackingControl

from breakglass_shamir.connectors.directory.relay import Relay
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.connectors.port.options import Tls
from breakglass_shamir.connectors.port.words import is_host
from breakglass_shamir.errors import ConnectorError, InvalidInput
from breakglass_shamir.hygiene import Secret

Attributes = dict[str, list[bytes]]
"""One entry: names in lower case."""

INFO_MAX_CHARS = 200
"""Longest part of a server's own words that is repeated to people."""

SUCCESS, TIME_LIMIT, STRONGER_AUTH, CONFIDENTIALITY = 0, 3, 8, 13
CONSTRAINT_VIOLATION, NO_SUCH_OBJECT, INVALID_CREDENTIALS, UNWILLING = 19, 32, 49, 53
"""Result codes of RFC 4511, appendix A."""

_BY_USER_NAME = SESSION_TRACKING_FORMAT_OID_USERNAME
"""The form of what a login is tracked by; servers log it, and do nothing else with it."""

OnLogin = Callable[[tuple[str, ...]], None]
"""Gets the marks by which the server's log will tell a login."""

_PORTS = {"ldap": 389, "ldaps": 636}

_TOO_SLOW = (ldap.TIMELIMIT_EXCEEDED, ldap.BUSY, ldap.UNAVAILABLE)
"""Answers of a server that did not search to the end: what it did not find may be there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to connect.

    Attributes:
        scheme: ``ldap`` or ``ldaps``.
        host: name or address.
        port: TCP port.
        tls: whether and how the connection is protected; ``ldap`` with ``verify`` means StartTLS.
        time_limit_s: longest wait for one answer, in seconds.
    """

    scheme: str
    host: str
    port: int
    tls: Tls
    time_limit_s: float

    @property
    def uri(self) -> str:
        """Where it is, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said to one request.

    Attributes:
        code: result code of RFC 4511.
        words: its name and the server's own text, printable and shortened.
        policy_error: error of the password policy control; None without one.
        grace_logins: logins left with an expired password; None if not said.
        expires_in_s: seconds until the password expires; None if not said.
    """

    code: int
    words: str
    policy_error: int | None = None
    grace_logins: int | None = None
    expires_in_s: int | None = None


def endpoint_of(target: str, scheme: str, tls: Tls, time_limit_s: float) -> Endpoint:
    """Return the endpoint that a target URI names.

    Args:
        target: ``SCHEME://host[:port]`` with nothing after it.
        scheme: ``ldap`` or ``ldaps``, what is spoken there.
        tls: how the connection is protected.
        time_limit_s: in seconds.

    Raises:
        InvalidInput: there is no host, a port that is none, or a path.
    """
    parts = urlsplit(target)
    try:
        port = parts.port
    except ValueError:
        raise InvalidInput("target has a port that is none: expected 1 to 65535") from None
    host = parts.hostname or ""
    if not is_host(host) or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInput(
            f"target is not a server: expected {parts.scheme}://host or {parts.scheme}://host:port",
            hint="the account goes into target.account",
        )
    return Endpoint(scheme, host, port or _PORTS[scheme], tls, time_limit_s)


class LdapSession:
    """A connection; made by :func:`connect`."""

    def __init__(self, connection: Any, endpoint: Endpoint, port: tuple[str, ...] = ()) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._port = port

    def bind(self, name: str, secret: Secret, on_login: OnLogin) -> Answer:
        """Log in with name and password, once.

        Args:
            name: of the entry.
            secret: its password.
            on_login: gets the marks of this login before it is made: a name that goes with it, and the port.

        Raises:
            ConnectorError: the password is empty, which would be a login as nobody; or the server did not answer.
        """
        require_password(secret)
        own = marks.new_name()
        on_login((marks.of_name(own), *self._port))
        controls = [PasswordPolicyControl(), SessionTrackingControl("", marks.PROGRAM, _BY_USER_NAME, own)]
        return self._request(lambda: self._connection.simple_bind(name, secret.reveal(), controls))

    def change_password(self, name: str, old: Secret, new: Secret) -> Answer:
        """Change the password by RFC 3062, naming the old one.

        Raises:
            ConnectorError: the server did not answer; it may have changed it.
        """
        control = [PasswordPolicyControl()]
        return self._request(lambda: self._connection.passwd(name, old.reveal(), new.reveal(), control))

    def replace_values(self, name: str, attribute: str, old: bytes, new: bytes) -> Answer:
        """Delete one value of an attribute and add another, in one modification.

        Raises:
            ConnectorError: the server did not answer; it may have changed it.
        """
        changes = [(ldap.MOD_DELETE, attribute, [old]), (ldap.MOD_ADD, attribute, [new])]
        return self._request(lambda: self._connection.modify_ext(name, changes))

    def set_value(self, name: str, attribute: str, value: bytes) -> Answer:
        """Let an attribute have one value and no other.

        Raises:
            ConnectorError: the server did not answer; it may have been set.
        """
        return self._request(lambda: self._connection.modify_ext(name, [(ldap.MOD_REPLACE, attribute, [value])]))

    def read(self, name: str, *attributes: str) -> Attributes | None:
        """Return attributes of one entry; None if it is not there, or may not be seen.

        Raises:
            ConnectorError: the server did not answer.
        """
        found = self.search(name, "(objectClass=*)", attributes, ldap.SCOPE_BASE)
        return found[0][1] if found else None

    def search(
        self, base: str, condition: str, attributes: Sequence[str], scope: int = ldap.SCOPE_SUBTREE
    ) -> list[tuple[str, Attributes]]:
        """Return the entries that fulfil a condition; none if the server will not say.

        Raises:
            ConnectorError: the server did not answer.
        """
        limit = self._endpoint.time_limit_s
        try:
            found = self._connection.search_ext_s(base, scope, condition, list(attributes), timeout=limit)
        except (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR, *_TOO_SLOW) as error:
            raise _no_answer(self._endpoint, error) from None
        except ldap.LDAPError:
            return []
        entries = [(name, values) for name, values in found if name is not None]
        return [(name, {key.lower(): list(held) for key, held in values.items()}) for name, values in entries]

    def _request(self, send: Any) -> Answer:
        """Send a request and wait for its answer."""
        try:
            message = send()
            _, _, _, controls = self._connection.result3(message, timeout=self._endpoint.time_limit_s)
        except (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR, ldap.UNAVAILABLE) as error:
            raise _no_answer(self._endpoint, error) from None
        except ldap.LDAPError as error:
            return _answer(error)
        held = [control for control in controls if isinstance(control, PasswordPolicyControl)]
        return _with_policy(SUCCESS, "success", held[0] if held else None)


def nobody(_marks: tuple[str, ...]) -> None:
    """Take the marks of a login that is not of the account itself."""


def require_password(secret: Secret) -> None:
    """Refuse an empty password.

    Raises:
        ConnectorError: it is empty.
    """
    if not len(secret):
        raise ConnectorError("expected a password, got an empty one")


@contextlib.contextmanager
def connect(endpoint: Endpoint) -> Iterator[LdapSession]:
    """Connect, protect the connection, and close it at the end.

    Raises:
        ConnectorError: there is no server, or its certificate does not hold; nothing was sent.
    """
    with contextlib.ExitStack() as stack:
        try:
            connection, port = _connected(endpoint, stack)
        except (OSError, ldap.LDAPError) as error:
            raise _no_answer(endpoint, error) from None
        yield LdapSession(connection, endpoint, port)


def _connected(endpoint: Endpoint, stack: contextlib.ExitStack) -> tuple[Any, tuple[str, ...]]:
    relay = Relay(endpoint.host, endpoint.port, endpoint.time_limit_s)
    stack.callback(relay.close)
    if endpoint.tls.verify:
        if endpoint.scheme == "ldap":
            relay.ask_for_tls()
        relay.protect(endpoint.tls.ca)
    relay.start()
    # What is on the pair of sockets is plain LDAP, whatever the server speaks. libldap closes its end itself.
    connection = ldap.initialize("ldap://relay", fileno=relay.near.detach())
    stack.callback(_leave, connection)
    connection.protocol_version = ldap.VERSION3
    connection.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)
    connection.set_option(ldap.OPT_TIMEOUT, endpoint.time_limit_s)
    return connection, relay.port


def _leave(connection: Any) -> None:
    with contextlib.suppress(ldap.LDAPError):
        connection.unbind_ext_s()


def _no_answer(endpoint: Endpoint, error: Exception) -> ConnectorError:
    if isinstance(error, ldap.TIMEOUT):
        words = "the server said nothing in time"
    else:
        words = _words(error) if isinstance(error, OSError) else _answer(error).words
    hint = "name the authority's PEM file: options.ca" if "certificate" in words.lower() else ""
    return ConnectorError(f"no answer from {endpoint.uri}: {words}", hint=hint)


def _words(error: OSError) -> str:
    told = getattr(error, "verify_message", "") or error.strerror or str(error) or type(error).__name__
    is_certificate = isinstance(error, ssl.SSLCertVerificationError)
    return f"the certificate does not hold: {told}" if is_certificate else told


def _answer(error: Exception) -> Answer:
    """Return what an exception of python-ldap says."""
    facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    told = [str(facts.get("desc") or type(error).__name__), str(facts.get("info") or "")]
    words = "".join(filter(str.isprintable, ": ".join(filter(None, told))))[:INFO_MAX_CHARS]
    raw = [value for oid, _, value in facts.get("ctrls", ()) if oid == PasswordPolicyControl.controlType]
    return _with_policy(int(facts.get("result", -1)), words, _decoded(raw[0]) if raw else None)


def _decoded(raw: bytes) -> Any:
    control = PasswordPolicyControl()
    control.decodeControlValue(raw)
    return control


def _with_policy(code: int, words: str, control: Any) -> Answer:
    if control is None:
        return Answer(code, words)
    error = None if control.error is None else int(control.error)
    return Answer(code, words, error, control.graceAuthNsRemaining, control.timeBeforeExpiration)
