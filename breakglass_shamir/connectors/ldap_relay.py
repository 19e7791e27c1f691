# SPDX-License-Identifier: Apache-2.0
"""The way from libldap to a server: TCP and TLS by Python, handed to libldap as an open socket.

Why libldap does not connect by itself: its TLS handshake with a server that takes the connection and then says
nothing never ends (seen with 2.5 on GnuTLS, whatever its time-outs), and it takes settings from files and the
environment that could switch verification off.

Rules:

1. libldap gets one end of a pair of sockets; one thread moves bytes between the other end and the server.
2. TLS is 1.2 at least, certificate and name verified against the named authorities or those of the system.
3. Whatever goes wrong on the way closes the pair: libldap sees a lost connection, and nothing waits.

What it does not do: it knows no LDAP, and keeps nothing that it moved.
"""

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path

from breakglass_shamir.errors import ConnectorError

CHUNK_BYTES = 16384
"""Most that is moved at once; one TLS record."""

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep their authorities, when Python's own answer does not exist."""


class Relay:
    """A connection to a server, and the socket that stands for it here.

    Args:
        host, port: of the server.
        time_limit_s: longest wait for the connection, the handshake and each sending, in seconds.

    Attributes:
        near: the socket to hand to libldap.

    Raises:
        OSError: there is no connection.
    """

    def __init__(self, host: str, port: int, time_limit_s: float) -> None:
        self._host, self._limit_s = host, time_limit_s
        self._server: socket.socket = socket.create_connection((host, port), timeout=time_limit_s)
        self.near, self._far = socket.socketpair()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._move, name="ldap relay", daemon=True)

    def start(self) -> None:
        """Begin to move bytes."""
        self._thread.start()

    def protect(self, ca: Path | None) -> None:
        """Put TLS on the connection; nothing may be on its way.

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
        with self._changing:
            self._server.settimeout(self._limit_s)
            self._server = context.wrap_socket(self._server, server_hostname=self._host)

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

    def _move(self) -> None:
        """Move bytes until one side ends."""
        # An error of one side is the end for both; libldap tells the person what it means.
        with contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([self._far, self._server], [], [])
                if self._far in ready and not self._send():
                    break
                # Under the handshake the server's bytes are not ours to read.
                with self._changing:
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


def _system_authorities() -> Path:
    own = ssl.get_default_verify_paths().cafile
    candidates = [Path(place) for place in (own, *_BUNDLES) if place]
    return next((place for place in candidates if place.is_file()), candidates[-1])
