# SPDX-License-Identifier: Apache-2.0
"""One HTTP request, and its answer: the only client there is.

Rules:

1. One deadline holds from the look-up of the name to the last byte that is wanted. Whatever the other side does with
   its time, the request ends then.
2. TLS is verified, always, for ``https``. Nothing goes from there to anywhere else: no redirect is followed, not to
   another host or scheme and not to the same one. A machine's address is what the policy says.
3. An answer is read as far as it is wanted, and no further: headers up to ``HEADERS_MAX_BYTES``, a body up to what the
   request says, unpacked with the same bound. Where the status is the answer, no body is waited for.
4. Nothing is repeated, no proxy is asked, nothing of the environment is used but what names the system's authorities to
   OpenSSL (SSL_CERT_FILE, SSL_CERT_DIR), and that only where the policy names none.
5. What leaves is a :class:`WebError`, whose text holds neither the address's path nor a secret of the request. What
   the other side gave as its reason is in it, cleaned.
"""

import contextlib
import http.client
import math
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.errors import WebError
from breakglass_shamir.version import __version__
from breakglass_shamir.web import tls, words
from breakglass_shamir.web.connection import Bounds, dial, dial_local

HEADERS_MAX_BYTES = 256 * 1024
"""What may come in beside a body: status, headers, the framing of chunks."""

REASON_MAX_BYTES = 8 * 1024
"""How much of a refusal is read for its reason."""

REASON_WAIT_S = 2.0
"""How long a refusal's reason is waited for; the refusal itself is known by then."""

RETRY_AFTER_MAX_S = 3600
"""What the other side may ask us to wait at most."""

USER_AGENT = f"breakglass_shamir/{__version__}"

