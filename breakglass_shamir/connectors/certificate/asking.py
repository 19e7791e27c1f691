# SPDX-License-Identifier: Apache-2.0
"""One login by certificate, and what the server said to it.

Sources: RFC 8446, section 6.2 (alerts); PostgreSQL manual, "Message Formats"; nginx, ngx_http_ssl_module.

Rules:

1. The server is believed only once its own certificate was verified.
2. *Refused* needs the server's own words about this certificate: that it is revoked, or that it is not this account's.
3. An end that is over or has not begun, and an authority or a list that the server does not know, are *unknown*: they
   say nothing of the certificate, and a server whose revocation list ran out says the same of every one.
4. One question is one connection, with one deadline and bounded bytes.
"""

import contextlib
import http.client
import select
import ssl
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.certificate.pair import Pair, in_memory, in_words
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.connectors.port.answers import Check, CheckResult
from breakglass_shamir.connectors.port.options import Tls
from breakglass_shamir.errors import WebError
from breakglass_shamir.web import tls
from breakglass_shamir.web.connection import BoundedSocket, Bounds, dial

if TYPE_CHECKING:
    from cryptography import x509

RECEIVED_MAX_BYTES = 256 << 10
MESSAGE_MAX_BYTES = 64 << 10

JUDGE_S = 0.3
"""How long a server is given to say no after a handshake of TLS 1.3, in seconds; one that is slower is asked again."""

OnLogin = Callable[[tuple[str, ...]], None]

_PROTOCOL, _TLS_REQUEST = 196608, 80877103
_REFUSING = ("CERTIFICATE_REVOKED",)
_ALERTS = {
    "CERTIFICATE_EXPIRED": "its certificate, or the server's revocation list, has ended",
    "UNKNOWN_CA": "the server does not know its authority, or has no revocation list of that",
    "BAD_CERTIFICATE": "the server takes it for no certificate that is good now",
    "UNSUPPORTED_CERTIFICATE": "the server takes no certificate of this kind or for this use",
    "CERTIFICATE_UNKNOWN": "the server does not say what is wrong with it",
    "CERTIFICATE_REQUIRED": "the server got no certificate",
    "HANDSHAKE_FAILURE": "the server and this program found no way to speak",
    "DECRYPT_ERROR": "the server could not verify the key",
}  # fmt: skip
_REVOKED, _SUCCESS, _NONE = "certificate revoked", "SUCCESS", "NONE"


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and how it is asked.

    Attributes:
        host: name or address.
        port: TCP port.
        path: database, or path of a page.
        tls: whom to believe.
        limit_s: longest time one question may take.
        header: name of the response header in which an HTTP server says what it found; empty: it says it in TLS.
    """

    host: str
    port: int
    path: str
    tls: Tls
    limit_s: float
    header: str = ""


class Alert(Exception):
    """The server ended TLS with an alert; its words as OpenSSL names it, such as CERTIFICATE_REVOKED."""


def check(server: Server, account: str, pair: Pair | None, ask: "Ask", on_login: OnLogin) -> Check:
    """Log in by certificate, or without one; returns what the server said."""
    try:
        with _files(pair) as (key, certificate):
            context = tls.context(str(server.tls.ca) if server.tls.ca else None, certificate, key)
            found = ask(server, account, context, on_login)
    except Alert as alert:
        found = _of_alert(str(alert))
    except ssl.SSLCertVerificationError as error:
        found = Check(CheckResult.UNKNOWN, f"what answers is not the server: {error.verify_message}")
    except (OSError, http.client.HTTPException) as error:
        found = Check(CheckResult.UNKNOWN, f"no answer from the server: {_reason(error)}")
    except WebError as error:
        found = Check(CheckResult.UNKNOWN, f"the server could not be asked: {error}")
    except (struct.error, ValueError, UnicodeError):
        found = Check(CheckResult.UNKNOWN, "what answers does not speak this protocol")
    return dated(found, pair.certificate) if pair else found


Ask = Callable[[Server, str, ssl.SSLContext, OnLogin], Check]


def dated(found: Check, certificate: "x509.Certificate") -> Check:
    """Add to an answer that is no acceptance what the certificate's own dates say; outside them nothing is refused."""
    if found.result is CheckResult.ACCEPTED:
        return found
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        return Check(
            CheckResult.UNKNOWN,
            f"the certificate has expired, at {in_words(certificate.not_valid_after_utc)}; {found.detail}",
        )
    if certificate.not_valid_before_utc > now:
        return Check(
            CheckResult.UNKNOWN,
            f"the certificate is not valid before {in_words(certificate.not_valid_before_utc)}; {found.detail}",
        )
    return found


def postgresql(server: Server, account: str, context: ssl.SSLContext, on_login: OnLogin) -> Check:
    """Log in to PostgreSQL, as far as its word on the login.

    Raises:
        Alert: it ended TLS for the certificate.
        OSError: it did not answer, or is not who it should be.
    """
    bounds = Bounds(Deadline(server.limit_s), RECEIVED_MAX_BYTES)
    with contextlib.closing(dial(server.host, server.port, bounds)) as raw:
        raw.sendall(struct.pack("!II", 8, _TLS_REQUEST))
        if raw.recv(1) != b"S":
            return Check(CheckResult.UNKNOWN, "the server speaks no TLS")
        with _wrapped(context, raw, server.host) as secure:
            name = marks.new_name()
            on_login((marks.of_name(name), *marks.of_socket(secure)))
            settings = {"user": account, "database": server.path or "postgres", "application_name": name}
            body = b"".join(f"{key}\0{value}\0".encode() for key, value in settings.items()) + b"\0"
            secure.sendall(struct.pack("!II", len(body) + 8, _PROTOCOL) + body)
            return _postgresql_said(secure, account)


