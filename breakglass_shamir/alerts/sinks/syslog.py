# SPDX-License-Identifier: Apache-2.0
"""Syslog: RFC 5424 messages over UDP (RFC 5426), TCP (RFC 6587, octet counting) and TLS (RFC 5425).

What an acknowledgement is worth here: syslog has none. Over TCP and TLS a batch counts as delivered when the
collector, told that there is no more, has closed the connection in order and every byte was acknowledged: then it
has read everything. A reset or a silence is a failure and the batch is sent again. What a collector loses afterwards
is not seen here: let it keep its queue on disk. One that sends bytes instead of ending is a failure, too, when the
time is over. TLS has a goodbye of its own, but rsyslog ends without it; so
somebody who can cut the line can also make a batch look delivered that was not. Over UDP nobody answers; a datagram
counts when nothing came back that says the port is closed. Policies that require an acknowledgement should not rest
on UDP.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from breakglass_shamir.alerts.event import Event, Severity
from breakglass_shamir.alerts.sinks.base import Deliverer
from breakglass_shamir.bounded.deadline import Deadline
from breakglass_shamir.custody.policy.sinks import SyslogSink
from breakglass_shamir.errors import SinkFailure
from breakglass_shamir.version import __version__
from breakglass_shamir.web import tls
from breakglass_shamir.web.connection import Bounds, dial, resolve

DEFAULT_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
"""Registered with IANA."""

PAUSE_S = 0.02
"""Between datagrams, so that a collector's buffer is not overrun; also how long a refusal is waited for."""

UNASKED_MAX_BYTES = 64 * 1024
"""A collector has nothing to say; what it says all the same is read this far."""

APP_NAME = "breakglass"

_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
"""By number: RFC 5424, table 1."""

_SEVERITIES = {
    Severity.FATAL: 1, Severity.CRITICAL: 2, Severity.HIGH: 3, Severity.MEDIUM: 4, Severity.LOW: 5,
    Severity.INFORMATIONAL: 6,
}  # fmt: skip


class Syslog(Deliverer):
    """One collector."""

    batch = 500

    def __init__(self, sink: SyslogSink) -> None:
        super().__init__(sink.name, sink)
        self._sink = sink
        self._address = (sink.host, sink.port or DEFAULT_PORTS[sink.transport])

    def _deliver(self, events: Sequence[Event], deadline: Deadline) -> None:
        messages = [message(event, self._sink.facility) for event in events]
        if self._sink.transport == "udp":
            self._send_datagrams(messages, deadline)
        else:
            self._send_stream(b"".join(b"%d %s" % (len(one), one) for one in messages), deadline)

    def _send_datagrams(self, messages: Sequence[bytes], deadline: Deadline) -> None:
        """Send each by itself; a port that is closed says so on the way of the next."""
        with _udp(self._address, deadline) as connection:
            for number, one in enumerate(messages):
                problem = _send(connection, one) if not deadline.over else "the time was over"
                if problem:
                    raise SinkFailure(f"{self.name}: {problem}", delivered=number)

    def _send_stream(self, data: bytes, deadline: Deadline) -> None:
        connection: socket.socket = dial(*self._address, Bounds(deadline, UNASKED_MAX_BYTES))
        try:
            if self._sink.transport == "tls":
                secure = tls.context(self._sink.ca, self._sink.cert, self._sink.key)
                connection = secure.wrap_socket(connection, server_hostname=self._address[0])
            connection.sendall(data)
            _end_in_order(connection)
        finally:
            connection.close()


def message(event: Event, facility: str) -> bytes:
    """Return an event as an RFC 5424 message: the OCSF document as JSON, in ASCII.

    ``MSGID`` is the record's type; ``meta`` and ``origin`` are structured data that IANA has registered.
    """
    priority = _FACILITIES.index(facility) * 8 + severity_number(event.severity)
    at = datetime.fromtimestamp(event.time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    kind = event.document.get("unmapped", {}).get("breakglass", {}).get("record", "-")
    sequence = event.document["metadata"].get("sequence", 0) % 2147483647 + 1
    data = f'[origin software="{APP_NAME}" swVersion="{__version__}"][meta sequenceId="{sequence}"]'
    head = f"<{priority}>1 {at} {_host()} {APP_NAME} - {kind[:32]} {data} "
    return head.encode("ascii") + json.dumps(event.document, sort_keys=True, separators=(",", ":")).encode("ascii")


def severity_number(severity: Severity) -> int:
    """Return syslog's number for a severity: RFC 5424, table 2."""
    return _SEVERITIES[severity]


def _host() -> str:
    name = "".join(c for c in socket.gethostname() if c.isascii() and c.isprintable() and c != " ")
    return name[:255] or "-"


def _udp(address: tuple[str, int], deadline: Deadline) -> socket.socket:
    *_, (family, kind, protocol, _, place) = resolve(*address, socket.SOCK_DGRAM, deadline)
    made = socket.socket(family, kind, protocol)
    made.settimeout(deadline.require_s())
    made.connect(place)
    return made


def _send(connection: socket.socket, datagram: bytes) -> str:
    """Send a datagram and wait a moment for a refusal; returns what went wrong."""
    try:
        connection.send(datagram)
    except OSError as error:
        return error.strerror or "the datagram could not be sent"
    time.sleep(PAUSE_S)
    code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return os.strerror(code) if code else ""


def _end_in_order(connection: socket.socket) -> None:
    """Say that there is no more, and wait until the other side, having read it all, ends as well.

    A collector that turns us away, as for a certificate it does not like, ends too, and may do so before anything
    of ours reached it. Then some of what we sent was never acknowledged, or what it left unread becomes a reset.

    Raises:
        OSError: it did not end in order, or not all of it had reached the other side.
    """
    if isinstance(connection, ssl.SSLSocket):
        with contextlib.suppress(ssl.SSLEOFError):
            connection.unwrap()
    else:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    if _unacknowledged(connection):
        raise ConnectionAbortedError(errno.ECONNABORTED, "the collector ended before it had everything")


def _unacknowledged(connection: socket.socket) -> int:
    """Return how many bytes that were sent the other machine has not acknowledged: tcp(7), ``SIOCOUTQ``."""
    (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)
