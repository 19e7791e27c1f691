# SPDX-License-Identifier: Apache-2.0
"""TLS as everything here uses it: certificate and name verified, 1.2 or later, the policy's authority or the system's.

Rule: a handshake, and what follows it, counts against the deadline and the bytes of the connection below.
"""

import ssl
import sys
from typing import Any, cast

from breakglass_shamir.errors import WebError
from breakglass_shamir.web.connection import BoundedSocket, Bounds


class _BoundedTls(ssl.SSLSocket):
    """TLS on a bounded connection."""

    bounds: Bounds

    def _waits(self) -> None:
        self.settimeout(self.bounds.deadline.require_s())

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - the name is ssl's
        """Read as SSLSocket.read does; recv and recv_into end here, too."""
        self._waits()
        found = super().read(len, buffer)
        self.bounds.count(found if isinstance(found, int) else memoryview(found).nbytes)
        return found

    def send(self, data: Any, flags: int = 0) -> int:
        """Send as SSLSocket.send does; sendall ends here, too."""
        self._waits()
        return super().send(data, flags)

    def unwrap(self) -> Any:
        """Say goodbye as SSLSocket.unwrap does."""
        self._waits()
        return super().unwrap()


class BoundedContext(ssl.SSLContext):
    """A client's context that wraps bounded sockets only."""

    sslsocket_class = _BoundedTls

    def wrap_socket(self, sock: Any, *args: Any, **named: Any) -> ssl.SSLSocket:
        """Shake hands within what is left.

        Raises:
            TimeoutError: nothing is, or the handshake took longer.
            OSError: the other side is not who it should be, or speaks no TLS.
        """
        assert isinstance(sock, BoundedSocket)  # noqa: S101 - nothing else is dialled here
        sock.waits()
        wrapped = cast(_BoundedTls, super().wrap_socket(sock, *args, **named))
        wrapped.bounds = sock.bounds
        return wrapped


def context(ca: str | None, cert: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """Return a client's context.

    Args:
        ca: file of certificates to trust; None for the system's.
        cert: file of the client's own certificate, where the server asks for one.
        key: file of its key, where it is not in the same file.

    Raises:
        WebError: a file cannot be read or is not what it should be.
    """
    made = BoundedContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if sys.version_info >= (3, 13):  # what ssl.create_default_context asks for
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    what = f"the certificate authority {ca}"
    try:
        if ca:
            made.load_verify_locations(ca)
        else:
            made.load_default_certs(ssl.Purpose.SERVER_AUTH)
        what = f"the client certificate {cert}"
        if cert:
            made.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise WebError(f"{what} cannot be used: {reason}") from None
    return made


def _no_password() -> str:
    raise ValueError("its key is protected by a passphrase, which nobody is there to type")