def _postgresql_said(secure: ssl.SSLSocket, account: str) -> Check:
    kind, body = _message(secure)
    while kind == b"N":
        kind, body = _message(secure)
    if kind == b"R":
        (method,) = struct.unpack("!I", body[:4])
        if method == 0:
            secure.sendall(b"X" + struct.pack("!I", 4))
            return Check(CheckResult.ACCEPTED, f"the server let {account} in with the certificate")
        return Check(
            CheckResult.UNKNOWN, "the server wants a password: its pg_hba.conf has no method cert for this login"
        )
    if kind != b"E":
        return Check(CheckResult.UNKNOWN, "what answers does not speak this protocol")
    fields = {part[:1]: part[1:].decode(errors="backslashreplace") for part in body.split(b"\0") if part}
    words = f"SQLSTATE {fields.get(b'C', '?')}: {fields.get(b'M', 'no reason given')}"
    # The same SQLSTATE says that pg_hba.conf has no entry; the routine tells the two apart, in every language.
    if fields.get(b"C") == "28000" and fields.get(b"R") == "auth_failed":
        return Check(CheckResult.REFUSED, f"the server does not take this certificate for {account} ({words})")
    return Check(CheckResult.UNKNOWN, f"no verdict about the certificate: {words}")


def _message(secure: ssl.SSLSocket) -> tuple[bytes, bytes]:
    head = _exactly(secure, 5)
    (length,) = struct.unpack("!I", head[1:])
    if not 4 <= length <= MESSAGE_MAX_BYTES:
        raise ValueError("a message of no length that can be")
    return head[:1], _exactly(secure, length - 4)


def _exactly(secure: ssl.SSLSocket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        piece = secure.recv(count - len(read))
        if not piece:
            raise OSError("the server ended the connection without a word")
        read += piece
    return read


def https(server: Server, account: str, context: ssl.SSLContext, on_login: OnLogin) -> Check:
    """Ask for a page.

    Raises:
        Alert: the server ended TLS for the certificate.
        OSError, HTTPException: it did not answer, or is not who it should be.
    """
    bounds = Bounds(Deadline(server.limit_s), RECEIVED_MAX_BYTES)
    with contextlib.closing(dial(server.host, server.port, bounds)) as raw:
        on_login(marks.of_socket(raw))
        with _wrapped(context, raw, server.host) as secure:
            connection = http.client.HTTPConnection(server.host, server.port)
            connection.auto_open = 0
            connection.sock = secure
            connection.request("GET", server.path or "/", headers={"Connection": "close", "User-Agent": marks.PROGRAM})
            response = connection.getresponse()
            return _page_said(response.status, response.headers.get(server.header) if server.header else None, server)


def _page_said(status: int, verdict: str | None, server: Server) -> Check:
    if server.header and verdict is None:
        return Check(
            CheckResult.UNKNOWN,
            f"the answer ({status}) has no header {server.header}: the server does not say what it found",
        )
    if verdict is not None:
        if verdict == _SUCCESS:
            return _by_status(status)
        if verdict.partition(":")[2].strip() == _REVOKED:
            return Check(CheckResult.REFUSED, f"the server says: {verdict}")
        none = " (it got none)" if verdict == _NONE else ""
        return Check(CheckResult.UNKNOWN, f"no verdict about the certificate; the server says: {verdict}{none}")
    return _by_status(status)


def _by_status(status: int) -> Check:
    if 200 <= status < 400:
        return Check(CheckResult.ACCEPTED, f"the server took the certificate and answered {status}")
    return Check(CheckResult.UNKNOWN, f"the server answered {status}, which says nothing of the certificate")


@contextlib.contextmanager
def _wrapped(context: ssl.SSLContext, raw: BoundedSocket, host: str) -> Iterator[ssl.SSLSocket]:
    """Yield a connection over TLS; an alert of the server, at whatever step it comes, is told as one.

    Raises:
        Alert: there was one.
    """
    try:
        with context.wrap_socket(raw, server_hostname=host) as secure:
            _hear(secure, raw)
            yield secure
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        reason = error.reason or ""
        if "_ALERT_" in reason:
            raise Alert(reason.partition("_ALERT_")[2]) from None
        raise


def _hear(secure: ssl.SSLSocket, raw: BoundedSocket) -> None:
    """Give the server a moment to judge the certificate: in TLS 1.3 it does so after the handshake.

    Whoever writes to a server that hung up meanwhile loses the alert that says why.

    Raises:
        ssl.SSLError: with the alert.
        OSError: it hung up.
        ValueError: it spoke first.
    """
    if secure.version() != "TLSv1.3":
        return
    wait = select.poll()
    wait.register(secure.fileno(), select.POLLIN)
    if not wait.poll(int(1000 * min(JUDGE_S, raw.bounds.deadline.left_s))):
        return
    secure.settimeout(0)
    try:
        # Past the bounded reading, which would wait: what is there may be a ticket for the next session.
        said = ssl.SSLSocket.read(secure, 1)
    except ssl.SSLWantReadError:
        return
    raise ValueError("the server spoke first") if said else OSError("the server hung up without a word")


@contextlib.contextmanager
def _files(pair: Pair | None) -> Iterator[tuple[str | None, str | None]]:
    if pair is None:
        yield None, None
        return
    with in_memory(pair) as (key, certificate):
        yield key, certificate


def _of_alert(name: str) -> Check:
    if name in _REFUSING:
        return Check(CheckResult.REFUSED, "the server says that the certificate is revoked")
    said = _ALERTS.get(name)
    words = f"{said} ({name.lower().replace('_', ' ')})" if said else name.lower().replace("_", " ")
    return Check(CheckResult.UNKNOWN, f"no verdict about the certificate: {words}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
