# SPDX-License-Identifier: Apache-2.0
"""The way from libldap to a server: TCP and TLS by Python, handed to libldap as an open socket.

Why libldap does not connect by itself: its TLS handshake with a server that takes the connection and then says
nothing never ends (seen with 2.5 on GnuTLS, whatever its time-outs), and it takes settings from files and the
environment that could switch verification off.

Rules:

1. libldap gets one end of a pair of sockets; one thread moves bytes between the other end and the server.
2. TLS is 1.2 at least, certificate and name verified against the named authorities or those of the system.
3. StartTLS (RFC 4511, 4.14) is asked for here, before libldap has the connection, and exactly one answer is read.
   What somebody on the way slips in behind that answer falls to the handshake, and not to libldap as if TLS had
   carried it.
4. Whatever goes wrong on the way closes the pair: libldap sees a lost connection, and nothing waits.

What it does not do: it knows no more of LDAP, and keeps nothing that it moved.
"""

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path

from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.connectors.port import marks
from breakglass_shamir.errors import ConnectorError

CHUNK_BYTES = 16384
"""Most that is moved at once; one TLS record."""

START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"
"""The request, message number 1, in BER."""

ANSWER_MAX_BYTES = 4096
"""Longest answer to it that is read."""

_SEQUENCE, _EXTENDED_RESPONSE, _INTEGER, _ENUMERATED = 0x30, 0x78, 0x02, 0x0A
"""Tags of the answer's parts, RFC 4511, 4.1.1 and 4.12."""

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep their authorities, when Python's own answer does not exist."""


class Relay:
    """A connection to a server, and the socket that stands for it here.

    Args:
        host, port: of the server.
        time_limit_s: longest wait for the connection, the handshake and each sending, in seconds.

    Attributes:
        near: the socket to hand to libldap.
        port: the mark of the connection to the server: the place it comes from.

    Raises:
        OSError: there is no connection.
    """

    def __init__(self, host: str, port: int, time_limit_s: float) -> None:
        self._host, self._limit_s = host, time_limit_s
        self._server: socket.socket = socket.create_connection((host, port), timeout=time_limit_s)
        self.port = marks.of_socket(self._server)
        self.near, self._far = socket.socketpair()
        self._thread = threading.Thread(target=self._move, name="ldap relay", daemon=True)

    def start(self) -> None:
        """Begin to move bytes."""
        self._thread.start()

    def protect(self, ca: Path | None) -> None:
        """Put TLS on the connection, before it is started.

        Args:
            ca: PEM file of the authorities to believe; None for those of the system.

        Raises:
            ConnectorError: there are no authorities.
            OSError: the handshake failed, or the certificate does not hold.
        """
        authorities = ca or _system_authorities()
        if not authorities.is_file():
            raise ConnectorError(
                f"no certificate authorities: {authorities} is not there", hint="name a file: options.ca"
            )
        context = ssl.create_default_context(cafile=str(authorities))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._server = context.wrap_socket(self._server, server_hostname=self._host)

    def ask_for_tls(self) -> None:
        """Ask the server to begin TLS, before it is protected.

        Raises:
            OSError: it will not, or there is no answer.
        """
        deadline = Deadline(self._limit_s)
        self._server.sendall(START_TLS)
        code = _result_code(self._read_message(deadline))
        if code != 0:
            raise OSError(f"the server does not begin TLS (result code {code})")

    def close(self) -> None:
        """Close everything."""
        for one in (self.near, self._far):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(self._limit_s)
        for one in (self._server, self._far, self.near):
            with contextlib.suppress(OSError):
                one.close()

    def _read_message(self, deadline: Deadline) -> bytes:
        """Read the value of one BER element, and not a byte more."""
        head = self._read(2, deadline)
        size = head[1]
        if size & 0x80:
            size = int.from_bytes(self._read(min(size & 0x7F, 8), deadline))
        if head[0] != _SEQUENCE or size > ANSWER_MAX_BYTES:
            raise OSError("the server does not speak LDAP")
        return self._read(size, deadline)

    def _read(self, size: int, deadline: Deadline) -> bytes:
        data = b""
        while len(data) < size:
            self._server.settimeout(deadline.require_s())
            more = self._server.recv(size - len(data))
            if not more:
                raise OSError("the server has closed the connection")
            data += more
        return data

    def _move(self) -> None:
        """Move bytes until one side ends."""
        # An error of one side is the end for both; libldap tells the person what it means.
        with contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([self._far, self._server], [], [])
                if self._far in ready and not self._send():
                    break
                if not self._receive():
                    break
        with contextlib.suppress(OSError):
            self._far.shutdown(socket.SHUT_RDWR)

    def _send(self) -> bool:
        data = self._far.recv(CHUNK_BYTES)
        self._server.settimeout(self._limit_s)
        self._server.sendall(data)
        return bool(data)

    def _receive(self) -> bool:
        """Move what the server has sent; tells whether it may send more."""
        self._server.settimeout(0)
        while True:
            try:
                data = self._server.recv(CHUNK_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                return True
            if not data:
                return False
            self._far.sendall(data)


def _result_code(message: bytes) -> int:
    """Return the result code of an extended response.

    Raises:
        OSError: it is something else.
    """
    number, rest = _element(message, _INTEGER)
    response, _ = _element(rest, _EXTENDED_RESPONSE)
    code, _ = _element(response, _ENUMERATED)
    if number != b"\x01":
        raise OSError("the server answered another question")
    return int.from_bytes(code)


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Split off one BER element with this tag; returns its value and the rest.

    Raises:
        OSError: it is not there, or not whole.
    """
    if len(data) < 2 or data[0] != tag:
        raise OSError("the server's answer to StartTLS cannot be read")
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start])
    if start + size > len(data):
        raise OSError("the server's answer to StartTLS is cut short")
    return data[start : start + size], data[start + size :]


def _system_authorities() -> Path:
    own = ssl.get_default_verify_paths().cafile
    candidates = [Path(place) for place in (own, *_BUNDLES) if place]
    return next((place for place in candidates if place.is_file()), candidates[-1])