_DATE_MAX_CHARS = 100
_PORTS = {"http": 80, "https": 443}
_TELLING_HEADERS = ("authorization", "token", "key", "secret", "cookie", "credential", "password")
_PIECE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        method: such as ``POST``.
        url: ``https://HOST[:PORT]/PATH``, or ``http``; its path may be a secret.
        body: what is sent; None where nothing is.
        headers: beyond ``Host``, ``User-Agent`` and those of the framing.
        ca: file of certificates to trust; None for the system's.
        cert: file of this client's certificate, and ``key`` of its key, where the server asks for one.
        key: see ``cert``.
        answer_max: how many bytes of the body of a yes are wanted; 0: the status is the answer.
        secrets: texts in the request that no message may hold, such as a path; beside the query, and headers whose
            names say that they are secret.
        local: the Unix socket to connect to, instead of host and port.
        connected: gets the connection before anything is sent, TLS's own first bytes too; what it raises ends the
            request.
    """

    method: str
    url: str = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    answer_max: int = 0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    local: Path | None = None
    connected: Callable[[socket.socket], None] | None = field(default=None, repr=False)

    def hidden(self) -> tuple[str, ...]:
        """Return the texts that no message may hold."""
        parts = _split(self.url)
        told = [value for name, value in self.headers.items() if any(one in name.lower() for one in _TELLING_HEADERS)]
        # A scheme in front, as in "Bearer TOKEN", is no secret by itself.
        tails = [value.partition(" ")[2].strip() for value in told]
        return (*self.secrets, *filter(None, (*told, *tails, parts.query)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        headers: by name in small letters.
        body: as far as it was wanted, unpacked; of a refusal the beginning.
        retry_after_s: what it asked us to wait, in seconds; 0 where it did not.
        reason: what a refusal says for itself, cleaned; empty for a yes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    retry_after_s: int = 0
    reason: str = ""

    @property
    def is_yes(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


def ask(request: Request, deadline: Deadline) -> Answer:
    """Return an answer that says yes (2xx).

    Raises:
        WebError: any other answer, with its status, or none in time.
    """
    answer = send(request, deadline)
    if answer.is_yes:
        return answer
    said = f": {answer.reason}" if answer.reason else ""
    hint = ""
    if 300 <= answer.status < 400:
        hint = "a redirect is not followed: write the address that answers itself into the policy"
    raise WebError(
        f"expected an answer 2xx, got {answer.status}{said}", hint=hint, status=answer.status,
        retry_after_s=answer.retry_after_s,
    )  # fmt: skip


def send(request: Request, deadline: Deadline) -> Answer:
    """Return whatever answer there is.

    Raises:
        WebError: there is none in time, it is longer than it may be, or the request cannot be made.
    """
    parts = _split(request.url)
    try:
        bounds = Bounds(deadline, request.answer_max + REASON_MAX_BYTES + HEADERS_MAX_BYTES)
        with _connected(request, parts, bounds) as connection:
            _ask(connection, request, parts)
            with contextlib.closing(connection.getresponse()) as response:
                return _answer(response, request, bounds)
    except WebError:
        raise
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        problem = _words(error)
    except (ValueError, UnicodeError):
        # Their texts repeat the header or the address that is wrong.
        problem = "the address, or a header, holds characters that it must not"
    raise WebError(problem)


@contextlib.contextmanager
def _connected(request: Request, parts: SplitResult, bounds: Bounds) -> Iterator[HTTPConnection]:
    """Yield a connection that is there: nothing connects by itself, and so nowhere else."""
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    secure = tls.context(request.ca, request.cert, request.key) if parts.scheme == "https" else None
    raw = dial_local(request.local, bounds) if request.local else dial(host, port, bounds)
    with contextlib.closing(raw):
        if request.connected is not None:
            request.connected(raw)
        connection = HTTPConnection(host, port)
        connection.auto_open = 0
        connection.sock = secure.wrap_socket(raw, server_hostname=host) if secure else raw
        try:
            yield connection
        finally:
            connection.close()


def _ask(connection: HTTPConnection, request: Request, parts: SplitResult) -> None:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    shown = named if parts.port in (None, _PORTS[parts.scheme]) else f"{named}:{parts.port}"
    headers = {
        "Host": shown, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close",
        **request.headers,
    }  # fmt: skip
    connection.request(
        request.method, target, request.body, headers, preload_content=False, decode_content=False,
        enforce_content_length=True,
    )  # fmt: skip


def _answer(response: HTTPResponse, request: Request, bounds: Bounds) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    if 200 <= response.status < 300:
        return Answer(response.status, headers, _body(response, headers, request.answer_max))
    bounds.deadline = bounds.deadline.sooner(REASON_WAIT_S)
    body = _beginning(response, headers)
    said = words.reason(body, headers.get("content-type", ""), request.hidden())
    phrase = words.line(response.reason or "")
    if not said and not words.holds(phrase, request.hidden()):
        said = phrase
    wished_s = retry_after_s(headers.get("retry-after", ""), headers.get("date", ""), time.time())
    return Answer(response.status, headers, body, wished_s, said)


def _body(response: HTTPResponse, headers: Mapping[str, str], most: int) -> bytes:
    """Read a body to its end.

    Raises:
        WebError: it is longer than was wanted, or packed in a way nobody asked for.
    """
    if not most:
        return b""
    raw = b""
    while len(raw) <= most and (piece := response.read1(_PIECE_BYTES, decode_content=False)):
        raw += piece
    found = _unpacked(raw, headers.get("content-encoding", ""), most)
    if len(raw) > most or len(found) > most:
        raise WebError(f"the answer is longer than {most} bytes")
    return found


def _beginning(response: HTTPResponse, headers: Mapping[str, str]) -> bytes:
    """Read what there is of a refusal in a short while; that it ends badly changes nothing."""
    raw = b""
    with contextlib.suppress(OSError, http.client.HTTPException, urllib3.exceptions.HTTPError, ValueError):
        while len(raw) < REASON_MAX_BYTES and (piece := response.read1(_PIECE_BYTES, decode_content=False)):
            raw += piece
    with contextlib.suppress(WebError):
        return _unpacked(raw[:REASON_MAX_BYTES], headers.get("content-encoding", ""), REASON_MAX_BYTES)
    return b""


def _unpacked(raw: bytes, encoding: str, most: int) -> bytes:
    """Unpack a body that is packed though nobody asked for it, to one byte more than is wanted at most.

    Raises:
        WebError: it is packed in another way than gzip or deflate, or broken.
    """
    if encoding.strip().lower() in ("", "identity"):
        return raw
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise WebError("the answer is packed in a way that was not asked for")
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, most + 1)
    except zlib.error:
        raise WebError("the answer says that it is packed, and cannot be unpacked") from None


def _split(url: str) -> SplitResult:
    """Take an address apart.

    Raises:
        WebError: it is none, or has a name or a password in it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or not url.isprintable() or " " in url:
        raise WebError("expected an address like https://HOST[:PORT]/PATH, without a name or password in it")
    return parts


def _words(error: Exception) -> str:
    """Say what went wrong without the address, which is in some of these texts."""
    seen: list[BaseException] = []
    pending: BaseException | None = error
    while pending is not None and pending not in seen:
        seen.append(pending)
        pending = pending.__cause__ or pending.__context__
    for one in seen:
        if isinstance(one, TimeoutError):
            return one.strerror or "no answer in time"
    for one in seen:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {one.verify_message}"
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    if isinstance(error, http.client.HTTPException | urllib3.exceptions.HTTPError):
        return f"what came back is no HTTP, or not all of it ({type(error).__name__})"
    return type(error).__name__


def retry_after_s(value: str, date: str, now: float) -> int:
    """Read Retry-After (RFC 9110, section 10.2.3), which is seconds or a date; 0 where it is neither, or over.

    Args:
        value: the header's.
        date: that of the header Date, the other side's own clock; without one ours counts.
        now: seconds since 1970, by our clock.

    Returns:
        Seconds, at most RETRY_AFTER_MAX_S.
    """
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return min(int(value.lstrip("0")[:9] or "0"), RETRY_AFTER_MAX_S)
    then = _seconds_of(value)
    if then is None:
        return 0
    theirs = _seconds_of(date)
    return max(0, min(math.ceil(then - (now if theirs is None else theirs)), RETRY_AFTER_MAX_S))


def _seconds_of(date: str) -> float | None:
    """Read a date of HTTP, in any of its three forms (RFC 9110, section 5.6.7); None where it is none."""
    try:
        found = parsedate_to_datetime(date[:_DATE_MAX_CHARS])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
